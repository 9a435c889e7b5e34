//! Records that hide what is withheld where no guide puts it.

use super::*;

/// A patient with one more member; nothing of `hidden` may be left.
fn hides(group: Group, resource: &Value, hidden: &str) {
    let shown = without(resource, group).to_string();
    assert!(!shown.contains(hidden), "{hidden}: {shown}");
}

fn extended(value: &Value) -> Value {
    let mut patient = json!({"resourceType": "Patient", "id": "m", "extension": [value]});
    patient["identifier"] =
        json!([{"system": "http://hl7.org/fhir/sid/us-ssn", "value": "987-65-4321"}]);
    patient
}

#[test]
fn identifiers_of_any_spelling_are_social_security_numbers() {
    let number = "987654321";
    for identifier in [
        json!({"type": {"coding": [{"code": "ss"}]}, "value": number}),
        json!({"type": {"coding": [{"code": " SS "}]}, "value": number}),
        json!({"type": {"text": "Social Security Number"}, "value": number}),
        json!({"type": {"coding": [{"display": "SSN"}]}, "value": number}),
        json!({"system": "http://hl7.org/fhir/sid/us-ssn/", "value": number}),
        json!({"system": "http://hl7.org/fhir/sid/us-ssn ", "value": number}),
        json!({"system": "https://hl7.org/fhir/sid/us-ssn", "value": number}),
        json!({"system": "HTTP://HL7.ORG/fhir/sid/US-SSN", "value": number}),
        json!({"system": "2.16.840.1.113883.4.1", "value": number}),
        json!({"system": "http://hl7.org/fhir/sid/us-ssn", "Value": number}),
        json!({"system": "http://hl7.org/fhir/sid/us-ssn", "value": [number]}),
        json!({"system": "http://hl7.org/fhir/sid/us-ssn", "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/rendered-value", "valueString": number}]}),
        json!({"system": "http://hl7.org/fhir/sid/us-ssn", "_value": {"extension": [
            {"url": "http://x/original", "valueString": number}]}}),
    ] {
        // The same number elsewhere is known by this one.
        let patient = json!({"resourceType": "Patient", "id": "m", "identifier": [identifier],
            "name": [{"family": format!("Q {number}")}]});
        hides(Group::Ssn, &patient, number);
    }
}

#[test]
fn answers_parameters_and_extensions_named_after_the_number_go_whole() {
    let number = "987654321";
    let answer = || json!([{"valueString": number}]);
    for item in [
        json!({"linkId": "mother-ssn", "item": [{"linkId": "v", "answer": answer()}]}),
        json!({"linkId": "mother-ssn", "answer": [{"valueBoolean": true, "item": [{"linkId": "v", "answer": answer()}]}]}),
        json!({"linkId": "motherSSN", "answer": answer()}),
        json!({"linkId": "q17", "text": "Social Security Number of mother", "answer": answer()}),
        json!({"linkId": "q17", "definition": "http://x/Q#mother_ssn", "answer": answer()}),
    ] {
        let response = json!({"resourceType": "QuestionnaireResponse", "item": [item,
            {"linkId": "why", "text": number}]});
        hides(Group::Ssn, &response, number);
    }
    for parameter in [
        json!({"name": "mother_social_security_number", "part": [{"name": "v", "valueString": number}]}),
        json!({"name": "mother_social_security_number", "part": [{"name": "v", "part": [{"name": "w", "valueString": number}]}]}),
        json!({"name": "motherSocialSecurityNumber", "valueString": number}),
        json!({"name": "Mother Social Security Number", "valueString": number}),
        json!({"name": "MOTHER_SSN", "valueString": number}),
    ] {
        let parameters = json!({"resourceType": "Parameters", "parameter": [parameter,
            {"name": "other", "valueString": number}]});
        hides(Group::Ssn, &parameters, number);
    }
    let extension =
        json!({"url": "http://x/StructureDefinition/mother-ssn", "valueString": "987654320"});
    hides(Group::Ssn, &extended(&extension), "987654320");
    let observation = json!({"resourceType": "Observation", "status": "final", "valueString": number,
        "code": {"coding": [{"system": "http://loinc.org", "code": "45396-2"}]}, "encounter": {"display": number}});
    hides(Group::Ssn, &observation, number);
}

#[test]
fn no_markup_or_width_hides_a_known_number() {
    for (text, hidden) in [
        ("987-<b>65</b>-4321", "<b>65"),
        ("9876&#53;4321", "9876"),
        ("9876&#x35;4321", "9876"),
        ("987&nbsp;65&nbsp;4321", "987"),
        ("987-65-\u{ff14}\u{ff13}\u{ff12}\u{ff11}", "987-65"),
        ("A987654321B", "987654321"),
    ] {
        let extension = json!({"url": "http://x/e", "valueMarkdown": text});
        hides(Group::Ssn, &extended(&extension), hidden);
    }
    for number in [
        "987654321",
        "987654321.0",
        "987654321.5",
        "-987654321",
        "9.87654321e8",
    ] {
        let text = format!(
            r#"{{"resourceType":"Patient","identifier":[{{"type":{{"coding":[{{"code":"SS"}}]}},"value":"987-65-4321"}}],"n":{number}}}"#
        );
        let redacted = redact(text.as_bytes(), only(Group::Ssn)).unwrap();
        let shown = String::from_utf8(redacted.bytes).unwrap();
        assert!(!shown.contains(number), "{shown}");
    }
}

