//! Values that are fetched once for everybody who waits, and kept until a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use storage::Clock;

/// A cache by key with a single flight: while one caller fetches, the others wait for its result,
/// good or bad, instead of asking again.
pub(crate) struct Flights<V, E> {
    entries: Mutex<HashMap<String, Arc<Entry<V, E>>>>,
    clock: Clock,
}

/// A value and the time from which it is fetched anew.
pub(crate) struct Kept<V> {
    pub(crate) value: V,
    pub(crate) until: Timestamp,
}

struct Entry<V, E> {
    /// Held while fetching.
    flight: tokio::sync::Mutex<()>,
    state: Mutex<State<V, E>>,
}

struct State<V, E> {
    kept: Option<Kept<V>>,
    failure: Option<E>,
    /// How many flights have landed.
    landed: u64,
}

impl<V: Clone, E: Clone> Flights<V, E> {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            entries: Mutex::default(),
            clock,
        }
    }

    /// The kept value, or what `fetch` gives.
    pub(crate) async fn value(
        &self,
        key: &str,
        fetch: impl AsyncFnOnce() -> Result<Kept<V>, E>,
    ) -> Result<V, E> {
        let entry = self.entry(key);
        let landed = match self.fresh(&entry) {
            Ok(value) => return Ok(value),
            Err(landed) => landed,
        };
        let _one_at_a_time = entry.flight.lock().await;
        if let Ok(value) = self.fresh(&entry) {
            return Ok(value);
        }
        if let Some(failure) = entry.failed_since(landed) {
            return Err(failure);
        }
        let result = fetch().await;
        let mut state = entry.state();
        state.landed += 1;
        match result {
            Ok(kept) => {
                let value = kept.value.clone();
                state.kept = Some(kept);
                state.failure = None;
                Ok(value)
            }
            Err(failure) => {
                state.failure = Some(failure.clone());
                Err(failure)
            }
        }
    }

    /// Drops the kept value if it is the one meant, so that a newer one, fetched meanwhile by
    /// somebody else, stays.
    pub(crate) fn forget(&self, key: &str, is_meant: impl FnOnce(&V) -> bool) {
        let entry = self.entry(key);
        let mut state = entry.state();
        if state
            .kept
            .as_ref()
            .is_some_and(|kept| is_meant(&kept.value))
        {
            state.kept = None;
        }
    }

    /// The kept value, or how many flights have landed so far.
    fn fresh(&self, entry: &Entry<V, E>) -> Result<V, u64> {
        let state = entry.state();
        match &state.kept {
            Some(kept) if self.clock.now() < kept.until => Ok(kept.value.clone()),
            _ => Err(state.landed),
        }
    }

    fn entry(&self, key: &str) -> Arc<Entry<V, E>> {
        // A poisoned lock only means that another task panicked; the map itself is whole.
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            entries
                .entry(key.to_owned())
                .or_insert_with(|| Arc::new(Entry::new())),
        )
    }
}

impl<V, E: Clone> Entry<V, E> {
    fn new() -> Self {
        let state = State {
            kept: None,
            failure: None,
            landed: 0,
        };
        Self {
            flight: tokio::sync::Mutex::new(()),
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State<V, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The failure of a flight that landed while the caller waited.
    fn failed_since(&self, landed: u64) -> Option<E> {
        let state = self.state();
        if state.landed > landed {
            state.failure.clone()
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::sync::atomic::{AtomicU32, Ordering};

    use jiff::SignedDuration;

    use super::*;

    struct Counted {
        flights: Flights<u32, &'static str>,
        clock: Clock,
        fetched: AtomicU32,
    }

    impl Counted {
        fn new() -> Self {
            let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
            Self {
                flights: Flights::new(clock.clone()),
                clock,
                fetched: AtomicU32::new(0),
            }
        }

        async fn value(&self, ok: bool) -> Result<u32, &'static str> {
            let fetch = async || {
                tokio::task::yield_now().await;
                let value = self.fetched.fetch_add(1, Ordering::SeqCst) + 1;
                let until = self.clock.now() + SignedDuration::from_secs(10);
                if ok {
                    Ok(Kept { value, until })
                } else {
                    Err("refused")
                }
            };
            self.flights.value("key", fetch).await
        }
    }

    #[tokio::test]
    async fn those_who_wait_share_one_success() {
        let counted = Arc::new(Counted::new());
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let counted = Arc::clone(&counted);
            tasks.spawn(async move { counted.value(true).await });
        }
        assert!(tasks.join_all().await.iter().all(|value| *value == Ok(1)));
    }

    #[tokio::test]
    async fn those_who_wait_share_one_failure_and_the_next_tries_again() {
        let counted = Arc::new(Counted::new());
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let counted = Arc::clone(&counted);
            tasks.spawn(async move { counted.value(false).await });
        }
        assert!(
            tasks
                .join_all()
                .await
                .iter()
                .all(|value| *value == Err("refused"))
        );
        assert_eq!(counted.fetched.load(Ordering::SeqCst), 1);
        assert_eq!(counted.value(true).await, Ok(2));
    }

    #[tokio::test]
    async fn a_value_is_kept_until_its_time_and_forgotten_only_if_meant() {
        let counted = Counted::new();
        assert_eq!(counted.value(true).await.unwrap(), 1);
        counted.clock.advance(SignedDuration::from_secs(9));
        assert_eq!(counted.value(true).await.unwrap(), 1);
        counted.clock.advance(SignedDuration::from_secs(1));
        assert_eq!(counted.value(true).await.unwrap(), 2);
        counted.flights.forget("key", |value| *value == 1);
        assert_eq!(counted.value(true).await.unwrap(), 2);
        counted.flights.forget("key", |value| *value == 2);
        assert_eq!(counted.value(true).await.unwrap(), 3);
    }
}
