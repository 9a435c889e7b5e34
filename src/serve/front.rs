//! What every request passes before and after its role: an id, size and time limits, headers that hold
//! everywhere, and nothing internal in an answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use tower::ServiceExt;

use super::body::{Verdict, Watched};
use super::gate::Gate;
use super::roles::Roles;
use crate::config::{Config, Limits};

/// The way into the roles of a party.
pub(super) struct Front {
    party: String,
    roles: RwLock<Arc<Roles>>,
    pub(super) authorization_server: Gate,
    pub(super) resource_server: Gate,
    pub(super) client: Gate,
    limits: Limits,
    ready: AtomicBool,
}

/// Which role a path belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    AuthorizationServer,
    ResourceServer,
    Client,
}

impl Front {
    pub(super) fn new(config: &Config, roles: Roles) -> Self {
        let limits = config.limits.clone();
        Self {
            party: config.party.clone(),
            roles: RwLock::new(Arc::new(roles)),
            authorization_server: Gate::new(limits.authorization_server_requests),
            resource_server: Gate::new(limits.resource_server_requests),
            client: Gate::new(limits.authorization_server_requests),
            limits,
            ready: AtomicBool::new(true),
        }
    }

    pub(super) fn roles(&self) -> Arc<Roles> {
        Arc::clone(&self.roles.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replace(&self, roles: Roles) {
        *self.roles.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(roles);
    }

    pub(super) fn not_ready(&self) {
        self.ready.store(false, Ordering::SeqCst);
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::SeqCst)
    }

    /// Answers one request. It runs on a task of its own, so that a panic in a role ends in 500 and not in
    /// a cut connection.
    pub(super) async fn answer(
        self: Arc<Self>,
        mut request: Request<Body>,
        peer: SocketAddr,
    ) -> Response<Body> {
        let id =
            HeaderValue::from_str(&uuid_v7()).unwrap_or_else(|_| HeaderValue::from_static("-"));
        // Overwritten: a caller's own value would let it choose what our audit says.
        request.headers_mut().insert(REQUEST_ID, id.clone());
        request.extensions_mut().insert(ConnectInfo(peer));
        let role = role(request.uri().path());
        let http1 = request.version() <= Version::HTTP_11;
        let method = request.method().clone();
        let (party, started) = (self.party.clone(), Instant::now());
        let task = tokio::spawn(async move { self.inside(request, role).await });
        let mut response = task
            .await
            .unwrap_or_else(|_| plain(role, StatusCode::INTERNAL_SERVER_ERROR));
        count(&party, role, response.status(), started.elapsed());
        // Neither path nor query: both may name a record.
        tracing::info!(
            party,
            role = role.as_str(),
            request_id = id.to_str().unwrap_or_default(),
            %method,
            status = response.status().as_u16(),
            ms = started.elapsed().as_millis(),
            "answered"
        );
        finish(&mut response, id, http1);
        response
    }

    async fn inside(self: Arc<Self>, request: Request<Body>, role: Role) -> Response<Body> {
        let (gate, size) = match role {
            Role::AuthorizationServer => (&self.authorization_server, self.limits.form_bytes),
            Role::ResourceServer => (&self.resource_server, self.limits.record_bytes),
            Role::Client => (&self.client, self.limits.form_bytes),
        };
        if request.body().size_hint().lower() > u64::try_from(size).unwrap_or(u64::MAX) {
            return plain(role, StatusCode::PAYLOAD_TOO_LARGE);
        }
        let reserved = request.uri().path() == "/oauth2/introspect";
        let Some(_inside) = gate.enter(reserved).await else {
            return plain(role, StatusCode::SERVICE_UNAVAILABLE);
        };
        let verdict = Verdict::default();
        let time = Duration::from_secs(self.limits.body_timeout_s);
        let request =
            request.map(|body| Body::new(Watched::new(body, size, time, verdict.clone())));
        let response = self
            .router(role)
            .oneshot(request)
            .await
            .unwrap_or_else(|never| match never {});
        let refused = verdict
            .status()
            .and_then(|status| StatusCode::from_u16(status).ok());
        match refused {
            Some(status) => plain(role, status),
            None if response.status() == StatusCode::NOT_FOUND && is_bare(&response) => {
                plain(role, StatusCode::NOT_FOUND)
            }
            None => response,
        }
    }

    fn router(&self, role: Role) -> Router {
        let roles = self.roles();
        match role {
            Role::AuthorizationServer => roles.routes.authorization_server.clone(),
            Role::ResourceServer => roles.routes.resource_server.clone(),
            Role::Client => roles.routes.client.clone(),
        }
    }
}

/// The headers of every answer.
fn finish(response: &mut Response<Body>, id: HeaderValue, http1: bool) {
    let unread = matches!(
        response.status(),
        StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE
    );
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, id);
    headers.insert(
        STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=31536000"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if unread && http1 {
        // The rest of the body is not read: the connection cannot be used again.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationServer => "authorization-server",
            Self::ResourceServer => "resource-server",
            Self::Client => "client",
        }
    }
}

fn count(party: &str, role: Role, status: StatusCode, elapsed: Duration) {
    let labels = [
        ("party", party.to_owned()),
        ("role", role.as_str().to_owned()),
        ("status", status.as_str().to_owned()),
    ];
    metrics::counter!("http_requests_total", &labels).increment(1);
    let labels = [
        ("party", party.to_owned()),
        ("role", role.as_str().to_owned()),
    ];
    metrics::histogram!("http_request_seconds", &labels).record(elapsed);
}

fn role(path: &str) -> Role {
    let under = |base: &str| {
        path == base
            || path
                .strip_prefix(base)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    if under("/fhir") {
        Role::ResourceServer
    } else if under("/client") {
        Role::Client
    } else {
        Role::AuthorizationServer
    }
}

/// The router's own 404, which has neither a body nor a type.
fn is_bare(response: &Response<Body>) -> bool {
    !response.headers().contains_key(CONTENT_TYPE)
}

/// An answer of the front itself, in the form that callers of the role expect.
fn plain(role: Role, status: StatusCode) -> Response<Body> {
    let (issue, error, text) = match status {
        StatusCode::NOT_FOUND => ("not-found", "invalid_request", "there is nothing here"),
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
    };
    let (media_type, body) = match role {
        Role::ResourceServer => (
            "application/fhir+json; charset=utf-8",
            format!(
                r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"error","code":"{issue}","diagnostics":"{text}"}}]}}"#
            ),
        ),
        _ => (
            "application/json",
            format!(r#"{{"error":"{error}","error_description":"{text}"}}"#),
        ),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

#[expect(
    clippy::disallowed_methods,
    reason = "names an exchange in logs; decides nothing and is never compared"
)]
fn uuid_v7() -> String {
    uuid::Uuid::now_v7().to_string()
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
