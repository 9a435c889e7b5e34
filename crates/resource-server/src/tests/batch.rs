//! `POST [base]`: batches and transactions.

use serde_json::{Value, json};
use storage::audit::{self, Filter};
use storage::testing::each_engine;

use super::*;

fn batch(kind: &str, entries: &[String]) -> Request<Body> {
    let entries = entries.join(",");
    let body = format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{entries}]}}"#);
    at_base(body)
}

fn at_base(body: String) -> Request<Body> {
    Request::post("/fhir")
        .header(header::CONTENT_TYPE, "application/fhir+json")
        .body(Body::from(body))
        .unwrap()
}

/// An entry with further members of its request.
fn entry(method: &str, url: &str, more: &str, resource: Option<&str>) -> String {
    let (method, url) = (json!(method), json!(url));
    let resource = resource.map_or_else(String::new, |text| format!(r#""resource":{text},"#));
    format!(r#"{{{resource}"request":{{"method":{method},"url":{url}{more}}}}}"#)
}

fn create(body: &str) -> String {
    entry("POST", "Bundle", "", Some(body))
}

fn identified(body: &str, id: &str) -> String {
    body.replacen("\"type\"", &format!("\"id\":\"{id}\",\"type\""), 1)
}

/// Status and issue code of each entry's answer.
fn told(answer: &Answer) -> Vec<(String, Option<String>)> {
    let bundle = answer.json();
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    entries
        .iter()
        .map(|entry| {
            let response = &entry["response"];
            let code = response["outcome"]["issue"][0]["code"].as_str();
            (
                response["status"].as_str().unwrap().to_owned(),
                code.map(str::to_owned),
            )
        })
        .collect()
}

fn row(status: &str, code: Option<&str>) -> (String, Option<String>) {
    (status.to_owned(), code.map(str::to_owned))
}

async fn count(server: &ResourceServer) -> usize {
    crate::ResourceServer::list_records(server.db(), 1_000)
        .await
        .unwrap()
        .len()
}

#[tokio::test]
async fn each_entry_of_a_batch_is_answered_for_itself_and_in_its_place() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let gone = stored(&server, HOSPITAL, &birth(2)).await;
        let criteria = format!("identifier={IJE}|2026MA000001");
        let if_match = r#","ifMatch":"W/\"1\"""#;
        let answer = send(
            &server,
            HOSPITAL,
            batch(
                "batch",
                &[
                    create(&birth(3)),
                    entry(
                        "POST",
                        "Bundle",
                        &format!(r#","ifNoneExist":"{criteria}""#),
                        Some(&birth(1)),
                    ),
                    entry("GET", &format!("Bundle/{id}"), "", None),
                    entry(
                        "GET",
                        &format!("Bundle/{id}"),
                        r#","ifNoneMatch":"W/\"1\"""#,
                        None,
                    ),
                    entry("GET", &format!("Bundle?{criteria}"), "", None),
                    entry(
                        "PUT",
                        &format!("Bundle/{id}"),
                        if_match,
                        Some(&identified(&birth(1), &id)),
                    ),
                    entry(
                        "PUT",
                        &format!("Bundle/{id}"),
                        if_match,
                        Some(&identified(&birth(1), &id)),
                    ),
                    entry("DELETE", &format!("Bundle/{gone}"), "", None),
                    entry("GET", &format!("Bundle/{gone}"), "", None),
                    entry("GET", &format!("Bundle/{id}/_history/1"), "", None),
                    entry("GET", &format!("Composition/{id}/_history"), "", None),
                ],
            ),
        )
        .await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.json()["type"], "batch-response");
        assert_eq!(
            told(&answer),
            [
                row("201", None),
                row("200", None),
                row("200", None),
                row("304", None),
                row("200", None),
                row("200", None),
                row("412", Some("conflict")),
                row("204", None),
                row("410", Some("deleted")),
                row("200", None),
                row("200", None),
            ]
        );
        let bundle = answer.json();
        let entries = bundle["entry"].as_array().unwrap();
        assert!(
            entries[0]["response"]["location"]
                .as_str()
                .unwrap()
                .ends_with("/_history/1")
        );
        assert_eq!(
            entries[1]["response"]["location"],
            format!("https://vro.example/fhir/Bundle/{id}/_history/1")
        );
        assert_eq!(entries[2]["resource"]["id"], id);
        assert_eq!(entries[2]["response"]["etag"], "W/\"1\"");
        assert_eq!(
            entries[2]["response"]["lastModified"],
            "2026-11-23T12:00:00Z"
        );
        assert_eq!(entries[4]["resource"]["type"], "searchset");
        assert_eq!(entries[5]["response"]["etag"], "W/\"2\"");
        assert_eq!(entries[10]["resource"]["type"], "history");
    })
    .await;
}

