//! Social security numbers in texts. What an identifier says in one place may be repeated in any other: the
//! numbers that a record names are looked for everywhere, and so is whatever is written like one.

use std::collections::HashSet;

use crate::json::tree::{Kind, Node};

use super::finding::is_withheld_finding;
use super::glyphs::{self, Glyph, is_invisible};
use super::identifier::withheld_identifier;
use super::label::{names_number, names_one};
use super::object::is_value;
use super::{Group, Groups};

/// The numbers that a record names. Finding one takes no longer the more of them there are: a sender may name
/// a hundred thousand.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    known: HashSet<Known>,
    /// The same without leading zeros, as JSON numbers are.
    values: HashSet<u64>,
    /// How many digits known numbers have: a bit for each count.
    lengths: u32,
    /// Whether anything is looked for.
    look: bool,
}

/// How many digits a number has, and its value.
type Known = (usize, u64);

/// What is known of a node from those around it.
#[derive(Clone, Copy, Default)]
struct Said {
    /// That a number stands somewhere in it.
    named: bool,
    /// That it is one.
    value: bool,
}

impl Numbers {
    /// The numbers of a record.
    pub(super) fn of(root: Node<'_>) -> Self {
        let mut numbers = Self::unknown();
        numbers.add_all(root);
        numbers
    }

    /// None yet: only what is written like one is found.
    pub(crate) fn unknown() -> Self {
        Self {
            look: true,
            ..Self::default()
        }
    }

    /// Adds those that a resource names.
    pub(crate) fn add_all(&mut self, resource: Node<'_>) {
        self.gather(resource, Said::default());
    }

    /// Goes through everything.
    fn gather(&mut self, node: Node<'_>, said: Said) {
        match node.kind() {
            Kind::Object => {
                let ssn: Groups = [Group::Ssn].into_iter().collect();
                let identifier = withheld_identifier(node, ssn);
                let named = said.named
                    || identifier
                    || names_number(node)
                    || is_withheld_finding(node, ssn);
                for member in node.members() {
                    let name = member.name.trim_start_matches('_').to_ascii_lowercase();
                    let value = named && is_value(&name)
                        || identifier && name == "code"
                        || names_one(&member.name);
                    let carries = named && CARRIERS.contains(&name.as_str());
                    self.gather(
                        member.value,
                        Said {
                            named: value || carries,
                            value: said.value || value,
                        },
                    );
                }
            }
            Kind::Array => node.elements().for_each(|item| self.gather(item, said)),
            Kind::Text => {
                let text = node.text().unwrap_or_default();
                if said.value {
                    self.add(&text);
                } else if may_hold_one(&text) && names_one(&text) {
                    self.add_named(&text);
                }
            }
            Kind::Number if said.value => {
                self.add(node.raw());
                self.add(&whole(node.raw()).unwrap_or_default());
            }
            _ => {}
        }
    }

    /// A text that is a number, perhaps with words beside it: each run of digits that could be the number, and
    /// all digits together.
    fn add(&mut self, text: &str) {
        let digits: Vec<Digit> = digits(glyphs::shown(text)).collect();
        for run in digits.chunk_by(|a, b| a.letters == b.letters) {
            self.add_digits(run);
            run.windows(DIGITS)
                .for_each(|window| self.add_digits(window));
        }
        self.add_digits(&digits);
    }

    /// A text that says that there is a number in it.
    fn add_named(&mut self, text: &str) {
        let digits: Vec<Digit> = digits(glyphs::shown(text)).collect();
        for at in 0..digits.len() {
            let rest = digits.get(at..).unwrap_or_default();
            if is_bare(rest) {
                self.add_digits(rest.get(..DIGITS).unwrap_or_default());
            }
        }
    }

    fn add_digits(&mut self, digits: &[Digit]) {
        if (LEAST_DIGITS..=MOST_DIGITS).contains(&digits.len()) {
            let value = digits
                .iter()
                .fold(0, |value, digit| value * 10 + digit.value);
            self.known.insert((digits.len(), value));
            self.values.insert(value);
            self.lengths |= 1 << digits.len();
        }
    }

    /// Whether a number as JSON writes it is one of those that the record names, whatever stands behind
    /// its point or around it.
    pub(super) fn is_one(&self, raw: &str) -> bool {
        if self.known.is_empty() {
            return false;
        }
        let digits: Vec<Digit> = digits(glyphs::written(raw)).collect();
        let one = |value: &u64| *value > 0 && self.values.contains(value);
        whole(raw)
            .and_then(|whole| whole.parse().ok())
            .is_some_and(|value| one(&value))
            || (0..digits.len()).any(|at| {
                self.known_at(digits.get(at..).unwrap_or_default())
                    .is_some()
            })
    }

