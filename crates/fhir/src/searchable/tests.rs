#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use serde_json::{Value, json};

use super::*;
use crate::search::{Criterion, Parameters};
use crate::{Bundle, ResourceType, real_records};

fn searchable(bundle: &Value) -> Searchable {
    let text = bundle.to_string();
    Bundle::parse(text.as_bytes()).unwrap().searchable()
}

/// Whether a search by this one parameter finds the record.
fn finds(record: &Searchable, query: &str) -> bool {
    let parameters = Parameters::parse(ResourceType::Bundle, query).unwrap();
    let terms = record.terms();
    parameters.criteria.iter().all(|criterion| match criterion {
        Criterion::Terms(any) => any.iter().any(|term| terms.contains(term)),
        Criterion::Lacks(term) => !terms.contains(term),
        other => unreachable!("{other:?}"),
    })
}

fn report() -> Value {
    json!({
        "resourceType": "Bundle", "type": "document",
        "identifier": {"system": "urn:ije", "value": "2026MA000042"},
        "entry": [
            {"fullUrl": "urn:uuid:c", "resource": {
                "resourceType": "Composition", "date": "2026-05-02", "identifier": {"value": "c-1"},
                "type": {"coding": [{"system": "http://loinc.org", "code": "92011-6"}]},
                "extension": [{
                    "url": "http://hl7.org/fhir/us/bfdr/StructureDefinition/Extension-live-birth-certificate-number",
                    "valueIdentifier": {"system": "urn:reports", "value": "15075"}
                }],
                "subject": {"reference": "urn:uuid:p"},
                "encounter": {"reference": "Encounter/e"},
                "author": [{"reference": "Practitioner/d"}],
            }},
            {"fullUrl": "urn:uuid:m", "resource": {
                "resourceType": "Patient", "id": "mother", "name": [{"family": "Mother"}], "birthDate": "1990-01-01",
            }},
            {"fullUrl": "urn:uuid:p", "resource": {
                "resourceType": "Patient", "id": "p", "birthDate": "2026-05-01",
                "name": [{"family": "Núñez", "given": ["Baby", "G"]}],
                "identifier": [
                    {"type": {"coding": [{"code": "MR"}]}, "system": "urn:mr", "value": "77"},
                    {"type": {"coding": [{"code": "SS"}]}, "value": "999-00-1111"},
                    {"system": "http://hl7.org/fhir/sid/us-ssn", "value": "999-00-2222"},
                ],
            }},
            {"fullUrl": "http://x.example/Encounter/e", "resource": {
                "resourceType": "Encounter", "id": "e", "serviceProvider": {"reference": "Organization/o"},
            }},
            {"resource": {"resourceType": "Organization", "id": "o",
                "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "5555512"}]}},
            {"resource": {"resourceType": "Organization", "id": "other", "identifier": [{"value": "no"}]}},
            {"resource": {"resourceType": "Practitioner", "id": "d", "identifier": [{"value": "npi-d"}]}},
            {"resource": {"resourceType": "Location", "name": "East Hospital",
                "type": [{"coding": [{"code": "loc_transfer-to"}]}], "identifier": [{"value": "no"}]}},
            {"resource": {"resourceType": "Location", "name": "South Hospital",
                "type": [{"coding": [{"code": "HOSP"}]}, {"coding": [{"code": "loc_birth"}]}],
                "address": {"line": ["2100 North Ave"], "city": "Salt Lake City", "state": "UT"},
                "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "1164", "extension": [
                    {"url": "http://x/Extension-jurisdictional-facility-identifier", "valueString": "UT12"}]}]}},
        ],
    })
}

#[test]
fn a_report_is_found_by_each_of_its_fields() {
    let record = searchable(&report());
    for query in [
        "identifier=2026MA000042",
        "identifier=urn:ije|2026MA000042",
        "identifier=|c-1",
        "report-number=15075",
        "report-number=urn:reports|015075",
        "report-number=42",
        "report-number=000042",
        "patient.family=nun",
        "patient.given=g",
        "patient.given=Baby&patient.family:exact=Núñez",
        "patient.birthdate=2026-05-01",
        "patient.birthdate=2026-05",
        "patient.identifier=urn:mr|77",
        "author.identifier=npi-d",
        "birth-location=south",
        "birth-location=salt lake",
        "birth-location=2100 north",
        "birth-location:missing=false",
    ] {
        assert!(finds(&record, query), "{query}");
    }
    for query in [
        "patient.family=mother",
        "patient.birthdate=1990",
        "birth-location=east",
        "patient.identifier=999-00-1111",
        "patient.identifier=999-00-2222",
        "patient.family:missing=true",
        "author.identifier=no",
    ] {
        assert!(!finds(&record, query), "{query}");
    }
    assert_eq!(record.date, Period::parse("2026-05-02"));
    let facilities: Vec<&str> = record
        .facilities
        .iter()
        .map(|it| it.value.as_str())
        .collect();
    assert_eq!(facilities, ["1164", "UT12", "5555512"]);
    assert_eq!(record.facility().map(|it| it.value.as_str()), Some("1164"));
}

