//! What scripts of other origins may read.

use axum::http::Method;
use storage::testing::each_engine;

use super::strangers::ask;
use super::*;

const APP: &str = "https://app.example";

fn server_for(db: Db, origins: &[&str]) -> ResourceServer {
    let origins = origins.iter().map(|it| (*it).to_owned()).collect();
    server_with(db, |config| config.cors_allowed_origins = origins)
}

fn from(origin: &str, method: Method, path: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    request
        .header("origin", origin)
        .body(Body::empty())
        .unwrap()
}

fn preflight(origin: &str, path: &str) -> Request<Body> {
    let mut request = from(origin, Method::OPTIONS, path);
    let headers = request.headers_mut();
    headers.insert("access-control-request-method", "GET".parse().unwrap());
    headers.insert(
        "access-control-request-headers",
        "authorization".parse().unwrap(),
    );
    request
}

const OPEN: [&str; 3] = [
    "/fhir/metadata",
    "/fhir/.well-known/smart-configuration",
    "/.well-known/oauth-protected-resource/fhir",
];

#[tokio::test]
async fn anybody_s_script_reads_what_the_server_says_of_itself() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_for(db, &[]);
        for path in OPEN {
            for request in [
                from("https://x.example", Method::GET, path),
                preflight("null", path),
            ] {
                let answer = ask(&server, request).await;
                assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
                assert_eq!(answer.header("access-control-allow-credentials"), "");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn only_registered_origins_read_fhir_answers() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_for(db, &[APP, "https://two.example:8443"]);
        for (origin, readable) in [
            (APP, true),
            ("https://two.example:8443", true),
            ("https://two.example", false),
            ("http://app.example", false),
            ("https://app.example.evil.example", false),
            ("https://app.example/", false),
            ("HTTPS://APP.EXAMPLE", false),
            ("null", false),
            ("*", false),
        ] {
            let expected = if readable { origin } else { "" };
            // Refused like everybody's: a script that may read the refusal is no further.
            let answer = ask(&server, from(origin, Method::GET, "/fhir/Bundle/1")).await;
            answer.assert_refused(401, "login");
            assert_eq!(answer.header("access-control-allow-origin"), expected);
            assert_eq!(answer.header("vary"), "origin");
            assert_eq!(answer.header("access-control-allow-credentials"), "");
            let exposed = answer.header("access-control-expose-headers");
            assert_eq!(exposed.contains("etag"), readable);
        }
        // Two origins are nobody's.
        let mut twice = from(APP, Method::GET, "/fhir/Bundle/1");
        twice.headers_mut().append("origin", APP.parse().unwrap());
        let answer = ask(&server, twice).await;
        assert_eq!(answer.header("access-control-allow-origin"), "");
    })
    .await;
}

/// Before authentication, the same for everything that is there and that is not.
#[tokio::test]
async fn a_preflight_tells_nothing() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_for(db, &[APP]);
        let mut seen = Vec::new();
        for path in [
            "/fhir/Bundle/1",
            "/fhir/Bundle",
            "/fhir/nothing",
            "/fhir",
            "/fhir/AuditEvent",
        ] {
            let answer = ask(&server, preflight(APP, path)).await;
            assert_eq!(answer.status, 204, "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), APP);
            assert_eq!(answer.header("access-control-allow-credentials"), "");
            assert!(
                answer
                    .header("access-control-allow-headers")
                    .contains("authorization")
            );
            assert!(answer.body.is_empty());
            seen.push(format!("{:?}", answer.headers));
            // Of nobody's origin it is a request like any other.
            let stranger = ask(&server, preflight("https://x.example", path)).await;
            stranger.assert_refused(401, "login");
            assert_eq!(stranger.header("access-control-allow-origin"), "");
        }
        assert!(
            seen.iter().all(|headers| Some(headers) == seen.first()),
            "{seen:?}"
        );
        // OPTIONS that is no preflight is answered as ever.
        let plain = ask(&server, from(APP, Method::OPTIONS, "/fhir/Bundle/1")).await;
        plain.assert_refused(401, "login");
    })
    .await;
}

/// Without the setting no answer with data says anything of origins.
#[tokio::test]
async fn by_default_no_script_reads_data() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_for(db, &[]);
        for request in [
            from(APP, Method::GET, "/fhir/Bundle/1"),
            preflight(APP, "/fhir/Bundle/1"),
        ] {
            let answer = ask(&server, request).await;
            answer.assert_refused(401, "login");
            assert_eq!(answer.header("access-control-allow-origin"), "");
            assert_eq!(answer.header("vary"), "");
        }
    })
    .await;
}
