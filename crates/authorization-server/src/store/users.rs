//! Table `resource_owner`.

use jiff::Timestamp;
use storage::{Db, Error, Row, Transaction};

use super::{list_text, optional_list_text, rights, scope};
use crate::administration::CHUNK;
use crate::{ResourceOwner, password};

/// A person with the password's hash.
pub(crate) struct StoredUser {
    pub(crate) owner: ResourceOwner,
    pub(crate) password_hash: String,
}

pub(crate) async fn find_by_username(db: &Db, username: &str) -> Result<Option<StoredUser>, Error> {
    db.find(BY_USERNAME, &[username.into()], read).await
}

pub(crate) async fn find(db: &Db, id: &str) -> Result<Option<ResourceOwner>, Error> {
    Ok(db
        .find(BY_ID, &[id.into()], read)
        .await?
        .map(|user| user.owner))
}

/// Whether a person has a password of this server.
pub(crate) async fn has_password(db: &Db, id: &str) -> Result<bool, Error> {
    let found = db.find(BY_ID, &[id.into()], read).await?;
    Ok(found.is_some_and(|user| !password::is_nobodys(&user.password_hash)))
}

/// As [`find`], in a transaction.
pub(crate) async fn find_in(
    tx: &mut Transaction<'_>,
    id: &str,
) -> Result<Option<ResourceOwner>, Error> {
    let found = tx.find(BY_ID, &[id.into()], read).await?;
    Ok(found.map(|user| user.owner))
}

/// Gives a person the role, scope and rights that this value has.
pub(crate) async fn set_rights(
    tx: &mut Transaction<'_>,
    owner: &ResourceOwner,
) -> Result<bool, Error> {
    let parameters = [
        owner.role.as_str().into(),
        owner.scope.to_string().into(),
        owner.rights.organization.as_deref().into(),
        owner.rights.organization_access.as_str().into(),
        list_text(&owner.rights.jurisdictions).into(),
        list_text(&owner.rights.record_types).into(),
        optional_list_text(owner.rights.facilities.as_deref()).into(),
        owner.id.as_str().into(),
    ];
    Ok(tx.execute(SET_RIGHTS, &parameters).await? == 1)
}

pub(crate) async fn all(db: &Db) -> Result<Vec<ResourceOwner>, Error> {
    db.select(ALL, Vec::new(), |row| Ok(read(row)?.owner)).await
}

/// People after this name, in order, as many as a list reads at once; of one organization, if one is given.
pub(crate) async fn after(
    db: &Db,
    username: &str,
    organization: Option<&str>,
) -> Result<Vec<ResourceOwner>, Error> {
    let limit = i64::try_from(CHUNK).unwrap_or(i64::MAX);
    let (sql, parameters) = match organization {
        None => (AFTER, vec![username.into(), limit.into()]),
        Some(organization) => (
            AFTER_WITHIN,
            vec![username.into(), organization.into(), limit.into()],
        ),
    };
    db.select(sql, parameters, |row| Ok(read(row)?.owner)).await
}

/// A person whose row nobody else changes until the transaction ends.
pub(crate) async fn lock(
    tx: &mut Transaction<'_>,
    id: &str,
) -> Result<Option<ResourceOwner>, Error> {
    tx.execute(LOCK, &[id.into()]).await?;
    Ok(tx.find(BY_ID, &[id.into()], read).await?.map(|it| it.owner))
}

/// Whether somebody else than this person administers all organizations.
pub(crate) async fn has_other_chief(tx: &mut Transaction<'_>, id: &str) -> Result<bool, Error> {
    Ok(tx
        .find(OTHER_CHIEF, &[id.into()], |row| row.text(0))
        .await?
        .is_some())
}

/// Another role, scope, rights and note; `false` when there is none such.
pub(crate) async fn change(tx: &mut Transaction<'_>, owner: &ResourceOwner) -> Result<bool, Error> {
    let parameters = [
        owner.role.as_str().into(),
        owner.scope.to_string().into(),
        owner.rights.organization.as_deref().into(),
        owner.rights.organization_access.as_str().into(),
        list_text(&owner.rights.jurisdictions).into(),
        list_text(&owner.rights.record_types).into(),
        optional_list_text(owner.rights.facilities.as_deref()).into(),
        owner.note.as_deref().into(),
        owner.id.as_str().into(),
    ];
    Ok(tx.execute(CHANGE, &parameters).await? == 1)
}

