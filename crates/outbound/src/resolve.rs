//! Name resolution by the system, with an error of its own type so that it can be told apart.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The system's resolver.
pub(crate) struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // Port 0 means: the port of the URL.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let addresses: Vec<SocketAddr> =
                found.map_err(|e| NameNotResolved(e.to_string()))?.collect();
            if addresses.is_empty() {
                return Err(NameNotResolved("no address".into()).into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

/// The name has no address, with the system's reason.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NameNotResolved(String);
