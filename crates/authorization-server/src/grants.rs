//! The grants: each turns a token request into data that one transaction then decides on.

mod authorization_code;
mod client_credentials;
mod refresh_token;

use jiff::{SignedDuration, Timestamp};
use oauth::{Error, ErrorCode, Parameters, Scope, Secret};
use storage::Transaction;

use crate::AuthorizationServer;
use crate::registration::{Client, GrantType};

/// A token request of an authenticated client, with everything computed that needs no database.
pub(crate) struct Prepared {
    /// Goes into the transaction; holds hashes only.
    pub(crate) grant: Grant,
    /// Goes into the answer.
    pub(crate) access_token: Secret,
    /// Goes into the answer if the grant gives one.
    pub(crate) refresh_token: Option<Secret>,
}

/// What a transaction redeems.
pub(crate) enum Grant {
    AuthorizationCode(authorization_code::Redemption),
    ClientCredentials(client_credentials::Redemption),
    RefreshToken(refresh_token::Redemption),
}

/// What was granted.
#[derive(Debug, Clone)]
pub(crate) struct Granted {
    pub(crate) scope: Scope,
    pub(crate) audiences: Vec<String>,
    pub(crate) lifetime: SignedDuration,
    pub(crate) subject: String,
    pub(crate) refreshable: bool,
}

/// Reads the request's grant.
///
/// # Errors
/// `unsupported_grant_type`, `unauthorized_client`, or what the grant says.
pub(crate) fn prepare(
    server: &AuthorizationServer,
    client: &Client,
    parameters: &Parameters,
) -> Result<Prepared, Error> {
    let name = parameters.require("grant_type")?;
    // RFC 9700 section 2.4: the password grant is not there, like any other that is not listed.
    let grant_type = GrantType::parse(name).ok_or_else(|| {
        Error::new(
            ErrorCode::UnsupportedGrantType,
            "this server has no such grant",
        )
    })?;
    if !client.grant_types.contains(&grant_type) {
        return Err(Error::new(
            ErrorCode::UnauthorizedClient,
            "the client is not registered for this grant",
        ));
    }
    match grant_type {
        GrantType::AuthorizationCode => authorization_code::prepare(server, client, parameters),
        GrantType::ClientCredentials => client_credentials::prepare(server, client, parameters),
        GrantType::RefreshToken => refresh_token::prepare(server, client, parameters),
    }
}

impl Grant {
    /// Decides and stores. A refusal is an answer: what it consumed stays consumed.
    pub(crate) async fn redeem(
        &self,
        tx: &mut Transaction<'_>,
    ) -> Result<Result<Granted, Error>, storage::Error> {
        match self {
            Self::AuthorizationCode(redemption) => redemption.redeem(tx).await,
            Self::ClientCredentials(redemption) => redemption.redeem(tx).await,
            Self::RefreshToken(redemption) => redemption.redeem(tx).await,
        }
    }
}

/// The `scope` parameter, if there is one.
fn requested_scope(parameters: &Parameters) -> Result<Option<Scope>, Error> {
    parameters.get("scope").map(Scope::parse).transpose()
}

/// What is asked for as far as it is allowed; all that is allowed if nothing is asked for (RFC 6749
/// section 3.3).
fn granted_scope(requested: Option<&Scope>, allowed: &Scope) -> Result<Scope, Error> {
    let granted = match requested {
        Some(requested) => Scope::granted(requested, allowed),
        None => allowed.clone(),
    };
    if granted.is_empty() {
        return Err(Error::new(
            ErrorCode::InvalidScope,
            "nothing of the requested scope may be granted",
        ));
    }
    Ok(granted)
}

/// When a token issued now expires: by the registration or the server's setting, never after `latest`.
fn expiry(server: &AuthorizationServer, client: &Client, now: Timestamp) -> Timestamp {
    now + client
        .access_token_lifetime
        .unwrap_or(server.config().lifetimes.access_token)
}

fn invalid_grant(description: &'static str) -> Error {
    Error::new(ErrorCode::InvalidGrant, description)
}

#[cfg(test)]
mod tests;
