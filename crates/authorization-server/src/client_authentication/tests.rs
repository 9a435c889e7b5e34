//! Secrets that expire and are removed, and every way in which an assertion may be wrong.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::SignedDuration;
use oauth::jose::{Algorithm, SigningKey};
use outbound::testing::{Answer, Authority, Server};
use serde_json::{Value, json};

use crate::AssertionAudience;
use crate::administration::NewClientSecret;
use crate::testing::*;

const CC: [(&str, &str); 1] = [("grant_type", "client_credentials")];
const TYP: &str = "client-authentication+jwt";

/// Claims as they should be, with some replaced or (null) removed.
fn claims(bench: &Bench, jti: &str, changes: &Value) -> Value {
    let mut claims = json!({
        "iss": "jwt", "sub": "jwt", "aud": ISSUER, "jti": jti,
        "exp": bench.clock.now().as_second() + 120,
    });
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

/// Signs anything, with another library's encoder.
fn sign(key: &SigningKey, typ: &str, claims: &Value) -> String {
    oauth::jose::install();
    let mut header = jsonwebtoken::Header::new(key.algorithm().as_str().parse().unwrap());
    header.typ = Some(typ.to_owned());
    header.kid = Some(key.kid().to_owned());
    let pem = key.to_pem();
    let pem = pem.expose().as_bytes();
    let encoding = match key.algorithm() {
        Algorithm::ES256 | Algorithm::ES384 => jsonwebtoken::EncodingKey::from_ec_pem(pem),
        Algorithm::EdDSA => jsonwebtoken::EncodingKey::from_ed_pem(pem),
        _ => jsonwebtoken::EncodingKey::from_rsa_pem(pem),
    };
    jsonwebtoken::encode(&header, claims, &encoding.unwrap()).unwrap()
}

#[tokio::test]
async fn every_algorithm_and_no_iat() {
    let bench = Bench::new().await;
    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm).unwrap();
        let id = format!("jwt-{}", algorithm.as_str());
        bench.add(jwt_client(&id, &key)).await;
        let changes = json!({ "iss": id, "sub": id });
        let jwt = sign(&key, TYP, &claims(&bench, "1", &changes));
        assert_eq!(
            bench.token(Credentials::Jwt(&jwt), &CC).await.status,
            200,
            "{id}"
        );
    }
}

#[tokio::test]
async fn wrong_assertions_are_invalid_client() {
    let bench = Bench::new().await;
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    bench.add(jwt_client("jwt", &key)).await;
    let now = bench.clock.now().as_second();
    let token_endpoint = format!("{ISSUER}/oauth2/token");
    let wrong = [
        json!({"aud": token_endpoint}),
        json!({"aud": format!("{ISSUER}/")}),
        json!({"aud": [ISSUER, token_endpoint]}),
        json!({"aud": []}),
        json!({"aud": null}),
        json!({"sub": "other"}),
        json!({"sub": null}),
        json!({"iss": null}),
        json!({"iss": "nobody", "sub": "nobody"}),
        json!({"iss": "a\0b"}),
        json!({"jti": null}),
        json!({"jti": ""}),
        json!({"exp": null}),
        json!({"exp": now - 61}),
        json!({"exp": now + 361}),
        json!({"nbf": now + 61}),
    ];
    for (row, changes) in wrong.iter().enumerate() {
        let jwt = sign(&key, TYP, &claims(&bench, &format!("row {row}"), changes));
        let answer = bench.token(Credentials::Jwt(&jwt), &CC).await;
        assert_eq!(answer.error(), (401, "invalid_client"), "{changes}");
        assert_eq!(
            answer.text("error_description"),
            "client authentication failed"
        );
    }
    for typ in ["JWT", "at+jwt", "dpop+jwt"] {
        let jwt = sign(&key, typ, &claims(&bench, typ, &json!({})));
        assert_eq!(
            bench.token(Credentials::Jwt(&jwt), &CC).await.error().0,
            401,
            "{typ}"
        );
    }
    let jwt = sign(
        &key,
        TYP,
        &claims(&bench, "right", &json!({"aud": [ISSUER]})),
    );
    assert_eq!(bench.token(Credentials::Jwt(&jwt), &CC).await.status, 200);
}

