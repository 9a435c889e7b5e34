//! One row of a table, and what every answer has to be like.

use serde_json::Value;

use crate::ask::Ask;
use crate::support::http::Answer;
use crate::support::party::Party;

/// In everything that was made up for the tables.
pub const CANARY: &str = "c4n4ry";

/// A hostile request and its answer.
pub struct Row {
    name: String,
    ask: Ask,
    expect: Expect,
    /// The parameter or header that the first issue must be about.
    about: Option<String>,
}

enum Expect {
    /// An OperationOutcome with this status and this code of its first issue.
    Issue(u16, &'static str),
    /// A searchset that finds nothing and says nothing of what there is.
    Nothing,
    /// A batch-response with these statuses, in this order, each with its issue code (or none).
    Entries(Vec<(&'static str, &'static str)>),
    /// A response of the front, before anything of FHIR.
    Status(u16),
}

/// A row that ends in an OperationOutcome.
pub fn row(name: impl Into<String>, ask: Ask, status: u16, code: &'static str) -> Row {
    Row {
        name: name.into(),
        ask,
        expect: Expect::Issue(status, code),
        about: None,
    }
}

/// A search that finds nothing.
pub fn nothing(name: impl Into<String>, ask: Ask) -> Row {
    Row {
        name: name.into(),
        ask,
        expect: Expect::Nothing,
        about: None,
    }
}

/// A batch whose entries are answered each for itself.
pub fn entries(
    name: impl Into<String>,
    ask: Ask,
    expected: &[(&'static str, &'static str)],
) -> Row {
    Row {
        name: name.into(),
        ask,
        expect: Expect::Entries(expected.to_vec()),
        about: None,
    }
}

/// A request that is no HTTP for FHIR to look at.
pub fn front(name: impl Into<String>, ask: Ask, status: u16) -> Row {
    Row {
        name: name.into(),
        ask,
        expect: Expect::Status(status),
        about: None,
    }
}

impl Row {
    /// The same, whose first issue is about this parameter or header.
    pub fn about(self, name: &str) -> Self {
        Self {
            about: Some(format!("http.{name}")),
            ..self
        }
    }

    /// Sends it and says what is wrong with the answer. No text of it may have one of `secrets`.
    pub fn run(&self, party: &Party, secrets: &[String]) -> Result<(), String> {
        let answer = self.ask.send(party);
        self.problem(&answer, secrets).map_or(Ok(()), |problem| {
            let body: String = answer.body.chars().take(400).collect();
            Err(format!(
                "{}: {problem}\n    {}, {body}",
                self.name, answer.status
            ))
        })
    }

    fn problem(&self, answer: &Answer, secrets: &[String]) -> Option<String> {
        if answer.body.contains(CANARY) {
            return Some("the body repeats what was sent".to_owned());
        }
        if answer.header("access-control-allow-origin").is_some() {
            return Some("another origin may read it".to_owned());
        }
        if answer.status == 405 && answer.header("allow").is_none_or(str::is_empty) {
            return Some("a 405 says which methods there are (RFC 9110 section 15.5.6)".to_owned());
        }
        if let Some(problem) = texts(answer, secrets).or_else(|| self.names_another(answer)) {
            return Some(problem);
        }
        match &self.expect {
            Expect::Status(status) => {
                (answer.status != *status).then(|| format!("expected {status}"))
            }
            Expect::Issue(status, code) => is_outcome(answer, *status, code),
            Expect::Nothing => finds_nothing(answer),
            Expect::Entries(expected) => answers_entries(answer, expected),
        }
    }
}

impl Row {
    fn names_another(&self, answer: &Answer) -> Option<String> {
        let expected = self.about.as_deref()?;
        let found: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        (found["issue"][0]["expression"][0] != expected)
            .then(|| format!("expected the expression {expected}"))
    }
}

/// What is wrong with the texts of the issues in an answer, of which a batch has several.
fn texts(answer: &Answer, secrets: &[String]) -> Option<String> {
    let found: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let mut open = vec![&found];
    while let Some(value) = open.pop() {
        if value["resourceType"] != "OperationOutcome" {
            open.extend(value.as_object().into_iter().flat_map(|it| it.values()));
            open.extend(value.as_array().into_iter().flatten());
            continue;
        }
        for issue in value["issue"].as_array().into_iter().flatten() {
            let text = issue["details"]["text"].as_str().unwrap_or_default();
            if text.is_empty() {
                return Some("an issue says nothing to people".to_owned());
            }
            let issue = issue.to_string();
            if secrets.iter().any(|secret| issue.contains(secret)) {
                return Some("an issue repeats a token or what a record says".to_owned());
            }
        }
    }
    None
}

fn is_outcome(answer: &Answer, status: u16, code: &str) -> Option<String> {
    let found: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let issue = &found["issue"][0];
    let right = answer.status == status
        && found["resourceType"] == "OperationOutcome"
        && issue["code"] == code;
    let media_type = answer
        .header("content-type")
        .is_some_and(|it| it.starts_with("application/fhir+json"));
    let kept = answer.header("cache-control") != Some("no-store");
    (!right || !media_type || kept).then(|| format!("expected {status} {code}"))
}

fn finds_nothing(answer: &Answer) -> Option<String> {
    let found: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let entries = found["entry"].as_array().map_or(0, |entries| {
        entries
            .iter()
            .filter(|entry| entry["search"]["mode"] != "outcome")
            .count()
    });
    let right =
        answer.status == 200 && found["type"] == "searchset" && found["total"] == 0 && entries == 0;
    (!right).then(|| "expected an empty searchset".to_owned())
}

fn answers_entries(answer: &Answer, expected: &[(&str, &str)]) -> Option<String> {
    let found: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let entries = found["entry"].as_array().cloned().unwrap_or_default();
    let said: Vec<(String, String)> = entries
        .iter()
        .map(|entry| {
            let response = &entry["response"];
            let status = response["status"].as_str().unwrap_or_default();
            let code = response["outcome"]["issue"][0]["code"]
                .as_str()
                .unwrap_or_default();
            (status.chars().take(3).collect(), code.to_owned())
        })
        .collect();
    let same = said.len() == expected.len()
        && said
            .iter()
            .zip(expected)
            .all(|((status, code), (wanted, issue))| status == wanted && code == issue);
    let right = answer.status == 200 && found["type"] == "batch-response" && same;
    (!right).then(|| format!("expected {expected:?}, found {said:?}"))
}
