//! Numbers that something beside them names, however it is written.

use super::*;

const NUMBER: &str = "987654321";

/// Nothing of the number is left in the resource.
fn hides(resource: &Value) {
    let shown = without(resource, Group::Ssn).to_string();
    assert!(!shown.contains(NUMBER), "{shown}");
}

/// Ways to say that a number is one.
const LABELS: [&str; 38] = [
    "Mother's SSN/ITIN",
    "SSN/none",
    "mother/ssn/value",
    "Mother | SSN",
    "SSN|1.0",
    "Social Security / tax number",
    "Soc. Sec. No.",
    "Soc Sec #",
    "Soc. Scty. Number",
    "SS#",
    "SS #",
    "SS No.",
    "SS Nr",
    "SS number",
    "SS",
    "Mother SS",
    "mother_ss_no",
    "SSNo",
    "motherSSNumber",
    "S.S.N.",
    "S.S. number",
    "S S N",
    "Mother's S.S.N",
    "Social #",
    "Social (Security) Number",
    "SS\u{2116}",
    "S\u{200b}SN",
    "SS\u{ad}N",
    "So\u{200d}cial Se\u{feff}curity",
    "\u{ff33}\u{ff33}\u{ff2e}",
    "<b>SS</b>N",
    "S<b>S</b>N",
    "&#83;SN",
    "&#x53;&#83;N",
    "&#0000083;SN",
    "SS%4E",
    "social%20security",
    "MOTHER_SSN/",
];

#[test]
fn whatever_names_a_number_in_whatever_words_takes_it_along() {
    let answer = json!([{"valueString": NUMBER}]);
    for label in LABELS {
        for item in [
            json!({"linkId": "q17", "text": label, "answer": answer}),
            json!({"linkId": label, "answer": answer}),
            json!({"linkId": "q17", "text": label, "item": [{"linkId": "v", "answer": answer}]}),
            json!({"linkId": "q17", "_text": {"extension": [
                {"url": "http://x/rendering-xhtml", "valueString": label}]}, "answer": answer}),
        ] {
            hides(&json!({"resourceType": "QuestionnaireResponse", "item": [item]}));
        }
        for parameter in [
            json!({"name": label, "valueString": NUMBER}),
            json!({"name": label, "part": [{"name": "v", "valueString": NUMBER}]}),
            json!({"name": "id", "part": [{"name": "kind", "valueString": label}, {"name": "v", "valueString": NUMBER}]}),
            json!({"name": "id", "valueIdentifier": {"type": {"text": label}, "value": NUMBER}}),
        ] {
            hides(&json!({"resourceType": "Parameters", "parameter": [parameter]}));
        }
        for extension in [
            json!({"url": "http://x/id", "extension": [
                {"url": "kind", "valueString": label}, {"url": "v", "valueString": NUMBER}]}),
            json!({"url": "http://x/id", "extension": [
                {"url": "kind", "valueCodeableConcept": {"text": label}}, {"url": "v", "valueString": NUMBER}]}),
        ] {
            hides(&json!({"resourceType": "Patient", "active": true, "extension": [extension]}));
        }
        for identifier in [
            json!({"type": {"text": label}, "value": NUMBER}),
            json!({"type": [{"text": label}], "value": NUMBER}),
            json!({"type": label, "value": NUMBER}),
            json!({"type": {"coding": [{"code": "x", "display": label}]}, "value": NUMBER}),
            json!({"type": {"coding": {"code": "x", "display": label}}, "value": NUMBER}),
        ] {
            hides(&json!({"resourceType": "Patient", "active": true, "identifier": [identifier]}));
        }
        for code in [
            json!({"text": label}),
            json!({"coding": [{"system": "urn:x", "code": "17", "display": label}]}),
            json!({"coding": [{"system": "urn:x", "code": "17"}], "text": label}),
        ] {
            hides(&json!({"resourceType": "Observation", "code": code, "valueString": NUMBER}));
        }
    }
}

