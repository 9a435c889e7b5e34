//! What is registered: clients, resource servers, resource owners, and the rights they carry.

mod profile;

use jiff::{SignedDuration, Timestamp};
use oauth::Scope;
use oauth::jose::Algorithm;

pub use profile::{Profile, Protocol, Rules};

/// A registered client (RFC 6749 section 2).
#[derive(Debug, Clone)]
pub struct Client {
    /// `client_id`, of `A-Za-z0-9-._~`.
    pub client_id: String,
    /// Shown on the consent page.
    pub name: String,
    /// The one method it may authenticate with.
    pub authentication: ClientAuthenticationMethod,
    /// The audience its assertions carry.
    pub assertion_audience: AssertionAudience,
    /// How it speaks the protocol.
    pub protocol: Protocol,
    /// Grants it may use.
    pub grant_types: Vec<GrantType>,
    /// Compared as strings (RFC 9700 section 2.1).
    pub redirect_uris: Vec<String>,
    /// The most it may be granted, and what an absent `scope` means.
    pub scope: Scope,
    /// FHIR base URLs it may have tokens for.
    pub audiences: Vec<String>,
    /// What its tokens reach.
    pub rights: Rights,
    /// Public keys given at registration, a JWK set as JSON text.
    pub jwks: Option<String>,
    /// Where to fetch the public keys instead.
    pub jwks_uri: Option<String>,
    /// Overrides the server's setting.
    pub access_token_lifetime: Option<SignedDuration>,
    /// A disabled client can do nothing, and its tokens are inactive.
    pub disabled: bool,
    /// For the operator.
    pub note: Option<String>,
    /// When it was registered.
    pub created: Timestamp,
}

/// `token_endpoint_auth_method` (RFC 7591 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientAuthenticationMethod {
    /// A public client.
    None,
    /// RFC 6749 section 2.3.1, HTTP Basic.
    ClientSecretBasic,
    /// RFC 6749 section 2.3.1, in the body.
    ClientSecretPost,
    /// RFC 7523 section 2.2.
    PrivateKeyJwt,
}

/// Which audience a client's assertions must carry (RFC 10070; SMART App Launch 2.2 differs).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AssertionAudience {
    /// The issuer identifier, and `typ` is `client-authentication+jwt`.
    #[default]
    Issuer,
    /// The address of the token endpoint.
    TokenEndpoint,
}

/// `grant_types` (RFC 7591 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GrantType {
    /// RFC 6749 section 4.1.
    AuthorizationCode,
    /// RFC 6749 section 4.4.
    ClientCredentials,
    /// RFC 6749 section 6.
    RefreshToken,
}

/// What tokens reach beyond their scope. Absent means none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// On whose behalf it acts.
    pub organization: Option<String>,
    /// Whether records of other organizations are reached too.
    pub organization_access: OrganizationAccess,
    /// Two-letter (or `YC`) jurisdiction codes.
    pub jurisdictions: Vec<String>,
    /// `birth`, `fetal-death`.
    pub record_types: Vec<String>,
    /// Facilities within the organization, by NPI or another identifier; `None` is all of them, an empty
    /// list none.
    pub facilities: Option<Vec<String>>,
}

/// Whose records are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OrganizationAccess {
    /// Those that its own organization submitted or is addressed by.
    #[default]
    Own,
    /// Those of every organization.
    All,
}

/// A resource server whose tokens this server issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceServerEntry {
    /// Its FHIR base URL.
    pub audience: String,
    /// For the operator.
    pub name: String,
    /// The client that introspects for it.
    pub introspection_client_id: String,
    /// Who runs it.
    pub organization: String,
    /// `None`: its tokens are opaque. Else they are JWTs (RFC 9068) signed with this algorithm.
    pub access_token_signing_alg: Option<Algorithm>,
    /// When it was registered.
    pub created: Timestamp,
}

/// A person who signs in here (RFC 6749 section 1.1).
#[derive(Debug, Clone)]
pub struct ResourceOwner {
    /// `sub`; its form can never equal a `client_id` (RFC 9700 section 4.15).
    pub id: String,
    /// What the person types.
    pub username: String,
    /// For the operator and the pages: for instance `registrar`.
    pub role: String,
    /// The most that may be granted on this person's behalf.
    pub scope: Scope,
    /// What tokens of this person reach at most.
    pub rights: Rights,
    /// Cannot sign in, and all tokens are inactive.
    pub disabled: bool,
    /// Whether the password has fewer than 15 characters and so counts with a second factor only.
    pub short_password: bool,
    /// For the operator.
    pub note: Option<String>,
    /// When the account was made.
    pub created: Timestamp,
}

