//! Reading the file.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use storage::Location;
use url::Url;

use super::Config;
use super::told::told;
use crate::files;

/// A configuration and where it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// Its text, for the line numbers of mistakes.
    pub text: String,
    /// Its file.
    pub file: PathBuf,
}

/// Reads and parses a configuration file.
///
/// # Errors
/// The file cannot be read, or a line of it is wrong: the message shows the line and says why.
pub fn load(file: &Path) -> anyhow::Result<Loaded> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    match toml::from_str(&text) {
        Ok(config) => Ok(Loaded {
            config,
            text,
            file: file.to_owned(),
        }),
        Err(error) => {
            let place = error.span().map(|span| line_and_column(&text, span.start));
            let place =
                place.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"));
            // The line itself is not repeated: it may hold the password of the database.
            bail!("{}{place}: {}", file.display(), told(&text, &error))
        }
    }
}

impl Loaded {
    /// A file of the configuration: relative names are relative to the configuration file.
    #[must_use]
    pub fn path(&self, name: &Path) -> PathBuf {
        self.file.parent().unwrap_or(Path::new(".")).join(name)
    }

    /// The directory of the party's state.
    #[must_use]
    pub fn data_directory(&self) -> PathBuf {
        self.path(&self.config.data_directory)
    }

    /// Where the database is.
    ///
    /// # Errors
    /// The file with its password cannot be read, or `database` is no URL that takes one.
    pub fn location(&self) -> anyhow::Result<Location> {
        let mut location = Location::parse(&self.config.database, &self.data_directory());
        if let Location::Postgres(options) = &mut location {
            if let Some(file) = &self.config.database_password_file {
                let password = files::read_secret(&self.path(file.get_ref()))?;
                let mut url = Url::parse(&options.url)
                    .ok()
                    .context("database is not a URL")?;
                url.set_password(Some(password.expose()))
                    .ok()
                    .context("database takes no password")?;
                options.url = url.into();
            }
            let ca_file = self.config.database_ca_file.as_ref();
            options.ca_file = ca_file.map(|file| self.path(file.get_ref()));
            options.pool_size = self
                .config
                .database_connections
                .unwrap_or(options.pool_size);
        }
        Ok(location)
    }

    /// `file:line:column` of a byte offset.
    #[must_use]
    pub fn place(&self, offset: usize) -> String {
        let (line, column) = line_and_column(&self.text, offset);
        format!("{}:{line}:{column}", self.file.display())
    }
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (line, column)
}

/// Applies `SECTION.KEY=VALUE` to a configuration's table. The value is read as TOML, else as text.
///
/// # Errors
/// There is no `=`, or a part of the path is a value and not a section.
pub fn set(table: &mut toml::Table, assignment: &str) -> anyhow::Result<()> {
    let (path, value) = assignment
        .split_once('=')
        .context("expected SECTION.KEY=VALUE")?;
    let value = format!("v = {value}")
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut read| read.remove("v"))
        .unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let mut parts = path.split('.').peekable();
    let mut here = table;
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            here.insert(part.to_owned(), value);
            return Ok(());
        }
        let next = here
            .entry(part)
            .or_insert_with(|| toml::Value::Table(toml::Table::new()));
        here = next
            .as_table_mut()
            .with_context(|| format!("{part} is not a section"))?;
    }
    bail!("expected SECTION.KEY=VALUE")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_password_of_the_database_comes_from_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("vitalgate.toml");
        let text = r#"
            party = "vro"
            organization = "Office"
            public_origin = "https://vro.example"
            data_directory = "data"
            database = "postgres://vitalgate@db.example/vro"
            database_password_file = "password"
            database_ca_file = "ca.pem"
            database_connections = 3
            [listen]
            address = "127.0.0.1:1"
            internal_address = "127.0.0.1:2"
            certificate_file = "c"
            private_key_file = "k"
        "#;
        std::fs::write(&file, text).unwrap();
        let loaded = load(&file).unwrap();
        assert!(loaded.location().is_err(), "there is no file");
        std::fs::write(directory.path().join("password"), "a/b:c@d\n").unwrap();
        let Location::Postgres(options) = loaded.location().unwrap() else {
            unreachable!("the setting is a PostgreSQL URL");
        };
        assert_eq!(
            options.url,
            "postgres://vitalgate:a%2Fb%3Ac%40d@db.example/vro"
        );
        assert_eq!(options.ca_file, Some(directory.path().join("ca.pem")));
        assert_eq!(options.pool_size, 3);
    }

    #[test]
    fn a_setting_is_overridden_with_its_type() {
        let mut table: toml::Table = "[a]\nb = 1".parse().unwrap();
        for assignment in ["a.b=2", "a.c=text", "d.e=[\"x\"]", "f=true"] {
            set(&mut table, assignment).unwrap();
        }
        let expected: toml::Table = "f = true\n[a]\nb = 2\nc = \"text\"\n[d]\ne = [\"x\"]"
            .parse()
            .unwrap();
        assert_eq!(table, expected);
        assert!(set(&mut table, "a.b").is_err());
        assert!(set(&mut table, "f.g=1").is_err());
    }
}
