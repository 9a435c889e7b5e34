//! Registration of clients and of their secrets.

use jiff::{SignedDuration, Timestamp};
use oauth::Secret;
use storage::Transaction;
use storage::audit::AuditEvent;

use super::decision::Operation;
use super::page::{Page, PageRequest, page};
use super::target::{Effect, OnClient};
use super::view::{ClientView, differences};
use super::{Administration, Change, Error, validation};
use crate::registration::{
    AssertionAudience, Client, ClientAuthenticationMethod, GrantType, Protocol, Rights,
};
use crate::store::clients::{self, ClientSecret, NewSecret};
use crate::store::{identifier, revocations};

/// A client to be registered.
#[derive(Debug, Clone)]
pub struct NewClient {
    /// `None` makes one.
    pub client_id: Option<String>,
    /// Shown on the consent page.
    pub name: String,
    /// The one method it may authenticate with.
    pub authentication: ClientAuthenticationMethod,
    /// The audience its assertions carry.
    pub assertion_audience: AssertionAudience,
    /// How it speaks the protocol.
    pub protocol: Protocol,
    /// Grants it may use; none for a client that only introspects.
    pub grant_types: Vec<GrantType>,
    /// `https`, or `http` on a loopback address (RFC 8252 section 7.3).
    pub redirect_uris: Vec<String>,
    /// RFC 6749 section 3.3; empty only without grants.
    pub scope: String,
    /// Audiences of registered resource servers.
    pub audiences: Vec<String>,
    /// What its tokens reach.
    pub rights: Rights,
    /// A JWK set, for `private_key_jwt`.
    pub jwks: Option<String>,
    /// Instead of `jwks`.
    pub jwks_uri: Option<String>,
    /// Overrides the server's setting.
    pub access_token_lifetime_s: Option<i64>,
    /// For the operator.
    pub note: Option<String>,
}

/// A secret to be made.
#[derive(Debug, Clone)]
pub struct NewClientSecret {
    /// For the operator.
    pub name: String,
    /// From when on it is refused.
    pub expires: Option<Timestamp>,
}

/// Which clients to list. Absent members do not filter.
#[derive(Debug, Clone, Default)]
pub struct ClientFilter {
    /// Part of the id or the name, in any case.
    pub name: Option<String>,
    /// Of this organization.
    pub organization: Option<String>,
    /// Disabled or enabled.
    pub disabled: Option<bool>,
}

impl ClientFilter {
    fn fits(&self, client: &Client) -> bool {
        let named = |part: &String| {
            let part = part.to_lowercase();
            client.client_id.to_lowercase().contains(&part)
                || client.name.to_lowercase().contains(&part)
        };
        let organization = client.rights.organization.as_ref();
        self.name.as_ref().is_none_or(named)
            && self
                .organization
                .as_ref()
                .is_none_or(|it| Some(it) == organization)
            && self.disabled.is_none_or(|it| it == client.disabled)
    }
}

impl Administration {
    /// Registers a client. One with a secret is given its first; it is shown here and never again.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`].
    pub async fn add_client(
        &self,
        new: NewClient,
        secret: NewClientSecret,
    ) -> Result<(Client, Option<Secret>), Error> {
        let client = self.client_of(new).await?;
        let event = self.client_event(Operation::ClientAdd.name(), &client.client_id);
        let allowed = self
            .permits(Operation::ClientAdd)
            .and_then(|()| self.gives(&client.rights, &client.scope));
        if let Err(error) = allowed {
            return self.refuse(event, error).await;
        }
        let made = client
            .authentication
            .uses_secret()
            .then(|| self.make_secret(&client.client_id, secret))
            .transpose()?;
        let (stored, shown) = made.unzip();
        let change = Add {
            client: client.clone(),
            secret: stored,
        };
        self.act(event, change).await?;
        Ok((client, shown))
    }

