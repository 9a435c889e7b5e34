//! What an operator does: registers, shows, disables and removes clients, resource servers and users,
//! and ends tokens. The shell calls it beside a running server, which sees every change at once because
//! it caches nothing that decides. Each act leaves an audit row, in the same transaction.

mod clients;
mod identities;
mod initial_access_tokens;
mod keys;
mod resource_servers;
mod tokens;
pub(crate) mod users;
pub(crate) mod validation;

use storage::audit::{AuditEvent, Outcome};
use storage::{Clock, Db, Transaction, Work};

use crate::caller::Caller;

pub use crate::password::generate as generate_password;
pub use crate::store::clients::ClientSecret;
pub use crate::store::dynamic_registrations::{InitialAccessToken, RegistrationPolicy};
pub use crate::store::federated::FederatedIdentity;
pub use crate::store::revocations::TokenEntry;
pub use clients::{NewClient, NewClientSecret};
pub use initial_access_tokens::NewInitialAccessToken;
use oauth::Random;
use oauth::jose::Algorithm;
pub use resource_servers::NewResourceServer;
pub use users::NewUser;

/// The registrations of one party.
#[derive(Clone)]
pub struct Administration {
    /// The database, opened with [`MIGRATIONS`](crate::MIGRATIONS).
    pub db: Db,
    /// Dates registrations and audit rows.
    pub clock: Clock,
    /// Makes ids and secrets.
    pub random: Random,
    /// The party's name, for audit rows.
    pub party: String,
    /// Jurisdictions that registrations may name; empty means any.
    pub jurisdictions: Vec<String>,
    /// What the server has signing keys for.
    pub signing_algorithms: Vec<Algorithm>,
    /// Who does it.
    pub actor: Actor,
}

/// Who administers.
#[derive(Debug, Clone)]
pub struct Actor {
    role: &'static str,
    subject: Option<String>,
    source_address: Option<String>,
    request_id: Option<String>,
}

impl Actor {
    /// Somebody with a shell on the party's machine.
    #[must_use]
    pub fn shell() -> Self {
        Self::role("shell")
    }

    /// A client that registers itself.
    #[must_use]
    pub fn client() -> Self {
        Self::role(SERVER)
    }

    /// A person who is signed in, and from where.
    pub(crate) fn person(caller: &Caller, id: &str) -> Self {
        Self {
            subject: Some(id.to_owned()),
            source_address: caller.source_address.clone(),
            request_id: caller.request_id.clone(),
            ..Self::role(SERVER)
        }
    }

    fn role(role: &'static str) -> Self {
        Self {
            role,
            subject: None,
            source_address: None,
            request_id: None,
        }
    }
}

const SERVER: &str = "authorization-server";

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was given breaks a rule of registration.
    #[error("{field}: {reason}")]
    Invalid {
        /// The member of the registration.
        field: &'static str,
        /// The rule.
        reason: String,
    },
    /// There is none such.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The id is taken.
    #[error("this {0} exists already")]
    Exists(&'static str),
    /// Something else still needs it.
    #[error("{0}")]
    InUse(&'static str),
    /// The database.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl Error {
    pub(crate) fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            reason: reason.into(),
        }
    }
}

impl Administration {
    /// An audit row of this actor for an act that was done.
    pub(crate) fn event(&self, action: &str) -> AuditEvent {
        AuditEvent {
            subject: self.actor.subject.clone(),
            source_address: self.actor.source_address.clone(),
            request_id: self.actor.request_id.clone(),
            ..AuditEvent::new(
                self.clock.now(),
                &self.party,
                self.actor.role,
                action,
                Outcome::Allowed,
            )
        }
    }

    /// An algorithm that the server is to sign with must be one that it has keys for.
    fn signs(&self, field: &'static str, algorithm: Option<Algorithm>) -> Result<(), Error> {
        match algorithm {
            Some(algorithm) if !self.signing_algorithms.contains(&algorithm) => Err(
                Error::invalid(field, "is not among the server's signing_algorithms"),
            ),
            _ => Ok(()),
        }
    }

    /// Does one act and records it; an act that found nothing to change is recorded as denied.
    async fn act<C: Change>(&self, event: AuditEvent, change: C) -> Result<(), Error> {
        self.db.write(Act { event, change }).await?
    }
}

/// What an act changes.
trait Change: Send + Sync + 'static {
    fn apply(
        &self,
        tx: &mut Transaction<'_>,
    ) -> impl Future<Output = Result<Result<(), Error>, storage::Error>> + Send;
}

struct Act<C> {
    event: AuditEvent,
    change: C,
}

impl<C: Change> Work for Act<C> {
    type Output = Result<(), Error>;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<Self::Output, storage::Error> {
        let done = self.change.apply(tx).await?;
        let mut event = self.event.clone();
        if let Err(error) = &done {
            event.outcome = Outcome::Denied;
            event.reason = Some(error.to_string());
        }
        tx.audit(&event).await?;
        Ok(done)
    }
}

#[cfg(test)]
mod tests;
