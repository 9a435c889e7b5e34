//! Who may introspect, and what a resource server is told.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use jiff::SignedDuration;
use oauth::jose::{Algorithm, SigningKey};
use serde_json::json;
use storage::testing::each_engine;

use crate::administration::NewResourceServer;
use crate::testing::*;
use crate::{ClientAuthenticationMethod, MIGRATIONS, OrganizationAccess};

const PATH: &str = "/oauth2/introspect";

impl Bench {
    async fn api_token(&self, client_id: &str, secret: &str) -> String {
        let parameters = [("grant_type", "client_credentials")];
        let answer = self
            .token(Credentials::Basic(client_id, secret), &parameters)
            .await;
        assert_eq!(answer.status, 200);
        answer.text("access_token").to_owned()
    }
}

#[tokio::test]
async fn an_api_token_is_described() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = Bench::on(db).await;
        let secret = bench.add(api_client("api")).await;
        let token = bench.api_token("api", &secret).await;
        let now = bench.clock.now().as_second();
        let mut told = bench.introspect("ehr-rs", &token).await;
        let jti = told["jti"].take();
        assert_eq!(jti.as_str().unwrap().len(), 32);
        let expected = json!({
            "active": true, "scope": SYSTEM_SCOPE, "client_id": "api", "token_type": "Bearer",
            "exp": now + 300, "iat": now, "sub": "api", "aud": SOURCE, "iss": ISSUER, "jti": null,
            "organization": "general-hospital", "jurisdictions": ["MA", "NH"],
            "record_types": ["birth", "fetal-death"], "organization_access": "own",
        });
        assert_eq!(told, expected);
    })
    .await;
}

#[tokio::test]
async fn a_human_token_has_what_both_client_and_user_have() {
    let bench = Bench::new().await;
    bench.add(public_client("app")).await;
    bench.add_user("u-1").await;
    let answer = bench.redeem("app", &bench.code("app", "u-1").await).await;
    let told = bench
        .introspect("vro-rs", answer.text("access_token"))
        .await;
    assert_eq!(told["sub"], "u-1");
    assert_eq!(told["username"], "u-1");
    assert_eq!(told["role"], "registrar");
    assert!(told.get("facilities").is_none(), "no limit is not told");
    assert_eq!(told["aud"], RECEIVER);
    assert_eq!(told["jurisdictions"], json!(["MA"]));
    assert_eq!(told["record_types"], json!(["birth"]));
    assert_eq!(told["organization"], "general-hospital");

    // Rights are those of now: another organization has nothing in common with the user's.
    let mut moved = public_client("app");
    moved.rights.organization = Some("elsewhere".to_owned());
    bench.admin.replace_client(moved.clone()).await.unwrap();
    let told = bench
        .introspect("vro-rs", answer.text("access_token"))
        .await;
    assert!(told.get("organization").is_none());
    assert_eq!(told["organization_access"], "own");
    moved.rights.organization_access = OrganizationAccess::All;
    bench.admin.replace_client(moved).await.unwrap();
    let told = bench
        .introspect("vro-rs", answer.text("access_token"))
        .await;
    assert_eq!(told["organization"], "general-hospital");
    assert_eq!(told["organization_access"], "own");
}

/// Facilities narrow an organization: absent is all of them, an empty list is none.
#[tokio::test]
async fn facilities_are_told_and_meet_with_the_person_s() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = Bench::on(db).await;
        let list = |names: &[&str]| Some(names.iter().map(|it| (*it).to_owned()).collect());
        let mut new = api_client("api");
        new.rights.facilities = list(&["1234567893", "F-2"]);
        let secret = bench.add(new.clone()).await;
        let token = bench.api_token("api", &secret).await;
        let told = bench.introspect("ehr-rs", &token).await;
        assert_eq!(told["facilities"], json!(["1234567893", "F-2"]));
        // They are those of now, like all rights.
        for (facilities, expected) in [(list(&[]), json!([])), (None, json!(null))] {
            new.rights.facilities = facilities;
            bench.admin.replace_client(new.clone()).await.unwrap();
            let told = bench.introspect("ehr-rs", &token).await;
            assert_eq!(told["facilities"], expected);
        }
        let mut app = public_client("app");
        app.rights.facilities = list(&["F-2", "F-3"]);
        bench.add(app).await;
        bench.add_user("u-1").await;
        let answer = bench.redeem("app", &bench.code("app", "u-1").await).await;
        let token = answer.text("access_token").to_owned();
        let told = bench.introspect("vro-rs", &token).await;
        assert_eq!(told["facilities"], json!(["F-2", "F-3"]));
    })
    .await;
}

