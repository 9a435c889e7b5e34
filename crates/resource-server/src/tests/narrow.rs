//! Tokens of some facilities, and scopes of some records: what they reach by each way, not only by search.

use storage::testing::each_engine;

use super::search::named;
use super::*;

/// A hospital's token that is limited to these facilities.
fn of_facilities(list: &str) -> String {
    let members = format!(r#""facilities":{list},"exp""#);
    token(&[(r#""exp""#, members.as_str())])
}

fn scoped(scope: &str) -> String {
    token(&[("system/*.cruds", scope)])
}

/// The ids of a history.
async fn history(server: &ResourceServer, token: &str) -> Vec<String> {
    let answer = send(server, token, get("Bundle/_history")).await;
    assert_eq!(
        answer.status,
        200,
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    let bundle = answer.json();
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
    let id = |entry: &serde_json::Value| entry["resource"]["id"].as_str().unwrap().to_owned();
    entries.iter().map(id).collect()
}

#[tokio::test]
async fn a_facility_s_token_reaches_its_records_and_no_others() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let here = stored(&server, HOSPITAL, &named(1, "Quinn", "Ada")).await;
        let unknown = stored(&server, HOSPITAL, &birth(2)).await;
        for (facilities, reached) in [
            (r#"["1164"]"#, true),
            (r#"["9","1164"]"#, true),
            (r#"["9"]"#, false),
        ] {
            let token = of_facilities(facilities);
            let read = send(&server, &token, get(&format!("Bundle/{here}"))).await;
            assert_eq!(
                read.status.as_u16(),
                if reached { 200 } else { 404 },
                "{facilities}"
            );
            send(&server, &token, get(&format!("Bundle/{unknown}")))
                .await
                .assert_refused(404, "not-found");
            let expected = if reached {
                vec![here.clone()]
            } else {
                Vec::new()
            };
            assert_eq!(history(&server, &token).await, expected, "{facilities}");
        }
        let none = send(
            &server,
            &of_facilities("[]"),
            get(&format!("Bundle/{here}")),
        )
        .await;
        none.assert_refused(403, "forbidden");
    })
    .await;
}

/// Doing it once holds for a limited token too, and another facility's record does not stand in its way.
#[tokio::test]
async fn a_facility_s_token_creates_its_records_once() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let condition = format!("identifier={IJE}|2026MA000001");
        let create = || conditional(&named(1, "Quinn", "Ada"), &condition);
        let token = of_facilities(r#"["1164"]"#);
        let first = send(&server, &token, create()).await;
        assert_eq!(first.status, 201);
        let again = send(&server, &token, create()).await;
        assert_eq!((again.status.as_u16(), again.id()), (200, first.id()));
        // One of no facility cannot be told to be its own, and one of another is not.
        send(&server, &token, post(&birth(2)))
            .await
            .assert_refused(403, "forbidden");
        let elsewhere = of_facilities(r#"["9"]"#);
        send(&server, &elsewhere, create())
            .await
            .assert_refused(403, "forbidden");
    })
    .await;
}

#[tokio::test]
async fn a_scope_s_query_holds_for_every_way_to_a_record() {
    each_engine(&[ResourceServer::MIGRATIONS], |db| async {
        let server = server(db);
        let id = stored(&server, HOSPITAL, &birth(1)).await;
        let condition = format!("identifier={IJE}|2026MA000001");
        for (query, reached) in [
            ("event-year=2026", true),
            ("event-year=2025", false),
            ("event-year=2025,2026&record-type=birth", true),
            ("composition.type=68998-4", true),
            ("composition.type=92011-6", false),
            ("jurisdiction=MA&composition.type=68998-4", true),
        ] {
            let token = scoped(&format!("system/Bundle.crs?{query}"));
            let read = send(&server, &token, get(&format!("Bundle/{id}"))).await;
            assert_eq!(
                read.status.as_u16(),
                if reached { 200 } else { 404 },
                "{query}"
            );
            let expected = if reached {
                vec![id.clone()]
            } else {
                Vec::new()
            };
            assert_eq!(history(&server, &token).await, expected, "{query}");
            let again = send(&server, &token, conditional(&birth(1), &condition)).await;
            assert_eq!(
                again.status.as_u16(),
                if reached { 200 } else { 403 },
                "{query}"
            );
        }
        // Two words: either is enough.
        let token = scoped("system/Bundle.rs?event-year=2025 system/Bundle.rs?jurisdiction=MA");
        assert_eq!(history(&server, &token).await, [id]);
    })
    .await;
}
