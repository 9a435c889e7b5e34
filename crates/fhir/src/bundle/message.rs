//! A message (FHIR R4 bdl-12; Vital Records Messaging): event, key, and the document it carries.

use serde_json::value::RawValue;

use super::document::Document;
use super::wire::{self, MessageHeader, Parameters, Part, ROOT, is_plain};
use super::{Bundle, BundleType, Index, contradiction, not_supported, required, value};
use crate::natural_key::{self, UNKNOWN_JURISDICTION};
use crate::outcome::Issue;
use crate::{Jurisdiction, NaturalKey, RecordType};

/// Reads one message, which stands at the FHIRPath `at`.
pub(super) fn read<'a>(bundle: wire::Bundle<'a>, at: &str) -> Result<Bundle<'a>, Issue> {
    let mut index = Index::new(BundleType::Message);
    index.identifier = bundle.identifier(at)?;
    index.timestamp = bundle.timestamp(at)?;
    let resources = bundle.into_resources(at)?;
    read_header(&mut index, &resources, at)?;
    let parts = Parts::find(&resources, at)?;
    let (parameters, place) = parts
        .parameters
        .ok_or_else(|| required("a message must have its Parameters", format!("{at}.entry")))?;
    let mut key = read_key(&wire::resource(parameters, &place)?, &place)?;
    let mut documents = Vec::new();
    if let Some((raw, place)) = parts.document {
        let document;
        (key, document) = check_document(&index, key, raw, &place)?;
        documents.push(document);
    }
    index.set_key(key);
    Ok(Bundle {
        index,
        resources,
        documents,
    })
}

/// Reads a batch: every entry is a message, and all are of one kind of record and one jurisdiction, so
/// that one decision can be made about all of them.
pub(super) fn read_batch<'a>(bundle: wire::Bundle<'a>) -> Result<Bundle<'a>, Issue> {
    let mut index = Index::new(BundleType::Batch);
    index.identifier = bundle.identifier(ROOT)?;
    index.timestamp = bundle.timestamp(ROOT)?;
    let resources = bundle.into_resources(ROOT)?;
    let mut keys = Vec::with_capacity(resources.len());
    let mut documents = Vec::new();
    for (number, raw) in resources.iter().enumerate() {
        let place = format!("Bundle.entry[{number}].resource");
        let message = batched(raw, &place)?;
        documents.extend(message.documents);
        let message = message.index;
        if index
            .record_type
            .is_some_and(|kind| Some(kind) != message.record_type)
        {
            let text = "a batch must not mix births and fetal deaths";
            return Err(contradiction(text, place));
        }
        index.record_type = message.record_type;
        keys.push((message.natural_key(), place));
    }
    index.set_key(common_key(keys)?);
    Ok(Bundle {
        index,
        resources,
        documents,
    })
}

fn batched<'a>(raw: &'a RawValue, place: &str) -> Result<Bundle<'a>, Issue> {
    let text = "every entry of a batch must be a message Bundle";
    if wire::resource_type(raw, place)? != "Bundle" {
        return Err(value(text, place));
    }
    let bundle = wire::Bundle::parse(raw.get().as_bytes(), place)?;
    match bundle.bundle_type(place) {
        Ok(BundleType::Message) => read(bundle, place),
        _ => Err(value(text, place)),
    }
}

/// What all messages of a batch say. Their jurisdictions must not differ; year and number may.
fn common_key(keys: Vec<(NaturalKey, String)>) -> Result<NaturalKey, Issue> {
    let mut keys = keys.into_iter();
    let Some((mut common, _)) = keys.next() else {
        return Ok(NaturalKey::default());
    };
    for (key, place) in keys {
        let jurisdiction = common.jurisdiction.or(key.jurisdiction);
        if key
            .jurisdiction
            .is_some_and(|own| Some(own) != jurisdiction)
        {
            return Err(contradiction("a batch must be of one jurisdiction", place));
        }
        common.event_year = common
            .event_year
            .filter(|year| Some(*year) == key.event_year);
        let number = common.certificate_number.take();
        common.certificate_number =
            number.filter(|own| Some(own) == key.certificate_number.as_ref());
        common.jurisdiction = jurisdiction;
    }
    Ok(common)
}

fn read_header(index: &mut Index, resources: &[&RawValue], at: &str) -> Result<(), Issue> {
    let place = format!("{at}.entry[0].resource");
    let missing = "the first entry of a message must be its MessageHeader (bdl-12)";
    let raw = resources
        .first()
        .ok_or_else(|| required(missing, place.as_str()))?;
    if wire::resource_type(raw, &place)? != "MessageHeader" {
        return Err(value(missing, place));
    }
    let header: MessageHeader = wire::resource(raw, &place)?;
    let place = format!("{place}.eventUri");
    let uri = header.event_uri;
    let uri = uri.ok_or_else(|| required("the message names no event", place.as_str()))?;
    let event = uri
        .strip_prefix(EVENT_BASE)
        .and_then(|name| Some((name, record_type(name)?)));
    let (name, record_type) = event.ok_or_else(|| {
        not_supported(
            "only birth and fetal death messages are exchanged here",
            place,
        )
    })?;
    index.event = Some(name.to_owned());
    index.record_type = Some(record_type);
    index.message_id = header.id.filter(|id| is_plain(id));
    Ok(())
}

