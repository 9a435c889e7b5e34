//! The internal listener, plain HTTP on loopback: `/health`, `/ready`, `/metrics`. It knows no record and no token.

use std::sync::Arc;

use axum::Router;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::routing::get;
use storage::Db;
use tokio::net::TcpListener;

use super::front::Front;

#[derive(Clone)]
pub(super) struct State {
    pub(super) db: Db,
    pub(super) front: Arc<Front>,
}

pub(super) async fn run(listener: TcpListener, state: State) {
    let router = Router::new()
        .route("/health", get(async || "alive\n"))
        .route("/ready", get(ready))
        .route("/metrics", get(async || crate::telemetry::metrics()))
        .with_state(state);
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the internal listener has ended");
    }
}

async fn ready(Extract(state): Extract<State>) -> (StatusCode, &'static str) {
    if !state.front.is_ready() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match state.db.check().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database does not answer\n",
        ),
    }
}
