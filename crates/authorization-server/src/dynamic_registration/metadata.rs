//! Client metadata (RFC 7591 section 2) against the policy of its initial access token; no I/O.
//!
//! The whole registration is read anew at every change: a member that is left out has its default, never
//! the value from before, so that no order of changes adds up to what the policy does not allow.

use oauth::jose::Algorithm;
use oauth::{Error, ErrorCode, Scope};
use serde_json::{Map, Value, json};

use crate::administration::NewClient;
use crate::registration::{
    AssertionAudience, Client, ClientAuthenticationMethod, GrantType, Protocol,
};
use crate::store::dynamic_registrations::RegistrationPolicy;

/// The client that the metadata describe, at most what the policy allows.
///
/// # Errors
/// `invalid_redirect_uri`, `invalid_client_metadata`, `unapproved_software_statement` (RFC 7591 section
/// 3.2.2).
pub(super) fn read(
    metadata: &Map<String, Value>,
    policy: &RegistrationPolicy,
) -> Result<NewClient, Error> {
    if metadata.contains_key("software_statement") {
        return Err(Error::new(
            ErrorCode::UnapprovedSoftwareStatement,
            "software statements are not taken here",
        ));
    }
    let members = Members(metadata);
    let grant_types = grant_types(&members, policy)?;
    response_types(&members, &grant_types)?;
    Ok(NewClient {
        client_id: None,
        name: members.text("client_name")?.unwrap_or("unnamed").to_owned(),
        authentication: method(&members, policy)?,
        assertion_audience: AssertionAudience::default(),
        protocol: Protocol {
            assertion_algorithms: algorithm(&members)?.into_iter().collect(),
            require_pushed_authorization_requests: members
                .boolean("require_pushed_authorization_requests")?
                .unwrap_or(false),
            ..Protocol::default()
        },
        grant_types,
        redirect_uris: members.list("redirect_uris")?.unwrap_or_default(),
        scope: scope(&members, policy)?.to_string(),
        audiences: policy.audiences.clone(),
        rights: policy.rights.clone(),
        jwks: members.object("jwks")?.map(|set| json!(set).to_string()),
        jwks_uri: members.text("jwks_uri")?.map(str::to_owned),
        access_token_lifetime_s: None,
        note: None,
    })
}

/// A client as its owner is shown it (RFC 7591 section 3.2.1): no secret.
pub(super) fn describe(client: &Client) -> Map<String, Value> {
    let grants: Vec<&str> = client
        .grant_types
        .iter()
        .map(|grant| grant.as_str())
        .collect();
    let code = client.grant_types.contains(&GrantType::AuthorizationCode);
    let mut shown = Map::new();
    shown.insert("client_id".to_owned(), client.client_id.clone().into());
    let issued = client.created.as_second();
    shown.insert("client_id_issued_at".to_owned(), issued.into());
    shown.insert("client_name".to_owned(), client.name.clone().into());
    let method = client.authentication.as_str();
    shown.insert("token_endpoint_auth_method".to_owned(), method.into());
    shown.insert("grant_types".to_owned(), grants.into());
    let responses = if code { vec!["code"] } else { vec![] };
    shown.insert("response_types".to_owned(), responses.into());
    shown.insert(
        "redirect_uris".to_owned(),
        client.redirect_uris.clone().into(),
    );
    shown.insert("scope".to_owned(), client.scope.to_string().into());
    if let [only] = client.protocol.assertion_algorithms.as_slice() {
        let name = "token_endpoint_auth_signing_alg".to_owned();
        shown.insert(name, only.as_str().into());
    }
    let pushed = client.protocol.pushed_requests_only();
    let name = "require_pushed_authorization_requests".to_owned();
    shown.insert(name, pushed.into());
    if let Some(uri) = &client.jwks_uri {
        shown.insert("jwks_uri".to_owned(), uri.clone().into());
    }
    let jwks = client.jwks.as_deref();
    if let Some(jwks) = jwks.and_then(|text| serde_json::from_str(text).ok()) {
        shown.insert("jwks".to_owned(), jwks);
    }
    shown
}

