//! The demonstration: three parties, every dataflow of the specification three ways, then what is refused.
//!
//! Nothing is acted: the parties are a sandbox like any other, every step is a request over TLS, and what is
//! shown was observed on the wire.

mod abuse;
mod browser;
pub mod report;
mod terminal;
mod trace;
mod walks;
mod wire;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::sandbox::{self, Options, Sandbox};

pub use trace::{Step, Trace, Way};

/// What happened.
pub struct Outcome {
    /// The parties.
    pub parties: Vec<Party>,
    /// The walks.
    pub walks: Vec<Walk>,
    /// The refusals.
    pub refusals: Vec<Refusal>,
    /// From the start of the parties to the last refusal.
    pub elapsed: Duration,
}

/// A party, for the report's head.
pub struct Party {
    /// Name.
    pub name: String,
    /// Organization.
    pub organization: String,
    /// Origin.
    pub origin: String,
}

/// One dataflow in one way.
pub struct Walk {
    /// Dataflow, `EHR-VRO`.
    pub dataflow: String,
    /// Way, in words.
    pub way: String,
    /// What was exchanged.
    pub record: String,
    /// One sentence on who does what.
    pub explanation: String,
    /// What was seen on the wire.
    pub steps: Vec<Step>,
    /// Why it did not hold.
    pub failure: Option<String>,
    /// How long it took.
    pub elapsed: Duration,
}

/// One attempt that must be refused.
pub struct Refusal {
    /// What was tried.
    pub attempt: String,
    /// What the standards demand.
    pub demanded: String,
    /// What was seen.
    pub seen: String,
    /// Whether that is the same.
    pub held: bool,
}

impl Walk {
    /// Whether the record arrived as it was sent.
    #[must_use]
    pub const fn held(&self) -> bool {
        self.failure.is_none()
    }

    /// In a word, or why not.
    #[must_use]
    pub fn verdict(&self) -> String {
        self.failure
            .clone()
            .unwrap_or_else(|| "byte for byte the same".to_owned())
    }
}

impl Outcome {
    /// Whether everything held.
    #[must_use]
    pub fn held(&self) -> bool {
        self.walks.iter().all(Walk::held) && self.refusals.iter().all(|refusal| refusal.held)
    }
}

/// Runs the demonstration in a directory that is gone afterwards, telling the terminal what happens.
///
/// # Errors
/// The parties cannot be started. What does not hold is in the outcome, not an error.
pub async fn run(records: Vec<PathBuf>) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let directory = tempfile::tempdir().context("no temporary directory")?;
    let trace = Trace::default();
    let options = Options {
        records,
        observer: Some(trace.observer()),
        ..Options::default()
    };
    let sandbox = sandbox::start(directory.path(), options).await?;
    let parties = parties(&sandbox, &trace);
    terminal::parties(&parties);
    let walks = walks::all(&sandbox, &trace).await;
    let refusals = abuse::all(&sandbox, &trace).await?;
    sandbox.shutdown().await;
    let outcome = Outcome {
        parties,
        walks,
        refusals,
        elapsed: started.elapsed(),
    };
    terminal::summary(&outcome);
    Ok(outcome)
}

fn parties(sandbox: &Sandbox, trace: &Trace) -> Vec<Party> {
    let described = sandbox.description.parties.iter();
    let named = described.map(|(name, party)| {
        if let Some(running) = sandbox.party(name) {
            trace.name(running.address().port(), name);
        }
        Party {
            name: name.clone(),
            organization: party.organization.clone(),
            origin: party.origin.clone(),
        }
    });
    named.collect()
}
