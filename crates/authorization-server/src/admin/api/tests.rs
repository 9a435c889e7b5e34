//! The API from the outside. What is refused is asked of every endpoint, found in the table.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod denials;
mod registrations;
mod rows;

use axum::body::Body;
use axum::http::{Method, Request, header};
use jiff::Timestamp;
use oauth::{Scope, Secret};
use serde_json::Value;
use storage::{Transaction, Work};

use super::{ENDPOINTS, Endpoint};
use crate::administration::{API, NewClient, NewUser};
use crate::registration::{OrganizationAccess, ResourceOwner, Rights};
use crate::store::identifier;
use crate::store::tokens::{self, NewAccessToken, NewFamily};
use crate::testing::*;

pub(super) const PASSWORD: &str = "harbour-lantern-oak-42";
pub(super) const EVERYTHING: &str = "administration.read administration.write audit.read";

/// The audience of the API.
pub(super) fn here() -> Vec<String> {
    vec![format!("{ISSUER}{API}")]
}

pub(super) fn everywhere() -> Rights {
    Rights {
        organization_access: OrganizationAccess::All,
        ..rights()
    }
}

pub(super) fn elsewhere() -> Rights {
    Rights {
        organization: Some("elsewhere".to_owned()),
        ..rights()
    }
}

pub(super) fn administration_client(client_id: &str, scope: &str, rights: Rights) -> NewClient {
    NewClient {
        scope: scope.to_owned(),
        audiences: here(),
        rights,
        ..api_client(client_id)
    }
}

/// Who asks, with which token.
pub(super) struct Console<'a> {
    pub(super) bench: &'a Bench,
    pub(super) token: String,
}

impl Bench {
    /// A person of this role and these rights, registered.
    pub(super) async fn person(&self, username: &str, role: &str, rights: Rights) -> ResourceOwner {
        let new = NewUser {
            username: username.to_owned(),
            password: Secret::received(PASSWORD.to_owned()),
            role: role.to_owned(),
            scope: format!("{EVERYTHING} {USER_SCOPE}"),
            rights,
            note: None,
        };
        self.admin.add_user(new).await.unwrap()
    }

    /// With a token that somebody got through the client `app`, having signed in then.
    pub(super) async fn through_app(
        &self,
        owner: &ResourceOwner,
        scope: &str,
        auth_time: Timestamp,
    ) -> Console<'_> {
        let token = self.issued(owner, scope, here(), auth_time).await;
        Console { bench: self, token }
    }

    /// An access token out of a family, as a code's redemption leaves it.
    pub(super) async fn issued(
        &self,
        owner: &ResourceOwner,
        scope: &str,
        audiences: Vec<String>,
        auth_time: Timestamp,
    ) -> String {
        let token = Secret::generate(self.server.random());
        let now = self.clock.now();
        let family = NewFamily {
            id: identifier(self.server.random()),
            client_id: "app".to_owned(),
            user_id: owner.id.clone(),
            scope: Scope::parse(scope).unwrap(),
            audiences: audiences.clone(),
            auth_time,
            assurance: Some(crate::assurance::Assurance::Aal2),
            created: now,
            expires: now + jiff::SignedDuration::from_hours(1),
        };
        let access = NewAccessToken {
            hash: token.hash(),
            family_id: Some(family.id.clone()),
            client_id: family.client_id.clone(),
            user_id: Some(family.user_id.clone()),
            scope: family.scope.clone(),
            audiences,
            issued: now,
            expires: now + jiff::SignedDuration::from_mins(5),
        };
        self.server.db().write(Issue(family, access)).await.unwrap();
        token.expose().to_owned()
    }

    /// The client that people come through.
    pub(super) async fn app(&self) {
        let new = NewClient {
            scope: EVERYTHING.to_owned(),
            audiences: here(),
            rights: everywhere(),
            ..public_client("app")
        };
        self.add(new).await;
    }

    /// A client that administers for itself, with its token.
    pub(super) async fn console(&self) -> Console<'_> {
        self.console_of("console", everywhere()).await
    }

    /// The same with these rights.
    pub(super) async fn console_of(&self, client_id: &str, rights: Rights) -> Console<'_> {
        let new = administration_client(client_id, EVERYTHING, rights);
        let secret = self.add(new).await;
        let grant = [("grant_type", "client_credentials")];
        let answer = self
            .token(Credentials::Basic(client_id, &secret), &grant)
            .await;
        assert_eq!(answer.status, 200, "{:?}", answer.json);
        Console {
            bench: self,
            token: answer.text("access_token").to_owned(),
        }
    }
}

