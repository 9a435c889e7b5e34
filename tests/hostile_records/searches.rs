//! Searches that cannot be followed, or ask for more than there is.

use crate::Stage;
use crate::ask::Ask;
use crate::row::{Row, row};

pub fn searches(stage: &Stage) -> Vec<Row> {
    let get = |query: &str| Ask::get(&format!("/fhir/Bundle?{query}")).bearer(&stage.own);
    let many: String = (0..70).map(|number| format!("x{number}=1&")).collect();
    let mut rows = Vec::new();
    for (query, code) in [
        ("identifier=", "value"),
        ("identifier=%7C", "value"),
        ("identifier=a%00", "value"),
        ("identifier=%ff", "invalid"),
        ("identifier:not=a", "not-supported"),
        ("identifier:above=a", "not-supported"),
        ("_id:missing=c4n4ry", "value"),
        ("_id=..", "value"),
        ("_id=c4n4ry%27", "value"),
        ("_count=-1", "value"),
        ("_count=many", "value"),
        ("_count=99999999999", "value"),
        ("_count=1&_count=2", "not-supported"),
        ("_sort=c4n4ry", "not-supported"),
        ("_summary=c4n4ry", "value"),
        ("_total=c4n4ry", "value"),
        ("_lastUpdated=c4n4ry", "value"),
        ("_lastUpdated=xx2026", "value"),
        ("_lastUpdated=2026-13-01", "value"),
        ("_lastUpdated=2026-02-30", "value"),
        ("subject.birthdate=c4n4ry", "value"),
        ("subject.birthdate=2026-02-31", "value"),
        ("event-year=c4n4ry", "value"),
        ("event-year=99999999999999999999", "value"),
        ("_cursor=", "invalid"),
        ("_cursor=c4n4ry", "invalid"),
        (many.as_str(), "too-costly"),
    ] {
        let name: String = format!("search: {query}").chars().take(100).collect();
        rows.push(row(name, get(query), 400, code));
    }
    let strict = |query: &str| get(query).header("Prefer", "handling=strict");
    for query in [
        "identifier=a&unknown=1",
        "identifier=a&_include=*",
        "identifier=a&_has:Patient:x:y=1",
        "identifier=a&_filter=a",
        "identifier=a&subject.name.unknown=1",
    ] {
        rows.push(row(
            format!("search: strict {query}"),
            strict(query),
            400,
            "not-supported",
        ));
    }
    let post = |media: &str, body: &str| {
        Ask::new("POST", "/fhir/Bundle/_search")
            .bearer(&stage.own)
            .header("Content-Type", media)
            .body(body)
    };
    rows.push(row(
        "search: a posted JSON",
        post("application/fhir+json", "{}"),
        415,
        "not-supported",
    ));
    rows.push(row(
        "search: a form that is not UTF-8",
        post("application/x-www-form-urlencoded", "identifier=%ff"),
        400,
        "invalid",
    ));
    rows
}
