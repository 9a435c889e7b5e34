//! The authorization endpoint. RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 8707 section 2, RFC 9207.
//!
//! Client and redirect URI are resolved first: until both are known, an error is a page and never a redirect
//! (RFC 6749 section 4.1.2.1). Everything after that is answered at the redirect URI.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use oauth::pkce::CodeChallenge;
use oauth::redirect_uri::RegisteredRedirectUri;
use oauth::{ErrorCode, Parameters, Scope, Secret, SecretHash};
use storage::{Transaction, Work};
use url::Url;

use crate::caller::Caller;
use crate::pages::{self, Problem};
use crate::session::{self, Browser};
use crate::store::authorization_requests::{self, AuthorizationRequest};
use crate::store::clients;
use crate::{AuthorizationServer, Client, GrantType, audience, audit};

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new().route("/oauth2/authorize", get(from_query).post(from_body))
}

async fn from_query(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    match authorize(&server, &caller, &headers, query.unwrap_or_default().as_bytes()).await {
        Ok(response) => response,
        Err(problem) => problem.respond(&server, &caller).await,
    }
}

/// A POST may come from another site, without our cookies: it is answered with a redirect to the same
/// question as a GET, which brings them.
async fn from_body(State(server): State<AuthorizationServer>, caller: Caller, body: Bytes) -> Response {
    match Parameters::parse(&body).map_err(|_| Problem::MalformedRequest) {
        Ok(_) => pages::see_other(&format!("/oauth2/authorize?{}", String::from_utf8_lossy(&body))),
        Err(problem) => problem.respond(&server, &caller).await,
    }
}

async fn authorize(
    server: &AuthorizationServer,
    caller: &Caller,
    headers: &HeaderMap,
    query: &[u8],
) -> Result<Response, Problem> {
    let parameters = Parameters::parse(query).map_err(|_| Problem::MalformedRequest)?;
    let (client, redirect_uri) = resolve(server, &parameters).await?;
    let state = parameters.get("state").map(str::to_owned);
    let checked = check(server, &client, &parameters);
    let request = match checked {
        Ok(checked) => checked.into_request(server, &client, redirect_uri.clone(), state.clone()),
        Err(refusal) => {
            let error = oauth::Error::new(refusal.0, refusal.1.clone());
            let mut event = audit::denial(server, caller, "authorize", &error);
            event.client_id = Some(client.client_id);
            server.db().audit(event).await?;
            return Ok(refuse(server, &redirect_uri, state.as_deref(), refusal));
        }
    };
    let prompt = parameters.get("prompt").unwrap_or_default();
    if prompt == "none" {
        // Consent is not remembered yet, so there is always something to ask (OpenID Connect Core 3.1.2.6).
        let signed_in = session::current(server, headers).await?.is_some();
        let code = if signed_in { "consent_required" } else { "login_required" };
        return Ok(answer(server, &redirect_uri, state.as_deref(), &[("error", code)]));
    }
    open(server, headers, request).await
}

