//! Table `authorization_code`.

use jiff::Timestamp;
use oauth::{Scope, SecretHash};
use storage::{Error, Row, Transaction};

use super::{assurance, list, list_text, scope};
use crate::assurance::Assurance;

/// An authorization code to be stored (RFC 6749 section 4.1.2).
#[derive(Debug, Clone)]
pub(crate) struct NewCode {
    pub(crate) code_hash: SecretHash,
    pub(crate) client_id: String,
    pub(crate) user_id: String,
    /// As the authorization request had it.
    pub(crate) redirect_uri: String,
    /// S256 (RFC 7636 section 4.2).
    pub(crate) code_challenge: String,
    pub(crate) scope: Scope,
    pub(crate) audiences: Vec<String>,
    /// The family that redeeming it will create.
    pub(crate) family_id: String,
    pub(crate) auth_time: Timestamp,
    /// What the sign-in proved of what was asked for.
    pub(crate) assurance: Option<Assurance>,
    pub(crate) expires: Timestamp,
}

/// A code that this transaction has used up. What is wrong with it is for the grant to say.
#[derive(Debug)]
pub(crate) struct ConsumedCode {
    pub(crate) client_id: String,
    pub(crate) user_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) code_challenge: String,
    pub(crate) scope: Scope,
    pub(crate) audiences: Vec<String>,
    pub(crate) family_id: String,
    pub(crate) auth_time: Timestamp,
    /// What the sign-in proved of what was asked for.
    pub(crate) assurance: Option<Assurance>,
    pub(crate) expires: Timestamp,
}

/// Stores a code.
pub(crate) async fn insert(tx: &mut Transaction<'_>, code: &NewCode) -> Result<(), Error> {
    let parameters = [
        code.code_hash.as_bytes().as_slice().into(),
        code.client_id.as_str().into(),
        code.user_id.as_str().into(),
        code.redirect_uri.as_str().into(),
        code.code_challenge.as_str().into(),
        code.scope.to_string().into(),
        list_text(&code.audiences).into(),
        code.family_id.as_str().into(),
        code.auth_time.into(),
        code.assurance.map(Assurance::as_str).into(),
        code.expires.into(),
    ];
    tx.execute(INSERT, &parameters).await?;
    Ok(())
}

/// Uses the code up, in one statement: of any number of callers one gets it.
pub(crate) async fn consume(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<Option<ConsumedCode>, Error> {
    tx.find(
        CONSUME,
        &[now.into(), hash.as_bytes().as_slice().into()],
        read,
    )
    .await
}

/// The family of a code that was used before.
pub(crate) async fn family_of_used(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
) -> Result<Option<String>, Error> {
    tx.find(
        FAMILY_OF_USED,
        &[hash.as_bytes().as_slice().into()],
        |row| row.text(0),
    )
    .await
}

fn read(row: &Row<'_>) -> Result<ConsumedCode, Error> {
    Ok(ConsumedCode {
        client_id: row.text(0)?,
        user_id: row.text(1)?,
        redirect_uri: row.text(2)?,
        code_challenge: row.text(3)?,
        scope: scope(&row.text(4)?)?,
        audiences: list(&row.text(5)?)?,
        family_id: row.text(6)?,
        auth_time: row.timestamp(7)?,
        assurance: assurance(row.optional_text(8)?.as_deref())?,
        expires: row.timestamp(9)?,
    })
}

const INSERT: &str = "INSERT INTO authorization_code (code_hash, client_id, user_id, redirect_uri, \
    code_challenge, scope, audiences, family_id, auth_time_ms, acr, expires_ms) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const CONSUME: &str = "UPDATE authorization_code SET used_ms = $1 \
    WHERE code_hash = $2 AND used_ms IS NULL \
    RETURNING client_id, user_id, redirect_uri, code_challenge, scope, audiences, family_id, \
    auth_time_ms, acr, expires_ms";
const FAMILY_OF_USED: &str =
    "SELECT family_id FROM authorization_code WHERE code_hash = $1 AND used_ms IS NOT NULL";
