//! The primitive datatypes of FHIR R4 (datatypes, section 2.24.0.1): their type in JSON, their form, and whether
//! there is such a date.

use jiff::civil;

use crate::interaction;
use crate::json::tree::{Kind, Node};

/// A primitive datatype.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Primitive {
    Base64Binary,
    Boolean,
    Canonical,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Markdown,
    Oid,
    PositiveInt,
    String,
    Time,
    UnsignedInt,
    Uri,
    Url,
    Uuid,
    Xhtml,
}

use Primitive as P;

impl Primitive {
    /// The primitive with this name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, primitive)| *primitive)
    }

    /// Whether a scalar value is one; else what it would have to be.
    pub(super) fn check(self, node: Node<'_>) -> Result<(), Wrong> {
        match self {
            P::Boolean => typed(node, Kind::Boolean, "must be true or false, without quotes"),
            P::Decimal => typed(node, Kind::Number, "must be a number, without quotes"),
            P::Integer => integer(
                node,
                -2_147_483_648,
                "must be a whole number, without quotes",
            ),
            P::UnsignedInt => integer(node, 0, "must be a whole number from 0 on, without quotes"),
            P::PositiveInt => integer(node, 1, "must be a whole number from 1 on, without quotes"),
            _ => {
                typed(node, Kind::Text, "must be a text in quotes")?;
                let text = node.text().unwrap_or_default();
                self.form(&text).map_err(Wrong::Value)
            }
        }
    }

    fn form(self, text: &str) -> Result<(), &'static str> {
        let whether = |right, wrong| if right { Ok(()) } else { Err(wrong) };
        match self {
            P::Id => whether(
                is_id(text),
                "must be 1 to 64 letters, digits, hyphens and dots",
            ),
            P::Code => whether(
                is_code(text),
                "must be a code, with no spaces around it and single ones within",
            ),
            P::Uri | P::Url | P::Canonical => whether(
                !text.contains(char::is_whitespace),
                "must be an address (URI), which has no spaces",
            ),
            P::Oid => whether(
                is_oid(text),
                "must be an OID: urn:oid: and numbers with dots",
            ),
            P::Uuid => whether(
                is_uuid_urn(text),
                "must be a UUID in lower case behind urn:uuid:",
            ),
            P::Base64Binary => whether(is_base64(text), "must be base64"),
            P::Xhtml => whether(
                text.trim().starts_with("<div") && text.trim().ends_with('>'),
                "must be an XHTML div element",
            ),
            P::Date => date(text),
            P::DateTime => date_time(text),
            P::Instant => instant(text),
            P::Time => time(text).ok_or("must be a time of the day: 13:45:00"),
            _ => Ok(()),
        }
    }
}

