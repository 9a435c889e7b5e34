#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::super::Jwk;
use super::super::jws::MAX_LENGTH;
use super::*;

mod refusals;

const CLIENT: &str = "general-hospital";
const ISSUER: &str = "https://vro.example";
const TOKEN_ENDPOINT: &str = "https://vro.example/oauth2/token";
const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm).unwrap()
}

fn jwks(keys: &[&SigningKey]) -> Jwks {
    Jwks::new(keys.iter().map(|key| key.public_jwk().clone())).unwrap()
}

fn policy(token_endpoint_style: bool) -> AssertionPolicy<'static> {
    AssertionPolicy {
        client_id: CLIENT,
        allowed_algorithms: &Algorithm::ALL,
        audience: if token_endpoint_style {
            TOKEN_ENDPOINT
        } else {
            ISSUER
        },
        token_endpoint_style,
    }
}

fn header(key: &SigningKey) -> Value {
    json!({"alg": key.algorithm().as_str(), "kid": key.kid(), "typ": TYPE})
}

fn claims() -> Value {
    json!({"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "jti": "j-1", "exp": NOW + 300})
}

fn with(mut object: Value, name: &str, value: impl Into<Value>) -> Value {
    object[name] = value.into();
    object
}

fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name);
    object
}

/// Signs whatever it is given, as an attacker with a key or a careless client would.
fn signed(key: &SigningKey, header: &str, claims: &str) -> String {
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let signature = signature(key, &signed, key.algorithm());
    format!("{signed}.{signature}")
}

fn signature(key: &SigningKey, signed: &str, algorithm: Algorithm) -> String {
    super::super::install();
    let pem = key.to_pem();
    let encoding = match algorithm {
        Algorithm::ES256 | Algorithm::ES384 => {
            jsonwebtoken::EncodingKey::from_ec_pem(pem.expose().as_bytes())
        }
        _ => jsonwebtoken::EncodingKey::from_rsa_pem(pem.expose().as_bytes()),
    };
    jsonwebtoken::crypto::sign(
        signed.as_bytes(),
        &encoding.unwrap(),
        algorithm.of_library(),
    )
    .unwrap()
}

fn verdict_on(key: &SigningKey, header: &Value, claims: &Value) -> Result<(), AssertionError> {
    let jwt = signed(key, &header.to_string(), &claims.to_string());
    verify(&jwt, &jwks(&[key]), &policy(false), now()).map(drop)
}

/// The refusal must be `invalid_client`, 401, whatever the reason.
fn on_the_wire(error: AssertionError) -> (ErrorCode, u16) {
    let error = Error::from(error);
    (error.code(), error.code().status())
}

#[test]
fn ours_is_accepted_with_every_algorithm_and_both_audiences() {
    let random = Random::seeded(1);
    for algorithm in Algorithm::ALL {
        let key = key(algorithm);
        for token_endpoint_style in [false, true] {
            let policy = policy(token_endpoint_style);
            let assertion = NewAssertion {
                client_id: CLIENT,
                audience: policy.audience,
                token_endpoint_style,
            };
            let jwt = sign(&key, &assertion, &random, now()).unwrap();
            let verified = verify(&jwt, &jwks(&[&key]), &policy, now()).unwrap();
            assert_eq!(verified.issuer, CLIENT);
            assert_eq!(verified.jti.len(), 43);
            assert_eq!(verified.expires_at, now() + LIFETIME);
            assert_eq!(unverified_issuer(&jwt).unwrap(), CLIENT);
        }
    }
}

#[test]
fn every_assertion_of_ours_is_another() {
    let (key, random) = (key(Algorithm::ES256), Random::seeded(1));
    let assertion = NewAssertion {
        client_id: CLIENT,
        audience: ISSUER,
        token_endpoint_style: false,
    };
    let jti = || {
        let jwt = sign(&key, &assertion, &random, now()).unwrap();
        verify(&jwt, &jwks(&[&key]), &policy(false), now())
            .unwrap()
            .jti
    };
    assert_ne!(jti(), jti());
}

#[test]
fn what_may_vary() {
    let key = key(Algorithm::ES256);
    let plain = header(&key);
    let accepted = [
        (plain.clone(), claims()),
        (without(plain.clone(), "kid"), claims()),
        (
            with(plain.clone(), "typ", "Client-Authentication+JWT"),
            claims(),
        ),
        (
            with(
                plain.clone(),
                "typ",
                "application/client-authentication+jwt",
            ),
            claims(),
        ),
        (with(plain.clone(), "x5t", "a"), claims()),
        (plain.clone(), with(claims(), "aud", json!([ISSUER]))),
        (
            plain.clone(),
            with(claims(), "exp", (NOW + 300) as f64 + 0.5),
        ),
        (plain.clone(), with(claims(), "exp", NOW - 59)),
        (plain.clone(), with(claims(), "exp", NOW + 360)),
        (plain.clone(), with(claims(), "iat", NOW + 60)),
        (plain.clone(), with(claims(), "iat", NOW - 86_400)),
        (plain.clone(), with(claims(), "nbf", NOW + 60)),
        (plain, with(claims(), "extra", json!({"a": [1]}))),
    ];
    for (header, claims) in accepted {
        assert_eq!(
            verdict_on(&key, &header, &claims),
            Ok(()),
            "{header} {claims}"
        );
    }
}

