//! The client role as a web application: a person signs in at a peer and delivers records there.

mod browser;
mod deliver;
mod guard;
mod login;
mod pages;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::seal::SealingKey;
use crate::{Client, config::Peer};
use browser::{Browser, SignedIn};
use pages::{Failure, Home};

impl Client {
    /// The web application, for the root of the party's origin. `key` seals what the browser
    /// carries.
    pub fn router(&self, key: SealingKey) -> Router {
        let web = Web {
            client: self.clone(),
            key: Arc::new(key),
        };
        Router::new()
            .route("/client", get(home))
            .route("/client/login", get(login::begin))
            .route("/client/callback", get(login::callback))
            .route("/client/deliver", post(deliver::deliver))
            .route("/client/sign-out", post(login::sign_out))
            .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
            .layer(from_fn(guard::page_headers))
            .route("/client/assets/client.css", get(style))
            .with_state(web)
    }
}

/// What every handler works with.
#[derive(Clone)]
struct Web {
    client: Client,
    key: Arc<SealingKey>,
}

/// `GET /client`
async fn home(State(web): State<Web>, headers: HeaderMap) -> Result<Response, Failure> {
    match web.browser(&headers) {
        Some(Browser::SignedIn(signed_in)) => Ok(web.home_of(&signed_in).into_response()),
        _ => {
            let peers = web
                .client
                .peers()
                .iter()
                .filter(|peer| peer.human.is_some());
            let names = peers.map(|peer| peer.name.clone()).collect();
            Ok(pages::Welcome {
                party: web.client.party().to_owned(),
                peers: names,
            }
            .into_response())
        }
    }
}

impl Web {
    fn home_of(&self, signed_in: &SignedIn) -> Home {
        let tokens = signed_in.session.tokens();
        Home {
            party: self.client.party().to_owned(),
            peer: signed_in.session.peer.clone(),
            scope: tokens
                .last()
                .map(|token| token.scope.to_string())
                .unwrap_or_default(),
            expires_at: tokens
                .iter()
                .map(|t| t.expires_at)
                .max()
                .map(pages::shown_time),
            renewable: signed_in.session.is_renewable(),
            delivers: self.client.config().own_fhir.is_some(),
            csrf: signed_in.csrf.clone(),
        }
    }

    fn peer_of(&self, signed_in: &SignedIn) -> Option<&Peer> {
        self.client.peer(&signed_in.session.peer)
    }
}

async fn style() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=3600"),
        (axum::http::header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (
        headers,
        Bytes::from_static(include_bytes!("../../assets/client.css")),
    )
        .into_response()
}

/// Some hundred record ids and a CSRF token.
const MAX_FORM_BYTES: usize = 64 * 1024;
