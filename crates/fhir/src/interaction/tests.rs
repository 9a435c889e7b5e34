#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;

use super::*;

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
    use Permission::{Create, Delete, Read, Search, Update};
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
                which: Document::Id(id.clone()),
            },
            "Composition",
            Read,
        ),
        (
            "GET",
            ".well-known/smart-configuration",
            Interaction::SmartConfiguration,
            "CapabilityStatement",
            Read,
        ),
        (
            "GET",
            "Patient/0198-a.B-1",
            Interaction::Read {
                resource_type: ResourceType::Part(PartType::Patient),
                id: format!("{id}-1"),
            },
            "Patient",
            Read,
        ),
        (
            "GET",
            "AuditEvent/0198-a.B",
            Interaction::Read {
                resource_type: ResourceType::AuditEvent,
                id: id.clone(),
            },
            "AuditEvent",
            Read,
        ),
        (
            "GET",
            "AuditEvent",
            Interaction::AuditSearch {
                query: String::new(),
            },
            "AuditEvent",
            Search,
        ),
        (
            "GET",
            "Bundle/0198-a.B/_history/2",
            Interaction::VersionRead {
                resource_type: bundle,
                id: id.clone(),
                version_id: "2".to_owned(),
            },
            "Bundle",
            Read,
        ),
        (
            "GET",
            "Composition/0198-a.B/_history",
            Interaction::History {
                resource_type: ResourceType::Composition,
                id: Some(id.clone()),
                parameters: HistoryParameters::default(),
            },
            "Composition",
            Read,
        ),
        (
            "GET",
            "Bundle/_history",
            Interaction::History {
                resource_type: bundle,
                id: None,
                parameters: HistoryParameters::default(),
            },
            "Bundle",
            Search,
        ),
        (
            "PUT",
            "Bundle/0198-a.B",
            Interaction::Update { id: id.clone() },
            "Bundle",
            Update,
        ),
        (
            "DELETE",
            "Bundle/0198-a.B",
            Interaction::Delete { id },
            "Bundle",
            Delete,
        ),
        (
            "POST",
            "Bundle/$validate",
            Interaction::Validate,
            "Bundle",
            Create,
        ),
        ("POST", "", Interaction::Batch, "Bundle", Create),
        (
            "POST",
            "Composition/$document",
            Interaction::PostedDocument {
                query: String::new(),
            },
            "Bundle",
            Read,
        ),
        (
            "POST",
            "Composition/0198-a.B/$document",
            Interaction::PostedDocument {
                query: "id=0198-a.B&".to_owned(),
            },
            "Bundle",
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
        "Immunization/1",
        "Immunization",
        "patient/1",
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
        "Composition/$validate",
        "Bundle/1/$validate",
        "Patient/1/$everything",
        "AuditEvent/1/$original",
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
    // What has no method at all is not there (RFC 9110 section 15.5.6: a 405 says which there are).
    for path in [
        "Patient",
        "Patient/_search",
        "Patient/_history",
        "Patient/1-1/_history",
        "Patient/1-1/_history/1",
        "AuditEvent/_history",
        "AuditEvent/1/_history",
        "AuditEvent/1/_history/1",
    ] {
        for method in ["GET", "POST", "PUT", "PATCH"] {
            assert_refused(method, path, None, 404, IssueCode::NotSupported);
        }
    }
    let longest = format!("Bundle/{}", "a".repeat(64));
    assert!(matches!(parse("GET", &longest), Interaction::Read { .. }));
}

