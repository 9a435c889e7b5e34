//! What the parties send each other while the demonstration runs, seen as it leaves.
//!
//! Secrets, tokens and records are shortened the moment they are seen; the trace never holds them whole.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use outbound::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION};
use outbound::{Exchange, Observer, Purpose};

/// One request and its answer.
#[derive(Clone, Debug)]
pub struct Step {
    /// The specification's numbers of the request and of its answer, where it numbers them.
    pub numbers: Option<(u8, u8)>,
    /// Who asked.
    pub from: String,
    /// Who answered.
    pub to: String,
    /// Request method.
    pub method: String,
    /// Path and shortened query.
    pub path: String,
    /// What was sent, secrets shortened.
    pub sent: String,
    /// Status, unless no answer came.
    pub status: Option<u16>,
    /// What the answer brought, shortened.
    pub answer: String,
    /// When it was asked.
    pub started: Timestamp,
    /// From request to answer.
    pub elapsed: Duration,
    /// What it was for.
    pub purpose: Purpose,
}

/// Which of the specification's two figures numbers the steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// A human user: steps 1 to 8.
    Human,
    /// An API user: steps 1 to 6.
    #[default]
    Api,
}

/// Collects steps; shared with every party's outgoing connections.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    way: Way,
    names: BTreeMap<u16, String>,
    steps: Vec<Step>,
}

impl Trace {
    /// What each party's outgoing connections report to.
    #[must_use]
    pub fn observer(&self) -> Observer {
        let trace = self.clone();
        Arc::new(move |exchange: &Exchange| trace.see(exchange))
    }

    /// Names the party that listens on `port`.
    pub fn name(&self, port: u16, name: &str) {
        self.lock().names.insert(port, name.to_owned());
    }

    /// Numbers what follows by the figure for `way`, and forgets what was seen before.
    pub fn begin(&self, way: Way) {
        let mut inner = self.lock();
        inner.way = way;
        inner.steps.clear();
    }

    /// Takes what was seen since the last call, in the order in which it was asked.
    pub fn take(&self) -> Vec<Step> {
        let mut steps = std::mem::take(&mut self.lock().steps);
        steps.sort_by_key(|step| step.started);
        steps
    }

