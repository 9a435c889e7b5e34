//! The administration API: JSON under `/admin/api`, one endpoint per [`Operation`], all in one table that the routes,
//! the description (OpenAPI) and the tests are made of.
//!
//! Every request takes the same way: bearer token (RFC 6750), decision, operation, answer. A handler is called with
//! what was permitted and cannot leave a step out.

mod audit_rows;
mod authenticate;
mod clients;
mod endpoints;
mod input;
mod openapi;
mod problem;
mod registrations;
mod schemas;
mod sessions;
#[cfg(test)]
mod tests;
mod users;

use std::collections::HashMap;
use std::convert::Infallible;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use serde::Serialize;
use serde_json::Value;
use storage::{AuditEvent, Outcome};

use crate::administration::decision::{Access, Operation, decide};
use crate::administration::{API, Administration, Page};
use crate::caller::Caller;
use crate::endpoint::{cached, not_kept, uncached};
use crate::{AuthorizationServer, audit};
use authenticate::authenticate;
pub(crate) use endpoints::ENDPOINTS;
use input::{Fields, Query, versions};
use problem::Problem;

/// An operation as it is called.
pub(crate) struct Endpoint {
    pub(crate) operation: Operation,
    pub(crate) method: Method,
    /// Below [`API`]; the one parameter is `{id}`.
    pub(crate) path: &'static str,
    pub(crate) summary: &'static str,
    /// Parameters of the query.
    pub(crate) query: &'static [&'static str],
    /// The schema of the body.
    pub(crate) body: Option<&'static str>,
    pub(crate) answer: Shape,
}

/// What an operation answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// 200 with a page of these.
    Page(&'static str),
    /// 200 with one.
    One(&'static str),
    /// 201 with one and where it is.
    Created(&'static str),
    /// 204.
    Done,
    /// 200 with lines of text.
    Lines,
}

/// What a handler is called with.
struct Call {
    server: AuthorizationServer,
    admin: Administration,
    id: String,
    query: Query,
    body: Fields,
}

/// What a handler answers.
enum Reply {
    Page(Value),
    One {
        shown: Value,
        version: Option<String>,
    },
    Created {
        shown: Value,
        location: String,
        version: Option<String>,
    },
    Done,
    Lines(Response),
}

pub(crate) fn routes() -> Router<AuthorizationServer> {
    let mut paths: Vec<&'static str> = ENDPOINTS.iter().map(|endpoint| endpoint.path).collect();
    paths.sort_unstable();
    paths.dedup();
    let beside = Router::new()
        .route(&format!("{API}/openapi.json"), get(describe))
        .route(METADATA, get(metadata))
        .route(API, any(nothing))
        .route(&format!("{API}/"), any(nothing))
        .route(&format!("{API}/{{*rest}}"), any(nothing));
    paths.into_iter().fold(beside, |router, path| {
        let handler = move |State(server): State<AuthorizationServer>, asked: Asked| async move {
            answer(&server, path, asked).await
        };
        router.route(&format!("{API}{path}"), any(handler))
    })
}

/// A request as it came.
struct Asked {
    method: Method,
    caller: Caller,
    headers: HeaderMap,
    id: Option<String>,
    query: String,
    body: Result<Bytes, BytesRejection>,
}

impl FromRequest<AuthorizationServer> for Asked {
    type Rejection = Infallible;

    async fn from_request(
        request: Request,
        server: &AuthorizationServer,
    ) -> Result<Self, Infallible> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, server).await?;
        let path = Path::<HashMap<String, String>>::from_request_parts(&mut parts, server).await;
        let id = path.ok().and_then(|Path(mut path)| path.remove("id"));
        Ok(Self {
            method: parts.method.clone(),
            caller,
            headers: parts.headers.clone(),
            // No id of ours holds a control character, and a text column cannot be asked for NUL.
            id: id.filter(|id| !id.chars().any(char::is_control)),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            body: Bytes::from_request(Request::from_parts(parts, body), server).await,
        })
    }
}

async fn answer(server: &AuthorizationServer, path: &'static str, asked: Asked) -> Response {
    let here = || ENDPOINTS.iter().filter(|endpoint| endpoint.path == path);
    let wanted = if asked.method == Method::HEAD {
        &Method::GET
    } else {
        &asked.method
    };
    let Some(endpoint) = here().find(|endpoint| endpoint.method == *wanted) else {
        return Problem::wrong_method(here().map(|endpoint| &endpoint.method)).into_response();
    };
    let caller = asked.caller.clone();
    let mut event = audit::event(server, &caller, endpoint.operation.name(), Outcome::Denied);
    let problem = match permitted(server, endpoint, asked, &mut event).await {
        Ok(reply) => return reply.into_response(),
        Err(problem) => problem,
    };
    if problem.is_recorded() {
        return problem.into_response();
    }
    event.reason = Some(problem.reason());
    match server.db().audit(event).await {
        Ok(()) => problem.into_response(),
        Err(error) => Problem::from(error).into_response(),
    }
}

/// The one way of every request.
async fn permitted(
    server: &AuthorizationServer,
    endpoint: &Endpoint,
    asked: Asked,
    event: &mut AuditEvent,
) -> Result<Reply, Problem> {
    let authenticated = authenticate(server, &asked.headers).await?;
    authenticated.note(event);
    let now = server.clock().now();
    let permit = decide(endpoint.operation, &authenticated.who, now)
        .map_err(|denied| Problem::denied(server, denied))?;
    let query = Query::read(&asked.query, endpoint.query)?;
    let body = Fields::read(&asked.headers, asked.body, endpoint.body.is_some())?;
    let versions = versions(&asked.headers)?;
    let actor = permit.actor(&asked.caller).if_unchanged(versions);
    let call = Call {
        server: server.clone(),
        admin: server.administration(actor),
        id: asked.id.unwrap_or_default(),
        query,
        body,
    };
    let changes = !endpoint.operation.is_read();
    handle(endpoint.operation, call)
        .await
        .map_err(|problem| problem.of(changes))
}

