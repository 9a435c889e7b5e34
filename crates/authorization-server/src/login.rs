//! Signing in and out.

mod code;
mod enrol;
mod passkey;
mod purpose;
mod step_up;
#[cfg(test)]
mod tests;
mod with;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use jiff::SignedDuration;
use oauth::{Parameters, Secret};
use storage::AuditEvent;

use crate::authorize::only;
use crate::caller::Caller;
use crate::endpoint::is_form;
use crate::pages::{self, Language, Open, Problem, Refused, View, settle};
use crate::relying_party::sign_out;
use crate::resource_owner::{self, Authenticated, LoginRefusal};
use crate::session::{self, Browser, Session, is_token};
use crate::store::{authorization_requests, clients};
use crate::{AuthorizationServer, audit};
use purpose::Purpose;
pub(crate) use purpose::Then;

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new()
        .route("/login", get(show).post(submit))
        .route("/login/code", get(code::show).post(code::submit))
        .route("/login/enrol", get(enrol::show).post(enrol::submit))
        .route("/login/passkey", post(passkey::submit))
        .route("/login/passkey/options", post(passkey::ask))
        .route("/login/step-up", get(step_up::show).post(step_up::submit))
        .route("/login/with/{name}", post(with::submit))
        .route("/login/with/{name}/callback", get(with::callback))
        .route("/logout", get(show_logout).post(logout))
}

async fn show(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let page = async {
        let purpose = Purpose::of_query(&server, &headers, &query.unwrap_or_default()).await?;
        match &purpose {
            Purpose::Application(open) => {
                let hint = open.request.wish.login_hint.as_deref();
                Ok(page(&server, &caller, &purpose, hint.unwrap_or_default()))
            }
            Purpose::Account { then, cookie, .. } => {
                let mut page = to_account(&server, &caller, &headers, &purpose, *then).await?;
                if let Some(cookie) = cookie {
                    page.headers_mut()
                        .append(header::SET_COOKIE, cookie.clone());
                }
                Ok(page)
            }
        }
    };
    settle(page.await, &server, &caller).await
}

/// Nobody signs in twice, but where what follows wants a sign-in that has just been.
async fn to_account(
    server: &AuthorizationServer,
    caller: &Caller,
    headers: &HeaderMap,
    purpose: &Purpose,
    then: Then,
) -> Result<Response, Problem> {
    let session = session::current(server, headers).await?;
    let fresh = |session: &Session| session.is_fresh(server.clock().now());
    if session
        .as_ref()
        .is_some_and(|it| then == Then::Account || fresh(it))
    {
        return Ok(pages::see_other(then.path()));
    }
    let username = session.map(|it| it.owner.username).unwrap_or_default();
    Ok(page(server, caller, purpose, &username))
}

fn page(
    server: &AuthorizationServer,
    caller: &Caller,
    purpose: &Purpose,
    username: &str,
) -> Response {
    let shown = Refused {
        username,
        ..Refused::default()
    };
    let view = View::new(server, caller).at(purpose.address("/login"));
    pages::login(&view, purpose.page(), &shown, StatusCode::OK)
}

async fn submit(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let (parameters, purpose) = Purpose::of_form(&server, &headers, body).await?;
        if !server.config().password_sign_in {
            return Err(Problem::NoPasswords);
        }
        sign_in(&server, &caller, &headers, &parameters, &purpose).await
    };
    settle(page.await, &server, &caller).await
}

async fn sign_in(
    server: &AuthorizationServer,
    caller: &Caller,
    headers: &HeaderMap,
    parameters: &Parameters,
    purpose: &Purpose,
) -> Result<Response, Problem> {
    let username = parameters.get("username").unwrap_or_default();
    let password = Secret::received(parameters.get("password").unwrap_or_default().to_owned());
    match resource_owner::authenticate(server, username, password, caller).await {
        Ok(authenticated) => go_on(server, caller, headers, purpose, authenticated).await,
        Err(refusal) => {
            refuse(
                server,
                caller,
                purpose,
                username,
                Told::of(caller.language, refusal)?,
            )
            .await
        }
    }
}

