//! The members of resources that are searched by. Each is read on its own, so that one that is not of its FHIR type
//! costs no other its place in the index.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Identifier;
use crate::bundle::is_plain;
use crate::redact::is_social_security_number;

/// Every member of any resource that is of interest, unread.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Resource<'a> {
    #[serde(borrow)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) extension: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) identifier: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) date: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) subject: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) encounter: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) author: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) name: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) birth_date: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) address: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) service_provider: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) location: Option<&'a RawValue>,
}

/// `Encounter.location`.
#[derive(Deserialize)]
pub(super) struct Place<'a> {
    #[serde(borrow)]
    pub(super) location: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct HumanName<'a> {
    #[serde(borrow)]
    pub(super) family: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) given: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Address<'a> {
    #[serde(borrow)]
    pub(super) text: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) line: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) city: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) district: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) state: Option<&'a RawValue>,
    #[serde(borrow, rename = "postalCode")]
    pub(super) postal_code: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Extension<'a> {
    pub(super) url: String,
    #[serde(borrow)]
    pub(super) value_identifier: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) value_string: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) value_reference: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Reference<'a> {
    #[serde(borrow)]
    reference: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) identifier: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) extension: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct CodeableConcept {
    #[serde(default)]
    coding: Vec<Coding>,
}

#[derive(Deserialize)]
struct Coding {
    code: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RawIdentifier<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    system: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    assigner: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) extension: Option<&'a RawValue>,
}

impl Reference<'_> {
    pub(super) fn target(&self) -> Option<String> {
        text(self.reference)
    }
}

impl CodeableConcept {
    pub(super) fn has_code(&self, is: impl Fn(&str) -> bool) -> bool {
        self.coding
            .iter()
            .any(|coding| coding.code.as_deref().is_some_and(&is))
    }
}

impl Extension<'_> {
    /// Whether its URL ends with this name, whichever guide it is of and however the name is spelled: the guides
    /// have moved and respelled their extensions (`CertificateNumber`, `Extension-certificate-number`).
    pub(super) fn is(&self, name: &str) -> bool {
        let own = self.url.rsplit('/').next().unwrap_or_default();
        let letters = |text: &str| {
            let letters = text.chars().filter(char::is_ascii_alphanumeric);
            letters
                .map(|letter| letter.to_ascii_lowercase())
                .collect::<String>()
        };
        let own = letters(own);
        own.strip_prefix("extension").unwrap_or(&own) == letters(name)
    }
}

impl RawIdentifier<'_> {
    /// Its system and value. Nobody is found by a social security number, whether or not he says whose number it is:
    /// it would be a way to try them out.
    pub(super) fn read(&self) -> Option<Identifier> {
        let system: Option<String> = one(self.system);
        if is_social_security_number(system.as_deref(), [self.r#type, self.assigner]) {
            return None;
        }
        let system = system.filter(|system| is_searchable(system));
        Some(Identifier {
            system,
            value: text(self.value)?,
        })
    }
}

/// A member, if it is what it should be.
pub(super) fn one<'a, T: Deserialize<'a>>(member: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(member?.get()).ok()
}

/// The elements of an array that are what they should be, at most [`MAX_ELEMENTS`]; an element that stands without
/// its array counts as one.
pub(super) fn list<'a, T: Deserialize<'a>>(member: Option<&'a RawValue>) -> Vec<T> {
    let Some(member) = member else {
        return Vec::new();
    };
    match serde_json::from_str::<Vec<&'a RawValue>>(member.get()) {
        Ok(elements) => elements
            .into_iter()
            .take(MAX_ELEMENTS)
            .filter_map(|element| one(Some(element)))
            .collect(),
        Err(_) => one(Some(member)).into_iter().collect(),
    }
}

/// A text that can be searched for: not empty, not long, without control characters.
pub(super) fn text(member: Option<&RawValue>) -> Option<String> {
    one::<String>(member).filter(|text| is_searchable(text))
}

/// The texts of an array.
pub(super) fn texts(member: Option<&RawValue>) -> impl Iterator<Item = String> {
    list::<String>(member)
        .into_iter()
        .filter(|text| is_searchable(text))
}

pub(super) fn is_searchable(text: &str) -> bool {
    (1..=MAX_LENGTH).contains(&text.len()) && is_plain(text)
}

/// Names, identifiers, lines of one resource.
const MAX_ELEMENTS: usize = 8;

/// Bytes of a text that is searched by.
const MAX_LENGTH: usize = 256;
