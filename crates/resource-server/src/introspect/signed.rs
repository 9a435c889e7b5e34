//! Introspection answers as signed JWTs (RFC 9701), where the setting of an issuer asks for them. They
//! can be shown to others afterwards, and nobody who ends the connection before the issuer can make one
//! up. Where they are asked for nothing else counts.

use jiff::{SignedDuration, Timestamp};
use oauth::jose::Jwks;
use oauth::jose::issued::{self, Kind};
use outbound::Response;
use serde_json::{Map, Value};

use super::Refusal;

/// RFC 9701 section 4: the media type to ask for and to be given.
pub(super) const MEDIA_TYPE: &str = "application/token-introspection+jwt";

/// The JWT of an answer and the name of the key that it claims.
pub(super) struct Unverified<'a> {
    jwt: &'a str,
    pub(super) kid: String,
}

/// Takes an answer that says it is a JWT.
///
/// # Errors
/// [`Refusal::Issuer`] for every other answer: there is no falling back to unsigned ones.
pub(super) fn read(response: &Response) -> Result<Unverified<'_>, Refusal> {
    if response.media_type().as_deref() != Some(MEDIA_TYPE) {
        return Err(UNSIGNED);
    }
    let jwt = std::str::from_utf8(&response.body).map_err(|_| UNSIGNED)?;
    let kid = issued::unverified_key_id(jwt).ok_or(INVALID)?;
    Ok(Unverified { jwt, kid })
}

impl Unverified<'_> {
    /// The introspection answer inside, as JSON, once the signature, `typ`, algorithm, `iss`, `aud` and
    /// `iat` hold (RFC 9701 section 5).
    ///
    /// # Errors
    /// [`Refusal::Issuer`]: whatever is wrong with it is not the token's fault.
    pub(super) fn verify(
        &self,
        keys: &Jwks,
        issuer: &str,
        client_id: &str,
        now: Timestamp,
    ) -> Result<Vec<u8>, Refusal> {
        let mut claims =
            issued::verify(self.jwt, Kind::IntrospectionResponse, keys).ok_or(INVALID)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(issuer) || !is_for(&claims, client_id) {
            return Err(Refusal::Issuer("the issuer's signed answer is another's"));
        }
        let issued = claims.get("iat").and_then(Value::as_i64);
        let issued = issued.and_then(|second| Timestamp::from_second(second).ok());
        let age = issued.map(|at| now.duration_since(at).abs());
        // An old answer could have been kept from before a revocation.
        if age.is_none_or(|age| age > MAX_AGE) {
            return Err(Refusal::Issuer("the issuer's signed answer is not of now"));
        }
        match claims.remove("token_introspection") {
            Some(Value::Object(answer)) => Ok(Value::Object(answer).to_string().into_bytes()),
            _ => Err(INVALID),
        }
    }
}

/// RFC 9701 section 5: `aud` is the resource server that asked, and nobody else.
fn is_for(claims: &Map<String, Value>, client_id: &str) -> bool {
    match claims.get("aud") {
        Some(Value::String(one)) => one == client_id,
        Some(Value::Array(list)) => list.len() == 1 && list.iter().all(|one| one == client_id),
        _ => false,
    }
}

const UNSIGNED: Refusal = Refusal::Issuer("the issuer's introspection answer is not signed");
const INVALID: Refusal = Refusal::Issuer("the issuer's signed introspection answer is invalid");

/// What two clocks may differ by, and what an answer may take.
const MAX_AGE: SignedDuration = SignedDuration::from_secs(60);

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use oauth::jose::{Algorithm, SigningKey};
    use outbound::{HeaderMap, HeaderValue, StatusCode, header};
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn response(media_type: &'static str, body: &str) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        Response {
            status: StatusCode::OK,
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    fn open(jwt: &str, keys: &SigningKey) -> Result<Vec<u8>, Refusal> {
        let keys = Jwks::new([keys.public_jwk().clone()]).unwrap();
        let response = response(MEDIA_TYPE, jwt);
        read(&response)?.verify(&keys, "https://as.example", "rs", NOW)
    }

    /// Good claims with one replaced; `null` leaves it out.
    fn claims(name: &str, value: Value) -> Value {
        let mut claims = json!({"iss": "https://as.example", "aud": "rs", "iat": 1_800_000_000,
            "token_introspection": {"active": true}});
        let members = claims.as_object_mut().unwrap();
        members.remove(name);
        if !value.is_null() {
            members.insert(name.to_owned(), value);
        }
        claims
    }

    #[test]
    fn rfc9701_section_5() {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap();
            let sign = |claims: Value| issued::sign(&key, Kind::IntrospectionResponse, &claims);
            let good = |name: &str, value: Value| open(&sign(claims(name, value)).unwrap(), &key);
            let answer = good("x", json!(1)).unwrap();
            assert_eq!(answer, br#"{"active":true}"#);
            assert!(good("aud", json!(["rs"])).is_ok());
            assert!(good("iat", json!(1_799_999_940)).is_ok());
            assert!(good("iat", json!(1_800_000_060)).is_ok());
        }
    }

    #[test]
    fn what_is_not_right_in_every_part_is_the_issuer_s_fault() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let sign = |claims: Value| issued::sign(&key, Kind::IntrospectionResponse, &claims);
        for (name, value) in [
            ("iss", json!(null)),
            ("iss", json!("https://as.example/")),
            ("iss", json!(["https://as.example"])),
            ("aud", json!(null)),
            ("aud", json!("other-rs")),
            ("aud", json!(["rs", "other-rs"])),
            ("aud", json!([])),
            ("iat", json!(null)),
            ("iat", json!("1800000000")),
            ("iat", json!(1_799_999_939)),
            ("iat", json!(1_800_000_061)),
            ("iat", json!(-1)),
            ("iat", json!(i64::MAX)),
            ("token_introspection", json!(null)),
            ("token_introspection", json!("active")),
            ("token_introspection", json!([{"active": true}])),
        ] {
            let jwt = sign(claims(name, value.clone())).unwrap();
            let refused = matches!(open(&jwt, &key), Err(Refusal::Issuer(_)));
            assert!(refused, "{name} {value}");
        }
        let other = SigningKey::generate(Algorithm::ES256).unwrap();
        let good = sign(claims("x", json!(1))).unwrap();
        assert_eq!(open(&good, &other), Err(INVALID));
        let access_token = issued::sign(&key, Kind::AccessToken, &claims("x", json!(1))).unwrap();
        assert_eq!(open(&access_token, &key), Err(INVALID));
        let cut = good.rsplit_once('.').unwrap().0;
        assert_eq!(open(&format!("{cut}."), &key), Err(INVALID));
        assert_eq!(open("", &key), Err(INVALID));
    }

    #[test]
    fn there_is_no_falling_back_to_unsigned_answers() {
        let body = r#"{"active":true}"#;
        for media_type in ["application/json", "application/jwt", "text/plain"] {
            let answer = read(&response(media_type, body)).map(|_| ());
            assert_eq!(answer, Err(UNSIGNED), "{media_type}");
        }
        assert_eq!(read(&response(MEDIA_TYPE, body)).map(|_| ()), Err(INVALID));
    }
}
