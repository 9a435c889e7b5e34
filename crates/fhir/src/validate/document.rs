//! The rules of document Bundles (FHIR R4 documents; bdl-9 to bdl-11) and of vital records reports.

use crate::json::tree::{Node, Tree};
use crate::outcome::IssueCode;
use crate::{CompositionType, ReportForm};

use super::envelope::{Entry, Target};
use super::{Envelope, Place, Report};

/// Checks every document, on its own or in a message.
pub(super) fn check(_: &Tree<'_>, envelopes: &[Envelope<'_>], report: &mut Report) {
    for envelope in envelopes
        .iter()
        .filter(|envelope| envelope.kind == "document")
    {
        let place = Place::root(&envelope.path);
        let start = envelope.node.span().start;
        let identifier = envelope.node.get("identifier");
        let part = |name| identifier.and_then(|identifier| identifier.get(name));
        if part("system").is_none() || part("value").is_none() {
            let text =
                "is missing or incomplete: a document is known by a system and a value (bdl-9)";
            report.error(
                IssueCode::Required,
                text,
                start,
                &place.member("identifier"),
            );
        }
        if envelope.node.get("timestamp").is_none() {
            let text = "is missing: a document says when it was put together (bdl-10)";
            report.error(IssueCode::Required, text, start, &place.member("timestamp"));
        }
        let place = place.member("entry");
        match envelope.entries.first() {
            Some(first) if first.resource_type == "Composition" => {
                check_subject(envelope, first, &place.index(0), report);
            }
            first => {
                let at = first.map_or(start, |first| first.node.span().start);
                let text = "must be the Composition: a document begins with it (bdl-11)";
                report.error(IssueCode::Invariant, text, at, &place.index(0));
            }
        }
    }
}

/// A report is about somebody: the child or the fetus, who is in the document.
fn check_subject(
    envelope: &Envelope<'_>,
    entry: &Entry<'_>,
    place: &Place<'_>,
    report: &mut Report,
) {
    let Some(composition) = entry.resource else {
        return;
    };
    let kind = composition_type(composition);
    if kind.is_none_or(|kind| kind.form() == ReportForm::Coded) {
        return;
    }
    let (place, start) = (place.member("resource"), composition.span().start);
    let place = place.member("subject");
    let subject = composition.get("subject");
    let Some(reference) = subject.and_then(|subject| subject.text_of("reference")) else {
        let text = "is missing: a report is about a child or a fetus, by reference to its Patient";
        return report.error(IssueCode::Required, text, start, &place);
    };
    // A reference that leads nowhere is told of with all others.
    if let Target::Entry(at) | Target::Alike(at) = envelope.resolve(entry, &reference)
        && envelope
            .entries
            .get(at)
            .is_some_and(|entry| entry.resource_type != "Patient")
    {
        let text = "must lead to the Patient who was born, and leads to something else";
        report.error(IssueCode::BusinessRule, text, start, &place);
    }
}

/// The type of a Composition, if it is one that is exchanged here.
pub(super) fn composition_type(composition: Node<'_>) -> Option<CompositionType> {
    let codings = composition.get("type")?.get("coding")?;
    codings.elements().find_map(|coding| {
        let system = coding.text_of("system");
        CompositionType::of_coding(system.as_deref(), &coding.text_of("code")?)
    })
}
