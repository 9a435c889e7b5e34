//! What comes in: members of a JSON body and parameters of a query, each read by name; what is not known is refused.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use oauth::Parameters;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::administration::PageRequest;
use crate::registration::{OrganizationAccess, Rights};

/// The members of a body that have not been read yet.
#[derive(Default)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// The one JSON object of a body; nothing where none is expected.
    pub(super) fn read(
        headers: &HeaderMap,
        body: Result<Bytes, BytesRejection>,
        expected: bool,
    ) -> Result<Self, Problem> {
        let body = body.map_err(|rejection| Problem::unreadable(rejection.status()))?;
        if !expected {
            if body.is_empty() {
                return Ok(Self::default());
            }
            return Err(Problem::malformed("body", "must be empty"));
        }
        // RFC 9110 section 8.4: what was compressed would be read in front of us as another body.
        if !is_json(headers) || headers.contains_key(header::CONTENT_ENCODING) {
            return Err(Problem::unreadable(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        match oauth::strict::object(&body) {
            Some(members) => Ok(Self(members)),
            None => Err(Problem::malformed(
                "body",
                "must be one JSON object without a member twice",
            )),
        }
    }

    /// A member, if it is there and not null.
    pub(super) fn optional<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Problem> {
        let Some(value) = self.0.remove(name).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        if holds_nul(&value) {
            return Err(Problem::invalid(name, "holds the character NUL"));
        }
        match serde_json::from_value(value) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(Problem::invalid(name, "has another type")),
        }
    }

    /// A member that has to be there.
    pub(super) fn required<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
    ) -> Result<T, Problem> {
        self.optional(name)?
            .ok_or_else(|| Problem::invalid(name, "is missing"))
    }

    /// A member that is one of the names that `parse` knows.
    pub(super) fn named<T>(
        &mut self,
        name: &'static str,
        parse: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.optional::<String>(name)? else {
            return Ok(None);
        };
        match parse(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(Problem::invalid(name, "is none of the known names")),
        }
    }

    /// A list of such names.
    pub(super) fn names<T>(
        &mut self,
        name: &'static str,
        parse: fn(&str) -> Option<T>,
    ) -> Result<Vec<T>, Problem> {
        let texts: Vec<String> = self.optional(name)?.unwrap_or_default();
        let read = texts.iter().map(|text| parse(text)).collect::<Option<_>>();
        read.ok_or_else(|| Problem::invalid(name, "holds what is none of the known names"))
    }

    /// `organization`, `organization_access`, `jurisdictions`, `record_types`: absent means none.
    pub(super) fn rights(&mut self) -> Result<Rights, Problem> {
        Ok(Rights {
            organization: self.optional("organization")?,
            organization_access: self
                .named("organization_access", OrganizationAccess::parse)?
                .unwrap_or_default(),
            jurisdictions: self.optional("jurisdictions")?.unwrap_or_default(),
            record_types: self.optional("record_types")?.unwrap_or_default(),
        })
    }

    /// Refuses what nobody has read.
    pub(super) fn end(self) -> Result<(), Problem> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(Problem::invalid(name, "is not a member of this")),
        }
    }
}

/// The parameters of a query.
pub(super) struct Query(Parameters);

impl Query {
    pub(super) fn read(query: &str, known: &[&str]) -> Result<Self, Problem> {
        let parameters = Parameters::parse(query.as_bytes())
            .map_err(|error| Problem::malformed("query", error.description()))?;
        if let Some(name) = parameters.names().find(|name| !known.contains(name)) {
            return Err(Problem::malformed(name, "is not a parameter of this"));
        }
        Ok(Self(parameters))
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).map(str::to_owned)
    }

    pub(super) fn value<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        let parsed = self.0.get(name).map(str::parse).transpose();
        parsed.map_err(|_| Problem::malformed(name, "cannot be read"))
    }

    pub(super) fn page(&self) -> Result<PageRequest, Problem> {
        Ok(PageRequest {
            cursor: self.text("cursor"),
            limit: self.value("limit")?,
        })
    }
}

/// The versions of `If-Match` (RFC 9110 section 13.1.1); `None` when any will do. A weak one never matches.
pub(super) fn versions(headers: &HeaderMap) -> Option<Vec<String>> {
    let values = headers.get_all(header::IF_MATCH).iter();
    let texts: Vec<&str> = values.map(|value| value.to_str().unwrap_or("")).collect();
    if texts.is_empty() || texts == ["*"] {
        return None;
    }
    let tags = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
    let strong = tags.filter_map(|tag| tag.strip_prefix('"')?.strip_suffix('"'));
    Some(strong.map(str::to_owned).collect())
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return false;
    };
    let essence = value.to_str().unwrap_or("").split(';').next();
    essence.is_some_and(|it| it.trim().eq_ignore_ascii_case("application/json"))
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || holds_nul(value)),
        _ => false,
    }
}