#[test]
fn urls_name_a_number_behind_their_host() {
    for url in [
        "http://x/StructureDefinition/mother-ssn",
        "http://x/StructureDefinition/mother-ssn/value",
        "http://x/StructureDefinition/mother-ssn|1.0",
        "http://x/StructureDefinition/mother-ssn/1.0/",
        "http://x/Q|2.0#mother_ssn",
        "http://x/Q?item=ssn",
        "http://x/mother%2Dssn",
        "ssn",
        "urn:x:ssn",
    ] {
        hides(
            &json!({"resourceType": "Patient", "extension": [{"url": url, "valueString": NUMBER}]}),
        );
        hides(&json!({"resourceType": "QuestionnaireResponse", "item": [
            {"linkId": "q", "definition": url, "answer": [{"valueString": NUMBER}]}]}));
        hides(
            &json!({"resourceType": "Patient", "active": true, "identifier": [
            {"system": url, "value": NUMBER}]}),
        );
    }
    for system in [
        "oid:2.16.840.1.113883.4.1",
        "urn:oid:2.16.840.1.113883.4.1 ",
        "http://hl7.org/fhir/sid/us-ssn|1",
    ] {
        hides(
            &json!({"resourceType": "Patient", "active": true, "identifier": [
            {"system": system, "value": NUMBER}]}),
        );
        hides(
            &json!({"resourceType": "Patient", "active": true, "identifier": [
            {"system": [system], "value": NUMBER}]}),
        );
    }
    hides(
        &json!({"resourceType": "Patient", "active": true, "identifier": [
        {"assigner": {"display": "Social Security Administration"}, "value": NUMBER}]}),
    );
    // A host is no name of what it has.
    let patient = json!({"resourceType": "Patient", "extension": [
        {"url": "https://ssn.example.org/StructureDefinition/height", "valueString": "123456789"}]});
    assert_eq!(without(&patient, Group::Ssn), patient);
}

#[test]
fn a_member_that_fhir_does_not_have_names_a_number_too() {
    for name in ["ssn", "motherSSN", "_ssn", "social_security_number"] {
        hides(
            &json!({"resourceType": "Patient", "active": true, name: NUMBER, "extension": [
            {"url": "http://x/e", "valueString": NUMBER}]}),
        );
        hides(&json!({"resourceType": "Basic", "x": {name: {"y": NUMBER}}}));
    }
}

#[test]
fn a_text_that_names_a_number_has_it_taken_out() {
    for text in [
        "SSN 987654321",
        "SSN: 987654321.",
        "SSN987654321",
        "Soc. Sec. No. is 987654321, he says",
        "987654321 (SSN)",
        "Patient?identifier=http://hl7.org/fhir/sid/us-ssn|987654321",
        "Patient?identifier=http%3A%2F%2Fhl7.org%2Ffhir%2Fsid%2Fus-ssn%7C987654321",
        "urn:ssn:987654321",
        "ssn-987654321",
    ] {
        // And the same number elsewhere, where nothing names it.
        hides(
            &json!({"resourceType": "Observation", "subject": {"reference": text}, "note": [{"text": NUMBER}]}),
        );
        hides(&json!({"resourceType": "Basic", "note": [{"text": text}], "x": 987_654_321}));
    }
}

#[test]
fn what_names_no_number_stays() {
    for label in [
        "Birth time (hh:mm:ss)",
        "Business name",
        "Hopelessness scale",
        "Class number",
        "ADDRESSNUMBER",
        "Social history",
        "Address no.",
        "Passport number",
        "Gross note",
        "USS Nimitz",
    ] {
        let response = json!({"resourceType": "QuestionnaireResponse", "item": [
            {"linkId": "q17", "text": label, "answer": [{"valueString": "123456789"}]}]});
        assert_eq!(without(&response, Group::Ssn), response, "{label}");
    }
}

#[test]
fn the_number_itself_stands_behind_its_name() {
    for text in [
        "SS 987654321",
        "SS987654321",
        "mother's SS: 987654321, she says",
        "Social 987654321",
        "ss_987654321_",
    ] {
        hides(&json!({"resourceType": "Basic", "note": [{"text": text}], "x": NUMBER}));
    }
    for label in [
        "motherssnnumber",
        "MOTHERSSNNO",
        "momssnvalue",
        "ssn2",
        "2ssn",
    ] {
        hides(&json!({"resourceType": "Parameters", "parameter": [
            {"name": label, "valueString": NUMBER}]}));
    }
}

/// Looking for a label in few texts only misses none of them.
#[test]
fn a_label_is_found_behind_whatever_stands_before_it() {
    for before in [
        "",
        "Mother ",
        "mother",
        "mother's",
        "7",
        "\u{e9}",
        "Mother<br>",
        "address ",
        "a_",
        "MOTHER ",
    ] {
        for label in [
            "SS#",
            "SS No.",
            "SSN",
            "SS 987654321",
            "S.S.",
            "SoC. Sec. No.",
            "SSNo",
        ] {
            let label = format!("{before}{label}");
            hides(&json!({"resourceType": "Parameters", "parameter": [
                {"name": label, "valueString": NUMBER}]}));
        }
    }
}
