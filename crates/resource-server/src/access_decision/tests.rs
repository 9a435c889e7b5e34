#![expect(clippy::unwrap_used, reason = "tests")]

mod combinations;
mod properties;
mod queries;
mod whole_document;

use std::collections::BTreeMap;

use super::*;
use crate::config::Allowed;

const ALL: OrganizationAccess = OrganizationAccess::All;
const OWN: OrganizationAccess = OrganizationAccess::Own;
const REGISTRAR: Acting = Acting::Person(Some(Role::Registrar));
const BIRTH: RecordType = RecordType::Birth;
const FETAL: RecordType = RecordType::FetalDeath;
const CREATE: Permission = Permission::Create;
const READ: Permission = Permission::Read;
const SEARCH: Permission = Permission::Search;
const UPDATE: Permission = Permission::Update;
const DELETE: Permission = Permission::Delete;

fn place(code: &str) -> Jurisdiction {
    Jurisdiction::parse(code).unwrap()
}

fn places(list: &str) -> Vec<Jurisdiction> {
    list.split_whitespace().map(place).collect()
}

fn rights(
    scope: &str,
    organization: Option<&str>,
    jurisdictions: &str,
    record_types: &[RecordType],
    organization_access: OrganizationAccess,
) -> Rights {
    let person = scope.contains("user/");
    Rights {
        scope: Scope::parse(scope).unwrap_or_default(),
        acting: if person { REGISTRAR } else { Acting::Client },
        organization: organization.map(str::to_owned),
        jurisdictions: places(jurisdictions),
        record_types: record_types.to_vec(),
        facilities: None,
        organization_access,
    }
}

fn facts(
    organization: &str,
    addressee: Option<&str>,
    code: &str,
    kind: impl Into<Option<RecordType>>,
) -> RecordFacts {
    RecordFacts {
        organization: organization.to_owned(),
        addressee: addressee.map(str::to_owned),
        jurisdiction: place(code),
        record_type: kind.into(),
        facility: None,
        composition_type: None,
        event_year: None,
    }
}

fn limits(organizations: &[&str], code: &str, kinds: &[RecordType], scope: &str) -> IssuerLimits {
    IssuerLimits {
        organizations: Allowed::Only(organizations.iter().map(|&name| name.to_owned()).collect()),
        jurisdictions: Allowed::Only(places(code)),
        record_types: Allowed::Only(kinds.to_vec()),
        facilities: Allowed::Any,
        roles: BTreeMap::new(),
        scope: Some(Scope::parse(scope).unwrap()),
    }
}

fn answer(
    rights: &Rights,
    limits: &IssuerLimits,
    (resource_type, permission): (&str, Permission),
    record: &RecordFacts,
) -> Result<(), Denial> {
    decide(
        rights,
        limits,
        Asked {
            resource_type,
            permission,
        },
    )?
    .admit(record)
    .map(|_| ())
}

/// Scope and resource type against the interaction; all else allowed.
#[test]
fn scope_decides_the_interaction() {
    let refused = Err(Denial::InsufficientScope);
    let rows: &[(&str, &str, Permission, Result<(), Denial>)] = &[
        ("system/Bundle.c", "Bundle", CREATE, Ok(())),
        ("system/Bundle.c", "Bundle", READ, refused),
        ("system/Bundle.c", "Bundle", SEARCH, refused),
        ("system/Bundle.r", "Bundle", READ, Ok(())),
        ("system/Bundle.r", "Bundle", SEARCH, refused),
        ("system/Bundle.r", "Bundle", CREATE, refused),
        ("system/Bundle.s", "Bundle", SEARCH, Ok(())),
        ("system/Bundle.s", "Bundle", READ, refused),
        ("system/Bundle.rs", "Bundle", READ, Ok(())),
        ("system/Bundle.rs", "Bundle", SEARCH, Ok(())),
        ("system/Bundle.rs", "Bundle", UPDATE, refused),
        ("system/Bundle.cruds", "Bundle", DELETE, Ok(())),
        ("user/Bundle.rs", "Bundle", READ, Ok(())),
        ("user/Bundle.c", "Bundle", READ, refused),
        ("system/Bundle.read", "Bundle", READ, Ok(())),
        ("system/Bundle.read", "Bundle", SEARCH, Ok(())),
        ("system/Bundle.read", "Bundle", CREATE, refused),
        ("system/Bundle.write", "Bundle", CREATE, Ok(())),
        ("system/Bundle.write", "Bundle", READ, refused),
        ("system/Bundle.*", "Bundle", CREATE, Ok(())),
        ("system/*.rs", "Bundle", READ, Ok(())),
        ("system/*.rs", "Composition", READ, Ok(())),
        ("system/*.rs", "Bundle", CREATE, refused),
        ("system/Composition.r", "Bundle", READ, refused),
        ("system/Bundle.r", "Composition", READ, refused),
        ("system/Composition.r", "Composition", READ, Ok(())),
        ("patient/Bundle.rs", "Bundle", READ, refused),
        ("patient/*.rs", "Bundle", READ, refused),
        ("system/Bundle.rs?identifier=x", "Bundle", READ, refused),
        ("openid profile", "Bundle", READ, refused),
        ("system/AuditEvent.rs", "Bundle", READ, refused),
        ("system/Bundle.c system/Bundle.r", "Bundle", READ, Ok(())),
        ("system/bundle.r", "Bundle", READ, refused),
        ("system/Bundle.sr", "Bundle", READ, refused),
        ("system/Bundle", "Bundle", READ, refused),
        ("", "Bundle", READ, refused),
        ("", "Bundle", CREATE, refused),
    ];
    let record = facts("A", None, "MA", BIRTH);
    for (scope, kind, permission, expected) in rows {
        let rights = rights(scope, Some("A"), "MA", &[BIRTH], OWN);
        let answer = answer(&rights, &IssuerLimits::none(), (kind, *permission), &record);
        assert_eq!(answer, *expected, "{scope:?} {kind} {permission:?}");
    }
}

