//! Table `session`.

use jiff::Timestamp;
use oauth::SecretHash;
use storage::{Db, Error, Row, Transaction, Value};

use super::revocations::{id_of, range_of_id};
use super::{rights, unreadable};
use crate::administration::{CHUNK, SessionEntry};
use crate::assurance::Assurance;
use crate::registration::Rights;

/// A session as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredSession {
    pub(crate) user_id: String,
    pub(crate) auth_time: Timestamp,
    pub(crate) last_used: Timestamp,
    pub(crate) expires: Timestamp,
    /// The kind of browser, in words.
    pub(crate) browser: Option<String>,
    /// Where it was begun from.
    pub(crate) source_address: Option<String>,
    /// What the sign-in proved.
    pub(crate) assurance: Assurance,
}

/// Which sessions are alive: those neither expired now nor unused since.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Alive {
    pub(crate) now: Timestamp,
    pub(crate) used_after: Timestamp,
}

pub(crate) async fn find(db: &Db, hash: &SecretHash) -> Result<Option<StoredSession>, Error> {
    db.find(FIND, &[hash.as_bytes().as_slice().into()], |row| {
        read(row, 0)
    })
    .await
}

/// A person's sessions, each with the id by which it is listed: half of its hash, which opens nothing. The
/// latest used comes first.
pub(crate) async fn of_user(
    db: &Db,
    user_id: &str,
    alive: Alive,
) -> Result<Vec<(String, StoredSession)>, Error> {
    let parameters: Vec<Value> = vec![user_id.into(), alive.now.into(), alive.used_after.into()];
    db.select(OF_USER, parameters, |row| {
        Ok((id_of(&row.bytes(0)?), read(row, 1)?))
    })
    .await
}

/// A session with its person, for operators.
#[derive(Debug, Clone)]
pub(crate) struct ListedSession {
    pub(crate) entry: SessionEntry,
    pub(crate) user_rights: Rights,
}

/// Sessions that are alive, the latest begun first: those after a time and id, as many as a list reads at once.
pub(crate) async fn alive(
    db: &Db,
    alive: Alive,
    user_id: Option<&str>,
    after: Option<&(i64, String)>,
) -> Result<Vec<ListedSession>, Error> {
    let mut sql = ALIVE.to_owned();
    let mut parameters: Vec<Value> = vec![alive.now.into(), alive.used_after.into()];
    if let Some(user_id) = user_id {
        parameters.push(user_id.into());
        sql.push_str(" AND s.user_id = $3");
    }
    if let Some((since_ms, id)) = after {
        let last = range_of_id(id).map(|(_, last)| last).unwrap_or_default();
        parameters.extend([Value::Integer(*since_ms), last.into()]);
        let (first, second) = (parameters.len() - 1, parameters.len());
        sql.push_str(&format!(
            " AND (s.auth_time_ms < ${first} OR (s.auth_time_ms = ${first} AND s.session_hash > ${second}))"
        ));
    }
    sql.push_str(&format!(
        " ORDER BY s.auth_time_ms DESC, s.session_hash LIMIT {CHUNK}"
    ));
    db.select(sql, parameters, read_listed).await
}

/// The session that is listed under this id, alive or not.
pub(crate) async fn find_listed(db: &Db, id: &str) -> Result<Option<ListedSession>, Error> {
    let Some((low, high)) = range_of_id(id) else {
        return Ok(None);
    };
    db.find(LISTED, &[low.into(), high.into()], read_listed)
        .await
}

/// As [`find_listed`], in a transaction.
pub(crate) async fn find_listed_in(
    tx: &mut Transaction<'_>,
    id: &str,
) -> Result<Option<ListedSession>, Error> {
    let Some((low, high)) = range_of_id(id) else {
        return Ok(None);
    };
    tx.find(LISTED, &[low.into(), high.into()], read_listed)
        .await
}

fn read_listed(row: &Row<'_>) -> Result<ListedSession, Error> {
    let session = read(row, 1)?;
    Ok(ListedSession {
        entry: SessionEntry {
            id: id_of(&row.bytes(0)?),
            user_id: session.user_id,
            username: row.text(8)?,
            browser: session.browser,
            source_address: session.source_address,
            since: session.auth_time,
            last_used: session.last_used,
            expires: session.expires,
            second_factor: session.assurance.has_second_factor(),
        },
        user_rights: rights(row, 9)?,
    })
}

