//! Signing in and out.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use oauth::{Parameters, Secret};
use serde::Deserialize;

use crate::caller::Caller;
use crate::pages::{self, Login, Open, Problem};
use crate::resource_owner::{self, LoginRefusal};
use crate::session::{self, Browser};
use crate::store::authorization_requests::AuthorizationRequest;
use crate::store::{authorization_requests, clients};
use crate::{AuthorizationServer, audit};

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new().route("/login", get(show).post(submit)).route("/logout", post(logout))
}

/// The handle in the address of the pages.
#[derive(Deserialize)]
pub(crate) struct Handle {
    #[serde(default)]
    pub(crate) request: String,
}

async fn show(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    Query(handle): Query<Handle>,
) -> Response {
    let page = async {
        let open = open(&server, &headers, &handle.request).await?;
        Ok(login_page(&server, &open, "", None, StatusCode::OK))
    };
    respond(page.await, &server, &caller).await
}

async fn submit(State(server): State<AuthorizationServer>, caller: Caller, headers: HeaderMap, body: Bytes) -> Response {
    respond(sign_in(&server, &caller, &headers, &body).await, &server, &caller).await
}

async fn sign_in(server: &AuthorizationServer, caller: &Caller, headers: &HeaderMap, body: &[u8]) -> Result<Response, Problem> {
    let (parameters, open) = posted(server, headers, body).await?;
    let username = parameters.get("username").unwrap_or_default();
    let password = Secret::received(parameters.get("password").unwrap_or_default().to_owned());
    match resource_owner::authenticate(server, username, password, caller).await {
        Ok(owner) => {
            let cookie = session::begin(server, &owner, headers, caller).await?;
            let mut response = pages::see_other(&format!("/consent?request={}", open.handle));
            response.headers_mut().append(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Err(LoginRefusal::Unavailable(error)) => Err(error.into()),
        Err(refusal) => {
            let (status, code, message) = told(&refusal);
            let mut event = audit::event(server, caller, "login", storage::Outcome::Denied);
            event.reason = Some(code.to_owned());
            event.client_id = Some(open.request.client_id.clone());
            server.db().audit(event).await?;
            let mut response = login_page(server, &open, username, Some(message), status);
            if let LoginRefusal::Held(wait) = refusal {
                response.headers_mut().insert(header::RETRY_AFTER, wait.as_secs().max(1).into());
            }
            Ok(response)
        }
    }
}

/// What a refusal says. Wrong, unknown and disabled say the same.
fn told(refusal: &LoginRefusal) -> (StatusCode, &'static str, String) {
    match refusal {
        LoginRefusal::Held(wait) => {
            let minutes = (wait.as_secs() + 59) / 60;
            let text = format!("Too many attempts failed. Try again in {minutes} minutes, or ask your administrator.");
            (StatusCode::TOO_MANY_REQUESTS, "too many failures", text)
        }
        LoginRefusal::Busy => {
            let text = "Many people are signing in at this moment. Try again in a few seconds.".to_owned();
            (StatusCode::TOO_MANY_REQUESTS, "too busy", text)
        }
        LoginRefusal::Wrong | LoginRefusal::Unavailable(_) => {
            (StatusCode::FORBIDDEN, "wrong username or password", "The username or the password is not right.".to_owned())
        }
    }
}

async fn logout(State(server): State<AuthorizationServer>, caller: Caller, headers: HeaderMap, body: Bytes) -> Response {
    let page = async {
        let (_, open) = posted(&server, &headers, &body).await?;
        let mut response = pages::see_other(&format!("/login?request={}", open.handle));
        if let Some(session) = session::current(&server, &headers).await? {
            let cookie = session::end(&server, &session, &caller).await?;
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    };
    respond(page.await, &server, &caller).await
}

/// The request that a page is about: this browser's, and not expired.
pub(crate) async fn open(server: &AuthorizationServer, headers: &HeaderMap, handle: &str) -> Result<Open, Problem> {
    let browser = Browser::of(server, headers);
    let hash = Secret::received(handle.to_owned()).hash();
    let now = server.clock().now();
    let request: Option<AuthorizationRequest> = authorization_requests::find(server.db(), &hash, &browser.hash(), now).await?;
    let request = request.ok_or(Problem::NoSuchRequest)?;
    let client = clients::find(server.db(), &request.client_id).await?.filter(|client| !client.disabled);
    let client = client.ok_or(Problem::UnknownClient)?;
    Ok(Open { csrf_token: browser.csrf_token(handle), handle: handle.to_owned(), hash, request, client })
}

/// A form of ours that was posted: from our own page, in the browser that the request belongs to.
pub(crate) async fn posted(server: &AuthorizationServer, headers: &HeaderMap, body: &[u8]) -> Result<(Parameters, Open), Problem> {
    same_origin(server, headers)?;
    let parameters = Parameters::parse(body).map_err(|_| Problem::MalformedRequest)?;
    let handle = parameters.get("request").ok_or(Problem::NoSuchRequest)?;
    let token = parameters.get("csrf_token").unwrap_or_default();
    if !Browser::of(server, headers).is_csrf_token(handle, token) {
        return Err(Problem::NotOurPage);
    }
    let open = open(server, headers, handle).await?;
    Ok((parameters, open))
}

/// Same origin, not same site: all ports of localhost are one site, and so are all hosts of a state.
fn same_origin(server: &AuthorizationServer, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let foreign_origin = text("origin").is_some_and(|origin| origin != server.issuer());
    let foreign_site = text("sec-fetch-site").is_some_and(|site| site != "same-origin");
    if foreign_origin || foreign_site { Err(Problem::NotOurPage) } else { Ok(()) }
}

pub(crate) async fn respond(page: Result<Response, Problem>, server: &AuthorizationServer, caller: &Caller) -> Response {
    match page {
        Ok(response) => response,
        Err(problem) => problem.respond(server, caller).await,
    }
}

fn login_page(server: &AuthorizationServer, open: &Open, username: &str, error: Option<String>, status: StatusCode) -> Response {
    pages::login(server, open, &Login { username: username.to_owned(), error }, status)
}
