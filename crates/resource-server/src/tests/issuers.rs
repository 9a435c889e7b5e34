//! Introspection over the network: signed answers, deadlines, and issuers that hang beside others that do
//! not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use oauth::jose::issued::{self, Kind};
use oauth::jose::{Algorithm, Jwks, SigningKey};
use outbound::testing::{Answer as Told, Authority, Recorded, Server};
use serde_json::json;
use storage::testing::each_engine;

use super::strangers::{ask, with_token};
use super::*;

/// An issuer's metadata, all of whose endpoints are on its own origin.
fn metadata(origin: &str) -> Told {
    let metadata = json!({
        "issuer": origin, "response_types_supported": ["code"],
        "introspection_endpoint": format!("{origin}/introspect"),
        "jwks_uri": format!("{origin}/jwks"), "token_endpoint": format!("{origin}/token"),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "code_challenge_methods_supported": ["S256"],
    });
    Told::json(200, metadata.to_string())
}

fn is(asked: &Recorded, path: &str) -> bool {
    asked.target == path
}

/// What `HOSPITAL` says, of this issuer.
fn active(origin: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(HOSPITAL).unwrap();
    let mut answer = answer;
    answer["iss"] = json!(origin);
    answer.to_string()
}

fn trusted(prefix: &str, issuer: &Server) -> TrustedIssuer {
    TrustedIssuer {
        issuer: issuer.origin(),
        token_prefix: Some(prefix.to_owned()),
        introspection_endpoint: None,
        client_authentication: ClientAuthentication {
            client_id: "rs".to_owned(),
            client_secret: Secret::received("a-secret".to_owned()),
        },
        default_role: None,
        signed_introspection: false,
        limits: IssuerLimits::none(),
    }
}

struct World {
    server: ResourceServer,
    clock: Clock,
}

/// A resource server that trusts these issuers.
fn world(
    db: Db,
    authority: &Authority,
    issuers: Vec<TrustedIssuer>,
    change: fn(&mut Config),
) -> World {
    let clock = Clock::fixed(START.parse().unwrap());
    let base = Url::parse("https://vro.example/fhir").unwrap();
    let mut config = Config::new("vro", base, "State VRO", RecordKeys::testing());
    config.issuers = issuers;
    config.introspection_deadline = PATIENCE;
    change(&mut config);
    let now = clock.clone();
    let outbound = OutboundConfig::new("vro", authority.trust(), Arc::new(move || now.now()));
    let outbound = Outbound::new(outbound).unwrap();
    let server = ResourceServer::new(db, clock.clone(), Random::seeded(1), config, outbound);
    World {
        server: server.unwrap(),
        clock,
    }
}

/// A deadline that no machine is too slow for.
const PATIENCE: Duration = Duration::from_mins(10);

/// One that the tests wait for.
const DEADLINE: Duration = Duration::from_secs(1);

async fn told(server: &ResourceServer, token: &str) -> Answer {
    ask(server, with_token("Bundle/1", token)).await
}

/// An issuer that says nothing when it is asked about a token.
async fn hanging(authority: &Authority) -> Server {
    Server::start(authority, |origin, asked| match is(asked, "/introspect") {
        true => Told::empty(500).after(Duration::from_secs(3_600)),
        false => metadata(origin),
    })
    .await
}

/// Waits until `server` was asked about so many tokens.
async fn asked(server: &Server, times: usize) {
    for _ in 0..6_000 {
        if server.count("/introspect") == times {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.count("/introspect"), times, "a minute later");
}

/// F19 of the catalogue of faults: one issuer hangs under load, and the other's requests do not notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_hangs_does_not_starve_another_s_requests() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let authority = Authority::new();
        let hanging = hanging(&authority).await;
        let good = Server::start(&authority, |origin, asked| match is(asked, "/introspect") {
            true => Told::json(200, active(origin)),
            false => metadata(origin),
        })
        .await;
        let issuers = vec![trusted("slow", &hanging), trusted("good", &good)];
        let World { server, .. } = world(db, &authority, issuers, |config| {
            config.introspections_per_issuer = 10;
        });
        let waiting: Vec<_> = (0..10)
            .map(|number| {
                let server = server.clone();
                tokio::spawn(async move { told(&server, &format!("slow_{number}")).await })
            })
            .collect();
        asked(&hanging, 10).await;
        // All places are taken: more do not wait, and the other's do not notice.
        for number in 10..40 {
            let answer = told(&server, &format!("slow_{number}")).await;
            answer.assert_refused(503, "transient");
            assert_eq!(answer.header("retry-after"), "1");
            let answer = told(&server, &format!("good_{number}")).await;
            assert_eq!(answer.status, 404, "the token counts: no such record");
        }
        assert_eq!(hanging.count("/introspect"), 10);
        for task in waiting {
            assert!(!task.is_finished());
            task.abort();
        }
    })
    .await;
}