async fn handle(operation: Operation, call: Call) -> Result<Reply, Problem> {
    use Operation as Op;
    match operation {
        Op::UserList => users::list(call).await,
        Op::UserRead => users::read(call).await,
        Op::UserAdd => users::add(call).await,
        Op::UserChange => users::change(call).await,
        Op::UserSetPassword => users::set_password(call).await,
        Op::UserDisable
        | Op::UserEnable
        | Op::UserRemove
        | Op::UserResetSecondFactor
        | Op::UserUnlock
        | Op::UserRevokeTokens
        | Op::UserEndSessions => users::act(operation, call).await,
        Op::ClientList => clients::list(call).await,
        Op::ClientRead => clients::read(call).await,
        Op::ClientAdd => clients::add(call).await,
        Op::ClientChange => clients::change(call).await,
        Op::ClientRotateSecret => clients::rotate_secret(call).await,
        Op::ClientDisable | Op::ClientEnable | Op::ClientRemove | Op::ClientRevokeTokens => {
            clients::act(operation, call).await
        }
        Op::ResourceServerList => registrations::resource_servers(call).await,
        Op::ResourceServerRead => registrations::resource_server(call).await,
        Op::ResourceServerAdd => registrations::add_resource_server(call).await,
        Op::ResourceServerRemove => registrations::remove_resource_server(call).await,
        Op::IssuerList => registrations::issuers(&call),
        Op::KeyList => registrations::keys(call).await,
        Op::KeyRotate => registrations::rotate_key(call).await,
        Op::SessionList => sessions::sessions(call).await,
        Op::SessionEnd => sessions::end_session(call).await,
        Op::TokenList => sessions::tokens(call).await,
        Op::TokenRevoke => sessions::revoke_token(call).await,
        Op::InitialAccessTokenList => registrations::initial_access_tokens(call).await,
        Op::InitialAccessTokenAdd => registrations::add_initial_access_token(call).await,
        Op::InitialAccessTokenEnd => registrations::end_initial_access_token(call).await,
        Op::AuditSearch => audit_rows::search(call).await,
        Op::AuditExport => audit_rows::export(call).await,
    }
}

impl Reply {
    fn one(shown: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self::One {
            shown: json(shown)?,
            version: None,
        })
    }

    fn page<T, V: Serialize>(page: Page<T>, view: impl FnMut(T) -> V) -> Result<Self, Problem> {
        Ok(Self::Page(json(&page.map(view))?))
    }

    fn created(shown: Value, path: &str, id: &str) -> Self {
        let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
        Self::Created {
            shown,
            location: format!("{API}{path}/{id}"),
            version: None,
        }
    }

    fn at(self, now: String) -> Self {
        match self {
            Self::One { shown, .. } => Self::One {
                shown,
                version: Some(now),
            },
            Self::Created {
                shown, location, ..
            } => Self::Created {
                shown,
                location,
                version: Some(now),
            },
            other => other,
        }
    }
}

fn json(shown: &impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(shown).map_err(|error| {
        let text = format!("an answer could not be written: {error}");
        storage::Error::Failed(text).into()
    })
}

/// An object with one more member: what is shown this once.
fn with(mut shown: Value, name: &str, secret: Option<&oauth::Secret>) -> Value {
    if let (Some(members), Some(secret)) = (shown.as_object_mut(), secret) {
        members.insert(name.to_owned(), secret.expose().into());
    }
    shown
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let (mut response, location, version) = match self {
            Self::Page(shown) => (uncached(StatusCode::OK, &shown), None, None),
            Self::One { shown, version } => (uncached(StatusCode::OK, &shown), None, version),
            Self::Created {
                shown,
                location,
                version,
            } => (
                uncached(StatusCode::CREATED, &shown),
                Some(location),
                version,
            ),
            Self::Done => (not_kept(StatusCode::NO_CONTENT.into_response()), None, None),
            Self::Lines(response) => (not_kept(response), None, None),
        };
        let etag = version.map(|version| format!("\"{version}\""));
        for (name, value) in [(header::LOCATION, location), (header::ETAG, etag)] {
            if let Some(value) = value.and_then(|value| value.try_into().ok()) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

async fn nothing() -> Response {
    Problem::not_found("path").into_response()
}

async fn describe(State(server): State<AuthorizationServer>) -> Response {
    cached(&openapi::document(&server))
}

/// What this API says about itself (RFC 9728): whose tokens count, and which scopes there are.
async fn metadata(State(server): State<AuthorizationServer>) -> Response {
    cached(&serde_json::json!({
        "resource": server.endpoint(API),
        "authorization_servers": [server.issuer()],
        "scopes_supported": Access::ALL.map(Access::scope),
        "bearer_methods_supported": ["header"],
        "resource_name": format!("Administration of {}", server.config().display_name),
        "resource_documentation": server.endpoint(&format!("{API}/openapi.json")),
    }))
}

/// Where it says so: the well-known part stands before the path (RFC 9728 section 3.1).
const METADATA: &str = "/.well-known/oauth-protected-resource/admin/api";
