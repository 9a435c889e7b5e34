//! What is asked once, and what is asked again.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use axum::http::StatusCode;
use jiff::SignedDuration;
use storage::testing::each_engine;

use crate::administration::NewClient;
use crate::pages::testing::*;
use crate::testing::*;
use crate::{ClientAuthenticationMethod, MIGRATIONS};

const LOOPBACK: &str = "http://127.0.0.1/cb";

/// `r.smith` has allowed `app` what [`request`] asks for.
async fn agreed(bench: &Bench) -> TestBrowser {
    let mut browser = TestBrowser::new(bench);
    let page = browser.reach_consent(&request(), "r.smith").await;
    let answer = browser.decide(&page, "allow").await;
    assert!(answer.answer().contains_key("code"));
    browser
}

/// Whether the request ends in a code without a question.
async fn unasked(browser: &mut TestBrowser, parameters: &[(&str, &str)]) -> bool {
    let page = browser.open(parameters).await;
    match page.status {
        StatusCode::SEE_OTHER => page.answer().contains_key("code"),
        _ => {
            assert!(page.html.contains("Allow access?"), "{}", page.html);
            false
        }
    }
}

async fn silent(browser: &mut TestBrowser) -> Page {
    browser.get(&address(&with("prompt", "none"))).await
}

#[tokio::test]
async fn the_same_is_asked_once() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut browser = agreed(&bench).await;
        bench.clock.advance(SignedDuration::from_secs(1));
        assert!(unasked(&mut browser, &request()).await);
        let audit = bench.audit("consent").await;
        assert_eq!(audit[0].reason.as_deref(), Some("remembered"));
        // In another browser of the same person too; the order of the words does not matter.
        let mut other = account(&bench).await;
        let reordered = with("scope", "user/Composition.rs user/Bundle.rs");
        assert!(unasked(&mut other, &reordered).await);
        let page = silent(&mut other).await;
        let code = page.answer()["code"].clone();
        assert_eq!(page.answer()["state"], "s t&=é%");
        let token = bench.redeem("app", &code).await;
        assert_eq!(
            (token.status, token.text("scope")),
            (StatusCode::OK, USER_SCOPE)
        );
    })
    .await;
}

#[tokio::test]
async fn whatever_else_is_asked() {
    let bench = bench().await;
    let mut browser = agreed(&bench).await;
    let source = format!("{SOURCE}/");
    for other in [
        with("scope", "user/Bundle.r user/Composition.rs"),
        with("scope", "user/Bundle.rs"),
        with("aud", &source),
        with("prompt", "consent"),
        with("prompt", "consent select_account_not"),
    ] {
        assert!(!unasked(&mut browser, &other).await, "{other:?}");
    }
    assert!(unasked(&mut browser, &request()).await);
}

/// Of one person to one client.
#[tokio::test]
async fn another_person_and_another_client_are_asked() {
    let bench = bench().await;
    agreed(&bench).await;
    bench.admin.add_user(new_user("other")).await.unwrap();
    bench.add(public_client("twin")).await;
    let mut other = TestBrowser::new(&bench);
    let page = other.reach_consent(&request(), "other").await;
    assert!(page.html.contains("Allow access?"));
    assert_error(&silent(&mut other).await, "consent_required");
    let mut browser = account(&bench).await;
    assert!(!unasked(&mut browser, &with("client_id", "twin")).await);
}

/// What the page showed has changed.
#[tokio::test]
async fn a_change_of_what_was_shown_is_asked() {
    for change in [
        "UPDATE client SET name = 'Another name'",
        "UPDATE client SET organization = 'another-hospital'",
        "UPDATE client SET jurisdictions = '[\"MA\"]'",
        "UPDATE client SET record_types = '[\"birth\"]'",
        "UPDATE resource_owner SET jurisdictions = '[\"NH\"]'",
        "UPDATE resource_owner SET scope = 'user/Bundle.r'",
    ] {
        let bench = bench().await;
        let mut browser = agreed(&bench).await;
        assert!(unasked(&mut browser, &request()).await);
        bench.server.db().write(Statement(change)).await.unwrap();
        assert!(!unasked(&mut browser, &request()).await, "{change}");
        assert_error(&silent(&mut browser).await, "consent_required");
    }
}

