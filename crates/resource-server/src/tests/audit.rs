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