#[tokio::test]
async fn token_endpoint_style_is_a_registration() {
    let bench = Bench::new().await;
    let key = SigningKey::generate(Algorithm::ES384).unwrap();
    let mut client = jwt_client("jwt", &key);
    client.assertion_audience = AssertionAudience::TokenEndpoint;
    bench.add(client).await;
    let endpoint = json!({"aud": format!("{ISSUER}/oauth2/token")});
    let right = sign(&key, "JWT", &claims(&bench, "1", &endpoint));
    assert_eq!(bench.token(Credentials::Jwt(&right), &CC).await.status, 200);
    let issuer = sign(&key, "JWT", &claims(&bench, "2", &json!({})));
    assert_eq!(
        bench.token(Credentials::Jwt(&issuer), &CC).await.error().0,
        401
    );
    let typed = sign(&key, TYP, &claims(&bench, "3", &endpoint));
    assert_eq!(
        bench.token(Credentials::Jwt(&typed), &CC).await.error().0,
        401
    );
}

#[tokio::test]
async fn an_assertion_is_used_up_on_every_path() {
    let bench = Bench::new().await;
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    bench.add(jwt_client("jwt", &key)).await;
    type Row<'a> = (&'a [(&'a str, &'a str)], u16, &'a str);
    let refusals: [Row<'_>; 5] = [
        (&[], 400, "invalid_request"),
        (&[("grant_type", "password")], 400, "unsupported_grant_type"),
        (
            &[("grant_type", "refresh_token")],
            400,
            "unauthorized_client",
        ),
        (
            &[("grant_type", "client_credentials"), ("scope", "x")],
            400,
            "invalid_scope",
        ),
        (
            &[("grant_type", "client_credentials"), ("resource", "x")],
            400,
            "invalid_target",
        ),
    ];
    for (parameters, status, error) in refusals {
        let jwt = assertion(&bench, "jwt", &key);
        let refused = bench.token(Credentials::Jwt(&jwt), parameters).await;
        assert_eq!(refused.error(), (status, error));
        let replayed = bench.token(Credentials::Jwt(&jwt), &CC).await;
        assert_eq!(replayed.error(), (401, "invalid_client"));
    }
    // Across endpoints, too.
    for path in ["/oauth2/introspect", "/oauth2/revoke"] {
        let jwt = assertion(&bench, "jwt", &key);
        bench
            .post(path, Credentials::Jwt(&jwt), &[("token", "x")])
            .await;
        let replayed = bench.token(Credentials::Jwt(&jwt), &CC).await;
        assert_eq!(replayed.error(), (401, "invalid_client"));
    }
}

#[tokio::test]
async fn a_signed_but_refused_assertion_cannot_wait_for_its_time() {
    let bench = Bench::new().await;
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    bench.add(jwt_client("jwt", &key)).await;
    let far = json!({"exp": bench.clock.now().as_second() + 1_000});
    let jwt = sign(&key, TYP, &claims(&bench, "1", &far));
    assert_eq!(
        bench.token(Credentials::Jwt(&jwt), &CC).await.error().0,
        401
    );
    bench.clock.advance(SignedDuration::from_secs(800));
    bench.server.clean().await.unwrap();
    assert_eq!(
        bench.token(Credentials::Jwt(&jwt), &CC).await.error().0,
        401
    );
}

