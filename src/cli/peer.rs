//! `vitalgate peer …`: the organizations that this party exchanges records with.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::{Value, json};

use super::output::Output;
use super::shell::Shell;
use crate::config::{IssuerIdentifier, ScopeText, WebAddress};
use crate::peer::{self, NewIssuer, NewPeer, NewRegistration, Proof};

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
    /// Write a partner into the configuration
    Add(Box<Add>),
    /// List the partners of the configuration
    List,
    /// Take a partner out of the configuration
    Remove { name: String },
    /// Walk the way to a partner, step by step, and say where it ends: name, connection, TLS, metadata, token,
    /// introspection, one read
    Check { name: String },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Short name, as in `send --to NAME`
    name: String,
    /// Its authorization server, as its metadata names the issuer: https://host[:port], or with a path
    #[arg(long, value_parser = issuer)]
    issuer: IssuerIdentifier,
    /// Its FHIR base, where records are delivered
    #[arg(long, value_parser = address)]
    fhir: WebAddress,
    /// Who we are there without a person
    #[arg(long, value_name = "ID", requires = "scope")]
    client_id: Option<String>,
    /// Our secret there; `-` reads it from standard input
    #[arg(long, value_name = "FILE", requires = "client_id")]
    secret_file: Option<PathBuf>,
    /// Our private key instead of a secret, as `client keygen` writes it
    #[arg(
        long,
        value_name = "FILE",
        requires = "client_id",
        conflicts_with = "secret_file"
    )]
    private_key_file: Option<PathBuf>,
    /// What that key signs with
    #[arg(long, default_value = "ES384")]
    alg: String,
    /// Scope to ask for
    #[arg(long, value_parser = scope, requires = "client_id")]
    scope: Option<ScopeText>,
    /// What our assertions are addressed to: issuer (RFC 10070), token_endpoint (older servers)
    #[arg(long, default_value = "issuer")]
    assertion_audience: String,
    /// Who we are there for our people's browsers
    #[arg(long, value_name = "ID", requires = "human_scope")]
    human_client_id: Option<String>,
    /// Our secret there for people's browsers
    #[arg(long, value_name = "FILE", requires = "human_client_id")]
    human_secret_file: Option<PathBuf>,
    /// Scope to ask for on behalf of people
    #[arg(long, value_parser = scope)]
    human_scope: Option<ScopeText>,
    /// Who `vitalgate login` is there: a public client
    #[arg(long, value_name = "ID", requires = "human_scope")]
    native_client_id: Option<String>,
    /// Who our resource server is there; without it the partner's tokens open none of our records
    #[arg(long, value_name = "ID", requires = "introspection_secret_file")]
    introspection_client_id: Option<String>,
    /// Our resource server's secret there
    #[arg(long, value_name = "FILE", requires = "introspection_client_id")]
    introspection_secret_file: Option<PathBuf>,
    /// What the partner's tokens begin with, without the underscore
    #[arg(long, value_name = "PREFIX", requires = "introspection_client_id")]
    token_prefix: Option<String>,
    /// Organizations that its tokens may act for here; absent means any
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    organizations: Vec<String>,
    /// Jurisdictions that they reach here; absent means ours
    #[arg(long, value_delimiter = ',', value_name = "CODE")]
    jurisdictions: Vec<String>,
    /// Record types that they reach here
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "TYPE",
        default_value = "birth,fetal-death"
    )]
    record_types: Vec<String>,
}

/// Runs the command: 1 if a check failed.
///
/// # Errors
/// The configuration cannot be read or changed.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { shell, act } = args;
    let output = shell.output;
    match act {
        Act::Add(add) => self::add(*add, &shell, output)?,
        Act::List => list(&shell, output)?,
        Act::Remove { name } => {
            peer::remove(&shell.load()?, &name)?;
            let text = format!("peer {name}: removed; a running server reads it on SIGHUP");
            output.done(&json!({ "name": name, "result": "removed" }), &text)?;
        }
        Act::Check { name } => return check(&name, &shell, output).await,
    }
    Ok(ExitCode::SUCCESS)
}

fn add(add: Add, shell: &Shell, output: Output) -> anyhow::Result<()> {
    let loaded = shell.load()?;
    let new = new_peer(add)?;
    let name = new.name.clone();
    let file = loaded.file.display().to_string();
    peer::add(&loaded, &new)?;
    let text = format!(
        "peer {name}: written to {file}\n\nNext:\n  kill -HUP PID of a running server, or start it\n  \
         vitalgate peer check {name} --config {file}"
    );
    output.done(
        &json!({ "name": name, "result": "added", "file": file }),
        &text,
    )
}