/// The second step, or what the person signs in for.
async fn go_on(
    server: &AuthorizationServer,
    caller: &Caller,
    headers: &HeaderMap,
    purpose: &Purpose,
    authenticated: Authenticated,
) -> Result<Response, Problem> {
    let owner = match authenticated {
        Authenticated::Half(half) => return code::ask(server, headers, purpose, &half, None).await,
        Authenticated::Whole(owner) => owner,
    };
    let cookie = session::begin(server, &owner, headers, caller).await?;
    let mut response = pages::see_other(&purpose.next());
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// The same for somebody who comes from another page than the one to sign in.
pub(crate) async fn go_on_to(
    then: Then,
    server: &AuthorizationServer,
    caller: &Caller,
    headers: &HeaderMap,
    authenticated: Authenticated,
) -> Result<Response, Problem> {
    let purpose = Purpose::account(server, headers, Some(then.as_str()));
    go_on(server, caller, headers, &purpose, authenticated).await
}

/// What a refusal says to the person, and to the audit.
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
    pub(crate) retry_after: Option<SignedDuration>,
    /// Where the person mends it.
    pub(crate) field: &'static str,
    pub(crate) reason: &'static str,
    known: Option<String>,
}

impl Told {
    /// # Errors
    /// When nothing was decided: the database.
    pub(crate) fn of(l: Language, refusal: LoginRefusal) -> Result<Self, storage::Error> {
        match refusal {
            LoginRefusal::Wrong { known } => Ok(Self::wrong(l, known)),
            LoginRefusal::Held { wait, known } => Ok(Self::held(l, wait, known)),
            LoginRefusal::Busy => Ok(Self::busy(l)),
            LoginRefusal::Unavailable(error) => Err(error),
        }
    }

    /// A wrong password, an unknown name and a disabled account say the same.
    fn wrong(l: Language, known: Option<String>) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            text: l.t("The username or the password is not right.").to_owned(),
            retry_after: None,
            field: "username",
            reason: "wrong username or password",
            known,
        }
    }

    fn held(l: Language, wait: SignedDuration, known: Option<String>) -> Self {
        if wait > SignedDuration::from_hours(24) {
            return Self::closed(l, wait, known);
        }
        let minutes = (wait.as_secs() + 59) / 60;
        let minutes = if minutes <= 1 {
            l.t("1 minute").to_owned()
        } else {
            l.f("{} minutes", &[&minutes.to_string()])
        };
        let text = "Too many attempts failed. Try again in {}, or ask your administrator.";
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            text: l.f(text, &[&minutes]),
            retry_after: Some(wait),
            field: "username",
            reason: "too many failures",
            known,
        }
    }

    /// Waiting does not help any more.
    fn closed(l: Language, wait: SignedDuration, known: Option<String>) -> Self {
        let text = "Too many attempts failed. Sign in with a browser in which you have signed in before, or ask your administrator.";
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            text: l.t(text).to_owned(),
            retry_after: Some(wait),
            field: "username",
            reason: "too many failures in a row",
            known,
        }
    }

    fn busy(l: Language) -> Self {
        let text = "Many people are signing in at this moment. Try again in a few seconds.";
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            text: l.t(text).to_owned(),
            retry_after: Some(BUSY),
            field: "username",
            reason: "too busy",
            known: None,
        }
    }
}

async fn refuse(
    server: &AuthorizationServer,
    caller: &Caller,
    purpose: &Purpose,
    username: &str,
    told: Told,
) -> Result<Response, Problem> {
    let event = AuditEvent {
        reason: Some(told.reason.to_owned()),
        client_id: purpose.client_id(),
        subject: told.known,
        ..audit::event(server, caller, "login", storage::Outcome::Denied)
    };
    server.db().audit(event).await?;
    let refused = Refused {
        username,
        error: Some(told.text),
        field: told.field,
    };
    let view = View::new(server, caller).at(purpose.address("/login"));
    let mut response = pages::login(&view, purpose.page(), &refused, told.status);
    if let Some(wait) = told.retry_after {
        pages::retry_after(&mut response, wait);
    }
    Ok(response)
}

async fn show_logout(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
) -> Response {
    let page = async {
        let session = session::current(&server, &headers).await?;
        let browser = Browser::of(&server, &headers);
        let signed_in = session.as_ref().map(|it| (it, browser.logout_token(it)));
        let signed_in = signed_in
            .as_ref()
            .map(|(session, token)| (*session, token.as_str()));
        let there = match &signed_in {
            Some((session, _)) => sign_out::address(&server, &browser, session).await?,
            None => None,
        };
        let view = View::new(&server, &caller).at("/logout");
        Ok(pages::logout(&view, signed_in, there.as_ref()))
    };
    settle(page.await, &server, &caller).await
}

