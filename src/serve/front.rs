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
    CONNECTION, EXPECT, STRICT_TRANSPORT_SECURITY, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use ipnet::IpNet;
use tower::ServiceExt;

use super::body::{Lingering, Verdict, Watched};
use super::forwarded;
use super::gate::Gate;
use super::listener::Place;
use super::refusal::{Refusal, as_page, explained, is_bare, refusal, wants_page};
use super::roles::Roles;
use crate::config::{Limits, Network};

/// The way into the roles of a party.
pub(super) struct Front {
    party: String,
    roles: RwLock<Arc<Roles>>,
    pub(super) authorization_server: Gate,
    pub(super) resource_server: Gate,
    pub(super) client: Gate,
    limits: Limits,
    trusted_proxies: Vec<IpNet>,
    ready: AtomicBool,
}

/// Which role a path belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    AuthorizationServer,
    ResourceServer,
    Client,
}

impl Front {
    pub(super) fn new(party: &str, limits: Limits, roles: Roles) -> Self {
        Self {
            party: party.to_owned(),
            roles: RwLock::new(Arc::new(roles)),
            authorization_server: Gate::new(limits.authorization_server_requests),
            resource_server: Gate::new(limits.resource_server_requests),
            client: Gate::new(limits.authorization_server_requests),
            limits,
            trusted_proxies: Vec::new(),
            ready: AtomicBool::new(true),
        }
    }

