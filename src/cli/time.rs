//! Times on the command line.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// An instant (RFC 3339), or a day, of which the first instant in UTC is meant.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let day = || {
        // A longer text is a time without a zone: nobody knows which instant it is.
        let day = text.parse::<Date>().ok().filter(|_| text.len() == DAY)?;
        TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()
    };
    let instant = text.parse().ok();
    instant.or_else(day).ok_or_else(|| {
        "must be a time such as 2026-12-01T00:00:00Z, or a day, which begins at midnight UTC"
            .to_owned()
    })
}

/// Characters of `2026-12-01`.
const DAY: usize = 10;
