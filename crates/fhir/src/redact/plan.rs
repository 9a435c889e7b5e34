//! What becomes of each member, by the tables.

use crate::json::tree::{Kind, Member, Node};

use super::address::is_address;
use super::elements::{ELEMENTS, EXTENSIONS, IDENTIFIER_STAYS, META_STAYS, STAYS};
use super::finding::{
    is_code_of_finding, is_profile_of_finding, is_said_of_finding, is_withheld_finding,
};
use super::label::{last_segment, names_number, names_one};
use super::object::{Object, is_value};
use super::social_security::Place;
use super::{ABSENT_REASONS, DATA_ABSENT_REASON, Group, Groups, MASKED};

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
    /// It is, or is within, what a withheld finding was asked by, which stays.
    asked: bool,
    /// What is looked at is an id or an address.
    address: bool,
    /// What is looked at is a Composition or a section of one.
    composition: bool,
    /// It says of which kind such a thing is.
    sorted: bool,
    /// What is looked at is of a practitioner, whose work is no secret.
    practitioner: bool,
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
            asked: self.asked || self.finding && name == "code",
            address: is_address(name),
            composition: self.composition && name == "section",
            sorted: self.composition && (name == "type" || name == "code")
                || self.sorted && name == "coding",
            ..self
        }
    }

    /// Where a text stands.
    pub(super) fn place(self) -> Place {
        if self.address {
            Place::Address
        } else {
            Place::Elsewhere
        }
    }

    /// The context of an object's members, out of that of the object.
    pub(super) fn within(self, node: Node<'_>, groups: Groups) -> Self {
        let kind = node.get("resourceType");
        let resource = kind.is_some();
        let kind = kind.and_then(Node::text).unwrap_or_default();
        Self {
            finding: resource && is_withheld_finding(node, groups),
            finding_meta: self.finding && !resource,
            asked: self.asked && !resource,
            address: false,
            composition: kind == "Composition" || self.composition && !resource,
            practitioner: kind.starts_with("Practitioner") || self.practitioner && !resource,
            sorted: self.sorted && !resource,
            contained: self.contained,
        }
    }
}

/// An object that goes as a whole: an extension of a withheld group, which keeps its URL, and a concept
/// or a code of one, wherever it stands.
pub(super) fn whole(node: Node<'_>, context: Context, groups: Groups) -> Option<String> {
    let told = |node| names_finding(node, groups, !context.sorted && !context.practitioner);
    if !context.asked && node.get("resourceType").is_none() && told(node) {
        return Some(masked());
    }
    let url = node.get("url").filter(|url| url.kind() == Kind::Text)?;
    let other = ["resourceType", "contentType", "method", "relation"];
    if other.iter().any(|name| node.get(name).is_some()) {
        return None;
    }
    let text = url.text()?;
    let name = last_segment(&text);
    let known = EXTENSIONS
        .iter()
        .any(|(group, names)| groups.contains(*group) && names.contains(&name));
    let withheld = known
        || is_profile_of_finding(name, groups)
        || groups.contains(Group::Ssn) && names_number(node);
    withheld.then(|| format!("{{\"url\":{},\"_valueString\":{}}}", url.raw(), masked()))
}

/// A concept or a code that tells a finding by itself.
fn names_finding(node: Node<'_>, groups: Groups, by_words: bool) -> bool {
    let one = node.get("code").filter(|code| code.kind() == Kind::Text);
    let concept = node.get("coding").is_some();
    (one.is_some() || concept)
        && (is_code_of_finding(node, groups) || by_words && is_said_of_finding(node, groups))
}