    /// Believes what these proxies say of who sent a request.
    pub(super) fn behind(self, proxies: &[Network]) -> Self {
        Self {
            trusted_proxies: proxies.iter().map(|it| **it).collect(),
            ..self
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
        place: Place,
    ) -> Response<Body> {
        let id =
            HeaderValue::from_str(&uuid_v7()).unwrap_or_else(|_| HeaderValue::from_static("-"));
        // Overwritten: a caller's own value would let it choose what our audit says.
        request.headers_mut().insert(REQUEST_ID, id.clone());
        let client = forwarded::client_address(peer.ip(), request.headers(), &self.trusted_proxies);
        let client = SocketAddr::new(client, peer.port());
        request.extensions_mut().insert(ConnectInfo(client));
        let role = role(request.uri().path());
        let http1 = request.version() <= Version::HTTP_11;
        let method = request.method().clone();
        let (party, started) = (self.party.clone(), Instant::now());
        let page = (role == Role::AuthorizationServer && wants_page(request.headers()))
            .then(|| request.headers().clone());
        let roles = self.roles();
        let doubtful = http1 && has_doubtful_framing(request.headers());
        let mut response = if doubtful {
            refusal(role, StatusCode::BAD_REQUEST)
        } else {
            let task = tokio::spawn(async move { self.inside(request, role, place).await });
            task.await
                .unwrap_or_else(|_| refusal(role, StatusCode::INTERNAL_SERVER_ERROR))
        };
        let refused = response.extensions().get::<Refusal>().is_some();
        if let (true, Some(headers), Some(server)) = (refused, page, &roles.authorization_server) {
            response = as_page(&response, server, &headers);
        }
        if doubtful {
            // Whatever follows on this connection may be a part of what another parser took for this request.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
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
        finish(&mut response, id, http1, place);
        response
    }

    async fn inside(
        self: Arc<Self>,
        request: Request<Body>,
        role: Role,
        place: Place,
    ) -> Response<Body> {
        let (gate, size) = match role {
            Role::AuthorizationServer => (&self.authorization_server, self.limits.form_bytes),
            Role::ResourceServer => (&self.resource_server, self.limits.record_bytes),
            Role::Client => (&self.client, self.limits.form_bytes),
        };
        // Whoever asked with `Expect: 100-continue` has sent nothing yet and must not be told to.
        let sending = !request.headers().contains_key(EXPECT);
        let request = request.map(|body| match sending {
            true => Body::new(Lingering::new(body)),
            false => body,
        });
        let introspection = request.uri().path() == "/oauth2/introspect";
        if place == Place::Introspection && !introspection {
            return refusal(role, StatusCode::SERVICE_UNAVAILABLE);
        }
        if request.body().size_hint().lower() > u64::try_from(size).unwrap_or(u64::MAX) {
            return refusal(role, StatusCode::PAYLOAD_TOO_LARGE);
        }
        let Some(_inside) = gate.enter(introspection).await else {
            return refusal(role, StatusCode::SERVICE_UNAVAILABLE);
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
            Some(status) => refusal(role, status),
            None if is_bare(&response) => explained(role, &response),
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

/// Whether a proxy before us could have found another end of this request than we did (RFC 9112 section
/// 6.1): any transfer coding but one plain `chunked`, which is all that anybody sends.
fn has_doubtful_framing(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let only = codings.next();
    codings.next().is_some()
        || only.is_some_and(|it| !it.as_bytes().eq_ignore_ascii_case(b"chunked"))
}

/// The headers of every answer.
fn finish(response: &mut Response<Body>, id: HeaderValue, http1: bool, place: Place) {
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
    if http1 && (unread || place == Place::Introspection) {
        // The rest of the body is not read: the connection cannot be used again. A reserved one is not kept.
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
    // RFC 9728: of two resources, each describes itself.
    if path == "/.well-known/oauth-protected-resource/admin/api" {
        return Role::AuthorizationServer;
    }
    if under("/fhir") || under("/.well-known/oauth-protected-resource") {
        Role::ResourceServer
    } else if under("/client") {
        Role::Client
    } else {
        Role::AuthorizationServer
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "names an exchange in logs; decides nothing and is never compared"
)]
fn uuid_v7() -> String {
    uuid::Uuid::now_v7().to_string()
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use super::super::roles::Routes;
    use super::*;
    use axum::routing::post;
    use http_body_util::BodyExt as _;

    async fn ask(method: &str, path: &str) -> (u16, axum::http::HeaderMap, String) {
        let broken = post(async || -> &'static str { panic!("a secret of the server") });
        let routes = Routes {
            authorization_server: Router::new().route("/broken", broken.clone()),
            resource_server: Router::new().route("/fhir/broken", broken),
            client: Router::new(),
        };
        let roles = Roles {
            authorization_server: None,
            resource_server: None,
            client: None,
            routes,
        };
        let front = Arc::new(Front::new("vro", Limits::default(), roles));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .unwrap();
        let answer = front
            .answer(
                request,
                SocketAddr::from(([127, 0, 0, 1], 9)),
                Place::Ordinary,
            )
            .await;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (
            parts.status.as_u16(),
            parts.headers,
            String::from_utf8(body.to_vec()).unwrap(),
        )
    }

    #[tokio::test]
    async fn a_panic_is_500_without_its_text() {
        for (path, expected) in [("/broken", "server_error"), ("/fhir/broken", "exception")] {
            let (status, headers, body) = ask("POST", path).await;
            assert_eq!(status, 500);
            assert!(
                body.contains(expected) && !body.contains("secret"),
                "{body}"
            );
            assert!(headers.contains_key(REQUEST_ID));
        }
    }

    #[tokio::test]
    async fn a_wrong_method_is_405_with_allow_and_a_body() {
        let (status, headers, body) = ask("GET", "/fhir/broken").await;
        assert_eq!(
            (status, headers.get("allow").unwrap().as_bytes()),
            (405, &b"POST"[..])
        );
        assert!(body.contains(r#""code":"not-supported""#), "{body}");
        let (status, _, body) = ask("GET", "/nothing").await;
        assert_eq!(status, 404);
        assert!(body.contains("invalid_request"), "{body}");
    }

    #[test]
    fn a_path_belongs_to_one_role() {
        for (path, expected) in [
            ("/fhir", Role::ResourceServer),
            ("/fhir/Bundle", Role::ResourceServer),
            ("/fhirish", Role::AuthorizationServer),
            (
                "/.well-known/oauth-protected-resource/fhir",
                Role::ResourceServer,
            ),
            (
                "/.well-known/oauth-protected-resource/admin/api",
                Role::AuthorizationServer,
            ),
            (
                "/.well-known/oauth-authorization-server",
                Role::AuthorizationServer,
            ),
            ("/client", Role::Client),
            ("/client/callback", Role::Client),
            ("/clients", Role::AuthorizationServer),
            ("/oauth2/token", Role::AuthorizationServer),
            ("//fhir", Role::AuthorizationServer),
        ] {
            assert_eq!(role(path), expected, "{path}");
        }
    }
}
