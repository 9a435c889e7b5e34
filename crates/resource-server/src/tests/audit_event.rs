//! The audit as FHIR: who reads it, how far, and that reading it is on record.

use serde_json::Value;
use storage::testing::each_engine;
use storage::{AuditEvent, Outcome, audit};

use super::*;

/// An auditor of the hospital.
fn auditor() -> String {
    token(&[("system/*.cruds", "system/AuditEvent.rs")])
}

/// Second, action, organization, jurisdiction, record type, outcome.
type Filled<'a> = (
    i64,
    &'a str,
    &'a str,
    Option<&'a str>,
    Option<&'a str>,
    Outcome,
);

/// It holds no record content, and nobody's name is gone from it because names of records are withheld.
#[tokio::test]
async fn what_is_withheld_of_records_is_not_withheld_of_the_audit() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_with(db, |config| {
            config.withholding = crate::config::Withholding {
                rules: vec![crate::config::WithholdingRule {
                    groups: fhir::redact::Group::ALL.to_vec(),
                    from_roles: None,
                    unless_scope: None,
                }],
            };
        });
        fill(&server).await;
        let answer = send(&server, &auditor(), get("AuditEvent")).await;
        let text = answer.json().to_string();
        assert!(text.contains("ehr-api"), "{text}");
        assert!(
            !text.contains("REDACTED") && !text.contains("masked"),
            "{text}"
        );
    })
    .await;
}

/// Rows of two organisations, of a party beside this one, and about records elsewhere.
async fn fill(server: &ResourceServer) {
    let rows: [Filled<'_>; 7] = [
        (
            1,
            "bundle.read",
            "Hospital A",
            Some("MA"),
            Some("birth"),
            Outcome::Allowed,
        ),
        (
            2,
            "bundle.create",
            "Hospital A",
            Some("MA"),
            Some("birth"),
            Outcome::Allowed,
        ),
        (
            3,
            "bundle.read",
            "Hospital B",
            Some("MA"),
            Some("birth"),
            Outcome::Allowed,
        ),
        (
            4,
            "bundle.read",
            "Hospital A",
            Some("NJ"),
            Some("birth"),
            Outcome::Denied,
        ),
        (
            5,
            "bundle.read",
            "Hospital A",
            Some("MA"),
            Some("fetal-death"),
            Outcome::Allowed,
        ),
        (6, "token.issue", "Hospital A", None, None, Outcome::Denied),
        (
            7,
            "bundle.search",
            "Hospital A",
            None,
            None,
            Outcome::Allowed,
        ),
    ];
    for (second, action, organization, jurisdiction, record_type, outcome) in rows {
        let event = row(server, "vro", second, action, outcome);
        let event = AuditEvent {
            organization: Some(organization.to_owned()),
            jurisdiction: jurisdiction.map(str::to_owned),
            record_type: record_type.map(str::to_owned),
            record_id: record_type.map(|_| format!("r{second}")),
            client_id: Some("ehr-api".to_owned()),
            ..event
        };
        server.db().audit(event).await.unwrap();
    }
    let other = row(server, "nchs", 8, "bundle.read", Outcome::Allowed);
    let organization = Some("Hospital A".to_owned());
    let other = AuditEvent {
        organization,
        ..other
    };
    server.db().audit(other).await.unwrap();
}

fn row(
    server: &ResourceServer,
    party: &str,
    second: i64,
    action: &str,
    outcome: Outcome,
) -> AuditEvent {
    let at = server.clock().now() - jiff::SignedDuration::from_secs(100 - second);
    AuditEvent::new(at, party, crate::ROLE, action, outcome)
}

/// Seconds of the rows in a searchset, and what they are; rows of the readings themselves apart.
fn seconds(answer: &Answer) -> Vec<i64> {
    let set = answer.json();
    assert_eq!(
        (&set["resourceType"], &set["type"]),
        (&"Bundle".into(), &"searchset".into()),
        "{set}"
    );
    let entries = set["entry"].as_array().cloned().unwrap_or_default();
    let start: Timestamp = START.parse().unwrap();
    entries
        .iter()
        .map(|entry| {
            entry["resource"]["recorded"]
                .as_str()
                .unwrap()
                .parse::<Timestamp>()
                .unwrap()
        })
        .map(|at| 100 - (start.as_second() - at.as_second()))
        .filter(|second| *second < 100)
        .collect()
}

