//! Partners of a party: written into its configuration, and looked at from here.

mod check;
mod edit;

use std::path::PathBuf;

use oauth::Secret;

pub use check::{Finding, Outcome, check};
pub use edit::{add, remove};

/// A partner to be written into the configuration.
pub struct NewPeer {
    /// Short name.
    pub name: String,
    /// Its authorization server.
    pub issuer: String,
    /// Its FHIR base.
    pub fhir: String,
    /// Who we are there without a person.
    pub api: Option<NewRegistration>,
    /// What the private key of `api` signs with.
    pub alg: String,
    /// What assertions of `api` are addressed to.
    pub assertion_audience: String,
    /// Who we are there for our people's browsers.
    pub human: Option<NewRegistration>,
    /// Who `vitalgate login` is there.
    pub native: Option<NewRegistration>,
    /// Who our resource server is there; `None` if its tokens open no records of ours.
    pub introspection: Option<NewIssuer>,
}

/// One registration of ours at a partner.
pub struct NewRegistration {
    /// Client identifier.
    pub client_id: String,
    /// How it proves who it is.
    pub proof: Proof,
    /// Scope to ask for.
    pub scope: String,
}

/// How a registration proves who it is.
pub enum Proof {
    /// A secret; it is put into `secrets/`.
    Secret(Secret),
    /// A private key where it lies.
    PrivateKey(PathBuf),
    /// A public client.
    None,
}

/// A partner's authorization server, whose tokens open our records.
pub struct NewIssuer {
    /// Who our resource server is there.
    pub client_id: String,
    /// Its secret.
    pub secret: Secret,
    /// What its tokens begin with.
    pub token_prefix: Option<String>,
    /// Organizations that they may act for; empty means any.
    pub organizations: Vec<String>,
    /// Jurisdictions that they reach; empty means ours.
    pub jurisdictions: Vec<String>,
    /// Record types that they reach.
    pub record_types: Vec<String>,
}
