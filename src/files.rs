//! Files that hold secrets: written whole or not at all, with the mode they keep.

use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::Context;

/// Only the owner reads it.
pub const PRIVATE: u32 = 0o600;
/// Everybody reads it.
pub const PUBLIC: u32 = 0o644;

/// Writes a file by way of a temporary one beside it, so that no reader sees half of it and a secret is
/// never readable to others, not even for a moment.
///
/// # Errors
/// The file system refuses.
pub fn write(path: &Path, content: &[u8], mode: u32) -> anyhow::Result<()> {
    let refuse = || format!("cannot write {}", path.display());
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let temporary = path.with_file_name(name);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&temporary)
        .with_context(refuse)?;
    file.set_permissions(std::fs::Permissions::from_mode(mode))
        .with_context(refuse)?;
    file.write_all(content).with_context(refuse)?;
    file.sync_all().with_context(refuse)?;
    std::fs::rename(&temporary, path).with_context(refuse)
}

/// Appends a line to a file, in one piece and on the disk when this returns. Whatever else stands there is not touched: the
/// file may lie where nothing but appending is allowed, and others may append at the same time. A last line that has no end,
/// as a power cut leaves it, gets one: the new line stands for itself.
///
/// # Errors
/// The file system refuses.
pub fn append(path: &Path, line: &str, mode: u32) -> anyhow::Result<()> {
    let refuse = || format!("cannot append to {}", path.display());
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(mode)
        .open(path)
        .with_context(refuse)?;
    let end = if is_ended(path) { "" } else { "\n" };
    let line = format!("{end}{line}\n");
    file.write_all(line.as_bytes()).with_context(refuse)?;
    file.sync_all().with_context(refuse)
}

/// Whether a new line can begin. What cannot be read may have any end.
fn is_ended(path: &Path) -> bool {
    let last = || {
        let mut file = std::fs::File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(true);
        }
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        Ok::<_, std::io::Error>(last == *b"\n")
    };
    last().unwrap_or(false)
}

/// Makes a directory that only its owner enters.
///
/// # Errors
/// The file system refuses.
pub fn private_directory(path: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    Ok(())
}

/// Reads a secret file: its text without the line end.
///
/// # Errors
/// It cannot be read or is not text.
pub fn read_secret(path: &Path) -> anyhow::Result<oauth::Secret> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(oauth::Secret::received(text.trim_end().to_owned()))
}

/// Reads a key file of exactly 32 bytes.
///
/// # Errors
/// It cannot be read or has another length.
pub fn read_key(path: &Path) -> anyhow::Result<[u8; 32]> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    bytes
        .try_into()
        .map_err(|_| anyhow::anyhow!("{} must hold exactly 32 bytes", path.display()))
}

/// Reads a file of record keys: 32 bytes each in base64, one a line.
///
/// # Errors
/// It cannot be read, or holds no key or something else.
pub fn read_record_keys(path: &Path) -> anyhow::Result<resource_server::RecordKeys> {
    if std::fs::metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
        anyhow::bail!("{}", make_a_record_key(path));
    }
    // A new key written over one that only cannot be read would lose every record.
    let keep = || {
        format!(
            "{} is there and cannot be read as record keys; do not write over it, records may lie sealed under it",
            path.display()
        )
    };
    let text = read_secret(path).with_context(keep)?;
    resource_server::RecordKeys::parse(text.expose()).with_context(keep)
}

/// What to do where there is none yet. It is not made by itself: a new key beside records that were sealed under
/// another one would look like their loss.
#[must_use]
pub fn make_a_record_key(path: &Path) -> String {
    let name = path.display();
    format!(
        "names a file that is not there; records are kept sealed only. Make a key with: \
         (umask 077; head -c 32 /dev/urandom | base64 > {name})"
    )
}
