//! The rules of JSON (FHIR R4 json) and of the elements that the table knows: types, cardinality,
//! forms, codes. Types that it does not know are held to the rules of JSON alone.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::json::tree::{Kind, Member, Node, Tree};
use crate::outcome::IssueCode;

use super::place::Called;
use super::primitive::{Primitive, Wrong};
use super::schema::{Element, ElementType, Type};
use super::{Envelope, Place, Report};

/// Checks everything in the text.
pub(super) fn check(tree: &Tree<'_>, _: &[Envelope<'_>], report: &mut Report) {
    let name = tree.root().text_of("resourceType");
    let known = name
        .as_deref()
        .filter(|name| Type::resource(name).is_some());
    let place = Place::root(known.unwrap_or("Resource"));
    Walk { report }.resource(tree.root(), &place, false);
}

/// The members of one object by their names, the first of several: going through all of them for each would let
/// a sender spend our time by the square of his.
type Siblings<'t> = HashMap<Cow<'t, str>, Node<'t>>;

struct Walk<'r> {
    report: &'r mut Report,
}

impl Walk<'_> {
    /// A resource: the text itself, of an entry, of a parameter, or contained.
    fn resource(&mut self, node: Node<'_>, place: &Place<'_>, contained: bool) {
        if node.kind() != Kind::Object {
            return self.structure("must be a resource, which is a JSON object", node, place);
        }
        let kind = node.get("resourceType");
        let name = kind.and_then(Node::text);
        match &name {
            None => self.structure("must name its resourceType", node, place),
            Some(name) if !is_type_name(name) => {
                self.structure(
                    "has a resourceType that no FHIR resource can have",
                    node,
                    place,
                );
            }
            Some(_) => {}
        }
        let known = name.as_deref().and_then(Type::resource);
        self.members(node, known, place);
        if contained {
            self.check_contained(node, place);
        }
    }

    /// dom-2 and dom-4 of DomainResource.
    fn check_contained(&mut self, node: Node<'_>, place: &Place<'_>) {
        if node.get("contained").is_some() {
            self.structure(
                "is contained in a resource and must contain no others (dom-2)",
                node,
                place,
            );
        }
        let meta = node.get("meta");
        if meta.is_some_and(|meta| {
            meta.get("versionId").is_some() || meta.get("lastUpdated").is_some()
        }) {
            self.structure(
                "is contained in a resource and must have no versionId or lastUpdated (dom-4)",
                node,
                place,
            );
        }
    }

    /// The members of a resource or of an element of a type.
    fn members(&mut self, node: Node<'_>, known: Option<&'static Type>, place: &Place<'_>) {
        let mut siblings = Siblings::new();
        for member in node.members() {
            siblings.entry(member.name).or_insert(member.value);
        }
        for (at, member) in node.members().enumerate() {
            let first = siblings.get(&member.name).map(|first| first.span());
            if first.is_some_and(|first| first != member.value.span()) {
                let called = Called::of(&member.name, known, at);
                let text =
                    format!("has {called} twice, and readers differ on which of the two counts");
                self.report
                    .error(IssueCode::Structure, &text, member.start, place);
            }
            self.member(&siblings, (&member, at), known, place);
        }
        if node.members().next().is_none() {
            self.structure(
                "must not be empty: what has no content is left out",
                node,
                place,
            );
        } else if let Some(known) = known {
            self.check_required(node, known, &siblings, place);
        }
    }

    fn member(
        &mut self,
        object: &Siblings<'_>,
        (member, at): (&Member<'_>, usize),
        known: Option<&'static Type>,
        place: &Place<'_>,
    ) {
        let Member { name, value, start } = member;
        let is_resource = known.is_none_or(|known| known.is_resource);
        if name == "resourceType" && is_resource {
            return;
        }
        let Some(known) = known else {
            return self.unknown(object, name, *value, place);
        };
        let called = || Called::of(name, Some(known), at);
        let (json_name, companion) = match name.strip_prefix('_') {
            Some(rest) => (rest, true),
            None => (name.as_ref(), false),
        };
        match known.element(json_name) {
            Some((_, of_type)) if companion && !matches!(of_type, ElementType::Primitive(..)) => {
                let text = format!(
                    "has {}, and only elements of simple types have a member with an underscore",
                    called()
                );
                self.report
                    .error(IssueCode::Structure, &text, *start, place);
            }
            Some((element, of_type)) => {
                let place = if element.is_choice() {
                    place.choice(element.name, of_type.name())
                } else {
                    place.member(element.name)
                };
                let beside = object.get(beside(name).as_str()).copied();
                if companion {
                    self.companion(element, *value, &place);
                } else {
                    self.element(element, of_type, (*value, beside), &place);
                }
            }
            None => {
                let text = match known.element_but_for_case(json_name) {
                    Some(right) => format!("has {} for {right}, which is spelled so", called()),
                    None => format!(
                        "has {} that {} does not have in FHIR R4; its name may be misspelled",
                        called(),
                        known.name
                    ),
                };
                self.report
                    .warning(IssueCode::Structure, &text, *start, place);
                self.unknown(object, name, *value, place);
            }
        }
    }

    /// An element, once or several times. `beside` is the member with its extensions.
    fn element(
        &mut self,
        element: &Element,
        of_type: ElementType,
        (value, beside): (Node<'_>, Option<Node<'_>>),
        place: &Place<'_>,
    ) {
        if !element.repeats {
            if value.kind() == Kind::Array {
                return self.structure(
                    "can be given only once here and must not be an array",
                    value,
                    place,
                );
            }
            return self.value(element, of_type, value, place);
        }
        if value.kind() != Kind::Array {
            let text = "can repeat and must be an array, also with a single value";
            return self.structure(text, value, place);
        }
        if value.elements().next().is_none() {
            return self.structure(EMPTY, value, place);
        }
        let mut beside = beside.into_iter().flat_map(Node::elements);
        for (at, item) in value.elements().enumerate() {
            let extended = beside
                .next()
                .is_some_and(|beside| beside.kind() == Kind::Object);
            let place = place.index(at);
            match (item.kind(), of_type) {
                (Kind::Null, ElementType::Primitive(..)) if extended => {}
                _ => self.value(element, of_type, item, &place),
            }
        }
    }

    fn value(
        &mut self,
        element: &Element,
        of_type: ElementType,
        value: Node<'_>,
        place: &Place<'_>,
    ) {
        match (of_type, value.kind()) {
            (_, Kind::Null) => self.structure(NULL, value, place),
            (ElementType::Resource, _) => self.resource(value, place, element.name == "contained"),
            (ElementType::Primitive(primitive, _), _) => {
                self.primitive(element, primitive, value, place);
            }
            (ElementType::Complex(name), Kind::Object) => {
                let known = Type::find(name);
                self.members(value, known, place);
                self.check_element(name, value, place);
            }
            (ElementType::Complex(_), _) => {
                self.structure("must be an object with elements of its own", value, place);
            }
        }
    }

    fn primitive(
        &mut self,
        element: &Element,
        primitive: Primitive,
        value: Node<'_>,
        place: &Place<'_>,
    ) {
        let at = value.span().start;
        if value.raw() == "\"\"" {
            return self.structure("must not be an empty text: leave it out", value, place);
        }
        match primitive.check(value) {
            Err(Wrong::Type(text)) => return self.structure(text, value, place),
            Err(Wrong::Value(text)) => self.report.error(IssueCode::Value, text, at, place),
            Ok(()) if !element.codes.is_empty() => {
                let text = value.text().unwrap_or_default();
                if !element.codes.iter().any(|code| *code == text) {
                    let text = format!("must be one of {}", element.codes.join(", "));
                    self.report.error(IssueCode::Value, &text, at, place);
                }
            }
            Ok(()) => {}
        }
        self.check_characters(value, place);
    }

    fn check_characters(&mut self, value: Node<'_>, place: &Place<'_>) {
        let control = |c: char| {
            c.is_control() && !matches!(c, '\t' | '\n' | '\r') && c.is_ascii() && c != '\u{7f}'
        };
        if value.text().is_some_and(|text| text.contains(control)) {
            let text = "has a control character, which FHIR texts must not have";
            self.report
                .error(IssueCode::Value, text, value.span().start, place);
        }
    }

    /// The ids and extensions of a primitive.
    fn companion(&mut self, element: &Element, value: Node<'_>, place: &Place<'_>) {
        if element.repeats != (value.kind() == Kind::Array) {
            let text = "must have its values and their extensions both in arrays, or neither";
            return self.structure(text, value, place);
        }
        let array = value.kind() == Kind::Array;
        for item in value.each() {
            match item.kind() {
                Kind::Object => self.members(item, Type::find("Element"), place),
                Kind::Null if array => {}
                _ => self.structure("has extensions that are no object", item, place),
            }
        }
    }

    /// ele-1 of Element, cmp-1 of Composition, ext-1 of Extension.
    fn check_element(&mut self, type_name: &str, node: Node<'_>, place: &Place<'_>) {
        if node.members().next().is_some() && node.members().all(|member| member.name == "id") {
            self.structure("must have more than an id (ele-1)", node, place);
        }
        let has = |name| node.get(name).is_some();
        if type_name == "Composition.section" && !has("text") && !has("entry") && !has("section") {
            let text = "must hold a text, entries or sections of its own (cmp-1)";
            let at = node.span().start;
            self.report.error(IssueCode::Invariant, text, at, place);
        }
        if type_name == "Extension" {
            let value = |member: Member<'_>| {
                let name = member.name.strip_prefix('_').map(str::to_owned);
                name.unwrap_or_else(|| member.name.into_owned())
                    .starts_with("value")
            };
            let has_value = node.members().any(value);
            if has_value == node.get("extension").is_some() {
                let text = "must have either a value or extensions of its own (ext-1)";
                self.report
                    .error(IssueCode::Invariant, text, node.span().start, place);
            }
        }
    }

    fn check_required(
        &mut self,
        node: Node<'_>,
        known: &'static Type,
        siblings: &Siblings<'_>,
        place: &Place<'_>,
    ) {
        let start = node.span().start;
        for element in known.elements() {
            let there = |name: &String| {
                siblings.contains_key(name.as_str())
                    || siblings.contains_key(format!("_{name}").as_str())
            };
            let count = element.json_names().filter(there).count();
            if count == 0 && element.required {
                let text = format!("is missing, and FHIR demands it in {}", known.name);
                let place = place.member(element.name);
                self.report.error(IssueCode::Required, &text, start, &place);
            }
            if count > 1 {
                let text = "is given in several types, and can be of one only";
                self.report.error(
                    IssueCode::Structure,
                    text,
                    start,
                    &place.member(element.name),
                );
            }
        }
    }

    /// Something that the table does not know: the rules of JSON alone.
    fn unknown(&mut self, object: &Siblings<'_>, name: &str, value: Node<'_>, place: &Place<'_>) {
        match value.kind() {
            Kind::Null => self.structure(
                "has a member that is null: what has no value is left out",
                value,
                place,
            ),
            Kind::Object if value.get("resourceType").is_some() => {
                self.resource(value, place, false);
            }
            Kind::Object => self.members(value, None, place),
            Kind::Array => {
                if value.elements().next().is_none() {
                    self.structure(
                        "has a member with an empty array: what has no content is left out",
                        value,
                        place,
                    );
                }
                let extended = object.contains_key(beside(name).as_str());
                for item in value.elements() {
                    // Values of primitives and their extensions stand in two arrays side by side.
                    if item.kind() != Kind::Null || !extended {
                        self.unknown(object, "", item, place);
                    }
                }
            }
            Kind::Text if value.raw() == "\"\"" => self.structure(
                "has a member with an empty text: what has no value is left out",
                value,
                place,
            ),
            Kind::Text => self.check_characters(value, place),
            Kind::Boolean | Kind::Number => {}
        }
    }

    fn structure(&mut self, text: &'static str, node: Node<'_>, place: &Place<'_>) {
        self.report
            .error(IssueCode::Structure, text, node.span().start, place);
    }
}

/// The member with the extensions of a primitive, or the primitive of the extensions.
fn beside(name: &str) -> String {
    match name.strip_prefix('_') {
        Some(rest) => rest.to_owned(),
        None => format!("_{name}"),
    }
}

/// What the name of a resource type looks like.
fn is_type_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

const EMPTY: &str = "must not be an empty array: what has no content is left out";
const NULL: &str = "must not be null: what has no value is left out";
