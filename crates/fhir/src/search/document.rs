//! The parameters of `Composition/$document`: of FHIR R4 (`id`, `persist`), and those by which a vital records
//! office asks a hospital for a report: report number, the child or fetus, the place of birth.

use serde::Deserialize;

use super::parameters::{of_shown, once, pairs, refused, unreadable};
use super::token::escaped;
use super::{CURSOR, Criterion, Parameters, Token};
use crate::ResourceType;
use crate::interaction::{Document, is_id};
use crate::outcome::{IssueCode, Refusal};

/// Reads the query of a `GET`.
///
/// # Errors
/// 400: `not-supported` for a parameter that is not known (a report that matches fewer criteria than were asked for
/// is somebody else's report) and for one given twice, `value` for a value that cannot be read, `required` if there
/// is none.
pub fn parse_query(query: &str) -> Result<Document, Refusal> {
    read(pairs(query)?)
}

/// Reads the Parameters resource of a `POST`, and the query of its URL, which counts too. Run
/// [`crate::json::check`] before.
///
/// # Errors
/// As of [`parse_query`]; `structure` if it is no Parameters resource.
pub fn parse_posted(query: &str, body: &[u8]) -> Result<Document, Refusal> {
    let unreadable = || {
        refused(
            IssueCode::Structure,
            "a Parameters resource in JSON is expected",
        )
    };
    // serde reads an array as a struct as well.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(unreadable());
    }
    let body: Posted = serde_json::from_slice(body).map_err(|_| unreadable())?;
    if body.resource_type.as_deref() != Some("Parameters") {
        return Err(unreadable());
    }
    let mut given = pairs(query)?;
    for parameter in body.parameter {
        let patient = parameter.name == "patient";
        if patient && !parameter.part.is_empty() {
            for part in parameter.part {
                let element = part.name.strip_prefix("patient.").unwrap_or(&part.name);
                given.push((format!("patient.{element}"), part.value()?));
            }
        } else {
            given.push((parameter.name.clone(), parameter.value()?));
        }
    }
    read(given)
}

fn read(given: Vec<(String, String)>) -> Result<Document, Refusal> {
    let mut parameters = Parameters::new(ResourceType::Bundle);
    parameters.operation = true;
    parameters.criteria.push(Criterion::Document);
    let (mut id, mut reports, mut seen) = (None, Vec::new(), Vec::new());
    for (name, value) in given {
        match name.as_str() {
            // Every document is stored anyway.
            "_format" | "_pretty" => continue,
            "persist" => persist(&value)?,
            "id" => once(&name, &mut id, composition_id(&value)?)?,
            "reportNumber"
            | "report-number"
            | "fetalDeathReportNumber"
            | "liveBirthCertificateNumber" => {
                let token = Token::parse(&value).filter(|token| token.value.is_some());
                reports.push(
                    token
                        .ok_or_else(|| unreadable("report-number", NUMBER))?
                        .to_string(),
                );
                parameters.use_as_given("report-number", value)?;
            }
            "_count" | CURSOR => {
                parameters.add_result_parameter(&name, &value)?;
            }
            name => narrow(&mut parameters, &mut seen, name, value)?,
        }
    }
    if !reports.is_empty() {
        parameters.add_criterion("report-number", &reports.join(","))?;
    }
    parameters.check_cursor()?;
    choose(id, parameters)
}

/// A parameter that narrows the search, once.
fn narrow(
    parameters: &mut Parameters,
    seen: &mut Vec<&'static str>,
    name: &str,
    value: String,
) -> Result<(), Refusal> {
    let known = match name {
        "identifier" => "identifier",
        "patient.birthdate" => "patient.birthdate",
        "patient.family" => "patient.family",
        "patient.given" => "patient.given",
        "birth-location" | "birthLocation" => "birth-location",
        _ => {
            let text = "$document takes id, or report-number, identifier, patient.birthdate, patient.family, \
                        patient.given and birth-location; other parameters are not offered";
            return Err(of_shown(refused(IssueCode::NotSupported, text), name));
        }
    };
    // Also of two patients: that one document is of both is not what such a request means.
    if seen.contains(&known) {
        return Err(refused(
            IssueCode::NotSupported,
            format!("$document takes {known} once"),
        )
        .of_http(known));
    }
    seen.push(known);
    let criterion = match known {
        "identifier" => {
            let token = Token::parse(&value).filter(|token| token.value.is_some());
            token.ok_or_else(|| unreadable(known, NUMBER))?.to_string()
        }
        // A comma in a parameter of an operation separates nothing.
        _ => escaped(&value),
    };
    parameters.add_criterion(known, &criterion)?;
    parameters.use_as_given(known, value)
}

fn choose(id: Option<String>, parameters: Parameters) -> Result<Document, Refusal> {
    let narrowed = parameters
        .criteria
        .iter()
        .any(|criterion| *criterion != Criterion::Document);
    match id {
        Some(id) if !narrowed && parameters.cursor.is_none() => Ok(Document::Id(id)),
        None if narrowed || parameters.cursor.is_some() => {
            Ok(Document::Search(Box::new(parameters)))
        }
        _ => {
            let text = "$document needs either id, or what the document is found by";
            Err(refused(IssueCode::Required, text))
        }
    }
}

fn composition_id(value: &str) -> Result<String, Refusal> {
    let id = value.strip_prefix("Composition/").unwrap_or(value);
    let id = Some(id).filter(|id| is_id(id)).map(str::to_owned);
    id.ok_or_else(|| {
        refused(
            IssueCode::Value,
            "id of $document must be the id of a Composition",
        )
        .of_http("id")
    })
}

