//! Judges an introspection answer (RFC 7662 section 2.2), strictly. Pure: bytes in, decision out.

use fhir::{Jurisdiction, RecordType};
use jiff::Timestamp;
use oauth::{IntrospectionResponse, Scope, strict};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::VerifiedToken;
use crate::access_decision::{Acting, OrganizationAccess, Rights, Role, is_facility};

/// What the answer is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expectations<'a> {
    /// The issuer that was asked.
    pub(crate) issuer: &'a str,
    /// The audience that the token must be meant for: this server.
    pub(crate) audience: &'a str,
    /// The start of the token's hash.
    pub(crate) token_id: &'a str,
    /// The role of people whom the answer gives none: of an issuer that knows no roles.
    pub(crate) default_role: Option<&'a str>,
}

/// Why a token is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The token is at fault: 401 `invalid_token` (RFC 6750 section 3.1).
    #[error("{0}")]
    Token(&'static str),
    /// The issuer is at fault, or unreachable: 503, since nothing is known about the token.
    #[error("{0}")]
    Issuer(&'static str),
    /// The issuer refuses this server's own credential: 503, and somebody has to look at it.
    #[error("{0}")]
    OwnCredential(&'static str),
}

/// Whether the issuer answered at all.
///
/// # Errors
/// A [`Refusal`] that says who is at fault; never the token.
pub(crate) fn check_status(status: u16) -> Result<(), Refusal> {
    match status {
        200 => Ok(()),
        // RFC 7662 section 2.3: our own authentication failed. Never blamed on the token.
        401 | 403 => Err(Refusal::OwnCredential("the issuer refuses our credential")),
        _ => Err(Refusal::Issuer(
            "the issuer did not answer the introspection request",
        )),
    }
}

/// Reads one answer. Nothing but an answer that is right in every part yields a [`VerifiedToken`].
///
/// # Errors
/// A [`Refusal`] that says who is at fault.
pub(crate) fn judge(
    body: &[u8],
    expected: Expectations<'_>,
    now: Timestamp,
) -> Result<VerifiedToken, Refusal> {
    if body.len() > MAX_ANSWER_BYTES {
        return Err(Refusal::Issuer(
            "the issuer's introspection answer is too large",
        ));
    }
    // `active` first, so that an inactive token is told so whatever else the answer holds.
    let Gate { active, cnf } = read(body)?;
    if !active {
        return Err(Refusal::Token("the token is not active"));
    }
    let answer: IntrospectionResponse = read(body)?;
    let expires_at = check(&answer, expected, now)?;
    // Bound to a key, it is worth nothing as a bearer token (RFC 9449 section 7.2, RFC 8705 section 3).
    if cnf.is_some() {
        return Err(Refusal::Token("the token is not a bearer access token"));
    }
    Ok(VerifiedToken {
        token_id: expected.token_id.to_owned(),
        client_id: answer.client_id.clone(),
        subject: answer.sub.clone(),
        expires_at,
        rights: rights(answer, expected),
    })
}

/// JSON with each member of its one type. A second member of one name is an error, since the first and
/// the last could say different things.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    strict::read(body).ok_or(UNREADABLE)
}

/// The member that every answer must have, and must have as a boolean (`"true"` is not active), and
/// the one by which a token is bound to a key (RFC 7800).
#[derive(Deserialize)]
struct Gate {
    active: bool,
    #[serde(default)]
    cnf: Option<serde_json::Value>,
}

/// Everything about the token itself; yields when it ends.
fn check(
    answer: &IntrospectionResponse,
    expected: Expectations<'_>,
    now: Timestamp,
) -> Result<Timestamp, Refusal> {
    if holds_nul(answer) {
        return Err(UNREADABLE);
    }
    let expires_at = answer
        .exp
        .ok_or(Refusal::Token("the token has no known end"))?;
    // No leeway: the issuer's clock decided `active`, ours decides that it still is.
    let expires_at = Timestamp::from_second(expires_at).map_err(|_| UNREADABLE)?;
    if expires_at <= now {
        return Err(Refusal::Token("the token has expired"));
    }
    if answer.nbf.is_some_and(|from| from > now.as_second()) {
        return Err(Refusal::Token("the token is not valid yet"));
    }
    if answer
        .iss
        .as_deref()
        .is_some_and(|issuer| issuer != expected.issuer)
    {
        return Err(Refusal::Token("the token is another issuer's"));
    }
    let same = |audience: &String| without_slash(audience) == without_slash(expected.audience);
    if !answer.aud.iter().any(same) {
        return Err(Refusal::Token("the token is not meant for this server"));
    }
    // A refresh token is for the issuer alone (RFC 6749 section 1.5).
    let bearer = |kind: &str| {
        kind.eq_ignore_ascii_case("bearer") || kind.eq_ignore_ascii_case("access_token")
    };
    if !answer.token_type.as_deref().is_none_or(bearer) {
        return Err(Refusal::Token("the token is not a bearer access token"));
    }
    Ok(expires_at)
}

/// NUL in a text that goes into the audit: no database stores it, and no honest issuer sends it.
fn holds_nul(answer: &IntrospectionResponse) -> bool {
    let texts = [&answer.client_id, &answer.sub, &answer.organization];
    texts.into_iter().flatten().any(|text| text.contains('\0'))
}

/// What is absent, and codes that are unknown here, allow nothing.
fn rights(answer: IntrospectionResponse, expected: Expectations<'_>) -> Rights {
    let places = answer.jurisdictions.iter();
    let kinds = answer.record_types.iter();
    Rights {
        acting: acting(&answer, expected),
        scope: answer
            .scope
            .and_then(|text| Scope::parse(&text).ok())
            .unwrap_or_default(),
        organization: answer.organization.filter(|name| !name.is_empty()),
        jurisdictions: places
            .filter_map(|code| Jurisdiction::parse(code))
            .collect(),
        record_types: kinds.filter_map(|name| RecordType::parse(name)).collect(),
        // A name that no record can have is none, and the list stays a limit.
        facilities: answer.facilities.map(|mut list| {
            list.retain(|name| is_facility(name));
            list
        }),
        organization_access: match answer.organization_access.as_deref() {
            Some("all") => OrganizationAccess::All,
            _ => OrganizationAccess::Own,
        },
    }
}

/// Whom the token acts for. RFC 9068 section 2.2 has a client that acts for itself be its own `sub`, as
/// has our authorization server, and an answer about it names no `username`. Everything else is about a
/// person: `user/` counts, within the role that the answer names.
fn acting(answer: &IntrospectionResponse, expected: Expectations<'_>) -> Acting {
    let subject = answer.sub.as_deref();
    let own = subject.is_none() || subject == answer.client_id.as_deref();
    if own && answer.username.is_none() && answer.role.is_none() {
        return Acting::Client;
    }
    let named = answer.role.as_deref().or(expected.default_role);
    Acting::Person(named.and_then(Role::parse))
}

/// The same base URL with and without its slash is one audience; anything more is not.
fn without_slash(text: &str) -> &str {
    text.strip_suffix('/').unwrap_or(text)
}

const UNREADABLE: Refusal = Refusal::Issuer("the issuer's introspection answer is unreadable");

/// Far above any honest answer; an endless one must not fill the memory.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests;
