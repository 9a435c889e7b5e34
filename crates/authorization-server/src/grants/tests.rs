//! Authorization codes and refresh tokens from the outside: what they give, once, and what ends them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use jiff::SignedDuration;
use storage::testing::each_engine;

use crate::MIGRATIONS;
use crate::testing::*;

async fn bench() -> Bench {
    prepared(Bench::new().await).await
}

async fn prepared(bench: Bench) -> Bench {
    bench.add(public_client("app")).await;
    bench.add(public_client("app2")).await;
    bench.add_user("u-1").await;
    bench
}

impl Bench {
    async fn is_active(&self, token: &str) -> bool {
        self.introspect("ehr-rs", token).await["active"] == true
    }

    async fn login(&self) -> (String, String) {
        let answer = self.redeem("app", &self.code("app", "u-1").await).await;
        assert_eq!(answer.status, 200, "{:?}", answer.json);
        (
            answer.text("access_token").to_owned(),
            answer.text("refresh_token").to_owned(),
        )
    }

    async fn refresh_with(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut parameters = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
        parameters.extend_from_slice(more);
        self.token(Credentials::Name("app"), &parameters).await
    }
}

#[tokio::test]
async fn a_code_gives_tokens_for_its_user() {
    let bench = bench().await;
    let answer = bench.redeem("app", &bench.code("app", "u-1").await).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text("scope"), USER_SCOPE);
    assert_eq!(answer.json["expires_in"], 300);
    assert_eq!(answer.text("refresh_token").len(), 43);
    let told = bench
        .introspect("ehr-rs", answer.text("access_token"))
        .await;
    assert_eq!(told["sub"], "u-1");
    assert_eq!(told["client_id"], "app");
}

#[tokio::test]
async fn no_refresh_token_without_registration() {
    let bench = bench().await;
    let mut plain = public_client("plain");
    plain.grant_types = vec![crate::GrantType::AuthorizationCode];
    bench.add(plain).await;
    let answer = bench
        .redeem("plain", &bench.code("plain", "u-1").await)
        .await;
    assert_eq!(answer.status, 200);
    assert!(answer.json.get("refresh_token").is_none());
}

#[tokio::test]
async fn a_redirect_uri_may_be_left_out_but_not_wrong() {
    let bench = bench().await;
    let code = bench.code("app", "u-1").await;
    let request = code_request(&code);
    let without: Vec<_> = request
        .into_iter()
        .filter(|(name, _)| *name != "redirect_uri")
        .collect();
    assert_eq!(
        bench.token(Credentials::Name("app"), &without).await.status,
        200
    );
}

#[tokio::test]
async fn a_code_lives_sixty_seconds() {
    let bench = bench().await;
    let late = bench.code("app", "u-1").await;
    let in_time = bench.code("app", "u-1").await;
    bench.clock.advance(SignedDuration::from_millis(59_999));
    assert_eq!(bench.redeem("app", &in_time).await.status, 200);
    bench.clock.advance(SignedDuration::from_millis(1));
    assert_eq!(
        bench.redeem("app", &late).await.error(),
        (400, "invalid_grant")
    );
}

