//! Every access and every refusal leaves its row, and none of them holds content.

use storage::audit::{self, Filter};
use storage::testing::each_engine;

use super::*;

/// Action, outcome, reason, whether a record is named; oldest first.
async fn rows(server: &ResourceServer) -> Vec<(String, bool, Option<String>, bool)> {
    let mut rows = audit::list(
        server.db(),
        &Filter {
            limit: 1_000,
            ..Filter::default()
        },
    )
    .await
    .unwrap();
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    let rows = rows.into_iter().map(|row| row.event);
    rows.map(|row| {
        let allowed = row.outcome == storage::Outcome::Allowed;
        (row.action, allowed, row.reason, row.record_id.is_some())
    })
    .collect()
}

#[tokio::test]
async fn each_request_leaves_a_row() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let other = token(&[("Hospital A", "Hospital B")]);
        let row = |action: &str, allowed, reason: Option<&str>, record| {
            (
                action.to_owned(),
                allowed,
                reason.map(str::to_owned),
                record,
            )
        };
        let mut expected = vec![row("bundle.create", true, None, true)];
        let hidden = Some("the record belongs to another organization");
        for (token, path, rows) in [
            (
                HOSPITAL,
                format!("Bundle/{id}"),
                vec![row("bundle.read", true, None, true)],
            ),
            (
                HOSPITAL,
                format!("Bundle/{id}/$original"),
                vec![row("bundle.original", true, None, true)],
            ),
            (
                &other,
                format!("Bundle/{id}"),
                vec![row("bundle.read", false, hidden, true)],
            ),
            (
                HOSPITAL,
                "Bundle/none".to_owned(),
                vec![row("bundle.read", false, Some("no such record"), false)],
            ),
            (
                HOSPITAL,
                "Bundle?identifier=2026MA000001".to_owned(),
                vec![
                    row("bundle.search", true, None, false),
                    row("bundle.search", true, None, true),
                ],
            ),
            (
                HOSPITAL,
                "Bundle?identifier=x".to_owned(),
                vec![row("bundle.search", true, None, false)],
            ),
        ] {
            send(&server, token, get(&path)).await;
            expected.extend(rows);
            let mut found = self::rows(&server).await;
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_row_says_who_did_what_from_where() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let mut request = post(&birth(1));
        request
            .headers_mut()
            .insert("x-request-id", "request-1".parse().unwrap());
        let peer: std::net::SocketAddr = "192.0.2.7:4711".parse().unwrap();
        request
            .extensions_mut()
            .insert(axum::extract::ConnectInfo(peer));
        let id = send(&server, HOSPITAL, request).await.id();
        let rows = audit::list(
            server.db(),
            &Filter {
                limit: 1_000,
                ..Filter::default()
            },
        )
        .await
        .unwrap();
        let event = &rows[0].event;
        assert_eq!(
            (event.party.as_str(), event.role),
            ("vro", "resource-server")
        );
        assert_eq!(event.client_id.as_deref(), Some("ehr-api"));
        assert_eq!(event.organization.as_deref(), Some("Hospital A"));
        assert_eq!(event.jurisdiction.as_deref(), Some("MA"));
        assert_eq!(event.record_type.as_deref(), Some("birth"));
        assert_eq!(event.record_id.as_deref(), Some(id.as_str()));
        assert_eq!(event.token_id.as_deref(), Some("01234567"));
        assert_eq!(event.source_address.as_deref(), Some("192.0.2.7"));
        assert_eq!(event.request_id.as_deref(), Some("request-1"));
        assert_eq!(event.at, server.clock().now());
    })
    .await;
}

#[tokio::test]
async fn a_refused_create_leaves_a_row_without_content() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        send(&server, HOSPITAL, post("{\"resourceType\":\"Canary\"}")).await;
        send(&server, HOSPITAL, post("{\"Canary")).await;
        send(
            &server,
            HOSPITAL,
            post(&document("2026NJ000001", "68998-4")),
        )
        .await;
        let rows = rows(&server).await;
        assert_eq!(rows.len(), 3);
        for (action, allowed, reason, record) in rows {
            assert_eq!(
                (action.as_str(), allowed, record),
                ("bundle.create", false, false)
            );
            assert!(!reason.unwrap().contains("Canary"));
        }
    })
    .await;
}

/// Nobody has looked whether there is such a record: the id is what the caller has said.
#[tokio::test]
async fn a_denied_request_is_recorded_with_the_id_that_it_named() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let narrow = HOSPITAL.replace("system/*.cruds", "system/Coverage.r");
        let absent = "01900000-0000-7000-8000-000000000000";
        for id in [&id, absent] {
            for path in [
                format!("Bundle/{id}"),
                format!("Bundle/{id}/$original"),
                format!("Bundle/{id}/_history/1"),
                format!("Composition/{id}/_history"),
                format!("Composition/{id}/$document"),
                format!("Composition/$document?id={id}"),
                format!("Patient/{id}-1"),
            ] {
                let answer = send(&server, &narrow, get(&path)).await;
                answer.assert_refused(403, "forbidden");
            }
        }
        let search = get("Bundle?identifier=2026MA000001");
        send(&server, &narrow, search)
            .await
            .assert_refused(403, "forbidden");
        let filter = Filter {
            outcome: Some(storage::Outcome::Denied),
            limit: 100,
            ..Filter::default()
        };
        let rows = audit::list(server.db(), &filter).await.unwrap();
        let of = |id: Option<&str>| {
            let same = |row: &&audit::AuditRow| row.event.record_id.as_deref() == id;
            rows.iter().filter(same).count()
        };
        assert_eq!((of(Some(&id)), of(Some(absent)), of(None)), (7, 7, 1));
        assert!(rows.iter().all(|row| row.event.jurisdiction.is_none()));
    })
    .await;
}

