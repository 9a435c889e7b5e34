//! `Prefer` (RFC 7240; FHIR R4 http, sections 3.1.0.1.9 and 3.1.1.5.1).

/// What the client would like of the answer. Unknown preferences are ignored, as RFC 7240 says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Preferences {
    /// `return=…`
    pub representation: Return,
    /// `handling=…`
    pub handling: Handling,
}

/// The body of the answer to a create.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Return {
    /// `return=minimal`, and without a preference: none.
    #[default]
    Minimal,
    /// `return=representation`: the resource.
    Representation,
    /// `return=OperationOutcome`: what was done.
    OperationOutcome,
}

/// What becomes of search parameters that are not supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Handling {
    /// `handling=lenient`, and without a preference: ignored, and reported in the searchset.
    #[default]
    Lenient,
    /// `handling=strict`: refused.
    Strict,
}

impl Preferences {
    /// Reads all `Prefer` lines of a request. Of one preference said twice the first counts
    /// (RFC 7240 section 2).
    #[must_use]
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut representation, mut handling) = (None, None);
        for preference in lines.into_iter().flat_map(|line| line.split([',', ';'])) {
            let Some((name, value)) = preference.split_once('=') else {
                continue;
            };
            let value = value.trim().trim_matches('"');
            if name.trim().eq_ignore_ascii_case("return") {
                representation = representation.or(Return::parse(value));
            } else if name.trim().eq_ignore_ascii_case("handling") {
                handling = handling.or(Handling::parse(value));
            }
        }
        Self {
            representation: representation.unwrap_or_default(),
            handling: handling.unwrap_or_default(),
        }
    }
}

impl Return {
    fn parse(value: &str) -> Option<Self> {
        match value {
            "minimal" => Some(Self::Minimal),
            "representation" => Some(Self::Representation),
            "OperationOutcome" => Some(Self::OperationOutcome),
            _ => None,
        }
    }
}

impl Handling {
    fn parse(value: &str) -> Option<Self> {
        match value {
            "lenient" => Some(Self::Lenient),
            "strict" => Some(Self::Strict),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_from_all_lines() {
        let read = |lines: &[&str]| {
            let preferences = Preferences::parse(lines.iter().copied());
            (preferences.representation, preferences.handling)
        };
        assert_eq!(read(&[]), (Return::Minimal, Handling::Lenient));
        assert_eq!(
            read(&["respond-async, return=representation; handling=strict"]),
            (Return::Representation, Handling::Strict)
        );
        assert_eq!(
            read(&["handling=\"strict\"", "Return = OperationOutcome"]),
            (Return::OperationOutcome, Handling::Strict)
        );
        // The first counts, and what nobody knows does not.
        assert_eq!(
            read(&[
                "return=everything, return=minimal, return=representation",
                "handling=loose"
            ]),
            (Return::Minimal, Handling::Lenient)
        );
    }
}
