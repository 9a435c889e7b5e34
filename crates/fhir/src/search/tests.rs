#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::outcome::{IssueCode, Severity};
use crate::prefer::Handling;
use crate::{CompositionType, ResourceType};

fn bundle(query: &str) -> Parameters {
    match Parameters::parse(ResourceType::Bundle, query) {
        Ok(parameters) => parameters,
        Err(refusal) => panic!("{query}: {}", refusal.issue),
    }
}

#[test]
fn parameters_are_read() {
    let found = bundle(
        "identifier=urn%3Ax%7C2026MA1&composition.type=92011-6&_id=a-1&_count=5&_after=b&_format=json&_pretty=true",
    );
    assert_eq!(found.identifier, Token::parse("urn:x|2026MA1"));
    assert_eq!(
        found.composition_type,
        Some(TypeCriterion::Is(CompositionType::JurisdictionLiveBirth))
    );
    assert_eq!(
        (found.id.as_deref(), found.count, found.after.as_deref()),
        (Some("a-1"), Some(5), Some("b"))
    );
    assert!(found.unsupported.is_empty());
    let composition =
        Parameters::parse(ResourceType::Composition, "type=http://loinc.org|68998-4").unwrap();
    assert_eq!(
        composition.composition_type,
        Some(TypeCriterion::Is(CompositionType::ProviderLiveBirth))
    );
    // A form and a query, joined.
    assert_eq!(
        bundle("_count=5&identifier=a+b").identifier,
        Token::parse("a b")
    );
    assert_eq!(bundle("&&_count=0&").count, Some(0));
}

#[test]
fn a_type_that_no_record_has_matches_nothing() {
    for other in ["64297-5", "urn:x|92011-6", "|92011-6"] {
        let found = bundle(&format!("composition.type={other}"));
        assert_eq!(
            found.composition_type,
            Some(TypeCriterion::Nothing),
            "{other}"
        );
    }
}

#[test]
fn what_cannot_be_followed_is_400() {
    for (query, code) in [
        ("identifier=", IssueCode::Value),
        ("identifier", IssueCode::Value),
        ("identifier=%7C", IssueCode::Value),
        ("identifier=a,b", IssueCode::Value),
        ("identifier=a%00", IssueCode::Value),
        ("identifier=a&identifier=b", IssueCode::NotSupported),
        ("identifier:not=a", IssueCode::NotSupported),
        ("composition.type:in=a", IssueCode::NotSupported),
        ("_id:missing=true", IssueCode::NotSupported),
        ("composition.type=http://loinc.org%7C", IssueCode::Value),
        ("_id=..", IssueCode::Value),
        ("_id=a/b", IssueCode::Value),
        ("_after=%27", IssueCode::Value),
        ("_count=-1", IssueCode::Value),
        ("_count=many", IssueCode::Value),
        ("_count=4294967296", IssueCode::Value),
        ("identifier=%ff", IssueCode::Invalid),
        ("%ff=a", IssueCode::Invalid),
    ] {
        let refusal = Parameters::parse(ResourceType::Bundle, query).unwrap_err();
        assert_eq!((refusal.status, refusal.issue.code), (400, code), "{query}");
    }
    let many = vec!["x=1"; 65].join("&");
    let refusal = Parameters::parse(ResourceType::Bundle, &many).unwrap_err();
    assert_eq!(
        (refusal.status, refusal.issue.code),
        (400, IssueCode::TooCostly)
    );
}

#[test]
fn unknown_parameters_are_reported_or_refused() {
    // The names of the other type are unknown here, and what a client makes up is not repeated.
    let found = bundle("identifier=a&type=x&date:below=2026&Jane%20Doe=1&_elements=id");
    assert_eq!(
        found.unsupported,
        [
            "type",
            "date:below",
            "a parameter with an unusual name",
            "_elements"
        ]
    );
    let warning = found.ignored(Handling::Lenient).unwrap().unwrap();
    assert_eq!(
        (warning.severity, warning.code),
        (Severity::Warning, IssueCode::NotSupported)
    );
    assert!(warning.diagnostics.contains("date:below") && !warning.diagnostics.contains("Jane"));
    let refusal = found.ignored(Handling::Strict).unwrap_err();
    assert_eq!(
        (refusal.status, refusal.issue.code),
        (400, IssueCode::NotSupported)
    );
    for handling in [Handling::Lenient, Handling::Strict] {
        assert_eq!(bundle("identifier=a").ignored(handling).unwrap(), None);
    }
}

