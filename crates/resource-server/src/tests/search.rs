//! `GET Bundle?identifier=…` and `POST Bundle/_search`.

use storage::testing::each_engine;

use super::*;
use crate::config::WithholdingRule;

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
            "identifier=",
            "identifier:not=a",
            "patient.family:contains=a",
            "_sort=identifier",
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

/// A report with a child in it, under a number of its own.
pub(super) fn named(number: u32, family: &str, given: &str) -> String {
    let report = birth(number);
    let subject = r#""subject":{"reference":"Patient/p"},"date""#;
    let patient = format!(
        r#"}},{{"resource":{{"resourceType":"Patient","id":"p","birthDate":"2026-10-{:02}",
           "name":[{{"family":"{family}","given":["{given}"]}}]}}}},
           {{"resource":{{"resourceType":"Location","name":"South Hospital",
           "identifier":[{{"system":"http://hl7.org/fhir/sid/us-npi","value":"1164"}}],
           "type":[{{"coding":[{{"code":"loc_birth"}}]}}],"address":{{"city":"Boston"}}}}}}]}}"#,
        number % 28 + 1
    );
    let report = report.replacen(r#""date""#, subject, 1);
    let report = report.strip_suffix("}]}").unwrap();
    format!("{report}{patient}")
}

async fn total(server: &ResourceServer, token: &str, query: &str) -> serde_json::Value {
    let found = send(server, token, get(&format!("Bundle?{query}"))).await;
    assert_eq!(found.status, StatusCode::OK, "{query}: {:?}", found.json());
    found.json()["total"].clone()
}

#[tokio::test]
async fn children_are_found_by_name_date_and_place() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        stored(&server, HOSPITAL, &named(1, "Núñez", "Ada")).await;
        stored(&server, HOSPITAL, &named(2, "Nunn", "Bob")).await;
        stored(&server, HOSPITAL, &birth(3)).await;
        let stranger = token(&[("Hospital A", "Hospital B")]);
        for (query, expected) in [
            ("", 3),
            ("patient.family=nun", 2),
            ("subject.family=NUNEZ", 1),
            ("subject:Patient.family:exact=N%C3%BA%C3%B1ez", 1),
            ("patient.family=nun&patient.given=bob", 1),
            ("patient.family=nunez,nunn", 2),
            ("patient.family:missing=true", 1),
            ("patient.family:missing=false", 2),
            ("patient.birthdate=2026-10-02", 1),
            ("patient.birthdate=2026-10", 2),
            ("patient.birthdate=2026", 2),
            ("birth-location=south", 2),
            ("birth-location=boston", 2),
            ("birth-location=hospital", 0),
            ("report-number=1", 1),
            ("report-number=000001,2", 2),
            ("certificate-number=3", 1),
            ("certificate-number=1,2,3,4", 3),
            (
                "event-year=2026&jurisdiction=MA&record-type=birth&composition.type=68998-4",
                3,
            ),
            ("event-year=lt2026", 0),
            ("jurisdiction=NJ", 0),
            ("date=2026-11-01", 3),
            ("date=gt2026-11-01", 0),
            ("date=ge2026&date=lt2027", 3),
            ("_lastUpdated=2026-11-23", 3),
            ("_lastUpdated=lt2026-11-23T12:00:00Z", 0),
            ("identifier=2026MA000001,2026MA000002", 2),
        ] {
            assert_eq!(total(&server, HOSPITAL, query).await, expected, "{query}");
            assert_eq!(total(&server, &stranger, query).await, 0, "{query}");
        }
    })
    .await;
}

/// Names must not be read off the database: there are terms, and each is a hash.
#[tokio::test]
async fn the_index_holds_no_name() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let server = server(db.clone());
        stored(&server, HOSPITAL, &named(1, "Zzyzxquinn", "Qwertyada")).await;
        let terms = db.select("SELECT term FROM record_term", Vec::new(), |row| {
            row.bytes(0)
        });
        let terms = terms.await.unwrap();
        assert!(terms.len() > 20);
        for term in terms {
            assert_eq!(term.len(), 16);
            let text = String::from_utf8_lossy(&term).to_lowercase();
            assert!(!text.contains("zzy") && !text.contains("qwe"));
        }
    })
    .await;
}

