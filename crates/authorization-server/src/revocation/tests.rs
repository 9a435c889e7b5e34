//! What revocation ends, and for whom.

#![expect(clippy::indexing_slicing, reason = "tests")]

use storage::testing::each_engine;

use crate::MIGRATIONS;
use crate::testing::*;

const PATH: &str = "/oauth2/revoke";

async fn prepared(bench: Bench) -> Bench {
    bench.add(public_client("app")).await;
    bench.add(public_client("app2")).await;
    bench.add_user("u-1").await;
    bench
}

#[tokio::test]
async fn an_access_token_ends_alone_and_a_refresh_token_with_its_family() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = prepared(Bench::on(db).await).await;
        let first = bench.redeem("app", &bench.code("app", "u-1").await).await;
        let (access, refresh) = (first.text("access_token"), first.text("refresh_token"));
        let answer = bench
            .post(PATH, Credentials::Name("app"), &[("token", access)])
            .await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(bench.introspect("ehr-rs", access).await["active"], false);
        let second = bench.refresh("app", refresh).await;
        assert_eq!(second.status, 200);
        // An earlier link of the chain ends all of it.
        let parameters = [("token", refresh), ("token_type_hint", "access_token")];
        let answer = bench
            .post(PATH, Credentials::Name("app"), &parameters)
            .await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            bench
                .introspect("ehr-rs", second.text("access_token"))
                .await["active"],
            false
        );
        let third = bench.refresh("app", second.text("refresh_token")).await;
        assert_eq!(third.error(), (400, "invalid_grant"));
    })
    .await;
}

#[tokio::test]
async fn an_unknown_token_is_as_good_as_revoked() {
    let bench = prepared(Bench::new().await).await;
    let first = bench.redeem("app", &bench.code("app", "u-1").await).await;
    for token in [
        "nonsense",
        first.text("access_token"),
        first.text("access_token"),
    ] {
        let answer = bench
            .post(PATH, Credentials::Name("app"), &[("token", token)])
            .await;
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn somebody_elses_token_stays() {
    let bench = prepared(Bench::new().await).await;
    let first = bench.redeem("app", &bench.code("app", "u-1").await).await;
    for token in ["access_token", "refresh_token"] {
        let parameters = [("token", first.text(token))];
        let answer = bench
            .post(PATH, Credentials::Name("app2"), &parameters)
            .await;
        assert_eq!(answer.error(), (400, "invalid_grant"));
    }
    assert_eq!(
        bench.introspect("ehr-rs", first.text("access_token")).await["active"],
        true
    );
    assert_eq!(
        bench
            .refresh("app", first.text("refresh_token"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn revocation_authenticates_its_client() {
    let bench = prepared(Bench::new().await).await;
    let secret = bench.add(api_client("api")).await;
    for credentials in [
        Credentials::Basic("api", "wrong"),
        Credentials::Post("api", &secret),
        Credentials::Name("api"),
        Credentials::Name("nobody"),
    ] {
        let answer = bench.post(PATH, credentials, &[("token", "x")]).await;
        assert_eq!(answer.error(), (401, "invalid_client"));
    }
    let answer = bench
        .post(PATH, Credentials::Basic("api", &secret), &[])
        .await;
    assert_eq!(answer.error(), (400, "invalid_request"));
    assert_eq!(bench.audit("token.revoke").await.len(), 5);
}

#[tokio::test]
async fn a_refresh_racing_a_revocation_leaves_nothing() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = prepared(Bench::on(db).await).await;
        for _ in 0..20 {
            let first = bench.redeem("app", &bench.code("app", "u-1").await).await;
            let token = first.text("refresh_token");
            let race = (0..2).map(|turn| {
                let bench = &bench;
                async move {
                    if turn == 0 {
                        bench.refresh("app", token).await
                    } else {
                        bench
                            .post(PATH, Credentials::Name("app"), &[("token", token)])
                            .await
                    }
                }
            });
            let answers = at_once(race).await;
            assert_eq!(answers[1].status, 200);
            let minted = answers[0].text("access_token");
            for token in [first.text("access_token"), minted] {
                if !token.is_empty() {
                    assert_eq!(bench.introspect("ehr-rs", token).await["active"], false);
                }
            }
            let next = answers[0].text("refresh_token");
            if !next.is_empty() {
                assert_eq!(
                    bench.refresh("app", next).await.error(),
                    (400, "invalid_grant")
                );
            }
        }
    })
    .await;
}
