//! What a hostile text costs: eight times the text about eight times the work, never its square. Measured as
//! the best of several runs, and far from both, so that no slow machine fails it.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use crate::Bundle;
use crate::redact::{Group, Groups, redact};
use crate::validate::validate;

fn grows_with_its_text(what: &str, text: impl Fn(usize) -> String, work: impl Fn(&[u8])) {
    let time = |text: &str| {
        let (start, spent) = (Instant::now(), spent());
        work(text.as_bytes());
        match (spent, self::spent()) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => start.elapsed(),
        }
    };
    // What takes a moment only is measured by nobody: others have the processor for longer.
    let measured = |count: &usize| *count >= MANY || time(&text(*count)) >= LONG_ENOUGH;
    let mut counts = std::iter::successors(Some(FEW), |count| Some(count * 2));
    let count = counts.find(measured).unwrap();
    let (small, large) = (text(count), text(count * TIMES));
    // The system tells in steps of some milliseconds.
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..7 {
        best.0 = best.0.min(time(&small).max(STEP));
        best.1 = best.1.min(time(&large));
        if best.1 < best.0 * MOST {
            return;
        }
    }
    assert!(best.1 < best.0 * MOST, "{what}: {best:?}");
}

/// What this thread had of a processor, where the system tells: others' work is none of it.
fn spent() -> Option<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = told.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds)).filter(|spent| !spent.is_zero())
}

fn validated(text: &[u8]) {
    validate(text).unwrap();
}

fn redacted(text: &[u8]) {
    redact(text, Groups::all()).unwrap();
    let ssn = [Group::Ssn].into_iter().collect();
    redact(text, ssn).unwrap();
}

fn list(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

fn document(kind: &str, first: &str, entries: &str) -> String {
    format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{first},{entries}]}}"#)
}

fn extended(text: &str) -> String {
    format!(
        r#"{{"resourceType":"Patient","extension":[{{"url":"ssn","valueString":"1111111"}},{{"url":"a","valueString":"{text}"}}]}}"#
    )
}

