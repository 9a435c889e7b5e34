//! What a person allows a client to do, and the code that says so. RFC 6749 sections 4.1.1 and
//! 4.1.2.
//!
//! A consent is remembered for exactly what the page showed. Clients whose identity nothing assures are asked for
//! every time (RFC 8252 section 8.6).

mod remembered;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use oauth::{Scope, Secret, SecretHash};
use storage::{AuditEvent, Outcome, Transaction, Work};

use crate::assurance::{Assurance, Decision as Acr};
use crate::caller::Caller;
use crate::login::{Body, open, posted};
use crate::pages::{self, Consent, Open, Problem, View, settle};
use crate::session::{self, Browser, Session, is_token};
use crate::store::authorization_requests::{self, AuthorizationRequest};
use crate::store::codes::{self, NewCode};
use crate::store::consents::{self, Key};
use crate::store::identifier;
use crate::{AuthorizationServer, Client, audit, authorize};

pub(crate) fn routes() -> Router<AuthorizationServer> {
    Router::new().route("/consent", get(show).post(decide))
}

async fn show(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let page = async {
        let open = open(&server, &headers, query).await?;
        let (session, assurance) = match signed_in(&server, &headers, &open).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let ask = Ask::of(&open, &session, assurance);
        let scope = ask.granted();
        if scope.is_empty() {
            return finish(&server, &ask, ask.nothing_to_allow(&server, &caller)).await;
        }
        if let Some(answer) = remembered::answer(&server, &caller, &ask, &scope).await? {
            return Ok(answer);
        }
        let shown = Browser::of(&server, &headers).shown(&open.handle, &session, &scope);
        let consent = Consent {
            session: &session,
            scope: &scope,
            shown,
            asked_again: remembered::is_assured(&ask).then_some(remembered::LIFETIME),
        };
        let here = format!("/consent?request={}", open.handle);
        let view = View::new(&server, &caller).at(here);
        Ok(pages::consent(&view, &open, &consent))
    };
    settle(page.await, &server, &caller).await
}

async fn decide(
    State(server): State<AuthorizationServer>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let page = async {
        let (parameters, open) = posted(&server, &headers, body).await?;
        let (session, assurance) = match signed_in(&server, &headers, &open).await? {
            Ok(signed_in) => signed_in,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let ask = Ask::of(&open, &session, assurance);
        let scope = ask.granted();
        let shown = Browser::of(&server, &headers).shown(&open.handle, &session, &scope);
        let decided = match parameters.get("decision") {
            Some("allow") if !is_token(&shown, parameters.get("shown")) => {
                // Not what the page said, or not to this person: ask again.
                return Ok(pages::see_other(&format!(
                    "/consent?request={}",
                    open.handle
                )));
            }
            Some("allow") => ask.allowed(&server, &caller, scope, Agreement::Given),
            Some("deny") => ask.refused(&server, &caller),
            _ => return Err(Problem::MalformedRequest),
        };
        finish(&server, &ask, decided).await
    };
    settle(page.await, &server, &caller).await
}

/// The answer to a request that may show no page (`prompt=none`, OpenID Connect Core section 3.1.2.1): `None` when
/// the person has to be asked.
pub(crate) async fn silently(
    server: &AuthorizationServer,
    caller: &Caller,
    client: &Client,
    request: &AuthorizationRequest,
    session: &Session,
) -> Result<Option<Response>, Problem> {
    let Acr::Enough(assurance) = request.wish.acr_values.decide(session.assurance) else {
        return Ok(None);
    };
    let ask = Ask {
        client,
        request,
        session,
        assurance,
        stored: None,
    };
    let scope = ask.granted();
    if scope.is_empty() {
        return Ok(None);
    }
    remembered::answer(server, caller, &ask, &scope).await
}

/// The session and what it proves of what is asked for; else where that is given: nobody is signed in, too long ago,
/// or with too little.
async fn signed_in(
    server: &AuthorizationServer,
    headers: &HeaderMap,
    open: &Open,
) -> Result<Result<(Session, Assurance), Response>, Problem> {
    let session = session::current(server, headers).await?;
    let session = session.filter(|session| open.request.accepts(session.auth_time));
    let Some(session) = session else {
        return Ok(Err(to_login(open)));
    };
    Ok(
        match open.request.wish.acr_values.decide(session.assurance) {
            Acr::Enough(assurance) => Ok((session, assurance)),
            Acr::StepUp(_) | Acr::Impossible => {
                let page = format!("/login/step-up?request={}", open.handle);
                Err(pages::see_other(&page))
            }
        },
    )
}

/// The answer to a request whose acr_values the person cannot meet, or does not want to.
pub(crate) async fn unmet(
    server: &AuthorizationServer,
    caller: &Caller,
    open: &Open,
    session: &Session,
) -> Result<Response, Problem> {
    let ask = Ask::of(open, session, session.assurance);
    let text = "the person has not signed in with what acr_values asks for";
    let decision = ask.denied(server, caller, authorize::UNMET, text);
    finish(server, &ask, decision).await
}

fn to_login(open: &Open) -> Response {
    pages::see_other(&format!("/login?request={}", open.handle))
}

/// Who asks for what, and whom.
struct Ask<'a> {
    client: &'a Client,
    request: &'a AuthorizationRequest,
    session: &'a Session,
    /// What the session proves of what is asked for.
    assurance: Assurance,
    /// Under which the request is stored; one that shows no page is not.
    stored: Option<SecretHash>,
}

