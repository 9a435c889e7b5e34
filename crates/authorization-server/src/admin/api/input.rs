//! What comes in: members of a JSON body and parameters of a query, each read by name; what is not known is refused.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use oauth::Parameters;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::administration::PageRequest;
use crate::registration::{OrganizationAccess, Rights};

/// The members of a body that have not been read yet.
#[derive(Default)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// The one JSON object of a body; nothing where none is expected.
    pub(super) fn read(
        headers: &HeaderMap,
        body: Result<Bytes, BytesRejection>,
        expected: bool,
    ) -> Result<Self, Problem> {
        let body = body.map_err(|rejection| Problem::unreadable(rejection.status()))?;
        if !expected {
            if body.is_empty() {
                return Ok(Self::default());
            }
            return Err(Problem::malformed("body", "must be empty"));
        }
        // RFC 9110 section 8.4: what was compressed would be read in front of us as another body.
        if !is_json(headers) || headers.contains_key(header::CONTENT_ENCODING) {
            return Err(Problem::unreadable(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        match oauth::strict::object(&body) {
            Some(members) => Ok(Self(members)),
            None => Err(Problem::malformed(
                "body",
                "must be one JSON object without a member twice",
            )),
        }
    }

    /// A member, if it is there.
    pub(super) fn optional<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.0.remove(name) else {
            return Ok(None);
        };
        if holds_nul(&value) {
            return Err(Problem::invalid(name, "holds the character NUL"));
        }
        match serde_json::from_value(value) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(Problem::invalid(name, "has another type")),
        }
    }

    /// A member that may be null as well, as it is shown where there is none.
    pub(super) fn nullable<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Problem> {
        Ok(self.optional::<Option<T>>(name)?.flatten())
    }

    /// A member that has to be there.
    pub(super) fn required<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
    ) -> Result<T, Problem> {
        self.optional(name)?
            .ok_or_else(|| Problem::invalid(name, "is missing"))
    }

    /// A member that is one of the names that `parse` knows, or null.
    pub(super) fn named<T>(
        &mut self,
        name: &'static str,
        parse: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.nullable::<String>(name)? else {
            return Ok(None);
        };
        match parse(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(Problem::invalid(name, "is none of the known names")),
        }
    }

    /// A list of such names.
    pub(super) fn names<T>(
        &mut self,
        name: &'static str,
        parse: fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, Problem> {
        let texts: Vec<String> = self.optional(name)?.unwrap_or_default();
        let read = texts.iter().map(|text| parse(text)).collect::<Option<_>>();
        read.ok_or_else(|| Problem::invalid(name, "holds what is none of the known names"))
    }

    /// `organization`, `organization_access`, `jurisdictions`, `record_types`: absent means none.
    /// `facilities`: absent or null means no limit within the organization.
    pub(super) fn rights(&mut self) -> Result<Rights, Problem> {
        Ok(Rights {
            organization: self.nullable("organization")?,
            organization_access: self
                .named("organization_access", OrganizationAccess::parse)?
                .unwrap_or_default(),
            jurisdictions: self.optional("jurisdictions")?.unwrap_or_default(),
            record_types: self.optional("record_types")?.unwrap_or_default(),
            facilities: self.nullable("facilities")?,
        })
    }

    /// Refuses what nobody has read.
    pub(super) fn end(self) -> Result<(), Problem> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Problem::invalid(name, "is not a member of this")),
        }
    }
}

/// The parameters of a query.
pub(super) struct Query(Parameters);

