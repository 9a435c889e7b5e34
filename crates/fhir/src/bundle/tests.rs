#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod messages;
mod received;

use serde_json::{Value, json};

use super::*;

const IJE: &str = "http://hl7.org/fhir/us/vr-common-library/CodeSystem/codesystem-ije-vr";

fn document(identifier: &str, code: &str) -> Value {
    json!({
        "resourceType": "Bundle",
        "identifier": { "system": IJE, "value": identifier },
        "type": "document",
        "timestamp": "2026-11-01T08:51:14.637+00:00",
        "entry": [{
            "resource": {
                "resourceType": "Composition",
                "id": "c-1",
                "type": { "coding": [{ "system": "http://loinc.org", "code": code }] },
                "subject": { "reference": "Patient/p-1" },
            },
        }],
    })
}

fn message(event: &str, parameters: &Value, document: Option<Value>) -> Value {
    let mut entry = vec![
        json!({ "resource": {
            "resourceType": "MessageHeader", "id": "m-1",
            "eventUri": format!("http://nchs.cdc.gov/{event}"),
        }}),
        json!({ "resource": { "resourceType": "Parameters", "parameter": parameters } }),
    ];
    entry.extend(document.map(|document| json!({ "resource": document })));
    json!({ "resourceType": "Bundle", "type": "message", "timestamp": "2026-11-01T00:00:00Z", "entry": entry })
}

fn key(jurisdiction: &str, year: u32, number: u32) -> Value {
    json!([
        { "name": "jurisdiction_id", "valueString": jurisdiction },
        { "name": "cert_no", "valueUnsignedInt": number },
        { "name": "event_year", "valueUnsignedInt": year },
        { "name": "state_auxiliary_id", "valueString": "000000000042" },
    ])
}

fn batch(messages: &[Value]) -> Value {
    let entry: Vec<_> = messages
        .iter()
        .map(|message| json!({ "resource": message }))
        .collect();
    json!({ "resourceType": "Bundle", "type": "batch", "entry": entry })
}

fn index(bundle: &Value) -> Index {
    match Bundle::parse(bundle.to_string().as_bytes()) {
        Ok(bundle) => bundle.into_index(),
        Err(issue) => panic!("refused: {issue}"),
    }
}

#[track_caller]
fn assert_refused(bundle: &Value, code: IssueCode, expression: &str) {
    match Bundle::parse(bundle.to_string().as_bytes()) {
        Ok(bundle) => panic!("accepted: {:?}", bundle.into_index()),
        Err(issue) => assert_eq!(
            (issue.code, issue.expression),
            (code, vec![expression.to_owned()])
        ),
    }
}

fn push(array: &mut Value, item: Value) {
    array.as_array_mut().unwrap().push(item);
}

fn jurisdiction(code: &str) -> Option<Jurisdiction> {
    Some(Jurisdiction::parse(code).unwrap())
}

#[test]
fn a_document_is_indexed() {
    let found = index(&document("2026NJ15075", "92011-6"));
    assert_eq!(
        found,
        Index {
            identifier: Some((Some(IJE.to_owned()), "2026NJ15075".to_owned())),
            timestamp: Some("2026-11-01T08:51:14.637Z".parse().unwrap()),
            composition_type: Some(CompositionType::JurisdictionLiveBirth),
            record_type: Some(RecordType::Birth),
            jurisdiction: jurisdiction("NJ"),
            event_year: Some(2026),
            certificate_number: Some("015075".to_owned()),
            composition_id: Some("c-1".to_owned()),
            subject: Some("Patient/p-1".to_owned()),
            ..Index::new(BundleType::Document)
        }
    );
    assert_eq!(found.natural_key().to_string(), "2026NJ015075");
    assert_eq!(
        index(&document("2026XX000007", "92010-8")).jurisdiction,
        None
    );
}

