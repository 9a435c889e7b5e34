//! The API's description (OpenAPI 3.1), made of the table that the routes are made of.

use serde_json::{Map, Value, json};

use super::{ENDPOINTS, Endpoint, Shape, schemas};
use crate::AuthorizationServer;
use crate::administration::API;
use crate::administration::decision::Access;

/// The whole document.
pub(super) fn document(server: &AuthorizationServer) -> Value {
    let scopes: Map<String, Value> = Access::ALL
        .into_iter()
        .map(|access| (access.scope().to_owned(), told(access).into()))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("Administration of {}", server.config().display_name),
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
        },
        "servers": [{ "url": server.endpoint(API) }],
        "security": [{ "oauth2": [] }],
        "paths": paths(),
        "components": {
            "schemas": schemas::all(server),
            "securitySchemes": { "oauth2": {
                "type": "oauth2",
                "flows": {
                    "clientCredentials": {
                        "tokenUrl": server.endpoint("/oauth2/token"),
                        "scopes": scopes,
                    },
                    "authorizationCode": {
                        "authorizationUrl": server.endpoint("/oauth2/authorize"),
                        "tokenUrl": server.endpoint("/oauth2/token"),
                        "refreshUrl": server.endpoint("/oauth2/token"),
                        "scopes": scopes,
                    },
                },
            } },
            "responses": { "Problem": {
                "description": "Refused (RFC 9457); `field` names the member or parameter that is wrong",
                "content": { "application/problem+json": { "schema": reference("Problem") } },
            } },
        },
    })
}

fn paths() -> Map<String, Value> {
    let mut paths = Map::new();
    for endpoint in ENDPOINTS {
        let path = paths
            .entry(endpoint.path)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Some(path) = path.as_object_mut() {
            let method = endpoint.method.as_str().to_ascii_lowercase();
            path.insert(method, operation(endpoint));
        }
    }
    paths
}

fn operation(endpoint: &Endpoint) -> Value {
    let operation = endpoint.operation;
    let has_id = endpoint.path.contains("{id}");
    let mut parameters: Vec<Value> = endpoint
        .query
        .iter()
        .map(|name| schemas::parameter(name))
        .collect();
    if has_id {
        parameters.insert(0, schemas::id());
    }
    if is_versioned(endpoint) && !operation.is_read() {
        parameters.push(schemas::if_match());
    }
    let mut described = json!({
        "operationId": operation.name(),
        "summary": endpoint.summary,
        "security": [{ "oauth2": [operation.access().scope()] }],
        "x-asks-for-fresh-sign-in": operation.is_dangerous(),
        "parameters": parameters,
        "responses": responses(endpoint),
    });
    if let (Some(body), Some(members)) = (endpoint.body, described.as_object_mut()) {
        let content = json!({ "application/json": { "schema": reference(body) } });
        members.insert(
            "requestBody".to_owned(),
            json!({ "required": true, "content": content }),
        );
    }
    described
}

fn responses(endpoint: &Endpoint) -> Value {
    let problem = json!({ "$ref": "#/components/responses/Problem" });
    let json_of = |schema: Value| json!({ "application/json": { "schema": schema } });
    let (status, mut good) = match endpoint.answer {
        Shape::Page(name) => (
            "200",
            json!({ "description": "A page", "content": json_of(schemas::page(name)) }),
        ),
        Shape::One(name) => (
            "200",
            json!({ "description": "It", "content": json_of(reference(name)) }),
        ),
        Shape::Created(name) => (
            "201",
            json!({ "description": "It was made", "content": json_of(reference(name)) }),
        ),
        Shape::Done => ("204", json!({ "description": "It was done" })),
        Shape::Lines => (
            "200",
            json!({ "description": "One row a line", "content": {
                "application/jsonl": { "schema": { "type": "string" } },
                "text/csv": { "schema": { "type": "string" } },
            } }),
        ),
    };
    if is_versioned(endpoint)
        && matches!(endpoint.answer, Shape::One(_) | Shape::Created(_))
        && let Some(members) = good.as_object_mut()
    {
        let etag = json!({ "ETag": { "schema": { "type": "string" } } });
        members.insert("headers".to_owned(), etag);
    }
    let mut all = Map::new();
    all.insert(status.to_owned(), good);
    for status in refusals(endpoint) {
        all.insert(status.to_owned(), problem.clone());
    }
    Value::Object(all)
}

/// What else an operation can answer.
fn refusals(endpoint: &Endpoint) -> Vec<&'static str> {
    let mut all = vec!["400", "401", "403", "422", "503"];
    if endpoint.path.contains("{id}") {
        all.push("404");
    }
    if !endpoint.operation.is_read() {
        all.push("409");
    }
    if is_versioned(endpoint) {
        all.push("412");
    }
    if endpoint.body.is_some() {
        all.extend(["413", "415"]);
    }
    all.sort_unstable();
    all
}

/// Whether the target has versions: people and clients do.
fn is_versioned(endpoint: &Endpoint) -> bool {
    endpoint.path.starts_with("/users/{id}") || endpoint.path.starts_with("/clients/{id}")
}

fn told(access: Access) -> &'static str {
    match access {
        Access::Read => "Lists and entries; no secret is in any of them",
        Access::Write => "Changes",
        Access::Audit => "The audit",
    }
}

pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

const DESCRIPTION: &str = "People, clients, resource servers, keys, sessions, tokens and the audit of one authorization \
    server. Access tokens come from this server, for this API alone as their audience; a person's role decides as well \
    (administrators may all, auditors read), and who has one organization reaches that one only. What is marked with \
    x-asks-for-fresh-sign-in needs a sign-in of the last five minutes (RFC 9470). PUT takes a whole new state: what is \
    left out has its default. With If-Match a change is refused when it was changed since it was read.";