/// RFC 8252 section 8.6.
#[tokio::test]
async fn a_client_that_anybody_can_play_is_asked_for_every_time() {
    let bench = bench().await;
    let native = |client_id: &str, authentication| NewClient {
        redirect_uris: vec![LOOPBACK.to_owned()],
        authentication,
        ..public_client(client_id)
    };
    bench
        .add(native("native", ClientAuthenticationMethod::None))
        .await;
    let with_secret = ClientAuthenticationMethod::ClientSecretBasic;
    bench.add(native("installed", with_secret)).await;
    for (client_id, asked_again) in [("native", true), ("installed", false)] {
        let mut parameters = with("client_id", client_id);
        parameters.retain(|(name, _)| *name != "redirect_uri");
        parameters.push(("redirect_uri", "http://127.0.0.1:49152/cb"));
        let mut browser = account(&bench).await;
        let page = browser.open(&parameters).await;
        assert_eq!(page.html.contains("not asked again"), !asked_again);
        browser.decide(&page, "allow").await;
        assert_eq!(!unasked(&mut browser, &parameters).await, asked_again);
        parameters.push(("prompt", "none"));
        let answer = browser.get(&address(&parameters)).await.answer();
        assert_eq!(answer.contains_key("error"), asked_again, "{answer:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_not_remembered() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    let page = browser.reach_consent(&request(), "r.smith").await;
    browser.decide(&page, "deny").await;
    assert!(!unasked(&mut browser, &request()).await);
}

#[tokio::test]
async fn it_is_asked_again_in_time() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        agreed(&bench).await;
        bench
            .clock
            .advance(SignedDuration::from_hours(90 * 24) - SignedDuration::from_secs(60));
        let mut browser = account(&bench).await;
        assert!(unasked(&mut browser, &request()).await);
        bench.clock.advance(SignedDuration::from_secs(60));
        assert!(!unasked(&mut browser, &request()).await);
        bench.server.clean().await.unwrap();
        let left = bench
            .server
            .db()
            .find("SELECT COUNT(*) FROM consent", &[], |row| row.integer(0));
        assert_eq!(left.await.unwrap(), Some(0));
    })
    .await;
}

/// Withdrawn on the account page, where it stands even when no token lives any more.
#[tokio::test]
async fn withdrawn_is_asked_again() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut browser = agreed(&bench).await;
        let page = browser.get("/account").await;
        let form = page.form("/account/applications/withdraw");
        let withdrawn = browser.post("/account/applications/withdraw", &form).await;
        assert_eq!(withdrawn.location(), "/account?done=withdrawn");
        assert_error(&silent(&mut browser).await, "consent_required");
        assert!(!unasked(&mut browser, &request()).await);
    })
    .await;
}

/// What ends everything forgets every consent.
#[tokio::test]
async fn signing_out_everywhere_forgets() {
    let bench = bench().await;
    let mut browser = agreed(&bench).await;
    let page = browser.get("/account").await;
    let form = page.form("/account/sign-out-everywhere");
    browser.post("/account/sign-out-everywhere", &form).await;
    let mut browser = account(&bench).await;
    assert!(!unasked(&mut browser, &request()).await);
}

/// Silent answers race a withdrawal: no code that was given without a question outlives it.
#[tokio::test]
async fn a_withdrawal_takes_back_what_is_given_at_the_same_time() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        for _ in 0..8 {
            let mut browser = TestBrowser::new(&bench);
            let page = browser
                .reach_consent(&with("prompt", "consent"), "r.smith")
                .await;
            browser.decide(&page, "allow").await;
            let page = browser.get("/account").await;
            let form = page.form("/account/applications/withdraw");
            let mut tabs: Vec<TestBrowser> = (0..6).map(|_| browser.copy(&bench)).collect();
            let given = at_once(tabs.iter_mut().map(silent));
            let withdrawal = browser.post("/account/applications/withdraw", &form);
            let (answers, withdrawn) = tokio::join!(given, withdrawal);
            assert_eq!(withdrawn.location(), "/account?done=withdrawn");
            for answer in answers {
                if let Some(code) = answer.answer().get("code") {
                    let redeemed = bench.redeem("app", code).await;
                    assert_eq!(redeemed.error(), (400, "invalid_grant"));
                }
            }
        }
    })
    .await;
}
