//! Texts that name or date something else. A mistyped number may be the same as a part of one by chance, and without
//! it the record would be none any more.

/// Members whose texts are ids and addresses.
pub(super) fn is_address(member: &str) -> bool {
    ADDRESSES.contains(&member)
}

/// Whether a text is an id as this server gives them (UUID version 7, RFC 9562 section 5.7).
pub(super) fn is_own_id(text: &str) -> bool {
    has_form(text, "xxxxxxxx-xxxx-7xxx-xxxx-xxxxxxxxxxxx")
}

/// Whether a text is a day, a time of day or an instant, as FHIR R4 datatypes write them.
pub(super) fn is_date(text: &str) -> bool {
    if text.len() > LONGEST_DATE {
        return false;
    }
    match text.split_once('T') {
        Some((day, time)) => is_day(day) && without_zone(time).is_some_and(is_time),
        None => is_day(text) || is_time(text),
    }
}

fn is_day(text: &str) -> bool {
    has_form(text, "0000-00-00") && text.parse::<jiff::civil::Date>().is_ok()
}

/// A longer fraction of a second has room for a whole number.
fn is_time(text: &str) -> bool {
    let (time, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let short = (1..=6).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
    short && has_form(time, "00:00:00") && time.parse::<jiff::civil::Time>().is_ok()
}

fn without_zone(time: &str) -> Option<&str> {
    if let Some(time) = time.strip_suffix('Z') {
        return Some(time);
    }
    let (time, zone) = time.split_at_checked(time.len().checked_sub(6)?)?;
    let hours = zone.strip_prefix(['+', '-'])?;
    has_form(hours, "00:00").then_some(time)
}

/// Whether a text has digits where the form has `0`, hexadecimal ones where it has `x`, and its characters elsewhere.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        b'x' => byte.is_ascii_hexdigit(),
        _ => byte == form,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

const ADDRESSES: [&str; 14] = [
    "id",
    "versionId",
    "reference",
    "fullUrl",
    "url",
    "uri",
    "system",
    "profile",
    "source",
    "valueUri",
    "valueUrl",
    "valueCanonical",
    "valueOid",
    "valueUuid",
];

/// `2026-05-16T12:00:00.123456-05:00`
const LONGEST_DATE: usize = 32;
