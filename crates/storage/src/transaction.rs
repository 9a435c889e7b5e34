//! Units of work and the transaction that they run in.

use std::future::Future;

use crate::audit::{self, AuditEvent};
use crate::error::Error;
use crate::row::Row;
use crate::value::Value;
use crate::{postgres, sqlite};

/// A short unit of work: data, no hashing, no network, no side effect but its statements. It may run more
/// than once (PostgreSQL asks for that after a serialization failure), and on SQLite it shares a commit
/// with others, each under its own savepoint.
///
/// A unit whose answer is a refusal returns `Ok` with that answer: what it wrote stays. `Err` undoes it, and
/// so does a statement that failed, whatever the unit makes of it. No table may have a constraint that is
/// only checked at the commit (`DEFERRABLE`): on SQLite that would undo the other units as well.
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
pub struct Transaction<'a> {
    engine: Engine<'a>,
    failed: Option<Error>,
    /// The newest audit row of the writer that this unit holds.
    pub(crate) head: Option<audit::Head>,
}

pub(crate) enum Engine<'a> {
    Sqlite(&'a mut rusqlite::Connection),
    Postgres(&'a deadpool_postgres::Transaction<'a>),
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(engine: Engine<'a>) -> Self {
        Self {
            engine,
            failed: None,
            head: None,
        }
    }

    /// The unit's result, unless one of its statements failed. PostgreSQL answers COMMIT of such a
    /// transaction with a silent ROLLBACK: a unit that passed over the error would be taken for done.
    pub(crate) fn outcome<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        match self.failed {
            Some(error) => Err(error),
            None => result,
        }
    }

    /// Whether no other transaction writes before the end of this one.
    pub(crate) const fn is_alone(&self) -> bool {
        matches!(self.engine, Engine::Sqlite(_))
    }

    /// Undoes the unit, whatever it makes of the error.
    pub(crate) fn fail<T>(&mut self, text: &str) -> Result<T, Error> {
        self.note(Err(Error::Failed(text.to_owned())))
    }

    fn note<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        if let (Err(error), None) = (&result, &self.failed) {
            self.failed = Some(error.clone());
        }
        result
    }
}

impl Transaction<'_> {
    /// Runs a statement; answers how many rows it touched.
    ///
    /// # Errors
    /// Any [`Error`]; the unit is then undone.
    pub async fn execute(&mut self, sql: &'static str, parameters: &[Value]) -> Result<u64, Error> {
        let result = match (refuse_nul(parameters), &mut self.engine) {
            (Err(error), _) => Err(error),
            (Ok(()), Engine::Sqlite(connection)) => sqlite::execute(connection, sql, parameters),
            (Ok(()), Engine::Postgres(transaction)) => {
                postgres::execute(transaction, sql, parameters).await
            }
        };
        self.note(result)
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
        let result = match (refuse_nul(parameters), &mut self.engine) {
            (Err(error), _) => Err(error),
            (Ok(()), Engine::Sqlite(connection)) => {
                sqlite::select(connection, sql, parameters, read)
            }
            (Ok(()), Engine::Postgres(transaction)) => {
                postgres::select(transaction, sql, parameters, read).await
            }
        };
        self.note(result)
    }

    /// Waits until no other transaction holds `key`, and holds it until the end of this one. Nothing to do
    /// on SQLite: a writer is alone there.
    ///
    /// # Errors
    /// As [`Transaction::execute`].
    pub async fn lock(&mut self, key: &str) -> Result<(), Error> {
        let result = match &self.engine {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(transaction) => postgres::lock(transaction, key).await,
        };
        self.note(result)
    }

    /// Writes an audit row.
    ///
    /// # Errors
    /// As [`Transaction::execute`].
    pub async fn audit(&mut self, event: &AuditEvent) -> Result<(), Error> {
        audit::insert(self, event).await
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
