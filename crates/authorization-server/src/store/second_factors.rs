//! Tables `totp`, `recovery_code`, `pending_sign_in`.

use jiff::Timestamp;
use oauth::SecretHash;
use storage::{Db, Error, Row, Transaction, Value};

use super::passkeys;

/// An authenticator app of a person.
#[derive(Clone)]
pub(crate) struct StoredTotp {
    /// Sealed.
    pub(crate) secret: Vec<u8>,
    pub(crate) created: Timestamp,
    /// `None` while it is only shown.
    pub(crate) confirmed: Option<Timestamp>,
}

/// Somebody whose password was right, in one browser.
pub(crate) struct Pending {
    pub(crate) hash: SecretHash,
    pub(crate) browser: SecretHash,
    pub(crate) user_id: String,
    pub(crate) expires: Timestamp,
    /// When somebody signed in elsewhere; `None` where the password was given here.
    pub(crate) auth_time: Option<Timestamp>,
}

pub(crate) async fn totp(db: &Db, user_id: &str) -> Result<Option<StoredTotp>, Error> {
    db.find(TOTP, &[user_id.into()], read).await
}

/// Whether a person has a second factor to sign in with.
pub(crate) async fn is_enrolled(db: &Db, user_id: &str) -> Result<bool, Error> {
    let found = totp(db, user_id).await?;
    let app = found.is_some_and(|totp| totp.confirmed.is_some());
    Ok(app || passkeys::count(db, user_id).await? > 0)
}

/// The app that is shown to this session or waiting sign-in and not confirmed yet.
pub(crate) async fn proposed(
    db: &Db,
    user_id: &str,
    to: &SecretHash,
) -> Result<Option<StoredTotp>, Error> {
    let parameters = [user_id.into(), to.as_bytes().as_slice().into()];
    db.find(PROPOSED, &parameters, read).await
}

/// A secret that is shown to one session or waiting sign-in, and to nobody else who knows the password: he would keep
/// a copy of what another confirms.
pub(crate) struct Proposal {
    pub(crate) user_id: String,
    /// Sealed.
    pub(crate) secret: Vec<u8>,
    /// The hash of the session or of the waiting sign-in.
    pub(crate) to: SecretHash,
}

/// An app that is not confirmed yet, in place of another such, whoever asked for that; `false` if one is in use
/// already. In one statement, so that of two who ask at once the later gets it.
pub(crate) async fn propose(
    tx: &mut Transaction<'_>,
    proposal: &Proposal,
    now: Timestamp,
) -> Result<bool, Error> {
    let parameters = [
        proposal.user_id.as_str().into(),
        proposal.secret.as_slice().into(),
        now.into(),
        proposal.to.as_bytes().as_slice().into(),
    ];
    Ok(tx.execute(PROPOSE, &parameters).await? == 1)
}

/// Takes a proposed app into use, once; `false` when it is another one by now, another's, or in use already.
pub(crate) async fn confirm(
    tx: &mut Transaction<'_>,
    proposal: &Proposal,
    step: i64,
    now: Timestamp,
) -> Result<bool, Error> {
    let parameters = [
        now.into(),
        step.into(),
        proposal.user_id.as_str().into(),
        proposal.secret.as_slice().into(),
        proposal.to.as_bytes().as_slice().into(),
    ];
    Ok(tx.execute(CONFIRM, &parameters).await? == 1)
}

/// Uses a step up, in one statement: of any number of callers one gets it, and none gets it or an earlier one
/// again (RFC 6238 section 5.2).
pub(crate) async fn use_step(
    tx: &mut Transaction<'_>,
    user_id: &str,
    step: i64,
) -> Result<bool, Error> {
    Ok(tx.execute(USE_STEP, &[step.into(), user_id.into()]).await? == 1)
}

/// Whether a recovery code is one of the person's.
pub(crate) async fn has_recovery_code(
    db: &Db,
    user_id: &str,
    hash: &SecretHash,
) -> Result<bool, Error> {
    let parameters = [user_id.into(), hash.as_bytes().as_slice().into()];
    let found = db.find(RECOVERY_CODE, &parameters, |row| row.integer(0));
    Ok(found.await?.unwrap_or(0) > 0)
}

