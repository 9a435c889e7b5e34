//! Social security numbers in texts. What an identifier says in one place may be repeated in any other: the
//! numbers that a record names are looked for everywhere, and so is whatever is written like one.

use std::collections::HashSet;

use crate::json::tree::{Kind, Node};

use super::address::{is_date, is_own_id};
use super::digits::{
    DIGITS, Digit, MAX_GAP, MOST_DIGITS, digits, for_each_digit, is_bare, is_written_like_one,
};
use super::finding::is_withheld_finding;
use super::glyphs::{self, Glyph};
use super::identifier::withheld_identifier;
use super::label::{names_number, names_one};
use super::object::is_value;
use super::{Group, Groups};

/// The numbers that a record names. Finding one takes no longer the more of them there are: a sender may name
/// a hundred thousand.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    /// Each with a one before its digits: `000` and `00` are two.
    known: HashSet<u64>,
    /// How many digits known numbers have: a bit for each count.
    lengths: u32,
    /// Whether anything is looked for.
    look: bool,
}

/// Where a text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a member whose texts are ids or addresses.
    Address,
    /// Anywhere else.
    Elsewhere,
}

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
    /// all digits together. In a long one a number stands for itself, or remembering all its parts would take
    /// many times its room.
    fn add(&mut self, text: &str) {
        if text.len() > MOST_SHORT {
            return for_each_digit(glyphs::shown(text), |digits, before| {
                let runs = |at: &Digit| digits.first().is_some_and(|it| it.letters == at.letters);
                if !before.is_some_and(runs) {
                    let run = digits.iter().take_while(|at| runs(at)).count();
                    self.add_digits(digits.get(..run).unwrap_or_default());
                }
                self.add_bare(digits);
                1
            });
        }
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
        for_each_digit(glyphs::shown(text), |digits, _| {
            self.add_bare(digits);
            1
        });
    }

    fn add_bare(&mut self, digits: &[Digit]) {
        if is_bare(digits) {
            self.add_digits(digits.get(..DIGITS).unwrap_or_default());
        }
    }

    fn add_digits(&mut self, digits: &[Digit]) {
        if (LEAST_DIGITS..=MOST_DIGITS).contains(&digits.len()) {
            self.known.insert(known(digits));
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
        // Without leading zeros, as JSON numbers are.
        let one = |value: &u64| {
            let mut powers = (LEAST_DIGITS..=MOST_DIGITS).filter_map(power);
            *value > 0
                && powers.any(|power| *value < power && self.known.contains(&(power + value)))
        };
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
        self.masked_at(text, Place::Elsewhere)
    }

    /// The same of a text that stands there.
    pub(super) fn masked_at(&self, text: &str, place: Place) -> Option<String> {
        if !self.look || !may_hold_one(text) {
            return None;
        }
        let how = (names_one(text), place);
        let masked = if glyphs::is_encoded(text) {
            let shown = self.masked_in(text, glyphs::shown(text), how);
            // What no browser shows, as in the attributes of a tag, can be read all the same.
            let rest = shown.as_deref().unwrap_or(text);
            let written = self.masked_in(rest, glyphs::written(rest), how);
            written.or(shown)
        } else {
            self.masked_in(text, glyphs::written(text), how)
        };
        masked.filter(|_| !is_date(text) && (place == Place::Elsewhere || !is_own_id(text)))
    }

    fn masked_in(
        &self,
        text: &str,
        glyphs: impl Iterator<Item = Glyph>,
        (named, place): (bool, Place),
    ) -> Option<String> {
        let mut masked = String::new();
        let mut done = 0;
        for_each_digit(glyphs, |digits, before| {
            let known = match place {
                Place::Address if !named => self.known_whole(digits, before),
                _ => self.known_at(digits),
            };
            let one = || is_written_like_one(digits) || named && is_bare(digits);
            let Some(length) = known.or_else(|| one().then_some(DIGITS)) else {
                return 1;
            };
            let number = digits.get(..length).unwrap_or_default();
            if let (Some(first), Some(last)) = (number.first(), number.last()) {
                masked.push_str(text.get(done..first.start).unwrap_or_default());
                masked.push_str(MASK);
                done = last.end;
            }
            length
        });
        (done > 0).then(|| masked + text.get(done..).unwrap_or_default())
    }

    /// How many digits the known number has that stands here for itself, in three parts at most, if one does; zeros may
    /// be before it.
    fn known_whole(&self, digits: &[Digit], before: Option<&Digit>) -> Option<usize> {
        let first = digits.first()?;
        if first.gap == 0 && before.is_none_or(|digit| digit.value != 0) {
            return None;
        }
        let mut parts = 0;
        let mut in_parts = |(at, digit): &(usize, &Digit)| {
            parts += usize::from(*at == 0 || digit.seen > 0);
            digit.letters == first.letters && parts <= 3 && (*at == 0 || digit.seen <= MAX_GAP)
        };
        let together = digits.iter().enumerate().take_while(|at| in_parts(at));
        let mut whole = (DIGITS..=together.count().min(MOST_DIGITS)).rev();
        whole.find(|count| {
            let ends = digits.get(*count).is_none_or(|after| after.gap > 0);
            let number = digits.get(..*count).unwrap_or_default();
            ends && self.known.contains(&known(number))
        })
    }

    /// How many digits the longest known number has that begins with the first of these, if one does.
    fn known_at(&self, digits: &[Digit]) -> Option<usize> {
        let letters = digits.first()?.letters;
        let together = digits.iter().take_while(|digit| digit.letters == letters);
        let (mut value, mut found) = (0, None);
        for (count, digit) in (1..=MOST_DIGITS).zip(together) {
            value = value * 10 + digit.value;
            if self.lengths & 1 << count != 0
                && power(count).is_some_and(|power| self.known.contains(&(power + value)))
            {
                found = Some(count);
            }
        }
        found
    }
}

/// The digits with a one before them.
fn known(digits: &[Digit]) -> u64 {
    let digits = digits.iter();
    digits.fold(1, |value, digit| value * 10 + digit.value)
}

fn power(count: usize) -> Option<u64> {
    10_u64.checked_pow(u32::try_from(count).ok()?)
}

/// A number as JSON writes it without what is behind its point, in as many digits as a social security number
/// has at least; `None` if it is longer than any.
fn whole(raw: &str) -> Option<String> {
    let whole = raw.parse::<f64>().unwrap_or_default().abs().trunc();
    (whole < 1e18).then(|| format!("{whole:09.0}"))
}

/// Whether it has digits enough, in whatever spelling.
fn may_hold_one(text: &str) -> bool {
    let mut digits = text.bytes().filter(u8::is_ascii_digit);
    digits.nth(LEAST_DIGITS - 1).is_some() || !text.is_ascii() || text.contains("&#")
}

/// Members that stand between a name and its value.
const CARRIERS: [&str; 9] = [
    "answer",
    "answeroption",
    "initial",
    "item",
    "part",
    "resource",
    "parameter",
    "extension",
    "component",
];

/// What stands where a number stood.
const MASK: &str = "redacted";

/// Mistyped numbers have fewer digits than nine, and are looked for too; below this a number is too common.
pub(super) const LEAST_DIGITS: usize = 7;

/// Bytes of a text of which every part may be the number.
const MOST_SHORT: usize = 64;
