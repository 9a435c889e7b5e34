//! The authorization endpoint: what is refused, and how.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use axum::http::StatusCode;
use jiff::SignedDuration;
use oauth::form;
use storage::testing::each_engine;

use crate::administration::NewClient;
use crate::pages::testing::*;
use crate::testing::*;
use crate::{AuthorizationServer, MIGRATIONS};

async fn requests(server: &AuthorizationServer) -> i64 {
    let sql = "SELECT COUNT(*) FROM authorization_request";
    server
        .db()
        .find(sql, &[], |row| row.integer(0))
        .await
        .unwrap()
        .unwrap()
}

/// RFC 6749 section 4.1.2.1.
#[tokio::test]
async fn what_is_wrong_is_answered_at_the_redirect_uri() {
    let bench = bench().await;
    let long = "s".repeat(2_001);
    let rows = [
        (with("response_type", ""), "invalid_request"),
        (with("response_type", "token"), "unsupported_response_type"),
        (
            with("response_type", "id_token"),
            "unsupported_response_type",
        ),
        (
            with("response_type", "code token"),
            "unsupported_response_type",
        ),
        (with("response_mode", "fragment"), "invalid_request"),
        (with("response_mode", "form_post"), "invalid_request"),
        (with("code_challenge", ""), "invalid_request"),
        (with("code_challenge", "short"), "invalid_request"),
        (with("code_challenge_method", ""), "invalid_request"),
        (with("code_challenge_method", "plain"), "invalid_request"),
        (with("code_challenge_method", "s256"), "invalid_request"),
        (with("scope", "system/Bundle.c"), "invalid_scope"),
        (
            with("scope", "user/Bundle.r  user/Bundle.s"),
            "invalid_scope",
        ),
        (with("scope", "\"quoted\""), "invalid_scope"),
        (
            with("resource", "https://other.example/fhir"),
            "invalid_target",
        ),
        (with("aud", "https://other.example/fhir"), "invalid_target"),
        (with("prompt", "none"), "login_required"),
        (with("prompt", "none login"), "invalid_request"),
        (
            with("request", "eyJhbGciOiJub25lIn0.e30."),
            "request_not_supported",
        ),
        (
            with("request_uri", "https://a.example/"),
            "request_uri_not_supported",
        ),
        (with("state", &long), "invalid_request"),
        (with("state", "a\tb"), "invalid_request"),
        (with("state", "a\u{85}b"), "invalid_request"),
        (with("state", "a\r\nb"), "invalid_request"),
    ];
    let mut browser = TestBrowser::new(&bench);
    for (parameters, code) in &rows {
        let page = browser.get(&address(parameters)).await;
        assert_error(&page, code);
        let state = parameters
            .iter()
            .find(|(name, _)| *name == "state")
            .unwrap()
            .1;
        let echo = (state == "s t&=é%").then_some(state);
        assert_eq!(page.answer().get("state").map(String::as_str), echo);
    }
    assert_eq!(requests(&bench.server).await, 0);
    let audit = bench.audit("authorize").await;
    assert_eq!(audit.len(), rows.len());
    assert!(
        audit
            .iter()
            .all(|row| row.client_id.as_deref() == Some("app"))
    );
}

#[tokio::test]
async fn a_client_without_the_grant_is_unauthorized() {
    let bench = bench().await;
    // Registration refuses such a client; a database of another version may hold one.
    let sql = "UPDATE client SET grant_types = '[\"client_credentials\"]' WHERE client_id = 'app'";
    bench.server.db().write(Statement(sql)).await.unwrap();
    let page = TestBrowser::new(&bench).get(&address(&request())).await;
    assert_error(&page, "unauthorized_client");
}

