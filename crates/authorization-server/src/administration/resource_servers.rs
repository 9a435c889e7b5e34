//! Resource servers whose tokens this server issues.

use oauth::jose::Algorithm;
use storage::Transaction;
use storage::audit::AuditEvent;

use super::decision::Operation;
use super::{Administration, Change, Error, validation};
use crate::registration::{ClientAuthenticationMethod, ResourceServerEntry};
use crate::store::{clients, resource_servers};

/// A resource server to be registered.
#[derive(Debug, Clone)]
pub struct NewResourceServer {
    /// Its FHIR base URL.
    pub audience: String,
    /// For the operator.
    pub name: String,
    /// The registered, confidential client that introspects for it.
    pub introspection_client_id: String,
    /// Who runs it.
    pub organization: String,
    /// Its tokens are JWTs (RFC 9068) signed with this algorithm; absent means opaque ones.
    pub access_token_signing_alg: Option<Algorithm>,
}

impl Administration {
    /// Registers a resource server.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`].
    pub async fn add_resource_server(
        &self,
        new: NewResourceServer,
    ) -> Result<ResourceServerEntry, Error> {
        self.permits(Operation::ResourceServerAdd)?;
        validation::audience(&new.audience)?;
        if self.is_own_audience(&new.audience) {
            return Err(Error::Exists("resource server"));
        }
        validation::text("name", &new.name)?;
        validation::text("organization", &new.organization)?;
        self.signs("access_token_signing_alg", new.access_token_signing_alg)?;
        let client = clients::find(&self.db, &new.introspection_client_id).await?;
        match client {
            None => {
                return Err(Error::invalid(
                    "introspection_client_id",
                    "there is no such client",
                ));
            }
            Some(client) if client.authentication == ClientAuthenticationMethod::None => {
                // RFC 7662 section 2.1: otherwise anybody could scan for tokens.
                return Err(Error::invalid(
                    "introspection_client_id",
                    "a public client cannot introspect",
                ));
            }
            Some(_) => {}
        }
        let entry = ResourceServerEntry {
            audience: new.audience,
            name: new.name,
            introspection_client_id: new.introspection_client_id,
            organization: new.organization,
            access_token_signing_alg: new.access_token_signing_alg,
            created: self.clock.now(),
        };
        let event = AuditEvent {
            client_id: Some(entry.introspection_client_id.clone()),
            organization: Some(entry.organization.clone()),
            ..self.event("resource-server.add")
        };
        self.act(event, Add(entry.clone())).await?;
        Ok(entry)
    }

    /// All resource servers.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn resource_servers(&self) -> Result<Vec<ResourceServerEntry>, Error> {
        Ok(resource_servers::all(&self.db).await?)
    }

    /// One resource server.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn resource_server(&self, audience: &str) -> Result<ResourceServerEntry, Error> {
        let found = resource_servers::find(&self.db, audience).await?;
        found.ok_or(Error::NotFound("resource server"))
    }

    /// Removes a resource server; its tokens are inactive to its client from then on.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_resource_server(&self, audience: &str) -> Result<(), Error> {
        self.permits(Operation::ResourceServerRemove)?;
        self.act(
            self.event("resource-server.delete"),
            Delete(audience.to_owned()),
        )
        .await
    }
}

struct Add(ResourceServerEntry);

impl Change for Add {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        let added = resource_servers::insert(tx, &self.0).await?;
        Ok(if added {
            Ok(())
        } else {
            Err(Error::Exists("resource server"))
        })
    }
}

struct Delete(String);

impl Change for Delete {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        let deleted = resource_servers::delete(tx, &self.0).await?;
        Ok(if deleted {
            Ok(())
        } else {
            Err(Error::NotFound("resource server"))
        })
    }
}
