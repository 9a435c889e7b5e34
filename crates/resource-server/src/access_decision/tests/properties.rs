//! Whatever the rights, limits, request and record: a further restriction never permits more, and what
//! is permitted is within each part by itself.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;

const WORDS: [&str; 12] = [
    "system/Bundle.cruds",
    "system/Bundle.rs",
    "system/*.c",
    "system/Composition.r",
    "system/AuditEvent.rs",
    "user/Bundle.cruds",
    "user/*.read",
    "user/AuditEvent.rs",
    "patient/*.*",
    "system/Bundle.rs?jurisdiction=MA",
    "system/Bundle.cruds?event-year=2025,2026&record-type=birth",
    "user/Bundle.r?identifier=1",
];
const CODES: [&str; 3] = ["MA", "NJ", "YC"];
const PLACES: [&str; 3] = ["F1", "F2", "F3"];
const NAMES: [&str; 4] = ["A", "B", "C", ""];
const ROLES: [&str; 5] = ["registrar", "clerk", "auditor", "administrator", "x"];

fn texts(all: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let some = subsequence(all, 0..=all.len());
    some.prop_map(|some| some.into_iter().map(str::to_owned).collect())
}

fn scopes() -> impl Strategy<Value = Scope> {
    texts(&WORDS).prop_map(|words| Scope::parse(&words.join(" ")).unwrap_or_default())
}

fn codes() -> impl Strategy<Value = Vec<Jurisdiction>> {
    texts(&CODES).prop_map(|codes| codes.iter().map(|code| place(code)).collect())
}

fn kinds() -> impl Strategy<Value = Vec<RecordType>> {
    subsequence(RecordType::ALL.to_vec(), 0..=2)
}

fn any_rights() -> impl Strategy<Value = Rights> {
    let acting = prop_oneof![
        Just(Acting::Client),
        select(&ROLES[..]).prop_map(|role| Acting::Person(Role::parse(role))),
    ];
    let organization = proptest::option::of(select(&NAMES[..3]).prop_map(str::to_owned));
    let facilities = proptest::option::of(texts(&PLACES));
    let access = select(vec![OWN, ALL]);
    (
        scopes(),
        acting,
        organization,
        codes(),
        kinds(),
        facilities,
        access,
    )
        .prop_map(
            |(scope, acting, organization, jurisdictions, record_types, facilities, access)| {
                Rights {
                    scope,
                    acting,
                    organization,
                    jurisdictions,
                    record_types,
                    facilities,
                    organization_access: access,
                }
            },
        )
}

fn allowed<T: Clone + std::fmt::Debug + 'static>(
    list: impl Strategy<Value = Vec<T>> + 'static,
) -> impl Strategy<Value = Allowed<T>> {
    prop_oneof![Just(Allowed::Any), list.prop_map(Allowed::Only)]
}

fn any_limits() -> impl Strategy<Value = IssuerLimits> {
    let roles = proptest::collection::btree_map(select(&ROLES[..]), scopes(), 0..3);
    let roles = roles.prop_map(|map| map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect());
    let parts = (
        allowed(texts(&NAMES)),
        allowed(codes()),
        allowed(kinds()),
        allowed(texts(&PLACES)),
        roles,
        proptest::option::of(scopes()),
    );
    parts.prop_map(
        |(organizations, jurisdictions, record_types, facilities, roles, scope)| IssuerLimits {
            organizations,
            jurisdictions,
            record_types,
            facilities,
            roles,
            scope,
        },
    )
}

fn any_record() -> impl Strategy<Value = RecordFacts> {
    let option = |names: &'static [&'static str]| {
        proptest::option::of(select(names).prop_map(str::to_owned))
    };
    let parts = (
        select(&NAMES[..3]),
        option(&NAMES[..3]),
        select(&CODES[..]),
        proptest::option::of(select(RecordType::ALL.to_vec())),
        option(&PLACES),
        option(&["68998-4", "92011-6"]),
        proptest::option::of(2024_i64..2028),
    );
    parts.prop_map(
        |(organization, addressee, code, kind, facility, form, year)| RecordFacts {
            addressee,
            facility,
            composition_type: form,
            event_year: year,
            ..facts(organization, None, code, kind)
        },
    )
}

fn any_asked() -> impl Strategy<Value = (&'static str, Permission)> {
    (
        select(vec!["Bundle", "Composition", "AuditEvent", "Patient"]),
        select(vec![CREATE, READ, UPDATE, DELETE, SEARCH]),
    )
}

