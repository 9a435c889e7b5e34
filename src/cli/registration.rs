//! Arguments that registrations of clients and of people share, and how both are shown.

use authorization_server::{
    Client, OrganizationAccess, ResourceOwner, ResourceServerEntry, Rights,
};
use serde_json::{Value, json};

/// What tokens reach beyond their scope.
#[derive(clap::Args)]
pub(super) struct RightsArgs {
    /// Organization whose records are reached
    #[arg(long, value_name = "NAME")]
    organization: Option<String>,
    /// Reach the records of every organization, not only of one's own
    #[arg(long)]
    all_organizations: bool,
    /// Jurisdictions that are reached
    #[arg(long = "jurisdiction", value_name = "CODE", value_delimiter = ',')]
    jurisdictions: Vec<String>,
    /// Record types that are reached: birth, fetal-death
    #[arg(long = "record-type", value_name = "TYPE", value_delimiter = ',')]
    record_types: Vec<String>,
}

impl From<RightsArgs> for Rights {
    fn from(args: RightsArgs) -> Self {
        Self {
            organization: args.organization,
            organization_access: if args.all_organizations {
                OrganizationAccess::All
            } else {
                OrganizationAccess::Own
            },
            jurisdictions: args.jurisdictions,
            record_types: args.record_types,
        }
    }
}

/// A client as it is shown.
pub(super) fn client(client: &Client) -> Value {
    let grants: Vec<&str> = client.grant_types.iter().map(|grant| grant.as_str()).collect();
    let mut shown = json!({
        "client_id": client.client_id,
        "name": client.name,
        "auth": client.authentication.as_str(),
        "grant_types": grants,
        "scope": client.scope.to_string(),
        "audiences": client.audiences,
        "redirect_uris": client.redirect_uris,
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

/// A resource server as shown.
pub(super) fn resource_server(server: &ResourceServerEntry) -> Value {
    json!({
        "audience": server.audience,
        "name": server.name,
        "introspection_client_id": server.introspection_client_id,
        "organization": server.organization,
        "created": server.created.to_string(),
    })
}

fn add_rights(shown: &mut Value, rights: &Rights) {
    let Some(members) = shown.as_object_mut() else { return };
    members.insert("organization".to_owned(), json!(rights.organization));
    members.insert("organization_access".to_owned(), rights.organization_access.as_str().into());
    members.insert("jurisdictions".to_owned(), json!(rights.jurisdictions));
    members.insert("record_types".to_owned(), json!(rights.record_types));
}