/// RFC 6749 section 3.1: a request that repeats a parameter has no meaning, but the error has an
/// address as long as client and redirect URI are there once.
#[tokio::test]
async fn repeated_parameters() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    let right = form::encode(&request());
    for (name, state) in [
        ("scope", true),
        ("code_challenge", true),
        ("x", true),
        ("state", false),
    ] {
        let twice = format!("/oauth2/authorize?{right}&{name}=1&{name}=2");
        let page = browser.get(&twice).await;
        assert_error(&page, "invalid_request");
        assert_eq!(page.answer().contains_key("state"), state, "{name}");
    }
    let page = browser
        .get(&format!("/oauth2/authorize?{right}&x=%zz"))
        .await;
    assert_error(&page, "invalid_request");
    for name in ["client_id", "redirect_uri", "client%5fid", "redirect_ur%69"] {
        let page = browser
            .get(&format!("/oauth2/authorize?{right}&{name}=app"))
            .await;
        assert_eq!(
            (page.status, page.location()),
            (StatusCode::BAD_REQUEST, ""),
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_unknown_or_disabled_client_gets_a_page() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    for client_id in ["", "App", "app ", "other", "vro-rs"] {
        let page = browser.get(&address(&with("client_id", client_id))).await;
        assert_eq!(
            (page.status, page.location()),
            (StatusCode::BAD_REQUEST, ""),
            "{client_id}"
        );
    }
    bench.admin.set_client_disabled("app", true).await.unwrap();
    let page = browser.get(&address(&request())).await;
    assert_eq!(
        (page.status, page.location()),
        (StatusCode::BAD_REQUEST, "")
    );
    assert!(page.html.contains("not known here") && page.html.contains("r-1"));
}

/// RFC 9700 section 2.1: never anywhere but to the registered address.
#[tokio::test]
async fn hostile_redirect_uris_get_a_page() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    let hostile = [
        "",
        "https://ehr.example/client/callback/",
        "https://ehr.example/client/callback?",
        "https://ehr.example/client/callback?x=1",
        "https://ehr.example/client/callback#",
        "https://ehr.example/client/callback#x",
        "https://ehr.example/client/callbacK",
        "https://ehr.example/client/callback/../callback",
        "https://ehr.example/client/./callback",
        "https://ehr.example/client//callback",
        "https://ehr.example/client/%63allback",
        "https://ehr.example/client/callback%00",
        "https://ehr.example/client/callback\\",
        "https://ehr.example\\@evil.example/client/callback",
        "https://ehr.example:443/client/callback",
        "https://EHR.example/client/callback",
        "HTTPS://ehr.example/client/callback",
        "https://ehr.example./client/callback",
        "https://ehr.example.evil.example/client/callback",
        "https://evil.example/client/callback",
        "https://evil.example/https://ehr.example/client/callback",
        "https://user@ehr.example/client/callback",
        "http://ehr.example/client/callback",
        "//ehr.example/client/callback",
        "/client/callback",
        "javascript:alert(1)",
        "data:text/html,x",
        " https://ehr.example/client/callback",
        "https://ehr.example/client/callback ",
        "https://ehr.example/client/callback\r\nx: y",
    ];
    for uri in hostile {
        // Also when something else is wrong: errors are not sent there either.
        for more in [("x", "y"), ("response_type", "token"), ("prompt", "none")] {
            let mut parameters = with("redirect_uri", uri);
            parameters.retain(|(name, _)| *name != more.0);
            parameters.push(more);
            let page = browser.get(&address(&parameters)).await;
            assert_eq!(
                (page.status, page.location()),
                (StatusCode::BAD_REQUEST, ""),
                "{uri}"
            );
        }
    }
    assert_eq!(requests(&bench.server).await, 0);
}