#[tokio::test]
async fn a_jti_is_kept_as_long_as_its_assertion_counts() {
    let bench = Bench::new().await;
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    bench.add(jwt_client("jwt", &key)).await;
    let jwt = sign(&key, TYP, &claims(&bench, "1", &json!({})));
    assert_eq!(bench.token(Credentials::Jwt(&jwt), &CC).await.status, 200);
    bench.clock.advance(SignedDuration::from_secs(179));
    bench.server.clean().await.unwrap();
    assert_eq!(
        bench.token(Credentials::Jwt(&jwt), &CC).await.error().0,
        401
    );
    // The same jti of another client is another assertion.
    bench.add(jwt_client("jwt2", &key)).await;
    let other = claims(&bench, "1", &json!({"iss": "jwt2", "sub": "jwt2"}));
    let jwt = sign(&key, TYP, &other);
    assert_eq!(bench.token(Credentials::Jwt(&jwt), &CC).await.status, 200);
}

#[tokio::test]
async fn keys_are_fetched_and_fetched_again_after_a_rotation() {
    let authority = Authority::new();
    let old = SigningKey::generate(Algorithm::ES256).unwrap();
    let new = SigningKey::generate(Algorithm::ES384).unwrap();
    let (before, after) = (set(&old), set(&new));
    let rotated = Arc::new(AtomicBool::new(false));
    let now_rotated = Arc::clone(&rotated);
    let server = Server::start(&authority, move |_, _| {
        let set = if rotated.load(Ordering::SeqCst) {
            &after
        } else {
            &before
        };
        Answer::json(200, set.as_str())
    })
    .await;
    let bench = Bench::trusting(authority.trust()).await;
    let mut client = jwt_client("jwt", &old);
    client.jwks = None;
    client.jwks_uri = Some(server.url("/jwks").to_string());
    bench.add(client).await;
    let jwt = assertion(&bench, "jwt", &old);
    assert_eq!(bench.token(Credentials::Jwt(&jwt), &CC).await.status, 200);
    now_rotated.store(true, Ordering::SeqCst);
    bench.clock.advance(SignedDuration::from_secs(3));
    let jwt = assertion(&bench, "jwt", &new);
    assert_eq!(bench.token(Credentials::Jwt(&jwt), &CC).await.status, 200);
    assert_eq!(server.count("/jwks"), 2);
    // The old key is gone with the set that named it.
    let jwt = assertion(&bench, "jwt", &old);
    assert_eq!(
        bench.token(Credentials::Jwt(&jwt), &CC).await.error(),
        (401, "invalid_client")
    );
}

fn set(key: &SigningKey) -> String {
    json!({"keys": [key.public_jwk().to_json()]}).to_string()
}

#[tokio::test]
async fn secrets_expire_and_are_removed() {
    let bench = Bench::new().await;
    let first = bench.add(api_client("api")).await;
    let expires = bench.clock.now() + SignedDuration::from_secs(60);
    let new = NewClientSecret {
        name: "second".to_owned(),
        expires: Some(expires),
    };
    let (_, second) = bench.admin.add_client_secret("api", new).await.unwrap();
    let second = second.expose();
    for secret in [first.as_str(), second] {
        assert_eq!(
            bench
                .token(Credentials::Basic("api", secret), &CC)
                .await
                .status,
            200
        );
    }
    bench.clock.advance(SignedDuration::from_secs(60));
    let expired = bench.token(Credentials::Basic("api", second), &CC).await;
    assert_eq!(expired.error(), (401, "invalid_client"));
    let listed = bench.admin.client_secrets("api").await.unwrap();
    let listed = listed.iter().find(|secret| secret.name == "first").unwrap();
    bench
        .admin
        .delete_client_secret("api", &listed.id)
        .await
        .unwrap();
    let removed = bench.token(Credentials::Basic("api", &first), &CC).await;
    assert_eq!(removed.error(), (401, "invalid_client"));
}

