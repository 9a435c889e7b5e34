#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::audit_event::AuditParameters;
use crate::prefer::Handling;
use crate::{Interaction, search};

fn input() -> CapabilityInput {
    CapabilityInput {
        fhir_base: "https://ehr.example/fhir".to_owned(),
        authorize_url: Some("https://vro.example/oauth2/authorize".to_owned()),
        token_url: Some("https://vro.example/oauth2/token".to_owned()),
        introspect_url: None,
        revoke_url: None,
        cors: false,
        date: "2026-11-23T12:00:00.5Z".parse().unwrap(),
        version: "0.1.0".to_owned(),
    }
}

#[test]
fn it_says_what_r4_requires() {
    let statement = statement(&input());
    for (member, expected) in [
        ("resourceType", "CapabilityStatement"),
        ("status", "active"),
        ("kind", "instance"),
        ("fhirVersion", "4.0.1"),
        ("date", "2026-11-23T12:00:00Z"),
    ] {
        assert_eq!(statement[member], expected);
    }
    assert_eq!(
        statement["implementation"]["url"],
        "https://ehr.example/fhir"
    );
    assert!(
        statement["format"]
            .as_array()
            .unwrap()
            .contains(&"json".into())
    );
}

#[test]
fn it_says_where_tokens_come_from() {
    let security = &statement(&input())["rest"][0]["security"];
    assert_eq!(security["service"][0]["coding"][0]["code"], "SMART-on-FHIR");
    let extension = &security["extension"][0];
    assert_eq!(extension["url"], OAUTH_URIS);
    assert_eq!(
        extension["extension"],
        json!([
            { "url": "authorize", "valueUri": "https://vro.example/oauth2/authorize" },
            { "url": "token", "valueUri": "https://vro.example/oauth2/token" },
        ])
    );
    let unknown = CapabilityInput {
        authorize_url: None,
        token_url: None,
        ..input()
    };
    let security = &statement(&unknown)["rest"][0]["security"];
    assert!(security.is_object() && security.get("extension").is_none());
}

#[test]
fn searches_say_how_their_answers_are_shaped() {
    let statement = statement(&input());
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    let searched = resources
        .iter()
        .filter(|it| it["searchParam"].is_array())
        .map(|resource| {
            let parameters = resource["searchParam"].as_array().unwrap();
            let names: Vec<&str> = parameters
                .iter()
                .filter_map(|it| it["name"].as_str())
                .collect();
            for name in ["_id", "_count", "_sort"] {
                assert!(names.contains(&name), "{} {name}", resource["type"]);
            }
            let mut unique = names.clone();
            unique.sort_unstable();
            unique.dedup();
            // cpb-12.
            assert_eq!(unique.len(), names.len(), "{}", resource["type"]);
            resource["type"].as_str().unwrap()
        });
    let searched: Vec<&str> = searched.collect();
    assert_eq!(searched, ["Bundle", "Composition", "AuditEvent"]);
}

/// What is said is what the requests of this crate can do.
#[test]
fn every_search_parameter_said_is_understood() {
    let statement = statement(&input());
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        let name = resource["type"].as_str().unwrap();
        let resource_type = ResourceType::parse(name).unwrap();
        for parameter in resource["searchParam"].as_array().into_iter().flatten() {
            let parameter_name = parameter["name"].as_str().unwrap();
            let value = match (parameter_name, parameter["type"].as_str().unwrap()) {
                ("_sort", _) => "_id",
                ("_summary", _) => "count",
                ("_total", _) => "none",
                (_, "date" | "number") => "2026",
                _ => "a",
            };
            let query = format!("{parameter_name}={value}");
            if resource_type == ResourceType::AuditEvent {
                // A value may be refused, a name may not be unknown.
                let known = AuditParameters::parse(&query);
                let ignored = known.map(|it| it.ignored(Handling::Strict));
                assert!(!matches!(ignored, Ok(Err(_))), "{name} {query}");
                continue;
            }
            let parameters = search::Parameters::parse(resource_type, &query).unwrap();
            assert!(parameters.unsupported.is_empty(), "{name} {query}");
        }
        for interaction in resource["interaction"].as_array().unwrap() {
            let (method, path) = match interaction["code"].as_str().unwrap() {
                "create" => ("POST", name.to_owned()),
                "search-type" => ("GET", name.to_owned()),
                "vread" => ("GET", format!("{name}/1/_history/1")),
                "history-instance" => ("GET", format!("{name}/1/_history")),
                "history-type" => ("GET", format!("{name}/_history")),
                "update" => ("PUT", format!("{name}/1")),
                "delete" => ("DELETE", format!("{name}/1")),
                _ => ("GET", format!("{name}/1")),
            };
            assert!(
                Interaction::parse(method, &path, None).is_ok(),
                "{method} {path}"
            );
        }
        for operation in resource["operation"].as_array().into_iter().flatten() {
            let (method, path) = match operation["name"].as_str().unwrap() {
                "validate" => ("POST", format!("{name}/$validate")),
                operation => ("GET", format!("{name}/1/${operation}")),
            };
            let asked = Interaction::parse(method, &path, None);
            assert!(asked.is_ok(), "{method} {path}");
        }
    }
}
