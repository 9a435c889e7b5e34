//! The authorization endpoint. RFC 6749 section 4.1.1, RFC 7636 section 4.3, RFC 8707 section 2,
//! RFC 9207.
//!
//! Client and redirect URI are resolved first: until both are known, an error is a page and never a
//! redirect (RFC 6749 section 4.1.2.1). Everything after that is answered at the redirect URI.

mod check;
#[cfg(test)]
mod tests;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::get;
use oauth::redirect_uri::RegisteredRedirectUri;
use oauth::{Parameters, Secret, SecretHash};
use storage::{AuditEvent, Transaction, Work};

use crate::assurance::Decision;
use crate::caller::Caller;
use crate::endpoint::is_form;
use crate::pages::{self, Problem, settle};
use crate::pushed_authorization::{self, REQUEST_URI};
use crate::session::{self, Browser};
use crate::store::authorization_requests::{self, AuthorizationRequest, Claim};
use crate::store::clients;
use crate::{AuthorizationServer, Client, audit, consent};
use check::Refusal;
pub(crate) use check::{Checked, UNMET, Wish, check, echoed};

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new()
        .route("/oauth2/authorize", get(from_query).post(from_body))
        .route(RESUME, get(resume))
}

async fn from_query(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let page = async {
        let asked = Asked::read(&server, query.unwrap_or_default().as_bytes()).await?;
        match asked.request(&server) {
            Ok(Accepted::Pages(request)) => open(&server, &headers, request).await,
            Ok(Accepted::Silent(request)) => {
                asked.silently(&server, &caller, &headers, request).await
            }
            Err(refusal) => asked.refuse(&server, &caller, refusal).await,
        }
    };
    settle(page.await, &server, &caller).await
}

/// A POST may come from another site, and then without our cookies (they are SameSite=Lax): the
/// request is stored for nobody yet, and a redirect to a GET of our own brings them.
async fn from_body(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let page = async {
        let body = body.map_err(|rejection| Problem::Unreadable(rejection.status()))?;
        if !is_form(&headers) {
            return Err(Problem::MalformedRequest);
        }
        let asked = Asked::read(&server, &body).await?;
        match asked.request(&server) {
            Ok(Accepted::Pages(request)) => park(&server, request).await,
            Ok(Accepted::Silent(request)) => {
                asked.silently(&server, &caller, &headers, request).await
            }
            Err(refusal) => asked.refuse(&server, &caller, refusal).await,
        }
    };
    settle(page.await, &server, &caller).await
}

/// The GET after a POST.
async fn resume(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let page = async {
        let unclaimed = only(query.unwrap_or_default().as_bytes(), "request");
        let unclaimed = Secret::received(unclaimed.ok_or(Problem::NoRequest)?).hash();
        claim(&server, &headers, unclaimed).await
    };
    settle(page.await, &server, &caller).await
}

/// A request whose client and redirect URI are good: it may be answered by a redirect.
struct Asked {
    client: Client,
    redirect_uri: String,
    state: Option<String>,
    asked: Wanted,
}

/// A request that is in order.
enum Accepted {
    /// The person may be asked.
    Pages(AuthorizationRequest),
    /// No page may be shown.
    Silent(AuthorizationRequest),
}

/// What a request asks for: in its own parameters, or in those that were pushed.
enum Wanted {
    Here(Result<Parameters, oauth::Error>),
    Pushed(Box<Checked>),
}

impl Asked {
    /// Reads a request. One that is malformed elsewhere still says where its error goes (RFC 6749
    /// section 4.1.2.1), as long as client and redirect URI have one reading.
    async fn read(server: &AuthorizationServer, text: &[u8]) -> Result<Self, Problem> {
        let client_id = only(text, "client_id").ok_or(Problem::UnknownClient)?;
        let client = clients::find(server.db(), &client_id).await?;
        let client = client
            .filter(|it| !it.disabled)
            .ok_or(Problem::UnknownClient)?;
        let request_uri = only(text, "request_uri").filter(|uri| uri.starts_with(REQUEST_URI));
        if let Some(request_uri) = request_uri {
            return Self::pushed(server, client, &request_uri).await;
        }
        let redirect_uri = only(text, "redirect_uri").ok_or(Problem::WrongRedirectUri)?;
        if !is_registered(&client, &redirect_uri) {
            return Err(Problem::WrongRedirectUri);
        }
        let state = only(text, "state").filter(|state| echoed(state));
        Ok(Self {
            client,
            redirect_uri,
            state,
            asked: Wanted::Here(Parameters::parse(text)),
        })
    }

