//! Answers that nobody may be signed in by, one change at a time.

use axum::http::StatusCode;
use jiff::SignedDuration;
use oauth::jose::{Algorithm, SigningKey};
use serde_json::{Value, json};

use super::super::testing::*;
use crate::pages::testing::*;
use crate::testing::at_once;

/// The page, its audit row, and that nobody is signed in.
async fn assert_refused(
    there: &There,
    browser: &mut TestBrowser,
    page: &Page,
    status: u16,
    reason: &str,
) {
    assert_eq!(page.status.as_u16(), status, "{reason}: {}", page.html);
    // Rows of one millisecond have no order.
    there.bench.clock.advance(SignedDuration::from_millis(1));
    let newest = there
        .refusals()
        .await
        .into_iter()
        .next()
        .unwrap_or_default();
    assert_eq!(newest, format!("state: {reason}"));
    assert!(
        page.html.contains("<code class=\"line\">r-1</code>"),
        "the reference"
    );
    assert!(!page.html.contains("canary"));
    assert_eq!(browser.get("/account").await.location(), "/login");
    assert!(there.bench.admin.user("j.doe@state.example").await.is_err());
}

#[tokio::test]
async fn id_tokens() {
    let there = There::new(|_, _| {}).await;
    let now = there.bench.clock.now().as_second();
    let rows = [
        (
            json!({"iss": null}),
            "the ID Token's iss is missing or malformed",
        ),
        (
            json!({"iss": "https://evil.example"}),
            "the ID Token is another issuer's",
        ),
        (
            json!({"iss": format!("{}/", there.op.origin())}),
            "the ID Token is another issuer's",
        ),
        (
            json!({"aud": null}),
            "the ID Token's aud is missing or malformed",
        ),
        (
            json!({"aud": "other"}),
            "the ID Token is not for this client alone",
        ),
        (
            json!({"aud": []}),
            "the ID Token's aud is missing or malformed",
        ),
        (
            json!({"aud": ["vro-client", "other"]}),
            "the ID Token is not for this client alone",
        ),
        (
            json!({"azp": "other"}),
            "the ID Token was given to another client",
        ),
        (
            json!({"exp": null}),
            "the ID Token's exp is missing or malformed",
        ),
        (json!({"exp": now - 60}), "the ID Token has expired"),
        (
            json!({"iat": null}),
            "the ID Token's iat is missing or malformed",
        ),
        (json!({"iat": now + 61}), "the ID Token is not valid yet"),
        (json!({"iat": now - 661}), "the ID Token is too old"),
        (json!({"nbf": now + 61}), "the ID Token is not valid yet"),
        (
            json!({"nonce": null}),
            "the ID Token's nonce is missing or malformed",
        ),
        (
            json!({"nonce": "A".repeat(43)}),
            "the ID Token answers another request",
        ),
        (
            json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}),
            "the ID Token belongs to another access token",
        ),
        (
            json!({"sub": null}),
            "the ID Token's sub is missing or malformed",
        ),
        (
            json!({"sub": ""}),
            "the ID Token's sub is missing or malformed",
        ),
        (
            json!({"sub": "x".repeat(256)}),
            "the ID Token's sub is missing or malformed",
        ),
        (
            json!({"auth_time": now + 61}),
            "the ID Token is not valid yet",
        ),
        (
            json!({"canary": "x".repeat(40_000)}),
            "the ID Token is too long",
        ),
    ];
    for (changes, reason) in rows {
        let (mut browser, page) = there.sign_in(&changes).await;
        let reason = format!("not to be trusted: {reason}");
        assert_refused(&there, &mut browser, &page, 502, &reason).await;
    }
}

/// A JWT that is not the provider's key's over right claims.
type Forge = fn(&There, &Value) -> String;

#[tokio::test]
async fn signatures_and_headers() {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL;
    let there = There::new(|_, _| {}).await;
    let unsigned: Forge = |_, claims| {
        format!(
            "{}.{}.",
            URL.encode(r#"{"alg":"none"}"#),
            URL.encode(claims.to_string())
        )
    };
    let by_secret: Forge = |there, claims| {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        header.kid = Some(there.key.kid().to_owned());
        let key = jsonwebtoken::EncodingKey::from_secret(b"s3cret");
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    };
    let by_public_key: Forge = |there, claims| {
        let key = there.key.public_jwk().to_json().to_string();
        let key = jsonwebtoken::EncodingKey::from_secret(key.as_bytes());
        let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    };
    let by_another: Forge = |there, claims| {
        let other = SigningKey::generate(Algorithm::ES256).unwrap();
        signed(&other, claims, |header| {
            header.kid = Some(there.key.kid().to_owned());
        })
    };
    let unknown: Forge = |_, claims| {
        signed(
            &SigningKey::generate(Algorithm::ES256).unwrap(),
            claims,
            |_| {},
        )
    };
    let other_kind: Forge = |there, claims| {
        let other = SigningKey::generate(Algorithm::EdDSA).unwrap();
        signed(&other, claims, |header| {
            header.kid = Some(there.key.kid().to_owned());
        })
    };
    let other_typ: Forge = |there, claims| {
        signed(&there.key, claims, |header| {
            header.typ = Some("at+jwt".to_owned());
        })
    };
    let logout: Forge = |there, claims| {
        signed(&there.key, claims, |header| {
            header.typ = Some("logout+jwt".to_owned());
        })
    };
    let own_key: Forge = |there, claims| {
        signed(&there.key, claims, |header| {
            header.jku = Some("https://evil.example/jwks".to_owned());
        })
    };
    let own_chain: Forge = |there, claims| {
        signed(&there.key, claims, |header| {
            header.x5c = Some(vec!["AAAA".to_owned()]);
        })
    };
    let changed: Forge = |there, claims| {
        let jwt = signed(&there.key, claims, |_| {});
        let (head, rest) = jwt.split_once('.').unwrap();
        let signature = rest.split_once('.').unwrap().1;
        let mut other = claims.clone();
        other
            .as_object_mut()
            .unwrap()
            .insert("sub".to_owned(), "1".into());
        format!("{head}.{}.{signature}", URL.encode(other.to_string()))
    };
    let twice: Forge = |there, claims| {
        let jwt = signed(&there.key, claims, |_| {});
        format!("{jwt}.{jwt}")
    };
    let nothing: Forge = |_, _| String::new();
    let rows = [
        (unsigned, "the ID Token's alg is not allowed"),
        (by_secret, "the ID Token's alg is not allowed"),
        (by_public_key, "the ID Token's alg is not allowed"),
        (by_another, "the ID Token's signature is wrong"),
        (unknown, "the ID Token's key is not known"),
        (other_kind, "the ID Token's key is not known"),
        (other_typ, "the ID Token has the wrong typ"),
        (logout, "the ID Token has the wrong typ"),
        (own_key, "the ID Token's header must not have jku"),
        (own_chain, "the ID Token's header must not have x5c"),
        (changed, "the ID Token's signature is wrong"),
        (twice, "the ID Token's signature is wrong"),
        (nothing, "the ID Token is malformed"),
    ];
    for (forge, reason) in rows {
        let mut browser = TestBrowser::new(&there.bench);
        let login = browser.get("/login").await;
        let sent = there.press(&mut browser, &login).await;
        there.will_give(&forge(&there, &there.claims(&sent, &json!({}))));
        let page = there.back(&mut browser, &sent).await;
        let reason = format!("not to be trusted: {reason}");
        assert_refused(&there, &mut browser, &page, 502, &reason).await;
    }
}

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

const OVER: &str = "the sign-in is over, or another browser's";
