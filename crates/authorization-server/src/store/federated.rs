//! Tables `federated_identity`, `federated_sign_in`, `federated_sign_out`.

use jiff::{SignedDuration, Timestamp};
use oauth::SecretHash;
use storage::{Db, Error, Row, Transaction};

/// Somebody who was sent to an OpenID Provider.
#[derive(Debug, Clone)]
pub(crate) struct FederatedSignIn {
    pub(crate) identity_provider: String,
    /// The handle of the authorization request that goes on then.
    pub(crate) request: Option<String>,
    /// Which page of the account it is for, where there is no request.
    pub(crate) page: String,
    /// The oldest sign-in there that counts.
    pub(crate) max_age: Option<SignedDuration>,
    pub(crate) begun: Timestamp,
}

/// Under which a sign-in is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) state: SecretHash,
    pub(crate) browser: SecretHash,
}

/// Where a browser has signed in.
pub(crate) struct FederatedSignOut {
    pub(crate) user_id: String,
    pub(crate) identity_provider: String,
    /// Sealed.
    pub(crate) id_token: Vec<u8>,
}

/// A person's identity at an issuer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FederatedIdentity {
    /// The issuer identifier.
    pub issuer: String,
    /// `sub` there.
    pub subject: String,
    /// Since when.
    pub created: Timestamp,
    /// The last sign-in with it.
    pub used: Option<Timestamp>,
}

pub(crate) async fn begin(
    tx: &mut Transaction<'_>,
    key: &Key,
    sign_in: &FederatedSignIn,
    expires: Timestamp,
) -> Result<(), Error> {
    let parameters = [
        key.state.as_bytes().as_slice().into(),
        key.browser.as_bytes().as_slice().into(),
        sign_in.identity_provider.as_str().into(),
        sign_in.request.as_deref().into(),
        sign_in.page.as_str().into(),
        sign_in.max_age.map(|age| age.as_secs()).into(),
        sign_in.begun.into(),
        expires.into(),
    ];
    tx.execute(BEGIN, &parameters).await.map(|_| ())
}

/// Takes a sign-in of this browser at this provider away, once: `None` when it was taken before, has expired or is
/// another browser's.
pub(crate) async fn consume(
    tx: &mut Transaction<'_>,
    key: &Key,
    identity_provider: &str,
    now: Timestamp,
) -> Result<Option<FederatedSignIn>, Error> {
    let parameters = [
        key.state.as_bytes().as_slice().into(),
        key.browser.as_bytes().as_slice().into(),
        identity_provider.into(),
        now.into(),
    ];
    tx.find(CONSUME, &parameters, |row| {
        Ok(FederatedSignIn {
            identity_provider: row.text(0)?,
            request: row.optional_text(1)?,
            page: row.text(2)?,
            max_age: row.optional_integer(3)?.map(SignedDuration::from_secs),
            begun: row.timestamp(4)?,
        })
    })
    .await
}

/// Whose an identity is.
pub(crate) async fn owner(
    tx: &mut Transaction<'_>,
    issuer: &str,
    subject: &str,
) -> Result<Option<String>, Error> {
    tx.find(OWNER, &[issuer.into(), subject.into()], |row| row.text(0))
        .await
}

/// `false` when the identity is somebody's already, or the person has another of this issuer.
pub(crate) async fn link(
    tx: &mut Transaction<'_>,
    user_id: &str,
    issuer: &str,
    subject: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let parameters = [issuer.into(), subject.into(), user_id.into(), now.into()];
    Ok(tx.execute(LINK, &parameters).await? == 1)
}

/// `false` when the person has none of this issuer.
pub(crate) async fn unlink(
    tx: &mut Transaction<'_>,
    user_id: &str,
    issuer: &str,
) -> Result<bool, Error> {
    Ok(tx.execute(UNLINK, &[user_id.into(), issuer.into()]).await? == 1)
}

