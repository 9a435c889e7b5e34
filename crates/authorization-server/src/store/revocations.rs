//! Everything that ends tokens before their time, and the list that operators choose from.

use jiff::Timestamp;
use oauth::{Scope, SecretHash};
use storage::{Db, Error, Row, Transaction, Value};

use super::{hexadecimal, list, rights, scope};
use crate::administration::CHUNK;
use crate::registration::Rights;

/// An access token as it is listed: never its value.
#[derive(Debug, Clone)]
pub struct TokenEntry {
    /// Half of its SHA-256 in hexadecimal; its first 8 digits are the audit's `token_id`.
    pub id: String,
    /// What it belongs to, if a person consented to it.
    pub family_id: Option<String>,
    /// Issued to.
    pub client_id: String,
    /// On whose behalf, if a person's.
    pub user_id: Option<String>,
    /// Granted.
    pub scope: Scope,
    /// Where it counts.
    pub audiences: Vec<String>,
    /// From.
    pub issued: Timestamp,
    /// Until.
    pub expires: Timestamp,
    /// Whether it was revoked, alone or with its family.
    pub revoked: bool,
}

/// Revokes one access token of this client; `false` if there is none such that was not revoked yet.
pub(crate) async fn revoke_access(
    tx: &mut Transaction<'_>,
    client_id: &str,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<bool, Error> {
    let parameters = [
        now.into(),
        hash.as_bytes().as_slice().into(),
        client_id.into(),
    ];
    Ok(tx.execute(REVOKE_ACCESS, &parameters).await? == 1)
}

/// The client and family of a refresh token (RFC 7009 section 2.1 ends the whole grant).
pub(crate) async fn owner_of_refresh(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
) -> Result<Option<(String, String)>, Error> {
    let parameters = [hash.as_bytes().as_slice().into()];
    tx.find(OWNER_OF_REFRESH, &parameters, |row| {
        Ok((row.text(0)?, row.text(1)?))
    })
    .await
}

/// The client of an access token.
pub(crate) async fn owner_of_access(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
) -> Result<Option<String>, Error> {
    tx.find(
        OWNER_OF_ACCESS,
        &[hash.as_bytes().as_slice().into()],
        |row| row.text(0),
    )
    .await
}

/// Revokes a family: all its access and refresh tokens; `false` if it was revoked or is not there.
pub(crate) async fn revoke_family(
    tx: &mut Transaction<'_>,
    family_id: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(tx
        .execute(REVOKE_FAMILY, &[now.into(), family_id.into()])
        .await?
        == 1)
}

/// Revokes whatever a user's consent led to. Codes come first: a redemption that runs at the same
/// time holds the code's row, so that by the time we come to the families its family is there.
pub(crate) async fn revoke_user(
    tx: &mut Transaction<'_>,
    user_id: &str,
    now: Timestamp,
) -> Result<u64, Error> {
    let parameters: [Value; 2] = [now.into(), user_id.into()];
    tx.execute(CODES_OF_USER, &parameters).await?;
    tx.execute(FAMILIES_OF_USER, &parameters).await
}

/// Something that a person allowed a client, and that still lives.
#[derive(Debug, Clone)]
pub(crate) struct GrantEntry {
    pub(crate) client_id: String,
    pub(crate) client_name: String,
    pub(crate) client_organization: Option<String>,
    pub(crate) scope: Scope,
    pub(crate) given: Timestamp,
    pub(crate) expires: Timestamp,
}

/// What a person's consents led to and has neither expired nor been revoked, latest first.
pub(crate) async fn grants_of_user(
    db: &Db,
    user_id: &str,
    now: Timestamp,
) -> Result<Vec<GrantEntry>, Error> {
    db.select(GRANTS_OF_USER, vec![user_id.into(), now.into()], |row| {
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

/// Revokes what a person allowed one client, codes first as in [`revoke_user`]; `false` if there was nothing.
pub(crate) async fn revoke_grants(
    tx: &mut Transaction<'_>,
    user_id: &str,
    client_id: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let parameters: [Value; 3] = [now.into(), user_id.into(), client_id.into()];
    let codes = tx.execute(CODES_OF_GRANT, &parameters).await?;
    let families = tx.execute(FAMILIES_OF_GRANT, &parameters).await?;
    Ok(codes + families > 0)
}

/// Revokes whatever was issued to a client.
pub(crate) async fn revoke_client(
    tx: &mut Transaction<'_>,
    client_id: &str,
    now: Timestamp,
) -> Result<u64, Error> {
    let parameters: [Value; 2] = [now.into(), client_id.into()];
    tx.execute(CODES_OF_CLIENT, &parameters).await?;
    tx.execute(FAMILIES_OF_CLIENT, &parameters).await?;
    tx.execute(ACCESS_OF_CLIENT, &parameters).await
}

/// Revokes the one access token whose hash starts with these bytes; `false` if there is none or more
/// than one.
pub(crate) async fn revoke_by_id(
    tx: &mut Transaction<'_>,
    id: &[u8],
    now: Timestamp,
) -> Result<bool, Error> {
    let (low, high) = range_of(id);
    let found = tx
        .select(ACCESS_IN_RANGE, &[low.into(), high.into()], |row| {
            row.bytes(0)
        })
        .await?;
    let [hash] = found.as_slice() else {
        return Ok(false);
    };
    Ok(tx
        .execute(REVOKE_ACCESS_ROW, &[now.into(), hash.as_slice().into()])
        .await?
        == 1)
}

/// Whose a token is.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) is_person: bool,
    /// `None` when the person is gone, or there is none.
    pub(crate) user_rights: Option<Rights>,
    /// `None` when the client is gone.
    pub(crate) client_rights: Option<Rights>,
}

/// A listed token and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct OwnedToken {
    pub(crate) entry: TokenEntry,
    pub(crate) holder: Holder,
}

/// Access tokens that have not expired, newest first: those after an issue time and id, as many as a list reads at once.
pub(crate) async fn unexpired(
    db: &Db,
    now: Timestamp,
    (client_id, user_id): (Option<&str>, Option<&str>),
    after: Option<&(i64, String)>,
) -> Result<Vec<OwnedToken>, Error> {
    let mut sql = UNEXPIRED.to_owned();
    let mut parameters: Vec<Value> = vec![now.into()];
    for (column, wanted) in [
        (" AND t.client_id = $", client_id),
        (" AND t.user_id = $", user_id),
    ] {
        if let Some(wanted) = wanted {
            parameters.push(wanted.into());
            sql.push_str(column);
            sql.push_str(&parameters.len().to_string());
        }
    }
    if let Some((issued_ms, id)) = after {
        let (_, last) = range_of(&bytes_of(id).unwrap_or_default());
        parameters.extend([Value::Integer(*issued_ms), last.into()]);
        let (first, second) = (parameters.len() - 1, parameters.len());
        sql.push_str(&format!(
            " AND (t.issued_ms < ${first} OR (t.issued_ms = ${first} AND t.token_hash > ${second}))"
        ));
    }
    sql.push_str(&format!(
        " ORDER BY t.issued_ms DESC, t.token_hash LIMIT {CHUNK}"
    ));
    let read = |row: &Row<'_>| {
        Ok(OwnedToken {
            entry: read_entry(row)?,
            holder: read_holder(row, 10)?,
        })
    };
    db.select(sql, parameters, read).await
}

/// Whose a family is; `None` if there is none such.
pub(crate) async fn holder_of_family(
    tx: &mut Transaction<'_>,
    family_id: &str,
) -> Result<Option<Holder>, Error> {
    tx.find(HOLDER_OF_FAMILY, &[family_id.into()], |row| {
        read_holder(row, 0)
    })
    .await
}

/// Whose the access tokens are whose hash starts with these bytes; two at most.
pub(crate) async fn holders_of_access(
    tx: &mut Transaction<'_>,
    id: &[u8],
) -> Result<Vec<Holder>, Error> {
    let (low, high) = range_of(id);
    tx.select(HOLDERS_OF_ACCESS, &[low.into(), high.into()], |row| {
        read_holder(row, 0)
    })
    .await
}

/// Reads the user's id as the token has it, the user's id and rights if there is one, and the client's.
fn read_holder(row: &Row<'_>, first: usize) -> Result<Holder, Error> {
    let user = row.optional_text(first + 1)?.is_some();
    let client = row.optional_text(first + 7)?.is_some();
    Ok(Holder {
        is_person: row.optional_text(first)?.is_some(),
        user_rights: user.then(|| rights(row, first + 2)).transpose()?,
        client_rights: client.then(|| rights(row, first + 8)).transpose()?,
    })
}

fn read_entry(row: &Row<'_>) -> Result<TokenEntry, Error> {
    let hash = row.bytes(0)?;
    Ok(TokenEntry {
        id: id_of(&hash),
        family_id: row.optional_text(1)?,
        client_id: row.text(2)?,
        user_id: row.optional_text(3)?,
        scope: scope(&row.text(4)?)?,
        audiences: list(&row.text(5)?)?,
        issued: row.timestamp(6)?,
        expires: row.timestamp(7)?,
        revoked: row.optional_timestamp(8)?.is_some() || row.optional_timestamp(9)?.is_some(),
    })
}

/// How a token is called where it is listed and in `jti`.
pub(crate) fn id_of(hash: &[u8]) -> String {
    hexadecimal(hash.get(..ID_BYTES).unwrap_or(hash))
}

/// The hash of the access token with this listed id (all of it); `None` if there is none.
pub(crate) async fn hash_of_id(db: &Db, id: &str) -> Result<Option<SecretHash>, Error> {
    let Some(prefix) = bytes_of(id).filter(|bytes| bytes.len() == ID_BYTES) else {
        return Ok(None);
    };
    let (low, high) = range_of(&prefix);
    let found = db
        .find(ACCESS_IN_RANGE, &[low.into(), high.into()], |row| {
            row.bytes(0)
        })
        .await?;
    Ok(found.as_deref().and_then(SecretHash::from_slice))
}

/// Reads an id or its start: hexadecimal.
pub(crate) fn bytes_of(id: &str) -> Option<Vec<u8>> {
    let pairs = id.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
            }
            _ => None,
        })
        .collect()
}