#[tokio::test]
async fn totals_are_told_as_asked() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        for number in 1..=3 {
            stored(&server, HOSPITAL, &birth(number)).await;
        }
        for (query, total, entries) in [
            ("_count=2", serde_json::json!(3), 2),
            ("_count=2&_total=accurate", serde_json::json!(3), 2),
            ("_count=2&_total=estimate", serde_json::json!(3), 2),
            ("_count=2&_total=none", serde_json::Value::Null, 2),
            ("_summary=count", serde_json::json!(3), 0),
            ("_count=0&_total=none", serde_json::json!(3), 0),
        ] {
            let found = send(&server, HOSPITAL, get(&format!("Bundle?{query}")))
                .await
                .json();
            assert_eq!(found["total"], total, "{query}");
            assert_eq!(
                found["entry"].as_array().map_or(0, Vec::len),
                entries,
                "{query}"
            );
        }
    })
    .await;
}

fn next_of(found: &serde_json::Value) -> Option<String> {
    let links = found["link"].as_array().unwrap();
    let next = links.iter().find(|link| link["relation"] == "next")?;
    let url = next["url"].as_str().unwrap();
    Some(
        url.strip_prefix("https://vro.example/fhir/")
            .unwrap()
            .to_owned(),
    )
}

/// Records that come while somebody pages neither repeat nor push others out of his sight.
#[tokio::test]
async fn pages_hold_still_while_records_come() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let orders = [
            ("_id", "Ash"),
            ("-_lastUpdated", "Elm"),
            ("date", "Oak"),
            ("_lastUpdated", "Yew"),
        ];
        for (order, family) in orders {
            let mut before = std::collections::BTreeSet::new();
            for number in 1..=7 {
                before.insert(stored(&server, HOSPITAL, &named(number, family, "Ada")).await);
            }
            let mut seen = Vec::new();
            let mut path = Some(format!(
                "Bundle?patient.family={family}&_count=3&_sort={order}"
            ));
            while let Some(page) = path {
                let found = send(&server, HOSPITAL, get(&page)).await.json();
                let entries = found["entry"].as_array().unwrap().iter();
                seen.extend(entries.map(|it| it["resource"]["id"].as_str().unwrap().to_owned()));
                stored(&server, HOSPITAL, &named(8, family, "Bob")).await;
                path = next_of(&found);
                assert!(
                    path.as_ref().is_none_or(|next| !next.contains(family)),
                    "{path:?}"
                );
            }
            let unique: std::collections::BTreeSet<_> = seen.iter().cloned().collect();
            assert_eq!(unique.len(), seen.len(), "{order}: a record twice");
            assert!(before.is_subset(&unique), "{order}: a record lost");
        }
    })
    .await;
}

