//! `vitalgate audit …`: what was accessed, changed and refused.

mod chain;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use jiff::Timestamp;
use storage::Db;
use storage::audit::{self, Filter, Outcome, PlacedRow, csv_placed_header, csv_placed_line};

use super::output::{self, Output};
use super::shell::{self, Shell};
use super::time::time;
use crate::config::Loaded;
use crate::serve;

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
    /// Write all audit rows that fit, newest first, to standard output
    Export(Export),
    /// Find rows that were edited, put in, moved or taken out
    Verify(chain::Verify),
    /// Seal the audit now and show the seal, to be kept elsewhere
    Head(chain::Head),
    /// Give rows that an older program wrote beside this one their places in the chain
    Adopt,
    /// Remove the oldest rows, up to a seal
    Remove(chain::Remove),
}

#[derive(Debug, clap::Args)]
struct Export {
    #[command(flatten)]
    filter: FilterArgs,
    /// jsonl (one JSON object a line), csv, or fhir (one AuditEvent a line, NDJSON)
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How a row is written.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    #[default]
    Jsonl,
    Csv,
    Fhir,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    filter: FilterArgs,
    /// Rows at most, up to 1000; `audit export` gives all, and is in the audit
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

#[derive(Debug, clap::Args)]
struct FilterArgs {
    /// From this time on (2026-12-01T00:00:00Z, or a day)
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
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
    /// Only by this person or client: a username or an identifier
    #[arg(long, value_name = "WHO")]
    subject: Option<String>,
    /// Only by this organization
    #[arg(long)]
    organization: Option<String>,
    /// Only from this address
    #[arg(long, value_name = "ADDRESS")]
    source: Option<String>,
    /// Only of the exchange with this reference number
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
}

impl FilterArgs {
    fn filter(self, limit: u32) -> Filter {
        Filter {
            since: self.since,
            until: self.until,
            action: self.action,
            client_id: self.client,
            record_id: self.record,
            outcome: self.outcome,
            subject: self.subject,
            organization: self.organization,
            source_address: self.source,
            request_id: self.request_id,
            limit,
            ..Filter::default()
        }
    }
}

/// Runs the command. `verify` ends with 1 for findings, and with 2 where it could not look.
///
/// # Errors
/// The database cannot be read.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let verifying = matches!(args.act, Act::Verify(_));
    match self::act(args).await {
        // 1 says that the audit was tampered with: nothing else may.
        Err(error) if verifying => {
            output::failed(&error);
            Ok(ExitCode::from(2))
        }
        done => done,
    }
}

async fn act(args: Args) -> anyhow::Result<ExitCode> {
    let Args { shell, act } = args;
    let (loaded, db) = shell.db().await?;
    match act {
        Act::List(list) => {
            let filter = named(&loaded, &db, list.filter.filter(list.limit)).await?;
            self::list(&db, &filter, shell.output).await?;
        }
        Act::Export(export) => {
            // Who takes the audit out is a part of it.
            let event = chain::act(&loaded, "audit.export", Outcome::Allowed);
            db.audit(event).await?;
            let filter = named(&loaded, &db, export.filter.filter(CHUNK)).await?;
            let base = serve::fhir_base(&loaded.config)?;
            self::export(&db, filter, (export.format, base.as_str())).await?;
        }
        Act::Verify(args) => return chain::verify(&args, &loaded, &db, shell.output).await,
        Act::Head(args) => chain::head(&args, &loaded, &db, shell.output).await?,
        Act::Adopt => chain::adopt(&loaded, &db, shell.output).await?,
        Act::Remove(args) => chain::remove(&args, &loaded, &db, shell.output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A username means its person, where people are registered.
async fn named(loaded: &Loaded, db: &Db, filter: Filter) -> anyhow::Result<Filter> {
    if loaded.config.authorization_server.is_none() {
        return Ok(filter);
    }
    let administration = shell::administration(loaded, db.clone());
    Ok(administration.named(&filter).await?)
}

async fn list(db: &Db, filter: &Filter, output: Output) -> anyhow::Result<()> {
    let rows = audit::list(db, filter).await?;
    let shown = |row: &audit::AuditRow| {
        let mut shown = serde_json::to_value(row)?;
        if let (Output::Text, Some(at)) = (output, shown.get_mut("at")) {
            // As many digits in each line, so that all begin and end in the same columns.
            *at = format!("{:.3}", row.event.at).into();
        }
        Ok::<_, serde_json::Error>(shown)
    };
    let rows = rows.iter().map(shown).collect::<Result<Vec<_>, _>>()?;
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
    output.list(&columns, &rows)
}

async fn export(db: &Db, mut filter: Filter, (format, base): (Format, &str)) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let head = match format {
        Format::Csv => csv_placed_header(),
        Format::Jsonl | Format::Fhir => String::new(),
    };
    let mut read = written(&mut out, &head)?;
    while read {
        let rows = audit::list_placed(db, &filter).await?;
        let Some(PlacedRow { row: last, .. }) = rows.last() else {
            break;
        };
        filter.after = Some((last.event.at.as_millisecond(), last.id.clone()));
        let mut text = String::new();
        for row in &rows {
            match format {
                Format::Jsonl => text.push_str(&(serde_json::to_string(row)? + "\n")),
                Format::Csv => text.push_str(&csv_placed_line(row)),
                Format::Fhir => {
                    let event = resource_server::audit_event(&row.row, base);
                    text.push_str(&(event.to_string() + "\n"));
                }
            }
        }
        read = written(&mut out, &text)?;
    }
    Ok(())
}

/// `false` when nobody reads any more: `audit export | head` has what it wanted.
fn written(out: &mut impl Write, text: &str) -> std::io::Result<bool> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        result => result.map(|()| true),
    }
}

fn outcome(name: &str) -> Result<Outcome, String> {
    [Outcome::Allowed, Outcome::Denied]
        .into_iter()
        .find(|outcome| outcome.as_str() == name)
        .ok_or_else(|| "use allowed or denied".to_owned())
}

/// Rows that one query reads.
const CHUNK: u32 = 500;
