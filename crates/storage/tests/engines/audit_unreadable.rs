//! Rows that hold what was never written there: each is passed over with a marker, and nothing stops at it.

use storage::audit::{self, AuditRow, Filter, Reach, Shipping};
use storage::testing::{open, postgres, sqlite};
use storage::{Db, Location};

use crate::audit_tampering::{fill, tamper};

/// SQLite takes any value in any column.
const SQLITE: [&str; 10] = [
    "UPDATE audit_event SET at_ms = 'abc' WHERE sequence = 4",
    "UPDATE audit_event SET at_ms = X'00' WHERE sequence = 4",
    "UPDATE audit_event SET at_ms = at_ms + 0.5 WHERE sequence = 4",
    "UPDATE audit_event SET at_ms = 9223372036854775807 WHERE sequence = 4",
    "UPDATE audit_event SET at_ms = -9223372036854775807 WHERE sequence = 4",
    "UPDATE audit_event SET party = X'FF' WHERE sequence = 4",
    "UPDATE audit_event SET outcome = X'00' WHERE sequence = 4",
    "UPDATE audit_event SET reason = CAST(X'FF' AS TEXT) WHERE sequence = 4",
    "UPDATE audit_event SET id = X'00' WHERE sequence = 4",
    "UPDATE audit_event SET hash = 'x' WHERE sequence = 4",
];
const POSTGRES: [&str; 2] = [
    "UPDATE audit_event SET at_ms = 9223372036854775807 WHERE sequence = 4",
    "UPDATE audit_event SET at_ms = -9223372036854775807 WHERE sequence = 4",
];

#[tokio::test]
async fn a_row_that_cannot_be_read_stops_no_list_no_export_and_no_shipping() {
    let mut wrong = Vec::new();
    for statement in SQLITE {
        let directory = tempfile::tempdir().unwrap();
        wrong.extend(stops(sqlite(directory.path()), statement).await);
    }
    for statement in POSTGRES {
        if let Some(location) = postgres().await {
            wrong.extend(stops(location, statement).await);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn stops(location: Location, statement: &str) -> Option<String> {
    let db = open(location.clone(), &[]).await;
    fill(&db).await;
    tamper(&location, &db, &[statement]).await;
    let read = async {
        let listed = audit::list(&db, &filter(100)).await.map(|it| it.len());
        let placed = audit::list_placed(&db, &filter(100)).await;
        let reach = Reach {
            party: None,
            organization: None,
            records: None,
        };
        let shown = Filter {
            reach: Some(reach),
            ..filter(100)
        };
        let shown = audit::list(&db, &shown).await.map(|it| it.len());
        let paged = pages(&db).await;
        Ok::<_, storage::Error>((listed?, placed?.len(), shown?, paged?, shipped(&db).await?))
    };
    let marked = audit::list(&db, &filter(100)).await.map(|rows| {
        let unreadable = |row: &&AuditRow| row.event.action == "unreadable";
        rows.iter().filter(unreadable).count()
    });
    // A hash is no part of what is listed without places.
    let marks = usize::from(!statement.contains("hash"));
    let all: Vec<i64> = (1..=10).collect();
    match (read.await, marked) {
        (Ok((10, 10, 10, 10, shipped)), Ok(marked)) if shipped == all && marked == marks => None,
        other => Some(format!("{statement}: {other:?}")),
    }
}

fn filter(limit: u32) -> Filter {
    Filter {
        limit,
        ..Filter::default()
    }
}

/// How many rows come row by row, as an export reads them.
async fn pages(db: &Db) -> Result<usize, storage::Error> {
    let mut filter = filter(1);
    let mut count = 0;
    while let Some(row) = audit::list(db, &filter).await?.pop() {
        filter.after = Some((row.event.at.as_millisecond(), row.id));
        count += 1;
        assert!(count < 100, "it begins again and again");
    }
    Ok(count)
}

/// The numbers that are sent, row by row.
async fn shipped(db: &Db) -> Result<Vec<i64>, storage::Error> {
    let shipping = Shipping {
        db: db.clone(),
        destination: "siem".to_owned(),
        node: "one".to_owned(),
    };
    let mut cursor = shipping.cursor().await?;
    let mut sent = Vec::new();
    loop {
        let batch = shipping.batch(&cursor, 1).await?;
        if batch.rows.is_empty() {
            return Ok(sent);
        }
        sent.extend(batch.rows.iter().map(|row| row.sequence));
        cursor = batch.after;
    }
}

/// Such a number is no place in the chain: what stands there is a finding, and nothing waits for it.
#[tokio::test]
async fn a_number_that_is_none_is_not_shipped() {
    for sequence in ["'x'", "4.5", "X'00'", "0.5"] {
        let directory = tempfile::tempdir().unwrap();
        let location = sqlite(directory.path());
        let db = open(location.clone(), &[]).await;
        fill(&db).await;
        let statement = format!("UPDATE audit_event SET sequence = {sequence} WHERE sequence = 4");
        tamper(&location, &db, &[&statement]).await;
        assert_eq!(
            shipped(&db).await,
            Ok(vec![1, 2, 3, 5, 6, 7, 8, 9, 10]),
            "{sequence}"
        );
        assert_eq!(
            audit::list_placed(&db, &filter(100)).await.unwrap().len(),
            10
        );
    }
}
