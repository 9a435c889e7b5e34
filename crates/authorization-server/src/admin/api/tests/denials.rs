//! No token, another's token, another role, scope, organization or age: of every endpoint.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::administration::decision::Access;

async fn denied(console: &Console<'_>, endpoint: &Endpoint, id: &str) -> Answer {
    let body = some_body(endpoint);
    let path = path_of(endpoint, id);
    let answer = console
        .ask(endpoint.method.as_str(), &path, body.as_ref())
        .await;
    assert_eq!(text(&answer, "cache-control"), "no-store", "{path}");
    if !answer.status.is_success() {
        assert_eq!(answer.json["status"], answer.status.as_u16(), "{path}");
    }
    answer
}

#[tokio::test]
async fn without_a_good_token() {
    let bench = Bench::new().await;
    bench.app().await;
    let chief = bench.person("chief", "administrator", everywhere()).await;
    let now = bench.clock.now();
    let fhir = bench
        .issued(&chief, EVERYTHING, vec![SOURCE.to_owned()], now)
        .await;
    let both = vec![format!("{ISSUER}{API}"), SOURCE.to_owned()];
    let both = bench.issued(&chief, EVERYTHING, both, now).await;
    let metadata =
        "resource_metadata=\"https://vro.example/.well-known/oauth-protected-resource/admin/api\"";
    for endpoint in ENDPOINTS {
        let body = some_body(endpoint);
        let (method, path) = (endpoint.method.as_str(), path_of(endpoint, "x"));
        let before = bench.audit(endpoint.operation.name()).await.len();
        for (headers, status, error) in [
            (vec![], 401, None),
            (vec![("authorization", "Basic YTpi")], 401, None),
            (
                vec![("authorization", "Bearer ")],
                400,
                Some("invalid_request"),
            ),
            (
                vec![("authorization", "Bearer a"), ("authorization", "Bearer b")],
                400,
                Some("invalid_request"),
            ),
            (
                vec![("authorization", "Bearer x")],
                401,
                Some("invalid_token"),
            ),
        ] {
            let asked = request(method, &path, body.as_ref(), &headers);
            let answer = bench.send(asked).await;
            assert_eq!(answer.status, status, "{method} {path} {headers:?}");
            let challenge = text(&answer, "www-authenticate");
            assert!(challenge.starts_with("Bearer realm="), "{challenge}");
            assert!(challenge.contains(metadata), "{challenge}");
            assert_eq!(answer.json["error"].as_str(), error);
        }
        for token in [&fhir, &both] {
            let console = Console {
                bench: &bench,
                token: token.clone(),
            };
            let answer = denied(&console, endpoint, "x").await;
            assert_eq!(
                (answer.status.as_u16(), answer.text("error")),
                (401, "invalid_token")
            );
        }
        let rows = bench.audit(endpoint.operation.name()).await;
        assert_eq!(rows.len(), before + 7, "{path}");
    }
}

