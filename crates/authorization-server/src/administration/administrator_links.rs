//! Links by which somebody becomes an administrator, or an administrator who has lost the password or the second
//! factor is let in again. Whoever has a shell makes them; each is used once, within a day.

use jiff::{SignedDuration, Timestamp};
use oauth::{Scope, Secret, SecretHash};
use storage::{AuditEvent, Transaction};

use super::users::end_all;
use super::{Actor, Administration, Change, Error, SERVER};
use crate::AuthorizationServer;
use crate::password::{self, Rule};
use crate::registration::{OrganizationAccess, ResourceOwner, Rights};
use crate::resource_owner::normal;
use crate::store::administrator_links::{self as table, StoredLink};
use crate::store::throttle::Kind;
use crate::store::{identifier, second_factors, throttle, users};
use crate::throttle::account;

/// A link that was made. Only its hash is kept.
#[derive(Debug)]
pub struct NewAdministratorLink {
    /// The address to open, with the secret in it.
    pub address: Secret,
    /// Whom it lets in again; `None`: it makes a new administrator.
    pub username: Option<String>,
    /// Until when.
    pub expires: Timestamp,
}

/// A link that may be used now.
pub(crate) struct OpenLink {
    link: StoredLink,
    owner: Option<ResourceOwner>,
}

/// Who has used a link up and chosen a password with it. Proves that much, once.
pub(crate) struct UsedLink(ResourceOwner);

/// What somebody with a link has chosen.
pub(crate) struct Chosen<'a> {
    pub(crate) username: &'a str,
    pub(crate) password: &'a Secret,
    /// Of the administrator to be.
    pub(crate) organization: &'a str,
}

impl OpenLink {
    /// Whom it lets in again.
    pub(crate) fn owner(&self) -> Option<&ResourceOwner> {
        self.owner.as_ref()
    }
}

impl UsedLink {
    pub(crate) fn into_owner(self) -> ResourceOwner {
        self.0
    }
}

impl AuthorizationServer {
    /// A link to become the first administrator, where there is none of all organizations who is not disabled. It
    /// takes the place of the one of the start before.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn first_administrator_link(&self) -> Result<Option<NewAdministratorLink>, Error> {
        if table::administrators(self.db()).await? > 0 {
            return Ok(None);
        }
        let administration = self.administration(Actor::role(SERVER));
        let link = administration.link(self.issuer(), None, true).await?;
        Ok(Some(link))
    }
}

impl Administration {
    /// Makes a link, in the place of an older one for the same person. With a name it lets this administrator choose
    /// another password, and takes the second factor away when it is used; without, it makes a new administrator of
    /// all organizations. `issuer` is where the party's pages are.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] for somebody who is not an administrator or is disabled.
    pub async fn administrator_link(
        &self,
        issuer: &str,
        username: Option<&str>,
    ) -> Result<NewAdministratorLink, Error> {
        let owner = match username {
            Some(username) => Some(self.user(username).await?),
            None => None,
        };
        if owner.as_ref().is_some_and(|it| it.role != ROLE) {
            return Err(Error::invalid("username", "is not an administrator"));
        }
        if owner.as_ref().is_some_and(|it| it.disabled) {
            return Err(Error::invalid("username", "is disabled: enable it first"));
        }
        self.link(issuer, owner, false).await
    }

    async fn link(
        &self,
        issuer: &str,
        owner: Option<ResourceOwner>,
        only_first: bool,
    ) -> Result<NewAdministratorLink, Error> {
        let secret = Secret::generate(&self.random);
        let expires = self.clock.now() + LIFE;
        let link = StoredLink {
            user_id: owner.as_ref().map(|it| it.id.clone()),
            hash: secret.hash(),
            only_first,
            expires,
        };
        let event = AuditEvent {
            reason: Some(match &owner {
                Some(owner) => format!("for user {}", owner.id),
                None if only_first => "for a first administrator".to_owned(),
                None => "for a new administrator".to_owned(),
            }),
            ..self.event("administrator-link.add")
        };
        self.act(event, Put(link)).await?;
        let issuer = issuer.trim_end_matches('/');
        Ok(NewAdministratorLink {
            address: Secret::received(format!("{issuer}{PATH}?token={}", secret.expose())),
            username: owner.map(|it| it.username),
            expires,
        })
    }

