//! People, clients and what else is registered: made, read, changed, ended; and what comes in wrongly.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_person_from_beginning_to_end() {
    let bench = Bench::new().await;
    let console = bench.console().await;
    let new = json!({
        "username": "Jane.Doe", "role": "clerk", "scope": "user/Bundle.rs", "organization": "general-hospital",
        "jurisdictions": ["MA"], "record_types": ["birth"],
    });
    let made = console.post("/users", Some(&new)).await;
    assert_eq!(made.status, 201, "{:?}", made.json);
    assert_eq!(made.json["username"], "jane.doe");
    assert!(made.text("password").len() >= 15);
    let id = made.text("id").to_owned();
    assert_eq!(text(&made, "location"), format!("{API}/users/{id}"));
    let again = console.post("/users", Some(&new)).await;
    assert_eq!(again.status, 409);
    let path = format!("/users/{id}");
    let read = console.get(&path).await;
    assert_eq!(read.status, 200);
    assert_eq!(read.json["second_factor"], false);
    assert!(read.json.get("password").is_none());
    let etag = text(&read, "etag").to_owned();
    assert_eq!(text(&made, "etag"), etag);
    let change = json!({ "role": "auditor", "scope": "user/Bundle.rs", "note": "moved" });
    let changed = console
        .ask_with("PUT", &path, Some(&change), &[("if-match", &etag)])
        .await;
    assert_eq!(changed.status, 200, "{:?}", changed.json);
    assert_eq!(changed.json["role"], "auditor");
    // What is left out has its default.
    assert_eq!(changed.json["organization"], Value::Null);
    for (tags, status) in [
        (etag.as_str(), 412),
        ("", 400),
        ("0", 400),
        ("\"a\"b\"", 400),
        ("*, \"a\"", 400),
        ("\"x\", \"y\"", 412),
        (&format!("W/{}", text(&changed, "etag")), 412),
        (&format!("\"x\", {}", text(&changed, "etag")), 200),
        ("*", 200),
    ] {
        let answer = console
            .ask_with("PUT", &path, Some(&change), &[("if-match", tags)])
            .await;
        assert_eq!(answer.status, status, "{tags}");
    }
    for act in [
        "disable",
        "enable",
        "unlock",
        "revoke-tokens",
        "end-sessions",
    ] {
        let answer = console.post(&format!("{path}/{act}"), None).await;
        assert_eq!(answer.status, 204, "{act}");
    }
    let answer = console
        .post(&format!("{path}/reset-second-factor"), None)
        .await;
    assert_eq!(answer.status, 404);
    let password = json!({ "password": "copper-window-basket-91" });
    let answer = console
        .post(&format!("{path}/password"), Some(&password))
        .await;
    assert_eq!(answer.status, 200);
    assert!(answer.json.get("password").is_none());
    let answer = console
        .post(&format!("{path}/password"), Some(&json!({})))
        .await;
    assert!(answer.text("password").len() >= 15);
    assert_eq!(console.ask("DELETE", &path, None).await.status, 204);
    assert_eq!(console.get(&path).await.status, 404);
    let rows = bench.audit("user.").await;
    assert!(
        rows.iter()
            .all(|row| row.subject.as_deref() == Some("console"))
    );
    let mut actions: Vec<_> = rows.iter().map(|row| row.action.as_str()).collect();
    actions.sort_unstable();
    let mut expected = [
        "user.add",
        "user.add",
        "user.change",
        "user.change",
        "user.change",
        "user.change",
        "user.change",
        "user.change",
        "user.change",
        "user.change",
        "user.change",
        "user.change",
        "user.disable",
        "user.enable",
        "user.unlock",
        "user.revoke-tokens",
        "user.end-sessions",
        "user.reset-second-factor",
        "user.set-password",
        "user.set-password",
        "user.delete",
        "user.read",
    ];
    expected.sort_unstable();
    assert_eq!(actions, expected);
}