    /// Gives a registered client a new registration in place of the old one; all rules hold for the
    /// result. Its secrets and whether it is disabled stay.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`], [`Error::Changed`]; [`Error::Forbidden`] for more than the actor has
    /// himself.
    pub async fn replace_client(&self, new: NewClient) -> Result<Client, Error> {
        let client = self.client_of(new).await?;
        let event = self.client_event(Operation::ClientChange.name(), &client.client_id);
        // Somebody else's client is not there, whatever is wrong with the change.
        let there = self.client(&client.client_id).await;
        let allowed = there.and_then(|before| {
            self.not_oneself(&client.client_id)?;
            self.gives(&client.rights, &client.scope)?;
            self.permits(Operation::ClientChange)?;
            Ok(before)
        });
        let before = match allowed {
            Ok(before) => before,
            Err(error) => return self.refuse(event, error).await,
        };
        let before = ClientView::from(&before);
        let after = ClientView {
            disabled: before.disabled,
            created: before.created,
            ..ClientView::from(&client)
        };
        let event = AuditEvent {
            reason: Some(differences(&before, &after)),
            ..event
        };
        let id = client.client_id.clone();
        let work = OnClient::new(&self.actor, Effect::HandsOver, &id, Replace(client));
        self.act(event, work).await?;
        self.client(&id).await
    }

