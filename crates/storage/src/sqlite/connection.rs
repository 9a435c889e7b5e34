//! Opening connections: the pragmas that durability rests on are set and read back every time.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::Error;

/// SQLite 3.7.0 to 3.51.2 could corrupt a WAL database when two connections wrote and checkpointed at once.
pub(super) fn assert_version() -> Result<(), Error> {
    if rusqlite::version_number() < 3_051_003 {
        return Err(Error::Setting(format!(
            "SQLite {} is older than 3.51.3",
            rusqlite::version()
        )));
    }
    Ok(())
}

pub(super) fn open_for_writing(path: &Path) -> Result<Connection, Error> {
    create(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags)?;
    switch_to_wal(&connection)?;
    configure(&connection)?;
    Ok(connection)
}

pub(super) fn open_for_reading(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    configure(&connection)?;
    assert(&connection, "query_only", "1")?;
    Ok(connection)
}

/// Made by us and not by SQLite, which would let everybody on the machine read the records. SQLite gives
/// the files that it puts beside it the same mode.
fn create(path: &Path) -> Result<(), Error> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
    file.map(drop).map_err(|error| {
        Error::Setting(format!(
            "the file {} cannot be opened: {}",
            path.display(),
            error.kind()
        ))
    })
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Of several processes that start at once on a new file, one switches and the others are told at once that it is busy:
/// for this SQLite does not wait.
fn switch_to_wal(connection: &Connection) -> Result<(), Error> {
    let mut tries = 1;
    loop {
        let switched = connection.execute_batch("PRAGMA journal_mode = WAL");
        match switched {
            Err(error)
                if tries < TRIES && error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) =>
            {
                tries += 1;
                std::thread::sleep(BUSY_TIMEOUT / TRIES);
            }
            result => return Ok(result?),
        }
    }
}

/// `synchronous = FULL` is what makes a commit durable in WAL mode (NORMAL loses the last ones with power).
fn configure(connection: &Connection) -> Result<(), Error> {
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF",
    )?;
    assert(connection, "journal_mode", "wal")?;
    assert(connection, "synchronous", "2")?;
    assert(connection, "foreign_keys", "1")?;
    assert(connection, "trusted_schema", "0")?;
    assert(
        connection,
        "busy_timeout",
        &BUSY_TIMEOUT.as_millis().to_string(),
    )
}

/// SQLite ignores a pragma that it cannot follow: only reading it back tells.
fn assert(connection: &Connection, pragma: &str, wanted: &str) -> Result<(), Error> {
    let found = connection.query_row(&format!("PRAGMA {pragma}"), [], |row| {
        Ok(match row.get_ref(0)? {
            ValueRef::Integer(number) => number.to_string(),
            other => other.as_str().unwrap_or_default().to_owned(),
        })
    })?;
    if found == wanted {
        return Ok(());
    }
    Err(Error::Setting(format!(
        "SQLite keeps {pragma} = {found} here, not {wanted}"
    )))
}

/// Prepared statements kept per connection: more than the roles have.
const STATEMENTS: usize = 256;
/// How long a command beside a running server (or the server beside it) waits for the other's commit.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a switch is tried within that time.
const TRIES: u32 = 100;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_pragma_that_is_not_kept_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.db");
        let connection = open_for_writing(&path).unwrap();
        assert_eq!(configure(&connection), Ok(()));
        connection
            .execute_batch("PRAGMA journal_mode = DELETE")
            .unwrap();
        let refused = configure(&connection).unwrap_err();
        assert_eq!(
            refused,
            Error::Setting("SQLite keeps journal_mode = delete here, not wal".into())
        );
        assert!(matches!(open_for_reading(&path), Err(Error::Setting(_))));
        connection
            .execute_batch("PRAGMA synchronous = NORMAL")
            .unwrap();
        assert!(assert(&connection, "synchronous", "2").is_err());
    }

    #[test]
    fn a_reader_cannot_write() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.db");
        let writer = open_for_writing(&path).unwrap();
        let reader = open_for_reading(&path).unwrap();
        assert!(reader.execute_batch("CREATE TABLE t (a)").is_err());
        writer.execute_batch("CREATE TABLE t (a)").unwrap();
    }

    #[test]
    fn only_the_owner_reads_the_files() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.db");
        let connection = open_for_writing(&path).unwrap();
        connection.execute_batch("CREATE TABLE t (a)").unwrap();
        let files: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(files.len(), 3);
        for file in files {
            let mode = file.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
