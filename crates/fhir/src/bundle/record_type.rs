//! Whether a coded document that both kinds of record share is of a birth or of a fetal death.
//!
//! Coded race and ethnicity (86805-9) and coded industry and occupation have one Composition type for
//! both. Inside a message the event decides. On its own the document is asked for its subject: the
//! profile of the Patient that it holds, or else the words that describe the subject where the patient
//! is not sent along (the guide's own examples do that). If these say nothing, or both, the record
//! type stays open, and whoever knows the document's way here has to decide.

use serde_json::value::RawValue;

use super::wire::{self, Composition, Profiled};
use crate::RecordType;

pub(super) fn from_content(
    composition: &Composition,
    resources: &[&RawValue],
) -> Option<RecordType> {
    let profiles = resources
        .iter()
        .filter_map(|raw| wire::resource::<Profiled>(raw, "").ok());
    let profiles = profiles
        .filter_map(|resource| resource.meta)
        .flat_map(|meta| meta.profile);
    let mut evidence = Evidence::default();
    for profile in profiles {
        evidence.birth |= profile_is(&profile, BIRTH_PROFILES);
        evidence.fetal_death |= profile_is(&profile, FETAL_DEATH_PROFILES);
    }
    if evidence == Evidence::default() {
        let subject = composition.subject.as_ref();
        let display = subject
            .and_then(|subject| subject.display.as_deref())
            .unwrap_or_default();
        let words = || {
            display
                .split(|c: char| !c.is_alphabetic())
                .map(str::to_ascii_lowercase)
        };
        evidence.birth = words().any(|word| matches!(word.as_str(), "child" | "newborn" | "birth"));
        evidence.fetal_death = words().any(|word| matches!(word.as_str(), "fetus" | "fetal"));
    }
    evidence.verdict()
}

#[derive(Default, PartialEq)]
struct Evidence {
    birth: bool,
    fetal_death: bool,
}

impl Evidence {
    fn verdict(&self) -> Option<RecordType> {
        match (self.birth, self.fetal_death) {
            (true, false) => Some(RecordType::Birth),
            (false, true) => Some(RecordType::FetalDeath),
            _ => None,
        }
    }
}

/// Compares the last part of a profile's URL, without a version behind it.
fn profile_is(profile: &str, names: &[&str]) -> bool {
    let url = profile.split('|').next().unwrap_or_default();
    let name = url.rsplit('/').next().unwrap_or_default();
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

const BIRTH_PROFILES: &[&str] = &[
    "Patient-child-vr",
    "Encounter-birth",
    "Bundle-document-birth-report",
];
const FETAL_DEATH_PROFILES: &[&str] = &[
    "Patient-decedent-fetus",
    "Bundle-document-fetal-death-report",
];
