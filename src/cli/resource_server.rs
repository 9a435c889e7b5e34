//! `vitalgate resource-server …`: whose tokens the party's authorization server issues.

use std::path::PathBuf;
use std::process::ExitCode;

use authorization_server::administration::view::ResourceServerView;
use authorization_server::administration::{
    Administration, NewClient, NewClientSecret, NewResourceServer,
};
use authorization_server::{AssertionAudience, ClientAuthenticationMethod, Protocol, Rights};
use oauth::Secret;
use oauth::jose::Algorithm;
use serde_json::json;

use super::key::algorithm;
use super::output::Output;
use super::registration::{all_shown, shown};
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
    /// Register a resource server with the client that introspects for it; its secret is shown once
    Add(Add),
    /// List all resource servers
    List,
    /// Show one resource server
    Show { audience: String },
    /// Refuse its introspection from now on
    Disable { audience: String },
    /// Let it introspect again
    Enable { audience: String },
    /// Remove it; clients that name its audience must be removed or changed first
    #[command(visible_alias = "revoke")]
    Remove { audience: String },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Its FHIR base URL, which is the audience of tokens for it
    audience: String,
    /// Name for operators
    #[arg(long)]
    name: String,
    /// Organization that runs it
    #[arg(long)]
    organization: String,
    /// Identifier of the client that introspects for it; made now unless it exists; absent means that one is made
    #[arg(long)]
    client_id: Option<String>,
    /// Give it JWT access tokens (RFC 9068) signed with this algorithm; absent means opaque ones
    #[arg(long, value_name = "ALG", value_parser = algorithm)]
    access_token_alg: Option<Algorithm>,
    /// What its introspection answers are signed with when it asks for signed ones (RFC 9701)
    #[arg(long, value_name = "ALG", value_parser = algorithm)]
    introspection_alg: Option<Algorithm>,
    /// Write the secret to this file, closed to others, instead of showing it
    #[arg(long, value_name = "FILE")]
    secret_out: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// The registrations cannot be opened, or refuse the act.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { shell, act } = args;
    let output = shell.output;
    let admin = shell.administration().await?;
    match act {
        Act::Add(add) => self::add(add, &admin, output).await?,
        Act::List => {
            let servers = admin.resource_servers().await?;
            let servers = all_shown(&servers, |server| ResourceServerView::from(server))?;
            output.list(
                &[
                    "audience",
                    "name",
                    "introspection_client_id",
                    "organization",
                    "access_token_alg",
                ],
                &servers,
            )?;
        }
        Act::Show { audience } => {
            let server = admin.resource_server(&audience).await?;
            let client = admin.client(&server.introspection_client_id).await?;
            let mut shown = shown(&ResourceServerView::from(&server))?;
            if let Some(members) = shown.as_object_mut() {
                members.insert("disabled".to_owned(), client.disabled.into());
            }
            output.one(&shown)?;
        }
        Act::Disable { audience } => {
            let server = admin.resource_server(&audience).await?;
            admin
                .set_client_disabled(&server.introspection_client_id, true)
                .await?;
            done(output, &audience, "disabled")?;
        }
        Act::Enable { audience } => {
            let server = admin.resource_server(&audience).await?;
            admin
                .set_client_disabled(&server.introspection_client_id, false)
                .await?;
            done(output, &audience, "enabled")?;
        }
        Act::Remove { audience } => {
            admin.delete_resource_server(&audience).await?;
            done(output, &audience, "removed")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(add: Add, admin: &Administration, output: Output) -> anyhow::Result<()> {
    let secret_out = add.secret_out;
    let new = NewResourceServer {
        audience: add.audience,
        name: add.name,
        introspection_client_id: add.client_id.unwrap_or_default(),
        organization: add.organization,
        access_token_signing_alg: add.access_token_alg,
    };
    let protocol = Protocol {
        introspection_signed_response_alg: add.introspection_alg,
        ..Protocol::default()
    };
    let (client_id, secret) = register(admin, new, protocol).await?;
    let shown = json!({ "client_id": client_id });
    output.with_secret_in(
        shown,
        "client_secret",
        secret.as_ref(),
        secret_out.as_deref(),
    )
}

/// Registers a resource server and, unless it exists, the client that introspects for it. An empty
/// client id makes one. Answers the client's id and its new secret.
///
/// # Errors
/// The registrations refuse it; then neither is registered.
pub(super) async fn register(
    admin: &Administration,
    mut server: NewResourceServer,
    protocol: Protocol,
) -> anyhow::Result<(String, Option<Secret>)> {
    let wished = std::mem::take(&mut server.introspection_client_id);
    if !wished.is_empty() && admin.client(&wished).await.is_ok() {
        server.introspection_client_id = wished.clone();
        admin.add_resource_server(server).await?;
        return Ok((wished, None));
    }
    let client = NewClient {
        client_id: Some(wished).filter(|id| !id.is_empty()),
        name: format!("introspection for {}", server.name),
        authentication: ClientAuthenticationMethod::ClientSecretBasic,
        assertion_audience: AssertionAudience::default(),
        protocol,
        grant_types: Vec::new(),
        redirect_uris: Vec::new(),
        scope: String::new(),
        audiences: Vec::new(),
        rights: Rights::default(),
        jwks: None,
        jwks_uri: None,
        access_token_lifetime_s: None,
        note: None,
    };
    let secret = NewClientSecret {
        name: "first".to_owned(),
        expires: None,
    };
    let (client, secret) = admin.add_client(client, secret).await?;
    server.introspection_client_id = client.client_id.clone();
    if let Err(error) = admin.add_resource_server(server).await {
        // Nobody has seen its secret: it would be of no use.
        admin.delete_client(&client.client_id).await?;
        return Err(error.into());
    }
    Ok((client.client_id, secret))
}

fn done(output: Output, audience: &str, what: &str) -> anyhow::Result<()> {
    let object = json!({ "audience": audience, "result": what });
    output.done(&object, &format!("resource server {audience}: {what}"))
}