/// How many recovery codes are left.
pub(crate) async fn recovery_codes(db: &Db, user_id: &str) -> Result<i64, Error> {
    let parameters = [user_id.into()];
    let found = db.find(RECOVERY_CODES, &parameters, |row| row.integer(0));
    Ok(found.await?.unwrap_or(0))
}

/// Uses a recovery code up, once.
pub(crate) async fn use_recovery_code(
    tx: &mut Transaction<'_>,
    user_id: &str,
    hash: &SecretHash,
) -> Result<bool, Error> {
    let parameters = [user_id.into(), hash.as_bytes().as_slice().into()];
    Ok(tx.execute(USE_RECOVERY_CODE, &parameters).await? == 1)
}

/// Recovery codes come with the first second factor: `false` when there are some.
pub(crate) async fn insert_recovery_codes(
    tx: &mut Transaction<'_>,
    user_id: &str,
    hashes: &[SecretHash],
) -> Result<bool, Error> {
    let parameters = [user_id.into()];
    let found = tx.find(RECOVERY_CODES, &parameters, |row| row.integer(0));
    if found.await?.unwrap_or(0) > 0 {
        return Ok(false);
    }
    replace_recovery_codes(tx, user_id, hashes).await?;
    Ok(true)
}

/// Other recovery codes in place of those before.
pub(crate) async fn replace_recovery_codes(
    tx: &mut Transaction<'_>,
    user_id: &str,
    hashes: &[SecretHash],
) -> Result<(), Error> {
    tx.execute(DELETE_RECOVERY_CODES, &[user_id.into()]).await?;
    for hash in hashes {
        let parameters = [user_id.into(), hash.as_bytes().as_slice().into()];
        tx.execute(INSERT_RECOVERY_CODE, &parameters).await?;
    }
    Ok(())
}

/// Takes all second factors of a person away; `false` if there was none.
pub(crate) async fn remove(tx: &mut Transaction<'_>, user_id: &str) -> Result<bool, Error> {
    let passkeys = passkeys::remove_all(tx, user_id).await?;
    Ok(remove_app(tx, user_id).await? || passkeys)
}

/// Takes the app away; `false` if there was none.
pub(crate) async fn remove_app(tx: &mut Transaction<'_>, user_id: &str) -> Result<bool, Error> {
    let removed = tx.execute(DELETE_TOTP, &[user_id.into()]).await? == 1;
    forget_recovery_codes(tx, user_id).await?;
    Ok(removed)
}

/// Takes the recovery codes away where they stand in for nothing any more.
pub(crate) async fn forget_recovery_codes(
    tx: &mut Transaction<'_>,
    user_id: &str,
) -> Result<(), Error> {
    let parameters = [user_id.into()];
    let app = tx.find(CONFIRMED, &parameters, |row| row.integer(0));
    if app.await?.unwrap_or(0) == 0 && passkeys::count_in(tx, user_id).await? == 0 {
        tx.execute(DELETE_RECOVERY_CODES, &[user_id.into()]).await?;
    }
    Ok(())
}

pub(crate) async fn insert_pending(
    tx: &mut Transaction<'_>,
    pending: &Pending,
) -> Result<(), Error> {
    let parameters = [
        pending.hash.as_bytes().as_slice().into(),
        pending.browser.as_bytes().as_slice().into(),
        pending.user_id.as_str().into(),
        pending.expires.into(),
        pending.auth_time.into(),
    ];
    tx.execute(INSERT_PENDING, &parameters).await.map(|_| ())
}

/// Whose second factor is awaited, in this browser.
pub(crate) async fn find_pending(
    db: &Db,
    hash: &SecretHash,
    browser: &SecretHash,
    now: Timestamp,
) -> Result<Option<String>, Error> {
    db.find(FIND_PENDING, &pending(hash, browser, now), |row| {
        row.text(0)
    })
    .await
}

