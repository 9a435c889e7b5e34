//! Mistakes in `[[authorization_server.identity_providers]]`.

use std::collections::BTreeSet;

use super::super::{AuthorizationServer, IdentityProvider};
use super::Found;
use crate::{files, serve};

impl Found<'_> {
    pub(super) fn identity_providers(&mut self, section: &AuthorizationServer) {
        let providers = &section.identity_providers;
        if !section.password_sign_in && providers.is_empty() {
            let text = "must be true without [[authorization_server.identity_providers]]: nobody could sign in";
            self.key("authorization_server", "password_sign_in", text);
        }
        let (mut names, mut issuers) = (BTreeSet::new(), BTreeSet::new());
        for (index, provider) in providers.iter().enumerate() {
            let mut of = OfProvider { found: self, index };
            of.identity(provider);
            if !names.insert(provider.name.as_str()) {
                of.key("name", "is the name of another provider");
            }
            if !issuers.insert(provider.issuer.as_str()) {
                of.key("issuer", "is the issuer of another provider");
            }
            of.credentials(provider);
            of.roles(provider);
            of.rights(provider);
        }
    }
}

/// The provider of this number.
struct OfProvider<'a, 'b> {
    found: &'a mut Found<'b>,
    index: usize,
}

impl OfProvider<'_, '_> {
    fn identity(&mut self, provider: &IdentityProvider) {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let name = &provider.name;
        if !(1..=30).contains(&name.len()) || !name.bytes().all(plain) {
            // It becomes a part of addresses.
            let text = "must be 1 to 30 lower case letters, digits and hyphens";
            self.key("name", text);
        }
        let label = provider.label.trim();
        if label.is_empty() || label.chars().count() > 60 || label.chars().any(char::is_control) {
            self.key("label", "must be 1 to 60 characters: it stands on a button");
        }
        if provider.client_id.trim().is_empty() {
            self.key("client_id", "must not be empty");
        }
        let mut scopes = provider.scope.split(' ');
        let token = |scope: &str| {
            !scope.is_empty()
                && scope
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
        };
        if !scopes.clone().all(token) || !scopes.any(|scope| scope == "openid") {
            let text = "must be words with one space between them, and openid among them";
            self.key("scope", text);
        }
        for (key, claim) in [
            ("username_claim", Some(&provider.username_claim)),
            ("role_claim", Some(&provider.role_claim)),
            ("organization_claim", provider.organization_claim.as_ref()),
            ("jurisdictions_claim", provider.jurisdictions_claim.as_ref()),
            ("record_types_claim", provider.record_types_claim.as_ref()),
        ] {
            if claim.is_some_and(|claim| claim.trim_matches('/').is_empty()) {
                self.key(key, "must name a claim");
            }
        }
    }

    fn credentials(&mut self, provider: &IdentityProvider) {
        match (&provider.client_secret_file, &provider.private_key_file) {
            (Some(secret), None) => self
                .found
                .usable(secret, true, |path| files::read_secret(path).map(drop)),
            (None, Some(_)) if provider.alg.is_none() => {
                self.key("private_key_file", "needs alg");
            }
            (None, Some(key)) => self.found.usable(key, true, |path| {
                serve::signing_key(path, provider.alg.as_deref(), None).map(drop)
            }),
            _ => self.key(
                "client_id",
                "needs either client_secret_file or private_key_file",
            ),
        }
    }

    fn roles(&mut self, provider: &IdentityProvider) {
        let all = authorization_server::ROLES;
        let known = |role: &str| all.contains(&role);
        if provider.roles.is_empty() {
            self.key("role_claim", "needs at least one line in roles");
        }
        for (group, role) in &provider.roles {
            if !known(role.get_ref()) {
                let text = format!("roles: {group:?} must be one of {}", all.join(", "));
                self.found.at(role.span().start, &text);
            }
        }
        let text = format!("must be a list of {}", all.join(", "));
        if !provider.all_organizations_for.iter().all(|it| known(it)) {
            self.key("all_organizations_for", &text);
        }
        if !provider.user_scopes.keys().all(|it| known(it)) {
            let text = format!("user_scopes: each must be of one of {}", all.join(", "));
            let offset = self.offset("user_scope");
            self.found.at(offset, &text);
        }
    }

    fn rights(&mut self, provider: &IdentityProvider) {
        let either = [
            (
                "organization",
                provider.organization.is_some(),
                provider.organization_claim.is_some(),
            ),
            (
                "jurisdictions",
                provider.jurisdictions.is_some(),
                provider.jurisdictions_claim.is_some(),
            ),
            (
                "record_types",
                provider.record_types.is_some(),
                provider.record_types_claim.is_some(),
            ),
        ];
        for (key, fixed, claimed) in either {
            if fixed == claimed {
                let text = format!("needs either {key} or {key}_claim");
                let offset = self.offset("name");
                self.found.at(offset, &text);
            }
        }
        if provider
            .organization
            .as_ref()
            .is_some_and(|name| name.trim().is_empty())
        {
            self.key("organization", "must not be empty");
        }
        let known = &self.found.loaded.config.jurisdictions;
        let strange =
            |code: &&super::super::JurisdictionCode| !known.is_empty() && !known.contains(code);
        let named = provider.jurisdictions.iter().flatten();
        if let Some(code) = named.clone().find(strange) {
            let text = format!(
                "holds {}, which is not one of this party's jurisdictions",
                **code
            );
            self.key("jurisdictions", &text);
        }
    }

    fn key(&mut self, key: &str, text: &str) {
        let offset = self.offset(key);
        self.found.at(offset, &format!("{key} {text}"));
    }

    fn offset(&self, key: &str) -> usize {
        self.found.line(LIST, self.index, key)
    }
}

const LIST: &str = "authorization_server.identity_providers";
