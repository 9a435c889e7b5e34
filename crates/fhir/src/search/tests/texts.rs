//! What a refused search is told: how it would be written, of which parameter, and nothing of what was sent.

use super::*;
use crate::audit_event::AuditParameters;
use crate::interaction::HistoryParameters;
use crate::outcome::Refusal;

fn told(refusal: Refusal) -> (String, Vec<String>) {
    (refusal.issue.text.into_owned(), refusal.issue.expression)
}

#[test]
fn a_value_that_cannot_be_read_is_told_how_it_is_written() {
    for (query, name, form) in [
        ("event-year=20x6", "event-year", "2026"),
        ("event-year=ge20260", "event-year", "four digits"),
        ("date=x1/31/2026", "date", "2026-01-31"),
        (
            "_lastUpdated=2026-13-01",
            "_lastUpdated",
            "prefix such as ge",
        ),
        (
            "subject.birthdate=x1/31/2026",
            "patient.birthdate",
            "year, month, day",
        ),
        ("_id=a_x", "_id", "hyphens"),
        ("_count=5x", "_count", "whole number"),
        ("_total=5x", "_total", "accurate"),
        ("_summary=5x", "_summary", "count"),
        ("_sort=5x", "_sort", "_lastUpdated"),
        ("date:missing=5x", "date", "true or false"),
        ("date:exact=2026", "date", ":missing"),
        ("patient.family:contains=5x", "patient.family", ":exact"),
        ("identifier=", "identifier", "system|value"),
        ("patient.family=a,,5x", "patient.family", "comma"),
        ("_count=1&_count=2", "_count", "once"),
        ("patient.family=%ff", "patient.family", "UTF-8"),
        ("_cursor=5x&date=2026", "_cursor", "next link"),
    ] {
        let (text, expression) = told(Parameters::parse(ResourceType::Bundle, query).unwrap_err());
        assert!(text.contains(form), "{query}: {text}");
        assert_eq!(expression, [format!("http.{name}")], "{query}");
        for content in ["5x", "20x6", "31/2026", "a_x"] {
            assert!(!text.contains(content), "{query}: {text}");
        }
    }
}

#[test]
fn histories_and_the_audit_tell_the_same() {
    for (query, name, form) in [
        ("_since=yesterday", "_since", "2026-01-31T13:45:00-05:00"),
        ("_count=many", "_count", "whole number"),
        ("_at=2026", "_at", "_since"),
        ("_count=1&_count=2", "_count", "once"),
    ] {
        let (text, expression) = told(HistoryParameters::parse(query).unwrap_err());
        assert!(text.contains(form), "{query}: {text}");
        assert_eq!(expression, [format!("http.{name}")], "{query}");
    }
    for (query, name, form) in [
        ("date=01/31/2026", "date", "2026-01-31"),
        ("date=ne2026", "date", "prefixes"),
        ("action=X", "action", "C, R, U"),
        ("outcome=X", "outcome", "0, 4"),
        ("entity=Patient/1", "entity", "Bundle/1"),
        ("_sort=agent", "_sort", "-date"),
    ] {
        let (text, expression) = told(AuditParameters::parse(query).unwrap_err());
        assert!(text.contains(form), "{query}: {text}");
        assert_eq!(expression, [format!("http.{name}")], "{query}");
    }
}

#[test]
fn parameters_that_are_not_offered_are_named_unless_their_names_may_be_content() {
    let query = "identifier=a&author.name=b&Jane%20Doe=1";
    let bundle = Parameters::parse(ResourceType::Bundle, query).unwrap();
    let audit = AuditParameters::parse("author.name=b&Jane%20Doe=1").unwrap();
    let warnings = [
        bundle.ignored(Handling::Lenient).unwrap().unwrap(),
        audit.ignored(Handling::Lenient).unwrap().unwrap(),
        bundle.ignored(Handling::Strict).unwrap_err().issue,
        audit.ignored(Handling::Strict).unwrap_err().issue,
    ];
    for issue in warnings {
        assert_eq!(issue.expression, ["http.author.name"]);
        assert!(!issue.text.contains("Jane"), "{}", issue.text);
    }
}

#[test]
fn a_condition_is_a_header() {
    for header in [
        "",
        "identifier=",
        "identifier=%ff",
        "identifier=a&birthdate=2026",
    ] {
        let (_, expression) = told(IfNoneExist::parse(header).unwrap_err());
        assert_eq!(expression, ["http.If-None-Exist"], "{header}");
    }
}
