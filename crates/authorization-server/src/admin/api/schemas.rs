//! The schemas of the description: what goes in, strictly, and what comes out.

use oauth::jose::Algorithm;
use serde_json::{Map, Value, json};

use super::openapi::reference;
use crate::administration::users::ROLES;
use crate::registration::{ClientAuthenticationMethod, GrantType, Profile};
use crate::{AuthorizationServer, KeyState};

/// All of them by name.
pub(super) fn all(server: &AuthorizationServer) -> Map<String, Value> {
    let config = server.config();
    let algorithms: Vec<_> = config
        .signing_algorithms
        .iter()
        .map(|it| it.as_str())
        .collect();
    let rights = rights_in(&config.jurisdictions);
    let mut all = Map::new();
    let mut add = |name: &str, schema: Value| all.insert(name.to_owned(), schema);
    people(&rights, &mut add);
    clients(&rights, &mut add);
    registrations(&rights, &algorithms, &mut add);
    issued(&mut add);
    add("Problem", problem());
    all
}

type Add<'a> = dyn FnMut(&str, Value) -> Option<Value> + 'a;

fn people(rights: &Value, add: &mut Add<'_>) {
    let change = json!({
        "role": { "enum": ROLES },
        "scope": scope(),
        "note": or_null(&text()),
    });
    let change = joined(&change, rights);
    let new = json!({
        "username": { "type": "string", "pattern": "^[a-z0-9._@+-]{2,100}$" },
        "password": password(),
    });
    add("UserChange", object(&change, &["role", "scope"]));
    add(
        "NewUser",
        object(&joined(&new, &change), &["username", "role", "scope"]),
    );
    add(
        "NewPassword",
        object(&json!({ "password": password() }), &[]),
    );
    let identity = object(
        &json!({ "issuer": string(), "subject": string(), "created": time(), "used": or_null(&time()) }),
        &["issuer", "subject"],
    );
    let shown = json!({
        "identities": list(&identity),
        "username": string(), "id": string(), "role": string(), "scope": string(), "disabled": boolean(),
        "created": time(), "note": or_null(&string()), "second_factor": boolean(),
    });
    let shown = joined(&shown, &rights_out());
    let needed = [
        "username", "id", "role", "scope", "disabled", "created", "note",
    ];
    add("User", object(&shown, &needed));
    let once = json!({ "password": string() });
    add("UserWithPassword", object(&joined(&shown, &once), &needed));
    add(
        "Password",
        object(
            &json!({ "username": string(), "password": string() }),
            &["username"],
        ),
    );
}

fn clients(rights: &Value, add: &mut Add<'_>) {
    let methods = ClientAuthenticationMethod::ALL.map(ClientAuthenticationMethod::as_str);
    let change = json!({
        "name": text(),
        "auth": { "enum": methods },
        "grant_types": list(&json!({ "enum": GrantType::ALL.map(GrantType::as_str) })),
        "scope": { "type": "string", "maxLength": 8000 },
        "audiences": list(&uri()),
        "redirect_uris": list(&uri()),
        "profile": or_null(&json!({ "enum": Profile::ALL.map(Profile::as_str) })),
        "assertion_algs": list(&json!({ "enum": Algorithm::ALL.map(Algorithm::as_str) })),
        "require_par": boolean(),
        "assertion_audience": or_null(&json!({ "enum": ["issuer", "token_endpoint"] })),
        "introspection_alg": or_null(&json!({ "enum": Algorithm::ALL.map(Algorithm::as_str) })),
        "jwks": or_null(&json!({ "type": "object" })),
        "jwks_uri": or_null(&uri()),
        "access_token_lifetime_s": or_null(&json!({ "type": "integer", "minimum": 1, "maximum": 86400 })),
        "note": or_null(&string()),
    });
    let change = joined(&change, rights);
    let new = json!({
        "client_id": { "type": "string", "pattern": "^[A-Za-z0-9._~-]{1,100}$" },
        "secret_expires": time(),
    });
    add("ClientChange", object(&change, &["name", "auth"]));
    add(
        "NewClient",
        object(&joined(&new, &change), &["name", "auth"]),
    );
    let secret = json!({
        "id": string(), "name": string(), "created": time(), "expires": or_null(&time()),
    });
    let needed = ["id", "name", "created", "expires"];
    add("Secret", object(&secret, &needed));
    let once = joined(&secret, &json!({ "client_secret": string() }));
    add("SecretOnce", object(&once, &["id", "client_secret"]));
    add(
        "NewSecret",
        object(
            &json!({
                "name": text(),
                "expires": time(),
                "overlap_days": { "type": "integer", "minimum": 0, "maximum": 90 },
            }),
            &[],
        ),
    );
    let shown = json!({
        "client_id": string(), "name": string(), "auth": string(), "grant_types": list(&string()),
        "scope": string(), "audiences": list(&string()), "redirect_uris": list(&string()),
        "profile": string(), "assertion_algs": list(&string()), "require_par": boolean(),
        "assertion_audience": string(), "jwks_uri": or_null(&string()),
        "access_token_lifetime_s": or_null(&json!({ "type": "integer" })), "disabled": boolean(),
        "created": time(), "note": or_null(&string()), "introspection_alg": string(),
        "jwks": { "type": "object" }, "secrets": list(&reference("Secret")),
    });
    let shown = joined(&shown, &rights_out());
    let needed = ["client_id", "name", "auth", "scope", "disabled", "created"];
    add("Client", object(&shown, &needed));
    let once = json!({ "client_secret": string() });
    add("ClientWithSecret", object(&joined(&shown, &once), &needed));
}

