//! Tables `token_family`, `access_token` and `refresh_token`.
//!
//! A family is everything that one consent led to. Revoking it is one row: access and refresh tokens
//! count only while their family does, so that nothing minted at the same moment survives.

use jiff::Timestamp;
use oauth::{Scope, SecretHash};
use storage::{Db, Error, Row, Transaction, Value};

use super::{assurance, list, list_text, rights, scope, unreadable};
use crate::assurance::Assurance;
use crate::registration::Rights;

/// An access token to be stored.
#[derive(Debug, Clone)]
pub(crate) struct NewAccessToken {
    pub(crate) hash: SecretHash,
    pub(crate) family_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) user_id: Option<String>,
    pub(crate) scope: Scope,
    pub(crate) audiences: Vec<String>,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
}

/// A family to be stored.
#[derive(Debug, Clone)]
pub(crate) struct NewFamily {
    pub(crate) id: String,
    pub(crate) client_id: String,
    pub(crate) user_id: String,
    pub(crate) scope: Scope,
    pub(crate) audiences: Vec<String>,
    pub(crate) auth_time: Timestamp,
    pub(crate) assurance: Option<Assurance>,
    pub(crate) created: Timestamp,
    pub(crate) expires: Timestamp,
}

/// A refresh token with its family and its user as they are now.
#[derive(Debug)]
pub(crate) struct RefreshToken {
    pub(crate) family_id: String,
    pub(crate) client_id: String,
    pub(crate) user_id: String,
    /// What the user consented to.
    pub(crate) scope: Scope,
    pub(crate) audiences: Vec<String>,
    pub(crate) expires: Timestamp,
    pub(crate) revoked: bool,
    /// The user's present scope; `None` if the user is disabled or gone.
    pub(crate) user_scope: Option<Scope>,
    pub(crate) used: Option<UsedOnce>,
}

/// The first use of a refresh token.
#[derive(Debug)]
pub(crate) struct UsedOnce {
    pub(crate) at: Timestamp,
    pub(crate) successor: SecretHash,
    pub(crate) scope: String,
    pub(crate) audiences: String,
}

/// A live access token with what its client and user may do now.
#[derive(Debug)]
pub(crate) struct LiveAccessToken {
    pub(crate) client_id: String,
    pub(crate) scope: Scope,
    pub(crate) audiences: Vec<String>,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) client_scope: Scope,
    pub(crate) client_rights: Rights,
    pub(crate) user: Option<LiveUser>,
}

/// The user of a live access token.
#[derive(Debug)]
pub(crate) struct LiveUser {
    pub(crate) id: String,
    pub(crate) username: String,
    pub(crate) scope: Scope,
    pub(crate) rights: Rights,
    pub(crate) role: String,
    /// When the person signed in for it.
    pub(crate) auth_time: Option<Timestamp>,
    /// What that proved of what was asked for.
    pub(crate) assurance: Option<Assurance>,
}

/// Stores an access token.
pub(crate) async fn insert_access(
    tx: &mut Transaction<'_>,
    token: &NewAccessToken,
) -> Result<(), Error> {
    let parameters: [Value; 8] = [
        token.hash.as_bytes().as_slice().into(),
        token.family_id.clone().into(),
        token.client_id.as_str().into(),
        token.user_id.clone().into(),
        token.scope.to_string().into(),
        list_text(&token.audiences).into(),
        token.issued.into(),
        token.expires.into(),
    ];
    tx.execute(INSERT_ACCESS, &parameters).await?;
    Ok(())
}

/// Stores a family.
pub(crate) async fn insert_family(
    tx: &mut Transaction<'_>,
    family: &NewFamily,
) -> Result<(), Error> {
    let parameters: [Value; 9] = [
        family.id.as_str().into(),
        family.client_id.as_str().into(),
        family.user_id.as_str().into(),
        family.scope.to_string().into(),
        list_text(&family.audiences).into(),
        family.auth_time.into(),
        family.assurance.map(Assurance::as_str).into(),
        family.created.into(),
        family.expires.into(),
    ];
    tx.execute(INSERT_FAMILY, &parameters).await?;
    Ok(())
}

/// Stores a refresh token.
pub(crate) async fn insert_refresh(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
    family_id: &str,
) -> Result<(), Error> {
    tx.execute(
        INSERT_REFRESH,
        &[hash.as_bytes().as_slice().into(), family_id.into()],
    )
    .await?;
    Ok(())
}

/// Finds a refresh token, used or not.
pub(crate) async fn find_refresh(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
) -> Result<Option<RefreshToken>, Error> {
    tx.find(
        FIND_REFRESH,
        &[hash.as_bytes().as_slice().into()],
        read_refresh,
    )
    .await
}

/// Uses a refresh token for the first time; `false` if it was used before. One statement, so that of
/// any number of callers one creates the successor.
pub(crate) async fn use_refresh(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
    first: &UsedOnce,
) -> Result<bool, Error> {
    let parameters: [Value; 5] = [
        first.at.into(),
        first.successor.as_bytes().as_slice().into(),
        first.scope.as_str().into(),
        first.audiences.as_str().into(),
        hash.as_bytes().as_slice().into(),
    ];
    Ok(tx.execute(USE_REFRESH, &parameters).await? == 1)
}

/// Whether a refresh token exists and was never used.
pub(crate) async fn is_unused(tx: &mut Transaction<'_>, hash: &SecretHash) -> Result<bool, Error> {
    Ok(tx
        .find(IS_UNUSED, &[hash.as_bytes().as_slice().into()], |row| {
            row.text(0)
        })
        .await?
        .is_some())
}

