//! The token endpoint, and what tokens are good for.

use crate::Line;
use crate::support::http::{self, Answer, FORM};
use crate::support::office::{CALLBACK, CC, OTHER, Office, VERIFIER, check_verifier};

pub const LINES: &[Line] = &[
    ("c07 no password grant", c07),
    ("c10 the verifier is checked", c10),
    ("c11 no PKCE downgrade", c11),
    ("c12 a code used twice ends what it gave", c12),
    ("c13 a code of another client", c13),
    ("c14 of parallel redemptions one succeeds", c14),
    ("c21 no token in the query", c21),
    ("c22 a token for another audience", c22),
    ("c23 a refresh token used twice ends its family", c23),
    ("c24 a refresh token of another client, a wider scope", c24),
    ("c25 refresh after the consent is gone", c25),
    ("c26 client_credentials of a public client", c26),
    ("c27 client ids and users do not collide", c27),
    ("c28 a parameter is there once", c28),
    ("c29 one method of authentication", c29),
    ("c30 Basic is answered with Basic", c30),
    ("c31 POST, and nothing in the query", c31),
    ("c32 headers of proxies have no effect", c32),
    ("c36 redirect_uri may be left out, not differ", c36),
    ("c37 least privilege", c37),
];

fn is_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.json()["error"], code, "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

fn with_verifier() -> String {
    format!("&code_verifier={VERIFIER}")
}

/// RFC 9700 section 2.4.
fn c07(office: &Office) {
    let body = format!(
        "grant_type=password&username=r.smith&password={}",
        office.password
    );
    is_error(
        &office.token(Some("api"), &body),
        400,
        "unsupported_grant_type",
    );
    is_error(
        &office.token(None, &format!("{body}&client_id=app")),
        400,
        "unsupported_grant_type",
    );
}

/// RFC 7636 section 4.6.
fn c10(office: &Office) {
    check_verifier();
    is_error(
        &office.redeem("app", &office.code("app"), ""),
        400,
        "invalid_grant",
    );
    let wrong = format!("&code_verifier={}", VERIFIER.replace('d', "e"));
    is_error(
        &office.redeem("app", &office.code("app"), &wrong),
        400,
        "invalid_grant",
    );
    let challenge = "&code_verifier=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    is_error(
        &office.redeem("app", &office.code("app"), challenge),
        400,
        "invalid_grant",
    );
}

/// RFC 9700 section 4.8.2: there is no code without a challenge, so there is nothing to downgrade.
fn c11(office: &Office) {
    let started = office.authorize(&[("code_challenge", ""), ("code_challenge_method", "")]);
    assert!(
        started
            .header("location")
            .unwrap()
            .contains("error=invalid_request")
    );
    for form in ["", "&code_verifier=", "&code_verifier=x"] {
        let answer = office.redeem("app", &office.code("app"), form);
        assert_eq!(answer.status, 400);
        assert!(answer.json().get("access_token").is_none());
    }
}

/// RFC 6749 section 4.1.2.
fn c12(office: &Office) {
    let code = office.code("app");
    let first = office.redeem("app", &code, &with_verifier()).json();
    let access = first["access_token"].as_str().unwrap();
    let refresh = first["refresh_token"].as_str().unwrap();
    assert!(office.is_active(access));
    is_error(
        &office.redeem("app", &code, &with_verifier()),
        400,
        "invalid_grant",
    );
    assert!(!office.is_active(access));
    is_error(&office.refresh("app", refresh, ""), 400, "invalid_grant");
}

fn c13(office: &Office) {
    let code = office.code("app");
    is_error(
        &office.redeem("app2", &code, &with_verifier()),
        400,
        "invalid_grant",
    );
    // Whoever tried has burned it.
    is_error(
        &office.redeem("app", &code, &with_verifier()),
        400,
        "invalid_grant",
    );
}

fn c14(office: &Office) {
    let code = office.code("app");
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| office.redeem("app", &code, &with_verifier()).status))
            .collect();
        tries.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert_eq!(
        statuses.iter().filter(|it| **it == 200).count(),
        1,
        "{statuses:?}"
    );
}

