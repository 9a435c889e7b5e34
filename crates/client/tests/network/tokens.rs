//! The API user's tokens: single flight, renewal, authentication, refusals.

use client::TokenError;
use client::config::{AssertionAudience, Credentials};
use jiff::SignedDuration;
use oauth::jose::{Algorithm, SigningKey};
use outbound::testing::Answer;

use crate::support::{Setting, TOKEN, stage, stage_where};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_who_need_a_token_cause_one_request() {
    let stage = stage(Setting::default()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let client = stage.client.clone();
        tasks.spawn(async move {
            let peer = client.peer("vro").unwrap();
            client
                .api_token(peer, &peer.fhir)
                .await
                .unwrap()
                .expose()
                .to_owned()
        });
    }
    assert!(tasks.join_all().await.iter().all(|token| token == "vro_1"));
    assert_eq!(stage.server.count(TOKEN), 1);
}

#[tokio::test]
async fn each_audience_has_its_own_token() {
    let stage = stage(Setting::default()).await;
    let peer = stage.peer();
    for audience in peer.audiences() {
        stage.client.api_token(peer, audience).await.unwrap();
        stage.client.api_token(peer, audience).await.unwrap();
    }
    let asked: Vec<_> = stage
        .asked(TOKEN)
        .iter()
        .map(|r| r.form("resource"))
        .collect();
    let origin = stage.server.origin();
    assert_eq!(
        asked,
        [[format!("{origin}/own/fhir")], [format!("{origin}/fhir")]]
    );
}

#[tokio::test]
async fn a_token_is_renewed_in_the_last_fifth_of_its_life() {
    let stage = stage(Setting::default()).await;
    let peer = stage.peer();
    for (seconds, token) in [(0, "vro_1"), (79, "vro_1"), (1, "vro_2"), (79, "vro_2")] {
        stage.clock.advance(SignedDuration::from_secs(seconds));
        let held = stage.client.api_token(peer, &peer.fhir).await.unwrap();
        assert_eq!(held.expose(), token);
    }
    // RFC 6749 section 4.4.3: by a new request, not by a refresh token.
    assert!(
        stage
            .asked(TOKEN)
            .iter()
            .all(|r| r.form("grant_type") == ["client_credentials"])
    );
}

#[tokio::test]
async fn rfc6749_section_2_3_1_encodes_both_parts_of_the_secret() {
    let stage = stage(Setting::default()).await;
    stage
        .client
        .api_token(stage.peer(), &stage.peer().fhir)
        .await
        .unwrap();
    let asked = &stage.asked(TOKEN)[0];
    // base64 of api:s%3Aecret%2F%2B
    assert_eq!(
        asked.header("authorization"),
        Some("Basic YXBpOnMlM0FlY3JldCUyRiUyQg==")
    );
    assert!(asked.form("client_secret").is_empty());
    assert_eq!(asked.form("scope"), ["system/Bundle.crs"]);
}

fn member(assertion: &str, part: usize, name: &str) -> serde_json::Value {
    use base64::Engine;
    let text = assertion.split('.').nth(part).unwrap();
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(text)
        .unwrap();
    serde_json::from_slice::<serde_json::Value>(&json).unwrap()[name].clone()
}

#[tokio::test]
async fn assertions_are_addressed_as_configured_and_never_repeated() {
    for (style, audience) in [
        (AssertionAudience::Issuer, ""),
        (AssertionAudience::TokenEndpoint, "/oauth2/token"),
    ] {
        let key = SigningKey::generate(Algorithm::ES384).unwrap();
        let stage = stage(Setting {
            credentials: Credentials::PrivateKey(Box::new(key)),
            assertion_audience: style,
            ..Setting::default()
        })
        .await;
        for audience in stage.peer().audiences() {
            stage
                .client
                .api_token(stage.peer(), audience)
                .await
                .unwrap();
        }
        let asked = stage.asked(TOKEN);
        let assertions: Vec<String> = asked
            .iter()
            .map(|r| r.form("client_assertion")[0].clone())
            .collect();
        let expected = format!("{}{audience}", stage.server.origin());
        for assertion in &assertions {
            assert_eq!(member(assertion, 1, "aud"), expected);
            assert_eq!(member(assertion, 1, "iss"), "api");
            assert_eq!(member(assertion, 1, "sub"), "api");
        }
        if style == AssertionAudience::Issuer {
            assert_eq!(
                member(&assertions[0], 0, "typ"),
                "client-authentication+jwt"
            );
        }
        assert_ne!(
            member(&assertions[0], 1, "jti"),
            member(&assertions[1], 1, "jti")
        );
        assert_eq!(asked[0].header("authorization"), None);
    }
}

#[tokio::test]
async fn a_public_client_is_no_api_user() {
    let stage = stage(Setting {
        credentials: Credentials::Public,
        ..Setting::default()
    })
    .await;
    let error = stage
        .client
        .api_token(stage.peer(), &stage.peer().fhir)
        .await
        .unwrap_err();
    assert!(matches!(error, TokenError::Credentials(_)));
    assert!(stage.server.recorded().is_empty());
}

async fn refusal(status: u16, body: &'static str) -> TokenError {
    let stage =
        stage_where(move |_, asked| (asked.target == TOKEN).then(|| Answer::json(status, body)))
            .await;
    stage
        .client
        .api_token(stage.peer(), &stage.peer().fhir)
        .await
        .unwrap_err()
}

#[tokio::test]
async fn rfc6749_section_5_2_errors_are_told() {
    let body = "{\"error\":\"invalid_client\",\"error_description\":\"unknown\\u001b[31m client\"}";
    let error = refusal(401, body).await;
    let text = error.to_string();
    assert_eq!(
        text,
        "the authorization server refused: invalid_client (unknown [31m client)"
    );
    assert!(matches!(
        refusal(400, "<html>").await,
        TokenError::Malformed(_)
    ));
    assert!(matches!(refusal(302, "{}").await, TokenError::Malformed(_)));
    assert!(matches!(
        refusal(500, "{}").await,
        TokenError::Unavailable { status: 500, .. }
    ));
}

#[tokio::test]
async fn tokens_that_cannot_be_used_are_refused() {
    for (body, text) in [
        (
            r#"{"access_token":"a","token_type":"DPoP"}"#,
            "not a Bearer token",
        ),
        (
            r#"{"access_token":"","token_type":"Bearer"}"#,
            "no usable access_token",
        ),
        (
            r#"{"access_token":"a\r\nx: y","token_type":"Bearer"}"#,
            "no usable access_token",
        ),
        (
            r#"{"access_token":"a","token_type":"Bearer","scope":"\u0001"}"#,
            "no usable scope",
        ),
        (r#"{"token_type":"Bearer"}"#, "not a token response"),
    ] {
        assert_eq!(refusal(200, body).await, TokenError::Malformed(text));
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_again_when_it_says_and_not_for_ever() {
    let stage = stage_where(|_, asked| {
        (asked.target == TOKEN).then(|| Answer::empty(503).header("retry-after", "0"))
    })
    .await;
    let error = stage
        .client
        .api_token(stage.peer(), &stage.peer().fhir)
        .await
        .unwrap_err();
    assert_eq!(
        error,
        TokenError::Unavailable {
            status: 503,
            retry_after: Some(0)
        }
    );
    assert_eq!(stage.server.count(TOKEN), 3);
}
