//! Table `pushed_authorization_request`: authorization requests that came by the back channel (RFC 9126).

use jiff::Timestamp;
use oauth::SecretHash;
use storage::{Error, Row, Transaction};

use super::authorization_requests::wish;
use super::{list, list_text, scope};
use crate::authorize::Checked;

/// A validated authorization request of an authenticated client.
#[derive(Clone, Debug)]
pub(crate) struct PushedRequest {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) checked: Checked,
    pub(crate) expires: Timestamp,
}

/// Stores a request under the hash of its `request_uri`.
pub(crate) async fn insert(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
    request: &PushedRequest,
) -> Result<(), Error> {
    let parameters = [
        hash.as_bytes().as_slice().into(),
        request.client_id.as_str().into(),
        request.redirect_uri.as_str().into(),
        request.checked.scope.to_string().into(),
        list_text(&request.checked.audiences).into(),
        request.state.as_deref().into(),
        request.checked.code_challenge.as_str().into(),
        request.checked.fresh_login.into(),
        request.checked.silent.into(),
        request.expires.into(),
        request.checked.wish.max_age.map(|age| age.as_secs()).into(),
        request.checked.wish.login_hint.as_deref().into(),
        request.checked.wish.ask_consent.into(),
        request.checked.wish.acr_values.stored().into(),
    ];
    tx.execute(INSERT, &parameters).await.map(|_| ())
}

/// Takes a request of this client away, in one statement: of any number of callers one gets it, and
/// another client does not even use it up.
pub(crate) async fn take(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
    client_id: &str,
    now: Timestamp,
) -> Result<Option<PushedRequest>, Error> {
    let parameters = [
        hash.as_bytes().as_slice().into(),
        client_id.into(),
        now.into(),
    ];
    tx.find(TAKE, &parameters, read).await
}

fn read(row: &Row<'_>) -> Result<PushedRequest, Error> {
    Ok(PushedRequest {
        client_id: row.text(0)?,
        redirect_uri: row.text(1)?,
        state: row.optional_text(4)?,
        checked: Checked {
            scope: scope(&row.text(2)?)?,
            audiences: list(&row.text(3)?)?,
            code_challenge: row.text(5)?,
            fresh_login: row.boolean(6)?,
            silent: row.boolean(7)?,
            wish: wish(row, 9)?,
        },
        expires: row.timestamp(8)?,
    })
}

const INSERT: &str = "INSERT INTO pushed_authorization_request (request_uri_hash, client_id, redirect_uri, \
    scope, audiences, state, code_challenge, fresh_login, silent, expires_ms, \
    max_age_s, login_hint, ask_consent, acr_values) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
const TAKE: &str = "DELETE FROM pushed_authorization_request \
    WHERE request_uri_hash = $1 AND client_id = $2 AND expires_ms > $3 \
    RETURNING client_id, redirect_uri, scope, audiences, state, code_challenge, fresh_login, silent, \
    expires_ms, max_age_s, login_hint, ask_consent, acr_values";
