//! The triggers that guard the audit: gone, switched off, replaced or joined by others, and found.

use storage::audit::{self, What};
use storage::testing::{open, postgres, sqlite};
use storage::{Db, Location};

use crate::audit_chain::{assert_whole, event, write};
use crate::audit_tampering::{Statements, fill};

/// Statements, what is found, and how the finding ends.
type Change = (&'static str, What, &'static str);

const SQLITE: [Change; 7] = [
    (
        "DROP TRIGGER audit_event_kept",
        What::Removed,
        "the guards are gone, and rows could be changed: trigger audit_event_kept",
    ),
    (
        "DROP TRIGGER audit_seal_kept; \
         CREATE TRIGGER audit_seal_kept AFTER INSERT ON audit_cursor BEGIN SELECT 1; END",
        What::Edited,
        "a guard is not what was made, and rows could be changed: trigger audit_seal_kept",
    ),
    (
        "DROP TRIGGER audit_writer_kept; \
         CREATE TRIGGER audit_writer_kept BEFORE DELETE ON audit_writer BEGIN SELECT 1; END",
        What::Edited,
        "a guard is not what was made, and rows could be changed: trigger audit_writer_kept",
    ),
    (
        "CREATE TRIGGER zz BEFORE INSERT ON audit_event WHEN NEW.client_id = 'x' BEGIN SELECT RAISE(IGNORE); END",
        What::Inserted,
        "this program did not make it, and it could keep rows out: trigger zz",
    ),
    (
        "CREATE TRIGGER zz BEFORE INSERT ON [AUDIT_SEAL] BEGIN SELECT RAISE(IGNORE); END",
        What::Inserted,
        "trigger zz",
    ),
    (
        "CREATE TRIGGER zz BEFORE UPDATE ON audit_cursor BEGIN SELECT RAISE(IGNORE); END",
        What::Inserted,
        "trigger zz",
    ),
    (
        "CREATE TRIGGER zz BEFORE UPDATE ON audit_destination BEGIN SELECT RAISE(IGNORE); END",
        What::Inserted,
        "trigger zz",
    ),
];

const POSTGRES: [Change; 8] = [
    (
        "ALTER TABLE audit_seal DISABLE TRIGGER audit_seal_kept; DROP TRIGGER audit_event_whole ON audit_event",
        What::Removed,
        "the guards are gone, and rows could be changed: trigger audit_event_whole, trigger audit_seal_kept",
    ),
    (
        "DROP TRIGGER audit_seal_kept ON audit_seal; CREATE TRIGGER audit_seal_kept BEFORE DELETE ON audit_writer \
         FOR EACH ROW EXECUTE FUNCTION audit_seal_kept()",
        What::Edited,
        "a guard is not what was made, and rows could be changed: trigger audit_seal_kept",
    ),
    (
        "CREATE OR REPLACE FUNCTION audit_seal_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$",
        What::Edited,
        "a guard is not what was made, and rows could be changed: trigger audit_seal_kept",
    ),
    (
        "DROP TRIGGER audit_event_linked_once ON audit_event; CREATE TRIGGER audit_event_linked_once BEFORE UPDATE OF \
         writer, sequence, hash ON audit_event FOR EACH ROW WHEN (OLD.writer = 'x') EXECUTE FUNCTION audit_refuse()",
        What::Edited,
        "a guard is not what was made, and rows could be changed: trigger audit_event_linked_once",
    ),
    (
        "CREATE TRIGGER zz BEFORE INSERT ON audit_event FOR EACH ROW WHEN (NEW.client_id = 'x') \
         EXECUTE FUNCTION audit_refuse()",
        What::Inserted,
        "this program did not make it, and it could keep rows out: trigger zz",
    ),
    (
        "CREATE RULE zz AS ON INSERT TO audit_event WHERE NEW.client_id = 'x' DO INSTEAD NOTHING",
        What::Inserted,
        "rule zz",
    ),
    (
        "CREATE RULE zz AS ON UPDATE TO audit_cursor DO INSTEAD NOTHING",
        What::Inserted,
        "rule zz",
    ),
    (
        "CREATE TRIGGER zz BEFORE UPDATE ON audit_destination FOR EACH ROW EXECUTE FUNCTION audit_refuse(); \
         ALTER TABLE audit_destination DISABLE TRIGGER zz",
        What::Inserted,
        "trigger zz",
    ),
];

