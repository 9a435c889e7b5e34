//! The scanner: one pass over the bytes, a bounded stack of open arrays and objects.

use std::borrow::Cow;
use std::collections::HashSet;

use super::MAX_DEPTH;
use super::error::JsonErrorKind;
use super::words;

/// A fault at a byte offset.
pub(super) struct Fault {
    pub(super) offset: usize,
    pub(super) kind: JsonErrorKind,
}

pub(super) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    position: usize,
    open: Vec<Container<'a>>,
    /// The member names of the open objects that have few, those of the innermost last.
    names: Vec<Cow<'a, str>>,
    /// Whether an object may say a member twice: only for whoever finds all of them itself.
    duplicates_pass: bool,
}

enum Container<'a> {
    Array,
    Object(Members<'a>),
}

/// The members that an open object has had so far.
struct Members<'a> {
    /// Where its own begin in [`Scanner::names`].
    first: usize,
    /// The names of an object with many members, instead: comparing each with all of them would let
    /// a sender spend our time by the square of his.
    index: Option<HashSet<Cow<'a, str>>>,
}

/// What the next token may be.
enum Expected {
    Value,
    /// Directly after `[`.
    ValueOrEnd,
    /// Directly after `{`.
    NameOrEnd,
    Name,
    /// After a value.
    CommaOrEnd,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let open = Vec::with_capacity(MAX_DEPTH);
        Self {
            text,
            bytes: text.as_bytes(),
            position: 0,
            open,
            names: Vec::new(),
            duplicates_pass: false,
        }
    }

    /// The same, but members said twice are let through.
    pub(super) fn passing_duplicates(self) -> Self {
        Self {
            duplicates_pass: true,
            ..self
        }
    }

    pub(super) fn run(mut self) -> Result<(), Fault> {
        self.skip_space();
        if self.peek().is_none() {
            return Err(self.fault(JsonErrorKind::Empty));
        }
        let mut expected = Expected::Value;
        loop {
            self.skip_space();
            expected = match expected {
                Expected::CommaOrEnd if self.open.is_empty() => break,
                Expected::CommaOrEnd => self.comma_or_end()?,
                Expected::Value => self.value()?,
                Expected::ValueOrEnd if self.peek() == Some(b']') => self.close(),
                Expected::ValueOrEnd => self.value()?,
                Expected::NameOrEnd if self.peek() == Some(b'}') => self.close(),
                Expected::NameOrEnd | Expected::Name => self.name()?,
            };
        }
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault(JsonErrorKind::TrailingContent)),
        }
    }

    fn value(&mut self) -> Result<Expected, Fault> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| Expected::CommaOrEnd),
            Some(b'{') => {
                let members = Members {
                    first: self.names.len(),
                    index: None,
                };
                self.open(Container::Object(members), Expected::NameOrEnd)
            }
            Some(b'[') => self.open(Container::Array, Expected::ValueOrEnd),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            _ => Err(self.unexpected()),
        }
    }

    fn open(&mut self, container: Container<'a>, next: Expected) -> Result<Expected, Fault> {
        if self.open.len() == MAX_DEPTH {
            return Err(self.fault(JsonErrorKind::TooDeep));
        }
        self.position += 1;
        self.open.push(container);
        Ok(next)
    }

    fn close(&mut self) -> Expected {
        self.position += 1;
        if let Some(Container::Object(members)) = self.open.pop() {
            self.names.truncate(members.first);
        }
        Expected::CommaOrEnd
    }

    fn comma_or_end(&mut self) -> Result<Expected, Fault> {
        match (self.peek(), self.open.last()) {
            (Some(b','), Some(Container::Array)) => self.step(Expected::Value),
            (Some(b','), Some(Container::Object(_))) => self.step(Expected::Name),
            (Some(b']'), Some(Container::Array)) | (Some(b'}'), Some(Container::Object(_))) => {
                Ok(self.close())
            }
            _ => Err(self.unexpected()),
        }
    }

    fn step(&mut self, next: Expected) -> Result<Expected, Fault> {
        self.position += 1;
        Ok(next)
    }

    fn name(&mut self) -> Result<Expected, Fault> {
        let start = self.position;
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        let name = self.string()?;
        if let Some(Container::Object(members)) = self.open.last_mut()
            && !self.duplicates_pass
        {
            let added = members.add(&mut self.names, name);
            added.map_err(|kind| Fault {
                offset: start,
                kind,
            })?;
        }
        self.skip_space();
        match self.peek() {
            Some(b':') => self.step(Expected::Value),
            _ => Err(self.unexpected()),
        }
    }

    /// The string at the position, decoded; borrowed if it has no escapes.
    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.position += 1;
        let mut decoded: Option<String> = None;
        loop {
            let plain = self.plain();
            match (self.peek(), &mut decoded) {
                (Some(b'"'), None) => {
                    self.position += 1;
                    return Ok(Cow::Borrowed(plain));
                }
                (Some(b'"'), Some(decoded)) => {
                    decoded.push_str(plain);
                    self.position += 1;
                    return Ok(Cow::Owned(std::mem::take(decoded)));
                }
                (Some(b'\\'), _) => {
                    let decoded = decoded.get_or_insert_default();
                    decoded.push_str(plain);
                    decoded.push(self.escape()?);
                }
                (Some(_), _) => return Err(self.fault(JsonErrorKind::ControlCharacter)),
                (None, _) => return Err(self.fault(JsonErrorKind::UnexpectedEnd)),
            }
        }
    }

    /// Goes to the next quote, backslash or control character. These are ASCII, so both ends lie
    /// between characters.
    fn plain(&mut self) -> &'a str {
        let start = self.position;
        self.position = start + words::plain_length(self.rest());
        self.text.get(start..self.position).unwrap_or_default()
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let start = self.position;
        self.position += 1;
        let character = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{C}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(start),
            Some(_) => {
                return Err(Fault {
                    offset: start,
                    kind: JsonErrorKind::InvalidEscape,
                });
            }
            None => return Err(self.fault(JsonErrorKind::UnexpectedEnd)),
        };
        self.position += 1;
        Ok(character)
    }

    /// `\uXXXX`, or a surrogate pair of them (RFC 8259 section 7).
    fn unicode(&mut self, start: usize) -> Result<char, Fault> {
        let high = self.code_unit(start)?;
        let lone = || Fault {
            offset: start,
            kind: JsonErrorKind::LoneSurrogate,
        };
        let code = match high {
            0xD800..=0xDBFF => {
                if self.rest().first_chunk::<2>() != Some(b"\\u") {
                    return Err(lone());
                }
                let second = self.position;
                self.position += 1;
                let low = self.code_unit(second)?;
                if !(0xDC00..=0xDFFF).contains(&low) {
                    return Err(lone());
                }
                0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00)
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(lone)
    }

    /// The four hex digits after the `u` at the position.
    fn code_unit(&mut self, start: usize) -> Result<u32, Fault> {
        self.position += 1;
        let mut unit = 0;
        for _ in 0..4 {
            let byte = self
                .peek()
                .ok_or_else(|| self.fault(JsonErrorKind::UnexpectedEnd))?;
            let digit = char::from(byte).to_digit(16);
            let kind = JsonErrorKind::InvalidEscape;
            unit = unit * 16
                + digit.ok_or(Fault {
                    offset: start,
                    kind,
                })?;
            self.position += 1;
        }
        Ok(unit)
    }

    /// RFC 8259 section 6.
    fn number(&mut self) -> Result<Expected, Fault> {
        let start = self.position;
        let malformed = Fault {
            offset: start,
            kind: JsonErrorKind::InvalidNumber,
        };
        self.skip_one(b"-");
        let leading_zero = self.peek() == Some(b'0');
        let integer_digits = self.skip_digits();
        if integer_digits == 0 || (leading_zero && integer_digits > 1) {
            return Err(malformed);
        }
        if self.skip_one(b".") && self.skip_digits() == 0 {
            return Err(malformed);
        }
        let exponent = self.skip_one(b"eE");
        if exponent {
            self.skip_one(b"+-");
            if self.skip_digits() == 0 {
                return Err(malformed);
            }
        }
        // Only these can be beyond the range of a binary64, which ends at about 1.8e308.
        if exponent || integer_digits > 300 {
            let number = self.text.get(start..self.position).unwrap_or_default();
            if !number.parse::<f64>().is_ok_and(f64::is_finite) {
                return Err(Fault {
                    offset: start,
                    kind: JsonErrorKind::NumberOutOfRange,
                });
            }
        }
        Ok(Expected::CommaOrEnd)
    }

    fn literal(&mut self, literal: &str) -> Result<Expected, Fault> {
        if !self.rest().starts_with(literal.as_bytes()) {
            return Err(self.unexpected());
        }
        self.position += literal.len();
        Ok(Expected::CommaOrEnd)
    }

    fn skip_one(&mut self, any: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| any.contains(&byte));
        self.position += usize::from(found);
        found
    }

    fn skip_digits(&mut self) -> usize {
        let start = self.position;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.position += 1;
        }
        self.position - start
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.position += 1;
            // Indentation, which is half of many a record.
            while self.rest().first_chunk() == Some(b"        ") {
                self.position += 8;
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    fn unexpected(&self) -> Fault {
        self.fault(match self.peek() {
            Some(_) => JsonErrorKind::UnexpectedCharacter,
            None => JsonErrorKind::UnexpectedEnd,
        })
    }

    fn fault(&self, kind: JsonErrorKind) -> Fault {
        Fault {
            offset: self.position,
            kind,
        }
    }
}

impl<'a> Members<'a> {
    /// Adds a member that the object has not had.
    fn add(
        &mut self,
        names: &mut Vec<Cow<'a, str>>,
        name: Cow<'a, str>,
    ) -> Result<(), JsonErrorKind> {
        let own = names.get(self.first..).unwrap_or_default();
        let duplicate = match &self.index {
            Some(index) => index.contains(&name),
            None => own.contains(&name),
        };
        if duplicate {
            return Err(JsonErrorKind::duplicate(&name));
        }
        if self.index.is_none() && own.len() == FEW {
            self.index = Some(names.drain(self.first..).collect());
        }
        match &mut self.index {
            Some(index) => drop(index.insert(name)),
            None => names.push(name),
        }
        Ok(())
    }
}

/// Up to this many members comparing with each is faster than hashing.
const FEW: usize = 32;
