//! Reading and delivering: where tokens go, what is checked, what is repeated.

use std::sync::atomic::{AtomicBool, Ordering};

use client::config::FhirBase;
use client::{ExchangeError, sha256};
use outbound::testing::{Answer, Authority, Server};
use url::Url;

use crate::support::{RECORD, Setting, TOKEN, stage, stage_where};

#[tokio::test]
async fn a_record_is_read_delivered_and_read_back() {
    let stage = stage(Setting::default()).await;
    let source = stage.peer().resources[0].clone();
    let mut exchange = stage.client.as_api_user("vro").unwrap();
    let record = exchange.original(&source, "own1").await.unwrap();
    assert_eq!(record, RECORD);
    let delivered = exchange.deliver(&record).await.unwrap();
    assert_eq!(delivered.id, "r1");
    assert!(delivered.created);
    assert_eq!(delivered.sha256, sha256(RECORD));
    exchange.verify(&delivered).await.unwrap();
    // One token for the source, another for the receiver.
    let read = &stage.asked("/own/fhir/Bundle/own1/$original")[0];
    assert_eq!(read.header("authorization"), Some("Bearer vro_1"));
    let created = &stage.asked("/fhir/Bundle")[0];
    assert_eq!(created.header("authorization"), Some("Bearer vro_2"));
    assert_eq!(
        created.header("content-type"),
        Some("application/fhir+json")
    );
    let condition = "identifier=urn%3Atest%7Ca%26b%7C2019NJ15075";
    assert_eq!(created.header("if-none-exist"), Some(condition));
    assert_eq!(created.body, RECORD);
}

#[tokio::test]
async fn a_record_that_is_there_already_is_not_created() {
    let stage = stage_where(|origin, asked| {
        (asked.target == "/fhir/Bundle")
            .then(|| Answer::empty(200).header("location", format!("{origin}/fhir/Bundle/r1")))
    })
    .await;
    let delivered = stage
        .client
        .as_api_user("vro")
        .unwrap()
        .deliver(RECORD)
        .await
        .unwrap();
    assert!(!delivered.created);
}

#[tokio::test]
async fn a_token_goes_to_no_other_origin() {
    let authority = Authority::new();
    let other = Server::start(&authority, |_, _| Answer::empty(200)).await;
    let stage = stage(Setting::default()).await;
    let mut exchange = stage.client.as_api_user("vro").unwrap();
    let elsewhere = [
        other.url("/fhir/Bundle/1"),
        stage.server.url("/fhirx/Bundle/1"),
        stage.server.url("/oauth2/token"),
        Url::parse("https://localhost/fhir/Bundle/1").unwrap(),
        Url::parse(&stage.server.origin().replace("https:", "http:")).unwrap(),
    ];
    for url in elsewhere {
        let error = exchange.read(&url).await.unwrap_err();
        assert!(matches!(error, ExchangeError::NotAnAudience(_)), "{url}");
    }
    assert!(other.recorded().is_empty());
    assert!(stage.server.recorded().is_empty());
}

#[tokio::test]
async fn a_redirect_takes_the_token_nowhere() {
    let authority = Authority::new();
    let other = Server::start(&authority, |_, _| Answer::empty(200)).await;
    let target = other.origin();
    let stage = stage_where(move |_, asked| {
        asked
            .target
            .starts_with("/fhir")
            .then(|| Answer::empty(307).header("location", &*target))
    })
    .await;
    let mut exchange = stage.client.as_api_user("vro").unwrap();
    let error = exchange
        .read(&stage.server.url("/fhir/Bundle/1"))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        ExchangeError::Refused {
            status: 307,
            text: None
        }
    );
    assert!(other.recorded().is_empty());
}

#[tokio::test]
async fn a_location_elsewhere_is_not_believed() {
    for (location, text) in [
        (
            "https://evil.example/fhir/Bundle/r1",
            "a Location outside the FHIR base",
        ),
        ("/Bundle/r1", "a Location outside the FHIR base"),
        ("/fhir/Patient/r1", "a Location that is not a Bundle's"),
        ("/fhir/Bundle/", "a Location that is not a Bundle's"),
        ("/fhir/Bundle/..%2f..", "a Location that is not a Bundle's"),
    ] {
        let stage = stage_where(move |_, asked| {
            (asked.target == "/fhir/Bundle")
                .then(|| Answer::empty(201).header("location", location))
        })
        .await;
        let error = stage
            .client
            .as_api_user("vro")
            .unwrap()
            .deliver(RECORD)
            .await
            .unwrap_err();
        assert_eq!(error, ExchangeError::Malformed(text), "{location}");
    }
    let stage =
        stage_where(|_, asked| (asked.target == "/fhir/Bundle").then(|| Answer::empty(201))).await;
    let error = stage
        .client
        .as_api_user("vro")
        .unwrap()
        .deliver(RECORD)
        .await
        .unwrap_err();
    assert_eq!(error, ExchangeError::Malformed("no Location"));
}

