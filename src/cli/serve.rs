//! `vitalgate serve --config FILE`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::serve::{self, RunningParty, StartOptions};
use crate::{config, telemetry};

/// The command line.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Configuration file of the party
    #[arg(
        long,
        value_name = "FILE",
        default_value = "vitalgate.toml",
        env = "VITALGATE_CONFIG"
    )]
    config: PathBuf,
    /// Write the log to this file instead of standard error
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
}

/// Runs a party until SIGTERM or SIGINT; SIGHUP makes it read its configuration and certificate again. It also ends, and
/// not well, when its database can no longer be written before a restart.
///
/// # Errors
/// It cannot start.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let loaded = config::load(&args.config)?;
    let mistakes = config::check(&loaded);
    for mistake in &mistakes {
        eprintln!("error: {}: {}", mistake.place, mistake.text);
    }
    if !mistakes.is_empty() {
        bail!("the configuration has mistakes");
    }
    telemetry::log(&loaded.config.log, args.log_file.as_deref())?;
    telemetry::recorder();
    // Before the start: a signal that comes while it starts is not lost.
    let mut signals = Signals::new()?;
    let party = serve::start(loaded, StartOptions::default()).await?;
    first_administrator(&party, &args.config).await?;
    let asked = tokio::select! {
        () = signals.until_stop(&party) => ExitCode::SUCCESS,
        // Whoever supervises us starts us anew, which recovers what is on the disk.
        () = party.database_ended() => ExitCode::FAILURE,
    };
    // Asked twice, people mean it.
    let code = tokio::select! {
        () = party.shutdown() => asked,
        () = signals.stop() => ExitCode::FAILURE,
    };
    Ok(code)
}

/// Shows the link by which somebody becomes the first administrator, where there is none. On standard error, terminal
/// or not, and never through the log: log lines go to places that more people read.
async fn first_administrator(party: &RunningParty, config: &Path) -> anyhow::Result<()> {
    let roles = party.roles();
    let Some(server) = &roles.authorization_server else {
        return Ok(());
    };
    let Some(link) = server.first_administrator_link().await? else {
        return Ok(());
    };
    eprintln!(
        "\nThere is no administrator yet. Open this link, once and until {}, to become the first:\n\n  {}\n\n\
        Another one, whenever it is needed: vitalgate admin recover --config {}\n",
        link.expires,
        link.address.expose(),
        config.display()
    );
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    async fn until_stop(&mut self, party: &RunningParty) {
        loop {
            let stop = async {
                tokio::select! {
                    _ = self.terminate.recv() => true,
                    _ = self.interrupt.recv() => true,
                    _ = self.hangup.recv() => false,
                }
            };
            if stop.await {
                return;
            }
            if let Err(error) = party.reload().await {
                tracing::error!("not reloaded, everything stays as it was: {error:#}");
            }
        }
    }
}
