#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

mod gaps;
mod hostile;
mod labels;
mod spellings;

fn only(group: Group) -> Groups {
    [group].into_iter().collect()
}

fn without(value: &Value, group: Group) -> Value {
    let redacted = redact(value.to_string().as_bytes(), only(group)).unwrap();
    serde_json::from_slice(&redacted.bytes).unwrap()
}

fn mother() -> Value {
    json!({
        "resourceType": "Patient", "id": "m",
        "meta": {"profile": ["http://x/Patient-mother-vr"], "versionId": "1"},
        "text": {"status": "generated", "div": "<div>Jada 132-22-5986</div>"},
        "extension": [
            {"url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race", "extension": [
                {"url": "text", "valueString": "White"}]},
            {"url": "http://x/keep", "valueString": "132 22 5986"}],
        "identifier": [
            {"use": "usual", "type": {"coding": [{"system": "http://v2", "code": "SS"}]}, "value": "132225986",
                "_value": {"id": "x"}, "period": {"start": "2000"}},
            {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "999-11-2222"},
            {"type": {"coding": [{"code": "MR"}]}, "system": "http://hospital", "value": "1032702"}],
        "name": [{"family": "Quinn"}], "birthDate": "1985-01-15", "_birthDate": {"id": "b"},
        "contained": [{"resourceType": "RelatedPerson", "identifier": [
            {"type": {"coding": [{"code": "SS"}]}, "value": "555443333"}], "patient": {"reference": "#m", "display": "Jada"}}]
    })
}

#[test]
fn numbers_go_wherever_they_stand() {
    let redacted = without(&mother(), Group::Ssn);
    let text = redacted.to_string();
    for number in [
        "132225986",
        "132-22-5986",
        "132 22 5986",
        "999-11-2222",
        "555443333",
    ] {
        assert!(!text.contains(number), "{number}: {text}");
    }
    assert_eq!(
        redacted.pointer("/identifier/0/type"),
        mother().pointer("/identifier/0/type")
    );
    assert_eq!(
        redacted
            .pointer("/identifier/0/_value/extension/0/valueCode")
            .unwrap(),
        "masked"
    );
    assert_eq!(redacted.get("text"), None);
    assert_eq!(redacted.pointer("/identifier/2/value").unwrap(), "1032702");
    assert_eq!(redacted.get("name"), mother().get("name"));
    assert_eq!(redacted.pointer("/meta/security/0/code").unwrap(), REDACTED);
    assert_eq!(redacted.pointer("/meta/versionId").unwrap(), "1");
    assert_eq!(is_redacted(text.as_bytes()), Ok(true));
    assert_eq!(is_redacted(mother().to_string().as_bytes()), Ok(false));
}