#[tokio::test]
async fn with_another_role_scope_reach_or_age() {
    let bench = Bench::new().await;
    bench.app().await;
    let now = bench.clock.now();
    let chief = bench.person("chief", "administrator", everywhere()).await;
    let head = bench.person("head", "administrator", rights()).await;
    let fresh = bench.through_app(&chief, EVERYTHING, now).await;
    let stale = bench
        .through_app(&chief, EVERYTHING, now - SignedDuration::from_mins(5))
        .await;
    let own = bench.through_app(&head, EVERYTHING, now).await;
    let mut without = Vec::new();
    for role in ["registrar", "clerk", "auditor"] {
        let owner = bench.person(role, role, everywhere()).await;
        without.push((role, bench.through_app(&owner, EVERYTHING, now).await));
    }
    for endpoint in ENDPOINTS {
        let name = endpoint.operation.name();
        let access = endpoint.operation.access();
        for (role, console) in &without {
            let answer = denied(console, endpoint, "x").await;
            let may = *role == "auditor" && access != Access::Write;
            let refused = answer.status == 403;
            assert_eq!(refused, !may, "{role} {name} {:?}", answer.json);
        }
        for other in Access::ALL.into_iter().filter(|other| *other != access) {
            let console = bench.through_app(&chief, other.scope(), now).await;
            let answer = denied(&console, endpoint, "x").await;
            assert_eq!(
                (answer.status.as_u16(), answer.text("error")),
                (403, "insufficient_scope")
            );
            let challenge = text(&answer, "www-authenticate");
            assert!(
                challenge.contains(&format!("scope=\"{}\"", access.scope())),
                "{challenge}"
            );
        }
        let answer = denied(&own, endpoint, "x").await;
        let whole = endpoint.operation.is_of_whole_server();
        assert_eq!(answer.status == 403, whole, "{name} {:?}", answer.json);
        let answer = denied(&stale, endpoint, "x").await;
        let told = (answer.status.as_u16(), answer.text("error").to_owned());
        if endpoint.operation.is_dangerous() {
            assert_eq!(
                told,
                (401, "insufficient_user_authentication".to_owned()),
                "{name}"
            );
            assert!(text(&answer, "www-authenticate").contains("max_age=\"300\""));
            let rows = bench.audit(name).await;
            let row = rows.iter().find(|row| {
                let reason = row.reason.as_deref().unwrap_or("");
                reason.starts_with("insufficient_user_authentication")
            });
            let row = row.unwrap();
            assert_eq!(row.outcome, storage::Outcome::Denied);
            assert_eq!(row.subject.as_deref(), Some(chief.id.as_str()));
            assert_eq!(row.client_id.as_deref(), Some("app"));
            assert_eq!(row.source_address.as_deref(), Some("192.0.2.7"));
        } else {
            assert!(![401, 403].contains(&told.0), "{name}");
        }
        let answer = denied_or_done(&fresh, endpoint).await;
        assert!(![401, 403].contains(&answer), "{name} {answer}");
    }
}

async fn denied_or_done(console: &Console<'_>, endpoint: &Endpoint) -> u16 {
    let body = some_body(endpoint);
    let path = path_of(endpoint, "x");
    let asked = console.ask(endpoint.method.as_str(), &path, body.as_ref());
    asked.await.status.as_u16()
}

/// The id of somebody of another organization is answered like one that nobody has.
#[tokio::test]
async fn out_of_reach_is_not_found() {
    let bench = Bench::new().await;
    bench.app().await;
    let now = bench.clock.now();
    let head = bench.person("head", "administrator", rights()).await;
    let far = bench.person("far", "clerk", elsewhere()).await;
    let mut theirs = api_client("theirs");
    theirs.rights = elsewhere();
    bench.add(theirs).await;
    bench
        .issued(&far, USER_SCOPE, vec![SOURCE.to_owned()], now)
        .await;
    let own = bench.through_app(&head, EVERYTHING, now).await;
    let token = bench.admin.tokens(None, Some(&far.id)).await.unwrap()[0].clone();
    let body = |endpoint: &Endpoint| match endpoint.body {
        Some("UserChange") => Some(json!({"role": "clerk", "scope": "a"})),
        Some("ClientChange") => Some(json!({
            "name": "x", "auth": "client_secret_basic", "grant_types": ["client_credentials"],
            "scope": "a", "audiences": [SOURCE],
        })),
        Some(_) => Some(json!({})),
        None => None,
    };
    let mut asked = 0;
    for endpoint in ENDPOINTS.iter().filter(|it| it.path.contains("{id}")) {
        let (id, nobody) = match endpoint.path.split('/').nth(1).unwrap() {
            "users" => (far.id.as_str(), "u-nobody"),
            "clients" => ("theirs", "nobody"),
            "tokens" => (token.id.as_str(), "00000000"),
            _ => continue,
        };
        asked += 1;
        let mut told = Vec::new();
        for id in [id, nobody] {
            let path = path_of(endpoint, id);
            let method = endpoint.method.as_str();
            let answer = own.ask(method, &path, body(endpoint).as_ref()).await;
            assert_eq!(answer.status, 404, "{method} {path} {:?}", answer.json);
            told.push(answer.json);
        }
        assert_eq!(told[0], told[1]);
        let rows = bench.audit(endpoint.operation.name()).await;
        assert_eq!(rows.len(), 2, "{}", endpoint.path);
        assert!(
            rows.iter()
                .all(|row| row.outcome == storage::Outcome::Denied)
        );
    }
    assert_eq!(asked, 18);
    // And lists leave them out.
    for (path, unseen) in [
        ("/users", far.id.as_str()),
        ("/clients", "theirs"),
        ("/tokens", token.id.as_str()),
        ("/sessions", far.id.as_str()),
    ] {
        let answer = own.get(path).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.json.to_string().contains(unseen), "{path}");
    }
}

