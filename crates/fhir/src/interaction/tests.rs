#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::search::{SystemCriterion, Token};

fn parse(method: &str, path: &str) -> Interaction {
    match Interaction::parse(method, path, None) {
        Ok(interaction) => interaction,
        Err(refusal) => panic!("{method} {path}: {}", refusal.issue),
    }
}

#[track_caller]
fn assert_refused(
    method: &str,
    path: &str,
    query: Option<&str>,
    status: u16,
    code: IssueCode,
) -> Refusal {
    let refusal = Interaction::parse(method, path, query).unwrap_err();
    assert_eq!(
        (refusal.status, refusal.issue.code),
        (status, code),
        "{method} {path} {query:?}"
    );
    refusal
}

#[test]
fn what_is_offered_is_recognised() {
    use Permission::{Create, Read, Search};
    let id = "0198-a.B".to_owned();
    let bundle = ResourceType::Bundle;
    let rows = [
        (
            "GET",
            "metadata",
            Interaction::Metadata,
            "CapabilityStatement",
            Read,
        ),
        (
            "GET",
            "Bundle/0198-a.B",
            Interaction::Read {
                resource_type: bundle,
                id: id.clone(),
            },
            "Bundle",
            Read,
        ),
        (
            "GET",
            "Composition/0198-a.B",
            Interaction::Read {
                resource_type: ResourceType::Composition,
                id: id.clone(),
            },
            "Composition",
            Read,
        ),
        (
            "GET",
            "Bundle/0198-a.B/$original",
            Interaction::Original { id: id.clone() },
            "Bundle",
            Read,
        ),
        (
            "POST",
            "Bundle",
            Interaction::Create {
                resource_type: bundle,
            },
            "Bundle",
            Create,
        ),
        (
            "POST",
            "Bundle/_search",
            Interaction::PostedSearch {
                resource_type: bundle,
                query: String::new(),
            },
            "Bundle",
            Search,
        ),
        (
            "GET",
            "Composition/0198-a.B/$document",
            Interaction::Document {
                which: Document::Id(id),
            },
            "Composition",
            Read,
        ),
    ];
    for (method, path, expected, resource_type, permission) in rows {
        for path in [path.to_owned(), format!("/{path}")] {
            let found = parse(method, &path);
            assert_eq!(found, expected, "{path}");
            assert_eq!(
                (found.resource_type(), found.permission()),
                (resource_type, permission)
            );
            if method == "GET" {
                assert_eq!(parse("HEAD", &path), expected);
            }
        }
    }
    for (path, resource_type) in [("Bundle", "Bundle"), ("Composition", "Composition")] {
        let found = parse("GET", path);
        assert!(matches!(found, Interaction::Search { .. }));
        assert_eq!(
            (found.resource_type(), found.permission()),
            (resource_type, Search)
        );
    }
}

#[test]
fn other_resource_types_are_404() {
    for path in [
        "",
        "/",
        "Patient/1",
        "Patient",
        "bundle/1",
        "BUNDLE",
        "Bundles",
        "Metadata",
        "$document",
        "_history",
    ] {
        assert_refused("GET", path, None, 404, IssueCode::NotSupported);
        assert_refused("POST", path, None, 404, IssueCode::NotSupported);
    }
}

/// One path has one spelling: what a proxy in front of us lets through must be what we answer.
#[test]
fn other_spellings_are_404() {
    let long = format!("Bundle/{}", "a".repeat(65));
    for path in [
        "Bundle/",
        "Bundle//1",
        "Bundle/1/",
        "Bundle/.",
        "Bundle/..",
        "Bundle/../Bundle/1",
        "Bundle/%31",
        "Bundle/1%2e",
        "Bundle/1%2F$original",
        "Bundle/1/%24original",
        "Bundle/1/$original/",
        "Bundle/1/$Original",
        "Bundle/1/$original/x",
        "Bundle/1/$everything",
        "Bundle/$original",
        "Bundle/1/_history/",
        "Bundle/1/_history/1/2",
        "Bundle/a b",
        "Bundle/a_b",
        "Bundle/é",
        "Bundle/1;v=1",
        "Bundle/1?x",
        "Composition/1/$original",
        "Composition/1/2",
        "Bundle/1/$document",
        "Bundle/_search/",
        long.as_str(),
    ] {
        for method in ["GET", "POST", "PUT"] {
            assert_refused(method, path, None, 404, IssueCode::NotFound);
        }
    }
    for path in [
        "Bundle\\1",
        "//Bundle/1",
        "%42undle/1",
        "./Bundle/1",
        "../Bundle/1",
        "/../fhir/Bundle/1",
        "metadata%2f",
        "//metadata",
    ] {
        assert_refused("GET", path, None, 404, IssueCode::NotSupported);
    }
    for path in ["metadata/", "metadata/1"] {
        assert_refused("GET", path, None, 404, IssueCode::NotSupported);
    }
    let longest = format!("Bundle/{}", "a".repeat(64));
    assert!(matches!(parse("GET", &longest), Interaction::Read { .. }));
}

