//! Answers of the front itself, in the form that callers of each role expect: JSON as in RFC 6749
//! section 5.2, or an OperationOutcome.

use authorization_server::AuthorizationServer;
use axum::body::Body;
use axum::http::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::front::Role;

/// Marks an answer of the front itself.
#[derive(Clone)]
pub(super) struct Refusal;

/// Whether it is a person in a browser who asks: programs do not ask for HTML.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter();
    let mut texts = accepted.filter_map(|value| value.to_str().ok());
    texts.any(|text| text.contains("text/html"))
}

/// The page in place of a refusal, with what the refusal says beside its body.
pub(super) fn as_page(
    refusal: &Response<Body>,
    server: &AuthorizationServer,
    headers: &HeaderMap,
) -> Response<Body> {
    let mut page = server.error_page(refusal.status(), headers);
    for name in [ALLOW, RETRY_AFTER] {
        if let Some(value) = refusal.headers().get(&name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    page
}

/// An answer that says what is wrong and nothing of what is behind it.
pub(super) fn refusal(role: Role, status: StatusCode) -> Response<Body> {
    let (issue, error, text) = words(status);
    let (media_type, body) = match role {
        Role::ResourceServer => (
            "application/fhir+json; charset=utf-8",
            format!(
                r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"error","code":"{issue}","details":{{"text":"{text}"}}}}]}}"#
            ),
        ),
        Role::AuthorizationServer | Role::Client => (
            "application/json",
            format!(r#"{{"error":"{error}","error_description":"{text}"}}"#),
        ),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.extensions_mut().insert(Refusal);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// Issue type, error code and text. None of them needs escaping in JSON.
fn words(status: StatusCode) -> (&'static str, &'static str, &'static str) {
    match status {
        StatusCode::NOT_FOUND => ("not-found", "invalid_request", "there is nothing here"),
        StatusCode::METHOD_NOT_ALLOWED => (
            "not-supported",
            "invalid_request",
            "this path does not know the method",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => ("too-long", "invalid_request", "the body is too large"),
        StatusCode::REQUEST_TIMEOUT => ("timeout", "invalid_request", "the body came too slowly"),
        StatusCode::SERVICE_UNAVAILABLE => (
            "transient",
            "temporarily_unavailable",
            "too busy or stopping; try again",
        ),
        _ => (
            "exception",
            "server_error",
            "something failed that is not your fault",
        ),
    }
}

/// A router's own 404 or 405, which has neither a body nor a type.
pub(super) fn is_bare(response: &Response<Body>) -> bool {
    let routing = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
    routing.contains(&response.status()) && !response.headers().contains_key(CONTENT_TYPE)
}

/// The same with a body; `Allow` stays (RFC 9110 section 15.5.6).
pub(super) fn explained(role: Role, bare: &Response<Body>) -> Response<Body> {
    let mut response = refusal(role, bare.status());
    if let Some(allow) = bare.headers().get(ALLOW) {
        response.headers_mut().insert(ALLOW, allow.clone());
    }
    response
}
