//! Whom and what an administrator reaches: all organizations, or the own one within the own rights.

use storage::{AuditEvent, audit};

use crate::registration::{OrganizationAccess, Rights};

/// How far an administrator reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Everything: somebody with a shell, or the server itself.
    Everything,
    /// All organizations. The audit tells of records, so there the own jurisdictions and record types count.
    All(Rights),
    /// One organization, its jurisdictions and record types; without an organization nothing.
    Within(Rights),
}

impl Reach {
    /// The reach of whoever has these rights.
    pub(crate) fn of(rights: &Rights) -> Self {
        match rights.organization_access {
            OrganizationAccess::All => Self::All(rights.clone()),
            OrganizationAccess::Own => Self::Within(rights.clone()),
        }
    }

    pub(crate) fn is_all(&self) -> bool {
        matches!(self, Self::Everything | Self::All(_))
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Within(own) if own.organization.is_none())
    }

    /// The one organization, to narrow a query by; [`Reach::covers`] still decides on every row.
    pub(crate) fn organization(&self) -> Option<&str> {
        match self {
            Self::Everything | Self::All(_) => None,
            // An empty text is no organization's name.
            Self::Within(own) => Some(own.organization.as_deref().unwrap_or_default()),
        }
    }

    /// Whether somebody or something with these rights is reached, or such rights could be given.
    pub(crate) fn covers(&self, rights: &Rights) -> bool {
        let own = match self {
            Self::Everything | Self::All(_) => return true,
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
    /// on every row. `None` for everything.
    pub(crate) fn of_audit(&self) -> Option<audit::Reach> {
        let (own, organization) = match self {
            Self::Everything => return None,
            Self::All(own) => (own, None),
            // An empty text is no organization's name.
            Self::Within(own) => (own, Some(own.organization.clone().unwrap_or_default())),
        };
        let mut records = audit::Records {
            jurisdictions: own.jurisdictions.clone(),
            record_types: own.record_types.clone(),
        };
        // Of all organizations' refusals the database shows those about reached records, and cannot tell their facility: it
        // would show which ids are records of another one.
        if organization.is_none() && own.facilities.is_some() {
            records = audit::Records {
                jurisdictions: Vec::new(),
                record_types: Vec::new(),
            };
        }
        Some(audit::Reach {
            party: None,
            organization,
            records: Some(records),
        })
    }

    /// Whether an audit row may be read: about no record, or in jurisdictions and with record types of the own; and of the own
    /// organization where the reach is one.
    pub(crate) fn covers_event(&self, event: &AuditEvent) -> bool {
        match self {
            Self::Everything => true,
            Self::All(own) => covers_record(own, event),
            Self::Within(own) => {
                own.organization.is_some()
                    && own.organization == event.organization
                    && covers_record(own, event)
            }
        }
    }
}

fn covers_record(own: &Rights, event: &AuditEvent) -> bool {
    let known = |value: &Option<String>, all: &[String]| {
        value.as_ref().is_none_or(|value| all.contains(value))
    };
    known(&event.jurisdiction, &own.jurisdictions)
        && known(&event.record_type, &own.record_types)
        // A row says nothing of the facility: whoever is limited to some reads of no record at all.
        && (own.facilities.is_none() || event.record_id.is_none())
}

fn is_within(items: &[String], all: &[String]) -> bool {
    items.iter().all(|item| all.contains(item))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
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

    /// Jurisdictions, record types and facilities bound what is read of the audit, whosever organizations are reached.
    #[test]
    fn what_of_the_audit_is_read() {
        let list =
            |text: &str| -> Vec<String> { text.split_whitespace().map(str::to_owned).collect() };
        let rights = |access: &str, jurisdictions: &str, record_types: &str, facility: &str| {
            let organization_access = match access {
                "all" => OrganizationAccess::All,
                _ => OrganizationAccess::Own,
            };
            Rights {
                organization_access,
                jurisdictions: list(jurisdictions),
                record_types: list(record_types),
                ..of((!facility.is_empty()).then_some([facility].as_slice()))
            }
        };
        let all = Reach::of(&rights("all", "MA", "birth", ""));
        let typeless = Reach::of(&rights("all", "MA", "", ""));
        let nowhere = Reach::of(&rights("all", "", "", ""));
        let facility = Reach::of(&rights("all", "MA", "birth", "1"));
        let own = Reach::of(&rights("own", "MA", "birth", ""));
        // The organization, the record, its jurisdiction and type, and who reads the row.
        type Row<'a> = (&'a str, &'a str, &'a str, &'a str, [bool; 6]);
        let rows: &[Row<'_>] = &[
            (
                "a hospital",
                "",
                "",
                "",
                [true, true, true, true, true, true],
            ),
            ("another", "", "", "", [true, true, true, true, true, false]),
            (
                "another",
                "r",
                "",
                "",
                [true, true, true, true, false, false],
            ),
            (
                "another",
                "r",
                "MA",
                "birth",
                [true, true, false, false, false, false],
            ),
            (
                "a hospital",
                "r",
                "MA",
                "birth",
                [true, true, false, false, false, true],
            ),
            (
                "a hospital",
                "r",
                "NH",
                "birth",
                [true, false, false, false, false, false],
            ),
            (
                "a hospital",
                "r",
                "MA",
                "fetal-death",
                [true, false, false, false, false, false],
            ),
            (
                "a hospital",
                "",
                "NH",
                "",
                [true, false, false, false, false, false],
            ),
        ];
        for (organization, record_id, jurisdiction, record_type, read) in rows {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let event = AuditEvent {
                organization: some(organization),
                record_id: some(record_id),
                jurisdiction: some(jurisdiction),
                record_type: some(record_type),
                ..AuditEvent::new(
                    jiff::Timestamp::UNIX_EPOCH,
                    "p",
                    "shell",
                    "a",
                    storage::Outcome::Denied,
                )
            };
            let reaches = [
                &Reach::Everything,
                &all,
                &typeless,
                &nowhere,
                &facility,
                &own,
            ];
            assert_eq!(
                reaches.map(|it| it.covers_event(&event)),
                *read,
                "{event:?}"
            );
        }
        assert!(Reach::Everything.of_audit().is_none());
        for (reach, jurisdictions, record_types) in [
            (all, "MA", "birth"),
            (typeless, "MA", ""),
            (nowhere, "", ""),
            // Who cannot be told which facility it is reaches no refused record.
            (facility, "", ""),
        ] {
            let asked = reach.of_audit().unwrap();
            assert_eq!(asked.organization, None);
            let records = asked.records.unwrap();
            assert_eq!(records.jurisdictions, list(jurisdictions));
            assert_eq!(records.record_types, list(record_types));
        }
    }
}
