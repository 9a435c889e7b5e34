//! How many requests may wait for one issuer, and when none is let through any more.
//!
//! An issuer that hangs holds every request that asks it until the deadline. Without a bound it would
//! soon hold all that the server has room for, and requests of other issuers would wait behind them.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Refusal;

/// The door to one issuer.
pub(super) struct Gate {
    places: Arc<Semaphore>,
    circuit: Mutex<Circuit>,
}

/// A question that was let through; dropping it leaves its place.
pub(super) struct Passed<'a> {
    gate: &'a Gate,
    _place: OwnedSemaphorePermit,
    /// Whether it is the one that finds out if the issuer is back.
    probe: bool,
}

/// Counts questions that took all their time. A fast "no" costs nothing and opens nothing.
#[derive(Default)]
struct Circuit {
    timeouts: u32,
    /// Closed for everybody until then, but for one probe after it.
    open_until: Option<Timestamp>,
    probing: bool,
}

impl Gate {
    pub(super) fn new(places: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            circuit: Mutex::default(),
        }
    }

    /// Lets a question through.
    ///
    /// # Errors
    /// [`Refusal::Issuer`], at once: too many wait already, or the issuer has hung for too many.
    pub(super) fn enter(&self, now: Timestamp) -> Result<Passed<'_>, Refusal> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| BUSY)?;
        let probe = self.circuit().admits(now)?;
        Ok(Passed {
            gate: self,
            _place: place,
            probe,
        })
    }

    fn circuit(&self) -> std::sync::MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Circuit {
    /// Whether a question may pass, and whether it is the probe.
    fn admits(&mut self, now: Timestamp) -> Result<bool, Refusal> {
        let Some(until) = self.open_until else {
            return Ok(false);
        };
        // A clock that was set back must not keep the issuer out for longer.
        let waited = now >= until || until.duration_since(now) > OPEN;
        if !waited || self.probing {
            return Err(OPEN_CIRCUIT);
        }
        self.probing = true;
        Ok(true)
    }
}

impl Passed<'_> {
    /// The issuer answered, whatever it said, or refused the connection: it does not hang.
    pub(super) fn answered(self) {
        *self.gate.circuit() = Circuit::default();
    }

    /// The issuer took all the time there is.
    pub(super) fn timed_out(self, now: Timestamp) {
        let mut circuit = self.gate.circuit();
        circuit.timeouts = circuit.timeouts.saturating_add(1);
        if circuit.timeouts >= TIMEOUTS {
            circuit.open_until = Some(now + OPEN);
        }
    }
}

/// A probe that ends in whatever way, also when its caller goes away, makes room for the next.
impl Drop for Passed<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.gate.circuit().probing = false;
        }
    }
}

const BUSY: Refusal = Refusal::Issuer("too many requests wait for the issuer");
const OPEN_CIRCUIT: Refusal = Refusal::Issuer("the issuer does not answer in time");

/// In a row. One or two happen to everybody.
const TIMEOUTS: u32 = 8;

/// Then one question after another finds out whether the issuer is back.
const OPEN: SignedDuration = SignedDuration::from_secs(1);

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn after_ms(ms: i64) -> Timestamp {
        NOW + SignedDuration::from_millis(ms)
    }

    fn hung(times: u32) -> Gate {
        let gate = Gate::new(2);
        for _ in 0..times {
            gate.enter(NOW).unwrap().timed_out(NOW);
        }
        gate
    }

    #[test]
    fn so_many_wait_and_no_more() {
        let gate = Gate::new(2);
        let first = gate.enter(NOW).unwrap();
        let second = gate.enter(NOW).unwrap();
        assert_eq!(gate.enter(NOW).err(), Some(BUSY));
        drop(first);
        second.answered();
        assert!(gate.enter(NOW).is_ok());
    }

    #[test]
    fn it_opens_after_timeouts_in_a_row_and_probes_one_at_a_time() {
        assert!(hung(TIMEOUTS - 1).enter(NOW).is_ok());
        let gate = hung(TIMEOUTS);
        assert_eq!(gate.enter(after_ms(999)).err(), Some(OPEN_CIRCUIT));
        let probe = gate.enter(after_ms(1_000)).unwrap();
        assert_eq!(gate.enter(after_ms(1_000)).err(), Some(OPEN_CIRCUIT));
        probe.timed_out(after_ms(4_000));
        assert_eq!(gate.enter(after_ms(4_999)).err(), Some(OPEN_CIRCUIT));
        // One whose caller goes away is no answer, and the next may try.
        drop(gate.enter(after_ms(5_000)).unwrap());
        gate.enter(after_ms(5_000)).unwrap().answered();
        let both = [gate.enter(after_ms(5_000)), gate.enter(after_ms(5_000))];
        assert!(both.iter().all(Result::is_ok));
    }

    #[test]
    fn an_answer_begins_the_count_anew() {
        let gate = hung(TIMEOUTS - 1);
        gate.enter(NOW).unwrap().answered();
        gate.enter(NOW).unwrap().timed_out(NOW);
        assert!(gate.enter(NOW).is_ok());
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_it_open() {
        let gate = hung(TIMEOUTS);
        assert!(gate.enter(NOW - SignedDuration::from_hours(1)).is_ok());
    }
}