/// How a primitive is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    /// Its type in JSON.
    Type(&'static str),
    /// Its value.
    Value(&'static str),
}

fn typed(node: Node<'_>, kind: Kind, text: &'static str) -> Result<(), Wrong> {
    if node.kind() == kind {
        Ok(())
    } else {
        Err(Wrong::Type(text))
    }
}

fn integer(node: Node<'_>, least: i64, text: &'static str) -> Result<(), Wrong> {
    typed(node, Kind::Number, text)?;
    // `1.0` and `1e3` are decimals, whatever they come to; `-0` is not an integer either.
    let number: i64 = node.raw().parse().map_err(|_| Wrong::Type(text))?;
    if (least..=2_147_483_647).contains(&number) && node.raw() != "-0" {
        Ok(())
    } else {
        Err(Wrong::Value(text))
    }
}

/// `[A-Za-z0-9\-\.]{1,64}`
pub(super) fn is_id(text: &str) -> bool {
    interaction::is_id(text) || (1..=64).contains(&text.len()) && text.bytes().all(|b| b == b'.')
}

/// `[^\s]+(\s[^\s]+)*`
fn is_code(text: &str) -> bool {
    !text.is_empty() && text.split(char::is_whitespace).all(|word| !word.is_empty())
}

/// `urn:oid:[0-2](\.(0|[1-9][0-9]*))+`
fn is_oid(text: &str) -> bool {
    let Some(mut arcs) = text.strip_prefix("urn:oid:").map(|rest| rest.split('.')) else {
        return false;
    };
    let first = arcs
        .next()
        .is_some_and(|arc| matches!(arc, "0" | "1" | "2"));
    let number = |arc: &str| {
        !arc.is_empty()
            && arc.bytes().all(|byte| byte.is_ascii_digit())
            && (arc == "0" || !arc.starts_with('0'))
    };
    let rest: Vec<_> = arcs.collect();
    first && !rest.is_empty() && rest.into_iter().all(number)
}

/// `urn:uuid:` and a UUID in lower case.
pub(super) fn is_uuid_urn(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:") else {
        return false;
    };
    uuid.len() == 36
        && uuid.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

fn is_base64(text: &str) -> bool {
    let digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    digits.clone().all(known) && digits.count() % 4 == 0
}

/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
fn date(text: &str) -> Result<(), &'static str> {
    let wrong = "must be a date: 2026, 2026-05 or 2026-05-16";
    if !text.is_ascii() {
        return Err(wrong);
    }
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = text.split('-').collect();
    let (year, month, day) = match parts.as_slice() {
        [year] => (*year, "01", "01"),
        [year, month] => (*year, *month, "01"),
        [year, month, day] => (*year, *month, *day),
        _ => return Err(wrong),
    };
    if year.len() != 4 || month.len() != 2 || day.len() != 2 {
        return Err(wrong);
    }
    if ![year, month, day].into_iter().all(digits) || year == "0000" {
        return Err(wrong);
    }
    let number = |part: &str| part.parse::<i8>().unwrap_or_default();
    civil::Date::new(year.parse().unwrap_or_default(), number(month), number(day))
        .map(|_| ())
        .map_err(|_| "must be a date that the calendar has")
}

/// A date, or a date with a time and its zone.
fn date_time(text: &str) -> Result<(), &'static str> {
    match text.split_once('T') {
        None => date(text),
        Some((day, rest)) => {
            whole(day)?;
            let wrong = "must have a time and its zone behind the date: 2026-05-16T13:45:00-05:00";
            zoned(rest).ok_or(wrong)
        }
    }
}

fn instant(text: &str) -> Result<(), &'static str> {
    let wrong = "must be a date, a time and its zone: 2026-05-16T13:45:00-05:00";
    let (day, rest) = text.split_once('T').ok_or(wrong)?;
    whole(day)?;
    zoned(rest).ok_or(wrong)
}

fn whole(day: &str) -> Result<(), &'static str> {
    date(day)?;
    if day.len() == 10 {
        Ok(())
    } else {
        Err("must say the day where it says a time")
    }
}

/// `hh:mm:ss(.s+)?(Z|[+-]hh:mm)`
fn zoned(text: &str) -> Option<()> {
    if let Some(clock) = text.strip_suffix('Z') {
        return time(clock);
    }
    let (clock, zone) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let zone = zone.strip_prefix(['+', '-'])?;
    let (hours, minutes) = zone.split_once(':')?;
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (hours < 14 && minutes < 60 || hours == 14 && minutes == 0).then_some(())?;
    time(clock)
}

/// `hh:mm:ss(.s+)?`; 60 seconds for a leap second.
fn time(text: &str) -> Option<()> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let parts: Vec<u8> = clock.split(':').map(two_digits).collect::<Option<_>>()?;
    let right = match parts.as_slice() {
        [hour, minute, second] => *hour < 24 && *minute < 60 && *second <= 60,
        _ => false,
    };
    let digits = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    (right && digits).then_some(())
}