pub(crate) async fn insert(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
    session: &StoredSession,
) -> Result<(), Error> {
    let parameters = [
        hash.as_bytes().as_slice().into(),
        session.user_id.as_str().into(),
        session.auth_time.into(),
        session.last_used.into(),
        session.expires.into(),
        session.browser.as_deref().into(),
        session.source_address.as_deref().into(),
        session.assurance.as_str().into(),
    ];
    tx.execute(INSERT, &parameters).await.map(|_| ())
}

pub(crate) async fn touch(
    tx: &mut Transaction<'_>,
    hash: &SecretHash,
    now: Timestamp,
) -> Result<(), Error> {
    tx.execute(TOUCH, &[now.into(), hash.as_bytes().as_slice().into()])
        .await
        .map(|_| ())
}

pub(crate) async fn delete(tx: &mut Transaction<'_>, hash: &SecretHash) -> Result<(), Error> {
    tx.execute(DELETE, &[hash.as_bytes().as_slice().into()])
        .await
        .map(|_| ())
}

/// Ends the session of this person that is listed under this id; `false` when there is none such.
pub(crate) async fn delete_by_id(
    tx: &mut Transaction<'_>,
    user_id: &str,
    id: &str,
) -> Result<bool, Error> {
    let hashes = tx
        .select(HASHES_OF_USER, &[user_id.into()], |row| row.bytes(0))
        .await?;
    let Some(hash) = hashes.into_iter().find(|hash| id_of(hash) == id) else {
        return Ok(false);
    };
    Ok(tx.execute(DELETE, &[hash.into()]).await? == 1)
}

/// Ends all sessions of a person.
pub(crate) async fn delete_of_user(tx: &mut Transaction<'_>, user_id: &str) -> Result<u64, Error> {
    tx.execute(DELETE_OF_USER, &[user_id.into()]).await
}

fn read(row: &Row<'_>, first: usize) -> Result<StoredSession, Error> {
    Ok(StoredSession {
        user_id: row.text(first)?,
        auth_time: row.timestamp(first + 1)?,
        last_used: row.timestamp(first + 2)?,
        expires: row.timestamp(first + 3)?,
        browser: row.optional_text(first + 4)?,
        source_address: row.optional_text(first + 5)?,
        assurance: Assurance::parse(&row.text(first + 6)?)
            .ok_or_else(|| unreadable("session.acr"))?,
    })
}

const FIND: &str = "SELECT user_id, auth_time_ms, last_used_ms, expires_ms, browser, source_address, acr \
    FROM session WHERE session_hash = $1";
const OF_USER: &str = "SELECT session_hash, user_id, auth_time_ms, last_used_ms, expires_ms, browser, \
    source_address, acr FROM session WHERE user_id = $1 AND expires_ms > $2 AND last_used_ms > $3 \
    ORDER BY last_used_ms DESC, session_hash LIMIT 100";
macro_rules! listed {
    ($rest:literal) => {
        concat!(
            "SELECT s.session_hash, s.user_id, s.auth_time_ms, s.last_used_ms, s.expires_ms, s.browser, ",
            "s.source_address, s.acr, u.username, u.organization, u.organization_access, ",
            "u.jurisdictions, u.record_types, u.facilities FROM session s JOIN resource_owner u ON u.id = s.user_id ",
            $rest
        )
    };
}
const ALIVE: &str = listed!("WHERE s.expires_ms > $1 AND s.last_used_ms > $2");
const LISTED: &str = listed!("WHERE s.session_hash >= $1 AND s.session_hash <= $2 LIMIT 2");
const INSERT: &str = "INSERT INTO session (session_hash, user_id, auth_time_ms, last_used_ms, expires_ms, \
    browser, source_address, acr) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const TOUCH: &str = "UPDATE session SET last_used_ms = $1 WHERE session_hash = $2";
const DELETE: &str = "DELETE FROM session WHERE session_hash = $1";
const HASHES_OF_USER: &str = "SELECT session_hash FROM session WHERE user_id = $1";
const DELETE_OF_USER: &str = "DELETE FROM session WHERE user_id = $1";