#[test]
fn links_repeat_what_was_understood() {
    let found = bundle("identifier=urn:x|a%5C,b&x=y&composition.type=92011-6&_id=1");
    let query = found.to_query(20, Some("c"));
    assert_eq!(
        query,
        "identifier=urn%3Ax%7Ca%5C%2Cb&composition.type=92011-6&_id=1&_count=20&_after=c"
    );
    let expected = Parameters {
        count: Some(20),
        after: Some("c".to_owned()),
        unsupported: Vec::new(),
        ..found
    };
    assert_eq!(bundle(&query), expected);
    assert_eq!(bundle("").to_query(7, None), "_count=7");
    let nothing = bundle("composition.type=x").to_query(1, None);
    assert_eq!(
        bundle(&nothing).composition_type,
        Some(TypeCriterion::Nothing)
    );
}

#[test]
fn a_condition_is_an_identifier_and_perhaps_a_type() {
    let found = IfNoneExist::parse("identifier=urn%3Ax%7C2026MA1").unwrap();
    assert_eq!(found, IfNoneExist::of(Some("urn:x"), "2026MA1", None));
    let kind = Some(CompositionType::ProviderLiveBirth);
    for header in [
        "identifier=urn:x|1&composition.type=68998-4",
        " composition.type=http://loinc.org|68998-4&identifier=urn:x|1 ",
    ] {
        assert_eq!(
            IfNoneExist::parse(header).unwrap(),
            IfNoneExist::of(Some("urn:x"), "1", kind)
        );
    }
    assert_eq!(
        IfNoneExist::parse("identifier=%7C1").unwrap(),
        IfNoneExist::of(None, "1", None)
    );
}

#[test]
fn a_condition_that_would_mean_something_else_is_400() {
    for (header, code) in [
        ("", IssueCode::Required),
        ("composition.type=68998-4", IssueCode::Required),
        ("identifier=", IssueCode::Value),
        ("identifier=urn:x|", IssueCode::Value),
        ("identifier=a,b", IssueCode::Value),
        ("identifier=a&composition.type=64297-5", IssueCode::Value),
        ("identifier=a&composition.type=", IssueCode::Value),
        ("identifier=a&identifier=b", IssueCode::NotSupported),
        (
            "identifier=a&composition.type=68998-4&composition.type=92011-6",
            IssueCode::NotSupported,
        ),
        ("identifier=a&type=68998-4", IssueCode::NotSupported),
        ("identifier:exact=a", IssueCode::NotSupported),
        ("identifier=a&_count=1", IssueCode::NotSupported),
        ("?identifier=a", IssueCode::NotSupported),
        ("Bundle?identifier=a", IssueCode::NotSupported),
        ("identifier=%ff", IssueCode::Invalid),
    ] {
        let refusal = IfNoneExist::parse(header).unwrap_err();
        assert_eq!(
            (refusal.status, refusal.issue.code),
            (400, code),
            "{header}"
        );
    }
    let named = IfNoneExist::parse("identifier=a&birthdate=2026").unwrap_err();
    assert_eq!(
        named.issue.diagnostics,
        "not offered in If-None-Exist: birthdate"
    );
    let unnamed = IfNoneExist::parse("identifier=a&Jane%20Doe=2026").unwrap_err();
    assert!(!unnamed.issue.diagnostics.contains("Jane"));
}

proptest! {
    #[test]
    fn a_condition_is_read_as_it_is_written(
        system in prop::option::of("[^\\p{Cc}]{1,20}"),
        value in "[^\\p{Cc}]{1,20}",
        kind in prop::option::of(prop::sample::select(&CompositionType::ALL[..])),
    ) {
        let condition = IfNoneExist::of(system.as_deref(), &value, kind);
        let header = condition.to_string();
        prop_assert!(header.bytes().all(|byte| byte.is_ascii_graphic()), "fits into a header");
        prop_assert_eq!(IfNoneExist::parse(&header).unwrap(), condition);
    }

    #[test]
    fn any_query_is_read_without_panic(query in "\\PC*") {
        let _ = Parameters::parse(ResourceType::Bundle, &query);
        let _ = IfNoneExist::parse(&query);
    }
}
