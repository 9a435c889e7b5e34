//! A peer in one process: issuer and FHIR base on one origin, and a client that knows it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use client::config::{AssertionAudience, Credentials, FhirBase, Issuer, Peer, Registration};
use client::{Client, Config, Environment};
use jiff::Timestamp;
use oauth::{Random, Scope, Secret};
use outbound::testing::{Answer, Authority, Recorded, Server};
use outbound::{Outbound, OutboundConfig};
use storage::{Clock, Db};
use url::Url;

pub const METADATA: &str = "/.well-known/oauth-authorization-server";
pub const TOKEN: &str = "/oauth2/token";
pub const RECORD: &[u8] = br#"{"resourceType":"Bundle","id":"b","identifier":{"system":"urn:test|a&b","value":"2019NJ15075"},"type":"document","timestamp":"2019-01-02T03:04:05Z","entry":[{"fullUrl":"http://example.org/Composition/c","resource":{"resourceType":"Composition","id":"c","status":"final","type":{"coding":[{"system":"http://loinc.org","code":"92011-6"}]}}}]}"#;

/// What a test wants answered otherwise.
pub type Otherwise = Box<dyn Fn(&str, &Recorded) -> Option<Answer> + Send + Sync>;

pub struct Stage {
    pub server: Server,
    pub client: Client,
    pub clock: Clock,
}

/// How a stage differs from the usual.
pub struct Setting {
    pub otherwise: Otherwise,
    pub credentials: Credentials,
    pub assertion_audience: AssertionAudience,
    pub audit: Option<Db>,
    /// A FHIR base elsewhere that the peer's tokens open too.
    pub source: Option<FhirBase>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            otherwise: Box::new(|_, _| None),
            credentials: Credentials::Secret(Secret::received("s:ecret/+".into())),
            assertion_audience: AssertionAudience::Issuer,
            audit: None,
            source: None,
        }
    }
}

pub async fn stage(setting: Setting) -> Stage {
    let authority = Authority::new();
    let peer = Played::default();
    let otherwise = setting.otherwise;
    let server = Server::start(&authority, move |origin, asked| {
        otherwise(origin, asked).unwrap_or_else(|| peer.answer(origin, asked))
    })
    .await;
    let clock = Clock::fixed(Timestamp::from_second(1_700_000_000).unwrap());
    let now = clock.clone();
    let outbound = OutboundConfig::new("ehr", authority.trust(), Arc::new(move || now.now()));
    let environment = Environment {
        outbound: Outbound::new(outbound).unwrap(),
        clock: clock.clone(),
        random: Random::seeded(1),
        audit: setting.audit,
    };
    let origin = server.origin();
    let own_fhir = Some(FhirBase::parse(&format!("{origin}/own/fhir")).unwrap());
    let source = setting.source.or_else(|| own_fhir.clone()).unwrap();
    let human = Registration {
        client_id: "human".into(),
        credentials: Credentials::Public,
        scope: Scope::parse("user/Bundle.crs").unwrap(),
        assertion_audience: AssertionAudience::Issuer,
        redirect_uri: Some(Url::parse("https://ehr.example/client/callback").unwrap()),
    };
    let native = Registration {
        client_id: "native".into(),
        credentials: Credentials::Public,
        scope: Scope::parse("user/Bundle.r").unwrap(),
        assertion_audience: AssertionAudience::Issuer,
        redirect_uri: None,
    };
    let api = Registration {
        client_id: "api".into(),
        credentials: setting.credentials,
        scope: Scope::parse("system/Bundle.crs").unwrap(),
        assertion_audience: setting.assertion_audience,
        redirect_uri: None,
    };
    let peer = Peer {
        name: "vro".into(),
        issuer: Issuer::parse(&origin).unwrap(),
        fhir: FhirBase::parse(&format!("{origin}/fhir")).unwrap(),
        resources: vec![source],
        api: Some(api),
        human: Some(human),
        native: Some(native),
    };
    let public_origin = Url::parse("https://ehr.example").unwrap();
    let config = Config {
        party: "ehr".into(),
        public_origin,
        own_fhir,
        peers: vec![peer],
    };
    Stage {
        server,
        client: Client::new(environment, config).unwrap(),
        clock,
    }
}

/// A stage on which one thing is answered otherwise.
pub async fn stage_where(
    otherwise: impl Fn(&str, &Recorded) -> Option<Answer> + Send + Sync + 'static,
) -> Stage {
    stage(Setting {
        otherwise: Box::new(otherwise),
        ..Setting::default()
    })
    .await
}

impl Stage {
    pub fn peer(&self) -> &Peer {
        self.client.peer("vro").unwrap()
    }

    /// The requests to a path, in order.
    pub fn asked(&self, path: &str) -> Vec<Recorded> {
        let all = self.server.recorded();
        all.into_iter()
            .filter(|r| r.target.split('?').next() == Some(path))
            .collect()
    }
}

/// The peer as it should be.
#[derive(Default)]
struct Played {
    tokens: AtomicU32,
    held: Mutex<Vec<u8>>,
}

impl Played {
    fn answer(&self, origin: &str, asked: &Recorded) -> Answer {
        match (asked.method.as_str(), asked.target.as_str()) {
            ("GET", METADATA) => Answer::json(200, metadata(origin)),
            ("POST", TOKEN) => Answer::json(200, self.grant(asked)),
            ("POST", "/oauth2/revoke") => Answer::empty(200),
            ("POST", "/fhir/Bundle") => {
                self.held.lock().unwrap().clone_from(&asked.body);
                Answer::empty(201).header("location", format!("{origin}/fhir/Bundle/r1/_history/1"))
            }
            ("GET", "/fhir/Bundle/r1/$original") => {
                Answer::json(200, self.held.lock().unwrap().clone())
            }
            ("GET", "/own/fhir/Bundle/own1/$original") => Answer::json(200, RECORD),
            _ => Answer::json(
                404,
                r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found","diagnostics":"no such thing"}]}"#,
            ),
        }
    }

    fn grant(&self, asked: &Recorded) -> String {
        let n = self.tokens.fetch_add(1, Ordering::SeqCst) + 1;
        let refresh = if asked.form("grant_type") == ["client_credentials"] {
            String::new()
        } else {
            format!(r#","refresh_token":"refresh{n}""#)
        };
        format!(
            r#"{{"access_token":"vro_{n}","token_type":"bearer","expires_in":100,"scope":"system/Bundle.crs"{refresh}}}"#
        )
    }
}

pub fn metadata(origin: &str) -> String {
    format!(
        r#"{{"issuer":"{origin}","authorization_endpoint":"{origin}/oauth2/authorize",
        "token_endpoint":"{origin}/oauth2/token","revocation_endpoint":"{origin}/oauth2/revoke",
        "response_types_supported":["code"],"authorization_response_iss_parameter_supported":true}}"#
    )
}
