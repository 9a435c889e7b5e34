//! A JSON text as a tree that knows where everything stands in it.
//!
//! For those who look at each value (checks of content) or change some and keep every other byte
//! (redaction). One flat list of 16 bytes for each value and name, nothing copied: a text of many small
//! values costs about its own size once more, and not the tenfold of a tree of boxes.

use std::borrow::Cow;
use std::ops::Range;

use super::error::{JsonError, JsonErrorKind};
use super::scan::Scanner;
use super::words;

/// A JSON text, read.
#[derive(Debug)]
pub struct Tree<'a> {
    text: &'a str,
    entries: Vec<Entry>,
}

/// A value or a name of a member; those within an array or object follow it.
#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u32,
    end: u32,
    /// Where the entry after it and all within it is.
    next: u32,
    kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// A number as JSON writes it.
    Number,
    /// A string; the name of a member is one, too.
    Text,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One value of a tree.
#[derive(Debug, Clone, Copy)]
pub struct Node<'t> {
    tree: &'t Tree<'t>,
    at: usize,
}

/// One member of an object.
#[derive(Debug, Clone)]
pub struct Member<'t> {
    /// Its name, without escapes.
    pub name: Cow<'t, str>,
    /// Where the name begins, with its quote.
    pub start: usize,
    /// Its value.
    pub value: Node<'t>,
}

impl<'a> Tree<'a> {
    /// Reads a text. Members said twice are both in the tree, in their order: [`super::check`] refuses
    /// them, and whoever lists all faults of a text wants to see them.
    ///
    /// # Errors
    /// What else [`super::check`] refuses, and more than [`MAX_VALUES`] values and names.
    pub fn parse(text: &'a [u8]) -> Result<Self, JsonError> {
        let text = super::scan(text, |text| Scanner::new(text).passing_duplicates())?;
        let mut builder = Builder::new(text);
        match builder.run() {
            Some(()) => Ok(Self {
                text,
                entries: builder.entries,
            }),
            None => {
                let at = builder.position;
                Err(JsonError::at(text.as_bytes(), at, JsonErrorKind::TooMany))
            }
        }
    }

    /// The value that the text is.
    #[must_use]
    pub fn root(&self) -> Node<'_> {
        Node { tree: self, at: 0 }
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    fn entry(&self, at: usize) -> Entry {
        self.entries.get(at).copied().unwrap_or(NOTHING)
    }
}

impl<'t> Node<'t> {
    /// What it is.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.tree.entry(self.at).kind
    }

    /// Where it stands in the text, in bytes.
    #[must_use]
    pub fn span(self) -> Range<usize> {
        let entry = self.tree.entry(self.at);
        entry.start as usize..entry.end as usize
    }

    /// As it is written.
    #[must_use]
    pub fn raw(self) -> &'t str {
        self.tree.text.get(self.span()).unwrap_or_default()
    }

    /// The text of a string, without quotes and escapes; `None` for anything else.
    #[must_use]
    pub fn text(self) -> Option<Cow<'t, str>> {
        (self.kind() == Kind::Text).then(|| unescaped(self.raw()))
    }

    /// The member of an object with this name, the first of several.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Node<'t>> {
        self.members()
            .find(|member| member.name == name)
            .map(|member| member.value)
    }

    /// The text of a member.
    #[must_use]
    pub fn text_of(self, name: &str) -> Option<Cow<'t, str>> {
        self.get(name)?.text()
    }

    /// The members of an object in their order; none of anything else.
    pub fn members(self) -> impl Iterator<Item = Member<'t>> + use<'t> {
        let mut within = self.within(Kind::Object);
        std::iter::from_fn(move || {
            let name = within.next()?;
            Some(Member {
                name: unescaped(name.raw()),
                start: name.span().start,
                value: within.next()?,
            })
        })
    }

    /// The elements of an array in their order; none of anything else.
    pub fn elements(self) -> impl Iterator<Item = Node<'t>> + use<'t> {
        self.within(Kind::Array)
    }

    /// The elements of an array, or the value itself: for members that may be said once or repeat.
    pub fn each(self) -> impl Iterator<Item = Node<'t>> + use<'t> {
        let itself = (self.kind() != Kind::Array).then_some(self);
        self.elements().chain(itself)
    }

    /// What stands directly within it.
    fn within(self, kind: Kind) -> impl Iterator<Item = Node<'t>> + use<'t> {
        let own = self.tree.entry(self.at);
        let end = if own.kind == kind {
            own.next as usize
        } else {
            0
        };
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let node = (at < end).then_some(Node {
                tree: self.tree,
                at,
            })?;
            at = self.tree.entry(at).next as usize;
            Some(node)
        })
    }
}

