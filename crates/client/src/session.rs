//! What a person's sign-in left us: tokens of the human user, one per audience, and the refresh
//! token that gets the others.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use oauth::scope::Scope;
use oauth::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::config::{FhirBase, Peer, Registration};
use crate::token::AccessToken;
use crate::token_request::Granted;

/// A person signed in at a peer.
#[derive(Debug)]
pub struct Session {
    /// The peer's name.
    pub peer: String,
    /// Who issued the tokens: they are renewed and revoked nowhere else, even if the peer's
    /// settings change.
    issuer: String,
    client_id: String,
    tokens: Vec<AccessToken>,
    refresh_token: Option<Secret>,
    changed: bool,
}

impl Session {
    pub(crate) fn new(peer: &Peer, registration: &Registration) -> Self {
        Self {
            peer: peer.name.clone(),
            issuer: peer.issuer.as_str().to_owned(),
            client_id: registration.client_id.clone(),
            tokens: Vec::new(),
            refresh_token: None,
            changed: false,
        }
    }

    /// The registration that the session belongs to, unless the settings have moved on.
    pub(crate) fn registration<'a>(&self, peer: &'a Peer) -> Option<&'a Registration> {
        let same = peer.name == self.peer && peer.issuer.as_str() == self.issuer;
        peer.registration(&self.client_id).filter(|_| same)
    }

    /// The tokens held now, the newest last.
    #[must_use]
    pub fn tokens(&self) -> &[AccessToken] {
        &self.tokens
    }

    /// Whether other tokens can still be had without asking the person again.
    #[must_use]
    pub fn is_renewable(&self) -> bool {
        self.refresh_token.is_some()
    }

    /// Whether the session changed since this was last asked. A changed one must be kept: its
    /// earlier refresh token is spent.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// A token for the audience that does not end within the next moments.
    pub(crate) fn usable(&self, audience: &FhirBase, now: Timestamp) -> Option<AccessToken> {
        let until = now + SPARE;
        self.tokens
            .iter()
            .find(|t| t.audience == *audience && until < t.expires_at)
            .cloned()
    }

    /// Takes the refresh token out: it is presented once, whatever becomes of the request.
    pub(crate) fn take_refresh_token(&mut self) -> Option<Secret> {
        self.changed = true;
        self.refresh_token.take()
    }

    /// Puts a refresh token back that certainly was not presented.
    pub(crate) fn keep_refresh_token(&mut self, token: Secret) {
        self.refresh_token = Some(token);
    }

    /// Adds what was granted. Without a new refresh token the old one stays (RFC 6749 section 6).
    pub(crate) fn add(&mut self, mut granted: Granted, audience: &FhirBase, old: Option<Secret>) {
        self.refresh_token = granted.refresh_token.take().or(old);
        self.tokens.retain(|token| token.audience != *audience);
        self.tokens.push(AccessToken::new(granted, audience));
        self.changed = true;
    }

    /// Drops a token that a resource server refused.
    pub(crate) fn forget(&mut self, refused: &AccessToken) {
        self.tokens
            .retain(|token| !Arc::ptr_eq(&token.secret, &refused.secret));
        self.changed = true;
    }

    /// All secrets, the refresh token first: with it gone, no new access token can come.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.refresh_token
            .iter()
            .chain(self.tokens.iter().map(|token| token.secret.as_ref()))
    }

    /// The session as JSON, with its secrets: for a sealed cookie or a file that only its owner
    /// can read.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let tokens = self.tokens.iter().map(|token| StoredToken {
            audience: token.audience.as_str().to_owned(),
            token: token.expose().to_owned(),
            scope: token.scope.to_string(),
            expires_at_s: token.expires_at.as_second(),
        });
        let stored = Stored {
            peer: self.peer.clone(),
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            tokens: tokens.collect(),
            refresh_token: self
                .refresh_token
                .as_ref()
                .map(|token| token.expose().to_owned()),
        };
        serde_json::to_vec(&stored).unwrap_or_default()
    }

    /// Reads what [`Session::to_json`] wrote; `None` if it is something else.
    #[must_use]
    pub fn from_json(json: &[u8]) -> Option<Self> {
        let stored: Stored = serde_json::from_slice(json).ok()?;
        let tokens: Option<Vec<AccessToken>> = stored
            .tokens
            .into_iter()
            .map(|token| {
                Some(AccessToken {
                    secret: Arc::new(Secret::received(token.token)),
                    audience: FhirBase::parse(&token.audience).ok()?,
                    scope: Scope::parse(&token.scope).ok()?,
                    expires_at: Timestamp::from_second(token.expires_at_s).ok()?,
                })
            })
            .collect();
        let refresh_token = stored.refresh_token.map(Secret::received);
        Some(Self {
            peer: stored.peer,
            issuer: stored.issuer,
            client_id: stored.client_id,
            tokens: tokens?,
            refresh_token,
            changed: false,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    peer: String,
    issuer: String,
    client_id: String,
    tokens: Vec<StoredToken>,
    refresh_token: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredToken {
    audience: String,
    token: String,
    scope: String,
    expires_at_s: i64,
}

/// A token that ends while its request travels is of no use.
const SPARE: SignedDuration = SignedDuration::from_secs(2);
