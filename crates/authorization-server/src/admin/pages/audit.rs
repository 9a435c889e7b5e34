//! The audit: search, page by page, and all of it as a file.

use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use jiff::civil::Date;
use oauth::Parameters;
use storage::audit::{AuditRow, Filter};
use storage::{AuditEvent, Outcome};

use super::Place;
use super::parts::{Cell, Field, Kind, List, Table, Way, text_of};
use super::users::next;
use super::visit::{Desk, Stop, Visit};
use crate::admin::export::Format;
use crate::administration::PageRequest;
use crate::administration::decision::Operation;
use crate::pages::{Language, Problem};

pub(super) fn places() -> Vec<Place> {
    vec![
        Place::new(PATH, Operation::AuditSearch, get(list)),
        Place::new(
            "/admin/audit/export.csv",
            Operation::AuditExport,
            get(export_csv),
        ),
        Place::new(
            "/admin/audit/export.jsonl",
            Operation::AuditExport,
            get(export_lines),
        ),
    ]
}

async fn list(visit: Visit) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(Operation::AuditSearch)?;
        let (l, query) = (desk.l(), visit.read_query()?);
        let request = PageRequest {
            cursor: text_of(&query, "after"),
            limit: None,
        };
        let found = admin.search_audit(&filter(&query)?, &request).await?;
        let further = |after: String| next(PATH, &query, &FILTERS, &after);
        Ok(desk.list(&List {
            heading: l.t("Audit").to_owned(),
            text: l
                .t("Who did what, when, and from where; the latest comes first. Times are UTC.")
                .to_owned(),
            filters: filters(l, &query),
            table: table(&desk, &found.items),
            ways: exports(&desk, &query),
            next: found.next.map(further),
            later: request.cursor.is_some(),
            done: None,
        }))
    };
    visit.settle(page.await).await
}

async fn export_csv(visit: Visit) -> Response {
    export(visit, Format::Csv).await
}

async fn export_lines(visit: Visit) -> Response {
    export(visit, Format::JsonLines).await
}

async fn export(visit: Visit, format: Format) -> Response {
    let page = async {
        let desk = visit.desk().await?;
        let admin = desk.permit(Operation::AuditExport)?;
        let filter = filter(&visit.read_query()?)?;
        Ok(format.response(admin.export_audit(&filter).await?))
    };
    visit.settle(page.await).await
}

fn exports(desk: &Desk<'_>, query: &Parameters) -> Vec<Way> {
    if !desk.may(Operation::AuditExport) {
        return Vec::new();
    }
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    for name in FILTERS {
        if let Some(value) = query.get(name) {
            text.append_pair(name, value);
        }
    }
    let query = text.finish();
    let way = |file: &str, words: &str| Way {
        href: format!("{PATH}/{file}?{query}"),
        text: desk.l().t(words).to_owned(),
        kind: "second",
    };
    vec![
        way("export.csv", "Export as a table (CSV)"),
        way("export.jsonl", "Export as JSON lines"),
    ]
}

/// What cannot be read is refused: a list, and above all a file, of more than was asked for is a wrong answer.
fn filter(query: &Parameters) -> Result<Filter, Stop> {
    let text = |name: &str| text_of(query, name);
    Ok(Filter {
        since: text("since").map(|day| read(start(&day))).transpose()?,
        until: text("until").map(|day| read(end(&day))).transpose()?,
        action: text("action"),
        outcome: match query.get("outcome") {
            Some("allowed") => Some(Outcome::Allowed),
            Some("denied") => Some(Outcome::Denied),
            None | Some("") => None,
            Some(_) => return Err(Problem::MalformedRequest.into()),
        },
        client_id: text("client_id"),
        subject: text("subject"),
        organization: text("organization"),
        record_id: text("record_id"),
        source_address: text("source_address"),
        request_id: text("request_id"),
        ..Filter::default()
    })
}

fn read(moment: Option<Timestamp>) -> Result<Timestamp, Stop> {
    moment.ok_or_else(|| Problem::MalformedRequest.into())
}

/// The first moment of a day.
fn start(day: &str) -> Option<Timestamp> {
    let day: Date = day.parse().ok()?;
    format!("{day}T00:00:00Z").parse().ok()
}

/// The first moment after a day.
fn end(day: &str) -> Option<Timestamp> {
    let day: Date = day.parse().ok()?;
    start(&day.tomorrow().ok()?.to_string())
}

fn filters(l: Language, query: &Parameters) -> Vec<Field> {
    let value = |name: &str| query.get(name).unwrap_or_default().to_owned();
    let text = |name: &str, label: &str| Field::text(name, l.t(label), value(name));
    let day = |name: &str, label: &str| Field {
        kind: Kind::Date,
        ..text(name, label)
    };
    let outcomes = [("", "any"), ("allowed", "allowed"), ("denied", "denied")];
    let outcomes = outcomes.map(|(value, words)| (value.to_owned(), l.t(words).to_owned()));
    vec![
        day("since", "From (day)"),
        day("until", "To (day)"),
        text("action", "Action"),
        Field::choice("outcome", l.t("Outcome"), value("outcome"), outcomes.into()),
        text("subject", "Person (username or identifier)"),
        text("client_id", "Application"),
        text("organization", "Organization"),
        text("source_address", "Address"),
        text("record_id", "Record"),
        text("request_id", "Reference"),
    ]
}

fn table(desk: &Desk<'_>, rows: &[AuditRow]) -> Table {
    let l = desk.l();
    let outcome = |event: &AuditEvent| match event.outcome {
        Outcome::Allowed => Cell::mark("good", l.t("allowed")),
        Outcome::Denied => Cell::mark("bad", l.t("denied")),
    };
    let row = |row: &AuditRow| {
        let event = &row.event;
        vec![
            Cell::text(event.at.strftime("%Y-%m-%d %H:%M:%S").to_string()),
            Cell::text(&event.action),
            outcome(event),
            Cell::maybe(event.reason.as_deref()),
            who(desk, event),
            Cell::maybe(event.client_id.as_deref()),
            Cell::maybe(event.organization.as_deref()),
            Cell::maybe(event.source_address.as_deref()),
            Cell::maybe(event.record_id.as_deref()),
            Cell::maybe(event.request_id.as_deref()),
        ]
    };
    let columns = [
        "When",
        "Action",
        "Outcome",
        "Why",
        "Person",
        "Application",
        "Organization",
        "Address",
        "Record",
        "Reference",
    ];
    Table {
        caption: l.t("Rows of the audit").to_owned(),
        columns: columns.map(|it| l.t(it).to_owned()).into(),
        rows: rows.iter().map(row).collect(),
        empty: l.t("No row fits. Search for less.").to_owned(),
    }
}

/// A person leads to the person's page.
fn who(desk: &Desk<'_>, event: &AuditEvent) -> Cell {
    match event.subject.as_deref() {
        Some(id) if id.starts_with("u-") && desk.may(Operation::UserRead) => {
            Cell::link(short(id), format!("/admin/users/{id}"))
        }
        subject => Cell::maybe(subject.map(short).as_deref()),
    }
}

/// Enough of an identifier to tell people apart; the file and the person's page have all of it.
fn short(id: &str) -> String {
    let start: String = id.chars().take(SHOWN).collect();
    if start.len() < id.len() {
        format!("{start}…")
    } else {
        start
    }
}

/// Characters of an identifier in the table.
const SHOWN: usize = 10;
const PATH: &str = "/admin/audit";
const FILTERS: [&str; 10] = [
    "since",
    "until",
    "action",
    "outcome",
    "subject",
    "client_id",
    "organization",
    "source_address",
    "record_id",
    "request_id",
];
