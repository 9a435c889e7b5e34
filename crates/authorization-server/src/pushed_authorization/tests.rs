//! Pushed requests: who may push, what a `request_uri` opens, once.

#![expect(clippy::unwrap_used, reason = "tests")]

use jiff::SignedDuration;
use storage::testing::each_engine;

use super::*;
use crate::administration::NewClient;
use crate::pages::testing::*;
use crate::testing::*;
use crate::{ClientAuthenticationMethod, MIGRATIONS, Protocol};

const PATH: &str = "/oauth2/par";

/// The right request without `client_id`, which the credentials bring.
fn pushed() -> Vec<(&'static str, &'static str)> {
    let mut parameters = request();
    parameters.retain(|(name, _)| *name != "client_id");
    parameters
}

async fn push_as_app(bench: &Bench, parameters: &[(&str, &str)]) -> String {
    let answer = bench.post(PATH, Credentials::Name("app"), parameters).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.text("request_uri").to_owned()
}

#[tokio::test]
async fn a_pushed_request_becomes_a_code() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let answer = bench.post(PATH, Credentials::Name("app"), &pushed()).await;
        assert_eq!(answer.status, 201);
        assert_eq!(answer.json.get("expires_in").unwrap(), 60);
        assert_eq!(answer.headers.get("cache-control").unwrap(), "no-store");
        let request_uri = answer.text("request_uri");
        assert!(request_uri.strip_prefix(REQUEST_URI).unwrap().len() == 43);
        // What else the browser carries does not count.
        let carried = [
            ("client_id", "app"),
            ("request_uri", request_uri),
            ("scope", "system/Bundle.cruds"),
            ("state", "other"),
            ("redirect_uri", "https://evil.example/"),
        ];
        let mut browser = TestBrowser::new(&bench);
        let consent = browser.reach_consent(&carried, "r.smith").await;
        let answer = browser.decide(&consent, "allow").await.answer();
        assert_eq!(answer.get("state").unwrap(), "s t&=é%");
        let code = answer.get("code").unwrap();
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", CALLBACK),
        ];
        let token = bench.token(Credentials::Name("app"), &form).await;
        assert_eq!(token.status, 200, "{token:?}");
        assert_eq!(token.text("scope"), USER_SCOPE);
    })
    .await;
}

// RFC 9126 section 2.3.
#[tokio::test]
async fn what_is_wrong_is_answered_at_once() {
    let bench = bench().await;
    let changed = |name: &'static str, value: &'static str| {
        let mut parameters = pushed();
        parameters.retain(|(found, _)| *found != name);
        parameters.push((name, value));
        parameters.retain(|(_, value)| !value.is_empty());
        parameters
    };
    let rows = [
        (changed("redirect_uri", ""), "invalid_request"),
        (
            changed("redirect_uri", "https://evil.example/"),
            "invalid_request",
        ),
        (
            changed("request_uri", "urn:ietf:params:oauth:request_uri:x"),
            "invalid_request",
        ),
        (changed("request", "e30.e30."), "invalid_request"),
        (
            changed("response_type", "token"),
            "unsupported_response_type",
        ),
        (changed("response_type", ""), "invalid_request"),
        (changed("code_challenge", ""), "invalid_request"),
        (changed("code_challenge_method", "plain"), "invalid_request"),
        (changed("scope", "system/Bundle.c"), "invalid_scope"),
        (
            changed("resource", "https://other.example/fhir"),
            "invalid_target",
        ),
        (changed("state", "a\nb"), "invalid_request"),
    ];
    for (parameters, code) in rows {
        let answer = bench
            .post(PATH, Credentials::Name("app"), &parameters)
            .await;
        assert_eq!(answer.error(), (400, code), "{parameters:?}");
    }
    bench.add(api_client("api")).await;
    let secret = bench.secret("api").await;
    let api = Credentials::Basic("api", &secret);
    let answer = bench.post(PATH, api, &pushed()).await;
    assert_eq!(answer.error(), (400, "invalid_request"), "no redirect URI");
    for credentials in [Credentials::Name("nobody"), Credentials::Basic("app", "x")] {
        let answer = bench.post(PATH, credentials, &pushed()).await;
        assert_eq!(answer.error(), (401, "invalid_client"));
    }
}

#[tokio::test]
async fn a_request_uri_opens_one_request_of_its_client_for_a_minute() {
    let bench = bench().await;
    bench.add(public_client("app2")).await;
    let request_uri = push_as_app(&bench, &pushed()).await;
    let open = async |client_id: &str, request_uri: &str| {
        let parameters = [("client_id", client_id), ("request_uri", request_uri)];
        TestBrowser::new(&bench).get(&address(&parameters)).await
    };
    // Another client neither uses it nor uses it up.
    assert_eq!(open("app2", &request_uri).await.status, 400);
    assert_eq!(open("app", &request_uri).await.status, 303);
    let again = open("app", &request_uri).await;
    assert_eq!(again.status, 400);
    assert!(again.headers.get("location").is_none());
    let late = push_as_app(&bench, &pushed()).await;
    bench.clock.advance(SignedDuration::from_secs(60));
    assert_eq!(open("app", &late).await.status, 400);
    let unknown = format!("{REQUEST_URI}AAAA");
    assert_eq!(open("app", &unknown).await.status, 400);
    // A handle of another kind is no request_uri, and a request_uri no handle.
    let other = push_as_app(&bench, &pushed()).await;
    let resumed = TestBrowser::new(&bench)
        .get(&format!("/oauth2/authorize/resume?request={other}"))
        .await;
    assert_eq!(resumed.status, 400);
}

#[tokio::test]
async fn of_parallel_browsers_one_gets_the_request() {
    let bench = bench().await;
    let request_uri = push_as_app(&bench, &pushed()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let mut browser = TestBrowser::new(&bench);
        let path = address(&[("client_id", "app"), ("request_uri", &request_uri)]);
        tasks.spawn(async move { browser.get(&path).await.status.as_u16() });
    }
    let statuses = tasks.join_all().await;
    assert_eq!(statuses.iter().filter(|it| **it == 303).count(), 1);
}

#[tokio::test]
async fn a_client_that_must_push_cannot_do_without() {
    let bench = bench().await;
    let strict = NewClient {
        authentication: ClientAuthenticationMethod::ClientSecretBasic,
        protocol: Protocol {
            require_pushed_authorization_requests: true,
            ..Protocol::default()
        },
        ..public_client("strict")
    };
    let secret = bench.add(strict).await;
    let plain = with("client_id", "strict");
    let page = TestBrowser::new(&bench).get(&address(&plain)).await;
    assert_error(&page, "invalid_request");
    let credentials = Credentials::Basic("strict", &secret);
    let answer = bench.post(PATH, credentials, &pushed()).await;
    let parameters = [
        ("client_id", "strict"),
        ("request_uri", answer.text("request_uri")),
    ];
    let page = TestBrowser::new(&bench).get(&address(&parameters)).await;
    assert_eq!(page.status, 303);
}

#[tokio::test]
async fn prompt_none_is_kept() {
    let bench = bench().await;
    let mut parameters = pushed();
    parameters.push(("prompt", "none"));
    let request_uri = push_as_app(&bench, &parameters).await;
    let address = address(&[("client_id", "app"), ("request_uri", &request_uri)]);
    let page = TestBrowser::new(&bench).get(&address).await;
    assert_error(&page, "login_required");
}
