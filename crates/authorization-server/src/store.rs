//! The tables of this role: plain SQL, one text for both engines, one module per table.
//!
//! Point reads go to [`storage::Db::find`] without a cache. What must hold together is written by
//! functions that take a [`storage::Transaction`], so that the caller's `Work` decides what is one
//! unit. Single use is always one `INSERT ... ON CONFLICT DO NOTHING` or `UPDATE ... RETURNING`.

pub(crate) mod administrator_links;
pub(crate) mod assertions;
pub(crate) mod authorization_requests;
pub(crate) mod clients;
pub(crate) mod codes;
pub(crate) mod consents;
pub(crate) mod dynamic_registrations;
pub(crate) mod federated;
pub(crate) mod known_browsers;
pub(crate) mod passkeys;
pub(crate) mod pushed_requests;
pub(crate) mod resource_servers;
pub(crate) mod revocations;
pub(crate) mod second_factors;
pub(crate) mod sessions;
pub(crate) mod signing_keys;
pub(crate) mod throttle;
pub(crate) mod tokens;
pub(crate) mod users;

use oauth::{Random, Scope};
use storage::{Error, Row};

use crate::assurance::Assurance;
use crate::registration::{OrganizationAccess, Rights};

/// 128 random bits in hexadecimal: the id of a family, a secret or a user.
pub(crate) fn identifier(random: &Random) -> String {
    hexadecimal(&random.bytes::<16>())
}

/// Lower-case hexadecimal.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// A list as its column holds it.
pub(crate) fn list_text(items: &[String]) -> String {
    serde_json::Value::from(items.to_vec()).to_string()
}

/// Reads a list column.
pub(crate) fn list(text: &str) -> Result<Vec<String>, Error> {
    serde_json::from_str(text).map_err(|_| unreadable("a list"))
}

/// Reads a scope column.
pub(crate) fn scope(text: &str) -> Result<Scope, Error> {
    if text.is_empty() {
        return Ok(Scope::default());
    }
    Scope::parse(text).map_err(|_| unreadable("a scope"))
}

/// A list that may be absent, as its column holds it.
pub(crate) fn optional_list_text(items: Option<&[String]>) -> Option<String> {
    items.map(list_text)
}

/// Reads organization, organization_access, jurisdictions, record_types and facilities, in this order.
pub(crate) fn rights(row: &Row<'_>, first: usize) -> Result<Rights, Error> {
    Ok(Rights {
        organization: row.optional_text(first)?,
        organization_access: OrganizationAccess::parse(&row.text(first + 1)?)
            .ok_or_else(|| unreadable("organization_access"))?,
        jurisdictions: list(&row.text(first + 2)?)?,
        record_types: list(&row.text(first + 3)?)?,
        facilities: row
            .optional_text(first + 4)?
            .as_deref()
            .map(list)
            .transpose()?,
    })
}

/// Reads what a sign-in proved, where that is known.
pub(crate) fn assurance(text: Option<&str>) -> Result<Option<Assurance>, Error> {
    let parsed = |text| Assurance::parse(text).ok_or_else(|| unreadable("acr"));
    text.map(parsed).transpose()
}

/// A column holds what this program never writes.
pub(crate) fn unreadable(what: &'static str) -> Error {
    Error::Failed(format!("{what} cannot be read"))
}
