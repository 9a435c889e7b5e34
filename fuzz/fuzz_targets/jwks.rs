//! Key sets of partners: RFC 7517, and which key a JWT selects from them.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use oauth::jose::client_assertion::{self, AssertionError, AssertionPolicy};
use oauth::jose::{Algorithm, Jwks};
use serde_json::{Value, json};

fuzz_target!(|data: &[u8]| {
    let Ok(keys) = Jwks::parse(data) else {
        return;
    };
    let given: Value = serde_json::from_slice(data).expect("what is accepted is JSON");
    for key in given["keys"].as_array().expect("an array of keys") {
        for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            assert!(key.get(private).is_none(), "a private key was accepted");
        }
    }
    published_is_read_again(&keys);
    at_most_one_key_is_selected(&keys);
});

fn published_is_read_again(keys: &Jwks) {
    let published = keys.to_json();
    let again = Jwks::parse(published.to_string().as_bytes()).expect("what we publish we read");
    assert_eq!(again.to_json(), published);
    for (one, same) in keys.keys().zip(again.keys()) {
        assert_eq!(one.thumbprint(), same.thumbprint());
    }
}

/// The signature is checked, and fails, exactly if one key fits; otherwise none is tried.
fn at_most_one_key_is_selected(keys: &Jwks) {
    let mut kids: Vec<Option<&str>> = keys.keys().map(|key| key.kid()).collect();
    kids.extend([None, Some("no such key")]);
    for kid in kids {
        for algorithm in Algorithm::ALL {
            let fitting = keys
                .keys()
                .filter(|key| fits(&key.to_json(), kid, algorithm.as_str()));
            let expected = match fitting.count() {
                1 => AssertionError::Signature,
                _ => AssertionError::UnknownKey,
            };
            let policy = AssertionPolicy {
                client_id: "client",
                allowed_algorithms: &Algorithm::ALL,
                audience: "https://as.example",
                token_endpoint_style: false,
            };
            let refused = client_assertion::verify(
                &unsigned(kid, algorithm),
                keys,
                &policy,
                Timestamp::UNIX_EPOCH,
            );
            assert_eq!(refused.unwrap_err(), expected, "{kid:?} {algorithm}");
        }
    }
}

fn fits(key: &Value, kid: Option<&str>, algorithm: &str) -> bool {
    let kind = match (key["kty"].as_str(), key["crv"].as_str()) {
        (Some("RSA"), _) => ["RS256", "RS384", "PS256"].contains(&algorithm),
        (Some("EC"), Some("P-256")) => algorithm == "ES256",
        (Some("EC"), Some("P-384")) => algorithm == "ES384",
        (Some("OKP"), Some("Ed25519")) => algorithm == "EdDSA",
        _ => false,
    };
    let named = kid.is_none() || key["kid"].as_str() == kid;
    let meant = key.get("alg").is_none_or(|only| only == algorithm);
    kind && named && meant
}

fn unsigned(kid: Option<&str>, algorithm: Algorithm) -> String {
    let mut header = json!({"alg": algorithm.as_str(), "typ": "client-authentication+jwt"});
    if let Some(kid) = kid {
        header["kid"] = kid.into();
    }
    let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.{}",
        encode(header.to_string()),
        encode("{}".into()),
        encode("\0".repeat(64))
    )
}
