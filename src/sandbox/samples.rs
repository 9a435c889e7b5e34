//! The records that the sandbox hosts at their sources.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use fhir::Jurisdiction;
use fhir::bundle::Bundle;

use super::cast::{Cast, Flow};
use crate::files;
use crate::sample::{self, Form, Kind};
use crate::serve::RunningParty;

/// A record that somebody gave.
pub struct Record {
    /// Its file name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its jurisdiction, where it says one.
    pub jurisdiction: Option<String>,
}

/// Per dataflow: sample files and their ids at the source.
pub type Hosted = BTreeMap<String, Vec<(String, String)>>;

/// Reads the given records; every one must be a FHIR Bundle that a resource server takes.
///
/// # Errors
/// A file cannot be read or is no such Bundle.
pub fn read(paths: &[PathBuf]) -> anyhow::Result<Vec<Record>> {
    let read = |path: &PathBuf| {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        if let Err(error) = fhir::json::check(&bytes) {
            bail!("{}: {error}", path.display());
        }
        let jurisdiction = match Bundle::parse(&bytes) {
            Ok(bundle) => bundle.index().jurisdiction.map(|code| code.to_string()),
            Err(issue) => bail!("{}: {issue}", path.display()),
        };
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        Ok(Record {
            name,
            bytes,
            jurisdiction,
        })
    };
    paths.iter().map(read).collect()
}

/// Hosts the records of every dataflow at its source, and writes them to `NAME/samples/`.
///
/// # Errors
/// A record is refused.
pub async fn host(
    directory: &Path,
    cast: &Cast,
    parties: &[RunningParty],
    records: &[Record],
) -> anyhow::Result<Hosted> {
    let mut hosted = Hosted::new();
    for flow in &cast.dataflows {
        let party = parties
            .iter()
            .find(|party| party.name() == flow.source.name);
        let roles = party
            .map(RunningParty::roles)
            .context("the source does not run")?;
        let server = roles
            .resource_server
            .as_ref()
            .context("the source hosts nothing")?;
        let jurisdiction = cast
            .jurisdictions
            .first()
            .and_then(|code| Jurisdiction::parse(code));
        let mut samples = Vec::new();
        for (name, bytes) in of_flow(cast, flow, records)? {
            let addressee = Some(flow.receiver.organization.as_str());
            let record = server
                .host(&bytes, &flow.source.organization, addressee, jurisdiction)
                .await
                .map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
            let file = format!("{}/samples/{name}", flow.source.name);
            files::write(&directory.join(&file), &bytes, files::PRIVATE)?;
            samples.push((file, record.id));
        }
        hosted.insert(flow.name(), samples);
    }
    Ok(hosted)
}

/// The facility of the first record of a dataflow that has one.
///
/// # Errors
/// A record cannot be written.
pub fn facility(cast: &Cast, flow: &Flow, records: &[Record]) -> anyhow::Result<Option<String>> {
    let records = of_flow(cast, flow, records)?;
    let mut facilities = records.iter().filter_map(|(_, bytes)| {
        let searchable = Bundle::parse(bytes).ok()?.searchable();
        searchable.facility().map(|found| found.value.clone())
    });
    Ok(facilities.next())
}

/// What travels a dataflow: the given records, or synthetic ones of the dataflow's own kinds.
fn of_flow(cast: &Cast, flow: &Flow, records: &[Record]) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    if !records.is_empty() {
        return Ok(records
            .iter()
            .map(|record| (record.name.clone(), record.bytes.clone()))
            .collect());
    }
    let jurisdiction = cast.jurisdictions.first().cloned().unwrap_or_default();
    let mut samples = Vec::new();
    for (kind, form, number) in flow.sample_kinds {
        let request = sample::Request {
            kind: *kind,
            form: *form,
            jurisdiction: jurisdiction.clone(),
            seed: SEED,
        };
        let sample = sample::write(&request, *number)?;
        samples.push((sample.file_name, sample.json));
    }
    Ok(samples)
}

/// What a hospital reports to its vital records office.
pub const PROVIDER: &[(Kind, Form, u32)] = &[
    (Kind::Birth, Form::Provider, 1),
    (Kind::FetalDeath, Form::Provider, 2),
    (Kind::Birth, Form::Provider, 3),
];
/// What the office reports to NCHS.
pub const JURISDICTION: &[(Kind, Form, u32)] = &[
    (Kind::Birth, Form::Jurisdiction, 1),
    (Kind::FetalDeath, Form::Jurisdiction, 2),
    (Kind::Birth, Form::Jurisdiction, 3),
];
/// What NCHS returns.
pub const CODED: &[(Kind, Form, u32)] = &[
    (Kind::Coded, Form::Jurisdiction, 1),
    (Kind::Coded, Form::Jurisdiction, 2),
    (Kind::Coded, Form::Jurisdiction, 3),
];
/// Any number; the same one gives the same records at every start, so that they are not hosted twice.
const SEED: u64 = 2026;
