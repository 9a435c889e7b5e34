//! Changes the configuration file as a person would: comments and order stay, and nothing is written that
//! `config check` would complain about.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use oauth::Secret;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use super::{NewIssuer, NewPeer, NewRegistration, Proof};
use crate::config::{self, Config, Loaded};
use crate::{files, serve};

/// Writes a partner into the configuration, with its secrets beside it.
///
/// # Errors
/// There is one of that name, or the result would have a mistake; then nothing is changed.
pub fn add(loaded: &Loaded, new: &NewPeer) -> anyhow::Result<()> {
    let named = |name: &str| {
        let client = loaded.config.client.as_ref();
        client.is_some_and(|it| it.peers.iter().any(|peer| peer.name == name))
    };
    if named(&new.name) {
        bail!("there is a peer {:?} already; remove it first", new.name);
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if new.name.is_empty() || !new.name.chars().all(plain) {
        bail!("a peer's name has lower case letters, digits and hyphens only: it names files too");
    }
    let mut document: DocumentMut = loaded.text.parse().context("the configuration")?;
    let mut secrets = Secrets::default();
    let peer = peer(loaded, new, &mut secrets)?;
    let client = section(&mut document, "client")?;
    if !client.contains_key("cookie_key_file") {
        client.insert("cookie_key_file", value("keys/cookie.key"));
    }
    push(client, "peers", peer)?;
    if let Some(introspection) = &new.introspection {
        let issuer = issuer(loaded, new, introspection, &mut secrets);
        let is_new = !document.contains_key("resource_server");
        let section = section(&mut document, "resource_server")?;
        if is_new {
            section.insert("record_key_file", value("keys/record.key"));
        }
        push(section, "issuers", issuer)?;
    }
    let before = secrets.write(loaded)?;
    if let Err(error) = replace(loaded, &document.to_string()) {
        restore(&before);
        return Err(error);
    }
    Ok(())
}

/// Takes a partner out of the configuration, and its authorization server out of those that are trusted.
///
/// # Errors
/// There is none of that name.
pub fn remove(loaded: &Loaded, name: &str) -> anyhow::Result<()> {
    let mut document: DocumentMut = loaded.text.parse().context("the configuration")?;
    let peers = document
        .get_mut("client")
        .and_then(|client| client.get_mut("peers"))
        .and_then(Item::as_array_of_tables_mut);
    let text = |table: &Table, key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
    let peers = peers.with_context(|| format!("no peer named {name:?}"))?;
    let mut issuer = None;
    peers.retain(|peer| {
        let found = text(peer, "name").as_deref() == Some(name);
        if found {
            issuer = text(peer, "issuer");
        }
        !found
    });
    let Some(issuer) = issuer else {
        bail!("no peer named {name:?}");
    };
    let shared = peers
        .iter()
        .any(|peer| text(peer, "issuer").as_ref() == Some(&issuer));
    let issuers = document
        .get_mut("resource_server")
        .and_then(|section| section.get_mut("issuers"))
        .and_then(Item::as_array_of_tables_mut);
    // Our own authorization server is an issuer too, and no partner.
    if let Some(issuers) = issuers
        && !shared
        && issuer != *loaded.config.public_origin
    {
        issuers.retain(|one| text(one, "issuer").as_ref() != Some(&issuer));
        // Without an issuer a resource server would refuse everybody, and is not run.
        if issuers.is_empty() {
            document.remove("resource_server");
        }
    }
    replace(loaded, &document.to_string())
}

fn peer(loaded: &Loaded, new: &NewPeer, secrets: &mut Secrets) -> anyhow::Result<Table> {
    let mut table = Table::new();
    table.insert("name", value(&new.name));
    table.insert("issuer", value(&new.issuer));
    table.insert("fhir", value(new.fhir.trim_end_matches('/')));
    // Our own records are read with the same partner's tokens, where those open them.
    if new.introspection.is_some() {
        let own = serve::fhir_base(&loaded.config)?;
        table.insert("resources", value(Array::from_iter([own.as_str()])));
    }
    if let Some(api) = &new.api {
        let mut section = registration(new, api, "api", secrets);
        if matches!(api.proof, Proof::PrivateKey(_)) {
            section.insert("alg", value(&new.alg));
            section.insert("assertion_audience", value(&new.assertion_audience));
        }
        table.insert("api", Item::Table(section));
    }
    if let Some(human) = &new.human {
        let mut section = registration(new, human, "human", secrets);
        let callback = format!("{}/client/callback", *loaded.config.public_origin);
        section.insert("redirect_uri", value(callback));
        table.insert("human", Item::Table(section));
    }
    if let Some(native) = &new.native {
        let section = registration(new, native, "native", secrets);
        table.insert("native", Item::Table(section));
    }
    Ok(table)
}

fn registration(peer: &NewPeer, new: &NewRegistration, kind: &str, secrets: &mut Secrets) -> Table {
    let mut table = Table::new();
    table.insert("client_id", value(&new.client_id));
    match &new.proof {
        Proof::Secret(secret) => {
            let file = secrets.add(&peer.name, kind, secret);
            table.insert("client_secret_file", value(file));
        }
        Proof::PrivateKey(file) => {
            // A relative name would be taken from where the configuration lies.
            let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            table.insert(
                "private_key_file",
                value(file.to_string_lossy().into_owned()),
            );
        }
        Proof::None => {}
    }
    table.insert("scope", value(&new.scope));
    table
}

fn issuer(loaded: &Loaded, peer: &NewPeer, new: &NewIssuer, secrets: &mut Secrets) -> Table {
    let list = |items: &[String]| value(Array::from_iter(items.iter().map(String::as_str)));
    let or = |items: &[String], otherwise: Vec<String>| {
        if items.is_empty() {
            list(&otherwise)
        } else {
            list(items)
        }
    };
    let mut table = Table::new();
    table.insert("issuer", value(&peer.issuer));
    if let Some(prefix) = &new.token_prefix {
        table.insert("token_prefix", value(prefix));
    }
    table.insert("client_id", value(&new.client_id));
    let file = secrets.add(&peer.name, "introspection", &new.secret);
    table.insert("client_secret_file", value(file));
    table.insert(
        "organizations",
        or(&new.organizations, vec!["*".to_owned()]),
    );
    let ours = serve::jurisdictions(&loaded.config);
    table.insert("jurisdictions", or(&new.jurisdictions, ours));
    table.insert("record_types", list(&new.record_types));
    table
}

fn section<'a>(document: &'a mut DocumentMut, name: &str) -> anyhow::Result<&'a mut Table> {
    let item = document
        .entry(name)
        .or_insert_with(|| Item::Table(Table::new()));
    item.as_table_mut()
        .with_context(|| format!("{name} is not a section"))
}

