//! Tables `client` and `client_secret`.

use jiff::{SignedDuration, Timestamp};
use oauth::SecretHash;
use oauth::jose::Algorithm;
use storage::{Db, Error, Row, Transaction, Value};

use super::{list, list_text, optional_list_text, rights, scope, unreadable};
use crate::administration::CHUNK;
use crate::registration::{
    AssertionAudience, Client, ClientAuthenticationMethod, GrantType, Profile, Protocol,
};

/// A secret as it is listed: never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientSecret {
    /// Its id, for revocation.
    pub id: String,
    /// What the operator called it.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
}

/// A secret to be stored.
#[derive(Debug, Clone)]
pub(crate) struct NewSecret {
    pub(crate) secret: ClientSecret,
    pub(crate) client_id: String,
    pub(crate) hash: SecretHash,
}

/// Finds a client, disabled or not.
pub(crate) async fn find(db: &Db, client_id: &str) -> Result<Option<Client>, Error> {
    // A registered id never holds NUL, and a text column cannot be asked for it.
    if client_id.contains('\0') {
        return Ok(None);
    }
    db.find(FIND, &[client_id.into()], read).await
}

/// As [`find`], for a stranger's request: where there is no such client another one is read and dropped, so
/// that a name that is not registered does not show by an answer that comes sooner.
pub(crate) async fn find_evenly(db: &Db, client_id: &str) -> Result<Option<Client>, Error> {
    let asked = if client_id.contains('\0') {
        ""
    } else {
        client_id
    };
    let found = db.find(FIND_EVENLY, &[asked.into()], read).await?;
    Ok(found.filter(|client| client.client_id == client_id))
}

/// All clients by id.
pub(crate) async fn all(db: &Db) -> Result<Vec<Client>, Error> {
    db.select(ALL, vec![], read).await
}

/// Clients after this id, in order, as many as a list reads at once; of one organization, if one is given.
pub(crate) async fn after(
    db: &Db,
    client_id: &str,
    organization: Option<&str>,
) -> Result<Vec<Client>, Error> {
    let limit = i64::try_from(CHUNK).unwrap_or(i64::MAX);
    let (sql, parameters) = match organization {
        None => (AFTER, vec![client_id.into(), limit.into()]),
        Some(organization) => (
            AFTER_WITHIN,
            vec![client_id.into(), organization.into(), limit.into()],
        ),
    };
    db.select(sql, parameters, read).await
}

/// A client whose row the transaction holds by [`lock`].
pub(crate) async fn find_locked(
    tx: &mut Transaction<'_>,
    client_id: &str,
) -> Result<Option<Client>, Error> {
    tx.find(FIND, &[client_id.into()], read).await
}

