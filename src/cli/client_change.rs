//! `vitalgate client change`: another registration in place of the old one, of which only what is given differs.

use anyhow::Context;
use authorization_server::administration::view::ClientView;
use authorization_server::administration::{Administration, NewClient};
use authorization_server::{AssertionAudience, Client, Protocol};
use oauth::jose::Algorithm;

use super::client::{assertion_audience, without_keys};
use super::client_warnings;
use super::key::algorithm;
use super::output::Output;
use super::registration::shown;
use super::shell::RightsChange;

#[derive(Debug, clap::Args)]
pub(super) struct Change {
    client_id: String,
    /// Name for people, as the consent page shows it
    #[arg(long)]
    name: Option<String>,
    /// The most that it may be granted
    #[arg(long)]
    scope: Option<String>,
    /// All audiences that it may have tokens for
    #[arg(long = "audience", value_name = "URL")]
    audiences: Option<Vec<String>>,
    /// All addresses that a person's browser may return to
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Option<Vec<String>>,
    #[command(flatten)]
    rights: RightsChange,
    /// Its public keys, a JWK set, or the https URL where they are fetched
    #[arg(long, value_name = "FILE|URL")]
    jwks: Option<String>,
    /// What its assertions are addressed to: issuer (RFC 10070), token_endpoint (older libraries)
    #[arg(long, value_parser = assertion_audience)]
    assertion_audience: Option<AssertionAudience>,
    /// What its assertions may be signed with
    #[arg(long = "assertion-alg", value_name = "ALG", value_delimiter = ',', value_parser = algorithm)]
    assertion_algs: Option<Vec<Algorithm>>,
    /// Refuse its authorization requests unless they are pushed (RFC 9126)
    #[arg(long, value_name = "BOOLEAN")]
    require_par: Option<bool>,
    /// Life of its access tokens
    #[arg(long, value_name = "SECONDS")]
    access_token_lifetime_s: Option<i64>,
    /// A remark for operators
    #[arg(long)]
    note: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// There is no such client, or a rule of registration is broken.
pub(super) async fn run(
    change: Change,
    admin: &Administration,
    output: Output,
) -> anyhow::Result<()> {
    let before = admin.client(&change.client_id).await?;
    let client = admin.replace_client(change.of(before)?).await?;
    for text in client_warnings::dead_words(&client.scope) {
        eprintln!("warning: {text}");
    }
    let shown = shown(&ClientView::from(&client))?;
    output.one(&without_keys(shown, output))
}

impl Change {
    fn of(self, before: Client) -> anyhow::Result<NewClient> {
        let (jwks, jwks_uri) = match self.jwks {
            None => (before.jwks, before.jwks_uri),
            Some(url) if url.starts_with("https://") => (None, Some(url)),
            Some(file) => {
                let text = std::fs::read_to_string(&file)
                    .with_context(|| format!("cannot read {file}"))?;
                (Some(text), None)
            }
        };
        let lifetime = before.access_token_lifetime.map(|time| time.as_secs());
        Ok(NewClient {
            client_id: Some(before.client_id),
            name: self.name.unwrap_or(before.name),
            authentication: before.authentication,
            assertion_audience: self.assertion_audience.unwrap_or(before.assertion_audience),
            protocol: Protocol {
                assertion_algorithms: self
                    .assertion_algs
                    .unwrap_or(before.protocol.assertion_algorithms),
                require_pushed_authorization_requests: self
                    .require_par
                    .unwrap_or(before.protocol.require_pushed_authorization_requests),
                ..before.protocol
            },
            grant_types: before.grant_types,
            redirect_uris: self.redirect_uris.unwrap_or(before.redirect_uris),
            scope: self.scope.unwrap_or_else(|| before.scope.to_string()),
            audiences: self.audiences.unwrap_or(before.audiences),
            rights: self.rights.of(before.rights),
            jwks,
            jwks_uri,
            access_token_lifetime_s: self.access_token_lifetime_s.or(lifetime),
            note: self.note.or(before.note),
        })
    }
}
