//! Registrations at the sandbox's authorization servers, made anew at every start with the same identifiers.

mod administrators;
mod rights;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use authorization_server::administration::{
    Actor, Administration, Error, NewClient, NewClientSecret, NewResourceServer, NewUser,
    generate_password,
};
use authorization_server::{
    AssertionAudience, ClientAuthenticationMethod, GrantType, OrganizationAccess, Protocol, Rights,
};
use jiff::SignedDuration;
use oauth::jose::Jwks;
use oauth::{Random, Secret};
use storage::Clock;

use super::cast::{Cast, Flow, Party};
use super::configuration::{
    SYSTEM_SCOPE, USER_SCOPE, algorithm, introspection_client_id, key_file, redirect_uri,
    takes_part,
};
use super::description::{Client, IntrospectionClient, User};
use super::samples::{self, Record};
use crate::config::Loaded;
use crate::serve;
use crate::{config, files};

/// What was registered, with the secrets.
#[derive(Default)]
pub struct Registered {
    /// Clients per dataflow.
    pub clients: BTreeMap<String, Vec<Client>>,
    /// People per dataflow.
    pub users: BTreeMap<String, Vec<User>>,
    /// Credentials for introspection, by resource server and authorization server.
    pub introspection: BTreeMap<(&'static str, &'static str), IntrospectionClient>,
}

/// Registers everybody, and writes the secrets that the parties' own configurations need.
///
/// # Errors
/// A database or a file cannot be used.
pub async fn register(
    directory: &Path,
    cast: &Cast,
    records: &[Record],
    clock: &Clock,
    random: &Random,
) -> anyhow::Result<Registered> {
    let mut registered = Registered::default();
    for party in cast.parties.iter().filter(|party| party.issues_tokens) {
        let loaded = config::load(&directory.join(party.name).join("vitalgate.toml"))?;
        let db = serve::open_database(&loaded).await?;
        let admin = Administration {
            db,
            clock: clock.clone(),
            random: random.clone(),
            party: party.name.to_owned(),
            issuer: serve::issuer(&loaded.config),
            session_idle: serve::session_idle(&loaded.config),
            jurisdictions: cast.all_jurisdictions(),
            signing_algorithms: serve::signing_algorithms(&loaded.config),
            actor: Actor::shell(),
        };
        let office = Office {
            directory,
            cast,
            records,
            admin,
            party,
            random,
        };
        office
            .forget_everybody()
            .await
            .context("clearing the registrations of the last start")?;
        office.replace_signing_keys(&loaded).await?;
        office.resource_servers(&mut registered).await?;
        for flow in cast
            .dataflows
            .iter()
            .filter(|flow| flow.receiver.name == party.name)
        {
            office
                .dataflow(flow, &mut registered)
                .await
                .with_context(|| flow.name())?;
        }
        office.administrator(&mut registered).await?;
        office.administration_client(&mut registered).await?;
    }
    for party in &cast.parties {
        // A file that a configuration names must be there; nobody knows this secret.
        let file = directory.join(party.name).join("secrets/introspection");
        files::write(
            &file,
            Secret::generate(random).expose().as_bytes(),
            files::PRIVATE,
        )?;
    }
    Ok(registered)
}

/// One authorization server's registrations.
struct Office<'a> {
    directory: &'a Path,
    cast: &'a Cast,
    records: &'a [Record],
    admin: Administration,
    party: &'a Party,
    random: &'a Random,
}

