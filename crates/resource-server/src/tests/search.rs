//! `GET Bundle?identifier=…` and `POST Bundle/_search`.

use storage::testing::each_engine;

use super::*;

fn find(value: &str) -> Request<Body> {
    get(&format!("Bundle?identifier={value}"))
}

#[tokio::test]
async fn a_search_finds_what_the_token_reaches() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        stored(&server, HOSPITAL, &birth(2)).await;
        for value in [format!("{IJE}%7C2026MA000001"), "2026MA000001".to_owned()] {
            let answer = send(&server, HOSPITAL, find(&value)).await;
            assert_eq!(answer.status, StatusCode::OK);
            let found = answer.json();
            assert_eq!(
                (&found["type"], &found["total"]),
                (&"searchset".into(), &1.into())
            );
            assert_eq!(found["link"][0]["relation"], "self");
            let entry = &found["entry"][0];
            assert_eq!(
                entry["fullUrl"],
                format!("https://vro.example/fhir/Bundle/{id}")
            );
            assert_eq!(entry["resource"]["id"], id);
            assert_eq!(entry["search"]["mode"], "match");
        }
        for nothing in [
            "2026MA000009",
            "%7C2026MA000001",
            "urn:x%7C2026MA000001",
            "2026ma000001",
        ] {
            let found = send(&server, HOSPITAL, find(nothing)).await.json();
            assert_eq!(found["total"], 0, "{nothing}");
            assert!(
                found.get("entry").is_none(),
                "{nothing}: FHIR has no empty arrays"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn others_records_are_neither_found_nor_counted() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        stored(&server, HOSPITAL, &birth(1)).await;
        for other in [
            token(&[("Hospital A", "Hospital B")]),
            token(&[(r#"["MA"]"#, r#"["NJ","VT"]"#)]),
            token(&[(r#"["birth"]"#, r#"["fetal-death"]"#)]),
        ] {
            let found = send(&server, &other, find("2026MA000001")).await.json();
            assert_eq!(found["total"], 0, "{other}");
        }
        for other in [
            token(&[
                ("Hospital A", "State VRO"),
                (r#"["MA"]"#, r#"["NJ","MA","VT"]"#),
            ]),
            token(&[("Hospital A", "B\",\"organization_access\":\"all")]),
        ] {
            let found = send(&server, &other, find("2026MA000001")).await.json();
            assert_eq!(found["total"], 1, "{other}");
        }
        let reader = token(&[("system/*.cruds", "system/Bundle.r")]);
        send(&server, &reader, find("2026MA000001"))
            .await
            .assert_refused(403, "forbidden");
    })
    .await;
}

#[tokio::test]
async fn pages_lead_through_all_records() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let mut stored_ids = std::collections::BTreeSet::new();
        for _ in 0..5 {
            stored_ids.insert(stored(&server, HOSPITAL, &birth(1)).await);
        }
        let mut found_ids = std::collections::BTreeSet::new();
        let mut path = "Bundle?identifier=2026MA000001&_count=2".to_owned();
        for page in [2, 2, 1] {
            let found = send(&server, HOSPITAL, get(&path)).await.json();
            assert_eq!(found["total"], 5);
            let entries = found["entry"].as_array().unwrap();
            assert_eq!(entries.len(), page);
            let ids = entries
                .iter()
                .map(|entry| entry["resource"]["id"].as_str().unwrap());
            found_ids.extend(ids.map(str::to_owned));
            let next = found["link"]
                .as_array()
                .unwrap()
                .iter()
                .find(|l| l["relation"] == "next");
            let Some(next) = next else { break };
            let url = next["url"].as_str().unwrap();
            path = url
                .strip_prefix("https://vro.example/fhir/")
                .unwrap()
                .to_owned();
        }
        assert_eq!(found_ids, stored_ids);
    })
    .await;
}

#[tokio::test]
async fn a_search_may_be_posted() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        stored(&server, HOSPITAL, &birth(1)).await;
        let form = |body: &str, kind: &str| {
            let request = Request::post("/fhir/Bundle/_search").header(header::CONTENT_TYPE, kind);
            request.body(Body::from(body.to_owned())).unwrap()
        };
        let kind = "application/x-www-form-urlencoded";
        let found = send(&server, HOSPITAL, form("identifier=2026MA000001", kind))
            .await
            .json();
        assert_eq!(found["total"], 1);
        let answer = send(
            &server,
            HOSPITAL,
            form("identifier=2026MA000001", "text/plain"),
        )
        .await;
        answer.assert_refused(415, "not-supported");
        let large = format!("identifier={}", "a".repeat(70_000));
        send(&server, HOSPITAL, form(&large, kind))
            .await
            .assert_refused(413, "too-long");
    })
    .await;
}

