//! Withholds especially sensitive parts of a record: bytes in, bytes out, all other bytes as they were.
//!
//! What is withheld and what stays is in the tables of `elements`. A value goes and says that it did
//! (`data-absent-reason` of `masked`), so that the rest is still FHIR and nobody takes "withheld" for
//! "unknown". Narrative, the answers of questionnaires and attachments repeat anything, and so they go with
//! any group. The ids that a sender chose stay, because references lead to them.

mod address;
mod digits;
mod elements;
mod finding;
mod glyphs;
mod group;
mod identifier;
mod label;
mod object;
mod plan;
mod redactor;
mod social_security;

use serde_json::value::RawValue;

use crate::json::JsonError;
use crate::json::tree::{Kind, Node, Tree};

pub use group::{Group, Groups};
use redactor::Redactor;
pub(crate) use social_security::Numbers;

/// Withholds `groups` from a resource and those in it. What nothing is withheld from comes back as it was;
/// each resource that something is withheld from, or from one in it, has `meta.security` REDACTED (FHIR R4
/// security-labels).
///
/// # Errors
/// If the text cannot be looked at as a whole; then none of it may be shown.
pub fn redact(text: &[u8], groups: Groups) -> Result<Redacted, RedactError> {
    if groups.is_empty() {
        return Ok(Redacted::unchanged(text));
    }
    let tree = Tree::parse(text).map_err(|_| RedactError)?;
    let root = tree.root();
    if root.text_of("resourceType").is_none() {
        return Err(RedactError);
    }
    let numbers = if groups.contains(Group::Ssn) {
        Numbers::of(root)
    } else {
        Numbers::default()
    };
    let edited = Redactor::new(groups, numbers).redact(&tree);
    Ok(match edited {
        Some(bytes) => Redacted {
            bytes,
            withheld: true,
        },
        None => Redacted::unchanged(text),
    })
}

/// Whether an identifier is a social security number by its system, its type or its assigner (the JSON of these).
pub(crate) fn is_social_security_number(
    system: Option<&str>,
    [kind, assigner]: [Option<&RawValue>; 2],
) -> bool {
    fn parse(json: Option<&RawValue>) -> Option<Result<Tree<'_>, JsonError>> {
        json.map(|json| Tree::parse(json.get().as_bytes()))
    }
    // What cannot be told is withheld.
    let (Ok(kind), Ok(assigner)) = (parse(kind).transpose(), parse(assigner).transpose()) else {
        return true;
    };
    let systems: Vec<_> = system.into_iter().map(Into::into).collect();
    let ssn = [Group::Ssn].into_iter().collect();
    identifier::is_of_group(&systems, kind.as_ref().map(Tree::root), ssn)
        || assigner.is_some_and(|by| identifier::is_assigned_by_office(by.root()))
}

/// A resource without what is withheld.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted {
    /// The resource.
    pub bytes: Vec<u8>,
    /// Whether anything is withheld.
    pub withheld: bool,
}

/// The text is no resource, or too large to be looked at. Says nothing of its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the resource cannot be redacted")]
pub struct RedactError;

/// Whether a resource, or any in it, is a copy from which something was withheld: such a copy must never
/// become a record.
///
/// # Errors
/// If the text cannot be looked at as a whole: a copy that somebody has made longer is one all the same.
pub fn is_redacted(text: &[u8]) -> Result<bool, RedactError> {
    let tree = Tree::parse(text).map_err(|_| RedactError)?;
    Ok(holds_label(tree.root()))
}

/// What tells that something was withheld from a resource or from one in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gaps {
    /// A label: it is a copy of ours, or of another server that withholds.
    pub labelled: bool,
    /// A value that is absent because it is masked, as of a copy whose labels were taken off. Senders may say so of
    /// their own values, too.
    pub masked: bool,
}

/// Looks for gaps.
///
/// # Errors
/// As of [`is_redacted`].
pub fn gaps(text: &[u8]) -> Result<Gaps, RedactError> {
    let tree = Tree::parse(text).map_err(|_| RedactError)?;
    Ok(Gaps {
        labelled: holds_label(tree.root()),
        masked: holds_mask(tree.root()),
    })
}

fn holds_label(node: Node<'_>) -> bool {
    holds(node, &|node| {
        let mut labels = node.get("security").into_iter().flat_map(Node::each);
        labels.any(is_label)
    })
}

fn holds_mask(node: Node<'_>) -> bool {
    holds(node, &|node| {
        let is = |name: &str, known: &str| {
            let text = node.text_of(name);
            text.is_some_and(|text| text.trim().eq_ignore_ascii_case(known))
        };
        is("valueCode", MASKED) && is("url", DATA_ABSENT_REASON)
            || is("code", MASKED) && is("system", ABSENT_REASONS)
    })
}

fn holds(node: Node<'_>, is: &impl Fn(Node<'_>) -> bool) -> bool {
    node.kind() == Kind::Object && is(node)
        || node.members().any(|member| holds(member.value, is))
        || node.elements().any(|item| holds(item, is))
}

fn is_label(coding: Node<'_>) -> bool {
    let code = coding.text_of("code");
    code.is_some_and(|code| code.trim().eq_ignore_ascii_case(REDACTED))
}

impl Redacted {
    fn unchanged(text: &[u8]) -> Self {
        Self {
            bytes: text.to_vec(),
            withheld: false,
        }
    }
}

/// The security label of a resource from which something was withheld.
pub const REDACTED: &str = "REDACTED";
/// Its code system.
pub const OBSERVATION_VALUE: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

const DATA_ABSENT_REASON: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
const ABSENT_REASONS: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";

/// The reason that something is there and withheld.
const MASKED: &str = "masked";

#[cfg(test)]
mod tests;
