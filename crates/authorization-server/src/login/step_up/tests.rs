//! Requests that ask for more: acr_values from the request to the token.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use axum::http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;
use storage::testing::each_engine;

use crate::MIGRATIONS;
use crate::pages::testing::*;
use crate::testing::authenticator::{self, Device, give};
use crate::testing::*;

/// What introspection says of the tokens that an answer leads to: acr and auth_time, and again after a refresh.
async fn said(bench: &Bench, answer: &Page) -> Vec<(serde_json::Value, serde_json::Value)> {
    let code = answer.answer()["code"].clone();
    let first = bench.redeem("app", &code).await;
    let second = bench.refresh("app", first.text("refresh_token")).await;
    let mut said = Vec::new();
    for token in [first.text("access_token"), second.text("access_token")] {
        let found = bench.introspect("vro-rs", token).await;
        assert_eq!(found["active"], true, "{found}");
        said.push((found["acr"].clone(), found["auth_time"].clone()));
    }
    said
}

/// RFC 9470 section 6: what was proved goes from the sign-in to the token.
#[tokio::test]
async fn tokens_say_how_the_person_signed_in() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut browser = TestBrowser::new(&bench);
        let signed_in_at = bench.clock.now().as_second();
        let consent = browser.reach_consent(&request(), "r.smith").await;
        bench.clock.advance(SignedDuration::from_secs(90));
        let answer = browser.decide(&consent, "allow").await;
        let expected = (json!("aal1"), json!(signed_in_at));
        assert_eq!(said(&bench, &answer).await, [expected.clone(), expected]);
    })
    .await;
}

/// A token that speaks for no person says nothing of a sign-in.
#[tokio::test]
async fn tokens_of_clients_say_nothing_of_it() {
    let bench = bench().await;
    let secret = bench.add(api_client("api")).await;
    let parameters = [("grant_type", "client_credentials")];
    let answer = bench
        .token(Credentials::Basic("api", &secret), &parameters)
        .await;
    let found = bench
        .introspect("vro-rs", answer.text("access_token"))
        .await;
    assert_eq!(found["active"], true);
    assert!(found.get("acr").is_none() && found.get("auth_time").is_none());
}

/// From a password to an app, without losing the request.
#[tokio::test]
async fn an_app_is_set_up_on_the_way() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut browser = TestBrowser::new(&bench);
        let login = browser.open(&with("acr_values", "urn:x aal2")).await;
        let first = browser.sign_in(&login, "r.smith", PASSWORD).await;
        let consent = browser.get(first.location()).await;
        assert!(consent.location().starts_with("/login/step-up?request="));
        browser.language = "es";
        let page = browser.get(consent.location()).await;
        assert!(page.html.contains("pide más que eso"), "{}", page.html);
        browser.language = "en";
        let page = browser.get(consent.location()).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.html);
        assert!(page.html.contains("asks for more than that"));
        // The consent page decides nothing meanwhile.
        let mut fields = page.form("/login/step-up");
        fields.extend(owned(&[("decision", "allow")]));
        let early = browser.post("/consent", &fields).await;
        assert!(early.location().starts_with("/login/step-up?"));

        let setup = address_in(&page, "/account/authenticator?request=");
        let setup = browser.get(&setup).await;
        let fields = setup.form("/account/authenticator");
        let proposed = browser.post("/account/authenticator", &fields).await;
        let setup = browser.get(proposed.location()).await;
        let secret = secret_of(&setup);
        let codes = confirm(&mut browser, &setup, &code_at(&bench, &secret)).await;
        let next = address_in(&codes, "/consent?request=");
        let consent = browser.get(&next).await;
        let answer = browser.decide(&consent, "allow").await;
        assert_eq!(said(&bench, &answer).await[0].0, "aal2");
    })
    .await;
}

/// From a password and an app to a passkey.
#[tokio::test]
async fn a_passkey_is_set_up_on_the_way() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    enrol(&bench, &mut browser).await;
    let consent = browser.open(&with("acr_values", "phr")).await;
    let page = browser.get(consent.location()).await;
    assert!(!page.html.contains("/account/authenticator"));
    assert!(!page.html.contains("action=\"/login/passkey\""));
    let list = browser
        .get(&address_in(&page, "/account/passkeys?request="))
        .await;
    let question = authenticator::ask(&mut browser, &list, authenticator::ADD).await;
    let mut device = Device::new(b"device-1");
    let made = device.make(&question);
    let add = (authenticator::ADD, &question);
    let added = authenticator::post(&mut browser, &list, add, &made).await;
    // One that was just made has proved nothing yet: it is asked for.
    let consent = browser.get(added.location()).await;
    let page = browser.get(consent.location()).await;
    let given = give(&mut browser, &page, &mut device).await;
    let consent = browser.get(given.location()).await;
    let answer = browser.decide(&consent, "allow").await;
    assert_eq!(said(&bench, &answer).await[0].0, "phr");
}

/// With a password only, the passkey that was added is what the person signs in with next.
#[tokio::test]
async fn a_passkey_is_set_up_from_a_password_alone() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    let login = browser.open(&with("acr_values", "phr aal2")).await;
    let first = browser.sign_in(&login, "r.smith", PASSWORD).await;
    let consent = browser.get(first.location()).await;
    let page = browser.get(consent.location()).await;
    let list = browser
        .get(&address_in(&page, "/account/passkeys?request="))
        .await;
    let question = authenticator::ask(&mut browser, &list, authenticator::ADD).await;
    let mut device = Device::new(b"device-1");
    let made = device.make(&question);
    let add = (authenticator::ADD, &question);
    let codes = authenticator::post(&mut browser, &list, add, &made).await;
    assert_eq!(recovery_codes_of(&codes).len(), 10);
    let login = browser.get(&address_in(&codes, "/login?request=")).await;
    let given = give(&mut browser, &login, &mut device).await;
    let consent = browser.get(given.location()).await;
    let answer = browser.decide(&consent, "allow").await;
    assert_eq!(said(&bench, &answer).await[0].0, "phr");
}

