//! `vitalgate sandbox --dir DIR`.

use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::config::{self, Log};
use crate::sandbox::{Options, start};
use crate::telemetry;

/// Keep the three parties running for other people's clients; DIR/sandbox.json says how to reach them.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of the sandbox
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Override a setting in all parties; may be repeated
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
    /// First of the ports to use
    #[arg(long, value_name = "PORT")]
    port_base: Option<u16>,
    /// FHIR Bundles to host instead of synthetic ones
    records: Vec<PathBuf>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    crate::files::private_directory(&args.dir)?;
    telemetry::log(&log(&args.set)?, Some(&args.dir.join("sandbox.log")))?;
    telemetry::recorder();
    let options = Options {
        set: args.set,
        port_base: args.port_base,
        records: args.records,
        observer: None,
    };
    let sandbox = tokio::select! {
        started = start(&args.dir, options) => started?,
        _ = terminate.recv() => return Ok(ExitCode::SUCCESS),
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
    };
    for (name, party) in &sandbox.description.parties {
        println!("{name:5} {}  {}", party.origin, party.organization);
    }
    println!(
        "\n{} says how to use them. Ctrl-C ends.",
        args.dir.join("sandbox.json").display()
    );
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    sandbox.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// The parties share one log: what is overridden of `log` holds for it.
fn log(overrides: &[String]) -> anyhow::Result<Log> {
    let mut table = toml::Table::new();
    for assignment in overrides
        .iter()
        .filter(|assignment| assignment.starts_with("log."))
    {
        config::set(&mut table, assignment)?;
    }
    let section = table
        .remove("log")
        .unwrap_or_else(|| toml::Table::new().into());
    Ok(section.try_into()?)
}