#[test]
fn numbers_are_found_in_every_spelling_and_in_other_resources() {
    let record = json!({"resourceType": "Parameters", "parameter": [
        {"name": "alias_social_security_number", "valueString": "132225986"},
        {"name": "note", "valueString": "it is 132.22.5986, or 132\u{2013}22\u{2013}5986 (x132225986x)"},
        {"name": "number", "valueInteger": 132_225_986},
        {"name": "132225986", "valueString": "a"},
        {"name": "other", "valueString": "like 111-22-3333, not 1111-22-3333 and not 2019-02-12 or 444455555"},
        {"name": "r", "resource": {"resourceType": "QuestionnaireResponse", "item": [
            {"linkId": "mother-ssn", "answer": [{"valueString": "777-66-5555"}]},
            {"linkId": "why", "answer": [{"valueString": "777665555"}]}]}}]});
    let redacted = without(&record, Group::Ssn);
    let text = redacted.to_string();
    for number in [
        "132225986",
        "132.22.5986",
        "22\u{2013}5986",
        "777-66-5555",
        "777665555",
        "111-22-3333\"",
    ] {
        assert!(!text.contains(number), "{number}: {text}");
    }
    assert_eq!(
        redacted.pointer("/parameter/4/valueString").unwrap(),
        "like redacted, not 1111-22-3333 and not 2019-02-12 or 444455555"
    );
    assert_eq!(
        redacted.pointer("/parameter/5/resource/item/0/answer"),
        None
    );
    // Escapes hide nothing.
    let escaped = br#"{"resourceType":"Basic","a":"\u0031\u0031\u0031-22-3333"}"#;
    let redacted = redact(escaped, only(Group::Ssn)).unwrap();
    assert!(
        String::from_utf8(redacted.bytes)
            .unwrap()
            .contains(r#""a":"redacted""#)
    );
}

#[test]
fn each_group_takes_its_own() {
    let redacted = without(&mother(), Group::MedicalRecordNumber);
    assert_eq!(redacted.pointer("/identifier/2/value"), None);
    assert_eq!(
        redacted.pointer("/identifier/0/value").unwrap(),
        "132225986"
    );
    let redacted = without(&mother(), Group::Names);
    for gone in [
        "/name",
        "/birthDate",
        "/_birthDate",
        "/contained/0/patient/display",
        "/text",
    ] {
        assert_eq!(redacted.pointer(gone), None, "{gone}");
    }
    assert_eq!(
        redacted.pointer("/contained/0/patient/reference").unwrap(),
        "#m"
    );
    let redacted = without(&mother(), Group::SocialAndLegal);
    assert!(!redacted.to_string().contains("White"));
    assert!(
        redacted
            .pointer("/extension/0/url")
            .unwrap()
            .as_str()
            .unwrap()
            .ends_with("us-core-race")
    );
    assert_eq!(
        redacted.pointer("/extension/1/valueString").unwrap(),
        "132 22 5986"
    );
}

#[test]
fn a_finding_leaves_what_it_is_of() {
    let condition = json!({"resourceType": "Condition", "id": "c",
        "meta": {"profile": ["http://x/Condition-infection-present-during-pregnancy"]},
        "category": [{"coding": [{"code": "72519-2"}]}], "code": {"coding": [{"code": "240589008"}]},
        "note": [{"text": "x"}], "subject": {"reference": "Patient/m"}});
    let redacted = without(&condition, Group::StigmaSensitiveHealth);
    let expected = json!({"meta": {"security": [{"system": OBSERVATION_VALUE, "code": REDACTED}]},
        "resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/m"}});
    assert_eq!(redacted, expected);
    let smoking = json!({"resourceType": "Observation", "status": "final",
        "code": {"coding": [{"code": "64794-1"}]}, "valueInteger": 20, "component": [{"valueInteger": 2}]});
    let redacted = without(&smoking, Group::StigmaSensitiveHealth);
    assert!(!redacted.to_string().contains("20") && redacted.get("component").is_none());
    assert_eq!(
        redacted.pointer("/dataAbsentReason/coding/0/code").unwrap(),
        "masked"
    );
    assert_eq!(without(&smoking, Group::SocialAndLegal), smoking);
    let coverage = json!({"resourceType": "Coverage", "status": "active", "beneficiary": {"reference": "Patient/m"},
        "payor": [{"display": "Medicaid"}], "type": {"text": "Medicaid"}});
    let redacted = without(&coverage, Group::SocialAndLegal);
    assert!(!redacted.to_string().contains("Medicaid"));
    assert_eq!(redacted.pointer("/status").unwrap(), "active");
}

