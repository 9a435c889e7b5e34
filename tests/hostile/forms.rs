//! The form itself: encodings, media types, methods. What two readers could read differently is refused.

use crate::Stage;
use crate::ask::Ask;
use crate::row::{Row, row};

const TOKEN: &str = "/oauth2/token";

/// Bodies of token requests that are not a form of single, well-encoded parameters.
pub fn encodings(stage: &Stage) -> Vec<Row> {
    let good = "grant_type=client_credentials";
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("empty body", Vec::new()),
        ("no grant_type", b"scope=system/Bundle.rs".to_vec()),
        ("grant_type twice", format!("{good}&{good}").into()),
        (
            "grant_type twice, one spelled in hexadecimal",
            format!("{good}&grant%5Ftype=password").into(),
        ),
        (
            "grant_type twice, one empty",
            format!("{good}&grant_type=").into(),
        ),
        ("scope twice", format!("{good}&scope=a&scope=b").into()),
        (
            "an unknown parameter twice",
            format!("{good}&c4n4ry=1&c4n4ry=2").into(),
        ),
        ("raw NUL", format!("{good}&scope=a\0b").into()),
        ("encoded NUL", format!("{good}&scope=a%00b").into()),
        (
            "encoded line end",
            format!("{good}&scope=a%0d%0aSet-Cookie:+c4n4ry").into(),
        ),
        ("encoded DEL", format!("{good}&scope=%7f").into()),
        ("a NUL in a name", format!("{good}&c4n4ry%00=1").into()),
        ("a stray percent sign", format!("{good}&scope=100%").into()),
        ("half an escape", format!("{good}&scope=%4").into()),
        (
            "an escape that is not hexadecimal",
            format!("{good}&scope=%zz").into(),
        ),
        ("an escape with a sign", format!("{good}&scope=%+1").into()),
        ("%u escapes", format!("{good}&scope=%u0041").into()),
        (
            "raw bytes that are not UTF-8",
            [good.as_bytes(), b"&scope=\xff\xfe"].concat(),
        ),
        (
            "encoded bytes that are not UTF-8",
            format!("{good}&scope=%ff%fe").into(),
        ),
        ("overlong UTF-8", format!("{good}&scope=%c0%af").into()),
        ("a surrogate", format!("{good}&scope=%ed%a0%80").into()),
        ("UTF-16", good.bytes().flat_map(|byte| [byte, 0]).collect()),
        (
            "a byte order mark",
            [b"\xef\xbb\xbf", good.as_bytes()].concat(),
        ),
        (
            "a parameter without a name",
            format!("{good}&=c4n4ry").into(),
        ),
        (
            "65 parameters",
            (0..65)
                .map(|n| format!("p{n}=c4n4ry&"))
                .collect::<String>()
                .into(),
        ),
        (
            "semicolons between parameters",
            format!("scope=a;{good}").into(),
        ),
        (
            "JSON in a form's clothes",
            br#"{"grant_type":"client_credentials"}"#.to_vec(),
        ),
        ("a secret alone", b"c4n4ry".to_vec()),
        ("a secret twice", b"c4n4ry&c4n4ry".to_vec()),
    ];
    bodies
        .into_iter()
        .map(|(name, body)| {
            let ask = Ask::form(TOKEN, body).header("Authorization", stage.office.basic("api"));
            row(format!("form: {name}"), ask, 400, "invalid_request")
        })
        .collect()
}

/// Content types other than the one of RFC 6749 section 3.2.
pub fn media_types(stage: &Stage) -> Vec<Row> {
    let basic = stage.office.basic("api");
    let posted = |types: &[&str]| {
        let ask = Ask::new("POST", TOKEN)
            .header("Authorization", &basic)
            .body("grant_type=client_credentials");
        types
            .iter()
            .fold(ask, |ask, value| ask.header("Content-Type", value))
    };
    let types: [&[&str]; 12] = [
        &[],
        &[""],
        &["application/json"],
        &["text/plain"],
        &["multipart/form-data; boundary=x"],
        &["application/x-www-form-urlencoded-not"],
        &["application/x-www-form-urlencoded, text/plain"],
        &["x-application/x-www-form-urlencoded"],
        &["application/fhir+json"],
        &["*/*"],
        &[
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded",
        ],
        &["application/x-www-form-urlencoded", "application/json"],
    ];
    let mut rows: Vec<Row> = types
        .iter()
        .map(|types| {
            row(
                format!("content type {types:?}"),
                posted(types),
                400,
                "invalid_request",
            )
        })
        .collect();
    for encoding in ["gzip", "br", "deflate, gzip", "c4n4ry"] {
        let ask =
            posted(&["application/x-www-form-urlencoded"]).header("Content-Encoding", encoding);
        rows.push(row(
            format!("content encoding {encoding}"),
            ask,
            415,
            "invalid_request",
        ));
    }
    rows
}

/// Methods, and parameters in the URI.
pub fn methods(stage: &Stage) -> Vec<Row> {
    let basic = stage.office.basic("api");
    let mut rows = Vec::new();
    for path in [
        TOKEN,
        "/oauth2/introspect",
        "/oauth2/revoke",
        "/oauth2/par",
        "/oauth2/register",
    ] {
        for method in [
            "GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "C4N4RY",
        ] {
            let ask = Ask::new(method, path).header("Authorization", &basic);
            rows.push(row(format!("{method} {path}"), ask, 405, "invalid_request"));
        }
        if path != "/oauth2/register" {
            let ask = Ask::form(
                &format!("{path}?client_secret=c4n4ry"),
                "token=x&grant_type=client_credentials",
            )
            .header("Authorization", &basic);
            rows.push(row(
                format!("parameters in the URI: {path}"),
                ask,
                400,
                "invalid_request",
            ));
        }
    }
    for path in ["/oauth2/jwks", "/.well-known/oauth-authorization-server"] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
            rows.push(row(
                format!("{method} {path}"),
                Ask::new(method, path),
                405,
                "invalid_request",
            ));
        }
    }
    for path in [
        "/oauth2/token/",
        "//oauth2/token",
        "/oauth2/token/..",
        "/oauth2/./token",
        "/oauth2/%74oken",
        "/oauth2/token%00",
        "/oauth2/token%2f",
        "/OAUTH2/token",
        "/oauth2/jwks/c4n4ry",
        "/.well-known/oauth-authorization-server/c4n4ry",
        "/oauth2/..%2f..%2fsecrets/c4n4ry",
    ] {
        let ask = Ask::form(path, "grant_type=client_credentials").header("Authorization", &basic);
        rows.push(row(format!("path {path}"), ask, 404, "invalid_request"));
    }
    rows
}
