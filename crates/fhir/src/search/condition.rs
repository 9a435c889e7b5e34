//! `If-None-Exist` (FHIR R4 http, section 3.1.0.8.1): what makes a delivery repeatable.

use super::parameters::{TypeCriterion, decoded, refused, shown};
use super::{SystemCriterion, Token};
use crate::CompositionType;
use crate::outcome::{IssueCode, Refusal};

/// The condition of a create: no such record may exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfNoneExist {
    /// `identifier`, always with a value.
    pub identifier: Token,
    /// `composition.type`: a provider's report, the jurisdiction's and the coded documents share one
    /// identifier value.
    pub composition_type: Option<CompositionType>,
}

impl IfNoneExist {
    /// Reads the header: `identifier=system|value`, alone or with `composition.type=code`.
    ///
    /// # Errors
    /// 400: `not-supported` names any other parameter, since ignoring it would answer a create with
    /// a record that is not the one meant; `value` for a value that cannot be read; `required`
    /// without an identifier.
    pub fn parse(header: &str) -> Result<Self, Refusal> {
        Self::read(header).map_err(|refusal| refusal.of_http("If-None-Exist"))
    }

    fn read(header: &str) -> Result<Self, Refusal> {
        let (mut identifier, mut composition_type) = (None, None);
        // A whole URL or a leading question mark is tolerated by many servers; not here.
        for pair in header.trim().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            let duplicate = match name.as_str() {
                "identifier" => identifier.replace(identifier_of(&value)?).is_some(),
                COMPOSITION_TYPE => composition_type.replace(type_of(&value)?).is_some(),
                name => return Err(unsupported(&shown(name))),
            };
            if duplicate {
                return Err(unsupported(&format!("{} given twice", shown(&name))));
            }
        }
        let identifier = identifier.ok_or_else(|| {
            refused(
                IssueCode::Required,
                "If-None-Exist must say identifier=system|value",
            )
        })?;
        Ok(Self {
            identifier,
            composition_type,
        })
    }
}

fn identifier_of(value: &str) -> Result<Token, Refusal> {
    let token = Token::parse(value).filter(|token| token.value.is_some());
    let text = "If-None-Exist must say identifier=system|value";
    token.ok_or_else(|| refused(IssueCode::Value, text))
}

fn type_of(value: &str) -> Result<CompositionType, Refusal> {
    match TypeCriterion::parse(value) {
        Some(TypeCriterion::Is(kind)) => Ok(kind),
        // A type that no record has would make every create of it succeed.
        _ => Err(refused(
            IssueCode::Value,
            "composition.type in If-None-Exist is the code of no document exchanged here",
        )),
    }
}

fn unsupported(name: &str) -> Refusal {
    refused(
        IssueCode::NotSupported,
        format!("not offered in If-None-Exist: {name}"),
    )
}

/// The client's side of it: the header for a record with this identifier and type.
impl std::fmt::Display for IfNoneExist {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("identifier", &self.identifier.to_string());
        if let Some(kind) = self.composition_type {
            query.append_pair(COMPOSITION_TYPE, kind.code());
        }
        f.write_str(&query.finish())
    }
}

impl IfNoneExist {
    /// The condition for a record with this identifier and type.
    #[must_use]
    pub fn of(
        system: Option<&str>,
        value: &str,
        composition_type: Option<CompositionType>,
    ) -> Self {
        let system = match system {
            Some(system) => SystemCriterion::Is(system.to_owned()),
            None => SystemCriterion::Absent,
        };
        Self {
            identifier: Token {
                system,
                value: Some(value.to_owned()),
            },
            composition_type,
        }
    }
}

const COMPOSITION_TYPE: &str = "composition.type";