/// The Location of an encounter counts, whatever its type says, unless it says that somebody was transferred.
#[test]
fn the_place_of_the_birth_is_where_its_encounter_was() {
    let mut bundle = report();
    let entries = bundle["entry"].as_array_mut().unwrap();
    let mut birth = entries.pop().unwrap();
    birth["fullUrl"] = json!("urn:uuid:l");
    birth["resource"]["type"] = json!([{"coding": [{"code": "HOSP"}]}]);
    entries.push(birth);
    assert!(!finds(&searchable(&bundle), "birth-location=south"));
    bundle["entry"][3]["resource"]["location"] =
        json!([{"location": {"reference": "urn:uuid:l"}}, {"location": 5}, 5]);
    let record = searchable(&bundle);
    assert!(finds(
        &record,
        "birth-location=south&birth-location=salt lake"
    ));
    assert!(!finds(&record, "birth-location=east"));
    assert_eq!(record.facility().map(|it| it.value.as_str()), Some("1164"));
    bundle["entry"][8]["resource"]["type"] = json!([{"coding": [{"code": "loc_transfer-from"}]}]);
    let record = searchable(&bundle);
    assert!(!finds(&record, "birth-location=south"));
    let provider = record.facility().map(|it| it.value.as_str());
    assert_eq!(provider, Some("5555512"));
}

/// Each element in turn becomes something else; the others are still found.
#[test]
fn what_is_odd_is_not_indexed_and_costs_nothing_else() {
    let odd = [
        json!(null),
        json!(5),
        json!([]),
        json!({}),
        json!([[]]),
        json!("x"),
        json!({"a": [1, {"b": 2}]}),
    ];
    let whole = report();
    for (entry, member) in [
        (0, "date"),
        (0, "identifier"),
        (0, "extension"),
        (0, "encounter"),
        (0, "author"),
        (2, "name"),
        (2, "birthDate"),
        (2, "identifier"),
        (3, "serviceProvider"),
        (8, "address"),
        (8, "type"),
        (8, "name"),
    ] {
        for value in &odd {
            let mut bundle = whole.clone();
            bundle["entry"][entry]["resource"][member] = value.clone();
            let record = searchable(&bundle);
            assert!(
                finds(&record, "identifier=2026MA000042"),
                "{entry} {member} {value}"
            );
            if member != "name" || entry != 2 {
                assert!(
                    finds(&record, "patient.family=nunez"),
                    "{entry} {member} {value}"
                );
            }
        }
    }
    for url in &odd {
        let mut bundle = whole.clone();
        bundle["entry"][2]["fullUrl"] = url.clone();
        assert!(!finds(&searchable(&bundle), "patient.family=nunez"));
    }
}

#[test]
fn counts_and_lengths_are_bounded() {
    let mut bundle = report();
    let patient = &mut bundle["entry"][2]["resource"];
    patient["name"] =
        json!([{"family": "x".repeat(10_000), "given": vec!["y".repeat(100); 10_000]}]);
    patient["identifier"] = (0..10_000)
        .map(|n| json!({"value": n.to_string()}))
        .collect();
    let record = searchable(&bundle);
    assert!(record.terms().len() <= 150, "{}", record.terms().len());
    assert!(
        !finds(&record, "patient.family=x"),
        "a name that long is none"
    );
    patient_free_of_controls();
}

fn patient_free_of_controls() {
    let mut bundle = report();
    bundle["entry"][2]["resource"]["name"] = json!([{"family": "a\u{1F}b", "given": ["a\u{0}b"]}]);
    let record = searchable(&bundle);
    assert!(finds(
        &record,
        "patient.family:missing=true&patient.given:missing=true"
    ));
}

#[test]
fn debug_shows_no_content() {
    assert_eq!(format!("{:?}", searchable(&report())), "Searchable");
}

