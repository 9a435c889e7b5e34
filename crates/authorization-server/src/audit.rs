//! Audit rows of this role (design: every denial and every issued token leaves one).

use storage::audit::{AuditEvent, Outcome};

use crate::AuthorizationServer;
use crate::caller::Caller;

/// A row with the time, the party and the caller filled in; the rest is for who writes it.
pub(crate) fn event(
    server: &AuthorizationServer,
    caller: &Caller,
    action: &str,
    outcome: Outcome,
) -> AuditEvent {
    let party = &server.config().party;
    AuditEvent {
        source_address: caller.source_address.clone(),
        request_id: caller.request_id.clone(),
        ..AuditEvent::new(server.clock().now(), party, ROLE, action, outcome)
    }
}

/// The row of a refusal: the error's code and its static text.
pub(crate) fn denial(
    server: &AuthorizationServer,
    caller: &Caller,
    action: &str,
    error: &oauth::Error,
) -> AuditEvent {
    AuditEvent {
        reason: Some(reason(error)),
        ..event(server, caller, action, Outcome::Denied)
    }
}

/// The error's code and text as an audit row holds them.
pub(crate) fn reason(error: &oauth::Error) -> String {
    format!("{}: {}", error.code().as_str(), error.description())
}

const ROLE: &str = "authorization-server";
