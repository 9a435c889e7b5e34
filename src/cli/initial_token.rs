//! `vitalgate initial-token …`: who may register clients without an operator (RFC 7591 section 1.2).

use std::process::ExitCode;

use authorization_server::administration::view::InitialAccessTokenView;
use authorization_server::administration::{Administration, NewInitialAccessToken};
use authorization_server::{ClientAuthenticationMethod, GrantType};
use jiff::SignedDuration;
use serde_json::json;

use super::client::{grant, method};
use super::output::Output;
use super::registration::{all_shown, shown};
use super::shell::{RightsArgs, Shell};

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
    /// Make a token; it is shown once. What it says holds for its clients at every later change too
    Add(Box<Add>),
    /// List all tokens, never their values
    List,
    /// Register no more clients with a token; those registered stay
    End { id: String },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Name for operators, for instance that of the partner
    name: String,
    /// The most that its clients may be granted
    #[arg(long)]
    scope: String,
    /// FHIR bases that their tokens open; each must be a registered resource server
    #[arg(long = "audience", value_name = "URL", required = true)]
    audiences: Vec<String>,
    #[command(flatten)]
    rights: RightsArgs,
    /// Methods that they may authenticate with: client_secret_basic, client_secret_post, private_key_jwt, none
    #[arg(long = "auth", value_delimiter = ',', default_value = "private_key_jwt", value_parser = method)]
    methods: Vec<ClientAuthenticationMethod>,
    /// Grants that they may use: authorization_code, client_credentials, refresh_token
    #[arg(long = "grant", value_delimiter = ',', default_value = "client_credentials", value_parser = grant)]
    grants: Vec<GrantType>,
    /// How many clients it registers
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    uses: i64,
    /// Hours until it is refused
    #[arg(long, value_name = "HOURS", default_value_t = 72)]
    expires_hours: u32,
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
        Act::Add(add) => self::add(*add, &admin, output).await?,
        Act::List => {
            let tokens = admin.initial_access_tokens().await?;
            let tokens = all_shown(&tokens, |token| InitialAccessTokenView::from(token))?;
            let columns = [
                "id",
                "name",
                "scope",
                "grants",
                "auth",
                "organization",
                "uses_left",
                "expires",
            ];
            output.list(&columns, &tokens)?;
        }
        Act::End { id } => {
            admin.end_initial_access_token(&id).await?;
            output.done(
                &json!({ "id": id, "result": "ended" }),
                &format!("initial access token {id}: ended"),
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(add: Add, admin: &Administration, output: Output) -> anyhow::Result<()> {
    let new = NewInitialAccessToken {
        name: add.name,
        methods: add.methods,
        grant_types: add.grants,
        scope: add.scope,
        audiences: add.audiences,
        rights: add.rights.into(),
        uses: add.uses,
        expires: admin.clock.now() + SignedDuration::from_hours(i64::from(add.expires_hours)),
    };
    let (token, value) = admin.add_initial_access_token(new).await?;
    let shown = shown(&InitialAccessTokenView::from(&token))?;
    output.with_secret(shown, "initial_access_token", Some(&value))
}
