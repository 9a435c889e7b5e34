//! The organizations' own OpenID Providers of a configuration.

use std::sync::Arc;

use anyhow::{Context, bail};
use authorization_server::{Credentials, Given, IdentityProvider, Mapping};
use url::Url;

use super::signing_key;
use crate::config::{self, AssertionAudience, Loaded};
use crate::files;

/// What the authorization server is to know about one.
pub(super) fn identity_provider(
    loaded: &Loaded,
    one: &config::IdentityProvider,
) -> anyhow::Result<IdentityProvider> {
    let origins = one.redirect_origins.iter().map(|origin| Url::parse(origin));
    Ok(IdentityProvider {
        name: one.name.clone(),
        label: one.label.trim().to_owned(),
        issuer: one.issuer.to_string(),
        client_id: one.client_id.clone(),
        credentials: credentials(loaded, one)?,
        scope: one.scope.clone(),
        mapping: mapping(one)?,
        create_users: one.create_users,
        satisfies_second_factor: one.satisfies_second_factor.clone(),
        sign_out_there: one.sign_out_there,
        redirect_origins: origins.collect::<Result<_, _>>()?,
    })
}

fn credentials(loaded: &Loaded, one: &config::IdentityProvider) -> anyhow::Result<Credentials> {
    match (&one.client_secret_file, &one.private_key_file) {
        (Some(file), None) => {
            let secret = files::read_secret(&loaded.path(file.get_ref()))?;
            Ok(Credentials::Secret(Arc::new(secret)))
        }
        (None, Some(file)) => {
            let path = loaded.path(file.get_ref());
            let key = signing_key(&path, one.alg.as_deref(), one.kid.as_deref())?;
            Ok(Credentials::PrivateKey {
                key: Arc::new(key),
                token_endpoint_style: one.assertion_audience == AssertionAudience::TokenEndpoint,
            })
        }
        _ => bail!("needs either client_secret_file or private_key_file"),
    }
}

fn mapping(one: &config::IdentityProvider) -> anyhow::Result<Mapping> {
    let roles = one.roles.iter();
    let scopes = one.user_scopes.iter();
    let jurisdictions = one.jurisdictions.as_ref();
    let record_types = one.record_types.as_ref();
    Ok(Mapping {
        username_claim: one.username_claim.clone(),
        role_claim: one.role_claim.clone(),
        roles: roles
            .map(|(group, role)| (group.clone(), role.get_ref().clone()))
            .collect(),
        organization: given(
            "organization",
            one.organization.clone(),
            &one.organization_claim,
        )?,
        all_organizations_for: one.all_organizations_for.clone(),
        jurisdictions: given(
            "jurisdictions",
            jurisdictions.map(|list| list.iter().map(|code| code.to_string()).collect()),
            &one.jurisdictions_claim,
        )?,
        record_types: given(
            "record_types",
            record_types.map(|list| list.iter().map(|it| it.as_str().to_owned()).collect()),
            &one.record_types_claim,
        )?,
        user_scope: (*one.user_scope).clone(),
        user_scopes: scopes
            .map(|(role, scope)| (role.clone(), (**scope).clone()))
            .collect(),
    })
}

fn given<T>(key: &str, fixed: Option<T>, claim: &Option<String>) -> anyhow::Result<Given<T>> {
    match (fixed, claim) {
        (Some(value), None) => Ok(Given::Fixed(value)),
        (None, Some(claim)) => Ok(Given::Claim(claim.clone())),
        _ => None.with_context(|| format!("needs either {key} or {key}_claim")),
    }
}
