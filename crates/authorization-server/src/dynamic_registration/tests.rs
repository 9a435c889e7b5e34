//! Registration by clients: the policy holds at every step, and nothing secret is told twice.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use axum::body::Body;
use axum::http::{Method, Request};
use jiff::{SignedDuration, Timestamp};
use oauth::Scope;
use oauth::jose::{Algorithm, Jwks, SigningKey};
use serde_json::json;
use storage::testing::each_engine;

use crate::administration::NewInitialAccessToken;
use crate::testing::*;
use crate::{ClientAuthenticationMethod, GrantType, MIGRATIONS};
use serde_json::Value;

fn new_initial(bench: &Bench) -> NewInitialAccessToken {
    NewInitialAccessToken {
        name: "General Hospital".to_owned(),
        methods: vec![
            ClientAuthenticationMethod::ClientSecretBasic,
            ClientAuthenticationMethod::PrivateKeyJwt,
        ],
        grant_types: vec![GrantType::ClientCredentials, GrantType::AuthorizationCode],
        scope: "system/Bundle.crs user/Bundle.rs".to_owned(),
        audiences: vec![SOURCE.to_owned()],
        rights: rights(),
        uses: 3,
        expires: bench.clock.now() + SignedDuration::from_hours(1),
    }
}

async fn initial(bench: &Bench) -> String {
    let made = bench
        .admin
        .add_initial_access_token(new_initial(bench))
        .await;
    made.unwrap().1.expose().to_owned()
}

async fn send(bench: &Bench, method: Method, path: &str, token: &str, body: &Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    bench.send(request).await
}

async fn register(bench: &Bench, token: &str, body: &Value) -> Answer {
    send(bench, Method::POST, "/oauth2/register", token, body).await
}

/// What a registered client needs to manage itself: its path, its token, its id.
fn managed(answer: &Answer) -> (String, String, String) {
    let uri = answer.text("registration_client_uri");
    (
        uri.strip_prefix(ISSUER).unwrap().to_owned(),
        answer.text("registration_access_token").to_owned(),
        answer.text("client_id").to_owned(),
    )
}

fn api() -> Value {
    json!({"client_name": "Ward 3", "grant_types": ["client_credentials"], "scope": "system/Bundle.rs"})
}

#[tokio::test]
async fn a_client_registers_uses_changes_and_removes_itself() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = Bench::on(db).await;
        let token = initial(&bench).await;
        let answer = register(&bench, &token, &api()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.json["client_secret_expires_at"], 0);
        assert_eq!(answer.json["grant_types"], json!(["client_credentials"]));
        let (path, manager, id) = managed(&answer);
        let secret = answer.text("client_secret").to_owned();
        let cc = [("grant_type", "client_credentials")];
        let issued = bench.token(Credentials::Basic(&id, &secret), &cc).await;
        assert_eq!(issued.text("scope"), "system/Bundle.rs");
        let access = issued.text("access_token").to_owned();
        let told = bench.introspect("ehr-rs", &access).await;
        assert_eq!(told["organization"], "general-hospital");

        // Read back: no secret, whoever asks.
        let read = send(&bench, Method::GET, &path, &manager, &Value::Null).await;
        assert_eq!(read.status, 200);
        assert_eq!(read.json["client_name"], "Ward 3");
        assert_eq!(read.json.get("client_secret"), None);

        let change = json!({"client_id": id, "client_name": "Ward 4", "client_secret": secret,
            "grant_types": ["client_credentials"], "scope": "system/Bundle.r"});
        let updated = send(&bench, Method::PUT, &path, &manager, &change).await;
        assert_eq!(updated.status, 200, "{updated:?}");
        assert_eq!(updated.json["client_name"], "Ward 4");
        assert_eq!(updated.json.get("client_secret"), None);
        // Narrowed at once, for tokens that are out too.
        assert_eq!(
            bench.introspect("ehr-rs", &access).await["scope"],
            "system/Bundle.r"
        );
        assert_eq!(
            bench
                .token(Credentials::Basic(&id, &secret), &cc)
                .await
                .status,
            200
        );

        let removed = send(&bench, Method::DELETE, &path, &manager, &Value::Null).await;
        assert_eq!(removed.status, 204);
        assert_eq!(bench.introspect("ehr-rs", &access).await["active"], false);
        let read = send(&bench, Method::GET, &path, &manager, &Value::Null).await;
        assert_eq!(read.error(), (401, "invalid_token"));
    })
    .await;
}

