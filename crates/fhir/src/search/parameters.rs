//! The parameters of a search on Bundle or Composition.

use super::definition::Definition;
use super::{CURSOR, CURSOR_ALONE, Criterion, Token};
use crate::outcome::{Issue, IssueCode, Refusal};
use crate::prefer::Handling;
use crate::redact::Group;
use crate::{CompositionType, ResourceType};

/// A search as far as it is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// What is searched for.
    pub resource_type: ResourceType,
    /// Whether this is `Composition/$document`, which answers whole documents.
    pub operation: bool,
    /// What all results have in common.
    pub criteria: Vec<Criterion>,
    /// `_sort`
    pub sort: Option<Sort>,
    /// `_count`: resources on a page, as the client wants it. 0 asks for the total only.
    pub count: Option<u32>,
    /// `_total`
    pub total: Option<Total>,
    /// `_summary=count`: the total only.
    pub summary: bool,
    /// What a `next` link of ours said (see [`CURSOR`]). It holds a whole search, and stands alone.
    pub cursor: Option<String>,
    /// Names of the parameters that are not offered; ignored unless handling is strict.
    pub unsupported: Vec<String>,
    /// What the search could betray, whatever it finds, and by which parameter.
    pub reveals: Vec<(Group, &'static str)>,
    /// The parameters that are followed, as they were given.
    pub(super) used: Vec<(String, String)>,
}

/// `_sort`, by one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub key: SortKey,
    /// From the greatest to the least.
    pub descending: bool,
}

/// What can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKey {
    /// `_id`
    Id,
    /// `_lastUpdated`
    LastUpdated,
    /// `date`; what has none comes first.
    Date,
}

/// How exactly a total is wanted (FHIR R4 search, section 3.1.1.5.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Not at all.
    None,
    /// If it is cheap.
    Estimate,
    /// To the last.
    Accurate,
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
    /// 400: `not-supported` for a modifier or prefix that is not offered and for a parameter of the answer's form
    /// given twice (FHIR R4 search, section 3.1.1.5.1: a search that asks for more than we can do must not find
    /// more than it asked for), `value` for a value that cannot be read, `too-costly` for too many.
    pub fn parse(resource_type: ResourceType, query: &str) -> Result<Self, Refusal> {
        let mut parameters = Self::new(resource_type);
        for (name, value) in pairs(query)? {
            parameters.add(&name, value)?;
        }
        parameters.check_cursor()?;
        Ok(parameters)
    }

    /// A search for everything.
    pub(super) fn new(resource_type: ResourceType) -> Self {
        let documents_only = resource_type == ResourceType::Composition;
        Self {
            resource_type,
            operation: false,
            criteria: if documents_only {
                vec![Criterion::Document]
            } else {
                Vec::new()
            },
            sort: None,
            count: None,
            total: None,
            summary: false,
            cursor: None,
            unsupported: Vec::new(),
            reveals: Vec::new(),
            used: Vec::new(),
        }
    }

    fn add(&mut self, name: &str, value: String) -> Result<(), Refusal> {
        // How the answer is written is decided elsewhere.
        if matches!(name, "_format" | "_pretty") {
            return Ok(());
        }
        if self.add_result_parameter(name, &value)? || self.add_criterion(name, &value)? {
            self.use_as_given(name, value)?;
        } else {
            self.unsupported.push(shown(name));
        }
        Ok(())
    }

    /// Notes a parameter for the links to this search.
    ///
    /// # Errors
    /// 400 `too-costly` for a search that fits into no link: nobody could follow it to its second page.
    pub(super) fn use_as_given(&mut self, name: &str, value: String) -> Result<(), Refusal> {
        if !matches!(name, "_count" | CURSOR) {
            self.used.push((name.to_owned(), value));
        }
        if self.to_query(0).len() > MAX_LENGTH {
            return Err(refused(IssueCode::TooCostly, "the search is too long"));
        }
        Ok(())
    }

    /// A parameter of the answer's form (FHIR R4 search, section 3.1.1.5). Answers whether it is one of ours.
    pub(super) fn add_result_parameter(
        &mut self,
        name: &str,
        value: &str,
    ) -> Result<bool, Refusal> {
        match name {
            "_count" => once(
                name,
                &mut self.count,
                value.parse().map_err(|_| {
                    unreadable(
                        name,
                        "it is a whole number of resources on a page, such as 50",
                    )
                })?,
            )?,
            "_sort" => once(name, &mut self.sort, Sort::parse(value)?)?,
            "_total" => once(
                name,
                &mut self.total,
                Total::parse(value)
                    .ok_or_else(|| unreadable(name, "it is one of none, estimate and accurate"))?,
            )?,
            "_summary" => match value {
                "count" => self.summary = true,
                "false" => {}
                // Whole resources are answered instead.
                "true" | "text" | "data" => return Ok(false),
                _ => return Err(unreadable(name, "it is count or false")),
            },
            CURSOR => once(name, &mut self.cursor, value.to_owned())?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// A condition. Answers whether it is one that is offered.
    pub(super) fn add_criterion(&mut self, name: &str, value: &str) -> Result<bool, Refusal> {
        let (base, modifier) = split_modifier(name);
        let Some(definition) = Definition::find(self.resource_type, base) else {
            return Ok(false);
        };
        let known = definition.name(self.resource_type);
        self.criteria
            .push(Criterion::parse(definition, (known, modifier), value)?);
        self.reveals
            .extend(definition.reveals.map(|group| (group, known)));
        Ok(true)
    }

    /// A cursor is a whole search with its place in it: anything beside it would be a second, different one.
    pub(super) fn check_cursor(&self) -> Result<(), Refusal> {
        let alone = self.used.is_empty() && self.count.is_none() && self.unsupported.is_empty();
        if self.cursor.is_some() && !alone {
            return Err(refused(IssueCode::Invalid, CURSOR_ALONE).of_http(CURSOR));
        }
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
            Handling::Strict => {
                let text = format!("search parameters that are not offered here: {names}");
                let refusal = refused(IssueCode::NotSupported, text);
                let names = self.unsupported.iter();
                Err(names.fold(refusal, |refusal, name| of_shown(refusal, name)))
            }
            Handling::Lenient => {
                let text = format!(
                    "search parameters that are not offered here, and were ignored: {names}"
                );
                let warning = Issue::warning(IssueCode::NotSupported, text);
                Ok(Some(of_all(&self.unsupported, warning)))
            }
        }
    }

    /// The order of the answer: as asked for, or else one that an index gives together with the conditions.
    #[must_use]
    pub fn order(&self) -> Sort {
        let by = |key| Sort {
            key,
            descending: false,
        };
        let indexed = self.criteria.iter().find_map(|criterion| match criterion {
            Criterion::Terms(_) | Criterion::Id(_) => Some(SortKey::Id),
            Criterion::LastUpdated(_) => Some(SortKey::LastUpdated),
            Criterion::Date(_) => Some(SortKey::Date),
            _ => None,
        });
        self.sort
            .unwrap_or_else(|| by(indexed.unwrap_or(SortKey::Id)))
    }

    /// What was understood, as a query, with the count of a page.
    #[must_use]
    pub fn to_query(&self, count: u32) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.used);
        query.append_pair("_count", &count.to_string());
        query.finish()
    }

    /// The path below the FHIR base at which this search is asked with GET.
    #[must_use]
    pub fn path(&self) -> &'static str {
        match self.operation {
            true => "Composition/$document",
            false => self.resource_type.as_str(),
        }
    }
}

