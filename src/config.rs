//! One TOML file per party. A role runs in the party when its section is there.
//!
//! Unknown keys are errors; every mistake names its line. Units stand in the names. Secrets are files,
//! whose names are relative to the configuration file.

mod check;
mod identity_provider;
mod load;
mod text;
mod told;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

pub use check::{Mistake, check};
pub use identity_provider::IdentityProvider;
pub use load::{Loaded, load, set};
pub use text::{
    AlgorithmName, AnyUrl, IssuerIdentifier, JurisdictionCode, Network, Origin, Prefix,
    RecordTypeName, ScopeText, WebAddress,
};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Short name of the party, for audit, logs and cookie names.
    pub party: String,
    /// Its organization, as tokens and records name it.
    pub organization: String,
    /// Jurisdictions that registrations may name; the first is the default of records hosted here.
    #[serde(default)]
    pub jurisdictions: Vec<JurisdictionCode>,
    /// The one HTTPS origin under which the others know this party.
    pub public_origin: Origin,
    /// Where the database and other state lives.
    pub data_directory: PathBuf,
    /// `sqlite`, a file name in the data directory, or `postgres://…`.
    #[serde(default = "sqlite")]
    pub database: String,
    /// Password of the PostgreSQL user, where `database` does not hold it.
    pub database_password_file: Option<Spanned<PathBuf>>,
    /// Certificate authorities of the PostgreSQL server, PEM; absent means the operating system's.
    pub database_ca_file: Option<Spanned<PathBuf>>,
    /// Connections to PostgreSQL at most.
    pub database_connections: Option<usize>,
    /// Where it listens.
    pub listen: Listen,
    /// Whom it trusts when it calls.
    #[serde(default)]
    pub outbound: Outbound,
    /// Sizes, times and numbers.
    #[serde(default)]
    pub limits: Limits,
    /// What is logged.
    #[serde(default)]
    pub log: Log,
    /// How long audit rows stay.
    #[serde(default)]
    pub audit: Audit,
    /// How the authorization server's pages look, and whom they send people to.
    #[serde(default)]
    pub pages: Pages,
    /// The authorization server, where it runs.
    pub authorization_server: Option<AuthorizationServer>,
    /// The resource server, where it runs.
    pub resource_server: Option<ResourceServer>,
    /// The client, where it runs.
    pub client: Option<Client>,
}

/// Where the party listens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Address and port of the HTTPS listener.
    pub address: SocketAddr,
    /// Address and port of the plain listener for `/health`, `/ready` and `/metrics`; loopback only.
    pub internal_address: SocketAddr,
    /// Networks of proxies before us, whose `X-Forwarded-For` says who a request is from. Nobody else's counts.
    #[serde(default)]
    pub trusted_proxies: Vec<Network>,
    /// Certificate chain, PEM.
    pub certificate_file: Spanned<PathBuf>,
    /// Its private key, PEM.
    pub private_key_file: Spanned<PathBuf>,
}

/// Outgoing requests.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outbound {
    /// Certificate authorities beside those of the operating system, PEM.
    pub ca_file: Option<Spanned<PathBuf>>,
    /// Whether the operating system's authorities are trusted too.
    pub platform_roots: bool,
    /// HTTP proxy to go through. The environment's proxy variables are not obeyed.
    pub proxy: Option<AnyUrl>,
    /// Networks that are not on the public internet, but that addresses given by others (a client's `jwks_uri`)
    /// may lie in: `10.0.0.0/8`.
    pub private_networks: Vec<Network>,
    /// Origins that are reached at another address than their name resolves to.
    pub connect_to: Vec<ConnectTo>,
}

/// Split DNS: `host:port` is reached at `address`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectTo {
    /// Host name in the URLs.
    pub host: String,
    /// Port in the URLs.
    pub port: u16,
    /// Where to connect.
    pub address: SocketAddr,
}

