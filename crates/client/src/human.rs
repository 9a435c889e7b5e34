//! The human user's sign-in at a peer: authorization code with PKCE (RFC 6749 section 4.1,
//! RFC 7636), `iss` checked (RFC 9207), one token per audience (RFC 8707 section 2.2), the second
//! by the refresh token (RFC 6749 section 6).

use metrics::counter;
use oauth::form::Parameters;
use oauth::pkce::CodeVerifier;
use oauth::secret::Secret;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::Client;
use crate::config::{FhirBase, Peer, Registration};
use crate::discovery::{DiscoveryError, Endpoints};
use crate::session::Session;
use crate::text;
use crate::token::AccessToken;
use crate::token_request::TokenError;

/// A sign-in under way: what must be remembered until the browser comes back. It is secret (the
/// verifier) and belongs to one browser.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingLogin {
    /// The peer's name.
    pub peer: String,
    client_id: String,
    /// 256 bits that nobody can guess, RFC 6749 section 10.10.
    state: String,
    code_verifier: String,
    redirect_uri: String,
}

/// Why a sign-in came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// No peer of that name with a registration for human users.
    #[error("no human client for the peer {0:?}")]
    UnknownPeer(String),
    /// The peer's endpoints are not known, or it has no authorization endpoint.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The issuer takes no human users.
    #[error("the issuer has no authorization endpoint")]
    NoAuthorizationEndpoint,
    /// The answer was not well-formed.
    #[error("the answer of the authorization server cannot be used: {0}")]
    Malformed(&'static str),
    /// The answer belongs to another sign-in: stale, or forged (RFC 6749 section 10.12).
    #[error("the answer belongs to another sign-in")]
    State,
    /// The answer comes from another issuer than the one asked (mix-up, RFC 9207 section 2.4).
    #[error("the answer comes from another authorization server")]
    Issuer,
    /// The person or the peer said no (RFC 6749 section 4.1.2.1).
    #[error("the sign-in was refused: {code}")]
    Denied {
        /// The error code, such as `access_denied`.
        code: String,
        /// The peer's words, shortened.
        description: Option<String>,
    },
    /// The code could not be exchanged.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl Client {
    /// Begins a sign-in: where to send the browser, and what to remember until it returns.
    /// `redirect_uri` replaces the registered one for an application on loopback, whose port is
    /// known only now (RFC 8252 section 7.3).
    ///
    /// # Errors
    /// When the peer is unknown or its metadata cannot be had.
    pub async fn begin_login(
        &self,
        peer: &str,
        redirect_uri: Option<Url>,
    ) -> Result<(Url, PendingLogin), LoginError> {
        let (peer, registration) = self.human(peer, redirect_uri.is_some())?;
        let endpoints = self.tokens().discovery.endpoints(&peer.issuer).await?;
        let endpoint = endpoints.authorization.as_ref();
        let mut url = endpoint.ok_or(LoginError::NoAuthorizationEndpoint)?.clone();
        let redirect_uri = redirect_uri
            .or_else(|| registration.redirect_uri.clone())
            .ok_or(LoginError::Malformed("no redirect URI is configured"))?;
        let verifier = CodeVerifier::generate(self.random());
        let state = Secret::generate(self.random()).expose().to_owned();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &registration.client_id)
            .append_pair("redirect_uri", redirect_uri.as_str())
            .append_pair("scope", &registration.scope.to_string())
            .append_pair("state", &state)
            .append_pair("code_challenge", verifier.challenge().as_str())
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(
                peer.audiences()
                    .map(|audience| ("resource", audience.as_str())),
            );
        let code_verifier = verifier.expose().to_owned();
        let (peer, client_id) = (peer.name.clone(), registration.client_id.clone());
        let redirect_uri = redirect_uri.into();
        Ok((
            url,
            PendingLogin {
                peer,
                client_id,
                state,
                code_verifier,
                redirect_uri,
            },
        ))
    }

    /// Ends a sign-in with the query of the browser's return. Takes the pending sign-in: it counts
    /// once.
    ///
    /// # Errors
    /// When the answer is not this sign-in's, not this issuer's, or a refusal; or when its code
    /// gives no token.
    pub async fn finish_login(
        &self,
        pending: PendingLogin,
        query: &str,
    ) -> Result<Session, LoginError> {
        let result = self.exchange_code(pending, query).await;
        let outcome = if result.is_ok() {
            "signed_in"
        } else {
            "failed"
        };
        counter!("client_logins_total", "party" => self.party().to_owned(), "outcome" => outcome)
            .increment(1);
        result
    }

    /// A token of the session for one audience, renewed if need be.
    ///
    /// # Errors
    /// When none is held and none can be had.
    pub async fn user_token(
        &self,
        session: &mut Session,
        audience: &FhirBase,
    ) -> Result<AccessToken, TokenError> {
        if let Some(token) = session.usable(audience, self.clock().now()) {
            return Ok(token);
        }
        let (peer, registration) = self.of_session(session)?;
        // Presented once and never again (RFC 9700 section 4.14.2): even when the answer is lost,
        // a second use could be taken for theft.
        let refresh_token = session
            .take_refresh_token()
            .ok_or(TokenError::NoRefreshToken)?;
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose()),
            ("resource", audience.as_str()),
        ];
        match self.tokens().grant(peer, registration, &form).await {
            Ok(granted) => session.add(granted, audience, Some(refresh_token)),
            Err(error) => {
                if was_not_presented(&error) {
                    session.keep_refresh_token(refresh_token);
                }
                return Err(error);
            }
        }
        session
            .usable(audience, self.clock().now())
            .ok_or(TokenError::Malformed("an expired token"))
    }

    /// Revokes every token of a session at its peer, RFC 7009. What could not be revoked ends by
    /// itself; the session is gone here either way.
    ///
    /// # Errors
    /// The first failure; the other tokens are still tried.
    pub async fn sign_out(&self, session: Session) -> Result<(), TokenError> {
        let (peer, registration) = self.of_session(&session)?;
        let mut result = Ok(());
        for secret in session.secrets() {
            let revoked = self.tokens().revoke(peer, registration, secret).await;
            result = result.and(revoked);
        }
        result
    }

    async fn exchange_code(
        &self,
        pending: PendingLogin,
        query: &str,
    ) -> Result<Session, LoginError> {
        let unknown = || LoginError::UnknownPeer(text::shortened(&pending.peer, LONGEST_NAME));
        let peer = self.peer(&pending.peer).ok_or_else(unknown)?;
        let registration = peer.registration(&pending.client_id).ok_or_else(unknown)?;
        let endpoints = self.tokens().discovery.endpoints(&peer.issuer).await?;
        let code = checked_code(query, &pending, peer, &endpoints)?;
        let audience = peer.audiences().next().unwrap_or(&peer.fhir);
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", &pending.redirect_uri),
            ("code_verifier", &pending.code_verifier),
            ("resource", audience.as_str()),
        ];
        let granted = self.tokens().grant(peer, registration, &form).await?;
        let mut session = Session::new(peer, registration);
        session.add(granted, audience, None);
        Ok(session)
    }

    fn human(&self, name: &str, native: bool) -> Result<(&Peer, &Registration), LoginError> {
        let unknown = || LoginError::UnknownPeer(text::shortened(name, LONGEST_NAME));
        let peer = self.peer(name).ok_or_else(unknown)?;
        let native = peer.native.as_ref().filter(|_| native);
        Ok((peer, native.or(peer.human.as_ref()).ok_or_else(unknown)?))
    }

    fn of_session(&self, session: &Session) -> Result<(&Peer, &Registration), TokenError> {
        self.peer(&session.peer)
            .and_then(|peer| Some((peer, session.registration(peer)?)))
            .ok_or_else(|| TokenError::Credentials("the peer's settings have changed".into()))
    }
}

