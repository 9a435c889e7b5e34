//! What a person may do here, read out of the claims of an ID Token. The one place where that is decided: no I/O,
//! and whatever is missing, of another type or not allowed here gives nothing.

use oauth::Scope;
use serde_json::{Map, Value};

use super::settings::{Given, IdentityProvider, Mapping};
use crate::administration::{users, validation};
use crate::registration::{OrganizationAccess, Rights};
use crate::resource_owner::normal;

/// What the claims give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) role: String,
    pub(crate) scope: Scope,
    pub(crate) rights: Rights,
}

/// Why the claims give nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unmapped {
    /// The claim is absent, or is neither a text nor a list of texts.
    #[error("the role claim is absent or malformed")]
    NoRoleClaim,
    /// None of its values stands in the mapping.
    #[error("no value of the role claim is a role here")]
    NoRole,
    /// Several do, and say different things: which one counts is not ours to choose.
    #[error("the role claim gives several roles")]
    SeveralRoles,
    /// A claim that gives the organization, jurisdictions or record types.
    #[error("the claim for {0} is absent, malformed or not allowed here")]
    Right(&'static str),
    /// The claim that names a new person.
    #[error("the username claim is absent or no username here")]
    Username,
}

/// Role, scope and rights.
pub(crate) fn read(
    mapping: &Mapping,
    claims: &Map<String, Value>,
    known_jurisdictions: &[String],
) -> Result<Mapped, Unmapped> {
    let role = role(mapping, claims)?;
    let access = if mapping.all_organizations_for.contains(&role) {
        OrganizationAccess::All
    } else {
        OrganizationAccess::Own
    };
    let rights = Rights {
        organization: Some(organization(mapping, claims)?),
        organization_access: access,
        jurisdictions: list(&mapping.jurisdictions, claims, "jurisdictions")?,
        record_types: list(&mapping.record_types, claims, "record types")?,
        // Not the provider's to say: what administrators gave the person stays (see `person`).
        facilities: None,
    };
    validation::rights(&rights, known_jurisdictions).map_err(|_| Unmapped::Right("rights"))?;
    let scope = mapping.user_scopes.get(&role);
    Ok(Mapped {
        scope: scope.unwrap_or(&mapping.user_scope).clone(),
        role,
        rights,
    })
}

/// The name of a person who is made here.
pub(crate) fn username(mapping: &Mapping, claims: &Map<String, Value>) -> Result<String, Unmapped> {
    let found = find(claims, &mapping.username_claim).and_then(Value::as_str);
    let username = normal(found.ok_or(Unmapped::Username)?);
    users::name(&username).map_err(|_| Unmapped::Username)?;
    Ok(username)
}

/// Whether the provider says that a second factor was given: `amr` (RFC 8176) or `acr` (OpenID Connect Core section
/// 2) has one of the configured values.
pub(crate) fn second_factor(provider: &IdentityProvider, claims: &Map<String, Value>) -> bool {
    let wanted = &provider.satisfies_second_factor;
    let counts = |value: &str| wanted.iter().any(|it| it == value);
    let methods = claims.get("amr").and_then(Value::as_array);
    let mut methods = methods.into_iter().flatten().filter_map(Value::as_str);
    methods.any(counts)
        || claims
            .get("acr")
            .and_then(Value::as_str)
            .is_some_and(counts)
}

fn role(mapping: &Mapping, claims: &Map<String, Value>) -> Result<String, Unmapped> {
    let values = find(claims, &mapping.role_claim).and_then(texts);
    let values = values.ok_or(Unmapped::NoRoleClaim)?;
    let mut roles = values.iter().filter_map(|value| mapping.roles.get(*value));
    let first = roles.next().ok_or(Unmapped::NoRole)?;
    if roles.any(|other| other != first) {
        return Err(Unmapped::SeveralRoles);
    }
    Ok(first.clone())
}

fn organization(mapping: &Mapping, claims: &Map<String, Value>) -> Result<String, Unmapped> {
    match &mapping.organization {
        Given::Fixed(name) => Ok(name.clone()),
        Given::Claim(claim) => match find(claims, claim).and_then(texts).as_deref() {
            Some([one]) if !one.trim().is_empty() => Ok((*one).to_owned()),
            _ => Err(Unmapped::Right("organization")),
        },
    }
}

fn list(
    from: &Given<Vec<String>>,
    claims: &Map<String, Value>,
    what: &'static str,
) -> Result<Vec<String>, Unmapped> {
    match from {
        Given::Fixed(list) => Ok(list.clone()),
        Given::Claim(claim) => {
            let values = find(claims, claim).and_then(texts);
            let values = values.ok_or(Unmapped::Right(what))?;
            let mut found: Vec<String> = values.into_iter().map(str::to_owned).collect();
            found.sort_unstable();
            found.dedup();
            Ok(found)
        }
    }
}

/// A claim by its name, or by a JSON Pointer into the claims.
fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let Some(pointer) = name.strip_prefix('/') else {
        return claims.get(name);
    };
    let (first, rest) = match pointer.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (pointer, None),
    };
    let found = claims.get(&first.replace("~1", "/").replace("~0", "~"))?;
    match rest {
        Some(rest) => found.pointer(&format!("/{rest}")),
        None => Some(found),
    }
}

/// One text, or a list of nothing but texts.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(one) => Some(vec![one]),
        Value::Array(several) => several.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