/// Who asks for a name is told that name, though more was proved.
#[tokio::test]
async fn more_counts_where_less_is_asked_for() {
    let bench = bench().await;
    let mut owner = account(&bench).await;
    let mut device = Device::new(b"device-1");
    authenticator::add(&mut owner, &mut device).await;
    for (asked, expected) in [("aal2", "aal2"), ("", "phr"), ("aal1 phr", "aal1")] {
        let mut browser = TestBrowser::new(&bench);
        let login = browser.open(&with("acr_values", asked)).await;
        let given = give(&mut browser, &login, &mut device).await;
        // Agreed to once: the scope is the same.
        let mut answer = browser.get(given.location()).await;
        if answer.status == StatusCode::OK {
            answer = browser.decide(&answer, "allow").await;
        }
        assert_eq!(said(&bench, &answer).await[0].0, expected, "{asked}");
    }
}

#[tokio::test]
async fn what_nobody_can_give_is_said_at_the_redirect_uri() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    for prompt in ["", "none", "login"] {
        let mut parameters = with("acr_values", "urn:example:gold");
        parameters.push(("prompt", prompt));
        parameters.retain(|(_, value)| !value.is_empty());
        let page = browser.get(&address(&parameters)).await;
        assert_error(&page, "unmet_authentication_requirements");
    }
    let audit = bench.audit("authorize").await;
    let reason = audit[0].reason.as_deref().unwrap();
    assert!(reason.starts_with("unmet_authentication_requirements"));
}

/// The person may say no.
#[tokio::test]
async fn going_back_without_it() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let consent = browser.open(&with("acr_values", "phr")).await;
    let page = browser.get(consent.location()).await;
    let fields = page.form("/login/step-up");
    let cross = [("origin", "https://evil.example")];
    let forged = browser.post_with("/login/step-up", &fields, &cross).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let answer = browser.post("/login/step-up", &fields).await;
    assert_error(&answer, "unmet_authentication_requirements");
    assert_eq!(answer.answer()["state"], "s t&=é%");
    let again = browser.post("/login/step-up", &fields).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    let audit = bench.audit("consent").await;
    let reason = audit[0].reason.as_deref().unwrap();
    assert!(reason.starts_with("unmet_authentication_requirements"));
}

/// `prompt=none` shows no page to give more on.
#[tokio::test]
async fn nothing_is_asked_silently() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let consent = browser.open(&request()).await;
    browser.decide(&consent, "allow").await;
    let silent = |acr_values| {
        let mut parameters = with("acr_values", acr_values);
        parameters.push(("prompt", "none"));
        address(&parameters)
    };
    let page = browser.get(&silent("aal1")).await;
    assert_eq!(said(&bench, &page).await[0].0, "aal1");
    for asked in ["aal2", "phr aal2", "phr urn:x"] {
        assert_error(&browser.get(&silent(asked)).await, "login_required");
    }
}

/// A request that was pushed asks for the same.
#[tokio::test]
async fn pushed_requests_ask_for_it_too() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut browser = account(&bench).await;
        for (asked, met) in [("aal2", false), ("aal1", true), ("urn:x", false)] {
            let mut parameters = with("acr_values", asked);
            parameters.retain(|(name, _)| *name != "client_id");
            let pushed = bench
                .post("/oauth2/par", Credentials::Name("app"), &parameters)
                .await;
            let uri = pushed.text("request_uri");
            let reference = [("client_id", "app"), ("request_uri", uri)];
            let page = browser.get(&address(&reference)).await;
            if asked == "urn:x" {
                assert_error(&page, "unmet_authentication_requirements");
                continue;
            }
            let consent = browser.get(page.location()).await;
            assert_eq!(consent.status == StatusCode::OK, met, "{asked}");
            assert_eq!(consent.location().starts_with("/login/step-up?"), !met);
        }
    })
    .await;
}

/// The page is for this browser's request, and for who is signed in.
#[tokio::test]
async fn the_page_is_for_whom_it_is_about() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let consent = browser.open(&with("acr_values", "phr")).await;
    let here = consent.location().to_owned();
    let mut thief = TestBrowser::new(&bench);
    thief.get("/login").await;
    assert_eq!(thief.get(&here).await.status, StatusCode::BAD_REQUEST);
    browser.cookies.remove("__Host-vro-session");
    let page = browser.get(&here).await;
    assert!(page.location().starts_with("/login?request="));
    // Another browser's request is not kept by the pages of the account either.
    let mut other = account(&bench).await;
    let handle = here.split_once("request=").unwrap().1;
    let page = other
        .get(&format!("/account/passkeys?request={handle}"))
        .await;
    assert!(!page.html.contains(handle), "{}", page.html);
}

/// The first address in a page that begins so.
fn address_in(page: &Page, start: &str) -> String {
    let rest = page.html.split_once(&format!("href=\"{start}"));
    let rest = rest.unwrap_or_else(|| panic!("{start} is not in {}", page.html));
    format!("{start}{}", rest.1.split_once('"').unwrap().0)
}