    /// All clients.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn clients(&self) -> Result<Vec<Client>, Error> {
        let mut all = clients::all(&self.db).await?;
        let reach = self.actor.reach();
        all.retain(|client| reach.covers(&client.rights));
        Ok(all)
    }

    /// Clients by id, in pages.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor or limit.
    pub async fn list_clients(
        &self,
        filter: &ClientFilter,
        request: &PageRequest,
    ) -> Result<Page<Client>, Error> {
        let reach = self.actor.reach();
        let keep = |client: &Client| reach.covers(&client.rights) && filter.fits(client);
        let fetch = |after: Option<String>| {
            let (db, organization) = (self.db.clone(), reach.organization().map(str::to_owned));
            async move { clients::after(&db, &after.unwrap_or_default(), organization.as_deref()).await }
        };
        page(request, fetch, |client| client.client_id.clone(), keep).await
    }

    /// One client.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn client(&self, client_id: &str) -> Result<Client, Error> {
        let reach = self.actor.reach();
        clients::find(&self.db, client_id)
            .await?
            .filter(|client| reach.covers(&client.rights))
            .ok_or(Error::NotFound("client"))
    }

    /// Disables a client and revokes at once all that was issued to it; or enables it again, to ask anew.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn set_client_disabled(&self, client_id: &str, disabled: bool) -> Result<(), Error> {
        let operation = if disabled {
            Operation::ClientDisable
        } else {
            Operation::ClientEnable
        };
        let change = SetDisabled {
            client_id: client_id.to_owned(),
            disabled,
            now: self.clock.now(),
        };
        self.act_on_client(operation, Effect::Harmless, client_id, change)
            .await
    }

    /// Removes a client with its secrets and tokens.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::InUse`] while a resource server introspects as it.
    pub async fn delete_client(&self, client_id: &str) -> Result<(), Error> {
        let change = Delete {
            client_id: client_id.to_owned(),
            now: self.clock.now(),
        };
        let operation = Operation::ClientRemove;
        self.act_on_client(operation, Effect::Harmless, client_id, change)
            .await
    }

    /// Revokes all tokens and codes issued to a client.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_tokens_of_client(&self, client_id: &str) -> Result<(), Error> {
        let change = Revoke(client_id.to_owned(), self.clock.now());
        let operation = Operation::ClientRevokeTokens;
        self.act_on_client(operation, Effect::Harmless, client_id, change)
            .await
    }

    /// The secrets of a client without their values.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn client_secrets(&self, client_id: &str) -> Result<Vec<ClientSecret>, Error> {
        Ok(clients::secrets(&self.db, client_id).await?)
    }

    /// Makes one more secret, so that the old one can be removed after the client has changed over.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] for a client that authenticates otherwise.
    pub async fn add_client_secret(
        &self,
        client_id: &str,
        new: NewClientSecret,
    ) -> Result<(ClientSecret, Secret), Error> {
        let client = self.target_client("client.secret.add", client_id).await?;
        uses_secret(&client)?;
        let (stored, shown) = self.make_secret(client_id, new)?;
        let listed = stored.secret.clone();
        let change = AddSecret {
            new: stored,
            now: self.clock.now(),
            others_until: None,
        };
        self.act_on_secret("client.secret.add", client_id, change)
            .await?;
        Ok((listed, shown))
    }

    /// Makes a new secret and lets the present one end after `overlap`, so that the client can change over
    /// without a gap. Of two that were live, the one that would end first ends now.
    ///
    /// # Errors
    /// As [`Administration::add_client_secret`].
    pub async fn rotate_client_secret(
        &self,
        client_id: &str,
        new: NewClientSecret,
        overlap: SignedDuration,
    ) -> Result<(ClientSecret, Secret), Error> {
        let client = self
            .target_client("client.secret.rotate", client_id)
            .await?;
        uses_secret(&client)?;
        if overlap.is_negative() || overlap > LONGEST_OVERLAP {
            return Err(Error::invalid("overlap", "must be 0 to 90 days"));
        }
        let (stored, shown) = self.make_secret(client_id, new)?;
        let listed = stored.secret.clone();
        let now = self.clock.now();
        let change = AddSecret {
            new: stored,
            now,
            others_until: Some(now + overlap),
        };
        self.act_on_secret("client.secret.rotate", client_id, change)
            .await?;
        Ok((listed, shown))
    }

    /// Removes a secret; it is refused at once.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_client_secret(&self, client_id: &str, id: &str) -> Result<(), Error> {
        let change = DeleteSecret {
            client_id: client_id.to_owned(),
            id: id.to_owned(),
        };
        self.act_on_secret("client.secret.delete", client_id, change)
            .await
    }

    /// Which client an act is meant for; that there is none such is recorded.
    async fn target_client(&self, action: &str, client_id: &str) -> Result<Client, Error> {
        match self.client(client_id).await {
            Ok(client) => Ok(client),
            Err(error) => {
                let event = self.client_event(action, client_id);
                self.refuse(event, error).await
            }
        }
    }

    /// All that is done to secrets is one operation: rotating them.
    async fn act_on_secret(
        &self,
        action: &str,
        client_id: &str,
        change: impl Change,
    ) -> Result<(), Error> {
        let allowed = self.not_oneself(client_id);
        if let Err(error) = self.permits(Operation::ClientRotateSecret).and(allowed) {
            return self
                .refuse(self.client_event(action, client_id), error)
                .await;
        }
        let change = OnClient::new(&self.actor, Effect::HandsOver, client_id, change);
        self.act(self.client_event(action, client_id), change).await
    }

    /// Does something to a client within reach, and records it.
    async fn act_on_client(
        &self,
        operation: Operation,
        effect: Effect,
        client_id: &str,
        change: impl Change,
    ) -> Result<(), Error> {
        let event = self.client_event(operation.name(), client_id);
        let allowed = self.not_oneself(client_id);
        if let Err(error) = self.permits(operation).and(allowed) {
            return self.refuse(event, error).await;
        }
        self.act(event, OnClient::new(&self.actor, effect, client_id, change))
            .await
    }

    pub(crate) async fn client_of(&self, new: NewClient) -> Result<Client, Error> {
        let client_id = new
            .client_id
            .clone()
            .unwrap_or_else(|| format!("c-{}", identifier(&self.random)));
        validation::client(self, &client_id, new).await
    }

    pub(crate) fn make_secret(
        &self,
        client_id: &str,
        new: NewClientSecret,
    ) -> Result<(NewSecret, Secret), Error> {
        validation::text("secret name", &new.name)?;
        let shown = Secret::generate(&self.random);
        let stored = NewSecret {
            secret: ClientSecret {
                id: identifier(&self.random),
                name: new.name,
                created: self.clock.now(),
                expires: new.expires,
            },
            client_id: client_id.to_owned(),
            hash: shown.hash(),
        };
        Ok((stored, shown))
    }

    fn client_event(&self, action: &str, client_id: &str) -> AuditEvent {
        AuditEvent {
            client_id: Some(client_id.to_owned()),
            ..self.event(action)
        }
    }
}

