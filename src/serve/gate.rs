//! The door of a role: how many requests are inside, and whether more are let in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One role's door.
pub(super) struct Gate {
    places: Arc<Semaphore>,
    /// Introspection of our own issuer comes in through our own door: without places of its own a full
    /// house of FHIR requests would wait for an answer that cannot come in.
    reserved: Arc<Semaphore>,
    inside: Arc<AtomicUsize>,
    closing: AtomicBool,
}

/// One request inside; leaving is dropping it.
pub(super) struct Inside {
    _place: OwnedSemaphorePermit,
    count: Arc<AtomicUsize>,
}

impl Gate {
    pub(super) fn new(places: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            reserved: Arc::new(Semaphore::new(places)),
            inside: Arc::default(),
            closing: AtomicBool::new(false),
        }
    }

    /// Enters; `None` when the role is stopping or has been full for too long.
    pub(super) async fn enter(&self, reserved: bool) -> Option<Inside> {
        if self.closing.load(Ordering::SeqCst) {
            return None;
        }
        // Counted before the place is taken, so that stopping does not overlook who is waiting.
        let count = Count::add(&self.inside);
        let places = if reserved {
            &self.reserved
        } else {
            &self.places
        };
        let place = tokio::time::timeout(WAIT, Arc::clone(places).acquire_owned())
            .await
            .ok()?
            .ok()?;
        Some(Inside {
            _place: place,
            count: count.keep(),
        })
    }

    /// Lets nobody in any more.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    /// Waits until everybody has left.
    pub(super) async fn empty(&self) {
        while self.inside.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Takes the count back if the request goes away while it waits.
struct Count(Option<Arc<AtomicUsize>>);

impl Count {
    fn add(inside: &Arc<AtomicUsize>) -> Self {
        inside.fetch_add(1, Ordering::SeqCst);
        Self(Some(Arc::clone(inside)))
    }

    fn keep(mut self) -> Arc<AtomicUsize> {
        self.0.take().unwrap_or_default()
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        if let Some(inside) = &self.0 {
            inside.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// How long a request waits for a place before it is told to come back.
const WAIT: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn a_full_house_still_lets_introspection_in() {
        let gate = Gate::new(1);
        let inside = gate.enter(false).await.unwrap();
        let introspecting = gate.enter(true).await.unwrap();
        let (ordinary, reserved) = tokio::join!(gate.enter(false), gate.enter(true));
        assert!(ordinary.is_none() && reserved.is_none(), "both are full");
        drop((inside, introspecting));
        assert!(gate.enter(false).await.is_some());
        assert!(gate.enter(true).await.is_some());
        // Whoever waited in vain has left too.
        gate.empty().await;
    }

    #[tokio::test]
    async fn a_closed_gate_waits_for_those_inside() {
        let gate = Gate::new(2);
        let inside = gate.enter(false).await.unwrap();
        gate.close();
        assert!(gate.enter(false).await.is_none());
        assert!(gate.enter(true).await.is_none());
        let waiting = tokio::time::timeout(Duration::from_millis(100), gate.empty());
        assert!(waiting.await.is_err(), "somebody is inside");
        drop(inside);
        gate.empty().await;
    }
}
