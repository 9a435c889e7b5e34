//! How registrations are shown.

use authorization_server::administration::FederatedIdentity;
use authorization_server::{Client, ResourceOwner, ResourceServerEntry, Rights};
use serde_json::{Value, json};

use super::shell::rights_json;

/// A client as it is shown.
pub(super) fn client(client: &Client) -> Value {
    let grants: Vec<&str> = client
        .grant_types
        .iter()
        .map(|grant| grant.as_str())
        .collect();
    let mut shown = json!({
        "client_id": client.client_id,
        "name": client.name,
        "auth": client.authentication.as_str(),
        "grant_types": grants,
        "scope": client.scope.to_string(),
        "audiences": client.audiences,
        "redirect_uris": client.redirect_uris,
        "profile": client.protocol.profile.as_str(),
        "assertion_algs": client
            .protocol
            .assertion_algorithms
            .iter()
            .map(|algorithm| algorithm.as_str())
            .collect::<Vec<_>>(),
        "require_par": client.protocol.pushed_requests_only(),
        "assertion_audience": client.assertion_audience.as_str(),
        "jwks_uri": client.jwks_uri,
        "access_token_lifetime_s": client.access_token_lifetime.map(|time| time.as_secs()),
        "disabled": client.disabled,
        "created": client.created.to_string(),
        "note": client.note,
    });
    add_rights(&mut shown, &client.rights);
    shown
}

/// A person as shown.
pub(super) fn user(user: &ResourceOwner) -> Value {
    let mut shown = json!({
        "username": user.username,
        "id": user.id,
        "role": user.role,
        "scope": user.scope.to_string(),
        "disabled": user.disabled,
        "created": user.created.to_string(),
        "note": user.note,
    });
    add_rights(&mut shown, &user.rights);
    shown
}

/// An identity of a person as shown.
pub(super) fn identity(identity: &FederatedIdentity) -> Value {
    json!({
        "issuer": identity.issuer,
        "subject": identity.subject,
        "created": identity.created.to_string(),
        "used": identity.used.map(|used| used.to_string()),
    })
}

/// A resource server as shown.
pub(super) fn resource_server(server: &ResourceServerEntry) -> Value {
    json!({
        "audience": server.audience,
        "name": server.name,
        "introspection_client_id": server.introspection_client_id,
        "organization": server.organization,
        "access_token_alg": server.access_token_signing_alg.map(|algorithm| algorithm.as_str()),
        "created": server.created.to_string(),
    })
}

fn add_rights(shown: &mut Value, rights: &Rights) {
    if let (Some(members), Value::Object(rights)) = (shown.as_object_mut(), rights_json(rights)) {
        members.extend(rights);
    }
}
