//! The words of RFC 6749 and its companions: every string of the wire is parsed here, strictly,
//! into a type that can only hold what its clause allows. No I/O, no clock of its own: time and
//! randomness are parameters.
//!
//! | module | implements |
//! |---|---|
//! | [`bearer`] | bearer tokens in requests: RFC 6750 section 2.1 |
//! | [`basic`] | HTTP Basic client credentials: RFC 6749 section 2.3.1, RFC 7617 |
//! | [`challenge`] | RFC 6750 section 3, RFC 9110 section 11, RFC 9728 section 5.1 |
//! | [`error`] | error codes: RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750, RFC 7009, RFC 8707 |
//! | [`form`] | parameters: RFC 6749 section 3 and appendix B |
//! | [`introspection`] | RFC 7662 section 2.2 with this project's members |
//! | [`jose`] | JWS, JWK, JWT: RFC 7515, 7517, 7518, 7519, 7638, 8725 |
//! | [`jose::issued`] | JWTs of our own: RFC 9068 section 2.1, RFC 9701 section 5 |
//! | [`jose::client_assertion`] | RFC 7521 and RFC 7523 as updated by RFC 10070 (November 2026) |
//! | [`jose::id_token`] | ID Tokens: OpenID Connect Core 1.0 sections 2 and 3.1.3.7 |
//! | [`metadata`] | authorization server metadata: RFC 8414, RFC 9207 section 3 |
//! | [`openid`] | metadata of OpenID Providers: OpenID Connect Discovery 1.0 section 3 |
//! | [`pkce`] | RFC 7636, S256 only (RFC 9700 section 2.1.1) |
//! | [`redirect_uri`] | RFC 6749 section 3.1.2, RFC 8252 section 7.3, RFC 9700 section 2.1 |
//! | [`scope`] | RFC 6749 section 3.3; SMART App Launch 2.2.0 scopes, and those of 1.0.0 |
//! | [`secret`] | tokens, codes and secrets, and their hashes |
//! | [`strict`] | JSON without repeated members: RFC 8725 section 2.4 |
//! | [`token`] | token responses: RFC 6749 section 5.1 |

pub mod basic;
pub mod bearer;
pub mod challenge;
pub mod error;
pub mod form;
pub mod introspection;
pub mod jose;
pub mod metadata;
pub mod openid;
pub mod pkce;
pub mod random;
pub mod redirect_uri;
pub mod scope;
pub mod secret;
pub mod strict;
pub mod token;

pub use basic::BasicCredentials;
pub use challenge::BearerChallenge;
pub use error::{Error, ErrorCode};
pub use form::Parameters;
pub use introspection::IntrospectionResponse;
pub use metadata::AuthorizationServerMetadata;
pub use random::Random;
pub use redirect_uri::RegisteredRedirectUri;
pub use scope::{Actor, Permission, Scope};
pub use secret::{Secret, SecretHash};
pub use token::TokenResponse;