#[test]
fn other_methods_are_405_and_say_what_is_allowed() {
    let read = "GET, HEAD";
    let rows = [
        ("PUT", "Bundle/1", read),
        ("PATCH", "Bundle/1", read),
        ("DELETE", "Bundle/1", read),
        ("POST", "Bundle/1", read),
        ("OPTIONS", "Bundle/1", read),
        ("get", "Bundle/1", read),
        ("GET, HEAD", "Bundle/1", read),
        ("", "Bundle/1", read),
        ("PUT", "Bundle", "GET, HEAD, POST"),
        ("DELETE", "Bundle", "GET, HEAD, POST"),
        ("POST", "Composition", read),
        ("POST", "metadata", read),
        ("POST", "Bundle/1/$original", read),
        ("POST", "Composition/$document", read),
        ("POST", "Composition/1/$document", read),
        ("GET", "Bundle/_search", "POST"),
        ("GET", "Bundle/_history", ""),
        ("GET", "Bundle/1/_history", ""),
        ("GET", "Bundle/1/_history/1", ""),
        ("PUT", "Composition/1/_history/1", ""),
    ];
    for (method, path, allow) in rows {
        let refusal = assert_refused(method, path, None, 405, IssueCode::NotSupported);
        assert_eq!(refusal.allow, Some(allow), "{method} {path}");
    }
}

#[test]
fn a_document_is_asked_for_by_id_or_identifier() {
    let ask = |query| match Interaction::parse("GET", "Composition/$document", Some(query)) {
        Ok(Interaction::Document { which }) => which,
        other => panic!("{query}: {other:?}"),
    };
    for query in [
        "id=1",
        "id=Composition/1",
        "id=Composition%2F1&persist=false&_format=json",
    ] {
        assert_eq!(ask(query), Document::Id("1".to_owned()));
    }
    let token = Token {
        system: SystemCriterion::Is("urn:x".to_owned()),
        value: Some("2026MA1".to_owned()),
    };
    let by_identifier = ask("identifier=urn:x%7C2026MA1");
    assert_eq!(by_identifier, Document::Identifier(token));
    let search = Interaction::Document {
        which: by_identifier,
    };
    assert_eq!(
        (search.resource_type(), search.permission()),
        ("Composition", Permission::Search)
    );
    for (query, code) in [
        (None, IssueCode::Required),
        (Some(""), IssueCode::Required),
        (Some("id=1&identifier=2"), IssueCode::Required),
        (Some("id="), IssueCode::Value),
        (Some("id=.."), IssueCode::Value),
        (Some("id=Bundle/1"), IssueCode::Value),
        (
            Some("id=https://elsewhere.example/fhir/Composition/1"),
            IssueCode::Value,
        ),
        (Some("identifier="), IssueCode::Value),
        (Some("identifier=urn:x%7C"), IssueCode::Value),
        (Some("id=1&id=2"), IssueCode::NotSupported),
        (Some("identifier=1&identifier=2"), IssueCode::NotSupported),
        (Some("id=1&patient=2"), IssueCode::NotSupported),
        (Some("birth-location=Boston"), IssueCode::NotSupported),
    ] {
        assert_refused("GET", "Composition/$document", query, 400, code);
    }
}

#[test]
fn the_query_is_part_of_a_search_only() {
    let posted = Interaction::parse("POST", "Bundle/_search", Some("_count=1")).unwrap();
    let expected = Interaction::PostedSearch {
        resource_type: ResourceType::Bundle,
        query: "_count=1".to_owned(),
    };
    assert_eq!(posted, expected);
    assert_refused("GET", "Bundle", Some("_count=x"), 400, IssueCode::Value);
    assert!(Interaction::parse("GET", "Bundle/1", Some("_count=x&_format=json")).is_ok());
}

#[test]
fn permissions_have_smart_s_letters() {
    let letters =
        [Permission::Create, Permission::Read, Permission::Search].map(Permission::letter);
    assert_eq!(letters, ['c', 'r', 's']);
}

proptest! {
    #[test]
    fn any_request_is_read_without_panic(method in "\\PC*", path in "\\PC*", query in "\\PC*") {
        let _ = Interaction::parse(&method, &path, Some(&query));
    }

    /// Nothing but an id reaches the store.
    #[test]
    fn only_ids_are_looked_up(path in "(Bundle|Composition)/[\\PC]{0,70}(/\\$original)?") {
        if let Ok(Interaction::Read { id, .. } | Interaction::Original { id }) = Interaction::parse("GET", &path, None) {
            prop_assert!(id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.'));
            prop_assert!(path.contains(&id));
        }
    }
}
