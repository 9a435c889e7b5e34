//! What can be wrong although the file parses: files that are absent or open to others, settings that
//! contradict each other.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use toml::Spanned;

use super::{Loaded, Registration};

/// One mistake, with the place where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// `file:line:column`.
    pub place: String,
    /// What is wrong and what to do.
    pub text: String,
}

/// Finds the mistakes of a configuration that parses.
#[must_use]
pub fn check(loaded: &Loaded) -> Vec<Mistake> {
    let mut found = Found { loaded, mistakes: Vec::new() };
    let config = &loaded.config;
    found.listen();
    if let Some(file) = &config.outbound.ca_file {
        found.readable(file, false);
    }
    if let Some(server) = &config.authorization_server {
        if server.signing_key_files.is_empty() {
            found.key("signing_key_files", "needs at least one private key");
        }
        server.signing_key_files.iter().for_each(|file| found.readable(file, true));
        found.readable(&server.refresh_key_file, true);
        if !(1..=60).contains(&server.authorization_code_lifetime_s) {
            found.key("authorization_code_lifetime_s", "must be 1 to 60 (RFC 9700 section 4.5.3)");
        }
        if server.access_token_lifetime_s == 0 {
            found.key("access_token_lifetime_s", "must be at least 1");
        }
    }
    if let Some(server) = &config.resource_server {
        if server.introspection_cache_max_age_s > 5 {
            found.key("introspection_cache_max_age_s", "must be 0 to 5: a revoked token lives that long");
        }
        if server.issuers.len() > 1 && server.issuers.iter().any(|issuer| issuer.token_prefix.is_none()) {
            found.key("issuer", "with several issuers each needs a token_prefix, so that no token reaches another issuer");
        }
        server.issuers.iter().for_each(|issuer| found.readable(&issuer.client_secret_file, true));
    }
    if let Some(client) = &config.client {
        found.readable(&client.cookie_key_file, true);
        for peer in &client.peers {
            [&peer.api, &peer.human, &peer.native].into_iter().flatten().for_each(|one| found.registration(one));
        }
    }
    found.mistakes
}

struct Found<'a> {
    loaded: &'a Loaded,
    mistakes: Vec<Mistake>,
}

impl Found<'_> {
    fn listen(&mut self) {
        let listen = &self.loaded.config.listen;
        self.readable(&listen.certificate_file, false);
        self.readable(&listen.private_key_file, true);
        if !listen.internal_address.ip().is_loopback() {
            self.key("internal_address", "must be a loopback address: health and metrics are plain HTTP");
        }
        if listen.address == listen.internal_address && listen.address.port() != 0 {
            self.key("internal_address", "is the same as address");
        }
    }

    fn registration(&mut self, registration: &Registration) {
        let offset = registration.client_id.span().start;
        match (&registration.client_secret_file, &registration.private_key_file) {
            (Some(_), Some(_)) => {
                self.at(offset, "has both client_secret_file and private_key_file; a client has one method");
            }
            (Some(secret), None) => self.readable(secret, true),
            (None, Some(key)) => {
                self.readable(key, true);
                if registration.alg.is_none() {
                    self.at(offset, "signs with private_key_file and needs alg");
                }
            }
            (None, None) => {}
        }
    }

    fn readable(&mut self, file: &Spanned<PathBuf>, private: bool) {
        let path = self.loaded.path(file.get_ref());
        let offset = file.span().start;
        match std::fs::metadata(&path) {
            Err(error) => self.at(offset, &format!("cannot read {}: {error}", path.display())),
            Ok(found) if private && found.permissions().mode() & 0o077 != 0 => {
                self.at(offset, &format!("{} is open to other users; chmod 600 it", path.display()));
            }
            Ok(_) => {}
        }
    }

    /// A mistake at the line of a key, found by its name: the value itself carries no place.
    fn key(&mut self, key: &str, text: &str) {
        let at_line_start = |(at, _): &(usize, &str)| {
            let before = self.loaded.text.get(..*at).unwrap_or_default();
            before.chars().rev().take_while(|c| *c != '\n').all(char::is_whitespace)
        };
        let offset = self.loaded.text.match_indices(key).find(at_line_start).map_or(0, |(at, _)| at);
        self.at(offset, &format!("{key} {text}"));
    }

    fn at(&mut self, offset: usize, text: &str) {
        self.mistakes.push(Mistake { place: self.loaded.place(offset), text: text.to_owned() });
    }
}
