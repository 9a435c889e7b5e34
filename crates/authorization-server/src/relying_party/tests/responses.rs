//! Responses that nobody may be signed in by: of the authorization endpoint by way of the browser, and of the token
//! endpoint.

use axum::http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use super::super::testing::*;
use super::hostile::assert_refused;
use crate::pages::testing::*;
use crate::testing::at_once;

/// What comes back, the status and the reason.
type Row = (&'static [(&'static str, &'static str)], u16, &'static str);

#[tokio::test]
async fn authorization_responses() {
    let there = There::new(|_, _| {}).await;
    let issuer = there.op.origin();
    let over = OVER;
    let rows: [Row; 17] = [
        (&[("code", "c")], 400, over),
        (&[("code", "c"), ("state", "")], 400, over),
        (&[("code", "c"), ("state", "canary")], 400, over),
        (
            &[
                ("code", "c"),
                ("state", "STATE"),
                ("iss", "https://evil.example"),
            ],
            502,
            "not to be trusted: another issuer's response",
        ),
        (
            &[
                ("error", "access_denied"),
                ("state", "STATE"),
                ("iss", "https://evil.example"),
            ],
            502,
            "not to be trusted: another issuer's response",
        ),
        (
            &[("code", "c"), ("state", "STATE")],
            502,
            "not to be trusted: a response without iss",
        ),
        (
            &[("state", "STATE"), ("iss", "ISS")],
            502,
            "not to be trusted: neither code nor error",
        ),
        (
            &[
                ("error", "access_denied"),
                ("error_description", "canary"),
                ("state", "STATE"),
                ("iss", "ISS"),
            ],
            403,
            "refused there: access_denied",
        ),
        (
            &[
                ("error", "login_required"),
                ("state", "STATE"),
                ("iss", "ISS"),
            ],
            403,
            "refused there: login_required",
        ),
        (
            &[
                ("error", "interaction_required"),
                ("state", "STATE"),
                ("iss", "ISS"),
            ],
            403,
            "refused there: interaction_required",
        ),
        (
            &[
                ("error", "consent_required"),
                ("state", "STATE"),
                ("iss", "ISS"),
            ],
            403,
            "refused there: consent_required",
        ),
        (
            &[
                ("error", "account_selection_required"),
                ("state", "STATE"),
                ("iss", "ISS"),
            ],
            403,
            "refused there: account_selection_required",
        ),
        (
            &[
                ("error", "temporarily_unavailable"),
                ("state", "STATE"),
                ("iss", "ISS"),
            ],
            503,
            "not available: temporarily_unavailable",
        ),
        (
            &[
                ("error", "server_error"),
                ("state", "STATE"),
                ("iss", "ISS"),
            ],
            503,
            "not available: server_error",
        ),
        (
            &[
                ("error", "invalid_scope"),
                ("state", "STATE"),
                ("iss", "ISS"),
            ],
            502,
            "our request was refused: invalid_scope",
        ),
        (
            &[
                ("error", "unauthorized_client"),
                ("state", "STATE"),
                ("iss", "ISS"),
            ],
            502,
            "our request was refused: unauthorized_client",
        ),
        (
            &[
                ("error", "<x> é"),
                ("code", "c"),
                ("state", "STATE"),
                ("iss", "ISS"),
            ],
            502,
            "our request was refused: <x>",
        ),
    ];
    for (answer, status, reason) in rows {
        let mut browser = TestBrowser::new(&there.bench);
        let login = browser.get("/login").await;
        let sent = there.press(&mut browser, &login).await;
        there.will_say(&there.claims(&sent, &json!({})));
        let filled: Vec<(&str, &str)> = answer
            .iter()
            .map(|(name, value)| match *value {
                "STATE" => (*name, sent.get("state")),
                "ISS" => (*name, issuer.as_str()),
                _ => (*name, *value),
            })
            .collect();
        let page = browser.get(&callback(&filled)).await;
        assert_refused(&there, &mut browser, &page, status, reason).await;
        assert_eq!(
            page.header("retry-after"),
            if status == 503 { "30" } else { "" }
        );
        // The state has been used up by whatever came with it.
        if filled.iter().any(|(_, value)| *value == sent.get("state")) {
            let again = there.back(&mut browser, &sent).await;
            assert_refused(&there, &mut browser, &again, 400, over).await;
        }
    }
    assert_eq!(there.op.count("/token"), 0, "no code of these was redeemed");
    for malformed in [
        "code=a&code=b&state=c",
        "state=a&state=b",
        "code=%ff",
        "x=%0a",
    ] {
        let mut browser = TestBrowser::new(&there.bench);
        let page = browser
            .get(&format!("/login/with/state/callback?{malformed}"))
            .await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{malformed}");
    }
}

