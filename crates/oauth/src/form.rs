//! Request parameters: `application/x-www-form-urlencoded` as RFC 6749 section 3 and appendix B use
//! it, in a query or a body, read strictly. What one reader of a request could take for two
//! different requests is refused.

use std::borrow::Cow;
use std::fmt;

use crate::{Error, ErrorCode};

/// The parameters of one request.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query or a body.
    ///
    /// # Errors
    /// `invalid_request` for a parameter that is there twice (RFC 6749 section 3.1; only `resource`
    /// may be, RFC 8707 section 2), a parameter without a name, more than 64 of them, a broken
    /// percent encoding, text that is not UTF-8, or control characters (RFC 6749 appendix A).
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let mut parameters = Self::default();
        for pair in text
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
        {
            if parameters.0.len() == MAX_PARAMETERS {
                return Err(invalid("too many parameters"));
            }
            let (name, value) = split(pair);
            let name = decode(name).ok_or_else(|| invalid("a parameter name is malformed"))?;
            if name.is_empty() {
                return Err(invalid("a parameter has no name"));
            }
            let value =
                decode(value).ok_or_else(|| invalid(format!("{} is malformed", told(&name))))?;
            if !REPEATABLE.contains(&name.as_str())
                && parameters.0.iter().any(|(it, _)| *it == name)
            {
                let description = format!("{} is there more than once", told(&name));
                return Err(invalid(description));
            }
            parameters.0.push((name, value));
        }
        Ok(parameters)
    }

    /// The names of all of them, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The value of a parameter. One without a value counts as absent (RFC 6749 section 3.1).
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// The values of a parameter that may be repeated.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.values(name).collect()
    }

    /// The value of a parameter that has to be there.
    ///
    /// # Errors
    /// `invalid_request` if it is not (RFC 6749 section 5.2).
    pub fn require(&self, name: &str) -> Result<&str, Error> {
        self.get(name)
            .ok_or_else(|| invalid(format!("the parameter {name} is missing")))
    }

    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self
            .0
            .iter()
            .filter(move |(it, value)| it == name && !value.is_empty());
        named.map(|(_, value)| value.as_str())
    }
}

/// Names only: the values are codes, secrets, assertions and passwords.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

/// Writes parameters for a query or a body (RFC 6749 appendix B).
#[must_use]
pub fn encode(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// Undoes the encoding of one name or value; `None` if it is broken or holds control characters.
///
/// The usual decoders keep a stray `%` as it is and replace bad UTF-8: two spellings of one value.
pub(crate) fn decode(encoded: &[u8]) -> Option<String> {
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        if *byte == b'%' && !(rest.next()?.is_ascii_hexdigit() && rest.next()?.is_ascii_hexdigit())
        {
            return None;
        }
    }
    let spaced: Vec<u8> = encoded
        .iter()
        .map(|b| if *b == b'+' { b' ' } else { *b })
        .collect();
    let bytes: Cow<'_, [u8]> = percent_encoding::percent_decode(&spaced).into();
    let text = String::from_utf8(bytes.into_owned()).ok()?;
    // RFC 6749 appendix A.15 and A.16 allow a tab in names and passwords of people.
    let refused = |c: char| c.is_ascii_control() && c != '\t';
    (!text.contains(refused)).then_some(text)
}

fn split(pair: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = pair.splitn(2, |byte| *byte == b'=');
    (
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default(),
    )
}

/// What a refusal calls a parameter. Only names of ours are repeated: who posts a bare token or a JSON text has
/// written it where the name stands, and the refusal goes into the audit.
fn told(name: &str) -> String {
    match NAMES.contains(&name) {
        true => format!("the parameter {name}"),
        false => "a parameter that is not known here".to_owned(),
    }
}

fn invalid(description: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorCode::InvalidRequest, description)
}

