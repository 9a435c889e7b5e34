//! Real records, and whatever else may be received.

use proptest::prelude::*;

use super::*;

#[test]
fn real_records_are_indexed() {
    use RecordType::{Birth, FetalDeath};
    let expected = [
        ("batch-single-birth.json", Birth, "2019UT048858"),
        ("birth-extraction-error-message.json", Birth, "2018MA000001"),
        (
            "birth-jurisdiction-report-document.json",
            Birth,
            "2019NJ015075",
        ),
        ("birth-provider-report-document.json", Birth, "2019NJ015075"),
        ("birth-status-message.json", Birth, "2018NY123456"),
        (
            "birth-submission-acknowledgement.json",
            Birth,
            "2019UT048858",
        ),
        ("birth-submission-message.json", Birth, "2019UT048858"),
        ("birth-update-message.json", Birth, "2019UT048858"),
        ("birth-void-message.json", Birth, "2019UT048858"),
        ("coded-race-ethnicity-document.json", Birth, "2019NJ015075"),
        (
            "fetaldeath-coded-cause-message.json",
            FetalDeath,
            "2022MA874232",
        ),
        (
            "fetaldeath-jurisdiction-report-document.json",
            FetalDeath,
            "2019NJ009876",
        ),
        (
            "fetaldeath-submission-acknowledgement.json",
            FetalDeath,
            "2025UT453723",
        ),
        (
            "fetaldeath-submission-message.json",
            FetalDeath,
            "2025UT453723",
        ),
    ];
    let records = crate::real_records();
    for (name, text) in &records {
        crate::json::check(text.as_bytes()).unwrap();
        let found = match Bundle::parse(text.as_bytes()) {
            Ok(bundle) => bundle.into_index(),
            Err(issue) => panic!("{name}: {issue}"),
        };
        let row = expected.iter().find(|row| row.0 == name);
        let (_, record_type, key) = row.unwrap_or_else(|| panic!("a new record: {name}"));
        assert_eq!(found.record_type, Some(*record_type), "{name}");
        assert_eq!(found.natural_key().to_string(), *key, "{name}");
        assert_eq!(
            found.composition_type.is_some(),
            name.ends_with("document.json"),
            "{name}"
        );
        assert_eq!(
            found.message_id.is_some(),
            found.bundle_type == BundleType::Message,
            "{name}"
        );
    }
    assert!(records.is_empty() || records.len() == expected.len());
}

/// Replaces the `n`th value of a JSON tree, counted depth first.
fn mutate(value: &mut Value, n: &mut usize, new: &Value) {
    if *n == 0 {
        *value = new.clone();
    }
    *n = n.wrapping_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| mutate(item, n, new)),
        Value::Object(members) => members
            .values_mut()
            .for_each(|member| mutate(member, n, new)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = Bundle::parse(&bytes);
    }

    /// Whatever stands anywhere: an index or an issue, and never a word of the content in it.
    #[test]
    fn issues_never_repeat_content(
        at in 0..60_usize,
        new in prop::sample::select(vec![
            json!("Jane Doe"), json!({ "Jane Doe": "Jane Doe" }), json!(["Jane Doe"]), json!(-1), Value::Null,
        ]),
        carried in any::<bool>(),
    ) {
        let mut bundle = document("2026MA000001", "92011-6");
        if carried {
            bundle = message("birth_submission", &key("MA", 2026, 1), Some(bundle));
        }
        mutate(&mut bundle, &mut { at }, &new);
        if let Err(issue) = Bundle::parse(bundle.to_string().as_bytes()) {
            prop_assert!(!format!("{issue:?}").contains("Jane"), "{:?}", issue);
        }
    }
}
