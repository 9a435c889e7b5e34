//! What can go wrong on the way out, by step. Texts name hosts and reasons, never URLs with their
//! query, headers or bodies.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};

use crate::resolve::{NameNotResolved, NotPublic};

/// Why an exchange gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The request breaks our own rules and was not sent.
    #[error("request not sent: {0}")]
    NotAllowed(&'static str),
    /// The host's name has no address.
    #[error("the name {host} could not be resolved: {reason}")]
    Name {
        /// `host:port`.
        host: String,
        /// The resolver's text.
        reason: String,
    },
    /// No connection to the address, or to the proxy.
    #[error("no connection to {host}: {reason}")]
    Connect {
        /// `host:port`.
        host: String,
        /// The system's text.
        reason: String,
    },
    /// The TLS handshake or the certificate check failed.
    #[error("no secure connection to {host}: {reason}")]
    Tls {
        /// `host:port`.
        host: String,
        /// Such as `certificate expired`.
        reason: String,
    },
    /// A deadline passed.
    #[error("{host} did not finish {step} within {} ms", after.as_millis())]
    Timeout {
        /// `host:port`.
        host: String,
        /// What was under way.
        step: Step,
        /// The deadline.
        after: Duration,
    },
    /// The answer's body is larger than allowed.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// `host:port`.
        host: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// The connection broke while the exchange was under way: the peer may have acted on it.
    #[error("the exchange with {host} broke: {reason}")]
    Broken {
        /// `host:port`.
        host: String,
        /// The innermost reason.
        reason: String,
    },
}

impl OutboundError {
    /// A short word for metrics and tables.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotAllowed(_) => "not_allowed",
            Self::Name { .. } => "name",
            Self::Connect { .. } => "connect",
            Self::Tls { .. } => "tls",
            Self::Timeout { .. } => "timeout",
            Self::TooLarge { .. } => "too_large",
            Self::Broken { .. } => "broken",
        }
    }

    /// Whether the peer certainly saw nothing of the request, so that sending it again is safe
    /// even if it is not idempotent.
    #[must_use]
    pub const fn is_before_sending(&self) -> bool {
        matches!(
            self,
            Self::NotAllowed(_)
                | Self::Name { .. }
                | Self::Connect { .. }
                | Self::Tls { .. }
                | Self::Timeout {
                    step: Step::Connecting,
                    ..
                }
        )
    }

    /// The words for a handshake that failed below an I/O error.
    pub(crate) fn tls_reason(error: &(dyn StdError + 'static)) -> String {
        cause::<rustls::Error>(error).map_or_else(|| error.to_string(), tls_reason)
    }

    /// Sorts an error of the HTTP client by step.
    pub(crate) fn sort(error: &reqwest::Error, host: String, connect_timeout: Duration) -> Self {
        if let Some(found) = cause::<NameNotResolved>(error) {
            return Self::Name {
                host,
                reason: found.to_string(),
            };
        }
        if cause::<NotPublic>(error).is_some() {
            return Self::NotAllowed(NOT_PUBLIC);
        }
        if let Some(found) = cause::<rustls::Error>(error) {
            return Self::Tls {
                host,
                reason: tls_reason(found),
            };
        }
        if error.is_connect() && error.is_timeout() {
            return Self::Timeout {
                host,
                step: Step::Connecting,
                after: connect_timeout,
            };
        }
        let reason = innermost(error);
        if error.is_connect() {
            Self::Connect { host, reason }
        } else {
            Self::Broken { host, reason }
        }
    }
}

/// A part of an exchange that has a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Name resolution, connection and TLS handshake.
    Connecting,
    /// Everything from the first byte to the last.
    Answering,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Answering => "answering",
        })
    }
}

/// Settings from which no client can be built.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Nothing would be trusted.
    #[error("no trust: give a CA file, trust the platform, or both")]
    NoTrust,
    /// The CA text is not PEM certificates.
    #[error("the CA file is not one or more certificates in PEM: {0}")]
    Ca(String),
    /// The platform's trust store could not be used, or TLS could not be set up.
    #[error("TLS could not be set up: {0}")]
    Tls(String),
    /// The proxy is not an `http` or `https` URL.
    #[error("the proxy must be an http or https URL")]
    Proxy,
    /// A connect address for an IP address, or two for one origin.
    #[error("connect address for {0}: give a host name, and each origin once")]
    ConnectTo(String),
    /// The HTTP client refused the settings.
    #[error("the HTTP client could not be built: {0}")]
    Http(String),
}

/// The TLS fault in words that tell an operator what to do.
fn tls_reason(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(fault) => certificate_reason(fault),
        rustls::Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            "the peer refused TLS 1.2 and 1.3".into()
        }
        rustls::Error::AlertReceived(alert) => format!("the peer sent the alert {alert:?}"),
        rustls::Error::InvalidMessage(_) => "the peer does not speak TLS on this port".into(),
        rustls::Error::PeerIncompatible(_) => "no TLS version or cipher suite in common".into(),
        other => other.to_string(),
    }
}

fn certificate_reason(fault: &CertificateError) -> String {
    match fault {
        CertificateError::UnknownIssuer => "certificate of an unknown issuer".into(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "certificate expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "certificate not valid yet".into()
        }
        CertificateError::Revoked => "certificate revoked".into(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "certificate for another name".into()
        }
        CertificateError::BadSignature => {
            "certificate with a wrong signature (of another authority with the same name?)".into()
        }
        other => format!("certificate refused: {other}"),
    }
}

/// The first cause of type `T`, looking also into what an I/O error wraps.
fn cause<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<T>() {
            return Some(found);
        }
        next = inner(current).or_else(|| current.source());
    }
    None
}

/// `source()` of an I/O error skips the error that it wraps.
fn inner<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    let wrapped = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    Some(wrapped)
}

fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut current = error;
    while let Some(next) = inner(current).or_else(|| current.source()) {
        current = next;
    }
    current.to_string()
}
/// To be allowed, its network has to stand in `private_networks`.
pub(crate) const NOT_PUBLIC: &str =
    "the address is not a public one, nor in [outbound] private_networks";