/// Whether the client has this secret, and that one has not expired. An unknown client costs the same
/// lookup as a wrong secret. Looking the SHA-256 up in an index leaks nothing about a secret of 256 bits.
pub(crate) async fn has_secret(
    db: &Db,
    client_id: &str,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<bool, Error> {
    if client_id.contains('\0') {
        return Ok(false);
    }
    let parameters = [
        client_id.into(),
        hash.as_bytes().as_slice().into(),
        now.into(),
    ];
    Ok(db
        .find(HAS_SECRET, &parameters, |row| row.text(0))
        .await?
        .is_some())
}

/// The client's secrets without their values.
pub(crate) async fn secrets(db: &Db, client_id: &str) -> Result<Vec<ClientSecret>, Error> {
    db.select(SECRETS, vec![client_id.into()], |row| {
        Ok(ClientSecret {
            id: row.text(0)?,
            name: row.text(1)?,
            created: row.timestamp(2)?,
            expires: row.optional_timestamp(3)?,
        })
    })
    .await
}

/// Redirect URIs of enabled clients that have one which may begin with this text: a pattern finds them, so
/// whoever asks looks again.
pub(crate) async fn redirect_uris_at(db: &Db, origin: &str) -> Result<Vec<String>, Error> {
    let pattern = format!("%\"{origin}%");
    let lists = db.select(REDIRECT_URIS_AT, vec![pattern.into()], |row| {
        list(&row.text(0)?)
    });
    Ok(lists.await?.into_iter().flatten().collect())
}

/// Adds a client; `false` if the id is taken.
pub(crate) async fn insert(tx: &mut Transaction<'_>, client: &Client) -> Result<bool, Error> {
    let mut parameters = columns(client);
    parameters.extend([client.disabled.into(), client.created.into()]);
    Ok(tx.execute(INSERT, &parameters).await? == 1)
}

/// Rewrites a client apart from its secrets, its state and its date; `false` if there is none.
pub(crate) async fn replace(tx: &mut Transaction<'_>, client: &Client) -> Result<bool, Error> {
    let mut parameters = columns(client);
    // The statement names the key last.
    parameters.rotate_left(1);
    Ok(tx.execute(REPLACE, &parameters).await? == 1)
}

fn columns(client: &Client) -> Vec<Value> {
    let lifetime = client
        .access_token_lifetime
        .map(|lifetime| lifetime.as_secs());
    let grants: Vec<String> = client
        .grant_types
        .iter()
        .map(|grant| grant.as_str().to_owned())
        .collect();
    let algorithms: Vec<String> = client
        .protocol
        .assertion_algorithms
        .iter()
        .map(|algorithm| algorithm.as_str().to_owned())
        .collect();
    vec![
        client.client_id.as_str().into(),
        client.name.as_str().into(),
        client.authentication.as_str().into(),
        client.assertion_audience.as_str().into(),
        list_text(&grants).into(),
        list_text(&client.redirect_uris).into(),
        client.scope.to_string().into(),
        list_text(&client.audiences).into(),
        client.rights.organization.clone().into(),
        client.rights.organization_access.as_str().into(),
        list_text(&client.rights.jurisdictions).into(),
        list_text(&client.rights.record_types).into(),
        optional_list_text(client.rights.facilities.as_deref()).into(),
        client.jwks.clone().into(),
        client.jwks_uri.clone().into(),
        lifetime.into(),
        client.note.clone().into(),
        client.protocol.profile.as_str().into(),
        list_text(&algorithms).into(),
        client
            .protocol
            .introspection_signed_response_alg
            .map(Algorithm::as_str)
            .into(),
        client.protocol.require_pushed_authorization_requests.into(),
    ]
}

/// Enables or disables a client; `false` if there is none.
pub(crate) async fn set_disabled(
    tx: &mut Transaction<'_>,
    client_id: &str,
    disabled: bool,
) -> Result<bool, Error> {
    Ok(tx
        .execute(SET_DISABLED, &[disabled.into(), client_id.into()])
        .await?
        == 1)
}

/// Removes a client with its secrets; `false` if there is none.
pub(crate) async fn delete(tx: &mut Transaction<'_>, client_id: &str) -> Result<bool, Error> {
    Ok(tx.execute(DELETE, &[client_id.into()]).await? == 1)
}

/// Whether a resource server introspects as this client.
pub(crate) async fn introspects(tx: &mut Transaction<'_>, client_id: &str) -> Result<bool, Error> {
    Ok(tx
        .find(INTROSPECTS, &[client_id.into()], |row| row.text(0))
        .await?
        .is_some())
}

/// Adds a secret.
pub(crate) async fn insert_secret(tx: &mut Transaction<'_>, new: &NewSecret) -> Result<(), Error> {
    let parameters: [Value; 6] = [
        new.secret.id.as_str().into(),
        new.client_id.as_str().into(),
        new.secret.name.as_str().into(),
        new.hash.as_bytes().as_slice().into(),
        new.secret.created.into(),
        new.secret.expires.into(),
    ];
    tx.execute(INSERT_SECRET, &parameters).await?;
    Ok(())
}

/// Holds the client's row until the transaction ends.
pub(crate) async fn lock(tx: &mut Transaction<'_>, client_id: &str) -> Result<(), Error> {
    tx.execute(LOCK, &[client_id.into()]).await.map(|_| ())
}

/// The ids of secrets that have not expired, the one that lasts longest last.
pub(crate) async fn live_secrets(
    tx: &mut Transaction<'_>,
    client_id: &str,
    now: Timestamp,
) -> Result<Vec<String>, Error> {
    tx.select(LIVE_SECRETS, &[client_id.into(), now.into()], |row| {
        row.text(0)
    })
    .await
}

/// Lets a secret end then, unless it ends before.
pub(crate) async fn expire_secret(
    tx: &mut Transaction<'_>,
    id: &str,
    at: Timestamp,
) -> Result<(), Error> {
    tx.execute(EXPIRE_SECRET, &[at.into(), id.into()])
        .await
        .map(|_| ())
}

/// Removes all secrets of a client.
pub(crate) async fn delete_secrets(
    tx: &mut Transaction<'_>,
    client_id: &str,
) -> Result<u64, Error> {
    tx.execute(DELETE_SECRETS, &[client_id.into()]).await
}

/// Removes a secret; `false` if the client has none of that id.
pub(crate) async fn delete_secret(
    tx: &mut Transaction<'_>,
    client_id: &str,
    id: &str,
) -> Result<bool, Error> {
    Ok(tx
        .execute(DELETE_SECRET, &[client_id.into(), id.into()])
        .await?
        == 1)
}

fn read(row: &Row<'_>) -> Result<Client, Error> {
    Ok(Client {
        client_id: row.text(0)?,
        name: row.text(1)?,
        authentication: ClientAuthenticationMethod::parse(&row.text(2)?)
            .ok_or_else(|| unreadable("client.authentication"))?,
        assertion_audience: AssertionAudience::parse(&row.text(3)?)
            .ok_or_else(|| unreadable("client.assertion_audience"))?,
        grant_types: grant_types(&row.text(4)?)?,
        redirect_uris: list(&row.text(5)?)?,
        scope: scope(&row.text(6)?)?,
        audiences: list(&row.text(7)?)?,
        rights: rights(row, 8)?,
        jwks: row.optional_text(13)?,
        jwks_uri: row.optional_text(14)?,
        access_token_lifetime: row.optional_integer(15)?.map(SignedDuration::from_secs),
        disabled: row.boolean(16)?,
        note: row.optional_text(17)?,
        created: row.timestamp(18)?,
        protocol: protocol(row, 19)?,
    })
}

/// Reads profile, assertion_algorithms, introspection_signed_response_alg and
/// require_pushed_authorization_requests, in this order.
fn protocol(row: &Row<'_>, first: usize) -> Result<Protocol, Error> {
    let algorithm = |name: &str| Algorithm::parse(name).ok_or_else(|| unreadable("an algorithm"));
    Ok(Protocol {
        profile: Profile::parse(&row.text(first)?).ok_or_else(|| unreadable("client.profile"))?,
        assertion_algorithms: list(&row.text(first + 1)?)?
            .iter()
            .map(|name| algorithm(name))
            .collect::<Result<_, _>>()?,
        introspection_signed_response_alg: row
            .optional_text(first + 2)?
            .as_deref()
            .map(algorithm)
            .transpose()?,
        require_pushed_authorization_requests: row.boolean(first + 3)?,
    })
}

fn grant_types(text: &str) -> Result<Vec<GrantType>, Error> {
    list(text)?
        .iter()
        .map(|name| GrantType::parse(name).ok_or_else(|| unreadable("client.grant_types")))
        .collect()
}

const FIND: &str = "SELECT client_id, name, authentication, assertion_audience, grant_types, \
    redirect_uris, scope, audiences, organization, organization_access, jurisdictions, record_types, \
    facilities, jwks, jwks_uri, access_token_lifetime_s, disabled, note, created_ms, profile, assertion_algorithms, \
    introspection_signed_response_alg, require_pushed_authorization_requests \
    FROM client WHERE client_id = $1";
const FIND_EVENLY: &str = "SELECT client_id, name, authentication, assertion_audience, grant_types, \
    redirect_uris, scope, audiences, organization, organization_access, jurisdictions, record_types, \
    facilities, jwks, jwks_uri, access_token_lifetime_s, disabled, note, created_ms, profile, assertion_algorithms, \
    introspection_signed_response_alg, require_pushed_authorization_requests \
    FROM client WHERE client_id IN ($1, (SELECT MIN(client_id) FROM client)) \
    ORDER BY CASE WHEN client_id = $1 THEN 0 ELSE 1 END LIMIT 1";
const ALL: &str = "SELECT client_id, name, authentication, assertion_audience, grant_types, \
    redirect_uris, scope, audiences, organization, organization_access, jurisdictions, record_types, \
    facilities, jwks, jwks_uri, access_token_lifetime_s, disabled, note, created_ms, profile, assertion_algorithms, \
    introspection_signed_response_alg, require_pushed_authorization_requests \
    FROM client ORDER BY client_id";
const AFTER: &str = "SELECT client_id, name, authentication, assertion_audience, grant_types, \
    redirect_uris, scope, audiences, organization, organization_access, jurisdictions, record_types, \
    facilities, jwks, jwks_uri, access_token_lifetime_s, disabled, note, created_ms, profile, assertion_algorithms, \
    introspection_signed_response_alg, require_pushed_authorization_requests \
    FROM client WHERE client_id > $1 ORDER BY client_id LIMIT $2";
const AFTER_WITHIN: &str = "SELECT client_id, name, authentication, assertion_audience, grant_types, \
    redirect_uris, scope, audiences, organization, organization_access, jurisdictions, record_types, \
    facilities, jwks, jwks_uri, access_token_lifetime_s, disabled, note, created_ms, profile, assertion_algorithms, \
    introspection_signed_response_alg, require_pushed_authorization_requests \
    FROM client WHERE client_id > $1 AND organization = $2 ORDER BY client_id LIMIT $3";
const REDIRECT_URIS_AT: &str =
    "SELECT redirect_uris FROM client WHERE NOT disabled AND redirect_uris LIKE $1 LIMIT 100";
const HAS_SECRET: &str = "SELECT id FROM client_secret WHERE client_id = $1 AND secret_hash = $2 \
    AND (expires_ms IS NULL OR expires_ms > $3)";
const SECRETS: &str = "SELECT id, name, created_ms, expires_ms FROM client_secret \
    WHERE client_id = $1 ORDER BY created_ms, id";
const INSERT: &str = "INSERT INTO client (client_id, name, authentication, assertion_audience, \
    grant_types, redirect_uris, scope, audiences, organization, organization_access, jurisdictions, \
    record_types, facilities, jwks, jwks_uri, access_token_lifetime_s, note, profile, assertion_algorithms, \
    introspection_signed_response_alg, require_pushed_authorization_requests, disabled, created_ms) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
    $21, $22, $23) \
    ON CONFLICT DO NOTHING";
