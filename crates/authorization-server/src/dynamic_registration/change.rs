//! What a registration request reads and changes, in one transaction each.

use jiff::Timestamp;
use oauth::{Error, ErrorCode, Secret, SecretHash};
use serde_json::{Map, Value};
use storage::audit::{AuditEvent, Outcome};
use storage::{Transaction, Work};

use super::{metadata, shown};
use crate::AuthorizationServer;
use crate::administration::{self, Actor, Administration, NewClient, NewClientSecret};
use crate::audit;
use crate::caller::Caller;
use crate::endpoint::Failure;
use crate::registration::{Client, Protocol};
use crate::store::clients::{self, NewSecret};
use crate::store::dynamic_registrations::{self, RegistrationPolicy};
use crate::store::revocations;

/// A registration that was made or changed, with what is shown once.
pub(super) struct Registered {
    client: Client,
    secret: Option<Secret>,
    token: Secret,
}

impl Registered {
    pub(super) fn client(&self, server: &AuthorizationServer) -> Map<String, Value> {
        let mut shown = shown(server, &self.client, &self.token);
        if let Some(secret) = &self.secret {
            let name = "client_secret".to_owned();
            shown.insert(name, secret.expose().into());
            shown.insert("client_secret_expires_at".to_owned(), 0.into());
        }
        shown
    }
}

/// RFC 7591 section 3.
pub(super) async fn register(
    server: &AuthorizationServer,
    caller: &Caller,
    initial: Secret,
    posted: &Map<String, Value>,
) -> Result<Registered, Failure> {
    let now = server.clock().now();
    let initial = dynamic_registrations::find_live(server.db(), &initial.hash(), now)
        .await?
        .ok_or(Failure::BearerRefused(Some(ErrorCode::InvalidToken)))?;
    let admin = server.administration(Actor::client());
    let new = metadata::read(posted, &initial.policy)?;
    let client = admin.client_of(new).await.map_err(refused)?;
    let (stored, secret) = secret_of(&admin, &client)?.unzip();
    let token = Secret::generate(server.random());
    let work = Insert {
        client: client.clone(),
        secret: stored,
        initial_id: initial.id,
        token_hash: token.hash(),
        now,
        event: event(server, caller, "client.register", &client),
    };
    if !server.db().write(work).await? {
        return Err(Failure::BearerRefused(Some(ErrorCode::InvalidToken)));
    }
    Ok(Registered {
        client,
        secret,
        token,
    })
}

/// RFC 7592 section 2.1.
pub(super) async fn read(
    server: &AuthorizationServer,
    client_id: &str,
    token: &Secret,
) -> Result<Client, Failure> {
    owned(server, client_id, token)
        .await
        .map(|(client, _)| client)
}

/// RFC 7592 section 2.2.
pub(super) async fn update(
    server: &AuthorizationServer,
    caller: &Caller,
    client_id: &str,
    token: Secret,
    posted: &Map<String, Value>,
) -> Result<Registered, Failure> {
    let (before, policy) = owned(server, client_id, &token).await?;
    same_client(server, &before, posted).await?;
    let asked = metadata::read(posted, &policy)?;
    let new = NewClient {
        client_id: Some(client_id.to_owned()),
        // What only an operator sets stays as he set it.
        assertion_audience: before.assertion_audience,
        access_token_lifetime_s: before.access_token_lifetime.map(|it| it.as_secs()),
        note: before.note.clone(),
        protocol: Protocol {
            profile: before.protocol.profile,
            introspection_signed_response_alg: before.protocol.introspection_signed_response_alg,
            ..asked.protocol
        },
        ..asked
    };
    let admin = server.administration(Actor::client());
    let mut client = admin.client_of(new).await.map_err(refused)?;
    client.created = before.created;
    let keeps = before.authentication.uses_secret() && client.authentication.uses_secret();
    let made = if keeps {
        None
    } else {
        secret_of(&admin, &client)?
    };
    let (stored, secret) = made.unzip();
    let work = Replace {
        client: client.clone(),
        secret: stored,
        forget_secrets: !keeps,
        revoke: (before.authentication != client.authentication).then(|| server.clock().now()),
        event: event(server, caller, "client.update", &client),
    };
    if !server.db().write(work).await? {
        return Err(Failure::BearerRefused(Some(ErrorCode::InvalidToken)));
    }
    Ok(Registered {
        client,
        secret,
        token,
    })
}

/// RFC 7592 section 2.3.
pub(super) async fn remove(
    server: &AuthorizationServer,
    caller: &Caller,
    client_id: &str,
    token: &Secret,
) -> Result<(), Failure> {
    let (client, _) = owned(server, client_id, token).await?;
    let work = Delete {
        client_id: client.client_id.clone(),
        now: server.clock().now(),
        event: event(server, caller, "client.remove", &client),
    };
    if server.db().write(work).await? {
        return Ok(());
    }
    Err(Failure::Refused(Error::new(
        ErrorCode::InvalidClientMetadata,
        "a resource server introspects as this client",
    )))
}

