//! Headers and claims, one change at a time.

use super::*;

#[test]
fn headers_that_are_refused() {
    use AssertionError::{HeaderMember, Malformed, Type, UnknownKey};
    let key = key(Algorithm::ES256);
    let plain = header(&key);
    let mut rows = vec![
        (without(plain.clone(), "typ"), Type),
        (with(plain.clone(), "typ", "JWT"), Type),
        (with(plain.clone(), "typ", "at+jwt"), Type),
        (
            with(
                plain.clone(),
                "typ",
                "application/application/client-authentication+jwt",
            ),
            Type,
        ),
        (with(plain.clone(), "typ", json!([TYPE])), Type),
        (with(plain.clone(), "typ", Value::Null), Type),
        (with(plain.clone(), "kid", "other"), UnknownKey),
        (with(plain.clone(), "kid", ""), UnknownKey),
        (with(plain.clone(), "kid", 1), Malformed),
        (with(plain.clone(), "kid", Value::Null), Malformed),
        // The key is there, but of another kind.
        (with(plain.clone(), "alg", "RS256"), UnknownKey),
        (with(plain.clone(), "alg", "ES384"), UnknownKey),
        (without(plain.clone(), "alg"), AssertionError::Algorithm),
        (json!({}), Type),
    ];
    for alg in ["none", "NONE", "", "HS256", "es256", "ES512", "Ed25519"] {
        rows.push((with(plain.clone(), "alg", alg), AssertionError::Algorithm));
    }
    rows.push((
        with(plain.clone(), "alg", json!(["ES256"])),
        AssertionError::Algorithm,
    ));
    for name in ["jku", "x5u", "x5c", "jwk", "crit", "b64"] {
        rows.push((with(plain.clone(), name, Value::Null), HeaderMember(name)));
    }
    rows.push((
        with(plain.clone(), "jku", "https://evil.example/jwks"),
        HeaderMember("jku"),
    ));
    rows.push((
        with(plain, "jwk", key.public_jwk().to_json()),
        HeaderMember("jwk"),
    ));
    for (header, error) in rows {
        assert_eq!(
            verdict_on(&key, &header, &claims()),
            Err(error.clone()),
            "{header}"
        );
        assert_eq!(on_the_wire(error.clone()), (ErrorCode::InvalidClient, 401));
        assert_eq!(error.pending(), None);
    }
}

