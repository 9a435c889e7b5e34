//! Who calls the API: the access token of the one `Authorization` header (RFC 6750 section 2.1), looked up in our own
//! tables at every request. Nothing is sent and nothing is kept.

use axum::http::{HeaderMap, header};
use oauth::Secret;
use oauth::bearer::BearerError;
use storage::AuditEvent;

use super::problem::Problem;
use crate::AuthorizationServer;
use crate::access_token;
use crate::administration::API;
use crate::administration::decision::Administrator;
use crate::audience;
use crate::introspection::present_rights;
use crate::store::revocations::id_of;
use crate::store::tokens::{self, LiveAccessToken};
use crate::store::users;

/// A caller whose token counts here.
pub(super) struct Authenticated {
    pub(super) who: Administrator,
    client_id: String,
    subject: String,
    organization: Option<String>,
    token_id: String,
}

impl Authenticated {
    /// Says who it is in an audit row.
    pub(super) fn note(&self, event: &mut AuditEvent) {
        event.client_id = Some(self.client_id.clone());
        event.subject = Some(self.subject.clone());
        event.organization.clone_from(&self.organization);
        event.token_id = Some(self.token_id.clone());
    }
}

/// The caller.
///
/// # Errors
/// 401 without a token, or with one that is no good here; 400 for several (RFC 6750 section 3.1).
pub(super) async fn authenticate(
    server: &AuthorizationServer,
    headers: &HeaderMap,
) -> Result<Authenticated, Problem> {
    let token = bearer(server, headers)?;
    let invalid = || Problem::invalid_token(server);
    let hash = access_token::hash_of(server, &token)
        .await?
        .ok_or_else(invalid)?;
    let now = server.clock().now();
    let live = tokens::find_live(server.db(), &hash, now)
        .await?
        .ok_or_else(invalid)?;
    // For this API alone: one that is good elsewhere too is known to others, who could use it here.
    let [only] = live.audiences.as_slice() else {
        return Err(invalid());
    };
    if !audience::same(only, &server.endpoint(API)) {
        return Err(invalid());
    }
    let (scope, rights) = present_rights(&live);
    let organization = rights.organization.clone();
    let LiveAccessToken {
        client_id,
        client_scope,
        user,
        ..
    } = live;
    let (who, subject) = match user {
        None => (
            Administrator::client(&client_id, rights, client_scope, scope),
            client_id.clone(),
        ),
        Some(user) => {
            let owner = users::find(server.db(), &user.id)
                .await?
                .ok_or_else(invalid)?;
            let signed_in = tokens::auth_time_of(server.db(), &hash).await?;
            let person = Administrator::person(&owner, signed_in);
            (person.through(&client_id, scope, rights), user.id)
        }
    };
    Ok(Authenticated {
        who: who.by_token(id_of(hash.as_bytes())),
        client_id,
        subject,
        organization,
        token_id: token.hash().short(),
    })
}

fn bearer(server: &AuthorizationServer, headers: &HeaderMap) -> Result<Secret, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Err(Problem::no_token(server)),
        (Some(_), Some(_)) => return Err(Problem::several_tokens(server)),
        (Some(value), None) => value,
    };
    oauth::bearer::token(value.as_bytes()).map_err(|error| match error {
        BearerError::Missing => Problem::no_token(server),
        BearerError::Malformed => Problem::several_tokens(server),
        BearerError::Unusable => Problem::invalid_token(server),
    })
}
