//! What we read from other servers: metadata (RFC 8414), introspection answers (RFC 7662), token answers
//! (RFC 6749 section 5.1), and JSON objects as such.
#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use oauth::{AuthorizationServerMetadata, IntrospectionResponse, TokenResponse, strict};
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    written_is_read::<AuthorizationServerMetadata>(data);
    written_is_read::<TokenResponse>(data);
    written_is_read::<IntrospectionResponse>(data);
    if let Some(answer) = strict::read::<IntrospectionResponse>(data) {
        let given: Value = serde_json::from_slice(data).expect("what is accepted is JSON");
        assert_eq!(given["active"], answer.active, "active is a boolean");
    }
    strictness_is_agreed(data);
});

fn written_is_read<T>(data: &[u8])
where
    T: serde::Serialize + serde::de::DeserializeOwned + Debug + PartialEq,
{
    let Some(read) = strict::read::<T>(data) else {
        return;
    };
    let given: Value = serde_json::from_slice(data).expect("what is accepted is JSON");
    assert!(given.is_object(), "members have names");
    let written = serde_json::to_vec(&read).expect("it can be written");
    assert_eq!(strict::read(&written).as_ref(), Some(&read));
}

/// Two readers of ours that share no code refuse the same texts, and read what every reader reads.
fn strictness_is_agreed(data: &[u8]) {
    let whole = serde_json::from_slice::<Value>(data);
    let object = strict::object(data);
    if let Some(object) = &object {
        assert_eq!(
            &Value::Object(object.clone()),
            whole.as_ref().expect("JSON")
        );
    }
    let scanned = fhir::json::check(data);
    let is_object = whole.is_ok_and(|value| value.is_object());
    if scanned.is_ok() && is_object {
        assert!(object.is_some(), "only the scanner takes it");
    }
    let too_deep =
        matches!(&scanned, Err(error) if error.kind == fhir::json::JsonErrorKind::TooDeep);
    if object.is_some() && !too_deep {
        assert_eq!(scanned, Ok(()), "the scanner alone refuses it");
    }
}
