#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

mod texts;
mod whole;

/// A report without a fault.
fn document() -> Value {
    json!({
        "resourceType": "Bundle",
        "type": "document",
        "identifier": {"system": "urn:x", "value": "2026MA000017", "extension": [
            {"url": "http://example.org/CertificateNumber", "valueString": "17"}]},
        "timestamp": "2026-05-17T09:00:00-05:00",
        "entry": [
            {"fullUrl": "http://a/Composition/c", "resource": {
                "resourceType": "Composition", "id": "c", "status": "final", "title": "Report",
                "type": {"coding": [{"system": "http://loinc.org", "code": "92011-6"}]},
                "date": "2026-05-17", "author": [{"display": "Office"}],
                "subject": {"reference": "Patient/p"},
                "section": [{"focus": {"reference": "http://a/Patient/p"},
                    "entry": [{"reference": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"}]}]}},
            {"fullUrl": "http://a/Patient/p", "resource": {
                "resourceType": "Patient", "id": "p", "birthDate": "2026-05-16", "multipleBirthInteger": 1,
                "contained": [{"resourceType": "Organization", "id": "o", "name": "Hospital"}],
                "managingOrganization": {"reference": "#o"},
                "name": [{"given": ["A", null], "_given": [null, {"extension": [
                    {"url": "http://e", "valueCode": "x"}]}]}]}},
            {"fullUrl": "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "resource": {
                "resourceType": "Observation", "status": "final", "code": {"text": "weight"},
                "_valueDateTime": {"extension": [{"url": "http://e", "valueCode": "unknown"}]}}},
        ]
    })
}

/// A message that carries it.
fn message() -> Value {
    let (header, parameters, payload) = (uuid(1), uuid(2), uuid(3));
    json!({
        "resourceType": "Bundle", "type": "message", "timestamp": "2026-05-17T09:00:00Z",
        "entry": [
            {"fullUrl": header, "resource": {"resourceType": "MessageHeader", "id": "h",
                "eventUri": "http://nchs.cdc.gov/birth_submission", "source": {"endpoint": "http://a"},
                "focus": [{"reference": payload}]}},
            {"fullUrl": parameters, "resource": {"resourceType": "Parameters", "parameter": [
                {"name": "jurisdiction_id", "valueString": "MA"},
                {"name": "cert_no", "valueUnsignedInt": 17},
                {"name": "event_year", "valueUnsignedInt": 2026}]}},
            {"fullUrl": payload, "resource": document()},
        ]
    })
}

fn uuid(number: u8) -> String {
    format!("urn:uuid:c757873d-ec9a-4326-a141-00000000000{number}")
}

fn found(value: &Value) -> Vec<(Severity, IssueCode, String)> {
    let findings = validate(value.to_string().as_bytes()).unwrap();
    let told = findings.into_issues().into_iter();
    told.map(|issue| (issue.severity, issue.code, issue.expression.join(",")))
        .collect()
}

/// The record with one place changed: `null` takes it away.
fn changed(mut record: Value, pointer: &str, new: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match record.pointer_mut(parent).unwrap() {
        Value::Object(members) if new == json!("REMOVED") => drop(members.shift_remove(name)),
        Value::Object(members) => drop(members.insert(name.to_owned(), new)),
        Value::Array(items) if name == "-" => items.push(new),
        Value::Array(items) => *items.get_mut(name.parse::<usize>().unwrap()).unwrap() = new,
        _ => panic!("nothing at {pointer}"),
    }
    record
}

#[test]
fn what_is_right_is_found_right() {
    assert_eq!(found(&document()), []);
    assert_eq!(found(&message()), []);
    let outcome = validate(document().to_string().as_bytes())
        .unwrap()
        .into_outcome();
    assert_eq!(
        outcome.issues().first().unwrap().severity,
        Severity::Information
    );
}

/// Each row breaks one rule in one place of a document.
#[test]
fn each_rule_is_told_of_where_it_is_broken() {
    use IssueCode::{
        BusinessRule, Duplicate, Invariant, NotFound, Required, Structure, Value as Wrong,
    };
    let gone = json!("REMOVED");
    let (composition, patient) = ("/entry/0/resource", "/entry/1/resource");
    let rows = [
        // JSON
        (
            patient,
            "gender",
            json!(null),
            Structure,
            "Bundle.entry[1].resource.gender",
        ),
        (
            patient,
            "gender",
            json!(""),
            Structure,
            "Bundle.entry[1].resource.gender",
        ),
        (
            patient,
            "gender",
            json!("Female"),
            Wrong,
            "Bundle.entry[1].resource.gender",
        ),
        (
            patient,
            "gender",
            json!(1),
            Structure,
            "Bundle.entry[1].resource.gender",
        ),
        (
            patient,
            "gender",
            json!(["female"]),
            Structure,
            "Bundle.entry[1].resource.gender",
        ),
        (
            patient,
            "gender",
            json!({"a": 1}),
            Structure,
            "Bundle.entry[1].resource.gender",
        ),
        (
            patient,
            "active",
            json!("true"),
            Structure,
            "Bundle.entry[1].resource.active",
        ),
        (
            patient,
            "name",
            json!({"family": "A"}),
            Structure,
            "Bundle.entry[1].resource.name",
        ),
        (
            patient,
            "name",
            json!([]),
            Structure,
            "Bundle.entry[1].resource.name",
        ),
        (
            patient,
            "name",
            json!([{}]),
            Structure,
            "Bundle.entry[1].resource.name[0]",
        ),
        (
            patient,
            "name",
            json!([{"id": "x"}]),
            Structure,
            "Bundle.entry[1].resource.name[0]",
        ),
        (
            patient,
            "name",
            json!(["A"]),
            Structure,
            "Bundle.entry[1].resource.name[0]",
        ),
        (
            patient,
            "name",
            json!([{"given": [null]}]),
            Structure,
            "Bundle.entry[1].resource.name[0].given[0]",
        ),
        (
            patient,
            "name",
            json!([{"given": ["a\u{1}"]}]),
            Wrong,
            "Bundle.entry[1].resource.name[0].given[0]",
        ),
        (
            patient,
            "_birthDate",
            json!("x"),
            Structure,
            "Bundle.entry[1].resource.birthDate",
        ),
        (
            patient,
            "_birthDate",
            json!([{"id": "x"}]),
            Structure,
            "Bundle.entry[1].resource.birthDate",
        ),
        (
            patient,
            "_name",
            json!([{"id": "x"}]),
            Structure,
            "Bundle.entry[1].resource",
        ),
        (
            patient,
            "birthDate",
            json!("2026-02-30"),
            Wrong,
            "Bundle.entry[1].resource.birthDate",
        ),
        (
            patient,
            "id",
            json!("a b"),
            Wrong,
            "Bundle.entry[1].resource.id",
        ),
        (
            patient,
            "multipleBirthInteger",
            json!(1.5),
            Structure,
            "Bundle.entry[1].resource.multipleBirth.ofType(integer)",
        ),
        (
            patient,
            "multipleBirthBoolean",
            json!(true),
            Structure,
            "Bundle.entry[1].resource.multipleBirth",
        ),
        (
            patient,
            "extension",
            json!([{"url": "http://e"}]),
            Invariant,
            "Bundle.entry[1].resource.extension[0]",
        ),
        (
            patient,
            "extension",
            json!([{"valueCode": "a"}]),
            Required,
            "Bundle.entry[1].resource.extension[0].url",
        ),
        (
            patient,
            "contact",
            json!([{"x": []}]),
            Structure,
            "Bundle.entry[1].resource.contact[0]",
        ),
        (
            patient,
            "text",
            json!({"status": "generated", "div": "words"}),
            Wrong,
            "Bundle.entry[1].resource.text.div",
        ),
        (
            "/entry/1",
            "resource",
            json!("x"),
            Structure,
            "Bundle.entry[1].resource",
        ),
        (
            patient,
            "resourceType",
            gone.clone(),
            Structure,
            "Bundle.entry[1].resource",
        ),
        (
            composition,
            "status",
            gone.clone(),
            Required,
            "Bundle.entry[0].resource.status",
        ),
        (
            composition,
            "date",
            json!("05/17/2026"),
            Wrong,
            "Bundle.entry[0].resource.date",
        ),
        (
            "",
            "timestamp",
            json!("2026-05-17"),
            Wrong,
            "Bundle.timestamp",
        ),
        ("", "type", json!("report"), Wrong, "Bundle.type"),
        // Bundle and document
        (
            "",
            "identifier",
            gone.clone(),
            Required,
            "Bundle.identifier",
        ),
        ("", "timestamp", gone.clone(), Required, "Bundle.timestamp"),
        (
            composition,
            "resourceType",
            json!("List"),
            Invariant,
            "Bundle.entry[0]",
        ),
        (
            composition,
            "subject",
            gone,
            Required,
            "Bundle.entry[0].resource.subject",
        ),
        (
            composition,
            "subject",
            json!({"reference": uuid(1)}),
            NotFound,
            "Bundle.entry[0].resource.subject",
        ),
        (
            composition,
            "subject",
            json!({"reference": "Patient/q"}),
            NotFound,
            "Bundle.entry[0].resource.subject",
        ),
        (
            composition,
            "subject",
            json!({"reference": "http://b/Patient/p"}),
            NotFound,
            "Bundle.entry[0].resource.subject",
        ),
        (
            composition,
            "subject",
            json!({"reference": "Composition/c"}),
            BusinessRule,
            "Bundle.entry[0].resource.subject",
        ),
        (
            composition,
            "subject",
            json!({"reference": "p"}),
            Wrong,
            "Bundle.entry[0].resource.subject",
        ),
        (
            composition,
            "section",
            json!([{"entry": [{"reference": "Observation/o"}]}]),
            NotFound,
            "Bundle.entry[0].resource.section[0].entry[0]",
        ),
        (
            patient,
            "managingOrganization",
            json!({"reference": "#q"}),
            NotFound,
            "Bundle.entry[1].resource.managingOrganization",
        ),
        (
            "/entry/1",
            "fullUrl",
            json!("http://a/Patient/q"),
            Invariant,
            "Bundle.entry[1].fullUrl",
        ),
        (
            "/entry/1",
            "fullUrl",
            json!("http://a/Patient/p/_history/1"),
            Invariant,
            "Bundle.entry[1].fullUrl",
        ),
        (
            "/entry/2",
            "fullUrl",
            json!("http://a/Patient/p"),
            Duplicate,
            "Bundle.entry[2]",
        ),
        (
            "/entry/1",
            "request",
            json!({"method": "POST", "url": "x"}),
            Invariant,
            "Bundle.entry[1]",
        ),
        // Identity
        (
            "/identifier",
            "value",
            json!("chart-17"),
            Wrong,
            "Bundle.identifier.value",
        ),
        (
            "/identifier",
            "value",
            json!("2026MA000018"),
            BusinessRule,
            "Bundle.identifier.extension[0]",
        ),
        (
            "/identifier",
            "value",
            json!("2025MA000017"),
            BusinessRule,
            "Bundle.entry[1].resource.birthDate",
        ),
        (
            composition,
            "extension",
            json!([{"url": "http://x/liveBirthCertificateNumber", "valueString": "18"}]),
            BusinessRule,
            "Bundle.entry[0].resource.extension[0]",
        ),
    ];
    for (parent, name, new, code, expression) in rows {
        let broken = changed(document(), &format!("{parent}/{name}"), new.clone());
        let found = found(&broken);
        let expected = (Severity::Error, code, expression.to_owned());
        assert!(
            found.contains(&expected),
            "{parent}/{name} = {new}: {found:?}"
        );
    }
}

#[test]
fn messages_say_what_their_document_says() {
    use IssueCode::{BusinessRule, Invariant, NotFound};
    let rows = [
        (
            "/entry/1/resource/parameter/0/valueString",
            json!("NH"),
            BusinessRule,
            "Bundle.entry[2].resource.identifier.value",
        ),
        (
            "/entry/1/resource/parameter/1/valueUnsignedInt",
            json!(18),
            BusinessRule,
            "Bundle.entry[2].resource.identifier.value",
        ),
        (
            "/entry/1/resource/parameter/2/valueUnsignedInt",
            json!(2025),
            BusinessRule,
            "Bundle.entry[2].resource.identifier.value",
        ),
        (
            "/entry/0/resource/resourceType",
            json!("Basic"),
            Invariant,
            "Bundle.entry[0]",
        ),
        (
            "/entry/0/resource/focus/0/reference",
            json!(uuid(9)),
            NotFound,
            "Bundle.entry[0].resource.focus[0]",
        ),
        (
            "/entry/0/resource/focus/0/reference",
            json!("Bundle/x"),
            NotFound,
            "Bundle.entry[0].resource.focus[0]",
        ),
        // References of the document stay in the document.
        (
            "/entry/2/resource/entry/0/resource/subject/reference",
            json!(uuid(2)),
            NotFound,
            "Bundle.entry[2].resource.entry[0].resource.subject",
        ),
    ];
    for (pointer, new, code, expression) in rows {
        let found = found(&changed(message(), pointer, new));
        let expected = (Severity::Error, code, expression.to_owned());
        assert!(found.contains(&expected), "{pointer}: {found:?}");
    }
    // XX is no jurisdiction, and no contradiction.
    let open = changed(
        message(),
        "/entry/2/resource/identifier/value",
        json!("2026XX000017"),
    );
    assert_eq!(found(&open), []);
}

#[test]
fn what_software_in_use_writes_is_a_warning() {
    let rows = [
        (
            "/entry/1/fullUrl",
            json!("http://b/Patient/p"),
            "Bundle.entry[0].resource.subject",
        ),
        (
            "/entry/1/resource/nickname",
            json!("Jane"),
            "Bundle.entry[1].resource",
        ),
        (
            "/entry/2/resource/subject",
            json!({"reference": "Patient/q"}),
            "Bundle.entry[2].resource.subject",
        ),
    ];
    for (pointer, new, expression) in rows {
        let found = found(&changed(document(), pointer, new));
        let told = |(severity, _, place): &(Severity, IssueCode, String)| {
            *severity == Severity::Warning && place == expression
        };
        assert!(found.iter().any(told), "{pointer}: {found:?}");
    }
}
