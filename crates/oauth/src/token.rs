//! The token endpoint's successful answer: RFC 6749 section 5.1.

use std::fmt;

use serde::{Deserialize, Serialize};

/// RFC 6749 section 5.1. Goes over the wire and nowhere else: shows no token in `Debug`. Whoever
/// keeps a token moves it into a [`crate::Secret`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: String,
    /// `Bearer`, compared without regard to case.
    pub token_type: String,
    /// The access token's lifetime in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// RFC 6749 section 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// What was granted; absent if it is what was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("token_type", &self.token_type)
            .field("expires_in", &self.expires_in)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    // The example answer of the section, with a parameter that a client must ignore.
    #[test]
    fn rfc6749_section_5_1() {
        let text = r#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"example",
            "expires_in":3600,"refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA",
            "example_parameter":"example_value"}"#;
        let response: TokenResponse = serde_json::from_str(text).unwrap();
        assert_eq!(response.access_token, "2YotnFZFEjr1zCsicMWpAA");
        assert_eq!(response.token_type, "example");
        assert_eq!(response.expires_in, Some(3600));
        assert_eq!(
            response.refresh_token.as_deref(),
            Some("tGzv3JOkF0XG5Qx2TlKWIA")
        );
        assert_eq!(response.scope, None);
    }

    #[test]
    fn absent_members_are_not_written() {
        let response = TokenResponse {
            access_token: "a".to_owned(),
            token_type: "Bearer".to_owned(),
            expires_in: None,
            refresh_token: None,
            scope: None,
        };
        let json = serde_json::to_string(&response).unwrap();
        assert_eq!(json, r#"{"access_token":"a","token_type":"Bearer"}"#);
    }

    #[test]
    fn debug_shows_no_token() {
        let text = r#"{"access_token":"hunter2","token_type":"Bearer","refresh_token":"hunter3"}"#;
        let response: TokenResponse = serde_json::from_str(text).unwrap();
        assert!(!format!("{response:?}").contains("hunter"));
    }

    #[test]
    fn refused_answers() {
        for text in [
            r#"{"token_type":"Bearer"}"#,
            r#"{"access_token":"a"}"#,
            r#"{"access_token":1,"token_type":"Bearer"}"#,
            r#"{"access_token":"a","token_type":"Bearer","expires_in":"3600"}"#,
            r#"{"access_token":"a","token_type":"Bearer","expires_in":-1}"#,
            r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#,
        ] {
            assert!(
                serde_json::from_str::<TokenResponse>(text).is_err(),
                "{text}"
            );
        }
    }
}