/// The records that the rows name.
async fn ids(server: &ResourceServer) -> Vec<Option<String>> {
    let filter = Filter {
        limit: 1_000,
        ..Filter::default()
    };
    let rows = audit::list(server.db(), &filter).await.unwrap();
    rows.into_iter().map(|row| row.event.record_id).collect()
}

/// The id of no record.
const NOWHERE: &str = "01900000-0000-7000-8000-000000000000";

/// Ids that are tried out stand in the audit, whichever way they are refused; what could be a name does not.
#[tokio::test]
async fn an_id_that_was_asked_for_is_named() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_with(db, |config| {
            config.withholding.rules = vec![crate::config::WithholdingRule {
                groups: vec![fhir::redact::Group::Ssn],
                from_roles: None,
                unless_scope: None,
            }];
        });
        let request = |method: &str, path: &str| {
            let request = Request::builder().method(method);
            let request = request.uri(format!("/fhir/{path}"));
            let request = request.header("if-match", "W/\"1\"");
            request.body(Body::empty()).unwrap()
        };
        for (method, path, status) in [
            ("GET", "Bundle/none", 404),
            ("GET", "Bundle/none/_history", 404),
            ("GET", "Bundle/none/_history/1", 404),
            ("GET", "Bundle/none/$original", 403),
            ("GET", "Composition/none", 404),
            ("GET", "Composition/none/$document", 404),
            ("PUT", "Bundle/none", 405),
            ("DELETE", "Bundle/none", 404),
        ] {
            for (id, named) in [(NOWHERE, Some(NOWHERE)), ("Ada-Quinn", None)] {
                let before = ids(&server).await;
                let path = path.replace("none", id);
                let answer = send(&server, HOSPITAL, request(method, &path)).await;
                assert_eq!(answer.status, status, "{method} {path}");
                let mut after = ids(&server).await;
                for id in &before {
                    let known = after.iter().position(|found| found == id).unwrap();
                    after.remove(known);
                }
                assert_eq!(after, [named.map(str::to_owned)], "{method} {path}");
            }
        }
    })
    .await;
}

fn batch(kind: &str, entries: &str) -> Request<Body> {
    let body = format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{entries}]}}"#);
    let request = Request::post("/fhir").header(header::CONTENT_TYPE, "application/fhir+json");
    let request = request.header("x-request-id", "request-1");
    let peer: std::net::SocketAddr = "192.0.2.7:4711".parse().unwrap();
    let request = request.extension(axum::extract::ConnectInfo(peer));
    request.body(Body::from(body)).unwrap()
}

/// Also an entry that is no request came from somewhere.
#[tokio::test]
async fn an_unreadable_entry_says_where_it_came_from() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        for request in [
            r#""method":"PATCH","url":"Bundle/1""#,
            r#""method":"GET","url":"https://elsewhere.example/Bundle/1""#,
            r#""method":"GET","url":"Bundle/1","ifModifiedSince":"never""#,
        ] {
            let entry = format!(r#"{{"request":{{{request}}}}}"#);
            let answer = send(&server, HOSPITAL, batch("batch", &entry)).await;
            assert_eq!(answer.status, 200, "{request}");
            let rows = audit::list(
                server.db(),
                &Filter {
                    limit: 1_000,
                    ..Filter::default()
                },
            )
            .await
            .unwrap();
            assert!(!rows.is_empty());
            for row in rows {
                let event = row.event;
                let from = (event.source_address.as_deref(), event.request_id.as_deref());
                assert_eq!(from, (Some("192.0.2.7"), Some("request-1")), "{request}");
            }
        }
    })
    .await;
}

/// What a transaction did not do stands nowhere as done.
#[tokio::test]
async fn a_refused_transaction_leaves_no_row_of_success() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let gone = stored(&server, HOSPITAL, &birth(1)).await;
        let delete = || Request::delete(format!("/fhir/Bundle/{gone}"));
        let delete = || delete().body(Body::empty()).unwrap();
        assert_eq!(send(&server, HOSPITAL, delete()).await.status, 204);
        let twice = format!("identifier={IJE}|2026MA000005");
        stored(&server, HOSPITAL, &birth(5)).await;
        stored(&server, HOSPITAL, &birth(5)).await;
        let successes = || async {
            let rows = rows(&server).await;
            rows.into_iter().filter(|(_, allowed, ..)| *allowed).count()
        };
        let before = successes().await;
        let again = format!(r#"{{"request":{{"method":"DELETE","url":"Bundle/{gone}"}}}}"#);
        let refused = format!(
            r#"{{"resource":{},"request":{{"method":"POST","url":"Bundle","ifNoneExist":"{twice}"}}}}"#,
            birth(5)
        );
        let both = format!("{again},{refused}");
        let answer = send(&server, HOSPITAL, batch("transaction", &both)).await;
        assert_eq!(answer.status, 412);
        assert_eq!(successes().await, before);
        // Alone it is done, and says so: as a transaction and as its entry, and by itself.
        let answer = send(&server, HOSPITAL, batch("transaction", &again)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["entry"][0]["response"]["status"], "204");
        assert_eq!(successes().await, before + 2);
        assert_eq!(send(&server, HOSPITAL, delete()).await.status, 204);
        assert_eq!(successes().await, before + 3);
    })
    .await;
}
