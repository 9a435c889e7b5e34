//! Texts as a reader sees them: tags are gaps, character references and percent-encoded bytes are what they
//! stand for, digits of any script and width are digits.

use unicode_normalization::UnicodeNormalization;

/// A character as a reader sees it, and the bytes of the text that say it.
pub(super) struct Glyph {
    pub(super) seen: char,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The characters of a text as a browser shows them.
pub(super) fn shown(text: &str) -> impl Iterator<Item = Glyph> {
    let mut decoder = Decoder {
        text,
        start: 0,
        tags: true,
    };
    std::iter::from_fn(move || decoder.next())
}

/// The characters of a text as they are written: nothing stands for something else.
pub(super) fn written(text: &str) -> impl Iterator<Item = Glyph> {
    text.char_indices().map(|(start, c)| Glyph {
        seen: plain(c),
        start,
        end: start + c.len_utf8(),
    })
}

/// Whether a text is shown otherwise than it is written.
pub(super) fn is_encoded(text: &str) -> bool {
    text.contains(['<', '&', '%'])
}

struct Decoder<'t> {
    text: &'t str,
    start: usize,
    /// Whether a tag may end in the rest: looking for its end again and again would cost the square of the text.
    tags: bool,
}

impl Decoder<'_> {
    fn next(&mut self) -> Option<Glyph> {
        let start = self.start;
        let rest = self.text.get(start..)?;
        let first = rest.chars().next()?;
        let decoded = match first {
            '<' => self.tag(rest).map(|length| (INVISIBLE, length)),
            '&' => reference(rest),
            '%' => percent(rest),
            _ => None,
        };
        let (seen, length) = decoded.unwrap_or((plain(first), first.len_utf8()));
        self.start = start + length;
        Some(Glyph {
            seen,
            start,
            end: self.start,
        })
    }

    fn tag(&mut self, rest: &str) -> Option<usize> {
        let second = rest.chars().nth(1);
        let named = second.is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '!'));
        if !named || !self.tags {
            return None;
        }
        let end = rest.find('>');
        self.tags = end.is_some();
        end.map(|end| end + 1)
    }
}

/// `&#53;`, `&#x35;`, `&nbsp;`; browsers take a number without its semicolon, too.
fn reference(rest: &str) -> Option<(char, usize)> {
    let Some(number) = rest.strip_prefix("&#") else {
        let end = rest
            .bytes()
            .take(MAX_REFERENCE)
            .position(|byte| byte == b';')?;
        let name = rest.get(1..end)?;
        let named = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let seen = if NOT_SEEN.contains(&name) {
            INVISIBLE
        } else {
            ' '
        };
        return named.then_some((seen, end + 1));
    };
    let (number, radix) = match number.strip_prefix(['x', 'X']) {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    let digits = number
        .bytes()
        .take_while(|byte| char::from(*byte).is_digit(radix));
    let (written, after) = number.split_at_checked(digits.count())?;
    let code = u32::from_str_radix(written.trim_start_matches('0'), radix).ok()?;
    let semicolon = usize::from(after.starts_with(';'));
    let length = rest.len() - after.len() + semicolon;
    Some((plain(char::from_u32(code)?), length))
}

/// A byte as URLs write it (RFC 3986 section 2.1). What is beyond ASCII is no digit that anybody uses in one.
fn percent(rest: &str) -> Option<(char, usize)> {
    let byte = u8::from_str_radix(rest.get(1..3)?, 16).ok()?;
    let seen = if byte.is_ascii_graphic() {
        char::from(byte)
    } else {
        ' '
    };
    Some((seen, 3))
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

/// Whether a character takes no room: soft hyphens, joiners, marks of direction, variation selectors.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
        || c.is_ascii_control()
}

/// Whether a URL that is itself the file (RFC 2397), which nobody looks into, is in a text.
pub(super) fn holds_file(text: &str) -> bool {
    let may = text.contains(',') && (text.contains(':') || is_encoded(text));
    if !may {
        return false;
    }
    let holds = |glyphs: &mut dyn Iterator<Item = Glyph>| {
        let seen = glyphs.map(|glyph| glyph.seen.to_ascii_lowercase());
        // Browsers leave out what is no part of a URL.
        let seen = seen.filter(|c| !c.is_whitespace() && !is_invisible(*c));
        let seen: String = seen.collect();
        seen.starts_with(DATA)
            || seen
                .split_once(DATA)
                .is_some_and(|(_, rest)| rest.contains(";base64,"))
    };
    holds(&mut written(text)) || is_encoded(text) && holds(&mut shown(text))
}

const DATA: &str = "data:";

/// Stands for what takes no room.
pub(super) const INVISIBLE: char = '\u{200b}';

/// Bytes of a named character reference that is looked for.
const MAX_REFERENCE: usize = 16;

/// Names of characters that take no room.
const NOT_SEEN: [&str; 7] = [
    "shy",
    "zwj",
    "zwnj",
    "lrm",
    "rlm",
    "ZeroWidthSpace",
    "NoBreak",
];

/// Zeros of decimal digits that no compatibility form has: Arabic, Persian, Devanagari.
const ZEROS: [u32; 3] = [0x0660, 0x06f0, 0x0966];
