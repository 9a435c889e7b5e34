//! The promises of the database handle, on every engine at hand.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod audit;
mod audit_chain;
mod audit_dated;
mod audit_guards;
mod audit_retention;
mod audit_shipping;
mod audit_tampering;
mod audit_unreadable;
mod migrations;
mod postgres;
mod sqlite;
mod thing;
mod units;
