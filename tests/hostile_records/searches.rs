//! Searches that cannot be followed, or ask for more than there is.

use serde_json::Value;

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
        let row = row(name, get(query), 400, code);
        rows.push(match query.split(['=', ':']).next() {
            // Of many parameters none is the one too many.
            _ if code == "too-costly" => row,
            Some("subject.birthdate") => row.about("patient.birthdate"),
            name => row.about(name.unwrap_or_default()),
        });
    }
    rows.extend(cursors(stage));
    let strict = |query: &str| get(query).header("Prefer", "handling=strict");
    for query in [
        "identifier=a&unknown=1",
        "identifier=a&_include=*",
        "identifier=a&_has:Patient:x:y=1",
        "identifier=a&_filter=a",
        "identifier=a&subject.name.unknown=1",
    ] {
        let name = format!("search: strict {query}");
        let (_, unknown) = query.split_once('&').unwrap();
        let (unknown, _) = unknown.split_once('=').unwrap();
        rows.push(row(name, strict(query), 400, "not-supported").about(unknown));
    }
    let post = |media: &str, body: &str| {
        Ask::new("POST", "/fhir/Bundle/_search")
            .bearer(&stage.own)
            .header("Content-Type", media)
            .body(body)
    };
    let json = post("application/fhir+json", "{}");
    rows.push(row("search: a posted JSON", json, 415, "not-supported").about("Content-Type"));
    let form = post("application/x-www-form-urlencoded", "identifier=%ff");
    rows.push(row("search: a form that is not UTF-8", form, 400, "invalid").about("identifier"));
    rows
}

/// Next links that we never made, or made for another place or for somebody else.
fn cursors(stage: &Stage) -> Vec<Row> {
    let first = Ask::get("/fhir/AuditEvent?_count=1").bearer(&stage.auditor);
    let page: Value = serde_json::from_str(&first.send(&stage.office).body).unwrap();
    let links = page["link"].as_array().unwrap();
    let next = links.iter().find(|link| link["relation"] == "next");
    let next = next.unwrap()["url"].as_str().unwrap();
    let (_, real) = next.split_once("?_cursor=").unwrap();
    let mut altered = real.to_owned().into_bytes();
    altered[20] = if altered[20] == b'A' { b'B' } else { b'A' };
    let altered = String::from_utf8(altered).unwrap();
    let id = &stage.record;
    let mut rows = Vec::new();
    for (place, token, other) in [
        ("Bundle/_history".to_owned(), &stage.own, &stage.other),
        (format!("Bundle/{id}/_history"), &stage.own, &stage.own),
        ("AuditEvent".to_owned(), &stage.auditor, &stage.elsewhere),
    ] {
        let get =
            |query: &str, token: &str| Ask::get(&format!("/fhir/{place}?{query}")).bearer(token);
        for (name, query) in [
            ("none", "_cursor=".to_owned()),
            ("a made up", "_cursor=c4n4ry".to_owned()),
            ("a NUL as", "_cursor=%00".to_owned()),
            ("the old plain", "_cursor=1795780800000_1_x".to_owned()),
            ("an altered", format!("_cursor={altered}")),
            ("a longer", format!("_cursor={real}A")),
            ("a shorter", format!("_cursor={}", &real[..real.len() - 4])),
            ("another count beside a", format!("_cursor={real}&_count=1")),
        ] {
            let name = format!("cursor: {name} cursor at {place}");
            rows.push(row(name, get(&query, token), 400, "invalid").about("_cursor"));
        }
        let name = format!("cursor: one of another place or reader at {place}");
        let ask = get(&format!("_cursor={real}"), other);
        rows.push(row(name, ask, 400, "invalid").about("_cursor"));
        let after = get("_after=1795780800000_1_x", token).header("Prefer", "handling=strict");
        let name = format!("cursor: _after at {place}");
        rows.push(row(name, after, 400, "not-supported").about("_after"));
    }
    rows
}
