//! Year, jurisdiction and certificate number of a record, which must be the same wherever it says
//! them: in the message's Parameters, the document's identifier, the Composition, the date of the event.

use std::collections::HashMap;

use crate::json::tree::{Node, Tree};
use crate::outcome::IssueCode;
use crate::{Jurisdiction, NaturalKey, ReportForm, natural_key};

use super::document::composition_type;
use super::envelope::{Entry, Target};
use super::{Envelope, Place, Report};

/// Holds what each document says against itself and against the message that carries it.
pub(super) fn check(_: &Tree<'_>, envelopes: &[Envelope<'_>], report: &mut Report) {
    let mut said: HashMap<usize, NaturalKey> = HashMap::new();
    for envelope in envelopes
        .iter()
        .filter(|envelope| envelope.kind == "document")
    {
        let message = envelope
            .message
            .and_then(|number| Some((number, envelopes.get(number)?)));
        let known = match message {
            // Once, however many documents it carries.
            Some((number, message)) => said
                .entry(number)
                .or_insert_with(|| compare(NaturalKey::default(), &of_message(message), report))
                .clone(),
            None => {
                check_form(envelope, report);
                NaturalKey::default()
            }
        };
        let mut sayings = of_identifier(envelope);
        sayings.extend(of_composition(envelope));
        sayings.extend(of_event(envelope));
        compare(known, &sayings, report);
    }
}

/// A hospital's own number may have any form; every later document is known by the key.
fn check_form(envelope: &Envelope<'_>, report: &mut Report) {
    let first = envelope.entries.first().and_then(|entry| entry.resource);
    let kind = first.and_then(composition_type);
    if kind.is_none_or(|kind| kind.form() == ReportForm::Provider) {
        return;
    }
    let identifier = envelope.node.get("identifier");
    if let Some(value) = identifier.and_then(|identifier| identifier.get("value"))
        && value
            .text()
            .is_some_and(|text| NaturalKey::parse(&text).is_none())
    {
        let path = format!("{}.identifier.value", envelope.path);
        let text = "must be year, jurisdiction and certificate number, like 2026MA000001";
        let at = value.span().start;
        report.error(IssueCode::Value, text, at, &Place::root(&path));
    }
}

/// What one place says of the key.
struct Saying {
    key: NaturalKey,
    path: String,
    at: usize,
}

/// The first place that says a part is right, and whoever disagrees is told of. Returns what is known then.
fn compare(mut known: NaturalKey, sayings: &[Saying], report: &mut Report) -> NaturalKey {
    for saying in sayings {
        let key = &saying.key;
        let differs = |what: bool, text| what.then_some(text);
        let texts = [
            differs(
                known.event_year.is_some()
                    && key.event_year.is_some()
                    && known.event_year != key.event_year,
                "says another year of the event than the record does elsewhere",
            ),
            differs(
                known.jurisdiction.is_some()
                    && key.jurisdiction.is_some()
                    && known.jurisdiction != key.jurisdiction,
                "says another jurisdiction than the record does elsewhere",
            ),
            differs(
                known.certificate_number.is_some()
                    && key.certificate_number.is_some()
                    && known.certificate_number != key.certificate_number,
                "says another certificate number than the record does elsewhere",
            ),
        ];
        for text in texts.into_iter().flatten() {
            let place = Place::root(&saying.path);
            report.error(IssueCode::BusinessRule, text, saying.at, &place);
        }
        known = known.or(key.clone());
    }
    known
}

/// The Parameters of a message.
fn of_message(envelope: &Envelope<'_>) -> Vec<Saying> {
    let mut sayings = Vec::new();
    for (at, entry) in envelope.entries.iter().enumerate() {
        let Some(resource) = entry
            .resource
            .filter(|_| entry.resource_type == "Parameters")
        else {
            continue;
        };
        let parameters = resource
            .get("parameter")
            .into_iter()
            .flat_map(Node::elements);
        for (number, parameter) in parameters.enumerate() {
            let key = of_parameter(parameter).unwrap_or_default();
            sayings.push(Saying {
                key,
                path: format!("{}.entry[{at}].resource.parameter[{number}]", envelope.path),
                at: parameter.span().start,
            });
        }
    }
    sayings
}

