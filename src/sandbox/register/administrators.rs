//! Who administers the sandbox's authorization servers: a person for the pages, a client for the API.

use authorization_server::administration::{self, NewClient, generate_password};
use authorization_server::{ClientAuthenticationMethod, GrantType, OrganizationAccess, Rights};

use super::{Office, Registered, User, record_types};

impl Office<'_> {
    /// Who administers this authorization server, told with each of its dataflows.
    pub(super) async fn administrator(&self, registered: &mut Registered) -> anyhow::Result<()> {
        let party = self.party;
        let password = generate_password(self.random);
        let told = User {
            username: format!("{}.administrator", party.name),
            password: password.expose().to_owned(),
            scope: ADMINISTRATION_SCOPE.to_owned(),
            organization: party.organization.clone(),
            jurisdictions: self.cast.all_jurisdictions(),
            record_types: record_types(),
            role: "administrator".to_owned(),
            note: Some(format!(
                "administers {} at {}/admin, with a second factor that is set up at the first sign-in",
                party.organization,
                party.origin()
            )),
        };
        let flows = self.cast.dataflows.iter();
        for flow in flows.filter(|flow| flow.receiver.name == party.name) {
            let users = registered.users.entry(flow.name()).or_default();
            users.push(told.clone());
        }
        self.add_user(told, password, OrganizationAccess::All).await
    }

    /// Who administers by the API, told with the first dataflow of this authorization server.
    pub(super) async fn administration_client(
        &self,
        registered: &mut Registered,
    ) -> anyhow::Result<()> {
        let party = self.party;
        let mut flows = self.cast.dataflows.iter();
        let ours = flows.find(|flow| flow.receiver.name == party.name);
        let Some(flow) = ours else { return Ok(()) };
        let api = format!("{}{}", party.origin(), administration::API);
        let id = format!("{}-administration", party.name);
        let new = NewClient {
            name: format!("Administration of {}", party.organization),
            grant_types: vec![GrantType::ClientCredentials],
            scope: ADMINISTRATION_SCOPE.to_owned(),
            audiences: vec![api.clone()],
            rights: Rights {
                organization: Some(party.organization.clone()),
                organization_access: OrganizationAccess::All,
                jurisdictions: self.cast.all_jurisdictions(),
                record_types: record_types(),
                facilities: None,
            },
            ..self.client(&id, ClientAuthenticationMethod::ClientSecretBasic)
        };
        let note = format!("administers by the API, which {api}/openapi.json describes");
        let clients = registered.clients.entry(flow.name()).or_default();
        self.describe(flow, new, clients, &note).await.map(drop)
    }
}

const ADMINISTRATION_SCOPE: &str = "administration.read administration.write audit.read";
