//! Who may do what in administration: one pure decision for the API, the pages and their tests.
//!
//! A handler makes an [`Administrator`] of whoever is authenticated, asks [`decide`], and turns the [`Permit`] into
//! the [`Actor`] of an [`Administration`](super::Administration):
//!
//! ```text
//! let who = Administrator::person(&session.owner, Some(session.auth_time));
//! let permit = decide(Operation::UserDisable, &who, server.clock().now())?;
//! server.administration(permit.actor(&caller)).set_user_disabled(&username, true).await?;
//! ```
//!
//! The methods hold the actor to it: they do only the operation that was permitted, find nothing that is out of
//! reach, and give nothing that the actor has not.

use jiff::{SignedDuration, Timestamp};
use oauth::Scope;

use super::Actor;
use super::reach::Reach;
use crate::caller::Caller;
use crate::registration::{ResourceOwner, Rights};
use crate::session::FRESH;

/// What can be done in administration: one per endpoint of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    UserList,
    UserRead,
    UserAdd,
    UserChange,
    UserDisable,
    UserEnable,
    UserRemove,
    UserSetPassword,
    UserResetSecondFactor,
    UserUnlock,
    UserRevokeTokens,
    UserEndSessions,
    ClientList,
    ClientRead,
    ClientAdd,
    ClientChange,
    ClientDisable,
    ClientEnable,
    ClientRemove,
    ClientRotateSecret,
    ClientRevokeTokens,
    ResourceServerList,
    ResourceServerRead,
    ResourceServerAdd,
    ResourceServerRemove,
    IssuerList,
    KeyList,
    KeyRotate,
    SessionList,
    SessionEnd,
    TokenList,
    TokenRevoke,
    InitialAccessTokenList,
    InitialAccessTokenAdd,
    InitialAccessTokenEnd,
    AuditSearch,
    AuditExport,
}

/// All operations.
#[cfg(test)]
pub(crate) const OPERATIONS: &[Operation] = &[
    Operation::UserList,
    Operation::UserRead,
    Operation::UserAdd,
    Operation::UserChange,
    Operation::UserDisable,
    Operation::UserEnable,
    Operation::UserRemove,
    Operation::UserSetPassword,
    Operation::UserResetSecondFactor,
    Operation::UserUnlock,
    Operation::UserRevokeTokens,
    Operation::UserEndSessions,
    Operation::ClientList,
    Operation::ClientRead,
    Operation::ClientAdd,
    Operation::ClientChange,
    Operation::ClientDisable,
    Operation::ClientEnable,
    Operation::ClientRemove,
    Operation::ClientRotateSecret,
    Operation::ClientRevokeTokens,
    Operation::ResourceServerList,
    Operation::ResourceServerRead,
    Operation::ResourceServerAdd,
    Operation::ResourceServerRemove,
    Operation::IssuerList,
    Operation::KeyList,
    Operation::KeyRotate,
    Operation::SessionList,
    Operation::SessionEnd,
    Operation::TokenList,
    Operation::TokenRevoke,
    Operation::InitialAccessTokenList,
    Operation::InitialAccessTokenAdd,
    Operation::InitialAccessTokenEnd,
    Operation::AuditSearch,
    Operation::AuditExport,
];

/// What a token needs for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Lists and single entries; no secret is in any of them.
    Read,
    /// Changes.
    Write,
    /// The audit.
    Audit,
}

/// Somebody who is authenticated and asks to administer.
#[derive(Debug, Clone)]
pub(crate) struct Administrator {
    identity: Identity,
    rights: Rights,
    /// The most that it has itself, and so the most that it can give.
    scope: Scope,
    /// The scope of the token, where it came by one.
    token_scope: Option<Scope>,
    /// The client that a person came through.
    through: Option<String>,
    /// The listed id of the token that it came by.
    token_id: Option<String>,
}

#[derive(Debug, Clone)]
enum Identity {
    Person {
        id: String,
        /// `None` for one who is disabled.
        role: Option<String>,
        authenticated_at: Option<Timestamp>,
    },
    Client {
        id: String,
    },
}

/// Leave for one operation within a reach. Only [`decide`] makes one.
#[derive(Debug, Clone)]
pub(crate) struct Permit {
    operation: Operation,
    identity: Identity,
    organization: Option<String>,
    reach: Reach,
    scope: Scope,
    /// What whoever has it may do at all: nobody gives a role or a scope that can do more.
    accesses: Vec<Access>,
    through: Option<String>,
    token_id: Option<String>,
}