/// What is refused for its size, number or slowness.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// TLS handshake, seconds.
    pub handshake_timeout_s: u64,
    /// From the first byte of a request to the end of its headers, seconds.
    pub header_timeout_s: u64,
    /// From the end of the headers to the end of the body, seconds.
    pub body_timeout_s: u64,
    /// A connection without a request, seconds.
    pub idle_timeout_s: u64,
    /// From the signal to stop until what still runs is cut off, seconds.
    pub drain_timeout_s: u64,
    /// Connections at once.
    pub connections: usize,
    /// All headers of a request, bytes.
    pub header_bytes: usize,
    /// Headers of a request, number.
    pub header_count: usize,
    /// Body of a request to the authorization server or the client's pages, bytes.
    pub form_bytes: usize,
    /// Body of a FHIR request, bytes.
    pub record_bytes: usize,
    /// Entries of a batch or transaction, number.
    pub batch_entries: usize,
    /// Requests that the authorization server works on at once; introspection has as many again for itself.
    pub authorization_server_requests: usize,
    /// Requests that the resource server works on at once.
    pub resource_server_requests: usize,
}

/// The audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Rows are removed after this time, days; absent: never.
    pub retention_days: Option<u32>,
    /// Syslog receivers that rows are shipped to.
    pub destinations: Vec<AuditDestination>,
}

/// A syslog receiver over TLS (RFC 5425).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditDestination {
    /// Short name, unique: it is what the database remembers how far it has the rows.
    pub name: String,
    /// `host:port`; the receiver's certificate must be for the host. The port of RFC 5425 is 6514.
    pub address: String,
    /// Certificate authorities of the receiver, PEM; absent means the operating system's.
    pub ca_file: Option<Spanned<PathBuf>>,
    /// Our certificate chain for it, PEM, where it asks for one.
    pub certificate_file: Option<Spanned<PathBuf>>,
    /// The key of that certificate, PEM.
    pub private_key_file: Option<Spanned<PathBuf>>,
    /// Whether only a close_notify confirms what was sent (RFC 5425 section 4.4), or the end of TCP too.
    #[serde(default = "yes")]
    pub close_notify_required: bool,
}

/// How the pages look, and whom they send people to. Texts are plain, with line feeds where they shall stand.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pages {
    /// Stands in the header; absent: `organization`.
    pub name: Option<String>,
    /// SVG or PNG, at most 100 KB.
    pub logo_file: Option<Spanned<PathBuf>>,
    /// Of buttons and links.
    pub accent_color: AccentColor,
    /// Whom to ask, at the foot of every page.
    pub help: Option<String>,
    /// The same in Spanish; absent: the English text.
    pub help_es: Option<String>,
    /// A page that helps.
    pub help_url: Option<WebAddress>,
    /// An address to write to.
    pub help_email: Option<String>,
    /// A number to call.
    pub help_phone: Option<String>,
    /// What everybody reads before signing in (NIST SP 800-53 AC-8).
    pub legal_banner: Option<String>,
    /// The same in Spanish; absent: the English text.
    pub legal_banner_es: Option<String>,
}

/// `#rrggbb`, with a contrast of 4.5 to 1 or more.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccentColor {
    /// Where the browser shows light pages.
    pub light: Option<String>,
    /// Where it shows dark ones.
    pub dark: Option<String>,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `human` or `json`.
    pub format: LogFormat,
    /// Filter in the syntax of `tracing` (`info`, `storage=debug,info`).
    pub filter: String,
}

/// Form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// For machines.
    Json,
}

