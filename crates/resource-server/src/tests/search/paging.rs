//! Totals and pages.

use storage::testing::each_engine;

use super::*;

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
