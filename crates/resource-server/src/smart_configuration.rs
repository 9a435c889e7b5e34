//! `GET .well-known/smart-configuration` (SMART App Launch 2.2, "FHIR Authorization Endpoint and
//! Capabilities Discovery"): what is true of this server and of the first issuer that it trusts, which
//! is where applications get their tokens. Needs no token, and nothing in it is a secret.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use fhir::interaction::PartType;
use serde_json::{Map, Value, json};
use url::Url;

use crate::ResourceServer;
use crate::answer::{Failure, empty, set};
use crate::introspect::Metadata;

/// The document; 503 while the issuer cannot be reached, since the guide requires a token endpoint.
pub(crate) async fn answer(server: &ResourceServer) -> Response {
    let advertised = server.issuers().advertised().await;
    let words = server.config().withholding.words();
    let document = advertised.as_ref().and_then(|it| document(it, words));
    let Some(document) = document else {
        return Failure::unavailable("the issuer's endpoints are not known now").into_response();
    };
    let mut response = empty(StatusCode::OK);
    *response.body_mut() = Value::Object(document).to_string().into();
    set(&mut response, CONTENT_TYPE, "application/json");
    set(&mut response, CACHE_CONTROL, "public, max-age=300");
    response
}

/// `None` for an issuer without a token endpoint. `words` are those of scopes that open what is withheld.
fn document<'a>(
    issuer: &Metadata,
    words: impl Iterator<Item = &'a str>,
) -> Option<Map<String, Value>> {
    let token_endpoint = issuer.token_endpoint.as_ref()?;
    let addresses = [
        ("authorization_endpoint", &issuer.authorization_endpoint),
        ("registration_endpoint", &issuer.registration_endpoint),
        ("introspection_endpoint", &issuer.introspection_endpoint),
        ("revocation_endpoint", &issuer.revocation_endpoint),
    ];
    let mut document = Map::new();
    let mut tell = |name: &str, value: Value| document.insert(name.to_owned(), value);
    tell("token_endpoint", json!(token_endpoint.as_str()));
    for (name, address) in addresses {
        if let Some(address) = address {
            tell(name, json!(address.as_str()));
        }
    }
    let methods = &issuer.authentication_methods;
    tell("grant_types_supported", json!(issuer.grant_types));
    tell("response_types_supported", json!(issuer.response_types));
    tell("token_endpoint_auth_methods_supported", json!(methods));
    let algorithms = &issuer.assertion_algorithms;
    tell(
        "token_endpoint_auth_signing_alg_values_supported",
        json!(algorithms),
    );
    // The guide wants S256 in the list and `plain` out of it, whatever else the issuer may know.
    let challenges = issuer.code_challenge_methods.iter();
    let challenges: Vec<&String> = challenges.filter(|name| *name != "plain").collect();
    tell("code_challenge_methods_supported", json!(challenges));
    let mut scopes = scopes();
    scopes.extend(words.map(str::to_owned));
    tell("scopes_supported", json!(scopes));
    tell("capabilities", json!(capabilities(issuer)));
    Some(document)
}

/// SMART App Launch 2.2, "Capability Sets". No launch from an EHR, no patient in context, and no
/// OpenID Connect: those are not said.
fn capabilities(issuer: &Metadata) -> Vec<&'static str> {
    let method = |name: &str| issuer.authentication_methods.iter().any(|it| it == name);
    let code = issuer
        .grant_types
        .iter()
        .any(|it| it == "authorization_code");
    let pkce = issuer.code_challenge_methods.iter().any(|it| it == "S256");
    let people = code && pkce && issuer.authorization_endpoint.is_some();
    let refresh = issuer.grant_types.iter().any(|it| it == "refresh_token");
    [
        ("launch-standalone", people),
        ("client-public", people && method("none")),
        (
            "client-confidential-symmetric",
            method("client_secret_basic"),
        ),
        ("client-confidential-asymmetric", method("private_key_jwt")),
        ("permission-user", people),
        ("permission-offline", people && refresh),
        ("permission-v1", true),
        ("permission-v2", true),
    ]
    .into_iter()
    .filter_map(|(name, offered)| offered.then_some(name))
    .collect()
}

