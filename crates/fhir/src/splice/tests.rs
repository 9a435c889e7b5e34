#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::json;

fn spliced(text: &str) -> Result<String, SpliceError> {
    let time = "2026-11-23T12:00:00.120Z".parse().unwrap();
    read(text.as_bytes(), "new-1", "7", time).map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn what_is_there_is_exchanged_in_its_place() {
    let text = " {\n \"id\" : \"old\" , \"resourceType\":\"Bundle\",\"meta\":{\"profile\":[\"p\"],\
        \"lastUpdated\":\"2001-01-01T00:00:00Z\", \"versionId\" :\"1\"},\"n\":1.50e+02,\"x\":{\"id\":\"in\"}}\n";
    assert_eq!(
        spliced(text).unwrap(),
        " {\n \"id\" : \"new-1\" , \"resourceType\":\"Bundle\",\"meta\":{\"profile\":[\"p\"],\
        \"lastUpdated\":\"2026-11-23T12:00:00.120Z\", \"versionId\" :\"7\"},\"n\":1.50e+02,\"x\":{\"id\":\"in\"}}\n"
    );
}

#[test]
fn what_is_not_there_is_put_behind_the_brace() {
    let meta = "\"versionId\":\"7\",\"lastUpdated\":\"2026-11-23T12:00:00.120Z\"";
    let rows = [
        (
            r#"{ "resourceType":"Bundle" }"#,
            format!(r#"{{"id":"new-1","meta":{{{meta}}}, "resourceType":"Bundle" }}"#),
        ),
        (
            r#"{"resourceType":"Bundle","meta":{}}"#,
            format!(r#"{{"id":"new-1","resourceType":"Bundle","meta":{{{meta}}}}}"#),
        ),
        (
            r#"{"resourceType":"Bundle","meta":{ "profile":[]},"id":"x"}"#,
            format!(r#"{{"resourceType":"Bundle","meta":{{{meta}, "profile":[]}},"id":"new-1"}}"#),
        ),
        (
            r#"{"id":"x","resourceType":"Bundle"}"#,
            format!(r#"{{"meta":{{{meta}}},"id":"new-1","resourceType":"Bundle"}}"#),
        ),
        (
            r#"{"resourceType":"Bundle","id":null,"meta":{"versionId":null}}"#,
            r#"{"resourceType":"Bundle","id":"new-1","meta":{"lastUpdated":"2026-11-23T12:00:00.120Z","versionId":"7"}}"#.to_owned(),
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(spliced(text).unwrap(), expected);
        json::check(expected.as_bytes()).unwrap();
    }
}

/// A reader of the result decodes names, so one that we overlooked would be there twice.
#[test]
fn escaped_names_are_seen_and_kept() {
    let text =
        r#"{"resourceType":"Bundle","\u0069d":"a\"b","\u006deta":{"version\u0049d":"1","x":"}"}}"#;
    assert_eq!(
        spliced(text).unwrap(),
        r#"{"resourceType":"Bundle","\u0069d":"new-1","\u006deta":{"lastUpdated":"2026-11-23T12:00:00.120Z","version\u0049d":"7","x":"}"}}"#
    );
}

#[test]
fn ids_are_written_as_json() {
    let time = Timestamp::UNIX_EPOCH;
    let bytes = read(br#"{"resourceType":"Bundle"}"#, "a\"b", "\\", time).unwrap();
    let value: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(value["id"], "a\"b");
    assert_eq!(value["meta"]["versionId"], "\\");
    assert_eq!(value["meta"]["lastUpdated"], "1970-01-01T00:00:00.000Z");
}

#[test]
fn what_is_no_resource_is_refused() {
    for text in [
        "",
        "{}",
        "[]",
        "null",
        "[\"Bundle\",\"1\",{}]",
        "{\"id\":\"1\"}",
        "{\"resourceType\":\"B\"",
        // Which of the two would be the id?
        r#"{"resourceType":"B","id":"1","id":"2"}"#,
        r#"{"resourceType":"B","id":"1","\u0069d":"2"}"#,
    ] {
        assert_eq!(spliced(text), Err(SpliceError::NoResource), "{text}");
    }
    assert_eq!(
        read(b"\xff", "1", "1", Timestamp::UNIX_EPOCH),
        Err(SpliceError::NoResource)
    );
    for meta in [
        "null",
        "[]",
        "[\"1\",\"2\"]",
        "1",
        "\"x\"",
        r#"{"versionId":1,"versionId":2}"#,
    ] {
        let text = format!(r#"{{"resourceType":"B","meta":{meta}}}"#);
        assert_eq!(spliced(&text), Err(SpliceError::Meta), "{meta}");
    }
}

/// White space, names in any spelling, values in any spelling: everything but the three values.
fn padding() -> impl Strategy<Value = String> {
    "[ \t\r\n]{0,3}"
}

fn other_member() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec![
        "1.50",
        "-0",
        "1E5",
        "123456789012345678901234567890",
        "\"\\u0069\\/\\\"}{\"",
        "null",
        "[ ]",
        "{ }",
        "[{\"id\":\"x\",\"meta\":{\"versionId\":\"9\"}}]",
        "{\"meta\":{},\"id\":1}",
        "\"é 漢 😀\"",
    ]);
    (0..1_000, padding(), padding(), value)
        .prop_map(|(n, before, after, value)| format!("\"_x{n}\"{before}:{after}{value}"))
}

/// Joins members in the order of the shuffled numbers.
fn joined(members: &[String], order: &[usize], pad: &str) -> String {
    let picked: Vec<&str> = order
        .iter()
        .map(|at| members.get(*at).unwrap().as_str())
        .collect();
    picked.join(&format!("{pad},{pad}"))
}

proptest! {
    #[test]
    fn all_other_bytes_survive(
        others in prop::collection::vec(other_member(), 0..6),
        order in Just((0..9).collect::<Vec<usize>>()).prop_shuffle(),
        pad in padding(),
    ) {
        let build = |id: &str, version: &str, time: &str| {
            let meta = format!("\"meta\"{pad}:{{{pad}\"versionId\":{version}{pad},\"tag\":[],\"lastUpdated\":{time}}}");
            let mut members = vec!["\"resourceType\":\"Bundle\"".to_owned(), format!("\"id\"{pad}:{pad}{id}"), meta];
            members.extend(others.iter().cloned());
            let order: Vec<usize> = order.iter().copied().filter(|at| *at < members.len()).collect();
            format!("{pad}{{{pad}{}{pad}}}{pad}", joined(&members, &order, &pad))
        };
        let received = build("\"ol\\\"d\"", "12", "null");
        let expected = build("\"new-1\"", "\"7\"", "\"2026-11-23T12:00:00.120Z\"");
        prop_assert_eq!(spliced(&received).unwrap(), expected);
    }

    #[test]
    fn what_is_missing_is_added_and_the_rest_survives(
        others in prop::collection::vec(other_member(), 0..6),
        pad in padding(),
        with_id in any::<bool>(),
        meta in 0..METAS.len(),
    ) {
        let (old_meta, new_meta) = METAS[meta];
        let build = |first: &str, id: &str, meta: &str| {
            let mut members = others.clone();
            members.push("\"resourceType\":\"Bundle\"".to_owned());
            if with_id {
                members.insert(0, format!("\"id\":\"{id}\""));
            }
            if !meta.is_empty() {
                members.push(format!("\"meta\":{meta}"));
            }
            format!("{{{first}{pad}{}{pad}}}", members.join(&format!("{pad},{pad}")))
        };
        let first = match (with_id, old_meta) {
            (true, "") => "\"meta\":{\"versionId\":\"7\",\"lastUpdated\":\"2026-11-23T12:00:00.120Z\"},",
            (true, _) => "",
            (false, "") => {
                "\"id\":\"new-1\",\"meta\":{\"versionId\":\"7\",\"lastUpdated\":\"2026-11-23T12:00:00.120Z\"},"
            }
            (false, _) => "\"id\":\"new-1\",",
        };
        let received = build("", "old", old_meta);
        prop_assert_eq!(spliced(&received).unwrap(), build(first, "new-1", new_meta));
    }
}

/// A meta, and what becomes of it; the first is none.
const METAS: [(&str, &str); 5] = [
    ("", ""),
    (
        "{}",
        "{\"versionId\":\"7\",\"lastUpdated\":\"2026-11-23T12:00:00.120Z\"}",
    ),
    (
        "{ }",
        "{\"versionId\":\"7\",\"lastUpdated\":\"2026-11-23T12:00:00.120Z\" }",
    ),
    (
        "{\"source\":\"x\"}",
        "{\"versionId\":\"7\",\"lastUpdated\":\"2026-11-23T12:00:00.120Z\",\"source\":\"x\"}",
    ),
    (
        "{\"versionId\":\"3\"}",
        "{\"lastUpdated\":\"2026-11-23T12:00:00.120Z\",\"versionId\":\"7\"}",
    ),
];

#[test]
fn real_records_keep_every_other_byte() {
    for (name, text) in crate::real_records() {
        let result = spliced(&text).unwrap();
        json::check(result.as_bytes()).unwrap();
        let mut received: Value = serde_json::from_str(&text).unwrap();
        let old_id = received["id"].as_str().unwrap().to_owned();
        let meta = received["meta"].is_object();
        // Each record has an id, and none has a version.
        let inserted = "\"versionId\":\"7\",\"lastUpdated\":\"2026-11-23T12:00:00.120Z\"";
        let restored = match meta {
            true => result.replacen(&format!("{inserted},"), "", 1),
            false => result.replacen(&format!("\"meta\":{{{inserted}}},"), "", 1),
        };
        assert_eq!(
            restored.replacen("\"new-1\"", &format!("\"{old_id}\""), 1),
            text,
            "{name}"
        );
        received["id"] = "new-1".into();
        received["meta"]["versionId"] = "7".into();
        received["meta"]["lastUpdated"] = "2026-11-23T12:00:00.120Z".into();
        assert_eq!(
            serde_json::from_str::<Value>(&result).unwrap(),
            received,
            "{name}"
        );
    }
}
