//! `vitalgate record rotate-key`: puts all records under the first key of the configuration.

use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use resource_server::{ResourceServer, Rotated};
use serde_json::json;

use super::super::output::Output;
use crate::config::Loaded;

/// Runs beside the party's server: 1 if a record does not open under any key of the configuration.
///
/// # Errors
/// The database fails; what was done until then stays done, and the next run goes on there.
pub(super) async fn run(
    server: &ResourceServer,
    loaded: &Loaded,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let before = server.bodies_under_other_keys().await?;
    let bar = ProgressBar::new(before.unsigned_abs());
    bar.set_style(ProgressStyle::with_template(
        "{wide_bar} {pos} of {len} sealed, {eta} left",
    )?);
    let rotated = server
        .rotate_record_key(|so_far| bar.set_position(so_far.sealed))
        .await;
    bar.finish_and_clear();
    let rotated = rotated?;
    let remaining = server.bodies_under_other_keys().await?;
    let key_id = server.record_key_id();
    let sentence = if server.has_one_record_key() && rotated.sealed == 0 && remaining == 0 {
        nothing_to_rotate(key_id, loaded)
    } else {
        sentence(key_id, &rotated, remaining)
    };
    output.done(
        &json!({
            "key_id": key_id,
            "sealed": rotated.sealed,
            "unopened": rotated.unopened,
            "unopened_ids": rotated.unopened_ids,
            "remaining": remaining,
        }),
        &sentence,
    )?;
    if rotated.unopened > 0 {
        let ids: Vec<&str> = rotated.unopened_ids.iter().map(String::as_str).collect();
        eprintln!(
            "error: {} do not open: they were changed, or their key is not in the configuration. Records {}",
            rotated.unopened,
            ids.join(" ")
        );
    }
    Ok(if remaining == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Whoever has that key reads everything still: it must not sound as if it had been replaced.
fn nothing_to_rotate(key_id: &str, loaded: &Loaded) -> String {
    let section = loaded.config.resource_server.as_ref();
    let file = section.and_then(|section| section.record_key_file.as_ref());
    let how = match file.map(|file| loaded.path(file.get_ref())) {
        Some(file) => format!(
            "add one with (umask 077; head -c 32 /dev/urandom | base64 >> {}) and move it to the first line",
            file.display()
        ),
        None => "put a new one before it into VITALGATE_RECORD_KEY".to_owned(),
    };
    format!(
        "nothing was rotated: record key {key_id} is the only one, and all records lie under it already; to replace it, \
         {how} (docs/encryption-at-rest.md)"
    )
}

fn sentence(key_id: &str, rotated: &Rotated, remaining: i64) -> String {
    let sealed = rotated.sealed;
    match remaining {
        // Running it again would not open them.
        _ if rotated.unopened > 0 => format!(
            "{sealed} sealed under record key {key_id}; {remaining} are still under another, and take no old key out of the file"
        ),
        0 => format!("{sealed} sealed under record key {key_id}; no other key is needed any more"),
        _ => format!(
            "{sealed} sealed under record key {key_id}; {remaining} are still under another: is the new key first in \
             every server? Run this again"
        ),
    }
}