/// Nothing is reached through an entry that is not reached by a request of its own.
#[tokio::test]
async fn hostile_entries_are_refused_each_for_itself() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let neighbour = token(&[(r#"["MA"]"#, r#"["NJ"]"#)]);
        let elsewhere = stored(&server, &neighbour, &document("2026NJ000001", "68998-4")).await;
        let rival = token(&[("Hospital A", "Hospital B")]);
        let theirs = stored(&server, &rival, &birth(9)).await;
        let before = count(&server).await;
        let nested = r#"{"resourceType":"Bundle","type":"batch","entry":[]}"#;
        let get = |url: &str| entry("GET", url, "", None);
        let rows = [
            (
                create(&document("2026NJ000002", "68998-4")),
                "403",
                "forbidden",
            ),
            (
                create(&document("2026MA000002", "69045-3")),
                "403",
                "forbidden",
            ),
            (get(&format!("Bundle/{elsewhere}")), "404", "not-found"),
            (get(&format!("Bundle/{theirs}")), "404", "not-found"),
            (
                get(&format!("Bundle/{theirs}/_history")),
                "404",
                "not-found",
            ),
            (
                entry("DELETE", &format!("Bundle/{theirs}"), "", None),
                "404",
                "not-found",
            ),
            (
                entry(
                    "PUT",
                    &format!("Bundle/{theirs}"),
                    r#","ifMatch":"W/\"1\"""#,
                    Some(&identified(&birth(9), &theirs)),
                ),
                "405",
                "not-supported",
            ),
            (entry("POST", "", "", Some(nested)), "405", "not-supported"),
            (create(nested), "422", "required"),
            (
                get(&format!("https://vro.example/fhir/Bundle/{id}")),
                "400",
                "value",
            ),
            (
                get("https://elsewhere.example/fhir/Bundle/1"),
                "400",
                "value",
            ),
            (
                get(&format!("//vro.example/fhir/Bundle/{id}")),
                "400",
                "value",
            ),
            (get(&format!("/fhir/Bundle/{id}")), "400", "value"),
            (get(&format!("../fhir/Bundle/{id}")), "404", "not-supported"),
            (get(&format!("./Bundle/{id}")), "404", "not-supported"),
            (get(&format!("Bundle/../Bundle/{id}")), "404", "not-found"),
            (get(&format!("Bundle/%2e%2e/{id}")), "404", "not-found"),
            (get(&format!("Bundle/{id}#x")), "400", "value"),
            (get(&format!("Bundle/{id} HTTP/1.1")), "400", "value"),
            (get("Bundle/1\r\nX: y"), "400", "value"),
            (get("metadata"), "405", "not-supported"),
            (
                get(&format!("Bundle/{id}/$original")),
                "405",
                "not-supported",
            ),
            (
                entry("POST", "Bundle/_search", "", None),
                "405",
                "not-supported",
            ),
            (
                entry("POST", "Bundle/$validate", "", Some(&birth(1))),
                "405",
                "not-supported",
            ),
            (
                entry("PATCH", &format!("Bundle/{id}"), "", None),
                "405",
                "not-supported",
            ),
            (
                entry("HEAD", &format!("Bundle/{id}"), "", None),
                "405",
                "not-supported",
            ),
            (
                entry("get", &format!("Bundle/{id}"), "", None),
                "405",
                "not-supported",
            ),
            (entry("DELETE", "Bundle", "", None), "405", "not-supported"),
            (
                entry("DELETE", "Bundle?identifier=2026MA000001", "", None),
                "405",
                "not-supported",
            ),
            (
                entry("PUT", "Bundle?identifier=2026MA000001", "", Some(&birth(1))),
                "405",
                "not-supported",
            ),
            (
                entry(
                    "PUT",
                    &format!("Bundle/{id}"),
                    "",
                    Some(&identified(&birth(1), &id)),
                ),
                "428",
                "required",
            ),
            (
                entry(
                    "PUT",
                    &format!("Bundle/{id}"),
                    r#","ifMatch":"W/\"1\"\r\nX: y""#,
                    None,
                ),
                "400",
                "value",
            ),
            (entry("POST", "Bundle", "", None), "400", "structure"),
            (get("Immunization/1"), "404", "not-supported"),
        ];
        let entries: Vec<String> = rows.iter().map(|(entry, ..)| entry.clone()).collect();
        let answer = send(&server, HOSPITAL, batch("batch", &entries)).await;
        let told = told(&answer);
        for (number, ((entry, status, code), found)) in rows.iter().zip(&told).enumerate() {
            assert_eq!(found.0, *status, "{number} {entry}: {found:?}");
            assert_eq!(found.1.as_deref(), Some(*code), "{number} {entry}");
        }
        assert_eq!(count(&server).await, before, "nothing was written");
        let search = entry("GET", "Bundle?identifier=2026MA000009", "", None);
        let answer = send(&server, HOSPITAL, batch("batch", &[search])).await;
        assert_eq!(answer.json()["entry"][0]["resource"]["total"], 0);
    })
    .await;
}

