//! What a number must not take along, and what else may hide what is withheld.

use super::*;

/// Nothing of `hidden` is left in the resource.
fn hides(group: Group, resource: &Value, hidden: &str) {
    let shown = without(resource, group).to_string();
    assert!(!shown.contains(hidden), "{hidden}: {shown}");
}

/// A mistyped number may look like a day or a part of an address; the record must stay one.
#[test]
fn a_known_number_breaks_no_date_and_no_address() {
    let number =
        |value: &str| json!([{"system": "http://hl7.org/fhir/sid/us-ssn", "value": value}]);
    let id = "019ac123-4567-7890-8123-456789012345";
    for value in [
        "2019-0212",
        "113883-46",
        "8401138834",
        "1234567",
        "456789012",
    ] {
        let patient = json!({"resourceType": "Patient", "id": id, "identifier": number(value), "birthDate": "2019-02-12",
            "meta": {"versionId": "1234567", "lastUpdated": "2019-02-12T12:34:56.789-05:00", "source": "urn:oid:2.16.840.1.113883.4.6"},
            "deceasedDateTime": "2019-02-12T08:40:11Z",
            "managingOrganization": {"reference": "Organization/1234567", "identifier": {"system": "urn:oid:2.16.840.1.113883.4.6"}},
            "extension": [{"url": "http://x/1234567/e", "valueUri": "urn:oid:2.16.840.1.113883.4.6"}]});
        let shown = without(&patient, Group::Ssn);
        for pointer in [
            "/id",
            "/birthDate",
            "/deceasedDateTime",
            "/meta/versionId",
            "/meta/lastUpdated",
            "/meta/source",
            "/managingOrganization",
            "/extension",
        ] {
            assert_eq!(
                shown.pointer(pointer),
                patient.pointer(pointer),
                "{value} {pointer}"
            );
        }
    }
    // A whole number goes from there all the same, and what only looks like a day from everywhere.
    for value in [
        "987654321",
        "987-65-4321",
        "Patient/987654321/_history/1",
        "urn:x:987.65.4321",
    ] {
        let patient = json!({"resourceType": "Patient", "id": "987654321", "identifier": number("987654321"),
            "link": [{"other": {"reference": value}}], "extension": [{"url": value, "valueUri": value}]});
        let shown = without(&patient, Group::Ssn).to_string();
        assert!(!shown.contains("4321"), "{value}: {shown}");
    }
    // Nor does it stay where the address says what it is, or because somebody typed too much of it.
    for (known, address) in [
        (
            "1234567",
            "Patient?identifier=http://hl7.org/fhir/sid/us-ssn|1234567",
        ),
        ("1987654321", "Patient/1987654321"),
        ("1987654321", "urn:x:000198-7654321"),
    ] {
        let patient = json!({"resourceType": "Patient", "identifier": number(known), "link": [{"other": {"reference": address}}]});
        let shown = without(&patient, Group::Ssn);
        assert!(
            shown["link"].to_string().contains("redacted"),
            "{address}: {shown}"
        );
    }
    for value in [
        "2019-02-12 1",
        "2019-0212",
        "2019-99-12",
        "2019-02-12T517384926",
    ] {
        let patient = json!({"resourceType": "Patient", "identifier": [{"system": "ssn", "value": value}],
            "extension": [{"url": "http://x/e", "valueString": value}]});
        assert!(
            without(&patient, Group::Ssn)["extension"]
                .to_string()
                .contains("redacted"),
            "{value}"
        );
    }
}

#[test]
fn the_index_keeps_a_day_that_a_number_looks_like() {
    let mut numbers = Numbers::unknown();
    let patient =
        json!({"resourceType": "Patient", "identifier": [{"system": "ssn", "value": "2019-0212"}]});
    let text = patient.to_string();
    numbers.add_all(Tree::parse(text.as_bytes()).unwrap().root());
    assert_eq!(numbers.masked("2019-02-12"), None);
    assert!(numbers.masked("20190212").is_some());
}

