//! The roles of a party, built from its configuration. Names of parties and dataflows decide nothing here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use authorization_server::{AuthorizationServer, KeyEncryptionKey};
use axum::Router;
use client::Client;
use jiff::SignedDuration;
use oauth::jose::{Algorithm, SigningKey};
use outbound::{ConnectTo, Outbound, OutboundConfig, Trust};
use resource_server::config::{
    Allowed, ClientAuthentication, IssuerLimits, TrustedIssuer, Withholding, WithholdingRule,
};
use resource_server::{RecordKeys, ResourceServer};
use storage::Db;
use toml::Spanned;
use url::Url;

use super::Shared;
use super::identity_providers::identity_provider;
use crate::config::{self, Config, Loaded};
use crate::files;

/// The roles that run in a party, with their routes.
pub struct Roles {
    /// The authorization server.
    pub authorization_server: Option<AuthorizationServer>,
    /// The resource server.
    pub resource_server: Option<ResourceServer>,
    /// The client.
    pub client: Option<Client>,
    pub(super) routes: Routes,
}

/// The routes of each role, kept apart: each has its own limits and its own turn when the party stops.
pub(super) struct Routes {
    pub(super) authorization_server: Router,
    pub(super) resource_server: Router,
    pub(super) client: Router,
}

impl Roles {
    pub(super) fn build(loaded: &Loaded, db: &Db, shared: &Shared) -> anyhow::Result<Self> {
        let outbound = outbound(loaded, shared)?;
        let config = &loaded.config;
        let authorization_server = config
            .authorization_server
            .as_ref()
            .map(|section| authorization_server(loaded, section, db, shared, &outbound))
            .transpose()
            .context("[authorization_server]")?;
        let resource_server = config
            .resource_server
            .as_ref()
            .map(|section| resource_server(loaded, section, db, shared, &outbound))
            .transpose()
            .context("[resource_server]")?;
        let client = config
            .client
            .as_ref()
            .map(|section| {
                let client = client(loaded, section, Some(db), shared, &outbound)?;
                let key = files::read_key(&loaded.path(section.cookie_key_file.get_ref()))?;
                Ok::<_, anyhow::Error>((
                    client.clone(),
                    client.router(client::SealingKey::new(key)),
                ))
            })
            .transpose()
            .context("[client]")?;
        let (client, client_routes) = client.unzip();
        let routes = Routes {
            authorization_server: authorization_server
                .as_ref()
                .map(AuthorizationServer::router)
                .unwrap_or_default(),
            resource_server: resource_server
                .as_ref()
                .map(ResourceServer::router)
                .unwrap_or_default(),
            client: client_routes.unwrap_or_default(),
        };
        Ok(Self {
            authorization_server,
            resource_server,
            client,
            routes,
        })
    }
}

/// How a party calls others.
pub(crate) fn outbound(loaded: &Loaded, shared: &Shared) -> anyhow::Result<Outbound> {
    let section = &loaded.config.outbound;
    let ca_pem = section
        .ca_file
        .as_ref()
        .map(|file| std::fs::read(loaded.path(file.get_ref())))
        .transpose()?;
    let clock = shared.clock.clone();
    let trust = Trust {
        ca_pem,
        platform: section.platform_roots,
    };
    let mut config =
        OutboundConfig::new(&loaded.config.party, trust, Arc::new(move || clock.now()));
    config.proxy = section.proxy.as_deref().cloned();
    config.observer = shared.observer.clone();
    config.private_networks = section.private_networks.iter().map(|it| **it).collect();
    config.connect_to = section
        .connect_to
        .iter()
        .map(|one| ConnectTo {
            host: one.host.clone(),
            port: one.port,
            address: one.address,
        })
        .collect();
    Outbound::new(config).context("[outbound]")
}