type RightsRow<'a> = (
    Option<&'a str>,
    &'a str,
    &'a [RecordType],
    OrganizationAccess,
    RecordFacts,
    Permission,
);

/// Organisation, jurisdiction and record type of the token against the record's.
#[test]
fn the_token_s_members_decide_the_record() {
    let both = &[BIRTH, FETAL][..];
    let birth = &[BIRTH][..];
    let ma = |organization, addressee| facts(organization, addressee, "MA", BIRTH);
    let rows: &[(RightsRow<'_>, Result<(), Denial>)] = &[
        ((Some("A"), "MA", both, OWN, ma("A", None), READ), Ok(())),
        (
            (Some("A"), "MA", both, OWN, ma("B", Some("A")), READ),
            Ok(()),
        ),
        (
            (Some("A"), "MA", both, OWN, ma("B", None), READ),
            Err(Denial::RecordOrganization),
        ),
        (
            (Some("A"), "MA", both, OWN, ma("B", Some("C")), READ),
            Err(Denial::RecordOrganization),
        ),
        (
            (Some("a"), "MA", both, OWN, ma("A", None), READ),
            Err(Denial::RecordOrganization),
        ),
        (
            (Some(""), "MA", both, OWN, ma("B", None), READ),
            Err(Denial::RecordOrganization),
        ),
        ((Some("A"), "MA", both, ALL, ma("B", None), READ), Ok(())),
        ((None, "MA", both, ALL, ma("B", None), READ), Ok(())),
        ((None, "MA", both, ALL, ma("B", None), SEARCH), Ok(())),
        (
            (None, "MA", both, ALL, ma("B", None), CREATE),
            Err(Denial::Organization),
        ),
        (
            (None, "MA", both, OWN, ma("B", None), READ),
            Err(Denial::Organization),
        ),
        (
            (None, "MA", both, OWN, ma("B", None), CREATE),
            Err(Denial::Organization),
        ),
        (
            (Some("A"), "NJ", both, OWN, ma("A", None), READ),
            Err(Denial::RecordJurisdiction),
        ),
        (
            (Some("A"), "NJ", both, OWN, ma("A", None), CREATE),
            Err(Denial::RecordJurisdiction),
        ),
        ((Some("A"), "NJ MA", both, OWN, ma("A", None), READ), Ok(())),
        (
            (Some("A"), "NJ MA", both, OWN, ma("A", None), CREATE),
            Ok(()),
        ),
        (
            (Some("A"), "", both, OWN, ma("A", None), READ),
            Err(Denial::NoJurisdiction),
        ),
        (
            (Some("A"), "", both, ALL, ma("A", None), READ),
            Err(Denial::NoJurisdiction),
        ),
        (
            (Some("A"), "NJ", both, ALL, ma("B", None), READ),
            Err(Denial::RecordJurisdiction),
        ),
        (
            (Some("A"), "MA", &[], OWN, ma("A", None), READ),
            Err(Denial::NoRecordType),
        ),
        (
            (Some("A"), "MA", &[], ALL, ma("A", None), SEARCH),
            Err(Denial::NoRecordType),
        ),
        (
            (Some("A"), "MA", &[FETAL], OWN, ma("A", None), READ),
            Err(Denial::RecordType),
        ),
        (
            (Some("A"), "MA", &[FETAL], OWN, ma("A", None), CREATE),
            Err(Denial::RecordType),
        ),
        (
            (
                Some("A"),
                "MA",
                birth,
                OWN,
                facts("A", None, "MA", FETAL),
                READ,
            ),
            Err(Denial::RecordType),
        ),
        (
            (
                Some("A"),
                "MA",
                both,
                OWN,
                facts("A", None, "MA", FETAL),
                READ,
            ),
            Ok(()),
        ),
        (
            (
                Some("A"),
                "YC",
                birth,
                OWN,
                facts("A", None, "NY", BIRTH),
                READ,
            ),
            Err(Denial::RecordJurisdiction),
        ),
        // A coded document that births and fetal deaths share: for those who reach both.
        (
            (
                Some("A"),
                "MA",
                both,
                OWN,
                facts("A", None, "MA", None),
                READ,
            ),
            Ok(()),
        ),
        (
            (
                Some("A"),
                "MA",
                birth,
                OWN,
                facts("A", None, "MA", None),
                READ,
            ),
            Err(Denial::RecordType),
        ),
        (
            (
                Some("A"),
                "MA",
                &[FETAL],
                OWN,
                facts("A", None, "MA", None),
                READ,
            ),
            Err(Denial::RecordType),
        ),
    ];
    for ((organization, codes, kinds, access, record, permission), expected) in rows {
        let rights = rights("system/Bundle.cruds", *organization, codes, kinds, *access);
        let answer = answer(
            &rights,
            &IssuerLimits::none(),
            ("Bundle", *permission),
            record,
        );
        assert_eq!(
            answer, *expected,
            "{organization:?} {codes} {kinds:?} {access:?} {record:?}"
        );
    }
}

/// The server's own setting for the issuer narrows whatever the issuer says.
#[test]
fn the_issuer_s_limits_narrow_every_token() {
    let both = &[BIRTH, FETAL][..];
    let every = "system/*.cruds";
    let rows: &[(IssuerLimits, Permission, Result<(), Denial>)] = &[
        (limits(&["A"], "MA", both, every), READ, Ok(())),
        (limits(&["A"], "MA", both, "system/Bundle.rs"), READ, Ok(())),
        (
            limits(&["A"], "MA", both, "system/Bundle.rs"),
            CREATE,
            Err(Denial::InsufficientScope),
        ),
        (
            limits(&["A"], "MA", both, "user/Composition.rs"),
            READ,
            Err(Denial::InsufficientScope),
        ),
        (
            limits(&["B"], "MA", both, every),
            READ,
            Err(Denial::Organization),
        ),
        (
            limits(&["B"], "MA", both, every),
            CREATE,
            Err(Denial::Organization),
        ),
        (
            limits(&[], "MA", both, every),
            READ,
            Err(Denial::Organization),
        ),
        (limits(&["B", "A"], "MA", both, every), CREATE, Ok(())),
        (
            limits(&["A"], "NJ", both, every),
            READ,
            Err(Denial::RecordJurisdiction),
        ),
        (
            limits(&["A"], "VT", both, every),
            READ,
            Err(Denial::NoJurisdiction),
        ),
        (
            limits(&["A"], "", both, every),
            READ,
            Err(Denial::NoJurisdiction),
        ),
        (limits(&["A"], "MA NJ VT", both, every), READ, Ok(())),
        (
            limits(&["A"], "MA", &[FETAL], every),
            READ,
            Err(Denial::RecordType),
        ),
        (
            limits(&["A"], "MA", &[], every),
            READ,
            Err(Denial::NoRecordType),
        ),
        (limits(&["A"], "MA", &[BIRTH], every), CREATE, Ok(())),
    ];
    let record = facts("A", None, "MA", BIRTH);
    for (limits, permission, expected) in rows {
        let rights = rights("system/*.cruds", Some("A"), "MA NJ", both, ALL);
        let answer = answer(&rights, limits, ("Bundle", *permission), &record);
        assert_eq!(answer, *expected, "{limits:?} {permission:?}");
    }
}

/// An issuer limited to organisations never lets in a token that names none, whatever it reaches.
#[test]
fn a_token_of_no_organization_passes_no_list_of_organizations() {
    let rights = rights("system/*.cruds", None, "MA", &[BIRTH], ALL);
    let limits = limits(&["A"], "MA", &[BIRTH], "system/*.cruds");
    let record = facts("A", None, "MA", BIRTH);
    let answer = answer(&rights, &limits, ("Bundle", READ), &record);
    assert_eq!(answer, Err(Denial::Organization));
}

#[test]
fn a_record_without_jurisdiction_takes_the_token_s_only_one() {
    let asked = Asked {
        resource_type: "Bundle",
        permission: CREATE,
    };
    let only = |codes: &str| {
        let rights = rights("system/Bundle.c", Some("A"), codes, &[BIRTH], OWN);
        decide(&rights, &IssuerLimits::none(), asked)
            .unwrap()
            .only_jurisdiction()
    };
    assert_eq!(only("MA"), Some(place("MA")));
    assert_eq!(only("MA MA"), Some(place("MA")));
    assert_eq!(only("MA NJ"), None);
}

#[test]
fn a_record_without_record_type_takes_the_token_s_only_one() {
    let asked = Asked {
        resource_type: "Bundle",
        permission: CREATE,
    };
    let only = |kinds: &[RecordType]| {
        let rights = rights("system/Bundle.c", Some("A"), "MA", kinds, OWN);
        decide(&rights, &IssuerLimits::none(), asked)
            .unwrap()
            .only_record_type()
    };
    assert_eq!(only(&[FETAL, FETAL]), Some(FETAL));
    assert_eq!(only(&[BIRTH, FETAL]), None);
}

/// Every combination of a small world of rights: whoever has a subset of another's rights gets a
/// subset of the other's answers. Exhaustive, so nothing depends on luck.
#[test]
fn removing_a_right_never_widens() {
    let worlds = rights_by_mask();
    let limits = [
        IssuerLimits::none(),
        limits(&["A"], "MA", &[BIRTH, FETAL], "system/*.cruds"),
        limits(
            &["A", "B"],
            "MA NJ",
            &[BIRTH],
            "system/Bundle.rs system/Bundle.c",
        ),
    ];
    for limits in &limits {
        let answers: Vec<u128> = worlds
            .iter()
            .map(|rights| allowed(rights, limits))
            .collect();
        assert!(
            answers.iter().any(|mask| *mask != 0),
            "the world allows something"
        );
        for (larger, all) in answers.iter().enumerate() {
            for (smaller, some) in answers.iter().enumerate() {
                if smaller & larger == smaller {
                    assert_eq!(
                        some & !all,
                        0,
                        "{:?} {:?}",
                        worlds.get(smaller),
                        worlds.get(larger)
                    );
                }
            }
        }
    }
}

/// Bit n of the position says whether right n is held.
fn rights_by_mask() -> Vec<Rights> {
    (0_u32..256)
        .map(|mask| {
            let held = |bit: u32| mask & (1 << bit) != 0;
            let chosen = |pairs: &[(u32, &str)]| {
                let names = pairs
                    .iter()
                    .filter(|(bit, _)| held(*bit))
                    .map(|(_, name)| *name);
                names.collect::<Vec<_>>().join(" ")
            };
            let scope = chosen(&[
                (0, "system/Bundle.r"),
                (1, "system/Bundle.s"),
                (2, "system/Bundle.c"),
            ]);
            let kinds = [(5, BIRTH), (6, FETAL)];
            let kinds: Vec<_> = kinds.into_iter().filter(|(bit, _)| held(*bit)).collect();
            let kinds: Vec<_> = kinds.into_iter().map(|(_, kind)| kind).collect();
            let access = if held(7) { ALL } else { OWN };
            rights(
                &scope,
                Some("A"),
                &chosen(&[(3, "MA"), (4, "NJ")]),
                &kinds,
                access,
            )
        })
        .collect()
}

/// Which (interaction, record) pairs are allowed, one bit each.
fn allowed(rights: &Rights, limits: &IssuerLimits) -> u128 {
    let mut mask = 0;
    let mut bit = 1;
    for permission in [CREATE, READ, SEARCH, UPDATE] {
        for (organization, addressee) in [("A", None), ("B", Some("A")), ("B", None)] {
            for code in ["MA", "NJ", "VT"] {
                for kind in [Some(BIRTH), Some(FETAL), None] {
                    let record = facts(organization, addressee, code, kind);
                    if answer(rights, limits, ("Bundle", permission), &record).is_ok() {
                        mask |= bit;
                    }
                    bit <<= 1;
                }
            }
        }
    }
    mask
}

/// A token without an organisation never gets more than the same token with one.
#[test]
fn removing_the_organization_never_widens() {
    for mut rights in rights_by_mask() {
        let with = allowed(&rights, &IssuerLimits::none());
        rights.organization = None;
        assert_eq!(
            allowed(&rights, &IssuerLimits::none()) & !with,
            0,
            "{rights:?}"
        );
    }
}
