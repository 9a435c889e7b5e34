//! Versions: read by number, history, update, delete, and what becomes of whoever comes too late.

use storage::testing::each_engine;

use super::search::named;
use super::*;

fn with(mut request: Request<Body>, headers: &[(&'static str, &str)]) -> Request<Body> {
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    request
}

fn put(id: &str, body: &str, if_match: &str) -> Request<Body> {
    let request = Request::put(format!("/fhir/Bundle/{id}"))
        .header(header::CONTENT_TYPE, "application/fhir+json")
        .body(Body::from(body.to_owned()))
        .unwrap();
    if if_match.is_empty() {
        return request;
    }
    with(request, &[("if-match", if_match)])
}

fn delete(id: &str) -> Request<Body> {
    let request = Request::delete(format!("/fhir/Bundle/{id}"));
    request.body(Body::empty()).unwrap()
}

/// A body with the id of the record, as an update must have it.
fn identified(body: &str, id: &str) -> String {
    body.replacen("\"type\"", &format!("\"id\":\"{id}\",\"type\""), 1)
}

fn amended(number: u32, id: &str) -> String {
    identified(&birth(number), id).replace("\"Report\"", "\"Amended\"")
}

#[tokio::test]
async fn an_update_makes_a_version_and_keeps_the_one_before() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let body = amended(1, &id);
        let updated = send(&server, HOSPITAL, put(&id, &body, "W/\"1\"")).await;
        assert_eq!(updated.status, StatusCode::OK, "{updated:?}");
        assert_eq!(updated.header("etag"), "W/\"2\"");
        let location = format!("https://vro.example/fhir/Bundle/{id}/_history/2");
        assert_eq!(updated.header("location"), location);
        assert!(!updated.header("last-modified").is_empty());
        let original = send(&server, HOSPITAL, get(&format!("Bundle/{id}/$original"))).await;
        assert_eq!(original.body, body.as_bytes());
        for (path, version, title) in [
            (format!("Composition/{id}"), "2", "Amended"),
            (format!("Composition/{id}/_history/1"), "1", "Report"),
            (format!("Composition/{id}/_history/2"), "2", "Amended"),
        ] {
            let answer = send(&server, HOSPITAL, get(&path)).await;
            let composition = answer.json();
            assert_eq!(composition["title"], title, "{path}");
            assert_eq!(composition["meta"]["versionId"], version, "{path}");
            assert_eq!(answer.header("etag"), format!("W/\"{version}\""));
        }
        for other in ["0", "3", "01", "x", "-1", "1.0", "99999999999999999999"] {
            let path = format!("Bundle/{id}/_history/{other}");
            send(&server, HOSPITAL, get(&path))
                .await
                .assert_refused(404, "not-found");
        }
    })
    .await;
}

#[tokio::test]
async fn prefer_chooses_the_body_of_an_update() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        for (version, prefer, kind) in [
            (1, "return=representation", "Bundle"),
            (2, "return=OperationOutcome", "OperationOutcome"),
        ] {
            let request = put(&id, &amended(1, &id), &format!("W/\"{version}\""));
            let answer = send(&server, HOSPITAL, with(request, &[("prefer", prefer)])).await;
            assert_eq!(answer.json()["resourceType"], kind);
        }
    })
    .await;
}

#[tokio::test]
async fn an_update_that_cannot_be_is_refused() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let good = amended(1, &id);
        let both = token(&[
            (r#"["MA"]"#, r#"["MA","NJ"]"#),
            (r#"["birth"]"#, r#"["birth","fetal-death"]"#),
        ]);
        let moved = identified(&document("2026NJ000001", "68998-4"), &id);
        let other_type = identified(&document("2026MA000001", "69045-3"), &id);
        let other_report = identified(&document("2026MA000001", "92011-6"), &id);
        let other_year = identified(&document("2025MA000001", "68998-4"), &id);
        let elsewhere = identified(&named(1, "Quinn", "Ada"), &id);
        let rows: &[(&str, &str, u16, &str)] = &[
            (&good, "", 428, "required"),
            (&good, "*", 428, "required"),
            (&good, "W/\"2\"", 412, "conflict"),
            (&good, "W/\"0\"", 412, "conflict"),
            (&good, "1", 400, "value"),
            (&good, "W/\"1\", W/\"2\"", 400, "value"),
            (&birth(1), "W/\"1\"", 400, "value"),
            (&amended(1, "another"), "W/\"1\"", 400, "value"),
            ("{", "W/\"1\"", 400, "structure"),
            (&other_year, "W/\"1\"", 422, "business-rule"),
            (&elsewhere, "W/\"1\"", 422, "business-rule"),
            (&moved, "W/\"1\"", 422, "business-rule"),
            (&other_type, "W/\"1\"", 422, "business-rule"),
            (&other_report, "W/\"1\"", 422, "business-rule"),
        ];
        for (body, if_match, status, code) in rows {
            let answer = send(&server, &both, put(&id, body, if_match)).await;
            assert_eq!(answer.status.as_u16(), *status, "{if_match} {body}");
            answer.assert_refused(*status, code);
        }
        let xml = with(
            put(&id, &good, "W/\"1\""),
            &[("content-type", "application/xml")],
        );
        send(&server, HOSPITAL, xml)
            .await
            .assert_refused(415, "not-supported");
        let answer = send(&server, HOSPITAL, get(&format!("Bundle/{id}"))).await;
        assert_eq!(answer.header("etag"), "W/\"1\"", "nothing was written");
    })
    .await;
}

