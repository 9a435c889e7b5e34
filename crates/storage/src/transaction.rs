//! Units of work and the transaction that they run in.

use std::future::Future;

use crate::audit::AuditEvent;
use crate::error::Error;
use crate::row::Row;
use crate::value::Value;
use crate::{postgres, sqlite};

/// A short unit of work: data, no hashing, no network, no side effect but its statements. It may run more
/// than once (PostgreSQL asks for that after a serialization failure), and on SQLite it shares a commit
/// with others, each under its own savepoint.
///
/// A unit whose answer is a refusal returns `Ok` with that answer: what it wrote stays. `Err` undoes it.
pub trait Work: Send + Sync + 'static {
    /// What it answers.
    type Output: Send + 'static;

    /// Does it. Written as `async fn run(&self, tx: &mut Transaction<'_>) -> Result<Self::Output, Error>`.
    fn run(
        &self,
        tx: &mut Transaction<'_>,
    ) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

/// An open transaction.
pub struct Transaction<'a>(pub(crate) Engine<'a>);

pub(crate) enum Engine<'a> {
    Sqlite(&'a mut rusqlite::Connection),
    Postgres(&'a deadpool_postgres::Transaction<'a>),
}

impl Transaction<'_> {
    /// Runs a statement; answers how many rows it touched.
    ///
    /// # Errors
    /// Any [`Error`]; the unit is then undone.
    pub async fn execute(&mut self, sql: &'static str, parameters: &[Value]) -> Result<u64, Error> {
        refuse_nul(parameters)?;
        match &mut self.0 {
            Engine::Sqlite(connection) => sqlite::execute(connection, sql, parameters),
            Engine::Postgres(transaction) => postgres::execute(transaction, sql, parameters).await,
        }
    }

    /// The first row of the answer, if there is one.
    ///
    /// # Errors
    /// As [`Transaction::execute`].
    pub async fn find<T: Send>(
        &mut self,
        sql: &'static str,
        parameters: &[Value],
        read: fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        Ok(self.select(sql, parameters, read).await?.into_iter().next())
    }

    /// All rows of the answer.
    ///
    /// # Errors
    /// As [`Transaction::execute`].
    pub async fn select<T: Send>(
        &mut self,
        sql: &'static str,
        parameters: &[Value],
        read: fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        refuse_nul(parameters)?;
        match &mut self.0 {
            Engine::Sqlite(connection) => sqlite::select(connection, sql, parameters, read),
            Engine::Postgres(transaction) => {
                postgres::select(transaction, sql, parameters, read).await
            }
        }
    }

    /// Waits until no other transaction holds `key`, and holds it until the end of this one. Nothing to do
    /// on SQLite: a writer is alone there.
    ///
    /// # Errors
    /// As [`Transaction::execute`].
    pub async fn lock(&mut self, key: &str) -> Result<(), Error> {
        match &self.0 {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(transaction) => postgres::lock(transaction, key).await,
        }
    }

    /// Writes an audit row.
    ///
    /// # Errors
    /// As [`Transaction::execute`].
    pub async fn audit(&mut self, event: &AuditEvent) -> Result<(), Error> {
        crate::audit::insert(self, event).await
    }
}

pub(crate) fn refuse_nul(parameters: &[Value]) -> Result<(), Error> {
    if parameters.iter().any(Value::holds_nul) {
        return Err(Error::Failed(
            "a text parameter holds the character NUL".to_owned(),
        ));
    }
    Ok(())
}