fn authorization_server(
    loaded: &Loaded,
    section: &config::AuthorizationServer,
    db: &Db,
    shared: &Shared,
    outbound: &Outbound,
) -> anyhow::Result<AuthorizationServer> {
    let seconds = |number: u32| SignedDuration::from_secs(i64::from(number));
    let name = loaded.config.pages.name.clone();
    let config = authorization_server::Config {
        party: loaded.config.party.clone(),
        display_name: name.unwrap_or_else(|| loaded.config.organization.clone()),
        organization: loaded.config.organization.clone(),
        branding: super::branding::branding(loaded).context("[pages]")?,
        issuer: Url::parse(&loaded.config.public_origin)?,
        token_prefix: section.token_prefix.to_string(),
        signing_algorithms: signing_algorithms(&loaded.config),
        cookie_name: format!("__Host-{}-session", loaded.config.party),
        jurisdictions: jurisdictions(&loaded.config),
        second_factor_required_for: section.second_factor_required_for.clone(),
        identity_providers: section
            .identity_providers
            .iter()
            .map(|one| identity_provider(loaded, one).with_context(|| one.name.clone()))
            .collect::<anyhow::Result<_>>()?,
        password_sign_in: section.password_sign_in,
        trusted_issuers: trusted_issuers(&loaded.config),
        lifetimes: authorization_server::Lifetimes {
            access_token: seconds(section.access_token_lifetime_s),
            refresh_token: seconds(section.refresh_token_lifetime_s),
            authorization_code: seconds(section.authorization_code_lifetime_s),
            signing_key: SignedDuration::from_hours(
                24 * i64::from(section.signing_key_lifetime_days),
            ),
            session_idle: seconds(section.session_idle_s),
            session_absolute: seconds(section.session_absolute_s),
            ..authorization_server::Lifetimes::default()
        },
        limits: authorization_server::Limits {
            form_bytes: loaded.config.limits.form_bytes,
            login_failures_per_account: section.login_failures_per_account,
            login_failures_per_source: section.login_failures_per_source,
            login_failure_window: seconds(section.login_failure_window_s),
            ..authorization_server::Limits::default()
        },
    };
    let refresh = files::read_key(&loaded.path(section.refresh_key_file.get_ref()))?;
    let keys = authorization_server::Keys {
        encryption: key_encryption_key(loaded, section)?,
        refresh_hmac: aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &refresh),
    };
    let environment = authorization_server::Environment {
        db: db.clone(),
        clock: shared.clock.clone(),
        random: shared.random.clone(),
        outbound: outbound.clone(),
    };
    Ok(AuthorizationServer::new(environment, config, keys))
}

/// The key that signing keys are sealed under in the database.
///
/// # Errors
/// Neither the file nor the environment has one of 32 bytes.
pub fn key_encryption_key(
    loaded: &Loaded,
    section: &config::AuthorizationServer,
) -> anyhow::Result<KeyEncryptionKey> {
    let bytes = match &section.key_encryption_key_file {
        Some(file) => files::read_key(&loaded.path(file.get_ref()))?,
        None => key_from_environment()?,
    };
    Ok(KeyEncryptionKey::new(bytes))
}

/// Reads `VITALGATE_KEY_ENCRYPTION_KEY`.
///
/// # Errors
/// It is not there, or not 32 bytes in base64.
pub fn key_from_environment() -> anyhow::Result<[u8; 32]> {
    use base64::Engine as _;
    let text = std::env::var(KEY_ENCRYPTION_KEY)
        .ok()
        .with_context(|| format!("{KEY_ENCRYPTION_KEY} is not set"))?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim());
    let bytes: Option<[u8; 32]> = bytes.ok().and_then(|bytes| bytes.try_into().ok());
    bytes.with_context(|| format!("{KEY_ENCRYPTION_KEY} must be 32 bytes in base64"))
}

const KEY_ENCRYPTION_KEY: &str = "VITALGATE_KEY_ENCRYPTION_KEY";

/// The codes of a party's jurisdictions.
#[must_use]
pub fn jurisdictions(config: &Config) -> Vec<String> {
    config
        .jurisdictions
        .iter()
        .map(|code| code.to_string())
        .collect()
}

/// What a party's authorization server has signing keys for; nothing where it does not run.
#[must_use]
pub fn signing_algorithms(config: &Config) -> Vec<Algorithm> {
    let section = config.authorization_server.as_ref();
    section.map_or_else(Vec::new, |section| {
        section.signing_algorithms.iter().map(|it| **it).collect()
    })
}

/// The issuers that the configuration trusts, for administrators to read.
fn trusted_issuers(config: &Config) -> Vec<authorization_server::TrustedIssuer> {
    let trusted = |issuer: String, trusted_for| authorization_server::TrustedIssuer {
        issuer,
        trusted_for,
    };
    let resource_server = config.resource_server.iter();
    let issuers = resource_server.flat_map(|section| &section.issuers);
    let server = config.authorization_server.iter();
    let providers = server.flat_map(|section| &section.identity_providers);
    issuers
        .map(|it| trusted(it.issuer.to_string(), "access tokens"))
        .chain(providers.map(|it| trusted(it.issuer.to_string(), "sign-in")))
        .collect()
}

/// The issuer identifier of a party's authorization server, as published.
#[must_use]
pub fn issuer(config: &Config) -> String {
    let origin: &str = &config.public_origin;
    Url::parse(origin)
        .map_or_else(|_| origin.to_owned(), |url| url.to_string())
        .trim_end_matches('/')
        .to_owned()
}

