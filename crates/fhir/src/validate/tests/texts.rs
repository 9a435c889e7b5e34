//! Findings are sentences: of the member that is wrong, how it would be right, and nothing of what it says.

use super::*;

/// The only finding of a document with one change.
fn told(pointer: &str, new: Value) -> String {
    let record = changed(document(), pointer, new).to_string();
    let issues = validate(record.as_bytes()).unwrap().into_issues();
    match issues.as_slice() {
        [issue] => issue.text.to_string(),
        other => panic!("{pointer}: {other:?}"),
    }
}

#[test]
fn a_finding_is_a_sentence_that_names_its_member() {
    let patient = |member: &str| format!("/entry/1/resource/{member}");
    for (pointer, new, text) in [
        (
            patient("birthDate"),
            json!("2026-02-30"),
            "birthDate must be a date that the calendar has",
        ),
        (
            patient("birthDate"),
            json!("5/16/2026"),
            "birthDate must be a date: 2026, 2026-05 or 2026-05-16",
        ),
        (
            patient("gender"),
            json!("f"),
            "gender must be one of male, female, other, unknown",
        ),
        (
            patient("gender"),
            json!(["female"]),
            "gender can be given only once here and must not be an array",
        ),
        (
            patient("birthplace"),
            json!("x"),
            "resource has a member (number 8) that Patient does not have in FHIR R4; its name may be misspelled",
        ),
        (
            patient("Gender"),
            json!("female"),
            "resource has a member (number 8) for gender, which is spelled so",
        ),
        (
            patient("_name"),
            json!([{"id": "x"}]),
            "resource has the member _name, and only elements of simple types have a member with an underscore",
        ),
        (
            "/entry/0/resource/status".to_owned(),
            json!("REMOVED"),
            "status is missing, and FHIR demands it in Composition",
        ),
        (
            patient("contained"),
            json!([{"resourceType": "Organization", "id": "o", "name": "x", "meta": {"versionId": "1"}}]),
            "contained[0] is contained in a resource and must have no versionId or lastUpdated (dom-4)",
        ),
        (
            patient("name"),
            json!([{"id": "x"}]),
            "name[0] must have more than an id (ele-1)",
        ),
    ] {
        assert_eq!(told(&pointer, new), text);
    }
}

/// Readers take one or the other of two members; which of them it is helps to find it.
#[test]
fn a_member_that_is_there_twice_is_named_if_fhir_knows_it() {
    for (twice, called) in [
        (r#""gender":"male","gender":"male""#, "the member gender"),
        (r#""Doe":1,"Doe":1"#, "a member (number 3)"),
    ] {
        let text = format!(r#"{{"resourceType":"Patient",{twice}}}"#);
        let issues = validate(text.as_bytes()).unwrap().into_issues();
        let expected = format!("Patient has {called} twice");
        let mut told = issues.iter().map(|issue| issue.text.as_ref());
        assert!(told.any(|text| text.starts_with(&expected)), "{issues:?}");
        assert!(issues.iter().all(|issue| !issue.text.contains("Doe")));
    }
}
