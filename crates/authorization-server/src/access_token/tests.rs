//! JWT access tokens: who gets them, what they say, and that they end like all others.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;

use super::*;
use crate::administration::NewResourceServer;
use crate::testing::*;

const JWT_RS: &str = "https://jwt.example/fhir";
const CC: (&str, &str) = ("grant_type", "client_credentials");

/// A bench with a third resource server, which asks for JWTs, and a client for all three.
async fn bench() -> (Bench, String) {
    let bench = Bench::new().await;
    bench.add(introspector("jwt-rs")).await;
    let new = NewResourceServer {
        audience: JWT_RS.to_owned(),
        name: "jwt-rs".to_owned(),
        introspection_client_id: "jwt-rs".to_owned(),
        organization: "general-hospital".to_owned(),
        access_token_signing_alg: Some(Algorithm::ES256),
    };
    bench.admin.add_resource_server(new).await.unwrap();
    let mut api = api_client("api");
    api.audiences.push(JWT_RS.to_owned());
    let secret = bench.add(api).await;
    (bench, secret)
}

async fn token(bench: &Bench, secret: &str, resources: &[&str]) -> Answer {
    let mut form = vec![CC, ("scope", "system/Bundle.rs")];
    form.extend(resources.iter().map(|it| ("resource", *it)));
    bench.token(Credentials::Basic("api", secret), &form).await
}

fn part(jwt: &str, number: usize) -> Value {
    let part = jwt.split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn rfc9068_section_2() {
    let (bench, secret) = bench().await;
    let answer = token(&bench, &secret, &[JWT_RS]).await;
    let jwt = answer.text("access_token");
    let header = part(jwt, 0);
    assert_eq!(
        (&header["typ"], &header["alg"]),
        (&"at+jwt".into(), &"ES256".into())
    );
    let claims = part(jwt, 1);
    let introspected = bench.introspect("jwt-rs", jwt).await;
    assert_eq!(introspected["active"], true);
    for name in [
        "iss",
        "sub",
        "aud",
        "client_id",
        "scope",
        "exp",
        "iat",
        "jti",
        "organization",
        "organization_access",
        "jurisdictions",
        "record_types",
    ] {
        assert!(!claims[name].is_null(), "{name}");
        assert_eq!(claims[name], introspected[name], "{name}");
    }
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["aud"], JWT_RS);
    assert_eq!(claims["scope"], answer.json["scope"]);
    assert_eq!(claims["active"], Value::Null);
}

#[tokio::test]
async fn a_token_is_a_jwt_only_if_all_its_audiences_ask_for_it() {
    let (bench, secret) = bench().await;
    let rows: [(&[&str], bool); 4] = [
        (&[JWT_RS], true),
        (&[JWT_RS, SOURCE], false),
        (&[SOURCE], false),
        (&[], false),
    ];
    for (resources, is_jwt) in rows {
        let answer = token(&bench, &secret, resources).await;
        assert_eq!(
            issued::is_jwt(answer.text("access_token")),
            is_jwt,
            "{resources:?}"
        );
    }
}

#[tokio::test]
async fn a_jwt_ends_like_every_token() {
    let (bench, secret) = bench().await;
    let issue = async || {
        let answer = token(&bench, &secret, &[JWT_RS]).await;
        answer.text("access_token").to_owned()
    };
    let active = async |jwt: &str| bench.introspect("jwt-rs", jwt).await["active"] == true;
    let revoked = issue().await;
    let credentials = Credentials::Basic("api", &secret);
    let answer = bench
        .post("/oauth2/revoke", credentials, &[("token", &revoked)])
        .await;
    assert_eq!(answer.status, 200);
    assert!(!active(&revoked).await);
    // Another resource server learns nothing of it.
    let other = issue().await;
    assert_eq!(
        bench.introspect("ehr-rs", &other).await,
        serde_json::json!({"active": false})
    );
    assert!(active(&other).await);
    bench.clock.advance(SignedDuration::from_mins(5));
    assert!(!active(&other).await);
    let disabled = issue().await;
    bench.admin.set_client_disabled("api", true).await.unwrap();
    assert!(!active(&disabled).await);
}

#[tokio::test]
async fn a_forged_or_foreign_jwt_is_inactive() {
    let (bench, secret) = bench().await;
    let answer = token(&bench, &secret, &[JWT_RS]).await;
    let jwt = answer.text("access_token");
    let (message, signature) = jwt.rsplit_once('.').unwrap();
    let other = oauth::jose::SigningKey::generate(Algorithm::ES256).unwrap();
    let foreign = issued::sign(&other, Kind::AccessToken, &part(jwt, 1)).unwrap();
    let mine = bench.server.signing_key(Algorithm::ES256).await.unwrap();
    // What we sign for another purpose is no access token.
    let answer_jwt = issued::sign(&mine, Kind::IntrospectionResponse, &part(jwt, 1)).unwrap();
    for forged in [
        format!("{message}.{}", signature.chars().rev().collect::<String>()),
        format!("{message}."),
        format!("{}.{signature}", message.replace('.', ".e")),
        foreign,
        answer_jwt,
        // The bare id opens nothing.
        part(jwt, 1)["jti"].as_str().unwrap().to_owned(),
    ] {
        let answer = bench.introspect("jwt-rs", &forged).await;
        assert_eq!(answer, serde_json::json!({"active": false}), "{forged}");
    }
}

#[tokio::test]
async fn a_retired_key_verifies_nothing() {
    let (bench, secret) = bench().await;
    let answer = token(&bench, &secret, &[JWT_RS]).await;
    let jwt = answer.text("access_token");
    let encryption = crate::KeyEncryptionKey::new([7; 32]);
    let rotation = crate::Rotation::Compromised;
    let rotated = bench
        .admin
        .rotate_signing_key(&encryption, Algorithm::ES256, rotation);
    rotated.await.unwrap();
    assert_eq!(bench.introspect("jwt-rs", jwt).await["active"], false);
}