#[tokio::test]
async fn each_auditor_reaches_his_rows() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        fill(&server).await;
        let all = "\"organization_access\":\"all\",\"organization\":\"Hospital A\"";
        let own = "\"organization\":\"Hospital A\"";
        let rows = [
            (auditor(), vec![7, 6, 2, 1]),
            (token(&[("Hospital A", "Hospital B")]), vec![3]),
            (token(&[(own, all)]), vec![7, 6, 3, 2, 1]),
            (
                token(&[("[\"birth\"]", "[\"birth\",\"fetal-death\"]")]),
                vec![7, 6, 5, 2, 1],
            ),
            (
                token(&[("[\"MA\"]", "[\"MA\",\"NJ\"]")]),
                vec![7, 6, 4, 2, 1],
            ),
        ];
        for (token, expected) in rows {
            let answer = send(&server, &token, get("AuditEvent")).await;
            assert_eq!(seconds(&answer), expected, "{token}");
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_else_reads_it() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        fill(&server).await;
        let id = newest(&server).await;
        let person = |role: &str, scope: &str| {
            let role = format!("\"sub\":\"person-1\",\"role\":\"{role}\",\"username\":\"p\"");
            token(&[
                ("\"sub\":\"ehr-api\"", role.as_str()),
                ("system/*.cruds", scope),
            ])
        };
        for (token, status) in [
            (token(&[("system/*.cruds", "system/Bundle.cruds")]), 403),
            (token(&[("system/*.cruds", "system/AuditEvent.r")]), 403),
            (token(&[("system/*.cruds", "user/AuditEvent.rs")]), 403),
            (
                token(&[("system/*.cruds", "system/AuditEvent.rs?type=rest")]),
                403,
            ),
            (person("registrar", "user/AuditEvent.rs"), 403),
            (person("clerk", "user/AuditEvent.rs"), 403),
            (person("auditor", "user/Bundle.rs"), 403),
            (person("auditor", "user/AuditEvent.rs"), 200),
        ] {
            let answer = send(&server, &token, get("AuditEvent")).await;
            assert_eq!(answer.status.as_u16(), status, "{token}");
            if status == 403 {
                answer.assert_refused(403, "forbidden");
            }
        }
        let reader = token(&[("system/*.cruds", "system/AuditEvent.s")]);
        let answer = send(&server, &reader, get(&format!("AuditEvent/{id}"))).await;
        answer.assert_refused(403, "forbidden");
    })
    .await;
}

async fn newest(server: &ResourceServer) -> String {
    let filter = audit::Filter {
        limit: 1,
        action: Some("bundle.search".to_owned()),
        ..audit::Filter::default()
    };
    audit::list(server.db(), &filter)
        .await
        .unwrap()
        .remove(0)
        .id
}

#[tokio::test]
async fn a_row_is_read_by_its_id_within_reach() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        fill(&server).await;
        let id = newest(&server).await;
        let path = format!("AuditEvent/{id}");
        let event = send(&server, &auditor(), get(&path)).await;
        assert_eq!(event.status, StatusCode::OK);
        let event = event.json();
        assert_eq!(
            (&event["resourceType"], &event["id"]),
            (&"AuditEvent".into(), &id.as_str().into())
        );
        assert_eq!(event["agent"][0]["who"]["identifier"]["value"], "ehr-api");
        let other = token(&[("Hospital A", "Hospital B")]);
        send(&server, &other, get(&path))
            .await
            .assert_refused(404, "not-found");
        send(&server, &auditor(), get("AuditEvent/none"))
            .await
            .assert_refused(404, "not-found");
        for (path, method) in [
            (path.as_str(), "PUT"),
            (path.as_str(), "DELETE"),
            ("AuditEvent", "POST"),
        ] {
            let request = Request::builder()
                .method(method)
                .uri(format!("/fhir/{path}"));
            let request = request.body(Body::from("{}")).unwrap();
            send(&server, &auditor(), request)
                .await
                .assert_refused(405, "not-supported");
        }
    })
    .await;
}

