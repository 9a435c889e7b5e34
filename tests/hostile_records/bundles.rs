//! JSON that is no Bundle, and Bundles that are no records of births and fetal deaths.

use serde_json::{Value, json};

use crate::Stage;
use crate::bodies::create;
use crate::row::{Row, row};

pub fn envelopes(stage: &Stage) -> Vec<Row> {
    let rows: Vec<(&str, Value, &'static str)> = vec![
        ("an empty object", json!({}), "structure"),
        ("an array", json!([]), "structure"),
        (
            "an array of a Bundle",
            json!([{"resourceType": "Bundle"}]),
            "structure",
        ),
        ("null", json!(null), "structure"),
        ("a string", json!("Bundle"), "structure"),
        ("a number", json!(1), "structure"),
        (
            "a Patient",
            json!({"resourceType": "Patient", "name": [{"family": "c4n4ry"}]}),
            "structure",
        ),
        (
            "a type in small letters",
            json!({"resourceType": "bundle", "type": "document"}),
            "structure",
        ),
        (
            "a resourceType that is a number",
            json!({"resourceType": 1, "type": "document"}),
            "structure",
        ),
        ("no type", json!({"resourceType": "Bundle"}), "required"),
        (
            "a type that is an array",
            json!({"resourceType": "Bundle", "type": ["document"]}),
            "structure",
        ),
        (
            "a collection",
            json!({"resourceType": "Bundle", "type": "collection", "entry": []}),
            "not-supported",
        ),
        (
            "a searchset",
            json!({"resourceType": "Bundle", "type": "searchset", "total": 0}),
            "not-supported",
        ),
        (
            "a history",
            json!({"resourceType": "Bundle", "type": "history"}),
            "not-supported",
        ),
        (
            "a transaction at Bundle",
            json!({"resourceType": "Bundle", "type": "transaction", "entry": [{}]}),
            "not-supported",
        ),
        (
            "a type with a space",
            json!({"resourceType": "Bundle", "type": "document "}),
            "not-supported",
        ),
        (
            "no entries",
            json!({"resourceType": "Bundle", "type": "document"}),
            "required",
        ),
        (
            "an empty list of entries",
            json!({"resourceType": "Bundle", "type": "document", "entry": []}),
            "required",
        ),
        (
            "entries that are an object",
            json!({"resourceType": "Bundle", "type": "document", "entry": {}}),
            "structure",
        ),
        (
            "an entry that is null",
            json!({"resourceType": "Bundle", "type": "document", "entry": [null]}),
            "structure",
        ),
        (
            "an entry without a resource",
            json!({"resourceType": "Bundle", "type": "document", "entry": [{"fullUrl": "urn:x"}]}),
            "required",
        ),
        (
            "a resource that is a string",
            json!({"resourceType": "Bundle", "type": "document", "entry": [{"resource": "c4n4ry"}]}),
            "structure",
        ),
    ];
    rows.into_iter()
        .map(|(name, body, code)| {
            row(
                format!("bundle: {name}"),
                create(stage, body.to_string()),
                422,
                code,
            )
        })
        .collect()
}

/// A right report with one thing changed.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut record: Value = serde_json::from_str(&crate::birth(8)).unwrap();
    change(&mut record);
    record.to_string()
}

type Change = fn(&mut Value);

pub fn records(stage: &Stage) -> Vec<Row> {
    let rows: Vec<(&str, Change, u16, &'static str)> = vec![
        (
            "no identifier",
            |it| drop(it.as_object_mut().unwrap().remove("identifier")),
            422,
            "required",
        ),
        (
            "an identifier without a system",
            |it| it["identifier"] = json!({"value": "2026MA000001"}),
            422,
            "required",
        ),
        (
            "an empty identifier",
            |it| it["identifier"]["value"] = json!(""),
            422,
            "value",
        ),
        (
            "an identifier with a line feed",
            |it| it["identifier"]["value"] = json!("c4n4ry\nx"),
            422,
            "value",
        ),
        (
            "an identifier with NUL",
            |it| it["identifier"]["value"] = json!("2026MA000001\0"),
            422,
            "value",
        ),
        (
            "an identifier that is no key",
            |it| it["identifier"]["value"] = json!("c4n4ry"),
            422,
            "value",
        ),
        (
            "an identifier of no jurisdiction",
            |it| it["identifier"]["value"] = json!("2026QQ000001"),
            422,
            "value",
        ),
        (
            "an identifier that is a number",
            |it| it["identifier"]["value"] = json!(2026),
            422,
            "structure",
        ),
        (
            "another jurisdiction",
            |it| it["identifier"]["value"] = json!("2026NH000008"),
            403,
            "forbidden",
        ),
        (
            "meta that is a string",
            |it| it["meta"] = json!("c4n4ry"),
            422,
            "structure",
        ),
        (
            "a timestamp without a zone",
            |it| it["timestamp"] = json!("2026-01-01T00:00:00"),
            422,
            "value",
        ),
        (
            "a Patient first",
            |it| {
                let entries = it["entry"].as_array_mut().unwrap();
                entries.swap(0, 1);
            },
            422,
            "value",
        ),
        (
            "a Composition without a type",
            |it| {
                drop(
                    it["entry"][0]["resource"]
                        .as_object_mut()
                        .unwrap()
                        .remove("type"),
                );
            },
            422,
            "required",
        ),
        (
            "a death certificate",
            |it| it["entry"][0]["resource"]["type"]["coding"][0]["code"] = json!("64297-5"),
            422,
            "not-supported",
        ),
        (
            "two types of document",
            |it| {
                let more = json!({"system": "http://loinc.org", "code": "92010-8"});
                it["entry"][0]["resource"]["type"]["coding"]
                    .as_array_mut()
                    .unwrap()
                    .push(more);
            },
            422,
            "value",
        ),
        (
            "a fetal death by a client of births",
            |it| it["entry"][0]["resource"]["type"]["coding"][0]["code"] = json!("92010-8"),
            403,
            "forbidden",
        ),
        (
            "a Composition that is an array",
            |it| it["entry"][0]["resource"] = json!([]),
            422,
            "structure",
        ),
    ];
    rows.into_iter()
        .map(|(name, change, status, code)| {
            row(
                format!("record: {name}"),
                create(stage, changed(change)),
                status,
                code,
            )
        })
        .collect()
}
