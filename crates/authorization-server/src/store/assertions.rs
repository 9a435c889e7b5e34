//! Table `assertion_jti`: client assertions already used (RFC 7523 section 3, point 7).

use jiff::Timestamp;
use oauth::SecretHash;
use storage::{Error, Transaction};

/// A verified assertion that has not been recorded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assertion {
    /// Whose it is; a `jti` is unique per client.
    pub(crate) client_id: String,
    /// SHA-256 of the `jti`: its length is the client's choice, the row's is not.
    pub(crate) jti_hash: SecretHash,
    /// Until when it could be accepted once more.
    pub(crate) expires: Timestamp,
}

/// Records the assertion; `false` if it was used before.
pub(crate) async fn record(tx: &mut Transaction<'_>, assertion: &Assertion) -> Result<bool, Error> {
    let parameters = [
        assertion.client_id.as_str().into(),
        assertion.jti_hash.as_bytes().as_slice().into(),
        assertion.expires.into(),
    ];
    Ok(tx.execute(RECORD, &parameters).await? == 1)
}

const RECORD: &str = "INSERT INTO assertion_jti (client_id, jti_hash, expires_ms) \
    VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
