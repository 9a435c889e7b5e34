//! RFC 9700, OAuth 2.1 and RFC 7662 as an auditor would try them: from outside, over TLS, one line at a time. The
//! names are those of the project's list of attacks (c01 to c38) and of introspection (e01 to e07).
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "conformance/authorization.rs"]
mod authorization;
#[path = "conformance/introspection.rs"]
mod introspection;
mod support;
#[path = "conformance/token.rs"]
mod token;

use std::panic::{AssertUnwindSafe, catch_unwind};

use support::office::Office;

type Line = (&'static str, fn(&Office));

/// All lines run against one office, and all that fail are named.
fn run(lines: &[Line]) {
    let office = Office::start(&[]);
    let failed: Vec<&str> = lines
        .iter()
        .filter(|(name, line)| {
            println!("{name}");
            catch_unwind(AssertUnwindSafe(|| line(&office))).is_err()
        })
        .map(|(name, _)| *name)
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn the_authorization_endpoint() {
    run(authorization::LINES);
}

#[test]
fn the_token_endpoint() {
    run(token::LINES);
}

#[test]
fn introspection_endpoint() {
    run(introspection::LINES);
}