#[test]
fn members_of_one_object() {
    for (kind, value) in [
        ("X", "[]"),
        ("X", "[[],[]]"),
        ("Patient", "{}"),
        ("Patient", "\"a\""),
    ] {
        let text = |count| {
            let members = list(count, |at| format!("\"a{at}\":{value},\"_a{at}\":{value}"));
            format!(r#"{{"resourceType":"{kind}","name":[],{members}}}"#)
        };
        grows_with_its_text("validate", text, validated);
        grows_with_its_text("redact", text, redacted);
    }
    let values = |count| {
        let members = list(count, |at| {
            format!("\"value{at}\":\"a\",\"_value{at}\":\"b\"")
        });
        format!(r#"{{"resourceType":"Basic","a":{{"text":"SSN","system":"ssn",{members}}}}}"#)
    };
    grows_with_its_text("values", values, redacted);
}

#[test]
fn numbers_of_one_record() {
    let many = |count| {
        let numbers = list(count, |at| {
            format!(
                r#"{{"system":"ssn","value":"{}"}}"#,
                100_000_000 + at * 7919
            )
        });
        format!(r#"{{"resourceType":"Patient","identifier":[{numbers}]}}"#)
    };
    grows_with_its_text("identifiers", many, redacted);
    let long = |count| extended(&"12 ".repeat(count));
    grows_with_its_text("digits", long, redacted);
    let known = |count| {
        let numbers = list(count, |at| (1_000_000 + at).to_string());
        extended(&"1 2".repeat(count)).replace("\"1111111\"", &format!("[{numbers}]"))
    };
    grows_with_its_text("both", known, redacted);
}

#[test]
fn markup_of_one_text() {
    for piece in ["<a", "&#", "&#0", "&a", "%3", "<a>", "&#53;", "s ", "SsN"] {
        let text = |count| extended(&format!("1234567{}", piece.repeat(count)));
        grows_with_its_text(piece, text, redacted);
    }
}

#[test]
fn resources_with_something_else_for_a_meta() {
    let text = |count| {
        let patients = list(count, |_| {
            r#"{"resource":{"resourceType":"Patient","meta":"x","birthDate":"2026"}}"#.to_owned()
        });
        format!(r#"{{"resourceType":"Bundle","entry":[{patients}]}}"#)
    };
    grows_with_its_text("meta", text, redacted);
}

#[test]
fn references_of_one_entry() {
    let contained = |count| {
        let contained = list(count, |at| {
            format!(r#"{{"resourceType":"Basic","id":"{at}"}}"#)
        });
        let links = list(count, |_| r##"{"reference":"#x"}"##.to_owned());
        let list = format!(
            r#"{{"resource":{{"resourceType":"Patient","contained":[{contained}],"generalPractitioner":[{links}]}}}}"#
        );
        document("document", "{}", &list)
    };
    grows_with_its_text("contained", contained, validated);
    let address = |count| {
        let base = "a".repeat(count * 100);
        let links = list(count, |at| format!(r#"{{"reference":"Patient/{at}"}}"#));
        let entry = format!(
            r#"{{"fullUrl":"http://{base}/Patient/p","resource":{{"resourceType":"Patient","id":"p","generalPractitioner":[{links}]}}}}"#
        );
        document("document", "{}", &entry)
    };
    grows_with_its_text("address", address, validated);
}

#[test]
fn documents_of_one_message() {
    for kind in ["document", "batch", "message"] {
        let inner = |count| {
            let bundles = list(count, |_| {
                format!(r#"{{"resource":{{"resourceType":"Bundle","type":"{kind}"}}}}"#)
            });
            let parameters = list(count, |at| {
                format!(r#"{{"name":"cert_no","valueUnsignedInt":{at}}}"#)
            });
            let first = format!(
                r#"{{"resource":{{"resourceType":"Parameters","parameter":[{parameters}]}}}}"#
            );
            document("message", &first, &bundles)
        };
        grows_with_its_text(kind, inner, validated);
    }
    let documents = |count| {
        let bundles = list(count, |_| {
            r#"{"resource":{"resourceType":"Bundle","type":"document"}}"#.to_owned()
        });
        document("batch", "{}", &bundles)
    };
    grows_with_its_text("documents", documents, validated);
}

/// What every create does.
#[test]
fn a_record_that_is_taken_in() {
    let text = |count| {
        let numbers = list(count, |at| {
            format!(
                r#"{{"system":"ssn","value":"{}"}}"#,
                100_000_000 + at * 7919
            )
        });
        let composition = format!(
            r#"{{"fullUrl":"urn:a","resource":{{"resourceType":"Composition","type":{{"coding":[{{"system":"http://loinc.org","code":"92011-6"}}]}},"identifier":[{numbers}],"subject":{{"reference":"Patient/1"}}}}}}"#
        );
        let patients = list(count, |at| {
            format!(
                r#"{{"fullUrl":"urn:{at}","resource":{{"resourceType":"Patient","id":"a{at}","identifier":[{{"system":"ssn","value":"{}"}}]}}}}"#,
                200_000_000 + at * 7919
            )
        });
        let text = document("document", &composition, &patients);
        text.replacen(
            '{',
            r#"{"identifier":{"system":"urn:x","value":"2026MA000017"},"timestamp":"2026-05-17T09:00:00Z","#,
            1,
        )
    };
    grows_with_its_text("create", text, |text| {
        let _ = Bundle::parse(text).unwrap().searchable();
    });
}

/// Of the smaller text at least and at most, in whatever it has many of.
const FEW: usize = 800;
const MANY: usize = 16 * FEW;

const STEP: Duration = Duration::from_millis(5);
const LONG_ENOUGH: Duration = Duration::from_millis(15);

/// How much more the larger one has, and how much longer it may take. Its square is 64.
const TIMES: usize = 8;
const MOST: u32 = 24;
