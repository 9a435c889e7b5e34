//! Shipping audit rows to a syslog receiver, each at least once.
//!
//! A session sends what is behind the cursor over one connection, for seconds or some thousand rows, ends it, and moves the
//! cursor once the receiver has confirmed the end ([`outbound::SyslogConnection::end`]). Whatever goes wrong before, the next session
//! begins at the same cursor: rows may come twice, with the same id, and none is missing. No request waits
//! for any of this: rows wait in the table.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use oauth::Random;
use outbound::{SyslogError, SyslogReceiver};
use storage::audit::{Cursor, Lease, Shipping};
use storage::{Clock, Error};

use super::message;

/// A receiver, and what it takes to send there.
pub struct Destination {
    /// The party, for metrics and log.
    pub party: String,
    /// What messages name as their origin.
    pub hostname: String,
    /// Which rows it has.
    pub shipping: Shipping,
    /// How it is reached: asked for each session, because certificates are renewed under their names.
    pub receiver: Reach,
    /// The time.
    pub clock: Clock,
    /// For the spread of waiting times.
    pub random: Random,
    /// How long it takes at most until rows are sent, and how long a session goes on.
    pub pace: Pace,
}

/// Reads the files that a receiver is reached with. One that cannot be read now is a failure like any other.
pub type Reach = Arc<dyn Fn() -> anyhow::Result<SyslogReceiver> + Send + Sync>;

/// Times of shipping.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How often it is looked for rows.
    pub poll: Duration,
    /// After how long a session is ended to be confirmed.
    pub session: Duration,
    /// The first wait after a failure; it doubles up to a minute.
    pub retry: Duration,
    /// How long another node leaves it to this one without hearing of it.
    pub lease: SignedDuration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(1),
            session: Duration::from_secs(5),
            retry: Duration::from_secs(1),
            lease: SignedDuration::from_secs(45),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Storage(#[from] Error),
    #[error(transparent)]
    Syslog(#[from] SyslogError),
    #[error("{0:#}")]
    Files(anyhow::Error),
    #[error("another node sends now")]
    Elsewhere,
}

impl Destination {
    /// Ships until it is dropped.
    pub async fn run(self) {
        let mut failures = 0;
        loop {
            let wait = match self.turn().await {
                Ok(()) => {
                    failures = 0;
                    self.pace.poll
                }
                Err(Failure::Elsewhere) => self.pace.poll,
                Err(error) => {
                    let (party, destination) = (&self.party, &self.shipping.destination);
                    tracing::warn!(party, destination, %error, failures, "audit rows wait");
                    self.count("audit_shipping_failures", 1);
                    failures += 1;
                    self.back_off(failures)
                }
            };
            self.tell_lag().await;
            tokio::time::sleep(wait).await;
        }
    }

    /// One session, if there is anything to send.
    async fn turn(&self) -> Result<(), Failure> {
        self.hold().await?;
        let cursor = self.shipping.cursor().await?;
        if self.shipping.batch(&cursor, 1).await?.rows.is_empty() {
            return Ok(());
        }
        let (after, sent) = self.session(cursor).await?;
        if !self.shipping.confirm(&after, self.clock.now()).await? {
            return Err(Failure::Elsewhere);
        }
        self.count("audit_shipping_rows", sent);
        Ok(())
    }

    /// Sends from the cursor on; the cursor after it, when the receiver has confirmed everything.
    async fn session(&self, mut cursor: Cursor) -> Result<(Cursor, u64), Failure> {
        let reach = Arc::clone(&self.receiver);
        let reached = tokio::task::spawn_blocking(move || reach()).await;
        let receiver = reached.map_err(anyhow::Error::from).flatten();
        let mut connection = receiver.map_err(Failure::Files)?.connect().await?;
        let until = tokio::time::Instant::now() + self.pace.session;
        let mut sent = 0;
        while sent < ROWS && tokio::time::Instant::now() < until {
            let batch = self.shipping.batch(&cursor, BATCH).await?;
            if batch.rows.is_empty() {
                break;
            }
            let mut frames = Vec::new();
            for row in &batch.rows {
                message::frame(row, &self.hostname, &mut frames);
            }
            connection.send(&frames).await?;
            sent += u64::try_from(batch.rows.len()).unwrap_or(0);
            cursor = batch.after;
            self.hold().await?;
        }
        connection.end().await?;
        Ok((cursor, sent))
    }

    async fn hold(&self) -> Result<(), Failure> {
        let now = self.clock.now();
        match self.shipping.hold(now, self.pace.lease).await? {
            Lease::Held => Ok(()),
            Lease::Elsewhere => Err(Failure::Elsewhere),
        }
    }

    /// Doubled with each failure up to a minute, and between half and all of it: many senders that lost one receiver do
    /// not all come back at once.
    fn back_off(&self, failures: u32) -> Duration {
        let doubled = self
            .pace
            .retry
            .saturating_mul(1 << failures.min(10).saturating_sub(1));
        let longest = doubled.min(LONGEST);
        let [share] = self.random.bytes::<1>();
        longest.mul_f64(0.5 + f64::from(share) / 510.0)
    }

    async fn tell_lag(&self) {
        if let Ok(lag) = self.shipping.lag().await {
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            metrics::gauge!("audit_shipping_lag_rows", self.labels()).set(lag as f64);
        }
    }

    fn count(&self, name: &'static str, number: u64) {
        metrics::counter!(name, self.labels()).increment(number);
    }

    fn labels(&self) -> Vec<metrics::Label> {
        vec![
            metrics::Label::new("party", self.party.clone()),
            metrics::Label::new("destination", self.shipping.destination.clone()),
        ]
    }
}

/// Rows read and written at once: what is held in memory.
const BATCH: u32 = 200;
/// Rows of a session: what is sent again after a failure at most.
const ROWS: u64 = 2_000;
/// The longest wait after failures.
const LONGEST: Duration = Duration::from_secs(60);