#[tokio::test]
async fn a_next_link_is_of_one_search_and_one_reach() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        for number in 1..=3 {
            stored(&server, HOSPITAL, &birth(number)).await;
        }
        let found = send(&server, HOSPITAL, get("Bundle?_count=2")).await.json();
        let next = next_of(&found).unwrap();
        assert_eq!(
            send(&server, HOSPITAL, get(&next)).await.json()["entry"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
        let cursor = next.strip_prefix("Bundle?_cursor=").unwrap();
        let mut forged = cursor.to_owned().into_bytes();
        forged[20] = if forged[20] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        for path in [
            format!("Bundle?_cursor={forged}"),
            format!("Bundle?_cursor={}", &cursor[..cursor.len() - 4]),
            format!("Bundle?_cursor={cursor}A"),
            "Bundle?_cursor=".to_owned(),
            "Bundle?_cursor=%00".to_owned(),
            format!("Composition?_cursor={cursor}"),
            format!("Composition/$document?_cursor={cursor}"),
            format!("Bundle?_cursor={cursor}&_count=1"),
            format!("Bundle?_cursor={cursor}&patient.family=a"),
        ] {
            send(&server, HOSPITAL, get(&path))
                .await
                .assert_refused(400, "invalid");
        }
        for other in [
            token(&[("Hospital A", "Hospital B")]),
            token(&[(r#"["MA"]"#, r#"["MA","NJ"]"#)]),
            token(&[(r#"["birth"]"#, r#"["birth","fetal-death"]"#)]),
            token(&[(r#""exp""#, r#""organization_access":"all","exp""#)]),
        ] {
            send(&server, &other, get(&next))
                .await
                .assert_refused(400, "invalid");
        }
    })
    .await;
}

#[tokio::test]
async fn documents_are_asked_for_by_what_an_office_knows() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &named(1, "Quinn", "Ada")).await;
        stored(&server, HOSPITAL, &named(2, "Lee", "Bob")).await;
        let posted = |body: &str| {
            let request = Request::post("/fhir/Composition/$document");
            let request = request.header(header::CONTENT_TYPE, "application/fhir+json");
            request.body(Body::from(body.to_owned())).unwrap()
        };
        let by = |parameters: &str| {
            posted(&format!(r#"{{"resourceType":"Parameters","parameter":[{parameters}]}}"#))
        };
        let patient = r#"{"name":"patient","part":[{"name":"family","valueString":"quinn"},
            {"name":"birthdate","valueDate":"2026-10-02"}]}"#;
        for request in [
            by(patient),
            by(r#"{"name":"reportNumber","valueIdentifier":{"value":"1"}},{"name":"birth-location","valueString":"Boston"}"#),
            get("Composition/$document?patient.family=quinn&patient.given=ada&birth-location=south"),
            get("Composition/$document?report-number=000001"),
        ] {
            let found = send(&server, HOSPITAL, request).await.json();
            assert_eq!((&found["type"], &found["total"]), (&"searchset".into(), &1.into()), "{found}");
            assert_eq!(found["entry"][0]["resource"]["resourceType"], "Bundle");
            assert_eq!(found["entry"][0]["resource"]["id"], id);
        }
        let one = send(&server, HOSPITAL, by(&format!(r#"{{"name":"id","valueUri":"Composition/{id}"}}"#))).await;
        assert_eq!((&one.json()["type"], &one.json()["id"]), (&"document".into(), &id.as_str().into()));
        for (request, status, code) in [
            (by(r#"{"name":"id","valueUri":"none"}"#), 404, "not-found"),
            (by(""), 400, "required"),
            (by(r#"{"name":"colour","valueString":"x"}"#), 400, "not-supported"),
            (by(&format!("{patient},{patient}")), 400, "not-supported"),
            (posted("{"), 400, "structure"),
            (posted(r#"{"a":1,"a":2}"#), 400, "structure"),
            (posted(r#"{"resourceType":"Bundle"}"#), 400, "structure"),
        ] {
            let answer = send(&server, HOSPITAL, request).await;
            assert_eq!(answer.status.as_u16(), status, "{:?}", answer.json());
            if status != 400 || code != "structure" {
                answer.assert_refused(status, code);
            }
        }
        let large = by(&format!(r#"{{"name":"id","valueUri":"{}"}}"#, "a".repeat(70_000)));
        send(&server, HOSPITAL, large).await.assert_refused(413, "too-long");
        let mut form = by(patient);
        form.headers_mut().insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
        send(&server, HOSPITAL, form).await.assert_refused(415, "not-supported");
        let stranger = token(&[("Hospital A", "Hospital B")]);
        assert_eq!(send(&server, &stranger, by(patient)).await.json()["total"], 0);
    })
    .await;
}

/// A token of one facility, or of some records only, finds those and counts no others.
#[tokio::test]
async fn facilities_and_conditions_of_the_scope_bound_a_search() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        stored(&server, HOSPITAL, &named(1, "Quinn", "Ada")).await;
        stored(&server, HOSPITAL, &birth(2)).await;
        let facilities = |list: &str| {
            let members = format!(r#""facilities":{list},"exp""#);
            token(&[(r#""exp""#, members.as_str())])
        };
        let scoped = |scope: &str| token(&[("system/*.cruds", scope)]);
        for (token, expected) in [
            (HOSPITAL.to_owned(), 2),
            (facilities(r#"["1164"]"#), 1),
            (facilities(r#"["1164","9"]"#), 1),
            (facilities(r#"["9"]"#), 0),
            (scoped("system/Bundle.rs?event-year=2026"), 2),
            (scoped("system/Bundle.rs?event-year=2025"), 0),
            (
                scoped("system/Bundle.rs?event-year=2025,2026&jurisdiction=MA"),
                2,
            ),
            (scoped("system/Bundle.rs?composition.type=92011-6"), 0),
            (
                scoped("system/Bundle.rs?composition.type=68998-4&record-type=birth"),
                2,
            ),
            (
                scoped(
                    "system/Bundle.rs?composition.type=92011-6 system/Bundle.rs?jurisdiction=MA",
                ),
                2,
            ),
        ] {
            for query in [
                "",
                "_sort=-_lastUpdated",
                "identifier=2026MA000001,2026MA000002",
            ] {
                assert_eq!(
                    total(&server, &token, query).await,
                    expected,
                    "{token} {query}"
                );
            }
        }
    })
    .await;
}

/// A delivery that is repeated with a token of one facility finds what the first one stored.
#[tokio::test]
async fn a_token_of_one_facility_stores_once() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let one = token(&[(r#""exp""#, r#""facilities":["1164"],"exp""#)]);
        let other = token(&[(r#""exp""#, r#""facilities":["9"],"exp""#)]);
        let body = named(1, "Quinn", "Ada");
        let identifier = format!("identifier={IJE}|2026MA000001");
        for status in [StatusCode::CREATED, StatusCode::OK] {
            let answer = send(&server, &one, conditional(&body, &identifier)).await;
            assert_eq!(answer.status, status, "{:?}", answer.body);
        }
        let history = send(&server, &one, get("Bundle/_history")).await.json();
        assert_eq!(history["entry"].as_array().unwrap().len(), 1);
        let history = send(&server, &other, get("Bundle/_history")).await.json();
        assert!(history.get("entry").is_none());
    })
    .await;
}

/// Whoever may not see names must not try them out, in any way of asking.
#[tokio::test]
async fn what_is_withheld_is_not_searched_by() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server_with(db, |config| {
            config.withholding.rules = vec![WithholdingRule {
                groups: vec![fhir::redact::Group::Names],
                from_roles: None,
                unless_scope: Some("vitalgate/names".to_owned()),
            }];
        });
        for number in 1..=2 {
            stored(&server, HOSPITAL, &named(number, "Quinn", "Ada")).await;
        }
        let seeing = token(&[("system/*.cruds", "system/*.cruds vitalgate/names")]);
        let found = send(
            &server,
            &seeing,
            get("Bundle?patient.family=quinn&_count=1"),
        )
        .await;
        let next = next_of(&found.json()).unwrap();
        for path in [
            "Bundle?patient.family=quinn",
            "Bundle?subject:Patient.given:exact=Nobody&_summary=count",
            "Bundle?patient.birthdate:missing=true",
            "Composition?birth-location=south",
            "Composition/$document?patient.family=nobody",
            "Bundle?patient.family=quinn&_count=0&_total=none",
            &next,
        ] {
            send(&server, HOSPITAL, get(path))
                .await
                .assert_refused(403, "suppressed");
            let answer = send(&server, &seeing, get(path)).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
        }
        for query in [
            "",
            "identifier=2026MA000001",
            "patient.identifier:missing=true",
        ] {
            let answer = send(&server, HOSPITAL, get(&format!("Bundle?{query}"))).await;
            assert_eq!(answer.status, StatusCode::OK, "{query}");
            assert!(
                !String::from_utf8_lossy(&answer.body).contains("Quinn"),
                "{query}"
            );
        }
    })
    .await;
}

/// Should the index ever say more than is true, the decision still has the last word.
#[tokio::test]
async fn the_decision_has_the_last_word_over_the_index() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let server = server(db.clone());
        stored(&server, HOSPITAL, &birth(1)).await;
        db.write(Misled).await.unwrap();
        let other = token(&[("Hospital A", "Hospital B")]);
        let found = send(&server, &other, get("Bundle?identifier=2026MA000001")).await;
        assert!(found.json().get("entry").is_none(), "{:?}", found.json());
    })
    .await;
}

/// Gives every record of one hospital to another, in the index only.
struct Misled;

impl storage::Work for Misled {
    type Output = ();

    async fn run(&self, tx: &mut storage::Transaction<'_>) -> Result<(), storage::Error> {
        let sql = "UPDATE record_search SET reader = 'Hospital B' WHERE reader = 'Hospital A'";
        tx.execute(sql, &[]).await.map(|_| ())
    }
}

/// A search finds the current version, and nothing of one before or of a record that is gone.
#[tokio::test]
async fn only_the_current_version_is_found() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &named(1, "Quinn", "Ada")).await;
        let identified =
            named(1, "Lee", "Ada").replacen("\"type\"", &format!("\"id\":\"{id}\",\"type\""), 1);
        let update = Request::put(format!("/fhir/Bundle/{id}"))
            .header(header::CONTENT_TYPE, "application/fhir+json")
            .header("if-match", "W/\"1\"");
        let update = update.body(Body::from(identified)).unwrap();
        let answer = send(&server, HOSPITAL, update).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        assert_eq!(total(&server, HOSPITAL, "patient.family=quinn").await, 0);
        assert_eq!(
            total(&server, HOSPITAL, "patient.family=lee&patient.given=ada").await,
            1
        );
        let delete = Request::delete(format!("/fhir/Bundle/{id}"))
            .body(Body::empty())
            .unwrap();
        assert_eq!(
            send(&server, HOSPITAL, delete).await.status,
            StatusCode::NO_CONTENT
        );
        for query in ["", "patient.family=lee", &format!("_id={id}")] {
            assert_eq!(total(&server, HOSPITAL, query).await, 0, "{query}");
        }
        assert_eq!(
            server.index_records().await.unwrap(),
            0,
            "what is gone is not indexed again"
        );
        assert_eq!(total(&server, HOSPITAL, "").await, 0);
    })
    .await;
}

/// Records of before there was an index, or of another key, are found once the server has started.
#[tokio::test]
async fn records_from_before_are_indexed() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async move {
        let server = server(db.clone());
        stored(&server, HOSPITAL, &named(1, "Quinn", "Ada")).await;
        assert_eq!(
            server.index_records().await.unwrap(),
            0,
            "nothing is outstanding"
        );
        db.write(Forgotten).await.unwrap();
        assert_eq!(total(&server, HOSPITAL, "patient.family=quinn").await, 0);
        assert_eq!(server.index_records().await.unwrap(), 1);
        assert_eq!(total(&server, HOSPITAL, "patient.family=quinn").await, 1);
        assert_eq!(server.index_records().await.unwrap(), 0);
    })
    .await;
}

struct Forgotten;

impl storage::Work for Forgotten {
    type Output = ();

    async fn run(&self, tx: &mut storage::Transaction<'_>) -> Result<(), storage::Error> {
        tx.execute("DELETE FROM record_search", &[]).await?;
        tx.execute("DELETE FROM record_term", &[]).await.map(|_| ())
    }
}
