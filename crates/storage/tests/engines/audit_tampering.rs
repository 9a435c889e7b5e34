//! Every way of tampering with the audit that we could think of, done behind the program's back, and found.

use storage::audit::{self, Hash, What};
use storage::testing::{open, postgres, sqlite};
use storage::{AuditEvent, Db, Error, Location, Outcome, PostgresOptions, Transaction, Work};

use crate::audit_chain::{assert_whole, at, write};

/// Statements with the triggers out of the way, and what is found for them: kind and number of the row.
type Tampering = (
    &'static str,
    &'static [&'static str],
    &'static [(What, i64)],
);

const ROWS: [Tampering; 16] = [
    (
        "an edited column",
        &["UPDATE audit_event SET client_id = 'other' WHERE sequence = 4"],
        &[(What::Edited, 4)],
    ),
    (
        "a column emptied",
        &["UPDATE audit_event SET record_id = NULL WHERE sequence = 4"],
        &[(What::Edited, 4)],
    ),
    (
        "a column filled",
        &["UPDATE audit_event SET reason = '' WHERE sequence = 4"],
        &[(What::Edited, 4)],
    ),
    (
        "a denial turned round",
        &["UPDATE audit_event SET outcome = 'denied' WHERE sequence = 1"],
        &[(What::Edited, 1)],
    ),
    (
        "another time",
        &["UPDATE audit_event SET at_ms = at_ms + 1 WHERE sequence = 4"],
        &[(What::Edited, 4)],
    ),
    (
        "another role",
        &["UPDATE audit_event SET role = 'x' WHERE sequence = 4"],
        &[(What::Edited, 4)],
    ),
    (
        "another id",
        &["UPDATE audit_event SET id = 'x' WHERE sequence = 4"],
        &[(What::Edited, 4)],
    ),
    (
        "the newest edited",
        &["UPDATE audit_event SET action = 'x' WHERE sequence = 10"],
        &[(What::Edited, 10)],
    ),
    (
        "a row removed",
        &["DELETE FROM audit_event WHERE sequence = 4"],
        &[(What::Removed, 4)],
    ),
    (
        "the oldest removed",
        &["DELETE FROM audit_event WHERE sequence <= 3"],
        &[(What::Removed, 1)],
    ),
    (
        "the newest removed",
        &["DELETE FROM audit_event WHERE sequence >= 9"],
        &[(What::Removed, 9), (What::Removed, 10)],
    ),
    (
        "a row removed and the others closed up",
        &[
            "DELETE FROM audit_event WHERE sequence = 4",
            "UPDATE audit_event SET sequence = -sequence WHERE sequence > 4",
            "UPDATE audit_event SET sequence = -sequence - 1 WHERE sequence < 0",
        ],
        &[
            (What::Edited, 4),
            (What::Moved, 5),
            (What::Moved, 6),
            (What::Moved, 7),
            (What::Moved, 8),
            (What::Edited, 9),
            (What::Removed, 10),
            (What::Edited, 5),
            (What::Removed, 10),
        ],
    ),
    (
        "two rows that change places, hashes and all",
        &[
            "UPDATE audit_event SET sequence = -4 WHERE sequence = 4",
            "UPDATE audit_event SET sequence = 4 WHERE sequence = 7",
            "UPDATE audit_event SET sequence = 7 WHERE sequence = -4",
        ],
        &[
            (What::Moved, 4),
            (What::Edited, 5),
            (What::Moved, 7),
            (What::Edited, 8),
        ],
    ),
    (
        "two neighbours that change places under their hashes",
        &[
            "UPDATE audit_event SET record_id = 'x' WHERE sequence = 4",
            "UPDATE audit_event SET record_id = 'record-3', at_ms = at_ms - 1000 WHERE sequence = 5",
            "UPDATE audit_event SET record_id = 'record-4', at_ms = at_ms + 1000 WHERE sequence = 4",
            "UPDATE audit_event SET id = 'x' WHERE sequence = 4",
        ],
        &[(What::Edited, 4), (What::Edited, 5)],
    ),
    (
        "a row put in at the end",
        &[
            "INSERT INTO audit_event (id, at_ms, party, role, action, outcome, writer, sequence, hash) \
           SELECT 'x', at_ms, party, role, action, outcome, writer, 11, hash FROM audit_event WHERE sequence = 10",
        ],
        &[(What::Inserted, 11)],
    ),
    (
        "a row put in without a place",
        &[
            "INSERT INTO audit_event (id, at_ms, party, role, action, outcome) \
           SELECT 'x', at_ms, party, role, action, outcome FROM audit_event WHERE sequence = 4",
        ],
        &[(What::Inserted, 0)],
    ),
];

