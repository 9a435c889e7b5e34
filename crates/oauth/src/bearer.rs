//! The access token of a request: RFC 6750 section 2.1.

use crate::Secret;

/// Why a request carries no token that could be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BearerError {
    /// No authentication, or one by another scheme: 401 with a bare challenge (RFC 6750 section 3).
    Missing,
    /// Several tokens, or a header without one: 400 `invalid_request` (RFC 6750 section 3.1).
    Malformed,
    /// Too long, or with characters that no token has: 401 `invalid_token`.
    Unusable,
}

/// The token in the value of an `Authorization` header.
///
/// # Errors
/// [`BearerError`].
pub fn token(value: &[u8]) -> Result<Secret, BearerError> {
    // Before anything else is done with it: hashing and sending an endless token costs us, not them.
    if value.len() > MAX_TOKEN_BYTES {
        return Err(BearerError::Unusable);
    }
    let (scheme, rest) = match value.iter().position(|byte| *byte == b' ') {
        Some(space) => value.split_at(space),
        None => (value, &[][..]),
    };
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(BearerError::Missing);
    }
    b64token(rest.trim_ascii_start())
}

/// RFC 6750 section 2.1: `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`.
fn b64token(text: &[u8]) -> Result<Secret, BearerError> {
    if text.is_empty() {
        return Err(BearerError::Malformed);
    }
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let (body, _) = text.split_at(text.len() - padding);
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(byte);
    if body.is_empty() || !body.iter().all(allowed) {
        return Err(BearerError::Unusable);
    }
    let text = std::str::from_utf8(text).map_err(|_| BearerError::Unusable)?;
    Ok(Secret::received(text.to_owned()))
}

/// Longer than any token that an issuer of today mints, JWTs with many claims included.
const MAX_TOKEN_BYTES: usize = 8 * 1024;