/// Why an operation is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The role has no part in it.
    Role,
    /// The token lacks this scope (RFC 6750 section 3.1).
    Scope(Access),
    /// It is about the whole server, and the reach is one organization, or none.
    Reach,
    /// The sign-in is older than this (RFC 9470 section 3).
    Stale(SignedDuration),
}

/// Decides whether somebody may do an operation now.
///
/// # Errors
/// [`Denied`], the first that applies: what nobody can get around comes before what a sign-in mends.
pub(crate) fn decide(
    operation: Operation,
    who: &Administrator,
    now: Timestamp,
) -> Result<Permit, Denied> {
    if !who.has_role_for(operation) {
        return Err(Denied::Role);
    }
    let access = operation.access();
    if let Some(scope) = &who.token_scope
        && !scope.contains(access.scope())
    {
        return Err(Denied::Scope(access));
    }
    let reach = Reach::of(&who.rights);
    if reach.is_empty() || (operation.is_of_whole_server() && !reach.is_all()) {
        return Err(Denied::Reach);
    }
    if operation.is_dangerous() && !who.is_fresh(now) {
        return Err(Denied::Stale(FRESH));
    }
    Ok(Permit {
        operation,
        identity: who.identity.clone(),
        organization: who.rights.organization.clone(),
        reach,
        scope: who.scope.clone(),
        accesses: who.accesses(),
        through: who.through.clone(),
        token_id: who.token_id.clone(),
    })
}

impl Operation {
    /// How the audit and the API's description call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::UserList => "user.list",
            Self::UserRead => "user.read",
            Self::UserAdd => "user.add",
            Self::UserChange => "user.change",
            Self::UserDisable => "user.disable",
            Self::UserEnable => "user.enable",
            Self::UserRemove => "user.delete",
            Self::UserSetPassword => "user.set-password",
            Self::UserResetSecondFactor => "user.reset-second-factor",
            Self::UserUnlock => "user.unlock",
            Self::UserRevokeTokens => "user.revoke-tokens",
            Self::UserEndSessions => "user.end-sessions",
            Self::ClientList => "client.list",
            Self::ClientRead => "client.read",
            Self::ClientAdd => "client.add",
            Self::ClientChange => "client.replace",
            Self::ClientDisable => "client.disable",
            Self::ClientEnable => "client.enable",
            Self::ClientRemove => "client.delete",
            Self::ClientRotateSecret => "client.secret.rotate",
            Self::ClientRevokeTokens => "client.revoke-tokens",
            Self::ResourceServerList => "resource-server.list",
            Self::ResourceServerRead => "resource-server.read",
            Self::ResourceServerAdd => "resource-server.add",
            Self::ResourceServerRemove => "resource-server.delete",
            Self::IssuerList => "issuer.list",
            Self::KeyList => "key.list",
            Self::KeyRotate => "key.rotate",
            Self::SessionList => "session.list",
            Self::SessionEnd => "session.end",
            Self::TokenList => "token.list",
            Self::TokenRevoke => "token.revoke",
            Self::InitialAccessTokenList => "initial-access-token.list",
            Self::InitialAccessTokenAdd => "initial-access-token.add",
            Self::InitialAccessTokenEnd => "initial-access-token.end",
            Self::AuditSearch => "audit.search",
            Self::AuditExport => "audit.export",
        }
    }

    /// What a token needs for it.
    pub(crate) const fn access(self) -> Access {
        match self {
            Self::UserList
            | Self::UserRead
            | Self::ClientList
            | Self::ClientRead
            | Self::ResourceServerList
            | Self::ResourceServerRead
            | Self::IssuerList
            | Self::KeyList
            | Self::SessionList
            | Self::TokenList
            | Self::InitialAccessTokenList => Access::Read,
            Self::AuditSearch | Self::AuditExport => Access::Audit,
            _ => Access::Write,
        }
    }

    /// Whether it changes nothing.
    pub(crate) const fn is_read(self) -> bool {
        !matches!(self.access(), Access::Write)
    }

    /// Whether it gives access away, takes much of it, or lets much out: it asks for a sign-in of the last minutes.
    /// What only stops somebody (ending a session, one token) never waits.
    pub(crate) const fn is_dangerous(self) -> bool {
        match self {
            Self::UserEnable
            | Self::UserUnlock
            | Self::UserEndSessions
            | Self::ClientEnable
            | Self::SessionEnd
            | Self::TokenRevoke
            | Self::InitialAccessTokenEnd => false,
            Self::AuditExport => true,
            other => matches!(other.access(), Access::Write),
        }
    }

    /// Whether it touches what all organizations share: nobody with the reach of one organization may.
    pub(crate) const fn is_of_whole_server(self) -> bool {
        matches!(
            self,
            Self::ResourceServerAdd
                | Self::ResourceServerRemove
                | Self::IssuerList
                | Self::KeyRotate
                | Self::InitialAccessTokenList
                | Self::InitialAccessTokenAdd
                | Self::InitialAccessTokenEnd
        )
    }
}

