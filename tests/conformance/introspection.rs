//! Introspection: RFC 7662 and RFC 9701.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::Line;
use crate::support::http::FORM;
use crate::support::office::{OTHER, Office};

pub const LINES: &[Line] = &[
    ("e01 POST, a form, and a hint that never limits", e01),
    ("e02 the caller is authorised", e02),
    (
        "e03 whatever does not count is inactive and nothing else",
        e03,
    ),
    ("e04 the active answer", e04),
    ("e05 an answer is for its caller", e05),
    ("e06 signed answers on request", e06),
    ("e07 not cached, and audited", e07),
    ("c15 a code lives a minute", c15),
];

const PATH: &str = "/oauth2/introspect";

/// RFC 7662 section 2.1.
fn e01(office: &Office) {
    assert_eq!(
        office
            .request("GET", &format!("{PATH}?token=x"), &[], "")
            .status,
        405
    );
    let token = office.api_token("");
    for hint in ["access_token", "refresh_token", "nonsense"] {
        let body = format!("token={token}&token_type_hint={hint}");
        let answer = office.post(PATH, Some("rs"), &body);
        assert_eq!(answer.json()["active"], true, "{hint}");
    }
    let json = [
        ("Content-Type", "application/json"),
        ("Authorization", &office.basic("rs")),
    ];
    let answer = office.request("POST", PATH, &json, &format!("{{\"token\":\"{token}\"}}"));
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (400, &"invalid_request".into())
    );
}

/// RFC 7662 sections 2.1 and 2.3.
fn e02(office: &Office) {
    let token = office.api_token("");
    let body = format!("token={token}");
    let none = office.post(PATH, None, &body);
    assert_eq!(
        (none.status, &none.json()["error"]),
        (401, &"invalid_client".into())
    );
    let wrong = oauth::BasicCredentials::header("own-resource-server", "wrong");
    let answer = office.request("POST", PATH, &[FORM, ("Authorization", &wrong)], &body);
    assert_eq!(answer.status, 401);
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .starts_with("Basic ")
    );
    // A token is no way in here, and a client that is no resource server is told nothing.
    let bearer = format!("Bearer {token}");
    let answer = office.request("POST", PATH, &[FORM, ("Authorization", &bearer)], &body);
    assert_eq!(answer.status, 401);
    let answer = office.post(PATH, Some("api"), &body);
    assert_eq!(answer.status, 401);
    assert!(answer.json().get("active").is_none());
    assert_eq!(
        office
            .post(PATH, None, &format!("{body}&client_id=app"))
            .status,
        401
    );
}

/// RFC 7662 section 2.2.
fn e03(office: &Office) {
    let inactive = json!({"active": false});
    let (access, refresh) = office.session();
    let code = office.code("app");
    office.post(
        "/oauth2/revoke",
        None,
        &format!("token={access}&client_id=app"),
    );
    let other = office.api_token(&format!("&resource={OTHER}"));
    for token in [
        "vro_x",
        "x",
        "a.b.c",
        "%ff%fe",
        access.as_str(),
        refresh.as_str(),
        code.as_str(),
        other.as_str(),
    ] {
        if token.starts_with('%') {
            continue;
        }
        assert_eq!(office.introspect("rs", token), inactive, "{token}");
    }
    for body in ["", "token=", "x=y"] {
        let answer = office.post(PATH, Some("rs"), body);
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (400, &"invalid_request".into()),
            "{body}"
        );
    }
}

fn e04(office: &Office) {
    let token = office.api_token("&scope=system/Bundle.rs");
    let told = office.introspect("rs", &token);
    let now = storage::Clock::system().now().as_second();
    assert_eq!(told["active"], true);
    assert_eq!(told["scope"], "system/Bundle.rs");
    assert_eq!(told["client_id"], "api");
    assert_eq!(told["sub"], "api");
    assert_eq!(told["iss"], office.party.origin());
    assert_eq!(told["aud"], office.party.fhir());
    assert_eq!(told["token_type"], "Bearer");
    let (issued, expires) = (told["iat"].as_i64().unwrap(), told["exp"].as_i64().unwrap());
    assert!(
        (now - 5..=now).contains(&issued) && expires == issued + 300,
        "{told}"
    );
    assert!(told["jti"].as_str().is_some_and(|jti| jti.len() == 32));
    assert_eq!(told["organization"], "A Hospital");
    assert_eq!(told["jurisdictions"], json!(["MA"]));
    assert_eq!(told["record_types"], json!(["birth"]));
}

/// RFC 7662 sections 4 and 5: each resource server is told of its own audience only.
fn e05(office: &Office) {
    let token = office.api_token("");
    assert_eq!(office.introspect("rs", &token)["aud"], office.party.fhir());
    assert_eq!(office.introspect("other-rs", &token)["aud"], OTHER);
    let narrow = office.api_token(&format!("&resource={OTHER}"));
    assert_eq!(office.introspect("rs", &narrow), json!({"active": false}));
    assert_eq!(office.introspect("other-rs", &narrow)["active"], true);
}

/// RFC 9701 sections 4 and 5.
fn e06(office: &Office) {
    let basic = office.basic("other-rs");
    let accept = "application/token-introspection+jwt";
    let headers = [FORM, ("Authorization", basic.as_str()), ("Accept", accept)];
    for (token, active) in [(office.api_token(""), true), ("vro_x".to_owned(), false)] {
        let answer = office.request("POST", PATH, &headers, &format!("token={token}"));
        assert_eq!(answer.header("content-type"), Some(accept));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let part = |number: usize| -> Value {
            let part = answer.body.split('.').nth(number).unwrap();
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        assert_eq!(part(0)["typ"], "token-introspection+jwt");
        let claims = part(1);
        assert_eq!(
            (&claims["iss"], &claims["aud"]),
            (&office.party.origin().into(), &"other-rs".into())
        );
        assert!(claims.get("sub").is_none() && claims.get("exp").is_none());
        assert_eq!(claims["token_introspection"]["active"], active);
        if !active {
            assert_eq!(claims["token_introspection"], json!({"active": false}));
        }
        // It is no access token.
        assert_eq!(
            office.introspect("other-rs", &answer.body),
            json!({"active": false})
        );
    }
    // Nobody is answered without a name, in this form either.
    let anonymous = office.request("POST", PATH, &[FORM, ("Accept", accept)], "token=x");
    assert_eq!(anonymous.status, 401);
}

fn e07(office: &Office) {
    let answer = office.post(PATH, Some("rs"), "token=vro_scanned");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let rows = office.party.json(&["audit", "list", "--limit", "1"]);
    assert_eq!(
        (&rows[0]["action"], &rows[0]["reason"]),
        (&"introspect".into(), &"inactive".into())
    );
}

/// RFC 9700 section 4.5.3; the setting is in seconds and refuses more than a minute.
fn c15(_: &Office) {
    let short = Office::start(&["authorization_server.authorization_code_lifetime_s=1"]);
    let code = short.code("app");
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let verifier = format!("&code_verifier={}", crate::support::office::VERIFIER);
    let answer = short.redeem("app", &code, &verifier);
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (400, &"invalid_grant".into())
    );
}