fn persist(value: &str) -> Result<(), Refusal> {
    match value {
        "true" | "false" => Ok(()),
        _ => Err(unreadable("persist", "it is true or false")),
    }
}

/// How what a report is found by is written.
const NUMBER: &str = "it is a value alone or with its system, as system|value";

#[derive(Deserialize)]
struct Posted {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
    #[serde(default)]
    parameter: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Parameter {
    #[serde(default)]
    name: String,
    #[serde(
        rename = "valueUri",
        alias = "valueString",
        alias = "valueDate",
        alias = "valueId",
        alias = "valueCode"
    )]
    text: Option<String>,
    #[serde(rename = "valueBoolean")]
    boolean: Option<bool>,
    #[serde(rename = "valueIdentifier")]
    identifier: Option<Identifier>,
    #[serde(default)]
    part: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Identifier {
    system: Option<String>,
    value: Option<String>,
}

impl Parameter {
    /// As it would stand in a query.
    fn value(self) -> Result<String, Refusal> {
        match (self.text, self.boolean, self.identifier) {
            (Some(text), None, None) => Ok(text),
            (None, Some(boolean), None) => Ok(boolean.to_string()),
            (
                None,
                None,
                Some(Identifier {
                    system,
                    value: Some(value),
                }),
            ) => Ok(match system {
                Some(system) => format!("{}|{}", escaped(&system), escaped(&value)),
                None => escaped(&value),
            }),
            _ => {
                let text = "a parameter of $document must have one value";
                Err(of_shown(refused(IssueCode::Structure, text), &self.name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

    use super::*;

    fn search(document: Document) -> Parameters {
        match document {
            Document::Search(parameters) => *parameters,
            Document::Id(id) => panic!("the document {id}"),
        }
    }

    #[test]
    fn a_query_and_a_parameters_resource_ask_for_the_same() {
        let query = "report-number=urn:x%7C15075&report-number=7&patient.birthdate=2026-05-01\
            &patient.family=Qu%2Cinn&patient.given=Baby&birth-location=South";
        let body = br#"{"resourceType":"Parameters","parameter":[
            {"name":"reportNumber","valueIdentifier":{"system":"urn:x","value":"15075"}},
            {"name":"reportNumber","valueIdentifier":{"value":"7"}},
            {"name":"patient","part":[{"name":"birthdate","valueDate":"2026-05-01"},
                {"name":"patient.family","valueString":"Qu,inn"},{"name":"given","valueString":"Baby"}]},
            {"name":"birth-location","valueString":"South"},{"name":"persist","valueBoolean":false}]}"#;
        let (got, posted) = (
            search(parse_query(query).unwrap()),
            search(parse_posted("", body).unwrap()),
        );
        assert_eq!(got, posted);
        assert_eq!(got.path(), "Composition/$document");
        assert_eq!(got.criteria.len(), 6);
        // The report numbers, of which one has to match, stand last.
        assert!(matches!(got.criteria.last(), Some(Criterion::Terms(terms)) if terms.len() == 2));
        assert_eq!(
            search(parse_query(&got.to_query(20)).unwrap()).criteria,
            got.criteria
        );
    }

    #[test]
    fn an_id_is_asked_for_alone() {
        for query in [
            "id=a-1",
            "id=Composition/a-1",
            "id=a-1&persist=true&_format=json",
        ] {
            assert_eq!(
                parse_query(query).unwrap(),
                Document::Id("a-1".to_owned()),
                "{query}"
            );
        }
        let body = br#"{"resourceType":"Parameters","parameter":[{"name":"id","valueUri":"a-1"}]}"#;
        let refusal = parse_posted("id=a-1", body).unwrap_err();
        assert_eq!(
            refusal.issue.code,
            IssueCode::NotSupported,
            "the query counts too"
        );
        assert_eq!(
            parse_posted("", body).unwrap(),
            Document::Id("a-1".to_owned())
        );
    }

    #[test]
    fn what_cannot_be_followed_is_400() {
        for (query, code) in [
            ("", IssueCode::Required),
            ("persist=true", IssueCode::Required),
            ("id=a&patient.family=b", IssueCode::Required),
            ("id=a/b", IssueCode::Value),
            ("id=a&id=b", IssueCode::NotSupported),
            ("persist=maybe&id=a", IssueCode::Value),
            ("patient.family=a&patient.family=b", IssueCode::NotSupported),
            ("patient.family=", IssueCode::Value),
            ("patient.family:exact=a", IssueCode::NotSupported),
            ("patient.birthdate=ge2026", IssueCode::NotSupported),
            ("patient.birthdate=soon", IssueCode::Value),
            ("patient.address=x", IssueCode::NotSupported),
            ("identifier=urn:x%7C", IssueCode::Value),
            ("report-number=", IssueCode::Value),
            ("_cursor=x&patient.family=a", IssueCode::Invalid),
        ] {
            let refusal = parse_query(query).unwrap_err();
            assert_eq!((refusal.status, refusal.issue.code), (400, code), "{query}");
        }
        for body in [
            "[]",
            "{}",
            "1",
            r#"{"resourceType":"Bundle"}"#,
            r#"{"resourceType":"Parameters","parameter":{}}"#,
            r#"{"resourceType":"Parameters","parameter":[{"name":"patient.family"}]}"#,
            r#"{"resourceType":"Parameters","parameter":[{"name":"id","valueUri":"a","valueBoolean":true}]}"#,
        ] {
            let refusal = parse_posted("", body.as_bytes()).unwrap_err();
            assert_eq!(
                (refusal.status, refusal.issue.code),
                (400, IssueCode::Structure),
                "{body}"
            );
        }
    }
}
