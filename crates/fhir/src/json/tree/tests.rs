#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// The tree as serde_json's value.
fn value(node: Node<'_>) -> Value {
    match node.kind() {
        Kind::Array => node.elements().map(value).collect(),
        Kind::Object => Value::Object(
            node.members()
                .map(|member| (member.name.into_owned(), value(member.value)))
                .collect(),
        ),
        Kind::Text => Value::from(node.text().unwrap()),
        Kind::Null | Kind::Boolean | Kind::Number => serde_json::from_str(node.raw()).unwrap(),
    }
}

#[test]
fn everything_knows_where_it_stands() {
    let text =
        r#" {"a" : [1, -2.50e3 ,{}], "b\u0022": "x\\\"y", "c":{"d":null,"e":[]}, "f": true } "#;
    let tree = Tree::parse(text.as_bytes()).unwrap();
    assert_eq!(
        value(tree.root()),
        serde_json::from_str::<Value>(text).unwrap()
    );
    let raw: Vec<_> = tree
        .root()
        .members()
        .map(|member| member.value.raw())
        .collect();
    assert_eq!(
        raw,
        [
            "[1, -2.50e3 ,{}]",
            r#""x\\\"y""#,
            r#"{"d":null,"e":[]}"#,
            "true"
        ]
    );
    let starts: Vec<_> = tree.root().members().map(|member| member.start).collect();
    assert_eq!(starts[..2], [2, text.find(r#""b\"#).unwrap()]);
    assert_eq!(tree.root().text_of("b\"").unwrap(), "x\\\"y");
}

#[test]
fn members_said_twice_are_both_there() {
    let tree = Tree::parse(br#"{"a":1,"a":2}"#).unwrap();
    let values: Vec<_> = tree
        .root()
        .members()
        .map(|member| member.value.raw())
        .collect();
    assert_eq!(values, ["1", "2"]);
    assert_eq!(tree.root().get("a").unwrap().raw(), "1");
    for wrong in [
        "",
        "{",
        "[1,]",
        "{\"a\":01}",
        "\"\\ud800\"",
        "{\"a\":1,\"a\":x}",
    ] {
        assert!(Tree::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn what_has_too_many_values_is_not_read() {
    let many = |count| format!("[{}]", vec!["0"; count].join(","));
    assert!(Tree::parse(many(MAX_VALUES - 1).as_bytes()).is_ok());
    let error = Tree::parse(many(MAX_VALUES).as_bytes()).unwrap_err();
    assert_eq!(error.kind, JsonErrorKind::TooMany);
}

#[test]
fn real_records_are_read() {
    for (name, text) in crate::real_records() {
        let tree = Tree::parse(text.as_bytes()).unwrap();
        assert_eq!(
            value(tree.root()),
            serde_json::from_str::<Value>(&text).unwrap(),
            "{name}"
        );
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn the_tree_is_what_serde_json_reads(written in any_value(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&written).unwrap() } else { written.to_string() };
        prop_assert_eq!(value(Tree::parse(text.as_bytes()).unwrap().root()), written);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Tree::parse(&bytes).map(|tree| value(tree.root()));
    }
}