#[test]
fn only_strict_json() {
    let key = key(Algorithm::ES256);
    let (head, body) = (header(&key).to_string(), claims().to_string());
    let keys = jwks(&[&key]);
    let verdict = |head: &str, body: &str| {
        verify(&signed(&key, head, body), &keys, &policy(false), now()).unwrap_err()
    };
    let twice = head.replacen('{', r#"{"alg":"none","#, 1);
    for head in [
        twice.as_str(),
        "[]",
        "\"a\"",
        "",
        "{",
        &format!("{head} {head}"),
    ] {
        assert_eq!(verdict(head, &body), AssertionError::Malformed, "{head}");
    }
    let twice = body.replacen('{', r#"{"jti":"j-0","#, 1);
    let nested = body.replacen('{', r#"{"act":{"a":1,"a":2},"#, 1);
    for body in [twice.as_str(), &nested, "[]", "", "{"] {
        let expected = AssertionError::Claims {
            problem: ClaimProblem::Malformed,
            pending: None,
        };
        assert_eq!(verdict(&head, body), expected, "{body}");
    }
}

#[test]
fn only_three_strict_parts() {
    let key = key(Algorithm::RS256);
    let keys = jwks(&[&key]);
    let jwt = signed(&key, &header(&key).to_string(), &claims().to_string());
    let verdict = |jwt: &str| verify(jwt, &keys, &policy(false), now()).map(drop);
    assert_eq!(verdict(&jwt), Ok(()));
    let parts: Vec<&str> = jwt.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else {
        panic!("{jwt}")
    };
    let malformed = [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{header}.{claims}"),
        format!("{header}={}", &jwt[header.len()..]),
        format!(" {jwt}"),
        format!("{header}\n.{claims}.{signature}"),
    ];
    for jwt in malformed {
        assert_eq!(verdict(&jwt), Err(AssertionError::Malformed), "{jwt}");
    }
    let unsigned = [
        format!("{header}.{claims}."),
        format!("{jwt}."),
        format!("{jwt}="),
        format!("{jwt}.{signature}"),
        format!("{header}.{claims}.{claims}"),
        format!("{header}.{claims}=.{signature}"),
        jwt[..jwt.len() - 1].to_owned(),
    ];
    for jwt in unsigned {
        assert_eq!(verdict(&jwt), Err(AssertionError::Signature), "{jwt}");
    }
    // An RSA-2048 signature has 4 stray bits in its last character: the same bytes, another text.
    let last = signature.chars().last().unwrap();
    let stray = char::from(u8::try_from(last).unwrap() + 1);
    let jwt = format!(
        "{header}.{claims}.{}{stray}",
        &signature[..signature.len() - 1]
    );
    assert_eq!(verdict(&jwt), Err(AssertionError::Signature));
}

#[test]
fn every_byte_is_signed() {
    let key = key(Algorithm::ES256);
    let keys = jwks(&[&key]);
    let jwt = signed(&key, &header(&key).to_string(), &claims().to_string());
    for position in 0..jwt.len() {
        let mut bytes = jwt.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(
            verify(&changed, &keys, &policy(false), now()).is_err(),
            "{position}"
        );
    }
}

#[test]
fn at_most_8_kib() {
    let key = key(Algorithm::ES256);
    let padded = |length: usize| with(claims(), "pad", "a".repeat(length));
    assert_eq!(verdict_on(&key, &header(&key), &padded(5_000)), Ok(()));
    assert_eq!(
        verdict_on(&key, &header(&key), &padded(6_000)),
        Err(AssertionError::TooLong)
    );
    assert_eq!(
        unverified_issuer(&"a".repeat(MAX_LENGTH + 1)),
        Err(AssertionError::TooLong)
    );
}

#[test]
fn only_the_clients_own_algorithms() {
    let key = key(Algorithm::RS256);
    let jwt = signed(&key, &header(&key).to_string(), &claims().to_string());
    let allowed = [Algorithm::RS384, Algorithm::ES384];
    let policy = AssertionPolicy {
        allowed_algorithms: &allowed,
        ..policy(false)
    };
    let error = verify(&jwt, &jwks(&[&key]), &policy, now()).unwrap_err();
    assert_eq!(error, AssertionError::Algorithm);
    let none = AssertionPolicy {
        allowed_algorithms: &[],
        ..policy
    };
    assert_eq!(
        verify(&jwt, &jwks(&[&key]), &none, now()).unwrap_err(),
        AssertionError::Algorithm
    );
}

// RFC 8725 section 2.1: the signature must have been made with the algorithm that the header names.
#[test]
fn the_algorithm_is_not_exchangeable() {
    let key = key(Algorithm::RS256);
    let public = super::super::public_key::PublicKey::Rsa {
        n: URL_SAFE_NO_PAD
            .decode(key.public_jwk().to_json()["n"].as_str().unwrap())
            .unwrap(),
        e: vec![1, 0, 1],
    };
    let keys = Jwks::new([Jwk::new(public).unwrap()]).unwrap();
    for (named, used) in [
        (Algorithm::PS256, Algorithm::RS256),
        (Algorithm::RS256, Algorithm::RS384),
    ] {
        let head = json!({"alg": named.as_str(), "typ": TYPE}).to_string();
        let head = URL_SAFE_NO_PAD.encode(head);
        let message = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims().to_string()));
        let verdict = |algorithm| {
            let jwt = format!("{message}.{}", signature(&key, &message, algorithm));
            verify(&jwt, &keys, &policy(false), now()).map(drop)
        };
        assert_eq!(verdict(used), Err(AssertionError::Signature));
        assert_eq!(verdict(named), Ok(()));
    }
}

#[test]
fn one_key_is_selected_or_none() {
    let (one, two) = (key(Algorithm::ES256), key(Algorithm::ES256));
    let nameless = signed(
        &one,
        &without(header(&one), "kid").to_string(),
        &claims().to_string(),
    );
    let verdict = |jwt: &str, keys: &Jwks| verify(jwt, keys, &policy(false), now()).map(drop);
    assert_eq!(verdict(&nameless, &jwks(&[&one])), Ok(()));
    assert_eq!(
        verdict(&nameless, &jwks(&[&one, &two])),
        Err(AssertionError::UnknownKey)
    );
    assert_eq!(
        verdict(&nameless, &Jwks::default()),
        Err(AssertionError::UnknownKey)
    );
    let named = signed(&one, &header(&one).to_string(), &claims().to_string());
    assert_eq!(verdict(&named, &jwks(&[&one, &two])), Ok(()));
    assert_eq!(
        verdict(&named, &jwks(&[&two])),
        Err(AssertionError::UnknownKey)
    );
    // Another client's key under the name of this one's.
    let other = signed(&two, &header(&one).to_string(), &claims().to_string());
    assert_eq!(
        verdict(&other, &jwks(&[&one, &two])),
        Err(AssertionError::Signature)
    );
}

#[test]
fn the_token_endpoint_style() {
    let key = key(Algorithm::RS384);
    let plain = without(header(&key), "typ");
    let body = with(claims(), "aud", TOKEN_ENDPOINT);
    let verdict = |header: &Value, claims: &Value| {
        let jwt = signed(&key, &header.to_string(), &claims.to_string());
        verify(&jwt, &jwks(&[&key]), &policy(true), now()).map(drop)
    };
    assert_eq!(verdict(&plain, &body), Ok(()));
    assert_eq!(verdict(&with(plain.clone(), "typ", "JWT"), &body), Ok(()));
    assert_eq!(verdict(&with(plain.clone(), "typ", "jwt"), &body), Ok(()));
    assert_eq!(
        verdict(&plain, &with(body.clone(), "aud", json!([TOKEN_ENDPOINT]))),
        Ok(())
    );
    let typed = with(plain.clone(), "typ", TYPE);
    assert_eq!(verdict(&typed, &body), Err(AssertionError::Type));
    for aud in [json!(ISSUER), json!([TOKEN_ENDPOINT, ISSUER])] {
        let error = verdict(&plain, &with(body.clone(), "aud", aud)).unwrap_err();
        let AssertionError::Claims { problem, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(problem, ClaimProblem::Audience);
    }
}

#[test]
fn the_unverified_issuer_is_a_string_in_strict_json() {
    let jwt = |claims: &str| format!("e30.{}.", URL_SAFE_NO_PAD.encode(claims));
    assert_eq!(
        unverified_issuer(&jwt(r#"{"iss":"a"}"#)).as_deref(),
        Ok("a")
    );
    for claims in [
        r#"{"iss":1}"#,
        r#"{"iss":"a","iss":"b"}"#,
        r#"{"sub":"a"}"#,
        "{}",
        "[]",
        "",
    ] {
        assert_eq!(
            unverified_issuer(&jwt(claims)),
            Err(AssertionError::Malformed),
            "{claims}"
        );
    }
    for text in ["", "a", "a.b", "a.e30=.c"] {
        assert_eq!(
            unverified_issuer(text),
            Err(AssertionError::Malformed),
            "{text}"
        );
    }
}

proptest! {
    #[test]
    fn no_input_panics(jwt in "[A-Za-z0-9_.=-]{0,200}", head in ".{0,40}", body in ".{0,40}") {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let made = format!("{}.{}.{}", encode(&head), encode(&body), encode(&head));
        for text in [&jwt, &made, &head] {
            prop_assert!(verify(text, &Jwks::default(), &policy(true), now()).is_err());
            let _ = unverified_issuer(text);
        }
    }
}
