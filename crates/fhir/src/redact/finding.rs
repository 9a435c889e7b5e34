//! Which resources and concepts tell a finding.

use crate::json::tree::Node;

use super::elements::{FINDINGS, NO_FINDINGS, RESOURCES, WORDS};
use super::identifier::same_code;
use super::label::{concept_names_number, concept_says, last_segment, spaced};
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
        is_code_of_finding(concept, groups)
            || is_said_of_finding(concept, groups)
            || number && concept_names_number(concept)
    }) || profiles.any(|url| is_profile_of_finding(last_segment(&url), groups))
}

/// Whether a CodeableConcept or a Coding has a code of a withheld finding.
pub(super) fn is_code_of_finding(concept: Node<'_>, groups: Groups) -> bool {
    let codings = concept.get("coding").into_iter().flat_map(Node::each);
    let mut codes = codings
        .chain([concept])
        .filter_map(|coding| coding.text_of("code"));
    codes.any(|code| {
        FINDINGS.iter().any(|(group, known, _)| {
            groups.contains(*group) && known.iter().any(|known| same_code(&code, known))
        })
    })
}

/// Whether it says in words that it is of one: no table has every code.
pub(super) fn is_said_of_finding(concept: Node<'_>, groups: Groups) -> bool {
    let known = || {
        let all = WORDS.iter().filter(|(group, _)| groups.contains(*group));
        all.flat_map(|(_, known)| *known)
    };
    if known().next().is_none() {
        return false;
    }
    concept_says(concept, |text| {
        let text = spaced(text);
        let mut words = text.split_whitespace();
        words.any(|word| {
            known().any(|known| match known.strip_suffix('$') {
                Some(whole) => word == whole,
                None => word.starts_with(known),
            })
        })
    })
}

pub(super) fn is_profile_of_finding(name: &str, groups: Groups) -> bool {
    let name = name.to_ascii_lowercase();
    FINDINGS.iter().any(|(group, _, fragments)| {
        groups.contains(*group) && fragments.iter().any(|part| name.contains(part))
    })
}