/// RFC 8252 section 7.3.
#[tokio::test]
async fn a_loopback_redirect_uri_may_have_any_port() {
    let bench = bench().await;
    let redirect_uris = vec![
        "http://127.0.0.1/cb".to_owned(),
        "https://app.example".to_owned(),
    ];
    bench
        .add(NewClient {
            redirect_uris,
            ..public_client("cli")
        })
        .await;
    let mut browser = TestBrowser::new(&bench);
    for (uri, opens) in [
        ("http://127.0.0.1:49152/cb", true),
        ("http://127.0.0.1:80/cb", true),
        ("https://app.example", true),
        ("http://localhost:49152/cb", false),
        ("http://127.0.0.1:49152/other", false),
        ("http://127.0.0.1:49152@evil.example/cb", false),
        ("http://127.0.0.2:49152/cb", false),
        ("https://app.example/", false),
    ] {
        let mut parameters = with("redirect_uri", uri);
        parameters.retain(|(name, _)| *name != "client_id");
        parameters.push(("client_id", "cli"));
        let page = browser.get(&address(&parameters)).await;
        assert_eq!(page.status == StatusCode::SEE_OTHER, opens, "{uri}");
        // The address goes back letter by letter, and so does the one that the code is bound to.
        parameters.push(("prompt", "none"));
        let page = browser.get(&address(&parameters)).await;
        assert_eq!(
            page.location().starts_with(&format!("{uri}?error=")),
            opens,
            "{uri}"
        );
    }
}

#[tokio::test]
async fn the_query_of_a_redirect_uri_stays() {
    let bench = bench().await;
    let redirect_uris = vec![
        "https://app.example/cb?x=%7e&y".to_owned(),
        "https://app.example/d?".to_owned(),
    ];
    bench
        .add(NewClient {
            redirect_uris,
            ..public_client("query")
        })
        .await;
    let mut browser = TestBrowser::new(&bench);
    for (uri, start) in [
        (
            "https://app.example/cb?x=%7e&y",
            "https://app.example/cb?x=%7e&y&error=",
        ),
        ("https://app.example/d?", "https://app.example/d?error="),
    ] {
        let mut parameters = with("redirect_uri", uri);
        parameters.retain(|(name, _)| *name != "client_id");
        parameters.extend([("client_id", "query"), ("prompt", "none")]);
        let page = browser.get(&address(&parameters)).await;
        assert!(page.location().starts_with(start), "{}", page.location());
    }
}

#[tokio::test]
async fn no_other_origin_may_read_the_endpoint() {
    let bench = bench().await;
    let headers = [("origin", "https://ehr.example")];
    let get = Bench::raw(axum::http::Method::GET, &address(&request()), &headers, "");
    let answer = bench.send(get).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    let put = Bench::raw(axum::http::Method::PUT, "/oauth2/authorize", &headers, "");
    assert_eq!(bench.send(put).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

/// A POST comes from another site without our cookies; the redirect to a GET brings them.
#[tokio::test]
async fn a_post_from_another_site_is_resumed_in_the_browser() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut browser = TestBrowser::new(&bench);
        browser.reach_consent(&request(), "r.smith").await;
        let cookies = browser.cookies.clone();

        let cross = [
            ("origin", "https://ehr.example"),
            ("sec-fetch-site", "cross-site"),
        ];
        browser.cookies.clear();
        let posted = browser
            .post_with("/oauth2/authorize", &owned(&request()), &cross)
            .await;
        assert_eq!(posted.status, StatusCode::SEE_OTHER);
        assert!(
            posted
                .location()
                .starts_with("/oauth2/authorize/resume?request=")
        );
        assert!(!posted.headers.contains_key("set-cookie"));
        browser.cookies = cookies;
        let resumed = browser.get(posted.location()).await;
        assert!(
            resumed.location().starts_with("/consent?request="),
            "{}",
            resumed.location()
        );
        let page = browser.get(resumed.location()).await;
        let answer = browser.decide(&page, "allow").await.answer();
        assert_eq!(answer["state"], "s t&=é%");

        // The address before it was claimed is worth nothing, here and elsewhere.
        for browser in [&mut browser, &mut TestBrowser::new(&bench)] {
            let page = browser.get(posted.location()).await;
            assert_eq!(page.status, StatusCode::BAD_REQUEST);
        }
        let page = browser.get("/oauth2/authorize/resume").await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
    })
    .await;
}

