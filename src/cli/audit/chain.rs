//! `vitalgate audit verify`, `head`, `adopt` and `remove`: the chain of the audit rows, looked at and shortened.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde_json::{Value, json};
use storage::audit::{self, Finding, Hash, Seal, Verification, What};
use storage::{AuditEvent, Clock, Db, Outcome};

use super::super::output::{Output, counted, print};
use super::super::shell::account;
use crate::config::Loaded;
use crate::files;
use crate::serve::audit::days_before;

#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// Seals that stand outside of the database: files that `audit head --file` has written, as many as there are
    #[arg(long, value_name = "FILE")]
    head: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Head {
    /// Append it to this file, one JSON object a line, as `audit verify --head` reads it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Remove {
    /// Rows that were sealed this many days ago or earlier; absent: what the configuration says
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_525))]
    older_than_days: Option<u32>,
}

/// Looks at the whole chain: 1 if anything is wrong with it.
pub(super) async fn verify(
    args: &Verify,
    loaded: &Loaded,
    db: &Db,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let (mut known, mut torn) = (Vec::new(), Vec::new());
    for file in &args.head {
        known.extend(seals(file, &mut torn)?);
    }
    let days = loaded.config.audit.retention_days;
    let before = days.map(|days| days_before(Clock::system().now(), days));
    let before = before.transpose()?;
    let mut report = audit::verify_held(db, &known, before).await?;
    report.verified &= torn.is_empty();
    report.findings.extend(torn);
    let outcome = if report.verified {
        Outcome::Allowed
    } else {
        Outcome::Denied
    };
    let found = counted(report.findings.len(), "finding");
    let event = act(loaded, "audit.verify", outcome);
    let reason = Some(found).filter(|_| !report.verified);
    let kept = db.audit(AuditEvent { reason, ..event }).await;
    // Told first: who has tampered with the database can also keep this row out of it.
    tell(&report, output)?;
    let kept = kept.context("the audit takes no row of this");
    if report.verified {
        kept?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Err(error) = kept {
        eprintln!("error: {error:#}");
    }
    Ok(ExitCode::FAILURE)
}

fn tell(report: &Verification, output: Output) -> anyhow::Result<()> {
    if output == Output::Json {
        return print(&serde_json::to_string_pretty(report)?);
    }
    for finding in &report.findings {
        let what = serde_json::to_value(finding.what)?;
        let what = what.as_str().unwrap_or_default();
        eprintln!("{what}: {}{}", place(finding), finding.text);
    }
    if report.more_findings > 0 {
        eprintln!("and {} more", report.more_findings);
    }
    for seal in &report.known_seals_removed {
        eprintln!("seal {seal} of those that stand elsewhere was removed by retention");
    }
    let verdict = if report.verified {
        "nothing was edited, put in, moved or taken out"
    } else {
        "this is not what was written"
    };
    print(&format!(
        "{} of {} and {}, {} removed by retention: {verdict}",
        counted(report.rows, "row"),
        counted(report.writers, "writer"),
        counted(report.seals, "seal"),
        counted(report.removed_by_retention, "row"),
    ))?;
    report
        .newest_seal
        .as_ref()
        .map_or(Ok(()), |seal| print(&line(seal)))
}

/// Where a finding is, as far as it is anywhere: seals are no rows, and a row without a place has only its id.
fn place(finding: &Finding) -> String {
    let mut parts = Vec::new();
    match (finding.writer.as_deref(), finding.sequence) {
        (Some("seals"), Some(sequence)) => parts.push(format!("seal {sequence}")),
        (Some("seals"), None) | (None, _) => {}
        (Some(writer), Some(sequence)) => parts.push(format!("{writer} {sequence}")),
        (Some(writer), None) => parts.push(format!("writer {writer}")),
    }
    parts.extend(finding.id.as_ref().map(|id| format!("row {id}")));
    match parts.join(", ") {
        none if none.is_empty() => none,
        place => place + ": ",
    }
}

/// Seals now and says so: what stands outside proves that nothing before it was cut off.
pub(super) async fn head(
    args: &Head,
    loaded: &Loaded,
    db: &Db,
    output: Output,
) -> anyhow::Result<()> {
    db.audit(act(loaded, "audit.head", Outcome::Allowed))
        .await?;
    let seal = audit::seal(db, Clock::system().now()).await?;
    let seal = seal.context("nothing is written yet")?;
    if let Some(file) = &args.file {
        files::append(file, &serde_json::to_string(&seal)?, files::PRIVATE)?;
    }
    match output {
        Output::Json => print(&serde_json::to_string(&seal)?),
        Output::Text => print(&line(&seal)),
    }
}

fn line(seal: &Seal) -> String {
    format!("seal {} of {}: {}", seal.sequence, seal.at, seal.hash)
}

/// The seals in a file, one JSON object a line, and a finding for each line that is none: a power cut can tear one, and
/// the others count.
fn seals(file: &PathBuf, torn: &mut Vec<Finding>) -> anyhow::Result<Vec<(i64, Hash)>> {
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    let text = String::from_utf8_lossy(&bytes);
    let seal = |line: &str| {
        let value: Value = serde_json::from_str(line).ok()?;
        let hash = Hash::parse(value.get("hash")?.as_str()?)?;
        Some((value.get("sequence")?.as_i64()?, hash))
    };
    let mut seals = Vec::new();
    for (number, line) in (1_u64..).zip(text.lines()) {
        match seal(line) {
            Some(seal) => seals.push(seal),
            None if line.trim().is_empty() => {}
            None => torn.push(Finding {
                what: What::Unproved,
                writer: None,
                sequence: None,
                id: None,
                text: format!(
                    "line {number} of {} holds no seal, and nothing is held against what stood there",
                    file.display()
                ),
            }),
        }
    }
    if seals.is_empty() {
        bail!("{} holds no seal of `audit head`", file.display());
    }
    Ok(seals)
}

/// Gives rows that an older program wrote beside this one their places.
pub(super) async fn adopt(loaded: &Loaded, db: &Db, output: Output) -> anyhow::Result<()> {
    let adopted = audit::adopt(db).await?;
    let event = act(loaded, "audit.adopt", Outcome::Allowed);
    let rows = counted(adopted, "row");
    let reason = Some(rows.clone());
    db.audit(AuditEvent { reason, ..event }).await?;
    output.done(
        &json!({"adopted": adopted}),
        &format!("placed in the chain: {rows}"),
    )
}

/// Removes the oldest segments.
pub(super) async fn remove(
    args: &Remove,
    loaded: &Loaded,
    db: &Db,
    output: Output,
) -> anyhow::Result<()> {
    let days = args.older_than_days.or(loaded.config.audit.retention_days);
    let days = days.context("say --older-than-days, or set [audit] retention_days")?;
    let before = days_before(Clock::system().now(), days)?;
    let event = act(loaded, "audit.retention", Outcome::Allowed);
    match audit::remove_before(db, before, event).await? {
        Some(removed) => output.done(
            &serde_json::to_value(&removed)?,
            &format!(
                "{} removed, up to seal {} of {}",
                counted(removed.rows, "row"),
                removed.seal,
                removed.sealed_at
            ),
        ),
        None => output.done(&json!({"rows": 0}), "nothing is that old"),
    }
}

/// What somebody with a shell does to the audit is a part of it.
pub(super) fn act(loaded: &Loaded, action: &str, outcome: Outcome) -> AuditEvent {
    let now: Timestamp = Clock::system().now();
    AuditEvent {
        subject: Some(account()),
        ..AuditEvent::new(now, &loaded.config.party, "shell", action, outcome)
    }
}