/// What decides who reaches a record stays as it is: its year, too, and also where an update says none.
#[tokio::test]
async fn an_update_hands_no_earlier_version_to_others() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let first = named(1, "Quinn", "Ada");
        let id = stored(&server, HOSPITAL, &first).await;
        let moved = identified(&first, &id).replace("2026MA", "2025MA");
        assert!(moved.contains("2025MA000001"));
        let answer = send(&server, HOSPITAL, put(&id, &moved, "W/\"1\"")).await;
        answer.assert_refused(422, "business-rule");
        let other = token(&[("system/*.cruds", "system/Bundle.rs?event-year=2025")]);
        for tail in ["", "/_history/1", "/_history"] {
            let answer = send(&server, &other, get(&format!("Bundle/{id}{tail}"))).await;
            answer.assert_refused(404, "not-found");
        }
        // Without a year and without a facility it is what it was.
        let silent = identified(&document("another-number", "68998-4"), &id);
        let answer = send(&server, HOSPITAL, put(&id, &silent, "W/\"1\"")).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let own = token(&[
            ("system/*.cruds", "system/Bundle.rs?event-year=2026"),
            (r#""exp""#, r#""facilities":["1164"],"exp""#),
        ]);
        for version in ["1", "2"] {
            let path = format!("Bundle/{id}/_history/{version}");
            let answer = send(&server, &own, get(&path)).await;
            assert_eq!(answer.status, StatusCode::OK, "{version}");
        }
    })
    .await;
}

/// The server mints the ids; a record out of reach is as good as absent.
#[tokio::test]
async fn no_record_is_created_by_an_update() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let absent = "0198f000-0000-7000-8000-000000000000";
        let expected = send(
            &server,
            HOSPITAL,
            put(absent, &amended(1, absent), "W/\"1\""),
        )
        .await;
        expected.assert_refused(405, "not-supported");
        assert_eq!(expected.header("allow"), "GET, HEAD");
        let unreachable = [
            token(&[("Hospital A", "Hospital B")]),
            token(&[(r#"["MA"]"#, r#"["NJ"]"#)]),
            token(&[(r#"["birth"]"#, r#"["fetal-death"]"#)]),
        ];
        for token in &unreachable {
            let answer = send(&server, token, put(&id, &amended(1, &id), "W/\"1\"")).await;
            assert_eq!(answer.status, expected.status);
            assert_eq!(answer.body, expected.body, "nothing tells the two apart");
            for tail in ["/_history/1", "/_history"] {
                let answer = send(&server, token, get(&format!("Bundle/{id}{tail}"))).await;
                answer.assert_refused(404, "not-found");
            }
            let answer = send(&server, token, delete(&id)).await;
            answer.assert_refused(404, "not-found");
            let all = send(&server, token, get("Bundle/_history")).await;
            assert!(all.json().get("entry").is_none(), "{}", all.json());
        }
        let reader = token(&[("system/*.cruds", "system/*.rs")]);
        for request in [put(&id, &amended(1, &id), "W/\"1\""), delete(&id)] {
            send(&server, &reader, request)
                .await
                .assert_refused(403, "forbidden");
        }
        assert_eq!(
            send(&server, HOSPITAL, get(&format!("Bundle/{id}")))
                .await
                .header("etag"),
            "W/\"1\""
        );
    })
    .await;
}

#[tokio::test]
async fn a_deleted_record_is_gone_and_its_versions_are_not() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let wrong = with(delete(&id), &[("if-match", "W/\"2\"")]);
        send(&server, HOSPITAL, wrong)
            .await
            .assert_refused(412, "conflict");
        for _ in 0..2 {
            let answer = send(&server, HOSPITAL, delete(&id)).await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT);
            assert_eq!(answer.header("etag"), "W/\"2\"", "once");
        }
        for path in [
            format!("Bundle/{id}"),
            format!("Bundle/{id}/$original"),
            format!("Composition/{id}"),
            format!("Composition/{id}/$document"),
            format!("Bundle/{id}/_history/2"),
        ] {
            send(&server, HOSPITAL, get(&path))
                .await
                .assert_refused(410, "deleted");
        }
        let update = put(&id, &amended(1, &id), "W/\"2\"");
        send(&server, HOSPITAL, update)
            .await
            .assert_refused(410, "deleted");
        let other = token(&[("Hospital A", "Hospital B")]);
        send(&server, &other, get(&format!("Bundle/{id}")))
            .await
            .assert_refused(404, "not-found");
        let first = send(&server, HOSPITAL, get(&format!("Bundle/{id}/_history/1"))).await;
        assert_eq!(first.status, StatusCode::OK);
        let search = send(&server, HOSPITAL, get("Bundle?identifier=2026MA000001")).await;
        assert_eq!(search.json()["total"], 0);
        // It is no longer in the way of a new one.
        let criteria = format!("identifier={IJE}|2026MA000001");
        let again = send(&server, HOSPITAL, conditional(&birth(1), &criteria)).await;
        assert_eq!(again.status, StatusCode::CREATED);
    })
    .await;
}

