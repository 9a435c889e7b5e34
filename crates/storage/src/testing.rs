//! For tests: a fresh database on every engine at hand.
#![expect(
    clippy::panic,
    reason = "for tests: without its database a test proves nothing"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Db, Location, Migrations, PostgresOptions};

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
        Some(location) => {
            test(open(location.clone(), migrations).await).await;
            forget(&location).await;
        }
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
    let sql = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    run(&url, &sql)
        .await
        .unwrap_or_else(|error| panic!("PostgreSQL at DATABASE_URL: {error}"));
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

/// Asserts that both folders of migrations give the same tables, columns, types and indexes.
///
/// # Panics
/// When they differ.
pub async fn same_columns(migrations: &[&Migrations]) {
    let directory = tempfile::tempdir().unwrap_or_else(|error| panic!("no directory: {error}"));
    let lite = open(sqlite(directory.path()), migrations).await;
    let lite = lines(&lite, SQLITE_SCHEMA).await;
    let Some(location) = postgres().await else {
        eprintln!("skipped: PostgreSQL (DATABASE_URL is not set)");
        return;
    };
    let shared = open(location.clone(), migrations).await;
    let shared = lines(&shared, POSTGRES_SCHEMA).await;
    assert_eq!(
        lite, shared,
        "the two folders of migrations give different tables"
    );
    forget(&location).await;
}

async fn lines(db: &Db, sql: &'static str) -> BTreeSet<String> {
    let rows = db.select(sql, Vec::new(), |row| row.text(0)).await;
    rows.unwrap_or_else(|error| panic!("no description of the tables: {error}"))
        .into_iter()
        .collect()
}

/// Drops the schema of a test that has passed; a failed one's stays, to be looked at. What still runs in it
/// keeps it as well.
async fn forget(location: &Location) {
    let Location::Postgres(PostgresOptions {
        url,
        schema: Some(schema),
        ..
    }) = location
    else {
        return;
    };
    let sql = format!("SET lock_timeout = '2s'; DROP SCHEMA IF EXISTS {schema} CASCADE");
    if let Err(error) = run(url, &sql).await {
        eprintln!("schema {schema} is left behind: {error}");
    }
}

async fn run(url: &str, sql: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await?;
    drop(client);
    let _ = connection.await;
    Ok(())
}

const SQLITE_SCHEMA: &str = "\
    SELECT m.name || '.' || c.name || ' ' || replace(lower(c.type), 'blob', 'bytea') ||
           CASE WHEN c.\"notnull\" THEN ' not null' ELSE '' END
    FROM sqlite_master m JOIN pragma_table_info(m.name) c
    WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'
    UNION ALL
    SELECT CASE WHEN l.\"unique\" THEN 'unique ' ELSE 'index ' END || m.name || ' (' ||
           (SELECT group_concat(i.name, ', ' ORDER BY i.seqno) FROM pragma_index_info(l.name) i) || ')' ||
           CASE WHEN l.partial THEN ' partial' ELSE '' END
    FROM sqlite_master m JOIN pragma_index_list(m.name) l
    WHERE m.type = 'table'";
const POSTGRES_SCHEMA: &str = "\
    SELECT table_name::text || '.' || column_name || ' ' || data_type ||
           CASE WHEN is_nullable = 'NO' THEN ' not null' ELSE '' END
    FROM information_schema.columns WHERE table_schema = current_schema()
    UNION ALL
    SELECT CASE WHEN i.indisunique THEN 'unique ' ELSE 'index ' END || t.relname::text || ' (' ||
           (SELECT string_agg(a.attname::text, ', ' ORDER BY k.n)
            FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(number, n)
            JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number) || ')' ||
           CASE WHEN i.indpred IS NOT NULL THEN ' partial' ELSE '' END
    FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
    WHERE t.relnamespace = current_schema()::regnamespace";