impl Query {
    pub(super) fn read(query: &str, known: &[&str]) -> Result<Self, Problem> {
        let parameters = Parameters::parse(query.as_bytes())
            .map_err(|error| Problem::malformed("query", error.description()))?;
        if let Some(name) = parameters.names().find(|name| !known.contains(name)) {
            return Err(Problem::malformed(name, "is not a parameter of this"));
        }
        if let Some(name) = parameters
            .names()
            .find(|name| parameters.get(name).is_none())
        {
            return Err(Problem::malformed(name, "has no value"));
        }
        Ok(Self(parameters))
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).map(str::to_owned)
    }

    pub(super) fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        let parsed = self.0.get(name).map(str::parse).transpose();
        parsed.map_err(|_| Problem::malformed(name, "cannot be read"))
    }

    pub(super) fn page(&self) -> Result<PageRequest, Problem> {
        Ok(PageRequest {
            cursor: self.text("cursor"),
            limit: self.value("limit")?,
        })
    }
}

/// A time as RFC 3339 writes it: other spellings would be read differently elsewhere.
pub(super) struct Time(pub(super) Timestamp);

impl FromStr for Time {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let strict = || {
            let (date, time) = text.split_once('T')?;
            let zone = time.find(['Z', '+', '-'])?;
            let (clock, zone) = time.split_at_checked(zone)?;
            let (seconds, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
            let digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
            let formed = |text: &str, mask: &str| {
                text.len() == mask.len()
                    && text.bytes().zip(mask.bytes()).all(|(it, mask)| match mask {
                        b'0' => it.is_ascii_digit(),
                        b'+' => b"+-".contains(&it),
                        other => it == other,
                    })
            };
            let zoned = zone == "Z" || formed(zone, "+00:00");
            let right = formed(date, "0000-00-00")
                && formed(seconds, "00:00:00")
                && !fraction.is_empty()
                && digits(fraction);
            (zoned && right).then_some(())
        };
        strict().ok_or(())?;
        text.parse().map(Self).map_err(|_| ())
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|()| D::Error::custom("is no time of RFC 3339"))
    }
}

/// The versions of `If-Match` (RFC 9110 section 13.1.1); `None` when any will do. A weak one never matches.
///
/// # Errors
/// 400 for what is no list of entity tags: a condition that cannot be read must not count as one that holds.
pub(super) fn versions(headers: &HeaderMap) -> Result<Option<Vec<String>>, Problem> {
    let mut texts = Vec::new();
    for value in headers.get_all(header::IF_MATCH) {
        texts.push(value.to_str().map_err(|_| malformed_tag())?);
    }
    match texts.as_slice() {
        [] | ["*"] => return Ok(None),
        _ => {}
    }
    let mut versions = Vec::new();
    for tag in texts.iter().flat_map(|text| text.split(',')) {
        let tag = tag.trim_matches([' ', '\t']);
        let (weak, tag) = match tag.strip_prefix("W/") {
            Some(tag) => (true, tag),
            None => (false, tag),
        };
        let inner = tag.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        let inner = inner.filter(|it| it.bytes().all(|it| it > b' ' && it != b'"'));
        let inner = inner.ok_or_else(malformed_tag)?;
        if !weak {
            versions.push(inner.to_owned());
        }
    }
    Ok(Some(versions))
}

fn malformed_tag() -> Problem {
    Problem::malformed("If-Match", "must be entity tags, or *")
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return false;
    };
    let essence = value.to_str().unwrap_or("").split(';').next();
    essence.is_some_and(|it| it.trim().eq_ignore_ascii_case("application/json"))
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_rfc3339() {
        for good in [
            "2026-11-27T12:00:00Z",
            "2026-11-27T12:00:00.123Z",
            "2026-11-27T12:00:00+05:00",
            "2026-11-27T12:00:00-05:00",
        ] {
            assert!(good.parse::<Time>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "2026-11-27",
            "2026-11-27 12:00:00Z",
            "2026-11-27t12:00:00z",
            "2026-11-27T12:00Z",
            "2026-11-27T12:00:00",
            "2026-11-27T12:00:00.Z",
            "2026-11-27T12:00:00Z[UTC]",
            "2026-13-27T12:00:00Z",
            "2026-11-27T12:00:00+5",
            "+002026-11-27T12:00:00Z",
            "2026-11-27T12:00:00\u{e9}Z",
        ] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
    }
}
