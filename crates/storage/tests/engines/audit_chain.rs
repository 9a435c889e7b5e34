//! The hash chain of the audit: whole under parallel units, several processes and units that fail.

use jiff::Timestamp;
use storage::testing::{each_engine, open, sqlite};
use storage::{AuditEvent, Db, Error, Outcome, Transaction, Work, audit};

use crate::audit_tampering::tamper;
use crate::thing::*;

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).unwrap()
}

pub fn event(second: i64) -> AuditEvent {
    AuditEvent {
        client_id: Some("ehr-api".to_owned()),
        record_id: Some(format!("record-{second}")),
        ..AuditEvent::new(
            at(second),
            "vro",
            "resource-server",
            "bundle.read",
            Outcome::Allowed,
        )
    }
}

pub async fn write(db: &Db, rows: std::ops::Range<i64>) {
    for second in rows {
        db.audit(event(second)).await.unwrap();
    }
}

pub async fn assert_whole(db: &Db, rows: u64) -> audit::Verification {
    let report = audit::verify(db, &[]).await.unwrap();
    assert!(report.verified, "{:#?}", report.findings);
    assert_eq!(report.rows, rows);
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_units_leave_whole_chains() {
    each_engine(&[&TABLES], |db| async move {
        side_by_side(std::slice::from_ref(&db), 200, audited).await;
        let report = assert_whole(&db, 200).await;
        // As many as units ran at once, at most what the pool has; and the one of the rows before the chain.
        assert!((2..=9).contains(&report.writers), "{}", report.writers);
    })
    .await;
}

/// Units in some tasks side by side: as many as a pool has connections, since a unit waits for one for seconds only.
async fn side_by_side<F: Future<Output = ()> + Send>(
    processes: &[Db],
    units: i64,
    unit: impl Fn(Db, i64) -> F + Copy + Send + 'static,
) {
    const TASKS: i64 = 8;
    let tasks: Vec<_> = (0..TASKS)
        .zip(processes.iter().cloned().cycle())
        .map(|(task, db)| {
            tokio::spawn(async move {
                for number in (0..units).filter(|number| number % TASKS == task) {
                    unit(db.clone(), number).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn audited(db: Db, number: i64) {
    db.audit(event(number)).await.unwrap();
}

struct Several(Vec<AuditEvent>, Then);

impl Work for Several {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        for event in &self.0 {
            tx.audit(event).await?;
        }
        match self.1 {
            Then::Fail => Err(Error::Failed("as told".to_owned())),
            Then::Panic => panic!("as told"),
            _ => Ok(()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn units_that_fail_leave_no_gap_and_several_rows_of_one_unit_follow_each_other() {
    each_engine(&[&TABLES], |db| async move {
        side_by_side(std::slice::from_ref(&db), 60, |db, number| async move {
            let then = match number % 3 {
                0 => Then::Fail,
                1 => Then::Panic,
                _ => Then::Succeed,
            };
            let succeeds = number % 3 == 2;
            let events = (0..3).map(|more| event(number * 10 + more)).collect();
            let done = db.write(Several(events, then)).await;
            assert_eq!(done.is_ok(), succeeds, "{done:?}");
        })
        .await;
        assert_whole(&db, 60).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_processes_write_the_same_chains() {
    let directory = tempfile::tempdir().unwrap();
    let mut locations = vec![sqlite(directory.path())];
    locations.extend(storage::testing::postgres().await);
    for location in locations {
        // Each with a writer thread or a pool of its own, as a command beside a running server has.
        let mut processes = Vec::new();
        for _ in 0..3 {
            processes.push(open(location.clone(), &[]).await);
        }
        side_by_side(&processes, 150, audited).await;
        let db = processes.first().unwrap();
        let first = audit::seal(db, at(200)).await.unwrap().unwrap();
        write(processes.last().unwrap(), 300..301).await;
        let second = audit::seal(processes.last().unwrap(), at(400))
            .await
            .unwrap()
            .unwrap();
        assert_eq!((first.sequence, second.sequence), (1, 2));
        assert_eq!(second.previous, first.hash);
        assert_whole(db, 151).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_audit_is_verified_beside_running_writers() {
    each_engine(&[], |db| async move {
        let writing = {
            let db = db.clone();
            tokio::spawn(async move {
                for number in 0..300 {
                    db.audit(event(number)).await.unwrap();
                    if number % 20 == 0 {
                        audit::seal(&db, at(number)).await.unwrap();
                    }
                }
            })
        };
        while !writing.is_finished() {
            let report = audit::verify(&db, &[]).await.unwrap();
            assert!(report.verified, "{:#?}", report.findings);
        }
        writing.await.unwrap();
        assert_whole(&db, 300).await;
    })
    .await;
}

#[tokio::test]
async fn nothing_new_needs_no_new_seal() {
    each_engine(&[], |db| async move {
        assert_eq!(audit::seal(&db, at(0)).await.unwrap(), None);
        write(&db, 0..3).await;
        let seal = audit::seal(&db, at(10)).await.unwrap().unwrap();
        assert_eq!(audit::seal(&db, at(20)).await.unwrap(), Some(seal.clone()));
        assert_eq!(seal.heads.len(), 1);
        assert_eq!(seal.heads.first().unwrap().sequence, 3);
    })
    .await;
}

/// What the migration finds, as a program before it has left it.
#[tokio::test]
async fn rows_from_before_the_chain_become_links_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut locations = vec![sqlite(directory.path())];
    locations.extend(storage::testing::postgres().await);
    for location in locations {
        let db = open(location.clone(), &[]).await;
        db.write(Older(1200)).await.unwrap();
        let report = audit::verify(&db, &[]).await.unwrap();
        assert!(!report.verified, "rows without a place are a finding");
        let adopting = "UPDATE audit_writer SET kind = 'adopting' WHERE writer = 'before'";
        tamper(&location, &db, &[adopting]).await;
        let db = open(location.clone(), &[]).await;
        write(&db, 0..3).await;
        let report = assert_whole(&db, 1204).await;
        assert_eq!(report.adopted, 1200);
        // Whoever could make it happen again leaves a row of it.
        let filter = audit::Filter {
            action: Some("audit.adopt".to_owned()),
            limit: 2,
            ..audit::Filter::default()
        };
        let said = audit::list(&db, &filter).await.unwrap();
        assert_eq!(said.len(), 1);
        let said = &said.first().unwrap().event;
        assert_eq!(
            (said.party.as_str(), said.reason.as_deref()),
            ("vro", Some("1200 rows from before the chain"))
        );
        // Later ones are adopted only when somebody says so.
        db.write(Older(1)).await.unwrap();
        let db = open(location, &[]).await;
        let report = audit::verify(&db, &[]).await.unwrap();
        assert_eq!(report.findings.first().unwrap().what, audit::What::Inserted);
        assert_eq!(audit::adopt(&db).await, Ok(1));
        assert_whole(&db, 1205).await;
    }
}

/// Inserts as the program before the chain did.
pub struct Older(pub i64);

impl Work for Older {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let sql = "INSERT INTO audit_event (id, at_ms, party, role, action, outcome) VALUES ($1, $2, $3, $4, $5, $6)";
        for number in 0..self.0 {
            let id = format!("older-{number}-{}", self.0);
            let row = [
                id.into(),
                number.into(),
                "vro".into(),
                "shell".into(),
                "user.add".into(),
                "allowed".into(),
            ];
            tx.execute(sql, &row).await?;
        }
        Ok(())
    }
}

struct Statement(&'static str);

impl Work for Statement {
    type Output = u64;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<u64, Error> {
        tx.execute(self.0, &[]).await
    }
}

#[tokio::test]
async fn the_database_refuses_to_change_the_audit() {
    each_engine(&[], |db| async move {
        write(&db, 0..3).await;
        audit::seal(&db, at(10)).await.unwrap();
        for sql in [
            "UPDATE audit_event SET reason = 'x'",
            "UPDATE audit_event SET at_ms = 1",
            "UPDATE audit_event SET sequence = sequence + 10",
            "UPDATE audit_event SET hash = hash",
            "DELETE FROM audit_event",
            "UPDATE audit_writer SET sequence = sequence - 1 WHERE sequence > 0",
            "UPDATE audit_writer SET removed_sequence = sequence + 1",
            "UPDATE audit_writer SET kind = 'adopting' WHERE writer = 'before'",
            "UPDATE audit_writer SET kind = 'seals' WHERE kind = 'rows'",
            "DELETE FROM audit_writer",
            "UPDATE audit_seal SET at_ms = 1",
            "DELETE FROM audit_seal",
            "INSERT INTO audit_event (id, at_ms, party, role, action, outcome, writer, sequence) \
             VALUES ('x', 1, 'p', 'shell', 'a', 'allowed', 'before', 7)",
        ] {
            let result = db.write(Statement(sql)).await;
            assert!(matches!(result, Err(Error::Failed(_))), "{sql}: {result:?}");
        }
        assert_whole(&db, 3).await;
    })
    .await;
}

/// What the chain costs; run with `--ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn cost() {
    const ROWS: i64 = 19_200;
    async fn rate(db: &Db, chained: bool, round: i64) -> f64 {
        let start = std::time::Instant::now();
        let workers: Vec<_> = (0..64)
            .map(|worker| {
                let db = db.clone();
                tokio::spawn(async move {
                    for number in 0..ROWS / 64 {
                        let id = format!("019ac3a0-{round:04}-7000-{worker:04}-{number:012}");
                        let written = if chained {
                            db.audit(event(number)).await
                        } else {
                            db.write(Plain(id, event(number))).await
                        };
                        written.unwrap();
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
        19_200.0 / start.elapsed().as_secs_f64()
    }
    each_engine(&[], |db| async move {
        for round in 0..3 {
            let (before, after) = (rate(&db, false, round).await, rate(&db, true, round).await);
            eprintln!("without the chain {before:.0}/s, with it {after:.0}/s");
        }
        let start = std::time::Instant::now();
        let rows = audit::verify(&db, &[]).await.unwrap().rows;
        eprintln!("{rows} rows verified in {:?}", start.elapsed());
    })
    .await;
}

/// The row as it was inserted before the chain.
struct Plain(String, AuditEvent);

impl Work for Plain {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let event = &self.1;
        let sql = "INSERT INTO audit_event (id, at_ms, party, role, action, outcome, reason, client_id, subject, \
                   organization, jurisdiction, record_id, record_type, token_id, source_address, request_id) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
        let none = storage::Value::Null;
        let row = [
            self.0.as_str().into(),
            event.at.into(),
            event.party.as_str().into(),
            event.role.into(),
            event.action.as_str().into(),
            event.outcome.as_str().into(),
            none.clone(),
            event.client_id.as_deref().into(),
            none.clone(),
            none.clone(),
            none.clone(),
            event.record_id.as_deref().into(),
            none.clone(),
            none.clone(),
            none.clone(),
            none,
        ];
        tx.execute(sql, &row).await.map(drop)
    }
}
