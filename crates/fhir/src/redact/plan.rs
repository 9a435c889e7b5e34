//! What becomes of each member, by the tables.

use crate::json::tree::{Kind, Member, Node};

use super::elements::{
    ELEMENTS, EXTENSIONS, FINDINGS, IDENTIFIER_STAYS, IDENTIFIERS, META_STAYS, NO_FINDINGS,
    RESOURCES, STAYS,
};
use super::social_security::names_one;
use super::{Group, Groups};

/// What becomes of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays, and is looked into.
    Keep,
    /// It goes.
    Drop,
    /// This comes in its place.
    Replace(String),
}

/// Where an object stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Context {
    /// What is looked at are the members of a resource whose finding is withheld.
    finding: bool,
    /// What is looked at are the members of such a resource's `meta`.
    finding_meta: bool,
    /// It is, or is within, the answers of a questionnaire.
    questionnaire: bool,
    /// It is contained in another resource.
    pub(super) contained: bool,
}

impl Context {
    /// The context of what stands in the member with this name.
    pub(super) fn below(self, name: &str) -> Self {
        Self {
            contained: self.contained || name == "contained",
            // Of a finding only its `meta` is looked at any further by these rules.
            finding: self.finding && name == "meta",
            ..self
        }
    }

    /// The context of an object's members, out of that of the object.
    pub(super) fn within(self, node: Node<'_>, groups: Groups) -> Self {
        let kind = node.text_of("resourceType");
        let finding = kind
            .as_deref()
            .is_some_and(|kind| is_withheld_finding(node, kind, groups));
        Self {
            finding,
            finding_meta: self.finding && kind.is_none(),
            contained: self.contained,
            questionnaire: match kind.as_deref() {
                Some(kind) => kind == "QuestionnaireResponse",
                None => self.questionnaire,
            },
        }
    }
}

/// An object that goes as a whole: an extension of a withheld group keeps its URL.
pub(super) fn whole(node: Node<'_>, groups: Groups) -> Option<String> {
    let url = node.get("url").filter(|url| url.kind() == Kind::Text)?;
    let text = url.text()?;
    let name = text.rsplit('/').next()?;
    let withheld = EXTENSIONS
        .iter()
        .any(|(group, names)| groups.contains(*group) && names.contains(&name));
    let is_extension = node.members().all(|member| {
        let name = member.name.trim_start_matches('_');
        name.starts_with("value") || matches!(name, "url" | "id" | "extension")
    });
    (withheld && is_extension)
        .then(|| format!("{{\"url\":{},\"_valueString\":{}}}", url.raw(), masked()))
}

/// What becomes of one member of an object.
pub(super) fn fate(
    object: Node<'_>,
    member: &Member<'_>,
    context: Context,
    groups: Groups,
) -> Fate {
    let name = member.name.strip_prefix('_').unwrap_or(&member.name);
    if is_narrative(member.value) {
        return Fate::Drop;
    }
    if name == "resourceType" {
        return Fate::Keep;
    }
    if context.finding {
        return of_finding(object, member, name);
    }
    if context.finding_meta && !META_STAYS.contains(&name) {
        return Fate::Drop;
    }
    if withheld_identifier(object, groups) {
        return match name {
            "value" | "code" => masked_member(object, member, name),
            _ if IDENTIFIER_STAYS.contains(&name) => Fate::Keep,
            _ => Fate::Drop,
        };
    }
    if let Some(kind) = object.text_of("resourceType") {
        let gone = |(group, of, elements): &(Group, &str, &[&str])| {
            groups.contains(*group) && *of == kind && elements.contains(&name)
        };
        if ELEMENTS.iter().any(gone) {
            return Fate::Drop;
        }
        // The raw answers hold all of it: names, race, smoking.
        if kind == "QuestionnaireResponse" && name == "item" && groups.beyond(Group::Ssn) {
            return Fate::Drop;
        }
    }
    if groups.contains(Group::Ssn) {
        if context.questionnaire
            && name == "answer"
            && object.text_of("linkId").is_some_and(|id| names_one(&id))
        {
            return Fate::Drop;
        }
        if name.starts_with("value") && object.text_of("name").is_some_and(|name| names_one(&name))
        {
            return masked_member(object, member, name);
        }
    }
    // A file that nobody looks into may hold the whole certificate.
    if name == "data" && object.get("contentType").is_some() {
        return masked_member(object, member, name);
    }
    if name == "display" && groups.contains(Group::Names) && is_reference(object) {
        return masked_member(object, member, name);
    }
    Fate::Keep
}

