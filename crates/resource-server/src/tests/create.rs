//! `POST Bundle`.

use storage::testing::each_engine;

use super::*;

#[tokio::test]
async fn a_create_answers_where_the_record_is() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let created = send(&server, HOSPITAL, post(&birth(1))).await;
        assert_eq!(created.status, StatusCode::CREATED);
        assert!(created.body.is_empty());
        let id = created.id();
        let location = format!("https://vro.example/fhir/Bundle/{id}/_history/1");
        assert_eq!(created.header("location"), location);
        assert_eq!(created.header("etag"), "W/\"1\"");
        assert_eq!(
            created.header("last-modified"),
            "Mon, 23 Nov 2026 12:00:00 GMT"
        );
        assert_eq!(id.parse::<uuid::Uuid>().unwrap().get_version_num(), 7);
    })
    .await;
}

#[tokio::test]
async fn prefer_chooses_the_body() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        for (prefer, kind) in [
            ("return=representation", "Bundle"),
            ("return=OperationOutcome", "OperationOutcome"),
            ("respond-async, return=representation", "Bundle"),
        ] {
            let mut request = post(&birth(1));
            request
                .headers_mut()
                .insert("prefer", prefer.parse().unwrap());
            let created = send(&server, HOSPITAL, request).await;
            assert_eq!(created.status, StatusCode::CREATED);
            assert_eq!(
                created.header("content-type"),
                "application/fhir+json; charset=utf-8"
            );
            assert_eq!(created.json()["resourceType"], kind, "{prefer}");
        }
        let mut request = post(&birth(1));
        request
            .headers_mut()
            .insert("prefer", "return=minimal".parse().unwrap());
        assert!(send(&server, HOSPITAL, request).await.body.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let twice = birth(1).replacen("\"type\"", "\"type\":\"message\",\"type\"", 1);
        let patient = r#"{"resourceType":"Patient","id":"1"}"#;
        let bad_meta = birth(1).replacen("\"type\"", "\"meta\":[],\"type\"", 1);
        let nul = birth(1).replacen("2026MA000001", "2026MA\\u0000", 1);
        let death = document("2026MA000001", "64297-5");
        let rows: &[(&str, u16)] = &[
            ("", 400),
            ("{", 400),
            ("not json", 400),
            (&twice, 400),
            ("[]", 422),
            ("{}", 422),
            (patient, 422),
            (&bad_meta, 422),
            (&nul, 422),
            (&death, 422),
        ];
        for (body, status) in rows {
            let answer = send(&server, HOSPITAL, post(body)).await;
            assert_eq!(answer.status.as_u16(), *status, "{body}");
            assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{body}");
        }
        assert!(
            crate::ResourceServer::list_records(server.db(), 10)
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn media_type_and_size_are_limited() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        for wrong in [
            "application/fhir+xml",
            "text/plain",
            "application/json; charset=latin1",
            "",
        ] {
            let mut request = post(&birth(1));
            request
                .headers_mut()
                .insert("content-type", wrong.parse().unwrap());
            send(&server, HOSPITAL, request)
                .await
                .assert_refused(415, "not-supported");
        }
        for coding in ["gzip", "identity, gzip", "br"] {
            let mut request = post(&birth(1));
            request
                .headers_mut()
                .insert("content-encoding", coding.parse().unwrap());
            send(&server, HOSPITAL, request)
                .await
                .assert_refused(415, "not-supported");
        }
        for right in [
            "application/json",
            "Application/FHIR+JSON; charset=\"UTF-8\"",
        ] {
            let mut request = post(&birth(1));
            request
                .headers_mut()
                .insert("content-type", right.parse().unwrap());
            assert_eq!(
                send(&server, HOSPITAL, request).await.status,
                StatusCode::CREATED
            );
        }
        let large = birth(1) + &" ".repeat(100_000);
        send(&server, HOSPITAL, post(&large))
            .await
            .assert_refused(413, "too-long");
        let mut announced = post(&birth(1));
        announced
            .headers_mut()
            .insert("content-length", "100001".parse().unwrap());
        send(&server, HOSPITAL, announced)
            .await
            .assert_refused(413, "too-long");
    })
    .await;
}

