//! How commands answer: aligned columns for people, JSON for programs, secrets once.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use oauth::Secret;
use serde_json::Value;

use crate::files;

/// How the answer of a command is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Output {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// Says why a command did not do what it should.
pub(super) fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

impl Output {
    /// A list: the members `columns` of every object as a table, or the whole objects as a JSON array.
    pub(super) fn list(self, columns: &[&str], objects: &[Value]) -> anyhow::Result<()> {
        if self == Self::Json {
            return print(&serde_json::to_string_pretty(objects)?);
        }
        let mut table = table();
        table.set_header(columns.iter().map(|name| heading(name)));
        for object in objects {
            table.add_row(columns.iter().map(|name| member(name, object.get(*name))));
        }
        print(&table.trim_fmt())
    }

    /// One object, member by member.
    pub(super) fn one(self, object: &Value) -> anyhow::Result<()> {
        if self == Self::Json {
            return print(&serde_json::to_string_pretty(object)?);
        }
        let mut table = table();
        for (name, value) in object.as_object().into_iter().flatten() {
            table.add_row([heading(name), Cell::new(member(name, Some(value)))]);
        }
        print(&table.trim_fmt())
    }

    /// One object with a new secret in it. Only its hash is kept: this is the one time it is seen.
    pub(super) fn with_secret(
        self,
        mut object: Value,
        name: &str,
        secret: Option<&Secret>,
    ) -> anyhow::Result<()> {
        if let (Some(secret), Some(members)) = (secret, object.as_object_mut()) {
            members.insert(name.to_owned(), secret.expose().into());
        }
        self.one(&object)?;
        if secret.is_some() && self == Self::Text {
            eprintln!(
                "\nThe {} is shown this once; only its hash is kept.",
                name.replace('_', " ")
            );
        }
        Ok(())
    }

    /// An object whose secret goes to a file, closed to others, if one is named; else as
    /// [`Output::with_secret`].
    pub(super) fn with_secret_in(
        self,
        mut object: Value,
        name: &str,
        secret: Option<&Secret>,
        file: Option<&Path>,
    ) -> anyhow::Result<()> {
        let (Some(secret), Some(file)) = (secret, file) else {
            return self.with_secret(object, name, secret);
        };
        files::write(file, secret.expose().as_bytes(), files::PRIVATE)?;
        if let Some(members) = object.as_object_mut() {
            members.insert(format!("{name}_file"), file.display().to_string().into());
        }
        self.one(&object)
    }

    /// A sentence for people; for programs an object that says which and what.
    pub(super) fn done(self, object: &Value, sentence: &str) -> anyhow::Result<()> {
        match self {
            Self::Json => print(&serde_json::to_string_pretty(object)?),
            Self::Text => print(sentence),
        }
    }
}

/// `1 seal`, `2 seals`.
pub(super) fn counted<T: Copy + Display + PartialEq + From<u8>>(number: T, one: &str) -> String {
    let plural = if number == T::from(1) { "" } else { "s" };
    format!("{number} {one}{plural}")
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // A pipe gets every column whole; a terminal gets what fits.
    table.set_content_arrangement(if std::io::stdout().is_terminal() {
        ContentArrangement::Dynamic
    } else {
        ContentArrangement::Disabled
    });
    if std::env::var_os("NO_COLOR").is_some() {
        table.force_no_tty();
    }
    table
}

fn heading(name: &str) -> Cell {
    Cell::new(name.replace('_', " ")).add_attribute(Attribute::Bold)
}

/// No list of facilities is no limit, and an empty one reaches nothing: a dash would say both.
fn member(name: &str, value: Option<&Value>) -> String {
    match (name, value) {
        ("facilities", None | Some(Value::Null)) => "all".to_owned(),
        ("facilities", Some(Value::Array(items))) if items.is_empty() => "none".to_owned(),
        _ => text(value),
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => plain(text),
        Some(Value::Array(items)) if items.is_empty() => "-".to_owned(),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| text(Some(item)))
            .collect::<Vec<_>>()
            .join(" "),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::Bool(false)) => "no".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// A stored text may have come from outside: an escape sequence in it must not reach the terminal.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// `println!` panics when the reader of a pipe has gone; that is no fault of ours.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn cells_are_plain() {
        assert_eq!(text(Some(&json!("a\u{1b}[31mb"))), "a [31mb");
        assert_eq!(text(Some(&json!(["MA", "NH"]))), "MA NH");
        assert_eq!(text(Some(&json!([]))), "-");
        assert_eq!(text(None), "-");
        assert_eq!(text(Some(&json!(true))), "yes");
    }
}
