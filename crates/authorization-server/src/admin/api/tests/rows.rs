//! The audit: found, paged, exported, and of one organization.

use serde_json::json;
use storage::AuditEvent;
use storage::Outcome;

use super::*;

async fn record(bench: &Bench, change: impl FnOnce(&mut AuditEvent)) {
    let now = bench.clock.now();
    let mut event = AuditEvent::new(
        now,
        "vro",
        "resource-server",
        "bundle.read",
        Outcome::Allowed,
    );
    change(&mut event);
    bench.server.db().audit(event).await.unwrap();
}

#[tokio::test]
async fn rows_are_found_by_each_filter() {
    let bench = Bench::new().await;
    let console = bench.console().await;
    record(&bench, |event| {
        event.client_id = Some("c".to_owned());
        event.subject = Some("s".to_owned());
        event.organization = Some("o".to_owned());
        event.record_id = Some("r".to_owned());
        event.source_address = Some("192.0.2.99".to_owned());
        event.request_id = Some("q".to_owned());
        event.outcome = Outcome::Denied;
    })
    .await;
    record(&bench, |_| ()).await;
    for query in [
        "client_id=c",
        "subject=s",
        "organization=o",
        "record_id=r",
        "source_address=192.0.2.99",
        "request_id=q",
        "action=bundle.read&outcome=denied",
        "action=bundle.&outcome=denied&since=2026-11-23T12:00:00Z&until=2026-11-24T00:00:00Z",
    ] {
        let answer = console.get(&format!("/audit?{query}")).await;
        let items = answer.json["items"].as_array().unwrap();
        assert_eq!(items.len(), 1, "{query} {:?}", answer.json);
        assert_eq!(items[0]["request_id"], "q");
    }
    for query in [
        "subject=x",
        "until=2026-11-23T12:00:00Z",
        "since=2026-11-24T00:00:00Z",
    ] {
        let answer = console.get(&format!("/audit?{query}")).await;
        assert_eq!(answer.json["items"], json!([]), "{query}");
    }
    for query in ["since=yesterday", "outcome=maybe"] {
        assert_eq!(console.get(&format!("/audit?{query}")).await.status, 400);
    }
}

#[tokio::test]
async fn pages_go_on_where_the_last_ended() {
    let bench = Bench::new().await;
    let console = bench.console().await;
    for number in 0..25 {
        // Several within one millisecond.
        if number % 4 == 0 {
            bench.clock.advance(jiff::SignedDuration::from_millis(1));
        }
        record(&bench, |event| event.record_id = Some(number.to_string())).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/audit?action=bundle.read&limit=7{cursor}");
        let answer = console.get(&path).await;
        for row in answer.json["items"].as_array().unwrap() {
            seen.push(row["record_id"].as_str().unwrap().parse::<i32>().unwrap());
        }
        match answer.json["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 25);
    seen.sort_unstable();
    assert_eq!(seen, (0..25).collect::<Vec<_>>());
}

async fn exported(console: &Console<'_>, query: &str) -> (String, String) {
    let value = format!("Bearer {}", console.token);
    let headers = [("authorization", value.as_str())];
    let asked = request("GET", &format!("/audit/export{query}"), None, &headers);
    let (headers, text) = console.bench.send_for_text(asked).await;
    let media = headers["content-type"].to_str().unwrap().to_owned();
    (media, text)
}

#[tokio::test]
async fn an_export_is_whole_guarded_and_recorded() {
    let bench = Bench::new().await;
    let console = bench.console().await;
    for number in 0..1_203 {
        record(&bench, |event| {
            event.record_id = Some(number.to_string());
            event.reason = Some("=HYPERLINK(\"x\")".to_owned());
        })
        .await;
    }
    let (media, text) = exported(&console, "?action=bundle.read").await;
    assert_eq!(media, "application/jsonl");
    assert_eq!(text.lines().count(), 1_203);
    let row: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(row["action"], "bundle.read");
    let (media, text) = exported(&console, "?format=csv&action=bundle.read").await;
    assert_eq!(media, "text/csv; charset=utf-8");
    assert_eq!(text.matches("\r\n").count(), 1_204);
    assert!(
        text.contains("\"'=HYPERLINK(\"\"x\"\")\""),
        "{}",
        &text[..300]
    );
    let rows = bench.audit("audit.export").await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].reason.as_deref(), Some("rows by action"));
    assert_eq!(console.get("/audit/export?format=xls").await.status, 400);
}

#[tokio::test]
async fn an_auditor_of_one_organization_reads_its_rows() {
    let bench = Bench::new().await;
    bench.app().await;
    let auditor = bench.person("auditor", "auditor", rights()).await;
    let console = bench
        .through_app(&auditor, EVERYTHING, bench.clock.now())
        .await;
    let ours = rights().organization;
    record(&bench, |event| {
        event.organization.clone_from(&ours);
        event.jurisdiction = Some("MA".to_owned());
        event.request_id = Some("seen".to_owned());
    })
    .await;
    record(&bench, |event| {
        event.organization.clone_from(&ours);
        event.jurisdiction = Some("VT".to_owned());
        event.request_id = Some("unseen".to_owned());
    })
    .await;
    record(&bench, |event| {
        event.organization = Some("elsewhere".to_owned());
        event.request_id = Some("unseen".to_owned());
    })
    .await;
    record(&bench, |event| event.request_id = Some("unseen".to_owned())).await;
    for query in ["", "?organization=elsewhere", "?request_id=unseen"] {
        let answer = console.get(&format!("/audit{query}")).await;
        assert_eq!(answer.status, 200);
        let text = answer.json.to_string();
        assert!(!text.contains("unseen"), "{query} {text}");
        assert_eq!(text.contains("\"seen\""), query.is_empty(), "{text}");
        let (_, text) = exported(&console, query).await;
        assert!(!text.contains("\"unseen\""), "{query} {text}");
        assert_eq!(text.contains("\"seen\""), query.is_empty(), "{text}");
    }
}

