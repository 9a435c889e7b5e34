#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

const BASE: &str = "https://vro.example/fhir";

fn source(action: &'static str) -> Source<'static> {
    Source {
        id: "019ac3a0-0000-7000-8000-000000000001",
        at: "2026-11-27T12:00:00.25Z".parse().unwrap(),
        party: "vro",
        role: "resource-server",
        action,
        allowed: true,
        reason: None,
        client_id: Some("ehr-api"),
        subject: None,
        organization: Some("Hospital"),
        jurisdiction: Some("MA"),
        record_id: Some("r1"),
        record_type: Some("birth"),
        token_id: Some("0123456789ab"),
        source_address: Some("192.0.2.7"),
        request_id: Some("q-1"),
    }
}

fn made(source: &Source<'_>) -> Value {
    resource(source, BASE)
}

/// Codes of agents and entities, in their order.
fn codes(value: &Value, list: &str) -> Vec<String> {
    let items = value[list].as_array().unwrap();
    let code = |item: &Value| {
        let kind = &item["type"];
        let coding = kind.get("coding").map_or(kind, |it| &it[0]);
        coding["code"].as_str().unwrap_or("").to_owned()
    };
    items.iter().map(code).collect()
}

/// Action of the row; profile, `AuditEvent.action`, subtypes and the agents' types of the event.
type Pattern<'a> = (&'a str, &'a str, &'a str, &'a [&'a str], [&'a str; 2]);

#[test]
fn balp_patterns_of_successes() {
    let rows: [Pattern<'_>; 12] = [
        ("bundle.read", "Read", "R", &["read"], ["110152", "110153"]),
        (
            "composition.read",
            "Read",
            "R",
            &["read"],
            ["110152", "110153"],
        ),
        ("part.read", "Read", "R", &["read"], ["110152", "110153"]),
        (
            "bundle.vread",
            "Read",
            "R",
            &["vread"],
            ["110152", "110153"],
        ),
        (
            "bundle.create",
            "Create",
            "C",
            &["create"],
            ["110153", "110152"],
        ),
        (
            "bundle.host",
            "Create",
            "C",
            &["create"],
            ["110153", "110152"],
        ),
        (
            "bundle.update",
            "Update",
            "U",
            &["update"],
            ["110153", "110152"],
        ),
        (
            "bundle.delete",
            "Delete",
            "D",
            &["delete"],
            ["110150", "custodian"],
        ),
        (
            "bundle.search",
            "Query",
            "E",
            &["search", "search-type"],
            ["110153", "110152"],
        ),
        (
            "composition.search",
            "Query",
            "E",
            &["search", "search-type"],
            ["110153", "110152"],
        ),
        (
            "bundle.original",
            "",
            "R",
            &["operation"],
            ["110152", "110153"],
        ),
        ("batch", "", "E", &["batch"], ["110153", "110152"]),
    ];
    for (action, profile, code, subtypes, agents) in rows {
        let event = made(&source(action));
        let named = event["meta"]["profile"][0].as_str().unwrap_or("");
        let expected = if profile.is_empty() {
            String::new()
        } else {
            format!("{PROFILES}IHE.BasicAudit.{profile}")
        };
        assert_eq!(named, expected, "{action}");
        assert_eq!(event["action"], code, "{action}");
        assert_eq!(event["type"]["code"], "rest", "{action}");
        assert_eq!(event["outcome"], "0");
        let said: Vec<&str> = event["subtype"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["code"].as_str().unwrap())
            .collect();
        let mut expected = subtypes.to_vec();
        expected.push(action);
        assert_eq!(said, expected, "{action}");
        assert_eq!(codes(&event, "agent")[..2], agents, "{action}");
    }
}

#[test]
fn everything_else_has_the_closest_code_of_dicom_or_ihe() {
    let rows = [
        ("token.issue", "110114", "ITI-71", "E"),
        ("token.introspect", "110114", "ITI-102", "E"),
        ("login", "110114", "110122", "E"),
        ("logout.everywhere", "110114", "110123", "E"),
        ("user.add", "110113", "110137", "C"),
        ("client.delete", "110113", "110129", "D"),
        ("audit.search", "110101", "audit.search", "R"),
        ("something.new", "110100", "something.new", "E"),
    ];
    for (action, event_type, subtype, code) in rows {
        let event = made(&source(action));
        assert_eq!(event["type"]["code"], event_type, "{action}");
        assert_eq!(event["type"]["system"], DICOM);
        assert_eq!(event["subtype"][0]["code"], subtype, "{action}");
        assert_eq!(event["action"], code, "{action}");
        assert!(event["meta"].get("profile").is_none());
    }
}

#[test]
fn a_refusal_fits_no_pattern_and_says_why() {
    let event = made(&Source {
        allowed: false,
        reason: Some("the record belongs to another organization"),
        ..source("bundle.read")
    });
    assert_eq!(event["outcome"], "4");
    assert_eq!(
        event["outcomeDesc"],
        "the record belongs to another organization"
    );
    assert!(event["meta"].get("profile").is_none());
}

#[test]
fn who_and_what() {
    let event = made(&Source {
        subject: Some("person-1"),
        ..source("bundle.read")
    });
    assert_eq!(codes(&event, "agent"), ["110152", "110153", "IRCP", "PROV"]);
    let requestors: Vec<bool> = event["agent"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| agent["requestor"].as_bool().unwrap())
        .collect();
    assert_eq!(requestors, [false, false, true, false]);
    assert_eq!(event["agent"][0]["network"]["address"], "192.0.2.7");
    assert_eq!(event["agent"][1]["network"]["address"], BASE);
    assert_eq!(
        codes(&event, "entity"),
        ["XrequestId", "UserOauthAgent", "2"]
    );
    assert_eq!(event["entity"][2]["what"]["reference"], "Bundle/r1");
    assert_eq!(event["entity"][2]["detail"][1]["valueString"], "birth");
    assert_eq!(event["source"]["site"], "vro");
    assert_eq!(event["recorded"], "2026-11-27T12:00:00.25Z");
    let client = made(&source("bundle.read"));
    assert_eq!(client["agent"][0]["requestor"], true);
}

/// A command in a shell: the account of the machine did it, and nobody else takes its part.
#[test]
fn a_shell_is_known_by_its_account() {
    let shell = Source {
        role: "shell",
        client_id: Some("ehr-api"),
        subject: Some("uid:0 by sudo of uid:1000"),
        record_id: None,
        organization: None,
        source_address: None,
        ..source("client.add")
    };
    let event = made(&shell);
    assert_eq!(codes(&event, "agent"), ["110150", "110150"]);
    let agent = &event["agent"][0];
    assert_eq!(
        agent["who"],
        json!({"identifier": {"value": "uid:0 by sudo of uid:1000"}})
    );
    assert_eq!(agent["requestor"], true);
    assert_eq!(event["agent"][1]["requestor"], false);
    // The client is whom it was about.
    let about = &event["entity"][2];
    assert_eq!(about["what"]["identifier"]["value"], "ehr-api");
    assert_eq!(about["role"]["code"], "11");
    let event = made(&Source {
        client_id: None,
        ..shell
    });
    assert!(!event.to_string().contains("unknown"));
    assert_eq!(codes(&event, "entity"), ["XrequestId", "UserOauthAgent"]);
    // Elsewhere a subject is a person, and the client what it used.
    let event = made(&Source {
        role: "authorization-server",
        ..shell
    });
    assert_eq!(codes(&event, "agent")[2], "IRCP");
    assert_eq!(event["agent"][0]["who"]["identifier"]["value"], "ehr-api");
}

#[test]
fn nothing_known_leaves_nothing_empty() {
    let event = made(&Source {
        client_id: None,
        organization: None,
        jurisdiction: None,
        record_id: None,
        record_type: None,
        token_id: None,
        source_address: None,
        request_id: None,
        ..source("bundle.read")
    });
    let text = event.to_string();
    assert!(
        !text.contains("[]") && !text.contains("{}") && !text.contains("null"),
        "{text}"
    );
    assert!(event.get("entity").is_none());
    // Without the client's address the pattern is not kept.
    assert!(event["meta"].get("profile").is_none());
    assert_eq!(event["agent"][0]["who"]["display"], "unknown");
}

#[test]
fn a_search_tells_no_parameters() {
    let event = made(&source("bundle.search"));
    let query = event["entity"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it.get("query").is_some());
    assert_eq!(query.unwrap()["query"], "QnVuZGxlPw==");
    assert_eq!(query.unwrap()["role"]["code"], "24");
}

#[test]
fn actions_are_found_by_their_code() {
    for code in ["C", "R", "U", "D"] {
        let code = ActionCode::parse(code).unwrap();
        let actions = actions(code);
        assert!(!actions.is_empty());
        for action in actions {
            assert_eq!(made(&source(action))["action"], code.as_str(), "{action}");
        }
    }
    assert_eq!(ActionCode::parse("X"), None);
}
