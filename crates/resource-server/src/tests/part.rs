//! The parts of documents, by type and id.

use storage::testing::each_engine;

use super::*;

/// A report with a patient behind its Composition.
fn report(number: u32) -> String {
    let patient = r#",{"fullUrl":"urn:uuid:5b1f0a4e-6a4e-4f3c-8f0e-000000000002",
        "resource":{ "resourceType":"Patient", "id":"theirs", "active": true,
          "managingOrganization":{"reference":"Organization/theirs"} }}]}"#;
    let body = birth(number);
    let end = body.rfind("]}").unwrap();
    format!("{}{patient}", &body[..end])
}

#[tokio::test]
async fn a_part_is_the_entry_under_an_id_of_its_own() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &report(1)).await;
        let answer = send(&server, HOSPITAL, get(&format!("Patient/{id}-1"))).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.header("etag"), "W/\"1\"");
        let patient = answer.json();
        assert_eq!(patient["id"], format!("{id}-1"));
        assert_eq!(patient["meta"]["versionId"], "1");
        assert_eq!(patient["active"], true);
        let reference = &patient["managingOrganization"]["reference"];
        assert_eq!(reference, "Organization/theirs", "as the document has it");
        let known = {
            let mut request = get(&format!("Patient/{id}-1"));
            request
                .headers_mut()
                .insert("if-none-match", "W/\"1\"".parse().unwrap());
            send(&server, HOSPITAL, request).await
        };
        assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_part_is_404() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &report(1)).await;
        for path in [
            format!("Patient/{id}-0"),
            format!("Patient/{id}-2"),
            format!("Patient/{id}-01"),
            format!("Patient/{id}"),
            format!("Patient/{id}-99999999999"),
            format!("Coverage/{id}-1"),
            "Patient/theirs".to_owned(),
            "Patient/theirs-1".to_owned(),
        ] {
            let answer = send(&server, HOSPITAL, get(&path)).await;
            answer.assert_refused(404, "not-found");
        }
    })
    .await;
}

#[tokio::test]
async fn a_part_needs_the_scope_of_its_type_and_the_reach_of_its_record() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &report(1)).await;
        let path = format!("Patient/{id}-1");
        for (scope, status) in [
            ("system/Patient.r", 200),
            ("system/Bundle.rs", 403),
            ("system/Observation.r", 403),
            ("system/Patient.s", 403),
        ] {
            let token = token(&[("system/*.cruds", scope)]);
            let answer = send(&server, &token, get(&path)).await;
            assert_eq!(answer.status.as_u16(), status, "{scope}");
        }
        for other in [
            token(&[("Hospital A", "Hospital B")]),
            token(&[(r#"["MA"]"#, r#"["NJ"]"#)]),
        ] {
            let answer = send(&server, &other, get(&path)).await;
            answer.assert_refused(404, "not-found");
        }
        let delete = Request::delete(format!("/fhir/Bundle/{id}"));
        send(&server, HOSPITAL, delete.body(Body::empty()).unwrap()).await;
        let answer = send(&server, HOSPITAL, get(&path)).await;
        answer.assert_refused(410, "deleted");
    })
    .await;
}

/// What is withheld from a token stays withheld where it asks for the part instead of the document.
#[tokio::test]
async fn a_part_shows_no_more_than_its_document() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_with(db, |config| {
            config.withholding.rules = vec![crate::config::WithholdingRule {
                groups: vec![fhir::redact::Group::Names],
                from_roles: None,
                unless_scope: None,
            }];
        });
        let named = report(1).replace("\"active\"", r#""name":[{"family":"Lovelace"}],"active""#);
        let id = stored(&server, HOSPITAL, &named).await;
        let answer = send(&server, HOSPITAL, get(&format!("Patient/{id}-1"))).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert!(
            !String::from_utf8(answer.body.clone())
                .unwrap()
                .contains("Lovelace")
        );
        assert_eq!(answer.json()["meta"]["security"][0]["code"], "REDACTED");
    })
    .await;
}