#[tokio::test]
async fn a_post_is_checked_like_a_get() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    let wrong = owned(&with("response_type", "token"));
    assert_error(
        &browser.post("/oauth2/authorize", &wrong).await,
        "unsupported_response_type",
    );
    let wrong = owned(&with("redirect_uri", "https://evil.example/"));
    let page = browser.post("/oauth2/authorize", &wrong).await;
    assert_eq!(
        (page.status, page.location()),
        (StatusCode::BAD_REQUEST, "")
    );
    // Parameters of a POST are in its body.
    let page = browser.post(&address(&request()), &[]).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    let json = [("content-type", "application/json")];
    let page = browser
        .post_with("/oauth2/authorize", &owned(&request()), &json)
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    let big = owned(&with("x", &"x".repeat(70_000)));
    let page = browser.post("/oauth2/authorize", &big).await;
    assert_eq!(page.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(page.html.contains("too large"));
}

#[tokio::test]
async fn prompt() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    browser.reach_consent(&request(), "r.smith").await;
    let page = browser.get(&address(&with("prompt", "none"))).await;
    assert_error(&page, "consent_required");
    let page = browser.get(&address(&with("prompt", "consent"))).await;
    assert!(page.location().starts_with("/consent?"));

    // `login`: the session from before the request does not count, a new one does.
    bench.clock.advance(SignedDuration::from_secs(1));
    let page = browser.open(&with("prompt", "login")).await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    let login = browser.get(page.location()).await;
    let signed_in = browser.sign_in(&login, "r.smith", PASSWORD).await;
    let consent = browser.get(signed_in.location()).await;
    assert_eq!(consent.status, StatusCode::OK);
    assert!(
        browser
            .decide(&consent, "allow")
            .await
            .answer()
            .contains_key("code")
    );
}

/// OpenID Connect Core section 3.1.2.1: a sign-in older than `max_age` does not count, pushed or not.
#[tokio::test]
async fn max_age() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut browser = TestBrowser::new(&bench);
        browser.reach_consent(&request(), "r.smith").await;
        bench.clock.advance(SignedDuration::from_secs(60));
        for (max_age, page) in [
            ("61", "/consent?"),
            ("60", "/consent?"),
            ("59", "/login?"),
            ("0", "/login?"),
        ] {
            let opened = browser.get(&address(&with("max_age", max_age))).await;
            // The page to decide on sends on to sign in.
            let shown = browser.get(opened.location()).await;
            let last = match shown.status {
                StatusCode::SEE_OTHER => shown.location(),
                _ => opened.location(),
            };
            assert!(last.starts_with(page), "{max_age}: {last}");
        }
        let mut silent = with("max_age", "59");
        silent.push(("prompt", "none"));
        assert_error(&browser.get(&address(&silent)).await, "login_required");
        for unreadable in ["-1", "5 minutes", "1e3", "99999999999"] {
            let page = browser.get(&address(&with("max_age", unreadable))).await;
            assert_error(&page, "invalid_request");
        }
    })
    .await;
}

/// The hint fills the field and is text; one that is no name is dropped.
#[tokio::test]
async fn login_hint() {
    let bench = bench().await;
    let page = TestBrowser::new(&bench)
        .open(&with("login_hint", "r.smith"))
        .await;
    assert!(page.html.contains("value=\"r.smith\""), "{}", page.html);
    let hostile = with("login_hint", "\"><b id=canary>");
    let page = TestBrowser::new(&bench).open(&hostile).await;
    assert!(page.html.contains("canary") && !page.html.contains("<b id"));
    let long = "x".repeat(201);
    let page = TestBrowser::new(&bench)
        .open(&with("login_hint", &long))
        .await;
    assert!(
        page.html.contains("name=\"username\" value=\"\""),
        "{}",
        page.html
    );
}
