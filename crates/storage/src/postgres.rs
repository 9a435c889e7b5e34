//! The shared engine: a pool of connections, one transaction per unit of work.

mod connect;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use tokio_postgres::Statement;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use crate::error::Error;
use crate::location::PostgresOptions;
use crate::migrations::Migrations;
use crate::row::Row;
use crate::transaction::{Engine, Transaction, Work};
use crate::value::Value;

/// A pool of connections.
#[derive(Clone, Debug)]
pub(crate) struct Postgres {
    pool: Pool,
}

impl Postgres {
    pub(crate) async fn open(
        options: &PostgresOptions,
        migrations: &[&Migrations],
    ) -> Result<Self, Error> {
        let pool = connect::pool(options)?;
        let mut client = pool.get().await?;
        crate::migrations::run_postgres(&mut client, migrations).await?;
        drop(client);
        Ok(Self { pool })
    }

    pub(crate) async fn select<T>(
        &self,
        sql: Cow<'static, str>,
        parameters: &[Value],
        read: fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let client = self.pool.get().await?;
        let asked = tokio::time::timeout(DEADLINE, async {
            // A text that was put together is not kept: how many there are is not known beforehand.
            let statement = match sql {
                Cow::Borrowed(sql) => client.prepare_cached(sql).await?,
                Cow::Owned(sql) => client.prepare(&sql).await?,
            };
            Ok(client
                .query(&statement, &references(&statement, parameters)?)
                .await?)
        });
        let rows = in_time(asked.await, client)?;
        rows.iter().map(|row| read(&Row::Postgres(row))).collect()
    }

    /// Runs on a task of its own: a request that is cancelled does not leave a unit half sent.
    pub(crate) async fn write<W: Work>(&self, work: W) -> Result<W::Output, Error> {
        let this = self.clone();
        let work = Arc::new(work);
        let task = tokio::spawn(async move { this.retry(work.as_ref()).await });
        task.await
            .map_err(|_| Error::Failed("a unit of work panicked".to_owned()))?
    }

    async fn retry<W: Work>(&self, work: &W) -> Result<W::Output, Error> {
        let mut tries = 1;
        loop {
            match self.once(work).await {
                Err(Error::Unavailable(text)) if tries < TRIES && is_conflict(&text) => tries += 1,
                result => return result,
            }
        }
    }

    async fn once<W: Work>(&self, work: &W) -> Result<W::Output, Error> {
        let mut client = self.pool.get().await?;
        let done = tokio::time::timeout(DEADLINE, in_transaction(&mut client, work)).await;
        in_time(done, client)
    }
}

/// Dropping the transaction before its commit rolls it back.
async fn in_transaction<W: Work>(client: &mut Object, work: &W) -> Result<W::Output, Error> {
    let transaction = client.transaction().await?;
    let mut unit = Transaction::new(Engine::Postgres(&transaction));
    let result = work.run(&mut unit).await;
    let output = unit.outcome(result)?;
    transaction.commit().await?;
    Ok(output)
}

/// The server's own `statement_timeout` does not help when the server is frozen: its kernel still
/// acknowledges, and a client without a deadline waits for it. A connection that failed so, or was cut, is
/// given up: whoever got it next would wait behind the lost statement, or fail as well.
fn in_time<T>(
    done: Result<Result<T, Error>, tokio::time::error::Elapsed>,
    client: Object,
) -> Result<T, Error> {
    let late = Error::Unavailable("PostgreSQL did not answer in time".to_owned());
    let result = done.unwrap_or(Err(late));
    if matches!(&result, Err(Error::Unavailable(text)) if !is_conflict(text)) {
        drop(Object::take(client));
    }
    result
}

pub(crate) async fn execute(
    transaction: &deadpool_postgres::Transaction<'_>,
    sql: &str,
    parameters: &[Value],
) -> Result<u64, Error> {
    let statement = transaction.prepare_cached(sql).await?;
    let references = references(&statement, parameters)?;
    Ok(transaction.execute(&statement, &references).await?)
}

pub(crate) async fn select<T>(
    transaction: &deadpool_postgres::Transaction<'_>,
    sql: &str,
    parameters: &[Value],
    read: fn(&Row<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let statement = transaction.prepare_cached(sql).await?;
    let references = references(&statement, parameters)?;
    let rows = transaction.query(&statement, &references).await?;
    rows.iter().map(|row| read(&Row::Postgres(row))).collect()
}

pub(crate) async fn lock(
    transaction: &deadpool_postgres::Transaction<'_>,
    key: &str,
) -> Result<(), Error> {
    let statement = transaction
        .prepare_cached("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .await?;
    transaction.query(&statement, &[&key]).await?;
    Ok(())
}

fn references<'a>(
    statement: &Statement,
    parameters: &'a [Value],
) -> Result<Vec<&'a (dyn ToSql + Sync)>, Error> {
    let wanted = statement.params();
    if wanted.len() != parameters.len() {
        let text = format!(
            "{} parameters given, {} wanted",
            parameters.len(),
            wanted.len()
        );
        return Err(Error::Failed(text));
    }
    if let Some(number) = parameters
        .iter()
        .zip(wanted)
        .position(|(value, ty)| !value.fits(ty))
    {
        return Err(Error::Failed(format!(
            "parameter ${} is of another type",
            number + 1
        )));
    }
    Ok(parameters
        .iter()
        .map(|value| value as &(dyn ToSql + Sync))
        .collect())
}

fn is_conflict(text: &str) -> bool {
    [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ]
    .iter()
    .any(|state| text.ends_with(state.code()))
}

/// How often a unit is run that meets another one's changes.
const TRIES: u32 = 5;
/// For a read or a unit; a statement has 5 s on the server.
const DEADLINE: Duration = Duration::from_secs(6);
