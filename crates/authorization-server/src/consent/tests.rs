//! What a person allows, and what becomes of it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use axum::http::StatusCode;
use storage::Outcome;
use storage::testing::each_engine;

use crate::administration::{NewClient, NewUser};
use crate::pages::testing::*;
use crate::testing::*;
use crate::{MIGRATIONS, Rights};

/// From the request to the introspected token.
#[tokio::test]
async fn a_person_allows_and_the_client_gets_a_token() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut browser = TestBrowser::new(&bench);
        let aud = format!("{SOURCE}/");
        let mut parameters = with("aud", &aud);
        parameters.retain(|(name, _)| *name != "scope");
        parameters.push(("scope", "user/Bundle.r user/Patient.r"));
        let page = browser.reach_consent(&parameters, "r.smith").await;
        let page = browser.decide(&page, "allow").await;
        assert_eq!(page.status, StatusCode::SEE_OTHER);
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cache-control"), "no-store");
        let answer = page.answer();
        assert!(page.location().starts_with(&format!("{CALLBACK}?code=")));
        assert_eq!(answer["state"], "s t&=é%");
        assert_eq!(answer["iss"], ISSUER);
        assert_eq!(answer.len(), 3);

        let token = bench.redeem("app", &answer["code"]).await;
        assert_eq!(
            (token.status, token.text("scope")),
            (StatusCode::OK, "user/Bundle.r")
        );
        let seen = bench.introspect("ehr-rs", token.text("access_token")).await;
        assert_eq!(seen["username"], "r.smith");
        assert_eq!(seen["scope"], "user/Bundle.r");
        assert_eq!(seen["aud"], SOURCE);
        let elsewhere = bench.introspect("vro-rs", token.text("access_token")).await;
        assert_eq!(elsewhere["active"], false);

        let audit = bench.audit("consent").await;
        assert_eq!((audit.len(), audit[0].outcome), (1, Outcome::Allowed));
        assert_eq!(audit[0].client_id.as_deref(), Some("app"));
        assert_eq!(audit[0].subject.as_deref(), seen["sub"].as_str());
    })
    .await;
}

#[tokio::test]
async fn a_person_refuses() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    let page = browser.reach_consent(&request(), "r.smith").await;
    let answer = browser.decide(&page, "deny").await;
    assert_error(&answer, "access_denied");
    assert_eq!(answer.answer()["state"], "s t&=é%");
    assert_eq!(bench.audit("consent").await[0].outcome, Outcome::Denied);
    // Deciding is done once.
    let again = browser.decide(&page, "allow").await;
    assert_eq!(
        (again.status, again.location()),
        (StatusCode::BAD_REQUEST, "")
    );
}

#[tokio::test]
async fn two_clicks_at_once_make_one_code() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut browser = TestBrowser::new(&bench);
        let page = browser.reach_consent(&request(), "r.smith").await;
        let mut clicks: Vec<TestBrowser> = (0..8).map(|_| browser.copy(&bench)).collect();
        let pages = at_once(clicks.iter_mut().map(|click| click.decide(&page, "allow"))).await;
        let codes = pages
            .iter()
            .filter(|page| page.location().contains("code="));
        assert_eq!(codes.count(), 1);
        let over = pages
            .iter()
            .filter(|page| page.status == StatusCode::BAD_REQUEST);
        assert_eq!(over.count(), 7);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_decided_without_a_decision() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    let page = browser.reach_consent(&request(), "r.smith").await;
    for decision in ["", "Allow", "yes"] {
        assert_eq!(
            browser.decide(&page, decision).await.status,
            StatusCode::BAD_REQUEST
        );
    }
    let foreign = [("origin", "https://evil.example")];
    let mut fields = page.form("/consent");
    fields.push(("decision".to_owned(), "allow".to_owned()));
    let refused = browser.post_with("/consent", &fields, &foreign).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let mut forged = fields.clone();
    forged.retain(|(name, _)| name != "csrf_token");
    assert_eq!(
        browser.post("/consent", &forged).await.status,
        StatusCode::FORBIDDEN
    );
    assert!(
        browser
            .decide(&page, "allow")
            .await
            .answer()
            .contains_key("code")
    );
}

