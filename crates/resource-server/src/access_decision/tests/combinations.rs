//! Every combination of who asks for what and of which record it is, against an oracle that says of
//! each part by itself what it allows. Letters are SMART's: create, read, update, delete, search.

use super::*;

/// Whom the token acts for, its scope, what that permits on Bundle, and what the role permits.
const WHO: &[(&str, &str, &str, &str)] = &[
    ("client", "system/Bundle.cruds", "cruds", "cruds"),
    ("client", "system/Bundle.c", "c", "cruds"),
    ("client", "system/Bundle.r", "r", "cruds"),
    ("client", "system/Bundle.u", "u", "cruds"),
    ("client", "system/Bundle.d", "d", "cruds"),
    ("client", "system/Bundle.s", "s", "cruds"),
    ("client", "system/Bundle.read", "rs", "cruds"),
    ("client", "system/Bundle.write", "cud", "cruds"),
    ("client", "system/Bundle.*", "cruds", "cruds"),
    ("client", "system/*.rs", "rs", "cruds"),
    ("client", "system/*.read", "rs", "cruds"),
    ("client", "system/*.write", "cud", "cruds"),
    ("client", "system/Composition.cruds", "", "cruds"),
    ("client", "system/Patient.cruds", "", "cruds"),
    ("client", "system/AuditEvent.rs", "", "cruds"),
    ("client", "user/Bundle.cruds", "", "cruds"),
    ("client", "user/*.*", "", "cruds"),
    ("client", "patient/*.*", "", "cruds"),
    ("client", "openid profile", "", "cruds"),
    ("client", "system/Bundle.sr", "", "cruds"),
    ("client", "system/bundle.rs", "", "cruds"),
    ("client", "system/Bundle.rs?identifier=1", "", "cruds"),
    ("client", "user/Bundle.c system/Bundle.r", "r", "cruds"),
    ("client", "", "", "cruds"),
    ("registrar", "user/Bundle.cruds", "cruds", "cruds"),
    ("registrar", "user/*.*", "cruds", "cruds"),
    ("registrar", "user/Bundle.rs", "rs", "cruds"),
    ("registrar", "user/Bundle.read", "rs", "cruds"),
    ("registrar", "system/Bundle.cruds", "", "cruds"),
    ("registrar", "user/Bundle.c system/Bundle.r", "c", "cruds"),
    ("registrar", "patient/Bundle.rs", "", "cruds"),
    ("clerk", "user/Bundle.cruds", "cruds", "crus"),
    ("clerk", "user/*.write", "cud", "crus"),
    ("clerk", "user/Bundle.rs", "rs", "crus"),
    ("clerk", "system/*.*", "", "crus"),
    ("auditor", "user/*.*", "cruds", ""),
    ("auditor", "user/Bundle.rs", "rs", ""),
    ("auditor", "user/AuditEvent.rs", "", ""),
    ("administrator", "user/*.*", "cruds", ""),
    ("administrator", "user/Bundle.rs", "rs", ""),
    ("nobody", "user/*.*", "cruds", ""),
    ("nobody", "system/*.*", "", ""),
];

const LETTERS: [(char, Permission); 5] = [
    ('c', CREATE),
    ('r', READ),
    ('u', UPDATE),
    ('d', DELETE),
    ('s', SEARCH),
];

/// What the token reaches (organisation, access, jurisdictions, record types, facilities; `-` is
/// absent, `0` an empty list), the record (organisation, addressee, jurisdiction, type, facility), and
/// what comes of it.
const REACH: &[(&str, &str, &str)] = &[
    ("A own MA birth -", "A - MA birth -", "yes"),
    ("A own MA birth -", "A - MA birth F1", "yes"),
    ("A own MA birth -", "B A MA birth -", "yes"),
    ("A own MA birth -", "B - MA birth -", "organization"),
    ("A own MA birth -", "B C MA birth -", "organization"),
    ("a own MA birth -", "A - MA birth -", "organization"),
    ("A own MA birth -", "a - MA birth -", "organization"),
    ("A own MA birth -", "A - NJ birth -", "jurisdiction"),
    ("A own MA birth -", "A - MA fetal-death -", "type"),
    ("A own MA birth -", "A - MA - -", "type"),
    ("A own MA,NJ birth -", "A - NJ birth -", "yes"),
    ("A own MA,NJ birth -", "A - NY birth -", "jurisdiction"),
    ("A own YC birth -", "A - NY birth -", "jurisdiction"),
    (
        "A own MA birth,fetal-death -",
        "A - MA fetal-death -",
        "yes",
    ),
    ("A own MA birth,fetal-death -", "A - MA - -", "yes"),
    ("A own MA fetal-death -", "A - MA birth -", "type"),
    ("A own MA fetal-death -", "A - MA - -", "type"),
    ("A own 0 birth -", "A - MA birth -", "no jurisdiction"),
    ("A own MA 0 -", "A - MA birth -", "no type"),
    ("A own MA birth 0", "A - MA birth -", "no facility"),
    ("A own MA birth 0", "A - MA birth F1", "no facility"),
    ("A own MA birth F1", "A - MA birth F1", "yes"),
    ("A own MA birth F1", "B A MA birth F1", "yes"),
    ("A own MA birth F1", "A - MA birth F2", "facility"),
    ("A own MA birth F1", "A - MA birth f1", "facility"),
    ("A own MA birth F1", "A - MA birth F10", "facility"),
    ("A own MA birth F1", "A - MA birth -", "facility"),
    ("A own MA birth F1,F2", "A - MA birth F2", "yes"),
    ("A own MA birth F1,F2", "A - MA birth F3", "facility"),
    ("A own MA birth F1", "B - MA birth F1", "organization"),
    ("A own MA birth F1", "A - NJ birth F1", "jurisdiction"),
    ("A all MA birth -", "B - MA birth -", "yes"),
    ("A all MA birth -", "B C MA birth F1", "yes"),
    ("A all MA birth -", "B - NJ birth -", "jurisdiction"),
    ("A all MA birth -", "B - MA fetal-death -", "type"),
    ("A all MA birth F1", "B - MA birth F1", "yes"),
    ("A all MA birth F1", "B - MA birth F2", "facility"),
    ("A all MA birth F1", "B - MA birth -", "facility"),
    ("- own MA birth -", "A - MA birth -", "no organization"),
    ("- own MA birth -", "B A MA birth -", "no organization"),
    ("- all MA birth -", "B - MA birth -", "yes, to read"),
    ("- all MA birth F1", "B - MA birth F2", "facility, to read"),
];

