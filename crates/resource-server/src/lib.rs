//! The resource server: hosts the records and lets nobody at them without asking the token's issuer.
//!
//! Endpoints, below the path of the FHIR base URL (FHIR R4, `application/fhir+json`):
//!
//! | request | what | scope |
//! |---|---|---|
//! | `GET metadata` | CapabilityStatement; needs no token | |
//! | `GET .well-known/smart-configuration` | where applications get tokens; needs no token | |
//! | `POST Bundle` | create, `If-None-Exist: identifier=…[&composition.type=…]` | `Bundle.c` |
//! | `POST Bundle/$validate` | what would be found wrong with a record, and nothing stored | `Bundle.c` |
//! | `POST [base]` | batch, transaction: each entry as if it came alone | of each |
//! | `GET Bundle/{id}` | read: the received bytes with `id` and `meta` spliced in | `Bundle.r` |
//! | `GET Bundle/{id}/_history/{vid}`, `…/_history` | one version, all versions | `Bundle.r` |
//! | `GET Bundle/_history` | all versions of all records that the token reaches | `Bundle.s` |
//! | `PUT Bundle/{id}` | update, `If-Match: W/"…"` | `Bundle.u` |
//! | `DELETE Bundle/{id}` | delete: reads answer 410, earlier versions stay | `Bundle.d` |
//! | `GET Bundle/{id}/$original` | the bytes exactly as received, with their SHA-256 | `Bundle.r` |
//! | `GET Bundle?…`, `POST Bundle/_search` | search, by the parameters of `fhir::search::Definition` | `Bundle.s` |
//! | `GET Composition/{id}`, `…/_history/{vid}`, `…/_history` | the Composition of the document with that id | `Composition.r` |
//! | `GET Composition?…`, `POST Composition/_search` | search | `Composition.s` |
//! | `GET Patient/{id}-{n}`, … | the resource in entry `n` of a document | of its type, `r` |
//! | `GET Composition/{id}/$document`, `…/$document?id=…` | the document | `Composition.r` and `Bundle.r` |
//! | `GET Composition/$document?…` | the documents | `Composition.s` and `Bundle.r` |
//! | `POST Composition/$document` | the same, by what the body asks for | as the same `GET` |
//! | `GET AuditEvent/{id}`, `GET AuditEvent?…`, `POST AuditEvent/_search` | the audit, for auditors | `AuditEvent.r`, `.s` |
//!
//! Beside the base, `GET /.well-known/oauth-protected-resource/…` says whose tokens count (RFC 9728).
//!
//! A request goes through `fhir_router`: `bearer` takes the token, `introspect` has its issuer vouch
//! for it, `access_decision` says what it may do, `hosted` touches records and demands that decision
//! as a value, and an audit row is committed before anything is answered.

mod access_decision;
mod answer;
mod aside;
mod audit_search;
mod bearer;
pub mod config;
mod cors;
mod cursor;
mod exchange;
mod fhir_router;
mod hosted;
mod indexing;
mod interactions;
mod introspect;
mod protected_resource;
mod received;
mod rotation;
pub mod sealing;
mod shell;
mod smart_configuration;
mod store;
#[cfg(test)]
mod tests;
mod validation;
mod withholding;

use std::sync::Arc;

use jiff::Timestamp;
use oauth::Random;
use outbound::Outbound;
use storage::{Clock, Db, Migrations};

pub use crate::access_decision::{gives_role, is_facility, permits_something};
pub use crate::audit_search::resource as audit_event;
pub use crate::config::{Config, ConfigError};
pub use crate::rotation::{RecordKeyError, Rotated};
pub use crate::sealing::{RecordKeys, RecordKeysError};
pub use crate::shell::{HostError, HostedRecord};

/// The role, with all that it works with. A clone is the same server.
#[derive(Clone)]
pub struct ResourceServer(Arc<Parts>);

struct Parts {
    db: Db,
    clock: Clock,
    random: Random,
    config: Config,
    issuers: introspect::Issuers,
    started: Timestamp,
}

impl ResourceServer {
    /// The tables that [`Db::open`] has to bring up to date for this role.
    pub const MIGRATIONS: &'static Migrations = &store::MIGRATIONS;

    /// A resource server on an opened database.
    ///
    /// # Errors
    /// [`ConfigError`] if the configuration would leave it open or unable to answer.
    pub fn new(
        db: Db,
        clock: Clock,
        random: Random,
        mut config: Config,
        outbound: Outbound,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let issuers = introspect::Issuers::new(&mut config, outbound, clock.clone());
        let started = clock.now();
        Ok(Self(Arc::new(Parts {
            db,
            clock,
            random,
            config,
            issuers,
            started,
        })))
    }

    /// The id of the key that records are sealed under.
    #[must_use]
    pub fn record_key_id(&self) -> &str {
        self.0.config.record_keys.sealing_key_id()
    }

    /// Whether it is the only record key that is configured.
    #[must_use]
    pub fn has_one_record_key(&self) -> bool {
        self.0.config.record_keys.key_ids().count() == 1
    }

    /// The routes, at the path of the FHIR base URL.
    pub fn router(&self) -> axum::Router {
        fhir_router::router(self.clone())
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn started(&self) -> Timestamp {
        self.0.started
    }

    pub(crate) fn random(&self) -> &Random {
        &self.0.random
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn issuers(&self) -> &introspect::Issuers {
        &self.0.issuers
    }
}

/// The role's name in the audit.
pub(crate) const ROLE: &str = "resource-server";