/// Some of them in a row are enough: then nobody asks any more, but for one that looks again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_that_has_hung_for_many_is_asked_by_one_at_a_time() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let authority = Authority::new();
        let hanging = hanging(&authority).await;
        let issuers = vec![trusted("slow", &hanging)];
        let World { server, clock } = world(db, &authority, issuers, |config| {
            config.introspection_deadline = DEADLINE * 2;
        });
        let waiting = (0..8).map(|number| {
            let server = server.clone();
            tokio::spawn(async move { told(&server, &format!("slow_{number}")).await })
        });
        for task in waiting.collect::<Vec<_>>() {
            task.await.unwrap().assert_refused(503, "transient");
        }
        asked(&hanging, 8).await;
        for (advance_ms, times) in [(0, 8), (999, 8), (1, 9), (999, 9), (1, 10)] {
            clock.advance(SignedDuration::from_millis(advance_ms));
            for _ in 0..2 {
                let answer = told(&server, "slow_again").await;
                answer.assert_refused(503, "transient");
            }
            assert_eq!(hanging.count("/introspect"), times, "{advance_ms} ms later");
        }
    })
    .await;
}

/// Whoever asks without a token where to get one waits for an issuer that hangs, but not with everybody else; and
/// what was known stays so while there is nothing newer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_that_cannot_be_had_again_stays_as_it_was() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let authority = Authority::new();
        let broken = Arc::new(AtomicBool::new(false));
        let is_broken = Arc::clone(&broken);
        let issuer = Server::start(&authority, move |origin, asked| {
            match is(asked, "/introspect") {
                true => Told::json(200, active(origin)),
                false if is_broken.load(Ordering::SeqCst) => Told::empty(500),
                false => metadata(origin),
            }
        })
        .await;
        let World { server, clock } = world(db, &authority, vec![trusted("vro", &issuer)], |_| {});
        let smart = ".well-known/smart-configuration";
        assert_eq!(told(&server, "vro_a").await.status, 404);
        broken.store(true, Ordering::SeqCst);
        for (hours, token, document) in [(5, 404, 200), (2, 503, 503)] {
            clock.advance(SignedDuration::from_hours(hours));
            assert_eq!(told(&server, "vro_a").await.status, token, "{hours}");
            assert_eq!(ask(&server, get(smart)).await.status, document, "{hours}");
        }
    })
    .await;
}

/// Discovery and the question itself take one deadline together: each alone would be in time.
#[tokio::test]
async fn all_that_introspection_needs_has_one_deadline() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let authority = Authority::new();
        let part = DEADLINE * 6 / 10;
        let issuer = Server::start(&authority, move |origin, asked| {
            let answer = match is(asked, "/introspect") {
                true => Told::json(200, active(origin)),
                false => metadata(origin),
            };
            answer.after(part)
        })
        .await;
        let server_with = |change| {
            let settings = vec![trusted("vro", &issuer)];
            world(db.clone(), &authority, settings, change).server
        };
        assert_eq!(told(&server_with(|_| {}), "vro_a").await.status, 404);
        let hurried = server_with(|config| config.introspection_deadline = DEADLINE);
        let answer = told(&hurried, "vro_a").await;
        answer.assert_refused(503, "transient");
    })
    .await;
}

