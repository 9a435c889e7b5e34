//! Client authentication (RFC 6749 section 2.3, RFC 7523 section 2.2, RFC 10070).
//!
//! A request authenticates by exactly one method, and by the one that the client is registered with:
//! otherwise the weaker method would do for every client.

use std::sync::Arc;

use axum::http::{HeaderValue, header};
use jiff::Timestamp;
use oauth::basic::BasicCredentials;
use oauth::jose::Jwks;
use oauth::jose::client_assertion::{self, AssertionError, AssertionPolicy};
use oauth::{Error, ErrorCode, Parameters, Secret};

use crate::AuthorizationServer;
use crate::endpoint::{Failure, PostedForm};
use crate::registration::{AssertionAudience, Client, ClientAuthenticationMethod};
use crate::store;
use crate::store::assertions::Assertion;

/// A client that has proven who it is, or a public one that has named itself. Not `Clone`: the
/// assertion that it came with is used up by taking this apart.
#[must_use]
pub(crate) struct AuthenticatedClient {
    client: Client,
    assertion: Option<Assertion>,
}

impl AuthenticatedClient {
    /// The registration as it was read for this request.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The client and the assertion that the endpoint's transaction has to record, whatever it answers.
    pub(crate) fn into_parts(self) -> (Client, Option<Assertion>) {
        (self.client, self.assertion)
    }
}

/// A failed authentication, with the registered client it concerned, for the audit, and an assertion
/// that this client did sign, to be recorded although it was refused.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) failure: Failure,
    pub(crate) client_id: Option<String>,
    pub(crate) assertion: Option<Assertion>,
    /// For the audit only: on the wire all of them look alike.
    pub(crate) cause: Option<String>,
}

/// Authenticates the client of a posted form.
///
/// # Errors
/// `invalid_request` for several methods at once or half of one, `invalid_client` for everything else;
/// the latter always in the same words, so that registered ids cannot be found out.
pub(crate) async fn authenticate(
    server: &AuthorizationServer,
    form: &PostedForm,
) -> Result<AuthenticatedClient, Rejected> {
    match Presented::parse(form)? {
        Presented::Secret {
            method,
            client_id,
            secret,
        } => by_secret(server, method, &client_id, &secret).await,
        Presented::Assertion { jwt, client_id } => {
            by_assertion(server, &jwt, client_id.as_deref()).await
        }
        Presented::Name { client_id } => by_name(server, &client_id).await,
    }
}

/// What a request brings to prove its client, unchecked.
enum Presented {
    Secret {
        method: ClientAuthenticationMethod,
        client_id: String,
        secret: Secret,
    },
    Assertion {
        jwt: String,
        client_id: Option<String>,
    },
    Name {
        client_id: String,
    },
}

impl Presented {
    fn parse(form: &PostedForm) -> Result<Self, Failure> {
        let parameters = &form.parameters;
        let mut headers = form.headers.get_all(header::AUTHORIZATION).iter();
        let authorization = headers.next();
        let client_id = parameters.get("client_id");
        let secret = parameters.get("client_secret");
        let assertion = parameters.get("client_assertion");
        let assertion_type = parameters.get("client_assertion_type");
        let by_assertion = assertion.is_some() || assertion_type.is_some();
        let methods = [authorization.is_some(), secret.is_some(), by_assertion];
        if headers.next().is_some() || methods.iter().filter(|used| **used).count() > 1 {
            return Err(Failure::invalid_request(
                "a request authenticates its client once",
            ));
        }
        if let Some(authorization) = authorization {
            return Self::basic(authorization, client_id);
        }
        if by_assertion {
            return Self::assertion(parameters);
        }
        let client_id = client_id.ok_or_else(refused)?.to_owned();
        Ok(match secret {
            Some(secret) => Self::Secret {
                method: ClientAuthenticationMethod::ClientSecretPost,
                client_id,
                secret: Secret::received(secret.to_owned()),
            },
            None => Self::Name { client_id },
        })
    }

