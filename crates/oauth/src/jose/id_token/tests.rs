//! Hostile ID Tokens, one change at a time.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use serde_json::json;

use super::*;
use crate::jose::{Jwk, SigningKey};

const ISSUER: &str = "https://login.state.example/tenant";

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn policy() -> IdTokenPolicy<'static> {
    IdTokenPolicy {
        issuer: ISSUER,
        client_id: "vro",
        nonce: "n-0S6_WzA2Mj",
        access_token: "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
        allowed_algorithms: &Algorithm::ALL,
        max_age: None,
    }
}

fn claims() -> Value {
    let at = now().as_second();
    json!({"iss": ISSUER, "sub": "24400320", "aud": "vro", "nonce": "n-0S6_WzA2Mj",
        "iat": at, "exp": at + 300})
}

fn keys(key: &SigningKey) -> Jwks {
    Jwks::new([key.public_jwk().clone()]).unwrap()
}

fn checked(changes: &Value, policy: &IdTokenPolicy<'_>) -> Result<VerifiedIdToken, IdTokenError> {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name.as_str()] = value.clone();
        }
    }
    let jwt = key.sign("JWT", &claims).unwrap();
    verify(&jwt, &keys(&key), policy, now())
}

#[test]
fn a_right_token_counts_with_every_algorithm() {
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let mut claims = claims();
        claims["at_hash"] = half_hash(policy().access_token, algorithm).into();
        let jwt = key.sign("JWT", &claims).unwrap();
        let verified = verify(&jwt, &keys(&key), &policy(), now()).unwrap();
        assert_eq!(verified.subject(), "24400320");
        assert_eq!(verified.auth_time(), None);
        assert_eq!(Value::Object(verified.claims().clone()), claims);
    }
}

// Core appendix A.4: the at_hash of its access token, signed with RS256.
#[test]
fn openid_connect_core_appendix_a_4() {
    let found = half_hash(
        "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
        Algorithm::RS256,
    );
    assert_eq!(found, "77QmUPtjPfzWtF2AnpK9RQ");
}

#[test]
fn what_may_be_written_otherwise() {
    let at = now().as_second();
    for changes in [
        json!({"aud": ["vro"]}),
        json!({"azp": "vro"}),
        json!({"nbf": at}),
        json!({"iat": at + 60, "nbf": at + 60}),
        json!({"iat": at - 660}),
        json!({"exp": at - 59}),
        json!({"exp": (at as f64) + 10.5}),
        json!({"auth_time": at - 100_000}),
    ] {
        assert!(checked(&changes, &policy()).is_ok(), "{changes}");
    }
}

#[test]
fn hostile_claims() {
    use IdTokenError::*;
    let at = now().as_second();
    let rows = [
        (json!({"iss": null}), Claim("iss")),
        (json!({"iss": [ISSUER]}), Claim("iss")),
        (
            json!({"iss": "https://login.state.example/tenant/"}),
            Issuer,
        ),
        (json!({"iss": "https://evil.example"}), Issuer),
        (json!({"aud": null}), Claim("aud")),
        (json!({"aud": []}), Claim("aud")),
        (json!({"aud": [1]}), Claim("aud")),
        (json!({"aud": "other"}), Audience),
        (json!({"aud": "VRO"}), Audience),
        (json!({"aud": ["vro", "other"]}), Audience),
        (json!({"aud": ["vro", "other"], "azp": "vro"}), Audience),
        (json!({"azp": "other"}), AuthorizedParty),
        (json!({"azp": ["vro"]}), Claim("azp")),
        (json!({"exp": null}), Claim("exp")),
        (json!({"exp": "never"}), Claim("exp")),
        (json!({"exp": at - 60}), Expired),
        (json!({"iat": null}), Claim("iat")),
        (json!({"iat": at + 61}), NotYetValid),
        (json!({"iat": at - 661}), TooOld),
        (json!({"nbf": at + 61}), NotYetValid),
        (json!({"nbf": true}), Claim("nbf")),
        (json!({"nonce": null}), Claim("nonce")),
        (json!({"nonce": ""}), Nonce),
        (json!({"nonce": "n-0S6_WzA2Mk"}), Nonce),
        (json!({"nonce": ["n-0S6_WzA2Mj"]}), Claim("nonce")),
        (json!({"at_hash": "77QmUPtjPfzWtF2AnpK9RR"}), AccessToken),
        (json!({"at_hash": ""}), AccessToken),
        (json!({"at_hash": 1}), Claim("at_hash")),
        (json!({"sub": null}), Claim("sub")),
        (json!({"sub": ""}), Claim("sub")),
        (json!({"sub": 24400320}), Claim("sub")),
        (json!({"sub": "é"}), Claim("sub")),
        (json!({"sub": "a\nb"}), Claim("sub")),
        (json!({"sub": "x".repeat(256)}), Claim("sub")),
        (json!({"auth_time": "now"}), Claim("auth_time")),
        (json!({"auth_time": at + 61}), NotYetValid),
        (json!({"x": "x".repeat(MAX_LENGTH)}), TooLong),
    ];
    for (changes, expected) in rows {
        let found = checked(&changes, &policy()).unwrap_err();
        assert_eq!(found, expected, "{changes}");
    }
}

