//! `vitalgate client …`: clients registered at the party's authorization server.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use authorization_server::administration::view::ClientView;
use authorization_server::administration::{Administration, NewClient, NewClientSecret};
use authorization_server::{
    AssertionAudience, ClientAuthenticationMethod, GrantType, Profile, Protocol,
};
use jiff::{SignedDuration, Timestamp};
use oauth::jose::Algorithm;
use serde_json::json;

use super::client_change;
use super::client_warnings;
use super::key::algorithm;
use super::keygen;
use super::output::Output;
use super::registration::{all_shown, shown};
use super::shell::{RightsArgs, Shell};
use super::time::time;

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
    /// Make a key pair for a client that signs; prints the public keys to send to who registers it
    Keygen(keygen::Keygen),
    #[command(flatten)]
    Registered(Registered),
}

/// What is done at the party's authorization server.
#[derive(Debug, clap::Subcommand)]
enum Registered {
    /// Register a client; a secret is shown once
    Add(Box<Add>),
    /// List all clients
    List,
    /// Show one client with the dates of its secrets
    Show { client_id: String },
    /// Give a client another registration; what is not given stays
    Change(Box<client_change::Change>),
    /// Refuse a client, and its tokens, from now on
    Disable { client_id: String },
    /// Let a disabled client in again; revoked tokens stay revoked
    Enable { client_id: String },
    /// Revoke everything that was issued to a client
    Revoke { client_id: String },
    /// Remove a client with all that was issued to it
    Remove { client_id: String },
    /// Make another secret, so that the old one can be removed after a change-over
    AddSecret {
        client_id: String,
        /// What to call it
        #[arg(long, default_value = "secret")]
        name: String,
        /// From when on it is refused (2027-01-31T00:00:00Z)
        #[arg(long, value_name = "TIME", value_parser = time)]
        expires: Option<Timestamp>,
    },
    /// Make a new secret and let the present one end after a while
    RotateSecret {
        client_id: String,
        /// What to call it
        #[arg(long, default_value = "secret")]
        name: String,
        /// Days for which the present secret still counts
        #[arg(long, value_name = "DAYS", default_value_t = 7)]
        overlap_days: u32,
        /// From when on the new one is refused (2027-01-31T00:00:00Z)
        #[arg(long, value_name = "TIME", value_parser = time)]
        expires: Option<Timestamp>,
    },
    /// Remove a secret by its id, as `show` lists it
    RemoveSecret {
        client_id: String,
        secret_id: String,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Name for people, as the consent page shows it
    name: String,
    /// Identifier; absent means that one is made
    #[arg(long)]
    client_id: Option<String>,
    /// Method of authentication: client_secret_basic, client_secret_post, private_key_jwt, none
    #[arg(long, default_value = "client_secret_basic", value_parser = method)]
    auth: ClientAuthenticationMethod,
    /// Grants; absent means authorization_code and refresh_token with a redirect URI, else client_credentials
    #[arg(long = "grant", value_delimiter = ',', value_parser = grant)]
    grants: Vec<GrantType>,
    /// Where a person's browser may return to
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// The most that it may be granted
    #[arg(long)]
    scope: String,
    /// FHIR bases that its tokens open; each must be a registered resource server
    #[arg(long = "audience", value_name = "URL", required = true)]
    audiences: Vec<String>,
    #[command(flatten)]
    rights: RightsArgs,
    /// Its public keys, a JWK set, or the https URL where they are fetched
    #[arg(long, value_name = "FILE|URL")]
    jwks: Option<String>,
    /// What its assertions are addressed to: issuer (RFC 10070), token_endpoint (older libraries)
    #[arg(long, default_value = "issuer", value_parser = assertion_audience)]
    assertion_audience: AssertionAudience,
    /// What its assertions may be signed with; absent means any of EdDSA, ES256, ES384, RS256, RS384, PS256
    #[arg(long = "assertion-alg", value_name = "ALG", value_delimiter = ',', value_parser = algorithm)]
    assertion_algs: Vec<Algorithm>,
    /// The family of standards that it follows
    #[arg(long, default_value = "baseline", value_parser = profile)]
    profile: Profile,
    /// Refuse its authorization requests unless they are pushed (RFC 9126)
    #[arg(long)]
    require_par: bool,
    /// Life of its access tokens, where it differs
    #[arg(long, value_name = "SECONDS")]
    access_token_lifetime_s: Option<i64>,
    /// From when on its secret is refused (2027-01-31T00:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = time)]
    secret_expires: Option<Timestamp>,
    /// A remark for operators
    #[arg(long)]
    note: Option<String>,
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
    match act {
        // It needs no party: the private key stays where the client is.
        Act::Keygen(args) => keygen::run(&args)?,
        Act::Registered(act) => registered(act, &shell).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn registered(act: Registered, shell: &Shell) -> anyhow::Result<()> {
    let output = shell.output;
    let admin = shell.administration().await?;
    match act {
        Registered::Add(add) => self::add(*add, &admin, output).await?,
        Registered::List => list(&admin, output).await?,
        Registered::Show { client_id } => show(&client_id, &admin, output).await?,
        Registered::Change(change) => client_change::run(*change, &admin, output).await?,
        Registered::Disable { client_id } => {
            admin.set_client_disabled(&client_id, true).await?;
            done(output, &client_id, "disabled")?;
        }
        Registered::Enable { client_id } => {
            admin.set_client_disabled(&client_id, false).await?;
            done(output, &client_id, "enabled")?;
        }
        Registered::Revoke { client_id } => {
            admin.revoke_tokens_of_client(&client_id).await?;
            done(output, &client_id, "revoked")?;
        }
        Registered::Remove { client_id } => {
            admin.delete_client(&client_id).await?;
            done(output, &client_id, "removed")?;
        }
        Registered::AddSecret {
            client_id,
            name,
            expires,
        } => {
            let new = NewClientSecret { name, expires };
            let (stored, secret) = admin.add_client_secret(&client_id, new).await?;
            let shown = json!({ "client_id": client_id, "secret_id": stored.id });
            output.with_secret(shown, "client_secret", Some(&secret))?;
        }
        Registered::RotateSecret {
            client_id,
            name,
            overlap_days,
            expires,
        } => {
            let new = NewClientSecret { name, expires };
            let overlap = SignedDuration::from_hours(24 * i64::from(overlap_days));
            let rotated = admin.rotate_client_secret(&client_id, new, overlap);
            let (stored, secret) = rotated.await?;
            let shown = json!({ "client_id": client_id, "secret_id": stored.id });
            output.with_secret(shown, "client_secret", Some(&secret))?;
        }
        Registered::RemoveSecret {
            client_id,
            secret_id,
        } => {
            admin.delete_client_secret(&client_id, &secret_id).await?;
            done(output, &client_id, "secret removed")?;
        }
    }
    Ok(())
}

async fn add(add: Add, admin: &Administration, output: Output) -> anyhow::Result<()> {
    if client_warnings::needs_redirect_uri(add.auth, &add.redirect_uris) {
        bail!("--auth none is a public client, which only signs people in: give --redirect-uri");
    }
    let (jwks, jwks_uri) = keys(add.jwks.as_deref(), add.auth)?;
    let grant_types = match (add.grants, add.redirect_uris.is_empty()) {
        (given, _) if !given.is_empty() => given,
        (_, true) => vec![GrantType::ClientCredentials],
        (_, false) => vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
    };
    let new = NewClient {
        client_id: add.client_id,
        name: add.name,
        authentication: add.auth,
        assertion_audience: add.assertion_audience,
        protocol: Protocol {
            profile: add.profile,
            assertion_algorithms: add.assertion_algs,
            require_pushed_authorization_requests: add.require_par,
            ..Protocol::default()
        },
        grant_types,
        redirect_uris: add.redirect_uris,
        scope: add.scope,
        audiences: add.audiences,
        rights: add.rights.into(),
        jwks,
        jwks_uri,
        access_token_lifetime_s: add.access_token_lifetime_s,
        note: add.note,
    };
    let secret = NewClientSecret {
        name: "first".to_owned(),
        expires: add.secret_expires,
    };
    let (client, secret) = admin.add_client(new, secret).await?;
    for text in client_warnings::useless(&client) {
        eprintln!("warning: {text}");
    }
    output.with_secret_in(
        without_keys(shown(&ClientView::from(&client))?, output),
        "client_secret",
        secret.as_ref(),
        add.secret_out.as_deref(),
    )
}

/// A JWK set out of a file, or the URL of one.
fn keys(
    given: Option<&str>,
    method: ClientAuthenticationMethod,
) -> anyhow::Result<(Option<String>, Option<String>)> {
    let signs = method == ClientAuthenticationMethod::PrivateKeyJwt;
    match given {
        None if signs => bail!("--auth private_key_jwt needs --jwks FILE or --jwks https://…"),
        None => Ok((None, None)),
        Some(_) if !signs => bail!("--jwks is for --auth private_key_jwt"),
        Some(url) if url.starts_with("https://") => Ok((None, Some(url.to_owned()))),
        Some(file) => {
            let text =
                std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
            Ok((Some(text), None))
        }
    }
}

async fn list(admin: &Administration, output: Output) -> anyhow::Result<()> {
    let clients = all_shown(&admin.clients().await?, |client| ClientView::from(client))?;
    let columns = [
        "client_id",
        "name",
        "auth",
        "assertion_audience",
        "scope",
        "organization",
        "jurisdictions",
        "facilities",
        "disabled",
    ];
    output.list(&columns, &clients)
}

async fn show(client_id: &str, admin: &Administration, output: Output) -> anyhow::Result<()> {
    let client = admin.client(client_id).await?;
    let mut shown = without_keys(shown(&ClientView::from(&client))?, output);
    let secrets = admin.client_secrets(client_id).await?;
    let secrets = secrets.iter().map(|secret| match secret.expires {
        Some(expires) => format!("{} ({}, until {expires})", secret.id, secret.name),
        None => format!("{} ({})", secret.id, secret.name),
    });
    if let Some(members) = shown.as_object_mut() {
        members.insert("secrets".to_owned(), secrets.collect());
    }
    output.one(&shown)
}

/// A key set is for programs: people are shown the rest.
pub(super) fn without_keys(mut shown: serde_json::Value, output: Output) -> serde_json::Value {
    if let (Output::Text, Some(members)) = (output, shown.as_object_mut()) {
        members.remove("jwks");
    }
    shown
}

fn done(output: Output, client_id: &str, what: &str) -> anyhow::Result<()> {
    let object = json!({ "client_id": client_id, "result": what });
    output.done(&object, &format!("client {client_id}: {what}"))
}

pub(super) fn method(name: &str) -> Result<ClientAuthenticationMethod, String> {
    ClientAuthenticationMethod::parse(name).ok_or_else(|| {
        "use client_secret_basic, client_secret_post, private_key_jwt or none".to_owned()
    })
}

pub(super) fn grant(name: &str) -> Result<GrantType, String> {
    GrantType::parse(name)
        .ok_or_else(|| "use authorization_code, client_credentials or refresh_token".to_owned())
}

pub(super) fn profile(name: &str) -> Result<Profile, String> {
    Profile::parse(name).ok_or_else(|| "use baseline".to_owned())
}

pub(super) fn assertion_audience(name: &str) -> Result<AssertionAudience, String> {
    AssertionAudience::parse(name).ok_or_else(|| "use issuer or token_endpoint".to_owned())
}
