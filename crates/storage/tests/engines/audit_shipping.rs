//! What shipping keeps: cursors and who sends.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use storage::audit::{self, Lease, Shipping};
use storage::testing::each_engine;
use storage::{AuditEvent, Db, Outcome};

use crate::audit_chain::{at, event, write};

fn shipping(db: &Db, node: &str) -> Shipping {
    Shipping {
        db: db.clone(),
        destination: "siem".to_owned(),
        node: node.to_owned(),
    }
}

#[tokio::test]
async fn one_node_sends_until_its_time_is_over() {
    each_engine(&[], |db| async move {
        let (one, other) = (shipping(&db, "one"), shipping(&db, "other"));
        let lease = SignedDuration::from_secs(30);
        write(&db, 0..1).await;
        let cursor = one
            .batch(&one.cursor().await.unwrap(), 10)
            .await
            .unwrap()
            .after;
        assert!(
            !one.confirm(&cursor, at(0)).await.unwrap(),
            "nobody holds it yet"
        );
        assert_eq!(one.hold(at(0), lease).await, Ok(Lease::Held));
        assert_eq!(other.hold(at(29), lease).await, Ok(Lease::Elsewhere));
        assert_eq!(one.hold(at(20), lease).await, Ok(Lease::Held));
        assert_eq!(other.hold(at(49), lease).await, Ok(Lease::Elsewhere));
        assert_eq!(other.hold(at(50), lease).await, Ok(Lease::Held));
        assert!(!one.confirm(&cursor, at(51)).await.unwrap());
        assert_eq!(other.lag().await, Ok(1));
        assert!(other.confirm(&cursor, at(51)).await.unwrap());
        assert_eq!(other.lag().await, Ok(0));
        assert!(
            !other.confirm(&cursor, at(80)).await.unwrap(),
            "its time is over"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_row_appears_behind_the_cursor() {
    each_engine(&[], |db| async move {
        let writing: Vec<_> = (0..8)
            .map(|worker| {
                let db = db.clone();
                tokio::spawn(async move {
                    for number in 0..50 {
                        db.audit(event(worker * 100 + number)).await.unwrap();
                    }
                })
            })
            .collect();
        let shipping = shipping(&db, "one");
        shipping
            .hold(at(0), SignedDuration::from_hours(1))
            .await
            .unwrap();
        let mut seen = BTreeSet::new();
        let mut count = 0;
        loop {
            let done = writing.iter().all(tokio::task::JoinHandle::is_finished);
            let cursor = shipping.cursor().await.unwrap();
            let batch = shipping.batch(&cursor, 7).await.unwrap();
            if batch.rows.is_empty() && done {
                break;
            }
            count += batch.rows.len();
            seen.extend(batch.rows.into_iter().map(|it| it.row.id));
            assert!(shipping.confirm(&batch.after, at(1)).await.unwrap());
        }
        assert_eq!((seen.len(), count), (400, 400));
    })
    .await;
}

#[tokio::test]
async fn what_retention_has_removed_is_passed_over() {
    each_engine(&[], |db| async move {
        write(&db, 0..10).await;
        audit::seal(&db, at(10)).await.unwrap();
        let by = AuditEvent::new(at(20), "vro", "shell", "", Outcome::Allowed);
        audit::remove_before(&db, at(11), by).await.unwrap();
        let shipping = shipping(&db, "one");
        assert_eq!(shipping.lag().await, Ok(1));
        let batch = shipping
            .batch(&shipping.cursor().await.unwrap(), 100)
            .await
            .unwrap();
        assert_eq!(batch.rows.len(), 1);
        assert_eq!(batch.rows.first().unwrap().sequence, 11);
    })
    .await;
}
