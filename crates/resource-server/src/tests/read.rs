//! `GET Bundle/{id}`, `$original` and the Composition forms.

use storage::testing::each_engine;

use super::*;

#[tokio::test]
async fn a_read_splices_only_id_and_meta() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let answer = send(&server, HOSPITAL, get(&format!("Bundle/{id}"))).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("etag"), "W/\"1\"");
        assert_eq!(
            answer.header("content-type"),
            "application/fhir+json; charset=utf-8"
        );
        assert_eq!(answer.header("cache-control"), "no-store");
        let read = answer.json();
        assert_eq!(read["id"], id);
        assert_eq!(read["meta"]["versionId"], "1");
        assert!(
            read["meta"]["lastUpdated"]
                .as_str()
                .unwrap()
                .starts_with("2026-11-23T12:00:00")
        );
        let text = String::from_utf8(answer.body).unwrap();
        assert!(
            text.contains(r#""unknown": 1.50"#),
            "unknown content survives: {text}"
        );
    })
    .await;
}

#[tokio::test]
async fn the_original_is_byte_for_byte_what_came() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let answer = send(&server, HOSPITAL, get(&format!("Bundle/{id}/$original"))).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.body, birth(1).as_bytes());
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &answer.body);
        let digest =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest.as_ref());
        assert_eq!(
            answer.header("content-digest"),
            format!("sha-256=:{digest}:")
        );
        assert_eq!(answer.header("etag"), "W/\"1\"");
    })
    .await;
}

#[tokio::test]
async fn a_record_out_of_reach_is_as_good_as_absent() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let absent = "0198f000-0000-7000-8000-000000000000";
        let unreachable = [
            token(&[("Hospital A", "Hospital B")]),
            token(&[(r#"["MA"]"#, r#"["NJ"]"#)]),
            token(&[(r#"["birth"]"#, r#"["fetal-death"]"#)]),
        ];
        for tail in ["", "/$original"] {
            let expected = send(&server, HOSPITAL, get(&format!("Bundle/{absent}{tail}"))).await;
            expected.assert_refused(404, "not-found");
            for token in &unreachable {
                let answer = send(&server, token, get(&format!("Bundle/{id}{tail}"))).await;
                assert_eq!(answer.status, expected.status);
                assert_eq!(answer.body, expected.body, "nothing tells the two apart");
                assert_eq!(answer.headers, expected.headers);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_addressee_and_whoever_reaches_all_may_read() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let all = r#""organization_access":"all","organization":"Auditor""#;
        for token in [
            token(&[("Hospital A", "State VRO")]),
            token(&[(r#""organization":"Hospital A""#, all)]),
        ] {
            let answer = send(&server, &token, get(&format!("Bundle/{id}"))).await;
            assert_eq!(answer.status, StatusCode::OK);
        }
    })
    .await;
}

#[tokio::test]
async fn a_read_needs_its_scope() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let writer = token(&[("system/*.cruds", "system/Bundle.c")]);
        let answer = send(&server, &writer, get(&format!("Bundle/{id}"))).await;
        answer.assert_refused(403, "forbidden");
        let challenge = answer.header("www-authenticate");
        assert!(
            challenge.contains(r#"scope="system/Bundle.r""#),
            "{challenge}"
        );
    })
    .await;
}

#[tokio::test]
async fn the_composition_bears_the_bundle_s_id() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let answer = send(&server, HOSPITAL, get(&format!("Composition/{id}"))).await;
        assert_eq!(answer.status, StatusCode::OK);
        let composition = answer.json();
        assert_eq!(composition["resourceType"], "Composition");
        assert_eq!(composition["id"], id);
        assert_eq!(composition["title"], "Report");
    })
    .await;
}

#[tokio::test]
async fn the_document_of_a_composition_is_the_bundle() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        for path in [
            format!("Composition/{id}/$document"),
            format!("Composition/$document?id={id}"),
        ] {
            let answer = send(&server, HOSPITAL, get(&path)).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            assert_eq!(answer.json()["id"], id, "{path}");
            assert_eq!(answer.json()["resourceType"], "Bundle", "{path}");
        }
        let other = token(&[("Hospital A", "Hospital B")]);
        let path = format!("Composition/{id}/$document");
        send(&server, &other, get(&path))
            .await
            .assert_refused(404, "not-found");
    })
    .await;
}

#[tokio::test]
async fn what_is_not_offered_is_refused() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        for path in ["Immunization/1", "Bundle/a/b/c/d", "nothing"] {
            let answer = send(&server, HOSPITAL, get(path)).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
            assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{path}");
        }
        for method in ["POST", "PATCH"] {
            let request = Request::builder()
                .method(method)
                .uri(format!("/fhir/Bundle/{id}"));
            let answer = send(&server, HOSPITAL, request.body(Body::empty()).unwrap()).await;
            answer.assert_refused(405, "not-supported");
            let allowed = "GET, HEAD, PUT, DELETE";
            assert_eq!(answer.header("allow"), allowed, "{method}");
        }
        let mut xml = get(&format!("Bundle/{id}"));
        xml.headers_mut()
            .insert("accept", "application/fhir+xml".parse().unwrap());
        send(&server, HOSPITAL, xml)
            .await
            .assert_refused(406, "not-supported");
        let answer = send(&server, HOSPITAL, get(&format!("Bundle/{id}"))).await;
        assert_eq!(answer.status, StatusCode::OK, "nothing was deleted");
    })
    .await;
}

/// A challenge names a scope that would count for whoever asks.
#[tokio::test]
async fn a_challenge_names_a_word_of_the_caller_s_own() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let client = token(&[("system/*.cruds", "system/Composition.r")]);
        let person = token(&[
            ("system/*.cruds", "user/Composition.r"),
            (
                "\"organization\"",
                "\"role\":\"registrar\",\"username\":\"u\",\"organization\"",
            ),
        ]);
        for (token, scope) in [(client, "system/Bundle.r"), (person, "user/Bundle.r")] {
            for path in ["Bundle/none", "Composition/none/$document"] {
                let answer = send(&server, &token, get(path)).await;
                answer.assert_refused(403, "forbidden");
                let challenge = answer.header("www-authenticate");
                let expected = format!("scope=\"{scope}\"");
                assert!(challenge.contains(&expected), "{path} {challenge}");
            }
        }
    })
    .await;
}
