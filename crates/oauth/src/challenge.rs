//! `WWW-Authenticate: Bearer`: RFC 6750 section 3 in the grammar of RFC 9110 section 11.6.1, with
//! `resource_metadata` of RFC 9728 section 5.1.

use std::fmt;

use crate::ErrorCode;

/// What a resource server asks of a client, or tells it about its token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BearerChallenge {
    /// RFC 9110 section 11.5.
    pub realm: Option<String>,
    /// Absent when the request had no token at all (RFC 6750 section 3.1).
    pub error: Option<ErrorCode>,
    /// For the client's developer.
    pub error_description: Option<String>,
    /// What would be needed.
    pub scope: Option<String>,
    /// Where the resource server describes itself.
    pub resource_metadata: Option<String>,
    /// Seconds since the sign-in, at most (RFC 9470 section 3).
    pub max_age: Option<String>,
}

impl BearerChallenge {
    /// Finds the Bearer challenge in the value of a `WWW-Authenticate` header, which may hold
    /// several challenges. Parameters and error codes that we do not know are ignored; `None` if
    /// there is none, or if the header does not follow the grammar that far.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let mut rest = Reader(header);
        let mut found: Option<Self> = None;
        while let Some(item) = rest.item()? {
            match (item, &mut found) {
                (Item::Scheme(scheme), None) if scheme.eq_ignore_ascii_case("Bearer") => {
                    found = Some(Self::default());
                }
                // The next challenge.
                (Item::Scheme(_), Some(_)) => return found,
                (Item::Parameter(name, value), Some(challenge)) => challenge.set(name, value)?,
                (Item::Scheme(_) | Item::Parameter(..), None) => {}
            }
        }
        found
    }

    /// `None` if it is already set: a parameter may be there once (RFC 6750 section 3).
    fn set(&mut self, name: &str, value: String) -> Option<()> {
        let field = match name.to_ascii_lowercase().as_str() {
            "realm" => &mut self.realm,
            "error_description" => &mut self.error_description,
            "scope" => &mut self.scope,
            "resource_metadata" => &mut self.resource_metadata,
            "max_age" => &mut self.max_age,
            "error" if self.error.is_some() => return None,
            "error" => {
                self.error = ErrorCode::parse(&value);
                return Some(());
            }
            _ => return Some(()),
        };
        field.replace(value).is_none().then_some(())
    }
}

/// The value of the header. What is not a visible ASCII character becomes `?`, so that no text in
/// it can end the header.
impl fmt::Display for BearerChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = [
            ("realm", self.realm.as_deref()),
            ("error", self.error.map(ErrorCode::as_str)),
            ("error_description", self.error_description.as_deref()),
            ("scope", self.scope.as_deref()),
            ("resource_metadata", self.resource_metadata.as_deref()),
            ("max_age", self.max_age.as_deref()),
        ];
        f.write_str("Bearer")?;
        let mut separator = " ";
        for (name, value) in parameters {
            let Some(value) = value else { continue };
            write!(f, "{separator}{name}=\"{}\"", Quoted(value))?;
            separator = ", ";
        }
        Ok(())
    }
}

/// The inside of a quoted-string: RFC 9110 section 5.6.4.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                ' '..='~' => write!(f, "{c}")?,
                _ => f.write_str("?")?,
            }
        }
        Ok(())
    }
}

/// One piece of a header.
enum Item<'a> {
    Scheme(&'a str),
    Parameter(&'a str, String),
}

/// What is left of a header. Every method gives `None` where the grammar is broken.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    /// The next piece; `Some(None)` at the end.
    fn item(&mut self) -> Option<Option<Item<'a>>> {
        self.0 = self.0.trim_start_matches([' ', '\t', ',']);
        if self.0.is_empty() {
            return Some(None);
        }
        let name = self.take_while(is_token_character);
        if name.is_empty() {
            return None;
        }
        let after_name = self.0.trim_start_matches([' ', '\t']);
        let Some(value) = after_name.strip_prefix('=') else {
            // A token68, as in `Negotiate abc`, reads like another scheme: it is not Bearer's.
            return Some(Some(Item::Scheme(name)));
        };
        self.0 = value.trim_start_matches([' ', '\t']);
        let value = if self.0.starts_with('"') {
            self.quoted()?
        } else {
            self.take_while(is_token_character).to_owned()
        };
        Some(Some(Item::Parameter(name, value)))
    }

    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut characters = self.0.strip_prefix('"')?.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => value.push(characters.next()?),
                c => value.push(c),
            }
        }
        self.0 = characters.as_str();
        Some(value)
    }

    fn take_while(&mut self, matches: fn(char) -> bool) -> &'a str {
        let end = self.0.find(|c| !matches(c)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }
}

