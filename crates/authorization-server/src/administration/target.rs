//! What an act is done to, looked at again in the act's own transaction: whoever was moved out of reach, or changed,
//! in the meantime is not touched.

use oauth::Scope;
use storage::Transaction;

use super::decision::Permit;
use super::reach::Reach;
use super::{Actor, Change, Error};
use crate::registration::{Client, OrganizationAccess, ResourceOwner, Rights};
use crate::store::revocations::id_of;
use crate::store::{clients, resource_servers, users};

/// A change of one person.
pub(super) struct OnUser<C> {
    id: String,
    bounds: Bounds,
    change: C,
}

/// A change of one client.
pub(super) struct OnClient<C> {
    client_id: String,
    bounds: Bounds,
    change: C,
}

struct Bounds {
    reach: Reach,
    /// Set where the act could give the target's access away, above all to the actor.
    most: Option<Scope>,
    giver: Option<Permit>,
    expected: Option<Vec<String>>,
    effect: Effect,
    /// Whether the last administrator is spared: not from somebody with a shell, who can make another.
    spares_last: bool,
}

/// What an act does to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing that gives the target's access to anybody.
    Harmless,
    /// Its password, secret, factors or registration become others: who can set them can act as the target.
    HandsOver,
    /// The person can administer no more.
    ShutsOut,
    /// Both: another role or other rights.
    Rewrites,
}

impl Bounds {
    fn new(actor: &Actor, effect: Effect) -> Self {
        let hands_over = matches!(effect, Effect::HandsOver | Effect::Rewrites);
        Self {
            reach: actor.reach(),
            most: actor.most().filter(|_| hands_over).cloned(),
            giver: actor.permit.clone().filter(|_| hands_over),
            expected: actor.expected.clone(),
            effect,
            spares_last: actor.permit.is_some(),
        }
    }

    fn check(&self, what: &'static str, rights: &Rights, scope: &Scope) -> Result<(), Error> {
        if !self.reach.covers(rights) {
            return Err(Error::NotFound(what));
        }
        let within = self.most.as_ref().is_none_or(|most| scope.is_within(most));
        let giver = self.giver.as_ref();
        if !within || giver.is_some_and(|it| !it.gives_accesses(scope)) {
            return Err(Error::Forbidden("the scope of this one is beyond your own"));
        }
        Ok(())
    }

    fn check_role(&self, role: &str) -> Result<(), Error> {
        match &self.giver {
            Some(giver) if !giver.gives_role(role) => {
                Err(Error::Forbidden("the role of this one is beyond your own"))
            }
            _ => Ok(()),
        }
    }

    fn check_version(&self, version: &str) -> Result<(), Error> {
        match &self.expected {
            Some(expected) if !expected.iter().any(|it| it == version) => Err(Error::Changed),
            _ => Ok(()),
        }
    }

    fn shuts_out(&self) -> bool {
        matches!(self.effect, Effect::ShutsOut | Effect::Rewrites)
    }
}

impl<C: Change> OnUser<C> {
    pub(super) fn new(actor: &Actor, effect: Effect, id: &str, change: C) -> Self {
        Self {
            id: id.to_owned(),
            bounds: Bounds::new(actor, effect),
            change,
        }
    }

    async fn check(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        let Some(owner) = users::lock(tx, &self.id).await? else {
            return Ok(Err(Error::NotFound("user")));
        };
        let bounds = &self.bounds;
        let checked = bounds
            .check("user", &owner.rights, &owner.scope)
            .and_then(|()| bounds.check_role(&owner.role))
            .and_then(|()| bounds.check_version(&owner.version()));
        if checked.is_err() || !bounds.shuts_out() || !bounds.spares_last || !is_chief(&owner) {
            return Ok(checked);
        }
        // Two who shut each other out at the same moment: the second waits and finds himself the last.
        tx.lock("administrators").await?;
        if users::has_other_chief(tx, &self.id).await? {
            return Ok(Ok(()));
        }
        Ok(Err(Error::InUse(
            "this is the last enabled administrator with access to all organizations",
        )))
    }
}

impl<C: Change> Change for OnUser<C> {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        match self.check(tx).await? {
            Ok(()) => self.change.apply(tx).await,
            refused => Ok(refused),
        }
    }
}

impl<C: Change> OnClient<C> {
    pub(super) fn new(actor: &Actor, effect: Effect, client_id: &str, change: C) -> Self {
        Self {
            client_id: client_id.to_owned(),
            bounds: Bounds::new(actor, effect),
            change,
        }
    }
}

impl<C: Change> Change for OnClient<C> {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        clients::lock(tx, &self.client_id).await?;
        let Some(client) = clients::find_locked(tx, &self.client_id).await? else {
            return Ok(Err(Error::NotFound("client")));
        };
        let bounds = &self.bounds;
        let checked = bounds
            .check("client", &client.rights, &client.scope)
            .and_then(|()| bounds.check_version(&client.version()));
        if checked.is_err() {
            return Ok(checked);
        }
        // Who holds its secret learns of every token; who disables it stops the resource server for everybody.
        if !bounds.reach.is_all() && resource_servers::has_client(tx, &self.client_id).await? {
            return Ok(Err(Error::Forbidden(
                "a resource server introspects with this application",
            )));
        }
        self.change.apply(tx).await
    }
}

/// Whether a person administers everything.
fn is_chief(owner: &ResourceOwner) -> bool {
    let all = owner.rights.organization_access == OrganizationAccess::All;
    owner.role == "administrator" && all && !owner.disabled
}

impl ResourceOwner {
    /// A short text that is another one after every change of what is shown (RFC 9110 section 8.8.3).
    #[must_use]
    pub fn version(&self) -> String {
        short_id(&format!("{self:?}"))
    }
}

impl Client {
    /// As [`ResourceOwner::version`].
    #[must_use]
    pub fn version(&self) -> String {
        short_id(&format!("{self:?}"))
    }
}

/// A short name of a text: half of its SHA-256.
pub(super) fn short_id(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    id_of(digest.as_ref())
}
