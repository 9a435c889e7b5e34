//! Social security numbers in texts. What an identifier says in one place may be repeated in any other: the
//! numbers that a record names are looked for everywhere, and so is whatever is written like one.

use crate::json::tree::{Kind, Node};

use super::plan::withheld_identifier;
use super::{Group, Groups};

/// The numbers that a record names, digits only.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    known: Vec<Vec<u8>>,
    /// Whether anything is looked for.
    look: bool,
}

impl Numbers {
    /// The numbers of a record.
    pub(super) fn of(root: Node<'_>) -> Self {
        let mut numbers = Self {
            known: Vec::new(),
            look: true,
        };
        numbers.gather(root, false);
        numbers
    }

    /// Goes through everything; `named` once what is above said that it holds one.
    fn gather(&mut self, node: Node<'_>, named: bool) {
        let ssn: Groups = [Group::Ssn].into_iter().collect();
        match node.kind() {
            Kind::Object => {
                let said = |name| node.text_of(name).is_some_and(|text| names_one(&text));
                let whole = named || said("linkId") || said("name");
                let identifier = withheld_identifier(node, ssn);
                for member in node.members() {
                    let value = identifier && matches!(member.name.as_ref(), "value" | "code");
                    let answer = matches!(member.name.as_ref(), "answer")
                        || member.name.starts_with("value");
                    self.gather(member.value, value || whole && (named || answer));
                }
            }
            Kind::Array => node.elements().for_each(|item| self.gather(item, named)),
            Kind::Text if named => self.add(&node.text().unwrap_or_default()),
            Kind::Number if named => self.add(node.raw()),
            _ => {}
        }
    }

    fn add(&mut self, text: &str) {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_digit).collect();
        if digits.len() >= LEAST_DIGITS && !self.known.contains(&digits) {
            self.known.push(digits);
        }
    }

    /// Whether a number as JSON writes it is one of those that the record names.
    pub(super) fn is_one(&self, raw: &str) -> bool {
        self.known.iter().any(|known| known == raw.as_bytes())
    }

    /// The text without the numbers in it; `None` if there are none.
    pub(super) fn masked(&self, text: &str) -> Option<String> {
        if !self.look {
            return None;
        }
        let digits: Vec<(usize, u8)> = text
            .bytes()
            .enumerate()
            .filter(|(_, byte)| byte.is_ascii_digit())
            .collect();
        if digits.len() < LEAST_DIGITS {
            return None;
        }
        let mut masked = String::new();
        let (mut at, mut done) = (0, 0);
        while let Some((start, _)) = digits.get(at) {
            let Some(length) = self.length_at(text, &digits, at) else {
                at += 1;
                continue;
            };
            let end = digits
                .get(at + length - 1)
                .map_or(text.len(), |(end, _)| end + 1);
            masked.push_str(text.get(done..*start).unwrap_or_default());
            masked.push_str(MASK);
            (at, done) = (at + length, end);
        }
        (done > 0).then(|| masked + text.get(done..).unwrap_or_default())
    }

    /// How many digits the number has that begins with digit `at`, if one does.
    fn length_at(&self, text: &str, digits: &[(usize, u8)], at: usize) -> Option<usize> {
        let known = self.known.iter().find(|known| {
            let window = digits.get(at..at + known.len());
            window.is_some_and(|window| {
                window.iter().map(|(_, digit)| digit).eq(known.iter())
                    && is_one_number(text, window)
            })
        });
        if let Some(known) = known {
            return Some(known.len());
        }
        is_written_like_one(text, digits, at).then_some(DIGITS)
    }
}

/// Whether a name says that a social security number stands beside it.
pub(super) fn names_one(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.contains("social_security") || name.contains("social-security") || {
        let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|word| word == "ssn")
    }
}

/// Nothing but separators between the digits.
fn is_one_number(text: &str, window: &[(usize, u8)]) -> bool {
    let (Some((start, _)), Some((end, _))) = (window.first(), window.last()) else {
        return false;
    };
    let span = text.get(*start..=*end).unwrap_or_default();
    span.chars()
        .all(|c| c.is_ascii_digit() || !c.is_alphanumeric())
}

/// `123-45-6789`, also with spaces, dots or another hyphen, and not as a part of a longer number.
fn is_written_like_one(text: &str, digits: &[(usize, u8)], at: usize) -> bool {
    let Some(window) = digits.get(at..at + DIGITS) else {
        return false;
    };
    let (mut parts, mut part) = (Vec::new(), 0_usize);
    let mut before: Option<usize> = None;
    for (place, _) in window {
        if let Some(before) = before
            && place - before > 1
        {
            let between = text.get(before + 1..*place).unwrap_or_default();
            if !matches!(
                between,
                "-" | " " | "." | "\u{2010}" | "\u{2011}" | "\u{2012}" | "\u{2013}"
            ) {
                return false;
            }
            parts.push(std::mem::take(&mut part));
        }
        part += 1;
        before = Some(*place);
    }
    parts.push(part);
    let (Some((start, _)), Some((end, _))) = (window.first(), window.last()) else {
        return false;
    };
    let bytes = text.as_bytes();
    let digit = |place: Option<usize>| {
        place
            .and_then(|place| bytes.get(place))
            .is_some_and(|byte| byte.is_ascii_alphanumeric())
    };
    parts == [3, 2, 4] && !digit(start.checked_sub(1)) && !digit(Some(end + 1))
}

/// What stands where a number stood.
const MASK: &str = "redacted";

const DIGITS: usize = 9;

/// Mistyped numbers have fewer digits than nine, and are looked for too; below this a number is too common.
const LEAST_DIGITS: usize = 7;
