//! Three parties in one process for other people's clients: `vitalgate sandbox --dir DIR`.
//!
//! The parties are ordinary ones: each has its directory, database, keys, certificate and configuration file,
//! and could be started from it with `vitalgate serve`. A second start in the same directory keeps ports, the
//! authority, client identifiers, records and audit; it replaces certificates, keys, secrets and passwords, so
//! that every token and session of the first dies.

mod cast;
mod configuration;
mod description;
mod ports;
mod register;
mod samples;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::SignedDuration;
use oauth::Random;
use storage::Clock;

use crate::certificates::{DevelopmentCa, development_names};
use crate::serve::{self, RunningParty, StartOptions};
use crate::{config, files, init};

pub use cast::{Cast, DATAFLOWS, PARTIES};
pub use description::{Client, Dataflow, Description, User};
pub use ports::Ports;

/// How to start a sandbox.
#[derive(Clone, Default)]
pub struct Options {
    /// `SECTION.KEY=VALUE` in all parties.
    pub set: Vec<String>,
    /// First of the ports to use.
    pub port_base: Option<u16>,
    /// Records to host instead of synthetic ones; registrations are made to match.
    pub records: Vec<PathBuf>,
    /// Sees every exchange between the parties.
    pub observer: Option<outbound::Observer>,
}

/// A running sandbox.
pub struct Sandbox {
    /// Its directory.
    pub directory: PathBuf,
    /// What `sandbox.json` says.
    pub description: Description,
    /// Whether records were given, instead of synthetic ones.
    pub records_were_given: bool,
    parties: Vec<RunningParty>,
    _lock: File,
}

/// Starts the parties in `directory` and writes `sandbox.json` once all of them answer.
///
/// # Errors
/// The directory is in use, a port cannot be had, or a record cannot be hosted.
pub async fn start(directory: &Path, options: Options) -> anyhow::Result<Sandbox> {
    files::private_directory(directory)?;
    let lock = lock(directory)?;
    let file = directory.join("sandbox.json");
    if file.exists() {
        // First of all: nobody shall read secrets that no longer open anything.
        std::fs::remove_file(&file)?;
    }
    let (clock, random) = (Clock::system(), Random::system());
    let records = samples::read(&options.records)?;
    let ports = Ports::choose(directory, options.port_base)?;
    let cast = Cast::new(&ports, &records);
    let ca = DevelopmentCa::load_or_create(directory, clock.now())?;
    for party in &cast.parties {
        write_party(directory, &ca, party.name, &random)?;
    }
    configuration::write(directory, &cast, &options.set)?;
    let registered = register::register(directory, &cast, &records, &clock, &random).await?;
    let mut parties = Vec::new();
    for (party, listeners) in cast.parties.iter().zip(ports.into_listeners()) {
        let loaded = config::load(&directory.join(party.name).join("vitalgate.toml"))?;
        let start = StartOptions {
            clock: clock.clone(),
            random: random.clone(),
            observer: options.observer.clone(),
            listener: Some(listeners.public),
            internal: Some(listeners.internal),
        };
        parties.push(
            serve::start(loaded, start)
                .await
                .with_context(|| party.name)?,
        );
    }
    let hosted = samples::host(directory, &cast, &parties, &records).await?;
    let description = cast.describe(&registered, &hosted, &parties);
    let json = serde_json::to_vec_pretty(&description)?;
    files::write(&file, &json, files::PRIVATE)?;
    Ok(Sandbox {
        directory: directory.to_owned(),
        description,
        records_were_given: !records.is_empty(),
        parties,
        _lock: lock,
    })
}

impl Sandbox {
    /// A running party by name.
    #[must_use]
    pub fn party(&self, name: &str) -> Option<&RunningParty> {
        self.parties.iter().find(|party| party.name() == name)
    }

    /// Stops the parties: those first that nobody introspects at.
    pub async fn shutdown(self) {
        for party in self.parties {
            party.shutdown().await;
        }
    }
}

/// Holds the directory as long as the file is open: two sandboxes in one directory would overwrite each other.
fn lock(directory: &Path) -> anyhow::Result<File> {
    let file = File::create(directory.join(".lock"))?;
    if file.try_lock().is_err() {
        bail!("{} is in use by another sandbox", directory.display());
    }
    Ok(file)
}

/// Keys and certificate of a party, new at every start.
fn write_party(
    directory: &Path,
    ca: &DevelopmentCa,
    name: &str,
    random: &Random,
) -> anyhow::Result<()> {
    let home = directory.join(name);
    for part in ["", "tls", "secrets", "samples"] {
        files::private_directory(&home.join(part))?;
    }
    init::write_keys(&home.join("keys"), random)?;
    let issued = ca.issue(
        &development_names(name),
        SignedDuration::from_hours(24 * 30),
    )?;
    files::write(
        &home.join("tls/certificate.pem"),
        issued.certificate_pem.as_bytes(),
        files::PUBLIC,
    )?;
    files::write(
        &home.join("tls/private-key.pem"),
        issued.private_key_pem.as_bytes(),
        files::PRIVATE,
    )
}
