//! Providers that are not what they should be or not there, and the button.

use axum::http::StatusCode;
use serde_json::json;

use super::super::testing::*;
use super::hostile::assert_refused;
use crate::pages::testing::*;

#[tokio::test]
async fn metadata() {
    let rows = [
        (
            200,
            json!({"issuer": "https://evil.example"}),
            "it names another issuer",
        ),
        (
            200,
            json!({"token_endpoint": null}),
            "an endpoint is missing",
        ),
        (200, json!({"jwks_uri": null}), "an endpoint is missing"),
        (
            200,
            json!({"authorization_endpoint": null}),
            "an endpoint is missing",
        ),
        (
            200,
            json!({"token_endpoint": "http://localhost/token"}),
            "an endpoint is no plain https URL",
        ),
        (
            200,
            json!({"authorization_endpoint": "javascript:alert(1)"}),
            "an endpoint is no plain https URL",
        ),
        (
            200,
            json!({"jwks_uri": "https://user@localhost/jwks"}),
            "an endpoint is no plain https URL",
        ),
        (
            200,
            json!({"end_session_endpoint": "https://localhost/#x"}),
            "an endpoint is no plain https URL",
        ),
        (
            200,
            json!({"token_endpoint": "nothing"}),
            "an endpoint is no URL",
        ),
        (
            200,
            json!({"token_endpoint": ["a"]}),
            "no metadata document",
        ),
        (500, json!({}), "status 500"),
        (302, json!({}), "status 302"),
    ];
    for (status, metadata, reason) in rows {
        let there = There::new(|_, _| {}).await;
        there.script(|script| {
            script.metadata_status = status;
            script.metadata = metadata;
        });
        let mut browser = TestBrowser::new(&there.bench);
        let login = browser.open(&request()).await;
        let sent = there.press(&mut browser, &login).await;
        let reason = format!("not available: metadata: {reason}");
        assert_refused(&there, &mut browser, &sent.page, 503, &reason).await;
        assert_eq!(sent.page.header("retry-after"), "30");
        assert!(
            sent.page.html.contains("href=\"/login?request="),
            "other ways to sign in"
        );
    }
}

#[tokio::test]
async fn a_provider_that_is_away() {
    let there = There::new(|provider, _| provider.issuer = "https://127.0.0.1:1".to_owned()).await;
    let mut browser = TestBrowser::new(&there.bench);
    browser.language = "es";
    let login = browser.open(&request()).await;
    let sent = there.press(&mut browser, &login).await;
    assert_eq!(sent.page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        sent.page
            .html
            .contains("No se puede acceder al inicio de sesión")
    );
    let page = browser.sign_in(&login, "r.smith", PASSWORD).await;
    assert!(
        page.location().starts_with("/consent?"),
        "the password still works"
    );

    // Its keys only.
    let there = There::new(|_, _| {}).await;
    let nowhere = json!({"jwks_uri": format!("{}/nothing", there.op.origin())});
    there.script(|script| script.metadata = nowhere);
    let (mut browser, page) = there.sign_in(&json!({})).await;
    assert_refused(
        &there,
        &mut browser,
        &page,
        503,
        "not available: its keys cannot be fetched",
    )
    .await;
}

#[tokio::test]
async fn the_button_is_a_form_of_our_own_page() {
    let there = There::new(|_, _| {}).await;
    let mut browser = TestBrowser::new(&there.bench);
    let login = browser.get("/login").await;
    let fields = login.form("/login/with/state");
    let foreign = [("origin", "https://evil.example")];
    let page = browser
        .post_with("/login/with/state", &fields, &foreign)
        .await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let without: Vec<_> = fields
        .iter()
        .filter(|(name, _)| name != "csrf_token")
        .cloned()
        .collect();
    let page = browser.post("/login/with/state", &without).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let mut other = TestBrowser::new(&there.bench);
    other.get("/login").await;
    assert_eq!(
        other.post("/login/with/state", &fields).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        browser.get("/login/with/state").await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
    for unknown in ["/login/with/other", "/login/with/STATE"] {
        let page = browser.post(unknown, &fields).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{unknown}");
    }
    assert_eq!(
        browser
            .get("/login/with/other/callback?code=a")
            .await
            .status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(there.op.connections(), 0, "nobody was asked anything");
}

#[tokio::test]
async fn the_sign_in_page_lets_its_forms_lead_there_and_to_the_client_and_nowhere_else() {
    let there = There::new(|provider, _| {
        provider.redirect_origins = vec!["https://adfs.state.example".parse().unwrap()];
    })
    .await;
    let mut browser = TestBrowser::new(&there.bench);
    let forms = |page: &Page| {
        let policy = page.header("content-security-policy");
        policy.rsplit_once("form-action ").unwrap().1.to_owned()
    };
    let issuer = there.op.origin();
    let login = browser.get("/login").await;
    assert_eq!(
        forms(&login),
        format!("'self' {issuer} https://adfs.state.example")
    );
    let login = browser.open(&request()).await;
    assert_eq!(
        forms(&login),
        format!("'self' {issuer} https://adfs.state.example https://ehr.example")
    );
}