/// `false` when the name is taken.
pub(crate) async fn insert(
    tx: &mut Transaction<'_>,
    owner: &ResourceOwner,
    password_hash: &str,
) -> Result<bool, Error> {
    let parameters = [
        owner.id.as_str().into(),
        owner.username.as_str().into(),
        password_hash.into(),
        owner.role.as_str().into(),
        owner.scope.to_string().into(),
        owner.rights.organization.as_deref().into(),
        owner.rights.organization_access.as_str().into(),
        list_text(&owner.rights.jurisdictions).into(),
        list_text(&owner.rights.record_types).into(),
        optional_list_text(owner.rights.facilities.as_deref()).into(),
        owner.disabled.into(),
        owner.note.as_deref().into(),
        owner.created.into(),
        owner.created.into(),
    ];
    Ok(tx.execute(INSERT, &parameters).await? == 1)
}

/// `false` when there is none such.
pub(crate) async fn set_disabled(
    tx: &mut Transaction<'_>,
    id: &str,
    disabled: bool,
) -> Result<bool, Error> {
    Ok(tx
        .execute(SET_DISABLED, &[disabled.into(), id.into()])
        .await?
        == 1)
}

/// `false` when there is none such.
pub(crate) async fn set_password(
    tx: &mut Transaction<'_>,
    id: &str,
    hash: &str,
    short: bool,
    now: Timestamp,
) -> Result<bool, Error> {
    let parameters = [hash.into(), now.into(), short.into(), id.into()];
    Ok(tx.execute(SET_PASSWORD, &parameters).await? == 1)
}

/// Another hash of the same password; nothing when it is no longer the same.
pub(crate) async fn replace_hash(
    tx: &mut Transaction<'_>,
    id: &str,
    old: &str,
    new: &str,
) -> Result<(), Error> {
    tx.execute(REPLACE_HASH, &[new.into(), id.into(), old.into()])
        .await
        .map(|_| ())
}

/// `false` when there is none such.
pub(crate) async fn delete(tx: &mut Transaction<'_>, id: &str) -> Result<bool, Error> {
    Ok(tx.execute(DELETE, &[id.into()]).await? == 1)
}

fn read(row: &Row<'_>) -> Result<StoredUser, Error> {
    Ok(StoredUser {
        password_hash: row.text(2)?,
        owner: ResourceOwner {
            id: row.text(0)?,
            username: row.text(1)?,
            role: row.text(3)?,
            scope: scope(&row.text(4)?)?,
            rights: rights(row, 5)?,
            disabled: row.boolean(10)?,
            note: row.optional_text(11)?,
            created: row.timestamp(12)?,
            short_password: row.boolean(13)?,
        },
    })
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, username, password_hash, role, scope, organization, organization_access, jurisdictions, ",
            "record_types, facilities, disabled, note, created_ms, short_password FROM resource_owner ",
            $rest
        )
    };
}
const BY_USERNAME: &str = select!("WHERE username = $1");
const BY_ID: &str = select!("WHERE id = $1");
const ALL: &str = select!("ORDER BY username");
const AFTER: &str = select!("WHERE username > $1 ORDER BY username LIMIT $2");
const AFTER_WITHIN: &str =
    select!("WHERE username > $1 AND organization = $2 ORDER BY username LIMIT $3");
const LOCK: &str = "UPDATE resource_owner SET disabled = disabled WHERE id = $1";
const OTHER_CHIEF: &str = "SELECT id FROM resource_owner WHERE role = 'administrator' \
    AND organization_access = 'all' AND NOT disabled AND id <> $1 LIMIT 1";
const CHANGE: &str = "UPDATE resource_owner SET role = $1, scope = $2, organization = $3, \
    organization_access = $4, jurisdictions = $5, record_types = $6, facilities = $7, note = $8 WHERE id = $9";
const INSERT: &str = "INSERT INTO resource_owner (id, username, password_hash, role, scope, organization, \
    organization_access, jurisdictions, record_types, facilities, disabled, note, created_ms, \
    password_changed_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING";
const SET_DISABLED: &str = "UPDATE resource_owner SET disabled = $1 WHERE id = $2";
const SET_RIGHTS: &str = "UPDATE resource_owner SET role = $1, scope = $2, organization = $3, \
    organization_access = $4, jurisdictions = $5, record_types = $6, facilities = $7 WHERE id = $8";
const SET_PASSWORD: &str = "UPDATE resource_owner SET password_hash = $1, password_changed_ms = $2, short_password = $3 WHERE id = $4";
const REPLACE_HASH: &str =
    "UPDATE resource_owner SET password_hash = $1 WHERE id = $2 AND password_hash = $3";
const DELETE: &str = "DELETE FROM resource_owner WHERE id = $1";
