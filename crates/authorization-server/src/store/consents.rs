//! Table `consent`: what people are not asked again.

use jiff::Timestamp;
use oauth::{Scope, SecretHash};
use storage::{Db, Error, Transaction, Value};

use super::revocations::GrantEntry;
use super::scope;

/// Whose consent to what.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) user_id: String,
    pub(crate) client_id: String,
    /// Of all that was shown.
    pub(crate) what: SecretHash,
}

pub(crate) async fn is_remembered(db: &Db, key: &Key, now: Timestamp) -> Result<bool, Error> {
    let [user_id, client_id, what] = key.values();
    let parameters = [user_id, client_id, what, now.into()];
    let found = db.find(FIND, &parameters, |row| row.timestamp(0));
    Ok(found.await?.is_some())
}

/// Acts on a consent: `false` when it has been withdrawn or is too old. Whoever withdraws it waits for us, or we
/// for him, on the row: what is issued in the same transaction is seen by the withdrawal, or not issued.
pub(crate) async fn act_on(
    tx: &mut Transaction<'_>,
    key: &Key,
    now: Timestamp,
) -> Result<bool, Error> {
    let [user_id, client_id, what] = key.values();
    let parameters = [now.into(), user_id, client_id, what];
    Ok(tx.execute(ACT_ON, &parameters).await? == 1)
}

/// Remembers a consent, or that it was given again.
pub(crate) async fn remember(
    tx: &mut Transaction<'_>,
    key: &Key,
    scope: &Scope,
    now: Timestamp,
    expires: Timestamp,
) -> Result<(), Error> {
    let [user_id, client_id, what] = key.values();
    let scope = scope.to_string();
    let parameters = [
        user_id,
        client_id,
        what,
        scope.into(),
        now.into(),
        now.into(),
        expires.into(),
    ];
    tx.execute(REMEMBER, &parameters).await.map(|_| ())
}

/// Takes back all that a person allowed a client; `false` if there was nothing.
pub(crate) async fn forget(
    tx: &mut Transaction<'_>,
    user_id: &str,
    client_id: &str,
) -> Result<bool, Error> {
    let parameters = [user_id.into(), client_id.into()];
    Ok(tx.execute(FORGET, &parameters).await? > 0)
}

/// Takes back all that a person allowed anybody.
pub(crate) async fn forget_all(tx: &mut Transaction<'_>, user_id: &str) -> Result<(), Error> {
    tx.execute(FORGET_ALL, &[user_id.into()]).await.map(|_| ())
}

/// What a person is not asked again, latest first.
pub(crate) async fn of_user(
    db: &Db,
    user_id: &str,
    now: Timestamp,
) -> Result<Vec<GrantEntry>, Error> {
    let parameters: Vec<Value> = vec![user_id.into(), now.into()];
    db.select(OF_USER, parameters, |row| {
        Ok(GrantEntry {
            client_id: row.text(0)?,
            client_name: row.text(1)?,
            client_organization: row.optional_text(2)?,
            scope: scope(&row.text(3)?)?,
            given: row.timestamp(4)?,
            expires: row.timestamp(5)?,
        })
    })
    .await
}

impl Key {
    fn values(&self) -> [Value; 3] {
        [
            self.user_id.as_str().into(),
            self.client_id.as_str().into(),
            self.what.as_bytes().as_slice().into(),
        ]
    }
}

const FIND: &str = "SELECT given_ms FROM consent \
    WHERE user_id = $1 AND client_id = $2 AND what_hash = $3 AND expires_ms > $4";
const ACT_ON: &str = "UPDATE consent SET used_ms = $1 \
    WHERE user_id = $2 AND client_id = $3 AND what_hash = $4 AND expires_ms > $1";
const REMEMBER: &str = "INSERT INTO consent (user_id, client_id, what_hash, scope, given_ms, used_ms, expires_ms) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (user_id, client_id, what_hash) \
    DO UPDATE SET given_ms = excluded.given_ms, used_ms = excluded.used_ms, expires_ms = excluded.expires_ms";
const FORGET: &str = "DELETE FROM consent WHERE user_id = $1 AND client_id = $2";
const FORGET_ALL: &str = "DELETE FROM consent WHERE user_id = $1";
const OF_USER: &str = "SELECT s.client_id, c.name, c.organization, s.scope, s.given_ms, s.expires_ms \
    FROM consent s JOIN client c ON c.client_id = s.client_id \
    WHERE s.user_id = $1 AND s.expires_ms > $2 ORDER BY s.given_ms DESC, s.what_hash LIMIT 200";