/// A page left open does not speak for whoever signs in next, nor for rights given since.
#[tokio::test]
async fn a_decision_counts_for_what_was_shown_and_to_whom() {
    let bench = bench().await;
    let small = NewUser {
        scope: "user/Bundle.r".to_owned(),
        ..new_user("small")
    };
    bench.admin.add_user(small).await.unwrap();
    let mut browser = TestBrowser::new(&bench);
    let page = browser.reach_consent(&request(), "small").await;
    browser.cookies.remove("__Host-vro-session");
    let unsigned = browser.decide(&page, "allow").await;
    assert!(unsigned.location().starts_with("/login?request="));

    let login = browser.get(unsigned.location()).await;
    browser.sign_in(&login, "r.smith", PASSWORD).await;
    let asked = browser.decide(&page, "allow").await;
    assert!(
        asked.location().starts_with("/consent?request="),
        "{}",
        asked.location()
    );
    let shown = browser.get(asked.location()).await;
    let sql = "UPDATE resource_owner SET scope = 'user/Bundle.cruds' WHERE username = 'r.smith'";
    bench.server.db().write(Statement(sql)).await.unwrap();
    let asked = browser.decide(&shown, "allow").await;
    assert!(asked.location().starts_with("/consent?request="));
    let shown = browser.get(asked.location()).await;
    assert!(
        browser
            .decide(&shown, "allow")
            .await
            .answer()
            .contains_key("code")
    );
    assert_eq!(bench.audit("consent").await.len(), 1);
}

#[tokio::test]
async fn nobody_allows_more_than_both_registrations() {
    let bench = bench().await;
    let scope = "user/Bundle.c system/Bundle.cruds".to_owned();
    bench
        .admin
        .add_user(NewUser {
            scope,
            ..new_user("clerk")
        })
        .await
        .unwrap();
    let mut browser = TestBrowser::new(&bench);
    let login = browser.open(&request()).await;
    let signed_in = browser.sign_in(&login, "clerk", PASSWORD).await;
    let page = browser.get(signed_in.location()).await;
    assert_error(&page, "access_denied");

    let wide = NewUser {
        scope: "user/Bundle.cruds".to_owned(),
        ..new_user("wide")
    };
    bench.admin.add_user(wide).await.unwrap();
    let mut browser = TestBrowser::new(&bench);
    let page = browser
        .reach_consent(&with("scope", "user/Bundle.cruds"), "wide")
        .await;
    assert!(
        page.html
            .contains("Read and search for birth and fetal death records")
    );
    let code = browser.decide(&page, "allow").await.answer()["code"].clone();
    assert_eq!(
        bench.redeem("app", &code).await.text("scope"),
        "user/Bundle.rs"
    );

    // The client's registration has shrunk since it asked.
    let page = browser.open(&with("prompt", "consent")).await;
    let small = NewClient {
        client_id: Some("app".to_owned()),
        scope: "user/Composition.rs".to_owned(),
        ..public_client("app")
    };
    bench.admin.replace_client(small).await.unwrap();
    let page = browser.decide(&page, "allow").await;
    assert!(!page.location().contains("code="), "{}", page.location());
}

#[tokio::test]
async fn a_client_disabled_meanwhile_gets_nothing() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    let page = browser.reach_consent(&request(), "r.smith").await;
    bench.admin.set_client_disabled("app", true).await.unwrap();
    let page = browser.decide(&page, "allow").await;
    assert_eq!(
        (page.status, page.location()),
        (StatusCode::BAD_REQUEST, "")
    );
}

#[tokio::test]
async fn the_page_says_who_asks_for_what_where_and_how_long() {
    let bench = bench().await;
    let rights = Rights {
        jurisdictions: vec!["MA".to_owned()],
        ..rights()
    };
    bench
        .admin
        .add_user(NewUser {
            rights,
            ..new_user("m.jones")
        })
        .await
        .unwrap();
    let page = TestBrowser::new(&bench)
        .reach_consent(&request(), "m.jones")
        .await;
    for text in [
        "<strong>app</strong> of general-hospital",
        "<li>Read and search for birth and fetal death records</li>",
        "<dd>births, fetal deaths</dd>",
        "<dd>MA</dd>",
        SOURCE,
        RECEIVER,
        "<dd>up to 24 hours, renewed every 5 minutes</dd>",
        "m.jones, general-hospital",
        "https://ehr.example</span>",
    ] {
        assert!(page.html.contains(text), "{text}\n{}", page.html);
    }
}
