//! The settings of the role; the binary maps its file to them.

use jiff::SignedDuration;
use oauth::jose::Algorithm;
use url::Url;

use crate::{Branding, IdentityProvider, ResourceOwner};

/// Settings of one party's authorization server.
#[derive(Debug, Clone)]
pub struct Config {
    /// The party's name, for audit rows, metrics and logs.
    pub party: String,
    /// The party's name for people, on the pages.
    pub display_name: String,
    /// The party's organization, which the first administrator is of.
    pub organization: String,
    /// What else of the organization's own the pages show.
    pub branding: Branding,
    /// The issuer identifier and origin of every endpoint (RFC 8414 section 2).
    pub issuer: Url,
    /// Access tokens read `PREFIX_...`; resource servers choose the issuer by it.
    pub token_prefix: String,
    /// The session cookie, `__Host-<party>-session`.
    pub cookie_name: String,
    /// What the server has signing keys for; the first is what it signs with unless asked otherwise.
    pub signing_algorithms: Vec<Algorithm>,
    /// Jurisdictions that registrations here may name; empty means any.
    pub jurisdictions: Vec<String>,
    /// Roles whose people sign in with a second factor only; others may choose one.
    pub second_factor_required_for: Vec<String>,
    /// Whose tokens and sign-ins this party trusts, as its configuration says: for administrators to read.
    pub trusted_issuers: Vec<TrustedIssuer>,
    /// Where people may sign in instead of here.
    pub identity_providers: Vec<IdentityProvider>,
    /// Whether people may sign in with a password of this server.
    pub password_sign_in: bool,
    /// How long what is issued lives.
    pub lifetimes: Lifetimes,
    /// Bounds on what a caller may make us do.
    pub limits: Limits,
}

/// An issuer that the configuration trusts.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TrustedIssuer {
    /// Its issuer identifier.
    pub issuer: String,
    /// For what: `access tokens` or `sign-in`.
    pub trusted_for: &'static str,
}

/// How long what is issued lives.
#[derive(Debug, Clone)]
pub struct Lifetimes {
    /// Access tokens, unless the registration says otherwise.
    pub access_token: SignedDuration,
    /// A chain of refresh tokens, counted from the consent.
    pub refresh_token: SignedDuration,
    /// Authorization codes; never more than 60 s (RFC 9700 section 4.5.3).
    pub authorization_code: SignedDuration,
    /// An authorization request waiting for sign-in and consent.
    pub authorization_request: SignedDuration,
    /// A pushed authorization request until it is used (RFC 9126 section 2.2).
    pub pushed_request: SignedDuration,
    /// How long a key signs before the next one takes over.
    pub signing_key: SignedDuration,
    /// A session without use.
    pub session_idle: SignedDuration,
    /// A session, used or not.
    pub session_absolute: SignedDuration,
}

/// Bounds on what a caller may make us do.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a posted form.
    pub form_bytes: usize,
    /// Password hashes computed at the same time (19 MiB each).
    pub password_hashes: usize,
    /// Sign-ins waiting for a hash; more are answered 429.
    pub password_queue: usize,
    /// Failed sign-ins of one account within the window before it is held.
    pub login_failures_per_account: u32,
    /// Failed sign-ins from one address within the window before it is held.
    pub login_failures_per_source: u32,
    /// The window that failures are counted in.
    pub login_failure_window: SignedDuration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            access_token: SignedDuration::from_mins(5),
            refresh_token: SignedDuration::from_hours(24),
            authorization_code: AUTHORIZATION_CODE_MAX,
            authorization_request: SignedDuration::from_mins(10),
            pushed_request: SignedDuration::from_secs(60),
            signing_key: SignedDuration::from_hours(90 * 24),
            session_idle: SignedDuration::from_mins(30),
            session_absolute: SignedDuration::from_hours(12),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            form_bytes: 64 * 1024,
            password_hashes: 2,
            password_queue: 50,
            login_failures_per_account: 10,
            login_failures_per_source: 50,
            login_failure_window: SignedDuration::from_mins(15),
        }
    }
}

impl Config {
    /// Whether a person signs in with a second factor only: the role demands it, or the password is too short to
    /// stand alone.
    pub(crate) fn requires_second_factor(&self, owner: &ResourceOwner) -> bool {
        let roles = &self.second_factor_required_for;
        owner.short_password || roles.contains(&owner.role)
    }

    /// RFC 8414 section 2 compares issuers as strings, and `Url` adds a slash to a bare origin.
    pub(crate) fn issuer_text(&self) -> String {
        self.issuer.as_str().trim_end_matches('/').to_owned()
    }

    /// The life of a code, capped whatever was configured.
    pub(crate) fn authorization_code_lifetime(&self) -> SignedDuration {
        self.lifetimes
            .authorization_code
            .min(AUTHORIZATION_CODE_MAX)
    }
}

/// RFC 9700 section 4.5.3 wants codes short-lived; a minute is what browsers need.
const AUTHORIZATION_CODE_MAX: SignedDuration = SignedDuration::from_secs(60);
