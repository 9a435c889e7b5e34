//! The audit tells whoever is limited in reach no more of a record out of reach than the refused request was told:
//! its row is that of a record which is not there.

use serde_json::Value;
use storage::testing::each_engine;

use super::*;

/// The id of no record.
const NOWHERE: &str = "01900000-0000-7000-8000-000000000000";

/// Asks in every way for one record, as `token`; the rows are told apart by the `X-Request-Id`.
async fn ask(server: &ResourceServer, token: &str, (id, mark): (&str, &str)) {
    let paths = [
        format!("Bundle/{id}"),
        format!("Bundle/{id}/$original"),
        format!("Bundle/{id}/_history"),
        format!("Bundle/{id}/_history/1"),
        format!("Bundle/{id}/_history/99"),
        format!("Bundle/{id}/_history/01"),
        format!("Composition/{id}"),
        format!("Composition/{id}/$document"),
        format!("Patient/{id}-1"),
    ];
    let mut requests: Vec<_> = paths.iter().map(|path| get(path)).collect();
    for method in ["PUT", "DELETE"] {
        let request = Request::builder()
            .method(method)
            .uri(format!("/fhir/Bundle/{id}"));
        let request = request.header(header::CONTENT_TYPE, "application/fhir+json");
        let body = Body::from(birth(1));
        requests.push(request.header("if-match", "W/\"1\"").body(body).unwrap());
    }
    for mut request in requests {
        let mark = mark.parse().unwrap();
        request.headers_mut().insert("x-request-id", mark);
        let status = send(server, token, request).await.status.as_u16();
        assert!([404, 405].contains(&status), "{status}");
    }
}

/// The rows of a search of the audit: of the requests of this mark, all that is shown of each but its own id.
async fn shown(server: &ResourceServer, auditor: &str, (query, mark): (&str, &str)) -> Vec<Value> {
    let answer = send(server, auditor, get(&format!("AuditEvent?{query}"))).await;
    assert_eq!(answer.status, StatusCode::OK, "{query}");
    let set = answer.json();
    let mut rows = Vec::new();
    for entry in set["entry"].as_array().into_iter().flatten() {
        let id = entry["resource"]["id"].as_str().unwrap();
        let text = entry["resource"].to_string();
        if text.contains(mark) {
            // Every reading is a row: not so many that a page does not hold them.
            if query.starts_with("outcome") {
                let one = send(server, auditor, get(&format!("AuditEvent/{id}"))).await;
                assert_eq!(
                    one.json(),
                    entry["resource"],
                    "a read shows what a search does"
                );
            }
            let text = text.replace(mark, "").replace(id, "");
            rows.push(serde_json::from_str(&text).unwrap());
        }
    }
    rows.sort_by_key(Value::to_string);
    rows
}

fn auditor(replacements: &[(&str, &str)]) -> String {
    token(replacements).replace("system/*.cruds", "system/AuditEvent.rs")
}

const OWN: &str = "\"organization\":\"Hospital A\"";
const ALL: &str = "\"organization_access\":\"all\",\"organization\":\"State VRO\"";
const OTHER: (&str, &str) = ("Hospital A", "Hospital B");
const NJ: (&str, &str) = ("[\"MA\"]", "[\"NJ\"]");
const MORE: (&str, &str) = ("[\"MA\"]", "[\"MA\",\"NJ\"]");
const DEATHS: (&str, &str) = ("[\"birth\"]", "[\"fetal-death\"]");
const BOTH: (&str, &str) = ("[\"birth\"]", "[\"birth\",\"fetal-death\"]");

#[tokio::test]
async fn a_hidden_record_reads_like_an_absent_one() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let hidden = stored(&server, HOSPITAL, &birth(1)).await;
        // Who asks, and auditors who do not reach the record, or not as far as its row can tell.
        for (number, (asks, auditors)) in [
            (
                token(&[OTHER]),
                vec![auditor(&[OTHER]), auditor(&[OTHER, MORE, BOTH])],
            ),
            (token(&[NJ]), vec![auditor(&[]), auditor(&[NJ])]),
            (
                token(&[DEATHS]),
                vec![auditor(&[]), auditor(&[DEATHS]), auditor(&[BOTH, MORE])],
            ),
            (
                token(&[OTHER]),
                vec![
                    auditor(&[(OWN, ALL), NJ, BOTH]),
                    auditor(&[(OWN, ALL), DEATHS]),
                ],
            ),
        ]
        .into_iter()
        .enumerate()
        {
            let (mark, other) = (format!("hidden-{number}"), format!("absent-{number}"));
            ask(&server, &asks, (&hidden, &mark)).await;
            ask(&server, &asks, (NOWHERE, &other)).await;
            for auditor in &auditors {
                for query in [
                    "_count=500",
                    "outcome=4&_count=500",
                    "action=R&_count=500",
                    "agent=ehr-api&_count=500",
                ] {
                    let of_hidden = shown(&server, auditor, (query, &mark)).await;
                    let of_absent = shown(&server, auditor, (query, &other)).await;
                    let expected = if query.starts_with("action") { 9 } else { 11 };
                    assert_eq!(of_absent.len(), expected, "{auditor} {query}");
                    assert_eq!(of_hidden, of_absent, "{auditor} {query}");
                    let text = serde_json::to_string(&of_hidden).unwrap();
                    assert!(!text.contains(&hidden) && !text.contains("the record"));
                }
                for id in [hidden.as_str(), NOWHERE] {
                    for (query, mark) in [
                        (format!("entity=Bundle/{id}"), "hidden-"),
                        (format!("entity={id}&outcome=4"), "absent-"),
                    ] {
                        let found = shown(&server, auditor, (&query, mark)).await;
                        assert_eq!(found, Vec::<Value>::new(), "{auditor} {query}");
                    }
                }
            }
        }
    })
    .await;
}

/// Whoever reaches the record itself learns nothing new: what it was.
#[tokio::test]
async fn who_reaches_the_record_is_told_why() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let hidden = stored(&server, HOSPITAL, &birth(1)).await;
        for (asks, reason) in [
            (
                token(&[OTHER]),
                "the record belongs to another organization",
            ),
            (
                token(&[NJ]),
                "the record's jurisdiction is not one of the token's",
            ),
            (
                token(&[DEATHS]),
                "the record's type is not one of the token's",
            ),
        ] {
            let mark = reason.replace(' ', "-");
            ask(&server, &asks, (&hidden, &mark)).await;
            for auditor in [auditor(&[(OWN, ALL)]), auditor(&[(OWN, ALL), MORE, BOTH])] {
                let query = format!("entity=Bundle/{hidden}&_count=500");
                let rows = shown(&server, &auditor, (&query, &mark)).await;
                assert_eq!(rows.len(), 11, "{rows:?}");
                for row in rows {
                    assert_eq!(row["outcomeDesc"], reason);
                    assert!(row.to_string().contains(&hidden), "{row}");
                }
            }
        }
    })
    .await;
}
