//! Requests without a token, with several, with somebody else's, and with too small a one.

use crate::Stage;
use crate::ask::Ask;
use crate::row::{Row, row};

pub fn tokens(stage: &Stage) -> Vec<Row> {
    let own = format!("/fhir/Bundle/{}", stage.record);
    let read = || Ask::get(&own);
    let good = &stage.own;
    let mut rows = vec![
        row("token: none", read(), 401, "login"),
        row(
            "token: none for what is not there",
            Ask::get("/fhir/Nothing"),
            401,
            "login",
        ),
        row(
            "token: none for a method that is not there",
            Ask::new("PATCH", &own),
            401,
            "login",
        ),
        row(
            "token: none for a broken search",
            Ask::get("/fhir/Bundle?identifier=%ff"),
            401,
            "login",
        ),
        row(
            "token: in the query",
            Ask::get(&format!("{own}?access_token={good}")),
            401,
            "login",
        ),
        row(
            "token: in query and header",
            Ask::get(&format!("{own}?access_token={good}")).bearer(good),
            400,
            "invalid",
        ),
        row(
            "token: twice",
            read().bearer(good).bearer(good),
            400,
            "invalid",
        ),
        row(
            "token: two of them",
            read().bearer(good).bearer(&stage.other),
            400,
            "invalid",
        ),
        row(
            "token: in two schemes",
            read().bearer(good).header("Authorization", "Basic YTpi"),
            400,
            "invalid",
        ),
        row(
            "token: Basic",
            read().header("Authorization", "Basic YTpi"),
            401,
            "login",
        ),
        row(
            "token: DPoP",
            read().header("Authorization", format!("DPoP {good}")),
            401,
            "login",
        ),
        row(
            "token: empty",
            read().header("Authorization", "Bearer "),
            400,
            "invalid",
        ),
        row(
            "token: two words",
            read().header("Authorization", format!("Bearer {good} {good}")),
            401,
            "login",
        ),
        row(
            "token: a list",
            read().header("Authorization", format!("Bearer {good},{good}")),
            401,
            "login",
        ),
        row(
            "token: of nine kilobytes",
            read().bearer(&"a".repeat(9_000)),
            401,
            "login",
        ),
        row(
            "token: of no issuer",
            read().bearer("c4n4ry_0123456789"),
            401,
            "login",
        ),
        row(
            "token: made up with the right prefix",
            read().bearer("vro_c4n4ry"),
            401,
            "login",
        ),
        row(
            "token: with a letter more",
            read().bearer(&format!("{good}a")),
            401,
            "login",
        ),
        row(
            "token: with a letter less",
            read().bearer(&good[..good.len() - 1]),
            401,
            "login",
        ),
        row(
            "token: in capitals",
            read().bearer(&good.to_uppercase()),
            401,
            "login",
        ),
        row(
            "token: a JWT of nobody",
            read().bearer("eyJhbGciOiJub25lIn0.eyJpc3MiOiJjNG40cnkifQ."),
            401,
            "login",
        ),
        row(
            "token: in a cookie",
            read().header("Cookie", format!("access_token={good}")),
            401,
            "login",
        ),
        row(
            "token: behind a proxy's header",
            read().header("X-Forwarded-Access-Token", good.as_bytes()),
            401,
            "login",
        ),
    ];
    let small = &stage.searcher;
    for (method, path) in [
        ("GET", own.clone()),
        ("GET", format!("{own}/$original")),
        ("GET", format!("{own}/_history/1")),
        ("GET", format!("{own}/_history")),
        ("POST", "/fhir/Bundle".to_owned()),
        ("PUT", own.clone()),
        ("DELETE", own.clone()),
        ("GET", format!("/fhir/Composition/{}", stage.record)),
        ("GET", "/fhir/Composition?identifier=a".to_owned()),
        (
            "GET",
            format!("/fhir/Composition/{}/$document", stage.record),
        ),
        ("GET", format!("/fhir/Patient/{}-1", stage.record)),
        ("GET", "/fhir/AuditEvent?_count=1".to_owned()),
        ("GET", "/fhir/AuditEvent/1".to_owned()),
    ] {
        let ask = Ask::new(method, &path)
            .bearer(small)
            .header("Content-Type", "application/fhir+json")
            .header("If-Match", "W/\"1\"");
        rows.push(row(
            format!("token: too small for {method} {path}"),
            ask,
            403,
            "forbidden",
        ));
    }
    rows
}
