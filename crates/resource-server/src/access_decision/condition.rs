//! Records that a scope word with a query permits: `system/Bundle.rs?jurisdiction=MA`.
//!
//! A query is decided if each of its parameters is one of ours with values that can be known of every
//! record: `composition.type` (of a Composition `type`), `jurisdiction`, `record-type` and
//! `event-year`, without modifier or prefix. A comma means either value, `&` both parameters (FHIR R4
//! search, section 3.1.1.4). A word with any other query permits nothing, and neither does one that
//! comes to more than [`MAX_CONDITIONS`]: a client asks for narrower words than its registration has as
//! it likes, and every search compares each record with all of them.

use std::collections::HashSet;

use fhir::interaction::PartType;
use fhir::{CompositionType, Jurisdiction, RecordType};
use oauth::{Actor, Permission, Scope};

use super::RecordFacts;
use super::role::{AUDIT_EVENT, Role};

/// Records that have these facts; `None` is any. All that is `None` is every record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Condition {
    pub(crate) composition_type: Option<CompositionType>,
    pub(crate) jurisdiction: Option<Jurisdiction>,
    pub(crate) record_type: Option<RecordType>,
    pub(crate) event_year: Option<i64>,
}

impl Condition {
    /// The conditions that a query of a word for this resource type comes to, one of which a record has
    /// to meet. None if it cannot be decided, or if nothing can meet it.
    pub(super) fn read(resource_type: &str, query: Option<&str>) -> Vec<Self> {
        let mut all = vec![Self::default()];
        for pair in query.into_iter().flat_map(|query| query.split('&')) {
            let Some(either) = Self::of_parameter(resource_type, pair) else {
                return Vec::new();
            };
            all = both(&all, &either);
            if all.len() > MAX_CONDITIONS {
                return Vec::new();
            }
        }
        all
    }

    /// One parameter: a condition for each of its values.
    fn of_parameter(resource_type: &str, pair: &str) -> Option<Vec<Self>> {
        let (name, values) = pair.split_once('=')?;
        let values = percent_encoding::percent_decode_str(values);
        let values = values.decode_utf8().ok()?;
        values
            .split(',')
            .map(|value| Self::of_value(resource_type, name, value))
            .collect()
    }

    fn of_value(resource_type: &str, name: &str, value: &str) -> Option<Self> {
        let any = Self::default();
        Some(match (resource_type, name) {
            ("Bundle", "composition.type") | ("Composition", "type") => Self {
                composition_type: Some(composition_type(value)?),
                ..any
            },
            ("Bundle" | "Composition", "jurisdiction") => Self {
                jurisdiction: Some(Jurisdiction::parse(value)?),
                ..any
            },
            ("Bundle" | "Composition", "record-type") => Self {
                record_type: Some(RecordType::parse(value)?),
                ..any
            },
            ("Bundle" | "Composition", "event-year") => Self {
                event_year: Some(year(value)?),
                ..any
            },
            _ => return None,
        })
    }

    /// What meets both; `None` if nothing can.
    fn and(self, other: &Self) -> Option<Self> {
        Some(Self {
            composition_type: same(self.composition_type, other.composition_type)?,
            jurisdiction: same(self.jurisdiction, other.jurisdiction)?,
            record_type: same(self.record_type, other.record_type)?,
            event_year: same(self.event_year, other.event_year)?,
        })
    }

    /// Whether a record meets it. What is not known of a record meets nothing.
    pub(super) fn is_met_by(self, record: &RecordFacts) -> bool {
        let code = self.composition_type.map(CompositionType::code);
        code.is_none_or(|code| record.composition_type.as_deref() == Some(code))
            && self.jurisdiction.is_none_or(|it| it == record.jurisdiction)
            && self
                .record_type
                .is_none_or(|it| Some(it) == record.record_type)
            && self
                .event_year
                .is_none_or(|it| Some(it) == record.event_year)
    }
}

/// Records that meet one of these and one of those.
pub(super) fn both(these: &[Condition], those: &[Condition]) -> Vec<Condition> {
    let pairs = these
        .iter()
        .flat_map(|one| those.iter().filter_map(|other| one.and(other)));
    let mut seen = HashSet::new();
    let mut all: Vec<Condition> = pairs.filter(|condition| seen.insert(*condition)).collect();
    // Every record is among them: the others say nothing more.
    if all.contains(&Condition::default()) {
        all = vec![Condition::default()];
    }
    all
}

/// The value that two demands have in common; `None` if they contradict each other.
fn same<T: PartialEq>(one: Option<T>, other: Option<T>) -> Option<Option<T>> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => None,
        (Some(one), _) => Some(Some(one)),
        (None, other) => Some(other),
    }
}

/// Whether a word of a scope permits anything here: a resource type that this server has, an interaction that is spelt as
/// SMART does, and a query that can be decided. For registrations and configurations, where a dead word is a mistake.
#[must_use]
pub fn permits_something(word: &str) -> bool {
    permits(word, &[Actor::Person, Actor::Client], |_, _| true)
}

/// Whether a word of a scope permits people of this role anything that the role may do at all.
#[must_use]
pub fn gives_role(role: &str, word: &str) -> bool {
    let role = Role::parse(role);
    role.is_some_and(|role| permits(word, &[Actor::Person], |name, it| role.may(name, it)))
}

fn permits(word: &str, actors: &[Actor], may: impl Fn(&str, Permission) -> bool) -> bool {
    let parts = PartType::ALL.map(PartType::as_str);
    let types = ["Bundle", "Composition", AUDIT_EVENT]
        .into_iter()
        .chain(parts);
    let every = [
        Permission::Create,
        Permission::Read,
        Permission::Update,
        Permission::Delete,
        Permission::Search,
    ];
    let Ok(scope) = Scope::parse(word) else {
        return false;
    };
    types.into_iter().any(|name| {
        actors.iter().any(|actor| {
            every.iter().any(|permission| {
                may(name, *permission)
                    && scope
                        .permitting(*actor, name, *permission)
                        .any(|query| !Condition::read(name, query).is_empty())
            })
        })
    })
}

/// `code` or `system|code`.
fn composition_type(value: &str) -> Option<CompositionType> {
    match value.split_once('|') {
        None => CompositionType::parse(value),
        Some(("", _)) => None,
        Some((system, code)) => CompositionType::of_coding(Some(system), code),
    }
}

/// Four digits.
fn year(value: &str) -> Option<i64> {
    let digits = value.len() == 4 && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| value.parse().ok()).flatten()
}

/// Conditions that one word may come to: four values of each of two parameters, for instance.
const MAX_CONDITIONS: usize = 16;
