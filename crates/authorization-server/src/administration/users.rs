//! People: registration, passwords, disabling.

#[cfg(test)]
mod tests;

use oauth::{Scope, Secret, SecretHash};
use storage::{AuditEvent, Transaction};

use super::decision::Operation;
use super::page::{Page, PageRequest, page};
use super::target::{Effect, OnUser};
use super::view::{UserView, differences};
use super::{Administration, Change, Error, validation};
use crate::password::{self, Buffer, Rule};
use crate::registration::{OrganizationAccess, ResourceOwner, Rights};
use crate::resource_owner::normal;
use crate::store::throttle::Kind;
use crate::store::{
    consents, identifier, known_browsers, revocations, second_factors, sessions, throttle, users,
};
use crate::throttle::account;

/// A person to be registered.
#[derive(Debug)]
pub struct NewUser {
    /// 2 to 100 ASCII letters, digits and `._@+-`; compared without regard to case.
    pub username: String,
    /// 15 to 128 characters, and not easy to guess.
    pub password: Secret,
    /// `registrar`, `clerk`, `auditor` or `administrator`.
    pub role: String,
    /// The most that the person can allow a client.
    pub scope: String,
    /// What the person reaches.
    pub rights: Rights,
    /// For the operator.
    pub note: Option<String>,
}

/// What of a person can be changed; all of it takes the place of what was there.
#[derive(Debug, Clone)]
pub struct UserChange {
    /// `registrar`, `clerk`, `auditor` or `administrator`.
    pub role: String,
    /// The most that the person can allow a client.
    pub scope: String,
    /// What the person reaches.
    pub rights: Rights,
    /// For the operator.
    pub note: Option<String>,
}

/// Which people to list. Absent members do not filter.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// Part of the username.
    pub username: Option<String>,
    /// With this role.
    pub role: Option<String>,
    /// Of this organization.
    pub organization: Option<String>,
    /// Disabled or enabled.
    pub disabled: Option<bool>,
}

impl Administration {
    /// Registers a person.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`]; [`Error::Forbidden`] for more than the actor has himself.
    pub async fn add_user(&self, new: NewUser) -> Result<ResourceOwner, Error> {
        let username = normal(&new.username);
        name(&username)?;
        let change = UserChange {
            role: new.role,
            scope: new.scope,
            rights: new.rights,
            note: new.note,
        };
        let id = format!("u-{}", identifier(&self.random));
        let event = self.user_event(Operation::UserAdd, &id);
        let scope = match self.checked(Operation::UserAdd, &change) {
            Ok(scope) => scope,
            Err(error) => return self.refuse(event, error).await,
        };
        let hash = self
            .hash(&new.password, &username, Rule::OnlyFactor)
            .await?;
        let owner = ResourceOwner {
            id,
            username,
            role: change.role,
            scope,
            rights: change.rights,
            disabled: false,
            short_password: false,
            note: change.note,
            created: self.clock.now(),
        };
        self.act(event, Add(owner.clone(), hash)).await?;
        Ok(owner)
    }

    /// Gives a person another role, scope, rights and note. They hold for what was issued before as well.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`], [`Error::Changed`]; [`Error::Forbidden`] for more than the actor has
    /// himself, and for oneself; [`Error::InUse`] for the last administrator.
    pub async fn change_user(
        &self,
        username: &str,
        change: UserChange,
    ) -> Result<ResourceOwner, Error> {
        let before = self.target_user(Operation::UserChange, username).await?;
        let event = self.user_event(Operation::UserChange, &before.id);
        let scope = match self
            .not_oneself(&before.id)
            .and_then(|()| self.checked(Operation::UserChange, &change))
        {
            Ok(scope) => scope,
            Err(error) => return self.refuse(event, error).await,
        };
        let keeps = change.role == "administrator"
            && change.rights.organization_access == OrganizationAccess::All;
        let effect = if keeps {
            Effect::HandsOver
        } else {
            Effect::Rewrites
        };
        let after = ResourceOwner {
            role: change.role,
            scope,
            rights: change.rights,
            note: change.note,
            ..before.clone()
        };
        let changes = differences(&UserView::from(&before), &UserView::from(&after));
        let event = AuditEvent {
            reason: Some(format!("user {}: {changes}", after.id)),
            ..event
        };
        let work = OnUser::new(&self.actor, effect, &after.id, Rewrite(after.clone()));
        self.act(event, work).await?;
        self.user(username).await
    }