#[tokio::test]
async fn a_scope_counts_for_each_entry() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let reader = token(&[("system/*.cruds", "system/Bundle.r")]);
        let entries = [
            entry("GET", &format!("Bundle/{id}"), "", None),
            entry("GET", &format!("Composition/{id}"), "", None),
            entry("GET", "Bundle?identifier=2026MA000001", "", None),
            create(&birth(2)),
            entry("DELETE", &format!("Bundle/{id}"), "", None),
        ];
        let answer = send(&server, &reader, batch("batch", &entries)).await;
        let statuses: Vec<String> = told(&answer)
            .into_iter()
            .map(|(status, _)| status)
            .collect();
        assert_eq!(statuses, ["200", "403", "403", "403", "403"]);
        let rows = audit::list(
            server.db(),
            &Filter {
                limit: 100,
                ..Filter::default()
            },
        )
        .await
        .unwrap();
        let mut rows: Vec<_> = rows
            .into_iter()
            .map(|row| {
                (
                    row.event.action,
                    row.event.outcome == storage::Outcome::Allowed,
                )
            })
            .collect();
        rows.sort();
        let row = |action: &str, allowed| (action.to_owned(), allowed);
        assert_eq!(
            rows,
            [
                row("batch", true),
                row("bundle.create", false),
                row("bundle.create", true),
                row("bundle.delete", false),
                row("bundle.read", true),
                row("bundle.search", false),
                row("composition.read", false),
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn a_transaction_does_all() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let gone = stored(&server, HOSPITAL, &birth(2)).await;
        let body = identified(&birth(1), &id);
        let entries = [
            entry(
                "PUT",
                &format!("Bundle/{id}"),
                r#","ifMatch":"W/\"1\"""#,
                Some(&body),
            ),
            create(&birth(3)),
            entry("DELETE", &format!("Bundle/{gone}"), "", None),
            create(&birth(4)),
        ];
        let answer = send(&server, HOSPITAL, batch("transaction", &entries)).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.json()["type"], "transaction-response");
        let statuses: Vec<String> = told(&answer)
            .into_iter()
            .map(|(status, _)| status)
            .collect();
        assert_eq!(statuses, ["200", "201", "204", "201"]);
        let read = send(&server, HOSPITAL, get(&format!("Bundle/{id}"))).await;
        assert_eq!(read.header("etag"), "W/\"2\"");
        let read = send(&server, HOSPITAL, get(&format!("Bundle/{gone}"))).await;
        read.assert_refused(410, "deleted");
    })
    .await;
}

