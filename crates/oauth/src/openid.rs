//! Metadata of OpenID Providers: OpenID Connect Discovery 1.0 section 3, RFC 9207 section 3, OpenID Connect
//! RP-Initiated Logout 1.0 section 2.1.

use serde::Deserialize;

/// What an OpenID Provider says about itself, as far as a relying party that uses the code flow needs it.
/// Whoever reads it has to check that `issuer` is the one asked for, to the letter (Discovery section 4.3):
/// otherwise one provider could pass for another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct OpenIdProviderMetadata {
    /// The issuer identifier, which its ID Tokens name.
    pub issuer: String,
    /// RFC 6749 section 3.1.
    pub authorization_endpoint: Option<String>,
    /// RFC 6749 section 3.2.
    pub token_endpoint: Option<String>,
    /// The keys of its ID Tokens, RFC 7517 section 5.
    pub jwks_uri: Option<String>,
    /// Where a relying party sends people to sign out there too.
    pub end_session_endpoint: Option<String>,
    /// Absent means `client_secret_basic`.
    #[serde(default)]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// RFC 9207 section 3; absent means no.
    pub authorization_response_iss_parameter_supported: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strict;

    // The example of section 4.2, shortened, with members that a relying party of ours has no use for.
    #[test]
    fn openid_connect_discovery_section_4_2() {
        let text = br#"{"issuer": "https://server.example.com",
            "authorization_endpoint": "https://server.example.com/connect/authorize",
            "token_endpoint": "https://server.example.com/connect/token",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
            "userinfo_endpoint": "https://server.example.com/connect/userinfo",
            "end_session_endpoint": "https://server.example.com/connect/end_session",
            "jwks_uri": "https://server.example.com/jwks.json",
            "subject_types_supported": ["public", "pairwise"],
            "claims_parameter_supported": true}"#;
        let read: Option<OpenIdProviderMetadata> = strict::read(text);
        let expected = OpenIdProviderMetadata {
            issuer: "https://server.example.com".to_owned(),
            authorization_endpoint: Some("https://server.example.com/connect/authorize".to_owned()),
            token_endpoint: Some("https://server.example.com/connect/token".to_owned()),
            jwks_uri: Some("https://server.example.com/jwks.json".to_owned()),
            end_session_endpoint: Some("https://server.example.com/connect/end_session".to_owned()),
            token_endpoint_auth_methods_supported: vec![
                "client_secret_basic".to_owned(),
                "private_key_jwt".to_owned(),
            ],
            authorization_response_iss_parameter_supported: None,
        };
        assert_eq!(read, Some(expected));
    }

    #[test]
    fn refused_documents() {
        let texts: [&[u8]; 4] = [
            b"{}",
            br#"{"issuer":["https://server.example.com"]}"#,
            br#"{"issuer":"a","issuer":"b"}"#,
            br#"{"issuer":"a","jwks_uri":1}"#,
        ];
        for text in texts {
            assert_eq!(strict::read::<OpenIdProviderMetadata>(text), None);
        }
    }
}
