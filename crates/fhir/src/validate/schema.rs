//! The table of types, read from `r4.txt` once.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::primitive::Primitive;

/// A type with its elements, those of its base first.
#[derive(Debug, Default)]
pub(super) struct Type {
    pub(super) name: &'static str,
    pub(super) is_resource: bool,
    elements: Vec<Element>,
    by_json_name: HashMap<String, (usize, usize)>,
}

/// One element of a type.
#[derive(Debug, Clone)]
pub(super) struct Element {
    /// Without `[x]`.
    pub(super) name: &'static str,
    /// One, or those of a choice.
    types: Vec<ElementType>,
    is_choice: bool,
    pub(super) required: bool,
    pub(super) repeats: bool,
    /// Of a code, those that it is bound to; else empty.
    pub(super) codes: Vec<&'static str>,
}

/// What an element holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ElementType {
    Primitive(Primitive, &'static str),
    /// A type of the table, or a datatype that is not in it.
    Complex(&'static str),
    /// Any resource.
    Resource,
}

impl ElementType {
    fn parse(name: &'static str) -> Self {
        match Primitive::parse(name) {
            Some(primitive) => Self::Primitive(primitive, name),
            None if name == "Resource" => Self::Resource,
            None => Self::Complex(name),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Primitive(_, name) | Self::Complex(name) => name,
            Self::Resource => "Resource",
        }
    }
}

impl Element {
    /// Whether it is one of several types, which is part of its name in JSON.
    pub(super) fn is_choice(&self) -> bool {
        self.is_choice
    }

    /// Its names in JSON, without those of their extensions.
    pub(super) fn json_names(&self) -> impl Iterator<Item = String> {
        self.types.iter().map(|of_type| self.json_name(*of_type))
    }

    fn json_name(&self, of_type: ElementType) -> String {
        if !self.is_choice {
            return self.name.to_owned();
        }
        let mut rest = of_type.name().chars();
        let first = rest.next().map(|first| first.to_ascii_uppercase());
        format!(
            "{}{}{}",
            self.name,
            first.unwrap_or_default(),
            rest.as_str()
        )
    }

    fn parse(text: &'static str) -> Option<Self> {
        let (name, rest) = text.split_once(':')?;
        let (rest, required, repeats) = match rest.as_bytes().last()? {
            b'!' => (rest.strip_suffix('!')?, true, false),
            b'+' => (rest.strip_suffix('+')?, true, true),
            b'*' => (rest.strip_suffix('*')?, false, true),
            _ => (rest, false, false),
        };
        let (name, is_choice) = match name.strip_suffix("[x]") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (types, codes) = match rest
            .strip_prefix("code(")
            .and_then(|rest| rest.strip_suffix(')'))
        {
            Some(codes) => ("code", codes.split('|').collect()),
            None if rest == "any" => (ANY, Vec::new()),
            None => (rest, Vec::new()),
        };
        Some(Self {
            name,
            types: types.split('|').map(ElementType::parse).collect(),
            is_choice,
            required,
            repeats,
            codes,
        })
    }
}

impl Type {
    /// The type with this name; `None` for those that the table does not know.
    pub(super) fn find(name: &str) -> Option<&'static Type> {
        TYPES.get(name)
    }

    /// The resource type with this name.
    pub(super) fn resource(name: &str) -> Option<&'static Type> {
        Self::find(name).filter(|found| found.is_resource)
    }

    /// The element that a member is, and its type.
    pub(super) fn element(&self, json_name: &str) -> Option<(&Element, ElementType)> {
        let (element, of_type) = self.by_json_name.get(json_name)?;
        let element = self.elements.get(*element)?;
        Some((element, *element.types.get(*of_type)?))
    }

    /// The name of the member that this would be if it were not for capital letters.
    pub(super) fn element_but_for_case(&self, json_name: &str) -> Option<&str> {
        let mut names = self.by_json_name.keys().map(String::as_str);
        names.find(|known| known.eq_ignore_ascii_case(json_name))
    }

    pub(super) fn elements(&self) -> &[Element] {
        &self.elements
    }

    fn add(&mut self, element: Element) {
        for (at, name) in element.json_names().enumerate() {
            self.by_json_name.insert(name, (self.elements.len(), at));
        }
        self.elements.push(element);
    }
}

