//! The claims of a client assertion: RFC 7523 section 3, once its signature is known to be good.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::super::jws::numeric_date;
use super::{
    AssertionPolicy, ClaimProblem, LEEWAY, LONGEST_LIFETIME, PendingJti, VerifiedAssertion,
};

/// The claims as the client has signed them.
pub(super) struct Claims<'a>(pub(super) &'a Map<String, Value>);

impl Claims<'_> {
    pub(super) fn check(
        &self,
        policy: &AssertionPolicy<'_>,
        now: Timestamp,
    ) -> Result<VerifiedAssertion, ClaimProblem> {
        let jti = self
            .text("jti")
            .filter(|jti| !jti.is_empty())
            .ok_or(ClaimProblem::Claim("jti"))?;
        let issuer = self.text("iss").ok_or(ClaimProblem::Claim("iss"))?;
        if issuer != policy.client_id {
            return Err(ClaimProblem::Issuer);
        }
        if self.text("sub").ok_or(ClaimProblem::Claim("sub"))? != policy.client_id {
            return Err(ClaimProblem::Subject);
        }
        if self.audience()? != policy.audience {
            return Err(ClaimProblem::Audience);
        }
        let expires_at = self.check_times(now)?;
        Ok(VerifiedAssertion {
            issuer: issuer.to_owned(),
            jti: jti.to_owned(),
            expires_at,
        })
    }

    /// What has to be recorded although the claims do not count.
    pub(super) fn pending(&self, now: Timestamp) -> Option<PendingJti> {
        let jti = self.text("jti").filter(|jti| !jti.is_empty())?;
        let longest = now + LONGEST_LIFETIME + LEEWAY;
        let expires_at = self.time("exp").ok().flatten().unwrap_or(longest);
        // Where time ends the leeway could not be added: a client must not be able to cause that.
        let expires_at = expires_at.min(Timestamp::MAX - LEEWAY);
        Some(PendingJti {
            jti: jti.to_owned(),
            expires_at,
        })
    }

    /// RFC 7519 sections 4.1.4 to 4.1.6 against our own clock, since the library reads the wall's.
    fn check_times(&self, now: Timestamp) -> Result<Timestamp, ClaimProblem> {
        let expires_at = self.time("exp")?.ok_or(ClaimProblem::Claim("exp"))?;
        let ahead = expires_at.duration_since(now);
        if ahead <= -LEEWAY {
            return Err(ClaimProblem::Expired);
        }
        if ahead > LONGEST_LIFETIME + LEEWAY {
            return Err(ClaimProblem::TooFarAhead);
        }
        let in_future = |time: Timestamp| time.duration_since(now) > LEEWAY;
        if self.time("nbf")?.is_some_and(in_future) {
            return Err(ClaimProblem::NotYetValid);
        }
        if self.time("iat")?.is_some_and(in_future) {
            return Err(ClaimProblem::IssuedInFuture);
        }
        Ok(expires_at)
    }

    /// RFC 7519 section 4.1.3: a string, or an array; RFC 10070: of one.
    fn audience(&self) -> Result<&str, ClaimProblem> {
        match self.0.get("aud") {
            Some(Value::String(one)) => Ok(one),
            Some(Value::Array(several)) => match several.as_slice() {
                [Value::String(one)] => Ok(one),
                [_, _, ..] => Err(ClaimProblem::Audience),
                _ => Err(ClaimProblem::Claim("aud")),
            },
            _ => Err(ClaimProblem::Claim("aud")),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    fn time(&self, name: &'static str) -> Result<Option<Timestamp>, ClaimProblem> {
        numeric_date(self.0, name).map_err(ClaimProblem::Claim)
    }
}