// RFC 7591 section 3.2.2.
#[tokio::test]
async fn what_is_refused() {
    let bench = Bench::new().await;
    let token = initial(&bench).await;
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let jwks = Jwks::new([key.public_jwk().clone()]).unwrap().to_json();
    let mut private = jwks.clone();
    private["keys"][0]["d"] = "AAAA".into();
    let with = |changes: Value| {
        let mut body = api();
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let code = json!({"grant_types": ["authorization_code"], "scope": "user/Bundle.rs"});
    let rows = [
        (
            with(json!({"scope": "system/Bundle.cruds"})),
            "invalid_client_metadata",
        ),
        (
            with(json!({"scope": "system/*.rs"})),
            "invalid_client_metadata",
        ),
        (
            with(json!({"scope": "system:Bundle.rs"})),
            "invalid_client_metadata",
        ),
        (
            with(json!({"scope": ["system/Bundle.rs"]})),
            "invalid_client_metadata",
        ),
        (
            with(json!({"grant_types": ["password"]})),
            "invalid_client_metadata",
        ),
        (
            with(json!({"grant_types": ["implicit"]})),
            "invalid_client_metadata",
        ),
        (with(json!({"grant_types": []})), "invalid_client_metadata"),
        (
            with(json!({"grant_types": "client_credentials"})),
            "invalid_client_metadata",
        ),
        (
            with(json!({"grant_types": ["client_credentials", "refresh_token"]})),
            "invalid_client_metadata",
        ),
        (
            with(
                json!({"grant_types": ["authorization_code", "refresh_token"],
                "redirect_uris": ["https://a.example/cb"], "scope": "user/Bundle.rs"}),
            ),
            "invalid_client_metadata",
        ),
        (
            with(json!({"response_types": ["code"]})),
            "invalid_client_metadata",
        ),
        (
            with(json!({"response_types": ["token"]})),
            "invalid_client_metadata",
        ),
        (
            with(json!({"token_endpoint_auth_method": "none"})),
            "invalid_client_metadata",
        ),
        (
            with(json!({"token_endpoint_auth_method": "client_secret_jwt"})),
            "invalid_client_metadata",
        ),
        (
            with(json!({"token_endpoint_auth_method": "private_key_jwt"})),
            "invalid_client_metadata",
        ),
        (
            with(json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": private})),
            "invalid_client_metadata",
        ),
        (
            with(
                json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": jwks, "jwks_uri": "https://a.example/"}),
            ),
            "invalid_client_metadata",
        ),
        (
            with(
                json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://a.example/"}),
            ),
            "invalid_client_metadata",
        ),
        (with(json!({"jwks": jwks})), "invalid_client_metadata"),
        (
            with(json!({"token_endpoint_auth_signing_alg": "HS256"})),
            "invalid_client_metadata",
        ),
        (with(json!({"client_name": 1})), "invalid_client_metadata"),
        (
            with(json!({"client_name": "a\nb"})),
            "invalid_client_metadata",
        ),
        (
            with(json!({"software_statement": "e30.e30."})),
            "unapproved_software_statement",
        ),
        (
            with(json!({"redirect_uris": ["https://a.example/"]})),
            "invalid_redirect_uri",
        ),
        (with(code.clone()), "invalid_redirect_uri"),
        (
            with(
                json!({"grant_types": ["authorization_code"], "redirect_uris": ["http://a.example/cb"]}),
            ),
            "invalid_redirect_uri",
        ),
        (
            with(
                json!({"grant_types": ["authorization_code"], "redirect_uris": ["https://a.example/#f"]}),
            ),
            "invalid_redirect_uri",
        ),
        (
            with(
                json!({"grant_types": ["authorization_code"], "redirect_uris": "https://a.example/"}),
            ),
            "invalid_redirect_uri",
        ),
        (
            with(json!({"grant_types": ["authorization_code"], "redirect_uris": [1]})),
            "invalid_redirect_uri",
        ),
        (json!([]), "invalid_client_metadata"),
        (Value::Null, "invalid_client_metadata"),
    ];
    for (body, code) in rows {
        let answer = register(&bench, &token, &body).await;
        assert_eq!(answer.error(), (400, code), "{body}");
    }
    // None of that used the token up.
    let left = bench.admin.initial_access_tokens().await.unwrap();
    assert_eq!(left[0].uses_left, 3);
    let twice = Request::post("/oauth2/register")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Body::from(
            r#"{"scope":"system/Bundle.r","scope":"system/Bundle.rs"}"#,
        ));
    let answer = bench.send(twice.unwrap()).await;
    assert_eq!(answer.error(), (400, "invalid_client_metadata"));
}

#[tokio::test]
async fn an_initial_access_token_is_good_for_its_number_and_time() {
    let bench = Bench::new().await;
    let token = initial(&bench).await;
    let tries = (0..12).map(|_| async { register(&bench, &token, &api()).await.status.as_u16() });
    let statuses = at_once(tries).await;
    assert_eq!(statuses.iter().filter(|it| **it == 201).count(), 3);
    assert!(statuses.iter().all(|it| [201, 401].contains(it)));
    let late = initial(&bench).await;
    bench.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(
        register(&bench, &late, &api()).await.error(),
        (401, "invalid_token")
    );
    let ended = bench
        .admin
        .add_initial_access_token(new_initial(&bench))
        .await
        .unwrap();
    bench
        .admin
        .end_initial_access_token(&ended.0.id)
        .await
        .unwrap();
    let answer = register(&bench, ended.1.expose(), &api()).await;
    assert_eq!(answer.error(), (401, "invalid_token"));
}

// RFC 6750 section 3.1: without a token no error code.
#[tokio::test]
async fn who_may_not_register() {
    let bench = Bench::new().await;
    let token = initial(&bench).await;
    let registered = register(&bench, &token, &api()).await;
    let (path, manager, id) = managed(&registered);
    let secret = registered.text("client_secret");
    let basic = oauth::BasicCredentials::header(&id, secret);
    let rows = [
        (vec![], "Bearer realm=\"registration\""),
        (
            vec![("authorization", basic.clone())],
            "Bearer realm=\"registration\"",
        ),
        (
            vec![("authorization", "Bearer".to_owned())],
            "Bearer realm=\"registration\"",
        ),
        (
            vec![("authorization", "Bearer x".to_owned())],
            "invalid_token",
        ),
        // The one kind of token is not the other.
        (
            vec![("authorization", format!("Bearer {manager}"))],
            "invalid_token",
        ),
    ];
    for (headers, challenge) in rows {
        let mut request =
            Request::post("/oauth2/register").header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = bench
            .send(request.body(Body::from(api().to_string())).unwrap())
            .await;
        assert_eq!(answer.status, 401);
        let told = answer.headers["www-authenticate"].to_str().unwrap();
        assert!(told.contains(challenge), "{told}");
    }
    for wrong in [token.as_str(), secret, "x"] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer = send(&bench, method, &path, wrong, &json!({"client_id": id})).await;
            assert_eq!(answer.error(), (401, "invalid_token"));
        }
    }
    // Disabled, it cannot let itself in again.
    bench.admin.set_client_disabled(&id, true).await.unwrap();
    let mut body = api();
    body["client_id"] = id.as_str().into();
    let answer = send(&bench, Method::PUT, &path, &manager, &body).await;
    assert_eq!(answer.error(), (401, "invalid_token"));
    assert!(bench.admin.client(&id).await.unwrap().disabled);
}