#[tokio::test]
async fn a_second_use_of_a_code_revokes_what_the_first_gave() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = prepared(Bench::on(db).await).await;
        let code = bench.code("app", "u-1").await;
        let first = bench.redeem("app", &code).await;
        let refreshed = bench.refresh("app", first.text("refresh_token")).await;
        assert!(bench.is_active(refreshed.text("access_token")).await);
        // Whoever comes with it: here another client.
        assert_eq!(
            bench.redeem("app2", &code).await.error(),
            (400, "invalid_grant")
        );
        for answer in [&first, &refreshed] {
            assert!(!bench.is_active(answer.text("access_token")).await);
            let again = bench.refresh("app", answer.text("refresh_token")).await;
            assert_eq!(again.error(), (400, "invalid_grant"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_wrong_presentation_burns_the_code() {
    let bench = bench().await;
    let wrong: [(&str, &str, &str); 3] = [
        ("app2", CALLBACK, VERIFIER),
        ("app", "https://ehr.example/other", VERIFIER),
        (
            "app",
            CALLBACK,
            "aBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
    ];
    for (client, redirect_uri, verifier) in wrong {
        let code = bench.code("app", "u-1").await;
        let parameters = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        let answer = bench.token(Credentials::Name(client), &parameters).await;
        assert_eq!(answer.error(), (400, "invalid_grant"));
        assert_eq!(
            bench.redeem("app", &code).await.error(),
            (400, "invalid_grant")
        );
    }
}

#[tokio::test]
async fn parallel_redemptions_of_one_code_give_one_answer() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = prepared(Bench::on(db).await).await;
        let code = bench.code("app", "u-1").await;
        let answers = at_once((0..100).map(|_| bench.redeem("app", &code))).await;
        let won: Vec<_> = answers
            .iter()
            .filter(|answer| answer.status == 200)
            .collect();
        assert_eq!(won.len(), 1);
        let lost = answers
            .iter()
            .filter(|answer| answer.error() == (400, "invalid_grant"));
        assert_eq!(lost.count(), 99);
        assert!(!bench.is_active(won[0].text("access_token")).await);
    })
    .await;
}

#[tokio::test]
async fn a_disabled_user_redeems_and_refreshes_nothing() {
    let bench = bench().await;
    let code = bench.code("app", "u-1").await;
    let (access, refresh) = bench.login().await;
    bench.set_user_disabled("u-1", true).await;
    assert_eq!(
        bench.redeem("app", &code).await.error(),
        (400, "invalid_grant")
    );
    assert_eq!(
        bench.refresh("app", &refresh).await.error(),
        (400, "invalid_grant")
    );
    assert!(!bench.is_active(&access).await);
    bench.set_user_disabled("u-1", false).await;
    // The refusal was the account's, not the token's.
    assert_eq!(bench.refresh("app", &refresh).await.status, 200);
}

#[tokio::test]
async fn one_access_token_per_audience_by_refresh() {
    let bench = bench().await;
    let code = bench.code("app", "u-1").await;
    let mut request = code_request(&code).to_vec();
    request.push(("resource", SOURCE));
    let first = bench.token(Credentials::Name("app"), &request).await;
    let told = bench.introspect("ehr-rs", first.text("access_token")).await;
    assert_eq!(told["aud"], SOURCE);
    let inactive = bench.introspect("vro-rs", first.text("access_token")).await;
    assert_eq!(inactive["active"], false);
    let second = bench
        .refresh_with(first.text("refresh_token"), &[("resource", RECEIVER)])
        .await;
    let told = bench
        .introspect("vro-rs", second.text("access_token"))
        .await;
    assert_eq!(told["aud"], RECEIVER);
}

#[tokio::test]
async fn scope_narrows_for_one_answer_only() {
    let bench = bench().await;
    let (_, refresh) = bench.login().await;
    let narrow = bench
        .refresh_with(&refresh, &[("scope", "user/Bundle.r")])
        .await;
    assert_eq!(narrow.text("scope"), "user/Bundle.r");
    let whole = bench.refresh("app", narrow.text("refresh_token")).await;
    assert_eq!(whole.text("scope"), USER_SCOPE);
}

#[tokio::test]
async fn a_lost_answer_is_repeated_for_ten_seconds() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = prepared(Bench::on(db).await).await;
        let (_, refresh) = bench.login().await;
        let lost = bench.refresh("app", &refresh).await;
        bench.clock.advance(SignedDuration::from_secs(10));
        let repeated = bench.refresh("app", &refresh).await;
        assert_eq!(repeated.status, 200);
        assert_eq!(repeated.text("refresh_token"), lost.text("refresh_token"));
        assert_ne!(repeated.text("access_token"), lost.text("access_token"));
        bench.clock.advance(SignedDuration::from_millis(1));
        assert_eq!(
            bench.refresh("app", &refresh).await.error(),
            (400, "invalid_grant")
        );
        let successor = lost.text("refresh_token");
        assert_eq!(
            bench.refresh("app", successor).await.error(),
            (400, "invalid_grant")
        );
        assert!(!bench.is_active(repeated.text("access_token")).await);
    })
    .await;
}