/// RFC 9700 section 4.3.2.
fn c21(office: &Office) {
    let token = office.api_token("");
    let path = format!("/fhir/Bundle/1?access_token={token}");
    assert_eq!(
        http::request(&office.party, "GET", &path, &[], "").status,
        401
    );
    assert_eq!(
        http::read(&office.party, &token, "/fhir/Bundle/1").status,
        404
    );
}

/// RFC 9700 section 4.10.2.
fn c22(office: &Office) {
    let token = office.api_token(&format!("&resource={OTHER}"));
    let answer = http::read(&office.party, &token, "/fhir/Bundle/1");
    assert_eq!(answer.status, 401);
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .contains("invalid_token")
    );
}

/// RFC 9700 section 4.14.2. Within the repeat window the same successor is given again; after it was used,
/// the old one ends the family at once.
fn c23(office: &Office) {
    let (access, first) = office.session();
    let second = office.refresh("app", &first, "").json();
    let second = second["refresh_token"].as_str().unwrap();
    let third = office.refresh("app", second, "").json();
    let third = third["refresh_token"].as_str().unwrap();
    is_error(&office.refresh("app", &first, ""), 400, "invalid_grant");
    is_error(&office.refresh("app", third, ""), 400, "invalid_grant");
    assert!(!office.is_active(&access));
}

/// RFC 6749 section 6.
fn c24(office: &Office) {
    let (_, refresh) = office.session();
    is_error(&office.refresh("app2", &refresh, ""), 400, "invalid_grant");
    is_error(
        &office.refresh("app", &refresh, "&scope=user/Bundle.cruds"),
        400,
        "invalid_scope",
    );
    is_error(
        &office.refresh("app", &refresh, "&scope=user/Patient.r"),
        400,
        "invalid_scope",
    );
    assert_eq!(
        office
            .refresh("app", &refresh, "&scope=user/Bundle.r")
            .status,
        200
    );
}

fn c25(office: &Office) {
    let (access, refresh) = office.session();
    office.party.json(&["user", "revoke", "r.smith"]);
    is_error(&office.refresh("app", &refresh, ""), 400, "invalid_grant");
    assert!(!office.is_active(&access));
}

/// RFC 6749 section 4.4.
fn c26(office: &Office) {
    is_error(
        &office.token(None, &format!("{CC}&client_id=app")),
        400,
        "unauthorized_client",
    );
}

/// RFC 9700 section 4.15.
fn c27(office: &Office) {
    let (access, _) = office.session();
    let human = office.introspect("rs", &access);
    let subject = human["sub"].as_str().unwrap();
    assert_eq!(human["username"], "r.smith");
    let api = office.introspect("rs", &office.api_token(""));
    assert_eq!((&api["sub"], api.get("username")), (&"api".into(), None));
    let fhir = office.party.fhir();
    let add = [
        "client",
        "add",
        "x",
        "--client-id",
        subject,
        "--scope",
        "system/Bundle.r",
        "--audience",
        &fhir,
    ];
    let output = office.party.command(&add);
    assert!(!output.status.success(), "a client cannot take a user's id");
}

/// RFC 6749 section 3.2.
fn c28(office: &Office) {
    for body in [
        format!("{CC}&{CC}"),
        format!("{CC}&scope=system/Bundle.r&scope=system/Bundle.r"),
        format!("{CC}&client_id=api&client_id=api"),
        format!("{CC}&unknown=a&unknown=b"),
    ] {
        is_error(&office.token(Some("api"), &body), 400, "invalid_request");
    }
    let path = format!(
        "{}&state=again",
        crate::support::office::authorize_path(&[])
    );
    let answer = office.request("GET", &path, &[], "");
    assert!(
        answer
            .header("location")
            .unwrap()
            .contains("error=invalid_request")
    );
}

