//! What the client role is built from: its peers, and who it is to each of them.

use std::fmt;

use oauth::jose::SigningKey;
use oauth::scope::Scope;
use oauth::secret::Secret;
use url::Url;

/// Settings of the client role of one party.
pub struct Config {
    /// The party's name: a label in logs, metrics and the cookie's name.
    pub party: String,
    /// The origin under which people reach this party, `https://host[:port]`.
    pub public_origin: Url,
    /// The party's own FHIR base, from which a person delivers hosted records.
    pub own_fhir: Option<FhirBase>,
    /// The organisations that we get tokens from and deliver to.
    pub peers: Vec<Peer>,
}

/// A receiver: its authorization server, its FHIR base, and our registrations there.
pub struct Peer {
    /// A short name, as in `--to NAME` and `/client/login?peer=NAME`.
    pub name: String,
    /// Its authorization server.
    pub issuer: Issuer,
    /// Its FHIR base: where records are delivered.
    pub fhir: FhirBase,
    /// Other FHIR bases that its tokens open, first of all the source's (our own).
    pub resources: Vec<FhirBase>,
    /// Our registration as an API user.
    pub api: Option<Registration>,
    /// Our registration for human users in a browser, at this party's web application.
    pub human: Option<Registration>,
    /// Our registration for human users at a command line (RFC 8252); where there is none, the
    /// browser's is used.
    pub native: Option<Registration>,
}

impl Peer {
    /// The audience that a URL belongs to, if it is one of this peer's. A token is sent nowhere
    /// else.
    #[must_use]
    pub fn audience_of(&self, url: &Url) -> Option<&FhirBase> {
        self.audiences().find(|base| base.contains(url))
    }

    /// The human users' registration of a client identifier.
    pub(crate) fn registration(&self, client_id: &str) -> Option<&Registration> {
        let mut both = self.human.iter().chain(&self.native);
        both.find(|registration| registration.client_id == client_id)
    }

    /// Every audience: the source's first, the receiver's last.
    pub fn audiences(&self) -> impl Iterator<Item = &FhirBase> {
        let receiver = self
            .resources
            .iter()
            .all(|base| *base != self.fhir)
            .then_some(&self.fhir);
        self.resources.iter().chain(receiver)
    }
}

/// One client registration at a peer.
pub struct Registration {
    /// The client identifier.
    pub client_id: String,
    /// How the client proves who it is.
    pub credentials: Credentials,
    /// The scope to ask for.
    pub scope: Scope,
    /// What client assertions are addressed to.
    pub assertion_audience: AssertionAudience,
    /// The registered redirect URI; human users only.
    pub redirect_uri: Option<Url>,
}

/// How a client authenticates at the token endpoint.
pub enum Credentials {
    /// `client_secret_basic`, RFC 6749 section 2.3.1.
    Secret(Secret),
    /// `private_key_jwt`, RFC 7523.
    PrivateKey(Box<SigningKey>),
    /// `none`: a public client, held to PKCE alone.
    Public,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Secret",
            Self::PrivateKey(_) => "PrivateKey",
            Self::Public => "Public",
        })
    }
}

/// The single audience of the client assertions that we sign. It is configured, never taken from
/// metadata: a hostile authorization server could otherwise have us sign an assertion for another
/// one (RFC 10070).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AssertionAudience {
    /// The issuer identifier, with `typ` `client-authentication+jwt`: RFC 10070.
    #[default]
    Issuer,
    /// The token endpoint's URL, for peers that still ask for it (SMART App Launch 2.2).
    TokenEndpoint,
}

/// An issuer identifier: an https URL without query and fragment, kept to the letter because it is
/// compared so (RFC 8414 section 3.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    url: Url,
}

impl Issuer {
    /// Reads an issuer identifier.
    ///
    /// # Errors
    /// When it is not an https URL, or has user information, a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        Ok(Self {
            text: text.to_owned(),
            url: https(text)?,
        })
    }

    /// The identifier to the letter.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where its metadata stands: the well-known part goes between host and path, RFC 8414
    /// section 3.1.
    #[must_use]
    pub fn metadata_url(&self) -> Url {
        let mut url = self.url.clone();
        let path = self.url.path().trim_end_matches('/');
        url.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
        url
    }

    /// Whether a URL is on the issuer's own origin.
    #[must_use]
    pub fn is_origin_of(&self, url: &Url) -> bool {
        self.url.origin() == url.origin()
    }
}

