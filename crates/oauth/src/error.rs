//! Error codes and error answers: RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1, RFC 7009
//! section 2.2.1, RFC 8707 section 2.

use std::borrow::Cow;
use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// An error code of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// RFC 6749 section 4.1.2.1: the resource owner or the server said no.
    AccessDenied,
    /// RFC 6750 section 3.1: the token is good, but not for this.
    InsufficientScope,
    /// RFC 9470 section 3: the token is good, but the sign-in behind it is too old.
    InsufficientUserAuthentication,
    /// RFC 6749 section 5.2: client authentication failed.
    InvalidClient,
    /// RFC 6749 section 5.2: the code, refresh token or redirect URI does not count.
    InvalidGrant,
    /// RFC 7591 section 3.2.2: a member of a registration is invalid or not allowed.
    InvalidClientMetadata,
    /// RFC 7591 section 3.2.2: a redirect URI is invalid or not allowed.
    InvalidRedirectUri,
    /// RFC 6749 section 5.2: a parameter is missing, repeated or malformed.
    InvalidRequest,
    /// RFC 9101 section 6.2, RFC 9126 section 2.2: the `request_uri` is unknown, used or expired.
    InvalidRequestUri,
    /// RFC 6749 section 5.2: unknown, malformed, or more than may be granted.
    InvalidScope,
    /// RFC 8707 section 2: the resource is not one that a token may be issued for.
    InvalidTarget,
    /// RFC 6750 section 3.1: expired, revoked, malformed or otherwise no good.
    InvalidToken,
    /// RFC 6749 section 4.1.2.1: something unforeseen, said by redirect where a 500 cannot be.
    ServerError,
    /// RFC 6749 section 4.1.2.1: later perhaps.
    TemporarilyUnavailable,
    /// RFC 6749 section 5.2: this client may not use this grant.
    UnauthorizedClient,
    /// RFC 6749 section 5.2: this server has no such grant.
    UnsupportedGrantType,
    /// RFC 6749 section 4.1.2.1: anything but `code`.
    UnsupportedResponseType,
    /// RFC 7009 section 2.2.1.
    UnsupportedTokenType,
    /// RFC 7591 section 3.2.2: software statements are not approved here.
    UnapprovedSoftwareStatement,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 19] = [
        Self::AccessDenied,
        Self::InsufficientScope,
        Self::InsufficientUserAuthentication,
        Self::InvalidClient,
        Self::InvalidGrant,
        Self::InvalidClientMetadata,
        Self::InvalidRedirectUri,
        Self::InvalidRequest,
        Self::InvalidRequestUri,
        Self::InvalidScope,
        Self::InvalidTarget,
        Self::InvalidToken,
        Self::ServerError,
        Self::TemporarilyUnavailable,
        Self::UnauthorizedClient,
        Self::UnsupportedGrantType,
        Self::UnsupportedResponseType,
        Self::UnsupportedTokenType,
        Self::UnapprovedSoftwareStatement,
    ];

    /// As it is written on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::InsufficientScope => "insufficient_scope",
            Self::InsufficientUserAuthentication => "insufficient_user_authentication",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidTarget => "invalid_target",
            Self::InvalidToken => "invalid_token",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::UnsupportedTokenType => "unsupported_token_type",
            Self::UnapprovedSoftwareStatement => "unapproved_software_statement",
        }
    }

    /// Reads a code of another server; `None` for one that we do not know.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }

    /// The HTTP status of an answer with this code: RFC 6749 section 5.2, RFC 6750 section 3.1, RFC
    /// 9110.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidClient | Self::InvalidToken | Self::InsufficientUserAuthentication => 401,
            Self::InsufficientScope => 403,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            _ => 400,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error answer. As JSON it is the object of RFC 6749 section 5.2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {description}")]
pub struct Error {
    code: ErrorCode,
    description: Cow<'static, str>,
}

impl Error {
    /// An error with words for the developer of the other side. Characters that RFC 6749 section
    /// 5.2 does not allow in `error_description` become `?`, so that no input echoed in it can
    /// break out of a header or a page.
    #[must_use]
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        let description = description.into();
        if description.chars().all(is_description_character) {
            return Self { code, description };
        }
        let clean = |c: char| if is_description_character(c) { c } else { '?' };
        Self {
            code,
            description: description.chars().map(clean).collect::<String>().into(),
        }
    }

    /// The code.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The words.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Error", 2)?;
        object.serialize_field("error", self.code.as_str())?;
        object.serialize_field("error_description", &self.description)?;
        object.end()
    }
}

/// RFC 6749 section 5.2: `%x20-21 / %x23-5B / %x5D-7E`.
pub(crate) fn is_description_character(c: char) -> bool {
    matches!(c, ' '..='!' | '#'..='[' | ']'..='~')
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn every_code_is_read_as_it_is_written() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), Some(code));
        }
        assert_eq!(ErrorCode::parse("Invalid_Client"), None);
        assert_eq!(ErrorCode::parse(""), None);
    }

    #[test]
    fn statuses_are_those_of_the_rfcs() {
        let of = |status| {
            ErrorCode::ALL
                .into_iter()
                .filter(move |code| code.status() == status)
        };
        assert!(of(401).eq([
            ErrorCode::InsufficientUserAuthentication,
            ErrorCode::InvalidClient,
            ErrorCode::InvalidToken
        ]));
        assert!(of(403).eq([ErrorCode::InsufficientScope]));
        assert!(of(500).eq([ErrorCode::ServerError]));
        assert!(of(503).eq([ErrorCode::TemporarilyUnavailable]));
        assert_eq!(of(400).count(), ErrorCode::ALL.len() - 6);
    }

    #[test]
    fn rfc6749_section_5_2() {
        let json =
            serde_json::to_string(&Error::new(ErrorCode::InvalidRequest, "no grant")).unwrap();
        assert_eq!(
            json,
            r#"{"error":"invalid_request","error_description":"no grant"}"#
        );
    }

    #[test]
    fn a_description_cannot_break_out_of_where_it_stands() {
        let error = Error::new(
            ErrorCode::InvalidScope,
            "a\"b\\c\r\nSet-Cookie: d\u{e9}\u{7f}".to_owned(),
        );
        assert_eq!(error.description(), "a?b?c??Set-Cookie: d??");
    }
}
