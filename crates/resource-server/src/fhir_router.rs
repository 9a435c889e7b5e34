//! The walk of every FHIR request, in its one order: token, issuer, interaction, decision, record,
//! audit, answer. A new interaction is a new file in `interactions` and a line in [`dispatch`]; it
//! cannot be reached except through this walk.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use fhir::{Interaction, ResourceType};

use crate::ResourceServer;
use crate::access_decision::{self, Asked};
use crate::answer::Failure;
use crate::config::IssuerLimits;
use crate::exchange::{Exchange, Permitted};
use crate::interactions::{
    audit_event, batch, composition, create, delete, document, history, metadata, original, part,
    read, search, update, validate,
};
use crate::introspect::VerifiedToken;
use crate::{bearer, cors, interactions, protected_resource, smart_configuration, withholding};

/// Everything at and below the path of the FHIR base URL.
pub(crate) fn router(server: ResourceServer) -> Router {
    let base = server
        .config()
        .fhir_base
        .path()
        .trim_end_matches('/')
        .to_owned();
    let mut router = Router::new()
        .route(&format!("{base}/"), any(serve))
        .route(&format!("{base}/{{*below}}"), any(serve));
    if !base.is_empty() {
        router = router.route(&base, any(serve));
    }
    router
        .merge(protected_resource::routes(&server))
        .layer(from_fn_with_state(server.clone(), cors::layer))
        .with_state(server)
}

async fn serve(State(server): State<ResourceServer>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let addressed = interactions::addressed(&server, &parts);
    let is_public = matches!(
        addressed,
        Ok(Interaction::Metadata | Interaction::SmartConfiguration)
    );
    let accepted = interactions::check_accept(&parts);
    let interaction = match addressed.and_then(|interaction| accepted.map(|()| interaction)) {
        Ok(Interaction::Metadata) => return metadata::answer(&server).await,
        Ok(Interaction::SmartConfiguration) => return smart_configuration::answer(&server).await,
        // What may be asked without a token is also refused without one.
        Err(failure) if is_public => return failure.into_response(),
        interaction => interaction,
    };
    let action = interaction.as_ref().map_or("unknown", interactions::action);
    let mut exchange = Exchange::new(server, parts, action);
    let response = match walk(&mut exchange, interaction, body).await {
        Ok(response) => response,
        Err(failure) => refuse(&exchange, failure).await,
    };
    count(&exchange, &response);
    response
}

async fn walk(
    exchange: &mut Exchange,
    interaction: Result<Interaction, Failure>,
    body: Body,
) -> Result<Response, Failure> {
    let server = exchange.server.clone();
    // 401 comes before 404 and 405: strangers learn nothing of what there is.
    let (token, limits) = authenticate(exchange, &server).await?;
    proceed(exchange, &token, limits, interaction?, body).await
}

/// Who asks, vouched for by the issuer of the token.
async fn authenticate<'a>(
    exchange: &mut Exchange,
    server: &'a ResourceServer,
) -> Result<(Arc<VerifiedToken>, &'a IssuerLimits), Failure> {
    let parts = &exchange.parts;
    let token = bearer::presented(&parts.headers, parts.uri.query())?;
    exchange.presented(token.token_id());
    let now = server.clock().now();
    let (verified, limits) = server.issuers().introspect(&token, now).await?;
    exchange.authenticated(Arc::clone(&verified), limits);
    Ok((verified, limits))
}

/// Who asks: a verified token, and the most that its issuer's tokens may do here.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) token: &'a VerifiedToken,
    pub(crate) limits: &'a IssuerLimits,
}

/// From a verified token to the answer.
pub(crate) async fn proceed(
    exchange: &Exchange,
    token: &VerifiedToken,
    limits: &IssuerLimits,
    interaction: Interaction,
    body: Body,
) -> Result<Response, Failure> {
    let caller = Caller { token, limits };
    // Each of its entries comes by here for itself.
    if interaction == Interaction::Batch {
        return batch::answer(exchange, caller, body).await;
    }
    one(exchange, caller, &interaction, body).await
}

/// One interaction, decided, done, and without what is withheld from the caller.
async fn one(
    exchange: &Exchange,
    caller: Caller<'_>,
    interaction: &Interaction,
    body: Body,
) -> Result<Response, Failure> {
    let permitted = permit(exchange, caller, interaction)?;
    let response = match interaction {
        // Its body says what it asks for, and that is decided as if it had come by GET.
        Interaction::PostedDocument { query } => {
            let which = document::posted(exchange, query, body).await?;
            let interaction = Interaction::Document { which };
            let permitted = permit(exchange, caller, &interaction)?;
            dispatch(permitted, &interaction, Body::empty()).await?
        }
        _ => dispatch(permitted, interaction, body).await?,
    };
    // Of records the audit has ids alone; what is withheld of those is nothing of its own.
    if interaction.resource_type() == ResourceType::AuditEvent.as_str() {
        return Ok(response);
    }
    withholding::apply(response, exchange.withheld()).await
}

/// One entry of a batch, on the way of a single request: its answer, or its refusal with the audit row.
pub(crate) async fn entry(
    exchange: &Exchange,
    caller: Caller<'_>,
    interaction: Interaction,
    body: Body,
) -> Response {
    let response = match one(exchange, caller, &interaction, body).await {
        Ok(response) => response,
        Err(failure) => refuse(exchange, failure).await,
    };
    count(exchange, &response);
    response
}