/// An issuer that signs, replaces its key, and then does not sign any more.
#[tokio::test]
async fn only_signed_answers_count_where_they_are_asked_for() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let authority = Authority::new();
        let generate = || Arc::new(SigningKey::generate(Algorithm::ES256).unwrap());
        let (first, second) = (generate(), generate());
        let signer = Arc::new(Mutex::new(Arc::clone(&first)));
        let (key, signs) = (Arc::clone(&signer), Arc::new(AtomicBool::new(true)));
        let signed = Arc::clone(&signs);
        let issuer = Server::start(&authority, move |origin, asked| {
            let key = Arc::clone(&key.lock().unwrap());
            match asked.target.as_str() {
                "/jwks" => {
                    let keys = Jwks::new([key.public_jwk().clone()]).unwrap();
                    Told::json(200, keys.to_json().to_string())
                }
                "/introspect" if signed.load(Ordering::SeqCst) => {
                    assert_eq!(
                        asked.header("accept"),
                        Some("application/token-introspection+jwt")
                    );
                    let start: Timestamp = START.parse().unwrap();
                    let answer: serde_json::Value = serde_json::from_str(&active(origin)).unwrap();
                    let claims = json!({"iss": origin, "aud": "rs", "iat": start.as_second(),
                        "token_introspection": answer});
                    let jwt = issued::sign(&key, Kind::IntrospectionResponse, &claims).unwrap();
                    Told::json(200, jwt)
                        .header("content-type", "application/token-introspection+jwt")
                }
                "/introspect" => Told::json(200, active(origin)),
                _ => metadata(origin),
            }
        })
        .await;
        let mut setting = trusted("vro", &issuer);
        setting.signed_introspection = true;
        let World { server, clock } = world(db, &authority, vec![setting], |_| {});
        for _ in 0..3 {
            assert_eq!(told(&server, "vro_a").await.status, 404);
        }
        assert_eq!(issuer.count("/jwks"), 1, "keys are kept");
        // A new key is fetched when it is met, but not for everybody who makes a name up.
        *signer.lock().unwrap() = Arc::clone(&second);
        told(&server, "vro_a")
            .await
            .assert_refused(503, "transient");
        assert_eq!(issuer.count("/jwks"), 1);
        clock.advance(SignedDuration::from_secs(3));
        assert_eq!(told(&server, "vro_a").await.status, 404);
        assert_eq!(issuer.count("/jwks"), 2);
        // The old key counts no more.
        *signer.lock().unwrap() = first;
        told(&server, "vro_a")
            .await
            .assert_refused(503, "transient");
        signs.store(false, Ordering::SeqCst);
        told(&server, "vro_a")
            .await
            .assert_refused(503, "transient");
    })
    .await;
}

/// Our own credential is at fault, and not the token: 503, and no challenge.
#[tokio::test]
async fn a_refused_credential_is_not_blamed_on_the_token() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let authority = Authority::new();
        for status in [401, 403] {
            let issuer = Server::start(&authority, move |origin, asked| {
                match is(asked, "/introspect") {
                    true => Told::json(status, r#"{"error":"invalid_client"}"#),
                    false => metadata(origin),
                }
            })
            .await;
            let issuers = vec![trusted("vro", &issuer)];
            let World { server, .. } = world(db.clone(), &authority, issuers, |_| {});
            let answer = ask(&server, with_token("Bundle/1", "vro_a")).await;
            answer.assert_refused(503, "transient");
            assert_eq!(answer.header("www-authenticate"), "");
            assert_eq!(answer.header("retry-after"), "1");
        }
    })
    .await;
}

/// SMART App Launch 2.2: found without a token, with what the issuer says of itself.
#[tokio::test]
async fn smart_configuration_repeats_the_first_issuer_s_endpoints() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let authority = Authority::new();
        let issuer = Server::start(&authority, |origin, _| metadata(origin)).await;
        let issuers = vec![trusted("vro", &issuer)];
        let World { server, .. } = world(db.clone(), &authority, issuers, |_| {});
        let answer = ask(&server, get(".well-known/smart-configuration")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let told = answer.json();
        assert_eq!(told["token_endpoint"], format!("{}/token", issuer.origin()));
        assert_eq!(told["capabilities"][0], "client-confidential-asymmetric");
        // And the same in the statement, where some clients look (SMART App Launch 2.2, appendix).
        let statement = ask(&server, get("metadata")).await.json();
        let uris = &statement["rest"][0]["security"]["extension"][0];
        assert_eq!(
            uris["url"],
            "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
        );
        assert!(uris["extension"].to_string().contains(&issuer.origin()));
        // Without the issuer there is nothing true to say.
        let nobody = super::server(db);
        let answer = ask(&nobody, get(".well-known/smart-configuration")).await;
        answer.assert_refused(503, "transient");
    })
    .await;
}
