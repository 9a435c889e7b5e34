//! A new party's directory: configuration, keys, certificate.

mod keys;
mod template;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::SignedDuration;
use oauth::Random;
use storage::Clock;

use crate::certificates::{DevelopmentCa, development_names};
use crate::{files, serve};

pub use keys::{Keys, write_keys};

/// Who a new party's own resource server is at its own authorization server.
pub const OWN_RESOURCE_SERVER: &str = "own-resource-server";
/// Its secret, relative to the configuration.
pub const OWN_SECRET: &str = "secrets/own-introspection";

/// What a new party is made of.
#[derive(Clone, Debug)]
pub struct NewParty {
    /// Preset: which roles it has.
    pub preset: Preset,
    /// Organization.
    pub organization: String,
    /// Jurisdiction code.
    pub jurisdiction: String,
    /// Public origin.
    pub origin: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where health and metrics are.
    pub internal_address: SocketAddr,
    /// Certificate and private key, PEM files; absent means a development certificate.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Which roles a kind of party has. This table is all that tells the kinds apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Name, which becomes the party's name.
    pub name: &'static str,
    /// What it is called in a sentence.
    pub title: &'static str,
    /// Whether it decides about other organizations' access.
    pub authorization_server: bool,
    /// An organization to begin with.
    pub organization: &'static str,
}

/// The specification's parties. Each hosts records and delivers some; the receivers issue tokens.
pub const PRESETS: [Preset; 3] = [
    Preset {
        name: "ehr",
        title: "a hospital's EHR",
        authorization_server: false,
        organization: "Example Hospital",
    },
    Preset {
        name: "vro",
        title: "a vital records office",
        authorization_server: true,
        organization: "Example Vital Records Office",
    },
    Preset {
        name: "nchs",
        title: "the National Center for Health Statistics",
        authorization_server: true,
        organization: "National Center for Health Statistics",
    },
];

impl Preset {
    /// The preset of a name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        PRESETS.into_iter().find(|preset| preset.name == name)
    }
}

/// Writes the directory of a new party.
///
/// # Errors
/// A part of a party is there already, or a file cannot be written.
pub fn init(
    directory: &Path,
    party: &NewParty,
    clock: &Clock,
    random: &Random,
) -> anyhow::Result<()> {
    for name in ["vitalgate.toml", "keys", "tls", "secrets", "data"] {
        let part = directory.join(name);
        if part.exists() {
            bail!("{} exists already; nothing was changed", part.display());
        }
    }
    if let Some((certificate, key)) = &party.certificate {
        serve::certified(certificate, key)?;
    }
    files::private_directory(directory)?;
    files::private_directory(&directory.join("tls"))?;
    files::private_directory(&directory.join("secrets"))?;
    write_keys(&directory.join("keys"), random)?;
    let ca = certificate(directory, party, clock)?;
    let text = template::configuration(party, ca);
    files::write(
        &directory.join("vitalgate.toml"),
        text.as_bytes(),
        files::PRIVATE,
    )
}

/// Puts certificate and key into `tls/`; answers whether a development authority made them.
fn certificate(directory: &Path, party: &NewParty, clock: &Clock) -> anyhow::Result<bool> {
    let tls = directory.join("tls");
    let (certificate, key, development) = match &party.certificate {
        Some((certificate, key)) => {
            let read = |path: &PathBuf| {
                std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
            };
            (read(certificate)?, read(key)?, false)
        }
        None => {
            let ca = DevelopmentCa::load_or_create(&tls, clock.now())?;
            let names = names(party);
            let issued = ca.issue(&names, SignedDuration::from_hours(24 * 365))?;
            (
                issued.certificate_pem.into_bytes(),
                issued.private_key_pem.into_bytes(),
                true,
            )
        }
    };
    files::write(&tls.join("certificate.pem"), &certificate, files::PUBLIC)?;
    files::write(&tls.join("private-key.pem"), &key, files::PRIVATE)?;
    Ok(development)
}

/// The usual names, and that of the origin.
fn names(party: &NewParty) -> Vec<String> {
    let mut names = development_names(party.preset.name);
    let url = url::Url::parse(&party.origin).ok();
    let host = url
        .as_ref()
        .and_then(url::Url::host_str)
        .unwrap_or_default();
    let host = host.trim_matches(['[', ']']);
    if !names.iter().any(|name| name == host) {
        names.push(host.to_owned());
    }
    names
}
