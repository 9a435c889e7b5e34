//! Signing in at a provider of our own over real TLS: the way there and back, what is sent, what is remembered.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod hostile;
mod people;
mod sign_out;

use axum::http::StatusCode;
use jiff::SignedDuration;
use oauth::jose::{Algorithm, SigningKey};
use oauth::pkce::CodeVerifier;
use serde_json::json;
use std::sync::Arc;

use super::Credentials;
use super::testing::*;
use crate::MIGRATIONS;
use crate::pages::testing::*;

/// The parameters of the one token request.
fn token_request(there: &There) -> outbound::testing::Recorded {
    let recorded = there.op.recorded();
    let mut asked = recorded.into_iter().filter(|it| it.target == "/token");
    let only = asked.next().unwrap();
    assert!(asked.next().is_none(), "a code is redeemed once");
    only
}

#[tokio::test]
async fn an_application_s_request_goes_on_after_the_sign_in_there() {
    storage::testing::each_engine(&[&MIGRATIONS], |db| async move {
        let there = There::on(db).await;
        let mut browser = TestBrowser::new(&there.bench);
        let login = browser.open(&request()).await;
        assert!(login.html.contains("Sign in with State of Example"));
        let sent = there.press(&mut browser, &login).await;
        let auth = format!("{}/auth?tenant=1&", there.op.origin());
        assert!(
            sent.page.location().starts_with(&auth),
            "{}",
            sent.page.location()
        );
        for (name, expected) in [
            ("response_type", "code"),
            ("response_mode", "query"),
            ("client_id", "vro-client"),
            (
                "redirect_uri",
                "https://vro.example/login/with/state/callback",
            ),
            ("scope", "openid profile"),
            ("code_challenge_method", "S256"),
            ("prompt", ""),
            ("max_age", ""),
            ("login_hint", ""),
        ] {
            assert_eq!(sent.get(name), expected, "{name}");
        }
        assert_eq!(sent.get("state").len(), 43);
        assert_eq!(sent.get("nonce").len(), 43);

        there.will_say(&there.claims(&sent, &json!({})));
        let page = there.back(&mut browser, &sent).await;
        let consent = browser.get(page.location()).await;
        assert!(
            consent.html.contains("j.doe@state.example"),
            "{}",
            consent.html
        );
        let asked = token_request(&there);
        assert_eq!(
            asked.header("authorization"),
            Some("Basic dnJvLWNsaWVudDpzM2NyZXQ=")
        );
        assert_eq!(asked.form("code"), ["c-1"]);
        assert_eq!(asked.form("redirect_uri"), [sent.get("redirect_uri")]);
        assert!(asked.form("client_secret").is_empty());
        let verifier = CodeVerifier::parse(&asked.form("code_verifier").remove(0)).unwrap();
        assert_eq!(verifier.challenge().as_str(), sent.get("code_challenge"));
        let decided = browser.decide(&consent, "allow").await;
        assert!(decided.answer().contains_key("code"));
    })
    .await;
}

#[tokio::test]
async fn what_the_application_asks_of_the_sign_in_is_passed_on() {
    let there = There::new(|_, _| {}).await;
    for (parameters, max_age, prompt, hint) in [
        (with("login_hint", "j.doe"), "", "", "j.doe"),
        (with("prompt", "login"), "0", "login", ""),
        (with("max_age", "300"), "300", "", ""),
        (with("max_age", "0"), "0", "login", ""),
    ] {
        let mut browser = TestBrowser::new(&there.bench);
        let login = browser.open(&parameters).await;
        let sent = there.press(&mut browser, &login).await;
        let found = [
            sent.get("max_age"),
            sent.get("prompt"),
            sent.get("login_hint"),
        ];
        assert_eq!(found, [max_age, prompt, hint]);
    }
}

