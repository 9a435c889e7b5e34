//! The rules of registration, one row each, and what each act changes and records.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

use oauth::jose::{Algorithm, SigningKey};
use storage::testing::each_engine;

use super::{Error, NewClient, NewClientSecret, NewResourceServer};
use crate::testing::*;
use crate::{ClientAuthenticationMethod, GrantType, MIGRATIONS, OrganizationAccess};

fn secret() -> NewClientSecret {
    NewClientSecret {
        name: "first".to_owned(),
        expires: None,
    }
}

/// The member that breaks a rule.
async fn field(bench: &Bench, new: NewClient) -> &'static str {
    match bench.admin.add_client(new, secret()).await {
        Err(Error::Invalid { field, .. }) => field,
        other => panic!("{:?}", other.map(|(client, _)| client.client_id)),
    }
}

#[tokio::test]
async fn rules_of_registration() {
    let bench = Bench::new().await;
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let private = serde_json::json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}).to_string();
    type Change = Box<dyn Fn(&mut NewClient)>;
    let rules: Vec<(&str, Change)> = vec![
        (
            "client_id",
            Box::new(|new| new.client_id = Some(String::new())),
        ),
        (
            "client_id",
            Box::new(|new| new.client_id = Some("a b".to_owned())),
        ),
        (
            "client_id",
            Box::new(|new| new.client_id = Some("a:b".to_owned())),
        ),
        (
            "client_id",
            Box::new(|new| new.client_id = Some("é".to_owned())),
        ),
        (
            "client_id",
            Box::new(|new| new.client_id = Some("u-1".to_owned())),
        ),
        (
            "client_id",
            Box::new(|new| new.client_id = Some("x".repeat(101))),
        ),
        ("name", Box::new(|new| new.name = " ".to_owned())),
        ("name", Box::new(|new| new.name = "a\nb".to_owned())),
        ("scope", Box::new(|new| new.scope = "a  b".to_owned())),
        ("scope", Box::new(|new| new.scope = String::new())),
        ("scope", Box::new(|new| new.scope = "\"".to_owned())),
        ("audiences", Box::new(|new| new.audiences = vec![])),
        (
            "audiences",
            Box::new(|new| new.audiences = vec!["https://x.example".to_owned()]),
        ),
        (
            "redirect_uris",
            Box::new(|new| new.redirect_uris = vec![CALLBACK.to_owned()]),
        ),
        (
            "grant_types",
            Box::new(|new| new.grant_types = vec![GrantType::RefreshToken]),
        ),
        (
            "grant_types",
            Box::new(|new| new.authentication = ClientAuthenticationMethod::None),
        ),
        (
            "jwks",
            Box::new(|new| new.authentication = ClientAuthenticationMethod::PrivateKeyJwt),
        ),
        ("jwks", Box::new(|new| new.jwks = Some("{}".to_owned()))),
        (
            "jwks",
            Box::new(|new| new.jwks_uri = Some("https://a.example".to_owned())),
        ),
        (
            "jurisdictions",
            Box::new(|new| new.rights.jurisdictions = vec!["ma".to_owned()]),
        ),
        (
            "jurisdictions",
            Box::new(|new| new.rights.jurisdictions = vec!["MAS".to_owned()]),
        ),
        (
            "record_types",
            Box::new(|new| new.rights.record_types = vec!["death".to_owned()]),
        ),
        (
            "organization",
            Box::new(|new| new.rights.organization = Some(String::new())),
        ),
        (
            "access_token_lifetime_s",
            Box::new(|new| new.access_token_lifetime_s = Some(0)),
        ),
        (
            "access_token_lifetime_s",
            Box::new(|new| new.access_token_lifetime_s = Some(86_401)),
        ),
    ];
    for (expected, change) in &rules {
        let mut new = api_client("new");
        change(&mut new);
        assert_eq!(field(&bench, new).await, *expected);
    }
    for jwks in ["", "[]", "{}", r#"{"keys":[]}"#, private.as_str()] {
        let mut new = jwt_client("new", &key);
        new.jwks = Some(jwks.to_owned());
        assert_eq!(field(&bench, new).await, "jwks", "{jwks}");
    }
    let mut both = jwt_client("new", &key);
    both.jwks_uri = Some("https://a.example/jwks".to_owned());
    assert_eq!(field(&bench, both.clone()).await, "jwks");
    both.jwks = None;
    both.jwks_uri = Some("http://a.example/jwks".to_owned());
    assert_eq!(field(&bench, both).await, "jwks_uri");
    for uri in [
        "http://ehr.example/callback",
        "http://localhost/callback",
        "https://ehr.example/callback#x",
        "https://user@ehr.example/callback",
        "ehr:/callback",
        "javascript:alert(1)",
        "callback",
        "",
    ] {
        let mut new = public_client("new");
        new.redirect_uris.push(uri.to_owned());
        assert_eq!(field(&bench, new).await, "redirect_uris", "{uri}");
    }
    let mut none = public_client("new");
    none.redirect_uris = vec![];
    assert_eq!(field(&bench, none).await, "redirect_uris");
    let mut mixed = public_client("new");
    mixed.grant_types.push(GrantType::ClientCredentials);
    assert_eq!(field(&bench, mixed).await, "grant_types");
    // Nothing of all that was registered, and the client it was taken from is right.
    assert!(matches!(
        bench.admin.client("new").await,
        Err(Error::NotFound("client"))
    ));
    bench.add(api_client("new")).await;
}

