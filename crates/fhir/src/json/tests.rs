#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::outcome::{Issue, IssueCode};

fn error(text: &str) -> JsonError {
    match check(text.as_bytes()) {
        Ok(()) => panic!("accepted: {text}"),
        Err(error) => error,
    }
}

#[test]
fn json_is_accepted() {
    for text in [
        "{}",
        "[]",
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1.50",
        "-1e-400",
        "1E+3",
        "\"\"",
        " \t\r\n{ \"a\" : [ 1 , { } , [ ] , \"\\u00e9\\ud83d\\ude00\\\"\\\\\\/\\b\\f\\n\\r\\t\" ] } \n",
        // The same name in different objects, and names that differ by case only.
        r#"{"a":{"a":1},"b":{"a":1},"A":[{"a":1},{"a":2}]}"#,
        "\"\u{7f}\u{2028}\u{10ffff}\"",
    ] {
        assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
        assert!(serde_json::from_str::<Value>(text).is_ok(), "{text}");
    }
}

#[test]
fn everything_else_is_refused_for_what_it_is() {
    use JsonErrorKind as Kind;
    let rows = [
        ("", Kind::Empty),
        (" \n\t", Kind::Empty),
        ("{", Kind::UnexpectedEnd),
        ("[1", Kind::UnexpectedEnd),
        ("\"a", Kind::UnexpectedEnd),
        ("\"\\", Kind::UnexpectedEnd),
        ("\"\\u00", Kind::UnexpectedEnd),
        ("{\"a\"", Kind::UnexpectedEnd),
        ("{\"a\":", Kind::UnexpectedEnd),
        ("nul", Kind::UnexpectedCharacter),
        ("True", Kind::UnexpectedCharacter),
        ("NaN", Kind::UnexpectedCharacter),
        ("'a'", Kind::UnexpectedCharacter),
        ("[1,]", Kind::UnexpectedCharacter),
        ("{\"a\":1,}", Kind::UnexpectedCharacter),
        ("{a:1}", Kind::UnexpectedCharacter),
        ("{\"a\" 1}", Kind::UnexpectedCharacter),
        ("[1}", Kind::UnexpectedCharacter),
        ("{\"a\":1]", Kind::UnexpectedCharacter),
        ("[1 2]", Kind::UnexpectedCharacter),
        ("+1", Kind::UnexpectedCharacter),
        ("// a\n1", Kind::UnexpectedCharacter),
        ("\u{a0}1", Kind::UnexpectedCharacter),
        ("{}{}", Kind::TrailingContent),
        ("1 x", Kind::TrailingContent),
        ("nullx", Kind::TrailingContent),
        ("\"a\tb\"", Kind::ControlCharacter),
        ("\"a\0b\"", Kind::ControlCharacter),
        (r#""\x""#, Kind::InvalidEscape),
        (r#""\u12g4""#, Kind::InvalidEscape),
        (r#""\u+123""#, Kind::InvalidEscape),
        (r#""\ud800""#, Kind::LoneSurrogate),
        (r#""\ud800x""#, Kind::LoneSurrogate),
        (r#""\ud800\n""#, Kind::LoneSurrogate),
        (r#""\ud800\ud800""#, Kind::LoneSurrogate),
        (r#""\udc00""#, Kind::LoneSurrogate),
        (r#"{"\udfff":1}"#, Kind::LoneSurrogate),
        ("01", Kind::InvalidNumber),
        ("-", Kind::InvalidNumber),
        ("-01", Kind::InvalidNumber),
        ("1.", Kind::InvalidNumber),
        ("1e", Kind::InvalidNumber),
        ("1e+", Kind::InvalidNumber),
        ("1e309", Kind::NumberOutOfRange),
        ("-1e999999999999", Kind::NumberOutOfRange),
    ];
    for (text, kind) in rows {
        assert_eq!(error(text).kind, kind, "{text}");
        assert!(
            serde_json::from_str::<Value>(text).is_err(),
            "serde_json accepts {text}"
        );
    }
    let long = "9".repeat(310);
    assert_eq!(error(&long).kind, JsonErrorKind::NumberOutOfRange);
    assert_eq!(check("9".repeat(308).as_bytes()), Ok(()));
}

#[test]
fn the_place_is_counted_in_lines_and_characters() {
    let place = |text: &str| {
        let error = error(text);
        (error.line, error.column)
    };
    assert_eq!(place("x"), (1, 1));
    assert_eq!(place("{\n  \"a\": 1,\n  \"a\": 2\n}"), (3, 3));
    assert_eq!(place("[\"ëëë\", x]"), (1, 9));
    assert_eq!(place("[1,\r\n01]"), (2, 1));
    assert_eq!(place("[1,"), (1, 4));
    assert_eq!(place("\n\n{\"a\":\"\\ud800\"}"), (3, 7));
}

#[test]
fn bytes_that_are_not_utf8_are_refused() {
    let error = check(b"[\"\xc3\xa9\",\n \"\xff\"]").unwrap_err();
    assert_eq!(
        error,
        JsonError {
            line: 2,
            column: 3,
            kind: JsonErrorKind::InvalidUtf8
        }
    );
    // An encoded half surrogate, an overlong slash, UTF-16.
    for bytes in [&b"\"\xed\xa0\x80\""[..], b"\"\xc0\xaf\"", b"\"\xe2\x82"] {
        assert_eq!(check(bytes).unwrap_err().kind, JsonErrorKind::InvalidUtf8);
    }
    assert!(check(b"{\0}\0").is_err());
    let error = check(b"\xef\xbb\xbf{}").unwrap_err();
    assert_eq!(error.kind, JsonErrorKind::ByteOrderMark);
}

#[test]
fn a_member_may_be_said_once() {
    let name = |text: &str| match error(text).kind {
        JsonErrorKind::DuplicateMember(name) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(name(r#"{"id":1,"id":1}"#).as_deref(), Some("id"));
    assert_eq!(name(r#"{"id":1,"\u0069d":2}"#).as_deref(), Some("id"));
    assert_eq!(
        name(r#"{"a":{"_date":1,"x":{"_date":1},"_date":2}}"#).as_deref(),
        Some("_date")
    );
    assert_eq!(name(r#"[{"a":[{},{"b":{}}],"a":0}]"#).as_deref(), Some("a"));
    // What somebody may have made up is not repeated.
    for made_up in ["Jane Doe", "999-12-3456", "Jané", "", "9"] {
        assert_eq!(
            name(&format!(r#"{{"{made_up}":1,"{made_up}":2}}"#)),
            None,
            "{made_up}"
        );
    }
    let long = "a".repeat(65);
    assert_eq!(name(&format!(r#"{{"{long}":1,"{long}":2}}"#)), None);
}

#[test]
fn large_objects_are_checked_too() {
    let mut members: Vec<String> = (0..5_000)
        .map(|n| format!("\"m{n}\":{{\"a\":{n}}}"))
        .collect();
    assert_eq!(
        check(format!("{{{}}}", members.join(",")).as_bytes()),
        Ok(())
    );
    for twice in [0, 31, 32, 33, 4_999] {
        members.push(format!("\"m{twice}\":0"));
        let kind = error(&format!("{{{}}}", members.join(","))).kind;
        assert_eq!(
            kind,
            JsonErrorKind::DuplicateMember(Some(format!("m{twice}")))
        );
        members.pop();
    }
}

#[test]
fn nesting_ends_at_64_and_never_at_the_stack() {
    let nested = |open: &str, close: &str, depth: usize| open.repeat(depth) + &close.repeat(depth);
    assert_eq!(check(nested("[", "]", 64).as_bytes()), Ok(()));
    assert_eq!(error(&nested("[", "]", 65)).kind, JsonErrorKind::TooDeep);
    assert_eq!(error(&nested("[", "]", 65)).column, 65);
    assert_eq!(
        error(&"{\"a\":".repeat(1_000_000)).kind,
        JsonErrorKind::TooDeep
    );
    // Side by side is not within.
    let wide = format!("[{}]", vec!["[[]]"; 10_000].join(","));
    assert_eq!(check(wide.as_bytes()), Ok(()));
}

#[test]
fn the_issue_says_where_and_what() {
    let issue = Issue::from(error("{\n\"id\":1,\"id\":2}"));
    assert_eq!(issue.code, IssueCode::Structure);
    assert_eq!(
        issue.text,
        "the JSON cannot be read at line 2, column 8: the object has the member \"id\" already"
    );
}

/// JSON values, without the NaN and infinities that JSON has not.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_serde_json_writes_is_accepted(value in value()) {
        prop_assert_eq!(check(value.to_string().as_bytes()), Ok(()));
        prop_assert_eq!(check(serde_json::to_string_pretty(&value).unwrap().as_bytes()), Ok(()));
    }

    /// Texts made of the pieces of JSON: right by chance, and wrong in every way.
    #[test]
    fn what_is_accepted_serde_json_reads_and_what_is_refused_it_refuses(
        pieces in prop::collection::vec(
            prop::sample::select(&[
                "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"b\":", "1", "-", "0", ".5", "e3", "E",
                "true", "null", " ", "\n", "\\", "\\u", "\\u0041", "\\ud83d\\ude00", "\\ude00", "é", "\t",
            ][..]),
            0..12,
        )
    ) {
        let text = pieces.concat();
        let theirs = serde_json::from_str::<Value>(&text);
        match check(text.as_bytes()) {
            Ok(()) => prop_assert!(theirs.is_ok(), "{}", text),
            // serde_json takes the last of two members.
            Err(JsonError { kind: JsonErrorKind::DuplicateMember(_), .. }) => {}
            Err(_) => prop_assert!(theirs.is_err(), "{}", text),
        }
    }

    #[test]
    fn any_bytes_are_checked_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if check(&bytes).is_ok() {
            prop_assert!(serde_json::from_slice::<Value>(&bytes).is_ok());
        }
    }

    /// One byte of a real text changed, put in or left out.
    #[test]
    fn a_damaged_text_is_judged_as_serde_json_judges_it(at in 0..200_usize, byte in any::<u8>(), how in 0..3) {
        let mut bytes = br#"{"resourceType":"Bundle","n":[1.50,-0,2e7,{"t":"a\u00e9\n"}],"x":null,"y":{}}"#.to_vec();
        let at = at % bytes.len();
        match how {
            0 => bytes.insert(at, byte),
            1 => drop(bytes.remove(at)),
            _ => bytes.splice(at..=at, [byte]).for_each(drop),
        }
        let theirs = serde_json::from_slice::<Value>(&bytes).is_ok();
        match check(&bytes) {
            Err(JsonError { kind: JsonErrorKind::DuplicateMember(_), .. }) => {}
            ours => prop_assert_eq!(ours.is_ok(), theirs),
        }
    }
}
