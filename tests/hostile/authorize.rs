//! The authorization endpoint: what is answered at the redirect URI, and what never is.

use crate::Stage;
use crate::ask::Ask;
use crate::row::{Expect, Row, page};
use crate::support::office::{CALLBACK, CHALLENGE, OTHER, authorize_path};

/// A name, what is changed in a right request, and the error code.
type Changed<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'static str);

/// Errors that go back to the client, with `iss`, and with `state` if that can go back.
pub fn requests(_: &Stage) -> Vec<Row> {
    let request = "invalid_request";
    let long = "s".repeat(2_001);
    let wide = "c4n4ry".repeat(1_500);
    let rows: Vec<Changed<'_>> = vec![
        ("no response_type", vec![("response_type", "")], request),
        (
            "response_type token",
            vec![("response_type", "token")],
            "unsupported_response_type",
        ),
        (
            "response_type id_token",
            vec![("response_type", "id_token")],
            "unsupported_response_type",
        ),
        (
            "response_type code token",
            vec![("response_type", "code token")],
            "unsupported_response_type",
        ),
        (
            "response_type none",
            vec![("response_type", "none")],
            "unsupported_response_type",
        ),
        (
            "response_type CODE",
            vec![("response_type", "CODE")],
            "unsupported_response_type",
        ),
        (
            "response_mode fragment",
            vec![("response_mode", "fragment")],
            request,
        ),
        (
            "response_mode form_post",
            vec![("response_mode", "form_post")],
            request,
        ),
        (
            "response_mode web_message",
            vec![("response_mode", "web_message")],
            request,
        ),
        ("no code_challenge", vec![("code_challenge", "")], request),
        (
            "no code_challenge_method",
            vec![("code_challenge_method", "")],
            request,
        ),
        (
            "code_challenge_method plain",
            vec![("code_challenge_method", "plain")],
            request,
        ),
        (
            "code_challenge_method s256",
            vec![("code_challenge_method", "s256")],
            request,
        ),
        (
            "code_challenge of 42 characters",
            vec![("code_challenge", &CHALLENGE[..42])],
            request,
        ),
        (
            "code_challenge with padding",
            vec![(
                "code_challenge",
                "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=",
            )],
            request,
        ),
        (
            "code_challenge with a space",
            vec![(
                "code_challenge",
                "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw cM",
            )],
            request,
        ),
        (
            "scope of nobody",
            vec![("scope", "c4n4ry")],
            "invalid_scope",
        ),
        (
            "scope not registered",
            vec![("scope", "system/Bundle.rs")],
            "invalid_scope",
        ),
        (
            "scope with a quote",
            vec![("scope", "user/Bundle.rs \"c4n4ry\"")],
            "invalid_scope",
        ),
        ("scope of 9 kB", vec![("scope", &wide)], "invalid_scope"),
        (
            "resource of nobody",
            vec![("resource", "https://c4n4ry.example")],
            "invalid_target",
        ),
        (
            "resource with a fragment",
            vec![("resource", "https://other.example/fhir#c4n4ry")],
            "invalid_target",
        ),
        (
            "aud of nobody",
            vec![("aud", "https://c4n4ry.example")],
            "invalid_target",
        ),
        (
            "a good resource and a bad aud",
            vec![("resource", OTHER), ("aud", "https://c4n4ry.example")],
            "invalid_target",
        ),
        ("prompt none", vec![("prompt", "none")], "login_required"),
        (
            "prompt none and login",
            vec![("prompt", "none login")],
            request,
        ),
        (
            "a request object",
            vec![("request", "eyJhbGciOiJub25lIn0.e30.")],
            "request_not_supported",
        ),
        (
            "a request_uri elsewhere",
            vec![("request_uri", "https://attacker.example/c4n4ry")],
            "request_uri_not_supported",
        ),
        (
            "scope twice",
            vec![("scope", "user/Bundle.rs"), ("scope", "user/Bundle.rs")],
            request,
        ),
        (
            "code_challenge twice",
            vec![("code_challenge", CHALLENGE), ("code_challenge", CHALLENGE)],
            request,
        ),
        (
            "response_type twice",
            vec![("response_type", "code"), ("response_type", "token")],
            request,
        ),
        (
            "a NUL in scope",
            vec![("scope", "user/Bundle.rs\0c4n4ry")],
            request,
        ),
    ];
    let there = |name: &str, path: String, error, state| Row {
        name: format!("authorize: {name}"),
        ask: Ask::get(&path),
        expect: Expect::Redirect(CALLBACK, error, state),
    };
    let mut all: Vec<Row> = rows
        .iter()
        .map(|(name, changes, error)| there(name, authorize_path(changes), error, Some("s t&=é%")))
        .collect();
    for (name, state) in [
        ("a state of 2001 characters", long.as_str()),
        ("a line end in state", "s\r\nSet-Cookie: c4n4ry"),
        ("a NUL in state", "s\0"),
        ("an escape sequence in state", "\u{1b}[2J"),
        ("a C1 control in state", "s\u{85}c4n4ry"),
    ] {
        all.push(there(
            name,
            authorize_path(&[("state", state)]),
            request,
            None,
        ));
    }
    all.push(there(
        "state twice",
        authorize_path(&[("state", "a"), ("state", "b")]),
        request,
        None,
    ));
    for (name, raw) in [
        ("a broken escape in state", "&state=%zz"),
        ("a state that is not UTF-8", "&state=%ff"),
    ] {
        let path = format!("{}{raw}", authorize_path(&[("state", "")]));
        all.push(there(name, path, request, None));
    }
    all
}