#[tokio::test]
async fn a_change_names_its_client() {
    let bench = Bench::new().await;
    let token = initial(&bench).await;
    let (path, manager, id) = managed(&register(&bench, &token, &api()).await);
    let other = managed(&register(&bench, &token, &api()).await);
    let with = |name: &str, value: Value| {
        let mut body = api();
        body["client_id"] = id.as_str().into();
        body[name] = value;
        body
    };
    let rows = [
        api(),
        with("client_id", other.2.as_str().into()),
        with("client_secret", "wrong".into()),
        with("client_secret", 1.into()),
        with("registration_access_token", manager.as_str().into()),
        with("client_id_issued_at", 1.into()),
    ];
    for body in rows {
        let answer = send(&bench, Method::PUT, &path, &manager, &body).await;
        assert_eq!(answer.error(), (400, "invalid_client_metadata"), "{body}");
    }
    let answer = send(&bench, Method::GET, &path, &other.1, &Value::Null).await;
    assert_eq!(answer.error(), (401, "invalid_token"), "another's token");
}

// A change to keys ends the secret; a change back makes a new one.
#[tokio::test]
async fn a_secret_ends_with_its_method() {
    let bench = Bench::new().await;
    let token = initial(&bench).await;
    let registered = register(&bench, &token, &api()).await;
    let (path, manager, id) = managed(&registered);
    let old = registered.text("client_secret");
    let cc = [("grant_type", "client_credentials")];
    let before = bench.token(Credentials::Basic(&id, old), &cc).await;
    let before = before.text("access_token").to_owned();
    assert_eq!(bench.introspect("ehr-rs", &before).await["active"], true);
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let jwks = Jwks::new([key.public_jwk().clone()]).unwrap().to_json();
    let mut signing = api();
    signing["client_id"] = id.as_str().into();
    signing["token_endpoint_auth_method"] = "private_key_jwt".into();
    signing["jwks"] = jwks.clone();
    let answer = send(&bench, Method::PUT, &path, &manager, &signing).await;
    assert_eq!((answer.status.as_u16(), &answer.json["jwks"]), (200, &jwks));
    let cc = [("grant_type", "client_credentials")];
    // What it was given while it had the secret is not handed on.
    assert_eq!(bench.introspect("ehr-rs", &before).await["active"], false);
    let jwt = assertion(&bench, &id, &key);
    assert_eq!(bench.token(Credentials::Jwt(&jwt), &cc).await.status, 200);
    let mut back = api();
    back["client_id"] = id.as_str().into();
    let answer = send(&bench, Method::PUT, &path, &manager, &back).await;
    let new = answer.text("client_secret");
    assert!(!new.is_empty() && new != old);
    assert_eq!(answer.json.get("jwks"), None, "left out is gone");
    for (secret, status) in [(old, 401), (new, 200)] {
        let answer = bench.token(Credentials::Basic(&id, secret), &cc).await;
        assert_eq!(answer.status.as_u16(), status);
    }
}

