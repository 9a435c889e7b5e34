//! Especially sensitive parts of records, and those who do not see them.

use fhir::redact::Group;
use storage::testing::each_engine;

use super::*;
use crate::config::{Withholding, WithholdingRule};

/// A report with a mother's number in her identifier, her narrative and another text.
fn report() -> String {
    let mother = r#"{"fullUrl":"urn:uuid:5b1f0a4e-6a4e-4f3c-8f0e-000000000002",
        "resource":{"resourceType":"Patient","id":"m","text":{"status":"generated","div":"<div>900-11-2222</div>"},
        "identifier":[{"type":{"coding":[{"code":"SS"}]},"value":"900112222"}],"name":[{"family":"Quetzal 900.11.2222"}]}}"#;
    birth(1)
        .replacen("}}]}", &format!("}}}},{mother}]}}"), 1)
        .replacen(r#""title":"Report""#, r#""title":"Report of 900112222""#, 1)
}

fn withholding(from_roles: Option<&str>, unless_scope: Option<&str>) -> Withholding {
    Withholding {
        rules: vec![WithholdingRule {
            groups: vec![Group::Ssn],
            from_roles: from_roles.map(|role| vec![role.to_owned()]),
            unless_scope: unless_scope.map(str::to_owned),
        }],
    }
}

fn person(role: &str) -> String {
    let role = format!("\"role\":\"{role}\",\"username\":\"u\",\"organization\"");
    token(&[
        ("system/*.cruds", "user/*.cruds"),
        ("\"organization\"", &role),
    ])
}

fn shows(answer: &Answer) -> bool {
    let text = String::from_utf8_lossy(&answer.body);
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    assert_eq!(answer.status, StatusCode::OK, "{text}");
    digits.contains("900112222")
}

/// A copy with gaps has a tag of its own: only that tells that the client has it, and not the record's.
#[tokio::test]
async fn only_its_own_tag_spares_a_copy_with_gaps() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_with(db, |config| {
            config.withholding = withholding(None, Some("sensitive/ssn"));
        });
        let id = stored(&server, HOSPITAL, &report()).await;
        let full = token(&[("system/*.cruds", "system/*.cruds sensitive/ssn")]);
        let (own, gaps) = ("W/\"1\"", "W/\"1-redacted\"");
        for (token, tag, status) in [
            (HOSPITAL, gaps, 304),
            (HOSPITAL, own, 200),
            (&full, gaps, 200),
            (&full, own, 304),
        ] {
            let mut request = get(&format!("Bundle/{id}"));
            let headers = request.headers_mut();
            headers.insert("if-none-match", tag.parse().unwrap());
            let answer = send(&server, token, request).await;
            assert_eq!(answer.status, status, "{tag}");
            let expected = if token == HOSPITAL { gaps } else { own };
            assert_eq!(answer.header("etag"), expected, "{tag}");
        }
    })
    .await;
}

