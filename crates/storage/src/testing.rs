//! For tests: a fresh database on every engine at hand.
#![expect(
    clippy::panic,
    reason = "for tests: without its database a test proves nothing"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Db, Error, Location, Migrations, PostgresOptions};

/// Runs `test` on a fresh SQLite file and, where the environment names a server in `DATABASE_URL`, on a
/// fresh PostgreSQL schema. Says so where it skips.
///
/// # Panics
/// When a database cannot be made: a test without its database proves nothing.
pub async fn each_engine<F>(migrations: &[&Migrations], test: impl Fn(Db) -> F)
where
    F: Future<Output = ()>,
{
    let directory = tempfile::tempdir().unwrap_or_else(|error| panic!("no directory: {error}"));
    test(open(sqlite(directory.path()), migrations).await).await;
    match postgres().await {
        Some(location) => test(open(location, migrations).await).await,
        None => eprintln!("skipped: PostgreSQL (DATABASE_URL is not set)"),
    }
}

/// An SQLite file in `directory`.
#[must_use]
pub fn sqlite(directory: &Path) -> Location {
    Location::Sqlite(directory.join("test.db"))
}

/// A fresh schema on the server in `DATABASE_URL`, if there is one.
///
/// # Panics
/// When the server is named but cannot be reached.
pub async fn postgres() -> Option<Location> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let url = std::env::var("DATABASE_URL").ok()?;
    let schema = format!(
        "test_{}_{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::SeqCst)
    );
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap_or_else(|error| panic!("PostgreSQL at DATABASE_URL: {error}"));
    let connection = tokio::spawn(connection);
    client
        .batch_execute(&format!(
            "DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}"
        ))
        .await
        .unwrap_or_else(|error| panic!("no schema: {error}"));
    drop(client);
    let _ = connection.await;
    Some(Location::Postgres(PostgresOptions {
        url,
        ca_file: None,
        pool_size: 8,
        schema: Some(schema),
    }))
}

/// Opens a database or fails the test.
///
/// # Panics
/// When it cannot be opened.
pub async fn open(location: Location, migrations: &[&Migrations]) -> Db {
    Db::open(location, migrations)
        .await
        .unwrap_or_else(|error| panic!("no database: {error}"))
}

/// Asserts that both folders of migrations give the same tables and columns.
///
/// # Panics
/// When they differ.
pub async fn same_columns(migrations: &[&Migrations]) {
    let directory = tempfile::tempdir().unwrap_or_else(|error| panic!("no directory: {error}"));
    let lite = columns(
        open(sqlite(directory.path()), migrations).await,
        SQLITE_COLUMNS,
    )
    .await;
    let Some(location) = postgres().await else {
        eprintln!("skipped: PostgreSQL (DATABASE_URL is not set)");
        return;
    };
    let shared = columns(open(location, migrations).await, POSTGRES_COLUMNS).await;
    let lite = lite.unwrap_or_else(|error| panic!("{error}"));
    let shared = shared.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        lite, shared,
        "the two folders of migrations give different columns"
    );
}

async fn columns(db: Db, sql: &'static str) -> Result<BTreeSet<(String, String)>, Error> {
    let rows = db
        .select(sql, Vec::new(), |row| Ok((row.text(0)?, row.text(1)?)))
        .await?;
    Ok(rows.into_iter().collect())
}

const SQLITE_COLUMNS: &str = "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c \
                              WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
const POSTGRES_COLUMNS: &str = "SELECT table_name::text, column_name::text FROM information_schema.columns \
                                WHERE table_schema = current_schema()";
