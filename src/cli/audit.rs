//! `vitalgate audit list`: what was accessed, changed and refused.

use std::process::ExitCode;

use jiff::Timestamp;
use storage::audit::{self, Filter, Outcome};

use super::shell::Shell;

/// The command line.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    shell: Shell,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// List audit rows, newest first
    List(List),
}

#[derive(Debug, clap::Args)]
struct List {
    /// From this time on (2026-12-01T00:00:00Z)
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Only this action; with a dot at the end (bundle.) all that begin so
    #[arg(long)]
    action: Option<String>,
    /// Only by this client
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Only of the record with this FHIR id
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// Only what was allowed, or denied
    #[arg(long, value_parser = outcome)]
    outcome: Option<Outcome>,
    /// Rows at most
    #[arg(long, default_value_t = 100)]
    limit: u32,
}

/// Runs the command.
///
/// # Errors
/// The database cannot be read.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args {
        shell,
        act: Act::List(list),
    } = args;
    let (_, db) = shell.db().await?;
    let filter = Filter {
        since: list.since,
        until: list.until,
        action: list.action,
        client_id: list.client,
        record_id: list.record,
        outcome: list.outcome,
        limit: list.limit,
    };
    let rows = audit::list(&db, &filter).await?;
    let rows = rows
        .iter()
        .map(serde_json::to_value)
        .collect::<Result<Vec<_>, _>>()?;
    let columns = [
        "at",
        "role",
        "action",
        "outcome",
        "reason",
        "client_id",
        "subject",
        "record_id",
        "token_id",
        "source_address",
    ];
    shell.output.list(&columns, &rows)?;
    Ok(ExitCode::SUCCESS)
}

fn outcome(name: &str) -> Result<Outcome, String> {
    [Outcome::Allowed, Outcome::Denied]
        .into_iter()
        .find(|outcome| outcome.as_str() == name)
        .ok_or_else(|| "use allowed or denied".to_owned())
}
