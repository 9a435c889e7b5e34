#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod texts;

use proptest::prelude::*;

use super::*;
use crate::interaction::Document;
use crate::outcome::{IssueCode, Severity};
use crate::prefer::Handling;
use crate::redact::Group;
use crate::{CompositionType, ResourceType};

fn bundle(query: &str) -> Parameters {
    match Parameters::parse(ResourceType::Bundle, query) {
        Ok(parameters) => parameters,
        Err(refusal) => panic!("{query}: {}", refusal.issue),
    }
}

fn terms(query: &str) -> Vec<Term> {
    match bundle(query).criteria.as_slice() {
        [Criterion::Terms(terms)] => terms.clone(),
        other => panic!("{query}: {other:?}"),
    }
}

#[test]
fn parameters_are_read() {
    let found = bundle(
        "identifier=urn%3Ax%7C2026MA1&composition.type=92011-6&_id=a-1&_count=5&_format=json&_pretty=true\
         &_sort=-_lastUpdated&_total=accurate&_summary=count",
    );
    assert_eq!(
        found.criteria,
        [
            Criterion::Terms(terms("identifier=urn:x|2026MA1")),
            Criterion::CompositionType(vec![CompositionType::JurisdictionLiveBirth]),
            Criterion::Id(vec!["a-1".to_owned()]),
        ]
    );
    let sort = Sort {
        key: SortKey::LastUpdated,
        descending: true,
    };
    assert_eq!(
        (found.count, found.sort, found.total),
        (Some(5), Some(sort), Some(Total::Accurate))
    );
    assert!(found.summary && found.unsupported.is_empty() && found.cursor.is_none());
    let composition =
        Parameters::parse(ResourceType::Composition, "type=http://loinc.org|68998-4").unwrap();
    assert_eq!(
        composition.criteria,
        [
            Criterion::Document,
            Criterion::CompositionType(vec![CompositionType::ProviderLiveBirth])
        ]
    );
    // A form and a query, joined.
    assert_eq!(
        bundle("_count=5&identifier=a+b").criteria,
        bundle("identifier=a%20b").criteria
    );
    assert_eq!(bundle("&&_count=0&").count, Some(0));
}

#[test]
fn a_code_that_no_record_has_matches_nothing() {
    for other in ["64297-5", "urn:x|92011-6", "|92011-6"] {
        let found = bundle(&format!("composition.type={other}"));
        assert_eq!(
            found.criteria,
            [Criterion::CompositionType(Vec::new())],
            "{other}"
        );
    }
    assert_eq!(
        bundle("jurisdiction=ma").criteria,
        [Criterion::Jurisdiction(Vec::new())]
    );
    assert_eq!(
        bundle("record-type=urn:x|birth").criteria,
        [Criterion::RecordType(Vec::new())]
    );
    assert_eq!(
        bundle("certificate-number=1234567,0,x").criteria,
        [Criterion::Terms(Vec::new())]
    );
}

#[test]
fn a_comma_is_or_and_a_repetition_is_and() {
    assert_eq!(terms("patient.family=quinn,lee").len(), 2);
    assert_eq!(
        terms(r"patient.family:exact=quinn\,lee"),
        terms("patient.family:exact=quinn%5C,lee")
    );
    assert_eq!(
        bundle("patient.given=baby&patient.given=g").criteria.len(),
        2
    );
    assert_eq!(
        terms("certificate-number=7,015075"),
        terms("certificate-number=000007,15075")
    );
}

#[test]
fn names_are_compared_by_their_beginning_or_exactly() {
    assert_eq!(
        terms("patient.family=N%C3%BA"),
        terms("subject:Patient.family=nu")
    );
    assert_ne!(terms("patient.family=nu"), terms("patient.given=nu"));
    assert_ne!(terms("patient.family=nu"), terms("patient.family:exact=nu"));
    assert_eq!(
        terms("patient.family:missing=false"),
        terms("subject.family:missing=false")
    );
    assert!(matches!(
        bundle("birth-location:missing=true").criteria.as_slice(),
        [Criterion::Lacks(_)]
    ));
    let missing = Criterion::Missing(Column::Date, true);
    assert_eq!(bundle("composition.date:missing=true").criteria, [missing]);
}