#[tokio::test]
async fn a_relative_location_is_read_against_the_base() {
    let stage = stage_where(|_, asked| {
        (asked.target == "/fhir/Bundle").then(|| Answer::empty(201).header("location", "Bundle/r1"))
    })
    .await;
    let delivered = stage
        .client
        .as_api_user("vro")
        .unwrap()
        .deliver(RECORD)
        .await
        .unwrap();
    assert_eq!(delivered.location, stage.server.url("/fhir/Bundle/r1"));
}

#[tokio::test]
async fn bytes_that_come_back_changed_are_noticed() {
    let stage = stage_where(|_, asked| {
        asked
            .target
            .ends_with("$original")
            .then(|| Answer::json(200, [RECORD, b"\n"].concat()))
    })
    .await;
    let mut exchange = stage.client.as_api_user("vro").unwrap();
    let delivered = exchange.deliver(RECORD).await.unwrap();
    let error = exchange.verify(&delivered).await.unwrap_err();
    assert_eq!(error, ExchangeError::Differs { id: "r1".into() });
}

#[tokio::test]
async fn rfc6750_a_refused_token_is_replaced_once() {
    let stage = stage_where(|_, asked| {
        let old = asked.header("authorization") == Some("Bearer vro_1");
        (asked.target == "/fhir/Bundle" && old).then(invalid_token)
    })
    .await;
    let delivered = stage
        .client
        .as_api_user("vro")
        .unwrap()
        .deliver(RECORD)
        .await
        .unwrap();
    assert!(delivered.created);
    assert_eq!(stage.server.count(TOKEN), 2);
    assert_eq!(stage.server.count("/fhir/Bundle"), 2);

    let stage = stage_where(|_, asked| (asked.target == "/fhir/Bundle").then(invalid_token)).await;
    let error = stage
        .client
        .as_api_user("vro")
        .unwrap()
        .deliver(RECORD)
        .await
        .unwrap_err();
    assert!(matches!(error, ExchangeError::Refused { status: 401, .. }));
    assert_eq!(stage.server.count("/fhir/Bundle"), 2);
}

fn invalid_token() -> Answer {
    Answer::empty(401).header(
        "www-authenticate",
        r#"Bearer realm="x", error="invalid_token""#,
    )
}

#[tokio::test]
async fn a_busy_receiver_gets_the_delivery_again() {
    let asked_before = AtomicBool::new(false);
    let stage = stage_where(move |_, asked| {
        let create = asked.target == "/fhir/Bundle";
        let first = create && !asked_before.swap(true, Ordering::SeqCst);
        first.then(|| Answer::empty(503).header("retry-after", "0"))
    })
    .await;
    let delivered = stage
        .client
        .as_api_user("vro")
        .unwrap()
        .deliver(RECORD)
        .await
        .unwrap();
    assert!(delivered.created);
    let asked = stage.asked("/fhir/Bundle");
    assert_eq!(asked.len(), 2);
    assert_eq!(
        asked[0].header("if-none-exist"),
        asked[1].header("if-none-exist")
    );
}

#[tokio::test]
async fn another_refusal_is_told_and_not_repeated() {
    let body = r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"forbidden","details":{"text":"another jurisdiction"}}]}"#;
    let stage = stage_where(move |_, asked| {
        (asked.target == "/fhir/Bundle").then(|| {
            Answer::json(403, body)
                .header("www-authenticate", r#"Bearer error="insufficient_scope""#)
        })
    })
    .await;
    let error = stage
        .client
        .as_api_user("vro")
        .unwrap()
        .deliver(RECORD)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the resource server answered 403: another jurisdiction"
    );
    assert_eq!(stage.server.count("/fhir/Bundle"), 1);
}

#[tokio::test]
async fn what_is_no_bundle_is_not_sent() {
    let stage = stage(Setting::default()).await;
    for text in ["", "{", "[]", r#"{"resourceType":"Patient"}"#] {
        let result = stage
            .client
            .as_api_user("vro")
            .unwrap()
            .deliver(text.as_bytes())
            .await;
        assert!(matches!(result, Err(ExchangeError::Record(_))), "{text}");
    }
    assert!(stage.server.recorded().is_empty());
}

#[tokio::test]
async fn an_unknown_peer_is_named() {
    let stage = stage(Setting::default()).await;
    let error = stage.client.as_api_user("nobody").err().unwrap();
    assert_eq!(error, ExchangeError::UnknownPeer("nobody".into()));
    assert!(FhirBase::parse(&stage.server.origin()).is_ok());
}