/// The only parameter of our requests that may be repeated: RFC 8707 section 2.
const REPEATABLE: [&str; 1] = ["resource"];
/// The parameters that our endpoints read.
const NAMES: [&str; 26] = [
    "aud",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "decision",
    "grant_type",
    "password",
    "prompt",
    "redirect_uri",
    "refresh_token",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "token",
    "token_type_hint",
    "username",
    "nonce",
];
/// More than any request has; bounds the search for duplicates.
const MAX_PARAMETERS: usize = 64;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn refusal(text: &[u8]) -> (ErrorCode, String) {
        let error = Parameters::parse(text).unwrap_err();
        (error.code(), error.description().to_owned())
    }

    // RFC 6749 section 4.1.3.
    #[test]
    fn rfc6749_section_4_1_3() {
        let text = b"grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA\
            &redirect_uri=https%3A%2F%2Fclient%2Eexample%2Ecom%2Fcb";
        let parameters = Parameters::parse(text).unwrap();
        assert_eq!(parameters.get("grant_type"), Some("authorization_code"));
        assert_eq!(
            parameters.require("redirect_uri"),
            Ok("https://client.example.com/cb")
        );
    }

    // RFC 6749 appendix B: U+0020, U+0025, U+0026, U+002B, U+00A3, U+20AC.
    #[test]
    fn rfc6749_appendix_b() {
        let parameters = Parameters::parse(b"a=+%25%26%2B%C2%A3%E2%82%AC").unwrap();
        assert_eq!(parameters.get("a"), Some(" %&+\u{a3}\u{20ac}"));
        assert_eq!(
            encode(&[("a", " %&+\u{a3}\u{20ac}")]),
            "a=+%25%26%2B%C2%A3%E2%82%AC"
        );
    }

    #[test]
    fn a_value_is_found_or_not() {
        let parameters = Parameters::parse(b"&a=1&&b=&c&d=x=y&a%62=2&").unwrap();
        assert_eq!(parameters.get("a"), Some("1"));
        assert_eq!(parameters.get("b"), None);
        assert_eq!(parameters.get("c"), None);
        assert_eq!(parameters.get("d"), Some("x=y"));
        assert_eq!(parameters.get("ab"), Some("2"));
        assert_eq!(parameters.get("A"), None);
        assert_eq!(Parameters::parse(b"").unwrap(), Parameters::default());
    }

    #[test]
    fn only_resource_may_be_repeated() {
        let parameters = Parameters::parse(b"resource=x&resource=&resource=y").unwrap();
        assert_eq!(parameters.all("resource"), ["x", "y"]);
        assert_eq!(parameters.all("scope"), [""; 0]);
    }

    #[test]
    fn a_missing_parameter_is_named() {
        let error = Parameters::parse(b"code=")
            .unwrap()
            .require("code")
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidRequest);
        assert_eq!(error.description(), "the parameter code is missing");
    }

    #[test]
    fn refusals() {
        let twice = "a parameter that is not known here is there more than once";
        let malformed = "a parameter that is not known here is malformed";
        let rows: &[(&[u8], &str)] = &[
            (b"a=1&a=2", twice),
            (b"a=1&a=1", twice),
            (b"a=&a=1", twice),
            (b"a&a", twice),
            (b"a=1&%61=2", twice),
            (
                b"scope=1&scope=2",
                "the parameter scope is there more than once",
            ),
            (b"scope=%", "the parameter scope is malformed"),
            (b"a=%", malformed),
            (b"a=%2", malformed),
            (b"a=%zz", malformed),
            (b"a=%2g", malformed),
            (b"a=%+1", malformed),
            (b"a=%%41", malformed),
            (b"a=%FF", malformed),
            (b"a=\xff", malformed),
            (b"a=%C2", malformed),
            (b"a=%C0%80", malformed),
            (b"a=%ED%A0%80", malformed),
            (b"a=%00", malformed),
            (b"a=\0", malformed),
            (b"a=%0D%0AX:+1", malformed),
            (b"a=\n", malformed),
            (b"a=%7F", malformed),
            (b"%0A=1", "a parameter name is malformed"),
            (b"%=1", "a parameter name is malformed"),
            (b"=1", "a parameter has no name"),
            (b"=", "a parameter has no name"),
        ];
        for (text, description) in rows {
            let expected = (ErrorCode::InvalidRequest, (*description).to_owned());
            assert_eq!(refusal(text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn at_most_64_parameters() {
        let text = |n: usize| {
            (0..n)
                .map(|i| format!("p{i}=1"))
                .collect::<Vec<_>>()
                .join("&")
        };
        assert!(Parameters::parse(text(64).as_bytes()).is_ok());
        assert_eq!(refusal(text(65).as_bytes()).1, "too many parameters");
        assert_eq!(
            refusal("resource=a&".repeat(65).as_bytes()).1,
            "too many parameters"
        );
    }

    #[test]
    fn a_password_may_hold_a_tab() {
        assert_eq!(
            Parameters::parse(b"p=a%09b").unwrap().get("p"),
            Some("a\tb")
        );
    }

    #[test]
    fn debug_shows_no_value() {
        let shown = format!("{:?}", Parameters::parse(b"code=hunter2").unwrap());
        assert_eq!(shown, r#"{"code"}"#);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value in "[^\\p{Cc}]{1,40}") {
            let text = encode(&[("state", &value), ("a&b=c", &value)]);
            let parameters = Parameters::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(parameters.get("state"), Some(value.as_str()));
            prop_assert_eq!(parameters.get("a&b=c"), Some(value.as_str()));
        }

        #[test]
        fn no_input_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Parameters::parse(&bytes);
        }
    }
}