pub(crate) async fn note_use(
    tx: &mut Transaction<'_>,
    issuer: &str,
    subject: &str,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute(NOTE_USE, &[now.into(), issuer.into(), subject.into()])
        .await
        .map(|_| ())
}

/// A person's identities.
pub(crate) async fn of_user(db: &Db, user_id: &str) -> Result<Vec<FederatedIdentity>, Error> {
    db.select(OF_USER, vec![user_id.into()], read).await
}

/// Remembers where a browser has signed in, in place of what it did before.
pub(crate) async fn remember_sign_out(
    tx: &mut Transaction<'_>,
    browser: &SecretHash,
    sign_out: &FederatedSignOut,
    expires: Timestamp,
) -> Result<(), Error> {
    let parameters = [
        browser.as_bytes().as_slice().into(),
        sign_out.user_id.as_str().into(),
        sign_out.identity_provider.as_str().into(),
        sign_out.id_token.as_slice().into(),
        expires.into(),
    ];
    tx.execute(REMEMBER_SIGN_OUT, &parameters).await.map(|_| ())
}

/// Where this browser has signed this person in.
pub(crate) async fn find_sign_out(
    db: &Db,
    browser: &SecretHash,
    user_id: &str,
    now: Timestamp,
) -> Result<Option<FederatedSignOut>, Error> {
    let parameters = [
        browser.as_bytes().as_slice().into(),
        user_id.into(),
        now.into(),
    ];
    db.find(FIND_SIGN_OUT, &parameters, |row| {
        Ok(FederatedSignOut {
            user_id: row.text(0)?,
            identity_provider: row.text(1)?,
            id_token: row.bytes(2)?,
        })
    })
    .await
}

pub(crate) async fn forget_sign_out(
    tx: &mut Transaction<'_>,
    browser: &SecretHash,
) -> Result<(), Error> {
    tx.execute(FORGET_SIGN_OUT, &[browser.as_bytes().as_slice().into()])
        .await
        .map(|_| ())
}

fn read(row: &Row<'_>) -> Result<FederatedIdentity, Error> {
    Ok(FederatedIdentity {
        issuer: row.text(0)?,
        subject: row.text(1)?,
        created: row.timestamp(2)?,
        used: row.optional_timestamp(3)?,
    })
}

const BEGIN: &str = "INSERT INTO federated_sign_in (state_hash, browser_hash, identity_provider, request, page, \
    max_age_s, begun_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const CONSUME: &str = "DELETE FROM federated_sign_in WHERE state_hash = $1 AND browser_hash = $2 \
    AND identity_provider = $3 AND expires_ms > $4 RETURNING identity_provider, request, page, max_age_s, begun_ms";
const OWNER: &str = "SELECT user_id FROM federated_identity WHERE issuer = $1 AND subject = $2";
const LINK: &str = "INSERT INTO federated_identity (issuer, subject, user_id, created_ms) \
    VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
const UNLINK: &str = "DELETE FROM federated_identity WHERE user_id = $1 AND issuer = $2";
const NOTE_USE: &str =
    "UPDATE federated_identity SET used_ms = $1 WHERE issuer = $2 AND subject = $3";
const OF_USER: &str = "SELECT issuer, subject, created_ms, used_ms FROM federated_identity \
    WHERE user_id = $1 ORDER BY issuer";
const REMEMBER_SIGN_OUT: &str = "INSERT INTO federated_sign_out (browser_hash, user_id, identity_provider, id_token, \
    expires_ms) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (browser_hash) DO UPDATE SET user_id = excluded.user_id, \
    identity_provider = excluded.identity_provider, id_token = excluded.id_token, expires_ms = excluded.expires_ms";
const FIND_SIGN_OUT: &str = "SELECT user_id, identity_provider, id_token FROM federated_sign_out \
    WHERE browser_hash = $1 AND user_id = $2 AND expires_ms > $3";
const FORGET_SIGN_OUT: &str = "DELETE FROM federated_sign_out WHERE browser_hash = $1";