impl Office<'_> {
    async fn forget_everybody(&self) -> Result<(), Error> {
        for user in self.admin.users().await? {
            self.admin.delete_user(&user.username).await?;
        }
        let introspection: Vec<String> = self
            .admin
            .resource_servers()
            .await?
            .into_iter()
            .map(|entry| entry.introspection_client_id)
            .collect();
        for client in self.admin.clients().await? {
            if !introspection.contains(&client.client_id) {
                self.admin.delete_client(&client.client_id).await?;
            }
        }
        for entry in self.admin.resource_servers().await? {
            self.admin.delete_resource_server(&entry.audience).await?;
        }
        for client in self.admin.clients().await? {
            self.admin.delete_client(&client.client_id).await?;
        }
        Ok(())
    }

    /// What the last start has signed verifies no more.
    async fn replace_signing_keys(&self, loaded: &Loaded) -> anyhow::Result<()> {
        let Some(section) = &loaded.config.authorization_server else {
            return Ok(());
        };
        let encryption = serve::key_encryption_key(loaded, section)?;
        for algorithm in &section.signing_algorithms {
            let rotation = authorization_server::Rotation::Compromised;
            let rotated = self
                .admin
                .rotate_signing_key(&encryption, **algorithm, rotation);
            rotated
                .await
                .context("replacing the signing keys of the last start")?;
        }
        Ok(())
    }

    /// Every resource server that takes part in a dataflow of ours may introspect here.
    async fn resource_servers(&self, registered: &mut Registered) -> anyhow::Result<()> {
        let ours = |flow: &&Flow| flow.receiver.name == self.party.name;
        for server in &self.cast.parties {
            if !self
                .cast
                .dataflows
                .iter()
                .filter(ours)
                .any(|flow| takes_part(flow, server))
            {
                continue;
            }
            let client_id = introspection_client_id(server);
            let new = NewClient {
                name: format!("Resource server of {}", server.organization),
                grant_types: Vec::new(),
                scope: String::new(),
                audiences: Vec::new(),
                redirect_uris: Vec::new(),
                rights: Rights::default(),
                ..self.client(&client_id, ClientAuthenticationMethod::ClientSecretBasic)
            };
            let secret = self.add(new, None).await?.context("no secret was made")?;
            self.admin
                .add_resource_server(NewResourceServer {
                    audience: server.fhir(),
                    name: server.organization.clone(),
                    introspection_client_id: client_id.clone(),
                    organization: server.organization.clone(),
                    access_token_signing_alg: None,
                })
                .await?;
            let file = format!("{}/secrets/{}-introspection", server.name, self.party.name);
            files::write(
                &self.directory.join(file),
                secret.expose().as_bytes(),
                files::PRIVATE,
            )?;
            let client_secret = secret.expose().to_owned();
            registered.introspection.insert(
                (server.name, self.party.name),
                IntrospectionClient {
                    client_id,
                    client_secret,
                },
            );
        }
        Ok(())
    }

    async fn dataflow(&self, flow: &Flow, registered: &mut Registered) -> anyhow::Result<()> {
        let clients = registered.clients.entry(flow.name()).or_default();
        self.human_clients(flow, clients).await?;
        self.api_clients(flow, clients).await?;
        self.refused_clients(flow, clients).await?;
        let users = registered.users.entry(flow.name()).or_default();
        let (clerk, lock_out) = (
            format!("{}.clerk", flow.name()),
            format!("{}.locked", flow.name()),
        );
        users.push(self.user(flow, &clerk, None).await?);
        users.push(
            self.user(flow, &lock_out, Some("to be locked out by wrong passwords"))
                .await?,
        );
        let facility = samples::facility(self.cast, flow, self.records)?;
        self.other_rights(flow, facility.as_ref(), clients, users)
            .await?;
        Ok(())
    }

    async fn human_clients(&self, flow: &Flow, clients: &mut Vec<Client>) -> anyhow::Result<()> {
        let name = flow.name();
        let (public, confidential) = (
            ClientAuthenticationMethod::None,
            ClientAuthenticationMethod::ClientSecretBasic,
        );
        let human = |id: &str, method| NewClient {
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            redirect_uris: vec![redirect_uri(flow)],
            scope: USER_SCOPE.to_owned(),
            ..self.of_flow(flow, &format!("{name}-{id}"), method)
        };
        self.describe(flow, human("web-public", public), clients, "")
            .await?;
        let web = self
            .describe(flow, human("web", confidential), clients, "")
            .await?;
        let secret = web.context("no secret was made")?;
        let file = format!("{}/secrets/{}-web", flow.source.name, flow.receiver.name);
        files::write(
            &self.directory.join(file),
            secret.expose().as_bytes(),
            files::PRIVATE,
        )?;
        let native = NewClient {
            redirect_uris: vec!["http://127.0.0.1/callback".to_owned()],
            ..human("native", public)
        };
        self.describe(
            flow,
            native,
            clients,
            "a native application: loopback redirect URI with any port (RFC 8252)",
        )
        .await?;
        let mut two = human("web-two", public);
        two.redirect_uris
            .push(format!("{}/other", redirect_uri(flow)));
        self.describe(flow, two, clients, "two redirect URIs")
            .await?;
        Ok(())
    }

    async fn api_clients(&self, flow: &Flow, clients: &mut Vec<Client>) -> anyhow::Result<()> {
        let name = flow.name();
        let secret = ClientAuthenticationMethod::ClientSecretBasic;
        self.describe(
            flow,
            self.api(flow, &format!("{name}-api-secret"), secret),
            clients,
            "",
        )
        .await?;
        for (id, audience) in [
            ("api-jwt", AssertionAudience::Issuer),
            ("api-jwt-token-endpoint", AssertionAudience::TokenEndpoint),
        ] {
            let new = self.api_jwt(flow, &format!("{name}-{id}"))?;
            self.describe(
                flow,
                NewClient {
                    assertion_audience: audience,
                    protocol: Protocol::default(),
                    ..new
                },
                clients,
                "",
            )
            .await?;
        }
        Ok(())
    }

    /// What people need to try refusals.
    async fn refused_clients(&self, flow: &Flow, clients: &mut Vec<Client>) -> anyhow::Result<()> {
        let name = flow.name();
        let api = |id: &str| {
            self.api(
                flow,
                &format!("{name}-{id}"),
                ClientAuthenticationMethod::ClientSecretBasic,
            )
        };
        let short = NewClient {
            access_token_lifetime_s: Some(SHORT_S),
            ..api("api-short")
        };
        self.describe(flow, short, clients, "its tokens live 5 s")
            .await?;
        let mut other = api("api-other-organization");
        other.rights.organization = Some(OTHER_ORGANIZATION.to_owned());
        self.describe(
            flow,
            other,
            clients,
            "another organization of the same kind",
        )
        .await?;
        let mut elsewhere = api("api-other-jurisdiction");
        elsewhere.rights.jurisdictions = vec![self.cast.other_jurisdiction.clone()];
        self.describe(flow, elsewhere, clients, "another jurisdiction")
            .await?;
        let mut narrow = api("api-read-only");
        narrow.scope = "system/Composition.r".to_owned();
        self.describe(flow, narrow, clients, "a scope that reaches no Bundle")
            .await?;
        let disabled = api("api-disabled");
        let id = disabled.client_id.clone().unwrap_or_default();
        self.describe(flow, disabled, clients, "disabled").await?;
        self.admin.set_client_disabled(&id, true).await?;
        let expired = self.admin.clock.now() + SignedDuration::from_millis(1);
        self.describe_until(
            flow,
            api("api-expired-secret"),
            clients,
            "its secret has expired",
            Some(expired),
        )
        .await?;
        let by_url = NewClient {
            jwks: None,
            jwks_uri: Some(self.cast.jwks_uri.clone()),
            ..self.api_jwt(flow, &format!("{name}-api-jwks-uri"))?
        };
        self.describe(
            flow,
            by_url,
            clients,
            "its keys are fetched from jwks_uri, where you may serve them",
        )
        .await?;
        let auditor = NewClient {
            scope: "system/AuditEvent.rs".to_owned(),
            ..api("auditor")
        };
        self.describe(flow, auditor, clients, "an auditor").await?;
        Ok(())
    }

    fn api(&self, flow: &Flow, client_id: &str, method: ClientAuthenticationMethod) -> NewClient {
        NewClient {
            grant_types: vec![GrantType::ClientCredentials],
            scope: SYSTEM_SCOPE.to_owned(),
            ..self.of_flow(flow, client_id, method)
        }
    }

    fn api_jwt(&self, flow: &Flow, client_id: &str) -> anyhow::Result<NewClient> {
        let key = self.key(flow)?;
        let jwks = Jwks::new([key.public_jwk().clone()])?.to_json().to_string();
        let method = ClientAuthenticationMethod::PrivateKeyJwt;
        Ok(NewClient {
            jwks: Some(jwks),
            ..self.api(flow, client_id, method)
        })
    }

    fn key(&self, flow: &Flow) -> anyhow::Result<oauth::jose::SigningKey> {
        let file = self.directory.join(flow.source.name).join(key_file(flow));
        serve::signing_key(&file, Some(algorithm(flow)), None)
    }

    fn of_flow(
        &self,
        flow: &Flow,
        client_id: &str,
        method: ClientAuthenticationMethod,
    ) -> NewClient {
        NewClient {
            name: "Record exchange".to_owned(),
            audiences: vec![flow.source.fhir(), flow.receiver.fhir()],
            rights: Rights {
                organization: Some(flow.source.organization.clone()),
                organization_access: OrganizationAccess::Own,
                jurisdictions: self.cast.jurisdictions.clone(),
                record_types: record_types(),
                facilities: None,
            },
            ..self.client(client_id, method)
        }
    }

    fn client(&self, client_id: &str, authentication: ClientAuthenticationMethod) -> NewClient {
        NewClient {
            client_id: Some(client_id.to_owned()),
            name: client_id.to_owned(),
            authentication,
            assertion_audience: AssertionAudience::Issuer,
            protocol: Protocol::default(),
            grant_types: Vec::new(),
            redirect_uris: Vec::new(),
            scope: String::new(),
            audiences: Vec::new(),
            rights: Rights::default(),
            jwks: None,
            jwks_uri: None,
            access_token_lifetime_s: None,
            note: None,
        }
    }

    async fn add(
        &self,
        new: NewClient,
        expires: Option<jiff::Timestamp>,
    ) -> anyhow::Result<Option<Secret>> {
        let id = new.client_id.clone().unwrap_or_default();
        let secret = NewClientSecret {
            name: "sandbox".to_owned(),
            expires,
        };
        let (_, secret) = self
            .admin
            .add_client(new, secret)
            .await
            .with_context(|| format!("registering {id}"))?;
        Ok(secret)
    }

    async fn describe(
        &self,
        flow: &Flow,
        new: NewClient,
        clients: &mut Vec<Client>,
        note: &str,
    ) -> anyhow::Result<Option<Secret>> {
        self.describe_until(flow, new, clients, note, None).await
    }

    /// Registers a client and tells it; `note` marks one that is not for an ordinary walk.
    async fn describe_until(
        &self,
        flow: &Flow,
        mut new: NewClient,
        clients: &mut Vec<Client>,
        note: &str,
        expires: Option<jiff::Timestamp>,
    ) -> anyhow::Result<Option<Secret>> {
        new.note = (!note.is_empty()).then(|| note.to_owned());
        let secret = self.add(new.clone(), expires).await?;
        let signs = new.authentication == ClientAuthenticationMethod::PrivateKeyJwt;
        let token_endpoint = format!("{}/oauth2/token", self.party.origin());
        let audience = match new.assertion_audience {
            AssertionAudience::Issuer => self.party.origin(),
            AssertionAudience::TokenEndpoint => token_endpoint,
        };
        clients.push(Client {
            kind: if new.redirect_uris.is_empty() {
                "api"
            } else {
                "human"
            },
            auth: new.authentication.as_str(),
            client_id: new.client_id.unwrap_or_default(),
            client_secret: secret.as_ref().map(|secret| secret.expose().to_owned()),
            redirect_uri: new.redirect_uris.first().cloned(),
            redirect_uris: (new.redirect_uris.len() > 1).then(|| new.redirect_uris.clone()),
            private_key: signs.then(|| format!("{}/{}", flow.source.name, key_file(flow))),
            alg: signs.then(|| algorithm(flow)),
            kid: if signs {
                Some(self.key(flow)?.kid().to_owned())
            } else {
                None
            },
            assertion_audience: signs.then_some(audience),
            jwks_uri: new.jwks_uri,
            scope: new.scope,
            organization: new.rights.organization.unwrap_or_default(),
            jurisdictions: new.rights.jurisdictions,
            record_types: new.rights.record_types,
            facilities: new.rights.facilities,
            resources: new.audiences,
            access_token_lifetime_s: new
                .access_token_lifetime_s
                .and_then(|seconds| u64::try_from(seconds).ok()),
            note: new.note,
        });
        Ok(secret)
    }

    async fn user(&self, flow: &Flow, username: &str, note: Option<&str>) -> anyhow::Result<User> {
        let password = generate_password(self.random);
        let told = User {
            username: username.to_owned(),
            password: password.expose().to_owned(),
            scope: USER_SCOPE.to_owned(),
            organization: flow.source.organization.clone(),
            jurisdictions: self.cast.jurisdictions.clone(),
            record_types: record_types(),
            role: "clerk".to_owned(),
            note: note.map(str::to_owned),
        };
        self.add_user(told.clone(), password, OrganizationAccess::Own)
            .await?;
        Ok(told)
    }

    async fn add_user(
        &self,
        told: User,
        password: Secret,
        organization_access: OrganizationAccess,
    ) -> anyhow::Result<()> {
        let context = format!("registering {}", told.username);
        let new = NewUser {
            username: told.username,
            password,
            role: told.role,
            scope: told.scope,
            rights: Rights {
                organization: Some(told.organization),
                organization_access,
                jurisdictions: told.jurisdictions,
                record_types: told.record_types,
                facilities: None,
            },
            note: told.note,
        };
        self.admin.add_user(new).await.context(context).map(drop)
    }
}

fn record_types() -> Vec<String> {
    vec!["birth".to_owned(), "fetal-death".to_owned()]
}

const SHORT_S: i64 = 5;
const OTHER_ORGANIZATION: &str = "Saint Brigid Medical Center";
