//! The walk of a request behind the token, on both engines, and the walk up to the token.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod audit;
mod audit_event;
mod audit_oracle;
mod batch;
mod cors;
mod create;
mod every_route;
mod issuers;
mod narrow;
mod part;
mod read;
mod real_records;
mod refusals;
mod sealed;
mod search;
mod shell;
mod strangers;
mod too_costly;
mod validate;
mod versions;
mod withholding;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::IntoResponse;
use http_body_util::BodyExt;
use jiff::Timestamp;
use oauth::{Random, Secret};
use outbound::{ConnectTo, Outbound, OutboundConfig, Trust};
use storage::{Clock, Db};
use url::Url;

use crate::config::{ClientAuthentication, Config, IssuerLimits, TrustedIssuer};
use crate::exchange::Exchange;
use crate::{RecordKeys, ResourceServer, fhir_router, interactions, introspect};

/// The time at which every test begins.
const START: &str = "2026-11-23T12:00:00Z";
const IJE: &str = "http://hl7.org/fhir/us/vr-common-library/CodeSystem/codesystem-ije-vr";

/// What came back.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The one issue of an OperationOutcome.
    fn issue_code(&self) -> String {
        let outcome = self.json();
        assert_eq!(outcome["resourceType"], "OperationOutcome", "{outcome}");
        outcome["issue"][0]["code"].as_str().unwrap().to_owned()
    }

    fn assert_refused(&self, status: u16, code: &str) {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        assert_eq!(self.issue_code(), code);
        let text = &self.json()["issue"][0]["details"]["text"];
        assert!(text.as_str().is_some_and(|text| !text.is_empty()));
        let allow = !self.header("allow").is_empty();
        assert_eq!(allow, status == 405, "RFC 9110 section 15.5.6");
        assert_eq!(self.header("cache-control"), "no-store");
        assert_eq!(self.header("x-content-type-options"), "nosniff");
    }

    /// The id in `Location`.
    fn id(&self) -> String {
        self.header("location")
            .split('/')
            .rev()
            .nth(2)
            .unwrap()
            .to_owned()
    }
}

/// A server whose only issuer answers to nobody.
fn server(db: Db) -> ResourceServer {
    server_with(db, |_| {})
}

/// The same with other settings.
fn server_with(db: Db, set: impl FnOnce(&mut Config)) -> ResourceServer {
    let clock = Clock::fixed(START.parse().unwrap());
    let mut config = Config::new(
        "vro",
        Url::parse("https://vro.example/fhir").unwrap(),
        "State VRO",
        RecordKeys::testing(),
    );
    config.max_body_bytes = 100_000;
    config.issuers = vec![TrustedIssuer {
        issuer: "https://as.example".to_owned(),
        token_prefix: Some("vro".to_owned()),
        introspection_endpoint: Some(Url::parse("https://as.example/introspect").unwrap()),
        client_authentication: ClientAuthentication {
            client_id: "rs".to_owned(),
            client_secret: Secret::received("a-secret".to_owned()),
        },
        default_role: None,
        signed_introspection: false,
        limits: IssuerLimits::none(),
    }];
    set(&mut config);
    let outbound = outbound(clock.clone());
    ResourceServer::new(db, clock, Random::seeded(1), config, outbound).unwrap()
}

/// `as.example` leads to a port of this machine at which nobody listens.
fn outbound(clock: Clock) -> Outbound {
    let trust = Trust {
        ca_pem: None,
        platform: true,
    };
    let mut config = OutboundConfig::new("vro", trust, Arc::new(move || clock.now()));
    let address = "127.0.0.1:1".parse().unwrap();
    config.connect_to = vec![ConnectTo {
        host: "as.example".to_owned(),
        port: 443,
        address,
    }];
    Outbound::new(config).unwrap()
}

/// What an issuer says of a token: a hospital in Massachusetts that may do everything to births.
const HOSPITAL: &str = r#"{"active":true,"exp":4000000000,"aud":"https://vro.example/fhir",
    "client_id":"ehr-api","sub":"ehr-api","scope":"system/*.cruds","organization":"Hospital A",
    "jurisdictions":["MA"],"record_types":["birth"]}"#;

/// The same with some text replaced.
fn token(replacements: &[(&str, &str)]) -> String {
    replacements
        .iter()
        .fold(HOSPITAL.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        })
}

/// Sends `request` as if its token had been introspected with `answer`.
async fn send(server: &ResourceServer, answer: &str, request: Request<Body>) -> Answer {
    send_within(server, &IssuerLimits::none(), answer, request).await
}

/// The same of an issuer with these limits.
async fn send_within(
    server: &ResourceServer,
    limits: &IssuerLimits,
    answer: &str,
    request: Request<Body>,
) -> Answer {
    let now: Timestamp = server.clock().now();
    let token = Arc::new(introspect::testing_verified(answer, now));
    let (parts, body) = request.into_parts();
    let interaction = interactions::parse(server, &parts);
    let action = interaction.as_ref().map_or("unknown", interactions::action);
    let mut exchange = Exchange::new(server.clone(), parts, action);
    exchange.authenticated(Arc::clone(&token), limits);
    let outcome = match interaction {
        Ok(interaction) => fhir_router::proceed(&exchange, &token, limits, interaction, body).await,
        Err(failure) => Err(failure),
    };
    let response = match outcome {
        Ok(response) => response,
        Err(failure) => fhir_router::refuse(&exchange, failure).await,
    };
    read_answer(response).await
}

async fn read_answer(response: impl IntoResponse) -> Answer {
    let (parts, body) = response.into_response().into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

fn get(path: &str) -> Request<Body> {
    Request::get(format!("/fhir/{path}"))
        .body(Body::empty())
        .unwrap()
}

fn post(body: &str) -> Request<Body> {
    let request =
        Request::post("/fhir/Bundle").header(header::CONTENT_TYPE, "application/fhir+json");
    request.body(Body::from(body.to_owned())).unwrap()
}

fn conditional(body: &str, criteria: &str) -> Request<Body> {
    let mut request = post(body);
    request
        .headers_mut()
        .insert("if-none-exist", criteria.parse().unwrap());
    request
}

/// A document Bundle as small as it can be, with odd white space and unknown content to keep.
fn document(identifier: &str, loinc: &str) -> String {
    format!(
        r#"{{ "resourceType": "Bundle", "type":"document", "unknown": 1.50,
  "identifier":{{"system":"{IJE}","value":"{identifier}"}},
  "timestamp":"2026-11-01T00:00:00Z",
  "entry":[{{"fullUrl":"urn:uuid:5b1f0a4e-6a4e-4f3c-8f0e-000000000001",
    "resource":{{"resourceType":"Composition","id":"c1","status":"final",
      "type":{{"coding":[{{"system":"http://loinc.org","code":"{loinc}"}}]}},
      "date":"2026-11-01","author":[{{"display":"x"}}],"title":"Report"}}}}]}}"#
    )
}

/// A birth report of Massachusetts by a provider.
fn birth(number: u32) -> String {
    document(&format!("2026MA{number:06}"), "68998-4")
}

/// Stores a Bundle and yields its id.
async fn stored(server: &ResourceServer, answer: &str, body: &str) -> String {
    let created = send(server, answer, post(body)).await;
    assert_eq!(
        created.status,
        StatusCode::CREATED,
        "{}",
        String::from_utf8_lossy(&created.body)
    );
    created.id()
}