const CHAIN: [Tampering; 9] = [
    (
        "a row put in twice under one number",
        &[
            "DROP INDEX audit_event_link",
            "INSERT INTO audit_event (id, at_ms, party, role, action, outcome, writer, sequence, hash) \
             SELECT 'x', at_ms, party, role, action, outcome, writer, 4, hash FROM audit_event WHERE sequence = 4",
        ],
        &[(What::Inserted, 4)],
    ),
    (
        "a row of a writer that nobody knows",
        &[
            "INSERT INTO audit_event (id, at_ms, party, role, action, outcome, writer, sequence, hash) \
           SELECT 'x', at_ms, party, role, action, outcome, 'nobody', 1, hash FROM audit_event WHERE sequence = 4",
        ],
        &[(What::Inserted, 0)],
    ),
    (
        "the newest rows and the number of them",
        &[
            "DELETE FROM audit_event WHERE sequence >= 9",
            "UPDATE audit_writer SET sequence = 8, hash = (SELECT hash FROM audit_event WHERE sequence = 8) \
             WHERE kind = 'rows'",
        ],
        &[(What::Removed, 10)],
    ),
    (
        "the oldest rows, marked as if by retention",
        &[
            "UPDATE audit_writer SET removed_sequence = 3, \
             removed_hash = (SELECT hash FROM audit_event WHERE sequence = 3) WHERE kind = 'rows'",
            "DELETE FROM audit_event WHERE sequence <= 3",
        ],
        &[(What::Removed, 3)],
    ),
    (
        "a seal edited",
        &["UPDATE audit_seal SET at_ms = at_ms + 1 WHERE sequence = 1"],
        &[(What::Edited, 1)],
    ),
    (
        "a seal removed",
        &["DELETE FROM audit_seal WHERE sequence = 1"],
        &[(What::Removed, 1)],
    ),
    (
        "the newest seal removed",
        &["DELETE FROM audit_seal WHERE sequence = 2"],
        &[(What::Removed, 2), (What::Removed, 2)],
    ),
    (
        "the newest seal and the number of it: only a seal elsewhere tells",
        &[
            "DELETE FROM audit_seal WHERE sequence = 2",
            "UPDATE audit_writer SET sequence = 1, hash = (SELECT hash FROM audit_seal WHERE sequence = 1) \
             WHERE kind = 'seals'",
        ],
        &[(What::Removed, 2)],
    ),
    (
        "the whole end, seals and numbers: only a seal elsewhere tells",
        &[
            "DELETE FROM audit_event WHERE sequence > 5",
            "DELETE FROM audit_seal WHERE sequence = 2",
            "UPDATE audit_writer SET sequence = 5, hash = (SELECT hash FROM audit_event WHERE sequence = 5) \
             WHERE kind = 'rows'",
            "UPDATE audit_writer SET sequence = 1, hash = (SELECT hash FROM audit_seal WHERE sequence = 1) \
             WHERE kind = 'seals'",
        ],
        &[(What::Removed, 2)],
    ),
];

