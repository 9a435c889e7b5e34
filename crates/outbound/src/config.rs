//! What an [`Outbound`](crate::Outbound) is built from.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

use crate::observe::{Now, Observer};

/// Settings of one outgoing HTTP client.
#[derive(Clone)]
pub struct OutboundConfig {
    /// Who calls, for instance `ehr`: a label in metrics and in observed exchanges.
    pub name: String,
    /// Which certificates are trusted.
    pub trust: Trust,
    /// An HTTP proxy to go through. The proxy variables of the environment are never obeyed.
    pub proxy: Option<Url>,
    /// How long name resolution, connecting and the TLS handshake may take together.
    pub connect_timeout: Duration,
    /// How long a whole exchange may take, unless the request brings a shorter deadline.
    pub total_timeout: Duration,
    /// The largest answer body that is read.
    pub max_response_bytes: usize,
    /// Hosts that are reached at a given address instead of the one their name resolves to.
    pub connect_to: Vec<ConnectTo>,
    /// Networks that are not on the public internet but may be reached by requests of
    /// [`Reach::Public`](crate::Reach::Public) all the same.
    pub private_networks: Vec<IpNet>,
    /// Called after every exchange. `None` in a server; the demonstration draws from it.
    pub observer: Option<Observer>,
    /// The clock that dates observed exchanges.
    pub now: Now,
}

impl OutboundConfig {
    /// The defaults: 5 s to connect, 30 s in all, answers of at most 16 MiB, no proxy.
    #[must_use]
    pub fn new(name: impl Into<String>, trust: Trust, now: Now) -> Self {
        Self {
            name: name.into(),
            trust,
            proxy: None,
            connect_timeout: CONNECT_TIMEOUT,
            total_timeout: TOTAL_TIMEOUT,
            max_response_bytes: MAX_RESPONSE_BYTES,
            connect_to: Vec::new(),
            private_networks: Vec::new(),
            observer: None,
            now,
        }
    }
}

impl fmt::Debug for OutboundConfig {
    /// Leaves out the proxy, whose URL may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundConfig")
            .field("name", &self.name)
            .field("trust", &self.trust)
            .field("connect_timeout", &self.connect_timeout)
            .field("total_timeout", &self.total_timeout)
            .field("max_response_bytes", &self.max_response_bytes)
            .field("connect_to", &self.connect_to)
            .field("private_networks", &self.private_networks)
            .finish_non_exhaustive()
    }
}

/// The certificate authorities that a peer's certificate may chain to. At least one of the two
/// must be given.
#[derive(Clone, Default)]
pub struct Trust {
    /// Authorities in PEM, for instance a private one.
    pub ca_pem: Option<Vec<u8>>,
    /// Also trust what the operating system trusts.
    pub platform: bool,
}

impl Trust {
    /// Trusts the given authorities and nothing else.
    #[must_use]
    pub fn only(ca_pem: impl Into<Vec<u8>>) -> Self {
        Self {
            ca_pem: Some(ca_pem.into()),
            platform: false,
        }
    }

    /// Trusts what the operating system trusts.
    #[must_use]
    pub fn platform() -> Self {
        Self {
            ca_pem: None,
            platform: true,
        }
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust")
            .field("ca_pem", &self.ca_pem.as_ref().map(Vec::len))
            .field("platform", &self.platform)
            .finish()
    }
}

/// Split DNS: the origin `host:port` is reached at `address`. The name stays what the certificate
/// is checked against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectTo {
    /// A host name as in the URLs that are asked for; not an IP address.
    pub host: String,
    /// The port of those URLs (443 when they name none).
    pub port: u16,
    /// Where to connect.
    pub address: SocketAddr,
}

/// A peer that has not finished the handshake by then is down or unreachable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Long enough for a large Bundle to be stored durably on a busy peer.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest record seen is below 2 MiB; a search page of them stays below this.
const MAX_RESPONSE_BYTES: usize = 16 * 1024 * 1024;