/// A string without its quotes, and what its escapes stand for.
fn unescaped(raw: &str) -> Cow<'_, str> {
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    serde_json::from_str::<String>(raw).map_or(Cow::Borrowed(inner), Cow::Owned)
}

/// Goes through a text that is known to be well-formed.
struct Builder<'a> {
    bytes: &'a [u8],
    position: usize,
    entries: Vec<Entry>,
    /// The open arrays and objects, innermost last.
    open: Vec<usize>,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            position: 0,
            entries: Vec::with_capacity(text.len().min(MAX_VALUES) / BYTES_PER_VALUE),
            open: Vec::new(),
        }
    }

    /// `None` if there are too many values.
    fn run(&mut self) -> Option<()> {
        while let Some(byte) = self.bytes.get(self.position) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => self.position += 1,
                b'{' => self.open(Kind::Object)?,
                b'[' => self.open(Kind::Array)?,
                b'}' | b']' => self.close()?,
                b'"' => self.leaf(Kind::Text, Self::string_length)?,
                b't' | b'f' => self.leaf(Kind::Boolean, Self::word_length)?,
                b'n' => self.leaf(Kind::Null, Self::word_length)?,
                _ => self.leaf(Kind::Number, Self::word_length)?,
            }
        }
        Some(())
    }

    fn open(&mut self, kind: Kind) -> Option<()> {
        self.open.push(self.entries.len());
        self.push(kind, 1)
    }

    fn close(&mut self) -> Option<()> {
        self.position += 1;
        let next = u32::try_from(self.entries.len()).ok()?;
        let end = u32::try_from(self.position).ok()?;
        if let Some(entry) = self.open.pop().and_then(|at| self.entries.get_mut(at)) {
            (entry.end, entry.next) = (end, next);
        }
        Some(())
    }

    fn leaf(&mut self, kind: Kind, length: fn(&Self) -> usize) -> Option<()> {
        self.push(kind, length(self))
    }

    fn push(&mut self, kind: Kind, length: usize) -> Option<()> {
        if self.entries.len() == MAX_VALUES {
            return None;
        }
        let end = self.position + length;
        self.entries.push(Entry {
            start: u32::try_from(self.position).ok()?,
            end: u32::try_from(end).ok()?,
            next: u32::try_from(self.entries.len() + 1).ok()?,
            kind,
        });
        self.position = end;
        Some(())
    }

    fn string_length(&self) -> usize {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let mut length = 1;
        loop {
            let after = rest.get(length..).unwrap_or_default();
            length += words::plain_length(after);
            match rest.get(length) {
                // The character behind a backslash is none that ends the string.
                Some(b'\\') => length += 2,
                _ => return length + 1,
            }
        }
    }

    fn word_length(&self) -> usize {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        rest.iter()
            .position(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r'))
            .unwrap_or(rest.len())
    }
}

/// Values and names. A batch of a hundred ordinary reports has 700,000; what holds more in ten million
/// bytes was made to be expensive.
pub const MAX_VALUES: usize = 1 << 20;

/// About as many bytes as a value or name of a record takes, indentation included.
const BYTES_PER_VALUE: usize = 16;

/// Stands for an entry that is not there, which no [`Node`] points to.
const NOTHING: Entry = Entry {
    start: 0,
    end: 0,
    next: u32::MAX,
    kind: Kind::Null,
};

#[cfg(test)]
mod tests;
