//! The table of the API: which operation is where, and what goes in and out.

use axum::http::Method;

use super::{Endpoint, Shape};
use crate::administration::decision::Operation;

/// All endpoints, one per operation.
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    get(
        Operation::UserList,
        "/users",
        "List people",
        USER_QUERY,
        Shape::Page("User"),
    ),
    post(
        Operation::UserAdd,
        "/users",
        "Register a person; a password that is made is shown this once",
        Some("NewUser"),
        Shape::Created("UserWithPassword"),
    ),
    get(
        Operation::UserRead,
        "/users/{id}",
        "Show a person",
        &[],
        Shape::One("User"),
    ),
    put(
        Operation::UserChange,
        "/users/{id}",
        "Give a person another role, scope, rights and note",
        "UserChange",
        Shape::One("User"),
    ),
    delete(
        Operation::UserRemove,
        "/users/{id}",
        "Remove a person with sessions and tokens",
    ),
    act(
        Operation::UserDisable,
        "/users/{id}/disable",
        "Shut a person out; sessions and tokens end at once",
    ),
    act(
        Operation::UserEnable,
        "/users/{id}/enable",
        "Let a disabled person in again",
    ),
    post(
        Operation::UserSetPassword,
        "/users/{id}/password",
        "Give a person another password; one that is made is shown this once",
        Some("NewPassword"),
        Shape::One("Password"),
    ),
    act(
        Operation::UserResetSecondFactor,
        "/users/{id}/reset-second-factor",
        "Take a lost second factor away",
    ),
    act(
        Operation::UserUnlock,
        "/users/{id}/unlock",
        "Forget failed sign-ins",
    ),
    act(
        Operation::UserRevokeTokens,
        "/users/{id}/revoke-tokens",
        "Revoke everything that was issued on behalf of a person",
    ),
    act(
        Operation::UserEndSessions,
        "/users/{id}/end-sessions",
        "End all sessions of a person",
    ),
    get(
        Operation::ClientList,
        "/clients",
        "List clients",
        CLIENT_QUERY,
        Shape::Page("Client"),
    ),
    post(
        Operation::ClientAdd,
        "/clients",
        "Register a client; its secret is shown this once",
        Some("NewClient"),
        Shape::Created("ClientWithSecret"),
    ),
    get(
        Operation::ClientRead,
        "/clients/{id}",
        "Show a client with the dates of its secrets",
        &[],
        Shape::One("Client"),
    ),
    put(
        Operation::ClientChange,
        "/clients/{id}",
        "Give a client another registration",
        "ClientChange",
        Shape::One("Client"),
    ),
    delete(
        Operation::ClientRemove,
        "/clients/{id}",
        "Remove a client with all that was issued to it",
    ),
    act(
        Operation::ClientDisable,
        "/clients/{id}/disable",
        "Refuse a client, and revoke its tokens",
    ),
    act(
        Operation::ClientEnable,
        "/clients/{id}/enable",
        "Let a disabled client in again",
    ),
    post(
        Operation::ClientRotateSecret,
        "/clients/{id}/rotate-secret",
        "Make a new secret, shown this once, and let the present one end after a while",
        Some("NewSecret"),
        Shape::One("SecretOnce"),
    ),
    act(
        Operation::ClientRevokeTokens,
        "/clients/{id}/revoke-tokens",
        "Revoke everything that was issued to a client",
    ),
    get(
        Operation::ResourceServerList,
        "/resource-servers",
        "List resource servers",
        &[],
        Shape::Page("ResourceServer"),
    ),
    post(
        Operation::ResourceServerAdd,
        "/resource-servers",
        "Register a resource server; its client is registered already",
        Some("NewResourceServer"),
        Shape::Created("ResourceServer"),
    ),
    get(
        Operation::ResourceServerRead,
        "/resource-servers/{id}",
        "Show a resource server",
        &[],
        Shape::One("ResourceServer"),
    ),
    delete(
        Operation::ResourceServerRemove,
        "/resource-servers/{id}",
        "Remove a resource server",
    ),
    get(
        Operation::IssuerList,
        "/issuers",
        "List the issuers that the configuration trusts",
        &[],
        Shape::Page("Issuer"),
    ),
    get(
        Operation::KeyList,
        "/keys",
        "List the signing keys",
        &[],
        Shape::Page("Key"),
    ),
    post(
        Operation::KeyRotate,
        "/keys/rotate",
        "Make the successor of a signing key",
        Some("KeyRotation"),
        Shape::One("Key"),
    ),
    get(
        Operation::SessionList,
        "/sessions",
        "List who is signed in",
        &["user_id", "cursor", "limit"],
        Shape::Page("Session"),
    ),
    delete(Operation::SessionEnd, "/sessions/{id}", "End a session"),
    get(
        Operation::TokenList,
        "/tokens",
        "List access tokens that have not expired",
        &["client_id", "user_id", "cursor", "limit"],
        Shape::Page("Token"),
    ),
    delete(
        Operation::TokenRevoke,
        "/tokens/{id}",
        "Revoke a token by its listed id, or a whole family by its own",
    ),
    get(
        Operation::InitialAccessTokenList,
        "/initial-access-tokens",
        "List initial access tokens",
        &[],
        Shape::Page("InitialAccessToken"),
    ),
    post(
        Operation::InitialAccessTokenAdd,
        "/initial-access-tokens",
        "Make an initial access token, shown this once",
        Some("NewInitialAccessToken"),
        Shape::Created("InitialAccessTokenOnce"),
    ),
    delete(
        Operation::InitialAccessTokenEnd,
        "/initial-access-tokens/{id}",
        "Register no more clients with an initial access token",
    ),
    get(
        Operation::AuditSearch,
        "/audit",
        "Search the audit, newest first",
        AUDIT_QUERY,
        Shape::Page("AuditEvent"),
    ),
    get(
        Operation::AuditExport,
        "/audit/export",
        "Export the audit as JSON lines or CSV",
        EXPORT_QUERY,
        Shape::Lines,
    ),
];

