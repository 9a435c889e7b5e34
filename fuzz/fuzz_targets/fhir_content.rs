//! What is looked at in a record: the structural checks, and redaction.
#![no_main]

use fhir::redact::{Groups, redact};
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
    assert_eq!(redacted.withheld, redacted.bytes != data);
    let value: Value = serde_json::from_slice(&redacted.bytes).expect("still JSON");
    assert!(no_narrative(&value), "narrative goes with any group");
    let again = redact(&redacted.bytes, Groups::all()).expect("still a resource");
    assert_eq!(again.bytes, redacted.bytes, "a second time nothing changes");
});

fn no_narrative(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().all(|(name, value)| {
            name == "meta" || value.get("div").is_none() && no_narrative(value)
        }),
        Value::Array(items) => items.iter().all(no_narrative),
        _ => true,
    }
}
