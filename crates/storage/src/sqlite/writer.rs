//! The writer: one thread, one connection, one synced commit for all units that wait.
//!
//! A unit is answered only after the commit that holds it has returned. A unit that fails is undone alone,
//! by its savepoint. When a commit fails for an input or output error the state of the file is unknown,
//! and syncing again may lie (the page cache drops what it could not write): the writer stops for good,
//! readiness fails, and a restart recovers from what is on the disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::Error;
use crate::transaction::{Engine, Transaction, Work};

/// Where units are sent. The thread ends when the last handle is gone and the queue is empty.
#[derive(Debug)]
pub(super) struct Handle {
    queue: mpsc::Sender<Box<dyn Unit>>,
    stopped: watch::Receiver<bool>,
}

impl Handle {
    pub(super) fn start(connection: Connection, commits: Arc<AtomicU64>) -> Result<Self, Error> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (stop, stopped) = watch::channel(false);
        let writer = Writer {
            connection,
            commits,
            stopped: stop,
        };
        std::thread::Builder::new()
            .name("storage-writer".to_owned())
            .spawn(move || writer.work(waiting))
            .map_err(|_| Error::Unavailable("no thread for the writer".to_owned()))?;
        Ok(Self { queue, stopped })
    }

    pub(super) async fn send(&self, unit: Box<dyn Unit>) -> Result<(), Error> {
        self.check()?;
        self.queue.send(unit).await.map_err(|_| stopped())
    }

    /// Fails once the writer has stopped, be it by a failed commit or because its thread is gone.
    pub(super) fn check(&self) -> Result<(), Error> {
        if *self.stopped.borrow() || self.queue.is_closed() {
            return Err(stopped());
        }
        Ok(())
    }

    /// Waits until the writer has stopped; for ever, where all is well.
    pub(super) async fn ended(&self) {
        // An error says that the thread itself is gone.
        let _ = self.stopped.clone().wait_for(|stopped| *stopped).await;
    }
}

/// A unit of work with the place where its answer goes.
pub(super) trait Unit: Send {
    /// Runs it inside the open transaction and keeps the answer. `Err` when the transaction itself is lost,
    /// and with it the group.
    fn run(&mut self, connection: &mut Connection) -> Result<(), Error>;
    /// Gives the answer, now that the commit has succeeded or failed.
    fn answer(self: Box<Self>, committed: Result<(), Error>);
}

pub(super) fn pending<W: Work>(
    work: W,
    answer: oneshot::Sender<Result<W::Output, Error>>,
) -> Box<dyn Unit> {
    Box::new(Pending {
        work,
        result: None,
        answer,
    })
}

struct Pending<W: Work> {
    work: W,
    result: Option<Result<W::Output, Error>>,
    answer: oneshot::Sender<Result<W::Output, Error>>,
}

impl<W: Work> Unit for Pending<W> {
    fn run(&mut self, connection: &mut Connection) -> Result<(), Error> {
        connection.execute_batch("SAVEPOINT unit")?;
        let result = catch_unwind(AssertUnwindSafe(|| finish_now(&self.work, connection)))
            .unwrap_or_else(|_| Err(Error::Failed("a unit of work panicked".to_owned())));
        // A full disk, among others, makes SQLite roll the whole transaction back by itself. Going on would
        // commit each later unit alone (a SAVEPOINT outside a transaction opens one), though the group is
        // answered as failed.
        if connection.is_autocommit() {
            return Err(result
                .err()
                .unwrap_or_else(|| Error::Unavailable("a unit lost the transaction".to_owned())));
        }
        if result.is_err() {
            connection.execute_batch("ROLLBACK TO unit")?;
        }
        connection.execute_batch("RELEASE unit")?;
        self.result = Some(result);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), Error>) {
        let result = self.result.unwrap_or_else(|| Err(stopped()));
        // Nobody waits any more when the request was cancelled; the work is done all the same.
        let _ = self.answer.send(committed.and(result));
    }
}

/// Every await inside a unit is one of [`Transaction`]'s, which are ready at once on SQLite.
fn finish_now<W: Work>(work: &W, connection: &mut Connection) -> Result<W::Output, Error> {
    let mut transaction = Transaction::new(Engine::Sqlite(connection));
    let polled = {
        let future = pin!(work.run(&mut transaction));
        future.poll(&mut Context::from_waker(Waker::noop()))
    };
    match polled {
        Poll::Ready(result) => transaction.outcome(result),
        Poll::Pending => Err(Error::Failed(
            "a unit of work waited for something else".to_owned(),
        )),
    }
}

struct Writer {
    connection: Connection,
    commits: Arc<AtomicU64>,
    stopped: watch::Sender<bool>,
}

impl Writer {
    fn work(mut self, mut waiting: mpsc::Receiver<Box<dyn Unit>>) {
        while let Some(first) = waiting.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP {
                match waiting.try_recv() {
                    Ok(unit) => group.push(unit),
                    Err(_) => break,
                }
            }
            let committed = self.commit(&mut group);
            for unit in group {
                unit.answer(committed.clone());
            }
        }
    }

    /// One transaction for the group. Any error means that nothing of it was kept, or that nobody knows.
    fn commit(&mut self, group: &mut [Box<dyn Unit>]) -> Result<(), Error> {
        if *self.stopped.borrow() {
            return Err(stopped());
        }
        self.connection
            .execute_batch("BEGIN IMMEDIATE")
            .map_err(unavailable)?;
        let ran = group
            .iter_mut()
            .try_for_each(|unit| unit.run(&mut self.connection));
        let committed = ran.map_err(unavailable).and_then(|()| {
            let result = self.connection.execute_batch("COMMIT");
            result.map_err(|error| self.refused(error))
        });
        match &committed {
            Ok(()) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => self.roll_back(),
        }
        committed
    }

    fn refused(&self, error: rusqlite::Error) -> Error {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure) {
            self.stop("a commit failed to reach the disk");
        }
        unavailable(error)
    }

    /// Where SQLite has rolled back by itself there is nothing to do.
    fn roll_back(&self) {
        if !self.connection.is_autocommit() && self.connection.execute_batch("ROLLBACK").is_err() {
            self.stop("a transaction cannot be ended");
        }
    }

    fn stop(&self, why: &'static str) {
        self.stopped.send_replace(true);
        tracing::error!(
            why,
            "the writer has stopped; restart to recover from what is on the disk"
        );
    }
}

/// A group fails for the state of the world, whatever the unit at fault did: the others may ask again.
fn unavailable(error: impl Into<Error>) -> Error {
    match error.into() {
        Error::Failed(text) => Error::Unavailable(text),
        error => error,
    }
}

fn stopped() -> Error {
    Error::Unavailable("the writer has stopped".to_owned())
}

/// Units that may wait before senders do.
const QUEUE: usize = 4_096;
/// Units in one commit: bounds how long the first of them waits for its answer.
const GROUP: usize = 512;
