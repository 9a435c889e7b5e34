//! JSON read without a choice: a member that is there twice is refused at every depth (RFC 7515
//! section 4, RFC 7519 section 4, RFC 8725 section 2.4). Two parsers that pick different ones would
//! check one value and use the other.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Reads an object; `None` if it is anything else, has a member twice or is followed by anything.
#[must_use]
pub fn object(text: &[u8]) -> Option<Map<String, Value>> {
    match serde_json::from_slice::<Strict>(text) {
        Ok(Strict(Value::Object(object))) => Some(object),
        _ => None,
    }
}

/// Reads a value out of an object as [`object`] reads it. serde by itself looks into no member that the
/// type does not know, whatever bytes are in it, and takes an array for a type with named members.
#[must_use]
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    serde_json::from_value(Value::Object(object(text)?)).ok()
}

/// Reads a part of a JWS: base64url without padding or stray bits (RFC 7515 section 2) around an
/// object.
pub(crate) fn encoded_object(part: &str) -> Option<Map<String, Value>> {
    object(&URL_SAFE_NO_PAD.decode(part).ok()?)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = from.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is there more than once"));
            }
        }
        Ok(Value::Object(object))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(value)) = from.next_element()? {
            array.push(value);
        }
        Ok(Value::Array(array))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_read_as_they_are() {
        let text = r#"{"a":[1,-1,1.5,"x",true,null,{}],"b":{"a":18446744073709551615}}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(object(text.as_bytes()).map(Value::Object), Some(expected));
    }

    #[test]
    fn refused() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"b":{"a":1,"a":2}}"#,
            r#"{"b":[{"a":1,"a":2}]}"#,
            r#"{"a":1}x"#,
            r#"{"a":1}{}"#,
            r#"{"a":1,}"#,
            r#"{"a":1e999}"#,
            r#"{"a":"\ud800"}"#,
            r#"["a"]"#,
            r#""a""#,
            "null",
            "1",
            "",
            deep.as_str(),
        ] {
            assert_eq!(object(text.as_bytes()), None, "{text}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}"), None);
    }

    // Found by fuzzing: all of these were introspection answers.
    #[test]
    fn a_type_is_read_from_a_sound_object_only() {
        use crate::IntrospectionResponse;
        assert!(read::<IntrospectionResponse>(br#"{"active":true,"x":[{}]}"#).is_some());
        let texts: [&[u8]; 5] = [
            b"[true]",
            b"{\"active\":true,\"x\":\"\xff\"}",
            br#"{"active":true,"x":1,"x":2}"#,
            br#"{"active":true,"x":"\ud800"}"#,
            br#"{"active":"true"}"#,
        ];
        for text in texts {
            let answer = read::<IntrospectionResponse>(text);
            assert_eq!(answer, None, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn only_strict_base64url() {
        assert!(encoded_object("e30").is_some());
        // `e31` decodes to the same two bytes where stray bits are not looked at.
        for part in ["e30=", "e31", "e3 0", "e30\n", "", "e", "+w", "e30.", "ew"] {
            assert_eq!(encoded_object(part), None, "{part}");
        }
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = object(&bytes);
        }
    }
}
