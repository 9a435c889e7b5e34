//! `vitalgate demo`.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::config::Log;
use crate::{demo, files, telemetry};

/// Start EHR, VRO and NCHS on loopback, walk every dataflow three ways, then show what is refused.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write one self-contained page with a sequence diagram per walk
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// FHIR Bundles to walk with instead of synthetic ones
    records: Vec<PathBuf>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    // Refusals are the purpose here; only what goes wrong on our side is worth a line.
    telemetry::log(
        &Log {
            filter: "error".to_owned(),
            ..Log::default()
        },
        None,
    )?;
    let outcome = tokio::select! {
        outcome = demo::run(args.records) => outcome?,
        // Dropped in the middle, it takes its directory with it.
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    if let Some(file) = args.report {
        files::write(
            &file,
            demo::report::html(&outcome).as_bytes(),
            files::PUBLIC,
        )?;
        println!("  {}", file.display());
    }
    Ok(if outcome.held() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What a shell shows for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;
