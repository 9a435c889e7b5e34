//! Introspection, revocation, pushed requests, registration.

use crate::Stage;
use crate::ask::Ask;
use crate::row::{Expect, Row, row};
use crate::support::office::{CALLBACK, CHALLENGE};

/// Introspection (RFC 7662) and revocation (RFC 7009).
pub fn introspection_and_revocation(stage: &Stage) -> Vec<Row> {
    let office = &stage.office;
    let (access, refresh) = (stage.access_token.as_str(), stage.refresh_token.as_str());
    let ask = |path: &str, client: &str, body: &str| {
        Ask::form(path, body).header("Authorization", office.basic(client))
    };
    let (introspect, revoke) = ("/oauth2/introspect", "/oauth2/revoke");
    let token = format!("token={access}");
    let plain = |path: &str| Ask::form(path, &token);
    let mut rows = vec![
        row(
            "introspect: nobody",
            plain(introspect),
            401,
            "invalid_client",
        ),
        row(
            "introspect: the token itself",
            plain(introspect).bearer(access),
            401,
            "invalid_client",
        ),
        row(
            "introspect: a client that is no resource server",
            ask(introspect, "api", &token),
            401,
            "invalid_client",
        ),
        row(
            "introspect: a public client",
            Ask::form(introspect, format!("{token}&client_id=app")),
            401,
            "invalid_client",
        ),
        row(
            "introspect: a disabled client",
            ask(introspect, "off", &token),
            401,
            "invalid_client",
        ),
        row(
            "introspect: no token",
            ask(introspect, "rs", ""),
            400,
            "invalid_request",
        ),
        row(
            "introspect: an empty token",
            ask(introspect, "rs", "token="),
            400,
            "invalid_request",
        ),
        row(
            "introspect: two tokens",
            ask(introspect, "rs", &format!("{token}&token=c4n4ry")),
            400,
            "invalid_request",
        ),
        row(
            "introspect: JSON",
            Ask::new("POST", introspect)
                .header("Content-Type", "application/json")
                .header("Authorization", office.basic("rs"))
                .body(format!("{{\"token\":\"{access}\"}}")),
            400,
            "invalid_request",
        ),
        row("revoke: nobody", plain(revoke), 401, "invalid_client"),
        row(
            "revoke: no token",
            ask(revoke, "api", ""),
            400,
            "invalid_request",
        ),
        row(
            "revoke: two tokens",
            ask(revoke, "api", &format!("{token}&token=c4n4ry")),
            400,
            "invalid_request",
        ),
        row(
            "revoke: the access token of another client",
            ask(revoke, "api", &token),
            400,
            "invalid_grant",
        ),
        row(
            "revoke: the refresh token of another client",
            ask(revoke, "api", &format!("token={refresh}")),
            400,
            "invalid_grant",
        ),
        row(
            "revoke: as an access token, the refresh token of another client",
            ask(
                revoke,
                "web",
                &format!("token={refresh}&token_type_hint=access_token"),
            ),
            400,
            "invalid_grant",
        ),
    ];
    let changed = format!("{}x", &access[..access.len() - 1]);
    let long = "c4n4ry".repeat(9_000);
    for (name, token) in [
        ("unknown", "c4n4ry"),
        ("a refresh token", refresh),
        ("a client secret", office.secrets["rs"].as_str()),
        ("half a token", &access[..20]),
        ("the last character changed", &changed),
        ("a longer one", &format!("{access}A")),
        (
            "another issuer's prefix",
            &format!("ehr_{}", access.split_once('_').unwrap().1),
        ),
        ("in upper case", &access.to_uppercase()),
        ("54 kB", &long),
        (
            "an unsigned JWT",
            "eyJhbGciOiJub25lIn0.eyJpc3MiOiJjNG40cnkifQ.",
        ),
        ("an assertion", &stage.forge.assertion("signer", "x")),
        ("dots", "..."),
        ("SQL", "' OR 1=1 --"),
        ("with a space before it", &format!(" {access}")),
    ] {
        let body = oauth::form::encode(&[("token", token)]);
        let named = |path: &str, client: &str, expect| Row {
            name: format!("{path}: {name}"),
            ask: ask(path, client, &body),
            expect,
        };
        rows.push(named(introspect, "rs", Expect::Inactive));
        if name != "a refresh token" {
            rows.push(named(revoke, "api", Expect::Empty));
        }
    }
    let other = ask(
        introspect,
        "rs",
        &format!("token={refresh}&token_type_hint=refresh_token"),
    );
    rows.push(Row {
        name: "introspect: a refresh token with its hint".into(),
        ask: other,
        expect: Expect::Inactive,
    });
    rows
}

