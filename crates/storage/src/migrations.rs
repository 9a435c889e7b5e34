//! The runner of migrations: numbered steps in two dialects, applied once, under a lock, never edited.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use rusqlite::{Connection, TransactionBehavior};

use crate::clock::{Clock, to_ms};
use crate::error::Error;
use crate::transaction::{Transaction, Work};

/// The migrations of one table group.
#[derive(Debug)]
pub struct Migrations {
    /// Name of the group; each role has its own.
    pub name: &'static str,
    /// The steps, in order of their version.
    pub steps: &'static [Migration],
}

/// One step. Both texts give the same tables and columns.
#[derive(Debug)]
pub struct Migration {
    /// From 1, without gaps.
    pub version: i64,
    /// What it does.
    pub title: &'static str,
    /// For SQLite.
    pub sqlite: &'static str,
    /// For PostgreSQL.
    pub postgres: &'static str,
}

pub(crate) fn run_sqlite(connection: &mut Connection, sets: &[&Migrations]) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLE)?;
    for set in sets {
        let applied = {
            let mut statement = transaction.prepare(APPLIED)?;
            let rows = statement.query_map([set.name], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })?;
            rows.collect::<Result<BTreeMap<_, _>, _>>()?
        };
        for step in outstanding(set, &applied, |step| step.sqlite)? {
            transaction.execute_batch(step.sqlite)?;
            let checksum = checksum(step.sqlite);
            let now = to_ms(Clock::system().now());
            transaction.execute(INSERT, (set.name, step.version, step.title, checksum, now))?;
        }
    }
    transaction.commit()?;
    Ok(())
}

pub(crate) async fn run_postgres(
    client: &mut tokio_postgres::Client,
    sets: &[&Migrations],
) -> Result<(), Error> {
    let transaction = client.transaction().await?;
    // Another node may be at it for longer than a statement may take; but no step may queue behind a long
    // reader with all others queueing behind the step.
    transaction
        .batch_execute("SET LOCAL statement_timeout = 0")
        .await?;
    transaction
        .execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await?;
    transaction
        .batch_execute("SET LOCAL lock_timeout = '10s'")
        .await?;
    transaction.batch_execute(TABLE).await?;
    for set in sets {
        let rows = transaction.query(APPLIED, &[&set.name]).await?;
        let applied = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        let applied = applied.collect::<Result<_, tokio_postgres::Error>>()?;
        for step in outstanding(set, &applied, |step| step.postgres)? {
            transaction.batch_execute(step.postgres).await?;
            let checksum = checksum(step.postgres);
            let now = to_ms(Clock::system().now());
            transaction
                .execute(
                    INSERT,
                    &[&set.name, &step.version, &step.title, &checksum, &now],
                )
                .await?;
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// Which steps are to be applied, after checking that those applied are the ones we know.
fn outstanding<'a>(
    set: &'a Migrations,
    applied: &BTreeMap<i64, String>,
    text: fn(&Migration) -> &'static str,
) -> Result<Vec<&'a Migration>, Error> {
    if set
        .steps
        .iter()
        .zip(1..)
        .any(|(step, version)| step.version != version)
    {
        return Err(Error::Failed(format!(
            "the versions of the {} tables have a gap",
            set.name
        )));
    }
    let known = set.steps.iter().map(|step| step.version).max().unwrap_or(0);
    if let Some(newer) = applied.keys().find(|version| **version > known) {
        return Err(Error::Setting(format!(
            "the database has version {newer} of the {} tables; this program knows {known}: use the newer program",
            set.name
        )));
    }
    for step in set.steps {
        if applied
            .get(&step.version)
            .is_some_and(|found| *found != checksum(text(step)))
        {
            return Err(Error::Setting(format!(
                "migration {} {} was applied with another text than this program has",
                set.name, step.version
            )));
        }
    }
    Ok(set
        .steps
        .iter()
        .filter(|step| !applied.contains_key(&step.version))
        .collect())
}

/// Changes nothing that anybody reads, and takes the same way as every write.
pub(crate) struct Rewrite;

impl Work for Rewrite {
    type Output = u64;

    async fn run(&self, transaction: &mut Transaction<'_>) -> Result<u64, Error> {
        transaction.execute(REWRITE, &[]).await
    }
}

fn checksum(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    hash.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
  set_name TEXT NOT NULL,
  version BIGINT NOT NULL,
  title TEXT NOT NULL,
  checksum TEXT NOT NULL,
  applied_at_ms BIGINT NOT NULL,
  PRIMARY KEY (set_name, version)
)";
/// The audit's tables are always there.
pub(crate) const FIRST: &str =
    "SELECT version FROM schema_migration WHERE set_name = 'audit' AND version = 1";
/// A space at the end of a title comes and goes: SQLite writes nothing for a row that stays as it is, and a full disk
/// would look ready.
const REWRITE: &str = "UPDATE schema_migration \
    SET title = CASE WHEN title LIKE '% ' THEN rtrim(title) ELSE title || ' ' END \
    WHERE set_name = 'audit' AND version = 1";
const APPLIED: &str = "SELECT version, checksum FROM schema_migration WHERE set_name = $1";
const INSERT: &str = "INSERT INTO schema_migration (set_name, version, title, checksum, applied_at_ms) \
                      VALUES ($1, $2, $3, $4, $5)";
/// Any number that nothing else in the database uses as an advisory lock.
const LOCK: i64 = 0x7669_7461_6c67;
