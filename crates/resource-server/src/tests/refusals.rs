//! What a refusal says: what is wrong, of which parameter or header, and nothing to whom nothing is to be said.

use storage::testing::each_engine;

use super::*;

/// A record that is no document; it has no Composition.
const MESSAGE: &str = r#"{"resourceType":"Bundle","type":"message","timestamp":"2026-11-01T00:00:00Z","entry":[
    {"resource":{"resourceType":"MessageHeader","id":"m1","eventUri":"http://nchs.cdc.gov/birth_submission_void"}},
    {"resource":{"resourceType":"Parameters","parameter":[{"name":"jurisdiction_id","valueString":"MA"},
        {"name":"cert_no","valueUnsignedInt":1},{"name":"event_year","valueUnsignedInt":2026}]}}]}"#;

fn text(answer: &Answer) -> String {
    let text = &answer.json()["issue"][0]["details"]["text"];
    text.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_missing_version_is_told_to_who_reaches_the_record_only() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let other = token(&[("Hospital A", "Hospital B")]);
        let absent = "0198f000-0000-7000-8000-000000000000";
        for version in ["0", "2", "x", "99999999999999999999"] {
            for kind in ["Bundle", "Composition"] {
                let path = |id: &str| format!("{kind}/{id}/_history/{version}");
                let known = send(&server, HOSPITAL, get(&path(&id))).await;
                known.assert_refused(404, "not-found");
                assert!(text(&known).contains("no such version"), "{known:?}");
                let hidden = send(&server, &other, get(&path(&id))).await;
                let nowhere = send(&server, &other, get(&path(absent))).await;
                nowhere.assert_refused(404, "not-found");
                assert_eq!(text(&nowhere), "no such record");
                assert_eq!(hidden.status, nowhere.status);
                assert_eq!(hidden.headers, nowhere.headers);
                assert_eq!(hidden.body, nowhere.body, "nothing tells the two apart");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_record_without_composition_has_none_in_any_version() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, MESSAGE).await;
        let absent = "0198f000-0000-7000-8000-000000000000";
        for version in ["1", "2", "x"] {
            let path = |id: &str| format!("Composition/{id}/_history/{version}");
            let there = send(&server, HOSPITAL, get(&path(&id))).await;
            let nowhere = send(&server, HOSPITAL, get(&path(absent))).await;
            assert_eq!((there.status, &there.body), (nowhere.status, &nowhere.body));
        }
    })
    .await;
}

#[tokio::test]
async fn an_update_without_a_version_is_told_where_to_get_one_and_not_which() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_with(db, |config| config.require_if_match = true);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let absent = "0198f000-0000-7000-8000-000000000000";
        let other = token(&[("Hospital A", "Hospital B")]);
        let mut answers = Vec::new();
        for (token, id) in [(HOSPITAL, id.as_str()), (&other, &id), (&other, absent)] {
            let request = Request::put(format!("/fhir/Bundle/{id}"))
                .header(header::CONTENT_TYPE, "application/fhir+json")
                .body(Body::from(birth(1)))
                .unwrap();
            let answer = send(&server, token, request).await;
            answer.assert_refused(428, "required");
            assert_eq!(
                answer.json()["issue"][0]["expression"][0],
                "http.If-Match",
                "{answer:?}"
            );
            assert!(text(&answer).contains("ETag"), "{answer:?}");
            assert!(!text(&answer).contains("W/"), "{answer:?}");
            answers.push(answer.body);
        }
        assert!(answers.iter().all(|body| *body == answers[0]));
    })
    .await;
}

#[tokio::test]
async fn a_refused_method_says_which_there_are() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let ask = |method: &str, path: &str| {
            let request = Request::builder()
                .method(method)
                .uri(format!("/fhir{path}"));
            request.body(Body::empty()).unwrap()
        };
        for (method, path, allow) in [
            ("GET", String::new(), "POST"),
            ("PATCH", format!("/Bundle/{id}"), "GET, HEAD, PUT, DELETE"),
            ("DELETE", "/Bundle".to_owned(), "GET, HEAD, POST"),
            ("POST", format!("/Bundle/{id}/_history"), "GET, HEAD"),
            ("GET", "/AuditEvent/_search".to_owned(), "POST"),
        ] {
            let answer = send(&server, HOSPITAL, ask(method, &path)).await;
            answer.assert_refused(405, "not-supported");
            assert_eq!(answer.header("allow"), allow, "{method} {path}");
        }
        for path in [
            format!("/Patient/{id}-1/_history"),
            format!("/Patient/{id}-1/_history/1"),
            "/Patient".to_owned(),
            "/Patient/_search".to_owned(),
            "/Patient/_history".to_owned(),
            "/AuditEvent/_history".to_owned(),
            "/AuditEvent/1/_history/1".to_owned(),
        ] {
            for method in ["GET", "POST", "PATCH"] {
                let answer = send(&server, HOSPITAL, ask(method, &path)).await;
                answer.assert_refused(404, "not-supported");
                assert_eq!(answer.header("allow"), "", "{method} {path}");
            }
        }
        let read = format!(
            r#"{{"resourceType":"Bundle","type":"transaction","entry":[
                {{"request":{{"method":"GET","url":"Bundle/{id}"}}}}]}}"#
        );
        let request = Request::post("/fhir").header(header::CONTENT_TYPE, "application/fhir+json");
        let answer = send(&server, HOSPITAL, request.body(Body::from(read)).unwrap()).await;
        answer.assert_refused(405, "not-supported");
        assert_eq!(answer.header("allow"), "POST");
    })
    .await;
}
