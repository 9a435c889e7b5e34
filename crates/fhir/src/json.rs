//! Whether bytes are JSON that every reader reads alike (RFC 8259; RFC 7493 section 2).
//!
//! A record is stored as received and later read by other parties' software. What two parsers could
//! take for two different records is refused at the door: members said twice (which one counts?), half
//! surrogates, numbers that overflow, a byte order mark, nesting that exhausts a reader's stack.

mod error;
mod scan;
pub mod tree;
mod words;

pub use error::{JsonError, JsonErrorKind};

/// Checks `text` in one pass, without building anything from it. Constant stack: nesting is counted,
/// not recursed into.
///
/// # Errors
/// The first thing that is wrong, with its line and column. An answer to it is 400.
pub fn check(text: &[u8]) -> Result<(), JsonError> {
    scan(text, scan::Scanner::new).map(|_| ())
}

/// The text of `bytes` after `scanner` has gone through it.
fn scan<'a>(
    text: &'a [u8],
    scanner: impl FnOnce(&'a str) -> scan::Scanner<'a>,
) -> Result<&'a str, JsonError> {
    if text.starts_with(BYTE_ORDER_MARK) {
        return Err(JsonError::at(text, 0, JsonErrorKind::ByteOrderMark));
    }
    let text = std::str::from_utf8(text)
        .map_err(|error| JsonError::at(text, error.valid_up_to(), JsonErrorKind::InvalidUtf8))?;
    match scanner(text).run() {
        Ok(()) => Ok(text),
        Err(fault) => Err(JsonError::at(text.as_bytes(), fault.offset, fault.kind)),
    }
}

/// Arrays and objects within one another. Real records nest about 15 deep.
pub const MAX_DEPTH: usize = 64;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

#[cfg(test)]
mod tests;