/// The client whose registration access token this is. An unknown client, another's token and a
/// disabled client look alike (RFC 7592 section 2.1).
async fn owned(
    server: &AuthorizationServer,
    client_id: &str,
    token: &Secret,
) -> Result<(Client, RegistrationPolicy), Failure> {
    let refusal = || Failure::BearerRefused(Some(ErrorCode::InvalidToken));
    let policy = dynamic_registrations::policy_of(server.db(), client_id, &token.hash()).await?;
    let client = clients::find(server.db(), client_id).await?;
    Ok((client.ok_or_else(refusal)?, policy.ok_or_else(refusal)?))
}

/// RFC 7592 section 2.2: the request names the client, and a secret only if it is the present one.
async fn same_client(
    server: &AuthorizationServer,
    client: &Client,
    posted: &Map<String, Value>,
) -> Result<(), Failure> {
    let refuse = |text| Failure::Refused(Error::new(ErrorCode::InvalidClientMetadata, text));
    if posted.get("client_id").and_then(Value::as_str) != Some(&client.client_id) {
        return Err(refuse("client_id must be that of the registration"));
    }
    // RFC 7592 section 2.2: they are the server's to say.
    let ours = [
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    ];
    if ours.iter().any(|name| posted.contains_key(*name)) {
        return Err(refuse(
            "registration_access_token, registration_client_uri, client_secret_expires_at and client_id_issued_at must be left out",
        ));
    }
    let Some(secret) = posted.get("client_secret") else {
        return Ok(());
    };
    let hash = Secret::received(secret.as_str().unwrap_or_default().to_owned()).hash();
    let now = server.clock().now();
    if clients::has_secret(server.db(), &client.client_id, &hash, now).await? {
        Ok(())
    } else {
        Err(refuse("client_secret is not the client's"))
    }
}

fn secret_of(
    admin: &Administration,
    client: &Client,
) -> Result<Option<(NewSecret, Secret)>, Failure> {
    if !client.authentication.uses_secret() {
        return Ok(None);
    }
    let new = NewClientSecret {
        name: "registered".to_owned(),
        expires: None,
    };
    admin
        .make_secret(&client.client_id, new)
        .map(Some)
        .map_err(refused)
}

/// A rule of registration that the resulting client breaks.
fn refused(error: administration::Error) -> Failure {
    match error {
        administration::Error::Storage(error) => error.into(),
        administration::Error::Invalid {
            field: "redirect_uris",
            reason,
        } => Failure::Refused(Error::new(
            ErrorCode::InvalidRedirectUri,
            format!("redirect_uris: {reason}"),
        )),
        other => Failure::Refused(Error::new(
            ErrorCode::InvalidClientMetadata,
            other.to_string(),
        )),
    }
}

fn event(
    server: &AuthorizationServer,
    caller: &Caller,
    action: &str,
    client: &Client,
) -> AuditEvent {
    AuditEvent {
        client_id: Some(client.client_id.clone()),
        organization: client.rights.organization.clone(),
        ..audit::event(server, caller, action, Outcome::Allowed)
    }
}

struct Insert {
    client: Client,
    secret: Option<NewSecret>,
    initial_id: String,
    token_hash: SecretHash,
    now: Timestamp,
    event: AuditEvent,
}

impl Work for Insert {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, storage::Error> {
        if !dynamic_registrations::use_once(tx, &self.initial_id, self.now).await?
            || !clients::insert(tx, &self.client).await?
        {
            return Ok(false);
        }
        if let Some(secret) = &self.secret {
            clients::insert_secret(tx, secret).await?;
        }
        let id = &self.client.client_id;
        dynamic_registrations::insert_registration(tx, id, &self.initial_id, &self.token_hash)
            .await?;
        tx.audit(&self.event).await?;
        Ok(true)
    }
}

struct Replace {
    client: Client,
    secret: Option<NewSecret>,
    forget_secrets: bool,
    /// The client proves itself otherwise now: what was issued to one who could prove more is not handed on.
    revoke: Option<Timestamp>,
    event: AuditEvent,
}

impl Work for Replace {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, storage::Error> {
        if !clients::replace(tx, &self.client).await? {
            return Ok(false);
        }
        if let Some(now) = self.revoke {
            revocations::revoke_client(tx, &self.client.client_id, now).await?;
        }
        if self.forget_secrets {
            clients::delete_secrets(tx, &self.client.client_id).await?;
        }
        if let Some(secret) = &self.secret {
            clients::insert_secret(tx, secret).await?;
        }
        tx.audit(&self.event).await?;
        Ok(true)
    }
}

struct Delete {
    client_id: String,
    now: Timestamp,
    event: AuditEvent,
}

impl Work for Delete {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, storage::Error> {
        if clients::introspects(tx, &self.client_id).await? {
            return Ok(false);
        }
        // Revoked too, so that a client registered later under this id does not inherit them.
        revocations::revoke_client(tx, &self.client_id, self.now).await?;
        clients::delete(tx, &self.client_id).await?;
        tx.audit(&self.event).await?;
        Ok(true)
    }
}
