//! Social security numbers in texts. What an identifier says in one place may be repeated in any other: the
//! numbers that a record names are looked for everywhere, and so is whatever is written like one.

use unicode_normalization::UnicodeNormalization;

use crate::json::tree::{Kind, Node};

use super::plan::{is_withheld_finding, names_number, withheld_identifier};
use super::{Group, Groups};

/// The numbers that a record names, digits only.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    known: Vec<Vec<u8>>,
    /// Whether anything is looked for.
    look: bool,
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
            known: Vec::new(),
            look: true,
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
                    let value = named && name.starts_with("value") || identifier && name == "code";
                    self.gather(
                        member.value,
                        Said {
                            named: named && (value || CARRIERS.contains(&name.as_str())),
                            value: said.value || value,
                        },
                    );
                }
            }
            Kind::Array => node.elements().for_each(|item| self.gather(item, said)),
            Kind::Text if said.value => self.add(&node.text().unwrap_or_default()),
            Kind::Number if said.value => self.add(node.raw()),
            _ => {}
        }
    }

    fn add(&mut self, text: &str) {
        let digits: Vec<u8> = glyphs(text).filter_map(|glyph| glyph.digit()).collect();
        if digits.len() >= LEAST_DIGITS && !self.known.contains(&digits) {
            self.known.push(digits);
        }
    }

    /// Whether a number as JSON writes it is one of those that the record names, whatever stands behind
    /// its point or around it.
    pub(super) fn is_one(&self, raw: &str) -> bool {
        if self.known.is_empty() {
            return false;
        }
        let digits: Vec<u8> = raw.bytes().filter(u8::is_ascii_digit).collect();
        let whole = raw.parse::<f64>().unwrap_or_default().abs().trunc();
        let whole = format!("{whole:.0}").into_bytes();
        self.known.iter().any(|known| {
            let zeros = known.iter().take_while(|digit| **digit == b'0').count();
            let significant = known.get(zeros..).unwrap_or_default();
            significant == whole || digits.windows(known.len()).any(|window| window == known)
        })
    }

    /// The text without the numbers in it; `None` if there are none.
    pub(crate) fn masked(&self, text: &str) -> Option<String> {
        if !self.look || !may_hold_one(text) {
            return None;
        }
        let glyphs: Vec<Glyph> = glyphs(text).collect();
        let digits: Vec<usize> = (0..glyphs.len())
            .filter(|at| glyphs.get(*at).and_then(Glyph::digit).is_some())
            .collect();
        let mut masked = String::new();
        let (mut at, mut done) = (0, 0);
        while at < digits.len() {
            let length = self.length_at(&glyphs, digits.get(at..).unwrap_or_default());
            let ends = length.and_then(|length| {
                let first = glyphs.get(*digits.get(at)?)?;
                Some((first.start, glyphs.get(*digits.get(at + length - 1)?)?.end))
            });
            let (Some(length), Some((start, end))) = (length, ends) else {
                at += 1;
                continue;
            };
            masked.push_str(text.get(done..start).unwrap_or_default());
            masked.push_str(MASK);
            (at, done) = (at + length, end);
        }
        (done > 0).then(|| masked + text.get(done..).unwrap_or_default())
    }

    /// How many digits the number has that begins with the first of these, if one does.
    fn length_at(&self, glyphs: &[Glyph], digits: &[usize]) -> Option<usize> {
        let known = self.known.iter().find(|known| {
            let window = digits.get(..known.len());
            window.is_some_and(|window| {
                let window_digits = window.iter().filter_map(|at| glyphs.get(*at)?.digit());
                window_digits.eq(known.iter().copied()) && is_one_number(glyphs, window)
            })
        });
        if let Some(known) = known {
            return Some(known.len());
        }
        is_written_like_one(glyphs, digits).then_some(DIGITS)
    }
}

/// Whether a name says that a social security number stands beside it.
pub(super) fn names_one(name: &str) -> bool {
    let squeezed: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    squeezed.contains("socialsec")
        || words(name).any(|word| word.starts_with("ssn") || word.ends_with("ssn"))
}