struct Issue(NewFamily, NewAccessToken);

impl Work for Issue {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        tokens::insert_family(tx, &self.0).await?;
        tokens::insert_access(tx, &self.1).await
    }
}

impl Console<'_> {
    pub(super) async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.ask_with(method, path, body, &[]).await
    }

    pub(super) async fn ask_with(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let request = request(method, path, body, headers);
        let (mut parts, body) = request.into_parts();
        let value = format!("Bearer {}", self.token).parse().unwrap();
        parts.headers.insert(header::AUTHORIZATION, value);
        self.bench.send(Request::from_parts(parts, body)).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Option<&Value>) -> Answer {
        self.ask("POST", path, body).await
    }
}

pub(super) fn request(
    method: &str,
    path: &str,
    body: Option<&Value>,
    headers: &[(&str, &str)],
) -> Request<Body> {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut all = headers.to_vec();
    if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
        all.push(("content-type", "application/json"));
    }
    let text = body.map(ToString::to_string).unwrap_or_default();
    Bench::raw(method, &format!("{API}{path}"), &all, &text)
}

/// The path of an endpoint with something in the place of its id.
pub(super) fn path_of(endpoint: &Endpoint, id: &str) -> String {
    endpoint.path.replace("{id}", id)
}

pub(super) fn text<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer
        .headers
        .get(name)
        .map_or("", |it| it.to_str().unwrap())
}

/// An endpoint that has a body is sent one: what is refused before it is read does not depend on it.
pub(super) fn some_body(endpoint: &Endpoint) -> Option<Value> {
    endpoint.body.map(|_| serde_json::json!({}))
}

#[test]
fn every_operation_is_somewhere_once() {
    use crate::administration::decision::OPERATIONS;
    for operation in OPERATIONS {
        let found = ENDPOINTS.iter().filter(|it| it.operation == *operation);
        assert_eq!(found.count(), 1, "{operation:?}");
    }
    let mut places: Vec<_> = ENDPOINTS
        .iter()
        .map(|it| (it.path, it.method.as_str()))
        .collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), ENDPOINTS.len());
    // What reads is asked by GET, what changes never.
    for endpoint in ENDPOINTS {
        let reads = endpoint.operation.is_read();
        assert_eq!(endpoint.method == Method::GET, reads, "{}", endpoint.path);
    }
}

#[tokio::test]
async fn the_description_is_published_and_names_every_endpoint() {
    let bench = Bench::new().await;
    let answer = bench.get(&format!("{API}/openapi.json")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json["openapi"], "3.1.0");
    assert_eq!(answer.json["servers"][0]["url"], format!("{ISSUER}{API}"));
    let paths = answer.json["paths"].as_object().unwrap();
    let described: usize = paths.values().map(|it| it.as_object().unwrap().len()).sum();
    assert_eq!(described, ENDPOINTS.len());
    for endpoint in ENDPOINTS {
        let method = endpoint.method.as_str().to_ascii_lowercase();
        let operation = &paths[endpoint.path][&method];
        assert_eq!(operation["operationId"], endpoint.operation.name());
    }
    // Every reference leads somewhere.
    let text = answer.json.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(
            answer.json["components"]["schemas"][name].is_object(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn rfc9728_the_resource_describes_itself() {
    let bench = Bench::new().await;
    let answer = bench
        .get("/.well-known/oauth-protected-resource/admin/api")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json["resource"], format!("{ISSUER}{API}"));
    assert_eq!(answer.json["authorization_servers"][0], ISSUER);
    assert_eq!(answer.json["scopes_supported"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_wrong_method_says_which_are_right() {
    let bench = Bench::new().await;
    for endpoint in ENDPOINTS {
        for method in ["PATCH", "TRACE", "OPTIONS"] {
            let path = path_of(endpoint, "x");
            let answer = bench.send(request(method, &path, None, &[])).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(text(&answer, "allow").contains(endpoint.method.as_str()));
            assert_eq!(text(&answer, "content-type"), "application/problem+json");
        }
    }
    for path in ["", "/", "/nothing", "/users/x/y/z"] {
        let answer = bench.send(request("GET", path, None, &[])).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(text(&answer, "content-type"), "application/problem+json");
    }
}
