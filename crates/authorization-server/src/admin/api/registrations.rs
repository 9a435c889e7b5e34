//! Resource servers, trusted issuers, signing keys, initial access tokens.

use oauth::jose::Algorithm;

use super::input::Time;
use super::problem::Problem;
use super::{Call, Reply, json, with};
use crate::administration::view::{InitialAccessTokenView, KeyView, ResourceServerView};
use crate::administration::{NewInitialAccessToken, NewResourceServer, Page};
use crate::registration::{ClientAuthenticationMethod, GrantType};
use crate::signing_keys::Rotation;

pub(super) async fn resource_servers(call: Call) -> Result<Reply, Problem> {
    let all = call.admin.resource_servers().await?;
    whole(all.iter().map(ResourceServerView::from).collect())
}

pub(super) async fn resource_server(call: Call) -> Result<Reply, Problem> {
    Reply::one(&found(&call).await?)
}

pub(super) async fn add_resource_server(mut call: Call) -> Result<Reply, Problem> {
    let body = &mut call.body;
    let new = NewResourceServer {
        audience: body.required("audience")?,
        name: body.required("name")?,
        introspection_client_id: body.required("introspection_client_id")?,
        organization: body.required("organization")?,
        access_token_signing_alg: body.named("access_token_alg", Algorithm::parse)?,
    };
    std::mem::take(body).end()?;
    let view = ResourceServerView::from(&call.admin.add_resource_server(new).await?);
    Ok(Reply::created(json(&view)?, "/resource-servers", &view.id))
}

pub(super) async fn remove_resource_server(call: Call) -> Result<Reply, Problem> {
    let audience = found(&call).await.map_err(|it| it.of(false))?.audience;
    call.admin.delete_resource_server(&audience).await?;
    Ok(Reply::Done)
}

/// By its id, which is made of its audience.
async fn found(call: &Call) -> Result<ResourceServerView, Problem> {
    let all = call.admin.resource_servers().await?;
    let mut views = all.iter().map(ResourceServerView::from);
    views
        .find(|view| view.id == call.id)
        .ok_or_else(|| Problem::not_found("resource server"))
}

pub(super) fn issuers(call: &Call) -> Result<Reply, Problem> {
    whole(call.server.config().trusted_issuers.clone())
}

pub(super) async fn keys(call: Call) -> Result<Reply, Problem> {
    let all = call.admin.signing_keys().await?;
    whole(all.iter().map(KeyView::from).collect())
}

pub(super) async fn rotate_key(mut call: Call) -> Result<Reply, Problem> {
    let algorithm = call.body.named("algorithm", Algorithm::parse)?;
    let compromised: bool = call.body.optional("compromised")?.unwrap_or_default();
    std::mem::take(&mut call.body).end()?;
    let algorithm = algorithm
        .filter(|algorithm| call.admin.signing_algorithms.contains(algorithm))
        .ok_or_else(|| {
            let detail = "must be one of the server's signing_algorithms";
            Problem::invalid("algorithm", detail)
        })?;
    let rotation = if compromised {
        Rotation::Compromised
    } else {
        Rotation::Published
    };
    let encryption = call.server.encryption();
    let key = call
        .admin
        .rotate_signing_key(encryption, algorithm, rotation);
    Reply::one(&KeyView::from(&key.await?))
}

pub(super) async fn initial_access_tokens(call: Call) -> Result<Reply, Problem> {
    let all = call.admin.initial_access_tokens().await?;
    whole(all.iter().map(InitialAccessTokenView::from).collect())
}

pub(super) async fn add_initial_access_token(mut call: Call) -> Result<Reply, Problem> {
    let body = &mut call.body;
    let new = NewInitialAccessToken {
        name: body.required("name")?,
        methods: body.names("auth", ClientAuthenticationMethod::parse)?,
        grant_types: body.names("grants", GrantType::parse)?,
        scope: body.required("scope")?,
        audiences: body.required("audiences")?,
        rights: body.rights()?,
        uses: body.optional("uses")?.unwrap_or(1),
        expires: body.required::<Time>("expires")?.0,
    };
    std::mem::take(body).end()?;
    let (token, value) = call.admin.add_initial_access_token(new).await?;
    let shown = json(&InitialAccessTokenView::from(&token))?;
    let shown = with(shown, "initial_access_token", Some(&value));
    Ok(Reply::created(shown, "/initial-access-tokens", &token.id))
}

pub(super) async fn end_initial_access_token(call: Call) -> Result<Reply, Problem> {
    call.admin.end_initial_access_token(&call.id).await?;
    Ok(Reply::Done)
}

/// A list that is short by nature, as one page.
fn whole<V: serde::Serialize>(items: Vec<V>) -> Result<Reply, Problem> {
    Reply::page(Page { items, next: None }, |item| item)
}
