//! Hostile requests to the OAuth endpoints, as tables: a name, the request, the exact answer. None of them may
//! cost more than a refusal: no 5xx, no memory, and no secret in a body, the log, the database or the audit.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "hostile/ask.rs"]
mod ask;
#[path = "hostile/assertions.rs"]
mod assertions;
#[path = "hostile/authentication.rs"]
mod authentication;
#[path = "hostile/authorize.rs"]
mod authorize;
#[path = "hostile/forge.rs"]
mod forge;
#[path = "hostile/forms.rs"]
mod forms;
#[path = "hostile/grants.rs"]
mod grants;
#[path = "hostile/leaks.rs"]
mod leaks;
#[path = "hostile/others.rs"]
mod others;
#[path = "hostile/redirect_uris.rs"]
mod redirect_uris;
#[path = "hostile/row.rs"]
mod row;
mod support;

use forge::Forge;
use row::Row;
use support::office::{CALLBACK, Office};

/// An office, a client `signer` whose key we can abuse, and what a thief might hold.
struct Stage {
    office: Office,
    forge: Forge,
    access_token: String,
    refresh_token: String,
}

impl Stage {
    fn start() -> Self {
        let office = Office::start(&[]);
        let forge = Forge::new("signer-1");
        forge.register(&office.party, "signer");
        let (access_token, refresh_token) = office.session();
        Self {
            office,
            forge,
            access_token,
            refresh_token,
        }
    }

    /// What must not be found anywhere afterwards.
    fn secrets(&self) -> Vec<String> {
        let mut secrets: Vec<String> = self.office.secrets.values().cloned().collect();
        secrets.extend([
            self.access_token.clone(),
            self.refresh_token.clone(),
            self.office.password.clone(),
            row::CANARY.to_owned(),
        ]);
        secrets
    }
}

#[test]
fn hostile_requests_get_a_refusal_and_nothing_else() {
    let stage = Stage::start();
    let tables: [fn(&Stage) -> Vec<Row>; 14] = [
        forms::encodings,
        forms::media_types,
        forms::methods,
        authentication::basic,
        authentication::methods,
        assertions::headers,
        assertions::claims,
        assertions::encodings,
        grants::grants,
        grants::typed_values,
        authorize::requests,
        authorize::without_redirect,
        others::pushed_and_registered,
        others::introspection_and_revocation,
    ];
    let before = stage.office.party.resident_kib();
    let mut rows: Vec<Row> = tables.iter().flat_map(|table| table(&stage)).collect();
    rows.extend(redirect_uris::mutations());
    let failed: Vec<String> = rows
        .iter()
        .filter_map(|row| row.run(&stage.office.party).err())
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(rows.len() >= 150, "{} rows", rows.len());
    println!("{} rows", rows.len());
    // The thief's failures have not cost the person the session.
    assert!(stage.office.is_active(&stage.access_token));
    leaks::none(&stage.office.party, &stage.secrets());
    let after = stage.office.party.resident_kib();
    println!("resident: {before} KiB before, {after} KiB after");
    assert!(after < before + 64 * 1024, "{before} KiB, then {after} KiB");
}

#[test]
fn a_canary_in_every_place_of_a_request_is_found_nowhere() {
    let stage = Stage::start();
    let asked = leaks::planted(&stage.office, CALLBACK);
    assert!(asked.len() >= 150, "{}", asked.len());
    for ask in &asked {
        let answer = ask.send(&stage.office.party);
        assert!(answer.status < 500, "{ask:?}: {answer:?}");
        assert!(!answer.body.contains(row::CANARY), "{ask:?}: {answer:?}");
    }
    leaks::none(&stage.office.party, &stage.secrets());
}

#[test]
fn large_requests_do_not_grow_the_process() {
    let stage = Stage::start();
    let asked = leaks::large();
    for ask in &asked {
        ask.send(&stage.office.party);
    }
    let before = stage.office.party.resident_kib();
    for _ in 0..20 {
        for ask in &asked {
            let answer = ask.send(&stage.office.party);
            // 303: a state that is too long is refused at the redirect URI.
            assert!((303..500).contains(&answer.status), "{}", answer.status);
        }
    }
    let after = stage.office.party.resident_kib();
    println!("resident: {before} KiB before, {after} KiB after");
    assert!(after < before + 32 * 1024, "{before} KiB, then {after} KiB");
}
