//! RFC 8414 and RFC 7517 documents.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use oauth::jose::Jwks;
use serde_json::json;

use crate::testing::*;

#[tokio::test]
async fn metadata_says_what_is_true() {
    let bench = Bench::new().await;
    let answer = bench.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    let document = &answer.json;
    // RFC 8414 section 3.3: to the letter, so without the slash that a URL parser adds.
    assert_eq!(document["issuer"], ISSUER);
    assert_eq!(document["response_types_supported"], json!(["code"]));
    assert_eq!(
        document["code_challenge_methods_supported"],
        json!(["S256"])
    );
    assert_eq!(
        document["authorization_response_iss_parameter_supported"],
        true
    );
    assert_eq!(
        document["acr_values_supported"],
        json!(["aal1", "aal2", "phr"])
    );
    let grants = json!(["authorization_code", "client_credentials", "refresh_token"]);
    assert_eq!(document["grant_types_supported"], grants);
    let methods = &document["introspection_endpoint_auth_methods_supported"];
    assert!(!methods.as_array().unwrap().contains(&json!("none")));
    for name in ["authorization", "token", "introspection", "revocation"] {
        let url = document[format!("{name}_endpoint")].as_str().unwrap();
        let answer = bench.get(url.strip_prefix(ISSUER).unwrap()).await;
        assert_ne!(answer.status, 404, "{name}");
    }
    let jwks = document["jwks_uri"].as_str().unwrap();
    assert_eq!(
        bench.get(jwks.strip_prefix(ISSUER).unwrap()).await.status,
        200
    );
}

#[tokio::test]
async fn jwks_holds_public_keys_only() {
    let bench = Bench::new().await;
    let answer = bench.get("/oauth2/jwks").await;
    // Refused by our own parser if it held a private member.
    let keys = Jwks::parse(answer.json.to_string().as_bytes()).unwrap();
    assert_eq!(keys.keys().count(), 1);
    assert!(
        answer.headers["cache-control"]
            .to_str()
            .unwrap()
            .contains("max-age")
    );
}
