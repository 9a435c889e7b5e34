//! The digits of a text, and what stands between them.

use super::glyphs::{Glyph, is_invisible};

/// Calls `each` with a digit and those that follow it, as many as matter, and with the one before it, and goes on
/// as many digits as it says. A text has room for ten million of them.
pub(super) fn for_each_digit(
    glyphs: impl Iterator<Item = Glyph>,
    mut each: impl FnMut(&[Digit], Option<&Digit>) -> usize,
) {
    let mut digits = digits(glyphs).fuse();
    let mut held: Vec<Digit> = Vec::new();
    let mut at = 0;
    loop {
        if held.len() < at + AHEAD {
            // The one before stays.
            let gone = at.saturating_sub(1).min(held.len());
            held.drain(..gone);
            at -= gone;
            held.extend(digits.by_ref().take(HELD));
        }
        let Some((before, rest)) = held.split_at_checked(at).filter(|(_, it)| !it.is_empty())
        else {
            return;
        };
        at += each(rest, before.last()).max(1);
    }
}

/// A digit, and what stands between it and the one before.
pub(super) struct Digit {
    pub(super) value: u64,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Letters before it in the whole text: within a number there are none.
    pub(super) letters: usize,
    /// Characters between, and how many of them take room.
    pub(super) gap: usize,
    pub(super) seen: usize,
}

pub(super) fn digits(mut glyphs: impl Iterator<Item = Glyph>) -> impl Iterator<Item = Digit> {
    let (mut letters, mut first) = (0, true);
    std::iter::from_fn(move || {
        let (mut gap, mut seen) = (usize::from(std::mem::take(&mut first)), 0);
        loop {
            let glyph = glyphs.next()?;
            if let Some(value) = glyph.seen.to_digit(10) {
                return Some(Digit {
                    value: value.into(),
                    start: glyph.start,
                    end: glyph.end,
                    letters,
                    gap,
                    seen,
                });
            }
            letters += usize::from(glyph.seen.is_alphanumeric());
            gap += 1;
            seen += usize::from(!is_invisible(glyph.seen));
        }
    })
}

/// `123-45-6789`, with whatever is no letter between its parts, and not as a part of a longer number.
pub(super) fn is_written_like_one(digits: &[Digit]) -> bool {
    digits.first().is_some_and(|first| first.gap > 0)
        && is_nine(digits, |at, digit| match at {
            3 | 5 => digit.gap > 0 && digit.seen <= MAX_GAP,
            _ => digit.seen == 0,
        })
}

/// Nine digits in three parts at most, and not as a part of a longer number.
pub(super) fn is_bare(digits: &[Digit]) -> bool {
    let mut parts = 1;
    digits.first().is_some_and(|first| first.gap > 0)
        && is_nine(digits, |_, digit| {
            parts += usize::from(digit.seen > 0);
            parts <= 3 && digit.seen <= MAX_GAP
        })
}

/// Nine digits that nothing but gaps which `fit` separates, and that go on no further.
fn is_nine(digits: &[Digit], mut fit: impl FnMut(usize, &Digit) -> bool) -> bool {
    let Some((window, after)) = digits.split_at_checked(DIGITS) else {
        return false;
    };
    let Some(first) = window.first() else {
        return false;
    };
    let mut others = window.iter().enumerate().skip(1);
    after.first().is_none_or(|after| after.gap > 0)
        && others.all(|(at, digit)| digit.letters == first.letters && fit(at, digit))
}

/// Digits of a social security number.
pub(super) const DIGITS: usize = 9;

/// Longer than any number, whatever is put before and behind it.
pub(super) const MOST_DIGITS: usize = 18;

/// Digits that are looked at before the first of them is decided on: a number and what is behind it.
const AHEAD: usize = MOST_DIGITS + 2;

/// Digits that are held beyond these.
const HELD: usize = 1024;

/// Separators between two parts of a number, and the space around them.
pub(super) const MAX_GAP: usize = 4;
