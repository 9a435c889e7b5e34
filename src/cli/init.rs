//! `vitalgate init`: writes the directory of a new party.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use authorization_server::Protocol;
use authorization_server::administration::NewResourceServer;
use oauth::Random;
use storage::Clock;

use super::output::print;
use super::{resource_server, shell};
use crate::init::{self, NewParty, PRESETS, Preset};
use crate::{config, files, serve};

/// The command line.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which kind of party: ehr, vro or nchs
    #[arg(long, value_parser = preset)]
    party: Preset,
    /// Where to write it
    #[arg(long)]
    dir: PathBuf,
    /// Its organization
    #[arg(long)]
    organization: Option<String>,
    /// Jurisdiction that it reports for or receives from
    #[arg(long, default_value = "MA", value_name = "CODE", value_parser = jurisdiction)]
    jurisdiction: fhir::Jurisdiction,
    /// Its public origin
    #[arg(long, default_value = "https://localhost:8443", value_name = "URL", value_parser = origin)]
    origin: config::Origin,
    /// Where it listens; absent means the port of the origin on loopback
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Where health and metrics are
    #[arg(long, default_value = "127.0.0.1:9443", value_name = "ADDRESS:PORT")]
    internal: SocketAddr,
    /// Certificate chain (PEM), instead of a development certificate
    #[arg(long, value_name = "FILE", requires = "private_key")]
    certificate: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    private_key: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// There is a party already, or a file cannot be written.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let preset = args.party;
    let new = NewParty {
        preset,
        organization: args
            .organization
            .unwrap_or_else(|| preset.organization.to_owned()),
        jurisdiction: args.jurisdiction.to_string(),
        address: args.listen.unwrap_or_else(|| loopback(&args.origin)),
        origin: args.origin.to_string(),
        internal_address: args.internal,
        certificate: args.certificate.zip(args.private_key),
    };
    init::init(&args.dir, &new, &Clock::system(), &Random::system())?;
    let file = args.dir.join("vitalgate.toml");
    if preset.authorization_server {
        register_own_resource_server(&file).await?;
    }
    print(&next_steps(&file, &new))?;
    Ok(ExitCode::SUCCESS)
}

/// The party's own resource server asks its own authorization server: registered here, so that a new
/// party works without an errand.
async fn register_own_resource_server(file: &Path) -> anyhow::Result<()> {
    let loaded = config::load(file)?;
    let admin = shell::administration(&loaded, serve::open_database(&loaded).await?);
    let server = NewResourceServer {
        audience: serve::fhir_base(&loaded.config)?.to_string(),
        name: format!("{} records", loaded.config.party),
        introspection_client_id: init::OWN_RESOURCE_SERVER.to_owned(),
        organization: loaded.config.organization.clone(),
        access_token_signing_alg: None,
    };
    let (_, secret) = resource_server::register(&admin, server, Protocol::default()).await?;
    let secret = secret
        .map(|secret| secret.expose().as_bytes().to_vec())
        .unwrap_or_default();
    files::write(
        &loaded.path(Path::new(init::OWN_SECRET)),
        &secret,
        files::PRIVATE,
    )
}

fn next_steps(file: &Path, party: &NewParty) -> String {
    let config = format!("--config {}", file.display());
    let origin = &party.origin;
    let mut text = format!(
        "{}: a new party, {}\n\nNext:\n  vitalgate config check {}\n",
        file.display(),
        party.preset.title,
        file.display()
    );
    if party.preset.authorization_server {
        let code = &party.jurisdiction;
        let rights =
            format!("--organization NAME --jurisdictions {code} --record-types birth,fetal-death");
        text.push_str(&format!(
            "  vitalgate resource-server add https://PARTNER/fhir --name NAME --organization NAME {config}\n\
             \x20   (a partner whose records are read with tokens from here; its secret goes to the partner)\n\
             \x20 vitalgate client add NAME --scope system/Bundle.crus --audience {origin}/fhir {rights} {config}\n\
             \x20 vitalgate user add NAME --role registrar --scope user/Bundle.cruds {rights} {config}\n",
        ));
    } else {
        text.push_str(
            "  register this party at the vital records office that receives its records, then fill in\n\
             \x20 [resource_server] (we ask there about tokens) and [[client.peers]] (we deliver there)\n",
        );
    }
    text.push_str(&format!("  vitalgate serve {config}\n"));
    if party.preset.authorization_server {
        text.push_str(&format!(
            "    (prints a link that makes the first administrator; another one: vitalgate admin recover {config})\n"
        ));
    }
    if party.certificate.is_none() {
        text.push_str(
            "\nThe certificate comes from a development authority made for this directory (tls/ca.pem).\n",
        );
    }
    text.trim_end().to_owned()
}

/// The port of an origin on loopback: what listens elsewhere is the operator's decision.
fn loopback(origin: &str) -> SocketAddr {
    let port = url::Url::parse(origin)
        .ok()
        .and_then(|url| url.port_or_known_default());
    SocketAddr::from(([127, 0, 0, 1], port.unwrap_or(443)))
}

fn preset(name: &str) -> Result<Preset, String> {
    Preset::find(name)
        .ok_or_else(|| format!("use {}", PRESETS.map(|preset| preset.name).join(", ")))
}

fn origin(text: &str) -> Result<config::Origin, String> {
    config::Origin::try_from(text.to_owned())
}

fn jurisdiction(code: &str) -> Result<fhir::Jurisdiction, String> {
    fhir::Jurisdiction::parse(code).ok_or_else(|| "is not a jurisdiction".to_owned())
}
