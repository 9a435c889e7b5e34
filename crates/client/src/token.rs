//! Tokens of the API user: one per peer and audience, renewed before they expire, asked for once
//! however many wait. RFC 6749 section 4.4 (it gives no refresh token), RFC 8707.

use std::sync::Arc;

use metrics::counter;
use oauth::Random;
use oauth::scope::Scope;
use oauth::secret::Secret;
use outbound::{Outbound, Purpose, Response};
use storage::Clock;

use crate::config::{Credentials, FhirBase, Peer, Registration};
use crate::discovery::Discovery;
use crate::flight::{Flights, Kept};
use crate::patience;
use crate::token_request::{self, Caller, Granted, TokenError};

/// An access token of ours and what it is good for. Clones share the secret.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// What goes into the Authorization header.
    pub(crate) secret: Arc<Secret>,
    /// The one audience it was asked for.
    pub audience: FhirBase,
    /// What was granted.
    pub scope: Scope,
    /// When it ends.
    pub expires_at: jiff::Timestamp,
}

impl AccessToken {
    pub(crate) fn new(granted: Granted, audience: &FhirBase) -> Self {
        Self {
            secret: Arc::new(granted.access_token),
            audience: audience.clone(),
            scope: granted.scope,
            expires_at: granted.expires_at,
        }
    }

    /// The token itself, for a caller that makes its own request. It goes to its audience only.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.secret.expose()
    }
}

/// The token endpoints of all peers, and the API user's tokens.
pub(crate) struct Tokens {
    party: String,
    outbound: Outbound,
    clock: Clock,
    random: Random,
    pub(crate) discovery: Discovery,
    held: Flights<AccessToken, TokenError>,
}

impl Tokens {
    pub(crate) fn new(party: String, outbound: Outbound, clock: Clock, random: Random) -> Self {
        let discovery = Discovery::new(outbound.clone(), clock.clone());
        let held = Flights::new(clock.clone());
        Self {
            party,
            outbound,
            clock,
            random,
            discovery,
            held,
        }
    }

    /// The API user's token for one audience.
    pub(crate) async fn api_token(
        &self,
        peer: &Peer,
        audience: &FhirBase,
    ) -> Result<AccessToken, TokenError> {
        let fetch = async || self.client_credentials(peer, audience).await;
        self.held.value(&key(peer, audience), fetch).await
    }

    /// Drops a token that a resource server refused, unless it has been renewed meanwhile.
    pub(crate) fn forget(&self, peer: &Peer, refused: &AccessToken) {
        self.held.forget(&key(peer, &refused.audience), |held| {
            Arc::ptr_eq(&held.secret, &refused.secret)
        });
    }

    async fn client_credentials(
        &self,
        peer: &Peer,
        audience: &FhirBase,
    ) -> Result<Kept<AccessToken>, TokenError> {
        let registration = api_registration(peer)?;
        let scope = registration.scope.to_string();
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", scope.as_str()),
            ("resource", audience.as_str()),
        ];
        let granted = self.grant(peer, registration, &form).await?;
        let until = granted.expires_at - granted.lifetime / RENEWED_IN_LAST_PART;
        Ok(Kept {
            value: AccessToken::new(granted, audience),
            until,
        })
    }

    /// One grant: the form, authenticated, and the answer.
    pub(crate) async fn grant(
        &self,
        peer: &Peer,
        registration: &Registration,
        form: &[(&str, &str)],
    ) -> Result<Granted, TokenError> {
        let asked_at = self.clock.now();
        let result = match self.post(peer, registration, Purpose::Token, form).await {
            Ok(answer) => token_request::read(&answer, &registration.scope, asked_at),
            Err(error) => Err(error),
        };
        let outcome = if result.is_ok() { "granted" } else { "failed" };
        counter!("client_token_requests_total", "party" => self.party.clone(),
            "peer" => peer.name.clone(), "outcome" => outcome)
        .increment(1);
        result
    }

    /// RFC 7009 section 2.1. The answer does not matter to what we do next.
    pub(crate) async fn revoke(
        &self,
        peer: &Peer,
        registration: &Registration,
        token: &Secret,
    ) -> Result<(), TokenError> {
        let form = [("token", token.expose())];
        let answer = self
            .post(peer, registration, Purpose::Revocation, &form)
            .await?;
        if answer.status == 200 {
            Ok(())
        } else {
            Err(TokenError::Unavailable {
                status: answer.status.as_u16(),
                retry_after: None,
            })
        }
    }

    async fn post(
        &self,
        peer: &Peer,
        registration: &Registration,
        purpose: Purpose,
        form: &[(&str, &str)],
    ) -> Result<Response, TokenError> {
        let endpoints = self.discovery.endpoints(&peer.issuer).await?;
        let endpoint = match purpose {
            Purpose::Revocation => endpoints.revocation.as_ref().ok_or(TokenError::Malformed(
                "the issuer has no revocation endpoint",
            ))?,
            _ => &endpoints.token,
        };
        let caller = Caller {
            issuer: &peer.issuer,
            endpoint,
            registration,
        };
        let request = || caller.request(purpose, form, &self.random, self.clock.now());
        patience::send(&self.outbound, false, request).await
    }
}

/// The registration of the API user; a public client cannot use this grant (RFC 6749 section 4.4).
fn api_registration(peer: &Peer) -> Result<&Registration, TokenError> {
    match &peer.api {
        Some(found) if !matches!(found.credentials, Credentials::Public) => Ok(found),
        Some(_) => Err(TokenError::Credentials(
            "a public client cannot be an API user".into(),
        )),
        None => Err(TokenError::Credentials(format!(
            "no API client for {}",
            peer.name
        ))),
    }
}

fn key(peer: &Peer, audience: &FhirBase) -> String {
    format!("{} {audience}", peer.name)
}

/// A token is renewed in the last fifth of its life: nobody waits while it still works, and one
/// that lives seconds is not renewed all the time.
const RENEWED_IN_LAST_PART: i32 = 5;
