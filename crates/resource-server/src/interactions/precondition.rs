//! `If-Match`, `If-None-Match` and `If-Modified-Since` (RFC 9110 section 13; FHIR R4 http, sections 3.1.0.2.1 and
//! 3.1.0.5). Pure.

use axum::http::{HeaderMap, StatusCode};
use fhir::IssueCode;
use jiff::fmt::rfc2822;

use super::lines;
use crate::answer::Failure;
use crate::store::record::RecordHead;
use crate::withholding;

/// The version that an interaction changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Whichever is current.
    Any,
    /// This one only.
    Version(i64),
}

impl Expected {
    /// What `If-Match` says.
    ///
    /// # Errors
    /// 400 if it says something else than one version: of two it could not be both. 412 if it is of a copy with
    /// gaps, which is no version.
    pub(super) fn parse(headers: &HeaderMap) -> Result<Self, Failure> {
        let mut values = headers.get_all("if-match").iter();
        let Some(value) = values.next() else {
            return Ok(Self::Any);
        };
        let tag = value.to_str().ok().filter(|_| values.next().is_none());
        match tag.map(str::trim) {
            Some("*") => Ok(Self::Any),
            Some(tag) if withholding::is_tag_of_copy(tag) => Err(Failure::precondition(
                "this is the tag of a copy from which parts are withheld: it must not replace the record",
            )
            .of_http(IF_MATCH)),
            tag => tag
                .and_then(version)
                .map(Self::Version)
                .ok_or_else(malformed),
        }
    }

    /// The same, where the policy demands it.
    ///
    /// # Errors
    /// 428 if it names no version (RFC 6585 section 3), 400 as [`Expected::parse`].
    pub(super) fn required(headers: &HeaderMap, required: bool) -> Result<Self, Failure> {
        match Self::parse(headers)? {
            Self::Any if required => Err(Failure::new(
                StatusCode::PRECONDITION_REQUIRED,
                IssueCode::Required,
                "an update must name the version that it changes: read the record first, change that, and send the ETag \
                 of the read as If-Match",
            )
            .of_http(IF_MATCH)),
            expected => Ok(expected),
        }
    }

    /// Whether `current` is that version.
    ///
    /// # Errors
    /// 412 if it is another.
    pub(super) fn check(self, current: &RecordHead) -> Result<(), Failure> {
        match self {
            Self::Version(version) if version != current.version_id => {
                Err(self.lost().about(current.clone()))
            }
            Self::Version(_) | Self::Any => Ok(()),
        }
    }

    /// Somebody else's change came first: 412 for whoever named a version, 409 otherwise.
    pub(super) fn lost(self) -> Failure {
        let text = "the record has another version by now: read it and change that";
        match self {
            Self::Version(_) => Failure::precondition(text).of_http(IF_MATCH),
            Self::Any => Failure::new(StatusCode::CONFLICT, IssueCode::Conflict, text),
        }
    }
}

/// Whether the client has this version already. `If-None-Match` has precedence (RFC 9110 section 13.2.2); what
/// cannot be read is as good as absent: the answer is the resource then. A copy with gaps has a tag of its own, and
/// only that says that the client has it (`has_gaps`).
pub(super) fn not_modified(headers: &HeaderMap, current: &RecordHead, has_gaps: bool) -> bool {
    let mut tags = lines(headers, "if-none-match")
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .peekable();
    if tags.peek().is_some() {
        let known = |tag| match has_gaps {
            true => withholding::without_gaps_mark(tag)
                .as_deref()
                .and_then(version),
            false => version(tag),
        };
        return tags.any(|tag| tag == "*" || known(tag) == Some(current.version_id));
    }
    let since = lines(headers, "if-modified-since").next();
    let since = since.and_then(|date| rfc2822::parse(date).ok());
    since.is_some_and(|since| {
        // The header knows no parts of a second.
        current.last_updated.as_second() <= since.timestamp().as_second()
    })
}

/// `W/"3"`, or `"3"` of clients that leave the weakness out: versions are compared weakly in FHIR.
fn version(tag: &str) -> Option<i64> {
    let quoted = tag.strip_prefix("W/").unwrap_or(tag);
    let text = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn malformed() -> Failure {
    let text = "If-Match takes the ETag of one version of this record, as a read gives it: W/\"3\", for instance";
    Failure::new(StatusCode::BAD_REQUEST, IssueCode::Value, text).of_http(IF_MATCH)
}

const IF_MATCH: &str = "If-Match";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (
                axum::http::HeaderName::from_static(name),
                value.parse().unwrap(),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn if_match_names_one_version() {
        let parse = |value: &str| Expected::parse(&headers(&[("if-match", value)])).ok();
        assert_eq!(Expected::parse(&HeaderMap::new()).ok(), Some(Expected::Any));
        assert_eq!(parse("*"), Some(Expected::Any));
        for right in ["W/\"3\"", "\"3\"", " W/\"3\" "] {
            assert_eq!(parse(right), Some(Expected::Version(3)), "{right}");
        }
        for wrong in [
            "3",
            "W/3",
            "W/\"03\"",
            "W/\"+3\"",
            "\"3\", \"4\"",
            "",
            "w/\"3\"",
            "W/\"x\"",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        let mut twice = headers(&[("if-match", "\"3\"")]);
        twice.append("if-match", "\"3\"".parse().unwrap());
        assert!(Expected::parse(&twice).is_err());
    }

    #[test]
    fn the_policy_wants_a_version_named() {
        for (value, required, right) in [
            (None, false, true),
            (None, true, false),
            (Some("*"), true, false),
            (Some("\"3\""), true, true),
        ] {
            let headers =
                value.map_or_else(HeaderMap::new, |value| headers(&[("if-match", value)]));
            let answer = Expected::required(&headers, required);
            assert_eq!(answer.is_ok(), right, "{value:?} {required}");
        }
    }
}