#[tokio::test]
async fn a_party_registers_its_own_jurisdictions_only() {
    let mut bench = Bench::new().await;
    bench.admin.jurisdictions = vec!["MA".to_owned()];
    assert_eq!(field(&bench, api_client("new")).await, "jurisdictions");
    let mut new = api_client("new");
    new.rights.jurisdictions = vec!["MA".to_owned()];
    bench.add(new).await;
}

#[tokio::test]
async fn a_client_is_read_as_it_was_registered() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = Bench::on(db).await;
        let key = SigningKey::generate(Algorithm::ES384).unwrap();
        let mut new = jwt_client("a.b-c_d~e", &key);
        new.name = "Général \"Hospital\"".to_owned();
        new.rights.organization_access = OrganizationAccess::All;
        new.access_token_lifetime_s = Some(5);
        new.note = Some("tokens live 5 s".to_owned());
        let (made, shown) = bench.admin.add_client(new.clone(), secret()).await.unwrap();
        assert!(shown.is_none());
        let read = bench.admin.client("a.b-c_d~e").await.unwrap();
        assert_eq!(format!("{read:?}"), format!("{made:?}"));
        assert!(matches!(
            bench.admin.add_client(new.clone(), secret()).await,
            Err(Error::Exists("client"))
        ));
        new.note = None;
        new.access_token_lifetime_s = None;
        new.rights.organization = None;
        bench
            .admin
            .set_client_disabled("a.b-c_d~e", true)
            .await
            .unwrap();
        let replaced = bench.admin.replace_client(new).await.unwrap();
        assert!(replaced.disabled);
        assert_eq!(replaced.access_token_lifetime, None);
        assert_eq!(replaced.rights.organization, None);
        let ids: Vec<_> = bench
            .admin
            .clients()
            .await
            .unwrap()
            .into_iter()
            .map(|it| it.client_id)
            .collect();
        assert_eq!(ids, ["a.b-c_d~e", "ehr-rs", "vro-rs"]);
    })
    .await;
}

#[tokio::test]
async fn ids_are_made_where_none_is_given() {
    let bench = Bench::new().await;
    let mut new = api_client("x");
    new.client_id = None;
    let (first, _) = bench.admin.add_client(new.clone(), secret()).await.unwrap();
    let (second, _) = bench.admin.add_client(new, secret()).await.unwrap();
    assert_ne!(first.client_id, second.client_id);
    assert!(first.client_id.starts_with("c-"));
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let bench = Bench::new().await;
    let admin = &bench.admin;
    let absent = [
        admin.set_client_disabled("x", true).await,
        admin.delete_client("x").await,
        admin.delete_client_secret("ehr-rs", "x").await,
        admin.delete_resource_server("https://x.example").await,
        admin.revoke_token("x").await,
        admin.revoke_token("0011223344556677").await,
        admin.replace_client(api_client("x")).await.map(|_| ()),
        admin.resource_server("https://x.example").await.map(|_| ()),
        admin.add_client_secret("x", secret()).await.map(|_| ()),
    ];
    for (row, outcome) in absent.into_iter().enumerate() {
        assert!(matches!(outcome, Err(Error::NotFound(_))), "{row}");
    }
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    bench.add(jwt_client("jwt", &key)).await;
    let useless = admin.add_client_secret("jwt", secret()).await;
    assert!(matches!(
        useless,
        Err(Error::Invalid {
            field: "authentication",
            ..
        })
    ));
}

