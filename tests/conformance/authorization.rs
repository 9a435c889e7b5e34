//! The authorization endpoint and its pages.

use crate::Line;
use crate::support::http::{Answer, FORM};
use crate::support::office::{
    Browser, CALLBACK, LOOPBACK, Office, USERNAME, authorize_path, parameter,
};

pub const LINES: &[Line] = &[
    ("c01 a redirect URI is compared to the letter", c01),
    ("c02 a loopback redirect URI may have any port", c02),
    ("c03 http redirect URIs are loopback only", c03),
    ("c04 an unknown client is told on a page", c04),
    ("c05 no bounce to an untrusted address", c05),
    ("c06 response_type is code", c06),
    ("c08 code_challenge is required", c08),
    ("c09 code_challenge_method is S256", c09),
    ("c16 iss in every authorization response", c16),
    ("c17 metadata at the path of RFC 8414", c17),
    ("c18 a form is answered with 303", c18),
    ("c19 pages are framed by nobody", c19),
    (
        "c20 no cross-origin access to the authorization endpoint",
        c20,
    ),
    ("c33 state comes back unchanged", c33),
    (
        "c34 no redirect after sign-out to an unregistered address",
        c34,
    ),
    ("c35 the session cookie", c35),
    ("c38 response modes", c38),
];

fn is_page(answer: &Answer) {
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.header("location").is_none(), "{answer:?}");
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
}

fn is_error(answer: &Answer, code: &str) {
    assert_eq!(answer.status, 303, "{answer:?}");
    let location = answer.header("location").unwrap();
    assert!(location.starts_with(CALLBACK), "{location}");
    assert_eq!(
        parameter(location, "error").as_deref(),
        Some(code),
        "{location}"
    );
    assert!(parameter(location, "code").is_none());
}

/// RFC 9700 sections 2.1 and 4.1.3.
fn c01(office: &Office) {
    for wrong in [
        "https://client.example/cb",
        "https://client.example/cb?k=v&",
        "https://client.example/cb?k=v&a=b",
        "https://client.example/cb?k=w",
        "https://client.example/cb?K=v",
        "https://client.example/cb/?k=v",
        "https://client.example/cb/../cb?k=v",
        "https://client.example/./cb?k=v",
        "https://client.example//cb?k=v",
        "https://client.example/c%62?k=v",
        "https://client.example/CB?k=v",
        "https://client.example/cb%2f?k=v",
        "https://client.example/cb%00?k=v",
        "https://client.example/cb?k=v#f",
        "https://client.example/cb?k=v%23",
        "https://CLIENT.example/cb?k=v",
        "https://client.example./cb?k=v",
        "https://client.example:443/cb?k=v",
        "https://client.example:8443/cb?k=v",
        "https://client.example@evil.example/cb?k=v",
        "https://a@client.example/cb?k=v",
        "https://client.example.evil.example/cb?k=v",
        "https://evil.example/cb?k=v",
        "https://evil.example/https://client.example/cb?k=v",
        "https://sub.client.example/cb?k=v",
        "https://xclient.example/cb?k=v",
        "http://client.example/cb?k=v",
        "HTTPS://client.example/cb?k=v",
        "https:client.example/cb?k=v",
        "https:/client.example/cb?k=v",
        "https:\\\\client.example\\cb?k=v",
        "//client.example/cb?k=v",
        "/cb?k=v",
        "javascript:alert(1)",
        "data:text/html,x",
        " https://client.example/cb?k=v",
        "https://client.example/cb?k=v ",
        "https://client.example/cb?k=v\t",
        "https://client.example/cb\n?k=v",
        "https://client.exa\u{200b}mple/cb?k=v",
        "https://client.example/cb?k=v\u{0}",
        "x",
    ] {
        let answer = office.authorize(&[("redirect_uri", wrong)]);
        is_page(&answer);
        assert!(!answer.body.contains("evil.example"), "{wrong}");
    }
    assert_eq!(office.authorize(&[]).status, 303);
}

/// RFC 8252 section 7.3.
fn c02(office: &Office) {
    for port in ["", ":1", ":51004", ":65535"] {
        let uri = LOOPBACK.replace("127.0.0.1", &format!("127.0.0.1{port}"));
        assert_eq!(
            office.authorize(&[("redirect_uri", &uri)]).status,
            303,
            "{uri}"
        );
    }
    for wrong in [
        "http://localhost/cb",
        "http://localhost:51004/cb",
        "http://127.0.0.1:51004/cb/",
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:51004/cb?a=b",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.2/cb",
        "http://127.1/cb",
        "http://2130706433/cb",
        "http://[::1]:51004/cb",
        "http://127.0.0.1:51004@evil.example/cb",
        "https://127.0.0.1:51004/cb",
    ] {
        is_page(&office.authorize(&[("redirect_uri", wrong)]));
    }
}

