//! What an operator says about an organization's own OpenID Provider: who we are there, and what its claims give.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use oauth::jose::SigningKey;
use oauth::{Scope, Secret};
use url::Url;

/// An OpenID Provider that people may sign in at.
#[derive(Debug, Clone)]
pub struct IdentityProvider {
    /// A short name, in our own addresses: `/login/with/NAME/callback`.
    pub name: String,
    /// What the button on the sign-in page names.
    pub label: String,
    /// Its issuer identifier, to the letter (OpenID Connect Discovery 1.0 section 4.3).
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// How we prove it.
    pub credentials: Credentials,
    /// The scope that we ask for; `openid` is in it.
    pub scope: String,
    /// What its claims give a person here.
    pub mapping: Mapping,
    /// Whether whoever signs in for the first time becomes a person here.
    pub create_users: bool,
    /// Values of `amr` or `acr` of which one says that a second factor was given there.
    pub satisfies_second_factor: Vec<String>,
    /// Whether signing out here goes on to sign out there.
    pub sign_out_there: bool,
    /// Other origins that its sign-in redirects through, beside its own.
    pub redirect_origins: Vec<Url>,
}

/// How we authenticate at the token endpoint of an OpenID Provider.
#[derive(Clone)]
pub enum Credentials {
    /// `client_secret_basic`, or `client_secret_post` where its metadata knows only that.
    Secret(Arc<Secret>),
    /// `private_key_jwt`.
    PrivateKey {
        /// What we sign with.
        key: Arc<SigningKey>,
        /// Whether assertions are addressed to the token endpoint and not to the issuer (RFC 10070).
        token_endpoint_style: bool,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret",
            Self::PrivateKey { .. } => "PrivateKey",
        })
    }
}

/// What the claims of a person give.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// The claim that names a person who is made here.
    pub username_claim: String,
    /// The claim with the person's groups or roles there.
    pub role_claim: String,
    /// The role here of each group or role there. Whoever has none of them is refused, and whoever has several
    /// that differ too.
    pub roles: BTreeMap<String, String>,
    /// On whose behalf the person acts.
    pub organization: Given<String>,
    /// Roles whose people reach the records of every organization.
    pub all_organizations_for: Vec<String>,
    /// Jurisdictions.
    pub jurisdictions: Given<Vec<String>>,
    /// `birth`, `fetal-death`.
    pub record_types: Given<Vec<String>>,
    /// The most that a person of any role can allow a client.
    pub user_scope: Scope,
    /// The same for single roles, instead.
    pub user_scopes: BTreeMap<String, Scope>,
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub enum Given<T> {
    /// The configuration: the same for everybody.
    Fixed(T),
    /// A claim of this name, or of this JSON Pointer (RFC 6901) if it begins with a slash.
    Claim(String),
}
