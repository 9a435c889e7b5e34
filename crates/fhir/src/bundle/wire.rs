//! The members of resources that the index needs, as they stand in the JSON.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{BundleType, not_supported, required, value};
use crate::outcome::{Issue, IssueCode};
use crate::redact::is_social_security_number;

/// A Bundle's envelope.
#[derive(Deserialize)]
pub(super) struct Bundle<'a> {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
    r#type: Option<String>,
    #[serde(borrow)]
    identifier: Option<Identifier<'a>>,
    timestamp: Option<String>,
    #[serde(borrow, default)]
    entry: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, rename = "fullUrl")]
    full_url: Option<&'a RawValue>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
}

/// An entry of a document: its resource, and the name that references call it by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    full_url: Option<&'a RawValue>,
    resource: &'a RawValue,
}

impl<'a> Part<'a> {
    /// Its `fullUrl`, if that is a text.
    pub(crate) fn full_url(&self) -> Option<String> {
        serde_json::from_str(self.full_url?.get()).ok()
    }

    /// Its resource as received.
    pub(crate) fn resource(&self) -> &'a RawValue {
        self.resource
    }

    /// The type of its resource, if that can be told.
    pub(crate) fn resource_type(&self) -> Option<&'a str> {
        leading_type(self.resource.get()).or_else(|| {
            let kind: BorrowedKind<'_> = serde_json::from_str(self.resource.get()).ok()?;
            kind.resource_type
        })
    }

    /// Its resource, if it is what is asked for.
    pub(crate) fn read<T: Deserialize<'a>>(&self) -> Option<T> {
        let text = self.resource.get();
        // serde reads an array as a struct as well.
        text.starts_with('{')
            .then(|| serde_json::from_str(text).ok())?
    }
}

#[derive(Deserialize)]
pub(super) struct Identifier<'a> {
    system: Option<String>,
    value: Option<String>,
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    assigner: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Composition {
    pub(super) id: Option<String>,
    pub(super) r#type: Option<CodeableConcept>,
    pub(super) subject: Option<Reference>,
}

#[derive(Deserialize)]
pub(super) struct CodeableConcept {
    #[serde(default)]
    pub(super) coding: Vec<Coding>,
}

#[derive(Deserialize)]
pub(super) struct Coding {
    pub(super) system: Option<String>,
    pub(super) code: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Reference {
    pub(super) reference: Option<String>,
    pub(super) display: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct MessageHeader {
    pub(super) id: Option<String>,
    #[serde(rename = "eventUri")]
    pub(super) event_uri: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Parameters {
    #[serde(default)]
    pub(super) parameter: Vec<Parameter>,
}

#[derive(Deserialize)]
pub(super) struct Parameter {
    pub(super) name: Option<String>,
    #[serde(rename = "valueString")]
    pub(super) string: Option<String>,
    #[serde(
        rename = "valueUnsignedInt",
        alias = "valuePositiveInt",
        alias = "valueInteger"
    )]
    pub(super) number: Option<i64>,
}

/// What any resource is.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
}

/// The same, where a type with an escape in it is none that is looked for.
#[derive(Deserialize)]
struct BorrowedKind<'a> {
    #[serde(borrow, rename = "resourceType")]
    resource_type: Option<&'a str>,
}

/// The profiles that a resource claims.
#[derive(Deserialize)]
pub(super) struct Profiled {
    pub(super) meta: Option<Meta>,
}

#[derive(Deserialize)]
pub(super) struct Meta {
    #[serde(default)]
    pub(super) profile: Vec<String>,
}

impl<'a> Bundle<'a> {
    /// Reads the envelope of what must be a Bundle. `at` is its FHIRPath, here and below.
    pub(super) fn parse(received: &'a [u8], at: &str) -> Result<Self, Issue> {
        let no_bundle =
            || Issue::error(IssueCode::Structure, "a FHIR Bundle in JSON is expected").at(at);
        // serde reads an array as a struct as well.
        if received.trim_ascii_start().first() != Some(&b'{') {
            return Err(no_bundle());
        }
        let bundle: Self =
            serde_json::from_slice(received).map_err(|error| unreadable(&error, at))?;
        match bundle.resource_type.as_deref() {
            Some("Bundle") => Ok(bundle),
            _ => Err(no_bundle()),
        }
    }

    pub(super) fn bundle_type(&self, at: &str) -> Result<BundleType, Issue> {
        let expression = || format!("{at}.type");
        let code = self.r#type.as_deref();
        let code = code.ok_or_else(|| required("the Bundle has no type", expression()))?;
        BundleType::parse(code).ok_or_else(|| {
            let text = "only Bundles of type document, message and batch are exchanged here";
            not_supported(text, expression())
        })
    }