/// What both say; the narrower of two rights.
fn narrowed(one: &Rights, other: &Rights) -> Rights {
    let both = |scope: &Scope| {
        let words: Vec<&str> = scope
            .tokens()
            .filter(|it| other.scope.contains(it))
            .collect();
        Scope::parse(&words.join(" ")).unwrap_or_default()
    };
    let mut narrowed = one.clone();
    narrowed.scope = both(&one.scope);
    narrowed
        .jurisdictions
        .retain(|it| other.jurisdictions.contains(it));
    narrowed
        .record_types
        .retain(|it| other.record_types.contains(it));
    narrowed.facilities = match (&one.facilities, &other.facilities) {
        (None, list) => list.clone(),
        (list, None) => list.clone(),
        (Some(mine), Some(theirs)) => Some(
            mine.iter()
                .filter(|it| theirs.contains(it))
                .cloned()
                .collect(),
        ),
    };
    if other.organization_access == OWN {
        narrowed.organization_access = OWN;
    }
    if one.organization != other.organization {
        narrowed.organization = None;
    }
    narrowed
}

/// The limits with one of them set where there was none, or with one value less in its list.
fn tightened(limits: &IssuerLimits, other: &IssuerLimits) -> IssuerLimits {
    fn less<T: Clone + PartialEq>(one: &Allowed<T>, other: &Allowed<T>) -> Allowed<T> {
        match (one, other) {
            (Allowed::Any, other) => other.clone(),
            (one, Allowed::Any) => one.clone(),
            (Allowed::Only(list), other) => {
                Allowed::Only(list.iter().filter(|it| other.allows(it)).cloned().collect())
            }
        }
    }
    let mut roles = other.roles.clone();
    roles.extend(limits.roles.clone());
    IssuerLimits {
        organizations: less(&limits.organizations, &other.organizations),
        jurisdictions: less(&limits.jurisdictions, &other.jurisdictions),
        record_types: less(&limits.record_types, &other.record_types),
        facilities: less(&limits.facilities, &other.facilities),
        roles,
        scope: match (&limits.scope, &other.scope) {
            (Some(one), Some(other)) => Some(words_of_both(one, other)),
            (one, other) => one.clone().or(other.clone()),
        },
    }
}

fn words_of_both(one: &Scope, other: &Scope) -> Scope {
    let both: Vec<&str> = one.tokens().filter(|word| other.contains(word)).collect();
    Scope::parse(&both.join(" ")).unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_further_restriction_never_permits_more(
        (rights, other) in (any_rights(), any_rights()),
        (limits, tighter) in (any_limits(), any_limits()),
        asked in any_asked(),
        record in any_record(),
    ) {
        let before = answer(&rights, &limits, asked, &record);
        let after = [
            answer(&narrowed(&rights, &other), &limits, asked, &record),
            answer(&rights, &tightened(&limits, &tighter), asked, &record),
            answer(&narrowed(&rights, &other), &tightened(&limits, &tighter), asked, &record),
        ];
        for after in after {
            prop_assert!(before.is_ok() || after.is_err(), "{before:?} became {after:?}");
        }
    }

    #[test]
    fn what_is_permitted_is_within_every_part(
        rights in any_rights(),
        limits in any_limits(),
        asked in any_asked(),
        record in any_record(),
    ) {
        if answer(&rights, &limits, asked, &record).is_err() {
            return Ok(());
        }
        let (kind, permission) = asked;
        let names = |scope: &Scope| {
            let context = if rights.acting == Acting::Client { "system/" } else { "user/" };
            scope.tokens().any(|word| word.starts_with(context)
                && (word.contains(kind) || word.contains('*')))
        };
        prop_assert!(names(&rights.scope));
        prop_assert!(limits.scope.as_ref().is_none_or(names));
        if let Acting::Person(role) = rights.acting {
            let role = role.unwrap();
            prop_assert!(role.may(kind, permission));
            prop_assert!(limits.roles.get(role.as_str()).is_none_or(names));
        }
        let own = |name: &String| *name == record.organization || record.addressee.as_ref() == Some(name);
        prop_assert!(rights.organization_access == ALL || rights.organization.as_ref().is_some_and(own));
        prop_assert!(rights.organization.as_ref().is_none_or(|it| limits.organizations.allows(it)));
        if let Allowed::Only(list) = &limits.organizations {
            prop_assert!(list.contains(&record.organization)
                || record.addressee.as_ref().is_some_and(|it| list.contains(it)));
        }
        prop_assert!(rights.jurisdictions.contains(&record.jurisdiction));
        prop_assert!(limits.jurisdictions.allows(&record.jurisdiction));
        for kind in RecordType::ALL.iter().filter(|it| record.record_type.is_none_or(|one| one == **it)) {
            prop_assert!(rights.record_types.contains(kind) && limits.record_types.allows(kind));
        }
        let listed = |list: &Vec<String>| record.facility.as_ref().is_some_and(|it| list.contains(it));
        prop_assert!(rights.facilities.as_ref().is_none_or(listed));
        if let Allowed::Only(list) = &limits.facilities {
            prop_assert!(listed(list));
        }
    }
}