/// What is put into an object, before its first member: that an Observation's value is withheld, and whom
/// a Coverage must name.
pub(super) fn added(object: Node<'_>, context: Context) -> Option<String> {
    if !context.finding {
        return None;
    }
    match object.text_of("resourceType")?.as_ref() {
        "Observation" => Some(format!(
            "\"dataAbsentReason\":{{\"coding\":[{{\"system\":\"{ABSENT_REASONS}\",\"code\":\"masked\"}}]}}"
        )),
        "Coverage" => Some(format!("\"payor\":[{{\"_display\":{}}}]", masked())),
        _ => None,
    }
}

/// The extension that says that something is there and withheld.
pub(super) fn masked_extension() -> String {
    format!("{{\"url\":\"{DATA_ABSENT_REASON}\",\"valueCode\":\"masked\"}}")
}

fn masked() -> String {
    format!("{{\"extension\":[{}]}}", masked_extension())
}

/// The member of a primitive that says only that its value is withheld; one of the value and its
/// extensions becomes it, the other goes.
fn masked_member(object: Node<'_>, member: &Member<'_>, name: &str) -> Fate {
    if member.name.starts_with('_') && object.get(name).is_some() {
        return Fate::Drop;
    }
    // `valueIdentifier` and the like are no primitives: their companion would be no FHIR.
    if member.value.kind() == Kind::Object && !member.name.starts_with('_') {
        return Fate::Replace(format!("\"{name}\":{}", masked()));
    }
    Fate::Replace(format!("\"_{name}\":{}", masked()))
}

fn of_finding(resource: Node<'_>, member: &Member<'_>, name: &str) -> Fate {
    let observed = resource.text_of("resourceType").as_deref() == Some("Observation");
    // R4 demands it; what was asked is no answer.
    if observed && name == "code" {
        return Fate::Keep;
    }
    if name == "meta" {
        let stays = |meta: Member<'_>| META_STAYS.contains(&meta.name.as_ref());
        return if member.value.members().any(stays) {
            Fate::Keep
        } else {
            Fate::Drop
        };
    }
    if STAYS.contains(&name) {
        Fate::Keep
    } else {
        Fate::Drop
    }
}

fn is_withheld_finding(resource: Node<'_>, kind: &str, groups: Groups) -> bool {
    if RESOURCES
        .iter()
        .any(|(group, of)| groups.contains(*group) && *of == kind)
    {
        return true;
    }
    if NO_FINDINGS.contains(&kind) {
        return false;
    }
    let codes: Vec<_> = ["code", "category"]
        .into_iter()
        .filter_map(|name| resource.get(name))
        .flat_map(Node::each)
        .filter_map(|concept| concept.get("coding"))
        .flat_map(Node::each)
        .filter_map(|coding| coding.text_of("code"))
        .collect();
    let profiles = resource.get("meta").and_then(|meta| meta.get("profile"));
    let profiles: Vec<_> = profiles
        .into_iter()
        .flat_map(Node::each)
        .filter_map(Node::text)
        .map(|url| {
            url.rsplit('/')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase()
        })
        .collect();
    FINDINGS.iter().any(|(group, known, fragments)| {
        groups.contains(*group)
            && (codes.iter().any(|code| known.contains(&code.as_ref()))
                || profiles
                    .iter()
                    .any(|name| fragments.iter().any(|part| name.contains(part))))
    })
}

/// An identifier (or a coding) of a withheld group.
pub(super) fn withheld_identifier(object: Node<'_>, groups: Groups) -> bool {
    let system = object.text_of("system");
    let codes = || {
        let codings = object.get("type").and_then(|kind| kind.get("coding"));
        codings
            .into_iter()
            .flat_map(Node::each)
            .filter_map(|coding| coding.text_of("code"))
    };
    let has = |name| object.get(name).is_some() || object.get(&format!("_{name}")).is_some();
    (has("value") || has("code"))
        && IDENTIFIERS.iter().any(|(group, types, systems)| {
            groups.contains(*group)
                && (system
                    .as_deref()
                    .is_some_and(|system| systems.contains(&system))
                    || codes().any(|code| types.contains(&code.as_ref())))
        })
}

/// A Reference with words for people, which are mostly a name.
fn is_reference(object: Node<'_>) -> bool {
    ["system", "code", "coding"]
        .iter()
        .all(|name| object.get(name).is_none())
}

fn is_narrative(value: Node<'_>) -> bool {
    value.get("div").is_some() || value.elements().any(is_narrative)
}

const DATA_ABSENT_REASON: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
const ABSENT_REASONS: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