    /// A request that was pushed before. Whatever else the browser carries beside its `request_uri` does
    /// not count (RFC 9126 section 4).
    async fn pushed(
        server: &AuthorizationServer,
        client: Client,
        request_uri: &str,
    ) -> Result<Self, Problem> {
        let pushed = pushed_authorization::take(server, &client.client_id, request_uri).await?;
        let pushed = pushed.ok_or(Problem::UnknownRequestUri)?;
        // It may have been taken out of the registration since.
        if !is_registered(&client, &pushed.redirect_uri) {
            return Err(Problem::WrongRedirectUri);
        }
        Ok(Self {
            client,
            redirect_uri: pushed.redirect_uri,
            state: pushed.state,
            asked: Wanted::Pushed(Box::new(pushed.checked)),
        })
    }

    fn request(&self, server: &AuthorizationServer) -> Result<Accepted, Refusal> {
        let checked = match &self.asked {
            Wanted::Here(_) if self.client.protocol.pushed_requests_only() => {
                return Err(Refusal::not_pushed());
            }
            Wanted::Here(parameters) => check(&self.client, parameters)?,
            Wanted::Pushed(checked) => (**checked).clone(),
        };
        if checked.wish.acr_values.is_impossible() {
            return Err(Refusal::unmet());
        }
        let silent = checked.silent;
        let request = self.accepted(server, checked);
        Ok(if silent {
            Accepted::Silent(request)
        } else {
            Accepted::Pages(request)
        })
    }

    /// `prompt=none`: a code where the person is signed in and has agreed before, else why not.
    async fn silently(
        &self,
        server: &AuthorizationServer,
        caller: &Caller,
        headers: &HeaderMap,
        request: AuthorizationRequest,
    ) -> Result<Response, Problem> {
        let session = session::current(server, headers).await?;
        let session = session.filter(|it| {
            let decision = request.wish.acr_values.decide(it.assurance);
            request.accepts(it.auth_time) && matches!(decision, Decision::Enough(_))
        });
        let answer = match &session {
            Some(it) => consent::silently(server, caller, &self.client, &request, it).await?,
            None => None,
        };
        match answer {
            Some(answer) => Ok(answer),
            None => {
                let refusal = Refusal::silent(session.is_some());
                self.refuse(server, caller, refusal).await
            }
        }
    }

    fn accepted(&self, server: &AuthorizationServer, checked: Checked) -> AuthorizationRequest {
        let created = server.clock().now();
        AuthorizationRequest {
            client_id: self.client.client_id.clone(),
            redirect_uri: self.redirect_uri.clone(),
            scope: checked.scope,
            audiences: checked.audiences,
            state: self.state.clone(),
            code_challenge: checked.code_challenge,
            fresh_login: checked.fresh_login,
            wish: checked.wish,
            created,
            expires: created + server.config().lifetimes.authorization_request,
        }
    }

    async fn refuse(
        &self,
        server: &AuthorizationServer,
        caller: &Caller,
        refusal: Refusal,
    ) -> Result<Response, Problem> {
        let event = AuditEvent {
            client_id: Some(self.client.client_id.clone()),
            reason: Some(format!("{}: {}", refusal.code, refusal.description)),
            ..audit::event(server, caller, "authorize", storage::Outcome::Denied)
        };
        server.db().audit(event).await?;
        let members = [
            ("error", refusal.code),
            ("error_description", refusal.description.as_ref()),
        ];
        Ok(answer(
            server,
            &self.redirect_uri,
            self.state.as_deref(),
            &members,
        ))
    }
}

