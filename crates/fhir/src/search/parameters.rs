//! The parameters of a search on Bundle or Composition.

use super::{AFTER, Token, type_parameter};
use crate::interaction::is_id;
use crate::outcome::{Issue, IssueCode, Refusal};
use crate::prefer::Handling;
use crate::{CompositionType, ResourceType};

/// A search as far as it is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// What is searched for.
    pub resource_type: ResourceType,
    /// `identifier`: the record's.
    pub identifier: Option<Token>,
    /// `composition.type` of a Bundle, `type` of a Composition.
    pub composition_type: Option<TypeCriterion>,
    /// `_id`.
    pub id: Option<String>,
    /// `_count`: resources on a page, as the client wants it. 0 asks for the total only.
    pub count: Option<u32>,
    /// Where a further page begins (see [`AFTER`]).
    pub after: Option<String>,
    /// Names of the parameters that are not offered; ignored unless handling is strict.
    pub unsupported: Vec<String>,
}

/// What `composition.type` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeCriterion {
    /// Documents of this type.
    Is(CompositionType),
    /// A code or system that no document here can have: nothing matches.
    Nothing,
}

impl Parameters {
    /// Reads a query, or the form of a `POST _search`, or both joined with `&`.
    ///
    /// # Errors
    /// 400: `not-supported` for a modifier or for a parameter given twice (FHIR R4 search,
    /// section 3.1.1.5.1: a search that asks for more than we can do must not find more than it asked
    /// for), `value` for a value that cannot be read.
    pub fn parse(resource_type: ResourceType, query: &str) -> Result<Self, Refusal> {
        let mut parameters = Self {
            resource_type,
            identifier: None,
            composition_type: None,
            id: None,
            count: None,
            after: None,
            unsupported: Vec::new(),
        };
        for (number, pair) in query.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            if number == MAX_PARAMETERS {
                return Err(refused(
                    IssueCode::TooCostly,
                    "the search has too many parameters",
                ));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            parameters.add(&decoded(name)?, decoded(value)?)?;
        }
        Ok(parameters)
    }

    fn add(&mut self, name: &str, value: String) -> Result<(), Refusal> {
        let unreadable = || {
            refused(
                IssueCode::Value,
                format!("the value of {name} is not allowed"),
            )
        };
        match name {
            "identifier" => once(
                name,
                &mut self.identifier,
                Token::parse(&value).ok_or_else(unreadable)?,
            ),
            "_id" => once(
                name,
                &mut self.id,
                Some(value).filter(|id| is_id(id)).ok_or_else(unreadable)?,
            ),
            "_count" => once(
                name,
                &mut self.count,
                value.parse().map_err(|_| unreadable())?,
            ),
            AFTER => once(
                name,
                &mut self.after,
                Some(value).filter(|id| is_id(id)).ok_or_else(unreadable)?,
            ),
            name if name == type_parameter(self.resource_type) => {
                let criterion = TypeCriterion::parse(&value).ok_or_else(unreadable)?;
                once(name, &mut self.composition_type, criterion)
            }
            // How the answer is written is decided elsewhere.
            "_format" | "_pretty" => Ok(()),
            name => self.add_unsupported(name),
        }
    }

    fn add_unsupported(&mut self, name: &str) -> Result<(), Refusal> {
        let offered = [
            "identifier",
            "_id",
            "_count",
            type_parameter(self.resource_type),
        ];
        if let Some((base, _)) = name.split_once(':')
            && offered.contains(&base)
        {
            return Err(refused(
                IssueCode::NotSupported,
                format!("{base} takes no modifier"),
            ));
        }
        self.unsupported.push(shown(name));
        Ok(())
    }

    /// What a searchset says about parameters that were ignored; `None` if there are none.
    ///
    /// # Errors
    /// 400 `not-supported` if there are some and the client wants none ignored.
    pub fn ignored(&self, handling: Handling) -> Result<Option<Issue>, Refusal> {
        if self.unsupported.is_empty() {
            return Ok(None);
        }
        let names = self.unsupported.join(", ");
        match handling {
            Handling::Strict => Err(refused(
                IssueCode::NotSupported,
                format!("not offered here: {names}"),
            )),
            Handling::Lenient => {
                let text = format!("not offered here and ignored: {names}");
                Ok(Some(Issue::warning(IssueCode::NotSupported, text)))
            }
        }
    }

    /// What was understood, as a query, for the `self` and `next` links of a searchset.
    #[must_use]
    pub fn to_query(&self, count: u32, after: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(token) = &self.identifier {
            query.append_pair("identifier", &token.to_string());
        }
        if let Some(criterion) = self.composition_type {
            query.append_pair(type_parameter(self.resource_type), criterion.code());
        }
        if let Some(id) = &self.id {
            query.append_pair("_id", id);
        }
        query.append_pair("_count", &count.to_string());
        if let Some(after) = after {
            query.append_pair(AFTER, after);
        }
        query.finish()
    }
}

impl TypeCriterion {
    /// `code`, `system|code`; `None` if it is no token.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let token = Token::parse(text)?;
        let code = token.value?;
        Some(
            match token.system {
                super::SystemCriterion::Any => CompositionType::parse(&code),
                super::SystemCriterion::Absent => None,
                super::SystemCriterion::Is(system) => {
                    CompositionType::of_coding(Some(&system), &code)
                }
            }
            .map_or(Self::Nothing, Self::Is),
        )
    }

    fn code(self) -> &'static str {
        match self {
            Self::Is(kind) => kind.code(),
            Self::Nothing => "none",
        }
    }
}

fn once<T>(name: &str, place: &mut Option<T>, value: T) -> Result<(), Refusal> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(refused(
            IssueCode::NotSupported,
            format!("{name} may be given once only"),
        )),
    }
}

/// `application/x-www-form-urlencoded`, but what is not UTF-8 is refused instead of replaced.
pub(super) fn decoded(text: &str) -> Result<String, Refusal> {
    let spaced = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| refused(IssueCode::Invalid, "the parameters are not UTF-8"))
}

/// A parameter's name, if it can be shown: what a client made up may be content.
pub(super) fn shown(name: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    match name.len() {
        1..=64 if name.bytes().all(plain) => name.to_owned(),
        _ => "a parameter with an unusual name".to_owned(),
    }
}

pub(super) fn refused(code: IssueCode, text: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(400, code, text)
}

const MAX_PARAMETERS: usize = 64;