fn of_parameter(parameter: Node<'_>) -> Option<NaturalKey> {
    let mut key = NaturalKey::default();
    let number = || parameter.get("valueUnsignedInt")?.raw().parse::<u64>().ok();
    match parameter.text_of("name")?.as_ref() {
        "jurisdiction_id" => {
            key.jurisdiction = Jurisdiction::parse(&parameter.text_of("valueString")?);
        }
        "event_year" => key.event_year = i32::try_from(number()?).ok().filter(|year| *year > 0),
        "cert_no" => key.certificate_number = natural_key::certificate_number(number()?),
        _ => {}
    }
    Some(key)
}

/// The document's identifier, and the number that it carries as an extension.
fn of_identifier(envelope: &Envelope<'_>) -> Vec<Saying> {
    let Some(identifier) = envelope.node.get("identifier") else {
        return Vec::new();
    };
    let path = format!("{}.identifier", envelope.path);
    let mut sayings = Vec::new();
    if let Some(value) = identifier.get("value")
        && let Some(key) = value.text().and_then(|text| NaturalKey::parse(&text))
    {
        sayings.push(Saying {
            key,
            path: format!("{path}.value"),
            at: value.span().start,
        });
    }
    sayings.extend(numbers(identifier, &path));
    sayings
}

/// The Composition's own report numbers.
fn of_composition(envelope: &Envelope<'_>) -> Vec<Saying> {
    let first = envelope.entries.first().and_then(|entry| entry.resource);
    let path = format!("{}.entry[0].resource", envelope.path);
    first
        .map(|composition| numbers(composition, &path))
        .unwrap_or_default()
}

/// The certificate number among the extensions of an element.
fn numbers(element: Node<'_>, path: &str) -> Vec<Saying> {
    let extensions = element
        .get("extension")
        .into_iter()
        .flat_map(Node::elements);
    let numbers = extensions.enumerate().filter_map(|(at, extension)| {
        let url = extension.text_of("url")?;
        let name = url.rsplit('/').next().unwrap_or_default();
        if !NUMBER_EXTENSIONS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            return None;
        }
        let text = extension
            .text_of("valueString")
            .or_else(|| extension.get("valueIdentifier")?.text_of("value"))?;
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten();
        let key = match number.and_then(natural_key::certificate_number) {
            Some(number) => NaturalKey {
                certificate_number: Some(number),
                ..NaturalKey::default()
            },
            None => NaturalKey::parse(&text)?,
        };
        Some(Saying {
            key,
            path: format!("{path}.extension[{at}]"),
            at: extension.span().start,
        })
    });
    numbers.collect()
}

/// The date on which the subject of the Composition was born or delivered.
fn of_event(envelope: &Envelope<'_>) -> Option<Saying> {
    let first = envelope.entries.first()?;
    let reference = first.resource?.get("subject")?.text_of("reference")?;
    let at = match envelope.resolve(first, &reference) {
        Target::Entry(at) | Target::Alike(at) => at,
        _ => return None,
    };
    let Entry {
        resource,
        resource_type,
        ..
    } = envelope.entries.get(at)?;
    let date = resource
        .filter(|_| resource_type == "Patient")?
        .get("birthDate")?;
    let year = date
        .text()?
        .get(..4)?
        .parse()
        .ok()
        .filter(|year| *year > 0)?;
    Some(Saying {
        key: NaturalKey {
            event_year: Some(year),
            ..NaturalKey::default()
        },
        path: format!("{}.entry[{at}].resource.birthDate", envelope.path),
        at: date.span().start,
    })
}

/// The last parts of the URLs of extensions that hold the number: of the document's identifier, and of
/// the Composition.
const NUMBER_EXTENSIONS: [&str; 3] = [
    "CertificateNumber",
    "liveBirthCertificateNumber",
    "fetalDeathReportNumber",
];
