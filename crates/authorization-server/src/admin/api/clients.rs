//! Clients.

use jiff::SignedDuration;
use oauth::jose::Algorithm;
use serde_json::{Map, Value};

use super::input::{Fields, Time};
use super::problem::Problem;
use super::{Call, Reply, json, with};
use crate::administration::decision::Operation;
use crate::administration::view::{ClientView, SecretView};
use crate::administration::{ClientFilter, NewClient, NewClientSecret};
use crate::registration::{
    AssertionAudience, Client, ClientAuthenticationMethod, GrantType, Profile, Protocol,
};

pub(super) async fn list(call: Call) -> Result<Reply, Problem> {
    let filter = ClientFilter {
        name: call.query.text("name"),
        organization: call.query.text("organization"),
        disabled: call.query.value("disabled")?,
    };
    let page = call
        .admin
        .list_clients(&filter, &call.query.page()?)
        .await?;
    Reply::page(page, |client| ClientView::from(&client))
}

pub(super) async fn read(call: Call) -> Result<Reply, Problem> {
    let client = call.admin.client(&call.id).await?;
    shown(&call, &client).await
}

pub(super) async fn add(mut call: Call) -> Result<Reply, Problem> {
    let client_id = call.body.optional("client_id")?;
    let secret = NewClientSecret {
        name: "first".to_owned(),
        expires: call.body.optional("secret_expires")?.map(|Time(at)| at),
    };
    let new = NewClient {
        client_id,
        ..registration(call.body)?
    };
    let (client, secret) = call.admin.add_client(new, secret).await?;
    let shown = with(
        json(&ClientView::from(&client))?,
        "client_secret",
        secret.as_ref(),
    );
    Ok(Reply::created(shown, "/clients", &client.client_id).at(client.version()))
}

pub(super) async fn change(mut call: Call) -> Result<Reply, Problem> {
    let new = NewClient {
        client_id: Some(call.id.clone()),
        ..registration(std::mem::take(&mut call.body))?
    };
    let client = call.admin.replace_client(new).await?;
    shown(&call, &client).await
}

pub(super) async fn rotate_secret(mut call: Call) -> Result<Reply, Problem> {
    let body = &mut call.body;
    let new = NewClientSecret {
        name: body
            .optional("name")?
            .unwrap_or_else(|| "secret".to_owned()),
        expires: body.optional("expires")?.map(|Time(at)| at),
    };
    let days: u16 = body.optional("overlap_days")?.unwrap_or(OVERLAP_DAYS);
    std::mem::take(body).end()?;
    let overlap = SignedDuration::from_hours(24 * i64::from(days));
    let rotated = call.admin.rotate_client_secret(&call.id, new, overlap);
    let (secret, value) = rotated.await?;
    let shown = json(&SecretView::from(&secret))?;
    Reply::one(&with(shown, "client_secret", Some(&value)))
}

/// What is done to a client and answers nothing.
pub(super) async fn act(operation: Operation, call: Call) -> Result<Reply, Problem> {
    let (admin, id) = (&call.admin, &call.id);
    match operation {
        Operation::ClientDisable => admin.set_client_disabled(id, true).await?,
        Operation::ClientEnable => admin.set_client_disabled(id, false).await?,
        Operation::ClientRemove => admin.delete_client(id).await?,
        Operation::ClientRevokeTokens => admin.revoke_tokens_of_client(id).await?,
        _ => return Err(Problem::not_found("operation")),
    }
    Ok(Reply::Done)
}

async fn shown(call: &Call, client: &Client) -> Result<Reply, Problem> {
    let secrets = call.admin.client_secrets(&client.client_id).await?;
    let view = ClientView {
        secrets: Some(secrets.iter().map(SecretView::from).collect()),
        ..ClientView::from(client)
    };
    Ok(Reply::one(&view)?.at(client.version()))
}

/// A whole registration but for the id: what is left out has its default, not what was there before.
fn registration(mut body: Fields) -> Result<NewClient, Problem> {
    let jwks: Option<Map<String, Value>> = body.nullable("jwks")?;
    let new = NewClient {
        client_id: None,
        name: body.required("name")?,
        authentication: body
            .named("auth", ClientAuthenticationMethod::parse)?
            .ok_or_else(|| Problem::invalid("auth", "is missing"))?,
        assertion_audience: body
            .named("assertion_audience", AssertionAudience::parse)?
            .unwrap_or_default(),
        protocol: Protocol {
            profile: body.named("profile", Profile::parse)?.unwrap_or_default(),
            assertion_algorithms: body.names("assertion_algs", Algorithm::parse)?,
            introspection_signed_response_alg: body.named("introspection_alg", Algorithm::parse)?,
            require_pushed_authorization_requests: body
                .optional("require_par")?
                .unwrap_or_default(),
        },
        grant_types: body.names("grant_types", GrantType::parse)?,
        redirect_uris: body.optional("redirect_uris")?.unwrap_or_default(),
        scope: body.optional("scope")?.unwrap_or_default(),
        audiences: body.optional("audiences")?.unwrap_or_default(),
        rights: body.rights()?,
        jwks: jwks.map(|jwks| Value::Object(jwks).to_string()),
        jwks_uri: body.nullable("jwks_uri")?,
        access_token_lifetime_s: body.nullable("access_token_lifetime_s")?,
        note: body.nullable("note")?,
    };
    body.end()?;
    Ok(new)
}

/// A week to change over.
const OVERLAP_DAYS: u16 = 7;
