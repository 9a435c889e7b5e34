//! The statement that lists audit rows, from what it is narrowed to.

use crate::audit::{Actions, COLUMNS, Filter, Reach, hidden};
use crate::row::EARLIEST_MS;
use crate::value::Value;

/// The statement and its parameters; `more` are columns besides, which nobody is shown whose reach is limited.
pub(super) fn write(filter: &Filter, more: &str) -> (String, Vec<Value>) {
    let mut query = Query {
        sql: String::new(),
        parameters: Vec::new(),
    };
    query.rows(filter, more);
    query.period(filter);
    query.action(filter.action.as_deref());
    for (condition, wanted) in [
        ("client_id =", &filter.client_id),
        ("record_id =", &filter.record_id),
        ("subject =", &filter.subject),
        ("organization =", &filter.organization),
        ("source_address =", &filter.source_address),
        ("request_id =", &filter.request_id),
        ("id =", &filter.id),
    ] {
        query.add(condition, wanted.as_deref().map(Value::from));
    }
    let outcome = filter.outcome.map(|outcome| Value::from(outcome.as_str()));
    query.add("outcome =", outcome);
    if let Some(agent) = &filter.agent {
        let at = query.next(agent.as_str().into());
        query
            .sql
            .push_str(&format!(" AND (client_id = {at} OR subject = {at})"));
    }
    match &filter.actions {
        Some(Actions::Of(actions)) => query.list("action IN", actions, ""),
        Some(Actions::But(actions)) => query.list("action NOT IN", actions, ""),
        None => {}
    }
    if let Some(reach) = &filter.reach {
        query.reach(reach);
    }
    query.end(filter)
}

struct Query {
    sql: String,
    parameters: Vec<Value>,
}

impl Query {
    /// The name of a new parameter.
    fn next(&mut self, value: Value) -> String {
        self.parameters.push(value);
        format!("${}", self.parameters.len())
    }

    fn add(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            let at = self.next(value);
            self.sql.push_str(&format!(" AND {condition} {at}"));
        }
    }

    /// An empty list holds nothing: `IN ()` is no SQL.
    fn list<T: AsRef<str>>(&mut self, condition: &str, values: &[T], or: &str) {
        let mut names: Vec<String> = Vec::new();
        for value in values {
            names.push(self.next(value.as_ref().into()));
        }
        if names.is_empty() {
            names.push("NULL".to_owned());
        }
        let names = names.join(", ");
        self.sql
            .push_str(&format!(" AND ({condition} ({names}){or})"));
    }

    /// The rows as they are shown, which everything else is asked of.
    fn rows(&mut self, filter: &Filter, more: &str) {
        let Some(reach) = &filter.reach else {
            self.sql = format!("SELECT {COLUMNS}{more} FROM audit_event WHERE 1 = 1");
            return;
        };
        let columns = hidden::shown(reach, &mut |value| self.next(value));
        // A row that is shown with this record is of it: an index finds it.
        let of_record = match &filter.record_id {
            Some(id) => format!(" WHERE record_id = {}", self.next(id.as_str().into())),
            None => String::new(),
        };
        self.sql = format!(
            "SELECT {COLUMNS} FROM (SELECT {columns} FROM audit_event{of_record}) AS shown WHERE 1 = 1"
        );
    }

    fn period(&mut self, filter: &Filter) {
        self.add("at_ms >=", filter.since.map(Value::from));
        self.add("at_ms <", filter.until.map(Value::from));
    }

    fn action(&mut self, action: Option<&str>) {
        let (prefix, whole) = match action {
            Some(action) if action.ends_with('.') => (Some(action), None),
            other => (None, other),
        };
        self.add("action =", whole.map(Value::from));
        // Not LIKE, whose case sensitivity differs between the engines, nor a range, which in PostgreSQL goes by
        // the collation of the database: most of them ignore punctuation.
        if let Some(prefix) = prefix {
            let condition = format!("substr(action, 1, {}) =", prefix.chars().count());
            self.add(&condition, Some(Value::from(prefix)));
        }
    }

    fn reach(&mut self, reach: &Reach) {
        self.add("party =", reach.party.as_deref().map(Value::from));
        self.add(
            "organization =",
            reach.organization.as_deref().map(Value::from),
        );
        let Some(records) = &reach.records else {
            return;
        };
        self.list(
            "jurisdiction IN",
            &records.jurisdictions,
            " OR jurisdiction IS NULL",
        );
        self.list(
            "record_type IN",
            &records.record_types,
            " OR record_type IS NULL",
        );
    }

    fn end(mut self, filter: &Filter) -> (String, Vec<Value>) {
        if let Some((at_ms, id)) = &filter.after {
            // The first condition lets an index by time skip what the list has shown.
            let at = self.next(Value::Integer(*at_ms));
            self.sql.push_str(&format!(" AND at_ms <= {at}"));
            let id = self.next(id.as_str().into());
            let earlier = match *at_ms {
                // What cannot be read may be earlier still, and would come again and again.
                EARLIEST_MS => String::new(),
                _ => format!("at_ms < {at} OR "),
            };
            self.sql.push_str(&format!(" AND ({earlier}id < {id})"));
        }
        let limit = self.next(Value::Integer(filter.limit.into()));
        self.sql
            .push_str(&format!(" ORDER BY at_ms DESC, id DESC LIMIT {limit}"));
        (self.sql, self.parameters)
    }
}
