//! JWTs that this server signs: access tokens (RFC 9068) and introspection answers (RFC 9701). Each
//! kind has its own `typ`, so that none of them passes for another (RFC 8725 section 3.11).

use serde_json::{Map, Value};

use super::jws::{MAX_LENGTH, Parts, is_media_type, refused_member};
use super::{Algorithm, Jwks, KeyError, SigningKey};
use crate::strict;

/// A kind of JWT, told by its `typ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// RFC 9068 section 2.1.
    AccessToken,
    /// RFC 9701 section 5.
    IntrospectionResponse,
}

impl Kind {
    /// The value of `typ`.
    #[must_use]
    pub fn typ(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::IntrospectionResponse => "token-introspection+jwt",
        }
    }
}

/// Signs the claims as a JWT of this kind.
///
/// # Errors
/// When the cryptographic library fails.
pub fn sign(key: &SigningKey, kind: Kind, claims: &Value) -> Result<String, KeyError> {
    key.sign(kind.typ(), claims)
}

/// The claims of a JWT of this kind that one of these keys has signed; `None` for everything else. Only
/// the signature is checked: what the claims say is for the caller.
#[must_use]
pub fn verify(jwt: &str, kind: Kind, keys: &Jwks) -> Option<Map<String, Value>> {
    if jwt.len() > MAX_LENGTH {
        return None;
    }
    let parts = Parts::split(jwt)?;
    let header = strict::encoded_object(parts.header)?;
    if refused_member(&header).is_some() {
        return None;
    }
    let typ = header.get("typ")?.as_str()?;
    let algorithm = Algorithm::parse(header.get("alg")?.as_str()?)?;
    // A key of ours is always named: without `kid` nothing is tried.
    let kid = header.get("kid")?.as_str()?;
    let key = keys.select(Some(kid), algorithm)?;
    if !is_media_type(typ, kind.typ()) || !parts.signed_by(key, algorithm) {
        return None;
    }
    strict::encoded_object(parts.claims)
}

/// The name of the key that a JWT claims to be signed with, to find that key. Nothing else can be read
/// of it before [`verify`].
#[must_use]
pub fn unverified_key_id(jwt: &str) -> Option<String> {
    if jwt.len() > MAX_LENGTH {
        return None;
    }
    let header = strict::encoded_object(Parts::split(jwt)?.header)?;
    header.get("kid")?.as_str().map(str::to_owned)
}

/// Who a JWT says that it comes from, to find whom to ask about it. It proves nothing.
#[must_use]
pub fn unverified_issuer(jwt: &str) -> Option<String> {
    if jwt.len() > MAX_LENGTH {
        return None;
    }
    let claims = strict::encoded_object(Parts::split(jwt)?.claims)?;
    claims.get("iss")?.as_str().map(str::to_owned)
}

/// Whether a token has the form of a JWT: three parts of base64url. Opaque tokens hold no dot.
#[must_use]
pub fn is_jwt(token: &str) -> bool {
    token.split('.').count() == 3
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    fn claims() -> Value {
        json!({"iss": "https://vro.example", "jti": "1"})
    }

    fn keys(key: &SigningKey) -> Jwks {
        Jwks::new([key.public_jwk().clone()]).unwrap()
    }

    #[test]
    fn what_is_signed_verifies_with_every_algorithm() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap();
            let jwt = sign(&key, Kind::AccessToken, &claims()).unwrap();
            assert!(is_jwt(&jwt));
            assert_eq!(unverified_key_id(&jwt).as_deref(), Some(key.kid()));
            let issuer = unverified_issuer(&jwt);
            assert_eq!(issuer.as_deref(), Some("https://vro.example"));
            let verified = verify(&jwt, Kind::AccessToken, &keys(&key));
            assert_eq!(verified.map(Value::Object), Some(claims()), "{algorithm}");
        }
    }

    #[test]
    fn one_kind_is_not_another() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let jwt = sign(&key, Kind::IntrospectionResponse, &claims()).unwrap();
        assert_eq!(verify(&jwt, Kind::AccessToken, &keys(&key)), None);
        assert!(verify(&jwt, Kind::IntrospectionResponse, &keys(&key)).is_some());
    }

    #[test]
    fn nothing_else_verifies() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let other = SigningKey::generate(Algorithm::ES256).unwrap();
        let jwt = sign(&key, Kind::AccessToken, &claims()).unwrap();
        assert_eq!(verify(&jwt, Kind::AccessToken, &keys(&other)), None);
        let (header, rest) = jwt.split_once('.').unwrap();
        let (body, signature) = rest.split_once('.').unwrap();
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let forged_body = encode(json!({"iss": "https://vro.example", "jti": "2"}));
        let none = encode(json!({"alg": "none", "typ": "at+jwt", "kid": key.kid()}));
        let embedded = encode(json!({"alg": "ES256", "typ": "at+jwt", "kid": key.kid(),
            "jwk": other.public_jwk().to_json()}));
        for forged in [
            format!("{header}.{forged_body}.{signature}"),
            format!("{none}.{body}."),
            format!("{none}.{body}.{signature}"),
            format!("{embedded}.{body}.{signature}"),
            format!("{header}.{body}"),
            format!("{header}.{body}.{signature}.{signature}"),
            format!("{header}.{body}.{signature}="),
            format!("{header}.{body}.{}", "A".repeat(86)),
            format!("{header}.{}.{signature}", "A".repeat(MAX_LENGTH)),
            String::new(),
            "..".to_owned(),
        ] {
            assert_eq!(
                verify(&forged, Kind::AccessToken, &keys(&key)),
                None,
                "{forged}"
            );
        }
    }
}