fn registrations(rights: &Value, algorithms: &[&str], add: &mut Add<'_>) {
    let new = json!({
        "audience": uri(), "name": text(), "introspection_client_id": string(), "organization": text(),
        "access_token_alg": or_null(&json!({ "enum": algorithms })),
    });
    let needed = [
        "audience",
        "name",
        "introspection_client_id",
        "organization",
    ];
    add("NewResourceServer", object(&new, &needed));
    add(
        "ResourceServer",
        object(
            &json!({
                "audience": string(), "name": string(), "introspection_client_id": string(), "organization": string(),
                "access_token_alg": or_null(&string()), "created": time(), "id": string(),
            }),
            &["id", "audience"],
        ),
    );
    add(
        "Issuer",
        object(
            &json!({ "issuer": string(), "trusted_for": string() }),
            &["issuer"],
        ),
    );
    add(
        "KeyRotation",
        object(
            &json!({
                "algorithm": { "enum": algorithms }, "compromised": boolean(),
            }),
            &["algorithm"],
        ),
    );
    let states = [
        KeyState::Next,
        KeyState::Active,
        KeyState::Retiring,
        KeyState::Retired,
    ];
    add(
        "Key",
        object(
            &json!({
                "kid": string(), "algorithm": string(), "state": { "enum": states.map(KeyState::as_str) },
                "published_from": time(), "signs_from": time(), "signs_until": or_null(&time()),
                "published_until": or_null(&time()),
            }),
            &["kid", "state"],
        ),
    );
    let methods = ClientAuthenticationMethod::ALL.map(ClientAuthenticationMethod::as_str);
    let new = json!({
        "name": text(), "scope": scope(), "audiences": list(&uri()),
        "auth": { "type": "array", "minItems": 1, "items": { "enum": methods } },
        "grants": { "type": "array", "minItems": 1, "items": { "enum": GrantType::ALL.map(GrantType::as_str) } },
        "uses": { "type": "integer", "minimum": 1, "maximum": 1000 }, "expires": time(),
    });
    let needed = ["name", "scope", "audiences", "auth", "grants", "expires"];
    add(
        "NewInitialAccessToken",
        object(&joined(&new, rights), &needed),
    );
    let shown = json!({
        "id": string(), "name": string(), "scope": string(), "audiences": list(&string()),
        "grants": list(&string()), "auth": list(&string()), "uses_left": { "type": "integer" },
        "expires": time(),
    });
    let shown = joined(&shown, &rights_out());
    add("InitialAccessToken", object(&shown, &["id", "name"]));
    let once = json!({ "initial_access_token": string() });
    add(
        "InitialAccessTokenOnce",
        object(&joined(&shown, &once), &["id", "initial_access_token"]),
    );
}

fn issued(add: &mut Add<'_>) {
    add(
        "Session",
        object(
            &json!({
                "id": string(), "user_id": string(), "username": string(), "browser": or_null(&string()),
                "source_address": or_null(&string()), "since": time(), "last_used": time(), "expires": time(),
                "second_factor": boolean(),
            }),
            &["id", "user_id"],
        ),
    );
    add(
        "Token",
        object(
            &json!({
                "id": string(), "family_id": or_null(&string()), "client_id": string(),
                "user_id": or_null(&string()), "scope": string(), "audiences": list(&string()),
                "issued": time(), "expires": time(), "revoked": boolean(),
            }),
            &["id", "client_id"],
        ),
    );
    let some = || or_null(&string());
    add(
        "AuditEvent",
        object(
            &json!({
                "id": string(), "at": time(), "party": string(), "role": string(), "action": string(),
                "outcome": { "enum": ["allowed", "denied"] }, "reason": some(), "client_id": some(),
                "subject": some(), "organization": some(), "jurisdiction": some(), "record_id": some(),
                "record_type": some(), "token_id": some(), "source_address": some(), "request_id": some(),
            }),
            &["id", "at", "action", "outcome"],
        ),
    );
}

