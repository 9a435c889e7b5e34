//! Synthetic BFDR documents: birth, fetal death and coded reports of realistic content, shape and size.
//!
//! Everything is drawn from lists written for this project and a seed: the same seed gives the same
//! bytes on every machine. No person in them exists; social security numbers come from the area
//! numbers 900-999, which the Social Security Administration has never assigned.

mod birth;
mod coded;
mod document;
mod draw;
mod facts;
mod fetal_death;
mod observations;
mod people;
mod places;
mod race;
mod worksheet;

pub use draw::Draw;

/// What a synthetic document reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A live birth.
    Birth,
    /// A fetal death.
    FetalDeath,
    /// What NCHS returns: coded race and ethnicity of the parents.
    Coded,
}

/// Who reports: the hospital to its vital records office, or the office to NCHS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The hospital's report, with the mother's worksheet and without a certificate number.
    Provider,
    /// The vital records office's report, with a certificate number.
    Jurisdiction,
}

/// Which documents to write.
#[derive(Clone, Debug)]
pub struct Request {
    /// What they report.
    pub kind: Kind,
    /// Who reports. Coded documents have one form only, and ignore this.
    pub form: Form,
    /// Jurisdiction code of two letters, as the vital-records messages use it (`MA`, `YC`).
    pub jurisdiction: String,
    /// Every document is a function of this and its number.
    pub seed: u64,
}

/// One synthetic document.
#[derive(Clone, Debug)]
pub struct Sample {
    /// A file name that says what it is: `birth-provider-MA-000001.json`.
    pub file_name: String,
    /// The FHIR Bundle as JSON, indented.
    pub json: Vec<u8>,
}

/// Writes document `number` (from 1) of `request`.
///
/// # Errors
/// An unknown jurisdiction code.
pub fn write(request: &Request, number: u32) -> Result<Sample, UnknownJurisdiction> {
    let place = places::find(&request.jurisdiction)
        .ok_or_else(|| UnknownJurisdiction(request.jurisdiction.clone()))?;
    let mut draw = Draw::new(request.seed, number);
    let case = people::Case::draw(&mut draw, place, number);
    let (name, bundle) = match (request.kind, request.form) {
        (Kind::Birth, Form::Provider) => ("birth-provider", birth::provider(&case, &mut draw)),
        (Kind::Birth, Form::Jurisdiction) => {
            ("birth-jurisdiction", birth::jurisdiction(&case, &mut draw))
        }
        (Kind::FetalDeath, Form::Provider) => (
            "fetal-death-provider",
            fetal_death::provider(&case, &mut draw),
        ),
        (Kind::FetalDeath, Form::Jurisdiction) => (
            "fetal-death-jurisdiction",
            fetal_death::jurisdiction(&case, &mut draw),
        ),
        (Kind::Coded, _) => ("coded", coded::race_and_ethnicity(&case, &mut draw)),
    };
    let mut json = format!("{bundle:#}").into_bytes();
    json.push(b'\n');
    Ok(Sample {
        file_name: format!("{name}-{}-{number:06}.json", request.jurisdiction),
        json,
    })
}

