//! The promises of the database handle, on every engine at hand.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod audit;
mod migrations;
mod postgres;
mod sqlite;
mod thing;
mod units;