/// A parameter that is not understood must not silently widen what is found.
#[tokio::test]
async fn what_is_not_understood_is_refused() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        for query in [
            "",
            "identifier=",
            "identifier=a&identifier=b",
            "identifier:not=a",
            "identifier=urn:x%7C",
            "identifier=urn:x%7C&_id=1",
            "identifier=a&_count=-1",
            "identifier=a&_count=many",
            "identifier=%ff",
        ] {
            let answer = send(&server, HOSPITAL, get(&format!("Bundle?{query}"))).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
            assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{query}");
        }
    })
    .await;
}

/// FHIR R4 search, section 3.1.1.5.1: ignored and said so, or refused if the client wants that.
#[tokio::test]
async fn a_parameter_that_is_not_offered_is_named_or_refused() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        stored(&server, HOSPITAL, &birth(1)).await;
        let path = "Bundle?identifier=2026MA000001&name=b";
        let found = send(&server, HOSPITAL, get(path)).await.json();
        assert_eq!(found["total"], 1);
        assert_eq!(found["entry"][1]["search"]["mode"], "outcome");
        assert_eq!(
            found["entry"][1]["resource"]["resourceType"],
            "OperationOutcome"
        );
        let own = found["link"][0]["url"].as_str().unwrap();
        assert!(!own.contains("name"), "{own}");
        let mut strict = get(path);
        strict
            .headers_mut()
            .insert("prefer", "handling=strict".parse().unwrap());
        send(&server, HOSPITAL, strict)
            .await
            .assert_refused(400, "not-supported");
    })
    .await;
}

#[tokio::test]
async fn id_count_and_type_narrow_a_search() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        stored(&server, HOSPITAL, &document("2026MA000001", "92011-6")).await;
        let other = token(&[("Hospital A", "Hospital B")]);
        let rows: &[(&str, String, usize, usize)] = &[
            (HOSPITAL, format!("_id={id}"), 1, 1),
            (HOSPITAL, format!("_id={id}&_count=0"), 1, 0),
            (HOSPITAL, format!("_id={id}&identifier=2026MA000001"), 1, 1),
            (HOSPITAL, format!("_id={id}&identifier=2026MA000002"), 0, 0),
            (HOSPITAL, format!("_id={id}&composition.type=92011-6"), 0, 0),
            (HOSPITAL, "_id=none".to_owned(), 0, 0),
            (&other, format!("_id={id}"), 0, 0),
            (HOSPITAL, "identifier=2026MA000001".to_owned(), 2, 2),
            (
                HOSPITAL,
                "identifier=2026MA000001&_count=0".to_owned(),
                2,
                0,
            ),
            (
                HOSPITAL,
                "identifier=2026MA000001&composition.type=68998-4".to_owned(),
                1,
                1,
            ),
            (
                HOSPITAL,
                "identifier=2026MA000001&composition.type=1-1".to_owned(),
                0,
                0,
            ),
        ];
        for (token, query, total, entries) in rows {
            let found = send(&server, token, get(&format!("Bundle?{query}")))
                .await
                .json();
            assert_eq!(found["total"], *total, "{query}");
            assert_eq!(
                found["entry"].as_array().map_or(0, Vec::len),
                *entries,
                "{query}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn compositions_are_found_by_the_identifier_of_their_document() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let path = "Composition?identifier=2026MA000001&type=68998-4";
        let found = send(&server, HOSPITAL, get(path)).await.json();
        let entry = &found["entry"][0];
        assert_eq!(
            entry["fullUrl"],
            format!("https://vro.example/fhir/Composition/{id}")
        );
        assert_eq!(entry["resource"]["resourceType"], "Composition");
        assert_eq!(entry["resource"]["id"], id);
        let path = "Composition/$document?identifier=2026MA000001";
        let found = send(&server, HOSPITAL, get(path)).await.json();
        assert_eq!(
            (&found["type"], &found["total"]),
            (&"searchset".into(), &1.into())
        );
        assert_eq!(found["entry"][0]["resource"]["resourceType"], "Bundle");
        let no_scope = token(&[("system/*.cruds", "system/Bundle.cruds")]);
        send(&server, &no_scope, get(path))
            .await
            .assert_refused(403, "forbidden");
    })
    .await;
}
