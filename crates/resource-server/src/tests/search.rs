//! Searches of Bundle and Composition, and `$document`.

mod index;
mod paging;
mod reach;

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
        let mut of_instance = by(r#"{"name":"persist","valueBoolean":false}"#);
        *of_instance.uri_mut() = format!("/fhir/Composition/{id}/$document").parse().unwrap();
        assert_eq!(send(&server, HOSPITAL, of_instance).await.body, one.body);
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
