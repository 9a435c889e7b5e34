//! The rules of message Bundles (FHIR R4 messaging; bdl-12).

use crate::json::tree::Tree;
use crate::outcome::IssueCode;

use super::{Envelope, Place, Report};

/// Checks every message, on its own or in a batch. Where its focus leads is checked with all other
/// references.
pub(super) fn check(_: &Tree<'_>, envelopes: &[Envelope<'_>], report: &mut Report) {
    for envelope in envelopes
        .iter()
        .filter(|envelope| envelope.kind == "message")
    {
        let place = Place::root(&envelope.path);
        let place = place.member("entry");
        let first = envelope.entries.first();
        if first.is_none_or(|first| first.resource_type != "MessageHeader") {
            let at = first.map_or(envelope.node.span().start, |first| first.node.span().start);
            let text = "must be the MessageHeader: a message begins with it (bdl-12)";
            report.error(IssueCode::Invariant, text, at, &place.index(0));
        }
    }
}