/// The first and the last hash with this listed id (all of it); `None` if it is none.
pub(crate) fn range_of_id(id: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let prefix = bytes_of(id).filter(|bytes| bytes.len() == ID_BYTES)?;
    Some(range_of(&prefix))
}

fn range_of(prefix: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let padded = |fill: u8| {
        let mut bytes = prefix.to_vec();
        bytes.resize(HASH_BYTES.max(prefix.len()), fill);
        bytes
    };
    (padded(0), padded(u8::MAX))
}

/// Bytes of a hash that an id shows.
const ID_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

const REVOKE_ACCESS: &str = "UPDATE access_token SET revoked_ms = $1 \
    WHERE token_hash = $2 AND client_id = $3 AND revoked_ms IS NULL";
const REVOKE_ACCESS_ROW: &str =
    "UPDATE access_token SET revoked_ms = $1 WHERE token_hash = $2 AND revoked_ms IS NULL";
const OWNER_OF_REFRESH: &str = "SELECT f.client_id, f.id FROM refresh_token r \
    JOIN token_family f ON f.id = r.family_id WHERE r.token_hash = $1";
const OWNER_OF_ACCESS: &str = "SELECT client_id FROM access_token WHERE token_hash = $1";
const REVOKE_FAMILY: &str =
    "UPDATE token_family SET revoked_ms = $1 WHERE id = $2 AND revoked_ms IS NULL";