#[tokio::test]
async fn a_sign_in_of_just_now_has_to_be_said_and_true() {
    let there = There::new(|_, _| {}).await;
    let now = there.bench.clock.now().as_second();
    for (parameter, value, auth_time, expected) in [
        ("prompt", "login", json!(now), 303),
        ("prompt", "login", json!(now - 60), 303),
        ("prompt", "login", json!(now - 61), 403),
        ("prompt", "login", json!(null), 403),
        ("max_age", "300", json!(now - 360), 303),
        ("max_age", "300", json!(now - 361), 403),
        ("max_age", "300", json!(null), 403),
        ("max_age", "0", json!(now - 100), 403),
    ] {
        let mut browser = TestBrowser::new(&there.bench);
        let login = browser.open(&with(parameter, value)).await;
        let changes = json!({"auth_time": auth_time});
        let page = there.walk(&mut browser, &login, &changes).await;
        assert_eq!(page.status.as_u16(), expected, "{value} {auth_time}");
        if expected == 303 {
            let consent = browser.get(page.location()).await;
            assert_eq!(consent.status, StatusCode::OK, "the request accepts it");
        } else {
            assert!(page.html.contains("Sign in there once more"));
            assert!(
                browser
                    .get("/account")
                    .await
                    .location()
                    .starts_with("/login")
            );
        }
    }
    // The minutes that somebody takes there are not held against them.
    let mut browser = TestBrowser::new(&there.bench);
    let login = browser.open(&with("prompt", "login")).await;
    let sent = there.press(&mut browser, &login).await;
    there.bench.clock.advance(SignedDuration::from_mins(5));
    there.will_say(&there.claims(&sent, &json!({"auth_time": now + 10})));
    let page = there.back(&mut browser, &sent).await;
    assert_eq!(browser.get(page.location()).await.status, StatusCode::OK);
}

/// An old sign-in there opens nothing here that wants one of just now.
#[tokio::test]
async fn a_session_is_as_old_as_the_sign_in_there() {
    let there = There::new(|_, _| {}).await;
    let now = there.bench.clock.now().as_second();
    for (auth_time, fresh) in [
        (json!(now), true),
        (json!(now - 200), true),
        (json!(now - 301), false),
        (json!(null), false),
    ] {
        let (mut browser, page) = there.sign_in(&json!({"auth_time": auth_time})).await;
        assert_eq!(page.location(), "/account", "{}", page.html);
        let page = browser.get("/account/authenticator").await;
        assert_eq!(page.status == StatusCode::OK, fresh, "{auth_time}");
        if fresh {
            continue;
        }
        let login = browser.get(page.location()).await;
        let sent = there.press(&mut browser, &login).await;
        assert_eq!((sent.get("max_age"), sent.get("prompt")), ("0", "login"));
        there.will_say(&there.claims(&sent, &json!({"auth_time": now})));
        let page = there.back(&mut browser, &sent).await;
        assert_eq!(page.location(), "/account/authenticator");
        assert_eq!(browser.get(page.location()).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_client_authenticates_as_the_metadata_and_the_setting_say() {
    let there = There::new(|_, _| {}).await;
    there.script(|script| {
        script.metadata = json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]});
    });
    there.sign_in(&json!({})).await;
    let asked = token_request(&there);
    assert_eq!(asked.header("authorization"), None);
    assert_eq!(asked.form("client_id"), ["vro-client"]);
    assert_eq!(asked.form("client_secret"), ["s3cret"]);

    for token_endpoint_style in [false, true] {
        let key = Arc::new(SigningKey::generate(Algorithm::ES384).unwrap());
        let keys = oauth::jose::Jwks::new([key.public_jwk().clone()]).unwrap();
        let there = There::new(|provider, _| {
            provider.credentials = Credentials::PrivateKey {
                key,
                token_endpoint_style,
            };
        })
        .await;
        let (_, page) = there.sign_in(&json!({})).await;
        assert_eq!(page.location(), "/account");
        let asked = token_request(&there);
        let token_endpoint = format!("{}/token", there.op.origin());
        let policy = oauth::jose::client_assertion::AssertionPolicy {
            client_id: "vro-client",
            allowed_algorithms: &[Algorithm::ES384],
            audience: if token_endpoint_style {
                &token_endpoint
            } else {
                &there.op.origin()
            },
            token_endpoint_style,
        };
        let assertion = asked.form("client_assertion").remove(0);
        let now = there.bench.clock.now();
        let verified = oauth::jose::client_assertion::verify(&assertion, &keys, &policy, now);
        assert!(verified.is_ok(), "{verified:?}");
    }
}