#[tokio::test]
async fn no_repeat_once_the_successor_was_used() {
    let bench = bench().await;
    let (_, refresh) = bench.login().await;
    let second = bench.refresh("app", &refresh).await;
    let third = bench.refresh("app", second.text("refresh_token")).await;
    assert_eq!(third.status, 200);
    assert_eq!(
        bench.refresh("app", &refresh).await.error(),
        (400, "invalid_grant")
    );
    assert!(!bench.is_active(third.text("access_token")).await);
    let fourth = bench.refresh("app", third.text("refresh_token")).await;
    assert_eq!(fourth.error(), (400, "invalid_grant"));
}

#[tokio::test]
async fn a_repeat_asks_for_the_same() {
    for other in [
        ("scope", "user/Bundle.r"),
        ("resource", SOURCE),
        ("scope", "user/Patient.r"),
    ] {
        let bench = bench().await;
        let (access, refresh) = bench.login().await;
        let successor = bench.refresh("app", &refresh).await;
        let different = bench.refresh_with(&refresh, &[other]).await;
        assert_eq!(different.error(), (400, "invalid_grant"), "{other:?}");
        assert!(!bench.is_active(&access).await);
        let next = bench.refresh("app", successor.text("refresh_token")).await;
        assert_eq!(next.error(), (400, "invalid_grant"));
    }
}

#[tokio::test]
async fn another_client_neither_uses_nor_ends_a_refresh_token() {
    let bench = bench().await;
    let (access, refresh) = bench.login().await;
    assert_eq!(
        bench.refresh("app2", &refresh).await.error(),
        (400, "invalid_grant")
    );
    let successor = bench.refresh("app", &refresh).await;
    assert_eq!(
        bench.refresh("app2", &refresh).await.error(),
        (400, "invalid_grant")
    );
    assert!(bench.is_active(&access).await);
    assert_eq!(
        bench
            .refresh("app", successor.text("refresh_token"))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn parallel_refreshes_have_one_successor() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = prepared(Bench::on(db).await).await;
        let (_, refresh) = bench.login().await;
        let answers = at_once((0..100).map(|_| bench.refresh("app", &refresh))).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
        let mut successors: Vec<_> = answers
            .iter()
            .map(|answer| answer.text("refresh_token"))
            .collect();
        successors.dedup();
        assert_eq!(successors.len(), 1);
        let sql = "SELECT COUNT(*) FROM refresh_token";
        let rows = bench
            .server
            .db()
            .find(sql, &[], |row| row.integer(0))
            .await
            .unwrap();
        assert_eq!(rows, Some(2));
    })
    .await;
}

#[tokio::test]
async fn a_chain_ends_with_its_family() {
    let bench = bench().await;
    let (_, mut refresh) = bench.login().await;
    for _ in 0..23 {
        bench.clock.advance(SignedDuration::from_hours(1));
        let answer = bench.refresh("app", &refresh).await;
        refresh = answer.text("refresh_token").to_owned();
    }
    bench.clock.advance(SignedDuration::from_secs(3_590));
    let last = bench.refresh("app", &refresh).await;
    // Ten seconds are left of the day: an access token does not outlive its family.
    assert_eq!(last.json["expires_in"], 10);
    bench.clock.advance(SignedDuration::from_secs(10));
    let over = bench.refresh("app", last.text("refresh_token")).await;
    assert_eq!(over.error(), (400, "invalid_grant"));
}

#[tokio::test]
async fn a_narrowed_registration_narrows_the_next_answer() {
    let bench = bench().await;
    let (access, refresh) = bench.login().await;
    let mut narrowed = public_client("app");
    narrowed.scope = "user/Bundle.rs".to_owned();
    bench.admin.replace_client(narrowed).await.unwrap();
    let told = bench.introspect("ehr-rs", &access).await;
    assert_eq!(told["scope"], "user/Bundle.rs");
    assert_eq!(
        bench.refresh("app", &refresh).await.text("scope"),
        "user/Bundle.rs"
    );
    let mut other = public_client("app");
    other.scope = "user/Patient.rs".to_owned();
    bench.admin.replace_client(other).await.unwrap();
    assert_eq!(
        bench.introspect("ehr-rs", &access).await,
        serde_json::json!({"active": false})
    );
}
