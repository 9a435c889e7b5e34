//! Who may do what: role × operation × how long ago × reach, and that nothing goes beyond.

#![expect(clippy::unwrap_used, reason = "tests")]

use oauth::Random;
use storage::AuditEvent;

use super::*;
use crate::registration::OrganizationAccess;
use crate::testing::rights;

fn now() -> Timestamp {
    "2026-11-27T12:00:00Z".parse().unwrap()
}

fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

fn owner(role: &str, rights: Rights) -> ResourceOwner {
    ResourceOwner {
        id: "u-1".to_owned(),
        username: "one".to_owned(),
        role: role.to_owned(),
        scope: scope("user/Bundle.rs"),
        rights,
        disabled: false,
        short_password: false,
        note: None,
        created: now(),
    }
}

fn all() -> Rights {
    Rights {
        organization_access: OrganizationAccess::All,
        ..rights()
    }
}

/// What the table says, written down apart from the code: read, dangerous write, other write, of the whole server.
const READ: &[&str] = &[
    "user.list",
    "user.read",
    "client.list",
    "client.read",
    "resource-server.list",
    "resource-server.read",
    "issuer.list",
    "key.list",
    "session.list",
    "token.list",
    "initial-access-token.list",
    "audit.search",
    "audit.export",
];
const DANGEROUS: &[&str] = &[
    "user.add",
    "user.change",
    "user.disable",
    "user.delete",
    "user.set-password",
    "user.reset-second-factor",
    "user.revoke-tokens",
    "client.add",
    "client.replace",
    "client.disable",
    "client.delete",
    "client.secret.rotate",
    "client.revoke-tokens",
    "resource-server.add",
    "resource-server.delete",
    "key.rotate",
    "initial-access-token.add",
    "audit.export",
];
const WHOLE: &[&str] = &[
    "resource-server.add",
    "resource-server.delete",
    "issuer.list",
    "key.rotate",
    "initial-access-token.list",
    "initial-access-token.add",
    "initial-access-token.end",
];

#[test]
fn role_operation_freshness_and_reach() {
    let mut rows = 0;
    let nowhere = Rights {
        organization: None,
        ..rights()
    };
    let minutes = SignedDuration::from_mins;
    for role in [
        "administrator",
        "auditor",
        "registrar",
        "clerk",
        "",
        "Administrator",
    ] {
        for operation in OPERATIONS {
            for (reach, rights) in [("all", all()), ("own", rights()), ("none", nowhere.clone())] {
                for (fresh, at) in [
                    (true, Some(now())),
                    (
                        true,
                        Some(now() - minutes(5) + SignedDuration::from_millis(1)),
                    ),
                    (false, Some(now() - minutes(5))),
                    (false, None),
                ] {
                    rows += 1;
                    let name = operation.name();
                    let who = Administrator::person(&owner(role, rights.clone()), at);
                    let expected = if role != "administrator"
                        && !(role == "auditor" && READ.contains(&name))
                    {
                        Some(Denied::Role)
                    } else if reach == "none" || (reach == "own" && WHOLE.contains(&name)) {
                        Some(Denied::Reach)
                    } else if !fresh && DANGEROUS.contains(&name) {
                        Some(Denied::Stale(minutes(5)))
                    } else {
                        None
                    };
                    let decided = decide(*operation, &who, now()).err();
                    assert_eq!(decided, expected, "{role} {name} {reach} {at:?}");
                }
            }
        }
    }
    assert_eq!(rows, 6 * 37 * 3 * 4);
}

#[test]
fn a_disabled_person_may_nothing() {
    let mut gone = owner("administrator", all());
    gone.disabled = true;
    for operation in OPERATIONS {
        let who = Administrator::person(&gone, Some(now()));
        assert_eq!(decide(*operation, &who, now()).err(), Some(Denied::Role));
    }
}

#[test]
fn a_token_needs_the_scope_of_the_operation() {
    for operation in OPERATIONS {
        let name = operation.name();
        let needed = match name {
            "audit.search" | "audit.export" => "audit.read",
            _ if READ.contains(&name) => "administration.read",
            _ => "administration.write",
        };
        assert_eq!(operation.access().scope(), needed, "{name}");
        for access in Access::ALL {
            let granted = scope(access.scope());
            let person = Administrator::person(&owner("administrator", all()), Some(now()))
                .through("app", granted.clone(), all());
            let client = Administrator::client("api", all(), granted.clone(), granted);
            let expected =
                (access != operation.access()).then_some(Denied::Scope(operation.access()));
            for who in [person, client] {
                assert_eq!(decide(*operation, &who, now()).err(), expected, "{name}");
            }
        }
        // A scope gives nobody a role.
        let everything = scope("administration.read administration.write audit.read");
        let clerk = Administrator::person(&owner("clerk", all()), Some(now()));
        let clerk = clerk.through("app", everything, all());
        assert_eq!(decide(*operation, &clerk, now()).err(), Some(Denied::Role));
    }
}

#[test]
fn names_are_unique_and_none_is_missing() {
    let mut names: Vec<_> = OPERATIONS.iter().map(|it| it.name()).collect();
    assert_eq!(names.len(), Operation::AuditExport as usize + 1);
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), OPERATIONS.len());
}

/// Random rights on both sides: whatever a permit covers lies within what its holder has.
#[test]
fn a_permit_never_reaches_beyond() {
    let random = Random::seeded(11);
    let mut covered = 0;
    for _ in 0..20_000 {
        let (own, target) = (some_rights(&random), some_rights(&random));
        let who = Administrator::person(&owner("administrator", own.clone()), Some(now()));
        let Ok(permit) = decide(Operation::UserChange, &who, now()) else {
            assert_eq!(own.organization, None);
            continue;
        };
        if own.organization_access == OrganizationAccess::All {
            assert!(permit.reach().covers(&target));
            continue;
        }
        let event = AuditEvent {
            organization: target.organization.clone(),
            jurisdiction: target.jurisdictions.first().cloned(),
            record_type: target.record_types.first().cloned(),
            ..AuditEvent::new(now(), "p", "r", "a", storage::Outcome::Allowed)
        };
        if permit.reach().covers_event(&event) {
            assert_eq!(target.organization, own.organization);
            assert!(
                event
                    .jurisdiction
                    .is_none_or(|it| own.jurisdictions.contains(&it))
            );
            assert!(
                event
                    .record_type
                    .is_none_or(|it| own.record_types.contains(&it))
            );
        }
        if permit.reach().covers(&target) {
            covered += 1;
            // What both have is all that the target has.
            assert_eq!(own.intersect(&target), target);
            assert!(target.organization.is_some());
        }
    }
    assert!(covered > 100, "{covered}");
}

fn some_rights(random: &Random) -> Rights {
    let [a, b, c, d, e] = random.bytes::<5>();
    let some = |byte: u8, items: &[&str]| -> Vec<String> {
        let bits = items.iter().enumerate();
        let chosen = bits.filter(|(bit, _)| byte & (1 << bit) != 0);
        chosen.map(|(_, item)| (*item).to_owned()).collect()
    };
    Rights {
        organization: (a % 4 != 0).then(|| format!("organization {}", a % 2)),
        organization_access: if b % 4 == 0 {
            OrganizationAccess::All
        } else {
            OrganizationAccess::Own
        },
        jurisdictions: some(c, &["MA", "NH", "VT"]),
        record_types: some(d, &["birth", "fetal-death"]),
        facilities: (e % 2 == 0).then(|| some(e / 2, &["1234567893", "F-2"])),
    }
}
