//! What a verified token may do here. Pure: rights, limits, request and record in, decision out.
//!
//! A request may do what three things allow together: what this server's setting for the token's
//! issuer allows, what the introspection answer says of organisation, jurisdictions and record types,
//! and what `scope` says (RFC 6749 section 3.3). Whatever is absent allows nothing.

use fhir::{Jurisdiction, RecordType};
use oauth::{Permission, Scope};

use crate::config::IssuerLimits;

/// What the issuer says that a token may do; part of every [`crate::introspect::VerifiedToken`].
#[derive(Debug, Clone)]
pub(crate) struct Rights {
    pub(crate) scope: Scope,
    pub(crate) organization: Option<String>,
    pub(crate) jurisdictions: Vec<Jurisdiction>,
    pub(crate) record_types: Vec<RecordType>,
    pub(crate) organization_access: OrganizationAccess,
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

/// The facts of a record that decide who reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordFacts {
    pub(crate) organization: String,
    pub(crate) addressee: Option<String>,
    pub(crate) jurisdiction: Jurisdiction,
    /// `None` for a document that births and fetal deaths share and that does not say which it is of.
    pub(crate) record_type: Option<RecordType>,
}

/// Proof that a token may make a request, with the records it reaches by it. Built by [`decide`] only.
#[derive(Debug)]
pub(crate) struct Permit {
    organization: Option<String>,
    jurisdictions: Vec<Jurisdiction>,
    record_types: Vec<RecordType>,
    organization_access: OrganizationAccess,
}

/// Proof that a permitted request may touch one record. Built by [`Permit::admit`] only.
#[derive(Debug)]
pub(crate) struct Admitted(());

/// Why a request is refused. The text goes to the caller and into the audit: it holds no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denial {
    /// The scope of the token, or the widest one of its issuer, lacks the permission.
    InsufficientScope,
    /// The token names no organisation, or one that this server does not let in.
    Organization,
    /// No jurisdiction is left between the token and the issuer's setting.
    NoJurisdiction,
    /// No record type is left between the token and the issuer's setting.
    NoRecordType,
    /// The record belongs to an organisation that the token does not reach.
    RecordOrganization,
    /// The record's jurisdiction is not one of the token's.
    RecordJurisdiction,
    /// The record's type is not one of the token's.
    RecordType,
}

impl Denial {
    /// Static text for the caller and the audit.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::InsufficientScope => "the token's scope does not permit this interaction",
            Self::Organization => "the token's organization is absent or not let in here",
            Self::NoJurisdiction => "the token has no jurisdiction here",
            Self::NoRecordType => "the token has no record type here",
            Self::RecordOrganization => "the record belongs to another organization",
            Self::RecordJurisdiction => "the record's jurisdiction is not one of the token's",
            Self::RecordType => "the record's type is not one of the token's",
        }
    }
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
    let permits = |scope: &Scope| scope.permits(asked.resource_type, asked.permission);
    if !permits(&rights.scope) || limits.scope.as_ref().is_some_and(|widest| !permits(widest)) {
        return Err(Denial::InsufficientScope);
    }
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
    Ok(Permit {
        organization: organization.cloned(),
        jurisdictions,
        record_types,
        organization_access: rights.organization_access,
    })
}

/// Only a reader of every organisation's records needs no organisation of its own: a record that is
/// created must belong to somebody.
fn may_lack_organization(rights: &Rights, limits: &IssuerLimits, asked: Asked<'_>) -> bool {
    rights.organization.is_none()
        && rights.organization_access == OrganizationAccess::All
        && limits.organizations == crate::config::Allowed::Any
        && matches!(asked.permission, Permission::Read | Permission::Search)
}

impl Permit {
    /// Whether the permitted request may touch this record.
    ///
    /// # Errors
    /// A [`Denial`]. A read by id answers it 404, as if the record were absent; a create 403.
    pub(crate) fn admit(&self, record: &RecordFacts) -> Result<Admitted, Denial> {
        let own = self.organization.as_ref().is_some_and(|own| {
            *own == record.organization || Some(own) == record.addressee.as_ref()
        });
        if !own && self.organization_access == OrganizationAccess::Own {
            return Err(Denial::RecordOrganization);
        }
        if !self.jurisdictions.contains(&record.jurisdiction) {
            return Err(Denial::RecordJurisdiction);
        }
        // A record that may be of either type is for those who may reach both.
        let reached = match record.record_type {
            Some(kind) => self.record_types.contains(&kind),
            None => self.reaches_every_record_type(),
        };
        if !reached {
            return Err(Denial::RecordType);
        }
        Ok(Admitted(()))
    }

    /// The organisation in whose name the request is made.
    pub(crate) fn organization(&self) -> Option<&str> {
        self.organization.as_deref()
    }

    /// The token's only jurisdiction, which a record takes that names none.
    pub(crate) fn only_jurisdiction(&self) -> Option<Jurisdiction> {
        let (first, rest) = self.jurisdictions.split_first()?;
        rest.iter().all(|code| code == first).then_some(*first)
    }

    /// The token's only record type, which a record takes that does not say its own.
    pub(crate) fn only_record_type(&self) -> Option<RecordType> {
        let mut types = RecordType::ALL
            .into_iter()
            .filter(|kind| self.record_types.contains(kind));
        types.next().filter(|_| types.next().is_none())
    }

    /// Whether the request reaches records of every type.
    pub(crate) fn reaches_every_record_type(&self) -> bool {
        RecordType::ALL
            .iter()
            .all(|kind| self.record_types.contains(kind))
    }

    /// The jurisdictions that the request reaches; never empty.
    pub(crate) fn jurisdictions(&self) -> &[Jurisdiction] {
        &self.jurisdictions
    }

    /// The record types that the request reaches; never empty.
    pub(crate) fn record_types(&self) -> &[RecordType] {
        &self.record_types
    }

    /// Whether the request reaches the records of every organisation.
    pub(crate) fn reaches_every_organization(&self) -> bool {
        self.organization_access == OrganizationAccess::All
    }
}

#[cfg(test)]
mod tests;
