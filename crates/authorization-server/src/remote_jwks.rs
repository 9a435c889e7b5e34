//! Keys of clients that registered a `jwks_uri` (RFC 7591 section 2), fetched and kept for a short time.
//!
//! Only addresses from registrations, and of the OpenID Providers in our configuration, are fetched, over HTTPS, without redirects, with limits, and not from
//! private networks unless the configuration opens them. Whoever
//! knows a client id can make us fetch, so fetches of one address are at least [`PAUSE`] apart whatever
//! they gave, and one at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use oauth::jose::Jwks;
use outbound::{HeaderValue, Outbound, Purpose, Reach, Request, Response, StatusCode, header};
use url::Url;

/// Fetched key sets by address.
pub(crate) struct RemoteJwks {
    outbound: Outbound,
    reach: Reach,
    entries: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Entry>>>>,
}

#[derive(Default)]
struct Entry {
    keys: Option<Arc<Jwks>>,
    fresh_until: Timestamp,
    fetched: Option<Timestamp>,
    /// The last fetch gave no key set.
    failed: bool,
}

impl RemoteJwks {
    /// For addresses that others gave.
    pub(crate) fn new(outbound: Outbound) -> Self {
        Self {
            outbound,
            reach: Reach::Public,
            entries: Mutex::default(),
        }
    }

    /// For addresses of our own configuration: an organization's provider may be inside its network.
    pub(crate) fn anywhere(outbound: Outbound) -> Self {
        Self {
            reach: Reach::Anywhere,
            ..Self::new(outbound)
        }
    }

    /// The keys at `uri`, kept ones if they are fresh. `None` if they cannot be had: the assertion is
    /// then refused, as no stale key may vouch for anybody.
    pub(crate) async fn keys(&self, uri: &str, now: Timestamp) -> Option<Arc<Jwks>> {
        let entry = self.entry(uri);
        // Held while fetching on purpose: callers of the same address wait for the one fetch.
        let mut entry = entry.lock().await;
        if entry.fresh_until <= now {
            self.fetch(&mut entry, uri, now).await;
        }
        entry.keys.clone()
    }

    /// The keys at `uri` fetched again, unless that was done a moment ago.
    pub(crate) async fn renewed(&self, uri: &str, now: Timestamp) -> Option<Arc<Jwks>> {
        let entry = self.entry(uri);
        let mut entry = entry.lock().await;
        self.fetch(&mut entry, uri, now).await;
        entry.keys.clone()
    }

    fn entry(&self, uri: &str) -> Arc<tokio::sync::Mutex<Entry>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ADDRESSES && !entries.contains_key(uri) {
            entries.clear();
        }
        Arc::clone(entries.entry(uri.to_owned()).or_default())
    }

    async fn fetch(&self, entry: &mut Entry, uri: &str, now: Timestamp) {
        if entry
            .fetched
            .is_some_and(|at| now.duration_since(at) < PAUSE)
        {
            // What was fetched a moment ago counts, also where nothing may be kept: or everybody who knows the
            // client's id could lock it out by making us fetch just before it asks.
            if entry.failed && entry.fresh_until <= now {
                entry.keys = None;
            }
            return;
        }
        entry.fetched = Some(now);
        let asked = self.ask(uri).await;
        entry.failed = asked.is_none();
        match asked {
            Some((keys, age)) => {
                entry.keys = Some(Arc::new(keys));
                entry.fresh_until = now + age;
            }
            // Keys that are fresh by their own Cache-Control stay: whoever makes a client's server fail for
            // a moment and sends us an unknown kid must not lock the client out.
            None if entry.fresh_until > now => {}
            None => entry.keys = None,
        }
    }

    async fn ask(&self, uri: &str) -> Option<(Jwks, SignedDuration)> {
        let mut request = Request::get(Url::parse(uri).ok()?, Purpose::Jwks)
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .deadline(DEADLINE);
        request.reach = self.reach;
        let response = match self.outbound.send(request).await {
            Ok(response) => response,
            Err(error) => {
                tracing::warn!(%error, "a jwks_uri could not be fetched");
                return None;
            }
        };
        if response.status != StatusCode::OK || response.body.len() > BYTES {
            tracing::warn!(status = %response.status, "a jwks_uri gave no key set");
            return None;
        }
        Some((Jwks::parse(&response.body).ok()?, age(&response)))
    }
}

/// Never longer than the answer's Cache-Control allows (SMART App Launch 2.2, client-confidential-asymmetric).
fn age(response: &Response) -> SignedDuration {
    let Some(text) = response.header(&header::CACHE_CONTROL) else {
        return AGE;
    };
    let mut allowed = AGE;
    for directive in text.split(',').map(|part| part.trim().to_ascii_lowercase()) {
        if directive == "no-store" || directive == "no-cache" {
            return SignedDuration::ZERO;
        }
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            allowed =
                SignedDuration::from_secs(seconds.trim_matches('"').parse().unwrap_or(0)).min(AGE);
        }
    }
    allowed
}

/// Without a word from the answer: a removed key stops counting after a minute.
const AGE: SignedDuration = SignedDuration::from_secs(60);
/// Between two fetches of one address.
const PAUSE: SignedDuration = SignedDuration::from_secs(2);
/// A client waits for its token meanwhile.
const DEADLINE: Duration = Duration::from_secs(3);
/// Hundreds of keys.
const BYTES: usize = 64 * 1024;
/// Addresses kept; they come from registrations, so this is more clients than expected.
const ADDRESSES: usize = 1000;

#[cfg(test)]
mod tests;