/// Pushed requests (RFC 9126) and registration (RFC 7591, 7592).
pub fn pushed_and_registered(stage: &Stage) -> Vec<Row> {
    let office = &stage.office;
    let good = [
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let push = |changes: &[(&str, &str)]| {
        let kept = good
            .iter()
            .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let pairs: Vec<_> = kept
            .chain(changes)
            .copied()
            .filter(|(_, value)| !value.is_empty())
            .collect();
        Ask::form("/oauth2/par", oauth::form::encode(&pairs))
            .header("Authorization", office.basic("web"))
    };
    let request = "invalid_request";
    let mut rows = vec![
        row(
            "par: nobody",
            Ask::form("/oauth2/par", oauth::form::encode(&good)),
            401,
            "invalid_client",
        ),
        row(
            "par: wrong secret",
            Ask::form("/oauth2/par", "x=y").header("Authorization", "Basic d2ViOmM0bjRyeQ=="),
            401,
            "invalid_client",
        ),
        row(
            "par: an API client",
            Ask::form("/oauth2/par", oauth::form::encode(&good))
                .header("Authorization", office.basic("api")),
            400,
            request,
        ),
        row(
            "par: another client's name",
            push(&[("client_id", "app")]),
            400,
            request,
        ),
        row(
            "par: a request_uri",
            push(&[("request_uri", "urn:ietf:params:oauth:request_uri:c4n4ry")]),
            400,
            request,
        ),
        row(
            "par: no redirect_uri",
            push(&[("redirect_uri", "")]),
            400,
            request,
        ),
        row(
            "par: redirect_uri of an attacker",
            push(&[("redirect_uri", "https://c4n4ry.example")]),
            400,
            request,
        ),
        row(
            "par: no code_challenge",
            push(&[("code_challenge", "")]),
            400,
            request,
        ),
        row(
            "par: plain",
            push(&[("code_challenge_method", "plain")]),
            400,
            request,
        ),
        row(
            "par: implicit",
            push(&[("response_type", "token")]),
            400,
            "unsupported_response_type",
        ),
        row(
            "par: a request object",
            push(&[("request", "e30.e30.")]),
            400,
            "invalid_request",
        ),
        row(
            "par: scope",
            push(&[("scope", "system/Bundle.crs")]),
            400,
            "invalid_scope",
        ),
        row(
            "par: resource",
            push(&[("resource", "https://c4n4ry.example")]),
            400,
            "invalid_target",
        ),
        row(
            "par: a line end in state",
            push(&[("state", "a\r\nb")]),
            400,
            request,
        ),
    ];
    let register = |token: &str| {
        Ask::new("POST", "/oauth2/register")
            .header("Content-Type", "application/json")
            .bearer(token)
            .body("{}")
    };
    let at = "/oauth2/register/api";
    for (name, ask) in [
        (
            "nobody",
            Ask::new("POST", "/oauth2/register")
                .header("Content-Type", "application/json")
                .body("{}"),
        ),
        ("an unknown token", register("c4n4ry")),
        ("an access token", register(&stage.access_token)),
        ("a refresh token", register(&stage.refresh_token)),
        ("two tokens", register("c4n4ry").bearer("c4n4ry")),
        (
            "a client secret",
            Ask::new("POST", "/oauth2/register")
                .header("Authorization", office.basic("api"))
                .body("{}"),
        ),
        ("reading without a token", Ask::get(at)),
        (
            "reading with an access token",
            Ask::get(at).bearer(&stage.access_token),
        ),
        (
            "reading with the client's secret",
            Ask::get(at).header("Authorization", office.basic("api")),
        ),
        (
            "reading an unknown client",
            Ask::get("/oauth2/register/c4n4ry").bearer("c4n4ry"),
        ),
        (
            "deleting with an unknown token",
            Ask::new("DELETE", at).bearer("c4n4ry"),
        ),
        (
            "changing with an unknown token",
            Ask::new("PUT", at)
                .header("Content-Type", "application/json")
                .bearer("c4n4ry")
                .body("{}"),
        ),
        (
            "a name with a NUL",
            Ask::get("/oauth2/register/api%00").bearer("c4n4ry"),
        ),
        (
            "a name that climbs",
            Ask::get("/oauth2/register/..%2ftoken").bearer("c4n4ry"),
        ),
    ] {
        rows.push(row(format!("register: {name}"), ask, 401, "invalid_token"));
    }
    rows
}