#[tokio::test]
async fn the_provider_s_keys_are_fetched_again_once_when_one_is_not_known() {
    let there = There::new(|_, _| {}).await;
    there.sign_in(&json!({})).await;
    assert_eq!(there.op.count("/jwks"), 1);
    let next = SigningKey::generate(Algorithm::ES256).unwrap();
    there.script(|script| script.keys = vec![next.public_jwk().clone()]);
    there.bench.clock.advance(SignedDuration::from_secs(30));
    let mut browser = TestBrowser::new(&there.bench);
    let login = browser.get("/login").await;
    let sent = there.press(&mut browser, &login).await;
    there.will_give(&signed(&next, &there.claims(&sent, &json!({})), |_| {}));
    let page = there.back(&mut browser, &sent).await;
    assert_eq!(page.location(), "/account", "{}", page.html);
    assert_eq!(there.op.count("/jwks"), 2);
    // The old key is nobody's now.
    there.bench.clock.advance(SignedDuration::from_secs(30));
    let (_, page) = there.sign_in(&json!({})).await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert_eq!(there.op.count("/jwks"), 3);
    assert_eq!(there.op.count("/.well-known/openid-configuration"), 1);
}

#[tokio::test]
async fn metadata_is_kept_ten_minutes_and_outlives_an_outage_of_a_day() {
    let there = There::new(|_, _| {}).await;
    let metadata = "/.well-known/openid-configuration";
    let begin = async || {
        let mut browser = TestBrowser::new(&there.bench);
        let login = browser.get("/login").await;
        there.press(&mut browser, &login).await.page.status
    };
    assert_eq!(begin().await, StatusCode::SEE_OTHER);
    there.bench.clock.advance(SignedDuration::from_secs(599));
    assert_eq!(begin().await, StatusCode::SEE_OTHER);
    assert_eq!(there.op.count(metadata), 1);
    there.script(|script| script.metadata_status = 500);
    there.bench.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(begin().await, StatusCode::SEE_OTHER);
    assert_eq!(begin().await, StatusCode::SEE_OTHER);
    assert_eq!(there.op.count(metadata), 2, "not asked again at once");
    there.bench.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(begin().await, StatusCode::SERVICE_UNAVAILABLE);
    there.script(|script| script.metadata_status = 200);
    there.bench.clock.advance(SignedDuration::from_secs(2));
    assert_eq!(begin().await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_party_may_have_no_passwords() {
    let there = There::new(|_, config| config.password_sign_in = false).await;
    let mut browser = TestBrowser::new(&there.bench);
    for path in ["/login", "/login?local", "/login?local=1"] {
        let login = browser.get(path).await;
        assert!(!login.html.contains("type=\"password\""), "{path}");
        assert!(!login.html.contains("action=\"/login\""), "{path}");
    }
    let login = browser.get("/login").await;
    let mut fields = login.form("/login/with/state");
    for (name, value) in [("username", "r.smith"), ("password", PASSWORD)] {
        fields.push((name.to_owned(), value.to_owned()));
    }
    let page = browser.post("/login", &fields).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.html.contains("Nobody signs in with a password here"));
    assert_eq!(there.bench.server.people().evaluated(), 0);
    let page = there.walk(&mut browser, &login, &json!({})).await;
    assert_eq!(page.location(), "/account");
}