/// OAuth 2.1 section 1.5.
fn c03(office: &Office) {
    let fhir = office.party.fhir();
    for uri in [
        "http://client.example/cb",
        "http://10.0.0.1/cb",
        "http://127.0.0.1.evil.example/cb",
        "ftp://a.example/",
    ] {
        let arguments = [
            "client",
            "add",
            "plain",
            "--auth",
            "none",
            "--scope",
            "user/Bundle.r",
            "--audience",
            &fhir,
            "--redirect-uri",
            uri,
        ];
        let output = office.party.command(&arguments);
        assert!(!output.status.success(), "{uri}");
    }
    is_page(&office.authorize(&[("redirect_uri", "http://client.example/cb?k=v")]));
}

/// RFC 6749 section 4.1.2.1.
fn c04(office: &Office) {
    for id in ["nobody", "off", "App", "app ", ""] {
        is_page(&office.authorize(&[("client_id", id)]));
    }
    // Repeated: no one client is named.
    let path = format!("{}&client_id=app", authorize_path(&[]));
    is_page(&office.request("GET", &path, &[], ""));
}

/// RFC 9700 section 4.11.2: what is wrong is told at the registered address only.
fn c05(office: &Office) {
    let evil = ("redirect_uri", "https://evil.example/");
    is_page(&office.authorize(&[evil, ("scope", "nothing")]));
    is_page(&office.authorize(&[evil, ("prompt", "none")]));
    is_error(&office.authorize(&[("scope", "nothing")]), "invalid_scope");
    is_error(&office.authorize(&[("prompt", "none")]), "login_required");
}

/// RFC 9700 section 2.1.2.
fn c06(office: &Office) {
    for kind in [
        "token",
        "id_token",
        "code token",
        "code id_token",
        "none",
        "CODE",
    ] {
        is_error(
            &office.authorize(&[("response_type", kind)]),
            "unsupported_response_type",
        );
    }
    is_error(
        &office.authorize(&[("response_type", "")]),
        "invalid_request",
    );
}

/// RFC 7636 section 4.4.1: for public and for confidential clients.
fn c08(office: &Office) {
    for client in ["app", "web"] {
        let answer = office.authorize(&[("client_id", client), ("code_challenge", "")]);
        is_error(&answer, "invalid_request");
    }
}

fn c09(office: &Office) {
    for method in ["", "plain", "s256", "S512", "S256 "] {
        is_error(
            &office.authorize(&[("code_challenge_method", method)]),
            "invalid_request",
        );
    }
}

/// RFC 9207 section 2, on success and on errors.
fn c16(office: &Office) {
    let origin = office.party.origin();
    let refused = office.authorize(&[("scope", "nothing")]);
    let refused = refused.header("location").unwrap();
    assert_eq!(parameter(refused, "iss"), Some(origin.clone()));
    let allowed = office.allow(&[]);
    assert_eq!(parameter(&allowed, "iss"), Some(origin));
    let metadata = office
        .request("GET", "/.well-known/oauth-authorization-server", &[], "")
        .json();
    assert_eq!(
        metadata["authorization_response_iss_parameter_supported"],
        true
    );
}

/// RFC 8414 section 3.
fn c17(office: &Office) {
    let answer = office.request("GET", "/.well-known/oauth-authorization-server", &[], "");
    assert_eq!(answer.status, 200);
    let metadata = answer.json();
    assert_eq!(metadata["issuer"], office.party.origin());
    assert_eq!(
        metadata["response_types_supported"],
        serde_json::json!(["code"])
    );
    assert_eq!(
        metadata["code_challenge_methods_supported"],
        serde_json::json!(["S256"])
    );
    let wrong = "/.well-known/oauth-authorization-server/elsewhere";
    assert_eq!(office.request("GET", wrong, &[], "").status, 404);
}