static TYPES: LazyLock<HashMap<&'static str, Type>> = LazyLock::new(|| {
    let mut types: HashMap<&str, Type> = HashMap::new();
    let mut current = "";
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    for line in lines {
        let mut words = line.split_whitespace();
        if !line.starts_with(' ')
            && let Some(head) = words.next()
        {
            let (name, base) = head.split_once('(').unwrap_or((head, ""));
            current = name;
            types.insert(name, derived(&types, base.trim_end_matches(')'), name));
        }
        if let Some(current) = types.get_mut(current) {
            words
                .filter_map(Element::parse)
                .for_each(|element| current.add(element));
        }
    }
    types
});

/// A type that starts with the elements of its base.
fn derived(types: &HashMap<&str, Type>, base: &str, name: &'static str) -> Type {
    let mut derived = Type {
        name,
        ..Type::default()
    };
    if let Some(base) = types.get(base) {
        base.elements
            .iter()
            .cloned()
            .for_each(|element| derived.add(element));
        derived.is_resource = base.is_resource;
    }
    derived.is_resource |= name == "Resource";
    derived
}

const TABLE: &str = include_str!("r4.txt");

/// The types of `Extension.value[x]` (FHIR R4 datatypes, open type).
const ANY: &str = "base64Binary|boolean|canonical|code|date|dateTime|decimal|id|instant|integer|\
    markdown|oid|positiveInt|string|time|unsignedInt|uri|url|uuid|Address|Age|Annotation|Attachment|\
    CodeableConcept|Coding|ContactPoint|Count|Distance|Duration|HumanName|Identifier|Money|Period|\
    Quantity|Range|Ratio|Reference|SampledData|Signature|Timing|ContactDetail|Contributor|\
    DataRequirement|Expression|ParameterDefinition|RelatedArtifact|TriggerDefinition|UsageContext|\
    Dosage|Meta";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// Every line is understood, and every type that is named is a type.
    #[test]
    fn the_table_is_whole() {
        let words = TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .flat_map(str::split_whitespace)
            .filter(|word| word.contains(':'));
        assert!(words.clone().all(|word| Element::parse(word).is_some()));
        let beyond = [
            "Contributor",
            "DataRequirement",
            "Expression",
            "ParameterDefinition",
            "RelatedArtifact",
            "TriggerDefinition",
            "UsageContext",
            "Dosage",
        ];
        for (name, known) in TYPES.iter() {
            for of_type in known.elements.iter().flat_map(|element| &element.types) {
                if let ElementType::Complex(of_type) = of_type {
                    let there = Type::find(of_type).is_some() || beyond.contains(of_type);
                    assert!(there, "{name} names {of_type}");
                }
            }
        }
    }

    #[test]
    fn elements_are_found_by_their_names_in_json() {
        let patient = Type::resource("Patient").unwrap();
        let (element, of_type) = patient.element("deceasedBoolean").unwrap();
        assert_eq!((element.name, of_type.name()), ("deceased", "boolean"));
        assert!(element.is_choice() && !element.repeats && !element.required);
        assert_eq!(
            patient.element("text").unwrap().1,
            ElementType::Complex("Narrative")
        );
        assert!(patient.element("deceased").is_none() && patient.element("birthdate").is_none());
        assert_eq!(patient.element("gender").unwrap().0.codes.len(), 4);
        let composition = Type::resource("Composition").unwrap();
        assert!(composition.element("author").unwrap().0.required);
        assert!(Type::resource("Narrative").is_none() && Type::resource("Nothing").is_none());
    }
}
