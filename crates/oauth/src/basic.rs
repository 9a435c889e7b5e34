//! HTTP Basic client credentials: RFC 6749 section 2.3.1 over RFC 7617 section 2.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{Error, ErrorCode, Secret, form};

/// A client id and secret as presented, unchecked.
#[derive(Debug)]
pub struct BasicCredentials {
    client_id: String,
    secret: Secret,
}

impl BasicCredentials {
    /// Reads the value of an `Authorization` header.
    ///
    /// # Errors
    /// `invalid_client` unless it is `Basic` and strict base64 of a form-encoded id, a colon and a
    /// form-encoded secret, neither of which holds a control character.
    pub fn parse(header: &str) -> Result<Self, Error> {
        Self::read(header).ok_or_else(|| {
            Error::new(
                ErrorCode::InvalidClient,
                "the Basic credentials are malformed",
            )
        })
    }

    fn read(header: &str) -> Option<Self> {
        let (scheme, encoded) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("Basic") {
            return None;
        }
        let pair = STANDARD.decode(encoded.trim_matches(' ')).ok()?;
        // The colon is looked for first: one that belongs to the id arrives as `%3A`.
        let colon = pair.iter().position(|byte| *byte == b':')?;
        let (id, secret) = pair.split_at(colon);
        let client_id = form::decode(id).filter(|id| !id.is_empty())?;
        let secret = form::decode(secret.get(1..)?)?;
        Some(Self {
            client_id,
            secret: Secret::received(secret),
        })
    }

    /// Writes the value of an `Authorization` header.
    #[must_use]
    pub fn header(client_id: &str, secret: &str) -> String {
        let encode = |text| utf8_percent_encode(text, ENCODED);
        format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", encode(client_id), encode(secret)))
        )
    }

    /// The client that it claims to be.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The secret it came with.
    #[must_use]
    pub fn into_secret(self) -> Secret {
        self.secret
    }
}

/// A space becomes `%20`, which every decoder understands; `+` is undone only by a form decoder.
/// The unreserved characters of RFC 3986 section 2.3 stay, so that servers that do not decode are
/// served too.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn parsed(header: &str) -> (String, String) {
        let credentials = BasicCredentials::parse(header).unwrap();
        (
            credentials.client_id().to_owned(),
            credentials.into_secret().expose().to_owned(),
        )
    }

    fn basic(pair: &[u8]) -> String {
        format!("Basic {}", STANDARD.encode(pair))
    }

    #[test]
    fn rfc6749_section_2_3_1() {
        let header = "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3";
        let expected = ("s6BhdRkqt3".to_owned(), "7Fjfp0ZBr1KtDRbnfVdmIw".to_owned());
        assert_eq!(parsed(header), expected);
        assert_eq!(
            BasicCredentials::header("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw"),
            header
        );
    }

    #[test]
    fn rfc7617_section_2() {
        let expected = ("Aladdin".to_owned(), "open sesame".to_owned());
        assert_eq!(parsed("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), expected);
    }

    // "test" and "123" with U+00A3, in UTF-8.
    #[test]
    fn rfc7617_section_2_1() {
        assert_eq!(
            parsed("Basic dGVzdDoxMjPCow=="),
            ("test".to_owned(), "123\u{a3}".to_owned())
        );
    }

    #[test]
    fn both_parts_are_form_encoded() {
        let expected = ("a:b".to_owned(), "c d+e%f".to_owned());
        assert_eq!(parsed(&basic(b"a%3Ab:c+d%2Be%25f")), expected);
        assert_eq!(
            parsed(&BasicCredentials::header("a:b", "c d+e%f")),
            expected
        );
        assert_eq!(parsed(&basic(b"a:b:c")), ("a".to_owned(), "b:c".to_owned()));
        assert_eq!(parsed(&basic(b"a:")), ("a".to_owned(), String::new()));
    }

    #[test]
    fn the_scheme_is_compared_without_case() {
        for header in ["basic YTpi", "BASIC YTpi", "Basic  YTpi", "Basic YTpi "] {
            assert_eq!(parsed(header), ("a".to_owned(), "b".to_owned()), "{header}");
        }
    }

    #[test]
    fn refusals() {
        let encoded = [
            basic(b":secret"),
            basic(b"no-colon"),
            basic(b"a%:b"),
            basic(b"a:b%zz"),
            basic(b"a:\xff"),
            basic(b"a\n:b"),
            basic(b"a:b%00"),
            basic(b""),
        ];
        let plain = [
            "",
            "Basic",
            "Basic ",
            "Bearer YTpi",
            "YTpi",
            "BasicYTpi",
            "Basic a:b",
        ];
        let base64 = [
            "Basic YTpi=",
            "Basic YTp",
            "Basic YTp_",
            "Basic YT pi",
            "Basic YTpiY===",
        ];
        // Bits beyond the last byte: another spelling of the same credentials.
        let bits = ["Basic YWE6Yh==", "Basic YWE6Yg"];
        let all = encoded
            .iter()
            .map(String::as_str)
            .chain(plain)
            .chain(base64)
            .chain(bits);
        for header in all {
            let error = BasicCredentials::parse(header).unwrap_err();
            assert_eq!(
                (error.code(), error.code().status()),
                (ErrorCode::InvalidClient, 401),
                "{header}"
            );
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let credentials = BasicCredentials::parse(&basic(b"a:hunter2")).unwrap();
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }
}