const REPLACE: &str = "UPDATE client SET name = $1, authentication = $2, assertion_audience = $3, \
    grant_types = $4, redirect_uris = $5, scope = $6, audiences = $7, organization = $8, \
    organization_access = $9, jurisdictions = $10, record_types = $11, facilities = $12, jwks = $13, jwks_uri = $14, \
    access_token_lifetime_s = $15, note = $16, profile = $17, assertion_algorithms = $18, \
    introspection_signed_response_alg = $19, require_pushed_authorization_requests = $20 \
    WHERE client_id = $21";
const SET_DISABLED: &str = "UPDATE client SET disabled = $1 WHERE client_id = $2";
const DELETE: &str = "DELETE FROM client WHERE client_id = $1";
const INTROSPECTS: &str =
    "SELECT audience FROM resource_server WHERE introspection_client_id = $1 LIMIT 1";
const INSERT_SECRET: &str = "INSERT INTO client_secret (id, client_id, name, secret_hash, \
    created_ms, expires_ms) VALUES ($1, $2, $3, $4, $5, $6)";
const LOCK: &str = "UPDATE client SET disabled = disabled WHERE client_id = $1";
const LIVE_SECRETS: &str = "SELECT id FROM client_secret WHERE client_id = $1 \
    AND (expires_ms IS NULL OR expires_ms > $2) \
    ORDER BY CASE WHEN expires_ms IS NULL THEN 1 ELSE 0 END, expires_ms, created_ms, id";
const EXPIRE_SECRET: &str = "UPDATE client_secret SET expires_ms = $1 \
    WHERE id = $2 AND (expires_ms IS NULL OR expires_ms > $1)";
const DELETE_SECRETS: &str = "DELETE FROM client_secret WHERE client_id = $1";
const DELETE_SECRET: &str = "DELETE FROM client_secret WHERE client_id = $1 AND id = $2";
