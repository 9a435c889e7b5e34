//! Messages and batches.

use super::*;

#[test]
fn a_message_is_indexed_by_its_parameters() {
    let found = index(&message(
        "fd_submission_void",
        &key("UT", 2025, 48858),
        None,
    ));
    assert_eq!(
        found,
        Index {
            timestamp: Some("2026-11-01T00:00:00Z".parse().unwrap()),
            record_type: Some(RecordType::FetalDeath),
            jurisdiction: jurisdiction("UT"),
            event_year: Some(2025),
            certificate_number: Some("048858".to_owned()),
            event: Some("fd_submission_void".to_owned()),
            message_id: Some("m-1".to_owned()),
            ..Index::new(BundleType::Message)
        }
    );
}

#[test]
fn a_message_s_document_completes_but_must_not_contradict() {
    let carried = |parameters: &Value, identifier: &str, code: &str| {
        message(
            "birth_submission",
            parameters,
            Some(document(identifier, code)),
        )
    };
    // XX, zeros and other forms say nothing.
    for identifier in ["2026MA000001", "2026MA1", "0000XX000000", "7c9e6679"] {
        let found = index(&carried(&key("MA", 2026, 1), identifier, "92011-6"));
        assert_eq!(found.natural_key().to_string(), "2026MA000001");
        assert_eq!((found.identifier, found.composition_type), (None, None));
    }
    let found = index(&carried(&key("XX", 0, 0), "2026MA000001", "92011-6"));
    assert_eq!(found.natural_key().to_string(), "2026MA000001");
    let place = "Bundle.entry[2].resource.identifier.value";
    for identifier in ["2026NJ000001", "2025MA000001", "2026MA000002"] {
        let bundle = carried(&key("MA", 2026, 1), identifier, "92011-6");
        assert_refused(&bundle, IssueCode::BusinessRule, place);
    }
    let other_kind = carried(&key("MA", 2026, 1), "2026MA000001", "92010-8");
    assert_refused(
        &other_kind,
        IssueCode::BusinessRule,
        "Bundle.entry[2].resource",
    );
    // The event decides about coded documents of both kinds, and about documents of older types.
    for code in ["86805-9", "71230-7"] {
        let found = index(&carried(&key("MA", 2026, 1), "2026MA000001", code));
        assert_eq!(found.record_type, Some(RecordType::Birth));
    }
    let mut collection = document("2026MA000001", "92011-6");
    collection["type"] = "batch".into();
    let bundle = message("birth_submission", &key("MA", 2026, 1), Some(collection));
    assert_refused(&bundle, IssueCode::Value, "Bundle.entry[2].resource.type");
}

#[test]
fn events_of_other_records_are_refused() {
    let place = "Bundle.entry[0].resource.eventUri";
    for event in [
        "vrdr_submission",
        "vrdr_alias",
        "submission",
        "birth_",
        "birth",
        "fetal_submission",
        "BIRTH_submission",
        "birth_sub mission",
        "birth_submission/x",
        "",
    ] {
        let bundle = message(event, &key("MA", 2026, 1), None);
        assert_refused(&bundle, IssueCode::NotSupported, place);
    }
    let mut bundle = message("birth_submission", &key("MA", 2026, 1), None);
    bundle["entry"][0]["resource"]["eventUri"] = "http://example.org/birth_submission".into();
    assert_refused(&bundle, IssueCode::NotSupported, place);
    bundle["entry"][0]["resource"]
        .as_object_mut()
        .unwrap()
        .remove("eventUri");
    assert_refused(&bundle, IssueCode::Required, place);
}

#[test]
fn a_message_without_its_parts_is_refused() {
    let mut headless = message("birth_submission", &key("MA", 2026, 1), None);
    headless["entry"][0]["resource"]["resourceType"] = "Patient".into();
    assert_refused(&headless, IssueCode::Value, "Bundle.entry[0].resource");
    let mut keyless = message("birth_submission", &key("MA", 2026, 1), None);
    keyless["entry"].as_array_mut().unwrap().pop();
    assert_refused(&keyless, IssueCode::Required, "Bundle.entry");
    let mut twice = message("birth_submission", &key("MA", 2026, 1), None);
    let parameters = twice["entry"][1].clone();
    push(&mut twice["entry"], parameters);
    assert_refused(&twice, IssueCode::BusinessRule, "Bundle.entry[2].resource");
}