/// Nor does a date: 304 says the same tag as 200 would (RFC 9110 section 15.4.5), and so does a history.
#[tokio::test]
async fn every_way_to_a_copy_with_gaps_says_its_tag() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_with(db, |config| {
            config.withholding = withholding(None, Some("sensitive/ssn"));
        });
        let id = stored(&server, HOSPITAL, &report()).await;
        let full = token(&[("system/*.cruds", "system/*.cruds sensitive/ssn")]);
        for (token, tag) in [(HOSPITAL, "W/\"1-redacted\""), (&full, "W/\"1\"")] {
            for name in ["Bundle", "Composition"] {
                let path = format!("{name}/{id}");
                let read = send(&server, token, get(&path)).await;
                assert_eq!(read.header("etag"), tag, "{path}");
                let mut again = get(&path);
                let modified = read.headers["last-modified"].clone();
                again.headers_mut().insert("if-modified-since", modified);
                let known = send(&server, token, again).await;
                assert_eq!(known.status, 304, "{path}");
                assert_eq!(known.header("etag"), tag, "{path}");
                for path in [format!("{path}/_history"), format!("{name}/_history")] {
                    let history = send(&server, token, get(&path)).await.json();
                    let etag = &history["entry"][0]["response"]["etag"];
                    assert_eq!(etag, tag, "{path}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn every_answer_is_without_what_is_withheld() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_with(db, |config| {
            config.withholding = withholding(None, Some("sensitive/ssn"));
        });
        let id = stored(&server, HOSPITAL, &report()).await;
        let full = token(&[("system/*.cruds", "system/*.cruds sensitive/ssn")]);
        for path in [
            format!("Bundle/{id}"),
            format!("Bundle?_id={id}"),
            format!("Bundle?identifier={IJE}|2026MA000001"),
            format!("Composition/{id}/$document"),
            format!("Composition/$document?id={id}"),
            format!("Composition/$document?identifier={IJE}|2026MA000001"),
        ] {
            let answer = send(&server, HOSPITAL, get(&path)).await;
            assert!(!shows(&answer), "{path}");
            assert_eq!(
                answer.json()["meta"]["security"][0]["code"],
                "REDACTED",
                "{path}"
            );
            assert!(
                String::from_utf8_lossy(&answer.body).contains("Quetzal redacted"),
                "{path}"
            );
            assert!(shows(&send(&server, &full, get(&path)).await), "{path}");
        }
        let redacted = send(&server, HOSPITAL, get(&format!("Bundle/{id}"))).await;
        assert_eq!(redacted.header("etag"), "W/\"1-redacted\"");
        for path in [
            format!("Bundle/{id}/_history/1"),
            format!("Bundle/{id}/_history"),
            "Bundle/_history".to_owned(),
            format!("Patient/{id}-1"),
            // Here only the number that another entry names tells that it is one.
            format!("Composition/{id}"),
            format!("Composition/{id}/_history/1"),
            format!("Composition/{id}/_history"),
            "Composition/_history".to_owned(),
            format!("Composition?_id={id}"),
            "Composition".to_owned(),
        ] {
            let answer = send(&server, HOSPITAL, get(&path)).await;
            assert!(!shows(&answer), "{path}");
            // It says so, also where something went because the document around it knows the number.
            assert_eq!(
                answer.json()["meta"]["security"][0]["code"],
                "REDACTED",
                "{path}"
            );
            if let Some(tag) = answer.headers.get("etag") {
                assert_eq!(tag, "W/\"1-redacted\"", "{path}");
            }
            assert!(shows(&send(&server, &full, get(&path)).await), "{path}");
        }
        // The received bytes are for those who may see all of them, and are what they were.
        let original = get(&format!("Bundle/{id}/$original"));
        send(&server, HOSPITAL, original)
            .await
            .assert_refused(403, "suppressed");
        let original = send(&server, &full, get(&format!("Bundle/{id}/$original"))).await;
        assert_eq!(String::from_utf8(original.body).unwrap(), report());
        // Nor does a batch give more than its entries would alone.
        let entry = |path: &str| format!(r#"{{"request":{{"method":"GET","url":"{path}"}}}}"#);
        let paths = [
            "Bundle/ID",
            "Bundle/ID/$original",
            "Patient/ID-1",
            "Bundle?_id=ID",
            "Composition/ID",
            "Composition/ID/_history",
            "Composition?_id=ID",
        ];
        let entries = paths.map(|path| entry(&path.replace("ID", &id))).join(",");
        let batch = || {
            let body = format!(r#"{{"resourceType":"Bundle","type":"batch","entry":[{entries}]}}"#);
            Request::post("/fhir")
                .header(header::CONTENT_TYPE, "application/fhir+json")
                .body(Body::from(body))
                .unwrap()
        };
        let answer = send(&server, HOSPITAL, batch()).await;
        assert!(!shows(&answer));
        for tagged in [0, 2, 4] {
            let tag = &answer.json()["entry"][tagged]["response"]["etag"];
            assert_eq!(tag, "W/\"1-redacted\"", "{tagged}");
        }
        let status = &answer.json()["entry"][1]["response"]["status"];
        assert!(!status.as_str().unwrap().starts_with("200"), "{status}");
        assert!(shows(&send(&server, &full, batch()).await));
        // What nothing is withheld from is the record.
        let other = stored(&server, HOSPITAL, &birth(2)).await;
        let read = send(&server, HOSPITAL, get(&format!("Bundle/{other}"))).await;
        assert_eq!(read.header("etag"), "W/\"1\"");
        assert_eq!(read.json()["meta"]["security"], serde_json::Value::Null);
    })
    .await;
}

#[tokio::test]
async fn a_sender_gets_back_no_more_than_a_reader() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_with(db, |config| config.withholding = withholding(None, None));
        let mut request = post(&report());
        let prefer = "return=representation".parse().unwrap();
        request.headers_mut().insert("prefer", prefer);
        let created = send(&server, HOSPITAL, request).await;
        assert_eq!(created.status, StatusCode::CREATED);
        assert!(
            !String::from_utf8(created.body)
                .unwrap()
                .contains("900112222")
        );
    })
    .await;
}

#[tokio::test]
async fn roles_and_scopes_decide() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_with(db, |config| {
            config.withholding = withholding(Some("clerk"), Some("sensitive/ssn"));
        });
        let id = stored(&server, HOSPITAL, &report()).await;
        let excepted = person("clerk").replace("user/*.cruds", "user/*.cruds sensitive/ssn");
        for (who, sees) in [
            (HOSPITAL.to_owned(), true),
            (person("registrar"), true),
            (person("clerk"), false),
            (excepted, true),
        ] {
            let answer = send(&server, &who, get(&format!("Bundle/{id}"))).await;
            assert_eq!(shows(&answer), sees, "{who}");
        }
    })
    .await;
}