/// Signs out, and goes on to sign in again where the consent page asked for that.
async fn logout(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let parameters = form(&server, &headers, body)?;
        let session = session::current(&server, &headers).await?;
        let (browser, token) = (Browser::of(&server, &headers), parameters.get("csrf_token"));
        let next = match (parameters.get("request"), &session) {
            (Some(handle), _) if is_token(&browser.csrf_token(handle), token) => {
                format!(
                    "/login?request={}",
                    find(&server, &browser, handle).await?.handle
                )
            }
            (None, Some(it)) if is_token(&browser.logout_token(it), token) => {
                let there = sign_out::address(&server, &browser, it).await?;
                there.map_or_else(|| "/logout".to_owned(), String::from)
            }
            (None, None) => "/logout".to_owned(),
            _ => return Err(Problem::NotOurPage),
        };
        let mut response = pages::see_other(&next);
        if let Some(session) = session {
            let cookie = session::end(&server, &session, &caller).await?;
            sign_out::forget(&server, &browser).await?;
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    };
    settle(page.await, &server, &caller).await
}

/// A body, or why it could not be read.
pub(crate) type Body = Result<Bytes, BytesRejection>;

/// The request that a page is about: this browser's, and not expired.
pub(crate) async fn open(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    query: Option<String>,
) -> Result<Open, Problem> {
    let handle = only(query.unwrap_or_default().as_bytes(), "request");
    let handle = handle.ok_or(Problem::NoRequest)?;
    find(server, &Browser::of(server, headers), &handle).await
}

/// A form of ours that was posted: from our own page, in the browser that the request belongs to.
pub(crate) async fn posted(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Parameters, Open), Problem> {
    let parameters = form(server, headers, body)?;
    let open = opened(server, headers, &parameters).await?;
    Ok((parameters, open))
}

async fn opened(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Open, Problem> {
    let handle = parameters.get("request").ok_or(Problem::NoRequest)?;
    let browser = Browser::of(server, headers);
    if !is_token(&browser.csrf_token(handle), parameters.get("csrf_token")) {
        return Err(Problem::NotOurPage);
    }
    find(server, &browser, handle).await
}

pub(crate) async fn find(
    server: &AuthorizationServer,
    browser: &Browser,
    handle: &str,
) -> Result<Open, Problem> {
    let hash = Secret::received(handle.to_owned()).hash();
    let now = server.clock().now();
    let found = authorization_requests::find(server.db(), &hash, &browser.hash(), now).await?;
    let request = found.ok_or(Problem::RequestOver)?;
    let client = clients::find(server.db(), &request.client_id).await?;
    let client = client
        .filter(|it| !it.disabled)
        .ok_or(Problem::UnknownClient)?;
    let csrf_token = browser.csrf_token(handle);
    Ok(Open {
        csrf_token,
        handle: handle.to_owned(),
        hash,
        request,
        client,
    })
}

/// A form from a page of this origin.
pub(crate) fn form(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    body: Body,
) -> Result<Parameters, Problem> {
    same_origin(server, headers)?;
    let body = body.map_err(|rejection| Problem::Unreadable(rejection.status()))?;
    if !is_form(headers) {
        return Err(Problem::MalformedRequest);
    }
    Parameters::parse(&body).map_err(|_| Problem::MalformedRequest)
}

/// Same origin, not same site: all ports of localhost are one site, and so are all hosts of a
/// state. Our pages forbid referrers, and then browsers say `Origin: null` (Fetch section 3.1) on
/// our own forms too: that counts only beside a `Sec-Fetch-Site` that says whose form it was.
fn same_origin(server: &AuthorizationServer, headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or("unreadable"))
    };
    let ours = server.config().issuer.origin().ascii_serialization();
    let site = text("sec-fetch-site");
    let allowed = match (text("origin"), site) {
        (_, Some(site)) if site != "same-origin" => false,
        (Some("null"), None) => false,
        (None | Some("null"), _) => true,
        (Some(origin), _) => origin == ours,
    };
    if allowed {
        Ok(())
    } else {
        Err(Problem::NotOurPage)
    }
}

/// How soon a full house is worth another try.
const BUSY: SignedDuration = SignedDuration::from_secs(5);
