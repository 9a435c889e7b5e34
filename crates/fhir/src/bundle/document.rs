//! A document Bundle (FHIR R4 bdl-9 to bdl-11): a report, or coded content.

use super::wire::{self, Composition, Part, ROOT, is_plain};
use super::{Bundle, BundleType, Index, not_supported, record_type, required, value};
use crate::outcome::Issue;
use crate::{CompositionType, NaturalKey, ReportForm};

/// Reads a document on its own: identifier and Composition type are required.
pub(super) fn read(bundle: wire::Bundle<'_>) -> Result<Bundle<'_>, Issue> {
    let Document {
        mut index,
        resources,
        parts,
        key,
    } = Document::read(bundle, ROOT)?;
    if !matches!(index.identifier, Some((Some(_), _))) {
        let text = "a document must have an identifier with system and value (bdl-9)";
        return Err(required(text, "Bundle.identifier"));
    }
    let composition_type = index.composition_type.ok_or_else(|| {
        let text = "the document is none of the birth and fetal death documents exchanged here";
        not_supported(text, "Bundle.entry[0].resource.type")
    })?;
    // A hospital's own number says nothing of a jurisdiction; every later document has the key.
    if key.is_none() && composition_type.form() != ReportForm::Provider {
        let text =
            "the identifier must be year, jurisdiction and certificate number, like 2026MA000001";
        return Err(value(text, "Bundle.identifier.value"));
    }
    index.set_key(key.unwrap_or_default());
    Ok(Bundle {
        index,
        resources,
        documents: vec![parts],
    })
}

/// A document, on its own or in a message.
pub(super) struct Document<'a> {
    /// Without the natural key.
    pub(super) index: Index,
    pub(super) resources: Vec<&'a serde_json::value::RawValue>,
    pub(super) parts: Vec<Part<'a>>,
    /// What the identifier says, if it has the form of a key.
    pub(super) key: Option<NaturalKey>,
}

impl<'a> Document<'a> {
    /// Reads the Composition, which must have a type, and the identifier. A type that is not exchanged
    /// here is left open.
    pub(super) fn read(bundle: wire::Bundle<'a>, at: &str) -> Result<Self, Issue> {
        let mut index = Index::new(BundleType::Document);
        index.identifier = bundle.identifier(at)?;
        index.timestamp = bundle.timestamp(at)?;
        let parts = bundle.into_parts(at)?;
        let resources: Vec<_> = parts.iter().map(Part::resource).collect();
        let place = format!("{at}.entry[0].resource");
        let first = resources.first().copied();
        let raw = first.ok_or_else(|| required("the document is empty", place.as_str()))?;
        if wire::resource_type(raw, &place)? != "Composition" {
            let text = "the first entry of a document must be its Composition (bdl-11)";
            return Err(value(text, place));
        }
        let composition: Composition = wire::resource(raw, &place)?;
        index.composition_type = composition_type(&composition, &place)?;
        index.record_type = match index.composition_type {
            Some(kind) => kind
                .record_type()
                .or_else(|| record_type::from_content(&composition, &resources)),
            None => None,
        };
        index.composition_id = composition.id.filter(|id| is_plain(id));
        let subject = composition.subject.and_then(|subject| subject.reference);
        index.subject = subject.filter(|reference| is_plain(reference));
        let key = index
            .identifier
            .as_ref()
            .and_then(|(_, value)| NaturalKey::parse(value));
        Ok(Self {
            index,
            resources,
            parts,
            key,
        })
    }
}

/// The one type of the Composition that is exchanged here; `None` if it has only other ones.
fn composition_type(
    composition: &Composition,
    place: &str,
) -> Result<Option<CompositionType>, Issue> {
    let codings = composition
        .r#type
        .iter()
        .flat_map(|concept| &concept.coding);
    let mut coded = codings
        .filter_map(|coding| Some((coding.system.as_deref(), coding.code.as_deref()?)))
        .peekable();
    if coded.peek().is_none() {
        let text = "the Composition has no coded type";
        return Err(required(text, format!("{place}.type")));
    }
    let mut known = coded.filter_map(|(system, code)| CompositionType::of_coding(system, code));
    let first = known.next();
    if known.any(|other| Some(other) != first) {
        let text = "the Composition has two types of document";
        return Err(value(text, format!("{place}.type")));
    }
    Ok(first)
}