    /// All people.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn users(&self) -> Result<Vec<ResourceOwner>, Error> {
        let mut all = users::all(&self.db).await?;
        let reach = self.actor.reach();
        all.retain(|user| reach.covers(&user.rights));
        Ok(all)
    }

    /// People by name, in pages.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor or limit.
    pub async fn list_users(
        &self,
        filter: &UserFilter,
        request: &PageRequest,
    ) -> Result<Page<ResourceOwner>, Error> {
        let reach = self.actor.reach();
        let part = filter.username.as_deref().map(normal);
        let keep = |user: &ResourceOwner| {
            let organization = user.rights.organization.as_ref();
            reach.covers(&user.rights)
                && part
                    .as_ref()
                    .is_none_or(|part| user.username.contains(part))
                && filter.role.as_ref().is_none_or(|role| *role == user.role)
                && filter
                    .organization
                    .as_ref()
                    .is_none_or(|it| Some(it) == organization)
                && filter.disabled.is_none_or(|it| it == user.disabled)
        };
        let fetch = |after: Option<String>| {
            let (db, organization) = (self.db.clone(), reach.organization().map(str::to_owned));
            async move { users::after(&db, &after.unwrap_or_default(), organization.as_deref()).await }
        };
        page(request, fetch, |user| user.username.clone(), keep).await
    }

    /// One person, by name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn user(&self, username: &str) -> Result<ResourceOwner, Error> {
        let found = users::find_by_username(&self.db, &normal(username)).await?;
        self.reached(found.map(|user| user.owner))
    }

    /// One person, by id (`sub`).
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn user_by_id(&self, id: &str) -> Result<ResourceOwner, Error> {
        self.reached(users::find(&self.db, id).await?)
    }

    fn reached(&self, found: Option<ResourceOwner>) -> Result<ResourceOwner, Error> {
        let reach = self.actor.reach();
        found
            .filter(|user| reach.covers(&user.rights))
            .ok_or(Error::NotFound("user"))
    }

    /// Disables a person: sessions and tokens end at once. Or enables again; what has ended stays ended.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] for oneself, [`Error::InUse`] for the last administrator.
    pub async fn set_user_disabled(&self, username: &str, disabled: bool) -> Result<(), Error> {
        let (operation, effect) = if disabled {
            (Operation::UserDisable, Effect::ShutsOut)
        } else {
            (Operation::UserEnable, Effect::Harmless)
        };
        let change = |id: &str| SetDisabled {
            now: self.clock.now(),
            id: id.to_owned(),
            disabled,
        };
        self.act_on_user(operation, effect, username, change).await
    }

    /// Gives a person another password, of at least 8 characters beside a second factor and 15 without; sessions and
    /// tokens end at once.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`]; [`Error::Forbidden`] for oneself: that is what the account page is for.
    pub async fn set_user_password(&self, username: &str, password: &Secret) -> Result<(), Error> {
        let operation = Operation::UserSetPassword;
        let owner = self.target_user(operation, username).await?;
        let rule = Rule::of(self.has_second_factor(&owner.id).await?);
        let hash = self.hash(password, &owner.username, rule).await?;
        let change = |id: &str| SetPassword {
            now: self.clock.now(),
            id: id.to_owned(),
            account: account(&owner.username),
            short: password::is_short(password),
            hash,
        };
        self.act_on_user(operation, Effect::HandsOver, username, change)
            .await
    }

    /// Takes a person's second factor and recovery codes away, for one who has lost them; sessions and tokens end
    /// at once.
    ///
    /// # Errors
    /// [`Error::NotFound`], also when there is no second factor; [`Error::Forbidden`] for oneself.
    pub async fn reset_second_factor(&self, username: &str) -> Result<(), Error> {
        let change = |id: &str| ResetSecondFactor {
            now: self.clock.now(),
            id: id.to_owned(),
        };
        let operation = Operation::UserResetSecondFactor;
        self.act_on_user(operation, Effect::HandsOver, username, change)
            .await
    }

    /// Forgets a person's failed sign-ins, so that the next one is not held up.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn unlock_user(&self, username: &str) -> Result<(), Error> {
        let account = account(&normal(username));
        let change = |id: &str| Unlock {
            id: id.to_owned(),
            account,
        };
        let operation = Operation::UserUnlock;
        self.act_on_user(operation, Effect::Harmless, username, change)
            .await
    }

    /// Ends all sessions of a person, who may sign in again.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn end_sessions_of_user(&self, username: &str) -> Result<(), Error> {
        let change = |id: &str| EndSessions(id.to_owned());
        let operation = Operation::UserEndSessions;
        self.act_on_user(operation, Effect::Harmless, username, change)
            .await
    }

    /// Whether a person signs in with a second factor.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn has_second_factor(&self, id: &str) -> Result<bool, Error> {
        Ok(second_factors::is_enrolled(&self.db, id).await?)
    }

    /// Removes a person with sessions and tokens.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] for oneself, [`Error::InUse`] for the last administrator.
    pub async fn delete_user(&self, username: &str) -> Result<(), Error> {
        let change = |id: &str| Delete {
            now: self.clock.now(),
            id: id.to_owned(),
        };
        let operation = Operation::UserRemove;
        self.act_on_user(operation, Effect::ShutsOut, username, change)
            .await
    }

    /// Does something to a person within reach, and records it.
    pub(super) async fn act_on_user<C: Change>(
        &self,
        operation: Operation,
        effect: Effect,
        username: &str,
        change: impl FnOnce(&str) -> C,
    ) -> Result<(), Error> {
        let id = self.target_user(operation, username).await?.id;
        let event = self.user_event(operation, &id);
        let allowed = match effect {
            Effect::Harmless => Ok(()),
            _ => self.not_oneself(&id),
        };
        if let Err(error) = self.permits(operation).and(allowed) {
            return self.refuse(event, error).await;
        }
        let change = change(&id);
        self.act(event, OnUser::new(&self.actor, effect, &id, change))
            .await
    }

    /// Whom an act is meant for; one who is not there is recorded.
    async fn target_user(
        &self,
        operation: Operation,
        username: &str,
    ) -> Result<ResourceOwner, Error> {
        match self.user(username).await {
            Ok(owner) => Ok(owner),
            Err(error) => self.refuse(self.event(operation.name()), error).await,
        }
    }

    /// The scope of a person that keeps all rules and that the actor may make.
    fn checked(&self, operation: Operation, change: &UserChange) -> Result<Scope, Error> {
        self.permits(operation)?;
        if !ROLES.contains(&change.role.as_str()) {
            return Err(Error::invalid(
                "role",
                format!("must be one of {}", ROLES.join(", ")),
            ));
        }
        if let Some(note) = &change.note {
            validation::text("note", note)?;
        }
        validation::rights(&change.rights, &self.jurisdictions)?;
        let scope =
            Scope::parse(&change.scope).map_err(|_| Error::invalid("scope", "cannot be read"))?;
        validation::means_something(&scope)?;
        self.gives(&change.rights, &scope)?;
        self.gives_role(&change.role)?;
        Ok(scope)
    }

    fn user_event(&self, operation: Operation, id: &str) -> AuditEvent {
        AuditEvent {
            record_id: None,
            token_id: None,
            reason: Some(format!("user {id}")),
            ..self.event(operation.name())
        }
    }

    pub(super) async fn hash(
        &self,
        password: &Secret,
        username: &str,
        rule: Rule,
    ) -> Result<String, Error> {
        password::choose(password, username, rule)
            .await
            .map_err(|why| Error::invalid("password", why))?;
        let (random, password) = (
            self.random.clone(),
            Secret::received(password.expose().to_owned()),
        );
        let task = tokio::task::spawn_blocking(move || {
            password::hash(&password, &random, &mut Buffer::new())
        });
        let failed = || {
            Error::Storage(storage::Error::Failed(
                "a password could not be hashed".to_owned(),
            ))
        };
        task.await.ok().flatten().ok_or_else(failed)
    }
}