/// What becomes of one member of an object.
pub(super) fn fate(
    object: &Object<'_>,
    member: &Member<'_>,
    context: Context,
    groups: Groups,
) -> Fate {
    let name = member.name.strip_prefix('_').unwrap_or(&member.name);
    if is_narrative(member.value) || name == "text" && object.resource.is_some() {
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
    if name == "div" {
        return Fate::Drop;
    }
    if is_file(member, name) {
        return masked_member(object, member, name);
    }
    if object.identifier {
        return match name {
            "value" | "code" => masked_member(object, member, name),
            _ if IDENTIFIER_STAYS.contains(&name) => Fate::Keep,
            _ => Fate::Drop,
        };
    }
    if groups.beyond(Group::Ssn) && name == "note" {
        return Fate::Drop;
    }
    if groups.beyond(Group::Ssn) && name == "valueAnnotation" {
        return masked_member(object, member, name);
    }
    if let Some(kind) = &object.resource
        && is_withheld_element(kind, name, groups)
    {
        return Fate::Drop;
    }
    // A member that FHIR does not have.
    if groups.contains(Group::Ssn) && names_one(name) {
        return Fate::Drop;
    }
    if object.number {
        return of_number(object, member, name);
    }
    if groups.contains(Group::Names) && NAMES.contains(&name) {
        return masked_member(object, member, name);
    }
    if name == "display" && groups.contains(Group::Names) && object.reference {
        return masked_member(object, member, name);
    }
    Fate::Keep
}

fn is_withheld_element(kind: &str, name: &str, groups: Groups) -> bool {
    // Raw answers hold all of it, as notes do: names, race, smoking.
    let free = kind == "QuestionnaireResponse" && name == "item";
    free && groups.beyond(Group::Ssn)
        || ELEMENTS.iter().any(|(group, of, elements)| {
            groups.contains(*group) && *of == kind && elements.contains(&name)
        })
}

/// A member of such an object: whatever may hold the number goes, with all that is nested in it.
fn of_number(object: &Object<'_>, member: &Member<'_>, name: &str) -> Fate {
    match name {
        "answer" | "item" | "initial" | "answerOption" => Fate::Drop,
        // A parameter has a value, a resource or parts (R4 inv-1).
        "part" | "resource" if object.valued => Fate::Drop,
        "part" | "resource" => Fate::Replace(format!("\"_valueString\":{}", masked())),
        _ if is_value(name) => masked_member(object, member, name),
        _ => Fate::Keep,
    }
}

/// Bytes that nobody looks into may hold the whole certificate.
fn is_file(member: &Member<'_>, name: &str) -> bool {
    let text = member.value.each().any(|value| value.kind() == Kind::Text);
    text && (name == "data" || name.to_ascii_lowercase().ends_with("base64binary"))
}

/// What is put into an object, before its first member: that an Observation's value is withheld, and whom
/// a Coverage must name.
pub(super) fn added(object: Node<'_>, context: Context) -> Option<String> {
    if !context.finding {
        return None;
    }
    match object.text_of("resourceType")?.as_ref() {
        "Observation" => Some(format!(
            "\"dataAbsentReason\":{{\"coding\":[{{\"system\":\"{ABSENT_REASONS}\",\"code\":\"{MASKED}\"}}]}}"
        )),
        "Coverage" => Some(format!("\"payor\":[{{\"_display\":{}}}]", masked())),
        _ => None,
    }
}

/// The extension that says that something is there and withheld.
pub(super) fn masked_extension() -> String {
    format!("{{\"url\":\"{DATA_ABSENT_REASON}\",\"valueCode\":\"{MASKED}\"}}")
}

fn masked() -> String {
    format!("{{\"extension\":[{}]}}", masked_extension())
}

/// The member of a primitive that says only that its value is withheld; one of the value and its
/// extensions becomes it, the other goes.
fn masked_member(object: &Object<'_>, member: &Member<'_>, name: &str) -> Fate {
    if member.name.starts_with('_') && object.has(name) {
        return Fate::Drop;
    }
    // `valueIdentifier` and the like are no primitives: their companion would be no FHIR.
    if member.value.kind() == Kind::Object && !member.name.starts_with('_') {
        return Fate::Replace(format!("\"{name}\":{}", masked()));
    }
    Fate::Replace(format!("\"_{name}\":{}", masked()))
}

fn of_finding(resource: &Object<'_>, member: &Member<'_>, name: &str) -> Fate {
    let observed = resource.resource.as_deref() == Some("Observation");
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

fn is_narrative(value: Node<'_>) -> bool {
    value.get("div").is_some() || value.elements().any(is_narrative)
}

/// Members that hold a person's name or address, wherever they stand.
const NAMES: [&str; 5] = [
    "title",
    "valueHumanName",
    "valueAddress",
    "valueContactPoint",
    "authorString",
];
