//! Retention of the audit.

use std::time::Duration;

use storage::audit::{self, What};
use storage::testing::{each_engine, open, postgres, sqlite};
use storage::{AuditEvent, Error, Outcome, Transaction, Work};

use crate::audit_chain::{assert_whole, at, event, write};
use crate::audit_tampering::tamper;

fn by_the_shell() -> AuditEvent {
    AuditEvent::new(at(9_000), "vro", "shell", "", Outcome::Allowed)
}

#[tokio::test]
async fn the_oldest_segments_go_and_the_chain_stays_whole() {
    each_engine(&[], |db| async move {
        write(&db, 0..1_500).await;
        let first = audit::seal(&db, at(1_500)).await.unwrap().unwrap();
        write(&db, 1_500..1_600).await;
        audit::seal(&db, at(1_600)).await.unwrap();
        write(&db, 1_600..1_610).await;
        let third = audit::seal(&db, at(1_610)).await.unwrap().unwrap();
        // Nothing was sealed before the first seal.
        let none = audit::remove_before(&db, at(1_500), by_the_shell()).await;
        assert_eq!(none.unwrap(), None);

        let removed = audit::remove_before(&db, at(1_605), by_the_shell()).await;
        let removed = removed.unwrap().unwrap();
        assert_eq!((removed.rows, removed.seal), (1_600, 2));
        // Ten rows and the one that says what was removed.
        let report = assert_whole(&db, 11).await;
        assert_eq!((report.removed_by_retention, report.seals), (1_600, 2));
        let newest = audit::Filter {
            limit: 1,
            ..audit::Filter::default()
        };
        let said = audit::list(&db, &newest).await.unwrap().remove(0).event;
        assert_eq!(said.action, "audit.retention");
        assert!(said.reason.unwrap().starts_with("up to seal 2 01"));

        // Once is enough.
        let again = audit::remove_before(&db, at(1_605), by_the_shell()).await;
        assert_eq!(again.unwrap(), None);
        // Seals that stand elsewhere: the removed one is said, the one that is kept is looked at.
        let known = [(first.sequence, first.hash), (third.sequence, third.hash)];
        let report = audit::verify_held(&db, &known, Some(at(1_605))).await;
        let report = report.unwrap();
        assert!(report.verified, "{:#?}", report.findings);
        assert_eq!(report.known_seals_removed, [1]);
        write(&db, 1_610..1_620).await;
        assert_whole(&db, 21).await;
    })
    .await;
}

/// What was done to 1,500 rows, and how many stay at least.
const TAMPERED: [(&str, &str, u64); 4] = [
    (
        "the row that the seal names",
        "UPDATE audit_event SET hash = (SELECT hash FROM audit_event WHERE sequence = 1) WHERE sequence = 1500",
        1_500,
    ),
    (
        "a column of the first thousand under its old hash",
        "UPDATE audit_event SET client_id = 'other' WHERE sequence = 4",
        1_500,
    ),
    (
        "a column of the others under its old hash",
        "UPDATE audit_event SET client_id = 'other' WHERE sequence = 1499",
        500,
    ),
    (
        "a row in the middle taken out",
        "DELETE FROM audit_event WHERE sequence = 4",
        1_499,
    ),
];

#[tokio::test]
async fn what_was_tampered_with_is_kept() {
    for (name, statement, kept) in TAMPERED {
        let directory = tempfile::tempdir().unwrap();
        let mut locations = vec![sqlite(directory.path())];
        locations.extend(postgres().await);
        for location in locations {
            let db = open(location.clone(), &[]).await;
            db.write(Rows(0..1_500)).await.unwrap();
            audit::seal(&db, at(1_500)).await.unwrap();
            tamper(&location, &db, &[statement]).await;
            let refused = audit::remove_before(&db, at(1_501), by_the_shell()).await;
            assert!(
                matches!(refused, Err(Error::Failed(_))),
                "{name}: {refused:?}"
            );
            let report = audit::verify(&db, &[]).await.unwrap();
            assert!(report.rows >= kept, "{name}: {} rows", report.rows);
            assert!(!report.verified, "{name}");
        }
    }
}

/// A machine whose clock is not set yet seals what was written in all the years before.
#[tokio::test]
async fn a_clock_that_is_behind_dates_no_seal_before_what_it_covers() {
    each_engine(&[], |db| async move {
        write(&db, 5_000..5_003).await;
        // The first seal has none before it.
        let first = audit::seal(&db, at(0)).await.unwrap().unwrap();
        assert_eq!(first.at, at(5_002));
        write(&db, 5_003..5_006).await;
        audit::seal(&db, at(6_000)).await.unwrap();
        write(&db, 6_000..6_003).await;
        let third = audit::seal(&db, at(10)).await.unwrap().unwrap();
        assert_eq!((third.sequence, third.at), (3, at(6_000)));
        let none = audit::remove_before(&db, at(5_000), by_the_shell()).await;
        assert_eq!(none.unwrap(), None);
        assert_whole(&db, 9).await;
    })
    .await;
}

#[tokio::test]
async fn a_seal_that_is_dated_before_its_predecessor_lets_nothing_go() {
    let directory = tempfile::tempdir().unwrap();
    let mut locations = vec![sqlite(directory.path())];
    locations.extend(postgres().await);
    for location in locations {
        let db = open(location.clone(), &[]).await;
        write(&db, 0..3).await;
        audit::seal(&db, at(5)).await.unwrap();
        write(&db, 3..6).await;
        audit::seal(&db, at(200)).await.unwrap();
        let later = "UPDATE audit_seal SET at_ms = at_ms + 300000 WHERE sequence = 1";
        tamper(&location, &db, &[later]).await;
        let none = audit::remove_before(&db, at(250), by_the_shell()).await;
        assert_eq!(none.unwrap(), None);
        let report = audit::verify(&db, &[]).await.unwrap();
        assert_eq!(report.rows, 6);
        let found = |it: &audit::Finding| it.sequence == Some(2) && it.what == What::Edited;
        assert!(report.findings.iter().any(found), "{:#?}", report.findings);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_audit_is_verified_beside_running_retention() {
    each_engine(&[], |db| async move {
        let mut known = Vec::new();
        for second in 0..30 {
            write(&db, second..second + 1).await;
            let seal = audit::seal(&db, at(second)).await.unwrap().unwrap();
            known.push((seal.sequence, seal.hash));
        }
        // Verification reads for a while before it comes to the seals.
        db.write(Rows(100..2_100)).await.unwrap();
        let removing = {
            let db = db.clone();
            tokio::spawn(async move {
                for second in 1..30 {
                    let mut event = by_the_shell();
                    event.at = at(9_000 + second);
                    let removed = audit::remove_before(&db, at(second), event).await;
                    assert_eq!(removed.unwrap().unwrap().rows, 1);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
        };
        while !removing.is_finished() {
            let report = audit::verify_held(&db, &known, Some(at(10_000))).await;
            let report = report.unwrap();
            assert!(report.verified, "{:#?}", report.findings);
        }
        removing.await.unwrap();
        let report = audit::verify(&db, &[]).await.unwrap();
        assert_eq!((report.removed_by_retention, report.seals), (29, 2));
    })
    .await;
}

/// Rows in one unit, for there are many.
struct Rows(std::ops::Range<i64>);

impl Work for Rows {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        for second in self.0.clone() {
            tx.audit(&event(second)).await?;
        }
        Ok(())
    }
}
