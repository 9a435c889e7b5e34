//! What is looked at in a record: the structural checks, and redaction.
#![no_main]

use fhir::redact::{Groups, is_redacted, redact};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let clean = fhir::json::check(data).is_ok();
    match fhir::validate::validate(data) {
        Ok(findings) => {
            assert!(findings.all().len() <= 101, "bounded");
            assert!(findings.all().is_sorted_by_key(|finding| finding.offset));
            assert!(
                clean || findings.has_errors(),
                "a member said twice is told of"
            );
        }
        Err(_) => assert!(!clean, "whatever is JSON is looked at"),
    }
    let Ok(redacted) = redact(data, Groups::all()) else {
        return;
    };
    if !clean {
        return;
    }
    assert_eq!(fhir::json::check(&redacted.bytes), Ok(()));
    assert!(
        redacted.withheld || redacted.bytes == data,
        "what nothing is withheld from stays"
    );
    assert!(
        !redacted.withheld || is_redacted(&redacted.bytes) == Ok(true),
        "and all else says so"
    );
    let value: Value = serde_json::from_slice(&redacted.bytes).expect("still JSON");
    assert!(no_narrative(&value), "narrative goes with any group");
});

fn no_narrative(value: &Value) -> bool {
    match value {
        Value::Object(members) => members
            .values()
            .all(|value| value.get("div").is_none() && no_narrative(value)),
        Value::Array(items) => items.iter().all(no_narrative),
        _ => true,
    }
}