fn problem() -> Value {
    json!({
        "type": "object",
        "properties": {
            "type": string(), "title": string(), "status": { "type": "integer" },
            "detail": string(), "field": string(), "error": string(),
        },
        "required": ["type", "title", "status"],
    })
}

/// A page of these.
pub(super) fn page(name: &str) -> Value {
    object(
        &json!({ "items": list(&reference(name)), "next": string() }),
        &["items"],
    )
}

/// A parameter of a query.
pub(super) fn parameter(name: &str) -> Value {
    let schema = match name {
        "limit" => json!({ "type": "integer", "minimum": 1, "maximum": 500 }),
        "disabled" => boolean(),
        "since" | "until" => time(),
        "outcome" => json!({ "type": "string", "enum": ["allowed", "denied"] }),
        "format" => json!({ "type": "string", "enum": ["jsonl", "csv"] }),
        "role" => json!({ "type": "string", "enum": ROLES }),
        // What `next` of the page before says, whole.
        "cursor" => json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+$" }),
        _ => json!({ "type": "string", "pattern": "^[^\\u0000-\\u0008\\u000a-\\u001f\\u007f]+$" }),
    };
    json!({ "name": name, "in": "query", "schema": schema })
}

/// The parameter of a path.
pub(super) fn id() -> Value {
    json!({ "name": "id", "in": "path", "required": true,
        "schema": { "type": "string", "pattern": "^[A-Za-z0-9._~-]{1,100}$" } })
}

/// RFC 9110 section 13.1.1.
pub(super) fn if_match() -> Value {
    json!({ "name": "If-Match", "in": "header", "schema": {
        "anyOf": [{ "const": "*" }, { "type": "string", "pattern": TAGS }],
    } })
}

/// Entity tags (RFC 9110 section 8.8.3) after commas.
const TAGS: &str = r#"^(W/)?"[!#-+\--~]*"(, ?(W/)?"[!#-+\--~]*")*$"#;

fn rights_in(jurisdictions: &[String]) -> Value {
    let jurisdiction = if jurisdictions.is_empty() {
        json!({ "type": "string", "pattern": "^[A-Z]{2}$" })
    } else {
        json!({ "enum": jurisdictions })
    };
    json!({
        "organization": or_null(&text()),
        "organization_access": or_null(&json!({ "enum": ["own", "all"] })),
        "jurisdictions": list(&jurisdiction),
        "record_types": list(&json!({ "enum": ["birth", "fetal-death"] })),
        "facilities": or_null(&json!({ "type": "array", "maxItems": 50,
            "items": { "type": "string", "pattern": "^[.-]{0,20}[A-Za-z0-9][A-Za-z0-9.-]{0,40}$" } })),
    })
}

fn rights_out() -> Value {
    json!({
        "organization": or_null(&string()), "organization_access": { "enum": ["own", "all"] },
        "jurisdictions": list(&string()), "record_types": list(&string()),
        "facilities": or_null(&list(&string())),
    })
}

fn object(properties: &Value, required: &[&str]) -> Value {
    json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    })
}

fn joined(left: &Value, right: &Value) -> Value {
    let members = [left, right].into_iter().filter_map(Value::as_object);
    Value::Object(
        members
            .flatten()
            .map(|(name, it)| (name.clone(), it.clone()))
            .collect(),
    )
}

fn or_null(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn string() -> Value {
    json!({ "type": "string" })
}

/// 1 to 200 characters, none of them a control character.
fn text() -> Value {
    json!({ "type": "string", "pattern": "^[!-~]([ -~]{0,198}[!-~])?$" })
}

fn scope() -> Value {
    json!({ "type": "string", "pattern": "^[!#-\\[\\]-~]{1,50}( [!#-\\[\\]-~]{1,50}){0,9}$" })
}

fn password() -> Value {
    json!({ "type": "string", "minLength": 15, "maxLength": 128 })
}

fn uri() -> Value {
    json!({ "type": "string", "format": "uri" })
}

fn boolean() -> Value {
    json!({ "type": "boolean" })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}
