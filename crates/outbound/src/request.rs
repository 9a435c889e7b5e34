//! One request and its answer.

use std::fmt;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use url::Url;

/// What a request is for: a label in metrics and in observed exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// Authorization server metadata, RFC 8414.
    Discovery,
    /// Keys of a peer, RFC 7517.
    Jwks,
    /// The token endpoint, RFC 6749 section 3.2.
    Token,
    /// The introspection endpoint, RFC 7662.
    Introspection,
    /// The revocation endpoint, RFC 7009.
    Revocation,
    /// A FHIR read.
    Read,
    /// A FHIR search.
    Search,
    /// A FHIR create.
    Create,
    /// A FHIR capability statement or other metadata.
    Metadata,
    /// A page for people, fetched or posted as a browser would.
    Page,
    /// A health or readiness probe.
    Probe,
}

impl Purpose {
    /// The label, in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Jwks => "jwks",
            Self::Token => "token",
            Self::Introspection => "introspection",
            Self::Revocation => "revocation",
            Self::Read => "read",
            Self::Search => "search",
            Self::Create => "create",
            Self::Metadata => "metadata",
            Self::Page => "page",
            Self::Probe => "probe",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which addresses a request may be sent to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Any: the URL stands in our own configuration.
    #[default]
    Anywhere,
    /// Public ones and those of `private_networks`: the URL comes from somebody else, who could make us
    /// knock at doors inside our own network (reliability: SSRF by `jwks_uri`).
    Public,
}

/// A request to send. Its `Debug` shows no header, no body and no query.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// An `https` URL without user information.
    pub url: Url,
    /// Headers besides those that the connection itself needs.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// What the request is for.
    pub purpose: Purpose,
    /// A deadline for the whole exchange, if shorter than the configured one.
    pub deadline: Option<Duration>,
    /// Where it may go.
    pub reach: Reach,
}

impl Request {
    /// A GET.
    #[must_use]
    pub fn get(url: Url, purpose: Purpose) -> Self {
        Self::new(Method::GET, url, purpose)
    }

    /// A POST of `body`, whose media type is `content_type`.
    #[must_use]
    pub fn post(url: Url, purpose: Purpose, content_type: &'static str, body: Vec<u8>) -> Self {
        let mut request = Self::new(Method::POST, url, purpose);
        request.body = body;
        request.header(
            reqwest::header::CONTENT_TYPE,
            HeaderValue::from_static(content_type),
        )
    }

    /// A request without headers and body.
    #[must_use]
    pub fn new(method: Method, url: Url, purpose: Purpose) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Vec::new(),
            purpose,
            deadline: None,
            reach: Reach::default(),
        }
    }

    /// Sets a header, replacing an earlier one of that name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sends it to public addresses only, whatever the name resolves to.
    #[must_use]
    pub fn public_only(mut self) -> Self {
        self.reach = Reach::Public;
        self
    }

    /// Sets the deadline of the whole exchange.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("origin", &self.url.origin().ascii_serialization())
            .field("path", &self.url.path())
            .field("purpose", &self.purpose)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// An answer, whatever its status. Its `Debug` shows no header and no body.
#[derive(Clone)]
pub struct Response {
    /// The status; a redirect is an answer like any other.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's text, if present once and printable ASCII.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        let mut all = self.headers.get_all(name).iter();
        let first = all.next()?.to_str().ok()?;
        if all.next().is_some() {
            None
        } else {
            Some(first)
        }
    }

    /// The media type in lower case, without parameters.
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        let value = self.header(&reqwest::header::CONTENT_TYPE)?;
        let essence = value.split(';').next().unwrap_or_default().trim();
        (!essence.is_empty()).then(|| essence.to_ascii_lowercase())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
