//! Clients and people with other rights than those of an ordinary walk: more interactions, fewer records, the audit.

use authorization_server::administration::{NewClient, generate_password};
use authorization_server::{ClientAuthenticationMethod, GrantType, OrganizationAccess};

use super::{Client, Flow, Office, User, record_types};
use crate::sandbox::configuration::redirect_uri;

impl Office<'_> {
    /// Registers them for one dataflow, of which `facility` has a record.
    pub(super) async fn other_rights(
        &self,
        flow: &Flow,
        facility: Option<&String>,
        clients: &mut Vec<Client>,
        users: &mut Vec<User>,
    ) -> anyhow::Result<()> {
        let name = flow.name();
        let secret = ClientAuthenticationMethod::ClientSecretBasic;
        let registry = NewClient {
            scope: REGISTRY_SCOPE.to_owned(),
            ..self.api(flow, &format!("{name}-api-registry"), secret)
        };
        let note = "also updates and deletes, reads parts of documents, and sees social security numbers where a rule withholds them from others";
        self.describe(flow, registry, clients, note).await?;
        // What NCHS returns names no facility.
        if let Some(facility) = facility {
            let mut narrow = self.api(flow, &format!("{name}-api-facility"), secret);
            narrow.rights.facilities = Some(vec![facility.clone()]);
            self.describe(flow, narrow, clients, "the records of one facility")
                .await?;
        }
        let office = NewClient {
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            redirect_uris: vec![redirect_uri(flow)],
            scope: OFFICE_SCOPE.to_owned(),
            ..self.of_flow(
                flow,
                &format!("{name}-web-office"),
                ClientAuthenticationMethod::None,
            )
        };
        let note = "for registrars and auditors: it may ask for all that their roles allow";
        self.describe(flow, office, clients, note).await?;
        for (role, scope, note) in PEOPLE {
            let password = generate_password(self.random);
            let told = User {
                username: format!("{name}.{role}"),
                password: password.expose().to_owned(),
                scope: scope.to_owned(),
                organization: flow.source.organization.clone(),
                jurisdictions: self.cast.jurisdictions.clone(),
                record_types: record_types(),
                role: role.to_owned(),
                note: Some(note.to_owned()),
            };
            users.push(told.clone());
            self.add_user(told, password, OrganizationAccess::Own)
                .await?;
        }
        Ok(())
    }
}

const REGISTRY_SCOPE: &str =
    "system/Bundle.cruds system/Composition.rs system/Patient.r system/Observation.r sensitive/ssn";
const OFFICE_SCOPE: &str = "user/Bundle.cruds user/Composition.rs user/AuditEvent.rs";

/// Role, scope, and what for.
const PEOPLE: [(&str, &str, &str); 2] = [
    (
        "registrar",
        "user/Bundle.cruds user/Composition.rs",
        "also updates and deletes records",
    ),
    (
        "auditor",
        "user/AuditEvent.rs",
        "reads the audit of the organization, and no record",
    ),
];
