//! Which scripts in browsers may read answers (Fetch standard, "CORS protocol"; SMART App Launch 2.2,
//! "Considerations for CORS support"): any may read the metadata and the keys, and those of an origin to
//! which a registered client's browser returns may read the token endpoint. Introspection is for resource
//! servers, and pages are for people: of them nothing is said.
//!
//! Cookies count for nothing at these endpoints, so `Access-Control-Allow-Credentials` is never said.

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;

use crate::AuthorizationServer;
use crate::store::clients;

/// Around every route.
pub(crate) async fn layer(
    State(server): State<AuthorizationServer>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let (allowed, methods) = if OPEN.contains(&path) {
        (Some(HeaderValue::from_static("*")), "GET, HEAD")
    } else if path == TOKEN {
        (registered(&server, request.headers()).await, "POST")
    } else {
        return next.run(request).await;
    };
    let preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(ORIGIN)
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &allowed {
        Some(_) if preflight => self::preflight(methods),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(allowed) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }
    response
}

/// The one origin that the request names, if the browser of an enabled client returns there.
async fn registered(server: &AuthorizationServer, headers: &HeaderMap) -> Option<HeaderValue> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let origin = origins.next().filter(|_| origins.next().is_none())?;
    let text = origin.to_str().ok()?;
    // To the letter: browsers write an origin in one way only (RFC 6454 section 6.2).
    let same = |url: &Url| url.scheme() == "https" && url.origin().ascii_serialization() == text;
    Url::parse(text).ok().filter(same)?;
    let addresses = clients::redirect_uris_at(server.db(), text).await.ok()?;
    let mut addresses = addresses.iter().filter_map(|uri| Url::parse(uri).ok());
    addresses.any(|uri| same(&uri)).then(|| origin.clone())
}

fn preflight(methods: &'static str) -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, methods),
        (
            ACCESS_CONTROL_ALLOW_HEADERS,
            "accept, authorization, content-type",
        ),
        // A client that is taken away holds in browsers this much longer; its tokens do not.
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

const OPEN: [&str; 2] = ["/.well-known/oauth-authorization-server", "/oauth2/jwks"];
const TOKEN: &str = "/oauth2/token";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use axum::body::Body;
    use storage::testing::each_engine;
    use tower::ServiceExt;

    use super::*;
    use crate::MIGRATIONS;
    use crate::testing::*;

    async fn ask(bench: &Bench, method: Method, path: &str, origin: &str) -> Response {
        let request = Request::builder()
            .method(&method)
            .uri(path)
            .header(ORIGIN, origin);
        let request = match method {
            Method::OPTIONS => request.header(ACCESS_CONTROL_REQUEST_METHOD, "POST"),
            _ => request.header("content-type", "application/x-www-form-urlencoded"),
        };
        let request = request.body(Body::empty()).unwrap();
        bench.server.router().oneshot(request).await.unwrap()
    }

    fn header<'a>(response: &'a Response, name: &str) -> &'a str {
        let value = response.headers().get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    const ALLOWED: &str = "access-control-allow-origin";

    #[tokio::test]
    async fn the_token_endpoint_is_read_from_registered_origins_only() {
        each_engine(&[&MIGRATIONS], |db| async move {
            let bench = Bench::on(db).await;
            let mut app = public_client("app");
            app.redirect_uris = vec!["https://app.example/callback".to_owned()];
            bench.add(app).await;
            for (origin, readable) in [
                ("https://app.example", true),
                ("https://app.example:8443", false),
                ("http://app.example", false),
                ("https://app.exampl_", false),
                ("https://app.example/callback", false),
                ("https://app", false),
                ("https://", false),
                ("%", false),
                ("null", false),
            ] {
                let expected = if readable { origin } else { "" };
                for method in [Method::POST, Method::OPTIONS] {
                    let answer = ask(&bench, method.clone(), TOKEN, origin).await;
                    assert_eq!(header(&answer, ALLOWED), expected, "{method} {origin}");
                    assert_eq!(header(&answer, "access-control-allow-credentials"), "");
                    assert_eq!(header(&answer, "vary"), "origin");
                    let answered = method == Method::OPTIONS && readable;
                    assert_eq!(answer.status() == StatusCode::NO_CONTENT, answered);
                }
            }
            bench.admin.set_client_disabled("app", true).await.unwrap();
            let answer = ask(&bench, Method::POST, TOKEN, "https://app.example").await;
            assert_eq!(header(&answer, ALLOWED), "");
        })
        .await;
    }

    #[tokio::test]
    async fn anybody_s_script_reads_metadata_and_keys_and_nothing_else() {
        let bench = Bench::new().await;
        for path in OPEN {
            let answer = ask(&bench, Method::GET, path, "https://x.example").await;
            assert_eq!(header(&answer, ALLOWED), "*", "{path}");
        }
        for path in [
            "/oauth2/introspect",
            "/oauth2/revoke",
            "/login",
            "/admin/api/v1/users",
        ] {
            for method in [Method::GET, Method::POST, Method::OPTIONS] {
                let answer = ask(&bench, method, path, "https://app.example").await;
                assert_eq!(header(&answer, ALLOWED), "", "{path}");
            }
        }
    }
}
