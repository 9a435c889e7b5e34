//! Which identity at an organization's own OpenID Provider belongs to whom: said by an operator, never guessed.

use storage::{AuditEvent, Transaction};

use super::decision::Operation;
use super::target::{Effect, OnUser};
use super::users::end_all;
use super::view::UserView;
use super::{Administration, Change, Error};
use crate::registration::ResourceOwner;
use crate::store::federated::{self, FederatedIdentity};

impl Administration {
    /// Lets a person sign in with an identity of an issuer.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Exists`] when the identity is somebody's already, or the person has another of
    /// this issuer; [`Error::Invalid`] for what is no subject.
    pub async fn link_identity(
        &self,
        username: &str,
        issuer: &str,
        subject: &str,
    ) -> Result<(), Error> {
        let printable = subject.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        // OpenID Connect Core section 2.
        if subject.trim().is_empty() || subject.len() > 255 || !printable {
            let rule = "must be 1 to 255 printable ASCII characters";
            return Err(Error::invalid("subject", rule));
        }
        let id = self.user(username).await?.id;
        let change = Link {
            id: id.clone(),
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            now: self.clock.now(),
        };
        self.act_on_identity("user.link", &id, change).await
    }

    /// Takes a person's identity of an issuer away; sessions and tokens end at once.
    ///
    /// # Errors
    /// [`Error::NotFound`], also when there is no such identity.
    pub async fn unlink_identity(&self, username: &str, issuer: &str) -> Result<(), Error> {
        let id = self.user(username).await?.id;
        let change = Unlink {
            id: id.clone(),
            issuer: issuer.to_owned(),
            now: self.clock.now(),
        };
        self.act_on_identity("user.unlink", &id, change).await
    }

    /// Whoever is given a sign-in acts as the person: as much leave is wanted as for a change of the rights.
    async fn act_on_identity<C: Change>(
        &self,
        action: &str,
        id: &str,
        change: C,
    ) -> Result<(), Error> {
        let event = AuditEvent {
            reason: Some(format!("user {id}")),
            ..self.event(action)
        };
        let allowed = self.permits(Operation::UserChange);
        if let Err(error) = allowed.and(self.not_oneself(id)) {
            return self.refuse(event, error).await;
        }
        let change = OnUser::new(&self.actor, Effect::HandsOver, id, change);
        self.act(event, change).await
    }

    /// The identities that a person signs in with.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn identities(&self, id: &str) -> Result<Vec<FederatedIdentity>, Error> {
        Ok(federated::of_user(&self.db, id).await?)
    }

    /// A person with all that is shown of one.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn user_view(&self, owner: &ResourceOwner) -> Result<UserView, Error> {
        Ok(UserView {
            second_factor: Some(self.has_second_factor(&owner.id).await?),
            identities: Some(self.identities(&owner.id).await?),
            ..UserView::from(owner)
        })
    }
}

struct Link {
    id: String,
    issuer: String,
    subject: String,
    now: jiff::Timestamp,
}

impl Change for Link {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        let (issuer, subject) = (&self.issuer, &self.subject);
        let linked = federated::link(tx, &self.id, issuer, subject, self.now).await?;
        Ok(if linked {
            Ok(())
        } else {
            Err(Error::Exists("identity"))
        })
    }
}

struct Unlink {
    id: String,
    issuer: String,
    now: jiff::Timestamp,
}

impl Change for Unlink {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        if !federated::unlink(tx, &self.id, &self.issuer).await? {
            return Ok(Err(Error::NotFound("identity")));
        }
        end_all(tx, &self.id, self.now).await.map(Ok)
    }
}
