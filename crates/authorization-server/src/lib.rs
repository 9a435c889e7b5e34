//! Role: authenticates the resource owner, issues tokens, answers introspection.
//!
//! | path | module | what |
//! |---|---|---|
//! | `GET /.well-known/oauth-authorization-server` | `metadata` | RFC 8414 |
//! | `GET POST /oauth2/authorize` | `authorize` | RFC 6749 section 4.1.1 |
//! | `POST /oauth2/par` | `pushed_authorization` | RFC 9126 |
//! | `POST /oauth2/register`, `GET PUT DELETE /oauth2/register/{client_id}` | `dynamic_registration` | RFC 7591, RFC 7592 |
//! | `GET POST /login`, `/consent` | `login`, `consent` | pages for people |
//! | `GET /account`, `GET POST /account/...` | `account` | a person's own sessions, applications, password |
//! | `GET POST /setup` | `setup` | an administrator's link |
//! | `GET POST /admin`, `/admin/...` | `admin::pages` | administration |
//! | `/admin/api/...` | `admin::api` | administration as JSON |
//! | `POST /oauth2/token` | `token` | RFC 6749 section 3.2 |
//! | `POST /oauth2/introspect` | `introspection` | RFC 7662 |
//! | `POST /oauth2/revoke` | `revocation` | RFC 7009 |
//! | `GET /oauth2/jwks` | `jwks` | RFC 7517 section 5 |
//! | `POST /login/with/{name}`, `GET /login/with/{name}/callback` | `login`, `relying_party` | OpenID Connect Core 1.0 section 3.1 |
//! | `GET /assets/...` | `pages` | style sheet, script |
//!
//! State is [`AuthorizationServer`]. Nothing that decides is cached: every answer reads the tables,
//! so that what a shell command or another node changed holds at once.

mod access_token;
mod account;
mod admin;
pub mod administration;
mod assurance;
mod audience;
mod audit;
mod authorize;
mod branding;
mod caller;
mod cleanup;
mod client_authentication;
mod client_request;
mod config;
mod consent;
mod cors;
mod dynamic_registration;
mod endpoint;
mod grants;
mod introspection;
mod jwks;
mod login;
mod metadata;
mod pages;
mod passkey;
mod password;
mod pushed_authorization;
mod registration;
mod relying_party;
mod remote_jwks;
mod resource_owner;
mod revocation;
mod sealed;
mod second_factor;
mod session;
mod setup;
mod signing_keys;
mod store;
mod throttle;
mod token;

#[cfg(test)]
mod testing;

use std::sync::Arc;

use aws_lc_rs::hmac;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use oauth::Random;
use outbound::Outbound;
use storage::{Clock, Db, Migration, Migrations};

pub use administration::users::ROLES;
pub use branding::{Accent, Branding, Logo, Words, check_text};
pub use config::{Config, Lifetimes, Limits, TrustedIssuer};
pub use registration::{
    AssertionAudience, Client, ClientAuthenticationMethod, GrantType, OrganizationAccess, Profile,
    Protocol, ResourceOwner, ResourceServerEntry, Rights, Rules,
};
pub use relying_party::{Credentials, Given, IdentityProvider, Mapping};
pub use sealed::KeyEncryptionKey;
pub use signing_keys::{KeyEntry, KeyError, KeyState, Rotation};

/// The tables of this role.
pub static MIGRATIONS: Migrations = Migrations {
    name: "authorization-server",
    steps: &[
        Migration {
            version: 1,
            title: "authorization server",
            sqlite: include_str!("../migrations/sqlite/0001_authorization_server.sql"),
            postgres: include_str!("../migrations/postgres/0001_authorization_server.sql"),
        },
        Migration {
            version: 2,
            title: "keys and registration",
            sqlite: include_str!("../migrations/sqlite/0002_keys_and_registration.sql"),
            postgres: include_str!("../migrations/postgres/0002_keys_and_registration.sql"),
        },
        Migration {
            version: 3,
            title: "clean-up",
            sqlite: include_str!("../migrations/sqlite/0003_clean_up.sql"),
            postgres: include_str!("../migrations/postgres/0003_clean_up.sql"),
        },
        Migration {
            version: 4,
            title: "account",
            sqlite: include_str!("../migrations/sqlite/0004_account.sql"),
            postgres: include_str!("../migrations/postgres/0004_account.sql"),
        },
        Migration {
            version: 5,
            title: "second factor",
            sqlite: include_str!("../migrations/sqlite/0005_second_factor.sql"),
            postgres: include_str!("../migrations/postgres/0005_second_factor.sql"),
        },
        Migration {
            version: 6,
            title: "consent",
            sqlite: include_str!("../migrations/sqlite/0006_consent.sql"),
            postgres: include_str!("../migrations/postgres/0006_consent.sql"),
        },
        Migration {
            version: 7,
            title: "short password",
            sqlite: include_str!("../migrations/sqlite/0007_short_password.sql"),
            postgres: include_str!("../migrations/postgres/0007_short_password.sql"),
        },
        Migration {
            version: 8,
            title: "known browser",
            sqlite: include_str!("../migrations/sqlite/0008_known_browser.sql"),
            postgres: include_str!("../migrations/postgres/0008_known_browser.sql"),
        },
        Migration {
            version: 9,
            title: "administrator link",
            sqlite: include_str!("../migrations/sqlite/0009_administrator_link.sql"),
            postgres: include_str!("../migrations/postgres/0009_administrator_link.sql"),
        },
        Migration {
            version: 10,
            title: "passkeys",
            sqlite: include_str!("../migrations/sqlite/0010_passkeys.sql"),
            postgres: include_str!("../migrations/postgres/0010_passkeys.sql"),
        },
        Migration {
            version: 11,
            title: "single sign-on",
            sqlite: include_str!("../migrations/sqlite/0011_single_sign_on.sql"),
            postgres: include_str!("../migrations/postgres/0011_single_sign_on.sql"),
        },
        Migration {
            version: 12,
            title: "whose proposal",
            sqlite: include_str!("../migrations/sqlite/0012_whose_proposal.sql"),
            postgres: include_str!("../migrations/postgres/0012_whose_proposal.sql"),
        },
        Migration {
            version: 13,
            title: "facilities",
            sqlite: include_str!("../migrations/sqlite/0013_facilities.sql"),
            postgres: include_str!("../migrations/postgres/0013_facilities.sql"),
        },
    ],
};