/// Requests whose client or redirect URI is not known: a page, never a redirect.
pub fn without_redirect(stage: &Stage) -> Vec<Row> {
    let get = |changes: &[(&str, &str)]| Ask::get(&authorize_path(changes));
    let good = authorize_path(&[]);
    let query = good.split_once('?').unwrap().1.to_owned();
    let post = |media_type: &str, body: &str| {
        Ask::new("POST", "/oauth2/authorize")
            .header("Content-Type", media_type)
            .body(body)
    };
    let form = "application/x-www-form-urlencoded";
    let wide = "c4n4ry".repeat(1_500);
    let rows = vec![
        ("no parameters", Ask::get("/oauth2/authorize")),
        ("no client_id", get(&[("client_id", "")])),
        ("client_id unknown", get(&[("client_id", "c4n4ry")])),
        ("client_id of 9 kB", get(&[("client_id", &wide)])),
        (
            "client_id twice",
            get(&[("client_id", "app"), ("client_id", "app")]),
        ),
        ("client_id in upper case", get(&[("client_id", "APP")])),
        ("client_id with a NUL", get(&[("client_id", "app\0")])),
        ("client_id as SQL", get(&[("client_id", "app' OR '1'='1")])),
        (
            "client_id of a disabled client",
            get(&[("client_id", "off")]),
        ),
        (
            "client_id of a client without redirect URIs",
            get(&[("client_id", "api")]),
        ),
        ("no redirect_uri", get(&[("redirect_uri", "")])),
        (
            "redirect_uri twice",
            get(&[("redirect_uri", CALLBACK), ("redirect_uri", CALLBACK)]),
        ),
        (
            "redirect_uri twice, one the attacker's",
            get(&[
                ("redirect_uri", CALLBACK),
                ("redirect_uri", "https://c4n4ry.example"),
            ]),
        ),
        (
            "redirect_uri twice, one in hexadecimal",
            Ask::get(&format!(
                "{good}&redirect%5Furi=https%3A%2F%2Fc4n4ry.example"
            )),
        ),
        (
            "a request_uri that nobody pushed",
            get(&[("request_uri", "urn:ietf:params:oauth:request_uri:c4n4ry")]),
        ),
        (
            "a request_uri of ours, redirect_uri the attacker's",
            get(&[
                ("request_uri", "urn:ietf:params:oauth:request_uri:c4n4ry"),
                ("redirect_uri", "https://c4n4ry.example"),
            ]),
        ),
        (
            "resume without a request",
            Ask::get("/oauth2/authorize/resume"),
        ),
        (
            "resume with an unknown request",
            Ask::get("/oauth2/authorize/resume?request=c4n4ry"),
        ),
        (
            "resume twice named",
            Ask::get("/oauth2/authorize/resume?request=a&request=c4n4ry"),
        ),
        (
            "resume with a refresh token",
            Ask::get(&format!(
                "/oauth2/authorize/resume?request={}",
                stage.refresh_token
            )),
        ),
        (
            "posted as JSON",
            post("application/json", "{\"client_id\":\"c4n4ry\"}"),
        ),
        ("posted as text", post("text/plain", &query)),
        ("posted with nothing", post(form, "")),
        (
            "posted in bytes that are not UTF-8",
            post(form, "client_id=%ff"),
        ),
        ("posted, unknown client", post(form, "client_id=c4n4ry")),
        (
            "posted with an empty body and a good query",
            Ask::form(&good, ""),
        ),
    ];
    rows.into_iter()
        .map(|(name, ask)| page(format!("authorize: {name}"), ask, 400))
        .collect()
}