/// When somebody who waits signed in elsewhere; `None` where the password was given here, and where nobody waits.
pub(crate) async fn signed_in_elsewhere(
    db: &Db,
    hash: &SecretHash,
) -> Result<Option<Timestamp>, Error> {
    let parameters = [hash.as_bytes().as_slice().into()];
    let found = db.find(ELSEWHERE, &parameters, |row| row.optional_timestamp(0));
    Ok(found.await?.flatten())
}

/// Ends the waiting, once: `false` when it was over.
pub(crate) async fn consume_pending(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
    browser: &SecretHash,
    now: Timestamp,
) -> Result<bool, Error> {
    let parameters = pending(hash, browser, now);
    Ok(tx.execute(CONSUME_PENDING, &parameters).await? == 1)
}

/// Nobody whose password was right under circumstances that have changed goes on.
pub(crate) async fn delete_pending_of_user(
    tx: &mut Transaction<'_>,
    user_id: &str,
) -> Result<(), Error> {
    tx.execute(DELETE_PENDING_OF_USER, &[user_id.into()])
        .await
        .map(|_| ())
}

fn pending(hash: &SecretHash, browser: &SecretHash, now: Timestamp) -> [Value; 3] {
    [
        hash.as_bytes().as_slice().into(),
        browser.as_bytes().as_slice().into(),
        now.into(),
    ]
}

fn read(row: &Row<'_>) -> Result<StoredTotp, Error> {
    Ok(StoredTotp {
        secret: row.bytes(0)?,
        created: row.timestamp(1)?,
        confirmed: row.optional_timestamp(2)?,
    })
}

const TOTP: &str = "SELECT secret, created_ms, confirmed_ms FROM totp WHERE user_id = $1";
const CONFIRMED: &str = "SELECT COUNT(*) FROM totp WHERE user_id = $1 AND confirmed_ms IS NOT NULL";
const PROPOSED: &str = "SELECT secret, created_ms, confirmed_ms FROM totp \
    WHERE user_id = $1 AND proposed_to = $2 AND confirmed_ms IS NULL";
const PROPOSE: &str = "INSERT INTO totp (user_id, secret, created_ms, confirmed_ms, last_step, proposed_to) \
    VALUES ($1, $2, $3, NULL, 0, $4) \
    ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, created_ms = excluded.created_ms, \
    proposed_to = excluded.proposed_to WHERE totp.confirmed_ms IS NULL";
const CONFIRM: &str = "UPDATE totp SET confirmed_ms = $1, last_step = $2, proposed_to = NULL \
    WHERE user_id = $3 AND secret = $4 AND proposed_to = $5 AND confirmed_ms IS NULL";
const USE_STEP: &str = "UPDATE totp SET last_step = $1 \
    WHERE user_id = $2 AND last_step < $1 AND confirmed_ms IS NOT NULL";
const DELETE_TOTP: &str = "DELETE FROM totp WHERE user_id = $1";
const RECOVERY_CODE: &str =
    "SELECT COUNT(*) FROM recovery_code WHERE user_id = $1 AND code_hash = $2";
const RECOVERY_CODES: &str = "SELECT COUNT(*) FROM recovery_code WHERE user_id = $1";
const USE_RECOVERY_CODE: &str = "DELETE FROM recovery_code WHERE user_id = $1 AND code_hash = $2";
const DELETE_RECOVERY_CODES: &str = "DELETE FROM recovery_code WHERE user_id = $1";
const INSERT_RECOVERY_CODE: &str =
    "INSERT INTO recovery_code (user_id, code_hash) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const INSERT_PENDING: &str = "INSERT INTO pending_sign_in (pending_hash, browser_hash, user_id, expires_ms, auth_time_ms) \
    VALUES ($1, $2, $3, $4, $5)";
const ELSEWHERE: &str = "SELECT auth_time_ms FROM pending_sign_in WHERE pending_hash = $1";
const FIND_PENDING: &str = "SELECT user_id FROM pending_sign_in \
    WHERE pending_hash = $1 AND browser_hash = $2 AND expires_ms > $3";
const CONSUME_PENDING: &str = "DELETE FROM pending_sign_in \
    WHERE pending_hash = $1 AND browser_hash = $2 AND expires_ms > $3";
const DELETE_PENDING_OF_USER: &str = "DELETE FROM pending_sign_in WHERE user_id = $1";