    fn basic(authorization: &HeaderValue, client_id: Option<&str>) -> Result<Self, Failure> {
        let credentials = authorization
            .to_str()
            .ok()
            .and_then(|text| BasicCredentials::parse(text).ok())
            .ok_or_else(basic_refused)?;
        if client_id.is_some_and(|named| named != credentials.client_id()) {
            return Err(Failure::invalid_request("client_id names another client"));
        }
        Ok(Self::Secret {
            method: ClientAuthenticationMethod::ClientSecretBasic,
            client_id: credentials.client_id().to_owned(),
            secret: credentials.into_secret(),
        })
    }

    fn assertion(parameters: &Parameters) -> Result<Self, Failure> {
        let jwt = parameters.require("client_assertion")?;
        if parameters.require("client_assertion_type")? != JWT_BEARER {
            return Err(refused());
        }
        Ok(Self::Assertion {
            jwt: jwt.to_owned(),
            client_id: parameters.get("client_id").map(str::to_owned),
        })
    }
}

async fn by_secret(
    server: &AuthorizationServer,
    method: ClientAuthenticationMethod,
    client_id: &str,
    secret: &Secret,
) -> Result<AuthenticatedClient, Rejected> {
    let refusal = match method {
        ClientAuthenticationMethod::ClientSecretBasic => basic_refused(),
        _ => refused(),
    };
    // Both lookups are made for every caller, so that an unknown client takes as long as a wrong secret.
    let now = server.clock().now();
    let client = store::clients::find_evenly(server.db(), client_id).await?;
    let known = store::clients::has_secret(server.db(), client_id, &secret.hash(), now).await?;
    match client {
        Some(client) if known && usable(&client, method) => Ok(AuthenticatedClient {
            client,
            assertion: None,
        }),
        client => {
            let cause = cause(client.as_ref(), method, "wrong or expired secret");
            Err(Rejected::new(refusal, client, cause))
        }
    }
}

async fn by_name(
    server: &AuthorizationServer,
    client_id: &str,
) -> Result<AuthenticatedClient, Rejected> {
    match store::clients::find_evenly(server.db(), client_id).await? {
        Some(client) if usable(&client, ClientAuthenticationMethod::None) => {
            Ok(AuthenticatedClient {
                client,
                assertion: None,
            })
        }
        client => {
            let method = ClientAuthenticationMethod::None;
            let cause = cause(client.as_ref(), method, "");
            Err(Rejected::new(refused(), client, cause))
        }
    }
}

async fn by_assertion(
    server: &AuthorizationServer,
    jwt: &str,
    named: Option<&str>,
) -> Result<AuthenticatedClient, Rejected> {
    let issuer = client_assertion::unverified_issuer(jwt)
        .map_err(|error| Rejected::new(refused(), None, error.to_string()))?;
    let found = store::clients::find_evenly(server.db(), &issuer).await?;
    // RFC 7521 section 4.2: a client_id beside the assertion must name the same client.
    if named.is_some_and(|named| named != issuer) {
        client_assertion::spend(jwt, false);
        let cause = "client_id is not the assertion's iss".to_owned();
        return Err(Rejected::new(refused(), found, cause));
    }
    let method = ClientAuthenticationMethod::PrivateKeyJwt;
    match found {
        Some(client) if usable(&client, method) => match verify(server, &client, jwt).await {
            Ok(assertion) => Ok(AuthenticatedClient {
                client,
                assertion: Some(assertion),
            }),
            Err(error) => {
                if error.is_early() {
                    client_assertion::spend(jwt, true);
                }
                Err(Rejected {
                    assertion: error
                        .pending()
                        .map(|pending| assertion(&client, &pending.jti, pending.expires_at)),
                    ..Rejected::new(refused(), Some(client), error.to_string())
                })
            }
        },
        found => {
            // As long as a registered client's wrong signature takes: or time would tell who is registered.
            client_assertion::spend(jwt, false);
            let cause = cause(found.as_ref(), method, "");
            Err(Rejected::new(refused(), found, cause))
        }
    }
}

