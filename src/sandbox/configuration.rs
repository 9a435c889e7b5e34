//! The configuration files of the sandbox's parties.

use std::path::Path;

use toml::{Table, Value};

use super::cast::{Cast, Flow, Party};
use crate::{config, files};

/// Writes `NAME/vitalgate.toml` for every party, with the overrides applied to all.
///
/// # Errors
/// An override cannot be applied, or a file not written.
pub fn write(directory: &Path, cast: &Cast, overrides: &[String]) -> anyhow::Result<()> {
    for party in &cast.parties {
        let mut table = table(cast, party);
        for assignment in overrides {
            let section = assignment.split(['.', '=']).next().unwrap_or_default();
            let is_role = ["authorization_server", "resource_server", "client"].contains(&section);
            // A setting of a role that the party does not have would make it one.
            if !is_role || table.contains_key(section) {
                config::set(&mut table, assignment)?;
            }
        }
        let text = format!(
            "# Written by `vitalgate sandbox`; overwritten at its next start.\n\n{}",
            toml::to_string_pretty(&table)?
        );
        let file = directory.join(party.name).join("vitalgate.toml");
        files::write(&file, text.as_bytes(), files::PRIVATE)?;
        // A mistake in an override is told now, with its line.
        config::load(&file)?;
    }
    Ok(())
}

fn table(cast: &Cast, party: &Party) -> Table {
    let mut table = Table::new();
    table.insert("party".into(), text(party.name));
    table.insert("organization".into(), text(&party.organization));
    table.insert("jurisdictions".into(), list(&cast.all_jurisdictions()));
    table.insert("public_origin".into(), text(&party.origin()));
    table.insert("data_directory".into(), text("data"));
    table.insert("listen".into(), listen(party));
    table.insert(
        "outbound".into(),
        section([
            ("ca_file", text("../ca.pem")),
            ("platform_roots", Value::Boolean(false)),
            // A client's jwks_uri is served on loopback here.
            (
                "private_networks",
                list(&["127.0.0.0/8".to_owned(), "::1/128".to_owned()]),
            ),
        ]),
    );
    if party.issues_tokens {
        table.insert("authorization_server".into(), authorization_server(party));
    }
    table.insert(
        "resource_server".into(),
        section([
            ("record_key_file", text("keys/record.key")),
            ("issuers", Value::Array(issuers(cast, party))),
        ]),
    );
    let peers: Vec<Value> = cast
        .dataflows
        .iter()
        .filter(|flow| flow.source.name == party.name)
        .map(peer)
        .collect();
    if !peers.is_empty() {
        table.insert(
            "client".into(),
            section([
                ("cookie_key_file", text("keys/cookie.key")),
                ("peers", Value::Array(peers)),
            ]),
        );
    }
    table
}

fn listen(party: &Party) -> Value {
    section([
        ("address", text(&format!("127.0.0.1:{}", party.port))),
        (
            "internal_address",
            text(&format!("127.0.0.1:{}", party.internal_port)),
        ),
        ("certificate_file", text("tls/certificate.pem")),
        ("private_key_file", text("tls/private-key.pem")),
    ])
}

fn authorization_server(party: &Party) -> Value {
    section([
        ("token_prefix", text(party.name)),
        (
            "signing_algorithms",
            list(&["ES256".to_owned(), "RS256".to_owned()]),
        ),
        ("key_encryption_key_file", text("keys/key-encryption.key")),
        ("refresh_key_file", text("keys/refresh.key")),
        (
            "second_factor_required_for",
            list(&["administrator".to_owned()]),
        ),
        // A test suite signs in often, also with wrong passwords.
        ("login_failures_per_source", Value::Integer(1_000)),
    ])
}

