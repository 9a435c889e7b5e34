//! What a party tells its resource server: where it is, whom it trusts and how far.

use std::collections::BTreeMap;
use std::time::Duration;

use fhir::{Jurisdiction, RecordType};
use oauth::{Scope, Secret};
use url::Url;

pub use crate::validation::Validation;
pub use crate::withholding::{Rule as WithholdingRule, Withholding};

use crate::access_decision::{Role, is_facility};
use crate::sealing::RecordKeys;

/// Settings of one resource server. Start from [`Config::new`] and change what differs.
#[derive(Debug)]
pub struct Config {
    /// The party's short name, for logs, metrics and audit.
    pub party: String,
    /// The FHIR base URL as clients know it.
    pub fhir_base: Url,
    /// The audience that a token must name; the FHIR base URL unless an issuer needs another text.
    pub audience: String,
    /// The organisation that runs this server: the addressee of what others submit.
    pub organization: String,
    /// The party's own jurisdiction: taken by records that it hosts itself and that name none.
    pub jurisdiction: Option<Jurisdiction>,
    /// The authorization servers whose tokens count here, each with its limits.
    pub issuers: Vec<TrustedIssuer>,
    /// The keys that records are sealed under.
    pub record_keys: RecordKeys,
    /// What becomes of records with structural problems.
    pub validation: Validation,
    /// Whether an update must say with `If-Match` which version it changes (428 otherwise), so that nobody
    /// overwrites what he has not seen.
    pub require_if_match: bool,
    /// Which parts of records are withheld from whom.
    pub withholding: Withholding,
    /// The most entries of a batch or transaction; more are answered 413.
    pub max_batch_entries: usize,
    /// The largest request body, in bytes; larger ones are answered 413.
    pub max_body_bytes: usize,
    /// How long an active introspection answer may be used again. Zero (the default) asks every
    /// time; at most 5 s, because a revoked token lives that much longer.
    pub introspection_cache_max_age: Duration,
    /// Time for everything that introspection of one token may take: name resolution, connecting,
    /// the issuer's metadata and keys, a second try, and waiting for others who ask the same.
    pub introspection_deadline: Duration,
    /// Requests that may wait for one issuer at the same time; further ones are answered 503 at once.
    pub introspections_per_issuer: usize,
    /// Origins (`https://host[:port]`) whose scripts may read FHIR answers. None by default.
    pub cors_allowed_origins: Vec<String>,
}

/// An authorization server that this resource server trusts, and the most its tokens may do here.
#[derive(Debug)]
pub struct TrustedIssuer {
    /// The issuer identifier, letter for letter as the issuer writes it (RFC 8414 section 2).
    pub issuer: String,
    /// The part of its tokens before the underscore. `None` only where it is the single issuer.
    pub token_prefix: Option<String>,
    /// Where to introspect (RFC 7662). `None`: taken from the issuer's metadata (RFC 8414).
    pub introspection_endpoint: Option<Url>,
    /// How this resource server authenticates itself when it introspects.
    pub client_authentication: ClientAuthentication,
    /// The role of this issuer's people where its answers name none, because it knows no roles; `None`:
    /// they may do nothing then.
    pub default_role: Option<String>,
    /// Whether only signed introspection answers count (RFC 9701). There is no falling back.
    pub signed_introspection: bool,
    /// The most that this issuer's tokens reach.
    pub limits: IssuerLimits,
}

/// The resource server's own credential at an issuer (RFC 6749 section 2.3.1).
#[derive(Debug)]
pub struct ClientAuthentication {
    /// The identifier under which the issuer knows this resource server.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
}

