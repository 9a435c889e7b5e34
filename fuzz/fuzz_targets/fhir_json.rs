//! Records as they arrive: the JSON scanner, the splice of id and meta, the envelope of a Bundle, of a batch too.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|data: &[u8]| {
    let clean = fhir::json::check(data).is_ok();
    let value: Option<Value> = serde_json::from_slice(data).ok();
    assert!(value.is_some() || !clean, "no other reader takes this");
    spliced(data, clean, value);
    if let Ok(bundle) = fhir::Bundle::parse(data) {
        let whole = data.as_ptr_range();
        for resource in bundle.resources() {
            let part = resource.as_ptr_range();
            assert!(
                whole.start <= part.start && part.end <= whole.end,
                "as received"
            );
            assert!(serde_json::from_slice::<Value>(resource).is_ok());
        }
        let _ = bundle.index().natural_key();
        let terms = bundle.searchable().terms();
        assert!(terms.len() <= fhir::searchable::MAX_TERMS);
    }
    if let Ok(batch) = fhir::batch::Batch::parse(data) {
        for entry in &batch.entries {
            if let Ok(target) = entry.request.target() {
                assert!(!target.contains(['#', ' ', '\r', '\n']) && !target.starts_with('/'));
            }
        }
    }
});

/// Only `id`, `meta.versionId` and `meta.lastUpdated` differ afterwards, and a second time nothing.
fn spliced(data: &[u8], clean: bool, value: Option<Value>) {
    let time = Timestamp::UNIX_EPOCH;
    let result = fhir::splice::read(data, "an-id", "1", time);
    let Some(mut value) = value.filter(|_| clean) else {
        return;
    };
    let fits =
        value.get("resourceType").is_some() && value.get("meta").is_none_or(Value::is_object);
    assert_eq!(result.is_ok(), fits);
    let Ok(read) = result else {
        return;
    };
    value["id"] = "an-id".into();
    if value.get("meta").is_none() {
        value["meta"] = json!({});
    }
    value["meta"]["versionId"] = "1".into();
    value["meta"]["lastUpdated"] = "1970-01-01T00:00:00.000Z".into();
    let found: Value = serde_json::from_slice(&read).expect("still JSON");
    assert_eq!(found, value);
    assert_eq!(fhir::json::check(&read), Ok(()));
    assert_eq!(
        fhir::splice::read(&read, "an-id", "1", time).as_ref(),
        Ok(&read)
    );
}
