//! The crates oauth2 and openidconnect, unmodified, drive a running party over TLS.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::io;

use oauth2::basic::{BasicClient, BasicErrorResponseType, BasicTokenType};
use oauth2::http::{HeaderName, HeaderValue};
use oauth2::{
    AccessToken, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IntrospectionUrl, PkceCodeChallenge,
    RedirectUrl, RefreshToken, RequestTokenError, ResourceOwnerPassword, ResourceOwnerUsername,
    RevocationUrl, Scope, StandardErrorResponse, StandardRevocableToken,
    TokenIntrospectionResponse, TokenResponse, TokenUrl,
};
use openidconnect::core::{CoreClient, CoreJsonWebKeySet, CoreJwsSigningAlgorithm};
use openidconnect::{IssuerUrl, JsonWebKey, JsonWebKeySetUrl};
use serde_json::Value;
use support::http::{Answer, FORM, request};
use support::party::Party;
use url::Url;

type Ready = BasicClient<EndpointSet, EndpointNotSet, EndpointSet, EndpointSet, EndpointSet>;

const EHR: &str = "https://ehr.example/fhir";
const SYSTEM: &str = "system/Bundle.rs";

/// The crates' way to the network: TLS that trusts the party's authority and nobody else.
fn network(party: &Party) -> impl Fn(HttpRequest) -> Result<HttpResponse, io::Error> + '_ {
    |asked| {
        let headers: Vec<_> = asked
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        assert_eq!(asked.uri().port_u16(), Some(party.port));
        let path = asked.uri().path_and_query().unwrap().as_str();
        let body = str::from_utf8(asked.body()).unwrap();
        let answer = request(party, asked.method().as_str(), path, &headers, body);
        let mut response = HttpResponse::new(answer.body.clone().into_bytes());
        *response.status_mut() = answer.status.try_into().unwrap();
        for name in ["content-type", "cache-control", "www-authenticate"] {
            if let Some(value) = answer.header(name) {
                let value = HeaderValue::from_str(value).unwrap();
                response
                    .headers_mut()
                    .insert(HeaderName::from_static(name), value);
            }
        }
        Ok(response)
    }
}

fn resource_server(party: &Party, audience: &str, more: &[&str]) -> (String, String) {
    let add = [
        "resource-server",
        "add",
        audience,
        "--name",
        "EHR",
        "--organization",
        "A Hospital",
    ];
    credentials(&party.json(&[&add, more].concat()))
}

fn registered(party: &Party, more: &[&str]) -> (String, String) {
    let add = [
        "client",
        "add",
        "Rust",
        "--audience",
        EHR,
        "--organization",
        "A Hospital",
        "--jurisdictions",
        "MA",
        "--record-types",
        "birth",
    ];
    credentials(&party.json(&[&add, more].concat()))
}