const CODES_OF_USER: &str =
    "UPDATE authorization_code SET used_ms = $1 WHERE user_id = $2 AND used_ms IS NULL";
const FAMILIES_OF_USER: &str =
    "UPDATE token_family SET revoked_ms = $1 WHERE user_id = $2 AND revoked_ms IS NULL";
const GRANTS_OF_USER: &str = "SELECT f.client_id, c.name, c.organization, f.scope, f.created_ms, f.expires_ms \
    FROM token_family f JOIN client c ON c.client_id = f.client_id \
    WHERE f.user_id = $1 AND f.revoked_ms IS NULL AND f.expires_ms > $2 \
    ORDER BY f.created_ms DESC, f.id LIMIT 200";
const CODES_OF_GRANT: &str = "UPDATE authorization_code SET used_ms = $1 \
    WHERE user_id = $2 AND client_id = $3 AND used_ms IS NULL";
const FAMILIES_OF_GRANT: &str = "UPDATE token_family SET revoked_ms = $1 \
    WHERE user_id = $2 AND client_id = $3 AND revoked_ms IS NULL";
const CODES_OF_CLIENT: &str =
    "UPDATE authorization_code SET used_ms = $1 WHERE client_id = $2 AND used_ms IS NULL";
const FAMILIES_OF_CLIENT: &str =
    "UPDATE token_family SET revoked_ms = $1 WHERE client_id = $2 AND revoked_ms IS NULL";
const ACCESS_OF_CLIENT: &str =
    "UPDATE access_token SET revoked_ms = $1 WHERE client_id = $2 AND revoked_ms IS NULL";
const ACCESS_IN_RANGE: &str =
    "SELECT token_hash FROM access_token WHERE token_hash >= $1 AND token_hash <= $2 LIMIT 2";
macro_rules! holder {
    ($columns:literal, $of:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $columns,
            "t.user_id, u.id, u.organization, u.organization_access, u.jurisdictions, u.record_types, u.facilities, ",
            "c.client_id, c.organization, c.organization_access, c.jurisdictions, c.record_types, c.facilities FROM ",
            $of,
            " t LEFT JOIN resource_owner u ON u.id = t.user_id LEFT JOIN client c ON c.client_id = t.client_id ",
            $rest
        )
    };
}
const UNEXPIRED: &str = holder!(
    "t.token_hash, t.family_id, t.client_id, t.user_id, t.scope, t.audiences, t.issued_ms, t.expires_ms, \
     t.revoked_ms, f.revoked_ms, ",
    "access_token",
    "LEFT JOIN token_family f ON f.id = t.family_id WHERE t.expires_ms > $1"
);
const HOLDER_OF_FAMILY: &str = holder!("", "token_family", "WHERE t.id = $1");
const HOLDERS_OF_ACCESS: &str = holder!(
    "",
    "access_token",
    "WHERE t.token_hash >= $1 AND t.token_hash <= $2 LIMIT 2"
);