/// RFC 9110 section 5.6.2.
fn is_token_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn text(value: &str) -> Option<String> {
        Some(value.to_owned())
    }

    #[test]
    fn rfc6750_section_3() {
        let bare = BearerChallenge {
            realm: text("example"),
            ..BearerChallenge::default()
        };
        assert_eq!(bare.to_string(), r#"Bearer realm="example""#);
        let challenge = BearerChallenge {
            error: Some(ErrorCode::InvalidToken),
            error_description: text("The access token expired"),
            ..bare
        };
        let header = "Bearer realm=\"example\", error=\"invalid_token\", \
            error_description=\"The access token expired\"";
        assert_eq!(challenge.to_string(), header);
        assert_eq!(BearerChallenge::parse(header), Some(challenge));
        assert_eq!(BearerChallenge::default().to_string(), "Bearer");
    }

    #[test]
    fn rfc9728_section_5_1() {
        let header = "Bearer resource_metadata=\
            \"https://resource.example.com/.well-known/oauth-protected-resource\"";
        let challenge = BearerChallenge::parse(header).unwrap();
        assert_eq!(challenge.to_string(), header);
    }

    // Two challenges in one header, with an escaped quotation mark.
    #[test]
    fn rfc9110_section_11_6_1() {
        let header =
            r#"Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\"""#;
        assert_eq!(BearerChallenge::parse(header), None);
        let header =
            format!(r#"{header}, bearer Scope = "a b" , error=invalid_token,, DPoP algs="ES256""#);
        let expected = BearerChallenge {
            error: Some(ErrorCode::InvalidToken),
            scope: text("a b"),
            ..BearerChallenge::default()
        };
        assert_eq!(BearerChallenge::parse(&header), Some(expected));
    }

    #[test]
    fn what_is_not_known_is_ignored() {
        let challenge = BearerChallenge::parse(r#"Bearer error="use_dpop_nonce", nonce="x""#);
        assert_eq!(challenge, Some(BearerChallenge::default()));
        assert_eq!(
            BearerChallenge::parse("Negotiate, Bearer"),
            Some(BearerChallenge::default())
        );
    }

    #[test]
    fn no_challenge() {
        for header in [
            "",
            "Basic realm=\"Bearer\"",
            "Basic x=\"Bearer realm=y",
            "Bearer realm=\"x",
            "Bearer realm=\"x\\",
            "Bearer (comment)",
            "Bearer realm=\"a\", realm=\"b\"",
            "Bearer error=\"invalid_token\", error=\"insufficient_scope\"",
            "Bearer \u{e9}",
        ] {
            assert_eq!(BearerChallenge::parse(header), None, "{header}");
        }
    }

    #[test]
    fn no_text_ends_the_header() {
        let challenge = BearerChallenge {
            error_description: text("a\"\\\r\nSet-Cookie: b=\u{e9}\0"),
            ..BearerChallenge::default()
        };
        let header = challenge.to_string();
        assert_eq!(
            header,
            r#"Bearer error_description="a\"\\??Set-Cookie: b=??""#
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(realm in "[ -~]{0,30}", scope in "[ -~]{0,30}") {
            let challenge = BearerChallenge {
                realm: Some(realm),
                error: Some(ErrorCode::InsufficientScope),
                scope: Some(scope),
                ..BearerChallenge::default()
            };
            prop_assert_eq!(BearerChallenge::parse(&challenge.to_string()), Some(challenge));
        }

        #[test]
        fn no_input_panics(header in ".*", tail in "[Bearer =\",\\\\a]{0,30}") {
            let _ = BearerChallenge::parse(&header);
            let _ = BearerChallenge::parse(&tail);
        }
    }
}