fn grant_types(
    members: &Members<'_>,
    policy: &RegistrationPolicy,
) -> Result<Vec<GrantType>, Error> {
    let named = members
        .list("grant_types")?
        .unwrap_or_else(|| vec![GrantType::AuthorizationCode.as_str().to_owned()]);
    let mut grants = Vec::new();
    for name in named {
        match GrantType::parse(&name).filter(|grant| policy.grant_types.contains(grant)) {
            Some(grant) if grants.contains(&grant) => {}
            Some(grant) => grants.push(grant),
            None => return Err(not_allowed("grant_types")),
        }
    }
    if grants.is_empty() {
        return Err(invalid("grant_types"));
    }
    Ok(grants)
}

/// RFC 7591 section 2.1: they have to agree with the grants.
fn response_types(members: &Members<'_>, grants: &[GrantType]) -> Result<(), Error> {
    let code = grants.contains(&GrantType::AuthorizationCode);
    let agrees = match members.list("response_types")? {
        None => true,
        Some(named) if code => named == ["code"],
        Some(named) => named.is_empty(),
    };
    if agrees {
        Ok(())
    } else {
        Err(Error::new(
            ErrorCode::InvalidClientMetadata,
            "response_types do not agree with grant_types",
        ))
    }
}

fn method(
    members: &Members<'_>,
    policy: &RegistrationPolicy,
) -> Result<ClientAuthenticationMethod, Error> {
    let name = "token_endpoint_auth_method";
    let method = match members.text(name)? {
        None => ClientAuthenticationMethod::ClientSecretBasic,
        Some(method) => ClientAuthenticationMethod::parse(method).ok_or_else(|| invalid(name))?,
    };
    if policy.methods.contains(&method) {
        Ok(method)
    } else {
        Err(not_allowed(name))
    }
}

fn algorithm(members: &Members<'_>) -> Result<Option<Algorithm>, Error> {
    let name = "token_endpoint_auth_signing_alg";
    members
        .text(name)?
        .map(|alg| Algorithm::parse(alg).ok_or_else(|| invalid(name)))
        .transpose()
}

/// What is asked for must be allowed as a whole: a client that silently got less would find out late.
fn scope(members: &Members<'_>, policy: &RegistrationPolicy) -> Result<Scope, Error> {
    let Some(text) = members.text("scope")? else {
        return Ok(policy.scope.clone());
    };
    let asked = Scope::parse(text).map_err(|_| invalid("scope"))?;
    if Scope::granted(&asked, &policy.scope) == asked {
        Ok(asked)
    } else {
        Err(not_allowed("scope"))
    }
}

/// Members by name and type; a `null` is as if it were absent (RFC 7592 section 2.2).
struct Members<'a>(&'a Map<String, Value>);

impl<'a> Members<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &'static str) -> Result<Option<&'a str>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(invalid(name)),
        }
    }

    fn boolean(&self, name: &'static str) -> Result<Option<bool>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(invalid(name)),
        }
    }

    fn object(&self, name: &'static str) -> Result<Option<&'a Map<String, Value>>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Object(value)) => Ok(Some(value)),
            Some(_) => Err(invalid(name)),
        }
    }

    fn list(&self, name: &'static str) -> Result<Option<Vec<String>>, Error> {
        let texts = |items: &Vec<Value>| {
            let text = |item: &Value| item.as_str().map(str::to_owned);
            items.iter().map(text).collect::<Option<Vec<String>>>()
        };
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(items)) if items.len() <= LONGEST_LIST => {
                texts(items).map(Some).ok_or_else(|| invalid(name))
            }
            Some(_) => Err(invalid(name)),
        }
    }
}

fn invalid(name: &'static str) -> Error {
    let code = match name {
        "redirect_uris" => ErrorCode::InvalidRedirectUri,
        _ => ErrorCode::InvalidClientMetadata,
    };
    Error::new(code, format!("{name} is malformed"))
}

fn not_allowed(name: &'static str) -> Error {
    Error::new(
        ErrorCode::InvalidClientMetadata,
        format!("{name}: the initial access token does not allow that"),
    )
}

/// More redirect URIs than any application has.
const LONGEST_LIST: usize = 32;
