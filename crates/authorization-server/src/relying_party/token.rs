//! The code's exchange: RFC 6749 section 4.1.3, OpenID Connect Core section 3.1.3.

use std::time::Duration;

use oauth::jose::client_assertion::{self, NewAssertion};
use oauth::pkce::CodeVerifier;
use oauth::{BasicCredentials, Secret, strict};
use outbound::{HeaderValue, Purpose, Request, Response, header};
use serde::Deserialize;

use super::discovery::{Endpoints, guarded};
use super::{Credentials, IdentityProvider, Refused, redirect_uri};
use crate::AuthorizationServer;

/// What the token endpoint gave.
pub(super) struct Tokens {
    pub(super) access_token: Secret,
    pub(super) id_token: Secret,
}

/// Redeems a code, once: it is never sent a second time.
pub(super) async fn exchange(
    server: &AuthorizationServer,
    provider: &IdentityProvider,
    endpoints: &Endpoints,
    code: &Secret,
    verifier: &CodeVerifier,
) -> Result<Tokens, Refused> {
    let redirect_uri = redirect_uri(server, provider);
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.expose()),
        ("redirect_uri", redirect_uri.as_str()),
        ("code_verifier", verifier.expose()),
    ];
    let request = request(server, provider, endpoints, &form)?.deadline(DEADLINE);
    let answer = server.relying_party().outbound.send(request).await;
    let answer = answer
        .map_err(|error| Refused::Unavailable(format!("token endpoint: {}", error.kind())))?;
    read(&answer)
}

fn request(
    server: &AuthorizationServer,
    provider: &IdentityProvider,
    endpoints: &Endpoints,
    form: &[(&str, &str)],
) -> Result<Request, Refused> {
    let mut form = form.to_vec();
    let ours = |why: &str| Refused::Misconfigured(why.to_owned());
    let client_id = provider.client_id.as_str();
    let mut authorization = None;
    let assertion;
    match &provider.credentials {
        Credentials::Secret(secret) if endpoints.secret_in_body => {
            form.push(("client_id", client_id));
            form.push(("client_secret", secret.expose()));
        }
        Credentials::Secret(secret) => {
            let value = BasicCredentials::header(client_id, secret.expose());
            let value = HeaderValue::try_from(value);
            let mut value = value.map_err(|_| ours("unusable client secret"))?;
            value.set_sensitive(true);
            authorization = Some(value);
        }
        Credentials::PrivateKey {
            key,
            token_endpoint_style,
        } => {
            let new = NewAssertion {
                client_id,
                audience: if *token_endpoint_style {
                    endpoints.token.as_str()
                } else {
                    &provider.issuer
                },
                token_endpoint_style: *token_endpoint_style,
            };
            let now = server.clock().now();
            assertion = client_assertion::sign(key, &new, server.random(), now)
                .map_err(|_| ours("unusable private key"))?;
            form.push(("client_id", client_id));
            form.push(("client_assertion_type", JWT_BEARER));
            form.push(("client_assertion", &assertion));
        }
    }
    let body = oauth::form::encode(&form).into_bytes();
    let request = Request::post(endpoints.token.clone(), Purpose::Token, FORM, body)
        .header(header::ACCEPT, HeaderValue::from_static("application/json"));
    let request = match authorization {
        Some(value) => request.header(header::AUTHORIZATION, value),
        None => request,
    };
    Ok(guarded(provider, request))
}

fn read(answer: &Response) -> Result<Tokens, Refused> {
    let untrusted = |why: &str| Refused::Untrusted(why.to_owned());
    match answer.status.as_u16() {
        200 => {}
        status @ (429 | 500..=599) => {
            return Err(Refused::Unavailable(format!("token endpoint: {status}")));
        }
        _ => return Err(refusal(answer)),
    }
    if answer.body.len() > BYTES {
        return Err(untrusted("the token response is too large"));
    }
    let response: TokenResponse = strict::read(&answer.body)
        .ok_or_else(|| untrusted("no token response with an ID Token"))?;
    if !response.token_type.eq_ignore_ascii_case("Bearer") {
        return Err(untrusted("not a Bearer token"));
    }
    Ok(Tokens {
        access_token: Secret::received(response.access_token),
        id_token: Secret::received(response.id_token),
    })
}

/// RFC 6749 section 5.2. A code that the provider does not know is an answer that does not count; everything else is
/// between its configuration and ours.
fn refusal(answer: &Response) -> Refused {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    match strict::read::<Refusal>(&answer.body) {
        Some(Refusal { error }) if error == "invalid_grant" => {
            Refused::Untrusted("the code was refused: invalid_grant".to_owned())
        }
        Some(Refusal { error }) => match Refused::of_error(&error) {
            Refused::Denied(code) => Refused::Misconfigured(code),
            other => other,
        },
        None => Refused::Untrusted("neither a token response nor an OAuth error".to_owned()),
    }
}

/// OpenID Connect Core section 3.1.3.3.
#[derive(Deserialize)]
struct TokenResponse {
    access_token: String,
    token_type: String,
    id_token: String,
}

/// RFC 7523 section 2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const FORM: &str = "application/x-www-form-urlencoded";
/// A person waits meanwhile.
const DEADLINE: Duration = Duration::from_secs(10);
/// An ID Token of 32 KiB, an access token and a refresh token.
const BYTES: usize = 256 * 1024;