/// The most for an issuer is also the most of what is withheld: whatever words its tokens have.
#[tokio::test]
async fn the_scope_of_an_issuer_bounds_what_is_seen() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_with(db, |config| {
            config.withholding = withholding(None, Some("sensitive/ssn"));
        });
        let id = stored(&server, HOSPITAL, &report()).await;
        let full = token(&[("system/*.cruds", "system/*.cruds sensitive/ssn")]);
        for (scope, sees) in [
            ("system/Bundle.rs", false),
            ("system/Bundle.rs sensitive/other", false),
            ("system/Bundle.rs sensitive/ssn", true),
        ] {
            let limits = IssuerLimits {
                scope: Some(oauth::Scope::parse(scope).unwrap()),
                ..IssuerLimits::none()
            };
            let read = get(&format!("Bundle/{id}"));
            let answer = send_within(&server, &limits, &full, read).await;
            assert_eq!(shows(&answer), sees, "{scope}");
            let original = get(&format!("Bundle/{id}/$original"));
            let answer = send_within(&server, &limits, &full, original).await;
            assert_eq!(answer.status, if sees { 200 } else { 403 }, "{scope}");
            // The limit gives nothing by itself.
            let read = get(&format!("Bundle/{id}"));
            let answer = send_within(&server, &limits, HOSPITAL, read).await;
            assert!(!shows(&answer), "{scope}");
        }
    })
    .await;
}

/// A copy with gaps cannot come back as the record: neither by its entity tag nor by its content.
#[tokio::test]
async fn gaps_never_get_into_the_record() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_with(db, |config| {
            config.withholding = withholding(None, Some("sensitive/ssn"));
        });
        let id = stored(&server, HOSPITAL, &report()).await;
        let copy = send(&server, HOSPITAL, get(&format!("Bundle/{id}"))).await;
        let put = |tag: &str| {
            let request = Request::put(format!("/fhir/Bundle/{id}"))
                .header(header::CONTENT_TYPE, "application/fhir+json")
                .header("if-match", tag);
            request.body(Body::from(copy.body.clone())).unwrap()
        };
        let answer = send(&server, HOSPITAL, put(copy.header("etag"))).await;
        assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED);
        send(&server, HOSPITAL, put("W/\"1\""))
            .await
            .assert_refused(422, "business-rule");
        // Nor with only some of its labels, whether it replaces the record, is a new one, or stands in a batch.
        let copied = String::from_utf8(copy.body.clone()).unwrap();
        let label = r#""security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"REDACTED"}]"#;
        let unlabelled = copied.replacen(label, r#""security":[]"#, 1);
        let small = unlabelled.replace("REDACTED", "redacted");
        // Nor without any label, while it is still full of masks.
        let bare = copied.replace("REDACTED", "R");
        assert!(unlabelled != copied && small != unlabelled && bare != copied);
        for body in [&copied, &unlabelled, &small, &bare] {
            let mut again = put("W/\"1\"");
            *again.body_mut() = Body::from(body.clone());
            send(&server, HOSPITAL, again)
                .await
                .assert_refused(422, "business-rule");
            send(&server, HOSPITAL, post(body))
                .await
                .assert_refused(422, "business-rule");
            for kind in ["batch", "transaction"] {
                let posted = format!(
                    r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{{"resource":{body},"request":{{"method":"POST","url":"Bundle"}}}}]}}"#
                );
                let request = Request::post("/fhir")
                    .header(header::CONTENT_TYPE, "application/fhir+json")
                    .body(Body::from(posted))
                    .unwrap();
                let answer = send(&server, HOSPITAL, request).await;
                match kind {
                    "batch" => {
                        let status = &answer.json()["entry"][0]["response"]["status"];
                        assert_eq!(status, "422");
                    }
                    _ => assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY),
                }
            }
        }
        let full = token(&[("system/*.cruds", "system/*.cruds sensitive/ssn")]);
        assert!(shows(
            &send(&server, &full, get(&format!("Bundle/{id}"))).await
        ));
        // Who sees everything has masks only where the sender has them.
        let answer = send(&server, &full, post(&bare)).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        send(&server, &full, post(&copied))
            .await
            .assert_refused(422, "business-rule");
    })
    .await;
}

/// `If-None-Exist` would tell whether a number is there.
#[tokio::test]
async fn no_condition_tells_of_a_number() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_with(db, |config| config.withholding = withholding(None, None));
        let named = birth(1).replace("2026MA000001", "900-11-2222");
        let first = send(&server, HOSPITAL, post(&named)).await;
        let mut again = post(&named);
        let condition = format!("identifier={IJE}|900-11-2222").parse().unwrap();
        again.headers_mut().insert("if-none-exist", condition);
        let second = send(&server, HOSPITAL, again).await;
        // Refused for its form or stored a second time, but never found.
        assert_eq!(first.status, second.status);
        assert_ne!(second.status, StatusCode::OK);
    })
    .await;
}