#[tokio::test]
async fn a_client_from_beginning_to_end() {
    let bench = Bench::new().await;
    let console = bench.console().await;
    let mut new = json!({
        "client_id": "partner", "name": "Partner", "auth": "client_secret_basic",
        "grant_types": ["client_credentials"], "scope": "system/Bundle.rs", "audiences": [SOURCE],
        "organization": "general-hospital", "jurisdictions": ["MA"], "record_types": ["birth"],
    });
    let made = console.post("/clients", Some(&new)).await;
    assert_eq!(made.status, 201, "{:?}", made.json);
    assert_eq!(made.text("client_secret").len(), 43);
    assert_eq!(console.post("/clients", Some(&new)).await.status, 409);
    let path = "/clients/partner";
    let read = console.get(path).await;
    assert_eq!(read.json["secrets"].as_array().unwrap().len(), 1);
    assert!(read.json.get("client_secret").is_none());
    let etag = text(&read, "etag").to_owned();
    new.as_object_mut().unwrap().remove("client_id");
    new["name"] = json!("Another name");
    let changed = console
        .ask_with("PUT", path, Some(&new), &[("if-match", &etag)])
        .await;
    assert_eq!(changed.json["name"], "Another name", "{:?}", changed.json);
    let lost = console
        .ask_with("PUT", path, Some(&new), &[("if-match", &etag)])
        .await;
    assert_eq!(lost.status, 412);
    let rotated = console
        .post(&format!("{path}/rotate-secret"), Some(&json!({})))
        .await;
    assert_eq!(rotated.text("client_secret").len(), 43);
    for act in ["disable", "enable", "revoke-tokens"] {
        let answer = console.post(&format!("{path}/{act}"), None).await;
        assert_eq!(answer.status, 204, "{act}");
    }
    assert_eq!(console.ask("DELETE", path, None).await.status, 204);
    assert_eq!(console.get(path).await.status, 404);
    let used = console.ask("DELETE", "/clients/ehr-rs", None).await;
    assert_eq!(used.status, 409);
    let own = console.get("/tokens?client_id=console").await;
    let id = own.json["items"][0]["id"].as_str().unwrap().to_owned();
    for id in [id.as_str(), &id[..8], &id.to_ascii_uppercase()] {
        let answer = console.ask("DELETE", &format!("/tokens/{id}"), None).await;
        assert_eq!(answer.status, 403, "{:?}", answer.json);
    }
    // Nobody himself.
    for (method, path, body) in [
        ("DELETE", "/clients/console", None),
        ("PUT", "/clients/console", Some(&new)),
        ("POST", "/clients/console/disable", None),
        ("POST", "/clients/console/revoke-tokens", None),
        ("POST", "/clients/console/rotate-secret", Some(&json!({}))),
    ] {
        let answer = console.ask(method, path, body).await;
        assert_eq!(answer.status, 403, "{method} {path} {:?}", answer.json);
    }
}

