//! Clients that register themselves (RFC 7591) and manage their registration (RFC 7592).
//!
//! Nobody registers without an initial access token, which an operator has made and which is the policy
//! of every client registered with it. The rules run on the resulting client at every change.

mod change;
mod metadata;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use oauth::bearer::BearerError;
use oauth::{Error, ErrorCode, Secret};
use serde_json::{Map, Value};

use crate::AuthorizationServer;
use crate::audit;
use crate::caller::Caller;
use crate::endpoint::{Failure, uncached};
use crate::registration::Client;
use crate::store::clients;

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new().route(PATH, post(register)).route(
        "/oauth2/register/{client_id}",
        get(read).put(update).delete(remove),
    )
}

/// RFC 7591 section 3.
async fn register(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let answer = async {
        let token = bearer(&headers)?;
        let metadata = posted(&headers, body)?;
        let registered = change::register(&server, &caller, token, &metadata).await?;
        Ok((StatusCode::CREATED, registered.client(&server)))
    };
    settle(answer.await, &server, &caller, "client.register", None).await
}

/// RFC 7592 section 2.1.
async fn read(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    Path(client_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let answer = async {
        let token = bearer(&headers)?;
        let client = change::read(&server, &client_id, &token).await?;
        Ok((StatusCode::OK, shown(&server, &client, &token)))
    };
    settle(
        answer.await,
        &server,
        &caller,
        "client.read",
        Some(client_id.clone()),
    )
    .await
}

/// RFC 7592 section 2.2.
async fn update(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    Path(client_id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let answer = async {
        let token = bearer(&headers)?;
        let metadata = posted(&headers, body)?;
        let updated = change::update(&server, &caller, &client_id, token, &metadata).await?;
        Ok((StatusCode::OK, updated.client(&server)))
    };
    settle(
        answer.await,
        &server,
        &caller,
        "client.update",
        Some(client_id.clone()),
    )
    .await
}

/// RFC 7592 section 2.3.
async fn remove(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    Path(client_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let answer = async {
        let token = bearer(&headers)?;
        change::remove(&server, &caller, &client_id, &token).await?;
        Ok((StatusCode::NO_CONTENT, Map::new()))
    };
    settle(
        answer.await,
        &server,
        &caller,
        "client.remove",
        Some(client_id.clone()),
    )
    .await
}

/// A registration as its owner sees it. The registration access token is the one that he has sent: it
/// cannot be read out of the table.
fn shown(server: &AuthorizationServer, client: &Client, token: &Secret) -> Map<String, Value> {
    let mut shown = metadata::describe(client);
    let name = "registration_access_token".to_owned();
    shown.insert(name, token.expose().into());
    let uri = server.endpoint(&format!("{PATH}/{}", client.client_id));
    shown.insert("registration_client_uri".to_owned(), uri.into());
    shown
}

/// The token of the one `Authorization` header; no other way (RFC 6750 section 2.1).
fn bearer(headers: &HeaderMap) -> Result<Secret, Failure> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Failure::BearerRefused(None));
    };
    oauth::bearer::token(value.as_bytes()).map_err(|error| {
        let unusable = error == BearerError::Unusable;
        Failure::BearerRefused(unusable.then_some(ErrorCode::InvalidToken))
    })
}

/// The JSON object of a request, without a member twice.
fn posted(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Map<String, Value>, Failure> {
    let body = body.map_err(|rejection| Failure::Unreadable(rejection.status()))?;
    let essence = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    if !essence.is_some_and(|it| it.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Failure::invalid_request(
            "the content type must be application/json",
        ));
    }
    oauth::strict::object(&body).ok_or_else(|| {
        Failure::Refused(Error::new(
            ErrorCode::InvalidClientMetadata,
            "the body is not a JSON object, or has a member twice",
        ))
    })
}

/// The answer; a refusal leaves an audit row first.
async fn settle(
    answer: Result<(StatusCode, Map<String, Value>), Failure>,
    server: &AuthorizationServer,
    caller: &Caller,
    action: &str,
    client_id: Option<String>,
) -> Response {
    let failure = match answer {
        Ok((StatusCode::NO_CONTENT, _)) => return StatusCode::NO_CONTENT.into_response(),
        Ok((status, body)) => return uncached(status, &body),
        Err(failure @ (Failure::Unavailable(_) | Failure::NoKey(_))) => {
            return failure.into_response();
        }
        Err(failure) => failure,
    };
    let mut event = audit::denial(server, caller, action, &failure.error());
    // Whoever asks may write anything into the path, a token of his as well: only a name of ours is repeated.
    if let Some(client_id) = client_id {
        event.client_id = match clients::find(server.db(), &client_id).await {
            Ok(client) => client.map(|client| client.client_id),
            Err(error) => return Failure::from(error).into_response(),
        };
    }
    match server.db().audit(event).await {
        Ok(()) => failure.into_response(),
        Err(error) => Failure::from(error).into_response(),
    }
}

const PATH: &str = "/oauth2/register";