#[tokio::test]
async fn a_token_ends_with_its_person_client_and_time() {
    let bench = Bench::new().await;
    bench.app().await;
    let now = bench.clock.now();
    let chief = bench.person("chief", "administrator", everywhere()).await;
    let other = bench.person("other", "administrator", everywhere()).await;
    let console = bench.through_app(&chief, EVERYTHING, now).await;
    assert_eq!(console.get("/keys").await.status, 200);
    bench.admin.set_user_disabled("chief", true).await.unwrap();
    assert_eq!(console.get("/keys").await.status, 401);
    let console = bench.through_app(&other, EVERYTHING, now).await;
    assert_eq!(console.get("/keys").await.status, 200);
    bench.clock.advance(SignedDuration::from_mins(5));
    assert_eq!(console.get("/keys").await.status, 401);
    let console = bench
        .through_app(&other, EVERYTHING, bench.clock.now())
        .await;
    bench.admin.set_client_disabled("app", true).await.unwrap();
    assert_eq!(console.get("/keys").await.status, 401);
}

/// Through a client that is of one organization nobody reaches further than that.
#[tokio::test]
async fn the_clients_rights_bound_the_person() {
    let bench = Bench::new().await;
    let new = NewClient {
        scope: EVERYTHING.to_owned(),
        audiences: here(),
        ..public_client("app")
    };
    bench.add(new).await;
    let chief = bench.person("chief", "administrator", everywhere()).await;
    let far = bench.person("far", "clerk", elsewhere()).await;
    let console = bench
        .through_app(&chief, EVERYTHING, bench.clock.now())
        .await;
    let answer = console.get(&format!("/users/{}", far.id)).await;
    assert_eq!(answer.status, 404);
    assert_eq!(console.get("/initial-access-tokens").await.status, 403);
}

#[tokio::test]
async fn a_client_of_the_api_has_no_other_audience() {
    let bench = Bench::new().await;
    let mut new = administration_client("console", EVERYTHING, everywhere());
    new.audiences.push(SOURCE.to_owned());
    let secret = crate::administration::NewClientSecret {
        name: "first".to_owned(),
        expires: None,
    };
    let refused = bench.admin.add_client(new, secret).await;
    let field = match refused {
        Err(crate::administration::Error::Invalid { field, .. }) => field,
        _ => "none",
    };
    assert_eq!(field, "audiences");
    let taken = crate::administration::NewResourceServer {
        audience: format!("{ISSUER}{API}/"),
        name: "ours".to_owned(),
        introspection_client_id: "ehr-rs".to_owned(),
        organization: "general-hospital".to_owned(),
        access_token_signing_alg: None,
    };
    let refused = bench.admin.add_resource_server(taken).await;
    assert!(matches!(
        refused,
        Err(crate::administration::Error::Exists(_))
    ));
}