#[tokio::test]
async fn a_response_counts_once_in_time_and_in_its_own_browser() {
    let there = There::new(|_, _| {}).await;
    let over = OVER;
    let mut browser = TestBrowser::new(&there.bench);
    let login = browser.get("/login").await;
    let sent = there.press(&mut browser, &login).await;
    there.will_say(&there.claims(&sent, &json!({})));
    // An attacker's response, with a code of his own, in the victim's browser; and the victim's in his.
    let mut victim = TestBrowser::new(&there.bench);
    victim.get("/login").await;
    let page = there.back(&mut victim, &sent).await;
    assert_refused(&there, &mut victim, &page, 400, over).await;
    let mut nobody = TestBrowser::new(&there.bench);
    let page = there.back(&mut nobody, &sent).await;
    assert_refused(&there, &mut nobody, &page, 400, over).await;
    // That has not used it up for whose it is.
    there.bench.clock.advance(SignedDuration::from_secs(599));
    there.will_say(&there.claims(&sent, &json!({})));
    let mut copies: Vec<TestBrowser> = (0..8).map(|_| browser.copy(&there.bench)).collect();
    let answers = at_once(copies.iter_mut().map(|it| there.back(it, &sent))).await;
    let signed_in = answers.iter().filter(|page| page.location() == "/account");
    assert_eq!(signed_in.count(), 1, "of eight at once one");
    assert_eq!(there.op.count("/token"), 1);

    let mut late = TestBrowser::new(&there.bench);
    let login = late.get("/login").await;
    let sent = there.press(&mut late, &login).await;
    there.bench.clock.advance(SignedDuration::from_mins(10));
    there.will_say(&there.claims(&sent, &json!({})));
    let page = there.back(&mut late, &sent).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.html.contains("This sign-in is over"));
    assert_eq!(
        there.bench.server.clean().await.unwrap(),
        1,
        "what nobody came back for is removed"
    );
}

#[tokio::test]
async fn token_responses() {
    let there = There::new(|_, _| {}).await;
    let big =
        json!({"access_token": "canary".repeat(50_000), "token_type": "Bearer", "id_token": "x"});
    let rows = [
        (
            400,
            r#"{"error":"invalid_grant","error_description":"canary"}"#.to_owned(),
            502,
            "not to be trusted: the code was refused: invalid_grant",
        ),
        (
            401,
            r#"{"error":"invalid_client"}"#.to_owned(),
            502,
            "our request was refused: invalid_client",
        ),
        (
            400,
            r#"{"error":"access_denied"}"#.to_owned(),
            502,
            "our request was refused: access_denied",
        ),
        (
            400,
            "<html>canary".to_owned(),
            502,
            "not to be trusted: neither a token response nor an OAuth error",
        ),
        (
            302,
            String::new(),
            502,
            "not to be trusted: neither a token response nor an OAuth error",
        ),
        (
            429,
            String::new(),
            503,
            "not available: token endpoint: 429",
        ),
        (
            500,
            String::new(),
            503,
            "not available: token endpoint: 500",
        ),
        (
            503,
            r#"{"error":"invalid_grant"}"#.to_owned(),
            503,
            "not available: token endpoint: 503",
        ),
        (
            200,
            String::new(),
            502,
            "not to be trusted: no token response with an ID Token",
        ),
        (
            200,
            "[]".to_owned(),
            502,
            "not to be trusted: no token response with an ID Token",
        ),
        (
            200,
            r#"{"access_token":"a","token_type":"Bearer"}"#.to_owned(),
            502,
            "not to be trusted: no token response with an ID Token",
        ),
        (
            200,
            r#"{"access_token":"a","token_type":"Bearer","id_token":"a","id_token":"b"}"#
                .to_owned(),
            502,
            "not to be trusted: no token response with an ID Token",
        ),
        (
            200,
            r#"{"access_token":"a","token_type":"mac","id_token":"a"}"#.to_owned(),
            502,
            "not to be trusted: not a Bearer token",
        ),
        (
            200,
            big.to_string(),
            502,
            "not to be trusted: the token response is too large",
        ),
    ];
    for (answered, body, status, reason) in rows {
        let mut browser = TestBrowser::new(&there.bench);
        let login = browser.get("/login").await;
        let sent = there.press(&mut browser, &login).await;
        there.script(|script| {
            script.token_status = answered;
            script.token = body;
            script.token_header = Some(("location", "/elsewhere"));
        });
        let page = there.back(&mut browser, &sent).await;
        assert_refused(&there, &mut browser, &page, status, reason).await;
    }
    assert_eq!(there.op.count("/elsewhere"), 0, "no redirect is followed");
}

#[tokio::test]
async fn the_answer_of_one_provider_is_not_another_s() {
    let there = There::new(|provider, config| {
        config
            .identity_providers
            .push(super::super::IdentityProvider {
                name: "other".to_owned(),
                ..provider.clone()
            });
    })
    .await;
    let mut browser = TestBrowser::new(&there.bench);
    let login = browser.get("/login").await;
    let sent = there.press(&mut browser, &login).await;
    there.will_say(&there.claims(&sent, &json!({})));
    let query = oauth::form::encode(&[("code", "c"), ("state", sent.get("state"))]);
    let page = browser
        .get(&format!("/login/with/other/callback?{query}"))
        .await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert_eq!(there.op.count("/token"), 0);
}

const OVER: &str = "the sign-in is over, or another browser's";