    /// `Bundle.timestamp`, which orders the versions of one record.
    pub(super) fn timestamp(&self, at: &str) -> Result<Option<Timestamp>, Issue> {
        let text = "the timestamp is not a date and time with a time zone";
        let wrong = || value(text, format!("{at}.timestamp"));
        self.timestamp
            .as_ref()
            .map(|instant| instant.parse().map_err(|_| wrong()))
            .transpose()
    }

    /// Whether `Bundle.identifier` says that it is a social security number.
    pub(super) fn is_named_by_number(&self) -> bool {
        self.identifier.as_ref().is_some_and(|own| {
            is_social_security_number(own.system.as_deref(), [own.r#type, own.assigner])
        })
    }

    /// `Bundle.identifier`, if it has a value.
    pub(super) fn identifier(&self, at: &str) -> Result<Option<(Option<String>, String)>, Issue> {
        let Some(identifier) = &self.identifier else {
            return Ok(None);
        };
        let Some(own) = &identifier.value else {
            return Ok(None);
        };
        let texts = [identifier.system.as_deref(), Some(own.as_str())];
        if texts
            .into_iter()
            .flatten()
            .any(|text| text.is_empty() || !is_plain(text))
        {
            let text = "the identifier is empty or holds control characters";
            return Err(value(text, format!("{at}.identifier")));
        }
        Ok(Some((identifier.system.clone(), own.clone())))
    }

    /// The entries' resources. Every entry has one: those of documents, messages and batches of
    /// messages do.
    pub(super) fn into_resources(self, at: &str) -> Result<Vec<&'a RawValue>, Issue> {
        let parts = self.into_parts(at)?;
        Ok(parts.into_iter().map(|part| part.resource).collect())
    }

    /// The same with their names.
    pub(super) fn into_parts(self, at: &str) -> Result<Vec<Part<'a>>, Issue> {
        let count = self.entry.len();
        let part = |Entry { full_url, resource }| {
            let resource = resource?;
            Some(Part { full_url, resource })
        };
        let parts: Vec<_> = self.entry.into_iter().filter_map(part).collect();
        match count {
            0 => Err(required("the Bundle has no entries", format!("{at}.entry"))),
            count if count == parts.len() => Ok(parts),
            _ => {
                let text = "an entry of the Bundle has no resource";
                Err(required(text, format!("{at}.entry.resource")))
            }
        }
    }
}

/// Reads what the index needs of a resource in an entry.
pub(super) fn resource<'a, T: Deserialize<'a>>(raw: &'a RawValue, at: &str) -> Result<T, Issue> {
    if !raw.get().starts_with('{') {
        let text = "the entry's resource is no JSON object";
        return Err(Issue::error(IssueCode::Structure, text).at(at));
    }
    serde_json::from_str(raw.get()).map_err(|_| {
        let text = "an element of the resource is not of its FHIR type";
        Issue::error(IssueCode::Structure, text).at(at)
    })
}

/// The type of a resource in an entry.
pub(super) fn resource_type(raw: &RawValue, at: &str) -> Result<String, Issue> {
    if let Some(name) = leading_type(raw.get()) {
        return Ok(name.to_owned());
    }
    resource::<Kind>(raw, at)?
        .resource_type
        .ok_or_else(|| required("the resource has no resourceType", at))
}

/// The type, if it is the first member as in nearly every resource: a document within a message is
/// large, and need not be read through for this.
fn leading_type(resource: &str) -> Option<&str> {
    let member = resource
        .strip_prefix('{')?
        .trim_start()
        .strip_prefix("\"resourceType\"")?;
    let value = member
        .trim_start()
        .strip_prefix(':')?
        .trim_start()
        .strip_prefix('"')?;
    let (name, _) = value.split_once('"')?;
    Some(name).filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Text that a database and a log can hold (FHIR R4 datatypes, `string`: no control characters).
pub(crate) fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// Says where, but not with serde's message: it quotes the content. Line and column count from the
/// start of the Bundle, so they are said of the outermost one only.
fn unreadable(error: &serde_json::Error, at: &str) -> Issue {
    let text = match at {
        ROOT => {
            let (line, column) = (error.line(), error.column());
            format!("the Bundle cannot be read at line {line}, column {column}").into()
        }
        _ => std::borrow::Cow::Borrowed("an element of the Bundle is not of its FHIR type"),
    };
    Issue::error(IssueCode::Structure, text).at(at)
}

/// The FHIRPath of the Bundle that was received.
pub(super) const ROOT: &str = "Bundle";