struct Add {
    client: Client,
    secret: Option<NewSecret>,
}

impl Change for Add {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        if !clients::insert(tx, &self.client).await? {
            return Ok(Err(Error::Exists("client")));
        }
        if let Some(secret) = &self.secret {
            clients::insert_secret(tx, secret).await?;
        }
        Ok(Ok(()))
    }
}

struct Replace(Client);

impl Change for Replace {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        Ok(found(clients::replace(tx, &self.0).await?, "client"))
    }
}

struct SetDisabled {
    client_id: String,
    disabled: bool,
    now: Timestamp,
}

impl Change for SetDisabled {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        // Not only inactive while it is disabled: enabled again, nothing from before comes back to life.
        if self.disabled {
            revocations::revoke_client(tx, &self.client_id, self.now).await?;
        }
        Ok(found(
            clients::set_disabled(tx, &self.client_id, self.disabled).await?,
            "client",
        ))
    }
}

struct Delete {
    client_id: String,
    now: Timestamp,
}

impl Change for Delete {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        if clients::introspects(tx, &self.client_id).await? {
            return Ok(Err(Error::InUse(
                "a resource server introspects as this client",
            )));
        }
        // Revoked too, so that a client registered later under this id does not inherit them.
        revocations::revoke_client(tx, &self.client_id, self.now).await?;
        Ok(found(clients::delete(tx, &self.client_id).await?, "client"))
    }
}

struct Revoke(String, Timestamp);

impl Change for Revoke {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        revocations::revoke_client(tx, &self.0, self.1).await?;
        Ok(Ok(()))
    }
}

/// Adds a secret; with `others_until` the newest of the others ends then and the rest now.
struct AddSecret {
    new: NewSecret,
    now: Timestamp,
    others_until: Option<Timestamp>,
}

impl Change for AddSecret {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        let client_id = &self.new.client_id;
        // Whoever else changes the client's secrets waits: otherwise two could be added as the second.
        clients::lock(tx, client_id).await?;
        let live = clients::live_secrets(tx, client_id, self.now).await?;
        match self.others_until {
            None if live.len() >= LIVE_SECRETS => {
                return Ok(Err(Error::InUse(
                    "the client has two secrets already; remove one, or rotate",
                )));
            }
            None => {}
            Some(until) => {
                let (newest, rest) = match live.split_last() {
                    Some((newest, rest)) => (Some(newest), rest),
                    None => (None, [].as_slice()),
                };
                for id in rest {
                    clients::expire_secret(tx, id, self.now).await?;
                }
                if let Some(id) = newest {
                    clients::expire_secret(tx, id, until).await?;
                }
            }
        }
        clients::insert_secret(tx, &self.new).await?;
        Ok(Ok(()))
    }
}

/// Only these methods have one.
fn uses_secret(client: &Client) -> Result<(), Error> {
    if client.authentication.uses_secret() {
        return Ok(());
    }
    Err(Error::invalid(
        "authentication",
        "the client does not use a secret",
    ))
}

/// One in use and one to change over to; every more is one that nobody watches.
const LIVE_SECRETS: usize = 2;
const LONGEST_OVERLAP: SignedDuration = SignedDuration::from_hours(90 * 24);

struct DeleteSecret {
    client_id: String,
    id: String,
}

impl Change for DeleteSecret {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        Ok(found(
            clients::delete_secret(tx, &self.client_id, &self.id).await?,
            "client secret",
        ))
    }
}

fn found(found: bool, what: &'static str) -> Result<(), Error> {
    if found {
        Ok(())
    } else {
        Err(Error::NotFound(what))
    }
}