#[tokio::test]
async fn whatever_does_not_count_is_inactive_and_nothing_else() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = Bench::on(db).await;
        let secret = bench.add(api_client("api")).await;
        bench.add(public_client("app")).await;
        bench.add_user("u-1").await;
        let inactive = json!({"active": false});
        let token = bench.api_token("api", &secret).await;
        for unknown in [
            "invalid_token_value",
            "vro_x",
            &token[1..],
            &format!("{token}x"),
        ] {
            assert_eq!(bench.introspect("ehr-rs", unknown).await, inactive);
        }
        // A refresh token and a code are no access tokens.
        let code = bench.code("app", "u-1").await;
        assert_eq!(bench.introspect("ehr-rs", &code).await, inactive);
        let human = bench.redeem("app", &code).await;
        assert_eq!(
            bench
                .introspect("ehr-rs", human.text("refresh_token"))
                .await,
            inactive
        );
        // Another audience.
        let parameters = [("grant_type", "client_credentials"), ("resource", RECEIVER)];
        let other = bench
            .token(Credentials::Basic("api", &secret), &parameters)
            .await;
        assert_eq!(
            bench.introspect("ehr-rs", other.text("access_token")).await,
            inactive
        );
        // A disabled client, at once and for good.
        bench.admin.set_client_disabled("api", true).await.unwrap();
        assert_eq!(bench.introspect("ehr-rs", &token).await, inactive);
        bench.admin.set_client_disabled("api", false).await.unwrap();
        assert_eq!(bench.introspect("ehr-rs", &token).await, inactive);
        let token = bench.api_token("api", &secret).await;
        assert_eq!(bench.introspect("ehr-rs", &token).await["active"], true);
        // A disabled user.
        bench.set_user_disabled("u-1", true).await;
        assert_eq!(
            bench.introspect("ehr-rs", human.text("access_token")).await,
            inactive
        );
        // Revoked.
        bench.admin.revoke_tokens_of_client("api").await.unwrap();
        assert_eq!(bench.introspect("ehr-rs", &token).await, inactive);
        let reasons = bench.audit("introspect").await;
        assert_eq!(reasons.len(), 11);
        assert!(
            reasons
                .iter()
                .all(|row| row.reason.as_deref() == Some("inactive"))
        );
    })
    .await;
}

#[tokio::test]
async fn a_token_expires_to_the_millisecond() {
    let bench = Bench::new().await;
    let secret = bench.add(api_client("api")).await;
    let token = bench.api_token("api", &secret).await;
    bench.clock.advance(SignedDuration::from_millis(299_999));
    assert_eq!(bench.introspect("ehr-rs", &token).await["active"], true);
    bench.clock.advance(SignedDuration::from_millis(1));
    assert_eq!(
        bench.introspect("ehr-rs", &token).await,
        json!({"active": false})
    );
}

#[tokio::test]
async fn only_introspection_clients_may_ask() {
    let bench = Bench::new().await;
    let secret = bench.add(api_client("api")).await;
    bench.add(public_client("app")).await;
    let token = bench.api_token("api", &secret).await;
    let parameters = [("token", token.as_str())];
    let refused = [
        Credentials::Basic("api", &secret),
        Credentials::Basic("ehr-rs", "wrong"),
        Credentials::Post("ehr-rs", &secret),
        Credentials::Name("app"),
        Credentials::Name("ehr-rs"),
        Credentials::Jwt("x"),
    ];
    for credentials in refused {
        let answer = bench.post(PATH, credentials, &parameters).await;
        assert_eq!(answer.error(), (401, "invalid_client"));
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
    let none = bench
        .send(Bench::raw(axum::http::Method::POST, PATH, &[], ""))
        .await;
    assert_eq!(none.error(), (400, "invalid_request"));
    let bearer = format!("Bearer {token}");
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", bearer.as_str()),
    ];
    let form = format!("token={token}");
    let answer = bench
        .send(Bench::raw(axum::http::Method::POST, PATH, &headers, &form))
        .await;
    assert_eq!(answer.error(), (401, "invalid_client"));
    let secret = bench.secret("ehr-rs").await;
    let answer = bench
        .post(PATH, Credentials::Basic("ehr-rs", &secret), &[])
        .await;
    assert_eq!(answer.error(), (400, "invalid_request"));
    assert_eq!(bench.audit("introspect").await.len(), 9);
}

#[tokio::test]
async fn a_wrong_hint_changes_nothing() {
    let bench = Bench::new().await;
    let secret = bench.add(api_client("api")).await;
    let token = bench.api_token("api", &secret).await;
    let secret = bench.secret("ehr-rs").await;
    for hint in ["refresh_token", "nonsense"] {
        let parameters = [("token", token.as_str()), ("token_type_hint", hint)];
        let answer = bench
            .post(PATH, Credentials::Basic("ehr-rs", &secret), &parameters)
            .await;
        assert_eq!(answer.json["active"], true);
    }
}

