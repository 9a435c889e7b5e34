//! Which identifiers are of which group, by their systems and types.

use std::borrow::Cow;

use crate::json::tree::Node;

use super::elements::IDENTIFIERS;
use super::label::{
    behind_host, concept_names_chart, concept_names_number, names_chart, names_one,
};
use super::object::{any_text, texts};
use super::{Group, Groups};

/// An identifier (or a coding) of a withheld group, whichever of its members holds the number.
pub(super) fn withheld_identifier(object: Node<'_>, groups: Groups) -> bool {
    if object.get("resourceType").is_some() {
        return false;
    }
    if !["system", "type", "assigner"]
        .iter()
        .any(|name| object.get(name).is_some())
    {
        return false;
    }
    let systems: Vec<_> = texts(object, "system").collect();
    let assigner = object
        .get("assigner")
        .filter(|_| groups.contains(Group::Ssn));
    is_of_group(&systems, object.get("type"), groups) || assigner.is_some_and(is_assigned_by_office)
}

/// Whether an assigner is the office that gives these numbers.
pub(super) fn is_assigned_by_office(assigner: Node<'_>) -> bool {
    any_text(assigner, &mut names_one)
}

/// Whether an identifier is of a withheld group by its system, the codes of its type, or the words for it;
/// each said once or several times, as sloppy senders do.
pub(super) fn is_of_group(
    systems: &[Cow<'_, str>],
    kind: Option<Node<'_>>,
    groups: Groups,
) -> bool {
    let kinds: Vec<Node<'_>> = kind.into_iter().flat_map(Node::each).collect();
    let codings = kinds.iter().filter_map(|kind| kind.get("coding"));
    let codings = codings.flat_map(Node::each).chain(kinds.iter().copied());
    let codes = codings.filter_map(|coding| coding.text_of("code"));
    let codes: Vec<_> = codes
        .chain(kinds.iter().filter_map(|kind| kind.text()))
        .collect();
    let known = IDENTIFIERS.iter().any(|(group, types, known)| {
        let of_system = |system: &Cow<'_, str>| known.iter().any(|it| same_system(system, it));
        let mut types = types.iter();
        groups.contains(*group)
            && (systems.iter().any(of_system)
                || types.any(|known| codes.iter().any(|code| same_code(code, known))))
    });
    let number = || {
        systems
            .iter()
            .any(|system| names_one(behind_host(system)) || is_of_its_office(system))
            || kinds.iter().any(|kind| concept_names_number(*kind))
    };
    let chart = || {
        systems
            .iter()
            .any(|system| names_chart(behind_host(system)))
            || kinds.iter().any(|kind| concept_names_chart(*kind))
    };
    known
        || groups.contains(Group::Ssn) && number()
        || groups.contains(Group::MedicalRecordNumber) && chart()
}

pub(super) fn same_code(code: &str, known: &str) -> bool {
    code.trim().eq_ignore_ascii_case(known)
}

/// Whether a system is a page of the Social Security Administration.
fn is_of_its_office(system: &str) -> bool {
    let system = system.trim().to_ascii_lowercase();
    let host = system.split_once("://").map_or(&*system, |(_, rest)| rest);
    let host = host.split(['/', '?', '#', '|', ':']).next().unwrap_or(host);
    host == "ssa.gov" || host.ends_with(".ssa.gov")
}

/// Systems are compared as a sloppy sender writes them.
fn same_system(system: &str, known: &str) -> bool {
    fn bare(system: &str) -> String {
        let system = system.split('|').next().unwrap_or(system);
        let system = system.trim().trim_end_matches('/').to_ascii_lowercase();
        let schemes = ["http://", "https://", "urn:oid:", "oid:"];
        let rest = schemes
            .iter()
            .find_map(|scheme| system.strip_prefix(scheme));
        rest.unwrap_or(&system).to_owned()
    }
    bare(system) == bare(known)
}