#[tokio::test]
async fn resource_servers_need_a_confidential_client() {
    let bench = Bench::new().await;
    bench.add(public_client("app")).await;
    let new = |audience: &str, client: &str| NewResourceServer {
        audience: audience.to_owned(),
        name: "a".to_owned(),
        introspection_client_id: client.to_owned(),
        organization: "a".to_owned(),
        access_token_signing_alg: None,
    };
    for (audience, client, expected) in [
        ("https://a.example/fhir", "app", "introspection_client_id"),
        (
            "https://a.example/fhir",
            "nobody",
            "introspection_client_id",
        ),
        ("http://a.example/fhir", "ehr-rs", "audience"),
        ("https://a.example/fhir#x", "ehr-rs", "audience"),
        ("https://a.example/a b", "ehr-rs", "audience"),
        ("fhir", "ehr-rs", "audience"),
    ] {
        let outcome = bench.admin.add_resource_server(new(audience, client)).await;
        assert!(matches!(outcome, Err(Error::Invalid { field, .. }) if field == expected));
    }
    let taken = bench.admin.add_resource_server(new(SOURCE, "ehr-rs")).await;
    assert!(matches!(taken, Err(Error::Exists("resource server"))));
    assert_eq!(bench.admin.resource_servers().await.unwrap().len(), 2);
    let used = bench.admin.delete_client("ehr-rs").await;
    assert!(matches!(used, Err(Error::InUse(_))));
    bench.admin.delete_resource_server(SOURCE).await.unwrap();
    bench.admin.delete_client("ehr-rs").await.unwrap();
}

#[tokio::test]
async fn tokens_are_listed_and_revoked_by_id_family_client_and_user() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = Bench::on(db).await;
        let secret = bench.add(api_client("api")).await;
        bench.add(public_client("app")).await;
        bench.add_user("u-1").await;
        let parameters = [("grant_type", "client_credentials")];
        let token = || bench.token(Credentials::Basic("api", &secret), &parameters);
        let (first, second) = (token().await, token().await);
        let human = bench.redeem("app", &bench.code("app", "u-1").await).await;
        assert_eq!(bench.admin.tokens(None, None).await.unwrap().len(), 3);
        assert_eq!(
            bench.admin.tokens(Some("api"), None).await.unwrap().len(),
            2
        );
        assert_eq!(
            bench
                .admin
                .tokens(Some("api"), Some("u-1"))
                .await
                .unwrap()
                .len(),
            0
        );
        let told = bench.introspect("ehr-rs", first.text("access_token")).await;
        let id = told["jti"].as_str().unwrap();
        bench.admin.revoke_token(&id[..8]).await.unwrap();
        assert!(matches!(
            bench.admin.revoke_token(id).await,
            Err(Error::NotFound("token"))
        ));
        let active = |answer: &Answer| {
            let token = answer.text("access_token").to_owned();
            let bench = &bench;
            async move { bench.introspect("ehr-rs", &token).await["active"] == true }
        };
        assert!(!active(&first).await);
        assert!(active(&second).await);
        bench.admin.revoke_tokens_of_client("api").await.unwrap();
        assert!(!active(&second).await);
        assert!(active(&human).await);
        let entry = &bench.admin.tokens(None, Some("u-1")).await.unwrap()[0];
        bench
            .admin
            .revoke_token(entry.family_id.as_deref().unwrap())
            .await
            .unwrap();
        assert!(!active(&human).await);
        let again = bench.redeem("app", &bench.code("app", "u-1").await).await;
        let code = bench.code("app", "u-1").await;
        bench.admin.revoke_tokens_of_user("u-1").await.unwrap();
        assert!(!active(&again).await);
        assert_eq!(
            bench.redeem("app", &code).await.error(),
            (400, "invalid_grant")
        );
        let listed = bench.admin.tokens(None, None).await.unwrap();
        assert!(listed.iter().all(|entry| entry.revoked));
    })
    .await;
}

