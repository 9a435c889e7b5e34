//! The FHIR R4 (4.0.1) and vital-records words that we act on; no I/O.
//!
//! What is read of a record is its envelope: enough to find it, to decide who may touch it and to hand
//! it out again. Its content is looked at only to be checked ([`validate`]) and never rewritten.
//!
//! | module | words |
//! |---|---|
//! | [`record`], [`jurisdiction`], [`natural_key`] | what a vital record is, whose, and its key |
//! | [`json`] | whether bytes are JSON that every reader reads alike |
//! | [`bundle`] | the index of a document, message or batch Bundle |
//! | [`batch`] | the requests of a batch or transaction |
//! | [`searchable`] | what a record can be found by |
//! | [`splice`] | `id` and `meta` of a stored resource, all other bytes as received |
//! | [`validate`] | structural checks of a record, all problems at once |
//! | [`redact`] | a record without what a policy withholds |
//! | [`outcome`] | OperationOutcome, the body of every error |
//! | [`interaction`], [`search`], [`media`], [`prefer`] | a request of the RESTful API |
//! | [`capability`] | the CapabilityStatement |
//! | [`audit_event`] | AuditEvent out of an audit row, and its search |

pub mod audit_event;
pub mod batch;
pub mod bundle;
pub mod capability;
#[cfg(test)]
mod costs;
pub mod interaction;
pub mod json;
pub mod jurisdiction;
pub mod media;
pub mod natural_key;
pub mod outcome;
pub mod prefer;
pub mod record;
pub mod redact;
pub mod search;
pub mod searchable;
pub mod splice;
pub mod validate;

pub use bundle::Bundle;
pub use interaction::{Interaction, PartType, ResourceType};
pub use jurisdiction::Jurisdiction;
pub use natural_key::NaturalKey;
pub use outcome::{Issue, IssueCode, OperationOutcome, Refusal, Severity};
pub use record::{CompositionType, RecordType, ReportForm};
pub use searchable::Searchable;

/// The real records, where they lie beside the project; they are not part of it.
#[cfg(test)]
fn real_records() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/records");
    let Ok(files) = std::fs::read_dir(folder) else {
        println!("skipped: no real records beside the project");
        return Vec::new();
    };
    let mut records: Vec<_> = files
        .filter_map(|file| {
            let path = file.ok()?.path();
            let name = path.file_name()?.to_str()?.to_owned();
            Some((name, std::fs::read_to_string(path).ok()?))
        })
        .collect();
    records.sort();
    records
}