#[test]
fn a_number_is_told_by_its_office_and_its_kind() {
    let number = "987654321";
    for identifier in [
        json!({"type": {"coding": [{"code": "SB"}]}, "value": number}),
        json!({"type": {"text": "SS#"}, "value": number}),
        json!({"system": "http://www.ssa.gov", "value": number}),
        json!({"system": "https://ssa.gov/number", "value": number}),
        json!({"system": "https://secure.SSA.gov", "value": number}),
        json!({"assigner": {"display": "Social Security Administration"}, "value": number}),
        json!({"assigner": {"identifier": {"value": "Social Security Administration"}}, "value": number}),
    ] {
        let patient = json!({"resourceType": "Patient", "active": true, "identifier": [identifier],
            "extension": [{"url": "http://x/e", "valueString": number}]});
        hides(Group::Ssn, &patient, number);
    }
    let other = json!({"resourceType": "Patient", "active": true, "identifier": [
        {"system": "http://passa.gov", "value": number}]});
    assert_eq!(without(&other, Group::Ssn), other);
    for resource in [
        json!({"resourceType": "Questionnaire", "item": [{"linkId": "mother-ssn", "initial": [{"valueString": number}]}]}),
        json!({"resourceType": "Questionnaire", "item": [{"linkId": "q", "text": "SSN", "answerOption": [{"valueString": number}]}]}),
        json!({"resourceType": "Parameters", "parameter": [{"name": "identifier", "part": [
            {"name": "type", "valueString": "SSN"}, {"name": "value", "valueString": number}]}]}),
        json!({"resourceType": "Parameters", "parameter": [{"name": "identifier", "part": [
            {"name": "type", "valueCode": "SS"}, {"name": "value", "valueString": number}]}]}),
        json!({"resourceType": "Parameters", "parameter": [{"name": "identifier", "part": [
            {"name": "type", "valueCoding": {"code": "SB"}}, {"name": "value", "valueString": number}]}]}),
        json!({"resourceType": "Parameters", "parameter": [{"name": "identifier", "part": [
            {"name": "system", "valueUri": "http://hl7.org/fhir/sid/us-ssn"}, {"name": "value", "valueString": number}]}]}),
        json!({"resourceType": "Observation", "code": {"coding": [{"system": "http://local", "code": "17", "display": "Social Security Number"}]}, "valueString": number}),
        json!({"resourceType": "Observation", "code": {"coding": [{"code": "17"}], "text": "SSN"}, "valueString": number}),
        json!({"resourceType": "Observation", "component": [{"code": {"coding": [{"code": "17", "display": "SSN"}]}, "valueString": number}]}),
    ] {
        // And where the same is repeated.
        let other = json!({"resourceType": "Basic", "id": "b", "extension": [{"url": "http://x/e", "valueString": number}]});
        let record = json!({"resourceType": "Bundle", "entry": [{"resource": resource}, {"resource": other}]});
        hides(Group::Ssn, &record, number);
    }
}

/// A code that no table has hides nothing that its words tell.
#[test]
fn words_tell_a_finding_beside_a_code_that_is_not_known() {
    let coded = |words: &str| json!({"coding": [{"system": "http://local", "code": "17", "display": words}]});
    let said =
        |words: &str| json!({"coding": [{"system": "http://local", "code": "17"}], "text": words});
    for (group, words) in [
        (Group::StigmaSensitiveHealth, "HIV infection"),
        (Group::StigmaSensitiveHealth, "Gonorrhea"),
        (Group::SocialAndLegal, "Mother's education"),
        (Group::SocialAndLegal, "WIC"),
        (Group::Names, "Mother's maiden name"),
    ] {
        for code in [coded(words), said(words)] {
            let observation = json!({"resourceType": "Observation", "status": "final", "code": code, "valueString": "MARK"});
            hides(group, &observation, "MARK");
            let component = json!({"resourceType": "Observation", "status": "final", "component": [{"code": code, "valueString": "MARK"}]});
            hides(group, &component, "MARK");
        }
    }
    for code in [coded("HIV infection"), said("HIV infection")] {
        let encounter =
            json!({"resourceType": "Encounter", "status": "finished", "reasonCode": [code]});
        hides(Group::StigmaSensitiveHealth, &encounter, "HIV");
    }
    // Of which kind a document and its sections are is no finding, and Wichita is no payer.
    let composition = json!({"resourceType": "Composition", "type": coded("Race and ethnicity"), "section": [
        {"code": said("Mother's education"), "section": [{"code": coded("Payer")}]}], "event": [{"code": [coded("Wichita")]}]});
    assert_eq!(without(&composition, Group::SocialAndLegal), composition);
    let practitioner = json!({"resourceType": "Practitioner", "qualification": [{"code": coded("Osteopath (occupation)")}]});
    assert_eq!(without(&practitioner, Group::SocialAndLegal), practitioner);
}

#[test]
fn names_are_found_in_titles_and_groups() {
    for resource in [
        json!({"resourceType": "Composition", "title": "Birth of MARK", "status": "final"}),
        json!({"resourceType": "Composition", "status": "final", "section": [{"title": "MARK", "code": {"text": "x"}}]}),
        json!({"resourceType": "DocumentReference", "content": [{"attachment": {"title": "MARK", "contentType": "a/b"}}]}),
        json!({"resourceType": "Group", "type": "person", "name": "MARK"}),
        json!({"resourceType": "Consent", "status": "active", "policyText": "MARK"}),
        json!({"resourceType": "Coverage", "status": "active", "class": [{"name": "MARK", "value": "MARK"}]}),
    ] {
        hides(Group::Names, &resource, "MARK");
    }
}

/// A long text of digits, as a value that is named and as another.
#[test]
fn a_number_is_found_at_every_place_of_a_long_text() {
    for before in [0, 17, 4090, 4095, 4096, 10_000] {
        let text = format!(
            "{} 987654321 {}",
            "12 ".repeat(before),
            "34 ".repeat(before)
        );
        let patient = json!({"resourceType": "Patient", "identifier": [{"system": "ssn", "value": "987654321"}],
            "extension": [{"url": "http://x/e", "valueString": text}]});
        hides(Group::Ssn, &patient, "987654321");
        let named = json!({"resourceType": "Patient", "identifier": [{"system": "ssn", "value": text}],
            "extension": [{"url": "http://x/e", "valueString": "987654321"}]});
        hides(Group::Ssn, &named, "987654321");
    }
}
