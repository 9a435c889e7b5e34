//! Signing in with a passkey: in place of the password and everything else, or as the second step.
//!
//! The first asks for anybody's passkey in the same words whoever is there, so that nobody learns who exists. A wrong
//! answer counts as a failure of the account that it named. A right one cannot be guessed, so that an account that is
//! held because somebody guesses its password still signs in with it.

#[cfg(test)]
mod tests;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use oauth::{Parameters, SecretHash};
use storage::AuditEvent;

use super::code::{self, waiting};
use super::purpose::Purpose;
use super::{Body, Told};
use crate::caller::Caller;
use crate::endpoint::uncached;
use crate::pages::{self, Language, Problem, Refused, View, settle};
use crate::passkey::{self, Answer, Assertion};
use crate::second_factor::Factor;
use crate::session::{self, Browser, SecondStep};
use crate::store::users;
use crate::{AuthorizationServer, ResourceOwner, audit, relying_party, throttle};

/// What the page's script asks the browser for.
pub(super) async fn ask(
    State(server): State<AuthorizationServer>,
    headers: HeaderMap,
    caller: Caller,
    body: Body,
) -> Response {
    let page = async {
        let (parameters, _) = Purpose::of_form(&server, &headers, body).await?;
        let waiting = Waiting::of(&server, &headers, &parameters).await?;
        let browser = Browser::of(&server, &headers).hash();
        let owner = waiting.as_ref().map(|it| &it.owner);
        let question = passkey::ask(&server, browser, owner).await?;
        let question = question.ok_or(Problem::NoRequest)?;
        Ok(uncached(StatusCode::OK, question.json()))
    };
    settle(page.await, &server, &caller).await
}

pub(super) async fn submit(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let (parameters, purpose) = Purpose::of_form(&server, &headers, body).await?;
        let waiting = Waiting::of(&server, &headers, &parameters).await?;
        let given = given(&server, &headers, &parameters, waiting.as_ref()).await?;
        let refusal = match given {
            Ok((owner, assertion, ends)) => {
                let step = SecondStep {
                    owner: &owner,
                    pending: waiting.as_ref().map(|it| it.pending),
                    ends,
                    factor: Factor::Passkey(assertion),
                };
                match session::begin_with_factor(&server, step, &headers, &caller).await? {
                    Some(cookie) => {
                        let mut response = pages::see_other(&purpose.next());
                        response.headers_mut().append(header::SET_COOKIE, cookie);
                        return Ok(response);
                    }
                    None => passkey::Refused {
                        reason: passkey::CLONED,
                        known: Some(owner.id),
                    },
                }
            }
            Err(refusal) => refusal,
        };
        refuse(&server, &caller, &purpose, waiting.as_ref(), refusal).await
    };
    settle(page.await, &server, &caller).await
}

/// Somebody whose password was right, in this browser.
struct Waiting {
    owner: ResourceOwner,
    pending: (SecretHash, SecretHash),
    handle: String,
}

impl Waiting {
    async fn of(
        server: &AuthorizationServer,
        headers: &HeaderMap,
        parameters: &Parameters,
    ) -> Result<Option<Self>, Problem> {
        let Some(handle) = parameters.get("pending") else {
            return Ok(None);
        };
        let (owner, pending, browser) = waiting(server, headers, handle).await?;
        Ok(Some(Self {
            owner,
            pending: (pending, browser),
            handle: handle.to_owned(),
        }))
    }
}

/// Whose passkey answered, and when the session ends that it steps up.
async fn given(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    parameters: &Parameters,
    waiting: Option<&Waiting>,
) -> Result<Result<Given, passkey::Refused>, Problem> {
    let answer = Answer {
        browser: Browser::of(server, headers).hash(),
        ceremony: parameters.get("ceremony").unwrap_or_default(),
        credential: parameters.get("credential").unwrap_or_default(),
    };
    let user_id = waiting.map(|it| it.owner.id.as_str());
    let assertion = match passkey::check(server, user_id, &answer).await? {
        Ok(assertion) => assertion,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let owner = users::find(server.db(), assertion.user_id()).await?;
    let ends = match (waiting, &owner) {
        (None, Some(owner)) => end_of_session(server, headers, owner).await?,
        _ => None,
    };
    if waiting.is_none()
        && ends.is_none()
        && let Some(owner) = &owner
        && relying_party::signs_in_elsewhere_only(server, &owner.id).await?
    {
        // Its organization may have let this person go, and only says so when asked.
        return Ok(Err(passkey::Refused {
            reason: "the organization signs this account in",
            known: Some(owner.id.clone()),
        }));
    }
    Ok(match owner.filter(|owner| !owner.disabled) {
        Some(owner) => Ok((owner, assertion, ends)),
        None => Err(passkey::Refused {
            reason: "the account is disabled",
            known: Some(assertion.user_id().to_owned()),
        }),
    })
}

type Given = (ResourceOwner, Assertion, Option<Timestamp>);

/// When this person's session ends, if there is one in this browser.
async fn end_of_session(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    owner: &ResourceOwner,
) -> Result<Option<Timestamp>, Problem> {
    let session = session::current(server, headers).await?;
    let session = session.filter(|session| session.owner.id == owner.id);
    Ok(session.map(|session| session.expires))
}

async fn refuse(
    server: &AuthorizationServer,
    caller: &Caller,
    purpose: &Purpose,
    waiting: Option<&Waiting>,
    refusal: passkey::Refused,
) -> Result<Response, Problem> {
    if let Some(id) = &refusal.known
        && let Some(owner) = users::find(server.db(), id).await?
    {
        // Counted, and nothing more: it is refused either way.
        throttle::begin(server, &owner.username, caller).await?;
    }
    let told = Told::wrong_passkey(caller.language, refusal);
    match waiting {
        Some(waiting) => code::refuse(server, caller, purpose, &waiting.handle, told).await,
        None => {
            let event = AuditEvent {
                reason: Some(told.reason.to_owned()),
                client_id: purpose.client_id(),
                subject: told.known.clone(),
                ..audit::event(server, caller, "login", storage::Outcome::Denied)
            };
            server.db().audit(event).await?;
            let refused = Refused {
                username: "",
                error: Some(told.text.clone()),
                field: "passkey",
            };
            let view = View::new(server, caller).at(purpose.address("/login"));
            Ok(pages::login(&view, purpose.page(), &refused, told.status))
        }
    }
}

impl Told {
    /// One that is unknown, wrong, copied or of a disabled account says the same.
    fn wrong_passkey(l: Language, refusal: passkey::Refused) -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            text: l
                .t("This passkey does not sign you in. Try again, or sign in in another way.")
                .to_owned(),
            retry_after: None,
            field: "passkey",
            reason: refusal.reason,
            known: refusal.known,
        }
    }
}