/// The jurisdiction asked for is not one that reports births.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is not a jurisdiction that reports births and fetal deaths (two capital letters, for instance MA or YC)"
)]
pub struct UnknownJurisdiction(String);

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    fn request(kind: Kind, form: Form) -> Request {
        Request {
            kind,
            form,
            jurisdiction: "MA".to_owned(),
            seed: 7,
        }
    }

    fn all() -> Vec<Request> {
        vec![
            request(Kind::Birth, Form::Provider),
            request(Kind::Birth, Form::Jurisdiction),
            request(Kind::FetalDeath, Form::Provider),
            request(Kind::FetalDeath, Form::Jurisdiction),
            request(Kind::Coded, Form::Jurisdiction),
        ]
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
        for request in all() {
            let first = write(&request, 1).unwrap();
            assert_eq!(first.json, write(&request, 1).unwrap().json);
            assert_ne!(first.json, write(&request, 2).unwrap().json);
            assert_ne!(
                first.json,
                write(
                    &Request {
                        seed: 8,
                        ..request.clone()
                    },
                    1
                )
                .unwrap()
                .json
            );
        }
    }

    #[test]
    fn every_document_is_indexed_by_the_fhir_crate_as_what_it_claims_to_be() {
        for request in all() {
            for number in 1..=20 {
                let sample = write(&request, number).unwrap();
                fhir::json::check(&sample.json).unwrap();
                let bundle = fhir::bundle::Bundle::parse(&sample.json).unwrap();
                let expected = match request.kind {
                    Kind::FetalDeath => fhir::RecordType::FetalDeath,
                    Kind::Birth | Kind::Coded => fhir::RecordType::Birth,
                };
                assert_eq!(
                    bundle.index().record_type,
                    Some(expected),
                    "{}",
                    sample.file_name
                );
                let jurisdiction = bundle.index().jurisdiction.map(|found| found.to_string());
                match request.form {
                    Form::Jurisdiction => assert_eq!(jurisdiction.as_deref(), Some("MA")),
                    // A hospital's report has no certificate number yet.
                    Form::Provider => assert_eq!(jurisdiction, None),
                }
            }
        }
    }

    #[test]
    fn every_document_is_without_a_fault() {
        for request in all() {
            for number in 1..=20 {
                let sample = write(&request, number).unwrap();
                let findings = fhir::validate::validate(&sample.json).unwrap();
                assert_eq!(findings.all(), [], "{}", sample.file_name);
            }
        }
    }

    /// Neither the digits nor any spelling of them: all that is not a digit is taken out before looking.
    #[test]
    fn no_social_security_number_is_left_where_they_are_withheld() {
        let ssn = [fhir::redact::Group::Ssn].into_iter().collect();
        let mut found = 0;
        for request in all() {
            for number in 1..=4 {
                let sample = write(&request, number).unwrap();
                let numbers = numbers(&serde_json::from_slice(&sample.json).unwrap());
                let shown = fhir::redact::redact(&sample.json, ssn).unwrap().bytes;
                let findings = fhir::validate::validate(&shown).unwrap();
                assert!(!findings.has_errors(), "{:?}", findings.all());
                let text = String::from_utf8(shown).unwrap();
                let plain = text.replace(['-', ' ', '.'], "");
                for number in &numbers {
                    assert!(!plain.contains(number), "{}", sample.file_name);
                }
                found += numbers.len();
            }
        }
        assert!(found > 20, "{found}");
    }

    /// The values of identifiers of type SS.
    fn numbers(value: &serde_json::Value) -> Vec<String> {
        let own = (value["type"]["coding"][0]["code"] == "SS")
            .then(|| value["value"].as_str().unwrap().replace('-', ""));
        let within: Vec<String> = match value {
            serde_json::Value::Object(members) => members.values().flat_map(numbers).collect(),
            serde_json::Value::Array(values) => values.iter().flat_map(numbers).collect(),
            _ => Vec::new(),
        };
        own.into_iter().chain(within).collect()
    }

    #[test]
    fn every_reference_resolves_inside_the_document_and_ids_are_unique() {
        for request in all() {
            let sample = write(&request, 3).unwrap();
            let bundle: serde_json::Value = serde_json::from_slice(&sample.json).unwrap();
            let ids: Vec<String> = bundle["entry"]
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| {
                    let resource = &entry["resource"];
                    format!(
                        "{}/{}",
                        resource["resourceType"].as_str().unwrap(),
                        resource["id"].as_str().unwrap()
                    )
                })
                .collect();
            let unique: std::collections::BTreeSet<_> = ids.iter().collect();
            assert_eq!(unique.len(), ids.len());
            for reference in references(&bundle) {
                assert!(
                    ids.contains(&reference),
                    "{reference} in {}",
                    sample.file_name
                );
            }
        }
    }

    #[test]
    fn sizes_and_entry_counts_are_those_of_real_reports() {
        let bounds = [
            (90, 300, 45, 70),
            (90, 300, 45, 70),
            (60, 220, 30, 50),
            (60, 220, 30, 50),
            (15, 60, 4, 7),
        ];
        for (request, (least_kb, most_kb, least, most)) in all().iter().zip(bounds) {
            let sample = write(request, 5).unwrap();
            let kb = sample.json.len() / 1000;
            assert!(
                (least_kb..=most_kb).contains(&kb),
                "{}: {kb} kB",
                sample.file_name
            );
            let bundle: serde_json::Value = serde_json::from_slice(&sample.json).unwrap();
            let entries = bundle["entry"].as_array().unwrap().len();
            assert!(
                (least..=most).contains(&entries),
                "{}: {entries} entries",
                sample.file_name
            );
        }
    }

    #[test]
    fn a_report_is_found_by_its_place_of_birth_and_belongs_to_a_facility() {
        use fhir::search::{Criterion, Parameters};
        for request in all() {
            let sample = write(&request, 4).unwrap();
            let bundle: serde_json::Value = serde_json::from_slice(&sample.json).unwrap();
            let entries = bundle["entry"].as_array().unwrap();
            let resources = entries.iter().map(|entry| &entry["resource"]);
            let mut locations = resources.filter(|it| it["resourceType"] == "Location");
            let Some(location) = locations.next() else {
                assert_eq!(request.kind, Kind::Coded);
                continue;
            };
            assert_eq!(location["type"][1]["coding"][0]["code"], "loc_birth");
            let found = fhir::Bundle::parse(&sample.json).unwrap().searchable();
            let name = location["name"].as_str().unwrap();
            let query = format!("birth-location={name}").replace(' ', "+");
            let asked = Parameters::parse(fhir::ResourceType::Bundle, &query).unwrap();
            let terms = found.terms();
            let [Criterion::Terms(any)] = asked.criteria.as_slice() else {
                unreachable!("{:?}", asked.criteria);
            };
            assert!(any.iter().any(|term| terms.contains(term)), "{name}");
            let npi = location["identifier"][0]["value"].as_str();
            assert_eq!(found.facility().map(|it| it.value.as_str()), npi);
        }
    }

    #[test]
    fn an_unknown_jurisdiction_is_refused() {
        for code in ["", "XX", "ma", "MAS", "ZZ"] {
            let request = Request {
                jurisdiction: code.to_owned(),
                ..request(Kind::Birth, Form::Provider)
            };
            assert!(write(&request, 1).is_err(), "{code}");
        }
    }

    fn references(value: &serde_json::Value) -> Vec<String> {
        match value {
            serde_json::Value::Object(members) => members
                .iter()
                .flat_map(|(name, value)| match value.as_str() {
                    Some(text) if name == "reference" => vec![text.to_owned()],
                    _ => references(value),
                })
                .collect(),
            serde_json::Value::Array(values) => values.iter().flat_map(references).collect(),
            _ => Vec::new(),
        }
    }
}