/// Stores the request and sends the browser to sign in, or to decide if it is signed in.
async fn open(server: &AuthorizationServer, headers: &HeaderMap, request: AuthorizationRequest) -> Result<Response, Problem> {
    let browser = Browser::of(server, headers);
    let handle = Secret::generate(server.random());
    let signed_in = !request.fresh_login && session::current(server, headers).await?.is_some();
    let work = Open { hash: handle.hash(), browser: browser.hash(), request };
    server.db().write(work).await?;
    let page = if signed_in { "consent" } else { "login" };
    let mut response = pages::see_other(&format!("/{page}?request={}", handle.expose()));
    if let Some(cookie) = browser.set_cookie(server) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Client and redirect URI, both exactly as registered.
async fn resolve(server: &AuthorizationServer, parameters: &Parameters) -> Result<(Client, Url), Problem> {
    let client_id = parameters.get("client_id").ok_or(Problem::UnknownClient)?;
    let client = clients::find(server.db(), client_id).await?.filter(|client| !client.disabled);
    let client = client.ok_or(Problem::UnknownClient)?;
    let requested = parameters.get("redirect_uri").ok_or(Problem::WrongRedirectUri)?;
    let registered = client.redirect_uris.iter().filter_map(|uri| RegisteredRedirectUri::parse(uri).ok());
    let known = registered.into_iter().any(|registered| registered.matches(requested));
    match Url::parse(requested) {
        Ok(uri) if known => Ok((client, uri)),
        _ => Err(Problem::WrongRedirectUri),
    }
}

/// Why the request is refused at the redirect URI.
struct Refusal(ErrorCode, String);

impl From<oauth::Error> for Refusal {
    fn from(error: oauth::Error) -> Self {
        Self(error.code(), error.description().to_owned())
    }
}

struct Checked {
    scope: Scope,
    audiences: Vec<String>,
    code_challenge: CodeChallenge,
    fresh_login: bool,
}

impl Checked {
    fn into_request(self, server: &AuthorizationServer, client: &Client, redirect_uri: Url, state: Option<String>) -> AuthorizationRequest {
        let created = server.clock().now();
        AuthorizationRequest {
            client_id: client.client_id.clone(),
            redirect_uri: redirect_uri.into(),
            scope: self.scope,
            audiences: self.audiences,
            state,
            code_challenge: self.code_challenge.as_str().to_owned(),
            fresh_login: self.fresh_login,
            created,
            expires: created + server.config().lifetimes.authorization_request,
        }
    }
}

fn check(_: &AuthorizationServer, client: &Client, parameters: &Parameters) -> Result<Checked, Refusal> {
    let refuse = |code, text: &str| Err(Refusal(code, text.to_owned()));
    if !client.grant_types.contains(&GrantType::AuthorizationCode) {
        return refuse(ErrorCode::UnauthorizedClient, "the client is not registered for authorization_code");
    }
    match parameters.get("response_type") {
        Some("code") => {}
        Some(_) => return refuse(ErrorCode::UnsupportedResponseType, "only response_type=code is offered"),
        None => return refuse(ErrorCode::InvalidRequest, "response_type is missing"),
    }
    if !["", "query"].contains(&parameters.get("response_mode").unwrap_or_default()) {
        return refuse(ErrorCode::InvalidRequest, "only response_mode=query is offered");
    }
    if parameters.get("state").is_some_and(|state| state.len() > STATE) {
        return refuse(ErrorCode::InvalidRequest, "state is too long");
    }
    let Some(challenge) = parameters.get("code_challenge") else {
        return refuse(ErrorCode::InvalidRequest, "code_challenge is required (PKCE, RFC 7636)");
    };
    let code_challenge = CodeChallenge::parse(challenge, parameters.get("code_challenge_method"))?;
    let scope = match parameters.get("scope") {
        Some(text) => Scope::granted(&Scope::parse(text)?, &client.scope),
        None => client.scope.clone(),
    };
    if scope.is_empty() {
        return refuse(ErrorCode::InvalidScope, "nothing of the scope is registered for the client");
    }
    let mut wanted = parameters.all("resource");
    // SMART App Launch 2.2 names the resource `aud`.
    wanted.extend(parameters.get("aud"));
    let audiences = audience::narrow(&wanted, &client.audiences)?;
    let fresh_login = parameters.get("prompt") == Some("login");
    Ok(Checked { scope, audiences, code_challenge, fresh_login })
}

fn refuse(server: &AuthorizationServer, redirect_uri: &Url, state: Option<&str>, Refusal(code, text): Refusal) -> Response {
    // A state too long to be ours to carry is not echoed.
    let state = state.filter(|state| state.len() <= STATE);
    answer(server, redirect_uri, state, &[("error", code.as_str()), ("error_description", &text)])
}

/// The answer at the redirect URI, with `state` as it came and `iss` (RFC 9207 section 2). 303: the browser
/// must not repeat a POST, and with it a password, at the client (RFC 9700 section 4.12).
pub(crate) fn answer(server: &AuthorizationServer, redirect_uri: &Url, state: Option<&str>, members: &[(&str, &str)]) -> Response {
    let mut location = redirect_uri.clone();
    location.query_pairs_mut().extend_pairs(members).extend_pairs(state.map(|state| ("state", state))).append_pair("iss", server.issuer());
    pages::see_other(location.as_str()).into_response()
}

struct Open {
    hash: SecretHash,
    browser: SecretHash,
    request: AuthorizationRequest,
}

impl Work for Open {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        authorization_requests::insert(tx, &self.hash, &self.browser, &self.request).await
    }
}

/// Enough for a sealed state of any client; it is stored until the person has decided.
const STATE: usize = 2_000;
