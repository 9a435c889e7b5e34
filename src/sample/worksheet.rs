//! The mother's worksheet as she filled it in: a QuestionnaireResponse with names and numbers in clear.

use serde_json::{Value, json};

use super::people::Case;

/// The worksheet of a birth or of a fetal death (`questionnaire` names which).
pub fn worksheet(case: &Case, questionnaire: &str, child: &str, mother: &str) -> Value {
    let (first, middle) = case.child;
    json!({
        "questionnaire": format!("http://hl7.org/fhir/us/bfdr/Questionnaire/{questionnaire}"),
        "status": "completed",
        "subject": { "reference": child },
        "authored": case.delivered_at(),
        "source": { "reference": mother },
        "item": [
            group("mother-current-legal-name", "Your current legal name", &[
                ("mother-first-name", "First", case.mother.first.to_owned()),
                ("mother-middle-name", "Middle", case.mother.middle.to_owned()),
                ("mother-last-name", "Last", case.mother.family.to_owned()),
            ]),
            group("child-name", "The child's legal name", &[
                ("child-first-name", "First", first.to_owned()),
                ("child-middle-name", "Middle", middle.to_owned()),
                ("child-last-name", "Last", case.mother.family.to_owned()),
            ]),
            group("mother-residence", "Where you live", &[
                ("mother-residence-street", "Street and number", case.street.clone()),
                ("mother-residence-city", "City, town or location", case.place.city.to_owned()),
                ("mother-residence-county", "County", case.place.county.to_owned()),
                ("mother-residence-state", "State or territory", case.place.state.to_owned()),
                ("mother-residence-zip", "Postal code", case.place.postal_code.to_owned()),
            ]),
            answer("mother-birth-date", "Your date of birth", &case.mother.born.to_string()),
            answer("mother-maiden-name", "Your last name before you first married", case.maiden_name),
            answer("mother-ssn", "Your social security number", &dashed(&case.mother.social_security_number)),
            group("father-name", "The father's current legal name", &[
                ("father-first-name", "First", case.father.first.to_owned()),
                ("father-middle-name", "Middle", case.father.middle.to_owned()),
                ("father-last-name", "Last", case.father.family.to_owned()),
            ]),
            answer("father-birth-date", "The father's date of birth", &case.father.born.to_string()),
            answer("father-ssn", "The father's social security number", &dashed(&case.father.social_security_number)),
        ],
    })
}

fn group(link_id: &str, text: &str, items: &[(&str, &str, String)]) -> Value {
    let items: Vec<Value> = items
        .iter()
        .map(|(id, text, value)| answer(id, text, value))
        .collect();
    json!({ "linkId": link_id, "text": text, "item": items })
}

fn answer(link_id: &str, text: &str, value: &str) -> Value {
    json!({ "linkId": link_id, "text": text, "answer": [{ "valueString": value }] })
}

fn dashed(number: &str) -> String {
    let (area, rest) = number.split_at_checked(3).unwrap_or((number, ""));
    let (group, serial) = rest.split_at_checked(2).unwrap_or((rest, ""));
    format!("{area}-{group}-{serial}")
}