struct Add(ResourceOwner, String);

impl Change for Add {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        let added = users::insert(tx, &self.0, &self.1).await?;
        Ok(if added {
            Ok(())
        } else {
            Err(Error::Exists("username"))
        })
    }
}

struct Rewrite(ResourceOwner);

impl Change for Rewrite {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        let changed = users::change(tx, &self.0).await?;
        Ok(if changed {
            Ok(())
        } else {
            Err(Error::NotFound("user"))
        })
    }
}

struct Unlock {
    id: String,
    account: SecretHash,
}

impl Change for Unlock {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        throttle::forget(tx, Kind::Account, &self.account).await?;
        // A browser that is known counts for itself: forgotten, it counts with the account again.
        known_browsers::forget_all(tx, &self.id).await?;
        Ok(Ok(()))
    }
}

struct EndSessions(String);

impl Change for EndSessions {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        second_factors::delete_pending_of_user(tx, &self.0).await?;
        sessions::delete_of_user(tx, &self.0).await?;
        Ok(Ok(()))
    }
}

struct SetDisabled {
    id: String,
    disabled: bool,
    now: jiff::Timestamp,
}

impl Change for SetDisabled {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        if !users::set_disabled(tx, &self.id, self.disabled).await? {
            return Ok(Err(Error::NotFound("user")));
        }
        // Letting somebody in again ends nothing: what there was has ended, or nobody was shut out.
        if self.disabled {
            end_all(tx, &self.id, self.now).await?;
        }
        Ok(Ok(()))
    }
}

