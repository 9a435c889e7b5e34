//! What is removed, and what must stay.

#![expect(clippy::unwrap_used, reason = "tests")]

use jiff::{SignedDuration, Timestamp};
use storage::testing::each_engine;
use storage::{Error, Transaction, Value, Work};

use super::{EXPIRED, LOGIN_FAILURES, LONG_EXPIRED};
use crate::MIGRATIONS;
use crate::administration::NewClientSecret;
use crate::testing::*;

async fn rows(bench: &Bench, sql: &'static str) -> i64 {
    bench
        .server
        .db()
        .find(sql, &[], |row| row.integer(0))
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn expired_rows_go_and_nothing_else() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = Bench::on(db).await;
        let key = oauth::jose::SigningKey::generate(oauth::jose::Algorithm::ES256).unwrap();
        bench.add(jwt_client("jwt", &key)).await;
        bench.add(public_client("app")).await;
        bench.add_user("u-1").await;
        let jwt = assertion(&bench, "jwt", &key);
        bench
            .token(
                Credentials::Jwt(&jwt),
                &[("grant_type", "client_credentials")],
            )
            .await;
        let code = bench.code("app", "u-1").await;
        let unused = bench.code("app", "u-1").await;
        let first = bench.redeem("app", &code).await;
        bench.refresh("app", first.text("refresh_token")).await;
        assert_eq!(bench.server.clean().await.unwrap(), 0);

        bench.clock.advance(SignedDuration::from_mins(10));
        // 3 access tokens, the assertion, the unused code.
        assert_eq!(bench.server.clean().await.unwrap(), 5);
        assert_eq!(
            bench.redeem("app", &unused).await.error(),
            (400, "invalid_grant")
        );
        // The used code still revokes what it gave.
        assert_eq!(
            bench.redeem("app", &code).await.error(),
            (400, "invalid_grant")
        );
        let sql = "SELECT COUNT(*) FROM token_family WHERE revoked_ms IS NOT NULL";
        assert_eq!(rows(&bench, sql).await, 1);

        bench.clock.advance(SignedDuration::from_hours(24));
        // 2 refresh tokens, the family, the used code.
        assert_eq!(bench.server.clean().await.unwrap(), 4);
        assert_eq!(bench.server.clean().await.unwrap(), 0);
        assert_eq!(rows(&bench, "SELECT COUNT(*) FROM client").await, 4);
    })
    .await;
}

#[tokio::test]
async fn more_than_a_batch_goes_in_one_call() {
    let bench = Bench::new().await;
    let secret = bench.add(api_client("api")).await;
    let parameters = [("grant_type", "client_credentials")];
    let requests = (0..1_100).map(|_| bench.token(Credentials::Basic("api", &secret), &parameters));
    at_once(requests).await;
    bench.clock.advance(SignedDuration::from_mins(6));
    assert_eq!(bench.server.clean().await.unwrap(), 1_100);
}

#[tokio::test]
async fn expired_secrets_and_initial_access_tokens_go_after_a_month() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = Bench::on(db).await;
        bench.add(api_client("api")).await;
        let end = bench.clock.now() + SignedDuration::from_hours(1);
        let rotated = NewClientSecret {
            name: "old".to_owned(),
            expires: Some(end),
        };
        bench.admin.add_client_secret("api", rotated).await.unwrap();
        add_initial_access_tokens(&bench, end).await;
        let secrets = "SELECT COUNT(*) FROM client_secret WHERE client_id = 'api'";
        let tokens = "SELECT COUNT(*) FROM initial_access_token";
        bench.clock.advance(SignedDuration::from_hours(30 * 24));
        assert_eq!(bench.server.clean().await.unwrap(), 0);
        assert_eq!(rows(&bench, secrets).await, 2);
        bench.clock.advance(SignedDuration::from_hours(2));
        // The old secret, and the token that no client came with.
        assert_eq!(bench.server.clean().await.unwrap(), 2);
        assert_eq!(rows(&bench, secrets).await, 1);
        assert_eq!(rows(&bench, tokens).await, 1);
    })
    .await;
}

/// Two: with one of them a client has registered itself.
async fn add_initial_access_tokens(bench: &Bench, end: Timestamp) {
    for id in ["used", "unused"] {
        let values = [id.into(), id.as_bytes().into(), end.into()];
        bench.server.db().write(Row(TOKEN, values)).await.unwrap();
    }
    let values = ["api".into(), "used".into(), b"x".as_slice().into()];
    bench.server.db().write(Row(USE, values)).await.unwrap();
}

const TOKEN: &str = "INSERT INTO initial_access_token (id, name, token_hash, methods, grant_types, \
    scope, audiences, organization_access, jurisdictions, record_types, uses_left, created_ms, \
    expires_ms) VALUES ($1, 'x', $2, '[]', '[]', '', '[]', 'own', '[]', '[]', 1, 0, $3)";
const USE: &str = "INSERT INTO client_registration (client_id, initial_access_token_id, token_hash) \
    VALUES ($1, $2, $3)";

struct Row(&'static str, [Value; 3]);

impl Work for Row {
    type Output = u64;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<u64, Error> {
        tx.execute(self.0, &self.1).await
    }
}

/// Every statement finds what has ended by its end: clean-up of a large table must not hold the writer
/// for as long as the table is.
#[tokio::test]
async fn no_statement_reads_a_whole_table() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let version = "SELECT sqlite_version()";
        let sqlite = db.find(version, &[], |row| row.text(0)).await.is_ok();
        for sql in EXPIRED
            .into_iter()
            .chain(LONG_EXPIRED)
            .chain([LOGIN_FAILURES])
        {
            let plan = db.write(Plan { sql, sqlite }).await.unwrap();
            let whole = |line: &&String| line.contains("SCAN ") || line.contains("Seq Scan");
            assert_eq!(plan.iter().find(whole), None, "{sql}: {plan:#?}");
            let by_end = |line: &String| {
                ["expires_ms<", "at_ms<", "expires_ms <= ", "at_ms <= "]
                    .iter()
                    .any(|condition| line.contains(condition) && !line.contains("Filter"))
            };
            assert!(plan.iter().any(by_end), "{sql}: {plan:#?}");
        }
    })
    .await;
}

/// How the engine would run a statement.
struct Plan {
    sql: &'static str,
    sqlite: bool,
}

impl Work for Plan {
    type Output = Vec<String>;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<Vec<String>, Error> {
        let statement = self.sql.replace("$1", "0");
        let leaked = |sql: String| -> &'static str { Box::leak(sql.into_boxed_str()) };
        if self.sqlite {
            let explain = leaked(format!("EXPLAIN QUERY PLAN {statement}"));
            return tx.select(explain, &[], |row| row.text(3)).await;
        }
        // Of an empty table PostgreSQL would read the whole: what counts is that it could do otherwise.
        tx.execute("SET LOCAL enable_seqscan = off", &[]).await?;
        let explain = leaked(format!("EXPLAIN {statement}"));
        tx.select(explain, &[], |row| row.text(0)).await
    }
}

#[tokio::test]
async fn both_migrations_give_the_same_columns() {
    storage::testing::same_columns(&[&MIGRATIONS]).await;
}