#[test]
fn other_methods_are_405_and_say_what_is_allowed() {
    let read = "GET, HEAD";
    let instance = "GET, HEAD, PUT, DELETE";
    let rows = [
        ("PATCH", "Bundle/1", instance),
        ("POST", "Bundle/1", instance),
        ("OPTIONS", "Bundle/1", instance),
        ("get", "Bundle/1", instance),
        ("GET, HEAD", "Bundle/1", instance),
        ("", "Bundle/1", instance),
        ("PUT", "Composition/1", read),
        ("DELETE", "Composition/1", read),
        ("PUT", "Patient/1-1", read),
        ("DELETE", "AuditEvent/1", read),
        ("PUT", "Bundle", "GET, HEAD, POST"),
        ("DELETE", "Bundle", "GET, HEAD, POST"),
        ("POST", "Composition", read),
        ("POST", "AuditEvent", read),
        ("GET", "", "POST"),
        ("PUT", "/", "POST"),
        ("POST", "metadata", read),
        ("POST", ".well-known/smart-configuration", read),
        ("POST", "Bundle/1/$original", read),
        ("PUT", "Composition/$document", "GET, HEAD, POST"),
        ("PUT", "Composition/1/$document", "GET, HEAD, POST"),
        ("GET", "Bundle/$validate", "POST"),
        ("GET", "Bundle/_search", "POST"),
        ("POST", "Bundle/_history", read),
        ("DELETE", "Bundle/1/_history", read),
        ("DELETE", "Bundle/1/_history/1", read),
        ("PUT", "Composition/1/_history/1", read),
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
    let by_identifier = ask("identifier=urn:x%7C2026MA1");
    assert!(matches!(by_identifier, Document::Search(_)));
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
    use Permission::{Create, Delete, Read, Search, Update};
    let letters = [Create, Read, Update, Delete, Search].map(Permission::letter);
    assert_eq!(letters, ['c', 'r', 'u', 'd', 's']);
}

#[test]
fn a_history_is_narrowed_by_time_and_read_in_pages() {
    let parse = |query: &str| HistoryParameters::parse(query);
    let parameters = parse("_since=2026-11-23T12:00:00Z&_count=5&_format=json").unwrap();
    assert_eq!(
        parameters.since,
        Some("2026-11-23T12:00:00Z".parse().unwrap())
    );
    assert_eq!(parameters.count, Some(5));
    assert_eq!(parse(&parameters.to_query(5)).unwrap(), parameters);
    let next = parse("_cursor=AbC-_&_format=json").unwrap();
    assert_eq!(next.cursor.as_deref(), Some("AbC-_"));
    for (query, code) in [
        ("_since=yesterday", IssueCode::Value),
        ("_since=2026-11-23", IssueCode::Value),
        ("_count=-1", IssueCode::Value),
        ("_after=1_1_a", IssueCode::NotSupported),
        ("_cursor=a&_cursor=b", IssueCode::NotSupported),
        ("_cursor=a&_count=1", IssueCode::Invalid),
        ("_since=2026-11-23T12:00:00Z&_cursor=a", IssueCode::Invalid),
        ("_count=1&_count=2", IssueCode::NotSupported),
        ("_at=2026", IssueCode::NotSupported),
        ("_list=1", IssueCode::NotSupported),
    ] {
        assert_refused("GET", "Bundle/1/_history", Some(query), 400, code);
        assert_refused("GET", "Bundle/_history", Some(query), 400, code);
    }
}

#[test]
fn a_part_has_one_id() {
    assert_eq!(part_of("0198-a-3"), Some(("0198-a", 3)));
    assert_eq!(part_of(&part_id("0198-a", 0)), Some(("0198-a", 0)));
    for other in [
        "",
        "3",
        "-3",
        "a-",
        "a-03",
        "a-+3",
        "a--",
        "a-3x",
        "a-99999999999999999999",
    ] {
        assert_eq!(part_of(other), None, "{other}");
    }
}

#[test]
fn resource_types_are_read_as_they_are_written() {
    let parts = PartType::ALL.map(ResourceType::Part);
    let others = [
        ResourceType::Bundle,
        ResourceType::Composition,
        ResourceType::AuditEvent,
    ];
    for kind in parts.into_iter().chain(others) {
        assert_eq!(ResourceType::parse(kind.as_str()), Some(kind));
    }
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