#[tokio::test]
async fn a_transaction_with_one_refusal_does_nothing() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        stored(&server, HOSPITAL, &birth(5)).await;
        stored(&server, HOSPITAL, &birth(5)).await;
        let before = count(&server).await;
        let condition = format!(r#","ifNoneExist":"identifier={IJE}|2026MA000005""#);
        let put = |version: &str| {
            let condition = format!(r#","ifMatch":"W/\"{version}\"""#);
            entry(
                "PUT",
                &format!("Bundle/{id}"),
                &condition,
                Some(&identified(&birth(1), &id)),
            )
        };
        let rows: Vec<(String, u16, &str)> = vec![
            (
                create(&document("2026NJ000002", "68998-4")),
                403,
                "forbidden",
            ),
            (put("7"), 412, "conflict"),
            (
                entry("POST", "Bundle", &condition, Some(&birth(5))),
                412,
                "multiple-matches",
            ),
            (
                entry("GET", &format!("Bundle/{id}"), "", None),
                405,
                "not-supported",
            ),
            (entry("GET", "Bundle/none", "", None), 405, "not-supported"),
            (entry("DELETE", "Bundle/none", "", None), 404, "not-found"),
            (format!("{},{}", put("1"), put("1")), 422, "duplicate"),
            (
                entry("GET", "https://elsewhere.example/", "", None),
                400,
                "value",
            ),
        ];
        for (refused, status, code) in rows {
            let entries = [create(&birth(3)), refused.clone(), create(&birth(4))];
            let answer = send(&server, HOSPITAL, batch("transaction", &entries)).await;
            answer.assert_refused(status, code);
            let expression = &answer.json()["issue"][0]["expression"][0];
            let place = if code == "duplicate" { 2 } else { 1 };
            assert_eq!(
                expression,
                &Value::from(format!("Bundle.entry[{place}]")),
                "{refused}"
            );
            assert_eq!(count(&server).await, before, "{refused}");
        }
        let read = send(&server, HOSPITAL, get(&format!("Bundle/{id}"))).await;
        assert_eq!(read.header("etag"), "W/\"1\"");
    })
    .await;
}

/// The second of two that would be the same record finds the first, also where both come together.
#[tokio::test]
async fn a_conditional_create_sees_what_its_own_transaction_has_created() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let condition = format!(r#","ifNoneExist":"identifier={IJE}|2026MA000001""#);
        let one = entry("POST", "Bundle", &condition, Some(&birth(1)));
        let answer = send(&server, HOSPITAL, batch("transaction", &[one.clone(), one])).await;
        let statuses: Vec<String> = told(&answer)
            .into_iter()
            .map(|(status, _)| status)
            .collect();
        assert_eq!(statuses, ["201", "200"]);
        assert_eq!(count(&server).await, 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_batch_is_refused_as_a_whole() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_with(db, |config| config.max_batch_entries = 3);
        let four = vec![create(&birth(1)); 4];
        send(&server, HOSPITAL, batch("batch", &four))
            .await
            .assert_refused(413, "too-costly");
        send(&server, HOSPITAL, batch("transaction", &four))
            .await
            .assert_refused(413, "too-costly");
        send(&server, HOSPITAL, batch("document", &four[..1]))
            .await
            .assert_refused(422, "value");
        send(&server, HOSPITAL, at_base(birth(1)))
            .await
            .assert_refused(422, "value");
        let twice = r#"{"resourceType":"Bundle","type":"batch","type":"transaction"}"#;
        let answer = send(&server, HOSPITAL, at_base(twice.to_owned())).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let mut gzip = batch("batch", &[]);
        gzip.headers_mut()
            .insert("content-encoding", "gzip".parse().unwrap());
        send(&server, HOSPITAL, gzip)
            .await
            .assert_refused(415, "not-supported");
        let mut text = batch("batch", &[]);
        text.headers_mut()
            .insert("content-type", "text/plain".parse().unwrap());
        send(&server, HOSPITAL, text)
            .await
            .assert_refused(415, "not-supported");
        let empty = send(&server, HOSPITAL, batch("batch", &[])).await;
        assert_eq!(
            (empty.status, empty.json().get("entry")),
            (StatusCode::OK, None)
        );
        assert_eq!(count(&server).await, 0);
    })
    .await;
}
