//! What a running party does for its audit: seals it every minute, and removes what is older than it shall be.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::SignedDuration;
use storage::{AuditEvent, Clock, Db, Outcome, audit};

use crate::config::Loaded;

/// Runs until the party stops.
pub(super) async fn keep(db: Db, loaded: Arc<RwLock<Arc<Loaded>>>, clock: Clock) {
    let mut ticks = tokio::time::interval(SEAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut sealed = 0;
    for turn in 0_u64.. {
        ticks.tick().await;
        let loaded = Arc::clone(&loaded.read().unwrap_or_else(PoisonError::into_inner));
        seal(&db, &loaded.config.party, &clock, &mut sealed).await;
        if turn % RETENTION == 0 {
            remove(&db, &loaded, &clock).await;
        }
    }
}

/// A seal in the log stands outside of the database: whoever cuts the end off the one must find the other.
pub(super) async fn seal(db: &Db, party: &str, clock: &Clock, sealed: &mut i64) {
    match audit::seal(db, clock.now()).await {
        Ok(Some(seal)) if seal.sequence > *sealed => {
            *sealed = seal.sequence;
            metrics::gauge!("audit_seal", "party" => party.to_owned()).set(number(seal.sequence));
            tracing::info!(party, seal = seal.sequence, hash = %seal.hash, "the audit is sealed");
        }
        Ok(_) => {}
        Err(error) => tracing::error!(party, %error, "the audit could not be sealed"),
    }
}

async fn remove(db: &Db, loaded: &Loaded, clock: &Clock) {
    let Some(days) = loaded.config.audit.retention_days else {
        return;
    };
    let party = &loaded.config.party;
    let now = clock.now();
    let before = now - SignedDuration::from_hours(24 * i64::from(days));
    let event = AuditEvent::new(now, party, "shell", "audit.retention", Outcome::Allowed);
    match audit::remove_before(db, before, event).await {
        Ok(Some(removed)) => {
            tracing::info!(
                party,
                rows = removed.rows,
                seal = removed.seal,
                "audit rows removed"
            );
        }
        Ok(None) => {}
        Err(error) => tracing::error!(party, %error, "audit rows could not be removed"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn number(sequence: i64) -> f64 {
    sequence as f64
}

/// What could be cut off without a trace is what was written since the last seal that stands outside.
const SEAL: Duration = Duration::from_secs(60);
/// Retention is looked after every hour.
const RETENTION: u64 = 60;
