//! A request of the RESTful API (FHIR R4 http), from its method and its path.

mod path;

use crate::outcome::{IssueCode, Refusal};
use crate::search;

/// The resource types that are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResourceType {
    /// A record as it was received.
    Bundle,
    /// A record's Composition, under the Bundle's id.
    Composition,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interaction {
    /// `GET metadata`; needs no token.
    Metadata,
    /// `GET {type}/{id}`.
    Read {
        /// Of the resource.
        resource_type: ResourceType,
        /// The Bundle's id.
        id: String,
    },
    /// `GET Bundle/{id}/$original`: the received bytes, untouched.
    Original {
        /// The Bundle's id.
        id: String,
    },
    /// `POST Bundle`, conditional with `If-None-Exist` (see [`search::IfNoneExist`]).
    Create {
        /// Of the resource in the body.
        resource_type: ResourceType,
    },
    /// `GET {type}?…`.
    Search {
        /// What is searched for.
        parameters: search::Parameters,
    },
    /// `POST {type}/_search`: more parameters come in the body, a form.
    PostedSearch {
        /// Of the resources searched for.
        resource_type: ResourceType,
        /// The query of the URL, which counts too. Joined to the form with `&` it is what
        /// [`search::Parameters::parse`] reads.
        query: String,
    },
    /// `GET Composition/{id}/$document`, or `GET Composition/$document?…`.
    Document {
        /// Which one.
        which: Document,
    },
}

/// Which document `$document` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// The one with this id: the answer is the document, or 404.
    Id(String),
    /// Those with this identifier: the answer is a searchset.
    Identifier(search::Token),
}

/// What an access token must permit for an interaction (SMART App Launch 2.2, scopes version 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// `c`
    Create,
    /// `r`
    Read,
    /// `s`
    Search,
}

impl Interaction {
    /// What a method, the path below the FHIR base URL (as in the request, not decoded, with or
    /// without its leading slash) and the query ask for.
    ///
    /// # Errors
    /// A [`Refusal`] with its status: 404 for what is not there, 405 with `Allow` for what cannot be
    /// done to it, 400 for parameters that cannot be followed.
    pub fn parse(method: &str, path: &str, query: Option<&str>) -> Result<Self, Refusal> {
        let place = path::Place::parse(path)?;
        // RFC 9110 section 9.3.2: HEAD is GET without the body, which the server leaves out.
        let method = if method == "HEAD" { "GET" } else { method };
        if !place.allows(method) {
            return Err(place.refuse(method));
        }
        place.interaction(method, query.unwrap_or_default())
    }

    /// The resource type that a scope must name.
    #[must_use]
    pub fn resource_type(&self) -> &'static str {
        match self {
            Self::Metadata => "CapabilityStatement",
            Self::Original { .. } => ResourceType::Bundle.as_str(),
            Self::Read { resource_type, .. }
            | Self::Create { resource_type }
            | Self::PostedSearch { resource_type, .. } => resource_type.as_str(),
            Self::Search { parameters } => parameters.resource_type.as_str(),
            Self::Document { .. } => ResourceType::Composition.as_str(),
        }
    }

    /// What a scope must permit. `$document` by id is a read; by identifier it is a search.
    #[must_use]
    pub fn permission(&self) -> Permission {
        match self {
            Self::Metadata
            | Self::Read { .. }
            | Self::Original { .. }
            | Self::Document {
                which: Document::Id(_),
            } => Permission::Read,
            Self::Create { .. } => Permission::Create,
            Self::Search { .. }
            | Self::PostedSearch { .. }
            | Self::Document {
                which: Document::Identifier(_),
            } => Permission::Search,
        }
    }
}

impl ResourceType {
    /// The name, with its case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "Bundle" => Some(Self::Bundle),
            "Composition" => Some(Self::Composition),
            _ => None,
        }
    }

    /// The name in paths and scopes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bundle => "Bundle",
            Self::Composition => "Composition",
        }
    }
}

impl Permission {
    /// The letter in a scope.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Create => 'c',
            Self::Read => 'r',
            Self::Search => 's',
        }
    }
}

/// FHIR R4 datatypes, `id`. Dots alone are no id of ours: in a path they mean something else.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
        && text.bytes().any(|byte| byte != b'.')
}

fn not_found() -> Refusal {
    Refusal::new(404, IssueCode::NotFound, "there is nothing at this path")
}

#[cfg(test)]
mod tests;
