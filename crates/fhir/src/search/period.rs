//! Points in time of limited precision (FHIR R4 datatypes, `date`, `dateTime`, `instant`; R4 search,
//! section 3.1.1.4.5), as the span of time that they stand for.

use jiff::civil::{self, Date};
use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};

/// From the first millisecond (since 1970-01-01 UTC) that a date stands for to the one behind its last.
/// Where a time zone is missing it is UTC, on both sides of every comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first millisecond.
    pub start: i64,
    /// The first one behind it.
    pub end: i64,
}

impl Period {
    /// Reads `YYYY`, `YYYY-MM`, `YYYY-MM-DD` and `YYYY-MM-DDThh:mm[:ss[.f…]][Z|±hh:mm]`; `None` for
    /// anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if !text.is_ascii() || text.len() > MAX_LENGTH {
            return None;
        }
        match text.len() {
            4 => Some(Self::of_days(day(&format!("{text}-01-01"))?, 1.year())),
            7 => Some(Self::of_days(day(&format!("{text}-01"))?, 1.month())),
            10 => Some(Self::of_days(day(text)?, 1.day())),
            _ => Self::of_instant(text),
        }
    }

    fn of_days(first: Date, length: jiff::Span) -> Self {
        // The last days of the calendar are behind the last instant that can be told.
        let ms = |date: Date| {
            let instant = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0));
            instant.unwrap_or(Timestamp::MAX).as_millisecond()
        };
        let start = ms(first);
        let end = first
            .checked_add(length)
            .map_or(i64::MAX, ms)
            .max(start.saturating_add(1));
        Self { start, end }
    }

    fn of_instant(text: &str) -> Option<Self> {
        let (date, time) = text.split_once('T')?;
        day(date)?;
        let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
        let (clock, zone) = time.split_at_checked(zone)?;
        let shape: String = clock
            .chars()
            .map(|c| if c.is_ascii_digit() { '9' } else { c })
            .collect();
        let length = match shape.as_str() {
            "99:99" => MINUTE_MS,
            "99:99:99" => SECOND_MS,
            _ => {
                let digits = shape.strip_prefix("99:99:99.")?;
                let plain =
                    (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte == b'9');
                plain
                    .then(|| SECOND_MS / 10_i64.pow(digits.len().min(3).try_into().unwrap_or(3)))?
            }
        };
        let zone = match zone {
            "" | "Z" => "Z",
            zone if zone.len() == 6 && zone.get(3..4) == Some(":") => zone,
            _ => return None,
        };
        let instant: Timestamp = format!("{date}T{clock}{zone}").parse().ok()?;
        let start = instant.as_millisecond();
        Some(Self {
            start,
            end: start.saturating_add(length),
        })
    }
}

/// `YYYY-MM-DD` and nothing else that jiff would take.
fn day(text: &str) -> Option<Date> {
    let digit_or_dash = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    if text.len() != 10 || !text.bytes().enumerate().all(digit_or_dash) {
        return None;
    }
    civil::Date::strptime("%Y-%m-%d", text).ok()
}

const MINUTE_MS: i64 = 60_000;
const SECOND_MS: i64 = 1_000;

/// With nanoseconds and an offset.
const MAX_LENGTH: usize = 35;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_date_stands_for_all_of_itself() {
        for (text, start, end) in [
            ("2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2024-02", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
            ("2026-12-31", "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"),
            (
                "2026-01-01T10:30",
                "2026-01-01T10:30:00Z",
                "2026-01-01T10:31:00Z",
            ),
            (
                "2026-01-01T10:30:05-05:00",
                "2026-01-01T15:30:05Z",
                "2026-01-01T15:30:06Z",
            ),
            (
                "2026-01-01T10:30:05.5Z",
                "2026-01-01T10:30:05.5Z",
                "2026-01-01T10:30:05.6Z",
            ),
            (
                "2026-01-01T10:30:05.123456Z",
                "2026-01-01T10:30:05.123Z",
                "2026-01-01T10:30:05.124Z",
            ),
        ] {
            let ms = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
            let expected = Period {
                start: ms(start),
                end: ms(end),
            };
            assert_eq!(Period::parse(text), Some(expected), "{text}");
        }
        assert!(Period::parse("9999-12-31").is_some_and(|last| last.start < last.end));
    }

    #[test]
    fn nothing_else_is_a_date() {
        for text in [
            "",
            "26",
            "202",
            "20266",
            "2026-13",
            "2026-00",
            "2026-02-30",
            "2026-1-1",
            "2026/01/01",
            "+2026",
            "-001",
            "2026-01-01T",
            "2026-01-01T10",
            "2026-01-01 10:00",
            "2026-01-01T25:00",
            "2026-01-01T10:00+5",
            "2026-01-01T10:00:00.Z",
            "2026-01-01T10:00:00 00:00",
            "2026-01-01T10:00[UTC]",
            "２０２６",
        ] {
            assert_eq!(Period::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC*", date in "[0-9T:Z.+-]{0,36}") {
            for text in [text, date] {
                if let Some(period) = Period::parse(&text) {
                    prop_assert!(period.start < period.end);
                }
            }
        }
    }
}