/// The most that the tokens of one issuer may do, whatever the issuer says.
#[derive(Debug, Clone)]
pub struct IssuerLimits {
    /// The organisations whose tokens are let in.
    pub organizations: Allowed<String>,
    /// The jurisdictions whose records may be reached.
    pub jurisdictions: Allowed<Jurisdiction>,
    /// The record types that may be reached.
    pub record_types: Allowed<RecordType>,
    /// The facilities whose records may be reached, by NPI or another identifier. A record of no known
    /// facility is reached only where this is no limit.
    pub facilities: Allowed<String>,
    /// The most that people may do, by the name of their role; it narrows what the role may do anyway
    /// (see `access_decision::role`) and never widens it.
    pub roles: BTreeMap<String, Scope>,
    /// The widest scope; `None` adds no limit to the token's own.
    pub scope: Option<Scope>,
}

impl IssuerLimits {
    /// No limit beyond what the issuer itself says of a token.
    #[must_use]
    pub fn none() -> Self {
        Self {
            organizations: Allowed::Any,
            jurisdictions: Allowed::Any,
            record_types: Allowed::Any,
            facilities: Allowed::Any,
            roles: BTreeMap::new(),
            scope: None,
        }
    }
}

/// Everything, or what a list names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed<T> {
    /// No limit here.
    Any,
    /// Only these; an empty list allows nothing.
    Only(Vec<T>),
}

impl<T: PartialEq> Allowed<T> {
    /// Whether `value` is allowed.
    #[must_use]
    pub fn allows(&self, value: &T) -> bool {
        match self {
            Self::Any => true,
            Self::Only(list) => list.contains(value),
        }
    }
}

impl<T: PartialEq + Clone> Allowed<T> {
    /// What is left of a list in which absence means no limit; `None` if there is no limit at all.
    pub(crate) fn narrow(&self, list: Option<&[T]>) -> Option<Vec<T>> {
        match (self, list) {
            (Self::Any, list) => list.map(<[T]>::to_vec),
            (Self::Only(allowed), None) => Some(allowed.clone()),
            (Self::Only(allowed), Some(list)) => {
                let kept = list.iter().filter(|it| allowed.contains(it));
                Some(kept.cloned().collect())
            }
        }
    }
}

/// A setting that a resource server cannot work with.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Without an issuer nobody could ever be let in.
    #[error("a resource server needs at least one trusted issuer")]
    NoIssuer,
    /// Tokens are told apart by their prefix, so that no issuer sees another's live tokens.
    #[error("issuer {0} needs a token_prefix, because there is more than one issuer")]
    PrefixMissing(String),
    /// Two issuers whose tokens cannot be told apart.
    #[error("the token prefixes {0:?} and {1:?} cannot be told apart")]
    PrefixAmbiguous(String, String),
    /// A prefix outside of `A-Z a-z 0-9 - . _ ~`.
    #[error("the token prefix {0:?} has characters that a token cannot have")]
    PrefixCharacters(String),
    /// A cache that would keep revoked tokens alive for longer than is ever accepted.
    #[error("introspection_cache_max_age_s is at most {MAX_CACHE_AGE_S}")]
    CacheTooOld,
    /// A role that the table of roles does not have.
    #[error("{0:?} is no role")]
    Role(String),
    /// An entry that no `Origin` header can equal, or that would stand for several.
    #[error("{0:?} is no https origin")]
    Origin(String),
    /// A limit that no record could ever meet.
    #[error("{0:?} cannot name a facility")]
    Facility(String),
    /// The base URL is not one that clients can reach.
    #[error("fhir_base must be an https URL without query or fragment")]
    FhirBase,
}

impl Config {
    /// A configuration with the defaults: 10,000,000 bytes, no cache, 3 s for introspection.
    #[must_use]
    pub fn new(party: &str, fhir_base: Url, organization: &str, record_keys: RecordKeys) -> Self {
        Self {
            party: party.to_owned(),
            audience: fhir_base.as_str().trim_end_matches('/').to_owned(),
            fhir_base,
            organization: organization.to_owned(),
            jurisdiction: None,
            issuers: Vec::new(),
            record_keys,
            validation: Validation::default(),
            require_if_match: true,
            withholding: Withholding::default(),
            max_batch_entries: DEFAULT_MAX_BATCH_ENTRIES,
            max_body_bytes: DEFAULT_MAX_BODY_BYTES,
            introspection_cache_max_age: Duration::ZERO,
            introspection_deadline: DEFAULT_INTROSPECTION_DEADLINE,
            introspections_per_issuer: DEFAULT_INTROSPECTIONS_PER_ISSUER,
            cors_allowed_origins: Vec::new(),
        }
    }

