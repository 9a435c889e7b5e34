//! An organization's own OpenID Provider: who we are there, and what its claims give a person here.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::{
    AssertionAudience, IssuerIdentifier, JurisdictionCode, Origin, RecordTypeName, ScopeText,
};

/// A provider that people may sign in at.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityProvider {
    /// Short name; the redirect URI to register there is `ORIGIN/login/with/NAME/callback`.
    pub name: String,
    /// What the button on the sign-in page says after "Sign in with".
    pub label: String,
    /// Its issuer identifier, to the letter as its metadata says it.
    pub issuer: IssuerIdentifier,
    /// Client identifier of our registration there.
    pub client_id: String,
    /// Client secret.
    pub client_secret_file: Option<Spanned<PathBuf>>,
    /// Private key, PEM, instead of a secret.
    pub private_key_file: Option<Spanned<PathBuf>>,
    /// Algorithm to sign with: RS256, RS384, PS256, ES256 or ES384.
    pub alg: Option<String>,
    /// Key identifier; absent means the key's thumbprint (RFC 7638).
    pub kid: Option<String>,
    /// What assertions are addressed to.
    #[serde(default)]
    pub assertion_audience: AssertionAudience,
    /// Scope to ask for; `openid` has to be in it.
    #[serde(default = "openid")]
    pub scope: String,
    /// Whether whoever signs in for the first time, with a role, becomes a person here. Otherwise
    /// `vitalgate user link` says who is who.
    #[serde(default)]
    pub create_users: bool,
    /// The claim that names a person who is made here.
    #[serde(default = "preferred_username")]
    pub username_claim: String,
    /// The claim with the person's groups or roles there; with a slash in front a JSON Pointer into the claims.
    pub role_claim: String,
    /// The role here of each group or role there.
    pub roles: BTreeMap<String, Spanned<String>>,
    /// Organization of everybody who signs in there.
    pub organization: Option<String>,
    /// The claim that names it, instead.
    pub organization_claim: Option<String>,
    /// Roles whose people reach the records of every organization.
    #[serde(default)]
    pub all_organizations_for: Vec<String>,
    /// Jurisdictions of everybody who signs in there.
    pub jurisdictions: Option<Vec<JurisdictionCode>>,
    /// The claim that lists them, instead.
    pub jurisdictions_claim: Option<String>,
    /// Record types of everybody who signs in there.
    pub record_types: Option<Vec<RecordTypeName>>,
    /// The claim that lists them, instead.
    pub record_types_claim: Option<String>,
    /// The most that a person can allow a client.
    pub user_scope: ScopeText,
    /// The same for single roles, instead.
    #[serde(default)]
    pub user_scopes: BTreeMap<String, ScopeText>,
    /// Values of the claims `amr` or `acr` of which one says that a second factor was given there.
    #[serde(default)]
    pub satisfies_second_factor: Vec<String>,
    /// Whether signing out here goes on to sign out there.
    #[serde(default)]
    pub sign_out_there: bool,
    /// Other origins that its sign-in redirects through.
    #[serde(default)]
    pub redirect_origins: Vec<Origin>,
}

fn openid() -> String {
    "openid".to_owned()
}

fn preferred_username() -> String {
    "preferred_username".to_owned()
}