impl Sort {
    /// One key, with a minus before it for the greatest first.
    fn parse(text: &str) -> Result<Self, Refusal> {
        let (descending, name) = match text.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, text),
        };
        let key = match name {
            "_id" => SortKey::Id,
            "_lastUpdated" => SortKey::LastUpdated,
            "date" => SortKey::Date,
            _ => {
                let text = "_sort takes one of _lastUpdated, date and _id, each also with a minus before it";
                return Err(refused(IssueCode::NotSupported, text).of_http("_sort"));
            }
        };
        Ok(Self { key, descending })
    }
}

impl Total {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Self::None),
            "estimate" => Some(Self::Estimate),
            "accurate" => Some(Self::Accurate),
            _ => None,
        }
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
}

/// The decoded names and values of a query.
pub(super) fn pairs(query: &str) -> Result<Vec<(String, String)>, Refusal> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    // Our own links say the count of a page, whether or not the client did.
    let counted = |pair: &&str| !pair.starts_with("_count=");
    if pairs.clone().filter(counted).count() > MAX_PARAMETERS {
        return Err(refused(
            IssueCode::TooCostly,
            "the search has too many parameters",
        ));
    }
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .map(|(name, value)| {
            let name = decoded(name)?;
            let value = decoded(value).map_err(|refusal| of_shown(refusal, &name))?;
            Ok((name, value))
        })
        .collect()
}

/// The name before the last colon, unless that colon belongs to a chain: `subject:Patient.family:exact`.
fn split_modifier(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((base, modifier)) if !modifier.contains('.') => (base, Some(modifier)),
        _ => (name, None),
    }
}

pub(super) fn once<T>(name: &str, place: &mut Option<T>, value: T) -> Result<(), Refusal> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(refused(
            IssueCode::NotSupported,
            format!("{name} may be given once only"),
        )
        .of_http(name)),
    }
}

/// `application/x-www-form-urlencoded`, but what is not UTF-8 is refused instead of replaced.
pub(super) fn decoded(text: &str) -> Result<String, Refusal> {
    let spaced = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| {
        let text = "the parameters are not UTF-8, in which a URL spells letters such as é (%C3%A9)";
        refused(IssueCode::Invalid, text)
    })
}

/// A parameter's name, if it can be shown: what a client made up may be content.
pub(crate) fn shown(name: &str) -> String {
    match is_plain(name) {
        true => name.to_owned(),
        false => "a parameter with an unusual name".to_owned(),
    }
}

fn is_plain(name: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// A refusal for the parameter of this name, if it can be shown.
pub(crate) fn of_shown(refusal: Refusal, name: &str) -> Refusal {
    match is_plain(name) {
        true => refusal.of_http(name),
        false => refusal,
    }
}

/// A warning of parameters that are ignored, by those of their names that can be shown.
pub(crate) fn of_all(names: &[String], warning: Issue) -> Issue {
    let plain = names.iter().filter(|name| is_plain(name));
    plain.fold(warning, |warning, name| warning.of_http(name))
}

/// A value of a parameter of ours that cannot be read; `form` says how it would be written.
pub(crate) fn unreadable(name: &str, form: &str) -> Refusal {
    let text = format!("the value of {name} cannot be read: {form}");
    refused(IssueCode::Value, text).of_http(name)
}

pub(super) fn refused(code: IssueCode, text: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(400, code, text)
}

const MAX_PARAMETERS: usize = 64;

/// Encrypted and encoded, it still fits into a request line of 8,000 bytes (RFC 9110 section 4.1).
const MAX_LENGTH: usize = 4_000;