/// The record type of an event's name: `birth_submission`, `fd_acknowledgement`. Names that a later
/// edition adds are taken by their first part; deaths (`vrdr_`) are not exchanged here.
fn record_type(event: &str) -> Option<RecordType> {
    let (kind, rest) = event.split_once('_')?;
    let word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    if rest.is_empty() || rest.len() > 64 || !rest.bytes().all(word) {
        return None;
    }
    match kind {
        "birth" => Some(RecordType::Birth),
        "fd" => Some(RecordType::FetalDeath),
        _ => None,
    }
}

/// The entries that matter, each with its FHIRPath.
#[derive(Default)]
struct Parts<'a> {
    parameters: Option<(&'a RawValue, String)>,
    document: Option<(&'a RawValue, String)>,
}

impl<'a> Parts<'a> {
    fn find(resources: &[&'a RawValue], at: &str) -> Result<Self, Issue> {
        let mut parts = Self::default();
        for (number, raw) in resources.iter().enumerate().skip(1) {
            let place = format!("{at}.entry[{number}].resource");
            let part = match wire::resource_type(raw, &place)?.as_str() {
                "Parameters" => &mut parts.parameters,
                "Bundle" => &mut parts.document,
                _ => continue,
            };
            // Which of two would count is a guess.
            if part.is_some() {
                let text = "a message has one Parameters resource and at most one document";
                return Err(contradiction(text, place));
            }
            *part = Some((raw, place));
        }
        Ok(parts)
    }
}

/// The key that the Parameters say.
fn read_key(parameters: &Parameters, place: &str) -> Result<NaturalKey, Issue> {
    let mut key = NaturalKey::default();
    let mut seen = [false; 3];
    for parameter in &parameters.parameter {
        let Some(name) = parameter.name.as_deref() else {
            continue;
        };
        let Some(number) = KEY_PARAMETERS.iter().position(|known| *known == name) else {
            continue;
        };
        let place = format!("{place}.parameter.where(name='{name}')");
        if let Some(seen) = seen.get_mut(number)
            && std::mem::replace(seen, true)
        {
            return Err(contradiction(
                "a parameter that says which record this is must be given once only",
                place,
            ));
        }
        let read = match name {
            "jurisdiction_id" => read_jurisdiction(parameter, &mut key),
            "event_year" => read_year(parameter, &mut key),
            _ => read_certificate_number(parameter, &mut key),
        };
        let text = match name {
            "jurisdiction_id" => {
                "jurisdiction_id must be the two letters of a jurisdiction, such as MA"
            }
            "event_year" => "event_year must be a year of four digits, such as 2026",
            _ => "cert_no must be a number of one to six digits",
        };
        read.ok_or_else(|| value(text, place))?;
    }
    Ok(key)
}

fn read_jurisdiction(parameter: &wire::Parameter, key: &mut NaturalKey) -> Option<()> {
    let code = parameter.string.as_deref()?;
    if code != UNKNOWN_JURISDICTION {
        key.jurisdiction = Some(Jurisdiction::parse(code)?);
    }
    Some(())
}

fn read_year(parameter: &wire::Parameter, key: &mut NaturalKey) -> Option<()> {
    let year = i32::try_from(parameter.number?).ok()?;
    key.event_year = Some(year).filter(|year| (1..=9999).contains(year));
    (year == 0 || key.event_year.is_some()).then_some(())
}

fn read_certificate_number(parameter: &wire::Parameter, key: &mut NaturalKey) -> Option<()> {
    let number = u64::try_from(parameter.number?).ok()?;
    key.certificate_number = natural_key::certificate_number(number);
    (number == 0 || key.certificate_number.is_some()).then_some(())
}

/// A message's document must not contradict the message. Answers the key of both, and the document's entries.
fn check_document<'a>(
    index: &Index,
    key: NaturalKey,
    raw: &'a RawValue,
    place: &str,
) -> Result<(NaturalKey, Vec<Part<'a>>), Issue> {
    let bundle = wire::Bundle::parse(raw.get().as_bytes(), place)?;
    if bundle.bundle_type(place)? != BundleType::Document {
        return Err(value(
            "the Bundle in a message must be a document",
            format!("{place}.type"),
        ));
    }
    let document = Document::read(bundle, place)?;
    // Fixtures of the messaging guide carry a document of an older type; the event decides.
    let kind = document
        .index
        .composition_type
        .and_then(|kind| kind.record_type());
    if kind.is_some_and(|kind| Some(kind) != index.record_type) {
        let text = "the message and its document are of different record types";
        return Err(contradiction(text, place));
    }
    let own = document.key.unwrap_or_default();
    if !key.agrees_with(&own) {
        let text = "the message's Parameters and its document's identifier disagree \
                    on year, jurisdiction or certificate number";
        return Err(contradiction(text, format!("{place}.identifier.value")));
    }
    Ok((key.or(own), document.parts))
}

const EVENT_BASE: &str = "http://nchs.cdc.gov/";

const KEY_PARAMETERS: [&str; 3] = ["jurisdiction_id", "event_year", "cert_no"];