#[test]
fn resources_are_handed_out_as_received() {
    let text = r#"{"type":"document","resourceType":"Bundle","identifier":{"system":"urn:x","value":"2026MA1"},
      "entry":[{"fullUrl":"u","resource":{ "n":1.50, "type":{"coding":[{"code":"68998-4"}]},"resourceType":"Composition"} },
               {"resource":{"resourceType":"Patient"}}]}"#;
    let bundle = Bundle::parse(text.as_bytes()).unwrap();
    let composition =
        r#"{ "n":1.50, "type":{"coding":[{"code":"68998-4"}]},"resourceType":"Composition"}"#;
    assert_eq!(bundle.composition(), Some(composition.as_bytes()));
    assert_eq!(bundle.resources().len(), 2);
    assert_eq!(
        bundle.index().composition_type,
        Some(CompositionType::ProviderLiveBirth)
    );
    let message = message("birth_submission_void", &key("MA", 2026, 1), None).to_string();
    assert_eq!(
        Bundle::parse(message.as_bytes()).unwrap().composition(),
        None
    );
}

#[test]
fn only_a_provider_s_identifier_may_be_its_own() {
    for code in ["68998-4", "69045-3"] {
        for own in ["urn:uuid:7c9e6679", "2026QQ000001", "2026ma000001", "MRN 1"] {
            let found = index(&document(own, code));
            assert_eq!(found.natural_key(), NaturalKey::default());
            assert_eq!(
                found.identifier,
                Some((Some(IJE.to_owned()), own.to_owned()))
            );
        }
    }
    for code in ["92011-6", "92010-8", "86804-2"] {
        for own in [
            "urn:uuid:7c9e6679",
            "2026QQ000001",
            "2026ma000001",
            "2026MA1234567",
        ] {
            assert_refused(
                &document(own, code),
                IssueCode::Value,
                "Bundle.identifier.value",
            );
        }
    }
}

#[test]
fn what_is_no_bundle_is_refused() {
    for text in [
        "",
        "[]",
        "null",
        "\"x\"",
        "{",
        "[{\"resourceType\":\"Bundle\"}]",
        "{}",
        "{\"resourceType\":\"Patient\"}",
    ] {
        let issue = Bundle::parse(text.as_bytes()).unwrap_err();
        assert_eq!(issue.code, IssueCode::Structure, "{text}");
    }
    // serde would quote the value.
    let issue =
        Bundle::parse(b"{\"resourceType\":\"Bundle\",\n\"type\":[\"Jane Doe\"]}").unwrap_err();
    assert_eq!(issue.code, IssueCode::Structure);
    assert_eq!(issue.text, "the Bundle cannot be read at line 2, column 7");
    let nested = message(
        "birth_submission",
        &key("MA", 2026, 1),
        Some(json!({
            "resourceType": "Bundle", "type": ["Jane Doe"],
        })),
    );
    assert_refused(&nested, IssueCode::Structure, "Bundle.entry[2].resource");
}

#[test]
fn bundles_of_other_types_are_refused() {
    for other in [
        "transaction",
        "collection",
        "searchset",
        "history",
        "Document",
        "",
    ] {
        let mut bundle = document("2026MA000001", "68998-4");
        bundle["type"] = other.into();
        assert_refused(&bundle, IssueCode::NotSupported, "Bundle.type");
    }
    let mut bundle = document("2026MA000001", "68998-4");
    bundle.as_object_mut().unwrap().remove("type");
    assert_refused(&bundle, IssueCode::Required, "Bundle.type");
}