#[test]
fn every_combination_is_decided_as_its_parts_say() {
    let mut rows = 0;
    for (who, scope, scope_letters, role_letters) in WHO {
        for (letter, permission) in LETTERS {
            for (reach, record, outcome) in REACH {
                let expected = if !scope_letters.contains(letter) {
                    Err(Denial::InsufficientScope)
                } else if !role_letters.contains(letter) {
                    Err(Denial::Role)
                } else {
                    denial(outcome, letter)
                };
                let rights = token(who, scope, reach);
                let asked = ("Bundle", permission);
                let answer = answer(&rights, &IssuerLimits::none(), asked, &read_record(record));
                assert_eq!(
                    answer, expected,
                    "{who} {scope:?} {letter} {reach} {record}"
                );
                rows += 1;
            }
        }
    }
    assert!(rows >= 500, "{rows}");
}

/// An issuer's limit of organisations against whose records the token reaches: `all` is all of them only where there
/// is no limit.
#[test]
fn organizations_of_issuer_and_token_meet() {
    for (limit, token_s, record, expected) in [
        ("-", "A all", "B -", Ok(())),
        ("-", "- all", "B -", Ok(())),
        ("B", "B all", "A -", Err(Denial::RecordOrganization)),
        ("B", "B all", "B -", Ok(())),
        ("B", "B all", "A B", Ok(())),
        ("B", "B all", "A C", Err(Denial::RecordOrganization)),
        ("B", "B own", "A -", Err(Denial::RecordOrganization)),
        ("B", "B own", "B -", Ok(())),
        ("A,B", "B all", "C -", Err(Denial::RecordOrganization)),
        ("A,B", "B all", "C A", Err(Denial::RecordOrganization)),
        ("B", "A all", "A -", Err(Denial::Organization)),
        ("B", "- all", "B -", Err(Denial::Organization)),
        ("0", "B all", "B -", Err(Denial::Organization)),
    ] {
        let mut limits = IssuerLimits::none();
        if let Some(list) = facilities(limit) {
            limits.organizations = Allowed::Only(list);
        }
        let rights = token(
            "client",
            "system/Bundle.rs",
            &format!("{token_s} MA birth -"),
        );
        let record = read_record(&format!("{record} MA birth -"));
        for permission in [READ, SEARCH] {
            let answer = answer(&rights, &limits, ("Bundle", permission), &record);
            assert_eq!(answer, expected, "{limit} {token_s} {record:?}");
        }
    }
}

/// The audit is for those who read it, and only for reading.
#[test]
fn every_role_s_part_in_the_audit() {
    for (who, letters) in [
        ("registrar", ""),
        ("clerk", ""),
        ("auditor", "rs"),
        ("administrator", "rs"),
        ("nobody", ""),
    ] {
        for (letter, permission) in LETTERS {
            let rights = token(who, "user/AuditEvent.cruds", "A own MA birth -");
            let asked = Asked {
                resource_type: "AuditEvent",
                permission,
            };
            let permitted = decide(&rights, &IssuerLimits::none(), asked).is_ok();
            assert_eq!(permitted, letters.contains(letter), "{who} {letter}");
        }
    }
    let limited = token("auditor", "user/AuditEvent.rs", "A own MA birth F1");
    let asked = Asked {
        resource_type: "AuditEvent",
        permission: READ,
    };
    let answer = decide(&limited, &IssuerLimits::none(), asked).map(drop);
    assert_eq!(answer, Err(Denial::NoFacility));
}

