//! Whom and what an administrator reaches: all organizations, or the own one within the own rights.

use storage::{AuditEvent, audit};

use crate::registration::{OrganizationAccess, Rights};

/// How far an administrator reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All organizations.
    All,
    /// One organization, its jurisdictions and record types; without an organization nothing.
    Within(Rights),
}

impl Reach {
    /// The reach of whoever has these rights.
    pub(crate) fn of(rights: &Rights) -> Self {
        match rights.organization_access {
            OrganizationAccess::All => Self::All,
            OrganizationAccess::Own => Self::Within(rights.clone()),
        }
    }

    pub(crate) fn is_all(&self) -> bool {
        *self == Self::All
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Within(own) if own.organization.is_none())
    }

    /// The one organization, to narrow a query by; [`Reach::covers`] still decides on every row.
    pub(crate) fn organization(&self) -> Option<&str> {
        match self {
            Self::All => None,
            // An empty text is no organization's name.
            Self::Within(own) => Some(own.organization.as_deref().unwrap_or_default()),
        }
    }

    /// Whether somebody or something with these rights is reached, or such rights could be given.
    pub(crate) fn covers(&self, rights: &Rights) -> bool {
        let own = match self {
            Self::All => return true,
            Self::Within(own) => own,
        };
        own.organization.is_some()
            && own.organization == rights.organization
            && rights.organization_access == OrganizationAccess::Own
            && is_within(&rights.jurisdictions, &own.jurisdictions)
            && is_within(&rights.record_types, &own.record_types)
            && match (&rights.facilities, &own.facilities) {
                (_, None) => true,
                // Without a limit of its own it would reach what this administrator does not.
                (None, Some(_)) => false,
                (Some(some), Some(all)) => is_within(some, all),
            }
    }

    /// What of the audit the database is asked for, as it is shown within this reach; [`Reach::covers_event`] still decides
    /// on every row. `None` for all.
    pub(crate) fn of_audit(&self) -> Option<audit::Reach> {
        match self {
            Self::All => None,
            Self::Within(own) => Some(audit::Reach {
                party: None,
                // An empty text is no organization's name.
                organization: Some(own.organization.clone().unwrap_or_default()),
                records: Some(audit::Records {
                    jurisdictions: own.jurisdictions.clone(),
                    record_types: own.record_types.clone(),
                }),
            }),
        }
    }

    /// Whether an audit row may be read: what the own organization did, in jurisdictions and with record types of its own.
    pub(crate) fn covers_event(&self, event: &AuditEvent) -> bool {
        let own = match self {
            Self::All => return true,
            Self::Within(own) => own,
        };
        let known = |value: &Option<String>, all: &[String]| {
            value.as_ref().is_none_or(|value| all.contains(value))
        };
        own.organization.is_some()
            && own.organization == event.organization
            && known(&event.jurisdiction, &own.jurisdictions)
            && known(&event.record_type, &own.record_types)
            // A row says nothing of the facility: whoever is limited to some reads of no record at all.
            && (own.facilities.is_none() || event.record_id.is_none())
    }
}

fn is_within(items: &[String], all: &[String]) -> bool {
    items.iter().all(|item| all.contains(item))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(facilities: Option<&[&str]>) -> Rights {
        Rights {
            organization: Some("a hospital".to_owned()),
            facilities: facilities.map(|list| list.iter().map(|it| (*it).to_owned()).collect()),
            ..Rights::default()
        }
    }

    /// Whoever is limited to facilities can neither give more nor reach who has more.
    #[test]
    fn facilities_bound_what_is_given() {
        type Facilities = Option<&'static [&'static str]>;
        let rows: &[(Facilities, Facilities, bool)] = &[
            (None, None, true),
            (None, Some(&["1"]), true),
            (Some(&["1", "2"]), Some(&["1"]), true),
            (Some(&["1", "2"]), Some(&[]), true),
            (Some(&["1", "2"]), Some(&["1", "3"]), false),
            (Some(&["1", "2"]), None, false),
            (Some(&[]), Some(&["1"]), false),
            (Some(&[]), Some(&[]), true),
        ];
        for (own, given, covered) in rows {
            let reach = Reach::of(&of(*own));
            assert_eq!(reach.covers(&of(*given)), *covered, "{own:?} {given:?}");
        }
    }
}
