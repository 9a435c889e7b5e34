//! What is wrong with a JSON text, and where.

use std::fmt;

use crate::outcome::{Issue, IssueCode};

/// What is wrong with a JSON text, and where. Says nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct JsonError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub kind: JsonErrorKind,
}

/// What can be wrong with a JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// Nothing but white space.
    Empty,
    /// Starts with a byte order mark (RFC 8259 section 8.1: must not be added).
    ByteOrderMark,
    /// Not UTF-8 (RFC 8259 section 8.1).
    InvalidUtf8,
    /// Ends before it is complete.
    UnexpectedEnd,
    /// A character that cannot stand there.
    UnexpectedCharacter,
    /// More after the end.
    TrailingContent,
    /// An unescaped control character in a string.
    ControlCharacter,
    /// A backslash before something that cannot be escaped.
    InvalidEscape,
    /// Half a surrogate pair: no character.
    LoneSurrogate,
    /// A number not written as JSON wants it, for instance with a leading zero.
    InvalidNumber,
    /// A number too large for the binary form that most readers use.
    NumberOutOfRange,
    /// A member that its object has already. The name is kept only if it looks like a FHIR element's:
    /// a name that a sender made up may be content.
    DuplicateMember(Option<String>),
    /// More than [`super::MAX_DEPTH`] arrays and objects within one another.
    TooDeep,
    /// More than [`super::tree::MAX_VALUES`] values and names.
    TooMany,
}

impl JsonErrorKind {
    /// A member named twice.
    pub(super) fn duplicate(name: &str) -> Self {
        let element = (1..=64).contains(&name.len())
            && !name.starts_with(|first: char| first.is_ascii_digit())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        Self::DuplicateMember(element.then(|| name.to_owned()))
    }
}

impl fmt::Display for JsonErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "there is no JSON",
            Self::ByteOrderMark => "JSON must not start with a byte order mark",
            Self::InvalidUtf8 => "the text is not UTF-8",
            Self::UnexpectedEnd => "the JSON ends before it is complete",
            Self::UnexpectedCharacter => "this character cannot stand here",
            Self::TrailingContent => "something follows after the end of the JSON",
            Self::ControlCharacter => "a control character in a string must be escaped",
            Self::InvalidEscape => "this escape sequence does not exist in JSON",
            Self::LoneSurrogate => "this escape sequence is half a character",
            Self::InvalidNumber => "the number is not written as JSON wants it",
            Self::NumberOutOfRange => "the number is too large",
            Self::DuplicateMember(Some(name)) => {
                return write!(f, "the object has the member \"{name}\" already");
            }
            Self::DuplicateMember(None) => "the object has this member already",
            Self::TooDeep => "arrays and objects are nested too deeply",
            Self::TooMany => "there are too many values to look at each of them",
        })
    }
}

impl JsonError {
    /// The error at a byte offset, which becomes line and column only now that they are needed.
    pub(super) fn at(text: &[u8], offset: usize, kind: JsonErrorKind) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let in_line = before.get(line_start..).unwrap_or_default();
        Self {
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            // Every byte but the continuation bytes of UTF-8 starts a character.
            column: 1 + in_line.iter().filter(|byte| **byte & 0xC0 != 0x80).count(),
            kind,
        }
    }
}

impl From<JsonError> for Issue {
    fn from(error: JsonError) -> Self {
        let JsonError { line, column, kind } = error;
        let text = format!("the JSON cannot be read at line {line}, column {column}: {kind}");
        Self::error(IssueCode::Structure, text)
    }
}
