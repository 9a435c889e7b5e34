//! Who sent a request, for audit rows: the peer's address and the front's request id; from which browser; and in
//! which language the answer is read.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use oauth::SecretHash;

use crate::AuthorizationServer;
use crate::pages::Language;
use crate::session::Browser;

/// The origin of a request. Only the connection's own peer address counts: a forwarding header is
/// whatever the sender likes (RFC 9700 section 4.13).
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    pub(crate) source_address: Option<String>,
    pub(crate) request_id: Option<String>,
    /// Of pages.
    pub(crate) language: Language,
    /// The hash that the browser is known by; `None` for a new one.
    pub(crate) browser: Option<SecretHash>,
}

impl FromRequestParts<AuthorizationServer> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        server: &AuthorizationServer,
    ) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self {
            source_address: peer.map(|ConnectInfo(address)| address.ip().to_string()),
            browser: Browser::known(server, &parts.headers),
            ..Self::of_headers(&parts.headers)
        })
    }
}

impl Caller {
    /// Where no connection is at hand.
    pub(crate) fn of_headers(headers: &HeaderMap) -> Self {
        let request_id = headers
            .get("x-request-id")
            .and_then(|value| value.to_str().ok());
        Self {
            source_address: None,
            request_id: request_id.map(str::to_owned),
            language: Language::of(headers),
            browser: None,
        }
    }
}
