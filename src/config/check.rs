//! What can be wrong although the file parses: files that are absent, unusable or open to others, and
//! settings that contradict each other.

mod audit;
mod identity_provider;
mod pages;
mod resource_server;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use tracing_subscriber::EnvFilter;

use super::{AuthorizationServer, Client, Loaded, Network, Registration};
use crate::{files, serve};

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
    let mut found = Found {
        loaded,
        mistakes: Vec::new(),
    };
    found.party();
    found.listen();
    found.limits();
    found.pages();
    if let Some(section) = &loaded.config.authorization_server {
        found.authorization_server(section);
    }
    if let Some(section) = &loaded.config.resource_server {
        found.resource_server(section);
    }
    if let Some(section) = &loaded.config.client {
        found.client(section);
    }
    found.mistakes
}

/// Whether people have roles of this name.
fn is_role(name: &str) -> bool {
    authorization_server::ROLES.contains(&name)
}

struct Found<'a> {
    loaded: &'a Loaded,
    mistakes: Vec<Mistake>,
}

impl Found<'_> {
    fn party(&mut self) {
        let config = &self.loaded.config;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if config.party.is_empty() || !config.party.bytes().all(plain) {
            // It becomes a part of cookie names.
            self.key(
                "",
                "party",
                "must be lower case letters, digits and hyphens",
            );
        }
        if config.organization.trim().is_empty() {
            self.key(
                "",
                "organization",
                "must not be empty: it is what records and tokens name",
            );
        }
        if config
            .audit
            .retention_days
            .is_some_and(|days| !serve::audit::CENTURY.contains(&days))
        {
            self.key(
                "audit",
                "retention_days",
                "must be 1 to 36525 (a hundred years); without it rows stay for ever",
            );
        }
        self.audit_destinations();
        if EnvFilter::try_new(&config.log.filter).is_err() {
            self.key(
                "log",
                "filter",
                "cannot be read (for instance: info,storage=debug)",
            );
        }
        if let Some(file) = &config.outbound.ca_file {
            self.usable(file, false, |path| serve::trusted(path).map(drop));
        } else if !config.outbound.platform_roots {
            self.key(
                "outbound",
                "platform_roots",
                "must be true without a ca_file: nobody would be trusted",
            );
        }
        self.database();
    }

    fn database(&mut self) {
        let config = &self.loaded.config;
        let mode =
            std::fs::metadata(&self.loaded.file).map_or(0, |found| found.permissions().mode());
        let url = url::Url::parse(&config.database);
        if mode & 0o077 != 0 && url.is_ok_and(|url| url.password().is_some()) {
            let text = "holds a password, and this file is open to other users; chmod 600 it";
            self.key("", "database", text);
        }
        if let Some(file) = &config.database_password_file {
            self.usable(file, true, |path| files::read_secret(path).map(drop));
        }
        if let Some(file) = &config.database_ca_file {
            self.usable(file, false, |path| serve::trusted(path).map(drop));
        }
        if config.database_connections == Some(0) {
            self.key("", "database_connections", "must be at least 1");
        }
    }

    fn listen(&mut self) {
        let listen = &self.loaded.config.listen;
        let before = self.mistakes.len();
        self.usable(&listen.certificate_file, false, |_| Ok(()));
        self.usable(&listen.private_key_file, true, |_| Ok(()));
        if self.mistakes.len() == before {
            let key = self.loaded.path(listen.private_key_file.get_ref());
            self.usable(&listen.certificate_file, false, |chain| {
                serve::certified(chain, &key).map(drop)
            });
        }
        if !listen.internal_address.ip().is_loopback() {
            let text = "must be a loopback address: health and metrics are plain HTTP";
            self.key("listen", "internal_address", text);
        }
        if listen.address == listen.internal_address && listen.address.port() != 0 {
            self.key("listen", "internal_address", "is the same as address");
        }
    }

    /// Nothing could get in through a limit of nothing.
    fn limits(&mut self) {
        let limits = &self.loaded.config.limits;
        let number = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let all = [
            ("handshake_timeout_s", limits.handshake_timeout_s),
            ("header_timeout_s", limits.header_timeout_s),
            ("body_timeout_s", limits.body_timeout_s),
            ("idle_timeout_s", limits.idle_timeout_s),
            ("connections", number(limits.connections)),
            ("header_count", number(limits.header_count)),
            ("form_bytes", number(limits.form_bytes)),
            ("record_bytes", number(limits.record_bytes)),
            ("batch_entries", number(limits.batch_entries)),
            (
                "authorization_server_requests",
                number(limits.authorization_server_requests),
            ),
            (
                "resource_server_requests",
                number(limits.resource_server_requests),
            ),
        ];
        for (key, _) in all.into_iter().filter(|(_, value)| *value == 0) {
            self.key("limits", key, "must be at least 1");
        }
        let everybody = |network: &Network| network.prefix_len() == 0;
        if self
            .loaded
            .config
            .listen
            .trusted_proxies
            .iter()
            .any(everybody)
        {
            let text = "must not hold every address: each caller could choose its own";
            self.key("listen", "trusted_proxies", text);
        }
        if limits.header_bytes < 8192 {
            self.key(
                "limits",
                "header_bytes",
                "must be at least 8192: browsers send that much",
            );
        }
    }

    fn authorization_server(&mut self, section: &AuthorizationServer) {
        let name = "authorization_server";
        if section.signing_algorithms.is_empty() {
            self.key(name, "signing_algorithms", "needs at least one");
        }
        match &section.key_encryption_key_file {
            Some(file) => self.usable(file, true, |path| files::read_key(path).map(drop)),
            None => {
                if let Err(error) = serve::key_from_environment() {
                    self.key(
                        name,
                        "key_encryption_key_file",
                        &format!("is absent, and {error:#}"),
                    );
                }
            }
        }
        if !(1..=3650).contains(&section.signing_key_lifetime_days) {
            self.key(name, "signing_key_lifetime_days", "must be 1 to 3650");
        }
        self.usable(&section.refresh_key_file, true, |path| {
            files::read_key(path).map(drop)
        });
        if !(1..=60).contains(&section.authorization_code_lifetime_s) {
            self.key(
                name,
                "authorization_code_lifetime_s",
                "must be 1 to 60 (RFC 9700 section 4.5.3)",
            );
        }
        let mut roles = section.second_factor_required_for.iter();
        if !roles.all(|role| is_role(role)) {
            let roles = authorization_server::ROLES.join(", ");
            let text = format!("must be a list of {roles}");
            self.key(name, "second_factor_required_for", &text);
        }
        if !(1..=MONTH_S).contains(&section.session_absolute_s) {
            self.key(name, "session_absolute_s", "must be 1 to 2592000 (30 days)");
        }
        if !(1..=section.session_absolute_s).contains(&section.session_idle_s) {
            let text = "must be at least 1, and at most session_absolute_s";
            self.key(name, "session_idle_s", text);
        }
        if section.access_token_lifetime_s == 0 {
            self.key(name, "access_token_lifetime_s", "must be at least 1");
        }
        self.identity_providers(section);
    }

    fn client(&mut self, section: &Client) {
        self.usable(&section.cookie_key_file, true, |path| {
            files::read_key(path).map(drop)
        });
        let mut names = BTreeSet::new();
        for (index, peer) in section.peers.iter().enumerate() {
            if !names.insert(peer.name.as_str()) {
                self.at(
                    self.line("client.peers", index, "name"),
                    "another peer has the same name",
                );
            }
            let all = [&peer.api, &peer.human, &peer.native];
            all.into_iter()
                .flatten()
                .for_each(|one| self.registration(one));
        }
    }

    fn registration(&mut self, registration: &Registration) {
        let offset = registration.client_id.span().start;
        match (
            &registration.client_secret_file,
            &registration.private_key_file,
        ) {
            (Some(_), Some(_)) => {
                let text =
                    "has both client_secret_file and private_key_file; a client has one method";
                self.at(offset, text);
            }
            (Some(secret), None) => {
                self.usable(secret, true, |path| files::read_secret(path).map(drop));
            }
            (None, Some(_)) if registration.alg.is_none() => {
                self.at(offset, "signs with private_key_file and needs alg");
            }
            (None, Some(key)) => self.usable(key, true, |path| {
                serve::signing_key(path, registration.alg.as_deref(), None).map(drop)
            }),
            (None, None) => {}
        }
    }

    /// A file must be there, closed to others if it is private, and what its use takes it for.
    fn usable(
        &mut self,
        file: &Spanned<PathBuf>,
        private: bool,
        read: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) {
        let path = self.loaded.path(file.get_ref());
        let offset = file.span().start;
        match std::fs::metadata(&path) {
            Err(error) => self.at(offset, &format!("cannot read {}: {error}", path.display())),
            Ok(found) if private && found.permissions().mode() & 0o077 != 0 => {
                self.at(
                    offset,
                    &format!("{} is open to other users; chmod 600 it", path.display()),
                );
            }
            Ok(_) => {
                if let Err(error) = read(&path) {
                    self.at(offset, &format!("{error:#}"));
                }
            }
        }
    }

    fn key(&mut self, section: &str, key: &str, text: &str) {
        self.at(self.line(section, 0, key), &format!("{key} {text}"));
    }

    fn at(&mut self, offset: usize, text: &str) {
        self.mistakes.push(Mistake {
            place: self.loaded.place(offset),
            text: text.to_owned(),
        });
    }

    /// Where a key stands in the section of a name (of an array: the one of this number), or else where
    /// the section begins: values that are not `Spanned` carry no place.
    fn line(&self, section: &str, number: usize, key: &str) -> usize {
        let start = self.section(section, number);
        let skip = usize::from(!section.is_empty());
        let body = self.lines().filter(|(at, _)| *at >= start).skip(skip);
        let mut body = body.take_while(|(_, line)| !line.starts_with('['));
        let is_key = |line: &str| {
            line.strip_prefix(key)
                .is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        body.find(|(_, line)| is_key(line))
            .map_or(start, |(at, _)| at)
    }

    fn section(&self, name: &str, number: usize) -> usize {
        let header = |line: &str| {
            let line = line.split('#').next().unwrap_or_default();
            line.trim_matches(|c: char| c == '[' || c == ']' || c.is_whitespace()) == name
        };
        let mut headers = self
            .lines()
            .filter(|(_, line)| line.starts_with('[') && header(line));
        headers.nth(number).map_or(0, |(at, _)| at)
    }

    /// Every line without its indentation, and where it begins.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut next = 0;
        self.loaded.text.split_inclusive('\n').map(move |line| {
            let at = next + line.len() - line.trim_start_matches([' ', '\t']).len();
            next += line.len();
            (at, line.trim())
        })
    }
}

/// SP 800-63B section 2.1.3: whoever uses one factor signs in again at least this often.
const MONTH_S: u32 = 30 * 24 * 3_600;
