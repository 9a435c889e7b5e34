//! RFC 8414: whose metadata is believed.

use client::{DiscoveryError, TokenError};
use jiff::SignedDuration;
use outbound::testing::Answer;

use crate::support::{METADATA, Setting, TOKEN, metadata, stage, stage_where};

async fn reason(body: impl Fn(&str) -> String + Send + Sync + 'static) -> String {
    let stage = stage_where(move |origin, asked| {
        (asked.target == METADATA).then(|| Answer::json(200, body(origin)))
    })
    .await;
    let peer = stage.peer();
    let error = stage.client.api_token(peer, &peer.fhir).await.unwrap_err();
    assert_eq!(stage.server.count(TOKEN), 0, "no credentials were sent");
    match error {
        TokenError::Discovery(DiscoveryError::Unusable { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn rfc8414_section_3_3_another_issuer_is_refused() {
    for wrong in ["https://evil.example", "ORIGIN/", "ORIGIN/x", ""] {
        let found = reason(move |origin| {
            let issuer = wrong.replace("ORIGIN", origin);
            metadata(origin).replacen(&format!(r#""{origin}""#), &format!(r#""{issuer}""#), 1)
        })
        .await;
        assert_eq!(found, "it names another issuer", "{wrong}");
    }
}

#[tokio::test]
async fn endpoints_elsewhere_or_in_the_clear_are_refused() {
    for (wrong, text) in [
        (
            "https://evil.example/token",
            "token_endpoint is not on the issuer's origin",
        ),
        ("http://localhost/token", "token_endpoint is not https"),
        ("/oauth2/token", "token_endpoint is not a URL"),
    ] {
        let found = reason(move |origin| {
            metadata(origin).replace(&format!("{origin}/oauth2/token"), wrong)
        })
        .await;
        assert_eq!(found, text);
    }
}

#[tokio::test]
async fn what_is_no_metadata_is_refused() {
    assert_eq!(reason(|_| "<html>".into()).await, "not a metadata document");
    let found = reason(|origin| metadata(origin).replace("token_endpoint", "other")).await;
    assert!(["it names no token_endpoint", "not a metadata document"].contains(&found.as_str()));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let stage = stage_where(|origin, asked| {
        (asked.target == METADATA)
            .then(|| Answer::empty(302).header("location", format!("{origin}/elsewhere")))
    })
    .await;
    let peer = stage.peer();
    stage.client.api_token(peer, &peer.fhir).await.unwrap_err();
    assert_eq!(stage.server.count("/elsewhere"), 0);
}

#[tokio::test]
async fn metadata_is_kept_for_ten_minutes() {
    let stage = stage(Setting::default()).await;
    let peer = stage.peer();
    for (minutes, fetched) in [(0, 1), (9, 1), (2, 2)] {
        stage.clock.advance(SignedDuration::from_mins(minutes));
        stage.client.api_token(peer, &peer.fhir).await.unwrap();
        assert_eq!(stage.server.count(METADATA), fetched);
    }
}