#[test]
fn each_resource_that_something_goes_from_says_so() {
    let patient = json!({"resourceType": "Patient", "meta": {"security": [{"code": "R"}]}, "birthDate": "2026"});
    let location = json!({"resourceType": "Location", "name": "Hospital"});
    let record = json!({"resourceType": "Bundle", "type": "document", "entry": [
        {"resource": location}, {"resource": patient}, {"resource": mother()}]});
    let searchset =
        json!({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": record}]});
    let redacted = without(&searchset, Group::Names);
    let label = |pointer: &str| redacted.pointer(&format!("{pointer}/meta/security/0/code"));
    let entry = "/entry/0/resource";
    for place in [
        "",
        entry,
        "/entry/0/resource/entry/1/resource",
        "/entry/0/resource/entry/2/resource",
    ] {
        assert_eq!(label(place).unwrap(), REDACTED, "{place}");
    }
    assert_eq!(
        redacted.pointer("/entry/0/resource/entry/0/resource"),
        Some(&location)
    );
    assert_eq!(
        redacted
            .pointer("/entry/0/resource/entry/1/resource/meta/security/1/code")
            .unwrap(),
        "R"
    );
    assert_eq!(
        redacted.pointer("/entry/0/resource/entry/2/resource/contained/0/meta"),
        None
    );
}

#[test]
fn all_other_bytes_stay() {
    let text = "{ \"resourceType\":\"Patient\" ,\n \"active\" : true,\"birthDate\":\"2026-05-16\",\n  \"x\":[1.50, {}]\t}";
    let redacted = redact(text.as_bytes(), only(Group::Names)).unwrap();
    let label = format!("{{\"system\":\"{OBSERVATION_VALUE}\",\"code\":\"{REDACTED}\"}}");
    let expected = format!(
        "{{\"meta\":{{\"security\":[{label}]}}, \"resourceType\":\"Patient\" ,\n \"active\" : true,\"x\":[1.50, {{}}]\t}}"
    );
    assert_eq!(String::from_utf8(redacted.bytes).unwrap(), expected);
    // What nothing is withheld from is the same to the byte, without a label.
    let redacted = redact(text.as_bytes(), only(Group::Coded)).unwrap();
    assert_eq!(
        (redacted.bytes.as_slice(), redacted.withheld),
        (text.as_bytes(), false)
    );
    // The last members go with the comma before them.
    let last = br#"{"resourceType":"Patient","active":true,"name":[],"birthDate":"2026"}"#;
    let redacted = redact(last, only(Group::Names)).unwrap();
    assert!(
        redacted
            .bytes
            .ends_with(br#""resourceType":"Patient","active":true}"#)
    );
    for wrong in ["", "{", "[]", "\"x\""] {
        assert_eq!(
            redact(wrong.as_bytes(), Groups::all()),
            Err(RedactError),
            "{wrong}"
        );
    }
}

fn shown_number(node: Node<'_>, numbers: &Numbers) -> Option<String> {
    let text = node.text().filter(|text| numbers.masked(text).is_some());
    let within = || {
        let mut within = node.elements().chain(node.members().map(|it| it.value));
        within.find_map(|node| shown_number(node, numbers))
    };
    text.map(|text| text.to_string()).or_else(within)
}

/// Whatever is withheld from a real record, the rest is JSON and FHIR as far as it was before, no number
/// is left, and a second time changes nothing more.
#[test]
fn real_records_are_redacted_and_stay_records() {
    for (name, text) in crate::real_records() {
        let tree = Tree::parse(text.as_bytes()).unwrap();
        let numbers = Numbers::of(tree.root());
        for group in Group::ALL.map(only).into_iter().chain([Groups::all()]) {
            let redacted = redact(text.as_bytes(), group).unwrap();
            crate::json::check(&redacted.bytes).unwrap();
            assert_eq!(
                redact(&redacted.bytes, group).unwrap().bytes,
                redacted.bytes,
                "{name}"
            );
            let errors = |bytes: &[u8]| {
                let findings = crate::validate::validate(bytes).unwrap();
                let errors = findings
                    .all()
                    .iter()
                    .filter(|found| found.issue.severity <= crate::Severity::Error);
                errors.map(|found| found.issue.clone()).collect::<Vec<_>>()
            };
            let before = errors(text.as_bytes());
            for error in errors(&redacted.bytes) {
                assert!(
                    before.iter().any(|known| known.text == error.text),
                    "{name} {group:?} {error:?}"
                );
            }
            let shown = String::from_utf8(redacted.bytes).unwrap();
            if group.contains(Group::Ssn) {
                let tree = Tree::parse(shown.as_bytes()).unwrap();
                assert_eq!(shown_number(tree.root(), &numbers), None, "{name}");
                assert!(!shown.contains("\"div\""), "{name}");
            }
            assert_eq!(
                is_redacted(shown.as_bytes()),
                Ok(redacted.withheld),
                "{name}"
            );
        }
    }
}

proptest! {
    /// A number put anywhere into a record, in any spelling, is in none of it afterwards.
    #[test]
    fn no_number_survives(digits in "[1-8][0-9]{8}", place in 0..6_usize, spelling in 0..12_usize) {
        let separators = ["", "-", " ", ".", "/", " - ", "_", ",", "\u{a0}", "\u{ad}", "\u{2014}", "<b>"];
        let separator = separators[spelling];
        let spelled = format!("{}{separator}{}{separator}{}", &digits[..3], &digits[3..5], &digits[5..]);
        let pointer = ["/name/0/family", "/extension/1/valueString", "/id", "/identifier/2/value", "/text/div", "/birthDate"];
        let mut record = mother();
        *record.pointer_mut("/identifier/0/value").unwrap() = json!(digits);
        *record.pointer_mut(pointer[place]).unwrap() = json!(format!("<{spelled}>"));
        let shown = without(&record, Group::Ssn).to_string();
        prop_assert!(!shown.contains(&digits) && !shown.contains(&spelled), "{}", shown);
    }

    #[test]
    fn any_resource_is_redacted_to_a_resource(members in members(), depth in 0..3_usize) {
        let mut text = format!("{{\"resourceType\":\"Patient\"{members}}}");
        for _ in 0..depth {
            text = format!("{{\"resourceType\":\"Bundle\",\"entry\":[{{\"resource\":{text}}}]}}");
        }
        if crate::json::check(text.as_bytes()).is_ok() {
            let redacted = redact(text.as_bytes(), Groups::all()).unwrap();
            prop_assert_eq!(crate::json::check(&redacted.bytes), Ok(()), "{}", text);
            let value = serde_json::from_slice(&redacted.bytes).unwrap();
            prop_assert!(no_narrative(&value), "{}", text);
            prop_assert!(redacted.withheld || redacted.bytes == text.as_bytes(), "{}", text);
            prop_assert!(!redacted.withheld || is_redacted(&redacted.bytes) == Ok(true), "{}", text);
        }
    }
}

fn no_narrative(value: &Value) -> bool {
    match value {
        Value::Object(members) => members
            .values()
            .all(|value| value.get("div").is_none() && no_narrative(value)),
        Value::Array(items) => items
            .iter()
            .all(|item| item.get("div").is_none() && no_narrative(item)),
        _ => true,
    }
}

/// Members that mean something to redaction, in any order and any form.
fn members() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(
        &[
            "1",
            "null",
            "\"a\"",
            "\"900-11-2222\"",
            "900112222",
            "{}",
            "[]",
            "{\"div\":\"<div/>\"}",
            "{\"a\":1}",
            "{\"coding\":[{\"code\":\"SS\"}]}",
            "{\"coding\":[{\"code\":\"64794-1\"}]}",
            "\"http://hl7.org/fhir/sid/us-ssn\"",
            "\"http://a/us-core-race\"",
            "\"Observation\"",
            "\"Coverage\"",
            "\"mother-ssn\"",
            "[{\"code\":\"REDACTED\"}]",
        ][..],
    )
    .prop_map(str::to_owned);
    let names = prop::sample::select(
        &[
            "name",
            "_name",
            "birthDate",
            "text",
            "meta",
            "security",
            "profile",
            "versionId",
            "identifier",
            "type",
            "system",
            "value",
            "_value",
            "code",
            "extension",
            "url",
            "valueString",
            "valueIdentifier",
            "display",
            "reference",
            "contained",
            "data",
            "contentType",
            "linkId",
            "answer",
            "item",
            "status",
            "resourceType",
            "resource",
            "900112222",
        ][..],
    );
    let object = |inner: BoxedStrategy<String>| {
        prop::collection::vec((names.clone(), inner), 0..6).prop_map(|members| {
            let written = members
                .iter()
                .map(|(name, value)| format!(",\"{name}\":{value}"));
            written.collect::<String>()
        })
    };
    let nested = leaf.boxed().prop_recursive(3, 24, 5, {
        let names = names.clone();
        move |inner| {
            prop_oneof![
                prop::collection::vec((names.clone(), inner.clone()), 1..5).prop_map(|members| {
                    let written: Vec<_> = members
                        .iter()
                        .map(|(name, value)| format!("\"{name}\":{value}"))
                        .collect();
                    format!("{{{}}}", written.join(","))
                }),
                prop::collection::vec(inner, 1..3)
                    .prop_map(|items| format!("[{}]", items.join(","))),
            ]
        }
    });
    object(nested.boxed())
}
