#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn accepted(query: Option<&str>, accept: &[&str]) -> bool {
    match check_accept(query, accept.iter().copied()) {
        Ok(()) => true,
        Err(refusal) => {
            assert_eq!(
                (refusal.status, refusal.issue.code),
                (406, IssueCode::NotSupported)
            );
            false
        }
    }
}

#[test]
fn json_in_all_its_names_is_acceptable() {
    for accept in [
        &[][..],
        &[""],
        &["*/*"],
        &["application/*;q=0.1"],
        &["application/fhir+json"],
        &["Application/FHIR+JSON; charset=utf-8"],
        &["application/fhir+json;fhirVersion=4.0"],
        &["application/json+fhir"],
        &["application/fhir+xml;q=1.0, application/fhir+json;q=0.001"],
        &["application/fhir+xml", "application/json"],
        // What browsers send.
        &["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
    ] {
        assert!(accepted(None, accept), "{accept:?}");
    }
}

#[test]
fn anything_else_is_406() {
    for accept in [
        &["application/fhir+xml"][..],
        &["text/turtle, text/html"],
        &["application/json;q=0"],
        &["application/fhir+json;q=0, */*"],
        &["application/*;q=0, */*"],
        &["*/*;q=0.0"],
        &["application/fhir+json; fhirVersion=5.0"],
        &["text/*"],
    ] {
        assert!(!accepted(None, accept), "{accept:?}");
    }
}

#[test]
fn format_in_the_query_wins() {
    let xml = &["application/fhir+xml"][..];
    for query in [
        "_format=json",
        "_format=application/fhir+json",
        "_format=application%2Ffhir%2Bjson",
        "a=b&_format=text/json&_pretty=true",
    ] {
        assert!(accepted(Some(query), xml), "{query}");
    }
    for query in [
        "_format=xml",
        "_format=",
        "_format=json&_format=xml",
        "_format=ttl",
        "_format=html",
    ] {
        assert!(
            !accepted(Some(query), &["application/fhir+json"]),
            "{query}"
        );
    }
    assert!(!accepted(Some("format=json"), xml));
}

#[test]
fn a_body_must_say_that_it_is_json() {
    for right in [
        "application/fhir+json",
        "application/json",
        "Application/FHIR+JSON; charset=\"UTF-8\"",
        "application/fhir+json;fhirVersion=4.0;charset=utf-8",
    ] {
        assert_eq!(check_content_type(Some(right)), Ok(()), "{right}");
    }
    for wrong in [
        None,
        Some(""),
        Some("application/fhir+xml"),
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/json; charset=latin1"),
        Some("application/fhir+json; fhirVersion=3.0"),
        Some("application/json-patch+json"),
        Some("application/*"),
        Some("application/json, text/plain"),
    ] {
        let refusal = check_content_type(wrong).unwrap_err();
        assert_eq!(
            (refusal.status, refusal.issue.code),
            (415, IssueCode::NotSupported),
            "{wrong:?}"
        );
    }
}

#[test]
fn a_posted_search_must_say_that_it_is_a_form() {
    assert_eq!(
        check_form_content_type(Some("application/x-www-form-urlencoded")),
        Ok(())
    );
    for wrong in [None, Some("application/fhir+json"), Some("text/plain")] {
        let refusal = check_form_content_type(wrong).unwrap_err();
        assert_eq!(
            (refusal.status, refusal.issue.code),
            (415, IssueCode::NotSupported),
            "{wrong:?}"
        );
    }
}

proptest! {
    #[test]
    fn any_header_is_read_without_panic(text in "\\PC*", query in "\\PC*") {
        let _ = check_accept(Some(&query), [text.as_str()]);
        let _ = check_content_type(Some(&text));
    }
}
