//! One database handle over SQLite or PostgreSQL, the migrations runner and the audit table.
//!
//! The same `$1` statement text serves both engines (parameters numbered in order of first appearance)
//! and the same function reads a row of either. Point reads ([`Db::find`]) run on the calling thread
//! with SQLite: 3 µs, so nothing that decides is cached. Writes are units of [`Work`]: short, re-runnable,
//! durable when they are answered. Portable types only: TEXT, BIGINT (milliseconds UTC for time), BLOB or
//! BYTEA, BOOLEAN, JSON as text. Single use is `ON CONFLICT DO NOTHING` or `UPDATE … WHERE unused`, never
//! read-then-write: PostgreSQL aborts a transaction on any error, so none may be expected, and a unit in which
//! a statement failed is undone whatever it answers.

pub mod audit;
mod clock;
mod error;
mod location;
mod migrations;
mod postgres;
mod row;
mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;
mod transaction;
mod value;

use std::borrow::Cow;
use std::sync::Arc;

pub use audit::{AuditEvent, Outcome};
pub use clock::{Clock, from_ms, to_ms};
pub use error::Error;
pub use location::{Location, PostgresOptions};
pub use migrations::{Migration, Migrations};
pub use row::Row;
pub use transaction::{Transaction, Work};
pub use value::Value;

/// An open database. Clones share it.
#[derive(Clone, Debug)]
pub struct Db(Engine);

#[derive(Clone, Debug)]
enum Engine {
    Sqlite(Arc<sqlite::Sqlite>),
    Postgres(postgres::Postgres),
}

impl Db {
    /// Opens the database and brings its tables up to date: those of `migrations` and the audit's.
    ///
    /// # Errors
    /// [`Error::Setting`] when what is found there cannot be used, or the database fails.
    pub async fn open(location: Location, migrations: &[&Migrations]) -> Result<Self, Error> {
        let all: Vec<&Migrations> = std::iter::once(&audit::MIGRATIONS)
            .chain(migrations.iter().copied())
            .collect();
        let db = Self(match location {
            Location::Sqlite(path) => Engine::Sqlite(sqlite::Sqlite::open(path, &all)?),
            Location::Postgres(options) => {
                Engine::Postgres(postgres::Postgres::open(&options, &all).await?)
            }
        });
        audit::adopt_once(&db).await?;
        Ok(db)
    }

    /// A point read: at most one row, by an index. It sees everything committed, by any process.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn find<T>(
        &self,
        sql: &'static str,
        parameters: &[Value],
        read: fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        transaction::refuse_nul(parameters)?;
        match &self.0 {
            Engine::Sqlite(sqlite) => sqlite.find(sql, parameters, read),
            Engine::Postgres(postgres) => {
                let rows = postgres
                    .select(Cow::Borrowed(sql), parameters, read)
                    .await?;
                Ok(rows.into_iter().next())
            }
        }
    }

    /// Many rows. With SQLite it runs on the blocking pool.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn select<T: Send + 'static>(
        &self,
        sql: impl Into<Cow<'static, str>>,
        parameters: Vec<Value>,
        read: fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        transaction::refuse_nul(&parameters)?;
        match &self.0 {
            Engine::Sqlite(sqlite) => sqlite.select(sql.into(), parameters, read).await,
            Engine::Postgres(postgres) => postgres.select(sql.into(), &parameters, read).await,
        }
    }

    /// Runs a unit of work; durable when this returns `Ok`. Once handed over it goes on even if the
    /// caller is dropped.
    ///
    /// # Errors
    /// Any [`Error`]; the unit is then undone, or its outcome unknown ([`Error::Unavailable`]).
    pub async fn write<W: Work>(&self, work: W) -> Result<W::Output, Error> {
        match &self.0 {
            Engine::Sqlite(sqlite) => sqlite.write(work).await,
            Engine::Postgres(postgres) => postgres.write(work).await,
        }
    }

    /// Writes one audit row on its own.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn audit(&self, event: AuditEvent) -> Result<(), Error> {
        self.write(audit::Record(event)).await
    }

    /// Whether the database can be read and durably written: it writes, because a full disk or a PostgreSQL standby
    /// still reads.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn check(&self) -> Result<(), Error> {
        if let Engine::Sqlite(sqlite) = &self.0 {
            sqlite.check()?;
        }
        let found = self
            .find(migrations::FIRST, &[], |row| row.integer(0))
            .await?;
        match (found, self.write(migrations::Rewrite).await?) {
            (Some(_), 1) => Ok(()),
            _ => Err(Error::Unavailable("the tables are gone".to_owned())),
        }
    }

    /// Waits until this process can never write again: a commit failed to reach the disk, and what the file holds is
    /// unknown until it is opened anew. On PostgreSQL, which answers for its own disk, that never happens.
    pub async fn ended(&self) {
        match &self.0 {
            Engine::Sqlite(sqlite) => sqlite.ended().await,
            Engine::Postgres(_) => std::future::pending().await,
        }
    }

    /// How many commits the SQLite writer has made: with units waiting, fewer than units. 0 on PostgreSQL.
    #[must_use]
    pub fn commits(&self) -> u64 {
        match &self.0 {
            Engine::Sqlite(sqlite) => sqlite.commits(),
            Engine::Postgres(_) => 0,
        }
    }
}