#[tokio::test]
async fn a_history_tells_what_made_each_version() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let other = stored(&server, HOSPITAL, &birth(2)).await;
        send(&server, HOSPITAL, put(&id, &amended(1, &id), "W/\"1\"")).await;
        send(&server, HOSPITAL, delete(&id)).await;
        let history = send(&server, HOSPITAL, get(&format!("Bundle/{id}/_history")))
            .await
            .json();
        assert_eq!(
            (history["type"].as_str(), history["total"].as_i64()),
            (Some("history"), Some(3))
        );
        let entries = history["entry"].as_array().unwrap();
        let told: Vec<_> = entries
            .iter()
            .map(|entry| {
                let text =
                    |pointer: &str| entry.pointer(pointer).unwrap().as_str().unwrap().to_owned();
                assert_eq!(
                    text("/fullUrl"),
                    format!("https://vro.example/fhir/Bundle/{id}")
                );
                (
                    text("/request/method"),
                    text("/request/url").replace(&id, "id"),
                    text("/response/status"),
                    text("/response/etag"),
                    entry
                        .get("resource")
                        .map(|it| it["meta"]["versionId"].as_str().unwrap().to_owned()),
                )
            })
            .collect();
        let row = |method: &str, url: &str, status: &str, version: &str, body: bool| {
            let body = body.then(|| version.to_owned());
            (
                method.to_owned(),
                url.to_owned(),
                status.to_owned(),
                format!("W/\"{version}\""),
                body,
            )
        };
        assert_eq!(
            told,
            [
                row("DELETE", "Bundle/id", "204", "3", false),
                row("PUT", "Bundle/id", "200", "2", true),
                row("POST", "Bundle", "201", "1", true),
            ]
        );
        let all = send(&server, HOSPITAL, get("Bundle/_history")).await.json();
        assert_eq!(all["entry"].as_array().unwrap().len(), 4);
        let compositions = send(
            &server,
            HOSPITAL,
            get(&format!("Composition/{other}/_history")),
        )
        .await
        .json();
        assert_eq!(
            compositions["entry"][0]["resource"]["resourceType"],
            "Composition"
        );
        let later = send(
            &server,
            HOSPITAL,
            get("Bundle/_history?_since=2030-01-01T00:00:00Z"),
        )
        .await
        .json();
        assert!(later.get("entry").is_none());
    })
    .await;
}