    /// The text without the numbers in it; `None` if there are none.
    pub(crate) fn masked(&self, text: &str) -> Option<String> {
        if !self.look || !may_hold_one(text) {
            return None;
        }
        let named = names_one(text);
        if !glyphs::is_encoded(text) {
            return self.masked_in(text, glyphs::written(text), named);
        }
        let shown = self.masked_in(text, glyphs::shown(text), named);
        // What no browser shows, as in the attributes of a tag, can be read all the same.
        let rest = shown.as_deref().unwrap_or(text);
        let written = self.masked_in(rest, glyphs::written(rest), named);
        written.or(shown)
    }

    fn masked_in(
        &self,
        text: &str,
        glyphs: impl Iterator<Item = Glyph>,
        named: bool,
    ) -> Option<String> {
        let digits: Vec<Digit> = digits(glyphs).collect();
        let mut masked = String::new();
        let (mut at, mut done) = (0, 0);
        while at < digits.len() {
            let rest = digits.get(at..).unwrap_or_default();
            let length = self.length_at(rest, named).unwrap_or(1);
            let number = rest.get(..length).unwrap_or_default();
            if length > 1
                && let (Some(first), Some(last)) = (number.first(), number.last())
            {
                masked.push_str(text.get(done..first.start).unwrap_or_default());
                masked.push_str(MASK);
                done = last.end;
            }
            at += length;
        }
        (done > 0).then(|| masked + text.get(done..).unwrap_or_default())
    }

    /// How many digits the number has that begins with the first of these, if one does.
    fn length_at(&self, digits: &[Digit], named: bool) -> Option<usize> {
        let one = || is_written_like_one(digits) || named && is_bare(digits);
        self.known_at(digits).or_else(|| one().then_some(DIGITS))
    }

    /// The same, of the longest known number.
    fn known_at(&self, digits: &[Digit]) -> Option<usize> {
        let letters = digits.first()?.letters;
        let together = digits.iter().take_while(|digit| digit.letters == letters);
        let (mut value, mut found) = (0, None);
        for (count, digit) in (1..=MOST_DIGITS).zip(together) {
            value = value * 10 + digit.value;
            if self.lengths & 1 << count != 0 && self.known.contains(&(count, value)) {
                found = Some(count);
            }
        }
        found
    }
}

/// A digit, and what stands between it and the one before.
struct Digit {
    value: u64,
    start: usize,
    end: usize,
    /// Letters before it in the whole text: within a number there are none.
    letters: usize,
    /// Characters between, and how many of them take room.
    gap: usize,
    seen: usize,
}

fn digits(mut glyphs: impl Iterator<Item = Glyph>) -> impl Iterator<Item = Digit> {
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

/// A number as JSON writes it without what is behind its point, in as many digits as a social security number
/// has at least; `None` if it is longer than any.
fn whole(raw: &str) -> Option<String> {
    let whole = raw.parse::<f64>().unwrap_or_default().abs().trunc();
    (whole < 1e18).then(|| format!("{whole:09.0}"))
}

/// Whether it has digits enough, in whatever spelling.
fn may_hold_one(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit);
    digits.count() >= LEAST_DIGITS || !text.is_ascii() || text.contains("&#")
}

/// `123-45-6789`, with whatever is no letter between its parts, and not as a part of a longer number.
fn is_written_like_one(digits: &[Digit]) -> bool {
    is_one(digits, |at, digit| match at {
        3 | 5 => digit.gap > 0 && digit.seen <= MAX_GAP,
        _ => digit.seen == 0,
    })
}

/// Nine digits in three parts at most, and not as a part of a longer number.
fn is_bare(digits: &[Digit]) -> bool {
    let mut parts = 1;
    is_one(digits, |_, digit| {
        parts += usize::from(digit.seen > 0);
        parts <= 3 && digit.seen <= MAX_GAP
    })
}

/// Nine digits that nothing but gaps which `fit` separates.
fn is_one(digits: &[Digit], mut fit: impl FnMut(usize, &Digit) -> bool) -> bool {
    let Some((window, after)) = digits.split_at_checked(DIGITS) else {
        return false;
    };
    let Some(first) = window.first().filter(|first| first.gap > 0) else {
        return false;
    };
    let mut others = window.iter().enumerate().skip(1);
    after.first().is_none_or(|after| after.gap > 0)
        && others.all(|(at, digit)| digit.letters == first.letters && fit(at, digit))
}

/// Members that stand between a name and its value.
const CARRIERS: [&str; 7] = [
    "answer",
    "item",
    "part",
    "resource",
    "parameter",
    "extension",
    "component",
];

/// What stands where a number stood.
const MASK: &str = "redacted";

const DIGITS: usize = 9;

/// Mistyped numbers have fewer digits than nine, and are looked for too; below this a number is too common.
pub(super) const LEAST_DIGITS: usize = 7;

/// Longer than any number, whatever is put before and behind it.
const MOST_DIGITS: usize = 19;

/// Separators between two parts of a number, and the space around them.
const MAX_GAP: usize = 4;
