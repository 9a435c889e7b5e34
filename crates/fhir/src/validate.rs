//! Structural checks of a received record: JSON, FHIR R4 and the record's own identity.
//!
//! All problems are found at once and told in the order of their places, each with a FHIRPath and a
//! text for people. Texts never repeat what the record says, and no name that FHIR does not know: an
//! answer may end up in a log, or before somebody who may not see the record.
//!
//! | rule set | rules |
//! |---|---|
//! | `structure` | JSON and the elements of R4 that `r4.txt` lists; other resource types in outline |
//! | `envelope` | entries, their addresses and ids, and where references lead (bdl-1 to bdl-8) |
//! | `document` | Composition, identifier, timestamp, what the Composition refers to (bdl-9 to bdl-11) |
//! | `message` | MessageHeader and its focus (bdl-12) |
//! | `identity` | year, jurisdiction and certificate number, wherever the record says them |
//!
//! What a profile of an implementation guide demands comes as one more rule set in [`RULE_SETS`].

mod document;
mod envelope;
mod identity;
mod message;
mod place;
mod primitive;
mod references;
mod report;
mod schema;
mod structure;

use crate::json::JsonError;
use crate::json::tree::{Kind, Tree};
use crate::outcome::{Issue, IssueCode, OperationOutcome, Severity};

use envelope::Envelope;
use place::Place;
use report::Report;

pub use report::Finding;

/// What the checks of a text found, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    findings: Vec<Finding>,
}

/// Checks a resource in JSON by all rule sets.
///
/// # Errors
/// If the text is no JSON, or too much of it: nothing is known of its content then.
pub fn validate(text: &[u8]) -> Result<Findings, JsonError> {
    let tree = Tree::parse(text)?;
    let mut report = Report::new();
    let root = tree.root();
    if root.kind() == Kind::Object {
        let envelopes = Envelope::find_all(root);
        for rule_set in RULE_SETS {
            rule_set(&tree, &envelopes, &mut report);
        }
    } else {
        let text = "a resource is a JSON object";
        report.add(0, Issue::error(IssueCode::Structure, text));
    }
    Ok(Findings {
        findings: report.into_findings(),
    })
}

/// One set of rules: the text, the Bundles in it from the outside in, and where problems go.
type RuleSet = fn(&Tree<'_>, &[Envelope<'_>], &mut Report);

/// All rule sets. They do not depend on one another: each looks at what is there, and leaves alone what
/// is not as it must be, since another one tells of that.
const RULE_SETS: &[RuleSet] = &[
    structure::check,
    envelope::check,
    document::check,
    message::check,
    identity::check,
];

impl Findings {
    /// What was found, at most a hundred and a last one that says that there is more.
    #[must_use]
    pub fn all(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether there is an error among them.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.issue.severity <= Severity::Error)
    }

    /// As issues; empty if nothing was found.
    #[must_use]
    pub fn into_issues(self) -> Vec<Issue> {
        self.findings
            .into_iter()
            .map(|finding| finding.issue)
            .collect()
    }

    /// As the answer of `$validate`, which says so if nothing was found.
    #[must_use]
    pub fn into_outcome(self) -> OperationOutcome {
        let mut issues = self.into_issues().into_iter();
        let first = issues.next().unwrap_or_else(|| {
            Issue::information(IssueCode::Informational, "no problems were found")
        });
        OperationOutcome::of(first, issues)
    }
}

#[cfg(test)]
mod tests;
