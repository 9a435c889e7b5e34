//! The token endpoint's errors, row by row, and what it answers when all is right.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use axum::http::Method;
use oauth::jose::{Algorithm, SigningKey};

use crate::testing::*;
use crate::{ClientAuthenticationMethod, GrantType};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const CC: &str = "grant_type=client_credentials";

/// What rows repeat.
const SHORT: [(&str, &str); 5] = [
    ("[cc]", CC),
    ("[code]", "grant_type=authorization_code"),
    ("[refresh]", "grant_type=refresh_token"),
    (
        "[verifier]",
        "code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    ),
    (
        "[jwt_bearer]",
        "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    ),
];

/// A bench with one client of each kind, and the values that rows refer to by `{name}`.
struct Table {
    bench: Bench,
    names: Vec<(&'static str, String)>,
}

impl Table {
    async fn new() -> Self {
        let bench = Bench::new().await;
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let other = SigningKey::generate(Algorithm::ES256).unwrap();
        let api = bench.add(api_client("api")).await;
        let mut post = api_client("post");
        post.authentication = ClientAuthenticationMethod::ClientSecretPost;
        let post = bench.add(post).await;
        bench.add(jwt_client("jwt", &key)).await;
        bench.add(public_client("app")).await;
        bench.add(public_client("app2")).await;
        let mut web = public_client("web");
        web.authentication = ClientAuthenticationMethod::ClientSecretBasic;
        web.grant_types = vec![GrantType::AuthorizationCode];
        let web = bench.add(web).await;
        let off = bench.add(api_client("off")).await;
        bench.admin.set_client_disabled("off", true).await.unwrap();
        bench.add_user("u-1").await;
        let refresh = bench.redeem("app", &bench.code("app", "u-1").await).await;
        let basic = |id: &str, secret: &str| oauth::BasicCredentials::header(id, secret);
        let names = vec![
            ("api", basic("api", &api)),
            ("web", basic("web", &web)),
            ("off", basic("off", &off)),
            ("wrong", basic("api", "wrong")),
            ("unknown", basic("nobody", &api)),
            ("stolen", basic("web", &api)),
            ("post_as_basic", basic("post", &post)),
            ("api_secret", api),
            ("post_secret", post),
            ("jwt", assertion(&bench, "jwt", &key)),
            ("jwt_forged", assertion(&bench, "jwt", &other)),
            ("jwt_of_api", assertion(&bench, "api", &key)),
            ("refresh", refresh.text("refresh_token").to_owned()),
            ("code1", bench.code("app", "u-1").await),
            ("code2", bench.code("app", "u-1").await),
            ("code3", bench.code("app", "u-1").await),
            ("code4", bench.code("app", "u-1").await),
            ("code5", bench.code("app", "u-1").await),
        ];
        Self { bench, names }
    }

    fn fill(&self, text: &str) -> String {
        let encode = |value: &str| value.replace('+', "%2B").replace('=', "%3D");
        let text = SHORT.iter().fold(text.to_owned(), |text, (name, long)| {
            text.replace(name, long)
        });
        self.names.iter().fold(text, |text, (name, value)| {
            let raw = text.replace(&format!("<{name}>"), value);
            raw.replace(&format!("{{{name}}}"), &encode(value))
        })
    }

    async fn ask(&self, authorization: &str, body: &str) -> Answer {
        let authorization = self.fill(authorization);
        let headers: Vec<(&str, &str)> = if authorization.is_empty() {
            vec![FORM]
        } else {
            vec![FORM, ("authorization", &authorization)]
        };
        let body = self.fill(body);
        self.bench
            .send(Bench::raw(Method::POST, "/oauth2/token", &headers, &body))
            .await
    }
}

/// (Authorization header, body, status, error). `<x>` is a value as it is, `{x}` encoded for a form,
/// `[x]` one of [`SHORT`].
#[rustfmt::skip]
const ROWS: &[(&str, &str, u16, &str)] = &[
    // The form.
    ("<api>", "", 400, "invalid_request"),
    ("<api>", "grant_type=", 400, "invalid_request"),
    ("<api>", "scope=system/Bundle.r", 400, "invalid_request"),
    ("<api>", "[cc]&[cc]", 400, "invalid_request"),
    ("<api>", "[cc]&scope=a&scope=b", 400, "invalid_request"),
    ("<api>", "[cc]&scope=%zz", 400, "invalid_request"),
    ("<api>", "[cc]&scope=%ff", 400, "invalid_request"),
    ("<api>", "[cc]&scope=%00", 400, "invalid_request"),
    ("<api>", "[cc]&=x", 400, "invalid_request"),
    // Grants.
    ("<api>", "grant_type=password&username=a&password=b", 400, "unsupported_grant_type"),
    ("<api>", "grant_type=implicit", 400, "unsupported_grant_type"),
    ("<api>", "grant_type=CLIENT_CREDENTIALS", 400, "unsupported_grant_type"),
    ("<api>", "grant_type=not_a_grant_type", 400, "unsupported_grant_type"),
    ("<api>", "[code]&code=x&code_verifier=y", 400, "unauthorized_client"),
    ("<api>", "[refresh]&refresh_token=x", 400, "unauthorized_client"),
    ("<web>", CC, 400, "unauthorized_client"),
    ("<web>", "[refresh]&refresh_token={refresh}", 400, "unauthorized_client"),
    ("", "[cc]&client_id=app", 400, "unauthorized_client"),
    // Several methods, or half of one.
    ("<api>", "[cc]&client_id=api&client_secret={api_secret}", 400, "invalid_request"),
    ("<api>", "[cc]&client_assertion={jwt}", 400, "invalid_request"),
    ("<api>", "[cc]&client_assertion_type=x", 400, "invalid_request"),
    ("", "[cc]&client_id=post&client_secret={post_secret}&client_assertion={jwt}", 400, "invalid_request"),
    ("<api>", "[cc]&client_id=post", 400, "invalid_request"),
    ("", "[cc]&client_assertion={jwt}", 400, "invalid_request"),
    ("", "[cc]&[jwt_bearer]", 400, "invalid_request"),
    // Authentication fails.
    ("<wrong>", CC, 401, "invalid_client"),
    ("<unknown>", CC, 401, "invalid_client"),
    ("<stolen>", CC, 401, "invalid_client"),
    ("<off>", CC, 401, "invalid_client"),
    ("<post_as_basic>", CC, 401, "invalid_client"),
    ("Basic", CC, 401, "invalid_client"),
    ("Basic !!!", CC, 401, "invalid_client"),
    ("Basic YXBp", CC, 401, "invalid_client"),
    ("Basic YXBpOg==", CC, 401, "invalid_client"),
    ("Basic YQBwOmI=", CC, 401, "invalid_client"),
    ("Bearer abc", CC, 401, "invalid_client"),
    ("Negotiate abc", CC, 401, "invalid_client"),
    ("", CC, 401, "invalid_client"),
    ("", "[cc]&client_id=nobody", 401, "invalid_client"),
    ("", "[cc]&client_id=api", 401, "invalid_client"),
    ("", "[cc]&client_id=api&client_secret=", 401, "invalid_client"),
    ("", "[cc]&client_id=api&client_secret={api_secret}", 401, "invalid_client"),
    ("", "[cc]&client_id=post&client_secret=wrong", 401, "invalid_client"),
    ("", "[cc]&client_secret={post_secret}", 401, "invalid_client"),
    ("", "[cc]&client_id=app&client_secret=x", 401, "invalid_client"),
    ("", "[cc]&client_id=jwt", 401, "invalid_client"),
    ("", "[cc]&client_id=jwt&client_secret=x", 401, "invalid_client"),
    ("", "[cc]&client_assertion_type=not_an_assertion_type&client_assertion={jwt}", 401, "invalid_client"),
    ("", "[cc]&[jwt_bearer]&client_assertion=x", 401, "invalid_client"),
    ("", "[cc]&[jwt_bearer]&client_assertion={jwt_forged}", 401, "invalid_client"),
    ("", "[cc]&[jwt_bearer]&client_assertion={jwt_of_api}", 401, "invalid_client"),
    ("", "[cc]&client_id=api&[jwt_bearer]&client_assertion={jwt}", 401, "invalid_client"),
    // Scope and audience.
    ("<api>", "[cc]&scope=system/Patient.r", 400, "invalid_scope"),
    ("<api>", "[cc]&scope=user/Bundle.r", 400, "invalid_scope"),
    ("<api>", "[cc]&scope=system:Bundle.read", 400, "invalid_scope"),
    ("<api>", "[cc]&scope=a%22b", 400, "invalid_scope"),
    ("<api>", "[cc]&scope=system/Bundle.dc", 400, "invalid_scope"),
    ("<api>", "[cc]&resource=https://elsewhere.example/fhir", 400, "invalid_target"),
    ("<api>", "[cc]&resource=https://ehr.example/fhir/x", 400, "invalid_target"),
    ("<api>", "[cc]&resource=https://EHR.example/fhir", 400, "invalid_target"),
    ("<api>", "[cc]&resource=https://ehr.example/fhir&resource=https://elsewhere.example", 400, "invalid_target"),
    // Codes.
    ("", "[code]&client_id=app", 400, "invalid_request"),
    ("", "[code]&client_id=app&code={code1}", 400, "invalid_grant"),
    ("", "[code]&client_id=app&[verifier]", 400, "invalid_request"),
    ("", "[code]&client_id=app&code=nonsense&[verifier]", 400, "invalid_grant"),
    ("", "[code]&client_id=app&code={code1}&code_verifier=short", 400, "invalid_grant"),
    ("", "[code]&client_id=app&code={code1}&code_verifier=aBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", 400, "invalid_grant"),
    ("", "[code]&client_id=app2&code={code2}&[verifier]", 400, "invalid_grant"),
    ("", "[code]&client_id=app&code={code3}&redirect_uri=https://ehr.example/client/callback/&[verifier]", 400, "invalid_grant"),
    ("", "[code]&client_id=app&code={code4}&resource=https://elsewhere.example&[verifier]", 400, "invalid_target"),
    ("<web>", "[code]&code={code5}&[verifier]", 400, "invalid_grant"),
    ("", "[code]&client_id=app&code={refresh}&[verifier]", 400, "invalid_grant"),
    // Burned by the rows above.
    ("", "[code]&client_id=app&code={code1}&[verifier]", 400, "invalid_grant"),
    ("", "[code]&client_id=app&code={code2}&[verifier]", 400, "invalid_grant"),
    ("", "[code]&client_id=app&code={code3}&[verifier]", 400, "invalid_grant"),
    // Refresh tokens.
    ("", "[refresh]&client_id=app", 400, "invalid_request"),
    ("", "[refresh]&client_id=app&refresh_token=nonsense", 400, "invalid_grant"),
    ("", "[refresh]&client_id=app2&refresh_token={refresh}", 400, "invalid_grant"),
    ("", "[refresh]&client_id=app&refresh_token={refresh}&scope=user/Bundle.cruds", 400, "invalid_scope"),
    ("", "[refresh]&client_id=app&refresh_token={refresh}&scope=user/Patient.r", 400, "invalid_scope"),
    ("", "[refresh]&client_id=app&refresh_token={refresh}&scope=system/Bundle.rs", 400, "invalid_scope"),
    ("", "[refresh]&client_id=app&refresh_token={refresh}&resource=https://elsewhere.example", 400, "invalid_target"),
    ("<web>", "[refresh]&client_id=web&refresh_token={refresh}", 400, "unauthorized_client"),
    // None of the refusals used the refresh token up, and the assertion was never looked at.
    ("", "[refresh]&client_id=app&refresh_token={refresh}", 200, ""),
    ("", "[cc]&[jwt_bearer]&client_assertion={jwt}", 200, ""),
    // Used up by the row above.
    ("", "[cc]&[jwt_bearer]&client_assertion={jwt}", 401, "invalid_client"),
];

#[tokio::test]
async fn errors_of_rfc6749_section_5_2() {
    assert!(ROWS.len() >= 60);
    let table = Table::new().await;
    for (authorization, body, status, error) in ROWS {
        let answer = table.ask(authorization, body).await;
        assert_eq!(answer.error(), (*status, *error), "{authorization} {body}");
        assert_eq!(answer.headers["cache-control"], "no-store", "{body}");
        assert_eq!(answer.headers["pragma"], "no-cache", "{body}");
        assert_eq!(answer.headers["content-type"], "application/json", "{body}");
        let challenged = answer.headers.contains_key("www-authenticate");
        assert_eq!(
            challenged,
            *status == 401 && !authorization.is_empty(),
            "{body}"
        );
    }
    // Every refusal left a row; none of them says more than the code and our own words.
    let denied = table.bench.audit("token.issue").await;
    assert!(denied.len() >= ROWS.len());
    assert!(
        denied
            .iter()
            .all(|row| row.source_address.as_deref() == Some("192.0.2.7"))
    );
}

#[tokio::test]
async fn unknown_client_and_wrong_secret_look_the_same() {
    let table = Table::new().await;
    let unknown = table.ask("<unknown>", CC).await;
    for authorization in ["<wrong>", "<off>", "<post_as_basic>"] {
        let other = table.ask(authorization, CC).await;
        assert_eq!(other.json, unknown.json);
        assert_eq!(other.headers, unknown.headers);
    }
}

#[tokio::test]
async fn only_post_with_a_form_and_no_query() {
    let table = Table::new().await;
    let authorization = table.fill("<api>");
    let headers = [FORM, ("authorization", authorization.as_str())];
    for path in ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"] {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = table
                .bench
                .send(Bench::raw(method, path, &headers, CC))
                .await;
            assert_eq!(answer.status, 405);
            assert_eq!(answer.headers["allow"], "POST");
        }
        let query = format!("{path}?{CC}");
        let answer = table
            .bench
            .send(Bench::raw(Method::POST, &query, &headers, CC))
            .await;
        assert_eq!(answer.error(), (400, "invalid_request"));
        for content_type in [
            "application/json",
            "multipart/form-data; boundary=x",
            "text/plain",
            "",
        ] {
            let headers = [("content-type", content_type), headers[1]];
            let answer = table
                .bench
                .send(Bench::raw(Method::POST, path, &headers, CC))
                .await;
            assert_eq!(answer.error(), (400, "invalid_request"), "{content_type}");
        }
        let answer = table
            .bench
            .send(Bench::raw(Method::POST, path, &headers[1..], CC))
            .await;
        assert_eq!(answer.error(), (400, "invalid_request"));
        let twice = [headers[0], headers[1], headers[1]];
        let answer = table
            .bench
            .send(Bench::raw(Method::POST, path, &twice, CC))
            .await;
        assert_eq!(answer.error(), (400, "invalid_request"));
        let large = format!("{CC}&x={}", "x".repeat(64 * 1024));
        let answer = table
            .bench
            .send(Bench::raw(Method::POST, path, &headers, &large))
            .await;
        assert_eq!(answer.error(), (413, "invalid_request"));
    }
    let charset = [
        (
            "content-type",
            "Application/X-WWW-Form-urlencoded; charset=utf-8",
        ),
        headers[1],
    ];
    let answer = table
        .bench
        .send(Bench::raw(Method::POST, "/oauth2/token", &charset, CC))
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn client_credentials_answer_of_rfc6749_section_5_1() {
    let bench = Bench::new().await;
    let mut short = api_client("short");
    short.access_token_lifetime_s = Some(7);
    let secret = bench.add(short).await;
    let credentials = || Credentials::Basic("short", &secret);
    let all = bench
        .token(credentials(), &[("grant_type", "client_credentials")])
        .await;
    assert_eq!(all.status, 200);
    assert!(all.text("access_token").starts_with("vro_"));
    assert_eq!(all.text("token_type"), "Bearer");
    assert_eq!(all.json["expires_in"], 7);
    assert_eq!(all.text("scope"), SYSTEM_SCOPE);
    // RFC 6749 section 4.4.3.
    assert!(all.json.get("refresh_token").is_none());

    let parameters = [
        ("grant_type", "client_credentials"),
        ("scope", "system/Bundle.r system/Patient.r"),
    ];
    let some = bench.token(credentials(), &parameters).await;
    assert_eq!(some.text("scope"), "system/Bundle.r");
    let parameters = [
        ("grant_type", "client_credentials"),
        ("resource", "https://ehr.example/fhir/"),
    ];
    let one = bench.token(credentials(), &parameters).await;
    let token = one.text("access_token");
    assert_eq!(bench.introspect("ehr-rs", token).await["aud"], SOURCE);
    assert_eq!(bench.introspect("vro-rs", token).await["active"], false);
    let parameters = [
        ("grant_type", "client_credentials"),
        ("resource", SOURCE),
        ("resource", RECEIVER),
    ];
    let both = bench.token(credentials(), &parameters).await;
    for client in ["ehr-rs", "vro-rs"] {
        assert_eq!(
            bench.introspect(client, both.text("access_token")).await["active"],
            true
        );
    }
}

#[tokio::test]
async fn no_secret_is_stored_or_audited() {
    let bench = Bench::new().await;
    bench.add(public_client("app")).await;
    bench.add_user("u-1").await;
    let code = bench.code("app", "u-1").await;
    let first = bench.redeem("app", &code).await;
    let second = bench.refresh("app", first.text("refresh_token")).await;
    let secret = bench.add(api_client("api")).await;
    let third = bench
        .token(
            Credentials::Basic("api", &secret),
            &[("grant_type", "client_credentials")],
        )
        .await;
    let values = [
        code.as_str(),
        first.text("access_token"),
        first.text("refresh_token"),
        second.text("access_token"),
        second.text("refresh_token"),
        third.text("access_token"),
        &secret,
    ];
    let mut read = 0;
    for file in std::fs::read_dir(bench.directory()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        read += bytes.len();
        for value in values {
            assert!(value.len() >= 43);
            assert!(
                !bytes
                    .windows(value.len())
                    .any(|window| window == value.as_bytes())
            );
        }
    }
    assert!(read > 10_000);
}

#[tokio::test]
async fn parallel_uses_of_one_assertion_give_one_token() {
    storage::testing::each_engine(&[&crate::MIGRATIONS], |db| async move {
        let bench = Bench::on(db).await;
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        bench.add(jwt_client("jwt", &key)).await;
        let jwt = assertion(&bench, "jwt", &key);
        let parameters = [("grant_type", "client_credentials")];
        let requests = (0..100).map(|_| bench.token(Credentials::Jwt(&jwt), &parameters));
        let answers = at_once(requests).await;
        assert_eq!(
            answers.iter().filter(|answer| answer.status == 200).count(),
            1
        );
        let refused = answers
            .iter()
            .filter(|answer| answer.error() == (401, "invalid_client"));
        assert_eq!(refused.count(), 99);
    })
    .await;
}