#[tokio::test]
async fn a_deleted_clients_tokens_do_not_come_back() {
    let bench = Bench::new().await;
    let secret = bench.add(api_client("api")).await;
    let parameters = [("grant_type", "client_credentials")];
    let token = bench
        .token(Credentials::Basic("api", &secret), &parameters)
        .await;
    bench.admin.delete_client("api").await.unwrap();
    let other = bench.add(api_client("api")).await;
    assert_ne!(other, secret);
    let old = bench
        .token(Credentials::Basic("api", &secret), &parameters)
        .await;
    assert_eq!(old.error(), (401, "invalid_client"));
    let told = bench.introspect("ehr-rs", token.text("access_token")).await;
    assert_eq!(told["active"], false);
}

#[tokio::test]
async fn acts_are_audited_with_their_outcome() {
    let bench = Bench::new().await;
    bench.add(api_client("api")).await;
    bench.admin.set_client_disabled("api", true).await.unwrap();
    let _ = bench.admin.set_client_disabled("nobody", true).await;
    let rows = bench.audit("client.disable").await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.role == "shell"));
    let denied: Vec<_> = rows
        .iter()
        .filter_map(|row| row.reason.as_deref())
        .collect();
    assert_eq!(denied, ["there is no such client"]);
    assert_eq!(bench.audit("client.add").await.len(), 3);
}

// Two live secrets at most, also when they are added at once; rotation overlaps.
#[tokio::test]
async fn a_client_has_two_live_secrets_at_most() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = Bench::on(db).await;
        let admin = &bench.admin;
        let first = bench.add(api_client("api")).await;
        let added = at_once((0..5).map(|_| admin.add_client_secret("api", secret()))).await;
        assert_eq!(added.iter().filter(|it| it.is_ok()).count(), 1);
        let second = added.into_iter().find_map(Result::ok).unwrap();
        let hour = jiff::SignedDuration::from_hours(1);
        let (_, third) = admin
            .rotate_client_secret("api", secret(), hour)
            .await
            .unwrap();
        let works = async |secret: &str| {
            let parameters = [("grant_type", "client_credentials")];
            let answer = bench
                .token(Credentials::Basic("api", secret), &parameters)
                .await;
            answer.status == 200
        };
        assert!(!works(&first).await, "the older of two ends at once");
        assert!(works(second.1.expose()).await && works(third.expose()).await);
        bench.clock.advance(hour);
        assert!(!works(second.1.expose()).await && works(third.expose()).await);
        let long = jiff::SignedDuration::from_hours(91 * 24);
        assert!(
            admin
                .rotate_client_secret("api", secret(), long)
                .await
                .is_err()
        );
    })
    .await;
}

#[tokio::test]
async fn enabled_again_a_client_asks_anew() {
    let bench = Bench::new().await;
    let secret = bench.add(api_client("api")).await;
    let parameters = [("grant_type", "client_credentials")];
    let credentials = || Credentials::Basic("api", &secret);
    let before = bench.token(credentials(), &parameters).await;
    bench.admin.set_client_disabled("api", true).await.unwrap();
    bench.admin.set_client_disabled("api", false).await.unwrap();
    let told = bench
        .introspect("ehr-rs", before.text("access_token"))
        .await;
    assert_eq!(told["active"], false);
    assert_eq!(bench.token(credentials(), &parameters).await.status, 200);
}

// An assertion must select one key: of several, one without a name never is.
#[tokio::test]
async fn of_several_keys_each_needs_a_name() {
    let bench = Bench::new().await;
    let keys = [Algorithm::ES256, Algorithm::ES384].map(|it| SigningKey::generate(it).unwrap());
    let nameless = |key: &SigningKey| {
        let mut jwk = key.public_jwk().to_json();
        jwk.as_object_mut().unwrap().remove("kid");
        jwk
    };
    let [first, second] = &keys;
    let rows = [
        (serde_json::json!([nameless(first)]), true),
        (
            serde_json::json!([first.public_jwk().to_json(), second.public_jwk().to_json()]),
            true,
        ),
        (
            serde_json::json!([nameless(first), second.public_jwk().to_json()]),
            false,
        ),
    ];
    for (number, (set, accepted)) in rows.into_iter().enumerate() {
        let mut new = jwt_client(&format!("jwt-{number}"), first);
        new.jwks = Some(serde_json::json!({ "keys": set }).to_string());
        let added = bench.admin.add_client(new, secret()).await;
        assert_eq!(added.is_ok(), accepted, "{set}");
    }
}