/// A record that a request did not reach, and one that is not there: to who does not reach it either the same.
#[tokio::test]
async fn a_hidden_record_reads_like_an_absent_one() {
    let bench = Bench::new().await;
    refuse(&bench).await;
    let of = |jurisdictions: &[&str], record_types: &[&str], rights: Rights| Rights {
        jurisdictions: jurisdictions.iter().map(|it| (*it).to_owned()).collect(),
        record_types: record_types.iter().map(|it| (*it).to_owned()).collect(),
        ..rights
    };
    let of_one_facility = |rights| Rights {
        facilities: Some(vec!["1".to_owned()]),
        ..rights
    };
    let both = ["birth", "fetal-death"];
    for (name, rights) in [
        ("own", rights()),
        ("own facility", of_one_facility(rights())),
        ("all, elsewhere", of(&["NH"], &both, everywhere())),
        (
            "all, another type",
            of(&["MA", "VT"], &["fetal-death"], everywhere()),
        ),
        ("all, no type", of(&["MA", "VT"], &[], everywhere())),
        ("all, nowhere", of(&[], &both, everywhere())),
        (
            "all, one facility",
            of_one_facility(of(&["MA", "VT"], &both, everywhere())),
        ),
    ] {
        let console = bench
            .console_of(&name.replace([' ', ','], "-"), rights)
            .await;
        for rows in both_ways(&console, "?action=bundle.read").await {
            assert_eq!(rows.len(), 3, "{name} {rows:?}");
            assert!(rows.iter().all(|row| *row == rows[0]), "{name} {rows:?}");
            assert_eq!(rows[0]["reason"], "no such record");
        }
        let (_, text) = exported(&console, "?format=csv").await;
        assert!(
            !text.contains("hidden-1") && !text.contains("the record"),
            "{text}"
        );
        for rows in both_ways(&console, "?record_id=hidden-1").await {
            assert_eq!(rows, Vec::<Value>::new(), "{name}");
        }
    }
    let there = of(&["MA", "VT"], &both, everywhere());
    let console = bench.console_of("all-there", there).await;
    for rows in both_ways(&console, "?record_id=hidden-1").await {
        assert_eq!(rows.len(), 2);
        assert_ne!(rows[0]["reason"], rows[1]["reason"]);
    }
    let console = bench.console().await;
    for rows in both_ways(&console, "?record_id=hidden-1").await {
        assert_eq!(rows.len(), 1, "of two jurisdictions, one is reached");
        assert_eq!(rows[0]["jurisdiction"], "MA");
    }
}

/// Three requests that were answered in the same way.
async fn refuse(bench: &Bench) {
    for (reason, id, jurisdiction) in [
        (
            "the record belongs to another organization",
            "hidden-1",
            Some("MA"),
        ),
        (
            "the record's jurisdiction is not one of the token's",
            "hidden-1",
            Some("VT"),
        ),
        ("no such record", "absent-1", None),
    ] {
        record(bench, |event| {
            event.outcome = Outcome::Denied;
            event.organization = rights().organization;
            event.reason = Some(reason.to_owned());
            event.record_id = Some(id.to_owned());
            event.jurisdiction = jurisdiction.map(str::to_owned);
            event.record_type = jurisdiction.map(|_| "birth".to_owned());
        })
        .await;
    }
}

/// Rows without their own ids, from a page and from a file.
async fn both_ways(console: &Console<'_>, query: &str) -> [Vec<Value>; 2] {
    let answer = console.get(&format!("/audit{query}")).await;
    let (_, text) = exported(console, query).await;
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let page = answer.json["items"].as_array().unwrap().clone();
    [page, lines.collect()].map(|mut rows| {
        for row in &mut rows {
            row.as_object_mut().unwrap().remove("id");
        }
        rows
    })
}

/// All organizations are not all jurisdictions; what is about no record is for each of their auditors.
#[tokio::test]
async fn an_auditor_of_all_organizations_reads_of_its_records_and_of_none() {
    let bench = Bench::new().await;
    for (id, jurisdiction, record_type) in [
        ("1", Some("MA"), Some("birth")),
        ("2", Some("VT"), Some("birth")),
        ("3", Some("MA"), Some("fetal-death")),
        ("4", None, None),
    ] {
        record(&bench, |event| {
            event.organization = Some("elsewhere".to_owned());
            event.request_id = Some(id.to_owned());
            event.jurisdiction = jurisdiction.map(str::to_owned);
            event.record_type = record_type.map(str::to_owned);
        })
        .await;
    }
    for (name, jurisdictions, record_types, seen) in [
        ("one", vec!["MA"], vec!["birth"], vec!["1", "4"]),
        (
            "two",
            vec!["MA", "VT"],
            vec!["birth", "fetal-death"],
            vec!["1", "2", "3", "4"],
        ),
        ("three", vec![], vec![], vec!["4"]),
    ] {
        let rights = Rights {
            jurisdictions: jurisdictions.into_iter().map(str::to_owned).collect(),
            record_types: record_types.into_iter().map(str::to_owned).collect(),
            ..everywhere()
        };
        let console = bench.console_of(name, rights).await;
        for rows in both_ways(&console, "?action=bundle.read").await {
            let mut ids: Vec<_> = rows
                .iter()
                .filter_map(|row| row["request_id"].as_str())
                .collect();
            ids.sort_unstable();
            assert_eq!(ids, seen, "{name}");
        }
    }
}
