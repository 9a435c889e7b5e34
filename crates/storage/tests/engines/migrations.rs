//! Opening a database and bringing its tables up to date.

use jiff::Timestamp;
use storage::testing::{open, same_columns, sqlite};
use storage::{Db, Error, Location, Migration, Migrations};

use crate::thing::*;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn two_processes_that_start_at_once_migrate_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut locations = vec![sqlite(directory.path())];
    locations.extend(storage::testing::postgres().await);
    for location in locations {
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let location = location.clone();
                tokio::spawn(async move { open(location, &[&TABLES]).await })
            })
            .collect();
        for start in starts {
            start.await.unwrap();
        }
        let db = open(location, &[&TABLES]).await;
        let sql = "SELECT COUNT(*), MIN(applied_at_ms) FROM schema_migration";
        let found = db
            .find(sql, &[], |row| Ok((row.integer(0)?, row.timestamp(1)?)))
            .await;
        let (steps, applied_at) = found.unwrap().unwrap();
        assert_eq!(steps, 5);
        assert!(applied_at > Timestamp::from_second(1_700_000_000).unwrap());
    }
}

#[tokio::test]
async fn both_dialects_give_the_same_columns() {
    same_columns(&[&TABLES]).await;
}

#[tokio::test]
async fn a_directory_without_a_database_is_a_clear_error() {
    let refused = Db::open(Location::Sqlite("no/such/directory/x.db".into()), &[]).await;
    let Err(refused) = refused else {
        panic!("opened")
    };
    let text = "the database setting cannot be used: the file no/such/directory/x.db cannot be opened: entity not found";
    assert_eq!(refused.to_string(), text);
}

#[tokio::test]
async fn a_step_that_fails_leaves_nothing_behind() {
    static BROKEN: Migrations = Migrations {
        name: "test",
        steps: &[
            Migration {
                version: 1,
                title: "fine",
                sqlite: "CREATE TABLE a (b TEXT)",
                postgres: "CREATE TABLE a (b TEXT)",
            },
            Migration {
                version: 2,
                title: "not",
                sqlite: "CREATE TABEL c",
                postgres: "CREATE TABEL c",
            },
        ],
    };
    let directory = tempfile::tempdir().unwrap();
    let mut locations = vec![sqlite(directory.path())];
    locations.extend(storage::testing::postgres().await);
    for location in locations {
        assert!(matches!(
            Db::open(location.clone(), &[&BROKEN]).await,
            Err(Error::Failed(_))
        ));
        let db = open(location, &[]).await;
        let found = db.find("SELECT b FROM a", &[], |row| row.text(0)).await;
        assert!(matches!(found, Err(Error::Failed(_))), "{found:?}");
    }
}

#[tokio::test]
async fn steps_with_a_gap_are_refused() {
    static GAP: Migrations = Migrations {
        name: "test",
        steps: &[Migration {
            version: 2,
            title: "second",
            sqlite: "SELECT 2",
            postgres: "SELECT 2",
        }],
    };
    let directory = tempfile::tempdir().unwrap();
    let refused = Db::open(sqlite(directory.path()), &[&GAP]).await;
    let text = "the versions of the test tables have a gap";
    assert_eq!(refused.unwrap_err(), Error::Failed(text.to_owned()));
}

#[tokio::test]
async fn a_difference_between_the_dialects_is_found() {
    static NO_KEY: Migrations = Migrations {
        name: "test",
        steps: &[Migration {
            version: 1,
            title: "single use",
            sqlite: "CREATE TABLE used (jti TEXT NOT NULL)",
            postgres: "CREATE TABLE used (jti TEXT NOT NULL PRIMARY KEY)",
        }],
    };
    static NULLABLE: Migrations = Migrations {
        name: "test",
        steps: &[Migration {
            version: 1,
            title: "type",
            sqlite: "CREATE TABLE used (jti TEXT)",
            postgres: "CREATE TABLE used (jti TEXT NOT NULL)",
        }],
    };
    if std::env::var("DATABASE_URL").is_err() {
        eprintln!("skipped: PostgreSQL (DATABASE_URL is not set)");
        return;
    }
    for set in [&NO_KEY, &NULLABLE] {
        assert!(
            tokio::spawn(async move { same_columns(&[set]).await })
                .await
                .is_err()
        );
    }
}
