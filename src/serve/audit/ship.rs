//! Shipping audit rows to a syslog receiver, each at least once.
//!
//! A session sends what is behind the cursor over one connection, for seconds or some thousand rows, ends it, and moves the
//! cursor once the receiver has confirmed the end ([`outbound::SyslogConnection::end`]). One that is not confirmed makes the next shorter. Whatever goes wrong before, the next session
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
        let (mut failures, mut most) = (0, ROWS);
        loop {
            let mut session = Session::of(most);
            let turn = self.turn(&mut session).await;
            most = session.next(turn.is_ok());
            let wait = match turn {
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
    async fn turn(&self, session: &mut Session) -> Result<(), Failure> {
        self.hold().await?;
        let cursor = self.shipping.cursor().await?;
        if self.shipping.batch(&cursor, 1).await?.rows.is_empty() {
            return Ok(());
        }
        let after = self.send(cursor, session).await?;
        if !self.shipping.confirm(&after, self.clock.now()).await? {
            return Err(Failure::Elsewhere);
        }
        self.count("audit_shipping_rows", session.sent);
        Ok(())
    }

    /// Sends from the cursor on; the cursor after it, when the receiver has confirmed everything.
    async fn send(&self, mut cursor: Cursor, session: &mut Session) -> Result<Cursor, Failure> {
        let reach = Arc::clone(&self.receiver);
        let reached = tokio::task::spawn_blocking(move || reach()).await;
        let receiver = reached.map_err(anyhow::Error::from).flatten();
        let mut connection = receiver.map_err(Failure::Files)?.connect().await?;
        let until = tokio::time::Instant::now() + self.pace.session;
        while session.left() > 0 && tokio::time::Instant::now() < until {
            let batch = self.shipping.batch(&cursor, session.left()).await?;
            if batch.rows.is_empty() {
                break;
            }
            let mut frames = Vec::new();
            for row in &batch.rows {
                message::frame(row, &self.hostname, &mut frames);
            }
            // Before it is known that they were taken: what is not taken was too much.
            session.sent += u64::try_from(batch.rows.len()).unwrap_or(0);
            connection.send(&frames).await?;
            cursor = batch.after;
            self.hold().await?;
        }
        let ending = tokio::time::Instant::now();
        connection.end().await?;
        session.prompt = ending.elapsed() < PROMPT;
        Ok(cursor)
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

/// What a session has carried, and how many rows the next one may. The machine of a slow receiver takes in at once what the
/// receiver needs longer for than we wait; with as many rows again it would never confirm.
#[derive(Clone, Copy, Debug)]
struct Session {
    most: u64,
    sent: u64,
    /// Whether the receiver has answered the end at once.
    prompt: bool,
}

impl Session {
    const fn of(most: u64) -> Self {
        Self {
            most,
            sent: 0,
            prompt: false,
        }
    }

    /// How many rows go at once.
    fn left(self) -> u32 {
        let left = self.most.saturating_sub(self.sent);
        u32::try_from(left).map_or(BATCH, |left| left.min(BATCH))
    }

    /// How many rows the next session carries at most. One that was confirmed late carried about what can be: with
    /// more, every second one would fail.
    fn next(self, confirmed: bool) -> u64 {
        match (self.sent, confirmed) {
            (0, _) => self.most,
            (sent, false) => (self.most.min(sent) / 2).max(1),
            (_, true) if self.prompt => self.most.saturating_mul(2).min(ROWS),
            (_, true) => self.most,
        }
    }
}

/// Rows read and written at once: what is held in memory.
const BATCH: u32 = 200;
/// Rows of a session: what is sent again after a failure at most.
const ROWS: u64 = 2_000;
/// A quarter of the time that an answer has: with twice the rows there is still room.
const PROMPT: Duration = Duration::from_millis(2_500);
/// The longest wait after failures.
const LONGEST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_is_not_confirmed_makes_the_next_shorter() {
        // The most, what was sent, whether it was confirmed, whether at once, and the most of the next.
        for (most, sent, confirmed, prompt, next) in [
            (2_000, 2_000, false, false, 1_000),
            (2_000, 300, false, false, 150),
            (1_000, 1_000, false, false, 500),
            (3, 3, false, false, 1),
            (1, 1, false, false, 1),
            // Nothing was sent: it was not reached, or there was nothing.
            (2_000, 0, false, false, 2_000),
            (7, 0, false, false, 7),
            (7, 0, true, false, 7),
            (1, 1, true, true, 2),
            (500, 20, true, true, 1_000),
            (1_500, 1_500, true, true, 2_000),
            (2_000, 2_000, true, true, 2_000),
            // Late: it stays.
            (500, 500, true, false, 500),
        ] {
            let session = Session { most, sent, prompt };
            assert_eq!(session.next(confirmed), next, "{session:?} {confirmed}");
        }
    }

    #[test]
    fn a_session_carries_no_more_than_its_most() {
        for (most, sent, left) in [
            (2_000, 0, 200),
            (2_000, 1_900, 100),
            (3, 0, 3),
            (3, 3, 0),
            (3, 4, 0),
        ] {
            let session = Session {
                sent,
                ..Session::of(most)
            };
            assert_eq!(session.left(), left, "{session:?}");
        }
    }
}