fn new_peer(add: Add) -> anyhow::Result<NewPeer> {
    let registration = |id: Option<String>,
                        secret: Option<PathBuf>,
                        key: Option<PathBuf>,
                        scope: &Option<ScopeText>| {
        let Some(client_id) = id else { return Ok(None) };
        let proof = match (secret, key) {
            (Some(file), _) => Proof::Secret(read_secret(&file)?),
            (None, Some(file)) => Proof::PrivateKey(file),
            (None, None) => Proof::None,
        };
        let scope = scope
            .as_ref()
            .map(|scope| scope.to_string())
            .unwrap_or_default();
        Ok::<_, anyhow::Error>(Some(NewRegistration {
            client_id,
            proof,
            scope,
        }))
    };
    let issuer = match (add.introspection_client_id, add.introspection_secret_file) {
        (Some(client_id), Some(file)) => Some(NewIssuer {
            client_id,
            secret: read_secret(&file)?,
            token_prefix: add.token_prefix,
            organizations: add.organizations,
            jurisdictions: add.jurisdictions,
            record_types: add.record_types,
        }),
        _ => None,
    };
    Ok(NewPeer {
        name: add.name,
        issuer: add.issuer.to_string(),
        fhir: add.fhir.to_string(),
        api: registration(
            add.client_id,
            add.secret_file,
            add.private_key_file,
            &add.scope,
        )?,
        alg: add.alg,
        assertion_audience: add.assertion_audience,
        human: registration(
            add.human_client_id,
            add.human_secret_file,
            None,
            &add.human_scope,
        )?,
        native: registration(add.native_client_id, None, None, &add.human_scope)?,
        introspection: issuer,
    })
}

/// A secret is never an argument: those stand in the process list.
fn read_secret(file: &std::path::Path) -> anyhow::Result<oauth::Secret> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("standard input")?;
        return Ok(oauth::Secret::received(text.trim_end().to_owned()));
    }
    crate::files::read_secret(file)
}

fn list(shell: &Shell, output: Output) -> anyhow::Result<()> {
    let loaded = shell.load()?;
    let peers = loaded
        .config
        .client
        .as_ref()
        .map(|section| section.peers.as_slice());
    let issuers = loaded.config.resource_server.as_ref();
    let issuers = issuers
        .map(|section| section.issuers.as_slice())
        .unwrap_or_default();
    let shown: Vec<Value> = peers
        .unwrap_or_default()
        .iter()
        .map(|peer| {
            let kinds = [
                ("api", &peer.api),
                ("human", &peer.human),
                ("native", &peer.native),
            ];
            let kinds = kinds.iter().filter(|(_, one)| one.is_some());
            json!({
                "name": peer.name,
                "issuer": *peer.issuer,
                "fhir": peer.fhir.as_str(),
                "registrations": kinds.map(|(name, _)| *name).collect::<Vec<_>>(),
                "opens_our_records": issuers.iter().any(|it| *it.issuer == *peer.issuer),
            })
        })
        .collect();
    output.list(
        &[
            "name",
            "issuer",
            "fhir",
            "registrations",
            "opens_our_records",
        ],
        &shown,
    )
}

async fn check(name: &str, shell: &Shell, output: Output) -> anyhow::Result<ExitCode> {
    let loaded = shell.load()?;
    let findings = peer::check(&loaded, name).await?;
    let shown: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "step": finding.step,
                "outcome": finding.outcome.as_str(),
                "seen": finding.seen,
                "advice": finding.advice,
            })
        })
        .collect();
    output.list(&["step", "outcome", "seen", "advice"], &shown)?;
    Ok(
        if findings
            .iter()
            .any(|it| it.outcome == peer::Outcome::Failed)
        {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        },
    )
}

fn issuer(text: &str) -> Result<IssuerIdentifier, String> {
    IssuerIdentifier::try_from(text.to_owned())
}

fn address(text: &str) -> Result<WebAddress, String> {
    WebAddress::try_from(text.to_owned())
}

fn scope(text: &str) -> Result<ScopeText, String> {
    ScopeText::try_from(text.to_owned())
}
