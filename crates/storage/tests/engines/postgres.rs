//! What only PostgreSQL does: several writers at once, conflicts, lost connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use storage::testing::{open, postgres};
use storage::{Db, Error, Transaction, Work};
use tokio::sync::Barrier;

use crate::thing::*;

async fn database() -> Option<Db> {
    let Some(location) = postgres().await else {
        eprintln!("skipped: PostgreSQL (DATABASE_URL is not set)");
        return None;
    };
    Some(open(location, &[&TABLES, &CONFLICTS]).await)
}

/// `conflict(n)` fails with the code until it has been called more than `n` times: a sequence is not rolled
/// back.
static CONFLICTS: storage::Migrations = storage::Migrations {
    name: "conflicts",
    steps: &[storage::Migration {
        version: 1,
        title: "a function that meets conflicts",
        sqlite: "SELECT 1",
        postgres: "CREATE SEQUENCE calls;
            CREATE FUNCTION conflict(wanted BIGINT, code TEXT) RETURNS BIGINT LANGUAGE plpgsql AS $$
            DECLARE called BIGINT := nextval('calls');
            BEGIN
              IF called <= wanted THEN RAISE EXCEPTION 'conflict' USING ERRCODE = code; END IF;
              RETURN called;
            END $$",
    }],
};

/// Inserts a row, then meets `times` conflicts, and hides them from its caller.
struct Conflict {
    times: i64,
    code: &'static str,
}

impl Work for Conflict {
    type Output = i64;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<i64, Error> {
        tx.execute("INSERT INTO thing (id, used) VALUES (1, FALSE)", &[])
            .await?;
        let parameters = [self.times.into(), self.code.into()];
        let called = tx
            .find("SELECT conflict($1, $2)", &parameters, |row| row.integer(0))
            .await;
        called
            .map(Option::unwrap_or_default)
            .map_err(|_| Error::Failed("hidden".to_owned()))
    }
}

#[tokio::test]
async fn a_conflict_runs_the_whole_unit_again() {
    for code in ["40001", "40P01"] {
        let Some(db) = database().await else { return };
        assert_eq!(db.write(Conflict { times: 3, code }).await, Ok(4));
        assert_eq!(ids(&db).await, [1]);
    }
}

#[tokio::test]
async fn conflicts_without_end_and_other_errors_are_given_up() {
    for (code, calls) in [("40001", 5), ("22012", 1)] {
        let Some(db) = database().await else { return };
        assert!(db.write(Conflict { times: 100, code }).await.is_err());
        let called = db
            .find("SELECT last_value FROM calls", &[], |row| row.integer(0))
            .await;
        assert_eq!(called, Ok(Some(calls)), "{code}");
        assert!(ids(&db).await.is_empty());
    }
}

/// Uses two rows, in the order given; once, not before the other unit holds its first one as well.
struct Both(i64, i64, Arc<Meeting>);

/// Where each of two units waits for the other in its first try.
struct Meeting {
    barrier: Barrier,
    tries: AtomicUsize,
}

impl Work for Both {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        let sql = "UPDATE thing SET used = TRUE WHERE id = $1";
        tx.execute(sql, &[self.0.into()]).await?;
        if self.2.tries.fetch_add(1, Ordering::SeqCst) < 2 {
            self.2.barrier.wait().await;
        }
        tx.execute(sql, &[self.1.into()]).await.map(drop)
    }
}

#[tokio::test]
async fn a_deadlock_is_resolved() {
    let Some(db) = database().await else { return };
    db.write(insert(1)).await.unwrap();
    db.write(insert(2)).await.unwrap();
    let meeting = Arc::new(Meeting {
        barrier: Barrier::new(2),
        tries: AtomicUsize::new(0),
    });
    let one = db.write(Both(1, 2, Arc::clone(&meeting)));
    let other = db.write(Both(2, 1, Arc::clone(&meeting)));
    let (one, other) = tokio::join!(one, other);
    assert_eq!((one, other), (Ok(()), Ok(())));
    let tries = meeting.tries.load(Ordering::SeqCst);
    assert!(tries > 2, "one of them was run again");
}

struct Sleep;

impl Work for Sleep {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        tx.execute("INSERT INTO thing (id, used) VALUES (1, FALSE)", &[])
            .await?;
        tx.find("SELECT pg_sleep(8) IS NULL", &[], |row| row.boolean(0))
            .await
            .map(drop)
    }
}

#[tokio::test]
async fn a_statement_has_five_seconds() {
    let Some(db) = database().await else { return };
    // Connected, so that the five seconds are over before the six of the whole unit.
    assert!(ids(&db).await.is_empty());
    let result = db.write(Sleep).await;
    assert_eq!(
        result,
        Err(Error::Unavailable("PostgreSQL error 57014".to_owned()))
    );
    assert!(ids(&db).await.is_empty());
}

/// Waits longer than a whole unit may, where the server's own deadline does not reach.
struct Frozen;

