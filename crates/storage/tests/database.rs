//! The promises of the database handle, on every engine at hand.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use jiff::Timestamp;
use storage::testing::{each_engine, open, same_columns, sqlite};
use storage::{
    AuditEvent, Db, Error, Location, Migration, Migrations, Outcome, Transaction, Value, Work,
    audit,
};

static TABLES: Migrations = Migrations {
    name: "test",
    steps: &[Migration {
        version: 1,
        title: "a table of each type",
        sqlite: "CREATE TABLE thing (id BIGINT NOT NULL PRIMARY KEY, name TEXT, body BLOB, used BOOLEAN NOT NULL);",
        postgres: "CREATE TABLE thing (id BIGINT NOT NULL PRIMARY KEY, name TEXT, body BYTEA, used BOOLEAN NOT NULL);",
    }],
};

/// Inserts a row; then fails or panics where it is told to.
struct Insert {
    id: i64,
    then: Then,
}

#[derive(Clone, Copy, PartialEq)]
enum Then {
    Succeed,
    Fail,
    Panic,
    Wait,
}

impl Work for Insert {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, Error> {
        let sql = "INSERT INTO thing (id, name, body, used) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        let parameters = [self.id.into(), "é".into(), Value::Null, false.into()];
        let inserted = tx.execute(sql, &parameters).await? == 1;
        match self.then {
            Then::Succeed => Ok(inserted),
            Then::Fail => Err(Error::Failed("as told".to_owned())),
            Then::Panic => panic!("as told"),
            Then::Wait => {
                std::future::pending::<()>().await;
                Ok(inserted)
            }
        }
    }
}

/// Uses a row once: the pattern of codes, assertions and refresh tokens.
struct UseOnce(i64);

impl Work for UseOnce {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, Error> {
        let sql = "UPDATE thing SET used = TRUE WHERE id = $1 AND used = FALSE";
        Ok(tx.execute(sql, &[self.0.into()]).await? == 1)
    }
}

fn insert(id: i64) -> Insert {
    Insert {
        id,
        then: Then::Succeed,
    }
}

async fn ids(db: &Db) -> Vec<i64> {
    db.select("SELECT id FROM thing ORDER BY id", Vec::new(), |row| {
        row.integer(0)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn every_type_comes_back_as_it_went_in() {
    each_engine(&[&TABLES], |db| async move {
        struct All;
        impl Work for All {
            type Output = ();
            async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
                let body: &[u8] = &[0, 255, 1];
                let sql = "INSERT INTO thing (id, name, body, used) VALUES ($1, $2, $3, $4)";
                tx.execute(
                    sql,
                    &[i64::MAX.into(), "Zoë 👶".into(), body.into(), true.into()],
                )
                .await?;
                Ok(())
            }
        }
        db.write(All).await.unwrap();
        let found = db
            .find(
                "SELECT id, name, body, used FROM thing WHERE name = $1",
                &["Zoë 👶".into()],
                |row| {
                    Ok((
                        row.integer(0)?,
                        row.text(1)?,
                        row.bytes(2)?,
                        row.boolean(3)?,
                    ))
                },
            )
            .await
            .unwrap();
        assert_eq!(
            found,
            Some((i64::MAX, "Zoë 👶".to_owned(), vec![0, 255, 1], true))
        );
        let constant = db.find("SELECT 1, COUNT(*) FROM thing", &[], |row| {
            Ok((row.integer(0)?, row.integer(1)?))
        });
        assert_eq!(constant.await.unwrap(), Some((1, 1)));
    })
    .await;
}

#[tokio::test]
async fn one_use_of_a_hundred_parallel_ones_succeeds() {
    each_engine(&[&TABLES], |db| async move {
        db.write(insert(1)).await.unwrap();
        let tries: Vec<_> = (0..100)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move { db.write(UseOnce(1)).await.unwrap() })
            })
            .collect();
        let mut wins = 0;
        for attempt in tries {
            wins += u32::from(attempt.await.unwrap());
        }
        assert_eq!(wins, 1);
    })
    .await;
}

#[tokio::test]
async fn a_unit_that_fails_or_panics_is_undone_alone() {
    each_engine(&[&TABLES], |db| async move {
        let units: Vec<_> = (0..40)
            .map(|id| {
                let then = match id % 4 {
                    0 => Then::Fail,
                    1 => Then::Panic,
                    _ => Then::Succeed,
                };
                let db = db.clone();
                tokio::spawn(async move { (id, then, db.write(Insert { id, then }).await) })
            })
            .collect();
        for unit in units {
            let (id, then, result) = unit.await.unwrap();
            assert_eq!(result.is_ok(), then == Then::Succeed, "{id}");
        }
        let expected: Vec<i64> = (0..40).filter(|id| id % 4 >= 2).collect();
        assert_eq!(ids(&db).await, expected);
    })
    .await;
}

#[tokio::test]
async fn waiting_units_share_a_commit() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(sqlite(directory.path()), &[&TABLES]).await;
    let before = db.commits();
    let units: Vec<_> = (0..400)
        .map(|id| {
            let db = db.clone();
            tokio::spawn(async move { db.write(insert(id)).await.unwrap() })
        })
        .collect();
    for unit in units {
        assert!(unit.await.unwrap());
    }
    let commits = db.commits() - before;
    assert!(commits < 200, "{commits} commits for 400 units");
    assert_eq!(ids(&db).await.len(), 400);
}

