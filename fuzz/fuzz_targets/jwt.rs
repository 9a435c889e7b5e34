//! Client assertions (RFC 7523) and the JWTs of our own (RFC 9068, RFC 9701).
//!
//! The first byte says what the rest is: a JWT; a header and claims, a line each, that the client does
//! sign; or places and bytes to change in a good one.
#![no_main]

use std::sync::LazyLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use oauth::jose::client_assertion::{self, AssertionError, AssertionPolicy, VerifiedAssertion};
use oauth::jose::{Algorithm, Jwks, issued};
use serde_json::{Value, json};

fuzz_target!(|data: &[u8]| {
    let Some((how, rest)) = data.split_first() else {
        return;
    };
    match how % 3 {
        0 => {
            if let Ok(jwt) = std::str::from_utf8(rest) {
                let _ = client_assertion::unverified_issuer(jwt);
                assert!(verified(jwt).is_err(), "nobody has signed this");
                assert!(issued::verify(jwt, issued::Kind::AccessToken, &KEYS).is_none());
            }
        }
        1 => signed_by_the_client(rest),
        _ => a_changed_one(rest),
    }
});

/// Whatever the client signs counts only if everything that RFC 7523 section 3 demands is there.
fn signed_by_the_client(text: &[u8]) {
    let mut lines = text.splitn(2, |byte| *byte == b'\n');
    let (header, claims) = (
        lines.next().unwrap_or_default(),
        lines.next().unwrap_or_default(),
    );
    let jwt = sign(header, claims);
    for kind in [
        issued::Kind::AccessToken,
        issued::Kind::IntrospectionResponse,
    ] {
        if issued::verify(&jwt, kind, &KEYS).is_some() {
            assert!(
                verified(&jwt).is_err(),
                "a JWT of ours passes for an assertion"
            );
        }
    }
    match verified(&jwt) {
        Ok(assertion) => assert_sound(header, claims, &assertion),
        Err(error) => {
            assert_ne!(error, AssertionError::Signature, "it is signed");
            if let Some(pending) = error.pending() {
                assert!(!pending.jti.is_empty());
                // The caller adds the leeway to it.
                assert!(
                    pending
                        .expires_at
                        .checked_add(client_assertion::LEEWAY)
                        .is_ok()
                );
            }
        }
    }
}

fn assert_sound(header: &[u8], claims: &[u8], assertion: &VerifiedAssertion) {
    let header: Value = serde_json::from_slice(header).expect("JSON");
    let claims: Value = serde_json::from_slice(claims).expect("JSON");
    for name in ["jku", "x5u", "x5c", "jwk", "crit", "b64"] {
        assert!(header.get(name).is_none(), "{name} was accepted");
    }
    assert_eq!(header["alg"], "EdDSA");
    let typ = header["typ"].as_str().expect("a typ").to_ascii_lowercase();
    assert_eq!(
        typ.trim_start_matches("application/"),
        "client-authentication+jwt"
    );
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&json!(CLIENT), &json!(CLIENT))
    );
    assert!(claims["aud"] == AUDIENCE || claims["aud"] == json!([AUDIENCE]));
    assert_eq!(claims["jti"], assertion.jti.as_str());
    let seconds = |name: &str| claims.get(name).map(|it| it.as_f64().expect("a number"));
    let now = NOW as f64;
    assert!((now - 60.0..=now + 360.0).contains(&seconds("exp").expect("an end")));
    assert!(seconds("nbf").is_none_or(|it| it <= now + 60.0));
    assert!(seconds("iat").is_none_or(|it| it <= now + 60.0));
}

/// A JWT that verifies is, byte for byte, one that was signed.
fn a_changed_one(changes: &[u8]) {
    let signed: &str = &SIGNED;
    let mut changed = signed.as_bytes().to_vec();
    for change in changes.chunks_exact(4) {
        let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % changed.len();
        match change[2] % 3 {
            0 => changed[place] = change[3],
            1 => changed.insert(place, change[3]),
            _ => drop(changed.remove(place)),
        }
        if changed.is_empty() {
            return;
        }
    }
    if let Ok(text) = str::from_utf8(&changed)
        && verified(text).is_ok()
    {
        assert_eq!(text, signed);
    }
}

fn verified(jwt: &str) -> Result<VerifiedAssertion, AssertionError> {
    let policy = AssertionPolicy {
        client_id: CLIENT,
        allowed_algorithms: &Algorithm::ALL,
        audience: AUDIENCE,
        token_endpoint_style: false,
    };
    let now = Timestamp::from_second(NOW).expect("a time");
    client_assertion::verify(jwt, &KEYS, &policy, now)
}

fn sign(header: &[u8], claims: &[u8]) -> String {
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = PAIR.sign(message.as_bytes());
    format!("{message}.{}", encode(signature.as_ref()))
}

const CLIENT: &str = "hospital";
const AUDIENCE: &str = "https://as.example";
const NOW: i64 = 1_800_000_000;

/// Always the same key, so that a finding can be repeated.
static PAIR: LazyLock<Ed25519KeyPair> =
    LazyLock::new(|| Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key"));
static KEYS: LazyLock<Jwks> = LazyLock::new(|| {
    let x = URL_SAFE_NO_PAD.encode(PAIR.public_key().as_ref());
    let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "k"}]});
    Jwks::parse(set.to_string().as_bytes()).expect("a set")
});
static SIGNED: LazyLock<String> = LazyLock::new(|| {
    let header = json!({"alg": "EdDSA", "typ": "client-authentication+jwt", "kid": "k"});
    let claims =
        json!({"iss": CLIENT, "sub": CLIENT, "aud": AUDIENCE, "jti": "1", "exp": NOW + 100});
    let jwt = sign(header.to_string().as_bytes(), claims.to_string().as_bytes());
    assert!(verified(&jwt).is_ok(), "the good one counts");
    jwt
});
