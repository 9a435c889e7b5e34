//! The walk up to the token: who is sent away before anything is looked at.

use storage::audit::{self, Filter};
use storage::testing::each_engine;
use tower::ServiceExt;

use super::*;

pub(super) async fn ask(server: &ResourceServer, request: Request<Body>) -> Answer {
    read_answer(server.router().oneshot(request).await.unwrap()).await
}

pub(super) fn with_token(path: &str, token: &str) -> Request<Body> {
    let mut request = get(path);
    request
        .headers_mut()
        .insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// 401 comes before 404, 405, 415 and whatever else the request would be refused for.
#[tokio::test]
async fn without_a_token_everything_is_401() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let paths = [
            "Bundle/1",
            "Bundle?identifier=x",
            "nothing",
            "Patient/1",
            "",
            "Bundle/1/$original",
        ];
        for path in paths {
            let answer = ask(&server, get(path)).await;
            answer.assert_refused(401, "login");
            // No error code (RFC 6750 section 3.1), and where to learn more (RFC 9728 section 5.1).
            let metadata = "https://vro.example/.well-known/oauth-protected-resource/fhir";
            assert_eq!(
                answer.header("www-authenticate"),
                format!("Bearer resource_metadata=\"{metadata}\""),
                "{path}"
            );
        }
        ask(&server, post("{")).await.assert_refused(401, "login");
        let delete = Request::delete("/fhir/Bundle/1")
            .body(Body::empty())
            .unwrap();
        ask(&server, delete).await.assert_refused(401, "login");
        let query = ask(&server, get("Bundle/1?access_token=vro_a")).await;
        query.assert_refused(401, "login");
        let rows = audit::list(
            server.db(),
            &Filter {
                limit: 1_000,
                ..Filter::default()
            },
        )
        .await
        .unwrap();
        assert_eq!(rows.len(), paths.len() + 3);
        assert!(
            rows.iter()
                .all(|row| row.event.outcome == storage::Outcome::Denied)
        );
    })
    .await;
}

/// The form of a JWT; its signature is the issuer's business.
fn jwt(claims: &str) -> String {
    let encode = |text: &str| base64::Engine::encode(&BASE64, text);
    format!("{}.{}.e30", encode(r#"{"typ":"at+jwt"}"#), encode(claims))
}

const BASE64: base64::engine::GeneralPurpose = base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// No party ever sees another's token: a prefix that names no issuer asks nobody (the issuer of this
/// server answers nobody, so that a call would be seen as 503).
#[tokio::test]
async fn a_token_of_no_issuer_here_is_refused_without_a_call() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let opaque = ["nchs_abc", "vroabc", "VRO_abc", "vro", "x.vro_abc", "abc"];
        let mut tokens: Vec<String> = opaque.map(str::to_owned).to_vec();
        tokens.push(jwt(r#"{"iss":"https://as.example/"}"#));
        tokens.push(jwt(r#"{"iss":"https://elsewhere.example"}"#));
        tokens.push(jwt(r#"{"iss":["https://as.example"]}"#));
        tokens.push(jwt(
            r#"{"iss":"https://as.example","iss":"https://as.example"}"#,
        ));
        for token in &tokens {
            let answer = ask(&server, with_token("Bundle/1", token)).await;
            answer.assert_refused(401, "login");
            let challenge = answer.header("www-authenticate");
            assert!(
                challenge.contains(r#"error="invalid_token""#),
                "{challenge}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_lets_nobody_in() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let answer = ask(&server, with_token("Bundle/1", "vro_abc")).await;
        answer.assert_refused(503, "transient");
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(
            answer.header("www-authenticate"),
            "",
            "not the token's fault"
        );
        let rows = audit::list(
            server.db(),
            &Filter {
                limit: 1_000,
                ..Filter::default()
            },
        )
        .await
        .unwrap();
        assert_eq!(
            rows[0].event.reason.as_deref(),
            Some("the issuer cannot be reached")
        );
        let token_id = Secret::received("vro_abc".to_owned()).hash().short();
        assert_eq!(rows[0].event.token_id.as_deref(), Some(token_id.as_str()));
    })
    .await;
}

/// A JWT names its issuer, which is asked: this one answers nobody.
#[tokio::test]
async fn a_jwt_is_asked_about_at_the_issuer_that_it_names() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let token = jwt(r#"{"iss":"https://as.example"}"#);
        let answer = ask(&server, with_token("Bundle/1", &token)).await;
        answer.assert_refused(503, "transient");
    })
    .await;
}

#[tokio::test]
async fn malformed_authentication_is_refused() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let mut twice = with_token("Bundle/1", "vro_a");
        twice
            .headers_mut()
            .append("authorization", "Bearer vro_b".parse().unwrap());
        let answer = ask(&server, twice).await;
        answer.assert_refused(400, "invalid");
        assert!(
            answer
                .header("www-authenticate")
                .contains(r#"error="invalid_request""#)
        );
        let long = "a".repeat(9_000);
        ask(&server, with_token("Bundle/1", &long))
            .await
            .assert_refused(401, "login");
    })
    .await;
}

#[tokio::test]
async fn the_capability_statement_needs_no_token() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let answer = ask(&server, get("metadata")).await;
        assert_eq!(answer.status, StatusCode::OK);
        let statement = answer.json();
        assert_eq!(statement["resourceType"], "CapabilityStatement");
        assert_eq!(statement["fhirVersion"], "4.0.1");
        assert!(statement["rest"][0]["security"].is_object());
        assert!(
            audit::list(
                server.db(),
                &Filter {
                    limit: 1_000,
                    ..Filter::default()
                }
            )
            .await
            .unwrap()
            .is_empty()
        );
    })
    .await;
}

// RFC 9728 section 3.2; no token is needed.
#[tokio::test]
async fn the_server_says_whose_tokens_count() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let path = "/.well-known/oauth-protected-resource/fhir";
        let answer = ask(&server, Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), "application/json");
        let told = answer.json();
        assert_eq!(told["resource"], format!("https://vro.example/fhir"));
        assert_eq!(told["authorization_servers"][0], "https://as.example");
        assert_eq!(
            told["bearer_methods_supported"],
            serde_json::json!(["header"])
        );
    })
    .await;
}