/// What the role needs from outside itself.
#[derive(Clone)]
pub struct Environment {
    /// The database, opened with [`MIGRATIONS`].
    pub db: Db,
    /// The only clock that this role reads.
    pub clock: Clock,
    /// The only randomness that this role uses.
    pub random: Random,
    /// Fetches the `jwks_uri` of clients that registered one, and asks OpenID Providers.
    pub outbound: Outbound,
}

/// The server's keys that are not in its tables; the binary loads them.
pub struct Keys {
    /// Seals the signing keys and second factors in the tables; must be the same on every node and after a restart.
    pub encryption: KeyEncryptionKey,
    /// Derives the successor of a refresh token; must be the same on every node and after a restart.
    pub refresh_hmac: hmac::Key,
}

/// The role's state; cheap to clone.
#[derive(Clone)]
pub struct AuthorizationServer {
    inner: Arc<Inner>,
}

struct Inner {
    environment: Environment,
    config: Config,
    issuer: String,
    refresh_hmac: hmac::Key,
    encryption: Arc<KeyEncryptionKey>,
    signing_keys: signing_keys::SigningKeys,
    remote_jwks: remote_jwks::RemoteJwks,
    relying_party: relying_party::RelyingParty,
    people: resource_owner::People,
    passkeys: Option<passkey::RelyingParty>,
}

impl AuthorizationServer {
    /// Puts the role together; opens nothing and starts nothing.
    #[must_use]
    pub fn new(environment: Environment, config: Config, keys: Keys) -> Self {
        let issuer = config.issuer_text();
        let remote_jwks = remote_jwks::RemoteJwks::new(environment.outbound.clone());
        let relying_party =
            relying_party::RelyingParty::new(&environment.outbound, &config.identity_providers);
        let people = resource_owner::People::new(&config);
        let passkeys = passkey::RelyingParty::of(&config);
        let encryption = Arc::new(keys.encryption);
        Self {
            inner: Arc::new(Inner {
                environment,
                config,
                issuer,
                refresh_hmac: keys.refresh_hmac,
                signing_keys: signing_keys::SigningKeys::new(Arc::clone(&encryption)),
                encryption,
                remote_jwks,
                relying_party,
                people,
                passkeys,
            }),
        }
    }

    /// The routes of all endpoints, to be mounted at the root of the party's origin.
    pub fn router(&self) -> Router {
        Router::new()
            .merge(token::routes())
            .merge(dynamic_registration::routes())
            .merge(pushed_authorization::routes())
            .merge(introspection::routes())
            .merge(revocation::routes())
            .merge(metadata::routes())
            .merge(jwks::routes())
            .merge(authorize::routes())
            .merge(login::routes())
            .merge(consent::routes())
            .merge(account::routes())
            .merge(setup::routes())
            .merge(admin::pages::routes())
            .merge(admin::api::routes())
            .merge(pages::routes())
            .layer(from_fn_with_state(self.clone(), cors::layer))
            .layer(DefaultBodyLimit::max(self.config().limits.form_bytes))
            .with_state(self.clone())
    }

    /// The issuer identifier as published (RFC 8414 section 2): no trailing slash after a bare origin.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.inner.issuer
    }

    /// The database, for the readiness check.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.inner.environment.db
    }

    /// The settings it was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.inner.environment.clock
    }

    pub(crate) fn random(&self) -> &Random {
        &self.inner.environment.random
    }

    pub(crate) fn refresh_hmac(&self) -> &hmac::Key {
        &self.inner.refresh_hmac
    }

    pub(crate) fn encryption(&self) -> &KeyEncryptionKey {
        &self.inner.encryption
    }

    pub(crate) fn signing_keys(&self) -> &signing_keys::SigningKeys {
        &self.inner.signing_keys
    }

    pub(crate) fn remote_jwks(&self) -> &remote_jwks::RemoteJwks {
        &self.inner.remote_jwks
    }

    pub(crate) fn relying_party(&self) -> &relying_party::RelyingParty {
        &self.inner.relying_party
    }

    /// The registrations, for what clients and people do themselves.
    pub(crate) fn administration(
        &self,
        actor: administration::Actor,
    ) -> administration::Administration {
        administration::Administration {
            db: self.db().clone(),
            clock: self.clock().clone(),
            random: self.random().clone(),
            party: self.config().party.clone(),
            issuer: self.issuer().to_owned(),
            session_idle: self.config().lifetimes.session_idle,
            jurisdictions: self.config().jurisdictions.clone(),
            signing_algorithms: self.config().signing_algorithms.clone(),
            actor,
        }
    }

    pub(crate) fn people(&self) -> &resource_owner::People {
        &self.inner.people
    }

    /// `None` where browsers allow no passkeys.
    pub(crate) fn passkeys(&self) -> Option<&passkey::RelyingParty> {
        self.inner.passkeys.as_ref()
    }

    /// The absolute address of one of our endpoints, for instance `endpoint("/oauth2/token")`.
    pub(crate) fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.inner.issuer)
    }
}