/// RFC 6749 section 2.3.
fn c29(office: &Office) {
    let secret = &office.secrets["api"];
    let body = format!("{CC}&client_id=api&client_secret={secret}");
    is_error(&office.token(Some("api"), &body), 400, "invalid_request");
    let jwt = "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion";
    let both = format!("{CC}&{jwt}={}", office.assertion());
    is_error(&office.token(Some("api"), &both), 400, "invalid_request");
    // Right, but not the method that the client is registered with.
    let post = format!("{CC}&client_id=api&client_secret={secret}");
    is_error(&office.token(None, &post), 401, "invalid_client");
}

/// RFC 6749 section 5.2.
fn c30(office: &Office) {
    let wrong = oauth::BasicCredentials::header("api", "wrong");
    let answer = office.request(
        "POST",
        "/oauth2/token",
        &[FORM, ("Authorization", &wrong)],
        CC,
    );
    is_error(&answer, 401, "invalid_client");
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .starts_with("Basic ")
    );
}

/// RFC 6749 sections 3.2 and 2.3.1.
fn c31(office: &Office) {
    for path in [
        "/oauth2/token",
        "/oauth2/introspect",
        "/oauth2/revoke",
        "/oauth2/par",
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            let answer = office.request(method, path, &[], "");
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some("POST"));
        }
        let query = format!("{path}?{CC}");
        is_error(
            &office.post(&query, Some("api"), CC),
            400,
            "invalid_request",
        );
    }
}

/// RFC 9700 section 4.13.
fn c32(office: &Office) {
    let lies = [
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Port", "1"),
        ("X-Real-IP", "203.0.113.9"),
        ("Forwarded", "for=203.0.113.9;host=evil.example;proto=http"),
        ("X-SSL-Client-Cert", "-----BEGIN CERTIFICATE-----"),
        ("X-ARR-ClientCert", "MIIB"),
        ("X-Request-Id", "chosen"),
    ];
    let metadata = office.request("GET", "/.well-known/oauth-authorization-server", &lies, "");
    assert!(!metadata.body.contains("evil.example"));
    let headers = [&lies[..], &[FORM]].concat();
    let answer = office.request(
        "POST",
        "/oauth2/token",
        &headers,
        &format!("{CC}&client_id=jwt"),
    );
    is_error(&answer, 401, "invalid_client");
    assert_ne!(answer.header("x-request-id"), Some("chosen"));
    let rows = office
        .party
        .json(&["audit", "list", "--outcome", "denied", "--limit", "1"]);
    assert_eq!(rows[0]["source_address"], "127.0.0.1");
    assert_ne!(rows[0]["request_id"], "chosen");
}

/// OAuth 2.1 section 4.1.3.
fn c36(office: &Office) {
    assert_eq!(
        office
            .redeem("app", &office.code("app"), &with_verifier())
            .status,
        200
    );
    let encoded = oauth::form::encode(&[("redirect_uri", CALLBACK)]);
    let same = format!("{}&{encoded}", with_verifier());
    assert_eq!(office.redeem("app", &office.code("app"), &same).status, 200);
    let other = format!("{}&redirect_uri=https://client.example/cb", with_verifier());
    is_error(
        &office.redeem("app", &office.code("app"), &other),
        400,
        "invalid_grant",
    );
}

fn c37(office: &Office) {
    let asked = "system/Bundle.cruds system/Patient.r system/*.rs user/Bundle.r";
    let body = format!("{CC}&{}", oauth::form::encode(&[("scope", asked)]));
    let answer = office.token(Some("api"), &body).json();
    let granted = oauth::Scope::parse(answer["scope"].as_str().unwrap()).unwrap();
    let registered = oauth::Scope::parse("system/Bundle.crs").unwrap();
    assert_eq!(oauth::Scope::granted(&granted, &registered), granted);
    let told = office.introspect("rs", answer["access_token"].as_str().unwrap());
    assert_eq!(told["scope"], answer["scope"]);
    is_error(
        &office.token(Some("api"), &format!("{CC}&scope=system/Patient.r")),
        400,
        "invalid_scope",
    );
}
