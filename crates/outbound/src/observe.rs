//! Seeing every exchange: who called whom, for what, with which outcome.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use url::Url;

use crate::error::OutboundError;
use crate::request::Purpose;

/// Called once per exchange, after it. It runs on the caller's task: keep it short.
pub type Observer = Arc<dyn Fn(&Exchange) + Send + Sync>;

/// Where the time comes from.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// One finished exchange, whole. It holds secrets (tokens, passwords, records): an observer
/// shortens what it shows. `Debug` is left out for that reason.
pub struct Exchange {
    /// The caller's name from [`OutboundConfig::name`](crate::OutboundConfig::name).
    pub from: String,
    /// What the request was for.
    pub purpose: Purpose,
    /// The method sent.
    pub method: Method,
    /// The URL asked for.
    pub url: Url,
    /// The request's headers as the caller gave them.
    pub request_headers: HeaderMap,
    /// The request's body.
    pub request_body: Vec<u8>,
    /// The answer's status, if there was an answer.
    pub status: Option<StatusCode>,
    /// The answer's headers; empty if there was none.
    pub response_headers: HeaderMap,
    /// The answer's body; empty if there was none.
    pub response_body: Vec<u8>,
    /// Why there was no answer.
    pub error: Option<OutboundError>,
    /// When the exchange began.
    pub started: Timestamp,
    /// How long it took.
    pub elapsed: Duration,
}
