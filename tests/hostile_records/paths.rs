//! Paths that try to be another path, and methods that try to be another method.

use crate::Stage;
use crate::ask::Ask;
use crate::row::{Row, front, row};

pub fn paths(stage: &Stage) -> Vec<Row> {
    let id = &stage.record;
    let get = |path: &str| Ask::get(path).bearer(&stage.own);
    let mut rows = Vec::new();
    for (path, code) in [
        (format!("/fhir/Bundle/{id}/"), "not-found"),
        (format!("/fhir//Bundle/{id}"), "not-supported"),
        (format!("/fhir/Bundle//{id}"), "not-found"),
        (format!("/fhir/bundle/{id}"), "not-supported"),
        (format!("/fhir/Bundle/{id}/$original/x"), "not-found"),
        (format!("/fhir/Bundle/{id}/%24original"), "not-found"),
        (format!("/fhir/Bundle/{id}/$Original"), "not-found"),
        (format!("/fhir/Bundle/{id}/$everything"), "not-found"),
        (format!("/fhir/Bundle/%2e%2e/Bundle/{id}"), "not-found"),
        (format!("/fhir/Bundle/..%2fBundle%2f{id}"), "not-found"),
        (format!("/fhir/Bundle%2f{id}"), "not-supported"),
        (format!("/fhir/Bundle/{id}%00"), "not-found"),
        (format!("/fhir/Bundle/{id};a=b"), "not-found"),
        (format!("/fhir/Bundle/{id}%20"), "not-found"),
        (format!("/fhir/Bundle/{id}/_history/1/x"), "not-found"),
        (format!("/fhir/Bundle/{id}/_history/1%27"), "not-found"),
        ("/fhir/Bundle/..".to_owned(), "not-found"),
        ("/fhir/Bundle/%27%20OR%201=1--".to_owned(), "not-found"),
        ("/fhir/Bundle/c4n4ry".to_owned(), "not-found"),
        (
            "/fhir/Bundle/00000000-0000-7000-8000-000000000000".to_owned(),
            "not-found",
        ),
        (format!("/fhir/Bundle/{}", "a".repeat(65)), "not-found"),
        (format!("/fhir/Bundle/{}", "a".repeat(4_000)), "not-found"),
        (format!("/fhir/{}", "Bundle/".repeat(500)), "not-found"),
        ("/fhir/Medication/1".to_owned(), "not-supported"),
        ("/fhir/$everything".to_owned(), "not-supported"),
        ("/fhir/Bundle/$export".to_owned(), "not-found"),
        ("/fhir/metadata/x".to_owned(), "not-supported"),
        (format!("/fhir/Composition/{id}/$original"), "not-found"),
        (format!("/fhir/Patient/{id}"), "not-found"),
        (format!("/fhir/Patient/{id}-0"), "not-found"),
        (format!("/fhir/Patient/{id}-99999"), "not-found"),
        (format!("/fhir/Patient/{id}--1"), "not-found"),
        (
            format!("/fhir/Patient/{id}-99999999999999999999999"),
            "not-found",
        ),
        ("/fhir/Patient?_id=1".to_owned(), "not-supported"),
        (format!("/fhir/Patient/{id}-1/_history"), "not-supported"),
        (format!("/fhir/Patient/{id}-1/_history/1"), "not-supported"),
        ("/fhir/AuditEvent/1/_history".to_owned(), "not-supported"),
        (format!("/fhir/Bundle/{id}/_history/0"), "not-found"),
        (format!("/fhir/Bundle/{id}/_history/2"), "not-found"),
        (
            format!("/fhir/Bundle/{id}/_history/99999999999999999999"),
            "not-found",
        ),
    ] {
        let name: String = format!("path: {path}").chars().take(120).collect();
        rows.push(row(name, get(&path), 404, code));
    }
    let own = format!("/fhir/Bundle/{id}");
    for (method, path) in [
        ("PATCH", own.as_str()),
        ("POST", &own),
        ("OPTIONS", &own),
        ("PROPFIND", &own),
        ("get", &own),
        ("PUT", "/fhir/Bundle"),
        ("DELETE", "/fhir/Bundle"),
        ("GET", "/fhir/Bundle/_search"),
        ("POST", "/fhir/Composition"),
        ("GET", "/fhir/Bundle/$validate"),
        ("GET", "/fhir"),
        ("DELETE", "/fhir/Composition"),
    ] {
        let ask = Ask::new(method, path).bearer(&stage.own);
        rows.push(row(
            format!("method: {method} {path}"),
            ask,
            405,
            "not-supported",
        ));
    }
    // The method that counts is the one in the first line.
    let ask = get(&own)
        .header("X-HTTP-Method-Override", "DELETE")
        .header("Accept", "text/plain");
    rows.push(row("method: overridden", ask, 406, "not-supported"));
    rows.push(front(
        "method: TRACE",
        Ask::new("TRACE", &own).bearer(&stage.own),
        405,
    ));
    rows.push(front(
        "path: a target without a slash",
        Ask::get("fhir").bearer(&stage.own),
        404,
    ));
    rows
}
