//! What holds for every record, whatever is wrong with it: order, number, silence about content, no panic.

use super::*;

#[test]
fn members_said_twice_are_all_told_of() {
    let text =
        r#"{"resourceType":"Patient","id":"a","id":"b","name":[{"family":"X","family":"Y"}]}"#;
    let findings = validate(text.as_bytes()).unwrap();
    let places: Vec<_> = findings
        .all()
        .iter()
        .map(|finding| finding.issue.expression.concat())
        .collect();
    assert_eq!(places, ["Patient", "Patient.name[0]"]);
    assert_eq!(
        findings.all().first().unwrap().offset,
        text.find("\"id\":\"b\"").unwrap()
    );
}

#[test]
fn resources_that_the_table_does_not_know_are_held_to_json_alone() {
    let unknown = json!({"resourceType": "MedicationAdministration", "x": {"y": [1, "a", {"z": true}]},
        "_given": [null, {"id": "a"}], "given": ["a", null]});
    assert_eq!(found(&unknown), []);
    for wrong in [
        json!({"y": null}),
        json!({"y": ""}),
        json!({"y": []}),
        json!({"y": {}}),
        json!([null]),
    ] {
        let broken = changed(unknown.clone(), "/x", wrong);
        assert_eq!(found(&broken).len(), 1, "{broken}");
    }
}

#[test]
fn problems_are_in_order_and_end_at_a_hundred() {
    let names: Vec<_> = (0..200).map(|_| json!({"family": ""})).collect();
    let findings = validate(
        json!({"resourceType": "Patient", "name": names})
            .to_string()
            .as_bytes(),
    )
    .unwrap();
    assert_eq!(findings.all().len(), 101);
    assert!(findings.all().is_sorted_by_key(|finding| finding.offset));
    assert_eq!(
        findings.all().last().unwrap().issue.code,
        IssueCode::TooCostly
    );
    assert!(findings.has_errors());
}

/// Whether a record has errors does not depend on how many warnings it has, nor on which come first.
#[test]
fn the_end_of_a_long_list_is_as_bad_as_what_it_leaves_out() {
    let patient = |warnings: usize, errors: usize| {
        let unknown = (0..warnings).map(|at| format!(",\"a{at}\":1"));
        let wrong = (0..errors).map(|_| r#"{"family":""}"#);
        let wrong = wrong.collect::<Vec<_>>().join(",");
        let name = if errors > 0 {
            format!(",\"name\":[{wrong}]")
        } else {
            String::new()
        };
        format!(
            "{{\"resourceType\":\"Patient\"{}{name}}}",
            unknown.collect::<String>()
        )
    };
    for (warnings, errors, last) in [
        (101, 0, Severity::Warning),
        (20_000, 0, Severity::Warning),
        (101, 1, Severity::Error),
        (20_000, 1, Severity::Error),
        (0, 101, Severity::Error),
    ] {
        let findings = validate(patient(warnings, errors).as_bytes()).unwrap();
        let closing = &findings.all().last().unwrap().issue;
        assert_eq!(
            (closing.code, closing.severity),
            (IssueCode::TooCostly, last),
            "{warnings} {errors}"
        );
        assert_eq!(findings.has_errors(), errors > 0);
        assert_eq!(findings.all().len(), 101);
    }
}

/// What stands in a record is nowhere in what is said of it.
#[test]
fn texts_never_quote_content() {
    let secret = "Quetzalcoatl";
    for pointer in [
        "/entry/1/resource/gender",
        "/entry/1/resource/Quetzalcoatl",
        "/entry/1/resource/birthDate",
        "/entry/1/resource/resourceType",
        "/entry/0/resource/subject/reference",
        "/entry/1/fullUrl",
        "/type",
        "/identifier/value",
        "/entry/1/resource/id",
        "/resourceType",
    ] {
        let broken = changed(document(), pointer, json!(secret)).to_string();
        let findings = validate(broken.as_bytes()).unwrap();
        let told = findings.into_outcome().to_value().to_string();
        assert!(!told.contains(secret), "{pointer}: {told}");
    }
}

/// What is really wrong in the real records, and nothing else: so many errors each.
#[test]
fn real_records_have_the_faults_that_they_have() {
    let faults = |name: &str| match name {
        // No Composition.date and author.
        "batch-single-birth.json" => 2,
        // Also an id with characters that an id has not.
        "birth-submission-message.json" | "birth-update-message.json" => 3,
        // A reference that is the bare UUID of what it means.
        "birth-extraction-error-message.json" => 1,
        // A fullUrl that is of another resource type than its entry.
        "birth-status-message.json" => 1,
        // A document without a timestamp (bdl-10), and a section with nothing in it (cmp-1).
        "fetaldeath-coded-cause-message.json" => 2,
        // No Composition.author, RelatedPerson.patient, Coverage.status, beneficiary and payor,
        // Encounter.status and class, eight times Observation.status; extensions without a value; 0
        // as a positiveInt.
        "fetaldeath-submission-message.json" => 20,
        _ => 0,
    };
    for (name, text) in crate::real_records() {
        let findings = validate(text.as_bytes()).unwrap();
        let errors = findings
            .all()
            .iter()
            .filter(|finding| finding.issue.severity == Severity::Error);
        assert_eq!(errors.count(), faults(&name), "{name}");
    }
}

proptest! {
    #[test]
    fn any_json_is_checked_without_panic(
        pieces in prop::collection::vec(
            prop::sample::select(&[
                "{", "}", "[", "]", ",", ":", "\"resourceType\":", "\"Bundle\"", "\"Patient\"", "\"entry\":", "\"a\"",
                "\"name\":", "null", "1", "\"_name\":", "\"reference\":", "\"#\"", "\"/\"", "\"fullUrl\":", "\"type\":",
            ][..]),
            0..20,
        )
    ) {
        let _ = validate(pieces.concat().as_bytes());
    }

    /// One value of a right record exchanged for any other: told of, or still right, and never a panic.
    #[test]
    fn a_damaged_record_is_checked_without_panic(at in 0..60_usize, which in 0..6_usize) {
        let mut record = message();
        let mut places = Vec::new();
        pointers(&record, String::new(), &mut places);
        let pointer = places.get(at % places.len()).unwrap();
        let new = [json!(null), json!(0), json!("x"), json!([]), json!({}), json!([{"reference": 1}])];
        *record.pointer_mut(pointer).unwrap() = new.get(which).unwrap().clone();
        let _ = validate(record.to_string().as_bytes());
    }
}

fn pointers(value: &Value, at: String, all: &mut Vec<String>) {
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| pointers(value, format!("{at}/{name}"), all)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(number, value)| pointers(value, format!("{at}/{number}"), all)),
        _ => {}
    }
    all.push(at);
}