    /// The link of a secret, if it may be used now. Uses nothing up.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub(crate) async fn find_link(&self, secret: &Secret) -> Result<Option<OpenLink>, Error> {
        let Some(link) = table::find(&self.db, &secret.hash(), self.clock.now()).await? else {
            return Ok(None);
        };
        if link.only_first && table::administrators(&self.db).await? > 0 {
            return Ok(None);
        }
        let owner = match &link.user_id {
            Some(id) => Some(users::find(&self.db, id).await?),
            None => None,
        };
        Ok(match owner {
            None => Some(OpenLink { link, owner: None }),
            Some(owner) => owner.filter(may_return).map(|owner| OpenLink {
                link,
                owner: Some(owner),
            }),
        })
    }

    /// Uses a link up: makes the administrator, or gives the one whose it is another password and takes the second
    /// factor away; sessions and tokens end. All of it or nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] when somebody was faster, [`Error::Exists`] when the name is taken: then the link stays.
    pub(crate) async fn use_link(
        &self,
        open: OpenLink,
        chosen: Chosen<'_>,
    ) -> Result<UsedLink, Error> {
        let now = self.clock.now();
        let owner = match &open.owner {
            Some(owner) => owner.clone(),
            None => self.new_administrator(&chosen)?,
        };
        let hash = self
            .hash(chosen.password, &owner.username, Rule::OnlyFactor)
            .await?;
        let what = match open.owner {
            Some(_) => "let in again",
            None => "registered",
        };
        let event = AuditEvent {
            subject: Some(owner.id.clone()),
            organization: owner.rights.organization.clone(),
            reason: Some(format!("user {} {what}", owner.id)),
            ..self.event(USE)
        };
        let work = Use {
            account: account(&owner.username),
            short: password::is_short(chosen.password),
            link: open.link,
            owner: owner.clone(),
            hash,
            now,
        };
        self.act(event, work).await?;
        Ok(UsedLink(owner))
    }

    fn new_administrator(&self, chosen: &Chosen<'_>) -> Result<ResourceOwner, Error> {
        let username = normal(chosen.username);
        super::users::name(&username)?;
        Ok(ResourceOwner {
            id: format!("u-{}", identifier(&self.random)),
            username,
            role: ROLE.to_owned(),
            scope: Scope::parse(SCOPE).unwrap_or_default(),
            rights: Rights {
                organization: Some(chosen.organization.to_owned()),
                organization_access: OrganizationAccess::All,
                jurisdictions: self.jurisdictions.clone(),
                record_types: vec!["birth".to_owned(), "fetal-death".to_owned()],
                facilities: None,
            },
            disabled: false,
            short_password: false,
            note: None,
            created: self.clock.now(),
        })
    }
}

/// Whom a link still lets in again.
fn may_return(owner: &ResourceOwner) -> bool {
    owner.role == ROLE && !owner.disabled
}

struct Put(StoredLink);

impl Change for Put {
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        table::put(tx, &self.0).await.map(Ok)
    }
}

struct Use {
    link: StoredLink,
    owner: ResourceOwner,
    account: SecretHash,
    short: bool,
    hash: String,
    now: Timestamp,
}

impl Change for Use {
    /// The link is used up first: whoever comes second waits for this row and finds nothing.
    async fn apply(&self, tx: &mut Transaction<'_>) -> Result<Result<(), Error>, storage::Error> {
        let Some(link) = table::consume(tx, &self.link.hash, self.now).await? else {
            return Ok(Err(Error::NotFound("link")));
        };
        if link.only_first && table::administrators_now(tx).await? > 0 {
            return Ok(Err(Error::NotFound("link")));
        }
        match link.user_id {
            None if users::insert(tx, &self.owner, &self.hash).await? => Ok(Ok(())),
            None => {
                table::put(tx, &link).await?;
                Ok(Err(Error::Exists("username")))
            }
            Some(id) => self.let_in_again(tx, &id).await,
        }
    }
}

impl Use {
    async fn let_in_again(
        &self,
        tx: &mut Transaction<'_>,
        id: &str,
    ) -> Result<Result<(), Error>, storage::Error> {
        if !users::set_password(tx, id, &self.hash, self.short, self.now).await? {
            return Ok(Err(Error::NotFound("link")));
        }
        second_factors::remove(tx, id).await?;
        throttle::forget(tx, Kind::Account, &self.account).await?;
        end_all(tx, id, self.now).await.map(Ok)
    }
}

/// Where a link leads.
pub(crate) const PATH: &str = "/setup";
/// The audit's word for a use.
pub(crate) const USE: &str = "administrator-link.use";
/// What applications may do for the administrator: administer, and read no record.
const SCOPE: &str = "administration.read administration.write audit.read";
const ROLE: &str = "administrator";
/// Long enough to be read aloud to a colleague who starts tomorrow morning, and no longer.
const LIFE: SignedDuration = SignedDuration::from_hours(24);
