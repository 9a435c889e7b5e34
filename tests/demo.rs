//! The demonstration is a whole-system test: every dataflow three ways over real TLS, and the refusals.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;
use std::time::Duration;

use vitalgate::demo::{self, Outcome, report};

fn assert_held(outcome: &Outcome) {
    for walk in &outcome.walks {
        assert!(
            walk.held(),
            "{} {}: {}",
            walk.dataflow,
            walk.way,
            walk.verdict()
        );
    }
    for refusal in &outcome.refusals {
        assert!(
            refusal.held,
            "{}: demanded {}, saw {}",
            refusal.attempt, refusal.demanded, refusal.seen
        );
    }
    assert_eq!((outcome.walks.len(), outcome.refusals.len()), (9, 13));
    assert!(outcome.held());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_dataflow_holds_three_ways_and_everything_else_is_refused() {
    let outcome = demo::run(Vec::new()).await.unwrap();
    assert_held(&outcome);
    // A debug build on a machine that has other things to do; it tells one that hangs from one that does not.
    assert!(
        outcome.elapsed < Duration::from_mins(3),
        "{:?}",
        outcome.elapsed
    );
    for walk in &outcome.walks {
        let numbers: Vec<u8> = walk
            .steps
            .iter()
            .filter_map(|step| step.numbers)
            .flat_map(|(asked, answered)| [asked, answered])
            .collect();
        let last = if walk.way.starts_with("human") { 8 } else { 6 };
        for number in 1..=last {
            assert!(
                numbers.contains(&number),
                "{} {}: no step {number}",
                walk.dataflow,
                walk.way
            );
        }
    }
    let page = report::html(&outcome);
    assert_eq!(page.matches("<svg ").count(), 9);
    assert!(!page.contains("<script") && !page.contains("http-equiv") && !page.contains("src="));
}

#[tokio::test(flavor = "multi_thread")]
async fn real_records_of_any_jurisdiction_walk_too() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/records");
    let Ok(entries) = std::fs::read_dir(&directory) else {
        eprintln!("skipped: no real records beside the checkout");
        return;
    };
    let records: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(records.len() >= 14);
    assert_held(&demo::run(records).await.unwrap());
}