#[tokio::test]
async fn searches_narrow_and_page() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        fill(&server).await;
        let id = newest(&server).await;
        let by_id = format!("_id={id}");
        for (query, expected) in [
            ("action=R&date=lt2026-11-23T12:00:00Z", vec![1]),
            ("action=C", vec![2]),
            ("action=E", vec![7, 6]),
            ("outcome=4", vec![6]),
            ("outcome=8", vec![]),
            ("entity=Bundle/r2", vec![2]),
            ("agent=ehr-api&action=C", vec![2]),
            ("agent=nobody", vec![]),
            (
                "date=ge2026-11-23T11:58:26Z&date=le2026-11-23T11:58:27Z",
                vec![7, 6],
            ),
            ("address=192.0.2.7", vec![]),
            (by_id.as_str(), vec![7]),
        ] {
            let answer = send(&server, &auditor(), get(&format!("AuditEvent?{query}"))).await;
            assert_eq!(seconds(&answer), expected, "{query}");
        }
        let mut path = "AuditEvent?date=lt2026-11-23T11:59:00Z&_count=3&_sort=-date".to_owned();
        let mut seen = Vec::new();
        for _ in 0..5 {
            let answer = send(&server, &auditor(), get(&path)).await;
            seen.extend(seconds(&answer));
            let Some(next) = link(&answer.json(), "next") else {
                break;
            };
            path = next
                .strip_prefix("https://vro.example/fhir/")
                .unwrap()
                .to_owned();
        }
        assert_eq!(seen, [7, 6, 2, 1]);
        // The last link is of this search and this reach, and of nothing else.
        let (_, cursor) = path.split_once("?_cursor=").unwrap();
        let mut changed = cursor.to_owned().into_bytes();
        changed[20] = if changed[20] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let all = "\"organization_access\":\"all\",\"organization\":\"Hospital A\"";
        for (token, other) in [
            (auditor(), format!("AuditEvent?_cursor={changed}")),
            (auditor(), format!("{path}A")),
            (auditor(), format!("{path}&_count=1")),
            (auditor(), format!("{path}&agent=ehr-api")),
            (token(&[("Hospital A", "Hospital B")]), path.clone()),
            (token(&[("[\"MA\"]", "[\"MA\",\"NJ\"]")]), path.clone()),
            (
                token(&[("\"organization\":\"Hospital A\"", all)]),
                path.clone(),
            ),
            (
                HOSPITAL.to_owned(),
                format!("Bundle/_history?_cursor={cursor}"),
            ),
            (HOSPITAL.to_owned(), format!("Bundle?_cursor={cursor}")),
        ] {
            let token = token.replace("system/*.cruds", "system/*.cruds system/AuditEvent.rs");
            let answer = send(&server, &token, get(&other)).await;
            answer.assert_refused(400, "invalid");
        }
        assert_eq!(
            send(&server, &auditor(), get(&path)).await.status,
            StatusCode::OK
        );
        let form = Request::post("/fhir/AuditEvent/_search")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from("action=C"));
        assert_eq!(
            seconds(&send(&server, &auditor(), form.unwrap()).await),
            [2]
        );
    })
    .await;
}

fn link(set: &Value, relation: &str) -> Option<String> {
    let links = set["link"].as_array()?;
    let link = links.iter().find(|link| link["relation"] == relation)?;
    Some(link["url"].as_str()?.to_owned())
}

#[tokio::test]
async fn what_a_search_cannot_do_is_told_or_refused() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        fill(&server).await;
        for (query, code) in [
            ("date=yesterday", "value"),
            ("date=ne2026", "not-supported"),
            ("_cursor=1_%27", "invalid"),
            ("_cursor=", "invalid"),
            ("_sort=agent", "not-supported"),
            ("action=%00", "value"),
        ] {
            let answer = send(&server, &auditor(), get(&format!("AuditEvent?{query}"))).await;
            answer.assert_refused(400, code);
        }
        let lenient = send(&server, &auditor(), get("AuditEvent?site=x&action=C")).await;
        let entries = lenient.json()["entry"].as_array().unwrap().clone();
        assert_eq!(entries[1]["search"]["mode"], "outcome");
        for unknown in ["AuditEvent?site=x", "AuditEvent?_after=1_x"] {
            let mut strict = get(unknown);
            let handling = "handling=strict".parse().unwrap();
            strict.headers_mut().insert("prefer", handling);
            send(&server, &auditor(), strict)
                .await
                .assert_refused(400, "not-supported");
        }
    })
    .await;
}

#[tokio::test]
async fn every_reading_is_on_record() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        fill(&server).await;
        let id = newest(&server).await;
        send(&server, &auditor(), get("AuditEvent?action=C")).await;
        send(&server, &auditor(), get(&format!("AuditEvent/{id}"))).await;
        send(&server, &auditor(), get("AuditEvent/none")).await;
        let filter = audit::Filter {
            action: Some("audit.".to_owned()),
            limit: 10,
            ..audit::Filter::default()
        };
        let mut rows = audit::list(server.db(), &filter).await.unwrap();
        rows.sort_by(|a, b| a.id.cmp(&b.id));
        let mut said: Vec<_> = rows
            .iter()
            .map(|row| (row.event.action.as_str(), row.event.outcome.as_str()))
            .collect();
        said.sort_unstable();
        assert_eq!(
            said,
            [
                ("audit.read", "allowed"),
                ("audit.read", "denied"),
                ("audit.search", "allowed")
            ]
        );
    })
    .await;
}