impl Rights {
    /// What both allow. Different organizations have nothing in common; `all` yields to the other side.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        use OrganizationAccess::{All, Own};
        let (organization, organization_access) =
            match (self.organization_access, other.organization_access) {
                (All, access) => (other.organization.clone(), access),
                (Own, All) => (self.organization.clone(), Own),
                (Own, Own) if self.organization == other.organization => {
                    (self.organization.clone(), Own)
                }
                (Own, Own) => (None, Own),
            };
        Self {
            organization,
            organization_access,
            jurisdictions: common(&self.jurisdictions, &other.jurisdictions),
            record_types: common(&self.record_types, &other.record_types),
            facilities: match (&self.facilities, &other.facilities) {
                (None, limit) | (limit, None) => limit.clone(),
                (Some(left), Some(right)) => Some(common(left, right)),
            },
        }
    }
}

fn common(left: &[String], right: &[String]) -> Vec<String> {
    left.iter()
        .filter(|item| right.contains(item))
        .cloned()
        .collect()
}

impl ClientAuthenticationMethod {
    /// All methods, as the metadata lists them.
    pub const ALL: [Self; 4] = [
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::PrivateKeyJwt,
        Self::None,
    ];

    /// Whether it proves itself by a secret.
    #[must_use]
    pub fn uses_secret(self) -> bool {
        match self {
            Self::ClientSecretBasic | Self::ClientSecretPost => true,
            Self::None | Self::PrivateKeyJwt => false,
        }
    }

    /// The registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
        }
    }

    /// Reads the registered name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}

impl AssertionAudience {
    /// `issuer` or `token_endpoint`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::TokenEndpoint => "token_endpoint",
        }
    }

    /// Reads `issuer` or `token_endpoint`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Issuer, Self::TokenEndpoint]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

impl GrantType {
    /// All grants, as the metadata lists them.
    pub const ALL: [Self; 3] = [
        Self::AuthorizationCode,
        Self::ClientCredentials,
        Self::RefreshToken,
    ];

    /// The registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
            Self::RefreshToken => "refresh_token",
        }
    }

    /// Reads the registered name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == name)
    }
}

impl OrganizationAccess {
    /// `own` or `all`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::All => "all",
        }
    }

    /// Reads `own` or `all`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Own, Self::All]
            .into_iter()
            .find(|access| access.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(organization: Option<&str>, access: OrganizationAccess, codes: &[&str]) -> Rights {
        Rights {
            organization: organization.map(str::to_owned),
            organization_access: access,
            jurisdictions: codes.iter().map(|code| (*code).to_owned()).collect(),
            record_types: vec!["birth".to_owned()],
            facilities: None,
        }
    }

    #[test]
    fn rights_meet_in_what_both_have() {
        use OrganizationAccess::{All, Own};
        let rows = [
            (Some("a"), Own, Some("a"), Own, Some("a"), Own),
            (Some("a"), Own, Some("b"), Own, None, Own),
            (Some("a"), Own, None, Own, None, Own),
            (Some("a"), All, Some("b"), Own, Some("b"), Own),
            (Some("a"), Own, Some("b"), All, Some("a"), Own),
            (Some("a"), All, Some("b"), All, Some("b"), All),
            (None, All, Some("b"), All, Some("b"), All),
            (None, Own, None, Own, None, Own),
        ];
        for (left, left_access, right, right_access, organization, access) in rows {
            let left = rights(left, left_access, &["MA", "NH"]);
            let both = left.intersect(&rights(right, right_access, &["NH", "NY"]));
            assert_eq!(both, rights(organization, access, &["NH"]));
        }
    }

    #[test]
    fn facilities_meet_in_what_both_have() {
        let limited = |list: Option<&[&str]>| Rights {
            facilities: list.map(|list| list.iter().map(|it| (*it).to_owned()).collect()),
            ..Rights::default()
        };
        let rows: &[[Option<&[&str]>; 3]] = &[
            [None, None, None],
            [Some(&["1"]), None, Some(&["1"])],
            [None, Some(&[]), Some(&[])],
            [Some(&["1", "2"]), Some(&["2", "3"]), Some(&["2"])],
            [Some(&["1"]), Some(&["2"]), Some(&[])],
        ];
        for [left, right, both] in rows {
            let met = limited(*left).intersect(&limited(*right));
            assert_eq!(met.facilities, limited(*both).facilities);
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for method in ClientAuthenticationMethod::ALL {
            assert_eq!(
                ClientAuthenticationMethod::parse(method.as_str()),
                Some(method)
            );
        }
        for grant in GrantType::ALL {
            assert_eq!(GrantType::parse(grant.as_str()), Some(grant));
        }
        assert_eq!(GrantType::parse("password"), None);
        assert_eq!(
            AssertionAudience::parse("issuer"),
            Some(AssertionAudience::Issuer)
        );
        assert_eq!(OrganizationAccess::parse("ALL"), None);
    }
}
