//! Where an element stands, as FHIRPath. Written out only where there is something to tell.

use std::fmt;

use super::schema::Type;

/// What a member is called in a sentence: by its name if FHIR knows that here, and else by its number among the members
/// of its object, since a name that a sender made up may be content.
#[derive(Debug, Clone, Copy)]
pub(super) enum Called<'m> {
    Name(&'m str),
    /// From 1.
    Number(usize),
}

impl<'m> Called<'m> {
    /// The member number `at`, from 0, of an object of the type `known`.
    pub(super) fn of(name: &'m str, known: Option<&Type>, at: usize) -> Self {
        let element = name.strip_prefix('_').unwrap_or(name);
        let is_known = known.is_some_and(|known| known.element(element).is_some());
        match is_known || name == "resourceType" {
            true => Self::Name(name),
            false => Self::Number(at + 1),
        }
    }
}

impl fmt::Display for Called<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "the member {name}"),
            Self::Number(number) => write!(f, "a member (number {number})"),
        }
    }
}

/// A step on the way from the root.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    parent: Option<&'p Place<'p>>,
    step: Step<'p>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'p> {
    /// The resource that the text is; or an element's name, which the standard knows.
    Name(&'p str),
    /// An element of several types: `value.ofType(string)`.
    Choice(&'p str, &'p str),
    Index(usize),
}

impl<'p> Place<'p> {
    pub(super) fn root(resource_type: &'p str) -> Self {
        Self {
            parent: None,
            step: Step::Name(resource_type),
        }
    }

    pub(super) fn member(&'p self, name: &'p str) -> Self {
        self.step(Step::Name(name))
    }

    pub(super) fn choice(&'p self, name: &'p str, of_type: &'p str) -> Self {
        self.step(Step::Choice(name, of_type))
    }

    pub(super) fn index(&'p self, at: usize) -> Self {
        self.step(Step::Index(at))
    }

    /// What the element is called in a sentence: its name, and its number where it repeats.
    pub(super) fn subject(&self) -> String {
        match (self.step, self.parent) {
            (Step::Name(name), _) => name.rsplit('.').next().unwrap_or(name).to_owned(),
            (Step::Choice(name, _), _) => name.to_owned(),
            (Step::Index(at), parent) => {
                format!("{}[{at}]", parent.map(Place::subject).unwrap_or_default())
            }
        }
    }

    fn step(&'p self, step: Step<'p>) -> Self {
        Self {
            parent: Some(self),
            step,
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No deeper than the JSON nests.
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        let dot = if self.parent.is_some() { "." } else { "" };
        match self.step {
            Step::Name(name) => write!(f, "{dot}{name}"),
            Step::Choice(name, of_type) => write!(f, "{dot}{name}.ofType({of_type})"),
            Step::Index(at) => write!(f, "[{at}]"),
        }
    }
}