#[test]
fn instants_and_years_become_ranges() {
    let day = Period::parse("2026-05-01").unwrap();
    let (start, end) = (Some(day.start), Some(day.end));
    for (prefix, from, to) in [
        ("", start, end),
        ("eq", start, end),
        ("gt", end, None),
        ("sa", end, None),
        ("ge", start, None),
        ("lt", None, start),
        ("eb", None, start),
        ("le", None, end),
    ] {
        let found = bundle(&format!("_lastUpdated={prefix}2026-05-01")).criteria;
        assert_eq!(
            found,
            [Criterion::LastUpdated(vec![Range { from, to }])],
            "{prefix}"
        );
    }
    let not = vec![
        Range {
            from: None,
            to: start,
        },
        Range {
            from: end,
            to: None,
        },
    ];
    assert_eq!(
        bundle("_lastUpdated=ne2026-05-01").criteria,
        [Criterion::LastUpdated(not)]
    );
    let years = vec![Range {
        from: Some(2025),
        to: Some(2028),
    }];
    assert_eq!(
        bundle("event-year=ap2026").criteria,
        [Criterion::EventYear(years)]
    );
    assert_eq!(
        bundle("_lastUpdated=ge2026&_lastUpdated=lt2027")
            .criteria
            .len(),
        2
    );
    let dates = vec![(Prefix::Less, Period::parse("2026").unwrap())];
    assert_eq!(bundle("date=lt2026").criteria, [Criterion::Date(dates)]);
}

#[test]
fn what_cannot_be_followed_is_400() {
    for (query, code) in [
        ("identifier=", IssueCode::Value),
        ("identifier", IssueCode::Value),
        ("identifier=%7C", IssueCode::Value),
        ("identifier=a,", IssueCode::Value),
        ("identifier=a%00", IssueCode::Value),
        ("identifier:not=a", IssueCode::NotSupported),
        ("identifier:exact=a", IssueCode::NotSupported),
        ("composition.type:in=a", IssueCode::NotSupported),
        ("_id:missing=true", IssueCode::NotSupported),
        ("_lastUpdated:missing=true", IssueCode::NotSupported),
        ("patient.family:contains=a", IssueCode::NotSupported),
        ("patient.family:text=a", IssueCode::NotSupported),
        ("subject:Patient.family:contains=a", IssueCode::NotSupported),
        ("patient.family:missing=maybe", IssueCode::Value),
        ("patient.family=-", IssueCode::Value),
        ("patient.family=a|b", IssueCode::Value),
        ("patient.birthdate=ge2026-01-01", IssueCode::NotSupported),
        ("patient.birthdate=2026-01-01T10:00", IssueCode::Value),
        ("patient.birthdate=5/1/2026", IssueCode::Value),
        ("composition.type=http://loinc.org%7C", IssueCode::Value),
        ("_lastUpdated=soon", IssueCode::Value),
        ("_lastUpdated=xx2026", IssueCode::Value),
        ("_lastUpdated=2026-02-30", IssueCode::Value),
        ("event-year=-1", IssueCode::Value),
        ("event-year=20266", IssueCode::Value),
        ("_id=..", IssueCode::Value),
        ("_id=a/b", IssueCode::Value),
        ("_count=-1", IssueCode::Value),
        ("_count=many", IssueCode::Value),
        ("_count=4294967296", IssueCode::Value),
        ("_count=1&_count=2", IssueCode::NotSupported),
        ("_sort=patient.family", IssueCode::NotSupported),
        ("_sort=_id,date", IssueCode::NotSupported),
        ("_sort=_id&_sort=date", IssueCode::NotSupported),
        ("_total=all", IssueCode::Value),
        ("_summary=all", IssueCode::Value),
        ("_cursor=x&_id=a", IssueCode::Invalid),
        ("_cursor=x&_count=1", IssueCode::Invalid),
        ("_cursor=x&unknown=1", IssueCode::Invalid),
        ("_cursor=x&_cursor=x", IssueCode::NotSupported),
        ("identifier=%ff", IssueCode::Invalid),
        ("%ff=a", IssueCode::Invalid),
    ] {
        let refusal = Parameters::parse(ResourceType::Bundle, query).unwrap_err();
        assert_eq!((refusal.status, refusal.issue.code), (400, code), "{query}");
    }
    for many in [
        vec!["x=1"; 65].join("&"),
        format!("_id={}", vec!["1"; 21].join(",")),
        format!("identifier={}", "1".repeat(4_001)),
    ] {
        let refusal = Parameters::parse(ResourceType::Bundle, &many).unwrap_err();
        assert_eq!(
            (refusal.status, refusal.issue.code),
            (400, IssueCode::TooCostly)
        );
    }
}