fn credentials(added: &Value) -> (String, String) {
    let text = |name: &str| {
        added
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    (text("client_id"), text("client_secret"))
}

/// The crate's client, with the endpoints that the party's metadata names.
fn client(party: &Party, (id, secret): &(String, String)) -> Ready {
    let metadata = request(
        party,
        "GET",
        "/.well-known/oauth-authorization-server",
        &[],
        "",
    )
    .json();
    let endpoint = |name: &str| {
        metadata
            .get(name)
            .and_then(Value::as_str)
            .unwrap()
            .to_owned()
    };
    let client = BasicClient::new(ClientId::new(id.clone()))
        .set_auth_uri(AuthUrl::new(endpoint("authorization_endpoint")).unwrap())
        .set_token_uri(TokenUrl::new(endpoint("token_endpoint")).unwrap())
        .set_introspection_url(IntrospectionUrl::new(endpoint("introspection_endpoint")).unwrap())
        .set_revocation_url(RevocationUrl::new(endpoint("revocation_endpoint")).unwrap());
    if secret.is_empty() {
        client
    } else {
        client.set_client_secret(ClientSecret::new(secret.clone()))
    }
}

type Refusal = StandardErrorResponse<BasicErrorResponseType>;

/// The OAuth error that a call ended with.
fn refusal<T>(result: Result<T, RequestTokenError<io::Error, Refusal>>) -> String {
    match result {
        Err(RequestTokenError::ServerResponse(error)) => error.error().as_ref().to_owned(),
        Err(other) => panic!("no answer of the server's: {other}"),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn oauth2_for_systems() {
    let party = Party::running(&[]);
    let network = network(&party);
    let server = client(&party, &resource_server(&party, EHR, &[]));
    for (method, how) in [
        ("client_secret_basic", AuthType::BasicAuth),
        ("client_secret_post", AuthType::RequestBody),
    ] {
        let (id, secret) = registered(&party, &["--auth", method, "--scope", SYSTEM]);
        let api = client(&party, &(id.clone(), secret)).set_auth_type(how);
        let granted = api
            .exchange_client_credentials()
            .add_scope(Scope::new(SYSTEM.to_owned()))
            .add_extra_param("resource", EHR)
            .request(&network)
            .unwrap();
        assert_eq!(granted.token_type(), &BasicTokenType::Bearer);
        assert_eq!(granted.scopes().unwrap(), &[Scope::new(SYSTEM.to_owned())]);
        assert!(granted.refresh_token().is_none() && granted.expires_in().is_some());

        let token = granted.access_token();
        let introspect = |token: &AccessToken| server.introspect(token).request(&network).unwrap();
        let known = introspect(token);
        assert!(known.active());
        assert_eq!(known.client_id(), Some(&ClientId::new(id.clone())));
        assert_eq!(known.aud(), Some(&vec![EHR.to_owned()]));
        assert_eq!(known.iss(), Some(party.origin().as_str()));
        assert_eq!((known.sub(), known.username()), (Some(id.as_str()), None));
        let refused = api.introspect(token).request(&network);
        assert_eq!(refusal(refused), "invalid_client");

        let revocable = StandardRevocableToken::from(token);
        api.revoke_token(revocable)
            .unwrap()
            .request(&network)
            .unwrap();
        assert!(!introspect(token).active());
        assert!(!introspect(&AccessToken::new("nobody-issued-this".to_owned())).active());
    }
}

#[test]
fn oauth2_for_systems_is_refused() {
    let party = Party::running(&[]);
    let network = network(&party);
    resource_server(&party, EHR, &[]);
    let known = registered(&party, &["--scope", SYSTEM]);
    let ask = |client: &Ready| client.exchange_client_credentials().request(&network);
    let api = client(&party, &known);
    assert!(ask(&api).is_ok());
    let wrong = |secret: &str| client(&party, &(known.0.clone(), secret.to_owned()));
    assert_eq!(refusal(ask(&wrong("wrong"))), "invalid_client");
    assert_eq!(refusal(ask(&wrong(""))), "invalid_client");
    let in_the_form = client(&party, &known).set_auth_type(AuthType::RequestBody);
    assert_eq!(refusal(ask(&in_the_form)), "invalid_client");
    let asked = api
        .exchange_client_credentials()
        .add_scope(Scope::new("system/Patient.rs".to_owned()));
    assert_eq!(refusal(asked.request(&network)), "invalid_scope");
    let asked = api
        .exchange_client_credentials()
        .add_extra_param("resource", "https://elsewhere.example");
    assert_eq!(refusal(asked.request(&network)), "invalid_target");
    let twice = api
        .exchange_client_credentials()
        .add_extra_param("grant_type", "client_credentials");
    assert_eq!(refusal(twice.request(&network)), "invalid_request");
    let user = ResourceOwnerUsername::new("a".to_owned());
    let password = ResourceOwnerPassword::new("b".to_owned());
    let asked = api.exchange_password(&user, &password);
    assert_eq!(refusal(asked.request(&network)), "unsupported_grant_type");
    party.json(&["client", "disable", &known.0]);
    assert_eq!(refusal(ask(&api)), "invalid_client");
}

/// What the person's browser does between the authorization request and the redirect back.
fn sign_in(party: &Party, start: &Url, (username, password): (&str, &str)) -> Url {
    let mut cookies = BTreeMap::new();
    let mut next = start.clone();
    let mut form: Option<String> = None;
    for _ in 0..8 {
        let cookie: Vec<String> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let origin = party.origin();
        let headers = [FORM, ("Cookie", &cookie.join("; ")), ("Origin", &origin)];
        let method = if form.is_some() { "POST" } else { "GET" };
        let path = &next[url::Position::BeforePath..];
        let answer = request(
            party,
            method,
            path,
            &headers,
            form.take().as_deref().unwrap_or(""),
        );
        if let Some((name, value)) = answer
            .header("set-cookie")
            .and_then(|it| it.split_once('='))
        {
            let value = value.split(';').next().unwrap_or_default();
            cookies.insert(name.to_owned(), value.to_owned());
        }
        if let Some(location) = answer.header("location") {
            next = next.join(location).unwrap();
            if next.as_str().starts_with(CALLBACK) {
                return next;
            }
            continue;
        }
        let consent = answer.body.contains("name=\"decision\"");
        let person: &[_] = if consent {
            &[("decision", "allow")]
        } else {
            &[("username", username), ("password", password)]
        };
        form = Some(filled_in(&answer, person));
        next.set_path(if consent { "/consent" } else { "/login" });
        next.set_query(None);
    }
    panic!("the sign-in did not end");
}

/// The hidden fields of the page's first form, and what the person adds.
fn filled_in(page: &Answer, person: &[(&str, &str)]) -> String {
    assert_eq!(page.status, 200, "{}", page.body);
    let mut fields = url::form_urlencoded::Serializer::new(String::new());
    let (form, _) = page.body.split_once("</form>").unwrap();
    for tag in form
        .split("<input")
        .skip(1)
        .map(|it| it.split('>').next().unwrap())
    {
        let value = |name: &str| {
            let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
            Some(rest.split_once('"')?.0)
        };
        if value("type") == Some("hidden") {
            fields.append_pair(value("name").unwrap(), value("value").unwrap_or(""));
        }
    }
    fields.extend_pairs(person).finish()
}

/// Registers the person, and yields the password.
fn clerk(party: &Party) -> String {
    let person = party.json(&[
        "user",
        "add",
        "a.clerk",
        "--role",
        "clerk",
        "--scope",
        "user/Bundle.rs",
        "--organization",
        "A Hospital",
        "--jurisdictions",
        "MA",
        "--record-types",
        "birth",
    ]);
    person
        .get("password")
        .and_then(Value::as_str)
        .unwrap()
        .to_owned()
}

const CALLBACK: &str = "https://ehr.example/client/callback";

#[test]
fn oauth2_for_people() {
    let party = Party::running(&[]);
    let network = network(&party);
    let server = client(&party, &resource_server(&party, EHR, &[]));
    let password = clerk(&party);
    for method in ["none", "client_secret_basic"] {
        let registered = registered(
            &party,
            &[
                "--auth",
                method,
                "--scope",
                "user/Bundle.rs",
                "--redirect-uri",
                CALLBACK,
            ],
        );
        let web = client(&party, &registered)
            .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned()).unwrap());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (start, state) = web
            .authorize_url(CsrfToken::new_random)
            .add_scope(Scope::new("user/Bundle.rs".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        let callback = sign_in(&party, &start, ("a.clerk", &password));
        let parameters: BTreeMap<_, _> = callback.query_pairs().into_owned().collect();
        assert_eq!(parameters.get("state"), Some(state.secret()));
        assert_eq!(parameters.get("iss"), Some(&party.origin()));
        let code = || AuthorizationCode::new(parameters.get("code").unwrap().clone());
        let verifier = verifier.into_secret();
        let redeem = |verifier: &str| {
            let verifier = oauth2::PkceCodeVerifier::new(verifier.to_owned());
            web.exchange_code(code())
                .set_pkce_verifier(verifier)
                .request(&network)
        };
        let granted = redeem(&verifier).unwrap();
        let known = server
            .introspect(granted.access_token())
            .request(&network)
            .unwrap();
        assert_eq!((known.active(), known.username()), (true, Some("a.clerk")));

        let refresh = |token: &RefreshToken| web.exchange_refresh_token(token).request(&network);
        let first = granted.refresh_token().unwrap();
        let renewed = refresh(first).unwrap();
        assert_ne!(
            renewed.access_token().secret(),
            granted.access_token().secret()
        );
        assert_eq!(refusal(redeem(&verifier)), "invalid_grant", "a code twice");
        assert_eq!(
            refusal(refresh(renewed.refresh_token().unwrap())),
            "invalid_grant"
        );
        assert!(
            !server
                .introspect(renewed.access_token())
                .request(&network)
                .unwrap()
                .active()
        );
    }
}

#[test]
fn oauth2_for_people_with_another_verifier() {
    let party = Party::running(&[]);
    let network = network(&party);
    resource_server(&party, EHR, &[]);
    let registered = registered(
        &party,
        &[
            "--auth",
            "none",
            "--scope",
            "user/Bundle.rs",
            "--redirect-uri",
            CALLBACK,
        ],
    );
    let password = clerk(&party);
    let web = client(&party, &registered)
        .set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned()).unwrap());
    let (challenge, _) = PkceCodeChallenge::new_random_sha256();
    let (_, another) = PkceCodeChallenge::new_random_sha256();
    let (start, _) = web
        .authorize_url(CsrfToken::new_random)
        .set_pkce_challenge(challenge)
        .url();
    let callback = sign_in(&party, &start, ("a.clerk", &password));
    let (_, code) = callback
        .query_pairs()
        .find(|(name, _)| name == "code")
        .unwrap();
    let code = AuthorizationCode::new(code.into_owned());
    let redeemed = web
        .exchange_code(code)
        .set_pkce_verifier(another)
        .request(&network);
    assert_eq!(refusal(redeemed), "invalid_grant");
}

/// Until there is OpenID Connect here, that crate's part is our keys: it reads the published set, and
/// verifies our JWTs with it.
#[test]
fn openidconnect_verifies_access_tokens_with_the_published_keys() {
    let party = Party::running(&[]);
    let network = network(&party);
    let url = JsonWebKeySetUrl::new(format!("{}/oauth2/jwks", party.origin())).unwrap();
    let keys = CoreJsonWebKeySet::fetch(&url, &network).unwrap();
    assert!(keys.keys().len() >= 2);
    for (name, algorithm) in [
        ("ES256", CoreJwsSigningAlgorithm::EcdsaP256Sha256),
        ("RS256", CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256),
    ] {
        let audience = format!("https://{}.example/fhir", name.to_lowercase());
        let server = resource_server(&party, &audience, &["--access-token-alg", name]);
        let (id, secret) = credentials(&party.json(&[
            "client",
            "add",
            "Rust",
            "--audience",
            &audience,
            "--organization",
            "A Hospital",
            "--jurisdictions",
            "MA",
            "--record-types",
            "birth",
            "--scope",
            SYSTEM,
        ]));
        let issuer = IssuerUrl::new(party.origin()).unwrap();
        let api = CoreClient::new(ClientId::new(id), issuer, keys.clone())
            .set_client_secret(ClientSecret::new(secret))
            .set_token_uri(TokenUrl::new(format!("{}/oauth2/token", party.origin())).unwrap());
        let granted = api.exchange_client_credentials().request(&network).unwrap();
        let token = granted.access_token().secret();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let header: Value = decoded(signed.split('.').next().unwrap());
        let (kid, typ) = (header.get("kid").unwrap(), header.get("typ").unwrap());
        assert_eq!(typ, "at+jwt");
        let named = keys
            .keys()
            .iter()
            .find(|key| key.key_id().is_some_and(|it| kid == it.as_str()));
        let signature = base64(signature);
        let verified = |message: &str| {
            named
                .unwrap()
                .verify_signature(&algorithm, message.as_bytes(), &signature)
        };
        verified(signed).unwrap();
        assert!(verified(&format!("{signed}x")).is_err());
        let introspected = client(&party, &server)
            .introspect(granted.access_token())
            .request(&network)
            .unwrap();
        assert!(introspected.active());
    }
}

fn base64(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(text)
        .unwrap()
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&base64(part)).unwrap()
}
