//! Which resources and concepts tell a finding.

use crate::json::tree::Node;

use super::elements::{FINDINGS, NO_FINDINGS, RESOURCES, WORDS};
use super::identifier::same_code;
use super::label::{concept_names_number, last_segment, names_one, words};
use super::{Group, Groups};

/// A resource that tells something withheld, by its type, its codes or its profile.
pub(super) fn is_withheld_finding(resource: Node<'_>, groups: Groups) -> bool {
    let Some(kind) = resource.text_of("resourceType") else {
        return false;
    };
    let of_type = |(group, of): &(Group, &str)| groups.contains(*group) && *of == kind;
    if RESOURCES.iter().any(of_type) {
        return true;
    }
    if NO_FINDINGS.contains(&kind.as_ref()) {
        return false;
    }
    let components = resource.get("component").into_iter().flat_map(Node::each);
    let mut concepts = std::iter::once(resource).chain(components).flat_map(|of| {
        let names = ["code", "category", "reasonCode"];
        let members = names.into_iter().filter_map(move |name| of.get(name));
        members.flat_map(Node::each)
    });
    let profiles = resource.get("meta").and_then(|meta| meta.get("profile"));
    let profiles = profiles.into_iter().flat_map(Node::each);
    let mut profiles = profiles.filter_map(Node::text);
    let number = groups.contains(Group::Ssn);
    concepts.any(|concept| {
        is_code_of_finding(concept, groups) || number && concept_names_number(concept)
    }) || profiles.any(|url| is_profile_of_finding(last_segment(&url), groups))
}

/// Whether a CodeableConcept or a Coding is of a withheld finding; one without a code says so in words.
pub(super) fn is_code_of_finding(concept: Node<'_>, groups: Groups) -> bool {
    let codings = concept.get("coding").into_iter().flat_map(Node::each);
    let codes: Vec<_> = codings
        .chain([concept])
        .filter_map(|coding| coding.text_of("code"))
        .collect();
    if codes.is_empty() {
        let said = ["text", "display"];
        let mut said = said.iter().filter_map(|name| concept.text_of(name));
        return said.any(|text| is_said_of_finding(&text, groups));
    }
    FINDINGS.iter().any(|(group, known, _)| {
        let mut known = known.iter();
        groups.contains(*group)
            && known.any(|known| codes.iter().any(|code| same_code(code, known)))
    })
}

fn is_said_of_finding(text: &str, groups: Groups) -> bool {
    let number = groups.contains(Group::Ssn) && names_one(text);
    number
        || words(text).any(|word| {
            let begins = |begins: &&str| word.starts_with(*begins);
            let mut all = WORDS.iter();
            all.any(|(group, known)| groups.contains(*group) && known.iter().any(begins))
        })
}

pub(super) fn is_profile_of_finding(name: &str, groups: Groups) -> bool {
    let name = name.to_ascii_lowercase();
    FINDINGS.iter().any(|(group, _, fragments)| {
        groups.contains(*group) && fragments.iter().any(|part| name.contains(part))
    })
}
