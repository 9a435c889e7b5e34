//! Table `resource_server`.

use oauth::jose::Algorithm;
use storage::{Db, Error, Row, Transaction};

use super::unreadable;
use crate::registration::ResourceServerEntry;

/// Finds the resource server of an audience.
pub(crate) async fn find(db: &Db, audience: &str) -> Result<Option<ResourceServerEntry>, Error> {
    db.find(FIND, &[audience.into()], read).await
}

/// All resource servers by audience.
pub(crate) async fn all(db: &Db) -> Result<Vec<ResourceServerEntry>, Error> {
    db.select(ALL, vec![], read).await
}

/// The audiences that a client introspects for; empty if it is no introspection client. One row, so
/// that it stays a point read: a URL holds no space.
pub(crate) async fn audiences_of(db: &Db, client_id: &str) -> Result<Vec<String>, Error> {
    let joined = db
        .find(AUDIENCES_OF, &[client_id.into()], |row| {
            row.optional_text(0)
        })
        .await?
        .flatten();
    Ok(joined
        .unwrap_or_default()
        .split_ascii_whitespace()
        .map(str::to_owned)
        .collect())
}

/// Adds a resource server; `false` if the audience is taken.
/// Whether a resource server introspects as this client.
pub(crate) async fn has_client(tx: &mut Transaction<'_>, client_id: &str) -> Result<bool, Error> {
    let found = tx
        .find(HAS_CLIENT, &[client_id.into()], |row| row.integer(0))
        .await?;
    Ok(found.is_some_and(|count| count > 0))
}

pub(crate) async fn insert(
    tx: &mut Transaction<'_>,
    entry: &ResourceServerEntry,
) -> Result<bool, Error> {
    let parameters = [
        entry.audience.as_str().into(),
        entry.name.as_str().into(),
        entry.introspection_client_id.as_str().into(),
        entry.organization.as_str().into(),
        entry.created.into(),
        entry.access_token_signing_alg.map(Algorithm::as_str).into(),
    ];
    Ok(tx.execute(INSERT, &parameters).await? == 1)
}

/// Removes a resource server; `false` if there is none.
pub(crate) async fn delete(tx: &mut Transaction<'_>, audience: &str) -> Result<bool, Error> {
    Ok(tx.execute(DELETE, &[audience.into()]).await? == 1)
}

fn read(row: &Row<'_>) -> Result<ResourceServerEntry, Error> {
    Ok(ResourceServerEntry {
        audience: row.text(0)?,
        name: row.text(1)?,
        introspection_client_id: row.text(2)?,
        organization: row.text(3)?,
        created: row.timestamp(4)?,
        access_token_signing_alg: row
            .optional_text(5)?
            .as_deref()
            .map(|name| {
                Algorithm::parse(name)
                    .ok_or_else(|| unreadable("resource_server.access_token_signing_alg"))
            })
            .transpose()?,
    })
}

const FIND: &str = "SELECT audience, name, introspection_client_id, organization, created_ms, \
    access_token_signing_alg FROM resource_server WHERE audience = $1";
const ALL: &str = "SELECT audience, name, introspection_client_id, organization, created_ms, \
    access_token_signing_alg FROM resource_server ORDER BY audience";
const AUDIENCES_OF: &str = "SELECT string_agg(audience, ' ') FROM resource_server \
    WHERE introspection_client_id = $1";
const INSERT: &str = "INSERT INTO resource_server (audience, name, introspection_client_id, \
    organization, created_ms, access_token_signing_alg) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
const DELETE: &str = "DELETE FROM resource_server WHERE audience = $1";
const HAS_CLIENT: &str = "SELECT COUNT(*) FROM resource_server WHERE introspection_client_id = $1";