#[tokio::test]
async fn every_tampering_is_found_where_it_is() {
    let mut wrong = Vec::new();
    for (name, statements, expected) in ROWS.iter().chain(&CHAIN) {
        let directory = tempfile::tempdir().unwrap();
        let mut locations = vec![sqlite(directory.path())];
        locations.extend(postgres().await);
        for location in locations {
            let db = open(location.clone(), &[]).await;
            let known = fill(&db).await;
            // What stands elsewhere is known in every case, and needed in two.
            tamper(&location, &db, statements).await;
            let report = audit::verify(&db, &known).await.unwrap();
            let found: Vec<_> = report
                .findings
                .iter()
                .map(|it| (it.what, it.sequence.unwrap_or(0)))
                .collect();
            if found != *expected {
                wrong.push(format!("{name}: {found:?}"));
            }
            assert!(!report.verified, "{name}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Ways past a verification that believes what the database says of itself.
const HIDDEN: [(&str, &[&str], What); 9] = [
    (
        "all seals, as if retention had removed them",
        &[
            "DELETE FROM audit_seal",
            "UPDATE audit_writer SET sequence = 100, removed_sequence = 100 WHERE writer = 'seals'",
        ],
        What::Removed,
    ),
    (
        "a known seal below the mark of retention",
        &[
            "UPDATE audit_writer SET removed_sequence = 2, removed_hash = hash WHERE writer = 'seals'",
        ],
        What::Removed,
    ),
    (
        "a writer marked as that of the seals",
        &["UPDATE audit_writer SET kind = 'seals' WHERE kind = 'rows'"],
        What::Edited,
    ),
    (
        "another newest seal in the writer's row",
        &["UPDATE audit_writer SET hash = removed_hash WHERE writer = 'seals'"],
        What::Edited,
    ),
    (
        "a row of the empty writer",
        &["UPDATE audit_event SET writer = '' WHERE sequence = 10"],
        What::Inserted,
    ),
    (
        "a row without a number",
        &["UPDATE audit_event SET sequence = NULL WHERE sequence = 10"],
        What::Inserted,
    ),
    (
        "a row of number 0",
        &[
            "INSERT INTO audit_event (id, at_ms, party, role, action, outcome, writer, sequence, hash) \
           SELECT 'x', at_ms, party, role, action, outcome, writer, 0, hash FROM audit_event WHERE sequence = 4",
        ],
        What::Inserted,
    ),
    (
        "a row of the writer of the seals",
        &[
            "INSERT INTO audit_event (id, at_ms, party, role, action, outcome, writer, sequence, hash) \
           SELECT 'x', at_ms, party, role, action, outcome, 'seals', 1, hash FROM audit_event WHERE sequence = 4",
        ],
        What::Inserted,
    ),
    (
        "rows below the mark of retention",
        &["UPDATE audit_writer SET removed_sequence = 3, \
           removed_hash = (SELECT hash FROM audit_event WHERE sequence = 3) WHERE kind = 'rows'"],
        What::Inserted,
    ),
];

#[tokio::test]
async fn nothing_that_the_database_says_of_itself_hides_a_tampering() {
    for (name, statements, expected) in HIDDEN {
        let directory = tempfile::tempdir().unwrap();
        let mut locations = vec![sqlite(directory.path())];
        locations.extend(postgres().await);
        for location in locations {
            let db = open(location.clone(), &[]).await;
            let known = fill(&db).await;
            tamper(&location, &db, statements).await;
            let report = audit::verify(&db, &known).await.unwrap();
            let found = report.findings.iter().any(|it| it.what == expected);
            assert!(found, "{name}: {:#?}", report.findings);
        }
    }
}

#[tokio::test]
async fn what_sqlite_takes_in_any_column_is_a_finding_and_no_error() {
    for statement in [
        "UPDATE audit_event SET writer = X'7A7A' WHERE sequence = 4",
        "UPDATE audit_event SET sequence = 'x' WHERE sequence = 4",
        "UPDATE audit_event SET sequence = 4.5 WHERE sequence = 4",
        "UPDATE audit_event SET sequence = 10.5 WHERE sequence = 10",
        "UPDATE audit_event SET sequence = 0.5 WHERE sequence = 1",
        "UPDATE audit_event SET sequence = 1e300 WHERE sequence = 10",
        "UPDATE audit_event SET id = X'00' WHERE sequence = 4",
        "UPDATE audit_seal SET heads = X'00' WHERE sequence = 1",
        "UPDATE audit_writer SET writer = X'00' WHERE kind = 'rows'",
        "UPDATE audit_writer SET sequence = 'x' WHERE writer = 'seals'",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let location = sqlite(directory.path());
        let db = open(location.clone(), &[]).await;
        let known = fill(&db).await;
        tamper(&location, &db, &[statement]).await;
        let report = audit::verify(&db, &known).await.unwrap();
        assert!(!report.verified, "{statement}");
    }
}

/// Whoever has the database can append a row of retention with a right hash: as the program itself does it here.
#[tokio::test]
async fn retention_counts_only_by_a_seal_elsewhere_or_by_the_setting() {
    let directory = tempfile::tempdir().unwrap();
    let mut locations = vec![sqlite(directory.path())];
    locations.extend(postgres().await);
    for location in locations {
        let db = open(location, &[]).await;
        let known = fill(&db).await;
        let by = AuditEvent::new(at(20), "vro", "shell", "", Outcome::Allowed);
        audit::remove_before(&db, at(6), by).await.unwrap().unwrap();
        for (known, before, proved) in [
            (&known[..], None, false),
            (&known, Some(at(5)), false),
            (&known, Some(at(6)), true),
            (&[], Some(at(5)), false),
            (&[], None, true),
        ] {
            let report = audit::verify_held(&db, known, before).await.unwrap();
            let all = report.findings.iter().all(|it| it.what == What::Unproved);
            assert!(all, "{:#?}", report.findings);
            assert_eq!(report.verified, proved, "{known:?} {before:?}");
        }
        let newer = audit::seal(&db, at(30)).await.unwrap().unwrap();
        let newer = [(newer.sequence, newer.hash)];
        assert!(audit::verify(&db, &newer).await.unwrap().verified);
    }
}

/// Ten rows, a seal after five and one at the end.
pub async fn fill(db: &Db) -> Vec<(i64, Hash)> {
    write(db, 0..5).await;
    audit::seal(db, at(5)).await.unwrap();
    write(db, 5..10).await;
    let seal = audit::seal(db, at(10)).await.unwrap().unwrap();
    let known = vec![(seal.sequence, seal.hash)];
    assert_whole(db, 10).await;
    assert!(audit::verify(db, &known).await.unwrap().verified);
    known
}

#[tokio::test]
async fn another_seal_of_the_same_number_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(sqlite(directory.path()), &[]).await;
    fill(&db).await;
    let other = Hash::parse(&"01".repeat(33)).unwrap();
    let report = audit::verify(&db, &[(2, other)]).await.unwrap();
    let finding = report.findings.first().unwrap();
    assert_eq!((finding.what, finding.sequence), (What::Edited, Some(2)));
}

/// As somebody does who owns the database: nothing that stands in it can stop him.
pub async fn tamper(location: &Location, db: &Db, statements: &[&str]) {
    match location {
        Location::Sqlite(path) => {
            let connection = rusqlite::Connection::open(path).unwrap();
            let triggers = "SELECT group_concat('DROP TRIGGER ' || name, ';'), group_concat(sql, ';') \
                            FROM sqlite_master WHERE type = 'trigger'";
            let both = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            let (drop_them, make_them): (String, String) =
                connection.query_row(triggers, [], both).unwrap();
            connection.execute_batch(&drop_them).unwrap();
            connection.execute_batch(&statements.join(";")).unwrap();
            connection.execute_batch(&make_them).unwrap();
        }
        Location::Postgres(PostgresOptions { .. }) => {
            let mut all = vec!["SET LOCAL session_replication_role = replica"];
            all.extend(statements);
            let all = all.into_iter().map(str::to_owned).collect();
            db.write(Statements(all)).await.unwrap();
        }
    }
}

pub struct Statements(pub Vec<String>);

impl Work for Statements {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        for sql in &self.0 {
            tx.execute(Box::leak(sql.clone().into_boxed_str()), &[])
                .await?;
        }
        Ok(())
    }
}