#[tokio::test]
async fn a_broken_database_is_503_and_gives_nothing() {
    for table in [
        "DROP TABLE access_token",
        "DROP TABLE audit_event",
        "DROP TABLE client_secret",
    ] {
        let bench = Bench::new().await;
        let secret = bench.add(api_client("api")).await;
        bench.server.db().write(Statement(table)).await.unwrap();
        let answer = bench.token(Credentials::Basic("api", &secret), &CC).await;
        assert_eq!(answer.error(), (503, "temporarily_unavailable"), "{table}");
        assert_eq!(answer.headers["retry-after"], "1");
        assert!(!answer.json.to_string().contains("table"));
    }
    for (path, table) in [
        ("/oauth2/introspect", "DROP TABLE access_token"),
        ("/oauth2/revoke", "DROP TABLE refresh_token"),
    ] {
        let bench = Bench::new().await;
        let secret = bench.secret("ehr-rs").await;
        bench.server.db().write(Statement(table)).await.unwrap();
        let credentials = Credentials::Basic("ehr-rs", &secret);
        let answer = bench.post(path, credentials, &[("token", "x")]).await;
        assert_eq!(answer.error(), (503, "temporarily_unavailable"), "{path}");
    }
}

// On the wire every refusal is the same; the operator has to be able to tell them apart.
#[tokio::test]
async fn the_audit_says_why() {
    let bench = Bench::new().await;
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let other = SigningKey::generate(Algorithm::ES256).unwrap();
    bench.add(jwt_client("jwt", &key)).await;
    bench.add(jwt_client("off", &key)).await;
    bench.admin.set_client_disabled("off", true).await.unwrap();
    bench.add(api_client("api")).await;
    let good = sign(&key, TYP, &claims(&bench, "1", &json!({})));
    let off = sign(
        &key,
        TYP,
        &claims(&bench, "2", &json!({"iss": "off", "sub": "off"})),
    );
    let late = sign(&key, TYP, &claims(&bench, "3", &json!({"exp": 1})));
    let foreign = sign(&other, TYP, &claims(&bench, "4", &json!({})));
    let rows = [
        (Credentials::Basic("nobody", "x"), None, "no such client"),
        (
            Credentials::Basic("api", "x"),
            Some("api"),
            "wrong or expired secret",
        ),
        (
            Credentials::Post("api", "x"),
            Some("api"),
            "client_secret_post instead of client_secret_basic",
        ),
        (
            Credentials::Name("api"),
            Some("api"),
            "none instead of client_secret_basic",
        ),
        (
            Credentials::Jwt(&off),
            Some("off"),
            "the client is disabled",
        ),
        (
            Credentials::Jwt(&late),
            Some("jwt"),
            "the assertion has expired",
        ),
        (Credentials::Jwt(&foreign), Some("jwt"), "key is not known"),
        (Credentials::Jwt("x"), None, "malformed"),
        (Credentials::Jwt(&good), Some("jwt"), ""),
        (Credentials::Jwt(&good), Some("jwt"), "used before"),
    ];
    for (credentials, client_id, cause) in rows {
        // So that the newest row is the newest.
        bench.clock.advance(jiff::SignedDuration::from_millis(1));
        let answer = bench.token(credentials, &CC).await;
        if !["", "used before"].contains(&cause) {
            assert_eq!(
                answer.text("error_description"),
                "client authentication failed"
            );
        }
        let row = bench.audit("token.issue").await.remove(0);
        assert_eq!(row.client_id.as_deref(), client_id, "{cause}");
        assert!(row.reason.unwrap_or_default().ends_with(cause), "{cause}");
    }
}

#[tokio::test]
async fn a_client_signs_with_its_registered_algorithms_only() {
    let bench = Bench::new().await;
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    for (id, algorithm, status) in [
        ("allowed", Algorithm::ES256, 200),
        ("other", Algorithm::ES384, 401),
    ] {
        let mut client = jwt_client(id, &key);
        client.protocol.assertion_algorithms = vec![algorithm];
        bench.add(client).await;
        let claims = claims(&bench, id, &json!({"iss": id, "sub": id}));
        let jwt = sign(&key, TYP, &claims);
        let answer = bench.token(Credentials::Jwt(&jwt), &CC).await;
        assert_eq!(answer.status.as_u16(), status, "{id}");
    }
}