/// The authorization server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationServer {
    /// What its access tokens begin with; unique among those whom its partners trust.
    pub token_prefix: Prefix,
    /// What it has signing keys for: EdDSA, ES256, ES384, RS256, RS384 or PS256. It makes and rotates the keys
    /// itself; the first algorithm is what it signs with unless a registration says otherwise.
    #[serde(default = "es256")]
    pub signing_algorithms: Vec<AlgorithmName>,
    /// Key of 32 bytes that signing keys are sealed under in the database; absent means that it stands in the
    /// environment, base64 in `VITALGATE_KEY_ENCRYPTION_KEY`.
    pub key_encryption_key_file: Option<Spanned<PathBuf>>,
    /// A signing key is replaced after this time, days.
    #[serde(default = "ninety")]
    pub signing_key_lifetime_days: u32,
    /// Key of 32 bytes that refresh tokens are derived under.
    pub refresh_key_file: Spanned<PathBuf>,
    /// Access tokens, seconds.
    #[serde(default = "five_minutes")]
    pub access_token_lifetime_s: u32,
    /// Refresh tokens, seconds since consent.
    #[serde(default = "one_day")]
    pub refresh_token_lifetime_s: u32,
    /// Authorization codes, seconds; at most 60.
    #[serde(default = "one_minute")]
    pub authorization_code_lifetime_s: u32,
    /// A session without use, seconds.
    #[serde(default = "thirty_minutes")]
    pub session_idle_s: u32,
    /// A session, used or not, seconds.
    #[serde(default = "twelve_hours")]
    pub session_absolute_s: u32,
    /// Roles whose people sign in with a second factor only: `registrar`, `clerk`, `auditor`, `administrator`.
    #[serde(default)]
    pub second_factor_required_for: Vec<String>,
    /// Where people may sign in instead of here.
    #[serde(default)]
    pub identity_providers: Vec<IdentityProvider>,
    /// Whether people may sign in with a password of this server.
    #[serde(default = "yes")]
    pub password_sign_in: bool,
    /// Failed sign-ins of an account within the window before it is held.
    #[serde(default = "ten")]
    pub login_failures_per_account: u32,
    /// Failed sign-ins from an address within the window before it is held.
    #[serde(default = "hundred")]
    pub login_failures_per_source: u32,
    /// The window in which failed sign-ins are counted, seconds.
    #[serde(default = "fifteen_minutes")]
    pub login_failure_window_s: u32,
}

/// The resource server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceServer {
    /// Seconds for which an introspection answer may be repeated: 0 (every request asks) to 5.
    #[serde(default)]
    pub introspection_cache_max_age_s: u8,
    /// What becomes of records with structural problems: `off` looks for none, `warn` stores them and tells
    /// senders who ask, `enforce` refuses them.
    #[serde(default)]
    pub validation: resource_server::config::Validation,
    /// Keys of 32 bytes in base64, one a line, that records are sealed under in the database: the first seals, all
    /// open. Absent means that they stand in the environment, in `VITALGATE_RECORD_KEY`, separated by spaces.
    pub record_key_file: Option<Spanned<PathBuf>>,
    /// Whether records that lie there plain, from before there were keys, are read and sealed by `rotate-key`. Whoever
    /// can write to the database could put such a record in the place of a sealed one.
    #[serde(default)]
    pub accept_unsealed_records: bool,
    /// Origins whose scripts may read answers: those of registered applications that run in browsers.
    #[serde(default)]
    pub cors_allowed_origins: Vec<Origin>,
    /// The most that people may do, by role; narrows what the role may do anyway.
    #[serde(default)]
    pub roles: BTreeMap<String, ScopeText>,
    /// Whether an update must name with `If-Match` the version that it changes (428 otherwise).
    #[serde(default = "yes")]
    pub require_if_match: bool,
    /// Which especially sensitive parts of records are withheld from whom.
    #[serde(default)]
    pub withholding: Vec<WithholdingRule>,
    /// The issuers whose tokens it accepts.
    #[serde(default)]
    pub issuers: Vec<Issuer>,
}

/// Parts of records that some do not see; without roles and scope nobody does.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithholdingRule {
    /// Which: `ssn`, `medical-record-number`, `names`, `stigma-sensitive-health`, `social-and-legal`, `coded`.
    pub groups: Vec<fhir::redact::Group>,
    /// People of these roles do not see them; programs then do.
    pub from_roles: Option<Vec<String>>,
    /// Tokens with this word in their scope see them all the same.
    pub unless_scope: Option<String>,
}

