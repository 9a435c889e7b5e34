//! A request of the RESTful API (FHIR R4 http), from its method and its path.

mod history;
mod path;
mod resource_type;

pub use history::HistoryParameters;
pub use resource_type::{PartType, ResourceType, part_id, part_of};

use crate::outcome::{IssueCode, Refusal};
use crate::search;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interaction {
    /// `GET metadata`; needs no token.
    Metadata,
    /// `GET .well-known/smart-configuration` (SMART App Launch 2.2, section 4.9); needs no token.
    SmartConfiguration,
    /// `GET {type}/{id}`.
    Read {
        /// Of the resource.
        resource_type: ResourceType,
        /// The Bundle's id, or that of a part or audit row.
        id: String,
    },
    /// `GET {type}/{id}/_history/{vid}`.
    VersionRead {
        /// Of the resource.
        resource_type: ResourceType,
        /// The Bundle's id.
        id: String,
        /// As it stands in the path: any id.
        version_id: String,
    },
    /// `GET {type}/{id}/_history`, `GET {type}/_history`.
    History {
        /// Of the resources.
        resource_type: ResourceType,
        /// The Bundle's id; `None` for all that the token reaches.
        id: Option<String>,
        /// What it is narrowed to.
        parameters: HistoryParameters,
    },
    /// `PUT Bundle/{id}`.
    Update {
        /// The Bundle's id.
        id: String,
    },
    /// `DELETE Bundle/{id}`.
    Delete {
        /// The Bundle's id.
        id: String,
    },
    /// `POST [base]`: a Bundle of type batch or transaction, each entry of which is an interaction.
    Batch,
    /// `POST Bundle/$validate`: the body is looked at and not stored.
    Validate,
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
    /// `GET AuditEvent?…`.
    AuditSearch {
        /// The query of the URL, as it was sent.
        query: String,
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
    /// `POST Composition/$document`: the parameters come in the body.
    PostedDocument {
        /// The query of the URL, as it was sent.
        query: String,
    },
}

/// Which document `$document` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// The one with this id: the answer is the document, or 404.
    Id(String),
    /// Those that these parameters find: the answer is a searchset.
    Search(Box<search::Parameters>),
}

/// What an access token must permit for an interaction (SMART App Launch 2.2, scopes version 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// `c`
    Create,
    /// `r`
    Read,
    /// `u`
    Update,
    /// `d`
    Delete,
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

    /// The resource type that a scope must name. A batch is asked for each of its entries instead.
    #[must_use]
    pub fn resource_type(&self) -> &'static str {
        match self {
            Self::Metadata | Self::SmartConfiguration => "CapabilityStatement",
            Self::Original { .. }
            | Self::PostedDocument { .. }
            | Self::Update { .. }
            | Self::Delete { .. }
            | Self::Batch
            | Self::Validate => ResourceType::Bundle.as_str(),
            Self::Read { resource_type, .. }
            | Self::VersionRead { resource_type, .. }
            | Self::History { resource_type, .. }
            | Self::Create { resource_type }
            | Self::PostedSearch { resource_type, .. } => resource_type.as_str(),
            Self::Search { parameters } => parameters.resource_type.as_str(),
            Self::AuditSearch { .. } => ResourceType::AuditEvent.as_str(),
            Self::Document { .. } => ResourceType::Composition.as_str(),
        }
    }

    /// What a scope must permit (SMART App Launch 2.2, section 3.0.2.2): the history of an instance is a
    /// read, that of a type a search; `$document` by id is a read of the Composition, by identifier a search, and
    /// [`Self::hands_out_bundle`] besides; `$validate` is for those who may create. What `POST $document` asks for
    /// stands in its body: once that is read, it is the [`Self::Document`] that the same `GET` is.
    #[must_use]
    pub fn permission(&self) -> Permission {
        match self {
            Self::Metadata
            | Self::SmartConfiguration
            | Self::Read { .. }
            | Self::VersionRead { .. }
            | Self::History { id: Some(_), .. }
            | Self::Original { .. }
            | Self::PostedDocument { .. }
            | Self::Document {
                which: Document::Id(_),
            } => Permission::Read,
            Self::Create { .. } | Self::Batch | Self::Validate => Permission::Create,
            Self::Update { .. } => Permission::Update,
            Self::Delete { .. } => Permission::Delete,
            Self::Search { .. }
            | Self::AuditSearch { .. }
            | Self::PostedSearch { .. }
            | Self::History { id: None, .. }
            | Self::Document {
                which: Document::Search(_),
            } => Permission::Search,
        }
    }

    /// Whether whole Bundles are the answer to what is asked of another type: a scope must permit to read them too.
    #[must_use]
    pub fn hands_out_bundle(&self) -> bool {
        matches!(self, Self::Document { .. })
    }

    /// The id in the path, of the record or of a part of it; `None` where none is, and for audit rows.
    #[must_use]
    pub fn record_id(&self) -> Option<&str> {
        match self {
            Self::Read {
                resource_type: ResourceType::AuditEvent,
                ..
            } => None,
            Self::Read {
                resource_type: ResourceType::Part(_),
                id,
            } => Some(part_of(id).map_or(id.as_str(), |(record, _)| record)),
            Self::Read { id, .. }
            | Self::VersionRead { id, .. }
            | Self::Update { id }
            | Self::Delete { id }
            | Self::Original { id }
            | Self::Document {
                which: Document::Id(id),
            } => Some(id),
            Self::History { id, .. } => id.as_deref(),
            Self::Metadata
            | Self::SmartConfiguration
            | Self::Batch
            | Self::Validate
            | Self::Create { .. }
            | Self::Search { .. }
            | Self::AuditSearch { .. }
            | Self::PostedSearch { .. }
            | Self::PostedDocument { .. }
            | Self::Document {
                which: Document::Search(_),
            } => None,
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
            Self::Update => 'u',
            Self::Delete => 'd',
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