/// A `next` link is sealed: nobody makes one, changes one, or uses one elsewhere or with another reach.
async fn is_of_its_history_only(server: &ResourceServer, path: &str, another: &str) {
    let (place, cursor) = path.split_once("?_cursor=").unwrap();
    let mut forged = cursor.to_owned().into_bytes();
    forged[20] = if forged[20] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let other = match place {
        "Bundle/_history" => "Composition/_history".to_owned(),
        _ => "Bundle/_history".to_owned(),
    };
    for refused in [
        format!("{place}?_cursor={forged}"),
        format!("{place}?_cursor={cursor}A"),
        format!("{place}?_cursor="),
        format!("{path}&_count=1"),
        format!("{other}?_cursor={cursor}"),
        format!("Bundle/{another}/_history?_cursor={cursor}"),
        format!("Bundle?_cursor={cursor}"),
    ] {
        let answer = send(server, HOSPITAL, get(&refused)).await;
        answer.assert_refused(400, "invalid");
    }
    let after = send(
        server,
        HOSPITAL,
        get(&format!("{place}?_after=1_1_{another}")),
    )
    .await;
    after.assert_refused(400, "not-supported");
    let wider = token(&[(r#"["MA"]"#, r#"["MA","NJ"]"#)]);
    let answer = send(server, &wider, get(path)).await;
    answer.assert_refused(400, "invalid");
    if place == "Bundle/_history" {
        let other = token(&[("Hospital A", "Hospital B")]);
        let answer = send(server, &other, get(path)).await;
        answer.assert_refused(400, "invalid");
    }
}

#[tokio::test]
async fn a_history_is_read_in_pages() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let another = stored(&server, HOSPITAL, &birth(2)).await;
        for version in 1..5 {
            let request = put(&id, &amended(1, &id), &format!("W/\"{version}\""));
            assert_eq!(
                send(&server, HOSPITAL, request).await.status,
                StatusCode::OK
            );
        }
        for (path, expected) in [
            (format!("Bundle/{id}/_history"), 5),
            ("Bundle/_history".to_owned(), 6),
        ] {
            let mut next = Some(format!("{path}?_count=2"));
            let mut seen = std::collections::BTreeSet::new();
            let mut pages = 0;
            while let Some(path) = next.take() {
                if pages > 0 {
                    is_of_its_history_only(&server, &path, &another).await;
                }
                let page = send(&server, HOSPITAL, get(&path)).await.json();
                for entry in page["entry"].as_array().unwrap() {
                    let version = entry["resource"]["meta"]["versionId"].to_string();
                    assert!(
                        seen.insert((entry["fullUrl"].to_string(), version)),
                        "{path}"
                    );
                }
                pages += 1;
                let links = page["link"].as_array().unwrap().clone();
                let link = links.into_iter().find(|link| link["relation"] == "next");
                next = link.map(|link| {
                    let url = link["url"].as_str().unwrap().to_owned();
                    url.strip_prefix("https://vro.example/fhir/")
                        .unwrap()
                        .to_owned()
                });
            }
            assert_eq!((seen.len(), pages), (expected, 3));
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_has_the_version_gets_304() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let at = "Mon, 23 Nov 2026 12:00:00 GMT";
        let before = "Mon, 23 Nov 2026 11:59:59 GMT";
        let rows: &[(&[(&'static str, &str)], u16)] = &[
            (&[("if-none-match", "W/\"1\"")], 304),
            (&[("if-none-match", "W/\"7\", W/\"1\"")], 304),
            (&[("if-none-match", "*")], 304),
            (&[("if-none-match", "W/\"2\"")], 200),
            (&[("if-none-match", "1")], 200),
            (&[("if-modified-since", at)], 304),
            (&[("if-modified-since", before)], 200),
            (&[("if-modified-since", "yesterday")], 200),
            (
                &[("if-none-match", "W/\"2\""), ("if-modified-since", at)],
                200,
            ),
        ];
        for path in [format!("Bundle/{id}"), format!("Composition/{id}")] {
            for (headers, status) in rows {
                let answer = send(&server, HOSPITAL, with(get(&path), headers)).await;
                assert_eq!(answer.status.as_u16(), *status, "{headers:?}");
                assert_eq!(answer.body.is_empty(), *status == 304);
                assert_eq!(answer.header("etag"), "W/\"1\"");
            }
        }
    })
    .await;
}

/// Of many who change the same version one is first, and the others are told.
#[tokio::test(flavor = "multi_thread")]
async fn of_sixteen_updates_at_once_one_is_done() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (server, request) = (server.clone(), put(&id, &amended(1, &id), "W/\"1\""));
                tokio::spawn(async move { send(&server, HOSPITAL, request).await.status.as_u16() })
            })
            .collect();
        let mut statuses = Vec::new();
        for task in tasks {
            statuses.push(task.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [vec![200], vec![412; 15]].concat());
        let history = send(&server, HOSPITAL, get(&format!("Bundle/{id}/_history")))
            .await
            .json();
        assert_eq!(history["total"], 2);
    })
    .await;
}
