//! The way to a peer, one step at a time, for whoever has to find out where it ends: the same name
//! resolution, connect addresses, trust and protocol versions as every request has.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::error::{OutboundError, Step};
use crate::send::{Outbound, authority};
use crate::tls;

/// A finished handshake.
#[derive(Debug, Clone)]
pub struct Handshake {
    /// `TLS 1.3` or `TLS 1.2`.
    pub version: &'static str,
    /// The server's own certificate.
    pub certificate: CertificateDer<'static>,
}

impl Outbound {
    /// Where a request to this URL would connect; empty when a proxy decides that.
    ///
    /// # Errors
    /// [`OutboundError::Name`].
    pub async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, OutboundError> {
        if self.config().proxy.is_some() {
            return Ok(Vec::new());
        }
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let port = url.port_or_known_default().unwrap_or(443);
        let mut entries = self.config().connect_to.iter();
        let given = entries.find(|it| it.host.eq_ignore_ascii_case(&host) && it.port == port);
        if let Some(entry) = given {
            return Ok(vec![entry.address]);
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found = tokio::net::lookup_host((bare, port)).await;
        let found: Vec<SocketAddr> = found
            .map_err(|error| OutboundError::Name {
                host: authority(url),
                reason: error.to_string(),
            })?
            .collect();
        Ok(found)
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// [`OutboundError::Connect`], [`OutboundError::Timeout`].
    pub async fn connect(
        &self,
        url: &Url,
        address: SocketAddr,
    ) -> Result<TcpStream, OutboundError> {
        let timeout = self.config().connect_timeout;
        match tokio::time::timeout(timeout, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(OutboundError::Connect {
                host: authority(url),
                reason: error.to_string(),
            }),
            Err(_) => Err(self.too_slow(url)),
        }
    }

    /// Makes the handshake and checks the certificate.
    ///
    /// # Errors
    /// [`OutboundError::Tls`], [`OutboundError::Timeout`].
    pub async fn handshake(
        &self,
        url: &Url,
        stream: TcpStream,
    ) -> Result<Handshake, OutboundError> {
        let failed = |reason: String| OutboundError::Tls {
            host: authority(url),
            reason,
        };
        let config = tls::client_config(&self.config().trust, true)
            .map_err(|error| failed(error.to_string()))?;
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|_| failed("the host is no name that a certificate could bear".to_owned()))?;
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let stream = match tokio::time::timeout(self.config().connect_timeout, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(failed(OutboundError::tls_reason(&error))),
            Err(_) => return Err(self.too_slow(url)),
        };
        let session = stream.get_ref().1;
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        Ok(Handshake {
            version: match session.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
                _ => "TLS 1.2",
            },
            certificate: certificate
                .ok_or_else(|| failed("the server has no certificate".to_owned()))?
                .clone()
                .into_owned(),
        })
    }

    fn too_slow(&self, url: &Url) -> OutboundError {
        OutboundError::Timeout {
            host: authority(url),
            step: Step::Connecting,
            after: self.config().connect_timeout,
        }
    }
}
