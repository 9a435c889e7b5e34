//! Table `authorization_request`: what was asked for, while the person signs in and decides.

use jiff::{SignedDuration, Timestamp};
use oauth::{Scope, SecretHash};
use storage::{Db, Error, Row, Transaction};

use super::{list, list_text, scope};
use crate::assurance::AcrValues;
use crate::authorize::Wish;

/// A validated authorization request.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scope: Scope,
    pub(crate) audiences: Vec<String>,
    pub(crate) state: Option<String>,
    pub(crate) code_challenge: String,
    pub(crate) created: Timestamp,
    /// `prompt=login`: a session from before the request does not count.
    pub(crate) fresh_login: bool,
    pub(crate) wish: Wish,
    pub(crate) expires: Timestamp,
}

impl AuthorizationRequest {
    /// Whether a sign-in of this time counts for the request.
    pub(crate) fn accepts(&self, auth_time: Timestamp) -> bool {
        let fresh = !self.fresh_login || auth_time >= self.created;
        let oldest = self.wish.max_age.map(|age| self.created - age);
        fresh && oldest.is_none_or(|oldest| auth_time >= oldest)
    }
}

/// Whose a request becomes.
pub(crate) struct Claim {
    /// The handle's hash before.
    pub(crate) unclaimed: SecretHash,
    /// And after.
    pub(crate) hash: SecretHash,
    pub(crate) browser: SecretHash,
    pub(crate) now: Timestamp,
}

/// A request of this browser that has not expired; another browser's handle opens nothing.
pub(crate) async fn find(
    db: &Db,
    request: &SecretHash,
    browser: &SecretHash,
    now: Timestamp,
) -> Result<Option<AuthorizationRequest>, Error> {
    let parameters = [
        request.as_bytes().as_slice().into(),
        browser.as_bytes().as_slice().into(),
        now.into(),
    ];
    db.find(FIND, &parameters, read).await
}

/// Stores a request; without a browser, for the first that claims it.
pub(crate) async fn insert(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
    browser: Option<&SecretHash>,
    request: &AuthorizationRequest,
) -> Result<(), Error> {
    let parameters = [
        hash.as_bytes().as_slice().into(),
        browser
            .map_or(&NOBODY, SecretHash::as_bytes)
            .as_slice()
            .into(),
        request.client_id.as_str().into(),
        request.redirect_uri.as_str().into(),
        request.scope.to_string().into(),
        list_text(&request.audiences).into(),
        request.state.as_deref().into(),
        request.code_challenge.as_str().into(),
        request.fresh_login.into(),
        request.created.into(),
        request.expires.into(),
        request.wish.max_age.map(|age| age.as_secs()).into(),
        request.wish.login_hint.as_deref().into(),
        request.wish.ask_consent.into(),
        request.wish.acr_values.stored().into(),
    ];
    tx.execute(INSERT, &parameters).await.map(|_| ())
}

/// Gives a request that nobody has yet to a browser, under a new handle: `false` when there is none.
pub(crate) async fn claim(tx: &mut Transaction<'_>, claim: &Claim) -> Result<bool, Error> {
    let parameters = [
        claim.hash.as_bytes().as_slice().into(),
        claim.browser.as_bytes().as_slice().into(),
        claim.unclaimed.as_bytes().as_slice().into(),
        NOBODY.as_slice().into(),
        claim.now.into(),
    ];
    Ok(tx.execute(CLAIM, &parameters).await? == 1)
}

/// Takes a request away, once: `false` when it was taken before.
pub(crate) async fn consume(tx: &mut Transaction<'_>, hash: &SecretHash) -> Result<bool, Error> {
    Ok(tx
        .execute(CONSUME, &[hash.as_bytes().as_slice().into()])
        .await?
        == 1)
}

fn read(row: &Row<'_>) -> Result<AuthorizationRequest, Error> {
    Ok(AuthorizationRequest {
        client_id: row.text(0)?,
        redirect_uri: row.text(1)?,
        scope: scope(&row.text(2)?)?,
        audiences: list(&row.text(3)?)?,
        state: row.optional_text(4)?,
        code_challenge: row.text(5)?,
        fresh_login: row.boolean(6)?,
        created: row.timestamp(7)?,
        expires: row.timestamp(8)?,
        wish: wish(row, 9)?,
    })
}

/// Reads max_age_s, login_hint, ask_consent and acr_values, in this order.
pub(super) fn wish(row: &Row<'_>, first: usize) -> Result<Wish, Error> {
    Ok(Wish {
        max_age: row.optional_integer(first)?.map(SignedDuration::from_secs),
        login_hint: row.optional_text(first + 1)?,
        ask_consent: row.boolean(first + 2)?,
        acr_values: AcrValues::parse(row.optional_text(first + 3)?.as_deref()),
    })
}

const FIND: &str = "SELECT client_id, redirect_uri, scope, audiences, state, code_challenge, fresh_login, created_ms, \
    expires_ms, max_age_s, login_hint, ask_consent, acr_values FROM authorization_request \
    WHERE request_hash = $1 AND browser_hash = $2 AND expires_ms > $3";
const INSERT: &str = "INSERT INTO authorization_request (request_hash, browser_hash, client_id, redirect_uri, scope, \
    audiences, state, code_challenge, fresh_login, created_ms, expires_ms, max_age_s, login_hint, ask_consent, \
    acr_values) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
const CLAIM: &str = "UPDATE authorization_request SET request_hash = $1, browser_hash = $2 \
    WHERE request_hash = $3 AND browser_hash = $4 AND expires_ms > $5";
const CONSUME: &str = "DELETE FROM authorization_request WHERE request_hash = $1";
/// The hash of no cookie.
const NOBODY: [u8; 32] = [0; 32];
