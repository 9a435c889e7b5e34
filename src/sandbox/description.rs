//! `sandbox.json`: what people need to point their own client or test suite at the sandbox.
//!
//! Members may be added; none is renamed. File paths in it are relative to the sandbox's directory.

use std::collections::BTreeMap;

use serde::Serialize;

/// The whole file.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// The certificate authority that every party's certificate comes from (PEM file).
    pub ca: String,
    /// The parties by name.
    pub parties: BTreeMap<String, Party>,
    /// The specification's dataflows.
    pub dataflows: Vec<Dataflow>,
    /// Seconds for which a resource server may repeat an introspection answer.
    pub introspection_cache_s: u64,
    /// Seconds that an access token lives.
    pub access_token_lifetime_s: u64,
    /// What is refused for its size, number or slowness.
    pub limits: BTreeMap<&'static str, u64>,
    /// A resource server whose issuer the reader plays.
    pub faulty_issuer: FaultyIssuer,
}

/// One party.
#[derive(Clone, Debug, Serialize)]
pub struct Party {
    /// Its one HTTPS origin.
    pub origin: String,
    /// Issuer identifier; absent for a party that is nobody's authorization server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// FHIR base, and the audience of its tokens.
    pub fhir: String,
    /// Base of the vital-records message paths.
    pub messages: String,
    /// Health, readiness and metrics; plain HTTP on loopback.
    pub internal: String,
    /// Jurisdiction that it reports for or receives from.
    pub jurisdiction: String,
    /// Its organization, as tokens and records name it.
    pub organization: String,
    /// Its configuration file.
    pub config: String,
    /// Its certificate (PEM file).
    pub certificate: String,
    /// Its log file.
    pub log: String,
}

/// One dataflow: who plays which role, and whom to be.
#[derive(Clone, Debug, Serialize)]
pub struct Dataflow {
    /// `source-receiver`.
    pub name: String,
    /// Party that issues the tokens.
    pub authorization_server: String,
    /// Party whose client asks for them.
    pub client: String,
    /// Party whose users own the records.
    pub resource_owner: String,
    /// Party that hosts the records.
    pub resource_server: String,
    /// People who can sign in at the authorization server.
    pub users: Vec<User>,
    /// Registered clients.
    pub clients: Vec<Client>,
    /// Credentials of the source's resource server at the authorization server's introspection endpoint.
    pub introspection_client: IntrospectionClient,
    /// Audiences that its clients may ask for: first the source's FHIR base, then the receiver's.
    pub resources: Vec<String>,
    /// Records already hosted at the source (files).
    pub samples: Vec<String>,
    /// Their FHIR ids there, in the same order.
    pub sample_ids: Vec<String>,
}

/// A person.
#[derive(Clone, Debug, Serialize)]
pub struct User {
    /// What to type in.
    pub username: String,
    /// What to type in.
    pub password: String,
    /// The most that the person can allow.
    pub scope: String,
    /// Organization.
    pub organization: String,
    /// Jurisdictions.
    pub jurisdictions: Vec<String>,
    /// Record types.
    pub record_types: Vec<String>,
    /// Role in the organization.
    pub role: String,
    /// Why it is here, where it is not for an ordinary walk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A registered client.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Client {
    /// `human` or `api`.
    pub kind: &'static str,
    /// `token_endpoint_auth_method`.
    pub auth: &'static str,
    /// Client identifier.
    pub client_id: String,
    /// Secret, for the methods that need one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// Redirect URI of a human client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// All redirect URIs, where there is more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uris: Option<Vec<String>>,
    /// Private key (PEM file) of a client that signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key: Option<String>,
    /// Algorithm it signs with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alg: Option<&'static str>,
    /// Key identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The one `aud` that its assertions must carry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assertion_audience: Option<String>,
    /// Where the authorization server fetches its keys, if not registered inline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Registered scope.
    pub scope: String,
    /// Organization.
    pub organization: String,
    /// Jurisdictions.
    pub jurisdictions: Vec<String>,
    /// Record types.
    pub record_types: Vec<String>,
    /// Facilities, where it is limited to some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facilities: Option<Vec<String>>,
    /// Audiences.
    pub resources: Vec<String>,
    /// Seconds that its tokens live, where it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_lifetime_s: Option<u64>,
    /// Why it is here, where it is not for an ordinary walk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Credentials for introspection.
#[derive(Clone, Debug, Serialize)]
pub struct IntrospectionClient {
    /// Client identifier.
    pub client_id: String,
    /// Secret.
    pub client_secret: String,
}

/// A FHIR base that trusts only the issuer on `origin`, where nobody listens until the reader does.
#[derive(Clone, Debug, Serialize)]
pub struct FaultyIssuer {
    /// Issuer and origin to listen on.
    pub origin: String,
    /// Certificate for it (PEM file).
    pub cert: String,
    /// Private key for it (PEM file).
    pub key: String,
    /// The FHIR base that introspects there.
    pub fhir: String,
}