#[test]
fn parameters_that_cannot_be_read_are_refused() {
    let place = |name| format!("Bundle.entry[1].resource.parameter.where(name='{name}')");
    for (name, wrong) in [
        ("jurisdiction_id", json!({ "valueString": "QQ" })),
        ("jurisdiction_id", json!({ "valueString": "ma" })),
        ("jurisdiction_id", json!({ "valueCode": "MA" })),
        ("event_year", json!({ "valueUnsignedInt": 20_266 })),
        ("event_year", json!({ "valueInteger": -1 })),
        ("event_year", json!({ "valueString": "2026" })),
        ("cert_no", json!({ "valueUnsignedInt": 1_000_000 })),
        ("cert_no", json!({ "valueInteger": -1 })),
        ("cert_no", json!({})),
    ] {
        let mut parameter = wrong;
        parameter["name"] = name.into();
        let bundle = message("birth_submission", &json!([parameter]), None);
        assert_refused(&bundle, IssueCode::Value, &place(name));
    }
    let mut twice = key("MA", 2026, 1);
    push(
        &mut twice,
        json!({ "name": "jurisdiction_id", "valueString": "NJ" }),
    );
    let bundle = message("birth_submission", &twice, None);
    assert_refused(&bundle, IssueCode::BusinessRule, &place("jurisdiction_id"));
    let fraction = json!([{ "name": "cert_no", "valueUnsignedInt": 1.5 }]);
    let bundle = message("birth_submission", &fraction, None);
    assert_refused(&bundle, IssueCode::Structure, "Bundle.entry[1].resource");
}

#[test]
fn a_batch_is_of_one_kind_and_one_jurisdiction() {
    let birth = |code, number| message("birth_submission", &key(code, 2026, number), None);
    let found = index(&batch(&[birth("MA", 1), birth("XX", 2), birth("MA", 3)]));
    assert_eq!(found.record_type, Some(RecordType::Birth));
    assert_eq!(found.jurisdiction, jurisdiction("MA"));
    assert_eq!(
        (found.event_year, found.certificate_number),
        (Some(2026), None)
    );
    assert_eq!(
        index(&batch(&[birth("XX", 1), birth("MA", 1)])).jurisdiction,
        jurisdiction("MA")
    );
    assert_eq!(
        index(&batch(&[birth("MA", 7)])).natural_key().to_string(),
        "2026MA000007"
    );

    let place = "Bundle.entry[1].resource";
    let fetal_death = message("fd_submission", &key("MA", 2026, 1), None);
    assert_refused(
        &batch(&[birth("MA", 1), fetal_death]),
        IssueCode::BusinessRule,
        place,
    );
    assert_refused(
        &batch(&[birth("MA", 1), birth("NJ", 1)]),
        IssueCode::BusinessRule,
        place,
    );
    // Where one is silent the next two must still agree.
    let hidden = batch(&[birth("XX", 1), birth("MA", 1), birth("NJ", 1)]);
    assert_refused(&hidden, IssueCode::BusinessRule, "Bundle.entry[2].resource");
    let report = document("2026MA000001", "92011-6");
    assert_refused(&batch(&[birth("MA", 1), report]), IssueCode::Value, place);
    assert_refused(
        &batch(&[birth("MA", 1), json!({ "resourceType": "Patient" })]),
        IssueCode::Value,
        place,
    );
    assert_refused(
        &batch(&[birth("MA", 1), batch(&[birth("MA", 1)])]),
        IssueCode::Value,
        place,
    );
    assert_refused(&batch(&[]), IssueCode::Required, "Bundle.entry");
    let bad = message("birth_submission", &json!([{ "name": "cert_no" }]), None);
    let inner = "Bundle.entry[1].resource.entry[1].resource.parameter.where(name='cert_no')";
    assert_refused(&batch(&[birth("MA", 1), bad]), IssueCode::Value, inner);
}