impl Access {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Audit];

    /// What a role may do.
    pub(crate) fn of_role(role: &str) -> &'static [Self] {
        match role {
            "administrator" => &Self::ALL,
            "auditor" => &[Self::Read, Self::Audit],
            _ => &[],
        }
    }

    /// The scope word.
    pub(crate) const fn scope(self) -> &'static str {
        match self {
            Self::Read => "administration.read",
            Self::Write => "administration.write",
            Self::Audit => "audit.read",
        }
    }
}

impl Administrator {
    /// A person, and when the person has signed in.
    pub(crate) fn person(owner: &ResourceOwner, authenticated_at: Option<Timestamp>) -> Self {
        Self {
            identity: Identity::Person {
                id: owner.id.clone(),
                role: (!owner.disabled).then(|| owner.role.clone()),
                authenticated_at,
            },
            rights: owner.rights.clone(),
            scope: owner.scope.clone(),
            token_scope: None,
            through: None,
            token_id: None,
        }
    }

    /// The same person through a client, which allows no more than the token's scope and both sides' rights.
    pub(crate) fn through(self, client_id: &str, token_scope: Scope, rights: Rights) -> Self {
        Self {
            through: Some(client_id.to_owned()),
            token_scope: Some(token_scope),
            rights,
            ..self
        }
    }

    /// A client that acts for itself (RFC 6749 section 4.4). It is registered for this and has just authenticated:
    /// its token lives for minutes.
    pub(crate) fn client(id: &str, rights: Rights, scope: Scope, token_scope: Scope) -> Self {
        Self {
            identity: Identity::Client { id: id.to_owned() },
            rights,
            scope,
            token_scope: Some(token_scope),
            through: None,
            token_id: None,
        }
    }

    /// By which token it came: that one it does not end here.
    pub(crate) fn by_token(self, id: String) -> Self {
        Self {
            token_id: Some(id),
            ..self
        }
    }

    fn has_role_for(&self, operation: Operation) -> bool {
        let role = match &self.identity {
            Identity::Person { role, .. } => role.as_deref(),
            // Its scope decides alone.
            Identity::Client { .. } => return self.token_scope.is_some(),
        };
        role.is_some_and(|role| Access::of_role(role).contains(&operation.access()))
    }

    /// All that it may do: by role, and by the token where there is one.
    fn accesses(&self) -> Vec<Access> {
        let by_role = match &self.identity {
            Identity::Person { role, .. } => Access::of_role(role.as_deref().unwrap_or_default()),
            Identity::Client { .. } => &Access::ALL,
        };
        let by_token = |access: &&Access| {
            let token = self.token_scope.as_ref();
            token.is_none_or(|scope| scope.contains(access.scope()))
        };
        by_role.iter().filter(by_token).copied().collect()
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        match &self.identity {
            Identity::Person {
                authenticated_at, ..
            } => authenticated_at.is_some_and(|at| now < at + FRESH),
            Identity::Client { .. } => true,
        }
    }
}

impl Permit {
    /// Who does it, for [`AuthorizationServer::administration`](crate::AuthorizationServer).
    pub(crate) fn actor(self, caller: &Caller) -> Actor {
        Actor::permitted(self, caller)
    }

    pub(super) fn operation(&self) -> Operation {
        self.operation
    }

    pub(super) fn reach(&self) -> &Reach {
        &self.reach
    }

    pub(super) fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether a role can do no more than whoever has this permit.
    pub(super) fn gives_role(&self, role: &str) -> bool {
        let mut wanted = Access::of_role(role).iter();
        wanted.all(|access| self.accesses.contains(access))
    }

    /// The same for a scope; what it says of records is for [`Permit::scope`].
    pub(super) fn gives_accesses(&self, scope: &Scope) -> bool {
        let mut wanted = Access::ALL.iter().filter(|it| scope.contains(it.scope()));
        wanted.all(|access| self.accesses.contains(access))
    }

    pub(super) fn organization(&self) -> Option<&str> {
        self.organization.as_deref()
    }

    /// The `sub` of whoever does it: a client that acts for itself is its own.
    pub(super) fn subject(&self) -> &str {
        match &self.identity {
            Identity::Person { id, .. } | Identity::Client { id } => id,
        }
    }

    /// The client that acts for itself, or that the person came through.
    pub(super) fn client(&self) -> Option<&str> {
        match &self.identity {
            Identity::Client { id } => Some(id),
            Identity::Person { .. } => self.through.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests;
