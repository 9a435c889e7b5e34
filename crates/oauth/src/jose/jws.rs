//! The compact serialization of a JWS (RFC 7515 section 7.1), as far as every JWT of ours needs it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};

use super::{Algorithm, Jwk};

/// The parts of a compact serialization.
pub(super) struct Parts<'a> {
    pub(super) header: &'a str,
    pub(super) claims: &'a str,
    /// The first two with their dot.
    signed: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn split(jwt: &'a str) -> Option<Self> {
        let (signed, signature) = jwt.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        // A fourth part would be left in the claims, which are no base64url then.
        Some(Self {
            header,
            claims,
            signed,
            signature,
        })
    }

    pub(super) fn signed_by(&self, key: &Jwk, algorithm: Algorithm) -> bool {
        super::install();
        // The library reads base64url without padding or stray bits, or fails.
        jsonwebtoken::crypto::verify(
            self.signature,
            self.signed.as_bytes(),
            key.decoding(),
            algorithm.of_library(),
        )
        .unwrap_or(false)
    }
}

/// A header member that brings its own key or changes how the rest is read.
pub(super) fn refused_member(header: &Map<String, Value>) -> Option<&'static str> {
    REFUSED_MEMBERS
        .into_iter()
        .find(|name| header.contains_key(*name))
}

/// RFC 7515 section 4.1.9: without regard to case, and with or without `application/`.
pub(super) fn is_media_type(typ: &str, expected: &str) -> bool {
    let prefix = "application/";
    let has_prefix = typ
        .get(..prefix.len())
        .is_some_and(|it| it.eq_ignore_ascii_case(prefix));
    let subtype = if has_prefix {
        typ.get(prefix.len()..).unwrap_or_default()
    } else {
        typ
    };
    subtype.eq_ignore_ascii_case(expected)
}

/// RFC 7519 section 2, NumericDate: seconds, perhaps with a fraction.
///
/// # Errors
/// The name of the claim when it is anything else.
pub(super) fn numeric_date(
    claims: &Map<String, Value>,
    name: &'static str,
) -> Result<Option<Timestamp>, &'static str> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let time = match value.as_i64() {
        Some(seconds) => Timestamp::from_second(seconds).ok(),
        None => value
            .as_f64()
            .and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok())
            .and_then(|duration| Timestamp::from_duration(duration).ok()),
    };
    time.map(Some).ok_or(name)
}

/// Three times a full assertion with an RSA-8192 signature; bounds the work for strangers.
pub(super) const MAX_LENGTH: usize = 8 * 1024;
/// Keys come from the registration only, also where SMART would let `jku` repeat the registered
/// address (RFC 8725 section 3.10). Nothing critical or unencoded is understood here (RFC 7515
/// section 4.1.11, RFC 7797).
const REFUSED_MEMBERS: [&str; 6] = ["jku", "x5u", "x5c", "jwk", "crit", "b64"];
