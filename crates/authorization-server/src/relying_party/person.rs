//! Whom of our people somebody is who has signed in at a provider: the identity (issuer, subject) alone decides, never
//! a name or an e-mail address, which a provider's people may choose or inherit.

use jiff::Timestamp;
use storage::{AuditEvent, Outcome, Transaction, Work};

use super::mapping::{self, Mapped, Unmapped};
use super::response::SignedInThere;
use super::{IdentityProvider, Refused, sign_out};
use crate::administration::users::end_all;
use crate::caller::Caller;
use crate::session::Browser;
use crate::store::federated::{self, FederatedSignOut};
use crate::store::{identifier, users};
use crate::{AuthorizationServer, ResourceOwner, audit, password};

/// One of our people, signed in at a provider just now. Made in [`admit`] only.
pub(crate) struct Admitted {
    owner: ResourceOwner,
    second_factor: bool,
    auth_time: Option<Timestamp>,
}

impl Admitted {
    /// Whose it is, and whether the provider vouches for a second factor.
    pub(crate) fn into_parts(self) -> (ResourceOwner, bool) {
        (self.owner, self.second_factor)
    }

    /// When the person proved to the provider who it is; `None` when it did not say.
    pub(crate) fn auth_time(&self) -> Option<Timestamp> {
        self.auth_time
    }
}

/// Finds or makes the person, with the rights that the claims give today. Rights that have changed end what was
/// begun with the old ones.
pub(crate) async fn admit(
    server: &AuthorizationServer,
    caller: &Caller,
    provider: &IdentityProvider,
    browser: &Browser,
    signed_in: SignedInThere,
) -> Result<Result<Admitted, Refused>, storage::Error> {
    let claims = signed_in.token.claims();
    let jurisdictions = &server.config().jurisdictions;
    let mapped = match mapping::read(&provider.mapping, claims, jurisdictions) {
        Ok(mapped) => mapped,
        Err(why) => return Ok(Err(Refused::Unmapped(why))),
    };
    let now = server.clock().now();
    let work = Admit {
        issuer: provider.issuer.clone(),
        subject: signed_in.token.subject().to_owned(),
        name: provider.name.clone(),
        username: mapping::username(&provider.mapping, claims),
        create: provider.create_users,
        new_id: format!("u-{}", identifier(server.random())),
        mapped,
        now,
        audit: audit::event(server, caller, "login.identity-provider", Outcome::Allowed),
        sign_out: sign_out::prepare(server, provider, browser, &signed_in.id_token),
    };
    let second_factor = mapping::second_factor(provider, claims);
    let admitted = server.db().write(work).await?;
    Ok(admitted.map(|owner| Admitted {
        owner,
        second_factor,
        auth_time: signed_in.auth_time,
    }))
}

struct Admit {
    issuer: String,
    subject: String,
    /// The provider's.
    name: String,
    username: Result<String, Unmapped>,
    create: bool,
    new_id: String,
    mapped: Mapped,
    now: Timestamp,
    audit: AuditEvent,
    sign_out: Option<sign_out::Prepared>,
}

impl Work for Admit {
    type Output = Result<ResourceOwner, Refused>;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<Self::Output, storage::Error> {
        // Two first sign-ins of one person at once make one person.
        tx.lock(&format!("identity {} {}", self.issuer, self.subject))
            .await?;
        let found = match federated::owner(tx, &self.issuer, &self.subject).await? {
            Some(id) => users::find_in(tx, &id).await?,
            None => None,
        };
        let owner = match found {
            Some(owner) if owner.disabled => return Ok(Err(Refused::Disabled)),
            Some(owner) => self.renew(tx, owner).await?,
            None => match self.make(tx).await? {
                Ok(owner) => owner,
                Err(refused) => return Ok(Err(refused)),
            },
        };
        federated::note_use(tx, &self.issuer, &self.subject, self.now).await?;
        if let Some(prepared) = &self.sign_out {
            let sign_out = FederatedSignOut {
                user_id: owner.id.clone(),
                identity_provider: self.name.clone(),
                id_token: prepared.id_token.clone(),
            };
            federated::remember_sign_out(tx, &prepared.browser, &sign_out, prepared.expires)
                .await?;
        }
        self.audit(tx, "login.identity-provider", &owner, &self.name)
            .await?;
        Ok(Ok(owner))
    }
}

impl Admit {
    async fn make(
        &self,
        tx: &mut Transaction<'_>,
    ) -> Result<Result<ResourceOwner, Refused>, storage::Error> {
        let subject = self.subject.clone();
        if !self.create {
            return Ok(Err(Refused::Unknown { subject }));
        }
        let username = match &self.username {
            Ok(username) => username.clone(),
            Err(why) => return Ok(Err(Refused::Unmapped(*why))),
        };
        let owner = ResourceOwner {
            id: self.new_id.clone(),
            username,
            role: self.mapped.role.clone(),
            scope: self.mapped.scope.clone(),
            rights: self.mapped.rights.clone(),
            disabled: false,
            short_password: false,
            note: Some(format!("signs in with {}", self.name)),
            created: self.now,
        };
        // Nobody's password: the account opens with the identity only.
        if !users::insert(tx, &owner, &password::dummy()).await? {
            let username = owner.username;
            return Ok(Err(Refused::Taken { username, subject }));
        }
        federated::link(tx, &owner.id, &self.issuer, &self.subject, self.now).await?;
        let reason = format!("user {} signs in with {}", owner.id, self.name);
        self.audit(tx, "user.add", &owner, &reason).await?;
        Ok(Ok(owner))
    }

    /// A person who was taken out of a group must not keep what it gave.
    async fn renew(
        &self,
        tx: &mut Transaction<'_>,
        owner: ResourceOwner,
    ) -> Result<ResourceOwner, storage::Error> {
        let Mapped {
            role,
            scope,
            mut rights,
        } = self.mapped.clone();
        // Claims tell no facilities: a limit that was set here outlives the sign-in.
        rights.facilities.clone_from(&owner.rights.facilities);
        if owner.role == role && owner.scope == scope && owner.rights == rights {
            return Ok(owner);
        }
        let owner = ResourceOwner {
            role,
            scope,
            rights,
            ..owner
        };
        users::set_rights(tx, &owner).await?;
        end_all(tx, &owner.id, self.now).await?;
        let reason = format!("user {} by {}", owner.id, self.name);
        self.audit(tx, "user.set-rights", &owner, &reason).await?;
        Ok(owner)
    }

    async fn audit(
        &self,
        tx: &mut Transaction<'_>,
        action: &str,
        owner: &ResourceOwner,
        reason: &str,
    ) -> Result<(), storage::Error> {
        let event = AuditEvent {
            action: action.to_owned(),
            subject: Some(owner.id.clone()),
            organization: owner.rights.organization.clone(),
            reason: Some(reason.to_owned()),
            ..self.audit.clone()
        };
        tx.audit(&event).await
    }
}
