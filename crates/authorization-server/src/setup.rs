//! What an administrator's link opens: the page that makes the first administrator, or lets one in again.
//!
//! Looking at the page uses nothing up: programs that preview links do that. The secret goes on in the form.

#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use axum::routing::get;
use oauth::{Parameters, Secret};
use storage::{AuditEvent, Outcome};

use crate::administration::administrator_links::{Chosen, OpenLink, PATH, USE, UsedLink};
use crate::administration::{Actor, Administration, Error};
use crate::authorize::only;
use crate::caller::Caller;
use crate::login::{self, Body, Then, form};
use crate::pages::{self, Language, Problem, SetupPage, SetupRefusal, View, settle};
use crate::password::{self, Rule};
use crate::session::{Browser, is_token};
use crate::{AuthorizationServer, audit, resource_owner};

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new().route(PATH, get(show).post(submit))
}

async fn show(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let page = async {
        let token = only(query.unwrap_or_default().as_bytes(), "token");
        let token = token.ok_or(Problem::LinkOver)?;
        let open = find(&administration(&server, &caller), &token).await?;
        let browser = Browser::of(&server, &headers);
        let shown = SetupPage {
            token: &token,
            csrf_token: &browser.setup_token(),
            known: open.owner().map(|owner| owner.username.as_str()),
            username: "",
            refusal: None,
        };
        let mut page = pages::setup(&View::new(&server, &caller).at(here(&token)), &shown);
        if let Some(cookie) = browser.set_cookie(&server) {
            page.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(page)
    };
    settle(page.await, &server, &caller).await
}

async fn submit(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let parameters = form(&server, &headers, body)?;
        let csrf_token = Browser::of(&server, &headers).setup_token();
        if !is_token(&csrf_token, parameters.get("csrf_token")) {
            return Err(Problem::NotOurPage);
        }
        let token = parameters.get("token").ok_or(Problem::LinkOver)?;
        let open = find(&administration(&server, &caller), token).await?;
        let known = open.owner().map(|owner| owner.username.clone());
        let typed = parameters.get("username").unwrap_or_default();
        let refusal = match used(&server, &caller, open, &parameters).await? {
            Ok(used) => {
                let owner = resource_owner::with_link(&server, used);
                return login::go_on_to(Then::Account, &server, &caller, &headers, owner).await;
            }
            Err(refusal) => refusal,
        };
        let shown = SetupPage {
            token,
            csrf_token: &csrf_token,
            known: known.as_deref(),
            username: typed,
            refusal: Some(&refusal),
        };
        let view = View::new(&server, &caller).at(here(token));
        Ok(pages::setup(&view, &shown))
    };
    settle(page.await, &server, &caller).await
}

/// Uses the link up, or says what is wrong with what was chosen.
async fn used(
    server: &AuthorizationServer,
    caller: &Caller,
    open: OpenLink,
    parameters: &Parameters,
) -> Result<Result<UsedLink, SetupRefusal>, Problem> {
    let l = caller.language;
    let secret = |name| Secret::received(parameters.get(name).unwrap_or_default().to_owned());
    let (new, again) = (secret("new"), secret("again"));
    let username = open.owner().map(|owner| owner.username.clone());
    let username =
        username.unwrap_or_else(|| parameters.get("username").unwrap_or_default().to_owned());
    if let Err(rule) = password::choose(&new, &username, Rule::OnlyFactor).await {
        let text = l.f("The new password {}.", &[l.t(rule)]);
        return Ok(Err(SetupRefusal { field: "new", text }));
    }
    if new.expose() != again.expose() {
        let text = l.t("The two new passwords are not the same.").to_owned();
        return Ok(Err(SetupRefusal {
            field: "again",
            text,
        }));
    }
    let chosen = Chosen {
        username: &username,
        password: &new,
        organization: &server.config().organization,
    };
    let used = administration(server, caller).use_link(open, chosen).await;
    match used {
        Ok(used) => Ok(Ok(used)),
        Err(Error::Storage(error)) => Err(error.into()),
        Err(Error::NotFound(_)) => Err(Problem::LinkOver),
        Err(error) => {
            let refusal = refusal(l, &error);
            denied(server, caller, &error).await?;
            Ok(Err(refusal))
        }
    }
}

/// The name is what can be wrong once the password has passed.
fn refusal(l: Language, error: &Error) -> SetupRefusal {
    let text = match error {
        Error::Exists(_) => l.t("Somebody has this username already. Choose another one."),
        _ => l.t("The username must be 2 to 100 small letters, digits and . _ @ + -"),
    };
    SetupRefusal {
        field: "username",
        text: text.to_owned(),
    }
}

/// A name that is taken is on record already; one that is refused before that is not.
async fn denied(
    server: &AuthorizationServer,
    caller: &Caller,
    error: &Error,
) -> Result<(), storage::Error> {
    if matches!(error, Error::Exists(_)) {
        return Ok(());
    }
    let event = AuditEvent {
        reason: Some("the username is refused".to_owned()),
        ..audit::event(server, caller, USE, Outcome::Denied)
    };
    server.db().audit(event).await
}

async fn find(administration: &Administration, token: &str) -> Result<OpenLink, Problem> {
    let secret = Secret::received(token.to_owned());
    match administration.find_link(&secret).await {
        Ok(Some(open)) => Ok(open),
        Ok(None) => Err(Problem::LinkOver),
        Err(Error::Storage(error)) => Err(error.into()),
        Err(_) => Err(Problem::LinkOver),
    }
}

fn administration(server: &AuthorizationServer, caller: &Caller) -> Administration {
    server.administration(Actor::nobody(caller))
}

/// The address brought the secret; whoever changes the language comes back to it.
fn here(token: &str) -> String {
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("token", token)
        .finish();
    format!("{PATH}?{query}")
}
