//! What is removed, and what must stay.

#![expect(clippy::unwrap_used, reason = "tests")]

use jiff::SignedDuration;
use storage::testing::each_engine;

use crate::MIGRATIONS;
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
async fn both_migrations_give_the_same_columns() {
    storage::testing::same_columns(&[&MIGRATIONS]).await;
}
