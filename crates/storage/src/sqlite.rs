//! The embedded engine: point reads on the calling thread, all writes through one thread that groups them.

mod connection;
mod reader;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{CachedStatement, Connection, params_from_iter};
use tokio::sync::oneshot;

use crate::error::Error;
use crate::migrations::Migrations;
use crate::row::Row;
use crate::transaction::Work;
use crate::value::Value;

/// An open database file.
#[derive(Debug)]
pub(crate) struct Sqlite {
    path: PathBuf,
    writer: writer::Handle,
    commits: Arc<AtomicU64>,
}

impl Sqlite {
    pub(crate) fn open(path: PathBuf, migrations: &[&Migrations]) -> Result<Arc<Self>, Error> {
        connection::assert_version()?;
        let mut connection = connection::open_for_writing(&path)?;
        crate::migrations::run_sqlite(&mut connection, migrations)?;
        let commits = Arc::new(AtomicU64::new(0));
        let writer = writer::Handle::start(connection, Arc::clone(&commits))?;
        Ok(Arc::new(Self {
            path,
            writer,
            commits,
        }))
    }

    /// On the calling thread: a point read costs less than the hop to another one.
    pub(crate) fn find<T>(
        self: &Arc<Self>,
        sql: &str,
        parameters: &[Value],
        read: fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        reader::with(self, |connection| {
            let mut statement = prepare(connection, sql)?;
            let mut rows = statement.query(params_from_iter(parameters))?;
            rows.next()?.map(|row| read(&Row::Sqlite(row))).transpose()
        })
    }

    pub(crate) async fn select<T: Send + 'static>(
        self: &Arc<Self>,
        sql: std::borrow::Cow<'static, str>,
        parameters: Vec<Value>,
        read: fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let this = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || {
            reader::with(&this, |connection| {
                select(connection, &sql, &parameters, read)
            })
        });
        task.await
            .map_err(|_| Error::Failed("a read panicked".to_owned()))?
    }

    /// The first thing by which a table and its indexes disagree. It reads all of them, which takes a while: on a
    /// connection of its own, beside which readers read and the writer writes.
    pub(crate) async fn check_integrity(
        &self,
        table: &'static str,
    ) -> Result<Option<String>, Error> {
        let path = self.path.clone();
        let task = tokio::task::spawn_blocking(move || {
            let connection = connection::open_for_reading(&path)?;
            let sql = format!("PRAGMA integrity_check({table})");
            let found: String = connection.query_row(&sql, [], |row| row.get(0))?;
            Ok(Some(found).filter(|found| found != "ok"))
        });
        task.await
            .map_err(|_| Error::Failed("a read panicked".to_owned()))?
    }

    pub(crate) async fn write<W: Work>(&self, work: W) -> Result<W::Output, Error> {
        let (answer, answered) = oneshot::channel();
        self.writer.send(writer::pending(work, answer)).await?;
        answered
            .await
            .map_err(|_| Error::Unavailable("the writer has stopped".to_owned()))?
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        self.writer.check()
    }

    pub(crate) async fn ended(&self) {
        self.writer.ended().await;
    }

    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }
}

pub(crate) fn execute(
    connection: &Connection,
    sql: &str,
    parameters: &[Value],
) -> Result<u64, Error> {
    let changed = prepare(connection, sql)?.execute(params_from_iter(parameters))?;
    Ok(u64::try_from(changed).unwrap_or(u64::MAX))
}

pub(crate) fn select<T>(
    connection: &Connection,
    sql: &str,
    parameters: &[Value],
    read: fn(&Row<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut statement = prepare(connection, sql)?;
    let mut rows = statement.query(params_from_iter(parameters))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(&Row::Sqlite(row))?);
    }
    Ok(found)
}

/// `$1` is a name to SQLite, which numbers names as they appear: out of order, the values would be swapped,
/// on this engine only. Every statement is run by a test, so a release does not look.
fn prepare<'a>(connection: &'a Connection, sql: &str) -> Result<CachedStatement<'a>, Error> {
    let statement = connection.prepare_cached(sql)?;
    let count = if cfg!(debug_assertions) {
        statement.parameter_count()
    } else {
        0
    };
    for number in 1..=count {
        if statement.parameter_name(number) != Some(format!("${number}").as_str()) {
            let text = format!("parameter ${number} is not the next one in: {sql}");
            return Err(Error::Failed(text));
        }
    }
    Ok(statement)
}
