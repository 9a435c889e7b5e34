//! Where problems are gathered.

use crate::outcome::{Issue, IssueCode, Severity};

use super::Place;

/// One problem and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What to tell the sender.
    pub issue: Issue,
    /// Where in the text it is, in bytes.
    pub offset: usize,
}

/// The problems found so far.
pub(super) struct Report {
    findings: Vec<Finding>,
    /// The worst of those that are not kept.
    dropped: Option<Severity>,
}

impl Report {
    pub(super) fn new() -> Self {
        Self {
            findings: Vec::new(),
            dropped: None,
        }
    }

    pub(super) fn add(&mut self, offset: usize, issue: Issue) {
        // Sorted only at the end: rule sets go through the text one after the other. What is kept is
        // bounded even so, because a text may be made of nothing but problems.
        if self.findings.len() < MAX_KEPT {
            self.findings.push(Finding { issue, offset });
        } else {
            self.drop(issue.severity);
        }
    }

    /// An error of the element at `place`, which begins at `at`: its name and then `text` make the sentence.
    pub(super) fn error(&mut self, code: IssueCode, text: &str, at: usize, place: &Place<'_>) {
        let text = format!("{} {text}", place.subject());
        self.add(at, Issue::error(code, text).at(place.to_string()));
    }

    /// The same as a warning: what software in use writes every day, and others may trip over.
    pub(super) fn warning(&mut self, code: IssueCode, text: &str, at: usize, place: &Place<'_>) {
        let text = format!("{} {text}", place.subject());
        self.add(at, Issue::warning(code, text).at(place.to_string()));
    }

    fn drop(&mut self, severity: Severity) {
        let worst = self.dropped.map_or(severity, |worst| worst.min(severity));
        self.dropped = Some(worst);
    }

    /// In the order of the text, and no more than [`MAX_FINDINGS`]; the last is as bad as the worst of those that
    /// are not listed, or a record would be refused for warnings, or not for an error.
    pub(super) fn into_findings(mut self) -> Vec<Finding> {
        self.findings.sort_by_key(|finding| finding.offset);
        let beyond = self.findings.len().min(MAX_FINDINGS);
        for finding in self.findings.split_off(beyond) {
            self.drop(finding.issue.severity);
        }
        if let Some(severity) = self.dropped {
            let offset = self.findings.last().map_or(0, |last| last.offset);
            let text = "there are more problems than are listed";
            let issue = Issue {
                severity,
                ..Issue::error(IssueCode::TooCostly, text)
            };
            self.findings.push(Finding { issue, offset });
        }
        self.findings
    }
}

/// Problems in one answer. Whoever has as many has one cause for most of them.
pub(super) const MAX_FINDINGS: usize = 100;

/// Problems kept until all are known.
const MAX_KEPT: usize = 10_000;
