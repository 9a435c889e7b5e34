//! Which consents need no asking again.

#[cfg(test)]
mod tests;

use axum::response::Response;
use jiff::SignedDuration;
use oauth::{Scope, Secret};
use serde_json::json;

use super::{Agreement, Ask, Done};
use crate::caller::Caller;
use crate::pages::Problem;
use crate::store::consents::{self, Key};
use crate::{AuthorizationServer, ClientAuthenticationMethod};

/// How long a consent is remembered.
pub(super) const LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);

/// The answer, where the person has agreed to just this before and need not be asked again. `None` where there is
/// something to ask, also when it has been withdrawn at this moment.
pub(super) async fn answer(
    server: &AuthorizationServer,
    caller: &Caller,
    ask: &Ask<'_>,
    scope: &Scope,
) -> Result<Option<Response>, Problem> {
    if ask.request.wish.ask_consent || !is_assured(ask) {
        return Ok(None);
    }
    let now = server.clock().now();
    if !consents::is_remembered(server.db(), &key(ask, scope), now).await? {
        return Ok(None);
    }
    let decision = ask.allowed(server, caller, scope.clone(), Agreement::Remembered);
    match server.db().write(decision.work).await? {
        Done::Decided => Ok(Some(ask.answer(server, &decision.members))),
        Done::Over => Err(Problem::RequestOver),
        Done::Withdrawn => Ok(None),
    }
}

/// Whether the client is who it says: it authenticates for the code, or the answer goes to an address that only
/// it can own. Any program of the machine can listen on a loopback address or claim a scheme (RFC 8252 section
/// 8.6).
pub(super) fn is_assured(ask: &Ask<'_>) -> bool {
    ask.client.authentication != ClientAuthenticationMethod::None
        || ask.request.redirect_uri.starts_with("https://")
}

/// Of everything that the page shows: who asks, what for, where, over which records. When any of it changes, the
/// person is asked again.
pub(super) fn key(ask: &Ask<'_>, scope: &Scope) -> Key {
    let (client, owner) = (ask.client, &ask.session.owner);
    let rights = client.rights.intersect(&owner.rights);
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort_unstable();
        list
    };
    let tokens: Vec<String> = scope.tokens().map(str::to_owned).collect();
    let what = json!([
        client.name,
        client.rights.organization,
        sorted(&tokens),
        sorted(&ask.request.audiences),
        rights.organization,
        rights.organization_access.as_str(),
        sorted(&rights.jurisdictions),
        sorted(&rights.record_types),
        rights.facilities.as_deref().map(sorted),
    ]);
    Key {
        user_id: owner.id.clone(),
        client_id: client.client_id.clone(),
        what: Secret::received(what.to_string()).hash(),
    }
}
