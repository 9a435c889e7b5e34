//! What a path below the FHIR base URL addresses, and what can be done there.

use super::{Document, Interaction, ResourceType, is_id, not_found};
use crate::outcome::{IssueCode, Refusal};
use crate::search::{Parameters, Token};

/// What a path addresses.
pub(super) enum Place {
    Metadata,
    Type(ResourceType),
    Search(ResourceType),
    Instance(ResourceType, String),
    Original(String),
    Document(Option<String>),
    /// `_history` of anything that is there.
    History,
}

impl Place {
    /// Reads a path by its segments. Anything that is not one of ours to the letter is not there:
    /// percent-encoded spellings, empty segments, dots, something behind the end. Two spellings of
    /// one path would be two chances for somebody in front of us to see only one of them.
    pub(super) fn parse(path: &str) -> Result<Self, Refusal> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let segments: Vec<&str> = path.split('/').take(MAX_SEGMENTS + 1).collect();
        match segments.as_slice() {
            ["metadata"] => Ok(Self::Metadata),
            [name, below @ ..] => Self::of_type(resource_type(name)?, below),
            [] => Err(not_found()),
        }
    }

    fn of_type(kind: ResourceType, below: &[&str]) -> Result<Self, Refusal> {
        use ResourceType::{Bundle, Composition};
        match (kind, below) {
            (_, []) => Ok(Self::Type(kind)),
            (_, ["_search"]) => Ok(Self::Search(kind)),
            (_, ["_history"]) => Ok(Self::History),
            (Composition, ["$document"]) => Ok(Self::Document(None)),
            (_, [id]) if is_id(id) => Ok(Self::Instance(kind, (*id).to_owned())),
            (_, [id, "_history"]) if is_id(id) => Ok(Self::History),
            (_, [id, "_history", version]) if is_id(id) && is_id(version) => Ok(Self::History),
            (Bundle, [id, "$original"]) if is_id(id) => Ok(Self::Original((*id).to_owned())),
            (Composition, [id, "$document"]) if is_id(id) => {
                Ok(Self::Document(Some((*id).to_owned())))
            }
            _ => Err(not_found()),
        }
    }

    pub(super) fn allows(&self, method: &str) -> bool {
        self.allowed().split(", ").any(|allowed| allowed == method)
    }

    /// The value of `Allow`; empty where nothing is offered.
    fn allowed(&self) -> &'static str {
        match self {
            Self::Type(ResourceType::Bundle) => "GET, HEAD, POST",
            Self::Search(_) => "POST",
            Self::History => "",
            Self::Metadata
            | Self::Type(ResourceType::Composition)
            | Self::Instance(..)
            | Self::Original(_)
            | Self::Document(_) => "GET, HEAD",
        }
    }

    /// 405, with what it was that is not offered.
    pub(super) fn refuse(&self, method: &str) -> Refusal {
        let text = match (self, method) {
            (Self::History, _) => "earlier versions are not offered",
            (Self::Document(_), "POST") => "$document is offered with GET only",
            (Self::Type(ResourceType::Composition), "POST") => {
                "a Composition is created with the Bundle that it is in"
            }
            (_, "PUT" | "PATCH") => "records are not changed here",
            (_, "DELETE") => "records are not deleted here",
            _ => "this method is not offered here",
        };
        let refusal = Refusal::new(405, IssueCode::NotSupported, text);
        Refusal {
            allow: Some(self.allowed()),
            ..refusal
        }
    }

    pub(super) fn interaction(self, method: &str, query: &str) -> Result<Interaction, Refusal> {
        Ok(match self {
            Self::Metadata => Interaction::Metadata,
            Self::Type(resource_type) if method == "POST" => Interaction::Create { resource_type },
            Self::Type(resource_type) => Interaction::Search {
                parameters: Parameters::parse(resource_type, query)?,
            },
            Self::Search(resource_type) => Interaction::PostedSearch {
                resource_type,
                query: query.to_owned(),
            },
            Self::Instance(resource_type, id) => Interaction::Read { resource_type, id },
            Self::Original(id) => Interaction::Original { id },
            Self::Document(Some(id)) => Interaction::Document {
                which: Document::Id(id),
            },
            Self::Document(None) => Interaction::Document {
                which: document(query)?,
            },
            // Nothing is allowed there, so nothing arrives here.
            Self::History => return Err(not_found()),
        })
    }
}

fn resource_type(name: &str) -> Result<ResourceType, Refusal> {
    ResourceType::parse(name).ok_or_else(|| {
        let text = "only Bundle, Composition and metadata are offered";
        Refusal::new(404, IssueCode::NotSupported, text)
    })
}

/// The parameters of `Composition/$document`: `id` (a uri) or `identifier`, one of them.
fn document(query: &str) -> Result<Document, Refusal> {
    let refused = |code, text: &'static str| Refusal::new(400, code, text);
    let (mut id, mut identifier) = (None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let duplicate = match name.as_ref() {
            "id" => id.replace(value.into_owned()).is_some(),
            "identifier" => identifier.replace(value.into_owned()).is_some(),
            // `persist` is true by nature: every document is stored.
            "_format" | "_pretty" | "persist" => false,
            // A report that matches fewer criteria than were asked for is somebody else's report.
            _ => {
                let text = "$document takes id or identifier; other parameters are not offered";
                return Err(refused(IssueCode::NotSupported, text));
            }
        };
        if duplicate {
            return Err(refused(
                IssueCode::NotSupported,
                "$document takes each parameter once",
            ));
        }
    }
    match (id, identifier) {
        (Some(id), None) => {
            let id = id.strip_prefix("Composition/").unwrap_or(&id);
            let id = Some(id).filter(|id| is_id(id));
            let text = "id of $document must be the id of a Composition";
            id.map(|id| Document::Id(id.to_owned()))
                .ok_or_else(|| refused(IssueCode::Value, text))
        }
        (None, Some(identifier)) => {
            let token = Token::parse(&identifier).filter(|token| token.value.is_some());
            let text = "identifier of $document must be system|value";
            token
                .map(Document::Identifier)
                .ok_or_else(|| refused(IssueCode::Value, text))
        }
        _ => Err(refused(
            IssueCode::Required,
            "$document needs either id or identifier",
        )),
    }
}

/// The longest path that is offered, `Bundle/{id}/_history/{version}`.
const MAX_SEGMENTS: usize = 4;
