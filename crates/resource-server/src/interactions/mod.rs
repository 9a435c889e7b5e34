//! One file per interaction. Each takes a [`crate::exchange::Permitted`], so none can be reached
//! without a decision.

pub(crate) mod audit_event;
pub(crate) mod batch;
mod body;
pub(crate) mod change;
pub(crate) mod composition;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod document;
pub(crate) mod history;
mod intake;
pub(crate) mod metadata;
pub(crate) mod original;
pub(crate) mod part;
mod precondition;
pub(crate) mod read;
pub(crate) mod search;
mod searchset;
pub(crate) mod update;
pub(crate) mod validate;

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use fhir::{Interaction, IssueCode, ResourceType};
use oauth::Permission;

use crate::ResourceServer;
use crate::answer::Failure;

/// What the request asks for, and whether its answer may be JSON.
pub(crate) fn parse(server: &ResourceServer, parts: &Parts) -> Result<Interaction, Failure> {
    let interaction = addressed(server, parts)?;
    check_accept(parts)?;
    Ok(interaction)
}

/// What the request asks for, by its method and its path below the FHIR base.
pub(crate) fn addressed(server: &ResourceServer, parts: &Parts) -> Result<Interaction, Failure> {
    let base = server.config().fhir_base.path().trim_end_matches('/');
    let path = parts.uri.path();
    let below = path.strip_prefix(base).unwrap_or(path);
    let query = parts.uri.query();
    Ok(Interaction::parse(parts.method.as_str(), below, query)?)
}

/// Whether the answer may be JSON.
///
/// # Errors
/// 406, and as of [`fhir::media::check_accept`].
pub(crate) fn check_accept(parts: &Parts) -> Result<(), Failure> {
    let accept = lines(&parts.headers, "accept");
    Ok(fhir::media::check_accept(parts.uri.query(), accept)?)
}

/// What audit and metrics call it.
pub(crate) fn action(interaction: &Interaction) -> &'static str {
    let composition = interaction.resource_type() == ResourceType::Composition.as_str();
    match interaction {
        Interaction::Metadata => "metadata",
        Interaction::SmartConfiguration => "smart-configuration",
        Interaction::Batch => "batch",
        Interaction::Validate => "bundle.validate",
        Interaction::Create { .. } => "bundle.create",
        Interaction::Update { .. } => "bundle.update",
        Interaction::Delete { .. } => "bundle.delete",
        Interaction::Read {
            resource_type: ResourceType::Part(_),
            ..
        } => "part.read",
        Interaction::Read {
            resource_type: ResourceType::AuditEvent,
            ..
        } => "audit.read",
        Interaction::AuditSearch { .. }
        | Interaction::PostedSearch {
            resource_type: ResourceType::AuditEvent,
            ..
        } => "audit.search",
        Interaction::Read { .. } if composition => "composition.read",
        Interaction::Read { .. } => "bundle.read",
        Interaction::VersionRead { .. } if composition => "composition.vread",
        Interaction::VersionRead { .. } => "bundle.vread",
        Interaction::History { .. } if composition => "composition.history",
        Interaction::History { .. } => "bundle.history",
        Interaction::Original { .. } => "bundle.original",
        Interaction::Search { .. } | Interaction::PostedSearch { .. } if composition => {
            "composition.search"
        }
        Interaction::Search { .. } | Interaction::PostedSearch { .. } => "bundle.search",
        Interaction::Document { .. } | Interaction::PostedDocument { .. } => "composition.document",
    }
}

/// The scope permission that it needs.
pub(crate) fn permission(interaction: &Interaction) -> Permission {
    use fhir::interaction::Permission as Fhir;
    match interaction.permission() {
        Fhir::Create => Permission::Create,
        Fhir::Read => Permission::Read,
        Fhir::Update => Permission::Update,
        Fhir::Delete => Permission::Delete,
        Fhir::Search => Permission::Search,
    }
}

/// An interaction that has its word but no answer yet.
pub(crate) fn not_offered() -> Failure {
    let text = "this interaction is not offered here";
    Failure::new(StatusCode::NOT_FOUND, IssueCode::NotSupported, text)
}

/// The lines of a header that are text.
fn lines<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
}
