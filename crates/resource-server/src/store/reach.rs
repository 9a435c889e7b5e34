//! The records that a request reaches, in the form that the statements of `record` filter by.

use fhir::{CompositionType, Jurisdiction, RecordType};
use storage::Value;

use crate::access_decision::{Condition, Permit};

/// What a permit reaches.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    every_organization: bool,
    organization: String,
    jurisdictions: String,
    record_types: [&'static str; 2],
    facilities: String,
    conditions: String,
}

impl Reach {
    /// What `permit` reaches.
    pub(crate) fn of(permit: &Permit) -> Self {
        let held = |kind: RecordType| match permit.record_types().contains(&kind) {
            true => kind.as_str(),
            false => "",
        };
        let jurisdictions = permit
            .jurisdictions()
            .iter()
            .map(|it| it.as_str().to_owned());
        let conditions = permit.conditions().iter().map(text);
        Self {
            every_organization: permit.reaches_every_organization(),
            // No record has an empty organisation, so that a token without one matches none.
            organization: permit.organization().unwrap_or_default().to_owned(),
            jurisdictions: listed(jurisdictions),
            record_types: [held(RecordType::Birth), held(RecordType::FetalDeath)],
            facilities: permit
                .facilities()
                .map_or_else(String::new, |list| listed(list.iter().cloned())),
            conditions: match permit.is_unconditional() {
                true => String::new(),
                false => listed(conditions),
            },
        }
    }

    /// Its parameters: every organisation, the organisation, the jurisdictions, the two record types, the
    /// facilities, the conditions.
    pub(crate) fn values(&self) -> [Value; 7] {
        let [first_type, second_type] = self.record_types;
        [
            Value::from(self.every_organization),
            Value::from(self.organization.as_str()),
            Value::from(self.jurisdictions.as_str()),
            Value::from(first_type),
            Value::from(second_type),
            Value::from(self.facilities.as_str()),
            Value::from(self.conditions.as_str()),
        ]
    }
}

/// `,MA,NJ,`. No item holds a comma.
fn listed(items: impl Iterator<Item = String>) -> String {
    items.fold(String::from(","), |list, item| list + &item + ",")
}

/// `92011-6/MA/*/2026`: composition type, jurisdiction, record type, year; a star is any.
fn text(condition: &Condition) -> String {
    let any = || "*".to_owned();
    let parts = [
        condition
            .composition_type
            .map(CompositionType::code)
            .map(str::to_owned),
        condition
            .jurisdiction
            .map(Jurisdiction::as_str)
            .map(str::to_owned),
        condition
            .record_type
            .map(RecordType::as_str)
            .map(str::to_owned),
        condition.event_year.map(|year| year.to_string()),
    ];
    parts.map(|part| part.unwrap_or_else(any)).join("/")
}

/// Where a row of `record` is reached: the seven parameters of [`Reach::values`]. A list is searched by taking
/// the item out of it, which both engines do letter for letter; what is NULL is in no list.
macro_rules! reached {
    ($all:literal, $organization:literal, $jurisdictions:literal, $one:literal, $other:literal,
     $facilities:literal, $conditions:literal) => {
        concat!(
            "(",
            $all,
            " OR organization = ",
            $organization,
            " OR addressee = ",
            $organization,
            ") \
             AND REPLACE(",
            $jurisdictions,
            ", ',' || jurisdiction || ',', '') <> ",
            $jurisdictions,
            " \
             AND (record_type IN (",
            $one,
            ", ",
            $other,
            ") \
               OR (record_type IS NULL AND ",
            $one,
            " <> '' AND ",
            $other,
            " <> '')) \
             AND (",
            $facilities,
            " = '' \
               OR REPLACE(",
            $facilities,
            ", ',' || facility || ',', '') <> ",
            $facilities,
            ") \
             AND (",
            $conditions,
            " = '' OR EXISTS (SELECT 1 FROM \
               (SELECT composition_type AS form UNION ALL SELECT '*') AS forms, \
               (SELECT jurisdiction AS place UNION ALL SELECT '*') AS places, \
               (SELECT record_type AS kind UNION ALL SELECT '*') AS kinds, \
               (SELECT CAST(event_year AS TEXT) AS year UNION ALL SELECT '*') AS years \
               WHERE REPLACE(",
            $conditions,
            ", \
                 ',' || form || '/' || place || '/' || kind || '/' || year || ',', '') <> ",
            $conditions,
            "))"
        )
    };
}
pub(crate) use reached;
