//! What becomes of each member, by the tables.

use crate::json::tree::{Kind, Member, Node};

use super::elements::{
    ELEMENTS, EXTENSIONS, FINDINGS, IDENTIFIER_STAYS, IDENTIFIERS, META_STAYS, NO_FINDINGS,
    RESOURCES, STAYS, WORDS,
};
use super::social_security::{names_one, words};
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
    /// It is, or is within, what a withheld finding was asked by, which stays.
    asked: bool,
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
            ..self
        }
    }

    /// The context of an object's members, out of that of the object.
    pub(super) fn within(self, node: Node<'_>, groups: Groups) -> Self {
        let resource = node.get("resourceType").is_some();
        Self {
            finding: resource && is_withheld_finding(node, groups),
            finding_meta: self.finding && !resource,
            asked: self.asked && !resource,
            contained: self.contained,
        }
    }
}

/// An object that goes as a whole: an extension of a withheld group, which keeps its URL, and a concept
/// or a code of one, wherever it stands.
pub(super) fn whole(node: Node<'_>, context: Context, groups: Groups) -> Option<String> {
    if !context.asked && node.get("resourceType").is_none() && names_finding(node, groups) {
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
        || groups.contains(Group::Ssn) && names_one(name);
    withheld.then(|| format!("{{\"url\":{},\"_valueString\":{}}}", url.raw(), masked()))
}

/// A concept or a code that tells a finding by itself.
fn names_finding(node: Node<'_>, groups: Groups) -> bool {
    let one = node.get("code").filter(|code| code.kind() == Kind::Text);
    let concept = node.get("coding").is_some();
    (one.is_some() || concept) && is_code_of_finding(node, groups)
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
    if name == "div" {
        return Fate::Drop;
    }
    if is_file(member, name) {
        return masked_member(object, member, name);
    }
    if withheld_identifier(object, groups) {
        return match name {
            "value" | "code" => masked_member(object, member, name),
            _ if IDENTIFIER_STAYS.contains(&name) => Fate::Keep,
            _ => Fate::Drop,
        };
    }
    if let Some(kind) = object.text_of("resourceType")
        && is_withheld_element(&kind, name, groups)
    {
        return Fate::Drop;
    }
    if groups.contains(Group::Ssn) && names_number(object) {
        return of_number(object, member, name);
    }
    if groups.contains(Group::Names) && NAMES.contains(&name) {
        return masked_member(object, member, name);
    }
    if name == "display" && groups.contains(Group::Names) && is_reference(object) {
        return masked_member(object, member, name);
    }
    Fate::Keep
}

fn is_withheld_element(kind: &str, name: &str, groups: Groups) -> bool {
    // Raw answers and notes hold all of it: names, race, smoking.
    let free = name == "note" || kind == "QuestionnaireResponse" && name == "item";
    free && groups.beyond(Group::Ssn)
        || ELEMENTS.iter().any(|(group, of, elements)| {
            groups.contains(*group) && *of == kind && elements.contains(&name)
        })
}

/// Whether an item of a questionnaire, a parameter or an extension says that a social security number
/// stands in it.
pub(super) fn names_number(object: Node<'_>) -> bool {
    ["linkId", "text", "definition", "name", "url"]
        .iter()
        .any(|member| {
            let said = object.text_of(member);
            said.is_some_and(|said| names_one(last_segment(&said)))
        })
}

/// A member of such an object: whatever may hold the number goes, with all that is nested in it.
fn of_number(object: Node<'_>, member: &Member<'_>, name: &str) -> Fate {
    let value = |name: &str| name.to_ascii_lowercase().starts_with("value");
    match name {
        "answer" | "item" => Fate::Drop,
        // A parameter has a value, a resource or parts (R4 inv-1).
        "part" | "resource" if object.members().any(|member| value(&member.name)) => Fate::Drop,
        "part" | "resource" => Fate::Replace(format!("\"_valueString\":{}", masked())),
        _ if value(name) => masked_member(object, member, name),
        _ => Fate::Keep,
    }
}

/// Bytes that nobody looks into may hold the whole certificate.
fn is_file(member: &Member<'_>, name: &str) -> bool {
    let text = member.value.kind() == Kind::Text;
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
    concepts.any(|concept| is_code_of_finding(concept, groups))
        || profiles.any(|url| is_profile_of_finding(last_segment(&url), groups))
}

/// Whether a CodeableConcept or a Coding is of a withheld finding; one without a code says so in words.
fn is_code_of_finding(concept: Node<'_>, groups: Groups) -> bool {
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

fn is_profile_of_finding(name: &str, groups: Groups) -> bool {
    let name = name.to_ascii_lowercase();
    FINDINGS.iter().any(|(group, _, fragments)| {
        groups.contains(*group) && fragments.iter().any(|part| name.contains(part))
    })
}

/// An identifier (or a coding) of a withheld group, whichever of its members holds the number.
pub(super) fn withheld_identifier(object: Node<'_>, groups: Groups) -> bool {
    if object.get("resourceType").is_some() {
        return false;
    }
    let system = object.text_of("system");
    is_of_group(system.as_deref(), object.get("type"), groups)
}

/// Whether an identifier is of a withheld group by its system, the codes of its type, or the words for it.
pub(super) fn is_of_group(system: Option<&str>, kind: Option<Node<'_>>, groups: Groups) -> bool {
    let codings = kind.and_then(|kind| kind.get("coding"));
    let codings: Vec<Node<'_>> = codings.into_iter().flat_map(Node::each).collect();
    let codes = codings.iter().filter_map(|coding| coding.text_of("code"));
    let codes: Vec<_> = codes.collect();
    let known = IDENTIFIERS.iter().any(|(group, types, systems)| {
        let of_system = |system| systems.iter().any(|known| same_system(system, known));
        let mut types = types.iter();
        groups.contains(*group)
            && (system.is_some_and(of_system)
                || types.any(|known| codes.iter().any(|code| same_code(code, known))))
    });
    let displays = codings.iter().map(|coding| coding.text_of("display"));
    let text = kind.and_then(|kind| kind.text_of("text"));
    let mut said = displays.chain([text]).flatten();
    known
        || groups.contains(Group::Ssn)
            && (system.is_some_and(|system| names_one(last_segment(system)))
                || said.any(|said| names_one(&said)))
}

fn same_code(code: &str, known: &str) -> bool {
    code.trim().eq_ignore_ascii_case(known)
}

/// Systems are compared as a sloppy sender writes them.
fn same_system(system: &str, known: &str) -> bool {
    fn bare(system: &str) -> String {
        let system = system.trim().trim_end_matches('/').to_ascii_lowercase();
        let schemes = ["http://", "https://", "urn:oid:"];
        let rest = schemes
            .iter()
            .find_map(|scheme| system.strip_prefix(scheme));
        rest.unwrap_or(&system).to_owned()
    }
    bare(system) == bare(known)
}

/// The last part of a URL, without its version.
fn last_segment(url: &str) -> &str {
    let url = url.split('|').next().unwrap_or(url).trim();
    url.trim_end_matches('/').rsplit('/').next().unwrap_or(url)
}

/// A Reference with words for people, which are mostly a name.
fn is_reference(object: Node<'_>) -> bool {
    object.get("reference").is_some()
        || ["system", "code", "coding"]
            .iter()
            .all(|name| object.get(name).is_none())
}

fn is_narrative(value: Node<'_>) -> bool {
    value.get("div").is_some() || value.elements().any(is_narrative)
}

/// Members that hold a person's name or address, wherever they stand.
const NAMES: [&str; 3] = ["valueHumanName", "valueAddress", "authorString"];

const DATA_ABSENT_REASON: &str = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
const ABSENT_REASONS: &str = "http://terminology.hl7.org/CodeSystem/data-absent-reason";
