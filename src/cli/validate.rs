//! `vitalgate validate FILE…`: structural checks of records, before anybody else makes them.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use comfy_table::{Cell, Color, Table, presets};
use fhir::validate::{self, Finding, Findings};
use fhir::{Issue, IssueCode, OperationOutcome, Severity};

use super::output::{Output, counted, print};

/// Check FHIR resources in JSON: form, elements, references, and the record's own identity. Leaves with 0 if
/// all is well, with 1 if there are errors, with 2 if something cannot be read.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// FHIR Bundles or other resources in JSON; - reads standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Warnings, too, lead to 1
    #[arg(long)]
    strict: bool,
    /// How the answer is written; in JSON an OperationOutcome on a line of its own for each file
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// What became of one file.
enum Checked {
    Read(Vec<u8>, Findings),
    /// It is there, and no JSON that could be looked at.
    NoJson(Issue),
    Unreadable(anyhow::Error),
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut worst = 0;
    for file in &args.files {
        let checked = check(file);
        worst = worst.max(code(&checked, args.strict));
        match args.output {
            Output::Text => show(file, &checked)?,
            Output::Json => print(&outcome(checked).to_value().to_string())?,
        }
    }
    Ok(ExitCode::from(worst))
}

fn check(file: &Path) -> Checked {
    let bytes = match read(file) {
        Ok(bytes) => bytes,
        Err(error) => return Checked::Unreadable(error),
    };
    match validate::validate(&bytes) {
        Ok(findings) => Checked::Read(bytes, findings),
        Err(error) => Checked::NoJson(error.into()),
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
        return Ok(bytes);
    }
    std::fs::read(file).context("cannot read the file")
}

/// 0 for a clean file, 1 for problems, 2 for what cannot be read.
fn code(checked: &Checked, strict: bool) -> u8 {
    match checked {
        Checked::Unreadable(_) | Checked::NoJson(_) => 2,
        Checked::Read(_, findings) if findings.has_errors() => 1,
        Checked::Read(_, findings) => u8::from(strict && !findings.all().is_empty()),
    }
}

fn outcome(checked: Checked) -> OperationOutcome {
    match checked {
        Checked::Read(_, findings) => findings.into_outcome(),
        Checked::NoJson(issue) => issue.into(),
        Checked::Unreadable(error) => {
            Issue::error(IssueCode::NotFound, format!("{error:#}")).into()
        }
    }
}

fn show(file: &Path, checked: &Checked) -> anyhow::Result<()> {
    let name = file.display();
    match checked {
        Checked::Unreadable(error) => {
            eprintln!("error: {name}: {error:#}");
            Ok(())
        }
        Checked::NoJson(issue) => {
            eprintln!("error: {name}: {}", issue.text);
            Ok(())
        }
        Checked::Read(_, findings) if findings.all().is_empty() => {
            print(&format!("{name}: no problems"))
        }
        Checked::Read(bytes, findings) => {
            let terminal = std::io::stdout().is_terminal();
            print(&told(file, (bytes, findings), terminal))
        }
    }
}

/// What this command would list of a record; `None` without problems, or where it is no JSON that could be looked at.
pub(super) fn problems(file: &Path, bytes: &[u8]) -> Option<String> {
    let findings = validate::validate(bytes).ok()?;
    let terminal = std::io::stderr().is_terminal();
    (!findings.all().is_empty()).then(|| told(file, (bytes, &findings), terminal))
}

fn told(file: &Path, (bytes, findings): (&[u8], &Findings), terminal: bool) -> String {
    let table = table(bytes, findings.all(), terminal).trim_fmt();
    format!("{}: {}\n{table}", file.display(), count(findings))
}

fn count(findings: &Findings) -> String {
    let errors = findings
        .all()
        .iter()
        .filter(|finding| finding.issue.severity <= Severity::Error);
    let errors = errors.count();
    let warnings = findings.all().len() - errors;
    let (errors, warnings) = (counted(errors, "error"), counted(warnings, "warning"));
    format!("{errors}, {warnings}")
}

/// Line, severity, text and place of each problem. A pipe gets every column whole.
fn table(bytes: &[u8], findings: &[Finding], terminal: bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if std::env::var_os("NO_COLOR").is_some() || !terminal {
        table.force_no_tty();
    }
    for Finding { issue, offset } in findings {
        let (word, color) = match issue.severity {
            Severity::Fatal | Severity::Error => ("error", Color::Red),
            Severity::Warning => ("warning", Color::Yellow),
            Severity::Information => ("note", Color::Cyan),
        };
        let before = bytes.get(..*offset).unwrap_or(bytes);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        table.add_row([
            Cell::new(format!("  line {line}")),
            Cell::new(word).fg(color),
            Cell::new(&issue.text),
            Cell::new(issue.expression.join(" ")),
        ]);
    }
    table
}