#[tokio::test]
async fn a_unit_that_waits_for_something_else_is_a_defect_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(sqlite(directory.path()), &[&TABLES]).await;
    let result = db
        .write(Insert {
            id: 1,
            then: Then::Wait,
        })
        .await;
    assert!(matches!(result, Err(Error::Failed(_))), "{result:?}");
    assert!(ids(&db).await.is_empty());
}

#[tokio::test]
async fn a_cancelled_request_does_not_stop_its_unit() {
    each_engine(&[&TABLES], |db| async move {
        for id in 0..20 {
            let mut writing = Box::pin(db.write(insert(id)));
            // Polled once: handed over, and then its caller goes away.
            let first = std::future::poll_fn(|context| {
                std::task::Poll::Ready(writing.as_mut().poll(context))
            });
            let _ = first.await;
            drop(writing);
        }
        for _ in 0..200 {
            if ids(&db).await.len() == 20 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} of 20 units were done", ids(&db).await.len());
    })
    .await;
}

#[tokio::test]
async fn another_handle_on_the_same_file_is_seen_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let server = open(sqlite(directory.path()), &[&TABLES]).await;
    let shell = open(sqlite(directory.path()), &[&TABLES]).await;
    server.write(insert(7)).await.unwrap();
    assert!(shell.write(UseOnce(7)).await.unwrap());
    let seven = [7.into()];
    let used = server
        .find("SELECT used FROM thing WHERE id = $1", &seven, |row| {
            row.boolean(0)
        })
        .await;
    assert_eq!(used.unwrap(), Some(true));
    assert!(!server.write(UseOnce(7)).await.unwrap());
}

#[tokio::test]
async fn nul_in_a_text_is_refused_by_both() {
    each_engine(&[&TABLES], |db| async move {
        let name = ["a\0b".into()];
        let found = db
            .find("SELECT id FROM thing WHERE name = $1", &name, |row| {
                row.integer(0)
            })
            .await;
        assert!(matches!(found, Err(Error::Failed(_))));
    })
    .await;
}

#[tokio::test]
async fn migrations_run_once_and_changed_or_newer_ones_are_refused() {
    static CHANGED: Migrations = Migrations {
        name: "test",
        steps: &[Migration {
            version: 1,
            title: "other",
            sqlite: "SELECT 2",
            postgres: "SELECT 2",
        }],
    };
    static OLDER: Migrations = Migrations {
        name: "test",
        steps: &[],
    };
    let directory = tempfile::tempdir().unwrap();
    let mut locations = vec![sqlite(directory.path())];
    locations.extend(storage::testing::postgres().await);
    for location in locations {
        open(location.clone(), &[&TABLES]).await;
        open(location.clone(), &[&TABLES]).await;
        for wrong in [&CHANGED, &OLDER] {
            let refused = Db::open(location.clone(), &[wrong]).await;
            assert!(matches!(refused, Err(Error::Setting(_))), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn two_processes_that_start_at_once_migrate_once() {
    let directory = tempfile::tempdir().unwrap();
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let location = sqlite(directory.path());
            tokio::spawn(async move { open(location, &[&TABLES]).await })
        })
        .collect();
    for start in starts {
        start.await.unwrap();
    }
}

#[tokio::test]
async fn both_dialects_give_the_same_columns() {
    same_columns(&[&TABLES]).await;
}

#[tokio::test]
async fn a_directory_without_a_database_is_a_clear_error() {
    let refused = Db::open(Location::Sqlite("no/such/directory/x.db".into()), &[]).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn the_audit_lists_what_is_asked_for_newest_first() {
    each_engine(&[], |db| async move {
        let at = |second: i64| Timestamp::from_second(1_700_000_000 + second).unwrap();
        for (second, action, outcome, client) in [
            (1, "bundle.read", Outcome::Allowed, "a"),
            (2, "bundle.create", Outcome::Denied, "a"),
            (3, "login", Outcome::Allowed, "b"),
        ] {
            let event = AuditEvent::new(at(second), "vro", "resource-server", action, outcome);
            db.audit(AuditEvent {
                client_id: Some(client.to_owned()),
                ..event
            })
            .await
            .unwrap();
        }
        let seconds = async |filter: audit::Filter| -> Vec<i64> {
            let rows = audit::list(
                &db,
                &audit::Filter {
                    limit: 10,
                    ..filter
                },
            )
            .await
            .unwrap();
            rows.iter()
                .map(|row| row.event.at.as_second() - 1_700_000_000)
                .collect()
        };
        let all = audit::Filter::default;
        assert_eq!(seconds(all()).await, [3, 2, 1]);
        assert_eq!(
            seconds(audit::Filter {
                action: Some("bundle.".to_owned()),
                ..all()
            })
            .await,
            [2, 1]
        );
        assert_eq!(
            seconds(audit::Filter {
                action: Some("login".to_owned()),
                ..all()
            })
            .await,
            [3]
        );
        assert_eq!(
            seconds(audit::Filter {
                client_id: Some("a".to_owned()),
                ..all()
            })
            .await,
            [2, 1]
        );
        assert_eq!(
            seconds(audit::Filter {
                outcome: Some(Outcome::Denied),
                ..all()
            })
            .await,
            [2]
        );
        assert_eq!(
            seconds(audit::Filter {
                since: Some(at(2)),
                until: Some(at(3)),
                ..all()
            })
            .await,
            [2]
        );
        let two = audit::list(&db, &audit::Filter { limit: 2, ..all() })
            .await
            .unwrap();
        assert_eq!(two.len(), 2);
        assert_eq!(two.first().unwrap().event.role, "resource-server");
    })
    .await;
}
