//! Our own resource server takes JWT access tokens (RFC 9068) as well: it introspects them like every other.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use support::http::{request, token};
use support::party::Party;

#[test]
fn our_resource_server_introspects_a_jwt_and_sees_its_revocation() {
    let party = Party::running(&[]);
    let fhir = party.fhir();
    let server = party.json(&["resource-server", "show", &fhir]);
    let text = |name: &str| server.get(name).unwrap().as_str().unwrap().to_owned();
    party.json(&["resource-server", "remove", &fhir]);
    party.json(&[
        "resource-server",
        "add",
        &fhir,
        "--name",
        "own",
        "--organization",
        &text("organization"),
        "--client-id",
        &text("introspection_client_id"),
        "--access-token-alg",
        "ES256",
    ]);
    let secret = party.add_client("api", "system/Bundle.rs");
    let granted = token(&party, "api", &secret).json();
    let jwt = granted.get("access_token").unwrap().as_str().unwrap();
    assert!(oauth::jose::issued::is_jwt(jwt), "{jwt}");
    let read = |token: &str| {
        let bearer = format!("Bearer {token}");
        request(
            &party,
            "GET",
            "/fhir/Bundle/1",
            &[("Authorization", &bearer)],
            "",
        )
        .status
    };
    assert_eq!(read(jwt), 404, "let in; there is no such record");
    let (signed, _) = jwt.rsplit_once('.').unwrap();
    assert_eq!(read(&format!("{signed}.{}", "A".repeat(86))), 401);
    party.json(&["token", "revoke", "--client", "api"]);
    assert_eq!(read(jwt), 401);
}
