//! Structural checks: on intake as the setting says, and by `$validate`.

use storage::testing::each_engine;

use super::*;
use crate::config::Validation;

/// A report with a date that does not exist, a gender that is none, and no subject.
fn faulty() -> String {
    let patient = r#"{"fullUrl":"urn:uuid:5b1f0a4e-6a4e-4f3c-8f0e-000000000002",
        "resource":{"resourceType":"Patient","gender":"Mary","birthDate":"2026-02-30"}}"#;
    birth(1).replacen("}}]}", &format!("}}}},{patient}]}}"), 1)
}

fn operation(body: &str, query: &str) -> Request<Body> {
    let request = Request::post(format!("/fhir/Bundle/$validate{query}"))
        .header(header::CONTENT_TYPE, "application/fhir+json");
    request.body(Body::from(body.to_owned())).unwrap()
}

fn severities(answer: &Answer) -> Vec<String> {
    let outcome = answer.json();
    assert_eq!(outcome["resourceType"], "OperationOutcome", "{outcome}");
    let issues = outcome["issue"].as_array().unwrap().clone();
    let mut all: Vec<_> = issues
        .iter()
        .map(|issue| issue["severity"].as_str().unwrap().to_owned())
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn the_setting_decides_what_becomes_of_a_faulty_record() {
    let rows: &[(Validation, u16, &[&str])] = &[
        (Validation::Off, 201, &["information"]),
        (
            Validation::Warn,
            201,
            &["information", "warning", "warning", "warning", "warning"],
        ),
        (
            Validation::Enforce,
            422,
            &["error", "error", "error", "warning"],
        ),
    ];
    for (validation, status, expected) in rows {
        each_engine(&[ResourceServer::MIGRATIONS], |db| async {
            let server = server_with(db, |config| config.validation = *validation);
            let mut request = post(&faulty());
            let prefer = "return=OperationOutcome".parse().unwrap();
            request.headers_mut().insert("prefer", prefer);
            let answer = send(&server, HOSPITAL, request).await;
            assert_eq!(answer.status.as_u16(), *status, "{validation:?}");
            assert_eq!(severities(&answer), *expected, "{validation:?}");
            let told = String::from_utf8(answer.body).unwrap();
            assert!(
                !told.contains("Mary") && !told.contains("2026-02-30"),
                "{told}"
            );
        })
        .await;
    }
}

#[tokio::test]
async fn what_is_right_is_taken_where_it_is_enforced() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_with(db, |config| config.validation = Validation::Enforce);
        stored(&server, HOSPITAL, &right()).await;
    })
    .await;
}

/// A report without a fault.
fn right() -> String {
    let patient = r#"{"fullUrl":"urn:uuid:5b1f0a4e-6a4e-4f3c-8f0e-000000000002",
        "resource":{"resourceType":"Patient","birthDate":"2026-02-03"}}"#;
    let subject =
        r#""subject":{"reference":"urn:uuid:5b1f0a4e-6a4e-4f3c-8f0e-000000000002"},"date""#;
    birth(1)
        .replacen("}}]}", &format!("}}}},{patient}]}}"), 1)
        .replacen("\"date\"", subject, 1)
        .replacen("\"unknown\": 1.50,", "", 1)
}

#[tokio::test]
async fn validate_tells_everything_and_stores_nothing() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let wrapped = |mode: &str| {
            let record = faulty();
            format!(
                r#"{{"resourceType":"Parameters","parameter":[{mode}{{"name":"resource","resource":{record}}}]}}"#
            )
        };
        let mode = |mode: &str| format!(r#"{{"name":"mode","valueCode":"{mode}"}},"#);
        let all = &["error", "error", "error", "warning"][..];
        let death = document("2026MA000001", "64297-5");
        let rows: &[(String, &str, &[&str])] = &[
            (right(), "", &["information"]),
            (faulty(), "", all),
            (faulty(), "?mode=create", all),
            (wrapped(""), "", all),
            (wrapped(&mode("update")), "", all),
            (wrapped(&mode("profile")), "", &["error"]),
            (wrapped(&mode("create")), "?mode=create", &["error"]),
            (right(), "?profile=http://a", &["warning"]),
            (r#"{"resourceType":"Parameters"}"#.to_owned(), "?mode=delete", &["information"]),
            (r#"{"resourceType":"Parameters"}"#.to_owned(), "", &["error"]),
            // What hosting it would be refused for.
            (death, "", &["error", "warning"]),
            (r#"{"resourceType":"Patient","id":"1"}"#.to_owned(), "", &["error"]),
        ];
        for (body, query, told) in rows {
            let answer = send(&server, HOSPITAL, operation(body, query)).await;
            assert_eq!(answer.status, StatusCode::OK, "{body}");
            let found = severities(&answer);
            assert_eq!(found, *told, "{query} {body} {}", answer.json());
        }
        for body in ["", "{", "no json"] {
            send(&server, HOSPITAL, operation(body, "")).await.assert_refused(400, "structure");
        }
        let reader = token(&[("system/*.cruds", "system/*.rs")]);
        send(&server, &reader, operation(&right(), "")).await.assert_refused(403, "forbidden");
        let found = send(&server, HOSPITAL, get("Bundle?identifier=2026MA000001")).await;
        assert_eq!(found.json()["total"], 0);
    })
    .await;
}