/// How the person has agreed.
#[derive(Clone, Copy)]
enum Agreement {
    /// Just now.
    Given,
    /// Some time ago, to the same.
    Remembered,
}

/// What came of the request.
struct Decision {
    work: Decided,
    members: Vec<(&'static str, String)>,
}

impl<'a> Ask<'a> {
    fn of(open: &'a Open, session: &'a Session, assurance: Assurance) -> Self {
        Self {
            client: &open.client,
            request: &open.request,
            session,
            assurance,
            stored: Some(open.hash),
        }
    }

    /// Nobody can allow more than the own registration does, nor than the client's does by now.
    fn granted(&self) -> Scope {
        let registered = Scope::granted(&self.request.scope, &self.client.scope);
        Scope::granted(&registered, &self.session.owner.scope)
    }

    fn allowed(
        &self,
        server: &AuthorizationServer,
        caller: &Caller,
        scope: Scope,
        agreement: Agreement,
    ) -> Decision {
        let code = Secret::generate(server.random());
        let request = self.request;
        let now = server.clock().now();
        let key = remembered::key(self, &scope);
        let mut audit = self.event(server, caller, Outcome::Allowed);
        let consent = match agreement {
            Agreement::Given => Consented::Given {
                key,
                scope: scope.clone(),
                expires: now + remembered::LIFETIME,
            },
            Agreement::Remembered => {
                audit.reason = Some("remembered".to_owned());
                Consented::Remembered(key)
            }
        };
        let new = NewCode {
            code_hash: code.hash(),
            client_id: request.client_id.clone(),
            user_id: self.session.owner.id.clone(),
            redirect_uri: request.redirect_uri.clone(),
            code_challenge: request.code_challenge.clone(),
            scope,
            audiences: request.audiences.clone(),
            family_id: identifier(server.random()),
            auth_time: self.session.auth_time,
            assurance: Some(self.assurance),
            expires: now + server.config().authorization_code_lifetime(),
        };
        Decision {
            work: Decided {
                request: self.stored,
                code: Some((new, consent)),
                now,
                audit,
            },
            members: vec![("code", code.expose().to_owned())],
        }
    }

    fn refused(&self, server: &AuthorizationServer, caller: &Caller) -> Decision {
        self.denied(server, caller, "access_denied", "the person refused")
    }

    fn nothing_to_allow(&self, server: &AuthorizationServer, caller: &Caller) -> Decision {
        let text = "the person may allow nothing of the scope";
        self.denied(server, caller, "access_denied", text)
    }

    fn denied(
        &self,
        server: &AuthorizationServer,
        caller: &Caller,
        code: &str,
        text: &str,
    ) -> Decision {
        let audit = AuditEvent {
            reason: Some(format!("{code}: {text}")),
            ..self.event(server, caller, Outcome::Denied)
        };
        Decision {
            work: Decided {
                request: self.stored,
                code: None,
                now: server.clock().now(),
                audit,
            },
            members: vec![
                ("error", code.to_owned()),
                ("error_description", text.to_owned()),
            ],
        }
    }

    fn event(&self, server: &AuthorizationServer, caller: &Caller, outcome: Outcome) -> AuditEvent {
        let owner = &self.session.owner;
        AuditEvent {
            client_id: Some(self.request.client_id.clone()),
            subject: Some(owner.id.clone()),
            organization: owner.rights.organization.clone(),
            ..audit::event(server, caller, "consent", outcome)
        }
    }

    /// The answer at the redirect URI.
    fn answer(&self, server: &AuthorizationServer, members: &[(&'static str, String)]) -> Response {
        let members: Vec<(&str, &str)> = members
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let (redirect_uri, state) = (&self.request.redirect_uri, self.request.state.as_deref());
        authorize::answer(server, redirect_uri, state, &members)
    }
}

/// Takes the request away together with what was decided: a page that is posted twice decides once.
async fn finish(
    server: &AuthorizationServer,
    ask: &Ask<'_>,
    decision: Decision,
) -> Result<Response, Problem> {
    match server.db().write(decision.work).await? {
        Done::Decided => Ok(ask.answer(server, &decision.members)),
        Done::Over | Done::Withdrawn => Err(Problem::RequestOver),
    }
}

/// What stands behind a code.
enum Consented {
    Given {
        key: Key,
        scope: Scope,
        expires: Timestamp,
    },
    Remembered(Key),
}

struct Decided {
    request: Option<SecretHash>,
    code: Option<(NewCode, Consented)>,
    now: Timestamp,
    audit: AuditEvent,
}

enum Done {
    Decided,
    /// The request was decided before.
    Over,
    /// The consent has been withdrawn meanwhile.
    Withdrawn,
}

impl Work for Decided {
    type Output = Done;

    /// The consent comes before the code: the row that a withdrawal takes away is ours until we are done, or gone.
    async fn run(&self, tx: &mut Transaction<'_>) -> Result<Done, storage::Error> {
        if let Some((_, Consented::Remembered(key))) = &self.code
            && !consents::act_on(tx, key, self.now).await?
        {
            return Ok(Done::Withdrawn);
        }
        if let Some(request) = &self.request
            && !authorization_requests::consume(tx, request).await?
        {
            return Ok(Done::Over);
        }
        if let Some((code, consented)) = &self.code {
            if let Consented::Given {
                key,
                scope,
                expires,
            } = consented
            {
                consents::remember(tx, key, scope, self.now, *expires).await?;
            }
            codes::insert(tx, code).await?;
        }
        tx.audit(&self.audit).await?;
        Ok(Done::Decided)
    }
}