const fn get(
    operation: Operation,
    path: &'static str,
    summary: &'static str,
    query: &'static [&'static str],
    answer: Shape,
) -> Endpoint {
    Endpoint {
        operation,
        method: Method::GET,
        path,
        summary,
        query,
        body: None,
        answer,
    }
}

const fn post(
    operation: Operation,
    path: &'static str,
    summary: &'static str,
    body: Option<&'static str>,
    answer: Shape,
) -> Endpoint {
    Endpoint {
        operation,
        method: Method::POST,
        path,
        summary,
        query: &[],
        body,
        answer,
    }
}

const fn put(
    operation: Operation,
    path: &'static str,
    summary: &'static str,
    body: &'static str,
    answer: Shape,
) -> Endpoint {
    Endpoint {
        operation,
        method: Method::PUT,
        path,
        summary,
        query: &[],
        body: Some(body),
        answer,
    }
}

const fn act(operation: Operation, path: &'static str, summary: &'static str) -> Endpoint {
    post(operation, path, summary, None, Shape::Done)
}

const fn delete(operation: Operation, path: &'static str, summary: &'static str) -> Endpoint {
    Endpoint {
        operation,
        method: Method::DELETE,
        path,
        summary,
        query: &[],
        body: None,
        answer: Shape::Done,
    }
}

const USER_QUERY: &[&str] = &[
    "username",
    "role",
    "organization",
    "disabled",
    "cursor",
    "limit",
];
const CLIENT_QUERY: &[&str] = &["name", "organization", "disabled", "cursor", "limit"];
const AUDIT_QUERY: &[&str] = &[
    "since",
    "until",
    "action",
    "outcome",
    "client_id",
    "subject",
    "organization",
    "record_id",
    "source_address",
    "request_id",
    "cursor",
    "limit",
];
const EXPORT_QUERY: &[&str] = &[
    "since",
    "until",
    "action",
    "outcome",
    "client_id",
    "subject",
    "organization",
    "record_id",
    "source_address",
    "request_id",
    "format",
];
