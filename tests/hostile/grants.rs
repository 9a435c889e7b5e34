//! Grants: what does not exist, what is somebody else's, what is another kind of thing.

use crate::Stage;
use crate::ask::Ask;
use crate::row::{Row, row};
use crate::support::office::{CC, OTHER, VERIFIER};

const TOKEN: &str = "/oauth2/token";

/// Grant types, scopes and resources.
pub fn grants(stage: &Stage) -> Vec<Row> {
    let form = |client: &str, body: String| {
        Ask::form(TOKEN, body).header("Authorization", stage.office.basic(client))
    };
    let grant = |name: &str| {
        form(
            "api",
            format!("grant_type={name}&username=r.smith&password=c4n4ry"),
        )
    };
    let scope = |scope: &str| {
        form(
            "api",
            format!("{CC}&{}", oauth::form::encode(&[("scope", scope)])),
        )
    };
    let resource = |it: &str| {
        form(
            "api",
            format!("{CC}&{}", oauth::form::encode(&[("resource", it)])),
        )
    };
    let mut rows = Vec::new();
    for name in [
        "password",
        "implicit",
        "CLIENT_CREDENTIALS",
        "client_credentials+",
        "c4n4ry",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
    ] {
        rows.push(row(
            format!("grant_type {name}"),
            grant(name),
            400,
            "unsupported_grant_type",
        ));
    }
    for name in ["authorization_code", "refresh_token"] {
        rows.push(row(
            format!("grant_type {name} of an API client"),
            grant(name),
            400,
            "unauthorized_client",
        ));
    }
    rows.push(row(
        "client_credentials of a web client",
        form("web", CC.into()),
        400,
        "unauthorized_client",
    ));
    let scopes = [
        "system/Patient.rs".to_owned(),
        "user/Bundle.rs".into(),
        "*".into(),
        "openid".into(),
        "system/Bundle.sr".into(),
        "SYSTEM/Bundle.rs".into(),
        "system/Bundle.rs\"c4n4ry".into(),
        "system/Bundle.rs\\".into(),
        "systéme/Bundle.rs".into(),
        "system/Bundle.d".into(),
        "c4n4ry ".repeat(8_000),
        "c4n4ry".repeat(8_000),
    ];
    for text in &scopes {
        let name: String = text.chars().take(40).collect();
        rows.push(row(
            format!("scope {name}, {} characters", text.len()),
            scope(text),
            400,
            "invalid_scope",
        ));
    }
    for text in [
        "https://attacker.example/fhir".to_owned(),
        format!("{OTHER}#fragment"),
        format!("{OTHER}?c4n4ry"),
        format!("{OTHER}/x"),
        format!("{OTHER}//"),
        OTHER.replace("https", "http"),
        OTHER.to_uppercase(),
        "relative".to_owned(),
        "urn:c4n4ry".to_owned(),
        "https://".to_owned(),
        format!("{OTHER} {OTHER}"),
        "https://other.example/fhir/%2e%2e".to_owned(),
        "c4n4ry".repeat(8_000),
    ] {
        let name: String = text.chars().take(50).collect();
        rows.push(row(
            format!("resource {name}"),
            resource(&text),
            400,
            "invalid_target",
        ));
    }
    let two = form(
        "api",
        format!("{CC}&resource={OTHER}&resource=https://attacker.example"),
    );
    rows.push(row(
        "a good resource and a bad one",
        two,
        400,
        "invalid_target",
    ));
    rows
}

/// Codes, refresh tokens, access tokens and verifiers in each other's place.
pub fn typed_values(stage: &Stage) -> Vec<Row> {
    let office = &stage.office;
    let (access, refresh) = (stage.access_token.as_str(), stage.refresh_token.as_str());
    let ask = |pairs: &[(&str, &str)]| Ask::form(TOKEN, oauth::form::encode(pairs));
    let code = |client: &str, code: &str, verifier: &str| {
        ask(&[
            ("grant_type", "authorization_code"),
            ("client_id", client),
            ("code", code),
            ("code_verifier", verifier),
        ])
    };
    let refreshed = |client: &str, token: &str| {
        ask(&[
            ("grant_type", "refresh_token"),
            ("client_id", client),
            ("refresh_token", token),
        ])
    };
    let live = office.code("app");
    let (grant, request) = ("invalid_grant", "invalid_request");
    let short = "c4n4ry".repeat(7);
    let long = "c4n4ry".repeat(22);
    vec![
        row("code unknown", code("app", "c4n4ry", VERIFIER), 400, grant),
        row(
            "code of 50 kB",
            code("app", &"c4n4ry".repeat(8_000), VERIFIER),
            400,
            grant,
        ),
        row("no code", code("app", "", VERIFIER), 400, request),
        row("no verifier", code("app", &live, ""), 400, grant),
        row(
            "a verifier of 42 characters",
            code("app", &live, &short),
            400,
            grant,
        ),
        row(
            "a verifier of 132 characters",
            code("app", &live, &long),
            400,
            grant,
        ),
        row(
            "a verifier with a space",
            code("app", &live, &VERIFIER.replace('-', " ")),
            400,
            grant,
        ),
        row(
            "a code as refresh token",
            refreshed("app", &live),
            400,
            grant,
        ),
        row(
            "a code as refresh token of another client",
            refreshed("app2", &live),
            400,
            grant,
        ),
        row(
            "an access token as code",
            code("app", access, VERIFIER),
            400,
            grant,
        ),
        row(
            "a refresh token as code",
            code("app", refresh, VERIFIER),
            400,
            grant,
        ),
        row(
            "an access token as refresh token",
            refreshed("app", access),
            400,
            grant,
        ),
        row(
            "a verifier as code",
            code("app", VERIFIER, VERIFIER),
            400,
            grant,
        ),
        row(
            "a client secret as code",
            code("app", &office.secrets["web"], VERIFIER),
            400,
            grant,
        ),
        row(
            "a client secret as refresh token",
            refreshed("app", &office.secrets["web"]),
            400,
            grant,
        ),
        row("no refresh token", refreshed("app", ""), 400, request),
        row(
            "refresh token unknown",
            refreshed("app", "c4n4ry"),
            400,
            grant,
        ),
        row(
            "refresh token in lower case",
            refreshed("app", &refresh.to_lowercase()),
            400,
            grant,
        ),
        row(
            "refresh token of another client",
            refreshed("app2", refresh),
            400,
            grant,
        ),
        row(
            "half a refresh token",
            refreshed("app", &refresh[..20]),
            400,
            grant,
        ),
        row(
            "refresh token, client unknown",
            refreshed("c4n4ry", refresh),
            401,
            "invalid_client",
        ),
        row(
            "refresh token with a wider scope",
            ask(&[
                ("grant_type", "refresh_token"),
                ("client_id", "app"),
                ("refresh_token", refresh),
                ("scope", "user/Bundle.crs"),
            ]),
            400,
            "invalid_scope",
        ),
        row(
            "refresh token for another audience",
            ask(&[
                ("grant_type", "refresh_token"),
                ("client_id", "app"),
                ("refresh_token", refresh),
                ("resource", "https://c4n4ry.example"),
            ]),
            400,
            "invalid_target",
        ),
        // The code is burned by the first request that could have redeemed it: it comes last.
        row(
            "the code of another client",
            code("app2", &live, VERIFIER),
            400,
            grant,
        ),
        row(
            "and then by its own client",
            code("app", &live, VERIFIER),
            400,
            grant,
        ),
    ]
}