#[test]
fn whatever_separates_it_an_unknown_number_is_found() {
    for number in [
        "987/65/4321",
        "987 - 65 - 4321",
        "987_65_4321",
        "987,65,4321",
        "987\u{a0}65\u{a0}4321",
        "987\u{202f}65\u{202f}4321",
        "987\u{ad}65\u{ad}4321",
        "987\u{2014}65\u{2014}4321",
        "987\u{2212}65\u{2212}4321",
        "SSN987-65-4321",
        "987-65-4321x",
        "987<i>-65-</i>4321",
        "\u{ff19}\u{ff18}\u{ff17}-65-4321",
    ] {
        let patient = json!({"resourceType": "Patient", "extension": [{"url": "http://x/a", "valueString": number}]});
        let shown = without(&patient, Group::Ssn);
        let shown = shown["extension"][0]["valueString"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            shown.contains("redacted") && !shown.contains("4321"),
            "{number}: {shown}"
        );
    }
    // Dates, times, codes and telephone numbers are none.
    for other in [
        "2026-05-16T12:00:00.123-05:00",
        "1.2.840.113883.4.642",
        "555-123-4567",
        "1234-56-7890",
    ] {
        let patient = json!({"resourceType": "Patient", "extension": [{"url": "http://x/a", "valueString": other}]});
        assert_eq!(without(&patient, Group::Ssn), patient, "{other}");
    }
}

#[test]
fn bytes_that_nobody_looks_into_go() {
    let data = "U1NOIDk4Ny02NS00MzIxIG9r";
    for value in [
        json!({"url": "http://x/e", "valueBase64Binary": data}),
        json!({"url": "http://x/e", "valueAttachment": {"data": data, "title": "t"}}),
        json!({"url": "http://x/e", "valueAttachment": {"url": format!("data:text/plain;base64,{data}")}}),
        json!({"url": "http://x/e", "valueAttachment": {"url": format!(" DATA:text/plain;base64,{data}")}}),
    ] {
        for group in Group::ALL {
            hides(group, &extended(&value), data);
        }
    }
    let signed = json!({"resourceType": "Bundle", "type": "document", "signature": {"data": data, "when": "2026"}});
    hides(Group::Ssn, &signed, data);
    let narrative = json!({"resourceType": "Patient", "text": [{"div": "<div>987654321</div>"}]});
    hides(Group::Ssn, &narrative, "987654321");
}

#[test]
fn findings_are_found_in_every_code_of_theirs() {
    let hidden = "MARK";
    let code = |code: &str| json!({"coding": [{"code": code, "display": "MARK"}]});
    for resource in [
        json!({"resourceType": "Observation", "component": [{"code": {"coding": [{"code": "64794-1"}]}, "valueString": "MARK"}]}),
        json!({"resourceType": "Observation", "component": [{"code": {"coding": [{"code": "72519-2"}]}, "valueString": "MARK"}]}),
        json!({"resourceType": "Observation", "code": {"coding": [{"code": "72519-2 "}]}, "valueString": "MARK"}),
        json!({"resourceType": "Observation", "code": {"text": "cigarettes smoked"}, "valueString": "MARK"}),
        json!({"resourceType": "Procedure", "status": "completed", "reasonCode": [code("15628003")], "note": [{"text": "MARK"}]}),
        json!({"resourceType": "Encounter", "status": "finished", "reasonCode": [code("76272004")]}),
        json!({"resourceType": "Composition", "event": [{"code": [code("76272004")]}]}),
        json!({"resourceType": "Composition", "meta": {"tag": [{"code": "76272004", "display": "MARK"}]}}),
    ] {
        hides(Group::StigmaSensitiveHealth, &resource, hidden);
    }
    for resource in [
        json!({"resourceType": "Observation", "code": {"text": "x"}, "extension": [
            {"url": "http://x/education-level", "valueString": "MARK"}]}),
        json!({"resourceType": "Observation", "code": {"text": "Education of the mother"}, "valueString": "MARK"}),
    ] {
        hides(Group::SocialAndLegal, &resource, hidden);
    }
}

