//! One row of a table, and what every answer has to be like.

use url::Url;

use crate::ask::Ask;
use crate::support::http::Answer;
use crate::support::office::parameter;
use crate::support::party::Party;

/// In every made-up secret of the tables.
pub const CANARY: &str = "c4n4ry";

/// A hostile request and its answer.
pub struct Row {
    pub name: String,
    pub ask: Ask,
    pub expect: Expect,
}

/// What has to come back.
pub enum Expect {
    /// A JSON error (RFC 6749 section 5.2).
    Error(u16, &'static str),
    /// A page for people and no redirect (RFC 6749 section 4.1.2.1).
    Page(u16),
    /// An error at this redirect URI, with `iss`, and `state` where it is given.
    Redirect(&'static str, &'static str, Option<&'static str>),
    /// `{"active":false}` and nothing else (RFC 7662 section 2.2).
    Inactive,
    /// A success that gives nothing away: revocation of what is unknown (RFC 7009 section 2.2).
    Empty,
}

/// A row that ends in a JSON error.
pub fn row(name: impl Into<String>, ask: Ask, status: u16, error: &'static str) -> Row {
    Row {
        name: name.into(),
        ask,
        expect: Expect::Error(status, error),
    }
}

pub fn page(name: impl Into<String>, ask: Ask, status: u16) -> Row {
    Row {
        name: name.into(),
        ask,
        expect: Expect::Page(status),
    }
}

impl Row {
    /// Sends it and says what is wrong with the answer.
    pub fn run(&self, party: &Party) -> Result<(), String> {
        let answer = self.ask.send(party);
        let problem = self.problem(party, &answer);
        problem.map_or(Ok(()), |problem| {
            let Answer { status, body, .. } = &answer;
            let location = answer.header("location").unwrap_or("none");
            let body: String = body.chars().take(300).collect();
            Err(format!(
                "{}: {problem}\n    {status}, location {location}, {body}",
                self.name
            ))
        })
    }

    fn problem(&self, party: &Party, answer: &Answer) -> Option<String> {
        if answer.body.contains(CANARY) {
            return Some("the body repeats what was sent".to_owned());
        }
        if answer.header("access-control-allow-origin").is_some() {
            return Some("another origin may read it".to_owned());
        }
        if answer.header("cache-control") != Some("no-store") {
            return Some("a cache may keep it".to_owned());
        }
        match self.expect {
            Expect::Error(status, error) => json_error(answer, status, error),
            Expect::Page(status) => is_page(answer, status),
            Expect::Redirect(uri, error, state) => redirected(party, answer, uri, error, state),
            Expect::Inactive => says(answer, r#"{"active":false}"#),
            Expect::Empty => says(answer, "{}"),
        }
    }
}

fn json_error(answer: &Answer, status: u16, error: &str) -> Option<String> {
    let found: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let right = (answer.status, found["error"].as_str()) == (status, Some(error));
    let media_type = answer.header("content-type") == Some("application/json");
    let lonely = answer.header("location").is_none();
    (!right || !media_type || !lonely).then(|| format!("expected {status} {error}"))
}

fn is_page(answer: &Answer, status: u16) -> Option<String> {
    let html = answer
        .header("content-type")
        .is_some_and(|it| it.starts_with("text/html"));
    let right = answer.status == status && html && answer.header("location").is_none();
    (!right).then(|| format!("expected a page {status}"))
}

fn redirected(
    party: &Party,
    answer: &Answer,
    uri: &str,
    error: &str,
    state: Option<&str>,
) -> Option<String> {
    let location = answer.header("location").unwrap_or_default();
    let there = Url::parse(location).is_ok() && location.starts_with(uri);
    let right = there
        && answer.status == 303
        && parameter(location, "error").as_deref() == Some(error)
        && parameter(location, "state").as_deref() == state
        && parameter(location, "iss") == Some(party.origin())
        && parameter(location, "code").is_none();
    (!right).then(|| format!("expected {error} at {uri}, state {state:?}"))
}

fn says(answer: &Answer, body: &str) -> Option<String> {
    let right = answer.status == 200 && answer.body == body;
    (!right).then(|| format!("expected 200 {body}"))
}

impl Row {
    /// The same request with another answer than its table has.
    pub fn expecting(mut self, status: u16, error: &'static str) -> Self {
        self.expect = Expect::Error(status, error);
        self
    }
}