/// Whether a redirect URI is one of the client's (RFC 9700 section 2.1).
pub(crate) fn is_registered(client: &Client, redirect_uri: &str) -> bool {
    let mut registered = client
        .redirect_uris
        .iter()
        .filter_map(|uri| RegisteredRedirectUri::parse(uri).ok());
    registered.any(|registered| registered.matches(redirect_uri))
}

/// Stores the request for this browser and sends it on.
async fn open(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    request: AuthorizationRequest,
) -> Result<Response, Problem> {
    let (browser, handle) = (
        Browser::of(server, headers),
        Secret::generate(server.random()),
    );
    let work = Insert {
        hash: handle.hash(),
        browser: Some(browser.hash()),
        request,
    };
    server.db().write(work).await?;
    send_on(server, headers, &browser, &handle).await
}

/// Stores the request for the browser that follows the redirect.
async fn park(
    server: &AuthorizationServer,
    request: AuthorizationRequest,
) -> Result<Response, Problem> {
    let handle = Secret::generate(server.random());
    server
        .db()
        .write(Insert {
            hash: handle.hash(),
            browser: None,
            request,
        })
        .await?;
    Ok(pages::see_other(&format!(
        "{RESUME}?request={}",
        handle.expose()
    )))
}

async fn claim(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    unclaimed: SecretHash,
) -> Result<Response, Problem> {
    let (browser, handle) = (
        Browser::of(server, headers),
        Secret::generate(server.random()),
    );
    let now = server.clock().now();
    let claim = Claim {
        unclaimed,
        hash: handle.hash(),
        browser: browser.hash(),
        now,
    };
    if !server.db().write(Claimed(claim)).await? {
        return Err(Problem::RequestOver);
    }
    send_on(server, headers, &browser, &handle).await
}

/// To sign in, or to decide if somebody is signed in.
async fn send_on(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    browser: &Browser,
    handle: &Secret,
) -> Result<Response, Problem> {
    let signed_in = session::current(server, headers).await?.is_some();
    let page = if signed_in { "consent" } else { "login" };
    let mut response = pages::see_other(&format!("/{page}?request={}", handle.expose()));
    if let Some(cookie) = browser.set_cookie(server) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The answer at the redirect URI, which stays as it is, with `state` as it came and `iss` (RFC
/// 9207 section 2).
pub(crate) fn answer(
    server: &AuthorizationServer,
    redirect_uri: &str,
    state: Option<&str>,
    members: &[(&str, &str)],
) -> Response {
    let state = state.map(|state| ("state", state));
    let issuer = ("iss", server.issuer());
    let members: Vec<(&str, &str)> = members
        .iter()
        .copied()
        .chain(state)
        .chain([issuer])
        .collect();
    let joint = match redirect_uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    pages::see_other(&format!(
        "{redirect_uri}{joint}{}",
        oauth::form::encode(&members)
    ))
}

/// The value of a parameter that is there exactly once, even where others are malformed.
pub(crate) fn only(text: &[u8], name: &str) -> Option<String> {
    let is_named = |pair: &&[u8]| {
        url::form_urlencoded::parse(pair)
            .next()
            .is_some_and(|(found, _)| found == name)
    };
    let mut named = text.split(|byte| *byte == b'&').filter(is_named);
    let pair = named.next()?;
    if named.next().is_some() {
        return None;
    }
    Parameters::parse(pair).ok()?.get(name).map(str::to_owned)
}

struct Insert {
    hash: SecretHash,
    browser: Option<SecretHash>,
    request: AuthorizationRequest,
}

impl Work for Insert {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        authorization_requests::insert(tx, &self.hash, self.browser.as_ref(), &self.request).await
    }
}

struct Claimed(Claim);

impl Work for Claimed {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, storage::Error> {
        authorization_requests::claim(tx, &self.0).await
    }
}

const RESUME: &str = "/oauth2/authorize/resume";
