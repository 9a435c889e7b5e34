//! Units of work and reads, on every engine at hand.

use std::time::Duration;

use storage::testing::each_engine;
use storage::{Error, Transaction, Value, Work};

use crate::thing::*;

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
        for _ in 0..6_000 {
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
async fn a_unit_that_passes_over_a_failed_statement_is_not_answered_as_done() {
    struct Careless;
    impl Work for Careless {
        type Output = ();
        async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
            let sql = "INSERT INTO thing (id, used) VALUES ($1, $2)";
            tx.execute(sql, &[1.into(), false.into()]).await?;
            let _ = tx.execute(sql, &[1.into(), false.into()]).await;
            Ok(())
        }
    }
    each_engine(&[&TABLES], |db| async move {
        let result = db.write(Careless).await;
        assert!(matches!(result, Err(Error::Failed(_))), "{result:?}");
        assert!(ids(&db).await.is_empty());
        assert!(db.write(insert(1)).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn an_error_shows_no_value() {
    struct Twice;
    impl Work for Twice {
        type Output = ();
        async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
            for _ in 0..2 {
                let sql = "INSERT INTO thing (id, name, used) VALUES ($1, $2, $3)";
                tx.execute(sql, &[4_711.into(), "Confidential".into(), false.into()])
                    .await?;
            }
            Ok(())
        }
    }
    each_engine(&[&TABLES], |db| async move {
        let error = db.write(Twice).await.unwrap_err();
        let text = format!("{error} {error:?} {:?}", Value::from("Confidential"));
        assert!(
            !text.contains("Confidential") && !text.contains("4711"),
            "{text}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_wrong_number_of_parameters_is_a_defect() {
    each_engine(&[&TABLES], |db| async move {
        let sql = "SELECT id FROM thing WHERE id = $1";
        for parameters in [vec![], vec![1.into(), 2.into()]] {
            let found = db.find(sql, &parameters, |row| row.integer(0)).await;
            assert!(matches!(found, Err(Error::Failed(_))), "{found:?}");
        }
    })
    .await;
}

type Read = fn(&storage::Row<'_>) -> Result<(), Error>;

#[tokio::test]
async fn a_row_is_read_as_what_it_is_or_not_at_all() {
    each_engine(&[&TABLES], |db| async move {
        db.write(insert(1)).await.unwrap();
        let sql = "SELECT id, name, body, used FROM thing";
        let wrong: [Read; 7] = [
            |row| row.text(0).map(drop),
            |row| row.integer(1).map(drop),
            |row| row.bytes(1).map(drop),
            |row| row.bytes(2).map(drop),
            |row| row.boolean(1).map(drop),
            |row| row.integer(4).map(drop),
            |row| row.text(2).map(drop),
        ];
        for read in wrong {
            let found = db.find(sql, &[], read).await;
            assert!(matches!(found, Err(Error::Failed(_))), "{found:?}");
        }
        let body = db.find(sql, &[], |row| row.optional_bytes(2)).await;
        assert_eq!(body.unwrap(), Some(None));
        let no_time = db
            .find("SELECT 9223372036854775807", &[], |row| row.timestamp(0))
            .await;
        assert!(matches!(no_time, Err(Error::Failed(_))), "{no_time:?}");
    })
    .await;
}

#[tokio::test]
async fn ready_means_readable_and_writable() {
    struct Gone;
    impl Work for Gone {
        type Output = ();
        async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
            tx.execute("DELETE FROM schema_migration", &[])
                .await
                .map(drop)
        }
    }
    each_engine(&[], |db| async move {
        assert_eq!(db.check().await, Ok(()));
        db.write(Gone).await.unwrap();
        assert!(matches!(db.check().await, Err(Error::Unavailable(_))));
    })
    .await;
}