#[tokio::test]
async fn a_resource_server_with_a_key_or_two_audiences() {
    let bench = Bench::new().await;
    let key = SigningKey::generate(Algorithm::ES384).unwrap();
    let mut checker = jwt_client("checker", &key);
    checker.grant_types = vec![];
    checker.audiences = vec![];
    checker.scope = String::new();
    bench.add(checker).await;
    for audience in ["https://a.example/fhir", "https://b.example/fhir"] {
        let new = NewResourceServer {
            audience: audience.to_owned(),
            name: "a".to_owned(),
            introspection_client_id: "checker".to_owned(),
            organization: "a".to_owned(),
            access_token_signing_alg: None,
        };
        bench.admin.add_resource_server(new).await.unwrap();
    }
    let mut api = api_client("api");
    api.audiences = vec![SOURCE.to_owned(), "https://b.example/fhir".to_owned()];
    let secret = bench.add(api).await;
    let token = bench.api_token("api", &secret).await;
    let jwt = assertion(&bench, "checker", &key);
    let answer = bench
        .post(PATH, Credentials::Jwt(&jwt), &[("token", &token)])
        .await;
    // The token's other audience is none of its business.
    assert_eq!(answer.json["aud"], "https://b.example/fhir");
    // The assertion is used up by an active answer as by any other.
    let again = bench
        .post(PATH, Credentials::Jwt(&jwt), &[("token", &token)])
        .await;
    assert_eq!(again.error(), (401, "invalid_client"));
    let jwt = assertion(&bench, "checker", &key);
    let answer = bench.post(PATH, Credentials::Jwt(&jwt), &[]).await;
    assert_eq!(answer.error(), (400, "invalid_request"));
    let again = bench
        .post(PATH, Credentials::Jwt(&jwt), &[("token", &token)])
        .await;
    assert_eq!(again.error(), (401, "invalid_client"));
}

#[tokio::test]
async fn a_post_client_introspects() {
    let bench = Bench::new().await;
    let mut checker = api_client("checker");
    checker.authentication = ClientAuthenticationMethod::ClientSecretPost;
    let secret = bench.add(checker).await;
    let new = NewResourceServer {
        audience: "https://a.example/fhir".to_owned(),
        name: "a".to_owned(),
        introspection_client_id: "checker".to_owned(),
        organization: "a".to_owned(),
        access_token_signing_alg: None,
    };
    bench.admin.add_resource_server(new).await.unwrap();
    let answer = bench
        .post(
            PATH,
            Credentials::Post("checker", &secret),
            &[("token", "x")],
        )
        .await;
    assert_eq!(answer.json, json!({"active": false}));
}

// RFC 9701 section 5: typed, for the caller, with the claims one level down.
#[tokio::test]
async fn a_signed_answer_on_request() {
    use oauth::jose::issued::{self, Kind};
    let bench = Bench::new().await;
    let api = bench.add(api_client("api")).await;
    let token = bench.api_token("api", &api).await;
    let secret = bench.secret("ehr-rs").await;
    for (token, active) in [(token.as_str(), true), ("vro_unknown", false)] {
        let request = Bench::raw(
            axum::http::Method::POST,
            "/oauth2/introspect",
            &[
                (
                    "authorization",
                    &oauth::BasicCredentials::header("ehr-rs", &secret).to_string(),
                ),
                ("content-type", "application/x-www-form-urlencoded"),
                (
                    "accept",
                    "application/json;q=0.5, application/token-introspection+jwt",
                ),
            ],
            &format!("token={token}"),
        );
        let (headers, jwt) = bench.send_for_text(request).await;
        assert_eq!(
            headers["content-type"],
            "application/token-introspection+jwt"
        );
        assert_eq!(headers["cache-control"], "no-store");
        let kind = Kind::IntrospectionResponse;
        let claims = bench
            .server
            .verify_issued(&jwt, kind)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(claims["aud"], "ehr-rs");
        assert_eq!(claims["iss"], ISSUER);
        assert_eq!(claims["token_introspection"]["active"], active);
        assert!(claims.get("sub").is_none() && claims.get("exp").is_none());
        if !active {
            let told = claims["token_introspection"].as_object().unwrap();
            assert_eq!(told.len(), 1, "an inactive token has no other member");
        }
        // It cannot be used as an access token.
        let verified = bench.server.verify_issued(&jwt, Kind::AccessToken).await;
        assert!(issued::is_jwt(&jwt) && verified.unwrap().is_none());
    }
}