/// How long a session of the party's authorization server lasts without use.
#[must_use]
pub fn session_idle(config: &Config) -> SignedDuration {
    let section = config.authorization_server.as_ref();
    section.map_or(SignedDuration::ZERO, |section| {
        SignedDuration::from_secs(section.session_idle_s.into())
    })
}

fn resource_server(
    loaded: &Loaded,
    section: &config::ResourceServer,
    db: &Db,
    shared: &Shared,
    outbound: &Outbound,
) -> anyhow::Result<ResourceServer> {
    let config = &loaded.config;
    let base = fhir_base(config)?;
    let keys = record_keys(loaded, section)?;
    if section.accept_unsealed_records {
        tracing::warn!(
            "accept_unsealed_records is set: records that anybody could have written into the database are read; seal them \
             with `vitalgate record rotate-key`, and take it out"
        );
    }
    let mut settings =
        resource_server::Config::new(&config.party, base, &config.organization, keys);
    settings.jurisdiction = config.jurisdictions.first().map(|code| **code);
    settings.validation = section.validation;
    settings.require_if_match = section.require_if_match;
    settings.withholding = withholding(section);
    settings.max_batch_entries = config.limits.batch_entries;
    settings.max_body_bytes = config.limits.record_bytes;
    settings.introspection_cache_max_age =
        Duration::from_secs(u64::from(section.introspection_cache_max_age_s));
    settings.cors_allowed_origins = section
        .cors_allowed_origins
        .iter()
        .map(|origin| origin.to_string())
        .collect();
    // Whoever waits for one issuer leaves places to those who wait for another.
    settings.introspections_per_issuer = config.limits.resource_server_requests * 7 / 8;
    settings.issuers = section
        .issuers
        .iter()
        .map(|issuer| trusted(loaded, section, issuer))
        .collect::<anyhow::Result<_>>()?;
    let random = shared.random.clone();
    Ok(ResourceServer::new(
        db.clone(),
        shared.clock.clone(),
        random,
        settings,
        outbound.clone(),
    )?)
}

fn withholding(section: &config::ResourceServer) -> Withholding {
    let rules = section.withholding.iter().map(|rule| WithholdingRule {
        groups: rule.groups.clone(),
        from_roles: rule.from_roles.clone(),
        unless_scope: rule.unless_scope.clone(),
    });
    Withholding {
        rules: rules.collect(),
    }
}

/// The keys that records are sealed under.
///
/// # Errors
/// Neither the file nor the environment has one.
pub fn record_keys(
    loaded: &Loaded,
    section: &config::ResourceServer,
) -> anyhow::Result<RecordKeys> {
    let keys = match &section.record_key_file {
        Some(file) => files::read_record_keys(&loaded.path(file.get_ref()))?,
        None => record_keys_from_environment()?,
    };
    Ok(keys.accepting_unsealed(section.accept_unsealed_records))
}

/// Reads `VITALGATE_RECORD_KEY`.
///
/// # Errors
/// It is not there, or holds something other than keys.
pub fn record_keys_from_environment() -> anyhow::Result<RecordKeys> {
    let text = std::env::var(RECORD_KEY)
        .ok()
        .with_context(|| format!("{RECORD_KEY} is not set"))?;
    RecordKeys::parse(&text).context(RECORD_KEY)
}

const RECORD_KEY: &str = "VITALGATE_RECORD_KEY";

/// Where a party's FHIR interface is.
///
/// # Errors
/// None for an origin that parsed.
pub fn fhir_base(config: &Config) -> anyhow::Result<Url> {
    Ok(Url::parse(&format!("{}/fhir", *config.public_origin))?)
}

fn trusted(
    loaded: &Loaded,
    section: &config::ResourceServer,
    issuer: &config::Issuer,
) -> anyhow::Result<TrustedIssuer> {
    let any = |list: &[String]| list.iter().any(|name| name == "*");
    let organizations = if any(&issuer.organizations) {
        Allowed::Any
    } else {
        Allowed::Only(issuer.organizations.clone())
    };
    let jurisdictions = if any(&issuer.jurisdictions) {
        Allowed::Any
    } else {
        let parse = |code: &String| {
            fhir::Jurisdiction::parse(code).with_context(|| format!("{code} is not a jurisdiction"))
        };
        Allowed::Only(
            issuer
                .jurisdictions
                .iter()
                .map(parse)
                .collect::<anyhow::Result<_>>()?,
        )
    };
    Ok(TrustedIssuer {
        issuer: issuer.issuer.to_string(),
        token_prefix: issuer
            .token_prefix
            .as_ref()
            .map(|prefix| prefix.to_string()),
        introspection_endpoint: issuer
            .introspection_endpoint
            .as_ref()
            .map(|url| (**url).clone()),
        client_authentication: ClientAuthentication {
            client_id: issuer.client_id.clone(),
            client_secret: files::read_secret(&loaded.path(issuer.client_secret_file.get_ref()))?,
        },
        default_role: issuer.default_role.clone(),
        signed_introspection: issuer.signed_introspection,
        limits: IssuerLimits {
            organizations,
            jurisdictions,
            record_types: Allowed::Only(issuer.record_types.iter().map(|name| **name).collect()),
            facilities: issuer
                .facilities
                .clone()
                .map_or(Allowed::Any, Allowed::Only),
            roles: section
                .roles
                .iter()
                .map(|(role, scope)| (role.clone(), (**scope).clone()))
                .collect(),
            scope: issuer.scope.as_ref().map(|scope| (**scope).clone()),
        },
    })
}