#[test]
fn claims_that_are_refused() {
    use ClaimProblem::{
        Audience, Claim, Expired, IssuedInFuture, Issuer, NotYetValid, Subject, TooFarAhead,
    };
    let key = key(Algorithm::ES256);
    let rows = [
        (without(claims(), "iss"), Claim("iss")),
        (with(claims(), "iss", 1), Claim("iss")),
        (with(claims(), "iss", json!([CLIENT])), Claim("iss")),
        (with(claims(), "iss", "other"), Issuer),
        (with(claims(), "iss", "General-Hospital"), Issuer),
        (without(claims(), "sub"), Claim("sub")),
        (with(claims(), "sub", Value::Null), Claim("sub")),
        (with(claims(), "sub", "other"), Subject),
        (without(claims(), "aud"), Claim("aud")),
        (with(claims(), "aud", 1), Claim("aud")),
        (with(claims(), "aud", json!([])), Claim("aud")),
        (with(claims(), "aud", json!([1])), Claim("aud")),
        (with(claims(), "aud", json!({"a": ISSUER})), Claim("aud")),
        (with(claims(), "aud", json!([ISSUER, ISSUER])), Audience),
        (
            with(claims(), "aud", json!([ISSUER, "https://other.example"])),
            Audience,
        ),
        (with(claims(), "aud", TOKEN_ENDPOINT), Audience),
        (with(claims(), "aud", "https://vro.example/"), Audience),
        (with(claims(), "aud", "https://VRO.example"), Audience),
        (with(claims(), "aud", "https://other.example"), Audience),
        (without(claims(), "exp"), Claim("exp")),
        (with(claims(), "exp", (NOW + 300).to_string()), Claim("exp")),
        (with(claims(), "exp", Value::Null), Claim("exp")),
        (with(claims(), "exp", true), Claim("exp")),
        (with(claims(), "exp", 1e300), Claim("exp")),
        (with(claims(), "exp", i64::MAX), Claim("exp")),
        (with(claims(), "exp", u64::MAX), Claim("exp")),
        (with(claims(), "exp", i64::MIN), Claim("exp")),
        (with(claims(), "exp", NOW - 60), Expired),
        (with(claims(), "exp", 0), Expired),
        (with(claims(), "exp", NOW + 361), TooFarAhead),
        (with(claims(), "exp", (NOW + 360) as f64 + 0.5), TooFarAhead),
        (with(claims(), "exp", NOW * 1000), Claim("exp")),
        (
            with(claims(), "exp", Timestamp::MAX.as_second()),
            TooFarAhead,
        ),
        (with(claims(), "nbf", NOW + 61), NotYetValid),
        (with(claims(), "nbf", "0"), Claim("nbf")),
        (with(claims(), "iat", NOW + 61), IssuedInFuture),
        (with(claims(), "iat", NOW.to_string()), Claim("iat")),
        (with(claims(), "iat", Value::Null), Claim("iat")),
    ];
    for (claims, expected) in rows {
        let error = verdict_on(&key, &header(&key), &claims).unwrap_err();
        let AssertionError::Claims { problem, pending } = error.clone() else {
            panic!("{error}")
        };
        assert_eq!(problem, expected, "{claims}");
        assert_eq!(pending.map(|it| it.jti).as_deref(), Some("j-1"), "{claims}");
        assert_eq!(on_the_wire(error), (ErrorCode::InvalidClient, 401));
    }
}

#[test]
fn a_jti_is_a_string_that_is_not_empty() {
    let key = key(Algorithm::ES256);
    let rows = [
        without(claims(), "jti"),
        with(claims(), "jti", ""),
        with(claims(), "jti", 1),
    ];
    for claims in rows {
        let error = verdict_on(&key, &header(&key), &claims).unwrap_err();
        let problem = ClaimProblem::Claim("jti");
        assert_eq!(
            error,
            AssertionError::Claims {
                problem,
                pending: None
            },
            "{claims}"
        );
    }
}

// A refused assertion must not come alive later: it is remembered for as long as it could be used.
#[test]
fn a_refused_assertion_is_pending_until_its_own_end() {
    let key = key(Algorithm::ES256);
    let rows = [
        (with(claims(), "exp", NOW + 86_400), NOW + 86_400),
        (with(claims(), "aud", "https://other.example"), NOW + 300),
        (with(claims(), "exp", "soon"), NOW + 360),
        (without(claims(), "exp"), NOW + 360),
    ];
    for (claims, expires_at) in rows {
        let error = verdict_on(&key, &header(&key), &claims).unwrap_err();
        assert_eq!(
            error.pending().unwrap().expires_at.as_second(),
            expires_at,
            "{claims}"
        );
    }
}

#[test]
fn the_leeway_can_be_added_to_every_pending_end() {
    let key = key(Algorithm::ES256);
    for exp in [
        Timestamp::MAX.as_second(),
        Timestamp::MIN.as_second(),
        i64::MAX,
        i64::MIN,
    ] {
        let error = verdict_on(&key, &header(&key), &with(claims(), "exp", exp)).unwrap_err();
        let expires_at = error.pending().unwrap().expires_at;
        assert!(expires_at.checked_add(LEEWAY).is_ok(), "{exp}");
    }
}

#[test]
fn nothing_is_pending_of_what_the_client_did_not_sign() {
    let (ours, theirs) = (key(Algorithm::ES256), key(Algorithm::ES256));
    let header = header(&ours).to_string();
    let jwt = signed(&theirs, &header, &with(claims(), "aud", "x").to_string());
    let error = verify(&jwt, &jwks(&[&ours]), &policy(false), now()).unwrap_err();
    assert_eq!(
        (error.pending(), &error),
        (None, &AssertionError::Signature)
    );
}
