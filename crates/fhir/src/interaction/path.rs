//! What a path below the FHIR base URL addresses, and what can be done there.

use super::{Document, HistoryParameters, Interaction, ResourceType, is_id, not_found};
use crate::outcome::{IssueCode, Refusal};
use crate::search::{self, Parameters};

/// What a path addresses.
pub(super) enum Place {
    Base,
    Metadata,
    SmartConfiguration,
    Type(ResourceType),
    Search(ResourceType),
    Instance(ResourceType, String),
    Version(ResourceType, String, String),
    /// `_history` of an instance or of a type.
    History(ResourceType, Option<String>),
    Original(String),
    Document(Option<String>),
    Validate,
}

impl Place {
    /// Reads a path by its segments. Anything that is not one of ours to the letter is not there:
    /// percent-encoded spellings, empty segments, dots, something behind the end. Two spellings of
    /// one path would be two chances for somebody in front of us to see only one of them.
    pub(super) fn parse(path: &str) -> Result<Self, Refusal> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let segments: Vec<&str> = path.split('/').take(MAX_SEGMENTS + 1).collect();
        match segments.as_slice() {
            [""] => Ok(Self::Base),
            ["metadata"] => Ok(Self::Metadata),
            [".well-known", "smart-configuration"] => Ok(Self::SmartConfiguration),
            [name, below @ ..] => Self::of_type(resource_type(name)?, below),
            [] => Err(not_found()),
        }
    }

    fn of_type(kind: ResourceType, below: &[&str]) -> Result<Self, Refusal> {
        use ResourceType::{AuditEvent, Bundle, Composition, Part};
        let owned = |text: &&str| (*text).to_owned();
        match (kind, below) {
            (Part(_), [] | ["_search"]) => {
                Err(absent("the parts of documents are read by their id only"))
            }
            (AuditEvent | Part(_), ["_history"] | [_, "_history", ..]) => Err(absent(
                "parts of documents and audit rows have one version; a document's history is its Bundle's",
            )),
            (_, []) => Ok(Self::Type(kind)),
            (_, ["_search"]) => Ok(Self::Search(kind)),
            (_, ["_history"]) => Ok(Self::History(kind, None)),
            (Bundle, ["$validate"]) => Ok(Self::Validate),
            (Composition, ["$document"]) => Ok(Self::Document(None)),
            (_, [id]) if is_id(id) => Ok(Self::Instance(kind, owned(id))),
            (_, [id, "_history"]) if is_id(id) => Ok(Self::History(kind, Some(owned(id)))),
            (_, [id, "_history", version]) if is_id(id) && is_id(version) => {
                Ok(Self::Version(kind, owned(id), owned(version)))
            }
            (Bundle, [id, "$original"]) if is_id(id) => Ok(Self::Original(owned(id))),
            (Composition, [id, "$document"]) if is_id(id) => Ok(Self::Document(Some(owned(id)))),
            _ => Err(not_found()),
        }
    }

    pub(super) fn allows(&self, method: &str) -> bool {
        self.allowed().split(", ").any(|allowed| allowed == method)
    }

    /// The value of `Allow`. Where nothing is offered there is no place, but 404.
    fn allowed(&self) -> &'static str {
        use ResourceType::Bundle;
        match self {
            Self::Type(Bundle) | Self::Document(_) => "GET, HEAD, POST",
            Self::Instance(Bundle, _) => "GET, HEAD, PUT, DELETE",
            Self::Base | Self::Validate | Self::Search(_) => "POST",
            Self::Metadata
            | Self::SmartConfiguration
            | Self::Type(_)
            | Self::Instance(..)
            | Self::History(..)
            | Self::Version(..)
            | Self::Original(_) => "GET, HEAD",
        }
    }

    /// 405, with what it was that is not offered.
    pub(super) fn refuse(&self, method: &str) -> Refusal {
        let text = match (self, method) {
            (Self::Type(ResourceType::Composition), "POST") => {
                "a Composition is created with the Bundle that it is in"
            }
            (Self::Instance(ResourceType::Composition | ResourceType::Part(_), _), "PUT") => {
                "a part of a document is changed with the Bundle that it is in"
            }
            (Self::Base, "GET") => {
                "batches and transactions are posted here; what this server offers is at metadata"
            }
            (_, "PATCH") => "records are changed as a whole, with PUT",
            _ => "this method is not offered here",
        };
        let refusal = Refusal::new(405, IssueCode::NotSupported, text);
        Refusal {
            allow: Some(self.allowed()),
            ..refusal
        }
    }

    pub(super) fn interaction(self, method: &str, query: &str) -> Result<Interaction, Refusal> {
        use ResourceType::AuditEvent;
        let query_text = || query.to_owned();
        Ok(match self {
            Self::Base => Interaction::Batch,
            Self::Metadata => Interaction::Metadata,
            Self::SmartConfiguration => Interaction::SmartConfiguration,
            Self::Validate => Interaction::Validate,
            Self::Type(resource_type) if method == "POST" => Interaction::Create { resource_type },
            Self::Type(AuditEvent) => Interaction::AuditSearch {
                query: query_text(),
            },
            Self::Type(resource_type) => Interaction::Search {
                parameters: Parameters::parse(resource_type, query)?,
            },
            Self::Search(resource_type) => Interaction::PostedSearch {
                resource_type,
                query: query_text(),
            },
            Self::Instance(_, id) if method == "PUT" => Interaction::Update { id },
            Self::Instance(_, id) if method == "DELETE" => Interaction::Delete { id },
            Self::Instance(resource_type, id) => Interaction::Read { resource_type, id },
            Self::Version(resource_type, id, version_id) => Interaction::VersionRead {
                resource_type,
                id,
                version_id,
            },
            Self::History(resource_type, id) => Interaction::History {
                resource_type,
                id,
                parameters: HistoryParameters::parse(query)?,
            },
            Self::Original(id) => Interaction::Original { id },
            Self::Document(None) if method == "POST" => Interaction::PostedDocument {
                query: query_text(),
            },
            // As if the body had said the id as well.
            Self::Document(Some(id)) if method == "POST" => Interaction::PostedDocument {
                query: [&format!("id={id}"), query].join("&"),
            },
            Self::Document(Some(id)) => Interaction::Document {
                which: Document::Id(id),
            },
            Self::Document(None) => Interaction::Document {
                which: search::parse_query(query)?,
            },
        })
    }
}

fn resource_type(name: &str) -> Result<ResourceType, Refusal> {
    ResourceType::parse(name).ok_or_else(|| {
        absent(
            "only Bundle, Composition, the parts of documents, AuditEvent and metadata are offered",
        )
    })
}

/// What FHIR has and this server has not.
fn absent(text: &'static str) -> Refusal {
    Refusal::new(404, IssueCode::NotSupported, text)
}

/// The longest path that is offered, `Bundle/{id}/_history/{version}`.
const MAX_SEGMENTS: usize = 4;
