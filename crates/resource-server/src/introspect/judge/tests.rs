#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;

/// A member and its new value.
type Change<'a> = (&'a str, Option<&'a str>);

const NOW: i64 = 1_800_000_000;
const NO_JSON: Refusal = Refusal::Issuer("the issuer's introspection answer is unreadable");
const SILENT: Refusal = Refusal::Issuer("the issuer did not answer the introspection request");
const CREDENTIAL: Refusal = Refusal::OwnCredential("the issuer refuses our credential");
const INACTIVE: Refusal = Refusal::Token("the token is not active");
const ENDLESS: Refusal = Refusal::Token("the token has no known end");
const EXPIRED: Refusal = Refusal::Token("the token has expired");
const EARLY: Refusal = Refusal::Token("the token is not valid yet");
const FOREIGN: Refusal = Refusal::Token("the token is another issuer's");
const ELSEWHERE: Refusal = Refusal::Token("the token is not meant for this server");
const NO_BEARER: Refusal = Refusal::Token("the token is not a bearer access token");

fn ask(status: u16, body: &[u8]) -> Result<VerifiedToken, Refusal> {
    let expected = Expectations {
        issuer: "https://as.example",
        audience: "https://rs.example/fhir",
        token_id: "01234567",
        default_role: None,
    };
    check_status(status)?;
    judge(body, expected, Timestamp::from_second(NOW).unwrap())
}

