//! `vitalgate send --to PEER FILE…`: delivers records.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use client::{Client, Delivered};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::get::{USAGE, advised};
use super::login::Kept;

/// Delivers FHIR Bundles to a peer. Safe to repeat: a record that the peer already has is not
/// stored twice.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The peer to deliver to
    #[arg(long, value_name = "PEER")]
    to: String,
    /// FHIR Bundles in JSON
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Read every record back and compare it byte for byte
    #[arg(long)]
    verify: bool,
    /// Deliver as the person signed in with `vitalgate login` instead of as the API user
    #[arg(long)]
    as_user: bool,
    /// How the outcome is written
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// A line per file
    Text,
    /// An array with an object per file
    Json,
}

/// Runs the command: 0 if every record is at the peer, 1 if some are not, 2 for a wrong command
/// line.
///
/// # Errors
/// When nobody is signed in, or the outcome cannot be written.
pub async fn run(args: Args, client: &Client, party: &str) -> Result<ExitCode> {
    if client.peer(&args.to).is_none() {
        eprintln!("error: no peer named {:?}", args.to);
        return Ok(ExitCode::from(USAGE));
    }
    let mut kept = if args.as_user {
        Some(Kept::open(party, &args.to)?)
    } else {
        None
    };
    let bar = progress(args.files.len(), args.output);
    let mut lines = Vec::new();
    for file in &args.files {
        let result = deliver(&args, client, kept.as_mut(), file).await;
        let line = Line::new(file, result);
        if args.output == Output::Text {
            bar.suspend(|| println!("{}", line.text()));
        }
        lines.push(line);
        bar.inc(1);
    }
    bar.finish_and_clear();
    if args.output == Output::Json {
        println!("{}", serde_json::to_string_pretty(&lines)?);
    }
    let all = lines.iter().all(|line| line.outcome != Outcome::Failed);
    Ok(if all {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn deliver(
    args: &Args,
    client: &Client,
    kept: Option<&mut Kept>,
    file: &Path,
) -> Result<Delivered> {
    let record = tokio::fs::read(file)
        .await
        .context("cannot read the file")?;
    let Some(kept) = kept else {
        let mut exchange = client.as_api_user(&args.to)?;
        let delivered = exchange.deliver(&record).await?;
        if args.verify {
            exchange.verify(&delivered).await?;
        }
        return Ok(delivered);
    };
    let mut exchange = client.as_human_user(&mut kept.session)?;
    let mut result = exchange.deliver(&record).await;
    if let (Ok(delivered), true) = (&result, args.verify) {
        result = exchange.verify(delivered).await.and(result);
    }
    // Whatever came of the delivery: the earlier refresh token may be spent.
    kept.save_if_changed()?;
    result.map_err(advised)
}

/// The outcome of one file.
#[derive(Debug, Serialize)]
struct Line {
    file: String,
    outcome: Outcome,
    id: Option<String>,
    location: Option<String>,
    sha256: Option<String>,
    error: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Created,
    Existed,
    Failed,
}

impl Line {
    fn new(file: &Path, result: Result<Delivered>) -> Self {
        let file = file.display().to_string();
        match result {
            Ok(delivered) => Self {
                file,
                outcome: if delivered.created {
                    Outcome::Created
                } else {
                    Outcome::Existed
                },
                id: Some(delivered.id),
                location: Some(delivered.location.into()),
                sha256: Some(delivered.sha256),
                error: None,
            },
            Err(error) => Self {
                file,
                outcome: Outcome::Failed,
                id: None,
                location: None,
                sha256: None,
                error: Some(format!("{error:#}")),
            },
        }
    }

    fn text(&self) -> String {
        let outcome = match self.outcome {
            Outcome::Created => "created",
            Outcome::Existed => "existed",
            Outcome::Failed => "failed ",
        };
        let digest = self
            .sha256
            .as_deref()
            .and_then(|hex| hex.get(..SHOWN_DIGEST));
        match (&self.id, digest, &self.error) {
            (Some(id), Some(digest), _) => format!("{outcome}  {id}  {digest}  {}", self.file),
            (_, _, Some(error)) => format!("{outcome}  {}: {error}", self.file),
            _ => format!("{outcome}  {}", self.file),
        }
    }
}

/// A bar on a terminal, nothing elsewhere.
fn progress(files: usize, output: Output) -> ProgressBar {
    let shown = files > 1 && output == Output::Text && std::io::stderr().is_terminal();
    if !shown {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(files as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len}  {eta}") {
        bar.set_style(style);
    }
    bar
}

/// Enough to compare by eye.
const SHOWN_DIGEST: usize = 16;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_line_tells_the_outcome() {
        let delivered = Delivered {
            id: "r1".into(),
            location: "https://a.example/fhir/Bundle/r1".parse().unwrap(),
            created: true,
            sha256: "0123456789abcdef".repeat(4),
        };
        let line = Line::new(Path::new("a.json"), Ok(delivered.clone()));
        assert_eq!(line.text(), "created  r1  0123456789abcdef  a.json");
        let line = Line::new(
            Path::new("a.json"),
            Ok(Delivered {
                created: false,
                ..delivered
            }),
        );
        assert_eq!(line.text(), "existed  r1  0123456789abcdef  a.json");
        let error = anyhow::anyhow!("inner").context("outer");
        let line = Line::new(Path::new("b.json"), Err(error));
        assert_eq!(line.text(), "failed   b.json: outer: inner");
        let json = serde_json::to_value(&line).unwrap();
        assert_eq!(json.get("outcome").unwrap(), "failed");
    }
}
