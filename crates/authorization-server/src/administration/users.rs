//! People: registration, passwords, disabling.

#[cfg(test)]
mod tests;

use oauth::{Scope, Secret, SecretHash};
use storage::{AuditEvent, Transaction};

use super::{Administration, Change, Error, validation};
use crate::password::{self, Buffer, Rule};
use crate::registration::{ResourceOwner, Rights};
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

impl Administration {
    /// Registers a person.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Exists`].
    pub async fn add_user(&self, new: NewUser) -> Result<ResourceOwner, Error> {
        let username = normal(&new.username);
        name(&username)?;
        if !ROLES.contains(&new.role.as_str()) {
            return Err(Error::invalid(
                "role",
                format!("must be one of {}", ROLES.join(", ")),
            ));
        }
        validation::rights(&new.rights, &self.jurisdictions)?;
        let scope =
            Scope::parse(&new.scope).map_err(|_| Error::invalid("scope", "cannot be read"))?;
        let hash = self
            .hash(&new.password, &username, Rule::OnlyFactor)
            .await?;
        let owner = ResourceOwner {
            id: format!("u-{}", identifier(&self.random)),
            username,
            role: new.role,
            scope,
            rights: new.rights,
            disabled: false,
            short_password: false,
            note: new.note,
            created: self.clock.now(),
        };
        let event = self.user_event("user.add", &owner.id);
        self.act(event, Add(owner.clone(), hash)).await?;
        Ok(owner)
    }

    /// All people.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn users(&self) -> Result<Vec<ResourceOwner>, Error> {
        Ok(users::all(&self.db).await?)
    }

    /// One person, by name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn user(&self, username: &str) -> Result<ResourceOwner, Error> {
        let found = users::find_by_username(&self.db, &normal(username)).await?;
        found.map(|user| user.owner).ok_or(Error::NotFound("user"))
    }

    /// Disables a person: sessions and tokens end at once. Or enables again; what has ended stays ended.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn set_user_disabled(&self, username: &str, disabled: bool) -> Result<(), Error> {
        let id = self.user(username).await?.id;
        let action = if disabled {
            "user.disable"
        } else {
            "user.enable"
        };
        self.act(
            self.user_event(action, &id),
            SetDisabled {
                now: self.clock.now(),
                id,
                disabled,
            },
        )
        .await
    }

    /// Gives a person another password, of at least 8 characters beside a second factor and 15 without; sessions and
    /// tokens end at once.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::NotFound`].
    pub async fn set_user_password(&self, username: &str, password: &Secret) -> Result<(), Error> {
        let owner = self.user(username).await?;
        let rule = Rule::of(self.has_second_factor(&owner.id).await?);
        let hash = self.hash(password, &owner.username, rule).await?;
        let event = self.user_event("user.set-password", &owner.id);
        self.act(
            event,
            SetPassword {
                now: self.clock.now(),
                id: owner.id,
                account: account(&owner.username),
                short: password::is_short(password),
                hash,
            },
        )
        .await
    }

    /// Takes a person's second factor and recovery codes away, for one who has lost them; sessions and tokens end
    /// at once.
    ///
    /// # Errors
    /// [`Error::NotFound`], also when there is no second factor.
    pub async fn reset_second_factor(&self, username: &str) -> Result<(), Error> {
        let id = self.user(username).await?.id;
        self.act(
            self.user_event("user.reset-second-factor", &id),
            ResetSecondFactor {
                now: self.clock.now(),
                id,
            },
        )
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
    /// [`Error::NotFound`].
    pub async fn delete_user(&self, username: &str) -> Result<(), Error> {
        let id = self.user(username).await?.id;
        self.act(
            self.user_event("user.delete", &id),
            Delete {
                now: self.clock.now(),
                id,
            },
        )
        .await
    }

    pub(super) fn user_event(&self, action: &str, id: &str) -> AuditEvent {
        AuditEvent {
            record_id: None,
            token_id: None,
            reason: Some(format!("user {id}")),
            ..self.event(action)
        }
    }

    async fn hash(&self, password: &Secret, username: &str, rule: Rule) -> Result<String, Error> {
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
        end_all(tx, &self.id, self.now).await.map(Ok)
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