/// Why a client was not let in, for its operator: he cannot help a partner who is told nothing.
fn cause(
    client: Option<&Client>,
    method: ClientAuthenticationMethod,
    otherwise: &'static str,
) -> String {
    match client {
        None => "no such client".to_owned(),
        Some(client) if client.disabled => "the client is disabled".to_owned(),
        Some(client) if client.authentication != method => format!(
            "{} instead of {}",
            method.as_str(),
            client.authentication.as_str()
        ),
        Some(_) => otherwise.to_owned(),
    }
}

/// Verifies with the registered keys. Fetched keys are
/// fetched once more if the assertion names one that is not among them: the client may have rotated.
async fn verify(
    server: &AuthorizationServer,
    client: &Client,
    jwt: &str,
) -> Result<Assertion, AssertionError> {
    let now = server.clock().now();
    let first = match &client.jwks {
        Some(text) => Jwks::parse(text.as_bytes()).map(Arc::new).ok(),
        None => {
            server
                .remote_jwks()
                .keys(client.jwks_uri.as_deref().unwrap_or(""), now)
                .await
        }
    };
    let first = verify_with(server, client, jwt, first.as_deref());
    match (first, &client.jwks_uri) {
        // A key that was exchanged under its old name, or without one, shows by its signature.
        (Err(AssertionError::UnknownKey | AssertionError::Signature), Some(uri)) => {
            let renewed = server.remote_jwks().renewed(uri, now).await;
            verify_with(server, client, jwt, renewed.as_deref())
        }
        (first, _) => first,
    }
}

fn verify_with(
    server: &AuthorizationServer,
    client: &Client,
    jwt: &str,
    keys: Option<&Jwks>,
) -> Result<Assertion, AssertionError> {
    let token_endpoint = server.endpoint("/oauth2/token");
    let token_endpoint_style = client.assertion_audience == AssertionAudience::TokenEndpoint;
    let policy = AssertionPolicy {
        client_id: &client.client_id,
        allowed_algorithms: client.protocol.allowed_algorithms(),
        audience: if token_endpoint_style {
            &token_endpoint
        } else {
            server.issuer()
        },
        token_endpoint_style,
    };
    let keys = keys.ok_or(AssertionError::Signature)?;
    let verified = client_assertion::verify(jwt, keys, &policy, server.clock().now())?;
    Ok(assertion(client, &verified.jti, verified.expires_at))
}

fn assertion(client: &Client, jti: &str, expires_at: Timestamp) -> Assertion {
    Assertion {
        client_id: client.client_id.clone(),
        jti_hash: Secret::received(jti.to_owned()).hash(),
        expires: expires_at
            .checked_add(client_assertion::LEEWAY)
            .unwrap_or(Timestamp::MAX),
    }
}

fn usable(client: &Client, method: ClientAuthenticationMethod) -> bool {
    !client.disabled && client.authentication == method
}

fn refused() -> Failure {
    Failure::Refused(Error::new(ErrorCode::InvalidClient, FAILED))
}

fn basic_refused() -> Failure {
    Failure::BasicRefused(Error::new(ErrorCode::InvalidClient, FAILED))
}

impl Rejected {
    fn new(failure: Failure, client: Option<Client>, cause: String) -> Self {
        Self {
            failure,
            client_id: client.map(|client| client.client_id),
            assertion: None,
            cause: Some(cause),
        }
    }
}

impl From<Failure> for Rejected {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            client_id: None,
            assertion: None,
            cause: None,
        }
    }
}

impl From<storage::Error> for Rejected {
    fn from(error: storage::Error) -> Self {
        Self::from(Failure::from(error))
    }
}

const FAILED: &str = "client authentication failed";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[cfg(test)]
mod tests;
