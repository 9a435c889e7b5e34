//! Which scripts in browsers may read answers (Fetch standard, "CORS protocol"; SMART App Launch 2.2,
//! "Considerations for CORS support"): any may read what this server says of itself, and those of the
//! configured origins the FHIR answers.
//!
//! Nothing is opened by it: a token is needed all the same. Cookies count for nothing here, so
//! `Access-Control-Allow-Credentials` is never said, and `*` never on an answer with data.

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, ORIGIN, VARY,
};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use crate::answer::empty;
use crate::{ResourceServer, protected_resource, smart_configuration};

/// Around every route.
pub(crate) async fn layer(
    State(server): State<ResourceServer>,
    request: Request,
    next: Next,
) -> Response {
    let readers = Readers::of(&server, request.uri().path(), request.headers());
    // Before anything else looks at it: a browser sends no token with the question (Fetch, "CORS-preflight
    // fetch"). The answer is the same for every path, so that it tells nothing of what there is.
    if is_preflight(&request)
        && let Some(allowed) = readers.allowed()
    {
        return preflight(allowed, &readers);
    }
    let mut response = next.run(request).await;
    if let Some(allowed) = readers.allowed() {
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    if !matches!(readers, Readers::Anybody) && !server.config().cors_allowed_origins.is_empty() {
        response
            .headers_mut()
            .append(VARY, HeaderValue::from_static("origin"));
    }
    response
}

/// Whose scripts may read an answer.
enum Readers {
    Anybody,
    /// Those of the origin that asks.
    Origin(HeaderValue),
    Nobody,
}

impl Readers {
    fn of(server: &ResourceServer, path: &str, headers: &HeaderMap) -> Self {
        let base = &server.config().fhir_base;
        let metadata = format!("{}/metadata", base.path().trim_end_matches('/'));
        let open = [
            metadata,
            smart_configuration::path(base),
            protected_resource::path(base),
        ];
        if open.iter().any(|it| it == path) {
            return Self::Anybody;
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        let only = origins.next().filter(|_| origins.next().is_none());
        let allowed = &server.config().cors_allowed_origins;
        // To the letter: browsers write an origin in one way only (RFC 6454 section 6.2).
        let listed =
            |origin: &&HeaderValue| allowed.iter().any(|it| it.as_bytes() == origin.as_bytes());
        match only.filter(listed) {
            Some(origin) => Self::Origin(origin.clone()),
            None => Self::Nobody,
        }
    }

    fn allowed(&self) -> Option<HeaderValue> {
        match self {
            Self::Anybody => Some(HeaderValue::from_static("*")),
            Self::Origin(origin) => Some(origin.clone()),
            Self::Nobody => None,
        }
    }
}

fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    request.method() == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(allowed: HeaderValue, readers: &Readers) -> Response {
    let methods = match readers {
        Readers::Anybody => "GET, HEAD",
        _ => "GET, HEAD, POST, PUT, DELETE",
    };
    let mut response = empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static(methods),
    );
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_S));
    headers.append(VARY, HeaderValue::from_static("origin"));
    response
}

/// What FHIR clients send besides what browsers let anybody send.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "accept, authorization, content-type, if-match, if-modified-since, if-none-exist, if-none-match, prefer",
);

/// What FHIR clients read besides what browsers let anybody read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "content-digest, content-location, etag, last-modified, location, retry-after, www-authenticate, x-request-id",
);

/// A setting that is taken back holds in browsers this much longer.
const MAX_AGE_S: &str = "600";