#[test]
fn an_asked_for_age_has_to_be_told_and_kept() {
    let at = now().as_second();
    for (max_age, auth_time, expected) in [
        (0, Some(at), true),
        (0, Some(at - 60), true),
        (0, Some(at - 61), false),
        (300, Some(at - 360), true),
        (300, Some(at - 361), false),
        (i64::MAX, Some(at - 361), true),
        (300, None, false),
        (0, None, false),
    ] {
        let policy = IdTokenPolicy {
            max_age: Some(SignedDuration::from_secs(max_age)),
            ..policy()
        };
        let changes = auth_time.map_or(json!({}), |at| json!({"auth_time": at}));
        let found = checked(&changes, &policy).map(|_| ());
        let expected = if expected {
            Ok(())
        } else {
            Err(IdTokenError::AuthTime)
        };
        assert_eq!(found, expected, "{max_age} {auth_time:?}");
    }
}

#[test]
fn hostile_headers_and_signatures() {
    use IdTokenError::*;
    let es256 = super::Algorithm::ES256;
    let key = SigningKey::generate(es256).unwrap();
    let other = SigningKey::generate(es256).unwrap();
    let jwt = key.sign("JWT", &claims()).unwrap();
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let body = signed.split_once('.').unwrap().1;
    let head = |header: Value| {
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        format!("{header}.{body}.{signature}")
    };
    let kid = key.kid();
    let jwk = other.public_jwk().to_json();
    let mut changed = claims();
    changed["sub"] = "1".into();
    let forged = URL_SAFE_NO_PAD.encode(changed.to_string());
    let first = signed.split_once('.').unwrap().0;
    let rows = [
        (head(json!({"alg": "none", "kid": kid})), Algorithm),
        (head(json!({"alg": "None", "kid": kid})), Algorithm),
        (head(json!({"alg": "HS256", "kid": kid})), Algorithm),
        (head(json!({"alg": "ES512", "kid": kid})), Algorithm),
        (head(json!({"alg": ["ES256"], "kid": kid})), Algorithm),
        (head(json!({"kid": kid})), Algorithm),
        (head(json!({"alg": "ES384", "kid": kid})), UnknownKey),
        (head(json!({"alg": "RS256", "kid": kid})), UnknownKey),
        (head(json!({"alg": "ES256", "kid": "x"})), UnknownKey),
        (head(json!({"alg": "ES256", "kid": 1})), Malformed),
        (head(json!({"alg": "ES256", "kid": kid})), Signature),
        (
            head(json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"})),
            Type,
        ),
        (
            head(json!({"alg": "ES256", "kid": kid, "typ": "logout+jwt"})),
            Type,
        ),
        (head(json!({"alg": "ES256", "kid": kid, "typ": 1})), Type),
        (
            head(json!({"alg": "ES256", "kid": kid, "jwk": jwk})),
            HeaderMember("jwk"),
        ),
        (
            head(json!({"alg": "ES256", "kid": kid, "jku": "x"})),
            HeaderMember("jku"),
        ),
        (
            head(json!({"alg": "ES256", "kid": kid, "x5c": []})),
            HeaderMember("x5c"),
        ),
        (
            head(json!({"alg": "ES256", "kid": kid, "crit": ["x"]})),
            HeaderMember("crit"),
        ),
        (format!("{first}.{forged}.{signature}"), Signature),
        (format!("{signed}."), Signature),
        (format!("{signed}.{}", "A".repeat(86)), Signature),
        (format!("{jwt}="), Signature),
        (signed.to_owned(), Malformed),
        (String::new(), Malformed),
        ("...".to_owned(), Malformed),
        ("a.b.c.d.e".to_owned(), Malformed),
    ];
    for (jwt, expected) in rows {
        let found = verify(&jwt, &keys(&key), &policy(), now()).unwrap_err();
        assert_eq!(found, expected, "{jwt}");
    }
    let wrong = verify(&jwt, &keys(&other), &policy(), now()).unwrap_err();
    assert_eq!(wrong, UnknownKey);
    let nobody = verify(&jwt, &Jwks::default(), &policy(), now()).unwrap_err();
    assert_eq!(nobody, UnknownKey);
}

#[test]
fn only_what_is_allowed_and_one_key_without_a_name() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let jwt = key.sign("JWT", &claims()).unwrap();
    let only = IdTokenPolicy {
        allowed_algorithms: &[Algorithm::RS256],
        ..policy()
    };
    let found = verify(&jwt, &keys(&key), &only, now()).unwrap_err();
    assert_eq!(found, IdTokenError::Algorithm);
    // Without kid a set of one key selects it, a set of two nothing.
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": "ES256"}).to_string());
    let rest = jwt.split_once('.').unwrap().1;
    let nameless = format!("{header}.{rest}");
    let other: Jwk = SigningKey::generate(Algorithm::ES256)
        .unwrap()
        .public_jwk()
        .clone();
    let both = Jwks::new([key.public_jwk().clone(), other]).unwrap();
    let one = verify(&nameless, &keys(&key), &policy(), now()).unwrap_err();
    assert_eq!(one, IdTokenError::Signature);
    let two = verify(&nameless, &both, &policy(), now()).unwrap_err();
    assert_eq!(two, IdTokenError::UnknownKey);
}
