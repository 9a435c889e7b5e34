//! `vitalgate token …`: what the party's authorization server has issued. Tokens themselves are not
//! kept; the first digits of their hash tell them apart, here and in the audit.

use std::process::ExitCode;

use authorization_server::administration::TokenEntry;
use serde_json::{Value, json};

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
    /// List access tokens that have not expired, newest first
    List {
        /// Only of this client
        #[arg(long, value_name = "CLIENT_ID")]
        client: Option<String>,
        /// Only of this person
        #[arg(long, value_name = "USERNAME")]
        user: Option<String>,
    },
    /// Show one token by its listed id (at least its first 8 digits), never its value
    Show { id: String },
    /// Revoke one token or family by its listed id, or all of a client or of a person
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Revoke {
    /// Id as listed (at least its first 8 digits), or family id
    id: Option<String>,
    /// Everything issued to this client
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Everything issued on behalf of this person
    #[arg(long, value_name = "USERNAME")]
    user: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// The registrations cannot be opened, or there is no such token, client or person.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { shell, act } = args;
    let output = shell.output;
    let admin = shell.administration().await?;
    match act {
        Act::List { client, user } => {
            let user_id = match user {
                Some(name) => Some(admin.user(&name).await?.id),
                None => None,
            };
            let tokens = admin.tokens(client.as_deref(), user_id.as_deref()).await?;
            let tokens: Vec<_> = tokens.iter().map(shown).collect();
            let columns = [
                "id",
                "client_id",
                "user_id",
                "scope",
                "audiences",
                "issued",
                "expires",
                "revoked",
            ];
            output.list(&columns, &tokens)?;
        }
        Act::Show { id } => {
            let tokens = admin.tokens(None, None).await?;
            let mut fitting = tokens
                .iter()
                .filter(|token| id.len() >= 8 && token.id.starts_with(&id));
            match (fitting.next(), fitting.next()) {
                (Some(token), None) => output.one(&shown(token))?,
                _ => anyhow::bail!("there is no such token"),
            }
        }
        Act::Revoke(Revoke { id: Some(id), .. }) => {
            admin.revoke_token(&id).await?;
            output.done(
                &json!({ "id": id, "result": "revoked" }),
                &format!("{id}: revoked"),
            )?;
        }
        Act::Revoke(Revoke {
            client: Some(client),
            ..
        }) => {
            admin.client(&client).await?;
            admin.revoke_tokens_of_client(&client).await?;
            let object = json!({ "client_id": client, "result": "revoked" });
            output.done(&object, &format!("all tokens of client {client}: revoked"))?;
        }
        Act::Revoke(Revoke { user, .. }) => {
            let user = admin.user(&user.unwrap_or_default()).await?;
            admin.revoke_tokens_of_user(&user.username).await?;
            let object = json!({ "username": user.username, "result": "revoked" });
            output.done(
                &object,
                &format!("all tokens of user {}: revoked", user.username),
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(token: &TokenEntry) -> Value {
    json!({
        "id": token.id,
        "family_id": token.family_id,
        "client_id": token.client_id,
        "user_id": token.user_id,
        "scope": token.scope.to_string(),
        "audiences": token.audiences,
        "issued": token.issued.to_string(),
        "expires": token.expires.to_string(),
        "revoked": token.revoked,
    })
}