/// A setting takes from a role and gives it nothing.
#[test]
fn a_setting_narrows_a_role_and_never_widens_it() {
    for (who, setting, letters) in [
        ("registrar", "user/Bundle.rs", "rs"),
        ("registrar", "user/Composition.cruds", ""),
        ("registrar", "system/Bundle.cruds", ""),
        ("registrar", "user/Bundle.rs?jurisdiction=MA", ""),
        ("clerk", "user/*.cruds", "crus"),
        ("clerk", "user/Bundle.d", ""),
        ("auditor", "user/*.cruds", ""),
    ] {
        let mut limits = IssuerLimits::none();
        let widest = Scope::parse(setting).unwrap();
        limits.roles.insert(who.to_owned(), widest);
        for (letter, permission) in LETTERS {
            let rights = token(who, "user/*.cruds", "A own MA birth -");
            let record = read_record("A - MA birth -");
            let answer = answer(&rights, &limits, ("Bundle", permission), &record);
            assert_eq!(
                answer.is_ok(),
                letters.contains(letter),
                "{who} {setting} {letter}"
            );
        }
    }
}

/// An issuer's limit of facilities against the token's.
#[test]
fn facilities_of_issuer_and_token_meet() {
    for (limit, token_s, record, expected) in [
        ("F1,F2", "-", "F1", Ok(())),
        ("F1,F2", "-", "F3", Err(Denial::RecordFacility)),
        ("F1,F2", "-", "-", Err(Denial::RecordFacility)),
        ("F1,F2", "F2,F3", "F2", Ok(())),
        ("F1,F2", "F2,F3", "F1", Err(Denial::RecordFacility)),
        ("F1,F2", "F2,F3", "F3", Err(Denial::RecordFacility)),
        ("F1,F2", "F3", "F3", Err(Denial::NoFacility)),
        ("0", "-", "F1", Err(Denial::NoFacility)),
        ("-", "F1", "F1", Ok(())),
        ("-", "-", "-", Ok(())),
    ] {
        let mut limits = IssuerLimits::none();
        if let Some(list) = facilities(limit) {
            limits.facilities = Allowed::Only(list);
        }
        let rights = token(
            "client",
            "system/Bundle.r",
            &format!("A own MA birth {token_s}"),
        );
        let record = read_record(&format!("A - MA birth {record}"));
        let answer = answer(&rights, &limits, ("Bundle", READ), &record);
        assert_eq!(answer, expected, "{limit} {token_s} {record:?}");
    }
}

fn denial(outcome: &str, letter: char) -> Result<(), Denial> {
    let reads = matches!(letter, 'r' | 's');
    Err(match (outcome, reads) {
        ("yes", _) | ("yes, to read", true) => return Ok(()),
        ("facility", _) | ("facility, to read", true) => Denial::RecordFacility,
        ("no organization" | "yes, to read" | "facility, to read", _) => Denial::Organization,
        ("organization", _) => Denial::RecordOrganization,
        ("jurisdiction", _) => Denial::RecordJurisdiction,
        ("type", _) => Denial::RecordType,
        ("no jurisdiction", _) => Denial::NoJurisdiction,
        ("no type", _) => Denial::NoRecordType,
        ("no facility", _) => Denial::NoFacility,
        _ => unreachable!("{outcome}"),
    })
}

fn token(who: &str, scope: &str, reach: &str) -> Rights {
    let [organization, access, codes, kinds, places] = words(reach);
    Rights {
        scope: Scope::parse(scope).unwrap_or_default(),
        acting: match who {
            "client" => Acting::Client,
            role => Acting::Person(Role::parse(role)),
        },
        organization: present(organization),
        jurisdictions: listed(codes).iter().map(|code| place(code)).collect(),
        record_types: listed(kinds).iter().map(|name| kind(name)).collect(),
        facilities: facilities(places),
        organization_access: if access == "all" { ALL } else { OWN },
    }
}

fn read_record(text: &str) -> RecordFacts {
    let [organization, addressee, code, name, facility] = words(text);
    RecordFacts {
        addressee: present(addressee),
        facility: present(facility),
        ..facts(
            organization,
            None,
            code,
            present(name).map(|name| kind(&name)),
        )
    }
}

fn words(text: &str) -> [&str; 5] {
    let words: Vec<&str> = text.split(' ').collect();
    words.try_into().unwrap()
}

fn present(word: &str) -> Option<String> {
    (word != "-").then(|| word.to_owned())
}

fn listed(word: &str) -> Vec<String> {
    let words = word.split(',').filter(|word| *word != "0");
    words.map(str::to_owned).collect()
}

fn facilities(word: &str) -> Option<Vec<String>> {
    present(word).map(|word| listed(&word))
}

fn kind(name: &str) -> RecordType {
    RecordType::parse(name).unwrap()
}
