//! What a token reaches bounds what it finds, whatever the index says.

use storage::testing::each_engine;

use super::*;
use crate::config::WithholdingRule;

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

/// A scope of as many words as a token can carry is asked, and not too deep for the database.
#[tokio::test]
async fn a_scope_of_many_words_is_searched_with() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        stored(&server, HOSPITAL, &birth(1)).await;
        stored(&server, HOSPITAL, &document("2025MA000001", "68998-4")).await;
        let words = (0..70).map(|word| {
            let years: Vec<String> = (0..16)
                .map(|year| (2026 + word * 16 + year).to_string())
                .collect();
            format!("system/Bundle.rs?event-year={}", years.join(","))
        });
        let words: Vec<String> = words.collect();
        let many = token(&[("system/*.cruds", &words.join(" "))]);
        for query in ["", "_sort=-_lastUpdated", "identifier=2026MA000001"] {
            assert_eq!(total(&server, &many, query).await, 1, "{query}");
        }
        let history = send(&server, &many, get("Bundle/_history")).await.json();
        assert_eq!(history["entry"].as_array().unwrap().len(), 1);
    })
    .await;
}
