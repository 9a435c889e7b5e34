//! What an operator does: registers, shows, disables and removes clients, resource servers and users,
//! and ends tokens. The shell calls it beside a running server, which sees every change at once because
//! it caches nothing that decides. Each act leaves an audit row, in the same transaction.

pub(crate) mod administrator_links;
mod audit_search;
mod clients;
pub(crate) mod decision;
mod identities;
mod initial_access_tokens;
mod keys;
mod page;
mod reach;
mod resource_servers;
mod sessions;
mod target;
mod tokens;
pub(crate) mod users;
pub(crate) mod validation;
pub mod view;

use jiff::SignedDuration;
use storage::audit::{AuditEvent, Outcome};
use storage::{Clock, Db, Transaction, Work};

use crate::audience;
use crate::caller::Caller;
use crate::registration::Rights;
use decision::{Operation, Permit};
use reach::Reach;

pub use crate::password::generate as generate_password;
pub use crate::store::clients::ClientSecret;
pub use crate::store::dynamic_registrations::{InitialAccessToken, RegistrationPolicy};
pub use crate::store::federated::FederatedIdentity;
pub use crate::store::revocations::TokenEntry;
pub use administrator_links::NewAdministratorLink;
pub use audit_search::AuditExport;
pub use clients::{ClientFilter, NewClient, NewClientSecret};
pub use initial_access_tokens::NewInitialAccessToken;
use oauth::jose::Algorithm;
use oauth::{Random, Scope};
pub(crate) use page::CHUNK;
pub use page::{Page, PageRequest};
pub use resource_servers::NewResourceServer;
pub use sessions::SessionEntry;
pub use users::{NewUser, UserChange, UserFilter};

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
    /// The issuer identifier: its administration API is an audience that needs no registration.
    pub issuer: String,
    /// How long a session lasts without use: a listed one is alive.
    pub session_idle: SignedDuration,
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
    client_id: Option<String>,
    subject: Option<String>,
    organization: Option<String>,
    source_address: Option<String>,
    request_id: Option<String>,
    /// `None`: somebody with a shell, or a part of the server that has decided by itself.
    permit: Option<Permit>,
    /// The versions that a change is meant for (RFC 9110 section 13.1.1).
    expected: Option<Vec<String>>,
}

impl Actor {
    /// Somebody with a shell on the party's machine.
    #[must_use]
    pub fn shell() -> Self {
        Self::role("shell")
    }

    /// The same, by the name that the machine has for whoever it is.
    #[must_use]
    pub fn of_account(self, account: String) -> Self {
        Self {
            subject: Some(account),
            ..self
        }
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

    /// Somebody who is not signed in but holds a link, and from where.
    pub(crate) fn nobody(caller: &Caller) -> Self {
        Self {
            source_address: caller.source_address.clone(),
            request_id: caller.request_id.clone(),
            ..Self::role(SERVER)
        }
    }

    /// Whoever has leave for one operation, and from where.
    fn permitted(permit: Permit, caller: &Caller) -> Self {
        Self {
            client_id: permit.client().map(str::to_owned),
            subject: Some(permit.subject().to_owned()),
            organization: permit.organization().map(str::to_owned),
            source_address: caller.source_address.clone(),
            request_id: caller.request_id.clone(),
            permit: Some(permit),
            ..Self::role(SERVER)
        }
    }

    /// The same for a target that is still of one of these versions; what was changed meanwhile is refused.
    #[must_use]
    pub fn if_unchanged(self, versions: Option<Vec<String>>) -> Self {
        Self {
            expected: versions,
            ..self
        }
    }

    fn role(role: &'static str) -> Self {
        Self {
            role,
            client_id: None,
            subject: None,
            organization: None,
            source_address: None,
            request_id: None,
            permit: None,
            expected: None,
        }
    }

    fn reach(&self) -> Reach {
        self.permit
            .as_ref()
            .map_or(Reach::Everything, |permit| permit.reach().clone())
    }

    /// The most that the actor can give; `None` is no bound.
    fn most(&self) -> Option<&Scope> {
        let permit = self.permit.as_ref()?;
        (!permit.reach().is_all()).then(|| permit.scope())
    }
}

/// The row of a refusal. What is no client of ours is not repeated: somebody may have put a secret in its place.
fn denied(event: AuditEvent, error: &Error) -> AuditEvent {
    let known = !matches!(error, Error::NotFound("client"));
    AuditEvent {
        outcome: Outcome::Denied,
        reason: Some(error.to_string()),
        client_id: event.client_id.filter(|_| known),
        ..event
    }
}

/// Where the administration API is, below the issuer.
pub const API: &str = "/admin/api";
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
    /// It is more than the actor may do or give.
    #[error("{0}")]
    Forbidden(&'static str),
    /// It was changed since it was read.
    #[error("it was changed since it was read")]
    Changed,
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
            client_id: self.actor.client_id.clone(),
            subject: self.actor.subject.clone(),
            organization: self.actor.organization.clone(),
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

    /// Whether this is the server's own administration API.
    fn is_own_audience(&self, audience: &str) -> bool {
        audience::same(audience, &format!("{}{API}", self.issuer))
    }

    /// Holds the actor to the operation that was decided on.
    fn permits(&self, operation: Operation) -> Result<(), Error> {
        match &self.actor.permit {
            Some(permit) if permit.operation() != operation => {
                Err(Error::Forbidden("another operation was permitted"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the actor can give this: no more than he has himself.
    fn gives(&self, rights: &Rights, scope: &Scope) -> Result<(), Error> {
        if !self.actor.reach().covers(rights) {
            return Err(Error::Forbidden(
                "the organization, its access, a jurisdiction or a record type is beyond your own",
            ));
        }
        let accesses = self.actor.permit.as_ref();
        let within = self.actor.most().is_none_or(|most| scope.is_within(most));
        if !within || accesses.is_some_and(|permit| !permit.gives_accesses(scope)) {
            return Err(Error::Forbidden("the scope is beyond your own"));
        }
        Ok(())
    }

    /// Whether the actor can give this role: none that can do more than he.
    fn gives_role(&self, role: &str) -> Result<(), Error> {
        match &self.actor.permit {
            Some(permit) if !permit.gives_role(role) => {
                Err(Error::Forbidden("the role is beyond your own"))
            }
            _ => Ok(()),
        }
    }

    /// Nobody lifts himself, or shuts himself out: a session that was left open does neither.
    fn not_oneself(&self, id: &str) -> Result<(), Error> {
        match self.actor.permit.as_ref().map(Permit::subject) {
            Some(own) if own == id => Err(Error::Forbidden("this is your own account")),
            _ => Ok(()),
        }
    }

    /// Refuses an act before it begins, and records that; what breaks a rule of registration is no denial.
    async fn refuse<T>(&self, event: AuditEvent, error: Error) -> Result<T, Error> {
        if !matches!(error, Error::Storage(_) | Error::Invalid { .. }) {
            self.db.audit(denied(event, &error)).await?;
        }
        Err(error)
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
        let event = self.event.clone();
        let event = match &done {
            Ok(()) => event,
            Err(error) => denied(event, error),
        };
        tx.audit(&event).await?;
        Ok(done)
    }
}

#[cfg(test)]
mod bounds;
#[cfg(test)]
mod gains;
#[cfg(test)]
mod tests;