/// The code out of the authorization response. `state` first, then `iss`, then whether it is an
/// error: nothing in a forged answer may be acted on or shown.
fn checked_code(
    query: &str,
    pending: &PendingLogin,
    peer: &Peer,
    endpoints: &Endpoints,
) -> Result<Secret, LoginError> {
    let answer = Parameters::parse(query.as_bytes())
        .map_err(|_| LoginError::Malformed("not a well-formed query"))?;
    let state = answer.get("state").ok_or(LoginError::State)?;
    // In constant time: the comparison must not tell how much of a guess is right.
    if Secret::received(state.to_owned()).hash() != Secret::received(pending.state.clone()).hash() {
        return Err(LoginError::State);
    }
    match answer.get("iss") {
        Some(iss) if iss != peer.issuer.as_str() => return Err(LoginError::Issuer),
        // RFC 9207 section 2.4: who promised it must send it.
        None if endpoints.sends_iss => return Err(LoginError::Issuer),
        _ => {}
    }
    if let Some(code) = answer.get("error") {
        let description = answer.get("error_description");
        return Err(LoginError::Denied {
            code: text::shortened(code, LONGEST_NAME),
            description: description.map(|d| text::shortened(d, text::LONGEST)),
        });
    }
    let code = answer
        .get("code")
        .ok_or(LoginError::Malformed("neither code nor error"))?;
    Ok(Secret::received(code.to_owned()))
}

/// Whether the peer certainly saw nothing of the request.
fn was_not_presented(error: &TokenError) -> bool {
    match error {
        TokenError::Discovery(_) | TokenError::Credentials(_) => true,
        TokenError::Outbound(error) => error.is_before_sending(),
        // A server that says it is busy has not consumed anything.
        TokenError::Unavailable { status, .. } => matches!(status, 429 | 503),
        _ => false,
    }
}

const LONGEST_NAME: usize = 60;
