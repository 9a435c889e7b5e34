//! OperationOutcome: the body of every error (FHIR R4 operationoutcome).

use std::borrow::Cow;
use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// `OperationOutcome.issue.severity`, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The request was given up.
    Fatal,
    /// The request was not done.
    Error,
    /// It was done, and somebody should look at it.
    Warning,
    /// It was done.
    Information,
}

/// `OperationOutcome.issue.code`, as far as we say it (FHIR R4 code system issue-type).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueCode {
    /// Content is not as it must be.
    Invalid,
    /// Not well-formed, or not of the resource's structure.
    Structure,
    /// A required element is missing.
    Required,
    /// An element's value is not allowed.
    Value,
    /// A rule among several elements is broken.
    Invariant,
    /// Somebody has to sign in.
    Login,
    /// The token or its owner is unknown.
    Unknown,
    /// The token has expired.
    Expired,
    /// Not allowed.
    Forbidden,
    /// Information was left out for privacy.
    Suppressed,
    /// The request cannot be processed.
    Processing,
    /// Not offered here.
    NotSupported,
    /// Exists already.
    Duplicate,
    /// More than one match where one was expected.
    MultipleMatches,
    /// No such thing.
    NotFound,
    /// Once there, now gone.
    Deleted,
    /// Too large.
    TooLong,
    /// Too much work.
    TooCostly,
    /// A rule of the vital records exchange is broken.
    BusinessRule,
    /// An edit collides with another.
    Conflict,
    /// Try again later.
    Transient,
    /// No answer in time.
    Timeout,
    /// Something of ours broke.
    Exception,
    /// Too many requests.
    Throttled,
    /// Did not arrive whole.
    Incomplete,
    /// For the reader's information.
    Informational,
}

impl IssueCode {
    /// The code as FHIR writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Structure => "structure",
            Self::Required => "required",
            Self::Value => "value",
            Self::Invariant => "invariant",
            Self::Login => "login",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Forbidden => "forbidden",
            Self::Suppressed => "suppressed",
            Self::Processing => "processing",
            Self::NotSupported => "not-supported",
            Self::Duplicate => "duplicate",
            Self::MultipleMatches => "multiple-matches",
            Self::NotFound => "not-found",
            Self::Deleted => "deleted",
            Self::TooLong => "too-long",
            Self::TooCostly => "too-costly",
            Self::BusinessRule => "business-rule",
            Self::Conflict => "conflict",
            Self::Transient => "transient",
            Self::Timeout => "timeout",
            Self::Exception => "exception",
            Self::Throttled => "throttled",
            Self::Incomplete => "incomplete",
            Self::Informational => "informational",
        }
    }
}

impl Serialize for IssueCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One issue. Its text is for people and never repeats content of a record: it may end up in a log
/// or on the screen of somebody who may not see the record. It stands in `details.text`, which clients show
/// to their users; `diagnostics` would be for what only developers read, and no issue has any of that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of problem it is.
    pub code: IssueCode,
    /// What is wrong, in a sentence for whoever has to put it right.
    pub text: Cow<'static, str>,
    /// FHIRPath of the element that it is about, or `http.` and the name of a parameter or header.
    pub expression: Vec<String>,
}

impl Issue {
    /// An error.
    #[must_use]
    pub fn error(code: IssueCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Severity::Error, code, text)
    }

    /// A warning.
    #[must_use]
    pub fn warning(code: IssueCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Severity::Warning, code, text)
    }

    /// A piece of information.
    #[must_use]
    pub fn information(code: IssueCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Severity::Information, code, text)
    }

    /// The same issue, about the element at this FHIRPath.
    #[must_use]
    pub fn at(mut self, expression: impl Into<String>) -> Self {
        self.expression.push(expression.into());
        self
    }

    /// The same issue, about the parameter or header of this name (FHIR R4 operationoutcome, `issue.location`: `http.`
    /// and the name). Only names that we know: one that a client made up may be content.
    #[must_use]
    pub fn of_http(self, name: &str) -> Self {
        self.at(format!("{HTTP}{name}"))
    }

    fn new(severity: Severity, code: IssueCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            severity,
            code,
            text: text.into(),
            expression: Vec::new(),
        }
    }
}

impl Serialize for Issue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut issue = serializer.serialize_map(None)?;
        issue.serialize_entry("severity", &self.severity)?;
        issue.serialize_entry("code", &self.code)?;
        issue.serialize_entry("details", &serde_json::json!({ "text": self.text }))?;
        // FHIR has no empty arrays.
        if let Some(first) = self.expression.first() {
            // R4 knows `http.` in location alone, and has deprecated that in favour of expression.
            if first.starts_with(HTTP) {
                issue.serialize_entry("location", &self.expression)?;
            }
            issue.serialize_entry("expression", &self.expression)?;
        }
        issue.end()
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match self.expression.first() {
            Some(expression) => write!(f, " ({expression})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Issue {}

/// A request that is refused for what it is, before anything is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// What the OperationOutcome says.
    pub issue: Issue,
    /// The `Allow` header that a 405 must carry (RFC 9110 section 15.5.6).
    pub allow: Option<&'static str>,
}

impl Refusal {
    /// A refusal of one error.
    #[must_use]
    pub fn new(status: u16, code: IssueCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            issue: Issue::error(code, text),
            allow: None,
        }
    }

    /// The same refusal, for the parameter or header of this name; see [`Issue::of_http`].
    #[must_use]
    pub fn of_http(self, name: &str) -> Self {
        Self {
            issue: self.issue.of_http(name),
            ..self
        }
    }
}

/// A resource of one or more issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationOutcome {
    issues: Vec<Issue>,
}

impl OperationOutcome {
    /// An outcome of several issues; FHIR wants at least one.
    #[must_use]
    pub fn of(first: Issue, others: impl IntoIterator<Item = Issue>) -> Self {
        Self {
            issues: std::iter::once(first).chain(others).collect(),
        }
    }

    /// The issues, at least one.
    #[must_use]
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// As `application/fhir+json`.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        self.to_value().to_string().into_bytes()
    }

    /// As a JSON value, to be put into a Bundle.
    #[must_use]
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::json!({ "resourceType": "OperationOutcome", "issue": self.issues })
    }
}

impl From<Issue> for OperationOutcome {
    fn from(issue: Issue) -> Self {
        Self {
            issues: vec![issue],
        }
    }
}

/// What stands before the name of a parameter or header, where an element's FHIRPath has its resource type.
const HTTP: &str = "http.";

#[cfg(test)]
mod tests;
