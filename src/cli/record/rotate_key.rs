//! `vitalgate record rotate-key`: puts all records under the first key of the configuration.

use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use resource_server::ResourceServer;
use serde_json::json;

use super::super::output::Output;

/// Runs beside the party's server: 1 if a record does not open under any key of the configuration.
///
/// # Errors
/// The database fails; what was done until then stays done, and the next run goes on there.
pub(super) async fn run(server: &ResourceServer, output: Output) -> anyhow::Result<ExitCode> {
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
    output.done(
        &json!({
            "key_id": key_id,
            "sealed": rotated.sealed,
            "unopened": rotated.unopened,
            "remaining": remaining,
        }),
        &sentence(key_id, rotated.sealed, remaining),
    )?;
    if rotated.unopened > 0 {
        eprintln!(
            "error: {} do not open under any key of the configuration; the log names them",
            rotated.unopened
        );
    }
    Ok(if remaining == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn sentence(key_id: &str, sealed: u64, remaining: i64) -> String {
    match remaining {
        0 => format!("{sealed} sealed under record key {key_id}; no other key is needed any more"),
        _ => format!(
            "{sealed} sealed under record key {key_id}; {remaining} are still under another: is the new key first in \
             every server? Run this again"
        ),
    }
}