fn push(section: &mut Table, name: &str, entry: Table) -> anyhow::Result<()> {
    let item = section
        .entry(name)
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    // An empty list, written as a value, is a list of sections as well.
    if item.as_array().is_some_and(Array::is_empty) {
        *item = Item::ArrayOfTables(ArrayOfTables::new());
    }
    let list = item.as_array_of_tables_mut();
    list.with_context(|| format!("{name} is not written as [[…{name}]] sections"))?
        .push(entry);
    Ok(())
}

/// Puts a new text in the place of the configuration, if it has no mistake.
fn replace(loaded: &Loaded, text: &str) -> anyhow::Result<()> {
    let candidate = Loaded {
        config: toml::from_str(text).map_err(|error| anyhow::anyhow!("{}", error.message()))?,
        text: text.to_owned(),
        file: loaded.file.clone(),
    };
    let mistakes = config::check(&candidate);
    if let Some(first) = mistakes.first() {
        bail!("nothing was changed: {}", first.text);
    }
    // A service of another user may read it by its group: the mode stays.
    let mode = std::fs::metadata(&loaded.file)
        .map_or(files::PRIVATE, |found| found.permissions().mode() & 0o777);
    files::write(&loaded.file, text.as_bytes(), mode)
}

/// Secrets to be put beside the configuration.
#[derive(Default)]
struct Secrets(Vec<(String, Secret)>);

impl Secrets {
    fn add(&mut self, peer: &str, kind: &str, secret: &Secret) -> String {
        let file = format!("secrets/{peer}-{kind}");
        self.0
            .push((file.clone(), Secret::received(secret.expose().to_owned())));
        file
    }

    /// Writes them and answers what stood there before: a partner that was removed leaves its secrets
    /// behind, and they may be replaced. One that the configuration still names is never touched.
    fn write(&self, loaded: &Loaded) -> anyhow::Result<Vec<Before>> {
        if !self.0.is_empty() {
            files::private_directory(&loaded.path(Path::new("secrets")))?;
        }
        let named = secret_files(&loaded.config);
        let mut before = Vec::new();
        for (file, secret) in &self.0 {
            let path = loaded.path(Path::new(file));
            let written = if named.iter().any(|name| loaded.path(name) == path) {
                Err(anyhow::anyhow!(
                    "nothing was changed: the configuration names {file} already; take another name for the peer"
                ))
            } else {
                before.push((path.clone(), std::fs::read(&path).ok()));
                files::write(&path, secret.expose().as_bytes(), files::PRIVATE)
            };
            if let Err(error) = written {
                restore(&before);
                return Err(error);
            }
        }
        Ok(before)
    }
}

/// A secret's file and what it held.
type Before = (PathBuf, Option<Vec<u8>>);

/// Puts back what stood there. What cannot be put back is a secret that nothing names.
fn restore(before: &[Before]) {
    for (path, content) in before {
        let _ = match content {
            Some(content) => files::write(path, content, files::PRIVATE),
            None => std::fs::remove_file(path).map_err(Into::into),
        };
    }
}

/// Every secret that partners have in the configuration.
fn secret_files(config: &Config) -> Vec<&Path> {
    let issuers = config.resource_server.iter().flat_map(|it| &it.issuers);
    let peers = config.client.iter().flat_map(|it| &it.peers);
    let registrations = peers.flat_map(|peer| [&peer.api, &peer.human, &peer.native]);
    let secrets = registrations
        .flatten()
        .filter_map(|one| one.client_secret_file.as_ref());
    issuers
        .map(|issuer| &issuer.client_secret_file)
        .chain(secrets)
        .map(|file| file.get_ref().as_path())
        .collect()
}