/// Random sequences of registrations, changes and omissions: whatever they try, the client that results
/// is never more than its policy (Keycloak's CVE-2026-15572 and its like).
#[tokio::test]
async fn no_sequence_of_changes_escapes_the_policy() {
    let bench = Bench::new().await;
    let token = initial(&bench).await;
    let (path, manager, id) = managed(&register(&bench, &token, &api()).await);
    let random = oauth::Random::seeded(3);
    let pick = |choices: &[Value]| {
        let number = usize::from(random.bytes::<1>()[0]);
        choices[number % choices.len()].clone()
    };
    let policy = Scope::parse("system/Bundle.crs user/Bundle.rs").unwrap();
    let mut accepted = 0;
    for _ in 0..300 {
        let mut body = json!({"client_id": id});
        let choices = [
            (
                "scope",
                vec![
                    json!("system/Bundle.rs"),
                    json!("system/Bundle.cruds"),
                    json!("system/*.r"),
                    json!("user/Bundle.rs"),
                    json!(null),
                    json!(""),
                ],
            ),
            (
                "grant_types",
                vec![
                    json!(["client_credentials"]),
                    json!(["authorization_code"]),
                    json!(["authorization_code", "refresh_token"]),
                    json!(null),
                ],
            ),
            (
                "redirect_uris",
                vec![json!(["https://a.example/cb"]), json!([]), json!(null)],
            ),
            (
                "token_endpoint_auth_method",
                vec![
                    json!("client_secret_basic"),
                    json!("none"),
                    json!("client_secret_post"),
                    json!(null),
                ],
            ),
            ("organization", vec![json!("other-hospital"), json!(null)]),
            ("jurisdictions", vec![json!(["NY"]), json!(null)]),
            ("audiences", vec![json!([RECEIVER]), json!(null)]),
            ("disabled", vec![json!(false)]),
        ];
        for (name, values) in choices {
            let value = pick(&values);
            if random.bytes::<1>()[0] > 80 {
                body[name] = value;
            }
        }
        let answer = send(&bench, Method::PUT, &path, &manager, &body).await;
        assert!(
            [200, 400].contains(&answer.status.as_u16()),
            "{body}: {answer:?}"
        );
        accepted += usize::from(answer.status == 200);
        let client = bench.admin.client(&id).await.unwrap();
        assert_eq!(
            Scope::granted(&client.scope, &policy),
            client.scope,
            "{body}"
        );
        assert_eq!(client.rights, rights(), "{body}");
        assert_eq!(client.audiences, [SOURCE.to_owned()], "{body}");
        assert_eq!(
            client.authentication,
            ClientAuthenticationMethod::ClientSecretBasic
        );
        assert!(!client.grant_types.contains(&GrantType::RefreshToken));
    }
    assert!(
        accepted > 10,
        "{accepted} changes were accepted: the test tries nothing"
    );
}

#[tokio::test]
async fn an_initial_access_token_has_rules_too() {
    let bench = Bench::new().await;
    let rows: [fn(&mut NewInitialAccessToken); 6] = [
        |new| new.scope = "a\"b".to_owned(),
        |new| new.audiences = vec!["https://nobody.example/fhir".to_owned()],
        |new| new.uses = 0,
        |new| new.expires = Timestamp::UNIX_EPOCH,
        |new| new.methods.clear(),
        |new| new.rights.jurisdictions = vec!["ma".to_owned()],
    ];
    for change in rows {
        let mut new = new_initial(&bench);
        change(&mut new);
        assert!(bench.admin.add_initial_access_token(new).await.is_err());
    }
}