struct SetPassword {
    id: String,
    account: SecretHash,
    short: bool,
    hash: String,
    now: jiff::Timestamp,
}

impl Change for SetPassword {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        if !users::set_password(tx, &self.id, &self.hash, self.short, self.now).await? {
            return Ok(Err(Error::NotFound("user")));
        }
        // Failures with the old password do not hold the new one up.
        throttle::forget(tx, Kind::Account, &self.account).await?;
        end_all(tx, &self.id, self.now).await.map(Ok)
    }
}

struct ResetSecondFactor {
    id: String,
    now: jiff::Timestamp,
}

impl Change for ResetSecondFactor {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        if !second_factors::remove(tx, &self.id).await? {
            return Ok(Err(Error::NotFound("second factor")));
        }
        end_all(tx, &self.id, self.now).await.map(Ok)
    }
}

struct Delete {
    id: String,
    now: jiff::Timestamp,
}

impl Change for Delete {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        end_all(tx, &self.id, self.now).await?;
        let deleted = users::delete(tx, &self.id).await?;
        Ok(if deleted {
            Ok(())
        } else {
            Err(Error::NotFound("user"))
        })
    }
}

/// Sessions, consents, codes and tokens of a person. Consents come before codes, as where codes are made.
pub(crate) async fn end_all(
    tx: &mut Transaction<'_>,
    id: &str,
    now: jiff::Timestamp,
) -> Result<(), storage::Error> {
    second_factors::delete_pending_of_user(tx, id).await?;
    sessions::delete_of_user(tx, id).await?;
    known_browsers::forget_all(tx, id).await?;
    consents::forget_all(tx, id).await?;
    revocations::revoke_user(tx, id, now).await.map(|_| ())
}

/// Names are said aloud, printed and typed: ASCII, so that no two look alike.
pub(crate) fn name(username: &str) -> Result<(), Error> {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._@+-".contains(&byte);
    if (2..=100).contains(&username.len()) && username.bytes().all(allowed) {
        return Ok(());
    }
    Err(Error::invalid(
        "username",
        "must be 2 to 100 of a-z 0-9 . _ @ + -",
    ))
}

/// What a person can be.
pub const ROLES: [&str; 4] = ["registrar", "clerk", "auditor", "administrator"];
