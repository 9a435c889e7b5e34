//! The keys that an issuer signs its answers with (RFC 7517), found by the address in its metadata.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use oauth::jose::Jwks;
use outbound::{HeaderValue, Outbound, Purpose, Request, header};
use storage::Clock;
use tokio::sync::Mutex;
use url::Url;

use super::Refusal;
use super::endpoint::is_young;

/// One issuer's key set, fetched when first needed, when old, and when a key is not in it.
#[derive(Default)]
pub(super) struct IssuerKeys(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    keys: Option<(Timestamp, Arc<Jwks>)>,
    asked: Option<Timestamp>,
}

impl IssuerKeys {
    /// A key set that may hold the key of this name: it is fetched again for a name that it does not
    /// hold, since issuers replace their keys, but at most every [`PAUSE`], since anybody in between
    /// can make names up.
    ///
    /// # Errors
    /// [`Refusal::Issuer`] if there is no set that is young enough.
    pub(super) async fn holding(
        &self,
        kid: &str,
        outbound: &Outbound,
        address: &Url,
        clock: &Clock,
    ) -> Result<Arc<Jwks>, Refusal> {
        // Held while fetching: one request at a time, however many wait.
        let mut kept = self.0.lock().await;
        let now = clock.now();
        let fresh = kept.keys.clone();
        let fresh = fresh.filter(|(at, _)| is_young(*at, KEPT, now));
        let fresh = fresh.map(|(_, keys)| keys);
        if let Some(keys) = fresh.clone().filter(|keys| holds(keys, kid)) {
            return Ok(keys);
        }
        if !kept.asked.is_some_and(|at| is_young(at, PAUSE, now)) {
            let answer = fetch(outbound, address).await;
            // Not before: a caller who goes away has found out nothing for the others.
            kept.asked = Some(clock.now());
            if let Some(keys) = answer {
                let keys = Arc::new(keys);
                kept.keys = Some((clock.now(), Arc::clone(&keys)));
                return Ok(keys);
            }
        }
        fresh.ok_or(Refusal::Issuer("the issuer's keys cannot be had"))
    }
}

fn holds(keys: &Jwks, kid: &str) -> bool {
    keys.keys().any(|key| key.kid() == Some(kid))
}

async fn fetch(outbound: &Outbound, address: &Url) -> Option<Jwks> {
    let request = Request::get(address.clone(), Purpose::Jwks)
        .header(header::ACCEPT, HeaderValue::from_static("application/json"));
    let response = outbound.send(request).await.ok()?;
    if response.status.as_u16() != 200 || response.body.len() > MAX_BYTES {
        return None;
    }
    Jwks::parse(&response.body).ok()
}

/// A key that was taken away vouches for nothing any more after this time.
const KEPT: SignedDuration = SignedDuration::from_mins(5);

/// Between two fetches.
const PAUSE: SignedDuration = SignedDuration::from_secs(2);

/// Hundreds of keys.
const MAX_BYTES: usize = 64 * 1024;