#[tokio::test]
async fn guards_that_are_gone_replaced_or_joined_by_others_are_found() {
    let mut wrong = Vec::new();
    for (statement, what, text) in SQLITE {
        let directory = tempfile::tempdir().unwrap();
        let location = sqlite(directory.path());
        let db = open(location.clone(), &[]).await;
        fill(&db).await;
        on(&location, &db, statement).await;
        wrong.extend(found(&db, statement, (what, text)).await);
    }
    for (statement, what, text) in POSTGRES {
        let Some(location) = postgres().await else {
            break;
        };
        let db = open(location.clone(), &[]).await;
        fill(&db).await;
        on(&location, &db, statement).await;
        wrong.extend(found(&db, statement, (what, text)).await);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn found(db: &Db, statement: &str, expected: (What, &str)) -> Option<String> {
    let report = audit::verify(db, &[]).await.unwrap();
    match report.findings.as_slice() {
        [one] if one.what == expected.0 && one.text.ends_with(expected.1) => None,
        other => Some(format!("{statement}: {other:#?}")),
    }
}

/// No audit, no data: a row that was kept out undoes the unit that it was to tell of.
#[tokio::test]
async fn a_row_that_a_trigger_or_a_rule_keeps_out_fails_its_unit() {
    let directory = tempfile::tempdir().unwrap();
    let mut engines = vec![(
        sqlite(directory.path()),
        "CREATE TRIGGER zz BEFORE INSERT ON audit_event WHEN NEW.record_id = 'record-7' \
         BEGIN SELECT RAISE(IGNORE); END",
        "DROP TRIGGER zz",
    )];
    if let Some(location) = postgres().await {
        let keep_out = "CREATE FUNCTION zz() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; \
                        CREATE TRIGGER zz BEFORE INSERT ON audit_event FOR EACH ROW \
                        WHEN (NEW.record_id = 'record-7') EXECUTE FUNCTION zz()";
        engines.push((location, keep_out, "DROP TRIGGER zz ON audit_event"));
    }
    if let Some(location) = postgres().await {
        let keep_out = "CREATE RULE zz AS ON INSERT TO audit_event WHERE NEW.record_id = 'record-7' DO INSTEAD NOTHING";
        engines.push((location, keep_out, "DROP RULE zz ON audit_event"));
    }
    for (location, keep_out, drop_it) in engines {
        let db = open(location.clone(), &[]).await;
        write(&db, 0..3).await;
        on(&location, &db, keep_out).await;
        assert!(db.audit(event(7)).await.is_err(), "{keep_out}");
        write(&db, 3..5).await;
        on(&location, &db, drop_it).await;
        assert_whole(&db, 5).await;
        write(&db, 7..8).await;
        assert_whole(&db, 6).await;
    }
}

/// Statements on a connection with nothing in their way.
async fn on(location: &Location, db: &Db, statements: &str) {
    match location {
        Location::Sqlite(path) => {
            let connection = rusqlite::Connection::open(path).unwrap();
            connection
                .set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)
                .unwrap();
            connection.execute_batch(statements).unwrap();
        }
        Location::Postgres(_) => {
            let one = format!("DO $do$ BEGIN {statements}; END $do$");
            db.write(Statements(vec![one])).await.unwrap();
        }
    }
}

/// What lists and exports read and what is verified can be two things when an index does not hold what its table does.
#[tokio::test]
async fn an_index_that_does_not_fit_its_table_is_found() {
    for (index, forge) in [
        (
            "audit_event_link",
            "INSERT INTO audit_event SELECT 'x', at_ms, party, role, action, outcome, reason, client_id, subject, \
             organization, jurisdiction, record_id, record_type, token_id, source_address, request_id, writer, \
             sequence, hash FROM audit_event WHERE sequence = 4",
        ),
        (
            "audit_event_at",
            "UPDATE audit_event SET at_ms = at_ms WHERE sequence = 4; \
             UPDATE audit_event SET at_ms = at_ms + 1 WHERE sequence = 4",
        ),
        (
            "audit_seal_at",
            "UPDATE audit_seal SET at_ms = at_ms + 1 WHERE sequence = 1",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let location = sqlite(directory.path());
        let db = open(location.clone(), &[]).await;
        fill(&db).await;
        let out_of_the_way = format!(
            "PRAGMA writable_schema = ON; \
             CREATE TEMP TABLE kept AS SELECT * FROM sqlite_master WHERE name = '{index}' OR type = 'trigger'; \
             DELETE FROM sqlite_master WHERE name IN (SELECT name FROM kept); PRAGMA writable_schema = RESET; \
             {forge}; \
             PRAGMA writable_schema = ON; INSERT INTO sqlite_master SELECT * FROM kept; \
             PRAGMA writable_schema = RESET"
        );
        on(&location, &db, &out_of_the_way).await;
        drop(db);
        let db = open(location, &[]).await;
        let report = audit::verify(&db, &[]).await.unwrap();
        let text = "does not agree with its indexes";
        let found = |it: &audit::Finding| it.what == What::Edited && it.text.contains(text);
        assert!(
            report.findings.iter().any(found),
            "{index}: {:#?}",
            report.findings
        );
    }
}