/// The scope of an enabled user.
pub(crate) async fn scope_of_user(
    tx: &mut Transaction<'_>,
    user_id: &str,
) -> Result<Option<Scope>, Error> {
    tx.find(SCOPE_OF_USER, &[user_id.into()], |row| scope(&row.text(0)?))
        .await
}

/// Finds an access token that is neither expired nor revoked and whose family, client and user count.
pub(crate) async fn find_live(
    db: &Db,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<Option<LiveAccessToken>, Error> {
    db.find(
        FIND_LIVE,
        &[hash.as_bytes().as_slice().into(), now.into()],
        read_live,
    )
    .await
}

/// When the person behind an access token signed in; `None` for a client's own.
pub(crate) async fn auth_time_of(db: &Db, hash: &SecretHash) -> Result<Option<Timestamp>, Error> {
    db.find(AUTH_TIME_OF, &[hash.as_bytes().as_slice().into()], |row| {
        row.timestamp(0)
    })
    .await
}

fn read_refresh(row: &Row<'_>) -> Result<RefreshToken, Error> {
    let used = match row.optional_timestamp(8)? {
        None => None,
        Some(at) => Some(UsedOnce {
            at,
            successor: SecretHash::from_slice(&row.bytes(9)?)
                .ok_or_else(|| unreadable("refresh_token.successor_hash"))?,
            scope: row.text(10)?,
            audiences: row.text(11)?,
        }),
    };
    Ok(RefreshToken {
        family_id: row.text(0)?,
        client_id: row.text(1)?,
        user_id: row.text(2)?,
        scope: scope(&row.text(3)?)?,
        audiences: list(&row.text(4)?)?,
        expires: row.timestamp(5)?,
        revoked: row.optional_timestamp(6)?.is_some(),
        user_scope: row.optional_text(7)?.as_deref().map(scope).transpose()?,
        used,
    })
}

fn read_live(row: &Row<'_>) -> Result<LiveAccessToken, Error> {
    let user = match row.optional_text(11)? {
        None => None,
        Some(id) => Some(LiveUser {
            id,
            username: row.text(12)?,
            scope: scope(&row.text(13)?)?,
            rights: rights(row, 14)?,
            role: row.text(19)?,
            auth_time: row.optional_timestamp(20)?,
            assurance: assurance(row.optional_text(21)?.as_deref())?,
        }),
    };
    Ok(LiveAccessToken {
        client_id: row.text(0)?,
        scope: scope(&row.text(1)?)?,
        audiences: list(&row.text(2)?)?,
        issued: row.timestamp(3)?,
        expires: row.timestamp(4)?,
        client_scope: scope(&row.text(5)?)?,
        client_rights: rights(row, 6)?,
        user,
    })
}

const AUTH_TIME_OF: &str = "SELECT f.auth_time_ms FROM access_token t \
    JOIN token_family f ON f.id = t.family_id WHERE t.token_hash = $1";
const INSERT_ACCESS: &str = "INSERT INTO access_token (token_hash, family_id, client_id, user_id, \
    scope, audiences, issued_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const INSERT_FAMILY: &str = "INSERT INTO token_family (id, client_id, user_id, scope, audiences, \
    auth_time_ms, acr, created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const INSERT_REFRESH: &str = "INSERT INTO refresh_token (token_hash, family_id) VALUES ($1, $2)";
const FIND_REFRESH: &str = "SELECT f.id, f.client_id, f.user_id, f.scope, f.audiences, \
    f.expires_ms, f.revoked_ms, u.scope, r.used_ms, r.successor_hash, r.answer_scope, \
    r.answer_audiences FROM refresh_token r JOIN token_family f ON f.id = r.family_id \
    LEFT JOIN resource_owner u ON u.id = f.user_id AND NOT u.disabled WHERE r.token_hash = $1";
const USE_REFRESH: &str = "UPDATE refresh_token SET used_ms = $1, successor_hash = $2, \
    answer_scope = $3, answer_audiences = $4 WHERE token_hash = $5 AND used_ms IS NULL";
const IS_UNUSED: &str =
    "SELECT family_id FROM refresh_token WHERE token_hash = $1 AND used_ms IS NULL";
const SCOPE_OF_USER: &str = "SELECT scope FROM resource_owner WHERE id = $1 AND NOT disabled";
/// The joins are the live check: a token whose client or user is disabled, or whose family is revoked,
/// finds no row.
const FIND_LIVE: &str = "SELECT t.client_id, t.scope, t.audiences, t.issued_ms, t.expires_ms, \
    c.scope, c.organization, c.organization_access, c.jurisdictions, c.record_types, \
    c.facilities, u.id, u.username, u.scope, u.organization, u.organization_access, u.jurisdictions, \
    u.record_types, u.facilities, u.role, f.auth_time_ms, f.acr \
    FROM access_token t JOIN client c ON c.client_id = t.client_id AND NOT c.disabled \
    LEFT JOIN token_family f ON f.id = t.family_id AND f.revoked_ms IS NULL \
    LEFT JOIN resource_owner u ON u.id = t.user_id AND NOT u.disabled \
    WHERE t.token_hash = $1 AND t.revoked_ms IS NULL AND t.expires_ms > $2 \
    AND (t.family_id IS NULL OR f.id IS NOT NULL) AND (t.user_id IS NULL OR u.id IS NOT NULL)";