/// A good answer with members changed: a value of `None` leaves the member out.
fn answer(changes: &[Change<'_>]) -> String {
    let mut members: Vec<Change<'_>> = vec![
        ("active", Some("true")),
        ("scope", Some(r#""system/Bundle.rs""#)),
        ("client_id", Some(r#""ehr-api""#)),
        ("token_type", Some(r#""Bearer""#)),
        ("exp", Some("1800000300")),
        ("sub", Some(r#""ehr-api""#)),
        (
            "aud",
            Some(r#"["https://rs.example/fhir","https://other.example/fhir"]"#),
        ),
        ("iss", Some(r#""https://as.example""#)),
        ("organization", Some(r#""Hospital A""#)),
        ("jurisdictions", Some(r#"["MA"]"#)),
        ("record_types", Some(r#"["birth"]"#)),
    ];
    for (name, value) in changes {
        members.retain(|(known, _)| known != name);
        members.push((name, *value));
    }
    let members = members
        .iter()
        .filter_map(|(name, value)| value.map(|value| format!("\"{name}\":{value}")));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

#[test]
fn a_good_answer_yields_its_rights() {
    let token = ask(200, answer(&[]).as_bytes()).unwrap();
    assert_eq!(token.rights.scope.to_string(), "system/Bundle.rs");
    assert_eq!(token.rights.organization.as_deref(), Some("Hospital A"));
    assert_eq!(
        token.rights.jurisdictions,
        [Jurisdiction::parse("MA").unwrap()]
    );
    assert_eq!(token.rights.record_types, [RecordType::Birth]);
    assert_eq!(token.rights.organization_access, OrganizationAccess::Own);
    assert_eq!(token.client_id.as_deref(), Some("ehr-api"));
    assert_eq!(token.expires_at.as_second(), NOW + 300);
}

#[test]
fn forms_that_honest_issuers_use_are_taken() {
    let rows: &[&[Change<'_>]] = &[
        &[("iss", None)],
        &[("token_type", None)],
        &[("token_type", Some(r#""bearer""#))],
        &[("token_type", Some(r#""access_token""#))],
        &[("sub", None), ("client_id", None)],
        &[("aud", Some(r#""https://rs.example/fhir""#))],
        &[("aud", Some(r#""https://rs.example/fhir/""#))],
        &[("nbf", Some("1800000000"))],
        &[("exp", Some("1800000001"))],
        &[("username", Some(r#""u""#)), ("x", Some(r#"{"a":[1]}"#))],
    ];
    for changes in rows {
        let body = answer(changes);
        assert!(ask(200, body.as_bytes()).is_ok(), "{body}");
    }
}

#[test]
fn what_is_absent_or_unknown_gives_no_rights() {
    let rights = |changes: &[Change<'_>]| ask(200, answer(changes).as_bytes()).unwrap().rights;
    assert!(rights(&[("scope", None)]).scope.is_empty());
    assert!(rights(&[("scope", Some("null"))]).scope.is_empty());
    assert!(
        rights(&[("scope", Some(r#""bad\"scope""#))])
            .scope
            .is_empty()
    );
    assert_eq!(rights(&[("organization", None)]).organization, None);
    assert_eq!(
        rights(&[("organization", Some(r#""""#))]).organization,
        None
    );
    assert!(rights(&[("jurisdictions", None)]).jurisdictions.is_empty());
    assert!(
        rights(&[("jurisdictions", Some(r#"["XX","ma","","*"]"#))])
            .jurisdictions
            .is_empty()
    );
    assert!(rights(&[("record_types", None)]).record_types.is_empty());
    assert!(
        rights(&[("record_types", Some(r#"["death","BIRTH","*"]"#))])
            .record_types
            .is_empty()
    );
    for wrong in ["\"ALL\"", "\"everyone\"", "\"\"", "null"] {
        let access = rights(&[("organization_access", Some(wrong))]).organization_access;
        assert_eq!(access, OrganizationAccess::Own, "{wrong}");
    }
    let access = rights(&[("organization_access", Some("\"all\""))]).organization_access;
    assert_eq!(access, OrganizationAccess::All);
}

/// Whom a token acts for decides which words of its scope count, and a person's role how far.
#[test]
fn who_a_token_acts_for() {
    use crate::access_decision::{Acting, Role};
    let person = |role| Acting::Person(role);
    let rows: &[(&[Change<'_>], Acting)] = &[
        (&[], Acting::Client),
        (&[("sub", None)], Acting::Client),
        (&[("sub", None), ("client_id", None)], Acting::Client),
        (&[("sub", Some(r#""u-1""#))], person(None)),
        (&[("client_id", None)], person(None)),
        // A client that is called like a person is none.
        (&[("username", Some(r#""ehr-api""#))], person(None)),
        (&[("role", Some(r#""clerk""#))], person(Some(Role::Clerk))),
        (
            &[("sub", Some(r#""u-1""#)), ("role", Some(r#""registrar""#))],
            person(Some(Role::Registrar)),
        ),
        (
            &[("sub", Some(r#""u-1""#)), ("role", Some(r#""Clerk""#))],
            person(None),
        ),
        (
            &[("sub", Some(r#""u-1""#)), ("role", Some(r#""""#))],
            person(None),
        ),
        (
            &[("sub", Some(r#""u-1""#)), ("role", Some("null"))],
            person(None),
        ),
    ];
    for (changes, expected) in rows {
        let token = ask(200, answer(changes).as_bytes()).unwrap();
        assert_eq!(token.rights.acting, *expected, "{changes:?}");
    }
}

/// The role of an issuer that tells none; what it tells goes first.
#[test]
fn a_default_role_is_for_people_whose_issuer_tells_none() {
    use crate::access_decision::{Acting, Role};
    let rows: &[(&[Change<'_>], Acting)] = &[
        (&[], Acting::Client),
        (
            &[("sub", Some(r#""u-1""#))],
            Acting::Person(Some(Role::Clerk)),
        ),
        (
            &[("sub", Some(r#""u-1""#)), ("role", Some(r#""auditor""#))],
            Acting::Person(Some(Role::Auditor)),
        ),
        (
            &[("sub", Some(r#""u-1""#)), ("role", Some(r#""boss""#))],
            Acting::Person(None),
        ),
    ];
    for (changes, expected) in rows {
        let expectations = Expectations {
            issuer: "https://as.example",
            audience: "https://rs.example/fhir",
            token_id: "01234567",
            default_role: Some("clerk"),
        };
        let now = Timestamp::from_second(NOW).unwrap();
        let token = judge(answer(changes).as_bytes(), expectations, now).unwrap();
        assert_eq!(token.rights.acting, *expected, "{changes:?}");
    }
}

/// Absent is no limit; everything else is one, and names that no record can have leave it empty.
#[test]
fn facilities_narrow_where_they_are_told() {
    let told = |value| {
        let changes = [("facilities", value)];
        ask(200, answer(&changes).as_bytes()).map(|token| token.rights.facilities)
    };
    let list = |names: &[&str]| Some(names.iter().map(|it| (*it).to_owned()).collect());
    assert_eq!(told(None).unwrap(), None);
    assert_eq!(told(Some("[]")).unwrap(), list(&[]));
    assert_eq!(
        told(Some(r#"["1234567893"]"#)).unwrap(),
        list(&["1234567893"])
    );
    assert_eq!(
        told(Some(r#"["%","_","1 2","",",","..."]"#)).unwrap(),
        list(&[])
    );
    for wrong in ["null", r#""1234567893""#, "[1]", "{}", "true"] {
        assert_eq!(told(Some(wrong)).err(), Some(NO_JSON), "{wrong}");
    }
}

#[test]
fn hostile_members_are_refused() {
    let other = Some(r#""https://evil.example""#);
    let rows: &[(&[Change<'_>], Refusal)] = &[
        (&[("active", None)], NO_JSON),
        (&[("active", Some("null"))], NO_JSON),
        (&[("active", Some(r#""true""#))], NO_JSON),
        (&[("active", Some("1"))], NO_JSON),
        (&[("active", Some("[true]"))], NO_JSON),
        (&[("active", Some("{}"))], NO_JSON),
        (&[("active", Some("True"))], NO_JSON),
        (&[("active", Some("false"))], INACTIVE),
        (
            &[("active", Some("false")), ("exp", Some(r#""x""#))],
            INACTIVE,
        ),
        (&[("exp", None)], ENDLESS),
        (&[("exp", Some("null"))], ENDLESS),
        (&[("exp", Some("1800000000"))], EXPIRED),
        (&[("exp", Some("1799999999"))], EXPIRED),
        (&[("exp", Some("0"))], EXPIRED),
        (&[("exp", Some("-1"))], EXPIRED),
        (&[("exp", Some(r#""1800000300""#))], NO_JSON),
        (&[("exp", Some("1800000300.5"))], NO_JSON),
        (&[("exp", Some("1e400"))], NO_JSON),
        (&[("exp", Some("9223372036854775807"))], NO_JSON),
        (&[("exp", Some("99999999999999999999"))], NO_JSON),
        (&[("exp", Some("true"))], NO_JSON),
        (&[("nbf", Some("1800000001"))], EARLY),
        (&[("nbf", Some(r#""soon""#))], NO_JSON),
        (&[("iss", other)], FOREIGN),
        (&[("iss", Some(r#""https://as.example/""#))], FOREIGN),
        (&[("iss", Some(r#""""#))], FOREIGN),
        (&[("iss", Some("7"))], NO_JSON),
        (&[("aud", None)], ELSEWHERE),
        (&[("aud", Some("null"))], NO_JSON),
        (&[("aud", Some("[]"))], ELSEWHERE),
        (&[("aud", other)], ELSEWHERE),
        (&[("aud", Some(r#""https://rs.example""#))], ELSEWHERE),
        (
            &[("aud", Some(r#""https://rs.example/fhir/x""#))],
            ELSEWHERE,
        ),
        (
            &[("aud", Some(r#""https://rs.example/fhir//""#))],
            ELSEWHERE,
        ),
        (&[("aud", Some(r#""HTTPS://rs.example/fhir""#))], ELSEWHERE),
        (&[("aud", Some("[1]"))], NO_JSON),
        (&[("aud", Some("{}"))], NO_JSON),
        (&[("token_type", Some(r#""refresh_token""#))], NO_BEARER),
        (&[("token_type", Some(r#""DPoP""#))], NO_BEARER),
        (&[("token_type", Some(r#""N_A""#))], NO_BEARER),
        (&[("token_type", Some(r#""""#))], NO_BEARER),
        (&[("token_type", Some("1"))], NO_JSON),
        (&[("cnf", Some(r#"{"jkt":"x"}"#))], NO_BEARER),
        (&[("scope", Some(r#"["system/Bundle.rs"]"#))], NO_JSON),
        (&[("organization", Some(r#"["A"]"#))], NO_JSON),
        (&[("jurisdictions", Some(r#""MA""#))], NO_JSON),
        (&[("record_types", Some("{}"))], NO_JSON),
        (&[("organization_access", Some("true"))], NO_JSON),
        (&[("organization", Some(r#""A\u0000""#))], NO_JSON),
        (&[("sub", Some(r#""\u0000""#))], NO_JSON),
        (&[("client_id", Some(r#""a\u0000b""#))], NO_JSON),
    ];
    for (changes, expected) in rows {
        let body = answer(changes);
        assert_eq!(ask(200, body.as_bytes()).err(), Some(*expected), "{body}");
    }
}

#[test]
fn hostile_bodies_and_statuses_are_refused() {
    let good = answer(&[]);
    let twice = good.replacen('{', r#"{"active":false,"#, 1);
    let two_scopes = good.replacen('{', r#"{"scope":"system/*.cruds","#, 1);
    let trailing = format!("{good}{good}");
    let deep = good.replacen(
        '{',
        &format!("{{\"cnf\":{}{},", "[".repeat(999), "]".repeat(999)),
        1,
    );
    let large = good.replacen(
        '{',
        &format!("{{\"x\":\"{}\",", "a".repeat(MAX_ANSWER_BYTES)),
        1,
    );
    let too_large = Refusal::Issuer("the issuer's introspection answer is too large");
    let rows: &[(u16, &[u8], Refusal)] = &[
        (200, b"", NO_JSON),
        (200, b"<html>", NO_JSON),
        (200, b"true", NO_JSON),
        (200, b"null", NO_JSON),
        (200, b"[]", NO_JSON),
        (200, b"{}", NO_JSON),
        (200, b"{\"active\":true", NO_JSON),
        (200, b"\xff\xfe{\"active\":true}", NO_JSON),
        (200, b"{\"active\":true,\"sub\":\"\xff\"}", NO_JSON),
        (200, b"active=true", NO_JSON),
        (200, b"{\"active\":false}", INACTIVE),
        (200, twice.as_bytes(), NO_JSON),
        (200, two_scopes.as_bytes(), NO_JSON),
        (200, trailing.as_bytes(), NO_JSON),
        (200, deep.as_bytes(), NO_JSON),
        (200, large.as_bytes(), too_large),
        (201, good.as_bytes(), SILENT),
        (204, b"", SILENT),
        (302, good.as_bytes(), SILENT),
        (400, good.as_bytes(), SILENT),
        (401, good.as_bytes(), CREDENTIAL),
        (403, good.as_bytes(), CREDENTIAL),
        (404, good.as_bytes(), SILENT),
        (429, good.as_bytes(), SILENT),
        (500, good.as_bytes(), SILENT),
        (503, b"", SILENT),
    ];
    for (status, body, expected) in rows {
        let text = String::from_utf8_lossy(body.get(..body.len().min(80)).unwrap()).into_owned();
        assert_eq!(ask(*status, body).err(), Some(*expected), "{status} {text}");
    }
}