/// Every issuer whose tokens reach this party: those of the dataflows that it takes part in.
fn issuers(cast: &Cast, party: &Party) -> Vec<Value> {
    if !cast.dataflows.iter().any(|flow| takes_part(flow, party)) {
        return vec![section([
            ("issuer", text(&cast.faulty_issuer)),
            (
                "introspection_endpoint",
                text(&format!("{}/oauth2/introspect", cast.faulty_issuer)),
            ),
            ("client_id", text("faulty-resource-server")),
            ("client_secret_file", text("secrets/introspection")),
            // Who plays the issuer need not know our roles.
            ("default_role", text("clerk")),
            ("organizations", list(&["*".to_owned()])),
            ("jurisdictions", list(&["*".to_owned()])),
            ("record_types", record_types()),
        ])];
    }
    let trusted = cast.parties.iter().filter(|issuer| {
        issuer.issues_tokens
            && cast
                .dataflows
                .iter()
                .any(|flow| flow.receiver.name == issuer.name && takes_part(flow, party))
    });
    let issuer = |issuer: &Party| {
        section([
            ("issuer", text(&issuer.origin())),
            ("token_prefix", text(issuer.name)),
            ("client_id", text(&introspection_client_id(party))),
            (
                "client_secret_file",
                text(&format!("secrets/{}-introspection", issuer.name)),
            ),
            ("organizations", list(&["*".to_owned()])),
            // With the other one: what keeps its client out is then the record, not an empty intersection.
            ("jurisdictions", list(&cast.all_jurisdictions())),
            ("record_types", record_types()),
        ])
    };
    trusted.map(issuer).collect()
}

/// Whether a party's resource server is used in a dataflow.
pub fn takes_part(flow: &Flow, party: &Party) -> bool {
    flow.source.name == party.name || flow.receiver.name == party.name
}

/// Who a party's resource server is at every issuer.
pub fn introspection_client_id(party: &Party) -> String {
    format!("{}-resource-server", party.name)
}

fn peer(flow: &Flow) -> Value {
    let name = flow.name();
    let mut peer = Table::new();
    peer.insert("name".into(), text(flow.receiver.name));
    peer.insert("issuer".into(), text(&flow.receiver.origin()));
    peer.insert("fhir".into(), text(&flow.receiver.fhir()));
    peer.insert("resources".into(), list(&[flow.source.fhir()]));
    peer.insert(
        "api".into(),
        section([
            ("client_id", text(&format!("{name}-api-jwt"))),
            ("private_key_file", text(&key_file(flow))),
            ("alg", text(algorithm(flow))),
            ("scope", text(SYSTEM_SCOPE)),
        ]),
    );
    peer.insert(
        "human".into(),
        section([
            ("client_id", text(&format!("{name}-web"))),
            (
                "client_secret_file",
                text(&format!("secrets/{}-web", flow.receiver.name)),
            ),
            ("scope", text(USER_SCOPE)),
            ("redirect_uri", text(&redirect_uri(flow))),
        ]),
    );
    peer.insert(
        "native".into(),
        section([
            ("client_id", text(&format!("{name}-native"))),
            ("scope", text(USER_SCOPE)),
        ]),
    );
    Value::Table(peer)
}

/// Where people's browsers come back to.
pub fn redirect_uri(flow: &Flow) -> String {
    format!("{}/client/callback", flow.source.origin())
}

/// What the source's API user signs with.
pub fn algorithm(flow: &Flow) -> &'static str {
    flow.algorithm
}

/// The private key of the source's client.
pub fn key_file(flow: &Flow) -> String {
    format!("keys/{}.pem", algorithm(flow).to_ascii_lowercase())
}

fn record_types() -> Value {
    list(&["birth".to_owned(), "fetal-death".to_owned()])
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn list(texts: &[String]) -> Value {
    Value::Array(texts.iter().map(|one| text(one)).collect())
}

fn section<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Table(
        members
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

/// What an API user of a dataflow may do.
pub const SYSTEM_SCOPE: &str = "system/Bundle.crs system/Composition.rs";
/// What a human user of a dataflow may do.
pub const USER_SCOPE: &str = "user/Bundle.crs user/Composition.rs";