fn two_digits(text: &str) -> Option<u8> {
    (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

const NAMES: [(&str, Primitive); 20] = [
    ("base64Binary", P::Base64Binary),
    ("boolean", P::Boolean),
    ("canonical", P::Canonical),
    ("code", P::Code),
    ("date", P::Date),
    ("dateTime", P::DateTime),
    ("decimal", P::Decimal),
    ("id", P::Id),
    ("instant", P::Instant),
    ("integer", P::Integer),
    ("markdown", P::Markdown),
    ("oid", P::Oid),
    ("positiveInt", P::PositiveInt),
    ("string", P::String),
    ("time", P::Time),
    ("unsignedInt", P::UnsignedInt),
    ("uri", P::Uri),
    ("url", P::Url),
    ("uuid", P::Uuid),
    ("xhtml", P::Xhtml),
];

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::json::tree::Tree;

    /// Rows of a type, values that are one and values that are none.
    #[rustfmt::skip]
    const ROWS: &[(Primitive, &[&str], &[&str])] = &[
        (P::Boolean, &["true", "false"], &["\"true\"", "1", "0"]),
        (P::Decimal, &["1", "-1.50", "1e3", "0"], &["\"1\"", "true"]),
        (P::Integer, &["0", "-5", "2147483647", "-2147483648"], &["1.0", "1e3", "-0", "\"1\"", "2147483648", "99999999999999999999"]),
        (P::UnsignedInt, &["0", "7"], &["-1", "0.0", "2147483648"]),
        (P::PositiveInt, &["1"], &["0", "-1", "1.5"]),
        (P::String, &["\"a b\"", "\" a\""], &["1", "true"]),
        (P::Id, &["\"a-1.B\"", "\"1\""], &["\"a b\"", "\"a_b\"", "\"é\"", "12"]),
        (P::Code, &["\"final\"", "\"a b\""], &["\" a\"", "\"a \"", "\"a  b\""]),
        (P::Uri, &["\"urn:x\"", "\"http://a/b?c#d\""], &["\"a b\"", "\"http://a/\\n\""]),
        (P::Oid, &["\"urn:oid:2.16.840.1\""], &["\"2.16\"", "\"urn:oid:3.1\"", "\"urn:oid:1\"", "\"urn:oid:1.02\"", "\"urn:oid:1.\""]),
        (P::Uuid, &["\"urn:uuid:c757873d-ec9a-4326-a141-556f43239520\""], &["\"urn:uuid:C757873D-ec9a-4326-a141-556f43239520\"", "\"c757873d-ec9a-4326-a141-556f43239520\"", "\"urn:uuid:c757873d\""]),
        (P::Base64Binary, &["\"QUJD\"", "\"QU\\nI=\""], &["\"QUJ\"", "\"Q-_D\""]),
        (P::Xhtml, &["\"<div xmlns='x'>a</div>\""], &["\"a\"", "\"<p>a</p>\""]),
        (P::Date, &["\"2026\"", "\"2026-05\"", "\"2024-02-29\""], &["\"2026-02-29\"", "\"2026-13\"", "\"2026-00-01\"", "\"26-01-01\"", "\"2026-1-1\"", "\"05/16/2026\"", "\"2026-05-16T00:00:00Z\"", "\"0000\"", "\"2026-05-1é\"", "\"+026\""]),
        (P::DateTime, &["\"2026\"", "\"2026-05-16T13:45:00Z\"", "\"2026-05-16T13:45:00.5+14:00\"", "\"2016-12-31T23:59:60Z\""], &["\"2026-05-16T13:45:00\"", "\"2026-05-16T13:45Z\"", "\"2026-05T13:45:00Z\"", "\"2026-05-16T24:00:00Z\"", "\"2026-05-16 13:45:00Z\"", "\"2026-05-16T13:45:00+15:00\"", "\"2026-05-16T13:45:00.Z\"", "\"2026-02-30T13:45:00Z\"", "\"2026-05-16T13:45:00é:00\""]),
        (P::Instant, &["\"2026-05-16T13:45:00-05:00\""], &["\"2026-05-16\"", "\"2026\"", "\"2026-05-16T13:45:00\""]),
        (P::Time, &["\"13:45:00\"", "\"13:45:00.123\""], &["\"13:45\"", "\"25:00:00\"", "\"13:45:00Z\"", "\"1:45:00\""]),
    ];

    #[test]
    fn primitives_are_told_from_what_only_looks_like_them() {
        for (primitive, right, wrong) in ROWS {
            for text in *right {
                let tree = Tree::parse(text.as_bytes()).unwrap();
                assert_eq!(primitive.check(tree.root()), Ok(()), "{primitive:?} {text}");
            }
            for text in *wrong {
                let tree = Tree::parse(text.as_bytes()).unwrap();
                assert!(
                    primitive.check(tree.root()).is_err(),
                    "{primitive:?} {text}"
                );
            }
        }
    }
}
