//! Mistakes in `[resource_server]`: rules and limits that permit nothing, or withhold nothing.

use std::collections::BTreeSet;

use resource_server::{gives_role, permits_something};

use super::super::{Issuer, ResourceServer};
use super::{Found, is_role};
use crate::{files, serve};

impl Found<'_> {
    /// A rule that withholds nothing, or from nobody, is a mistake that nobody would notice.
    fn withholding(&mut self, section: &ResourceServer) {
        for (index, rule) in section.withholding.iter().enumerate() {
            let key = |found: &mut Self, key: &str, text: &str| {
                let place = found.line("resource_server.withholding", index, key);
                found.at(place, &format!("{key} {text}"));
            };
            if rule.groups.is_empty() {
                let known = fhir::redact::Group::ALL.map(fhir::redact::Group::as_str);
                let text = format!("must name at least one of {}", known.join(", "));
                key(self, "groups", &text);
            }
            let mut roles = rule.from_roles.iter().flatten();
            if rule.from_roles.as_ref().is_some_and(Vec::is_empty)
                || roles.any(|role| !is_role(role))
            {
                let known = authorization_server::ROLES.join(", ");
                key(self, "from_roles", &format!("must name some of {known}"));
            }
            let Some(word) = &rule.unless_scope else {
                continue;
            };
            if !can_be_granted(word) {
                let text = "must be one word of a scope that can be granted, like sensitive/ssn";
                key(self, "unless_scope", text);
            } else if !section.issuers.iter().any(|issuer| may_give(issuer, word)) {
                let text = format!(
                    "must be in the scope of one of [[resource_server.issuers]]: their tokens never have {word}"
                );
                key(self, "unless_scope", &text);
            }
        }
    }

    pub(super) fn resource_server(&mut self, section: &ResourceServer) {
        let (name, list) = ("resource_server", "resource_server.issuers");
        if section.introspection_cache_max_age_s > 5 {
            let text = "must be 0 to 5: a revoked token lives that long";
            self.key(name, "introspection_cache_max_age_s", text);
        }
        match &section.record_key_file {
            Some(file) if matches!(self.loaded.path(file.get_ref()).try_exists(), Ok(false)) => {
                let path = self.loaded.path(file.get_ref());
                self.key(name, "record_key_file", &files::make_a_record_key(&path));
            }
            Some(file) => self.usable(file, true, |path| files::read_record_keys(path).map(drop)),
            None => {
                if let Err(error) = serve::record_keys_from_environment() {
                    self.key(
                        name,
                        "record_key_file",
                        &format!("is absent, and {error:#}: records are kept sealed only"),
                    );
                }
            }
        }
        if let Some(role) = section.roles.keys().find(|role| !is_role(role)) {
            let text = format!(
                "{role:?} is none of {}",
                authorization_server::ROLES.join(", ")
            );
            self.key(name, "roles", &text);
        }
        let words = section
            .roles
            .iter()
            .filter(|(role, _)| is_role(role))
            .flat_map(|(role, scope)| scope.tokens().map(move |word| (role, word)));
        for (role, why) in words.filter_map(|(role, word)| Some((role, useless(role, word)?))) {
            self.at(
                self.line(name, 0, "roles"),
                &format!("roles: {role}: {why}"),
            );
        }
        self.withholding(section);
        if section.issuers.is_empty() {
            self.at(
                self.section(name, 0),
                "[resource_server] needs at least one [[resource_server.issuers]]",
            );
        }
        let mut prefixes = BTreeSet::new();
        for (index, issuer) in section.issuers.iter().enumerate() {
            let place = |found: &Self, key: &str| found.line(list, index, key);
            match &issuer.token_prefix {
                None if section.issuers.len() > 1 => {
                    let text = "with several issuers each needs a token_prefix, so that no token reaches another issuer";
                    self.at(place(self, "issuer"), text);
                }
                Some(prefix) if !prefixes.insert(prefix.to_string()) => {
                    self.at(
                        place(self, "token_prefix"),
                        "another issuer has the same token_prefix",
                    );
                }
                _ => {}
            }
            let mut roles = issuer.default_role.iter();
            if let Some(role) = roles.find(|role| !is_role(role)) {
                let text = format!(
                    "default_role: {role:?} is none of {}",
                    authorization_server::ROLES.join(", ")
                );
                self.at(place(self, "default_role"), &text);
            }
            let mut words = issuer.scope.iter().flat_map(|scope| scope.tokens());
            // The most for an issuer is also the most of what is withheld from others.
            let dead = |word: &&str| !permits_something(word) && !oauth::Scope::is_sensitive(word);
            if let Some(word) = words.find(dead) {
                let text = format!(
                    "scope: {word:?} permits nothing: look at the resource type, the order of cruds, and the query \
                     (system/Bundle.rs?jurisdiction=MA)"
                );
                self.at(place(self, "scope"), &text);
            }
            let mut facilities = issuer.facilities.iter().flatten();
            if let Some(name) = facilities.find(|name| !resource_server::is_facility(name)) {
                let text = format!(
                    "facilities: {name:?} must be an NPI or another identifier of letters, digits, . and -"
                );
                self.at(place(self, "facilities"), &text);
            }
            let known = |code: &&String| *code == "*" || fhir::Jurisdiction::parse(code).is_some();
            if let Some(code) = issuer.jurisdictions.iter().find(|code| !known(code)) {
                let text = format!(
                    "jurisdictions: {code:?} is not a jurisdiction (for instance MA, YC, or * for any)"
                );
                self.at(place(self, "jurisdictions"), &text);
            }
            self.usable(&issuer.client_secret_file, true, |path| {
                files::read_secret(path).map(drop)
            });
        }
    }
}

/// People are granted no other words: a rule would withhold from everybody, and nobody would see why.
fn can_be_granted(word: &str) -> bool {
    let one = |scope: oauth::Scope| {
        scope.tokens().count() == 1 && scope.others().all(oauth::Scope::is_sensitive)
    };
    word.parse::<oauth::Scope>().is_ok_and(one)
}

/// Whether a token of this issuer may have this word.
fn may_give(issuer: &Issuer, word: &str) -> bool {
    let scope = issuer.scope.as_ref();
    scope.is_none_or(|scope| scope.contains(word))
}

/// Why a word leaves a role nothing, which takes everything away.
fn useless(role: &str, word: &str) -> Option<String> {
    // A role is a person's: other words are not for it.
    if !word.starts_with("user/") || !permits_something(word) {
        return Some("must be words of user/ that permit something (user/Bundle.rs)".to_owned());
    }
    if word.contains('?') {
        return Some(format!(
            "{word} must have no query: it would permit nothing"
        ));
    }
    (!gives_role(role, word)).then(|| {
        format!("{word} is nothing that the role may do; roles takes away and never gives")
    })
}