/// A refusal may end up in a log: no value of a search may be in it.
#[test]
fn refusals_repeat_no_value() {
    for query in [
        "patient.family=Quinn%00",
        "patient.birthdate=geQuinn",
        "patient.family:Quinn=a",
        "_sort=Quinn",
    ] {
        let refusal = Parameters::parse(ResourceType::Bundle, query).unwrap_err();
        assert!(!refusal.issue.to_string().contains("Quinn"), "{query}");
    }
}

#[test]
fn unknown_parameters_are_reported_or_refused() {
    // The names of the other type are unknown here, and what a client makes up is not repeated.
    let found = bundle("identifier=a&type=x&author.name=b&Jane%20Doe=1&_elements=id&_summary=true");
    assert_eq!(
        found.unsupported,
        [
            "type",
            "author.name",
            "a parameter with an unusual name",
            "_elements",
            "_summary"
        ]
    );
    let warning = found.ignored(Handling::Lenient).unwrap().unwrap();
    assert_eq!(
        (warning.severity, warning.code),
        (Severity::Warning, IssueCode::NotSupported)
    );
    assert!(warning.text.contains("author.name") && !warning.text.contains("Jane"));
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
    let found = bundle(
        "identifier=urn:x|a%5C,b&x=y&composition.type=92011-6&_id=1&_sort=date&_total=none&_count=3",
    );
    let query = found.to_query(20);
    assert_eq!(
        query,
        "identifier=urn%3Ax%7Ca%5C%2Cb&composition.type=92011-6&_id=1&_sort=date&_total=none&_count=20"
    );
    let expected = Parameters {
        count: Some(20),
        unsupported: Vec::new(),
        ..found
    };
    assert_eq!(bundle(&query), expected);
    assert_eq!(bundle("").to_query(7), "_count=7");
}

/// A next link adds the count of its page.
#[test]
fn the_longest_search_is_still_its_own_link() {
    let query = vec!["identifier=a"; 64].join("&");
    let link = bundle(&query).to_query(20);
    assert_eq!(bundle(&link).criteria, bundle(&query).criteria);
}

#[test]
fn what_a_search_reveals_is_known() {
    let names = bundle("identifier=a&subject.family=b&patient.birthdate:missing=true&date=2026");
    let expected = [
        (Group::Names, "patient.family"),
        (Group::Names, "patient.birthdate"),
    ];
    assert_eq!(names.reveals, expected);
    let numbers = bundle("patient.identifier=a&birth-location=b&author.identifier=c");
    let expected = [
        (Group::MedicalRecordNumber, "patient.identifier"),
        (Group::Names, "birth-location"),
        (Group::MedicalRecordNumber, "author.identifier"),
    ];
    assert_eq!(numbers.reveals, expected);
    let Ok(Document::Search(found)) = parse_query("patient.family=a&report-number=1") else {
        panic!("a search");
    };
    assert_eq!(found.reveals, [(Group::Names, "patient.family")]);
}

#[test]
fn the_order_is_one_that_an_index_gives() {
    for (query, key) in [
        ("", SortKey::Id),
        ("_lastUpdated=ge2026", SortKey::LastUpdated),
        ("date=2026", SortKey::Date),
        ("date=2026&_sort=_id", SortKey::Id),
        ("patient.family=a&date=2026", SortKey::Id),
    ] {
        assert_eq!(bundle(query).order().key, key, "{query}");
    }
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
    assert_eq!(named.issue.text, "not offered in If-None-Exist: birthdate");
    let unnamed = IfNoneExist::parse("identifier=a&Jane%20Doe=2026").unwrap_err();
    assert!(!unnamed.issue.text.contains("Jane"));
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
        let _ = parse_query(&query);
        let _ = parse_posted("", query.as_bytes());
        let _ = IfNoneExist::parse(&query);
    }
}
