//! Table `signing_key`.

use jiff::Timestamp;
use oauth::jose::Algorithm;
use storage::{Db, Error, Row, Transaction, Value};

use super::unreadable;

/// A key as it is stored: its private part sealed.
#[derive(Debug, Clone)]
pub(crate) struct StoredKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    /// As it is published.
    pub(crate) public_jwk: String,
    /// Empty once it signs no more.
    pub(crate) sealed: Vec<u8>,
    pub(crate) created: Timestamp,
    pub(crate) active: Timestamp,
    pub(crate) retiring: Option<Timestamp>,
    pub(crate) retired: Option<Timestamp>,
}

/// All keys, oldest first.
pub(crate) async fn all(db: &Db) -> Result<Vec<StoredKey>, Error> {
    db.select(ALL, vec![], read).await
}

/// One key.
pub(crate) async fn find(db: &Db, kid: &str) -> Result<Option<StoredKey>, Error> {
    // A key of ours never holds NUL, and a text column cannot be asked for it.
    if kid.contains('\0') {
        return Ok(None);
    }
    db.find(FIND, &[kid.into()], read).await
}

/// The key that signs with this algorithm now.
pub(crate) async fn active(
    db: &Db,
    algorithm: Algorithm,
    now: Timestamp,
) -> Result<Option<StoredKey>, Error> {
    db.find(ACTIVE, &[algorithm.as_str().into(), now.into()], read)
        .await
}

/// The newest key of an algorithm: the one without an end.
pub(crate) async fn open(
    tx: &mut Transaction<'_>,
    algorithm: Algorithm,
) -> Result<Option<StoredKey>, Error> {
    tx.find(OPEN, &[algorithm.as_str().into()], read).await
}

/// Adds a key; `false` if there is one without an end already, made by another node.
pub(crate) async fn insert(tx: &mut Transaction<'_>, key: &StoredKey) -> Result<bool, Error> {
    let parameters: [Value; 8] = [
        key.kid.as_str().into(),
        key.algorithm.as_str().into(),
        key.public_jwk.as_str().into(),
        key.sealed.as_slice().into(),
        key.created.into(),
        key.active.into(),
        key.retiring.into(),
        key.retired.into(),
    ];
    Ok(tx.execute(INSERT, &parameters).await? == 1)
}

/// Gives a key its end, once: `false` if it has one already.
pub(crate) async fn close(
    tx: &mut Transaction<'_>,
    kid: &str,
    retiring: Timestamp,
    retired: Timestamp,
) -> Result<bool, Error> {
    let parameters = [retiring.into(), retired.into(), kid.into()];
    Ok(tx.execute(CLOSE, &parameters).await? == 1)
}

/// Ends every key of an algorithm now: none of them signs or is published any more.
pub(crate) async fn retire_all(
    tx: &mut Transaction<'_>,
    algorithm: Algorithm,
    now: Timestamp,
) -> Result<u64, Error> {
    let parameters = [now.into(), algorithm.as_str().into()];
    tx.execute(RETIRE_ALL, &parameters).await
}

/// Empties the private parts of keys that sign no more, and removes keys retired before `forgotten`.
pub(crate) async fn erase(
    tx: &mut Transaction<'_>,
    now: Timestamp,
    forgotten: Timestamp,
) -> Result<(), Error> {
    let parameters: [Value; 2] = [Value::Bytes(Vec::new()), now.into()];
    tx.execute(ERASE, &parameters).await?;
    tx.execute(FORGET, &[forgotten.into()]).await?;
    Ok(())
}

/// Retires a key that signs no more before its time; `false` if there is none such.
pub(crate) async fn retire(
    tx: &mut Transaction<'_>,
    kid: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let parameters = [now.into(), kid.into()];
    Ok(tx.execute(RETIRE, &parameters).await? == 1)
}

fn read(row: &Row<'_>) -> Result<StoredKey, Error> {
    Ok(StoredKey {
        kid: row.text(0)?,
        algorithm: Algorithm::parse(&row.text(1)?)
            .ok_or_else(|| unreadable("signing_key.algorithm"))?,
        public_jwk: row.text(2)?,
        sealed: row.bytes(3)?,
        created: row.timestamp(4)?,
        active: row.timestamp(5)?,
        retiring: row.optional_timestamp(6)?,
        retired: row.optional_timestamp(7)?,
    })
}

const ALL: &str = "SELECT kid, algorithm, public_jwk, private_key, created_ms, active_ms, \
    retiring_ms, retired_ms FROM signing_key ORDER BY active_ms, created_ms, kid";
const FIND: &str = "SELECT kid, algorithm, public_jwk, private_key, created_ms, active_ms, \
    retiring_ms, retired_ms FROM signing_key WHERE kid = $1";
const ACTIVE: &str = "SELECT kid, algorithm, public_jwk, private_key, created_ms, active_ms, \
    retiring_ms, retired_ms FROM signing_key WHERE algorithm = $1 AND active_ms <= $2 \
    AND (retiring_ms IS NULL OR retiring_ms > $2) ORDER BY active_ms DESC LIMIT 1";
const OPEN: &str = "SELECT kid, algorithm, public_jwk, private_key, created_ms, active_ms, \
    retiring_ms, retired_ms FROM signing_key WHERE algorithm = $1 AND retiring_ms IS NULL";
const INSERT: &str = "INSERT INTO signing_key (kid, algorithm, public_jwk, private_key, created_ms, \
    active_ms, retiring_ms, retired_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
    ON CONFLICT DO NOTHING";
const CLOSE: &str = "UPDATE signing_key SET retiring_ms = $1, retired_ms = $2 \
    WHERE kid = $3 AND retiring_ms IS NULL";
const RETIRE_ALL: &str = "UPDATE signing_key SET retiring_ms = $1, retired_ms = $1 \
    WHERE algorithm = $2 AND (retired_ms IS NULL OR retired_ms > $1)";
const ERASE: &str =
    "UPDATE signing_key SET private_key = $1 WHERE retiring_ms <= $2 AND private_key <> $1";
const FORGET: &str = "DELETE FROM signing_key WHERE retired_ms <= $1";
const RETIRE: &str = "UPDATE signing_key SET retired_ms = $1 \
    WHERE kid = $2 AND retiring_ms <= $1 AND retired_ms > $1";