#[tokio::test]
async fn the_token_s_rights_bound_a_create() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let other_place = document("2026NJ000001", "68998-4");
        let fetal_death = document("2026MA000001", "69045-3");
        let no_organization = token(&[(r#""organization":"Hospital A","#, "")]);
        let read_only = token(&[("system/*.cruds", "system/*.rs")]);
        let rows: &[(&str, &str)] = &[
            (HOSPITAL, &other_place),
            (HOSPITAL, &fetal_death),
            (&no_organization, &birth(1)),
            (&read_only, &birth(1)),
        ];
        for (token, body) in rows {
            let answer = send(&server, token, post(body)).await;
            answer.assert_refused(403, "forbidden");
            let challenge = answer.header("www-authenticate");
            assert!(
                challenge.contains(r#"error="insufficient_scope""#),
                "{challenge}"
            );
        }
        assert!(
            crate::ResourceServer::list_records(server.db(), 10)
                .await
                .unwrap()
                .is_empty()
        );
    })
    .await;
}

#[tokio::test]
async fn a_record_without_jurisdiction_takes_the_token_s_only_one() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let unknown = document("2026XX000001", "68998-4");
        let several = token(&[(r#"["MA"]"#, r#"["MA","NJ"]"#)]);
        send(&server, &several, post(&unknown))
            .await
            .assert_refused(422, "business-rule");
        stored(&server, HOSPITAL, &unknown).await;
        let records = crate::ResourceServer::list_records(server.db(), 10)
            .await
            .unwrap();
        assert_eq!(records[0].jurisdiction.as_str(), "MA");
    })
    .await;
}

/// Coded race and ethnicity is a document of births and of fetal deaths, and does not say of which.
#[tokio::test]
async fn a_shared_coded_document_takes_the_token_s_only_record_type() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let coded = document("2026MA000001", "86805-9");
        let both = token(&[(r#"["birth"]"#, r#"["birth","fetal-death"]"#)]);
        let of_births = stored(&server, HOSPITAL, &coded).await;
        let of_either = stored(&server, &both, &coded).await;
        for (token, id, status) in [
            (HOSPITAL, &of_births, 200),
            (HOSPITAL, &of_either, 404),
            (&both, &of_births, 200),
            (&both, &of_either, 200),
        ] {
            let answer = send(&server, token, get(&format!("Bundle/{id}"))).await;
            assert_eq!(answer.status.as_u16(), status);
        }
        let search = "Bundle?identifier=2026MA000001";
        assert_eq!(
            send(&server, HOSPITAL, get(search)).await.json()["total"],
            1
        );
        assert_eq!(send(&server, &both, get(search)).await.json()["total"], 2);
    })
    .await;
}

#[tokio::test]
async fn the_submitter_is_the_token_s_organization_and_the_addressee_the_party() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        stored(&server, HOSPITAL, &birth(1)).await;
        stored(&server, &token(&[("Hospital A", "State VRO")]), &birth(2)).await;
        let records = crate::ResourceServer::list_records(server.db(), 10)
            .await
            .unwrap();
        let mut owners: Vec<_> = records
            .iter()
            .map(|r| (r.organization.as_str(), r.addressee.as_deref()))
            .collect();
        owners.sort_unstable();
        assert_eq!(
            owners,
            [("Hospital A", Some("State VRO")), ("State VRO", None)]
        );
    })
    .await;
}

