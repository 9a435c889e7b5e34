//! Who is in the sandbox: parties, dataflows, and what each is called.

use std::collections::{BTreeMap, BTreeSet};

use super::description::{
    Dataflow, Description, FaultyIssuer, IntrospectionClient, Party as DescribedParty,
};
use super::ports::Ports;
use super::register::Registered;
use super::samples::{self, Hosted, Record};
use crate::sample::{Form, Kind};
use crate::serve::RunningParty;

/// The parties, and which of them issue tokens. `faulty` trusts only an issuer that the reader plays.
pub const PARTIES: [(&str, bool); 4] = [
    ("ehr", false),
    ("vro", true),
    ("nchs", true),
    ("faulty", false),
];

/// The specification's dataflows: source, receiver, what its API user signs with (both algorithms that SMART
/// App Launch demands occur), and what travels.
pub const DATAFLOWS: [(&str, &str, &str, SampleKinds); 3] = [
    ("ehr", "vro", "ES384", samples::PROVIDER),
    ("vro", "nchs", "RS384", samples::JURISDICTION),
    ("nchs", "vro", "ES384", samples::CODED),
];

type SampleKinds = &'static [(Kind, Form, u32)];

/// Parties and dataflows with their addresses and rights.
pub struct Cast {
    /// The parties.
    pub parties: Vec<Party>,
    /// The dataflows.
    pub dataflows: Vec<Flow>,
    /// Jurisdictions of the records, the first of them the sandbox's own.
    pub jurisdictions: Vec<String>,
    /// A jurisdiction that no record here is of; one client is registered for it.
    pub other_jurisdiction: String,
    /// Where nobody listens until the reader does.
    pub faulty_issuer: String,
    /// Where nobody listens until the reader does.
    pub jwks_uri: String,
}

/// A party of the sandbox.
#[derive(Clone)]
pub struct Party {
    /// Its name.
    pub name: &'static str,
    /// Its organization.
    pub organization: String,
    /// Its public port.
    pub port: u16,
    /// Its internal port.
    pub internal_port: u16,
    /// Whether it issues tokens.
    pub issues_tokens: bool,
}

/// A dataflow: the source's client, users and records, and the receiver that decides.
#[derive(Clone)]
pub struct Flow {
    /// Source of the record.
    pub source: Party,
    /// Receiver of the record, whose authorization server it is.
    pub receiver: Party,
    /// What the source's API user signs with.
    pub algorithm: &'static str,
    /// Synthetic records that travel it.
    pub sample_kinds: SampleKinds,
}

impl Party {
    /// `https://localhost:PORT`.
    pub fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Its FHIR base, which is the audience of tokens for it.
    pub fn fhir(&self) -> String {
        format!("{}/fhir", self.origin())
    }
}

impl Flow {
    /// `ehr-vro`.
    pub fn name(&self) -> String {
        format!("{}-{}", self.source.name, self.receiver.name)
    }
}

impl Cast {
    /// The cast on `ports`, for `records` or, if there are none, for Massachusetts.
    pub fn new(ports: &Ports, records: &[Record]) -> Self {
        let found: BTreeSet<String> = records
            .iter()
            .filter_map(|record| record.jurisdiction.clone())
            .collect();
        let jurisdictions: Vec<String> = if found.is_empty() {
            vec!["MA".to_owned()]
        } else {
            found.into_iter().collect()
        };
        let own = jurisdictions.first().cloned().unwrap_or_default();
        let parties: Vec<Party> = PARTIES
            .iter()
            .zip(ports.numbers())
            .map(|((name, issues_tokens), (port, internal_port))| Party {
                name,
                organization: organization(name, &own),
                port,
                internal_port,
                issues_tokens: *issues_tokens,
            })
            .collect();
        let dataflows =
            DATAFLOWS
                .iter()
                .filter_map(|(source, receiver, algorithm, sample_kinds)| {
                    let find =
                        |name: &str| parties.iter().find(|party| party.name == name).cloned();
                    Some(Flow {
                        source: find(source)?,
                        receiver: find(receiver)?,
                        algorithm,
                        sample_kinds,
                    })
                });
        Self {
            dataflows: dataflows.collect(),
            other_jurisdiction: ["NH", "VT", "ME"]
                .into_iter()
                .find(|code| !jurisdictions.iter().any(|known| known == code))
                .unwrap_or("GU")
                .to_owned(),
            jurisdictions,
            faulty_issuer: format!("https://localhost:{}", ports.faulty_issuer),
            jwks_uri: format!("https://localhost:{}/jwks.json", ports.jwks),
            parties,
        }
    }

    /// Those of the records and the other one.
    pub fn all_jurisdictions(&self) -> Vec<String> {
        self.jurisdictions
            .iter()
            .chain([&self.other_jurisdiction])
            .cloned()
            .collect()
    }

