//! `vitalgate record …`: records that the party's own resource server hosts.

mod rotate_key;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use fhir::Jurisdiction;
use resource_server::config::Validation;
use resource_server::{HostedRecord, ResourceServer};
use serde_json::{Value, json};

use super::output::Output;
use super::shell::Shell;
use super::validate;
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
    /// Host FHIR Bundles; a Bundle that is hosted already is not stored twice
    Add(Add),
    /// List the newest records, without their content
    List {
        /// Records at most
        #[arg(long, default_value_t = 100)]
        limit: i64,
    },
    /// Seal all records under the first record key; runs beside the server, and goes on where it was interrupted
    RotateKey,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// FHIR Bundles in JSON
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Organization that submitted them; absent means our own
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// Organization that they are meant for, which may read them too
    #[arg(long, value_name = "NAME")]
    addressee: Option<String>,
    /// Jurisdiction of records that name none; absent means our first
    #[arg(long, value_name = "CODE", value_parser = jurisdiction)]
    jurisdiction: Option<Jurisdiction>,
}

/// Runs the command: 1 if a record could not be hosted.
///
/// # Errors
/// The resource server cannot be opened.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { shell, act } = args;
    let output = shell.output;
    let (loaded, db) = shell.db().await?;
    match act {
        Act::Add(add) => {
            let server = serve::hosting(&loaded, &db)?;
            // Under a wrong key this record would be lost to everybody who has the right one.
            server.check_record_keys().await?;
            self::add(&add, &loaded, &server, output).await
        }
        Act::List { limit } => {
            if loaded.config.resource_server.is_none() {
                bail!("the configuration has no [resource_server]");
            }
            let records = ResourceServer::list_records(&db, limit).await?;
            output.list(&COLUMNS, &records.iter().map(shown).collect::<Vec<_>>())?;
            Ok(ExitCode::SUCCESS)
        }
        Act::RotateKey => {
            let server = serve::hosting(&loaded, &db)?;
            rotate_key::run(&server, &loaded, output).await
        }
    }
}

async fn add(
    add: &Add,
    loaded: &Loaded,
    server: &ResourceServer,
    output: Output,
) -> anyhow::Result<ExitCode> {
    let organization = add
        .organization
        .as_deref()
        .unwrap_or(&loaded.config.organization);
    let mut hosted = Vec::new();
    let mut code = ExitCode::SUCCESS;
    for file in &add.files {
        match host(file, organization, add, (loaded, server)).await {
            Ok(record) => hosted.push(shown(&record)),
            Err(error) => {
                eprintln!("error: {}: {error:#}", file.display());
                code = ExitCode::FAILURE;
            }
        }
    }
    output.list(&COLUMNS, &hosted)?;
    Ok(code)
}

async fn host(
    file: &Path,
    organization: &str,
    add: &Add,
    (loaded, server): (&Loaded, &ResourceServer),
) -> anyhow::Result<HostedRecord> {
    let bytes = std::fs::read(file).context("cannot read the file")?;
    let section = loaded.config.resource_server.as_ref();
    if section.is_some_and(|section| section.validation != Validation::Off)
        && let Some(problems) = validate::problems(file, &bytes)
    {
        eprintln!("{problems}");
    }
    Ok(server
        .host(
            &bytes,
            organization,
            add.addressee.as_deref(),
            add.jurisdiction,
        )
        .await?)
}

/// What is shown of a record: where it is, not whom it is about.
fn shown(record: &HostedRecord) -> Value {
    let digest: String = record
        .sha256
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    json!({
        "id": record.id,
        "record_type": record.record_type.map(|kind| kind.as_str()),
        "jurisdiction": record.jurisdiction.as_str(),
        "composition_type": record.composition_type,
        "organization": record.organization,
        "addressee": record.addressee,
        "last_updated": record.last_updated.to_string(),
        "bytes": record.length,
        "sha256": digest,
    })
}

fn jurisdiction(code: &str) -> Result<Jurisdiction, String> {
    Jurisdiction::parse(code).ok_or_else(|| "is not a jurisdiction".to_owned())
}

const COLUMNS: [&str; 7] = [
    "id",
    "record_type",
    "jurisdiction",
    "organization",
    "addressee",
    "last_updated",
    "bytes",
];
