//! Name resolution by the system, with errors of its own types so that they can be told apart.

use std::net::SocketAddr;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::public;

/// The system's resolver.
pub(crate) struct System;

/// The system's resolver, of whose answers only public addresses and those of these networks count. They
/// are the ones that are connected to.
pub(crate) struct Public(pub(crate) Vec<IpNet>);

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses: Addrs = Box::new(look_up(&name).await?.into_iter());
            Ok(addresses)
        })
    }
}

impl Resolve for Public {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.0.clone();
        Box::pin(async move {
            let mut addresses = look_up(&name).await?;
            addresses.retain(|address| public::is_allowed(address.ip(), &private));
            if addresses.is_empty() {
                return Err(NotPublic.into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

async fn look_up(name: &Name) -> Result<Vec<SocketAddr>, NameNotResolved> {
    // Port 0 means: the port of the URL.
    let found = tokio::net::lookup_host((name.as_str(), 0)).await;
    let addresses: Vec<SocketAddr> = found.map_err(|e| NameNotResolved(e.to_string()))?.collect();
    if addresses.is_empty() {
        return Err(NameNotResolved("no address".into()));
    }
    Ok(addresses)
}

/// The name has no address, with the system's reason.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NameNotResolved(String);

/// The name leads into a private network.
#[derive(Debug, thiserror::Error)]
#[error("the address is not a public one")]
pub(crate) struct NotPublic;
