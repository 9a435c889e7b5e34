//! One entry of a batch: as a request of its own, and its answer as an entry.

use axum::body::Body;
use axum::http::header::{
    CONTENT_TYPE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use axum::response::Response;
use fhir::batch::{Entry, EntryRequest};
use fhir::{Interaction, IssueCode, Refusal};
use http_body_util::BodyExt;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde_json::json;

use crate::answer::{Failure, http_date};
use crate::exchange::Exchange;
use crate::interactions;

/// An entry as a request.
pub(super) struct Asking {
    /// Its own, under the name of its interaction in the audit.
    pub(super) exchange: Exchange,
    /// What it asks for, or why that cannot be.
    pub(super) interaction: Result<Interaction, Failure>,
    /// What it sends.
    pub(super) body: Body,
}

impl Asking {
    /// Reads an entry as the request that it would be if it came alone, of the same caller.
    pub(super) fn read(outer: &Exchange, entry: &Entry<'_>) -> Self {
        let parts = parts(outer, &entry.request);
        let interaction = parts.as_ref().map_err(Clone::clone);
        let interaction = match interaction {
            Ok(parts) => interactions::parse(&outer.server, parts).and_then(offered),
            Err(refusal) => Err(Failure::from(refusal)),
        };
        let action = interaction.as_ref().map_or("unknown", interactions::action);
        let parts = parts.unwrap_or_else(|_| unreadable(outer));
        let body = entry.resource.map(<[u8]>::to_vec);
        Self {
            exchange: outer.entry(parts, action),
            interaction,
            body: body.map_or_else(Body::empty, Body::from),
        }
    }
}

/// Of an entry that is no request: where it came from, for the audit.
fn unreadable(outer: &Exchange) -> Parts {
    let mut asking = Request::new(());
    *asking.extensions_mut() = outer.parts.extensions.clone();
    pass_on(outer, "x-request-id", asking.headers_mut());
    asking.into_parts().0
}

fn pass_on(outer: &Exchange, name: &'static str, headers: &mut HeaderMap) {
    if let Some(value) = outer.parts.headers.get(name) {
        headers.insert(HeaderName::from_static(name), value.clone());
    }
}

/// What an entry may ask for: a batch in a batch would multiply, and operations have requests of their own.
fn offered(interaction: Interaction) -> Result<Interaction, Failure> {
    match interaction {
        Interaction::Read { .. }
        | Interaction::VersionRead { .. }
        | Interaction::History { .. }
        | Interaction::Search { .. }
        | Interaction::Create { .. }
        | Interaction::Update { .. }
        | Interaction::Delete { .. } => Ok(interaction),
        _ => {
            let text = "this interaction is not offered in a batch";
            let status = StatusCode::METHOD_NOT_ALLOWED;
            Err(Failure::new(status, IssueCode::NotSupported, text))
        }
    }
}

fn parts(outer: &Exchange, request: &EntryRequest) -> Result<Parts, Refusal> {
    if !["GET", "POST", "PUT", "DELETE"].contains(&request.method.as_str()) {
        let text = "the method of an entry is one of GET, POST, PUT, DELETE";
        return Err(Refusal::new(405, IssueCode::NotSupported, text));
    }
    let malformed = |text: &'static str| Refusal::new(400, IssueCode::Value, text);
    let base = outer.server.config().fhir_base.path().trim_end_matches('/');
    let target = request.target()?;
    let uri: Uri = format!("{base}/{target}")
        .parse()
        .map_err(|_| malformed("the url of an entry cannot be read"))?;
    let mut asking = Request::new(());
    *asking.uri_mut() = uri;
    *asking.method_mut() = request
        .method
        .parse()
        .map_err(|_| malformed("the method of an entry cannot be read"))?;
    *asking.headers_mut() = headers(outer, request)?;
    *asking.extensions_mut() = outer.parts.extensions.clone();
    Ok(asking.into_parts().0)
}

/// Of the outer request only what the front has written and what the client prefers.
fn headers(outer: &Exchange, request: &EntryRequest) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/fhir+json"),
    );
    for name in ["x-request-id", "prefer"] {
        pass_on(outer, name, &mut headers);
    }
    let wrong = || {
        Refusal::new(
            400,
            IssueCode::Value,
            "a condition of the entry cannot be read",
        )
    };
    let since = request.if_modified_since.as_ref().map(|instant| {
        let instant: Timestamp = instant.parse().map_err(|_| wrong())?;
        Ok::<_, Refusal>(http_date(instant))
    });
    let conditions = [
        (IF_MATCH, request.if_match.clone()),
        (IF_NONE_MATCH, request.if_none_match.clone()),
        (IF_MODIFIED_SINCE, since.transpose()?),
        (
            HeaderName::from_static("if-none-exist"),
            request.if_none_exist.clone(),
        ),
    ];
    for (name, text) in conditions {
        if let Some(text) = text {
            headers.insert(name, HeaderValue::try_from(text).map_err(|_| wrong())?);
        }
    }
    Ok(headers)
}

/// An answer as an entry (`Bundle.entry.response`).
pub(super) struct Answered {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answered {
    pub(super) async fn of(response: Response) -> Result<Self, Failure> {
        let (parts, body) = response.into_parts();
        let body = body.collect().await;
        let body = body.map_err(|_| Failure::unavailable("an answer could not be put together"))?;
        Ok(Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.to_bytes().to_vec(),
        })
    }

    pub(super) fn length(&self) -> usize {
        self.body.len()
    }

    /// A resource is the entry's; what went wrong or was wanted in words is the response's outcome.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut response = json!({"status": self.status.to_string()});
        let text = |name| self.headers.get(name).and_then(|value| value.to_str().ok());
        let modified = text(LAST_MODIFIED).and_then(|date| rfc2822::parse(date).ok());
        let members = [
            ("location", text(LOCATION).map(str::to_owned)),
            ("etag", text(ETAG).map(str::to_owned)),
            (
                "lastModified",
                modified.map(|at| at.timestamp().to_string()),
            ),
        ];
        for (name, value) in members {
            if let (Some(value), Some(response)) = (value, response.as_object_mut()) {
                response.insert(name.to_owned(), value.into());
            }
        }
        let mut response = response.to_string().into_bytes();
        let mut entry = b"{".to_vec();
        if self.body.starts_with(OUTCOME) {
            response.pop();
            response.extend_from_slice(b",\"outcome\":");
            response.extend_from_slice(&self.body);
            response.push(b'}');
        } else if !self.body.is_empty() {
            entry.extend_from_slice(b"\"resource\":");
            entry.extend_from_slice(&self.body);
            entry.push(b',');
        }
        entry.extend_from_slice(b"\"response\":");
        entry.extend_from_slice(&response);
        entry.push(b'}');
        entry
    }
}

/// How every OperationOutcome of ours begins.
const OUTCOME: &[u8] = br#"{"resourceType":"OperationOutcome""#;
