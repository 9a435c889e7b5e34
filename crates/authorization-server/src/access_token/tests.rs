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

/// How a person signed in; a client by itself has not.
#[tokio::test]
async fn rfc9068_section_2_2_1() {
    let (bench, secret) = bench().await;
    let claims = part(
        token(&bench, &secret, &[JWT_RS]).await.text("access_token"),
        1,
    );
    assert!(claims.get("acr").is_none() && claims.get("auth_time").is_none());
    let sql = "UPDATE resource_server SET access_token_signing_alg = 'ES256'";
    bench.server.db().write(Statement(sql)).await.unwrap();
    bench.add(public_client("app")).await;
    bench.add_user("u-1").await;
    let code = bench.code("app", "u-1").await;
    let signed_in = bench.clock.now().as_second();
    bench.clock.advance(SignedDuration::from_secs(30));
    let first = bench.redeem("app", &code).await;
    let second = bench.refresh("app", first.text("refresh_token")).await;
    for answer in [first, second] {
        let claims = part(answer.text("access_token"), 1);
        assert_eq!(claims["acr"], "aal1");
        assert_eq!(claims["auth_time"], signed_in);
        assert_eq!(claims["iat"], bench.clock.now().as_second());
    }
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
    // Ours, from before the party's origin was changed.
    let mut elsewhere = part(jwt, 1);
    elsewhere["iss"] = "https://old.example".into();
    let elsewhere = issued::sign(&mine, Kind::AccessToken, &elsewhere).unwrap();
    for forged in [
        format!("{message}.{}", signature.chars().rev().collect::<String>()),
        format!("{message}."),
        format!("{}.{signature}", message.replace('.', ".e")),
        foreign,
        answer_jwt,
        elsewhere,
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

// A client that registers our own public keys as its own could otherwise sign in with what we have signed for
// somebody else.
#[tokio::test]
async fn our_own_tokens_are_no_client_assertions() {
    let (bench, secret) = bench().await;
    let published = bench.server.published_keys().await.unwrap();
    for id in ["mirror", "api2"] {
        let mut mirror = api_client(id);
        mirror.authentication = crate::ClientAuthenticationMethod::PrivateKeyJwt;
        mirror.assertion_audience = crate::AssertionAudience::TokenEndpoint;
        mirror.jwks = Some(published.to_string());
        bench.add(mirror).await;
    }
    let token = token(&bench, &secret, &[JWT_RS]).await;
    let key = bench.server.signing_key(Algorithm::ES256).await.unwrap();
    let claims = serde_json::json!({"iss": "mirror", "sub": "mirror", "aud": format!("{ISSUER}/oauth2/token"),
        "jti": "1", "exp": bench.clock.now().as_second() + 60});
    let typed = |kind| issued::sign(&key, kind, &claims).unwrap();
    for jwt in [
        token.text("access_token").to_owned(),
        typed(Kind::AccessToken),
        typed(Kind::IntrospectionResponse),
    ] {
        let answer = bench.token(Credentials::Jwt(&jwt), &[CC]).await;
        assert_eq!(answer.error(), (401, "invalid_client"));
    }
}

/// A foreign resource server: keeps our key set as long as its `Cache-Control` says, and never asks before.
struct Verifier {
    keys: oauth::jose::Jwks,
    fetched: jiff::Timestamp,
}

impl Verifier {
    async fn verifies(&mut self, bench: &Bench, jwt: &str) -> bool {
        let now = bench.clock.now();
        if now.duration_since(self.fetched) > SignedDuration::from_mins(5) {
            let answer = bench.get("/oauth2/jwks").await;
            assert_eq!(answer.headers["cache-control"], "public, max-age=300");
            self.keys = oauth::jose::Jwks::parse(answer.json.to_string().as_bytes()).unwrap();
            self.fetched = now;
        }
        issued::verify(jwt, Kind::AccessToken, &self.keys).is_some()
    }
}

// Three rotations while tokens are issued all the time, with a verifier that only knows what it may keep.
#[tokio::test]
async fn no_verification_fails_while_keys_rotate() {
    let (bench, secret) = bench().await;
    let mut verifier = Verifier {
        keys: oauth::jose::Jwks::default(),
        fetched: jiff::Timestamp::UNIX_EPOCH,
    };
    let encryption = crate::KeyEncryptionKey::new([7; 32]);
    let mut out: Vec<(jiff::Timestamp, String)> = Vec::new();
    let mut signed_with = std::collections::BTreeSet::new();
    for step in 0..300 {
        if step % 90 == 10 {
            let rotation = crate::Rotation::Published;
            let rotated = bench
                .admin
                .rotate_signing_key(&encryption, Algorithm::ES256, rotation);
            rotated.await.unwrap();
        }
        let issue = || token(&bench, &secret, &[JWT_RS]);
        for answer in at_once([issue(), issue()]).await {
            let jwt = answer.text("access_token").to_owned();
            signed_with.insert(part(&jwt, 0)["kid"].as_str().unwrap().to_owned());
            out.push((bench.clock.now(), jwt));
        }
        bench.clock.advance(SignedDuration::from_secs(20));
        let now = bench.clock.now();
        out.retain(|(issued, _)| now.duration_since(*issued) < SignedDuration::from_mins(5));
        for (_, jwt) in &out {
            assert!(verifier.verifies(&bench, jwt).await, "step {step}");
        }
    }
    assert_eq!(signed_with.len(), 4, "all keys have signed");
}