/// What the guides' examples and the reference library write is found.
#[test]
fn real_records_are_found() {
    for (name, text) in real_records() {
        let record = Bundle::parse(text.as_bytes()).unwrap().searchable();
        let queries: &[&str] = match name.as_str() {
            "birth-provider-report-document.json" | "birth-jurisdiction-report-document.json" => &[
                "patient.family=quinn&patient.given=baby&patient.birthdate=2019-02-12&birth-location=south hosp",
                "patient.identifier=http://hospital.smarthealthit.org|9932702",
            ],
            "fetaldeath-jurisdiction-report-document.json" => &[
                "patient.birthdate=2019-01-09&patient.family:missing=true&birth-location=salt lake city",
            ],
            "birth-submission-message.json"
            | "birth-update-message.json"
            | "batch-single-birth.json" => &["patient.birthdate:missing=false"],
            "fetaldeath-submission-message.json" => &["patient.family=klocko&patient.given=jay"],
            _ => &[],
        };
        for query in queries {
            assert!(finds(&record, query), "{name} {query}");
        }
        let terms = record.terms().len();
        assert!(terms <= 300, "{name}: {terms}");
        if name.contains("report-document") {
            assert!(record.facilities.len() >= 2, "{name}");
        }
    }
}

/// Whatever `ssn` would mask finds nobody: numbers could be tried out one digit after the other.
#[test]
fn nobody_is_found_by_a_number() {
    let patient = |member: &str, value: Value| {
        let mut record = report();
        record["entry"][2]["resource"][member] = value;
        record
    };
    let identifier = |value: Value| {
        patient(
            "identifier",
            json!([value, {"type": {"coding": [{"code": "SS"}]}, "value": "111-22-4444"}]),
        )
    };
    for (record, query) in [
        (
            identifier(json!({"type": {"coding": [{"code": "MR"}]}, "value": "555-44-2222"})),
            "patient.identifier=555-44-2222",
        ),
        (
            identifier(json!({"type": {"coding": [{"code": "ss"}]}, "value": "555441111"})),
            "patient.identifier=555441111",
        ),
        (
            identifier(json!({"type": {"text": "SSN"}, "value": "555441111"})),
            "patient.identifier=555441111",
        ),
        (
            identifier(json!({"system": "http://hl7.org/fhir/sid/us-ssn/", "value": "555441111"})),
            "patient.identifier=555441111",
        ),
        (
            identifier(json!({"system": "http://hl7.org/fhir/sid/us-ssn\n", "value": "555441111"})),
            "patient.identifier=555441111",
        ),
        (
            identifier(json!({"type": {"coding": [{"code": "SB"}]}, "value": "55544"})),
            "patient.identifier=55544",
        ),
        (
            identifier(json!({"system": "http://www.ssa.gov", "value": "55544"})),
            "patient.identifier=55544",
        ),
        (
            identifier(
                json!({"assigner": {"display": "Social Security Administration"}, "value": "55544"}),
            ),
            "patient.identifier=55544",
        ),
        // The read masks it because the record names it in another place.
        (
            identifier(json!({"type": {"coding": [{"code": "MR"}]}, "value": "111224444"})),
            "patient.identifier=111224444",
        ),
        (
            patient(
                "name",
                json!([{"family": "555-42-1111", "given": ["555-42-1112"]}]),
            ),
            "patient.family=555-42",
        ),
        (
            patient(
                "name",
                json!([{"family": "555-42-1111", "given": ["555-42-1112"]}]),
            ),
            "patient.given=555-42",
        ),
    ] {
        assert!(!finds(&searchable(&record), query), "{query}");
    }
}

#[test]
fn a_bundle_has_no_number_for_an_identifier() {
    let number = "555443333";
    for identifier in [
        json!({"system": "http://hl7.org/fhir/sid/us-ssn", "value": number}),
        json!({"system": "urn:x", "type": {"coding": [{"code": "ss"}]}, "value": number}),
        json!({"system": "urn:x", "assigner": {"display": "Social Security Administration"}, "value": number}),
        json!({"system": "urn:x", "value": "555-44-3333"}),
        json!({"system": "urn:x", "value": "999001111"}),
    ] {
        let mut record = report();
        record["identifier"] = identifier;
        // An EHR's own report has an identifier of any form.
        record["entry"][0]["resource"]["type"]["coding"][0]["code"] = json!("68998-4");
        let text = record.to_string();
        let Ok(bundle) = Bundle::parse(text.as_bytes()) else {
            unreachable!("{record}");
        };
        assert_eq!(bundle.index().identifier, None);
        for value in [number, "555-44-3333", "999001111"] {
            assert!(!finds(&bundle.searchable(), &format!("identifier={value}")));
        }
    }
}