#[test]
fn names_are_found_outside_of_patients() {
    for resource in [
        json!({"resourceType": "Observation", "extension": [{"url": "http://x/father", "valueHumanName": {"family": "MARK"}}]}),
        json!({"resourceType": "Parameters", "parameter": [{"name": "a", "valueAddress": {"city": "MARK"}}]}),
        json!({"resourceType": "Observation", "contained": [{"resourceType": "Person", "name": [{"family": "MARK"}], "id": "p"}]}),
        json!({"resourceType": "FamilyMemberHistory", "status": "completed", "name": "MARK"}),
        json!({"resourceType": "Observation", "note": [{"authorString": "MARK", "text": "MARK"}]}),
        json!({"resourceType": "Observation", "subject": {"reference": "Patient/x", "display": "MARK", "code": "q"}}),
    ] {
        hides(Group::Names, &resource, "MARK");
    }
}

#[test]
fn a_label_in_any_resource_tells_a_copy() {
    for code in ["REDACTED", "redacted", " Redacted"] {
        let label = json!({"security": [{"code": code}]});
        let record = json!({"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "meta": label}}]});
        assert_eq!(
            is_redacted(record.to_string().as_bytes()),
            Ok(true),
            "{code}"
        );
    }
    let record = json!({"resourceType": "Bundle", "meta": {"security": [{"code": "R"}]}, "entry": [{"code": "REDACTED"}]});
    assert_eq!(is_redacted(record.to_string().as_bytes()), Ok(false));
}

/// What was looked at as a part of a whole keeps its label, and whatever holds it has one as well.
#[test]
fn a_bundle_of_copies_says_that_they_are_copies() {
    let patient = json!({"resourceType": "Patient", "active": true, "birthDate": "2026"});
    let copy = without(&patient, Group::Names);
    let searchset =
        json!({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": copy}]});
    let shown = without(&searchset, Group::Names);
    assert_eq!(shown["meta"]["security"][0]["code"], REDACTED);
}

#[test]
fn what_repeats_anything_goes_in_whatever_form_it_is() {
    for resource in [
        json!({"resourceType": "Patient", "active": true, "text": "<div>MARK</div>"}),
        json!({"resourceType": "Patient", "active": true, "text": ["MARK"]}),
        json!({"resourceType": "DocumentReference", "content": [{"attachment": {"data": ["MARK"]}}]}),
        json!({"resourceType": "Patient", "extension": [{"url": "http://x/e", "valueBase64Binary": ["MARK"]}]}),
    ] {
        for group in Group::ALL {
            hides(group, &resource, "MARK");
        }
    }
    let noted = [
        json!({"resourceType": "FamilyMemberHistory", "status": "completed", "condition": [{"code": {"text": "x"}, "note": [{"text": "MARK"}]}]}),
        json!({"resourceType": "Patient", "extension": [{"url": "http://x/e", "valueAnnotation": {"text": "MARK"}}]}),
    ];
    for resource in noted {
        for group in Group::ALL.into_iter().filter(|group| *group != Group::Ssn) {
            hides(group, &resource, "MARK");
        }
    }
}

#[test]
fn charts_are_told_by_words_too() {
    for identifier in [
        json!({"type": {"text": "Medical Record Number"}, "value": "MARK"}),
        json!({"type": {"coding": [{"display": "Mother's MRN"}]}, "value": "MARK"}),
        json!({"type": [{"coding": [{"code": "MR"}]}], "value": "MARK"}),
        json!({"type": {"coding": {"code": "MR"}}, "value": "MARK"}),
        json!({"system": "http://hospital/mrn", "value": "MARK"}),
        json!({"type": {"text": "National Provider Identifier"}, "value": "MARK"}),
    ] {
        let patient =
            json!({"resourceType": "Patient", "active": true, "identifier": [identifier]});
        hides(Group::MedicalRecordNumber, &patient, "MARK");
    }
    let telephone = json!({"resourceType": "Observation", "extension": [
        {"url": "http://x/father", "valueContactPoint": {"value": "MARK"}}]});
    hides(Group::Names, &telephone, "MARK");
}

/// A copy without its labels is one all the same.
#[test]
fn masks_tell_a_copy() {
    let observation = json!({"resourceType": "Observation", "status": "final",
        "code": {"coding": [{"code": "64794-1"}]}, "valueInteger": 20});
    for (resource, group) in [
        (mother(), Group::Ssn),
        (
            json!({"resourceType": "Patient", "active": true, "birthDate": "2026", "contact": [{"name": {"text": "x"}}],
            "generalPractitioner": [{"reference": "a", "display": "x"}]}),
            Group::Names,
        ),
        (observation, Group::StigmaSensitiveHealth),
    ] {
        let gaps = |resource: &Value| gaps(resource.to_string().as_bytes()).unwrap();
        assert!(!gaps(&resource).masked);
        let mut copy = without(&resource, group);
        assert!(gaps(&copy).masked && gaps(&copy).labelled, "{copy}");
        copy["meta"] = json!({});
        assert!(gaps(&copy).masked && !gaps(&copy).labelled, "{copy}");
    }
    let unknown = json!({"resourceType": "Patient", "_birthDate": {"extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}});
    assert!(!gaps(unknown.to_string().as_bytes()).unwrap().masked);
}
