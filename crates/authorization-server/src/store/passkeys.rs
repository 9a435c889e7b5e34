//! Tables `passkey` and `passkey_ceremony`.

use jiff::Timestamp;
use oauth::SecretHash;
use storage::{Db, Error, Row, Transaction};

/// A passkey of a person.
#[derive(Clone, Debug)]
pub(crate) struct StoredPasskey {
    pub(crate) id: String,
    pub(crate) user_id: String,
    /// As the person calls it.
    pub(crate) name: String,
    /// What the library keeps of it, as JSON: no secret.
    pub(crate) credential: String,
    pub(crate) created: Timestamp,
    pub(crate) last_used: Option<Timestamp>,
}

/// What one browser was asked.
#[derive(Debug)]
pub(crate) struct StoredCeremony {
    /// Of whom, where that was said.
    pub(crate) user_id: Option<String>,
    /// What the answer is held against, as JSON.
    pub(crate) expected: String,
}

/// What a right answer makes of a passkey.
pub(crate) struct Use<'a> {
    pub(crate) id: &'a str,
    pub(crate) user_id: &'a str,
    pub(crate) credential: &'a str,
    pub(crate) sign_count: u32,
}

/// A person's passkeys, the oldest first.
pub(crate) async fn of_user(db: &Db, user_id: &str) -> Result<Vec<StoredPasskey>, Error> {
    db.select(OF_USER, vec![user_id.into()], read).await
}

pub(crate) async fn count(db: &Db, user_id: &str) -> Result<i64, Error> {
    let parameters = [user_id.into()];
    let found = db.find(COUNT, &parameters, |row| row.integer(0));
    Ok(found.await?.unwrap_or(0))
}

/// The same within a transaction.
pub(crate) async fn count_in(tx: &mut Transaction<'_>, user_id: &str) -> Result<i64, Error> {
    let parameters = [user_id.into()];
    let found = tx.find(COUNT, &parameters, |row| row.integer(0));
    Ok(found.await?.unwrap_or(0))
}

pub(crate) async fn find_by_credential(
    db: &Db,
    credential_id: &[u8],
) -> Result<Option<StoredPasskey>, Error> {
    db.find(BY_CREDENTIAL, &[credential_id.into()], read).await
}

/// Adds one; `false` when somebody has it already or the person has as many as `most`.
pub(crate) async fn insert(
    tx: &mut Transaction<'_>,
    new: &StoredPasskey,
    credential_id: &[u8],
    most: i64,
) -> Result<bool, Error> {
    let parameters = [
        new.id.as_str().into(),
        new.user_id.as_str().into(),
        credential_id.into(),
        new.name.as_str().into(),
        new.credential.as_str().into(),
        new.created.into(),
    ];
    // Beyond the limit by as many as come at the same moment, at most.
    if count_in(tx, &new.user_id).await? >= most {
        return Ok(false);
    }
    Ok(tx.execute(INSERT, &parameters).await? == 1)
}

/// Notes a use, in one statement: `false` when the passkey is gone, or its counter has not gone on since (Web
/// Authentication section 6.1.1: two devices may hold the same key).
pub(crate) async fn note_use(
    tx: &mut Transaction<'_>,
    it: &Use<'_>,
    now: Timestamp,
) -> Result<bool, Error> {
    let parameters = [
        it.credential.into(),
        i64::from(it.sign_count).into(),
        now.into(),
        it.id.into(),
        it.user_id.into(),
    ];
    Ok(tx.execute(NOTE_USE, &parameters).await? == 1)
}

/// `false` when the person has none such.
pub(crate) async fn rename(
    tx: &mut Transaction<'_>,
    user_id: &str,
    id: &str,
    name: &str,
) -> Result<bool, Error> {
    let parameters = [name.into(), user_id.into(), id.into()];
    Ok(tx.execute(RENAME, &parameters).await? == 1)
}

/// `false` when the person has none such.
pub(crate) async fn remove(
    tx: &mut Transaction<'_>,
    user_id: &str,
    id: &str,
) -> Result<bool, Error> {
    Ok(tx.execute(REMOVE, &[user_id.into(), id.into()]).await? == 1)
}

/// `false` when the person has none.
pub(crate) async fn remove_all(tx: &mut Transaction<'_>, user_id: &str) -> Result<bool, Error> {
    Ok(tx.execute(REMOVE_ALL, &[user_id.into()]).await? > 0)
}

pub(crate) async fn insert_ceremony(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
    browser: &SecretHash,
    ceremony: &StoredCeremony,
    expires: Timestamp,
) -> Result<(), Error> {
    let parameters = [
        hash.as_bytes().as_slice().into(),
        browser.as_bytes().as_slice().into(),
        ceremony.user_id.as_deref().into(),
        ceremony.expected.as_str().into(),
        expires.into(),
    ];
    tx.execute(INSERT_CEREMONY, &parameters).await.map(|_| ())
}

/// Takes what this browser was asked away, in one statement: of any number of answers one is looked at.
pub(crate) async fn take_ceremony(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
    browser: &SecretHash,
    now: Timestamp,
) -> Result<Option<StoredCeremony>, Error> {
    let parameters = [
        hash.as_bytes().as_slice().into(),
        browser.as_bytes().as_slice().into(),
        now.into(),
    ];
    tx.find(TAKE_CEREMONY, &parameters, |row| {
        Ok(StoredCeremony {
            user_id: row.optional_text(0)?,
            expected: row.text(1)?,
        })
    })
    .await
}

fn read(row: &Row<'_>) -> Result<StoredPasskey, Error> {
    Ok(StoredPasskey {
        id: row.text(0)?,
        user_id: row.text(1)?,
        name: row.text(2)?,
        credential: row.text(3)?,
        created: row.timestamp(4)?,
        last_used: row.optional_timestamp(5)?,
    })
}

const OF_USER: &str = "SELECT id, user_id, name, credential, created_ms, last_used_ms FROM passkey \
    WHERE user_id = $1 ORDER BY created_ms, id LIMIT 100";
const BY_CREDENTIAL: &str = "SELECT id, user_id, name, credential, created_ms, last_used_ms FROM passkey \
    WHERE credential_id = $1";
const COUNT: &str = "SELECT COUNT(*) FROM passkey WHERE user_id = $1";
const INSERT: &str = "INSERT INTO passkey (id, user_id, credential_id, name, credential, sign_count, created_ms) \
    VALUES ($1, $2, $3, $4, $5, 0, $6) ON CONFLICT DO NOTHING";
const NOTE_USE: &str = "UPDATE passkey SET credential = $1, sign_count = $2, last_used_ms = $3 \
    WHERE id = $4 AND user_id = $5 AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0))";
const RENAME: &str = "UPDATE passkey SET name = $1 WHERE user_id = $2 AND id = $3";
const REMOVE: &str = "DELETE FROM passkey WHERE user_id = $1 AND id = $2";
const REMOVE_ALL: &str = "DELETE FROM passkey WHERE user_id = $1";
const INSERT_CEREMONY: &str = "INSERT INTO passkey_ceremony (ceremony_hash, browser_hash, user_id, expected, \
    expires_ms) VALUES ($1, $2, $3, $4, $5)";
const TAKE_CEREMONY: &str = "DELETE FROM passkey_ceremony \
    WHERE ceremony_hash = $1 AND browser_hash = $2 AND expires_ms > $3 RETURNING user_id, expected";
