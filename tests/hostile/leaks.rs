//! Where a secret could stay behind, and what a request could cost.

use std::path::Path;

use crate::ask::Ask;
use crate::row::CANARY;
use crate::support::office::{Office, authorize_path};
use crate::support::party::{Party, text};

/// No file that the server writes holds any of the secrets: log, database, its write-ahead log; nor does the
/// audit say them. `secrets/` is where the party itself keeps its own.
pub fn none(party: &Party, secrets: &[String]) {
    let mut searched = 0;
    search(&party.directory(), secrets, &mut searched);
    assert!(searched >= 3, "{searched} files");
    let audit = party.command(&["audit", "list", "--output", "json"]);
    assert!(audit.status.success(), "{}", text(&audit.stderr));
    found("the audit", &audit.stdout, secrets);
    for format in ["jsonl", "csv", "fhir"] {
        let export = party.command(&["audit", "export", "--format", format]);
        assert!(!export.stdout.is_empty(), "{}", text(&export.stderr));
        found(format, &export.stdout, secrets);
    }
}

fn search(directory: &Path, secrets: &[String], searched: &mut usize) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true if path.ends_with("secrets") => {}
            true => search(&path, secrets, searched),
            false => {
                found(
                    &path.display().to_string(),
                    &std::fs::read(&path).unwrap(),
                    secrets,
                );
                *searched += 1;
            }
        }
    }
}

fn found(place: &str, bytes: &[u8], secrets: &[String]) {
    let haystack = String::from_utf8_lossy(bytes);
    for secret in secrets {
        if let Some(at) = haystack.find(secret.as_str()) {
            let start = haystack.floor_char_boundary(at.saturating_sub(120));
            let end = haystack.floor_char_boundary(haystack.len().min(at + 120));
            panic!("a secret stays in {place}: {}", &haystack[start..end]);
        }
    }
}

/// A canary in every parameter, in every header that somebody reads, and in the path.
pub fn planted(office: &Office, callback: &str) -> Vec<Ask> {
    let mut all = Vec::new();
    let value = format!("{CANARY}-in-the-open");
    for path in ["token", "introspect", "revoke", "par", "authorize"] {
        let path = format!("/oauth2/{path}");
        for name in PARAMETERS {
            let body = oauth::form::encode(&[(name, value.as_str())]);
            all.push(Ask::form(&path, &body));
            all.push(Ask::form(&path, &body).header("Authorization", office.basic("api")));
            all.push(Ask::form(&format!("{path}?{body}"), &body));
            // A broken form that a careless log would quote.
            all.push(Ask::form(&path, format!("{body}&{body}")));
            all.push(Ask::form(&path, format!("{value}&{value}")));
            all.push(Ask::form(&path, format!("{value}=%")));
        }
        for name in HEADERS {
            all.push(Ask::form(&path, "a=b").header(name, &value));
        }
        for scheme in ["Basic", "Bearer", "Digest"] {
            all.push(Ask::form(&path, "a=b").header("Authorization", format!("{scheme} {value}")));
        }
        all.push(Ask::get(&format!("{path}/{value}")));
    }
    for name in PARAMETERS {
        // With a client and a redirect URI that are right, so that the rest is looked at.
        let mut changes = vec![(name, value.as_str())];
        if name != "response_type" {
            changes.push(("response_type", "token"));
        }
        if name != "redirect_uri" {
            changes.push(("redirect_uri", callback));
        }
        all.push(Ask::get(&authorize_path(&changes)));
    }
    for path in [
        "/",
        "/.well-known/",
        "/oauth2/register/",
        "/fhir/",
        "/fhir/Bundle/",
        "/client/",
    ] {
        all.push(Ask::get(&format!("{path}{value}?{value}={value}")).bearer(&value));
    }
    all
}

const PARAMETERS: [&str; 23] = [
    "grant_type",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "code",
    "code_verifier",
    "redirect_uri",
    "refresh_token",
    "scope",
    "resource",
    "token",
    "token_type_hint",
    "username",
    "password",
    "state",
    "code_challenge",
    "code_challenge_method",
    "response_type",
    "nonce",
    "request",
    "request_uri",
    "access_token",
];
const HEADERS: [&str; 12] = [
    "Cookie",
    "User-Agent",
    "Referer",
    "Origin",
    "X-Request-Id",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "Accept",
    "DPoP",
    "Content-Language",
    "traceparent",
    "X-Api-Key",
];

/// Requests as large as they are let in, and larger.
pub fn large() -> Vec<Ask> {
    let sized = |size: usize| "x".repeat(size);
    vec![
        Ask::form("/oauth2/token", format!("scope={}", sized(60_000))),
        Ask::form("/oauth2/token", "p=1&".repeat(15_000)),
        Ask::form("/oauth2/token", "%41".repeat(20_000)),
        Ask::form("/oauth2/token", sized(1_000_000)),
        Ask::form("/oauth2/introspect", format!("token={}", sized(60_000))),
        Ask::form("/oauth2/revoke", format!("token={}", sized(60_000))),
        Ask::form("/oauth2/par", format!("state={}", sized(60_000))),
        Ask::form("/oauth2/authorize", format!("state={}", sized(60_000))),
        Ask::form(
            "/oauth2/token",
            "client_assertion_type=x&client_assertion=".to_owned() + &".".repeat(60_000),
        ),
        Ask::new("POST", "/oauth2/register")
            .header("Content-Type", "application/json")
            .body("[".repeat(60_000)),
        Ask::get(&authorize_path(&[("state", &sized(12_000))])).header("Cookie", sized(100)),
        Ask::get("/oauth2/token").header("Authorization", format!("Basic {}", sized(12_000))),
    ]
}
