//! The client role against a real HTTPS server that plays the peer and records what it is asked.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod discovery;
mod exchange;
mod human;
mod support;
mod tokens;
mod web;