impl Work for Frozen {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        tx.execute("SET LOCAL statement_timeout = 0", &[]).await?;
        tx.find("SELECT pg_sleep(8) IS NULL", &[], |row| row.boolean(0))
            .await
            .map(drop)
    }
}

struct Key;

impl Work for Key {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        tx.lock("a key").await
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_with_its_connection() {
    let Some(location) = postgres().await else {
        return;
    };
    let storage::Location::Postgres(options) = location else {
        panic!("not PostgreSQL")
    };
    // One connection: whoever comes next would get the lost one.
    let single = storage::PostgresOptions {
        pool_size: 1,
        ..options
    };
    let db = open(storage::Location::Postgres(single), &[&TABLES]).await;
    let process = async || {
        let sql = "SELECT CAST(pg_backend_pid() AS BIGINT)";
        let found = db.find(sql, &[], |row| row.integer(0)).await;
        found.unwrap().unwrap()
    };
    let before = process().await;
    let result = db.write(Frozen).await;
    let late = Error::Unavailable("PostgreSQL did not answer in time".to_owned());
    assert_eq!(result, Err(late));
    assert!(db.write(insert(1)).await.unwrap());
    assert_ne!(process().await, before, "another connection");
}

struct Cut;

impl Work for Cut {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        tx.execute("INSERT INTO thing (id, used) VALUES (1, FALSE)", &[])
            .await?;
        let sql = "SELECT pg_terminate_backend(pg_backend_pid())";
        tx.find(sql, &[], |row| row.boolean(0)).await.map(drop)
    }
}

#[tokio::test]
async fn a_lost_connection_is_unavailable_and_the_pool_heals() {
    let Some(db) = database().await else { return };
    for _ in 0..20 {
        let result = db.write(Cut).await;
        assert!(matches!(result, Err(Error::Unavailable(_))), "{result:?}");
    }
    assert!(ids(&db).await.is_empty());
    assert!(db.write(insert(1)).await.unwrap());
}

#[tokio::test]
async fn a_value_goes_only_into_a_column_of_its_kind() {
    let Some(db) = database().await else { return };
    // Eight bytes of text are a BIGINT on the wire.
    for (sql, value) in [
        ("SELECT 1 FROM thing WHERE id = $1", "12345678".into()),
        ("SELECT 1 FROM thing WHERE id = $1", vec![0; 8].into()),
        ("SELECT 1 FROM thing WHERE name = $1", 1.into()),
        ("SELECT 1 FROM thing WHERE body = $1", "text".into()),
        ("SELECT 1 FROM thing WHERE used = $1", 1.into()),
        ("SELECT 1 WHERE 1 = $1::int4", i64::MAX.into()),
        ("SELECT 1 WHERE 1 = $1::int2", 40_000.into()),
    ] {
        let found = db.find(sql, &[value], |row| row.integer(0)).await;
        let text = "parameter $1 is of another type".to_owned();
        assert_eq!(found, Err(Error::Failed(text)), "{sql}");
    }
    for sql in ["SELECT 1 WHERE 7 = $1::int4", "SELECT 1 WHERE 7 = $1::int2"] {
        let found = db.find(sql, &[7.into()], |row| row.integer(0)).await;
        assert_eq!(found, Ok(Some(1)), "{sql}");
    }
}

#[tokio::test]
async fn one_key_is_held_by_one_transaction() {
    struct Slow;
    impl Work for Slow {
        type Output = ();
        async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
            tx.lock("a key of its own").await?;
            tx.find("SELECT pg_sleep(0.3) IS NULL", &[], |row| row.boolean(0))
                .await
                .map(drop)
        }
    }
    let Some(db) = database().await else { return };
    let began = Instant::now();
    let (one, other, free) = tokio::join!(db.write(Slow), db.write(Slow), db.write(Key));
    assert_eq!((one, other, free), (Ok(()), Ok(()), Ok(())));
    assert!(
        began.elapsed() >= Duration::from_millis(600),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn commits_are_durable_and_statements_bounded_on_every_connection() {
    let Some(location) = postgres().await else {
        return;
    };
    let storage::Location::Postgres(mut options) = location else {
        panic!("not PostgreSQL")
    };
    options
        .url
        .push_str("?options=-c%20synchronous_commit%3Doff%20-c%20statement_timeout%3D0");
    let db = open(storage::Location::Postgres(options), &[]).await;
    let shown = db
        .find(
            "SELECT current_setting('synchronous_commit'), current_setting('statement_timeout')",
            &[],
            |row| Ok((row.text(0)?, row.text(1)?)),
        )
        .await;
    assert_eq!(shown, Ok(Some(("on".to_owned(), "5s".to_owned()))));
}

#[tokio::test]
async fn a_remote_server_is_reached_over_tls_or_not_at_all() {
    // The test server has no TLS: with `sslmode=require` even loopback is refused.
    let Some(location) = postgres().await else {
        return;
    };
    let storage::Location::Postgres(mut options) = location else {
        panic!("not PostgreSQL")
    };
    options.url.push_str("?sslmode=require");
    let refused = Db::open(storage::Location::Postgres(options), &[]).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
}
