//! The clinical facts of a report: the tables of `facts` written as FHIR resources.
#![expect(
    clippy::indexing_slicing,
    reason = "members of JSON objects that are made here: serde_json inserts what is not there"
)]

use serde_json::{Value, json};

use super::document::{BFDR, Document, LOINC, SNOMED, concept};
use super::draw::Draw;
use super::people::Case;

/// Of whom a fact is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The mother.
    Mother,
    /// The child or fetus.
    Child,
}

/// References that facts point to.
#[derive(Debug)]
pub struct Subjects {
    /// Patient of the mother.
    pub mother: String,
    /// Patient of the child or fetus.
    pub child: String,
    /// Practitioner who observed.
    pub observer: String,
}

/// One kind of observation.
pub struct Fact {
    pub(super) profile: &'static str,
    pub(super) code: &'static str,
    pub(super) display: &'static str,
    pub(super) about: About,
    pub(super) value: fn(&Case, &mut Draw) -> (&'static str, Value),
}

/// One coded finding, Condition or Procedure, that some reports have.
pub struct Finding {
    pub(super) resource_type: &'static str,
    pub(super) profile: &'static str,
    pub(super) category: &'static str,
    pub(super) about: About,
    /// Present in this many of 100 reports.
    pub(super) percent: i64,
    pub(super) code: (&'static str, &'static str),
}

/// Adds every observation of `facts` to the open section.
pub fn add_facts(
    document: &mut Document,
    facts: &[Fact],
    case: &Case,
    subjects: &Subjects,
    draw: &mut Draw,
) {
    for fact in facts {
        let (member, value) = (fact.value)(case, draw);
        let mut observation = json!({
            "status": "final",
            "code": concept(LOINC, fact.code, fact.display),
            "subject": { "reference": subject(fact.about, subjects) },
            "effectiveDateTime": case.delivered.to_string(),
            "performer": [{ "reference": subjects.observer }],
        });
        if fact.about == About::Mother {
            observation["focus"] = json!([{ "reference": subjects.child }]);
        }
        observation[member] = value;
        let slug = format!("{}-{}", fact.profile, fact.code);
        document.add(
            "Observation",
            &slug,
            &format!("{BFDR}Observation-{}", fact.profile),
            observation,
        );
    }
}

/// Adds those of `findings` that this report has to the open section.
pub fn add_findings(
    document: &mut Document,
    findings: &[Finding],
    case: &Case,
    subjects: &Subjects,
    draw: &mut Draw,
) {
    for finding in findings {
        if !draw.chance(finding.percent) {
            continue;
        }
        let category = json!({ "coding": [{ "system": LOINC, "code": finding.category }] });
        let mut resource = json!({
            "code": concept(SNOMED, finding.code.0, finding.code.1),
            "subject": { "reference": subject(finding.about, subjects) },
        });
        if finding.resource_type == "Procedure" {
            resource["status"] = json!("completed");
            resource["category"] = category;
            resource["performedDateTime"] = json!(case.delivered.to_string());
        } else {
            resource["clinicalStatus"] = concept(
                "http://terminology.hl7.org/CodeSystem/condition-clinical",
                "active",
                "Active",
            );
            resource["category"] = json!([category]);
        }
        let profile = format!("{BFDR}{}-{}", finding.resource_type, finding.profile);
        document.add(finding.resource_type, finding.profile, &profile, resource);
    }
}

fn subject(about: About, subjects: &Subjects) -> &str {
    match about {
        About::Mother => &subjects.mother,
        About::Child => &subjects.child,
    }
}