#[test]
fn a_document_without_its_parts_is_refused() {
    use IssueCode::{NotSupported, Required, Value as Wrong};
    let row = |change: fn(&mut Value), code, expression: &str| {
        let mut bundle = document("2026MA000001", "92011-6");
        change(&mut bundle);
        assert_refused(&bundle, code, expression);
    };
    row(
        |b| drop(b.as_object_mut().unwrap().remove("identifier")),
        Required,
        "Bundle.identifier",
    );
    row(
        |b| b["identifier"] = json!({ "value": "2026MA000001" }),
        Required,
        "Bundle.identifier",
    );
    row(
        |b| b["identifier"] = json!({ "system": "urn:x" }),
        Required,
        "Bundle.identifier",
    );
    row(
        |b| b["identifier"]["value"] = "".into(),
        Wrong,
        "Bundle.identifier",
    );
    row(
        |b| b["identifier"]["value"] = "2026MA\0".into(),
        Wrong,
        "Bundle.identifier",
    );
    row(
        |b| b["identifier"]["system"] = "a\nb".into(),
        Wrong,
        "Bundle.identifier",
    );
    row(
        |b| b["timestamp"] = "2026-11-01".into(),
        Wrong,
        "Bundle.timestamp",
    );
    row(|b| b["entry"] = json!([]), Required, "Bundle.entry");
    row(
        |b| drop(b.as_object_mut().unwrap().remove("entry")),
        Required,
        "Bundle.entry",
    );
    row(
        |b| push(&mut b["entry"], json!({ "fullUrl": "u" })),
        Required,
        "Bundle.entry.resource",
    );
    let first = "Bundle.entry[0].resource";
    row(
        |b| b["entry"][0]["resource"] = json!([]),
        IssueCode::Structure,
        first,
    );
    row(|b| b["entry"][0]["resource"] = json!({}), Required, first);
    row(
        |b| b["entry"][0]["resource"]["resourceType"] = "Patient".into(),
        Wrong,
        first,
    );
    row(
        |b| b["entry"][0]["resource"]["type"] = "92011-6".into(),
        IssueCode::Structure,
        first,
    );
    let kind = "Bundle.entry[0].resource.type";
    row(
        |b| b["entry"][0]["resource"]["type"] = json!({ "text": "birth" }),
        Required,
        kind,
    );
    row(
        |b| b["entry"][0]["resource"]["type"] = json!({ "coding": [] }),
        Required,
        kind,
    );
    row(
        |b| b["entry"][0]["resource"]["type"]["coding"][0]["code"] = "64297-5".into(),
        NotSupported,
        kind,
    );
    row(
        |b| b["entry"][0]["resource"]["type"]["coding"][0]["system"] = "urn:x".into(),
        NotSupported,
        kind,
    );
    row(
        |b| {
            push(
                &mut b["entry"][0]["resource"]["type"]["coding"],
                json!({ "code": "92010-8" }),
            );
        },
        Wrong,
        kind,
    );
}

#[test]
fn a_second_coding_of_another_system_does_no_harm() {
    let mut bundle = document("2026MA000001", "92011-6");
    let coding = json!({ "system": "urn:x", "code": "1" });
    push(
        &mut bundle["entry"][0]["resource"]["type"]["coding"],
        coding,
    );
    assert_eq!(
        index(&bundle).composition_type,
        Some(CompositionType::JurisdictionLiveBirth)
    );
}

#[test]
fn a_shared_coded_document_is_of_what_its_subject_is() {
    let profile = |name: &str| {
        json!({ "resource": {
            "resourceType": "Patient",
            "meta": { "profile": [format!("http://hl7.org/fhir/us/vr-common-library/StructureDefinition/{name}|2.0.0")] },
        }})
    };
    let display = |text: &str| {
        let mut bundle = document("2026MA000001", "86805-9");
        bundle["entry"][0]["resource"]["subject"] = json!({ "display": text });
        bundle
    };
    let with = |names: &[&str]| {
        let mut bundle = display("Patient - Child");
        bundle["entry"]
            .as_array_mut()
            .unwrap()
            .extend(names.iter().map(|name| profile(name)));
        index(&bundle).record_type
    };
    assert_eq!(with(&["Patient-child-vr"]), Some(RecordType::Birth));
    assert_eq!(
        with(&["Patient-mother-vr", "Patient-decedent-fetus"]),
        Some(RecordType::FetalDeath)
    );
    assert_eq!(with(&["Patient-child-vr", "Patient-decedent-fetus"]), None);
    assert_eq!(with(&["Patient-mother-vr"]), Some(RecordType::Birth));
    for (text, expected) in [
        ("Patient - Child (Baby)", Some(RecordType::Birth)),
        (
            "Patient - Decedent Fetus (Fetus Not Named)",
            Some(RecordType::FetalDeath),
        ),
        ("Child of the reported birth", Some(RecordType::Birth)),
        ("Fetus of Jane Child", None),
        ("Childers", None),
        ("", None),
    ] {
        assert_eq!(index(&display(text)).record_type, expected, "{text}");
    }
    // The local code of the guide, under whatever system.
    let mut industry = display("x");
    industry["entry"][0]["resource"]["type"]["coding"][0] = json!({ "system": "http://hl7.org/fhir/us/bfdr/CodeSystem/local", "code": "industry_occupation_document" });
    assert_eq!(index(&industry).record_type, None);
    assert_eq!(
        index(&document("2026MA1", "86804-2")).record_type,
        Some(RecordType::FetalDeath)
    );
}