/// A FHIR base URL, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FhirBase(Url);

impl FhirBase {
    /// Reads a FHIR base URL; one trailing slash is dropped.
    ///
    /// # Errors
    /// When it is not an https URL, or has user information, a query or a fragment.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        https(text.strip_suffix('/').unwrap_or(text)).map(Self)
    }

    /// The base as it stands in `resource` and in tokens' audiences.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The URL type writes an origin with a slash at its end.
        self.0.as_str().trim_end_matches('/')
    }

    /// Whether a URL is the base or below it, on the same origin.
    #[must_use]
    pub fn contains(&self, url: &Url) -> bool {
        let base = self.0.path().trim_end_matches('/');
        let below = url.path().strip_prefix(base);
        self.0.origin() == url.origin()
            && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            && url.username().is_empty()
            && url.password().is_none()
    }

    /// The URL of a path below the base; each part is percent-encoded.
    #[must_use]
    pub fn join(&self, parts: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }
}

impl fmt::Display for FhirBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no address of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a URL at all.
    #[error("not an absolute URL")]
    NotAUrl,
    /// Another scheme.
    #[error("not an https URL")]
    NotHttps,
    /// Something that has no place in it.
    #[error("a URL with user information, a query or a fragment")]
    TooMuch,
}

fn https(text: &str) -> Result<Url, AddressError> {
    let url = Url::parse(text).map_err(|_| AddressError::NotAUrl)?;
    if url.scheme() != "https" {
        return Err(AddressError::NotHttps);
    }
    let named = !url.username().is_empty() || url.password().is_some();
    if named || url.query().is_some() || url.fragment().is_some() {
        return Err(AddressError::TooMuch);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn rfc8414_section_3_1_puts_the_well_known_part_before_the_path() {
        for (issuer, metadata) in [
            (
                "https://a.example",
                "https://a.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://a.example/",
                "https://a.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://a.example:8/x/",
                "https://a.example:8/.well-known/oauth-authorization-server/x",
            ),
        ] {
            let issuer = Issuer::parse(issuer).unwrap();
            assert_eq!(issuer.metadata_url().as_str(), metadata);
        }
        assert_eq!(
            Issuer::parse("https://a.example").unwrap().as_str(),
            "https://a.example"
        );
    }

    #[test]
    fn addresses_are_https_and_nothing_more() {
        for (text, error) in [
            ("http://a.example", AddressError::NotHttps),
            ("a.example", AddressError::NotAUrl),
            ("https://a.example?x", AddressError::TooMuch),
            ("https://a.example#x", AddressError::TooMuch),
            ("https://u@a.example", AddressError::TooMuch),
            ("https://:p@a.example", AddressError::TooMuch),
        ] {
            assert_eq!(Issuer::parse(text).unwrap_err(), error, "{text}");
            assert_eq!(FhirBase::parse(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn a_base_contains_what_is_below_it_and_nothing_beside_it() {
        let base = FhirBase::parse("https://a.example:8443/fhir/").unwrap();
        assert_eq!(base.as_str(), "https://a.example:8443/fhir");
        for inside in ["/fhir", "/fhir/", "/fhir/Bundle/1?x=y"] {
            assert!(
                base.contains(&url(&format!("https://a.example:8443{inside}"))),
                "{inside}"
            );
        }
        for outside in [
            "https://a.example:8443/fhirx",
            "https://a.example:8443/",
            "https://a.example:8443/fhir/../x",
            "https://a.example:8443/fhir/%2e%2e/x",
            "https://a.example/fhir/Bundle",
            "https://b.example:8443/fhir/Bundle",
            "https://a.example:8443@b.example/fhir/Bundle",
            "http://a.example:8443/fhir/Bundle",
            "https://u@a.example:8443/fhir/Bundle",
        ] {
            assert!(!base.contains(&url(outside)), "{outside}");
        }
    }

    #[test]
    fn joined_parts_are_encoded() {
        let base = FhirBase::parse("https://a.example/fhir").unwrap();
        let joined = base.join(&["Bundle", "a/../b", "$original"]);
        assert_eq!(
            joined.as_str(),
            "https://a.example/fhir/Bundle/a%2F..%2Fb/$original"
        );
        let root = FhirBase::parse("https://a.example").unwrap();
        assert_eq!(root.as_str(), "https://a.example");
        assert_eq!(root.join(&["Bundle"]).as_str(), "https://a.example/Bundle");
    }
}
