//! Tables `initial_access_token` and `client_registration`: clients that register themselves.

use jiff::Timestamp;
use oauth::{Scope, SecretHash};
use storage::{Db, Error, Row, Transaction, Value};

use super::{list, list_text, optional_list_text, rights, scope, unreadable};
use crate::registration::{ClientAuthenticationMethod, GrantType, Rights};

/// The most that a client may be which registers itself: what an operator has decided when he made the
/// initial access token. It holds at every later change too.
#[derive(Debug, Clone)]
pub struct RegistrationPolicy {
    /// Methods that it may authenticate with.
    pub methods: Vec<ClientAuthenticationMethod>,
    /// Grants it may use.
    pub grant_types: Vec<GrantType>,
    /// The most it may be granted, and what an absent `scope` means.
    pub scope: Scope,
    /// FHIR base URLs it may have tokens for.
    pub audiences: Vec<String>,
    /// What its tokens reach: not the client's to say.
    pub rights: Rights,
}

/// An initial access token (RFC 7591 section 1.2) as it is listed: never its value.
#[derive(Debug, Clone)]
pub struct InitialAccessToken {
    /// Its id.
    pub id: String,
    /// For the operator.
    pub name: String,
    /// What clients may be that are registered with it.
    pub policy: RegistrationPolicy,
    /// How many more clients it registers.
    pub uses_left: i64,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused.
    pub expires: Timestamp,
}

/// All initial access tokens, newest first.
pub(crate) async fn all(db: &Db) -> Result<Vec<InitialAccessToken>, Error> {
    db.select(ALL, vec![], read).await
}

/// One that still registers clients.
pub(crate) async fn find_live(
    db: &Db,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<Option<InitialAccessToken>, Error> {
    let parameters = [hash.as_bytes().as_slice().into(), now.into()];
    db.find(FIND_LIVE, &parameters, read).await
}

/// The policy of a client that registered itself, if this is its registration access token and it is
/// not disabled.
pub(crate) async fn policy_of(
    db: &Db,
    client_id: &str,
    hash: &SecretHash,
) -> Result<Option<RegistrationPolicy>, Error> {
    if client_id.contains('\0') {
        return Ok(None);
    }
    let parameters = [client_id.into(), hash.as_bytes().as_slice().into()];
    let found = db.find(POLICY_OF, &parameters, read).await?;
    Ok(found.map(|token| token.policy))
}

/// Adds an initial access token.
pub(crate) async fn insert(
    tx: &mut Transaction<'_>,
    token: &InitialAccessToken,
    hash: &SecretHash,
) -> Result<(), Error> {
    let policy = &token.policy;
    let methods: Vec<String> = policy
        .methods
        .iter()
        .map(|method| method.as_str().to_owned())
        .collect();
    let grants: Vec<String> = policy
        .grant_types
        .iter()
        .map(|grant| grant.as_str().to_owned())
        .collect();
    let parameters: [Value; 15] = [
        token.id.as_str().into(),
        token.name.as_str().into(),
        hash.as_bytes().as_slice().into(),
        list_text(&methods).into(),
        list_text(&grants).into(),
        policy.scope.to_string().into(),
        list_text(&policy.audiences).into(),
        policy.rights.organization.clone().into(),
        policy.rights.organization_access.as_str().into(),
        list_text(&policy.rights.jurisdictions).into(),
        list_text(&policy.rights.record_types).into(),
        optional_list_text(policy.rights.facilities.as_deref()).into(),
        token.uses_left.into(),
        token.created.into(),
        token.expires.into(),
    ];
    tx.execute(INSERT, &parameters).await.map(|_| ())
}

/// Uses an initial access token once; `false` if it registers no more clients.
pub(crate) async fn use_once(
    tx: &mut Transaction<'_>,
    id: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(tx.execute(USE_ONCE, &[id.into(), now.into()]).await? == 1)
}

/// Ends an initial access token; the clients registered with it stay. `false` if there is none.
pub(crate) async fn end(tx: &mut Transaction<'_>, id: &str) -> Result<bool, Error> {
    Ok(tx.execute(END, &[id.into()]).await? == 1)
}

/// Remembers that a client registered itself, with which policy, and its registration access token.
pub(crate) async fn insert_registration(
    tx: &mut Transaction<'_>,
    client_id: &str,
    initial_id: &str,
    hash: &SecretHash,
) -> Result<(), Error> {
    let parameters = [
        client_id.into(),
        initial_id.into(),
        hash.as_bytes().as_slice().into(),
    ];
    tx.execute(INSERT_REGISTRATION, &parameters)
        .await
        .map(|_| ())
}

fn read(row: &Row<'_>) -> Result<InitialAccessToken, Error> {
    let methods = list(&row.text(2)?)?;
    let grants = list(&row.text(3)?)?;
    Ok(InitialAccessToken {
        id: row.text(0)?,
        name: row.text(1)?,
        policy: RegistrationPolicy {
            methods: methods
                .iter()
                .map(|name| {
                    ClientAuthenticationMethod::parse(name)
                        .ok_or_else(|| unreadable("initial_access_token.methods"))
                })
                .collect::<Result<_, _>>()?,
            grant_types: grants
                .iter()
                .map(|name| {
                    GrantType::parse(name)
                        .ok_or_else(|| unreadable("initial_access_token.grant_types"))
                })
                .collect::<Result<_, _>>()?,
            scope: scope(&row.text(4)?)?,
            audiences: list(&row.text(5)?)?,
            rights: rights(row, 6)?,
        },
        uses_left: row.integer(11)?,
        created: row.timestamp(12)?,
        expires: row.timestamp(13)?,
    })
}

const ALL: &str = "SELECT id, name, methods, grant_types, scope, audiences, organization, \
    organization_access, jurisdictions, record_types, facilities, uses_left, created_ms, expires_ms \
    FROM initial_access_token ORDER BY created_ms DESC, id";
const FIND_LIVE: &str = "SELECT id, name, methods, grant_types, scope, audiences, organization, \
    organization_access, jurisdictions, record_types, facilities, uses_left, created_ms, expires_ms \
    FROM initial_access_token WHERE token_hash = $1 AND expires_ms > $2 AND uses_left > 0";
const POLICY_OF: &str = "SELECT i.id, i.name, i.methods, i.grant_types, i.scope, i.audiences, \
    i.organization, i.organization_access, i.jurisdictions, i.record_types, i.facilities, i.uses_left, \
    i.created_ms, i.expires_ms FROM client_registration r \
    JOIN initial_access_token i ON i.id = r.initial_access_token_id \
    JOIN client c ON c.client_id = r.client_id AND NOT c.disabled \
    WHERE r.client_id = $1 AND r.token_hash = $2";
const INSERT: &str = "INSERT INTO initial_access_token (id, name, token_hash, methods, grant_types, \
    scope, audiences, organization, organization_access, jurisdictions, record_types, facilities, uses_left, \
    created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
const USE_ONCE: &str = "UPDATE initial_access_token SET uses_left = uses_left - 1 \
    WHERE id = $1 AND uses_left > 0 AND expires_ms > $2";
const END: &str = "UPDATE initial_access_token SET uses_left = 0 WHERE id = $1";
const INSERT_REGISTRATION: &str = "INSERT INTO client_registration \
    (client_id, initial_access_token_id, token_hash) VALUES ($1, $2, $3)";