    fn see(&self, exchange: &Exchange) {
        let mut inner = self.lock();
        let port = exchange.url.port_or_known_default().unwrap_or(0);
        let to = inner.names.get(&port).cloned();
        let step = Step {
            numbers: numbers(exchange, inner.way),
            from: exchange.from.clone(),
            to: to.unwrap_or_else(|| exchange.url.authority().to_owned()),
            method: exchange.method.to_string(),
            path: path(exchange),
            sent: sent(exchange),
            status: exchange.status.map(|status| status.as_u16()),
            answer: answer(exchange),
            started: exchange.started,
            elapsed: exchange.elapsed,
            purpose: exchange.purpose,
        };
        inner.steps.push(step);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Human: 1 ask for authorization, 2 code, 3 code for token, 4 token, 5 request, 6 and 7 introspection,
/// 8 data. API: 1 ask for a token, 2 token, 3 request, 4 and 5 introspection, 6 data. Everything else
/// on the wire (discovery, the client's own pages, revocation) has no number in the figures.
fn numbers(exchange: &Exchange, way: Way) -> Option<(u8, u8)> {
    let human = way == Way::Human;
    match exchange.purpose {
        Purpose::Page if human && is_authorization_page(exchange.url.path()) => Some((1, 2)),
        Purpose::Token if human => Some((3, 4)),
        Purpose::Token => Some((1, 2)),
        Purpose::Introspection if human => Some((6, 7)),
        Purpose::Introspection => Some((4, 5)),
        Purpose::Read | Purpose::Search | Purpose::Create if human => Some((5, 8)),
        Purpose::Read | Purpose::Search | Purpose::Create => Some((3, 6)),
        _ => None,
    }
}

fn is_authorization_page(path: &str) -> bool {
    ["/oauth2/authorize", "/login", "/consent"].contains(&path)
}

fn path(exchange: &Exchange) -> String {
    let path = exchange.url.path();
    exchange.url.query().map_or_else(
        || path.to_owned(),
        |query| format!("{path}?{}", shorten_form(query)),
    )
}

fn sent(exchange: &Exchange) -> String {
    let mut parts = Vec::new();
    if let Some(value) = header(&exchange.request_headers, &AUTHORIZATION) {
        let (scheme, credential) = value.split_once(' ').unwrap_or((value, ""));
        parts.push(format!("{scheme} {}", shorten_secret(credential)));
    }
    if let Some(criteria) = header(
        &exchange.request_headers,
        &HeaderName::from_static("if-none-exist"),
    ) {
        parts.push(format!("If-None-Exist: {criteria}"));
    }
    let media_type = header(&exchange.request_headers, &CONTENT_TYPE).unwrap_or_default();
    if media_type.starts_with("application/x-www-form-urlencoded") {
        parts.push(shorten_form(&String::from_utf8_lossy(
            &exchange.request_body,
        )));
    } else if !exchange.request_body.is_empty() {
        parts.push(format!("{} bytes", exchange.request_body.len()));
    }
    parts.join("  ")
}

fn answer(exchange: &Exchange) -> String {
    if let Some(error) = &exchange.error {
        return error.to_string();
    }
    if let Some(location) = header(&exchange.response_headers, &LOCATION) {
        let (path, query) = location.split_once('?').unwrap_or((location, ""));
        let query = if query.is_empty() {
            String::new()
        } else {
            format!("?{}", shorten_form(query))
        };
        return format!("→ {}{query}", without_origin(path));
    }
    let media_type = header(&exchange.response_headers, &CONTENT_TYPE).unwrap_or_default();
    if media_type.starts_with("application/json") && exchange.purpose != Purpose::Discovery {
        return members(&exchange.response_body);
    }
    if exchange.response_body.is_empty() {
        String::new()
    } else {
        format!("{} bytes", exchange.response_body.len())
    }
}

fn without_origin(address: &str) -> &str {
    address
        .strip_prefix("https://")
        .and_then(|rest| rest.find('/').and_then(|at| rest.get(at..)))
        .unwrap_or(address)
}

/// The members of an OAuth answer that tell something, in a line.
fn members(body: &[u8]) -> String {
    let Ok(serde_json::Value::Object(members)) = serde_json::from_slice(body) else {
        return format!("{} bytes", body.len());
    };
    let told = [
        "error",
        "active",
        "access_token",
        "expires_in",
        "scope",
        "organization",
        "refresh_token",
    ];
    let tell = |name: &&str| {
        let value = members.get(*name)?;
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let text = if name.ends_with("_token") {
            shorten_secret(&text)
        } else {
            text
        };
        Some(format!("{name}={text}"))
    };
    told.iter().filter_map(tell).collect::<Vec<_>>().join(" ")
}

/// A form or query with its secrets cut to their first characters.
fn shorten_form(form: &str) -> String {
    let pairs = url::form_urlencoded::parse(form.as_bytes());
    let told = pairs.map(|(name, value)| {
        let value = match &*name {
            // Of what a person chose or may read out, nothing is shown.
            "password" => "…".to_owned(),
            name if SECRET.contains(&name) => shorten_secret(&value),
            _ => value.into_owned(),
        };
        format!("{name}={value}")
    });
    told.collect::<Vec<_>>().join("&")
}

/// The first characters, enough to recognize and far from enough to use.
fn shorten_secret(secret: &str) -> String {
    let shown: String = secret.chars().take(SHOWN).collect();
    if secret.chars().count() > SHOWN {
        format!("{shown}…")
    } else {
        "…".to_owned()
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

const SHOWN: usize = 9;
const SECRET: &[&str] = &[
    "access_token",
    "client_assertion",
    "client_secret",
    "code",
    "code_challenge",
    "code_verifier",
    "csrf",
    "csrf_token",
    "refresh_token",
    "request",
    "state",
    "token",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_shortened_in_forms_and_queries() {
        let told = shorten_form(
            "grant_type=refresh_token&refresh_token=vro_0123456789abcdef&client_secret=short",
        );
        assert_eq!(
            told,
            "grant_type=refresh_token&refresh_token=vro_01234…&client_secret=…"
        );
    }

    #[test]
    fn an_answer_tells_its_members_without_the_token() {
        let told =
            members(br#"{"access_token":"vro_0123456789abcdef","expires_in":300,"other":"x"}"#);
        assert_eq!(told, "access_token=vro_01234… expires_in=300");
    }

    #[test]
    fn a_location_is_told_without_its_origin() {
        assert_eq!(
            without_origin("https://localhost:8443/client/callback"),
            "/client/callback"
        );
        assert_eq!(without_origin("/login"), "/login");
    }
}