#[tokio::test]
async fn resource_servers_keys_issuers_and_initial_tokens() {
    let bench = Bench::new().await;
    let console = bench.console().await;
    let new = json!({
        "audience": "https://new.example/fhir", "name": "New", "introspection_client_id": "ehr-rs",
        "organization": "general-hospital",
    });
    let made = console.post("/resource-servers", Some(&new)).await;
    assert_eq!(made.status, 201, "{:?}", made.json);
    let path = format!("/resource-servers/{}", made.text("id"));
    assert_eq!(console.get(&path).await.json["name"], "New");
    assert_eq!(
        console.get("/resource-servers").await.json["items"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(console.ask("DELETE", &path, None).await.status, 204);
    assert_eq!(console.get(&path).await.status, 404);
    assert_eq!(console.get("/issuers").await.json["items"], json!([]));
    let rotated = console
        .post("/keys/rotate", Some(&json!({ "algorithm": "ES256" })))
        .await;
    assert_eq!(rotated.json["state"], "next", "{:?}", rotated.json);
    assert_eq!(
        console.get("/keys").await.json["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let other = console
        .post("/keys/rotate", Some(&json!({ "algorithm": "RS256" })))
        .await;
    assert_eq!(
        (other.status.as_u16(), &other.json["field"]),
        (422, &json!("algorithm"))
    );
    let new = json!({
        "name": "for a partner", "scope": "system/Bundle.rs", "audiences": [SOURCE],
        "auth": ["private_key_jwt"], "grants": ["client_credentials"], "expires": "2026-12-01T00:00:00Z",
    });
    let made = console.post("/initial-access-tokens", Some(&new)).await;
    assert_eq!(made.status, 201, "{:?}", made.json);
    assert_eq!(made.text("initial_access_token").len(), 43);
    let listed = console.get("/initial-access-tokens").await;
    assert_eq!(listed.json["items"][0]["uses_left"], 1);
    assert!(
        !listed
            .json
            .to_string()
            .contains(made.text("initial_access_token"))
    );
    let path = format!("/initial-access-tokens/{}", made.text("id"));
    assert_eq!(console.ask("DELETE", &path, None).await.status, 204);
}

#[tokio::test]
async fn what_comes_in_wrongly_names_its_member() {
    let bench = Bench::new().await;
    let console = bench.console().await;
    let good = json!({ "username": "jane", "role": "clerk", "scope": "user/Bundle.rs" });
    type Row = (&'static str, Value, u16, &'static str);
    let rows: Vec<Row> = vec![
        ("username", json!("x"), 422, "username"),
        ("username", json!(7), 422, "username"),
        ("username", json!(null), 422, "username"),
        ("username", json!("a\0b"), 422, "username"),
        ("role", json!("chief"), 422, "role"),
        ("scope", json!("a  b"), 422, "scope"),
        ("scope", json!("user/Bundle.rs nonsense"), 422, "scope"),
        (
            "jurisdictions",
            json!(["Massachusetts"]),
            422,
            "jurisdictions",
        ),
        ("jurisdictions", json!("MA"), 422, "jurisdictions"),
        ("record_types", json!(["death"]), 422, "record_types"),
        (
            "organization_access",
            json!("every"),
            422,
            "organization_access",
        ),
        ("password", json!("short"), 422, "password"),
        ("note", json!("two\nlines"), 422, "note"),
        ("id", json!("u-1"), 422, "id"),
        ("disabled", json!(true), 422, "disabled"),
    ];
    for (name, value, status, field) in rows {
        let mut body = good.clone();
        body[name] = value;
        let answer = console.post("/users", Some(&body)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text("field")),
            (status, field),
            "{:?}",
            answer.json
        );
    }
    let raw = [
        ("application/json", "", 400),
        ("application/json", "[]", 400),
        ("application/json", "{\"role\":\"a\",\"role\":\"b\"}", 400),
        ("application/json", "{", 400),
        ("text/plain", "{}", 415),
        ("application/x-www-form-urlencoded", "a=b", 415),
    ];
    for (media, body, status) in raw {
        let token = format!("Bearer {}", console.token);
        let headers = [("content-type", media), ("authorization", token.as_str())];
        let asked = Bench::raw(Method::POST, &format!("{API}/users"), &headers, body);
        assert_eq!(bench.send(asked).await.status, status, "{media} {body}");
    }
    let packed = [("content-encoding", "gzip")];
    let answer = console
        .ask_with("POST", "/users", Some(&good), &packed)
        .await;
    assert_eq!(answer.status, 415);
    let huge = json!({ "username": "x".repeat(70_000) });
    assert_eq!(console.post("/users", Some(&huge)).await.status, 413);
    let unwanted = console.post("/users/x/unlock", Some(&json!({}))).await;
    assert_eq!(
        (unwanted.status.as_u16(), unwanted.text("field")),
        (400, "body")
    );
    for (query, field) in [
        ("?limit=0", "limit"),
        ("?limit=501", "limit"),
        ("?limit=x", "limit"),
        ("?cursor=x", "cursor"),
        ("?disabled=maybe", "disabled"),
        ("?name=x", "name"),
        ("?role=a", "role"),
        ("?role=", "role"),
        ("?role=a&role=b", "query"),
        ("?role=%00", "query"),
        ("?role=%ff", "query"),
    ] {
        let answer = console.get(&format!("/users{query}")).await;
        assert!([400, 422].contains(&answer.status.as_u16()), "{query}");
        assert_eq!(answer.text("field"), field, "{query}");
    }
    for id in ["%00", "%0a", "%ff", "%2e%2e", "u-%2F"] {
        assert_eq!(
            console.get(&format!("/users/{id}")).await.status,
            404,
            "{id}"
        );
    }
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let bench = Bench::new().await;
    let console = bench.console().await;
    let owner = bench.person("jane", "clerk", rights()).await;
    for _ in 0..3 {
        bench.signed_in(&owner).await;
    }
    let listed = console
        .get(&format!("/sessions?user_id={}&limit=2", owner.id))
        .await;
    let items = listed.json["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{:?}", listed.json);
    assert_eq!(items[0]["username"], "jane");
    let next = listed.text("next");
    let rest = console
        .get(&format!("/sessions?limit=2&cursor={next}"))
        .await;
    assert_eq!(rest.json["items"].as_array().unwrap().len(), 1);
    assert!(rest.json.get("next").is_none());
    let id = items[0]["id"].as_str().unwrap();
    let path = format!("/sessions/{id}");
    assert_eq!(console.ask("DELETE", &path, None).await.status, 204);
    assert_eq!(console.ask("DELETE", &path, None).await.status, 404);
    let path = format!("/users/{}/end-sessions", owner.id);
    assert_eq!(console.post(&path, None).await.status, 204);
    assert_eq!(console.get("/sessions").await.json["items"], json!([]));
    // Those that are over are not listed.
    bench.signed_in(&owner).await;
    bench.clock.advance(jiff::SignedDuration::from_mins(4));
    assert_eq!(
        console.get("/sessions").await.json["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

impl Bench {
    /// A session as a sign-in leaves it.
    async fn signed_in(&self, owner: &ResourceOwner) {
        let now = self.clock.now();
        let session = crate::store::sessions::StoredSession {
            user_id: owner.id.clone(),
            auth_time: now,
            last_used: now,
            expires: now + jiff::SignedDuration::from_hours(12),
            browser: Some("Firefox on Linux".to_owned()),
            source_address: Some("192.0.2.8".to_owned()),
            assurance: crate::assurance::Assurance::Aal1,
        };
        let hash = Secret::generate(self.server.random()).hash();
        self.server.db().write(Begin(hash, session)).await.unwrap();
    }
}

struct Begin(oauth::SecretHash, crate::store::sessions::StoredSession);

impl Work for Begin {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        crate::store::sessions::insert(tx, &self.0, &self.1).await
    }
}