    /// The FHIR base URL without a trailing slash, to put paths behind.
    pub(crate) fn base(&self) -> &str {
        self.fhir_base.as_str().trim_end_matches('/')
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let base = &self.fhir_base;
        if base.scheme() != "https" || base.query().is_some() || base.fragment().is_some() {
            return Err(ConfigError::FhirBase);
        }
        if self.introspection_cache_max_age > Duration::from_secs(MAX_CACHE_AGE_S) {
            return Err(ConfigError::CacheTooOld);
        }
        self.cors_allowed_origins
            .iter()
            .try_for_each(|it| check_origin(it))?;
        self.issuers.iter().try_for_each(TrustedIssuer::check)?;
        check_prefixes(&self.issuers)
    }
}

impl TrustedIssuer {
    fn check(&self) -> Result<(), ConfigError> {
        let mut roles = self.limits.roles.keys().chain(&self.default_role);
        if let Some(role) = roles.find(|role| Role::parse(role).is_none()) {
            return Err(ConfigError::Role(role.clone()));
        }
        let Allowed::Only(facilities) = &self.limits.facilities else {
            return Ok(());
        };
        match facilities.iter().find(|name| !is_facility(name)) {
            Some(name) => Err(ConfigError::Facility(name.clone())),
            None => Ok(()),
        }
    }
}

/// Compared to the letter with what browsers send (RFC 6454 section 6.2). `*` and `null` are none.
fn check_origin(text: &str) -> Result<(), ConfigError> {
    let url = Url::parse(text).ok();
    let same = |url: &Url| url.scheme() == "https" && url.origin().ascii_serialization() == text;
    match url.is_some_and(|url| same(&url)) {
        true => Ok(()),
        false => Err(ConfigError::Origin(text.to_owned())),
    }
}

/// Every token must lead to one issuer at most.
fn check_prefixes(issuers: &[TrustedIssuer]) -> Result<(), ConfigError> {
    if issuers.is_empty() {
        return Err(ConfigError::NoIssuer);
    }
    for (position, issuer) in issuers.iter().enumerate() {
        let Some(prefix) = &issuer.token_prefix else {
            if issuers.len() > 1 {
                return Err(ConfigError::PrefixMissing(issuer.issuer.clone()));
            }
            continue;
        };
        let unreserved = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        if prefix.is_empty() || !prefix.chars().all(unreserved) {
            return Err(ConfigError::PrefixCharacters(prefix.clone()));
        }
        let others = issuers.iter().skip(position + 1);
        for other in others.filter_map(|other| other.token_prefix.as_ref()) {
            let (one, two) = (format!("{prefix}_"), format!("{other}_"));
            if one.starts_with(&two) || two.starts_with(&one) {
                return Err(ConfigError::PrefixAmbiguous(prefix.clone(), other.clone()));
            }
        }
    }
    Ok(())
}

/// Each is audited and committed for itself: a thousand would hold up others.
const DEFAULT_MAX_BATCH_ENTRIES: usize = 100;

/// As large as the NVSS API takes; a batch of a hundred ordinary reports fits.
const DEFAULT_MAX_BODY_BYTES: usize = 10_000_000;

/// A caller waits at most this long for the issuer; then it is told to come again.
const DEFAULT_INTROSPECTION_DEADLINE: Duration = Duration::from_secs(3);

/// More than any one client has connections.
const DEFAULT_INTROSPECTIONS_PER_ISSUER: usize = 224;