/// The widest words that this server honours, in the spelling of both versions. What a client is given
/// is its registration's business.
fn scopes() -> Vec<String> {
    let mut types = vec![
        ("Bundle", "cruds"),
        ("Composition", "rs"),
        ("AuditEvent", "rs"),
    ];
    types.extend(PartType::ALL.map(|part| (part.as_str(), "rs")));
    let mut scopes = Vec::new();
    for context in ["system", "user"] {
        for (name, letters) in &types {
            scopes.push(format!("{context}/{name}.{letters}"));
            scopes.push(format!("{context}/{name}.read"));
        }
        scopes.push(format!("{context}/Bundle.write"));
        scopes.push(format!("{context}/*.cruds"));
        scopes.push(format!("{context}/*.read"));
        scopes.push(format!("{context}/*.write"));
        scopes.push(format!("{context}/*.*"));
    }
    scopes
}

/// The address of the document, for those who look for it.
pub(crate) fn path(base: &Url) -> String {
    format!("{}{PATH}", base.path().trim_end_matches('/'))
}

const PATH: &str = "/.well-known/smart-configuration";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    fn issuer() -> Metadata {
        let url = |path: &str| Some(Url::parse(&format!("https://as.example{path}")).unwrap());
        let list = |items: &[&str]| items.iter().map(|it| (*it).to_owned()).collect();
        Metadata {
            authorization_endpoint: url("/authorize"),
            token_endpoint: url("/token"),
            grant_types: list(&["authorization_code", "client_credentials", "refresh_token"]),
            authentication_methods: list(&["none", "client_secret_basic", "private_key_jwt"]),
            response_types: list(&["code"]),
            code_challenge_methods: list(&["plain", "S256"]),
            ..Metadata::default()
        }
    }

    #[test]
    fn the_guide_s_required_members_are_there() {
        let document = document(&issuer(), ["sensitive/ssn"].into_iter()).unwrap();
        assert_eq!(document["token_endpoint"], "https://as.example/token");
        assert_eq!(
            document["authorization_endpoint"],
            "https://as.example/authorize"
        );
        assert_eq!(
            document["code_challenge_methods_supported"],
            json!(["S256"])
        );
        let grants = ["authorization_code", "client_credentials", "refresh_token"];
        assert_eq!(document["grant_types_supported"], json!(grants));
        assert!(document.get("introspection_endpoint").is_none());
        let capabilities = [
            "launch-standalone",
            "client-public",
            "client-confidential-symmetric",
            "client-confidential-asymmetric",
            "permission-user",
            "permission-offline",
            "permission-v1",
            "permission-v2",
        ];
        assert_eq!(document["capabilities"], json!(capabilities));
        // Conditional members of OpenID Connect, which is not offered.
        assert!(document.get("issuer").is_none() && document.get("jwks_uri").is_none());
    }

    #[test]
    fn what_an_issuer_has_not_is_not_said() {
        let machines = Metadata {
            authorization_endpoint: None,
            grant_types: vec!["client_credentials".to_owned()],
            ..issuer()
        };
        let document = document(&machines, std::iter::empty()).unwrap();
        let capabilities = [
            "client-confidential-symmetric",
            "client-confidential-asymmetric",
            "permission-v1",
            "permission-v2",
        ];
        assert_eq!(document["capabilities"], json!(capabilities));
        assert!(super::document(&Metadata::default(), std::iter::empty()).is_none());
    }

    /// Every word that is advertised permits something here.
    #[test]
    fn scopes_are_words_of_smart() {
        for word in scopes() {
            let scope = oauth::Scope::parse(&word).unwrap();
            assert_eq!(scope.others().count(), 0, "{word}");
            assert!(crate::permits_something(&word), "{word}");
        }
        assert!(scopes().contains(&"system/Bundle.cruds".to_owned()));
        assert!(scopes().contains(&"user/*.read".to_owned()));
    }
}
