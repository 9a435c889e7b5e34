//! Acts of the audit in plain words, for the person in whose name they were done.

use storage::audit::{AuditEvent, AuditRow, Outcome};

use super::language::Language;

/// One act on the account page.
pub(super) struct ActivityRow<'a> {
    pub(super) at: String,
    pub(super) what: &'a str,
    /// Where from.
    pub(super) source_address: &'a str,
    /// Whether it was refused.
    pub(super) refused: bool,
}

pub(super) fn rows<'a>(l: Language, rows: &'a [AuditRow]) -> Vec<ActivityRow<'a>> {
    let row = |row: &'a AuditRow| {
        let event = &row.event;
        Some(ActivityRow {
            at: super::account::moment(event.at),
            what: l.t(words(event)?),
            source_address: event
                .source_address
                .as_deref()
                .unwrap_or_else(|| l.t("unknown")),
            refused: event.outcome == Outcome::Denied,
        })
    };
    rows.iter().filter_map(row).collect()
}

/// Whether an act says something to the person.
pub(crate) fn is_activity(event: &AuditEvent) -> bool {
    words(event).is_some()
}

fn words(event: &AuditEvent) -> Option<&'static str> {
    let done = match event.action.as_str() {
        "login" => "Signed in",
        "login.identity-provider" => "Signed in with your organization",
        "logout" => "Signed out",
        "logout.everywhere" => "Signed out everywhere",
        "session.end" => "Ended another session",
        "password.change" => "Changed the password",
        "second-factor.add" => "Took an authenticator app into use",
        "second-factor.remove" => "Removed the authenticator app",
        "recovery-codes.renew" => "Made new recovery codes",
        "passkey.add" => "Added a passkey",
        "passkey.remove" => "Removed a passkey",
        "consent" => "Allowed an application",
        "consent.withdraw" => "Took an application's access back",
        _ => return None,
    };
    if event.outcome == Outcome::Allowed {
        return Some(done);
    }
    Some(match event.action.as_str() {
        "login" | "login.identity-provider" => "A sign-in was refused",
        "password.change" => "A change of the password was refused",
        "consent" => "Refused an application",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_is_told_and_what_is_not() {
        let event = |action, outcome| {
            AuditEvent::new(
                "2026-11-27T10:00:00Z".parse().unwrap(),
                "vro",
                "authorization-server",
                action,
                outcome,
            )
        };
        use Outcome::{Allowed, Denied};
        let rows = [
            ("login", Allowed, Some("Signed in")),
            ("login", Denied, Some("A sign-in was refused")),
            ("consent", Denied, Some("Refused an application")),
            ("logout", Denied, None),
            ("token.issue", Allowed, None),
            ("user.add", Allowed, None),
        ];
        for (action, outcome, expected) in rows {
            assert_eq!(words(&event(action, outcome)), expected, "{action}");
        }
    }
}
