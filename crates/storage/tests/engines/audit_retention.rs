//! Retention of the audit.

use storage::audit::{self, What};
use storage::testing::{each_engine, open, sqlite};
use storage::{AuditEvent, Error, Outcome};

use crate::audit_chain::{assert_whole, at, write};
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

#[tokio::test]
async fn what_was_tampered_with_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let location = sqlite(directory.path());
    let db = open(location.clone(), &[]).await;
    write(&db, 0..10).await;
    audit::seal(&db, at(10)).await.unwrap();
    let edit = "UPDATE audit_event SET hash = X'01' WHERE sequence = 10";
    tamper(&location, &db, &[edit]).await;
    let refused = audit::remove_before(&db, at(11), by_the_shell()).await;
    assert!(matches!(refused, Err(Error::Failed(_))), "{refused:?}");
    let report = audit::verify(&db, &[]).await.unwrap();
    assert_eq!(report.rows, 11);
    assert!(report.findings.iter().any(|it| it.what == What::Edited));
}
