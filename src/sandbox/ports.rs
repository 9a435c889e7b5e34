//! Ports: the same at every start, unless somebody else has taken them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;

use anyhow::Context;

use super::cast::PARTIES;
use crate::files;

/// The bound listeners of the parties.
pub struct Ports {
    listeners: Vec<Listeners>,
    /// Where nobody listens: the issuer that the reader plays.
    pub faulty_issuer: u16,
    /// Where nobody listens: the JWKS of a client that has one by URL.
    pub jwks: u16,
}

/// The listeners of one party.
pub struct Listeners {
    /// HTTPS.
    pub public: TcpListener,
    /// Health and metrics.
    pub internal: TcpListener,
}

impl Ports {
    /// Binds what `base` asks for, or what the last start used, or what is free.
    ///
    /// # Errors
    /// The ports from `base` on are not free.
    pub fn choose(directory: &Path, base: Option<u16>) -> anyhow::Result<Self> {
        let file = directory.join("ports");
        let count = PARTIES.len() * 2 + 2;
        let wished: Vec<u16> = match base {
            Some(base) => (0..)
                .map(|number| base.saturating_add(number))
                .take(count)
                .collect(),
            None => std::fs::read_to_string(&file)
                .map(|text| {
                    text.split_whitespace()
                        .filter_map(|port| port.parse().ok())
                        .collect()
                })
                .unwrap_or_default(),
        };
        let mut wished = wished.into_iter();
        let mut bind = || {
            let port = wished.next().unwrap_or(0);
            let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            match TcpListener::bind(address(port)) {
                Err(_) if base.is_none() => TcpListener::bind(address(0)),
                result => result,
            }
            .with_context(|| format!("port {port} is taken"))
        };
        let mut listeners = Vec::new();
        for _ in PARTIES {
            listeners.push(Listeners {
                public: bind()?,
                internal: bind()?,
            });
        }
        // Bound for a moment to find them free, and then left to the reader.
        let (faulty_issuer, jwks) = (bind()?.local_addr()?.port(), bind()?.local_addr()?.port());
        let ports = Self {
            listeners,
            faulty_issuer,
            jwks,
        };
        let mut all: Vec<u16> = Vec::new();
        for one in &ports.listeners {
            all.extend([
                one.public.local_addr()?.port(),
                one.internal.local_addr()?.port(),
            ]);
        }
        all.extend([ports.faulty_issuer, ports.jwks]);
        let text: Vec<String> = all.iter().map(u16::to_string).collect();
        files::write(&file, text.join("\n").as_bytes(), files::PUBLIC)?;
        Ok(ports)
    }

    /// Public and internal port of each party, in order.
    pub fn numbers(&self) -> impl Iterator<Item = (u16, u16)> {
        let port =
            |listener: &TcpListener| listener.local_addr().map_or(0, |address| address.port());
        self.listeners
            .iter()
            .map(move |one| (port(&one.public), port(&one.internal)))
    }

    /// Hands the listeners over.
    pub fn into_listeners(self) -> Vec<Listeners> {
        self.listeners
    }
}
