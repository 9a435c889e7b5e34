//! Authorization server metadata: RFC 8414 section 2, RFC 9207 section 3.

use serde::{Deserialize, Serialize};

/// What an authorization server says about itself. Whoever reads it has to check that `issuer` is
/// the one asked for, to the letter (RFC 8414 section 3.3): otherwise one server could pass for
/// another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationServerMetadata {
    /// The issuer identifier.
    pub issuer: String,
    /// RFC 6749 section 3.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_endpoint: Option<String>,
    /// RFC 6749 section 3.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<String>,
    /// RFC 7517 section 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// RFC 7591.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_endpoint: Option<String>,
    /// RFC 6749 section 3.3.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes_supported: Vec<String>,
    /// The one list that the section requires.
    #[serde(default)]
    pub response_types_supported: Vec<String>,
    /// `query`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_modes_supported: Vec<String>,
    /// Absent means `authorization_code` and `implicit`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grant_types_supported: Vec<String>,
    /// Absent means `client_secret_basic`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// The JWS algorithms of client assertions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// A page for developers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_documentation: Option<String>,
    /// RFC 7009.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// Absent means `client_secret_basic`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    /// The JWS algorithms of client assertions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revocation_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// RFC 7662.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introspection_endpoint: Option<String>,
    /// How resource servers authenticate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub introspection_endpoint_auth_methods_supported: Vec<String>,
    /// The JWS algorithms of client assertions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub introspection_endpoint_auth_signing_alg_values_supported: Vec<String>,
    /// RFC 9701 section 7.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub introspection_signing_alg_values_supported: Vec<String>,
    /// RFC 9126 section 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_authorization_request_endpoint: Option<String>,
    /// RFC 9126 section 5; absent means no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_pushed_authorization_requests: Option<bool>,
    /// RFC 7636; absent means no PKCE.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub code_challenge_methods_supported: Vec<String>,
    /// OpenID Connect Discovery section 3: what `acr_values` may name (RFC 9470 section 7).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acr_values_supported: Vec<String>,
    /// RFC 9207 section 3; absent means no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_response_iss_parameter_supported: Option<bool>,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    // The example of section 3.2, shortened, with a member that a client must ignore.
    #[test]
    fn rfc8414_section_3_2() {
        let text = r#"{"issuer":"https://server.example.com",
            "authorization_endpoint":"https://server.example.com/authorize",
            "token_endpoint":"https://server.example.com/token",
            "token_endpoint_auth_methods_supported":["client_secret_basic","private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported":["RS256","ES256"],
            "userinfo_endpoint":"https://server.example.com/userinfo",
            "jwks_uri":"https://server.example.com/jwks.json",
            "response_types_supported":["code","code token"]}"#;
        let metadata: AuthorizationServerMetadata = serde_json::from_str(text).unwrap();
        assert_eq!(metadata.issuer, "https://server.example.com");
        assert_eq!(
            metadata.token_endpoint.as_deref(),
            Some("https://server.example.com/token")
        );
        assert_eq!(metadata.response_types_supported, ["code", "code token"]);
        assert_eq!(metadata.introspection_endpoint, None);
        let json = serde_json::to_string(&metadata).unwrap();
        assert_eq!(
            serde_json::from_str::<AuthorizationServerMetadata>(&json).unwrap(),
            metadata
        );
    }

    // RFC 8414 section 3.2: claims with no values are left out, but for the required one.
    #[test]
    fn absent_members_are_not_written() {
        let metadata = AuthorizationServerMetadata::default();
        let json = serde_json::to_string(&metadata).unwrap();
        assert_eq!(json, r#"{"issuer":"","response_types_supported":[]}"#);
    }

    #[test]
    fn refused_documents() {
        for text in [
            "{}",
            r#"{"issuer":1}"#,
            r#"{"issuer":"a","issuer":"b"}"#,
            r#"{"issuer":"a","token_endpoint":["b"]}"#,
            r#"{"issuer":"a","grant_types_supported":"authorization_code"}"#,
        ] {
            assert!(
                serde_json::from_str::<AuthorizationServerMetadata>(text).is_err(),
                "{text}"
            );
        }
    }
}
