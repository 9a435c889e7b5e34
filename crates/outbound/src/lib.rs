//! Every outgoing HTTPS request of vitalgate: trust per peer, deadlines, size caps, observation; and syslog over TLS.
//!
//! This crate is the only place that builds an HTTP client, so that one set of rules holds for the
//! client role, for introspection and for fetched keys: HTTPS only (TLS 1.2 and 1.3), no redirect
//! is ever followed, no proxy variable is obeyed, every answer has a size limit and every exchange
//! a deadline. [`Outbound::new`] reads an [`OutboundConfig`]; [`Outbound::send`] takes a
//! [`Request`] and gives a [`Response`] or an [`OutboundError`] that names the step that failed.

mod config;
mod error;
mod observe;
mod probe;
mod public;
mod request;
mod resolve;
mod send;
mod syslog;
#[cfg(feature = "testing")]
pub mod testing;
mod tls;

pub use config::{ConnectTo, OutboundConfig, Trust};
pub use error::{ConfigError, OutboundError, Step};
pub use observe::{Exchange, Now, Observer};
pub use probe::Handshake;
pub use request::{Purpose, Reach, Request, Response};
pub use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
pub use reqwest::{Method, StatusCode};
pub use send::Outbound;
pub use syslog::{Identity, SyslogConnection, SyslogError, SyslogReceiver};