    /// What `sandbox.json` says.
    pub fn describe(
        &self,
        registered: &Registered,
        hosted: &Hosted,
        running: &[RunningParty],
    ) -> Description {
        let jurisdiction = self.jurisdictions.first().cloned().unwrap_or_default();
        let party = |party: &Party| DescribedParty {
            origin: party.origin(),
            issuer: party.issues_tokens.then(|| party.origin()),
            fhir: party.fhir(),
            messages: party.origin(),
            internal: format!("http://127.0.0.1:{}", party.internal_port),
            jurisdiction: jurisdiction.clone(),
            organization: party.organization.clone(),
            config: format!("{}/vitalgate.toml", party.name),
            certificate: format!("{}/tls/certificate.pem", party.name),
            log: "sandbox.log".to_owned(),
        };
        let (faulty, ordinary): (Vec<&Party>, Vec<&Party>) = self
            .parties
            .iter()
            .partition(|party| party.name == "faulty");
        let faulty_fhir = faulty.first().map(|party| party.fhir()).unwrap_or_default();
        let settings = running
            .iter()
            .find_map(|party| party.loaded().config.authorization_server.clone());
        let cache = running
            .iter()
            .find_map(|party| party.loaded().config.resource_server.clone());
        Description {
            ca: "ca.pem".to_owned(),
            parties: ordinary
                .into_iter()
                .map(|one| (one.name.to_owned(), party(one)))
                .collect(),
            dataflows: self
                .dataflows
                .iter()
                .map(|flow| self.dataflow(flow, registered, hosted))
                .collect(),
            introspection_cache_s: cache.map_or(0, |section| {
                u64::from(section.introspection_cache_max_age_s)
            }),
            access_token_lifetime_s: settings
                .as_ref()
                .map_or(0, |section| u64::from(section.access_token_lifetime_s)),
            limits: limits(running),
            faulty_issuer: FaultyIssuer {
                origin: self.faulty_issuer.clone(),
                cert: "faulty/tls/certificate.pem".to_owned(),
                key: "faulty/tls/private-key.pem".to_owned(),
                fhir: faulty_fhir,
            },
        }
    }

    fn dataflow(&self, flow: &Flow, registered: &Registered, hosted: &Hosted) -> Dataflow {
        let name = flow.name();
        let (samples, sample_ids) = hosted
            .get(&name)
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .unzip();
        let introspection = registered
            .introspection
            .get(&(flow.source.name, flow.receiver.name));
        Dataflow {
            authorization_server: flow.receiver.name.to_owned(),
            client: flow.source.name.to_owned(),
            resource_owner: flow.source.name.to_owned(),
            resource_server: flow.source.name.to_owned(),
            users: registered.users.get(&name).cloned().unwrap_or_default(),
            clients: registered.clients.get(&name).cloned().unwrap_or_default(),
            introspection_client: introspection
                .cloned()
                .unwrap_or_else(|| IntrospectionClient {
                    client_id: String::new(),
                    client_secret: String::new(),
                }),
            resources: vec![flow.source.fhir(), flow.receiver.fhir()],
            samples,
            sample_ids,
            name,
        }
    }
}

fn organization(name: &str, jurisdiction: &str) -> String {
    match name {
        "ehr" => "Riverbend Women's Hospital".to_owned(),
        "vro" => format!("Vital Records Office of {jurisdiction}"),
        "nchs" => "National Center for Health Statistics".to_owned(),
        other => format!("Organization of {other}"),
    }
}

fn limits(running: &[RunningParty]) -> BTreeMap<&'static str, u64> {
    let Some(party) = running
        .iter()
        .find(|party| party.loaded().config.authorization_server.is_some())
    else {
        return BTreeMap::new();
    };
    let loaded = party.loaded();
    let limits = &loaded.config.limits;
    let number = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
    let mut all = BTreeMap::from([
        ("handshake_timeout_s", limits.handshake_timeout_s),
        ("header_timeout_s", limits.header_timeout_s),
        ("body_timeout_s", limits.body_timeout_s),
        ("idle_timeout_s", limits.idle_timeout_s),
        ("connections", number(limits.connections)),
        ("header_bytes", number(limits.header_bytes)),
        ("header_count", number(limits.header_count)),
        ("form_bytes", number(limits.form_bytes)),
        ("record_bytes", number(limits.record_bytes)),
        ("records_per_batch", number(limits.batch_entries)),
    ]);
    if let Some(section) = &loaded.config.authorization_server {
        all.insert(
            "login_failures_per_account",
            u64::from(section.login_failures_per_account),
        );
        all.insert(
            "login_failures_per_source",
            u64::from(section.login_failures_per_source),
        );
        all.insert(
            "login_failure_window_s",
            u64::from(section.login_failure_window_s),
        );
    }
    all
}