/// An issuer that a resource server trusts, and how far.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Issuer identifier, to the letter.
    pub issuer: IssuerIdentifier,
    /// What its tokens begin with; may be absent only where it is the single issuer.
    pub token_prefix: Option<Prefix>,
    /// Its introspection endpoint; absent means that its metadata says.
    pub introspection_endpoint: Option<WebAddress>,
    /// Who we are there.
    pub client_id: String,
    /// Our secret there.
    pub client_secret_file: Spanned<PathBuf>,
    /// Organizations that its tokens may act for at most; `*` is any.
    #[serde(default)]
    pub organizations: Vec<String>,
    /// Jurisdictions that they reach at most; `*` is any.
    #[serde(default)]
    pub jurisdictions: Vec<String>,
    /// Record types that they reach at most.
    #[serde(default)]
    pub record_types: Vec<RecordTypeName>,
    /// Facilities that they reach at most, by NPI or another identifier; absent means no limit.
    pub facilities: Option<Vec<String>>,
    /// Scope that they have at most; absent means what the token says.
    pub scope: Option<ScopeText>,
    /// Role of its people where its answers name none.
    pub default_role: Option<String>,
    /// Whether its introspection answers are asked for, and taken, only signed (RFC 9701).
    #[serde(default)]
    pub signed_introspection: bool,
}

/// The client.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Key of 32 bytes that the web application's cookie is sealed under.
    pub cookie_key_file: Spanned<PathBuf>,
    /// Whom it gets tokens from and delivers to.
    #[serde(default)]
    pub peers: Vec<Peer>,
}

/// A receiver.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Short name, as in `send --to NAME`.
    pub name: String,
    /// Its authorization server.
    pub issuer: IssuerIdentifier,
    /// Its FHIR base, where records are delivered.
    pub fhir: WebAddress,
    /// Other FHIR bases that its tokens open: first of all our own.
    #[serde(default)]
    pub resources: Vec<WebAddress>,
    /// Who we are there without a person.
    pub api: Option<Registration>,
    /// Who we are there for our people's browsers.
    pub human: Option<Registration>,
    /// Who `vitalgate login` is there: a public client with a loopback redirect URI.
    pub native: Option<Registration>,
}

/// One registration of ours at a peer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Client identifier.
    pub client_id: Spanned<String>,
    /// Client secret.
    pub client_secret_file: Option<Spanned<PathBuf>>,
    /// Private key, PEM, instead of a secret. With neither it is a public client.
    pub private_key_file: Option<Spanned<PathBuf>>,
    /// Algorithm to sign with: RS256, RS384, PS256, ES256 or ES384.
    pub alg: Option<String>,
    /// Key identifier; absent means the key's thumbprint (RFC 7638).
    pub kid: Option<String>,
    /// Scope to ask for.
    pub scope: ScopeText,
    /// What assertions are addressed to.
    #[serde(default)]
    pub assertion_audience: AssertionAudience,
    /// Redirect URI, for people.
    pub redirect_uri: Option<AnyUrl>,
}

/// RFC 10070, or what SMART App Launch 2.2 and UDAP still ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionAudience {
    /// The issuer identifier.
    #[default]
    Issuer,
    /// The URL of the token endpoint.
    TokenEndpoint,
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            ca_file: None,
            platform_roots: true,
            proxy: None,
            private_networks: Vec::new(),
            connect_to: Vec::new(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_timeout_s: 5,
            header_timeout_s: 10,
            body_timeout_s: 30,
            idle_timeout_s: 60,
            drain_timeout_s: 25,
            connections: 4_000,
            header_bytes: 16 * 1024,
            header_count: 100,
            form_bytes: 64 * 1024,
            // The NVSS FHIR API's own limit.
            record_bytes: 10_000_000,
            batch_entries: 100,
            authorization_server_requests: 512,
            resource_server_requests: 256,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Human,
            filter: "info".to_owned(),
        }
    }
}

fn sqlite() -> String {
    "sqlite".to_owned()
}
const fn yes() -> bool {
    true
}
const fn ten() -> u32 {
    10
}
const fn one_minute() -> u32 {
    60
}
const fn hundred() -> u32 {
    100
}
fn es256() -> Vec<AlgorithmName> {
    vec![AlgorithmName::from(oauth::jose::Algorithm::ES256)]
}

const fn ninety() -> u32 {
    90
}

const fn five_minutes() -> u32 {
    300
}
const fn fifteen_minutes() -> u32 {
    900
}
const fn thirty_minutes() -> u32 {
    1_800
}
const fn twelve_hours() -> u32 {
    43_200
}
const fn one_day() -> u32 {
    86_400
}
