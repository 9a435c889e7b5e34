//! The token parameter (FHIR R4 search, section 3.1.1.5.10), with its escapes (section 3.1.1.5.1.2).

/// `system|value`, `|value`, `value` or `system|`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The part before the bar.
    pub system: SystemCriterion,
    /// The part behind it; `None` for `system|`, any value of that system.
    pub value: Option<String>,
}

/// The part of a token before the bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SystemCriterion {
    /// `value`: whatever the system.
    Any,
    /// `|value`: without a system.
    Absent,
    /// `system|value`.
    Is(String),
}

impl Token {
    /// Reads one token. `None` if it is empty, has a second bar, an escape of nothing, a comma (which separates tokens) or a control character.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts = split(text)?;
        let (system, value) = match parts.as_slice() {
            [value] => (SystemCriterion::Any, value),
            [system, value] if system.is_empty() => (SystemCriterion::Absent, value),
            [system, value] => (SystemCriterion::Is(system.clone()), value),
            _ => return None,
        };
        let value = Some(value).filter(|value| !value.is_empty()).cloned();
        if value.is_none() && !matches!(system, SystemCriterion::Is(_)) {
            return None;
        }
        Some(Self { system, value })
    }

    /// Whether an identifier or coding with this system and value is meant.
    #[must_use]
    pub fn matches(&self, system: Option<&str>, value: &str) -> bool {
        let right_system = match &self.system {
            SystemCriterion::Any => true,
            SystemCriterion::Absent => system.is_none_or(str::is_empty),
            SystemCriterion::Is(wanted) => system == Some(wanted),
        };
        right_system && self.value.as_deref().is_none_or(|wanted| wanted == value)
    }
}

/// As a parameter's value, escaped for FHIR but not yet for a URL.
impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.system {
            SystemCriterion::Any => {}
            SystemCriterion::Absent => f.write_str("|")?,
            SystemCriterion::Is(system) => write!(f, "{}|", escaped(system))?,
        }
        f.write_str(&escaped(self.value.as_deref().unwrap_or_default()))
    }
}

/// The values of a parameter between unescaped commas, each still escaped; `None` if one is empty.
pub(super) fn alternatives(text: &str) -> Option<Vec<&str>> {
    let (mut values, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b',' if !escaped => {
                values.push(text.get(start..at)?);
                start = at + 1;
            }
            _ => {}
        }
        escaped = byte == b'\\' && !escaped;
    }
    values.push(text.get(start..)?);
    values
        .iter()
        .all(|value| !value.is_empty())
        .then_some(values)
}

pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if ESCAPED.contains(&character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// The parts between unescaped bars, unescaped.
fn split(text: &str) -> Option<Vec<String>> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => part.push(characters.next().filter(|next| ESCAPED.contains(next))?),
            '|' => parts.push(std::mem::take(&mut part)),
            ',' => return None,
            character if character.is_control() => return None,
            character => part.push(character),
        }
    }
    parts.push(part);
    Some(parts)
}

const ESCAPED: [char; 4] = ['\\', '|', ',', '$'];

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_four_forms_are_read() {
        let is = |system: &str| SystemCriterion::Is(system.to_owned());
        let token = |system, value: Option<&str>| {
            Some(Token {
                system,
                value: value.map(str::to_owned),
            })
        };
        assert_eq!(Token::parse("urn:x|1"), token(is("urn:x"), Some("1")));
        assert_eq!(
            Token::parse("|1"),
            token(SystemCriterion::Absent, Some("1"))
        );
        assert_eq!(Token::parse("1"), token(SystemCriterion::Any, Some("1")));
        assert_eq!(Token::parse("urn:x|"), token(is("urn:x"), None));
        assert_eq!(
            Token::parse(r"a\|b\,c\$d\\|1"),
            token(is(r"a|b,c$d\"), Some("1"))
        );
    }

    #[test]
    fn commas_separate_values_unless_escaped() {
        assert_eq!(alternatives("a,x|b"), Some(vec!["a", "x|b"]));
        assert_eq!(
            alternatives(r"a\,b,c\\,d"),
            Some(vec![r"a\,b", r"c\\", "d"])
        );
        for empty in ["", "a,", ",a", "a,,b"] {
            assert_eq!(alternatives(empty), None, "{empty}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "", "|", "a|b|c", "a,b", "x|a,x|b", r"a\", r"a\b", "a\0", "a\n",
        ] {
            assert_eq!(Token::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_token_matches_what_it_means() {
        let matches = |token, system, value| Token::parse(token).unwrap().matches(system, value);
        assert!(matches("1", Some("urn:x"), "1") && matches("1", None, "1"));
        assert!(matches("|1", None, "1") && !matches("|1", Some("urn:x"), "1"));
        assert!(matches("urn:x|1", Some("urn:x"), "1") && !matches("urn:x|1", None, "1"));
        assert!(matches("urn:x|", Some("urn:x"), "2") && !matches("urn:x|", Some("urn:y"), "2"));
        assert!(!matches("urn:x|1", Some("urn:x"), "2") && !matches("a", None, "A"));
    }

    proptest! {
        #[test]
        fn a_token_is_read_as_it_is_written(system in "[^\\p{Cc}]{1,20}", value in "[^\\p{Cc}]{1,20}") {
            let token = Token { system: SystemCriterion::Is(system), value: Some(value) };
            prop_assert_eq!(Token::parse(&token.to_string()), Some(token));
        }

        #[test]
        fn any_text_is_read_without_panic(text in "\\PC*") {
            if let Some(token) = Token::parse(&text) {
                prop_assert_eq!(Token::parse(&token.to_string()), Some(token));
            }
        }
    }
}
