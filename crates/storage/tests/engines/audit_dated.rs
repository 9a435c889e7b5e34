//! Rows that were put in behind a seal, dated before it, and writers that were put in beside the one of a file.

use jiff::SignedDuration;
use storage::audit::{self, What};
use storage::testing::{each_engine, open, postgres, sqlite};
use storage::{Clock, Db, Location};

use crate::audit_chain::{assert_whole, at, event, write};
use crate::audit_tampering::tamper;

/// With a right hash, as the program itself writes it here.
#[tokio::test]
async fn a_row_that_is_dated_well_before_the_seal_in_front_of_it_is_found() {
    each_engine(&[], |db| async move {
        write(&db, 0..3).await;
        audit::seal(&db, at(10_000)).await.unwrap();
        // A request that took a while, or a clock that is a little behind.
        write(&db, 7_000..7_001).await;
        audit::seal(&db, at(10_060)).await.unwrap();
        assert_whole(&db, 4).await;

        write(&db, 50..51).await;
        assert_dated_before(&db, 5).await;
        write(&db, 10_100..10_101).await;
        audit::seal(&db, at(10_120)).await.unwrap();
        assert_dated_before(&db, 5).await;
    })
    .await;
}

async fn assert_dated_before(db: &Db, sequence: i64) {
    let report = audit::verify(db, &[]).await.unwrap();
    let [found] = report.findings.as_slice() else {
        panic!("{:#?}", report.findings)
    };
    assert_eq!(
        (found.what, found.sequence),
        (What::Inserted, Some(sequence))
    );
    assert!(
        found.text.starts_with("is dated well before the seal"),
        "{found:?}"
    );
}

/// Its seals are dated ahead as well, and so are all later ones until that time: no row of the right time is a finding.
#[tokio::test]
async fn a_clock_that_was_ahead_makes_no_finding_of_what_comes_after_it() {
    each_engine(&[], |db| async move {
        let ahead = 31_536_000;
        write(&db, 0..3).await;
        audit::seal(&db, at(10)).await.unwrap();
        write(&db, ahead..ahead + 1).await;
        audit::seal(&db, at(ahead)).await.unwrap();
        for second in [20, 30, 40] {
            write(&db, second..second + 1).await;
            audit::seal(&db, at(second)).await.unwrap();
            assert_whole(&db, 4 + u64::try_from(second / 10 - 1).unwrap()).await;
        }
        write(&db, 50..51).await;
        assert_whole(&db, 8).await;
        let now = Clock::system().now() + SignedDuration::from_hours(48);
        audit::seal(&db, now).await.unwrap();
        write(&db, ahead + 10..ahead + 11).await;
        assert_whole(&db, 9).await;
    })
    .await;
}

#[tokio::test]
async fn a_second_writer_is_found_in_a_file_and_its_rows_by_their_dates_on_a_server() {
    let directory = tempfile::tempdir().unwrap();
    let mut locations = vec![sqlite(directory.path())];
    locations.extend(postgres().await);
    for location in locations {
        let db = open(location.clone(), &[]).await;
        write(&db, 0..3).await;
        audit::seal(&db, at(10_000)).await.unwrap();
        let put_in = match location {
            Location::Sqlite(_) => "INSERT INTO audit_writer VALUES ('+', 'rows', 0, X'', 0, X'')",
            Location::Postgres(_) => "INSERT INTO audit_writer VALUES ('+', 'rows', 0, '', 0, '')",
        };
        tamper(&location, &db, &[put_in]).await;
        db.audit(event(50)).await.unwrap();
        db.audit(event(10_001)).await.unwrap();
        let report = audit::verify(&db, &[]).await.unwrap();
        let found = |text: &str| {
            let mut all = report.findings.iter();
            all.any(|it| it.what == What::Inserted && it.text.contains(text))
        };
        assert!(found("is dated well before"), "{:#?}", report.findings);
        let is_file = matches!(location, Location::Sqlite(_));
        assert_eq!(
            found("a file has one writer, and this one has"),
            is_file,
            "{:#?}",
            report.findings
        );
    }
}
