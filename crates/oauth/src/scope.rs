//! Scope: RFC 6749 section 3.3, with the meaning that SMART App Launch gives to some of its words.

mod smart;

use std::fmt;
use std::str::FromStr;

use self::smart::SmartScope;
pub use self::smart::{Actor, Permission};
use crate::{Error, ErrorCode};

/// A set of scope words in the order they were given. Empty only by [`Default`] or when nothing was
/// granted: no request can ask for an empty one.
#[derive(Debug, Clone, Default)]
pub struct Scope(Vec<String>);

impl Scope {
    /// Reads `scope-token *( SP scope-token )`, RFC 6749 section 3.3. Words said twice are kept
    /// once.
    ///
    /// # Errors
    /// `invalid_scope` if the text does not follow that grammar, or is longer than 8 KiB.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_LENGTH {
            return Err(Error::new(ErrorCode::InvalidScope, "the scope is too long"));
        }
        let mut scope = Self::default();
        for word in text.split(' ') {
            if word.is_empty() || !word.bytes().all(is_scope_character) {
                return Err(Error::new(
                    ErrorCode::InvalidScope,
                    "the scope is malformed",
                ));
            }
            scope.insert(word.to_owned());
        }
        Ok(scope)
    }

    /// Whether this very word is in it.
    #[must_use]
    pub fn contains(&self, word: &str) -> bool {
        self.0.iter().any(|it| it == word)
    }

    /// Whether there is no word in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its words.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Its words that are none of SMART's.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        self.tokens()
            .filter(|word| SmartScope::parse(word).is_none())
    }

    /// Whether a word gives an especially sensitive part of records, as `sensitive/ssn` does: `sensitive/` and a name
    /// in lower case letters, digits and hyphens. Which part that is, the resource server says that withholds it.
    #[must_use]
    pub fn is_sensitive(word: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let name = word.strip_prefix("sensitive/").unwrap_or_default();
        !name.is_empty() && name.bytes().all(plain)
    }

    /// What is granted of a request: all that both the request and the registration permit, and no
    /// more.
    ///
    /// A SMART word that is registered only in part is granted in that part (`system/Bundle.cruds`
    /// within `system/*.rs` becomes `system/Bundle.rs`), and in the request's spelling as far as
    /// that can say it
    /// (`system/Bundle.read` stays as it is). Any other word is granted if it is registered to the
    /// letter.
    #[must_use]
    pub fn granted(requested: &Self, registered: &Self) -> Self {
        let allowed: Vec<SmartScope<'_>> = registered.smart().collect();
        let mut granted = Self::default();
        for word in requested.tokens() {
            match SmartScope::parse(word) {
                Some(asked) => asked
                    .within(&allowed)
                    .into_iter()
                    .for_each(|it| granted.insert(it)),
                None if registered.contains(word) => granted.insert(word.to_owned()),
                None => {}
            }
        }
        granted
    }

    /// Whether everything in it would be granted whole where `other` is registered.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        let granted = Self::granted(self, other);
        self.tokens().all(|word| granted.contains(word))
    }

    /// Whether it permits an interaction with every resource of this type, in the context `user` or
    /// `system`.
    ///
    /// Words that need more than that to decide are not counted: those of the context `patient` and
    /// those with a query (`system/Bundle.rs?identifier=...`).
    #[must_use]
    pub fn permits(&self, resource_type: &str, permission: Permission) -> bool {
        [Actor::Person, Actor::Client].into_iter().any(|actor| {
            self.permitting(actor, resource_type, permission)
                .any(|query| query.is_none())
        })
    }

    /// The words that permit an interaction with resources of this type to whom the token acts for:
    /// of each its query, without the `?`. A word with a query permits only the resources that the
    /// query finds (SMART App Launch 2.2.0, "Finer-grained resource constraints using search
    /// parameters"); what it means is for the caller to know, and what he does not know permits
    /// nothing.
    pub fn permitting(
        &self,
        actor: Actor,
        resource_type: &str,
        permission: Permission,
    ) -> impl Iterator<Item = Option<&str>> {
        self.smart()
            .filter(move |word| word.permits(actor, resource_type, permission))
            .map(SmartScope::query)
    }

    fn smart(&self) -> impl Iterator<Item = SmartScope<'_>> {
        self.tokens().filter_map(SmartScope::parse)
    }

    fn insert(&mut self, word: String) {
        if !self.contains(&word) {
            self.0.push(word);
        }
    }
}

/// The order of the words does not matter (RFC 6749 section 3.3).
impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.tokens().all(|word| other.contains(word))
    }
}

impl Eq for Scope {}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

/// RFC 6749 section 3.3: `%x21 / %x23-5B / %x5D-7E`.
fn is_scope_character(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

/// Longer than any registration; bounds the work of comparing words with each other.
const MAX_LENGTH: usize = 8 * 1024;

#[cfg(test)]
mod tests;
