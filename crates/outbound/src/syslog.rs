//! Syslog over TLS (RFC 5425): a connection that says for certain what the receiver has read.
//!
//! Syslog has no acknowledgement, and a TCP write only fills a buffer. What there is: a receiver that has read everything
//! answers our close_notify with its own (RFC 5425 section 4.4 demands it) and then ends TCP, and one that was killed, or whose
//! machine was, does not. So messages count as delivered when the connection that carried them has ended like that, and not before.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::Trust;
use crate::error::ConfigError;
use crate::tls;

/// Where messages go.
#[derive(Clone)]
pub struct SyslogReceiver {
    host: String,
    port: u16,
    name: ServerName<'static>,
    connector: TlsConnector,
    close_notify_required: bool,
    patience: Duration,
}

/// Our certificate for a receiver that asks for one (RFC 5425 section 4.2.2): chain and private key, PEM.
pub struct Identity {
    /// The chain, our certificate first.
    pub certificate_pem: Vec<u8>,
    /// Its key.
    pub private_key_pem: Vec<u8>,
}

/// Why messages are not delivered. No text shows a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyslogError {
    /// No connection within the deadline.
    #[error("the receiver cannot be reached")]
    Unreachable,
    /// The handshake failed: certificate, name, our own certificate, or no TLS there.
    #[error("the receiver's TLS was refused, or it refused ours")]
    Tls,
    /// The connection broke, or took no more, while messages were sent.
    #[error("the connection broke")]
    Broken,
    /// The receiver did not end the connection as RFC 5425 section 4.4 demands: what it has read is unknown.
    #[error("the receiver did not confirm the end of the connection")]
    Unconfirmed,
}

/// An open connection.
pub struct SyslogConnection {
    stream: TlsStream<TcpStream>,
    close_notify_required: bool,
    patience: Duration,
}

impl SyslogReceiver {
    /// A receiver at `host:port`, whose certificate must be for `host`. Without `close_notify_required` the plain end of a
    /// receiver's TCP connection confirms too, for receivers that do not keep to RFC 5425 section 4.4: one that
    /// is killed in the very moment in which we end the connection may then have lost what it had not yet written.
    ///
    /// # Errors
    /// A [`ConfigError`]: no trust, a file that is not PEM, a host that is no name.
    pub fn new(
        host: &str,
        port: u16,
        trust: &Trust,
        identity: Option<&Identity>,
        close_notify_required: bool,
    ) -> Result<Self, ConfigError> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| ConfigError::Tls("the host is no name".to_owned()))?;
        let config = tls::mutual_config(trust, identity)?;
        Ok(Self {
            host: host.to_owned(),
            port,
            name,
            connector: TlsConnector::from(Arc::new(config)),
            close_notify_required,
            patience: STALLED,
        })
    }

    /// Gives a receiver up that takes or answers nothing for so long, instead of ten seconds.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Connects.
    ///
    /// # Errors
    /// [`SyslogError::Unreachable`], [`SyslogError::Tls`].
    pub async fn connect(&self) -> Result<SyslogConnection, SyslogError> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let stream = tokio::time::timeout(CONNECT, connecting).await;
        let stream = stream
            .map_err(|_| SyslogError::Unreachable)?
            .map_err(|_| SyslogError::Unreachable)?;
        let handshake = self.connector.connect(self.name.clone(), stream);
        let stream = tokio::time::timeout(CONNECT, handshake).await;
        let stream = stream
            .map_err(|_| SyslogError::Tls)?
            .map_err(|_| SyslogError::Tls)?;
        Ok(SyslogConnection {
            stream,
            close_notify_required: self.close_notify_required,
            patience: self.patience,
        })
    }
}

impl SyslogConnection {
    /// Writes framed messages and flushes them. They are under way then, not delivered.
    ///
    /// # Errors
    /// [`SyslogError::Broken`], also when the receiver has not taken it within its time, ten seconds.
    pub async fn send(&mut self, frames: &[u8]) -> Result<(), SyslogError> {
        let sending = async {
            self.stream.write_all(frames).await?;
            self.stream.flush().await
        };
        match tokio::time::timeout(self.patience, sending).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(SyslogError::Broken),
        }
    }

    /// Ends the connection and waits for the receiver's answer: `Ok` when it has read everything.
    ///
    /// # Errors
    /// [`SyslogError::Broken`] when the receiver had gone before, [`SyslogError::Unconfirmed`] when it does not answer.
    pub async fn end(mut self) -> Result<(), SyslogError> {
        self.is_alive().await?;
        let ending = async {
            self.stream.shutdown().await?;
            let mut rest = [0; 256];
            // A receiver says nothing; what it says all the same is passed over, as long as it comes to an end.
            while self.stream.read(&mut rest).await? > 0 {}
            // A close_notify may have crossed ours, from a receiver that ends on its own. Where it leaves something unread, its
            // machine resets the connection instead of ending it.
            while self.stream.get_mut().0.read(&mut rest).await? > 0 {}
            Ok::<(), std::io::Error>(())
        };
        match tokio::time::timeout(self.patience, ending).await {
            Ok(Ok(())) => Ok(()),
            // The end of TCP without a close_notify.
            Ok(Err(error))
                if error.kind() == std::io::ErrorKind::UnexpectedEof
                    && !self.close_notify_required =>
            {
                Ok(())
            }
            _ => Err(SyslogError::Unconfirmed),
        }
    }

    /// An end that the receiver made on its own, before ours, confirms nothing.
    async fn is_alive(&mut self) -> Result<(), SyslogError> {
        let mut byte = [0; 1];
        match tokio::time::timeout(Duration::ZERO, self.stream.read(&mut byte)).await {
            Err(_) | Ok(Ok(1)) => Ok(()),
            Ok(_) => Err(SyslogError::Broken),
        }
    }
}

/// For the connection, and for its handshake.
const CONNECT: Duration = Duration::from_secs(5);
/// A receiver that takes or answers nothing for so long is given up.
const STALLED: Duration = Duration::from_secs(10);