/// The decision.
pub(crate) fn permit<'a>(
    exchange: &'a Exchange,
    caller: Caller<'_>,
    interaction: &'a Interaction,
) -> Result<Permitted<'a>, Failure> {
    let asked = Asked {
        resource_type: interaction.resource_type(),
        permission: interactions::permission(interaction),
    };
    let (rights, limits) = (caller.token.rights(), caller.limits);
    let decided = match interaction.hands_out_bundle() {
        true => access_decision::decide_with_bundle(rights, limits, asked),
        false => access_decision::decide(rights, limits, asked).map_err(|denial| (denial, asked)),
    };
    let permit = decided.map_err(|(denial, asked)| {
        let failure = Failure::forbidden(denial, asked, rights.acting);
        failure.asked_of(interaction.record_id())
    })?;
    withholding::check(interaction, exchange.withheld())
        .map_err(|failure| failure.asked_of(interaction.record_id()))?;
    Ok(Permitted {
        exchange,
        permit,
        asked,
        acting: rights.acting,
    })
}

async fn dispatch(
    permitted: Permitted<'_>,
    interaction: &Interaction,
    body: Body,
) -> Result<Response, Failure> {
    match interaction {
        Interaction::Create { .. } => create::answer(permitted, body).await,
        Interaction::Read {
            resource_type: ResourceType::Bundle,
            id,
        } => read::answer(permitted, id).await,
        Interaction::Read {
            resource_type: ResourceType::Composition,
            id,
        } => composition::answer(permitted, id).await,
        Interaction::Read {
            resource_type: ResourceType::Part(part),
            id,
        } => part::answer(permitted, (*part, id)).await,
        Interaction::VersionRead {
            resource_type: ResourceType::Bundle,
            id,
            version_id,
        } => read::answer_version(permitted, (id, version_id)).await,
        Interaction::VersionRead {
            resource_type: ResourceType::Composition,
            id,
            version_id,
        } => composition::answer_version(permitted, (id, version_id)).await,
        Interaction::History {
            resource_type,
            id,
            parameters,
        } => history::answer(permitted, (*resource_type, id.as_deref()), parameters).await,
        Interaction::Update { id } => update::answer(permitted, id, body).await,
        Interaction::Delete { id } => delete::answer(permitted, id).await,
        Interaction::Original { id } => original::answer(permitted, id).await,
        Interaction::Search { parameters } => search::answer(permitted, parameters).await,
        Interaction::Read {
            resource_type: ResourceType::AuditEvent,
            id,
        } => audit_event::read(permitted, id).await,
        Interaction::AuditSearch { query } => audit_event::search(permitted, query).await,
        Interaction::PostedSearch {
            resource_type: ResourceType::AuditEvent,
            query,
        } => audit_event::search_posted(permitted, query, body).await,
        Interaction::PostedSearch {
            resource_type,
            query,
        } => search::answer_posted(permitted, (*resource_type, query), body).await,
        Interaction::Document { which } => document::answer(permitted, which).await,
        Interaction::Validate => validate::answer(permitted, body).await,
        Interaction::Metadata => Ok(metadata::answer(&permitted.exchange.server).await),
        Interaction::SmartConfiguration => {
            Ok(smart_configuration::answer(&permitted.exchange.server).await)
        }
        // Parts and audit rows have one version, a batch has come apart before, and a posted `$document` has
        // been read.
        Interaction::VersionRead { .. }
        | Interaction::Batch
        | Interaction::PostedDocument { .. } => Err(interactions::not_offered()),
    }
}

/// Every refusal leaves an audit row; one that cannot be written is answered as our own trouble.
pub(crate) async fn refuse(exchange: &Exchange, failure: Failure) -> Response {
    let audit = exchange.denied(&failure);
    match exchange.server.db().audit(audit).await {
        Ok(()) => failure
            .described_at(&protected_resource::url(&exchange.server))
            .into_response(),
        Err(error) => Failure::from(error).into_response(),
    }
}

fn count(exchange: &Exchange, response: &Response) {
    let labels = [
        ("party", exchange.server.config().party.clone()),
        ("interaction", exchange.action().to_owned()),
        ("outcome", outcome(response.status()).to_owned()),
    ];
    metrics::counter!("resource_server_requests_total", &labels).increment(1);
}

/// How an answer is counted. 304 is one to whoever may read, with the row of a reading.
fn outcome(status: StatusCode) -> &'static str {
    match status.as_u16() {
        200..=299 | 304 => "allowed",
        401 => "unauthenticated",
        403 => "forbidden",
        500.. => "unavailable",
        _ => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_304_is_no_refusal() {
        for (status, counted) in [
            (StatusCode::OK, "allowed"),
            (StatusCode::NO_CONTENT, "allowed"),
            (StatusCode::NOT_MODIFIED, "allowed"),
            (StatusCode::UNAUTHORIZED, "unauthenticated"),
            (StatusCode::FORBIDDEN, "forbidden"),
            (StatusCode::NOT_FOUND, "refused"),
            (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        ] {
            assert_eq!(outcome(status), counted, "{status}");
        }
    }
}
