//! What a verified token may do here. Pure: rights, limits, request and record in, decision out.
//!
//! A request may do what four things allow together: what this server's setting for the token's
//! issuer allows, what the introspection answer says of organisation, jurisdictions, record types and
//! facilities, what `scope` says (RFC 6749 section 3.3), and, for a person, what the table of roles
//! says. Whatever is absent allows nothing; only facilities narrow, and where they are absent the whole
//! organisation is meant.

mod condition;
mod denial;
mod facts;
mod permit;
mod role;

use fhir::{Jurisdiction, RecordType};
use oauth::{Actor, Permission, Scope};

pub(crate) use self::condition::Condition;
pub use self::condition::{gives_role, permits_something};
pub(crate) use self::denial::Denial;
pub(crate) use self::facts::RecordFacts;
pub use self::facts::is_facility;
pub(crate) use self::permit::{Admitted, Permit};
pub(crate) use self::role::Role;
use crate::config::{Allowed, IssuerLimits};

/// What the issuer says that a token may do; part of every [`crate::introspect::VerifiedToken`].
#[derive(Debug, Clone)]
pub(crate) struct Rights {
    pub(crate) scope: Scope,
    pub(crate) acting: Acting,
    pub(crate) organization: Option<String>,
    pub(crate) jurisdictions: Vec<Jurisdiction>,
    pub(crate) record_types: Vec<RecordType>,
    /// `None` narrows nothing within the organisation; an empty list reaches no record.
    pub(crate) facilities: Option<Vec<String>>,
    pub(crate) organization_access: OrganizationAccess,
}

/// Whom a token acts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acting {
    /// The client itself: `system/` counts.
    Client,
    /// A person, of the role that the issuer says: `user/` counts. No role may do nothing.
    Person(Option<Role>),
}

/// Whose records a token reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrganizationAccess {
    /// Those that its own organisation submitted or is addressed by.
    Own,
    /// Every organisation's (the registration says `all`).
    All,
}

/// A request as far as the decision needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) resource_type: &'a str,
    pub(crate) permission: Permission,
}

/// Whether a token with these rights, of an issuer with these limits, may make this request.
///
/// # Errors
/// A [`Denial`]; all of them are 403 `insufficient_scope` (RFC 6750 section 3.1).
pub(crate) fn decide(
    rights: &Rights,
    limits: &IssuerLimits,
    asked: Asked<'_>,
) -> Result<Permit, Denial> {
    let conditions = within_scope(rights, limits, asked)?;
    within_role(rights.acting, limits, asked)?;
    let organization = rights
        .organization
        .as_ref()
        .filter(|name| limits.organizations.allows(name));
    if organization.is_none() && !may_lack_organization(rights, limits, asked) {
        return Err(Denial::Organization);
    }
    let mut jurisdictions = rights.jurisdictions.clone();
    jurisdictions.retain(|code| limits.jurisdictions.allows(code));
    if jurisdictions.is_empty() {
        return Err(Denial::NoJurisdiction);
    }
    let mut record_types = rights.record_types.clone();
    record_types.retain(|kind| limits.record_types.allows(kind));
    if record_types.is_empty() {
        return Err(Denial::NoRecordType);
    }
    let facilities = limits.facilities.narrow(rights.facilities.as_deref());
    // The audit knows no facilities: who is limited to some reaches none of it.
    let unknown = asked.resource_type == role::AUDIT_EVENT;
    if facilities
        .as_ref()
        .is_some_and(|list| unknown || list.is_empty())
    {
        return Err(Denial::NoFacility);
    }
    Ok(Permit {
        organization: organization.cloned(),
        jurisdictions,
        record_types,
        facilities,
        conditions,
        organization_access: within_organizations(rights, limits),
    })
}

/// An issuer that speaks for some organisations only has no readers of all: its `all` would reach the records of
/// those that it does not speak for. Such a token reaches what its own organisation's tokens reach.
fn within_organizations(rights: &Rights, limits: &IssuerLimits) -> OrganizationAccess {
    match &limits.organizations {
        Allowed::Any => rights.organization_access,
        Allowed::Only(_) => OrganizationAccess::Own,
    }
}

/// The same of a request that hands out whole Bundles though it asks for another type (`Composition/$document`):
/// without the right to read Bundles it would be a way around it. Only what both reach is reached.
///
/// # Errors
/// A [`Denial`], with what it is that was denied.
pub(crate) fn decide_with_bundle<'a>(
    rights: &Rights,
    limits: &IssuerLimits,
    asked: Asked<'a>,
) -> Result<Permit, (Denial, Asked<'a>)> {
    let permit = decide(rights, limits, asked).map_err(|denial| (denial, asked))?;
    let whole = Asked {
        resource_type: "Bundle",
        permission: Permission::Read,
    };
    let bundle = decide(rights, limits, whole).map_err(|denial| (denial, whole))?;
    let conditions = condition::both(&permit.conditions, &bundle.conditions);
    if conditions.is_empty() {
        return Err((Denial::InsufficientScope, whole));
    }
    Ok(Permit {
        conditions,
        ..permit
    })
}

/// The records that the scope of the token and the widest one of its issuer permit together.
fn within_scope(
    rights: &Rights,
    limits: &IssuerLimits,
    asked: Asked<'_>,
) -> Result<Vec<Condition>, Denial> {
    let actor = rights.acting.actor();
    let mut conditions = permitted_by(&rights.scope, actor, asked);
    if let Some(widest) = &limits.scope {
        conditions = condition::both(&conditions, &permitted_by(widest, actor, asked));
    }
    if conditions.is_empty() {
        return Err(Denial::InsufficientScope);
    }
    Ok(conditions)
}

fn permitted_by(scope: &Scope, actor: Actor, asked: Asked<'_>) -> Vec<Condition> {
    let words = scope.permitting(actor, asked.resource_type, asked.permission);
    let each = words.flat_map(|query| Condition::read(asked.resource_type, query));
    // Without those that say the same.
    condition::both(&[Condition::default()], &each.collect::<Vec<_>>())
}

/// A person does what the table of roles and the issuer's setting for the role allow, both.
fn within_role(acting: Acting, limits: &IssuerLimits, asked: Asked<'_>) -> Result<(), Denial> {
    let role = match acting {
        Acting::Client => return Ok(()),
        Acting::Person(role) => role.ok_or(Denial::Role)?,
    };
    let narrowed = limits.roles.get(role.as_str()).is_none_or(|widest| {
        let mut words = widest.permitting(Actor::Person, asked.resource_type, asked.permission);
        words.any(|query| query.is_none())
    });
    if narrowed && role.may(asked.resource_type, asked.permission) {
        Ok(())
    } else {
        Err(Denial::Role)
    }
}

/// Only a reader of every organisation's records needs no organisation of its own: a record that is
/// created must belong to somebody.
fn may_lack_organization(rights: &Rights, limits: &IssuerLimits, asked: Asked<'_>) -> bool {
    rights.organization.is_none()
        && rights.organization_access == OrganizationAccess::All
        && limits.organizations == Allowed::Any
        && matches!(asked.permission, Permission::Read | Permission::Search)
}

impl Acting {
    fn actor(self) -> Actor {
        match self {
            Self::Client => Actor::Client,
            Self::Person(_) => Actor::Person,
        }
    }
}

#[cfg(test)]
mod tests;