/// RFC 9700 section 4.12: a 307 would carry the password on.
fn c18(office: &Office) {
    let mut browser = Browser::new(office);
    let login = browser.follow(&authorize_path(&[]));
    let hidden = |name: &str| {
        let rest = login
            .body
            .split(&format!("name=\"{name}\" value=\""))
            .nth(1)
            .unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let (request, csrf) = (hidden("request"), hidden("csrf_token"));
    let fields = [
        ("request", request.as_str()),
        ("csrf_token", csrf.as_str()),
        ("username", USERNAME),
        ("password", office.password.as_str()),
    ];
    let origin = office.party.origin();
    let headers = [
        FORM,
        ("Origin", origin.as_str()),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    let answer = browser.send("POST", "/login", &headers, &oauth::form::encode(&fields));
    assert_eq!(answer.status, 303, "{answer:?}");
}

/// RFC 9700 sections 4.16 and 4.2.4.
fn c19(office: &Office) {
    let mut browser = Browser::new(office);
    let login = browser.follow(&authorize_path(&[]));
    let fields = [
        ("username", USERNAME),
        ("password", office.password.as_str()),
    ];
    let consent = browser.submit(&login, "/login", &fields);
    let problem = office.authorize(&[("client_id", "nobody")]);
    for page in [&login, &consent, &problem] {
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert_eq!(page.header("x-frame-options"), Some("DENY"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert!(page.header("cache-control").unwrap().contains("no-store"));
    }
}

/// RFC 9700 section 2.6.
fn c20(office: &Office) {
    for origin in ["https://evil.example", "null", "https://client.example"] {
        let answer = office.request("GET", &authorize_path(&[]), &[("Origin", origin)], "");
        assert!(answer.header("access-control-allow-origin").is_none());
        let asked = [("Origin", origin), ("Access-Control-Request-Method", "GET")];
        let preflight = office.request("OPTIONS", "/oauth2/authorize", &asked, "");
        assert!(preflight.header("access-control-allow-origin").is_none());
    }
}

fn c33(office: &Office) {
    let long = "x".repeat(2_000);
    for state in ["s t&=é%", "\"'<>", "a+b", "%00", "\u{1F476}", long.as_str()] {
        let answer = office.authorize(&[("state", state), ("scope", "nothing")]);
        let location = answer.header("location").unwrap();
        assert_eq!(parameter(location, "state").as_deref(), Some(state));
    }
    assert_eq!(
        parameter(&office.allow(&[]), "state").as_deref(),
        Some("s t&=é%")
    );
    let too_long = "x".repeat(2_001);
    for state in [
        "a\nb",
        "a\r\nSet-Cookie: b=c",
        "\u{0}",
        "\u{7f}",
        too_long.as_str(),
    ] {
        let answer = office.authorize(&[("state", state)]);
        is_error(&answer, "invalid_request");
        assert!(answer.headers("set-cookie").is_empty());
    }
}

/// There is no end-session endpoint, so there is no such redirect: absent from metadata, and not found.
fn c34(office: &Office) {
    let metadata = office
        .request("GET", "/.well-known/oauth-authorization-server", &[], "")
        .json();
    assert!(metadata.get("end_session_endpoint").is_none());
    for path in ["/oauth2/logout", "/oauth2/end_session"] {
        let path = format!("{path}?post_logout_redirect_uri=https://evil.example/");
        let answer = office.request("GET", &path, &[], "");
        assert_eq!(answer.status, 404);
        assert!(answer.header("location").is_none());
    }
    let sign_out = office.request(
        "POST",
        "/logout?post_logout_redirect_uri=https://evil.example/",
        &[FORM],
        "",
    );
    assert!(
        sign_out
            .header("location")
            .is_none_or(|to| !to.contains("evil"))
    );
}

fn c35(office: &Office) {
    let mut browser = Browser::new(office);
    let login = browser.follow(&authorize_path(&[]));
    let before = browser.cookies.clone();
    let name = "__Host-vro-session";
    // A session that somebody else has planted is not taken over (fixation).
    browser
        .cookies
        .insert(name.to_owned(), "planted".to_owned());
    let fields = [
        ("username", USERNAME),
        ("password", office.password.as_str()),
    ];
    browser.submit(&login, "/login", &fields);
    let after = browser.cookies[name].clone();
    assert!(after != "planted" && before.get(name) != Some(&after));
    let mut second = Browser::new(office);
    let login = second.follow(&authorize_path(&[]));
    second.submit(&login, "/login", &fields);
    assert_ne!(second.cookies[name], after);
    let first = office.authorize(&[]);
    for cookie in first.headers("set-cookie") {
        assert!(cookie.starts_with("__Host-"), "{cookie}");
        for attribute in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
        assert!(!cookie.contains("Domain="), "{cookie}");
    }
}

fn c38(office: &Office) {
    for mode in ["fragment", "form_post", "web_message", "query.jwt", "x"] {
        is_error(
            &office.authorize(&[("response_mode", mode)]),
            "invalid_request",
        );
    }
    let metadata = office
        .request("GET", "/.well-known/oauth-authorization-server", &[], "")
        .json();
    assert_eq!(
        metadata["response_modes_supported"],
        serde_json::json!(["query"])
    );
}
