#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::SigningKey;
use super::*;

/// RFC 7638 section 3.1.
const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRX\
    jBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9\
    c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-c\
    sFCur-kEgU8awapJzKnqDKgw";
/// RFC 7517 appendix A.1.
const X: &str = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
const Y: &str = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";

fn rsa() -> Value {
    json!({"kty": "RSA", "n": N, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"})
}

fn ec() -> Value {
    json!({"kty": "EC", "crv": "P-256", "x": X, "y": Y, "use": "sig", "kid": "1"})
}

fn with(mut key: Value, name: &str, value: impl Into<Value>) -> Value {
    key[name] = value.into();
    key
}

fn without(mut key: Value, name: &str) -> Value {
    key.as_object_mut().unwrap().remove(name);
    key
}

fn parse(keys: &[Value]) -> Result<Jwks, JwkError> {
    Jwks::parse(json!({"keys": keys}).to_string().as_bytes())
}

fn only(key: Value) -> Jwk {
    parse(&[key]).unwrap().0.remove(0)
}

#[test]
fn rfc7638_section_3_1() {
    assert_eq!(
        only(rsa()).thumbprint(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
}

// RFC 8037 appendix A.3, of the key in appendix A.2.
#[test]
fn rfc8037_appendix_a_3() {
    let key =
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    assert_eq!(
        only(key.clone()).thumbprint(),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
    let short = with(key, "x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ");
    assert_eq!(parse(&[short]).unwrap_err(), JwkError::Malformed("x"));
}

// The kid and everything else that is not required does not count (RFC 7638 section 3.2).
#[test]
fn a_thumbprint_is_that_of_the_key_alone() {
    let named = only(with(ec(), "x5t", "a")).thumbprint();
    assert_eq!(
        named,
        only(without(without(ec(), "kid"), "use")).thumbprint()
    );
    assert_ne!(named, only(rsa()).thumbprint());
}

#[test]
fn a_key_is_published_as_it_was_read() {
    for key in [with(rsa(), "use", "sig"), with(ec(), "alg", "ES256")] {
        assert_eq!(only(key.clone()).to_json(), key);
        let jwks = parse(std::slice::from_ref(&key)).unwrap();
        assert_eq!(jwks.to_json(), json!({"keys": [key]}));
        assert!(format!("{jwks:?}").contains("kty"));
    }
}

#[test]
fn keys_of_other_kinds_are_skipped() {
    let others = [
        json!({"kty": "OKP", "crv": "X25519", "x": X}),
        json!({"kty": "new"}),
        with(ec(), "crv", "secp256k1"),
        with(ec(), "crv", "P-521"),
        with(ec(), "use", "enc"),
        with(ec(), "key_ops", json!(["encrypt"])),
        with(rsa(), "alg", "RSA-OAEP"),
        with(rsa(), "alg", "RS512"),
    ];
    for other in others {
        assert!(
            parse(std::slice::from_ref(&other)).unwrap().is_empty(),
            "{other}"
        );
        assert_eq!(parse(&[other, ec()]).unwrap().keys().count(), 1);
    }
    assert_eq!(
        parse(&[with(ec(), "key_ops", json!(["sign", "verify"]))])
            .unwrap()
            .keys()
            .count(),
        1
    );
    assert!(parse(&[]).unwrap().is_empty());
}

#[test]
fn private_keys_are_refused_even_among_others() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert_eq!(
            parse(&[ec(), with(rsa(), name, "AQAB")]).err(),
            Some(JwkError::Private),
            "{name}"
        );
    }
    let shared = json!({"kty": "oct", "k": "AQAB"});
    assert_eq!(parse(&[shared]).err(), Some(JwkError::Private));
    assert_eq!(
        parse(&[with(with(ec(), "use", "enc"), "d", X)]).err(),
        Some(JwkError::Private)
    );
}

#[test]
fn weak_and_malformed_keys_are_refused() {
    use JwkError::{Malformed, Weak};
    // The first bit of N is set: without a byte it has 2040 bits.
    let modulus = URL_SAFE_NO_PAD.decode(N).unwrap();
    let changed = |change: fn(&mut Vec<u8>)| {
        let mut n = modulus.clone();
        change(&mut n);
        encode(&n)
    };
    let rows = [
        (with(rsa(), "n", changed(|n| n[0] = 0x7f)), Weak),
        (
            with(rsa(), "n", changed(|n| n.splice(..1, []).for_each(drop))),
            Weak,
        ),
        (
            with(
                rsa(),
                "n",
                changed(|n| n.splice(..0, [1; 800]).for_each(drop)),
            ),
            Weak,
        ),
        (
            with(rsa(), "n", changed(|n| n.insert(0, 0))),
            Malformed("n"),
        ),
        (
            with(rsa(), "n", changed(|n| *n.last_mut().unwrap() = 2)),
            Malformed("n"),
        ),
        (with(rsa(), "n", ""), Malformed("n")),
        (with(rsa(), "n", format!("{N}=")), Malformed("n")),
        (with(rsa(), "n", 5), Malformed("n")),
        (without(rsa(), "n"), Malformed("n")),
        (without(rsa(), "e"), Malformed("e")),
        (with(rsa(), "e", "AAEAAQ"), Malformed("e")),
        (with(rsa(), "e", "AQAA"), Malformed("e")),
        (with(rsa(), "e", "Aw"), Malformed("e")),
        (with(rsa(), "e", "AQ"), Malformed("e")),
        (with(rsa(), "e", "AQAAAAE"), Malformed("e")),
        (without(ec(), "crv"), Malformed("crv")),
        (without(ec(), "y"), Malformed("y")),
        (with(ec(), "y", X), Malformed("x and y")),
        (with(ec(), "x", "AQAB"), Malformed("x and y")),
        (with(ec(), "crv", "P-384"), Malformed("x and y")),
        (with(ec(), "alg", "ES384"), Malformed("alg")),
        (with(ec(), "alg", "RS256"), Malformed("alg")),
        (with(ec(), "alg", 1), Malformed("alg")),
        (with(ec(), "kid", 1), Malformed("kid")),
        (with(ec(), "use", json!(["sig"])), Malformed("use")),
        (with(ec(), "key_ops", "verify"), Malformed("key_ops")),
        (without(ec(), "kty"), Malformed("kty")),
        (with(ec(), "kty", 1), Malformed("kty")),
    ];
    for (key, error) in rows {
        assert_eq!(
            parse(std::slice::from_ref(&key)).err(),
            Some(error),
            "{key}"
        );
    }
}

#[test]
fn not_a_set() {
    let single = ec().to_string();
    let twice = format!(r#"{{"keys":[],"keys":[{single}]}}"#);
    let member = r#"{"keys":[{"kty":"OKP","kty":"EC"}]}"#;
    for text in [
        "",
        "[]",
        "{}",
        r#"{"keys":{}}"#,
        r#"{"keys":[1]}"#,
        &single,
        &twice,
        member,
    ] {
        assert_eq!(
            Jwks::parse(text.as_bytes()).err(),
            Some(JwkError::NotASet),
            "{text}"
        );
    }
}

#[test]
fn at_most_64_keys() {
    let key = json!({"kty": "new"});
    assert!(parse(&vec![key.clone(); 64]).is_ok());
    assert_eq!(parse(&vec![key; 65]).err(), Some(JwkError::TooMany));
}

#[test]
fn kid_and_kty_name_one_key() {
    assert_eq!(parse(&[ec(), ec()]).err(), Some(JwkError::Duplicate));
    let key = SigningKey::generate(Algorithm::ES384).unwrap();
    let twice = [key.public_jwk().clone(), key.public_jwk().clone()];
    assert_eq!(Jwks::new(twice).err(), Some(JwkError::Duplicate));
    // The same name for keys of different kinds is allowed: SMART selects by both.
    let jwks = parse(&[ec(), with(rsa(), "kid", "1")]).unwrap();
    let kty = |algorithm| {
        jwks.select(Some("1"), algorithm)
            .map(|key| key.public.kty())
    };
    assert_eq!(kty(Algorithm::ES256), Some("EC"));
    assert_eq!(kty(Algorithm::RS256), Some("RSA"));
}

#[test]
fn selection() {
    let other = only(without(ec(), "kid"));
    let jwks = Jwks::new([only(rsa()), only(ec()), other]).unwrap();
    let selects = |kid, algorithm| jwks.select(kid, algorithm).is_some();
    assert!(selects(Some("1"), Algorithm::ES256));
    assert!(selects(Some("2011-04-29"), Algorithm::RS256));
    assert!(selects(None, Algorithm::RS256));
    // Two keys fit.
    assert!(!selects(None, Algorithm::ES256));
    // Another kind, another name, and an RSA key that is published for RS256 only.
    assert!(!selects(Some("2011-04-29"), Algorithm::ES256));
    assert!(!selects(Some("1"), Algorithm::ES384));
    assert!(!selects(Some(""), Algorithm::ES256));
    assert!(!selects(Some("2011-04-29"), Algorithm::RS384));
    assert!(!selects(None, Algorithm::PS256));
}

proptest! {
    #[test]
    fn no_input_panics(n in "[A-Za-z0-9_-]{0,400}", e in "[A-Za-z0-9_-]{0,12}", x in "[A-Za-z0-9_-]{43}") {
        let _ = parse(&[json!({"kty": "RSA", "n": n, "e": e})]);
        let _ = parse(&[json!({"kty": "EC", "crv": "P-256", "x": x, "y": Y})]);
    }
}