/// The client role of a configuration; without a database for the command line.
pub(crate) fn client(
    loaded: &Loaded,
    section: &config::Client,
    db: Option<&Db>,
    shared: &Shared,
    outbound: &Outbound,
) -> anyhow::Result<Client> {
    use client::config::{FhirBase, Issuer, Peer};
    let config = &loaded.config;
    let peer = |peer: &config::Peer| {
        let registration = |one: &config::Registration| registration(loaded, one);
        Ok(Peer {
            name: peer.name.clone(),
            issuer: Issuer::parse(&peer.issuer)?,
            fhir: FhirBase::parse(peer.fhir.as_str())?,
            resources: peer
                .resources
                .iter()
                .map(|url| FhirBase::parse(url.as_str()))
                .collect::<Result<_, _>>()?,
            api: peer.api.as_ref().map(registration).transpose()?,
            human: peer.human.as_ref().map(registration).transpose()?,
            native: peer.native.as_ref().map(registration).transpose()?,
        })
    };
    let settings = client::Config {
        party: config.party.clone(),
        public_origin: Url::parse(&config.public_origin)?,
        own_fhir: config
            .resource_server
            .as_ref()
            .map(|_| FhirBase::parse(fhir_base(config)?.as_str()).map_err(anyhow::Error::from))
            .transpose()?,
        peers: section
            .peers
            .iter()
            .map(peer)
            .collect::<anyhow::Result<_>>()?,
    };
    let environment = client::Environment {
        outbound: outbound.clone(),
        clock: shared.clock.clone(),
        random: shared.random.clone(),
        audit: db.cloned(),
    };
    Ok(Client::new(environment, settings)?)
}

fn registration(
    loaded: &Loaded,
    one: &config::Registration,
) -> anyhow::Result<client::config::Registration> {
    use client::config::{AssertionAudience, Credentials};
    let path = |file: &Spanned<PathBuf>| loaded.path(file.get_ref());
    let credentials = match (&one.client_secret_file, &one.private_key_file) {
        (Some(file), _) => Credentials::Secret(files::read_secret(&path(file))?),
        (None, Some(file)) => {
            let key = signing_key(&path(file), one.alg.as_deref(), one.kid.as_deref())?;
            Credentials::PrivateKey(Box::new(key))
        }
        (None, None) => Credentials::Public,
    };
    Ok(client::config::Registration {
        client_id: one.client_id.get_ref().clone(),
        credentials,
        scope: (*one.scope).clone(),
        assertion_audience: match one.assertion_audience {
            config::AssertionAudience::Issuer => AssertionAudience::Issuer,
            config::AssertionAudience::TokenEndpoint => AssertionAudience::TokenEndpoint,
        },
        redirect_uri: one.redirect_uri.as_deref().cloned(),
    })
}

/// A private key from a file. Without `alg` the file name tells it (`es384.pem`), or else the kind of key.
///
/// # Errors
/// The file cannot be read, or holds no key for the algorithm.
pub fn signing_key(
    path: &Path,
    alg: Option<&str>,
    kid: Option<&str>,
) -> anyhow::Result<SigningKey> {
    let pem =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let candidates = match alg {
        Some(alg) => match Algorithm::parse(alg) {
            Some(algorithm) => vec![algorithm],
            None => bail!("alg {alg} is not one of RS256, RS384, PS256, ES256, ES384"),
        },
        None => match Algorithm::parse(&stem.to_ascii_uppercase()) {
            Some(algorithm) => vec![algorithm],
            None => vec![Algorithm::ES384, Algorithm::ES256, Algorithm::RS384],
        },
    };
    let names: Vec<&str> = candidates
        .iter()
        .map(|algorithm| algorithm.as_str())
        .collect();
    let key = candidates
        .iter()
        .find_map(|algorithm| SigningKey::from_pem(&pem, *algorithm, kid).ok());
    key.with_context(|| {
        format!(
            "{} holds no private key for {}",
            path.display(),
            names.join(", ")
        )
    })
}