#[tokio::test]
async fn if_none_exist_stores_once() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let criteria = format!("identifier={IJE}|2026MA000001");
        let first = send(&server, HOSPITAL, conditional(&birth(1), &criteria)).await;
        assert_eq!(first.status, StatusCode::CREATED);
        for criteria in [&criteria, "identifier=2026MA000001"] {
            let again = send(&server, HOSPITAL, conditional(&birth(1), criteria)).await;
            assert_eq!(again.status, StatusCode::OK);
            assert_eq!(again.header("location"), first.header("location"));
            assert_eq!(again.header("etag"), "W/\"1\"");
        }
        let without_system = "identifier=|2026MA000001";
        let other = send(&server, HOSPITAL, conditional(&birth(1), without_system)).await;
        assert_eq!(
            other.status,
            StatusCode::CREATED,
            "the stored one has a system"
        );
        let several = send(&server, HOSPITAL, conditional(&birth(1), &criteria)).await;
        several.assert_refused(412, "multiple-matches");
        for wrong in [
            "",
            "identifier=",
            "identifier",
            "_id=1",
            "identifier=a&identifier=b",
        ] {
            let answer = send(&server, HOSPITAL, conditional(&birth(1), wrong)).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong:?}");
        }
    })
    .await;
}

/// Otherwise a coded document would be answered 200 with the report of the same number, and be lost.
#[tokio::test]
async fn if_none_exist_tells_documents_of_one_identifier_apart() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let criteria = format!("identifier={IJE}|2026MA000001");
        let report = conditional(&birth(1), &criteria);
        let provider = send(&server, HOSPITAL, report).await;
        let report = conditional(&document("2026MA000001", "92011-6"), &criteria);
        let jurisdiction = send(&server, HOSPITAL, report).await;
        assert_eq!(jurisdiction.status, StatusCode::CREATED);
        assert_ne!(provider.id(), jurisdiction.id());
    })
    .await;
}

/// A record that the token cannot see does not exist to it, nor stands in its way.
#[tokio::test]
async fn if_none_exist_sees_only_what_the_token_sees() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let criteria = format!("identifier={IJE}|2026MA000001");
        let first = send(&server, HOSPITAL, conditional(&birth(1), &criteria)).await;
        let other = token(&[("Hospital A", "Hospital B")]);
        let second = send(&server, &other, conditional(&birth(1), &criteria)).await;
        assert_eq!(second.status, StatusCode::CREATED);
        assert_ne!(first.id(), second.id());
    })
    .await;
}

/// The token counted when the request began, and is over when the body is there.
#[tokio::test]
async fn a_body_that_takes_longer_than_its_token_is_refused() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let clock = server.clock().clone();
        let expiry = clock.now().as_second() + 5;
        let short = token(&[("4000000000", &expiry.to_string())]);
        let slow = post(&birth(1)).map(|body| {
            Body::new(body.map_frame(move |frame| {
                clock.advance(jiff::SignedDuration::from_secs(5));
                frame
            }))
        });
        let answer = send(&server, &short, slow).await;
        answer.assert_refused(401, "login");
        assert!(answer.header("www-authenticate").contains("invalid_token"));
        let stored = crate::ResourceServer::list_records(server.db(), 100).await;
        assert_eq!(stored.unwrap().len(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_at_once_store_one_row() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let criteria = format!("identifier={IJE}|2026MA000001");
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let (server, criteria) = (server.clone(), criteria.clone());
                tokio::spawn(async move {
                    loop {
                        let request = conditional(&birth(1), &criteria);
                        let answer = send(&server, HOSPITAL, request).await;
                        // On a slow disk the last in the queue are told to come again.
                        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                            return answer;
                        }
                    }
                })
            })
            .collect();
        let mut created = 0;
        let mut locations = std::collections::BTreeSet::new();
        for task in tasks {
            let answer = task.await.unwrap();
            assert!(
                matches!(answer.status.as_u16(), 200 | 201),
                "{}",
                answer.status
            );
            created += u32::from(answer.status == StatusCode::CREATED);
            locations.insert(answer.header("location").to_owned());
        }
        assert_eq!((created, locations.len()), (1, 1));
        assert_eq!(
            crate::ResourceServer::list_records(server.db(), 100)
                .await
                .unwrap()
                .len(),
            1
        );
    })
    .await;
}
