//! `client add` and `user add`: what can have no effect is told, and nothing else is.

use super::*;

/// The warnings of a command that does what it should.
fn warnings(party: &Party, arguments: &[&str]) -> Vec<String> {
    let said = party.command(arguments);
    assert_eq!(said.status.code(), Some(0), "{arguments:?} {said:?}");
    let told = text(&said.stderr);
    let lines = told.lines();
    lines
        .filter_map(|line| line.strip_prefix("warning: ").map(str::to_owned))
        .collect()
}

#[test]
fn words_that_the_role_makes_useless_are_told() {
    let party = Party::init("vro");
    let add = |name: &str, role: &str, scope: &str| {
        warnings(
            &party,
            &["user", "add", name, "--role", role, "--scope", scope],
        )
    };
    assert_eq!(
        add("ada", "auditor", "user/Bundle.r user/AuditEvent.rs"),
        ["user/Bundle.r gives the role auditor nothing (docs/access.md)"]
    );
    assert_eq!(
        add("bob", "clerk", "user/Bundle.rs system/Bundle.r"),
        ["system/Bundle.r is for clients without a person; give user/"]
    );
    assert_eq!(
        add("cyd", "clerk", "user/Bundle.d"),
        ["user/Bundle.d gives the role clerk nothing (docs/access.md)"]
    );
    assert!(
        add(
            "dan",
            "clerk",
            "user/Bundle.rs?jurisdiction=MA sensitive/ssn"
        )
        .is_empty()
    );
    assert!(
        add(
            "eve",
            "administrator",
            "administration.write user/AuditEvent.rs"
        )
        .is_empty()
    );
    let change = ["user", "change", "dan", "--role", "auditor"];
    assert_eq!(
        warnings(&party, &change),
        ["user/Bundle.rs?jurisdiction=MA gives the role auditor nothing (docs/access.md)"]
    );
}

/// A client of the administration alone has nothing to do with records.
#[test]
fn limits_of_records_are_missed_only_by_who_reaches_records() {
    let party = Party::init("vro");
    let api = format!("{}/admin/api", party.origin());
    let add = |scope: &str, audience: &str| {
        let redirect = "http://127.0.0.1:8444/callback";
        let common = [
            "client",
            "add",
            "Console",
            "--auth",
            "none",
            "--redirect-uri",
            redirect,
        ];
        let rest = ["--scope", scope, "--audience", audience];
        warnings(&party, &[&common[..], &rest[..]].concat())
    };
    assert_eq!(
        add("administration.read administration.write audit.read", &api),
        [""; 0]
    );
    let missed = add("user/Bundle.rs", &party.fhir());
    assert_eq!(missed.len(), 3, "{missed:?}");
    assert!(missed.iter().all(|text| text.contains("reach no record")));
}
