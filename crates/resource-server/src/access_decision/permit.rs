//! What a permitted request reaches.

use fhir::{Jurisdiction, RecordType};

use super::condition::Condition;
use super::{Denial, OrganizationAccess, RecordFacts};

/// Proof that a token may make a request, with the records it reaches by it. Built by
/// [`super::decide`] only.
#[derive(Debug)]
pub(crate) struct Permit {
    pub(super) organization: Option<String>,
    pub(super) jurisdictions: Vec<Jurisdiction>,
    pub(super) record_types: Vec<RecordType>,
    pub(super) facilities: Option<Vec<String>>,
    pub(super) conditions: Vec<Condition>,
    pub(super) organization_access: OrganizationAccess,
}

/// Proof that a permitted request may touch one record. Built by [`Permit::admit`] only.
#[derive(Debug)]
pub(crate) struct Admitted(());

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
        // A record of no known facility may be of any: it is for those who may reach all.
        let of_facility = |list: &Vec<String>| {
            let facility = record.facility.as_ref();
            facility.is_some_and(|facility| list.contains(facility))
        };
        if !self.facilities.as_ref().is_none_or(of_facility) {
            return Err(Denial::RecordFacility);
        }
        if !self.conditions.iter().any(|it| it.is_met_by(record)) {
            return Err(Denial::RecordScope);
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

    /// The facilities that the request reaches, of [`super::is_facility`]'s form; `None` is all of the
    /// organisation's.
    pub(crate) fn facilities(&self) -> Option<&[String]> {
        self.facilities.as_deref()
    }

    /// Whether the scope names no particular records.
    pub(crate) fn is_unconditional(&self) -> bool {
        self.conditions.contains(&Condition::default())
    }

    /// Conditions one of which a record has to meet; never empty.
    pub(crate) fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether the request reaches the records of every organisation.
    pub(crate) fn reaches_every_organization(&self) -> bool {
        self.organization_access == OrganizationAccess::All
    }
}
