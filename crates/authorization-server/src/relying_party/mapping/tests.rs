//! What claims give, row by row.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use serde_json::json;

use super::super::testing::provider;
use super::*;

fn mapping() -> Mapping {
    provider("https://login.state.example").mapping
}

fn claims(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn role_of(claim: &str, value: &Value) -> Result<String, Unmapped> {
    let mapping = Mapping {
        role_claim: claim.to_owned(),
        ..mapping()
    };
    read(&mapping, &claims(value), &[]).map(|mapped| mapped.role)
}

#[test]
fn the_role_is_the_one_that_the_groups_stand_for() {
    use Unmapped::{NoRole, NoRoleClaim, SeveralRoles};
    let registrar = || Ok("registrar".to_owned());
    let rows = [
        (
            "roles",
            json!({"roles": "Vital Records Staff"}),
            registrar(),
        ),
        (
            "roles",
            json!({"roles": ["Vital Records Staff"]}),
            registrar(),
        ),
        (
            "roles",
            json!({"roles": ["Golf Club", "Vital Records Staff"]}),
            registrar(),
        ),
        (
            "roles",
            json!({"roles": ["Vital Records Staff", "Deputies"]}),
            registrar(),
        ),
        (
            "roles",
            json!({"roles": ["Vital Records Staff", "Auditors"]}),
            Err(SeveralRoles),
        ),
        (
            "roles",
            json!({"roles": ["vital records staff"]}),
            Err(NoRole),
        ),
        ("roles", json!({"roles": ["Golf Club"]}), Err(NoRole)),
        ("roles", json!({"roles": ["registrar"]}), Err(NoRole)),
        ("roles", json!({"roles": []}), Err(NoRole)),
        ("roles", json!({"roles": ""}), Err(NoRole)),
        ("roles", json!({}), Err(NoRoleClaim)),
        ("roles", json!({"roles": null}), Err(NoRoleClaim)),
        ("roles", json!({"roles": 1}), Err(NoRoleClaim)),
        (
            "roles",
            json!({"roles": ["Vital Records Staff", 1]}),
            Err(NoRoleClaim),
        ),
        (
            "roles",
            json!({"roles": {"Vital Records Staff": true}}),
            Err(NoRoleClaim),
        ),
        (
            "roles",
            json!({"Roles": "Vital Records Staff"}),
            Err(NoRoleClaim),
        ),
        (
            "/realm/roles",
            json!({"realm": {"roles": ["Vital Records Staff"]}}),
            registrar(),
        ),
        (
            "/realm/roles",
            json!({"realm": ["Vital Records Staff"]}),
            Err(NoRoleClaim),
        ),
        (
            "/realm/roles",
            json!({"/realm/roles": "Vital Records Staff"}),
            Err(NoRoleClaim),
        ),
        ("/a~1b", json!({"a/b": "Vital Records Staff"}), registrar()),
        (
            "https://state.example/roles",
            json!({"https://state.example/roles": "Vital Records Staff"}),
            registrar(),
        ),
        (
            "a.b",
            json!({"a": {"b": "Vital Records Staff"}}),
            Err(NoRoleClaim),
        ),
    ];
    for (claim, value, expected) in rows {
        assert_eq!(role_of(claim, &value), expected, "{claim} {value}");
    }
}

#[test]
fn rights_are_fixed_or_claimed_and_never_more_than_is_known_here() {
    use Unmapped::Right;
    let known = ["MA".to_owned(), "NH".to_owned()];
    let claimed = Mapping {
        organization: Given::Claim("org".to_owned()),
        jurisdictions: Given::Claim("jur".to_owned()),
        record_types: Given::Claim("types".to_owned()),
        ..mapping()
    };
    let good =
        json!({"roles": "Auditors", "org": "Mercy", "jur": ["NH", "MA", "NH"], "types": "birth"});
    let found = read(&claimed, &claims(&good), &known).unwrap();
    let expected = Rights {
        facilities: None,
        organization: Some("Mercy".to_owned()),
        organization_access: OrganizationAccess::All,
        jurisdictions: known.to_vec(),
        record_types: vec!["birth".to_owned()],
    };
    assert_eq!(found.rights, expected);
    let rows = [
        (json!({"org": null}), Right("organization")),
        (json!({"org": ""}), Right("organization")),
        (json!({"org": " "}), Right("organization")),
        (json!({"org": ["a", "b"]}), Right("organization")),
        (json!({"org": {"name": "a"}}), Right("organization")),
        (json!({"org": "a\nb"}), Right("rights")),
        (json!({"jur": null}), Right("jurisdictions")),
        (json!({"jur": [1]}), Right("jurisdictions")),
        (json!({"jur": "NY"}), Right("rights")),
        (json!({"jur": "ma"}), Right("rights")),
        (json!({"jur": "MA,NH"}), Right("rights")),
        (json!({"jur": "*"}), Right("rights")),
        (json!({"types": null}), Right("record types")),
        (json!({"types": "death"}), Right("rights")),
    ];
    for (change, expected) in rows {
        let mut hostile = claims(&good);
        hostile.extend(claims(&change));
        let found = read(&claimed, &hostile, &known).unwrap_err();
        assert_eq!(found, expected, "{change}");
    }
}

#[test]
fn scope_and_access_follow_the_role() {
    let scope = |text: &str| Scope::parse(text).unwrap();
    let mapping = Mapping {
        user_scope: scope("user/Bundle.rs"),
        user_scopes: BTreeMap::from([("registrar".to_owned(), scope("user/Bundle.cruds"))]),
        ..mapping()
    };
    for (group, expected, access) in [
        (
            "Vital Records Staff",
            "user/Bundle.cruds",
            OrganizationAccess::Own,
        ),
        ("Auditors", "user/Bundle.rs", OrganizationAccess::All),
    ] {
        let found = read(&mapping, &claims(&json!({"roles": group})), &[]).unwrap();
        assert_eq!(found.scope, scope(expected), "{group}");
        assert_eq!(found.rights.organization_access, access, "{group}");
    }
}

#[test]
fn usernames() {
    for (value, expected) in [
        (
            json!("R.Smith@State.example "),
            Some("r.smith@state.example"),
        ),
        (json!("r_smith"), Some("r_smith")),
        (json!("r"), None),
        (json!("r smith"), None),
        (json!("smith_example.com#EXT#@state.example"), None),
        (json!("r.smïth"), None),
        (json!("<script>"), None),
        (json!(""), None),
        (json!(["r.smith"]), None),
        (json!(7), None),
        (Value::Null, None),
    ] {
        let found = username(&mapping(), &claims(&json!({"preferred_username": value})));
        assert_eq!(found.ok().as_deref(), expected, "{value}");
    }
    // Other claims that look like names do not count.
    let other = json!({"email": "r.smith@state.example", "name": "r.smith", "sub": "r.smith"});
    assert_eq!(
        username(&mapping(), &claims(&other)),
        Err(Unmapped::Username)
    );
}

#[test]
fn a_second_factor_is_what_the_configuration_names() {
    let mut there = provider("https://login.state.example");
    there.satisfies_second_factor = vec!["mfa".to_owned(), "phr".to_owned()];
    for (value, expected) in [
        (json!({"amr": ["pwd", "mfa"]}), true),
        (json!({"amr": ["mfa"]}), true),
        (json!({"acr": "phr"}), true),
        (json!({"amr": ["pwd"]}), false),
        (json!({"amr": "mfa"}), false),
        (json!({"amr": ["MFA"]}), false),
        (json!({"amr": [["mfa"]]}), false),
        (json!({"acr": ["phr"]}), false),
        (json!({"acr": "phrh"}), false),
        (json!({"mfa": true}), false),
        (json!({}), false),
    ] {
        assert_eq!(second_factor(&there, &claims(&value)), expected, "{value}");
    }
    there.satisfies_second_factor.clear();
    assert!(!second_factor(
        &there,
        &claims(&json!({"amr": ["mfa"], "acr": ""}))
    ));
}