/// RFC 7662 section 4: a cached answer delays revocation by its age.
const MAX_CACHE_AGE_S: u64 = 5;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn issuer(prefix: Option<&str>) -> TrustedIssuer {
        TrustedIssuer {
            issuer: "https://as.example".to_owned(),
            token_prefix: prefix.map(str::to_owned),
            introspection_endpoint: None,
            client_authentication: ClientAuthentication {
                client_id: "rs".to_owned(),
                client_secret: Secret::received("s".to_owned()),
            },
            default_role: None,
            signed_introspection: false,
            limits: IssuerLimits::none(),
        }
    }

    fn config(prefixes: &[Option<&str>]) -> Config {
        let base = Url::parse("https://rs.example/fhir").unwrap();
        let mut config = Config::new("ehr", base, "Hospital", RecordKeys::testing());
        config.issuers = prefixes.iter().map(|prefix| issuer(*prefix)).collect();
        config
    }

    #[test]
    fn prefixes_lead_to_one_issuer() {
        assert_eq!(config(&[None]).check(), Ok(()));
        assert_eq!(config(&[Some("vro"), Some("nchs")]).check(), Ok(()));
        assert_eq!(config(&[]).check(), Err(ConfigError::NoIssuer));
        let missing = config(&[Some("vro"), None]).check();
        assert!(
            matches!(missing, Err(ConfigError::PrefixMissing(_))),
            "{missing:?}"
        );
        for pair in [["vro", "vro"], ["vro", "vro_x"], ["vro_x", "vro"]] {
            let answer = config(&[Some(pair[0]), Some(pair[1])]).check();
            assert!(
                matches!(answer, Err(ConfigError::PrefixAmbiguous(..))),
                "{pair:?}"
            );
        }
        for wrong in ["", "a b", "é", "a/b"] {
            let answer = config(&[Some(wrong)]).check();
            assert!(
                matches!(answer, Err(ConfigError::PrefixCharacters(_))),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn a_cache_is_at_most_five_seconds_old() {
        let mut config = config(&[None]);
        config.introspection_cache_max_age = Duration::from_secs(5);
        assert_eq!(config.check(), Ok(()));
        config.introspection_cache_max_age = Duration::from_millis(5_001);
        assert_eq!(config.check(), Err(ConfigError::CacheTooOld));
    }

    #[test]
    fn what_would_mean_nothing_or_too_much_is_refused() {
        for wrong in ["*", "null", "http://a.example", "https://a.example/"] {
            let mut config = config(&[None]);
            config.cors_allowed_origins = vec![wrong.to_owned()];
            let refused = Err(ConfigError::Origin(wrong.to_owned()));
            assert_eq!(config.check(), refused, "{wrong}");
        }
        // A host with a star parses as a name, which no browser sends: it lets nobody in.
        for origin in ["https://a.example:8443", "https://*.example"] {
            let mut good = config(&[None]);
            good.cors_allowed_origins = vec![origin.to_owned()];
            assert_eq!(good.check(), Ok(()), "{origin}");
        }
        let issuer = |change: fn(&mut TrustedIssuer)| {
            let mut config = config(&[None]);
            config.issuers.iter_mut().for_each(change);
            config.check()
        };
        let facility = issuer(|it| it.limits.facilities = Allowed::Only(vec!["1_".to_owned()]));
        assert_eq!(facility, Err(ConfigError::Facility("1_".to_owned())));
        let role = issuer(|it| it.default_role = Some("boss".to_owned()));
        assert_eq!(role, Err(ConfigError::Role("boss".to_owned())));
    }

    #[test]
    fn the_base_is_https() {
        for wrong in [
            "http://rs.example/fhir",
            "https://rs.example/fhir?x",
            "https://a/b#c",
        ] {
            let mut config = config(&[None]);
            config.fhir_base = Url::parse(wrong).unwrap();
            assert_eq!(config.check(), Err(ConfigError::FhirBase), "{wrong}");
        }
    }
}