/// The words of a name in small letters, also of one in camel case (`motherSSN`).
pub(super) fn words(name: &str) -> impl Iterator<Item = String> {
    let mut spaced = String::with_capacity(name.len() + 8);
    let mut before = ' ';
    for c in name.chars() {
        if c.is_ascii_uppercase() && before.is_ascii_lowercase() {
            spaced.push(' ');
        }
        before = c;
        spaced.push(if c.is_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            ' '
        });
    }
    let words: Vec<String> = spaced.split_whitespace().map(str::to_owned).collect();
    words.into_iter()
}

/// A character as a reader sees it, and the bytes of the text that say it.
struct Glyph {
    seen: char,
    start: usize,
    end: usize,
}

impl Glyph {
    fn digit(&self) -> Option<u8> {
        self.seen.is_ascii_digit().then_some(self.seen as u8)
    }
}

/// The characters of a text as a browser shows them: tags are gaps, character references are what they
/// stand for, and digits of any width are digits.
fn glyphs(text: &str) -> impl Iterator<Item = Glyph> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = text.get(start..)?;
        let first = rest.chars().next()?;
        let (seen, length) = match first {
            '<' => tag(rest).map(|length| (' ', length)),
            '&' => reference(rest),
            _ => None,
        }
        .unwrap_or((plain(first), first.len_utf8()));
        let glyph = Glyph {
            seen,
            start,
            end: start + length,
        };
        start = glyph.end;
        Some(glyph)
    })
}

fn tag(rest: &str) -> Option<usize> {
    let named = rest
        .chars()
        .nth(1)
        .is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '!'));
    rest.find('>').filter(|_| named).map(|end| end + 1)
}

/// `&#53;`, `&#x35;`, `&nbsp;`.
fn reference(rest: &str) -> Option<(char, usize)> {
    let end = rest
        .bytes()
        .take(MAX_REFERENCE)
        .position(|byte| byte == b';')?;
    let name = rest.get(1..end)?;
    let Some(number) = name.strip_prefix('#') else {
        let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        return named.then_some((' ', end + 1));
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    Some((plain(char::from_u32(code.ok()?)?), end + 1))
}

fn plain(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    let digit = ZEROS.iter().find_map(|zero| {
        let digit = u32::from(c).checked_sub(*zero)?;
        char::from_digit(digit, 10)
    });
    let compatible = || {
        let mut compatible = std::iter::once(c).nfkc();
        let one = compatible.next();
        one.filter(|one| one.is_ascii_digit() && compatible.next().is_none())
    };
    digit.or_else(compatible).unwrap_or(c)
}

/// Whether it has digits enough, in whatever spelling.
fn may_hold_one(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit);
    digits.count() >= LEAST_DIGITS || !text.is_ascii() || text.contains("&#")
}

/// Nothing but separators between the digits.
fn is_one_number(glyphs: &[Glyph], window: &[usize]) -> bool {
    let (Some(first), Some(last)) = (window.first(), window.last()) else {
        return false;
    };
    let mut span = glyphs.get(*first..=*last).unwrap_or_default().iter();
    span.all(|glyph| glyph.digit().is_some() || !glyph.seen.is_alphanumeric())
}

/// `123-45-6789`, with whatever is no letter between its parts, and not as a part of a longer number.
fn is_written_like_one(glyphs: &[Glyph], digits: &[usize]) -> bool {
    let Some(window) = digits.get(..DIGITS) else {
        return false;
    };
    let parts_end = |at: usize| matches!(at, 3 | 5);
    let mut gaps = window.windows(2).enumerate().map(|(at, pair)| {
        let gap = pair.last().zip(pair.first()).map_or(0, |(b, a)| b - a - 1);
        if parts_end(at + 1) {
            (1..=MAX_GAP).contains(&gap)
        } else {
            gap == 0
        }
    });
    let digit = |at: Option<usize>| {
        at.and_then(|at| glyphs.get(at))
            .is_some_and(|glyph| glyph.digit().is_some())
    };
    gaps.all(|fits| fits)
        && is_one_number(glyphs, window)
        && !digit(window.first().and_then(|at| at.checked_sub(1)))
        && !digit(window.last().map(|at| at + 1))
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
const LEAST_DIGITS: usize = 7;

/// Separators between two parts of a number, and the space around them.
const MAX_GAP: usize = 4;

/// Bytes of a character reference that is looked for.
const MAX_REFERENCE: usize = 12;

/// Zeros of decimal digits that no compatibility form has: Arabic, Persian, Devanagari.
const ZEROS: [u32; 3] = [0x0660, 0x06f0, 0x0966];
