//! One condition of a search: of several values one has to match (FHIR R4 search, section 3.1.1.4.2); all conditions
//! have to.

use super::definition::{Compares, Definition};
use super::parameters::{TypeCriterion, refused, unreadable};
use super::period::Period;
use super::term::{Field, Term};
use super::token::{Token, alternatives};
use crate::interaction::is_id;
use crate::outcome::{IssueCode, Refusal};
use crate::{CompositionType, Jurisdiction, RecordType, natural_key};

/// One condition. Of a list one has to match; an empty list is matched by nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Criterion {
    /// The record's id.
    Id(Vec<String>),
    /// When it was stored, in milliseconds since 1970-01-01 UTC.
    LastUpdated(Vec<Range>),
    /// `Composition.date`.
    Date(Vec<(Prefix, Period)>),
    /// Type of the document.
    CompositionType(Vec<CompositionType>),
    /// Where it belongs.
    Jurisdiction(Vec<Jurisdiction>),
    /// Birth or fetal death.
    RecordType(Vec<RecordType>),
    /// Year of the event.
    EventYear(Vec<Range>),
    /// Terms of the index.
    Terms(Vec<Term>),
    /// `:missing=true` of what has terms: the term that says that there is one must not be there.
    Lacks(Term),
    /// `:missing` of what has a column of its own.
    Missing(Column, bool),
    /// Documents, not messages or batches.
    Document,
}

/// What a record may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// `Composition.date`.
    Date,
    /// Type of the document.
    CompositionType,
    /// Year of the event.
    EventYear,
}

/// Whole numbers from `from` to before `to`, each without an end where it is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first.
    pub from: Option<i64>,
    /// The first behind them.
    pub to: Option<i64>,
}

/// How numbers and dates are compared (FHIR R4 search, section 3.1.1.4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// `eq`, and without a prefix.
    Equal,
    /// `ne`
    NotEqual,
    /// `gt`
    Greater,
    /// `lt`
    Less,
    /// `ge`
    GreaterOrEqual,
    /// `le`
    LessOrEqual,
    /// `sa`
    StartsAfter,
    /// `eb`
    EndsBefore,
    /// `ap`
    Approximately,
}

impl Criterion {
    /// Reads the values of one parameter.
    ///
    /// # Errors
    /// 400 `value` for a value that cannot be read, `not-supported` for a modifier or prefix that is not offered,
    /// `too-costly` for too many values. No text repeats a value: it may be a name.
    pub(super) fn parse(
        definition: &Definition,
        (name, modifier): (&str, Option<&str>),
        value: &str,
    ) -> Result<Self, Refusal> {
        match (modifier, definition.compares) {
            (None, _) => {}
            (Some("missing"), compares) => {
                let missing = match value {
                    "true" => true,
                    "false" => false,
                    _ => return Err(unreadable(name, ":missing is true or false")),
                };
                return missing_of(compares, missing).ok_or_else(|| no_modifier(name, compares));
            }
            (Some("exact"), Compares::String(_)) => {}
            (Some(_), compares) => return Err(no_modifier(name, compares)),
        }
        let form = definition.compares.form();
        let values = alternatives(value).ok_or_else(|| unreadable(name, form))?;
        if values.len() > MAX_ALTERNATIVES {
            let text = format!("{name} has too many values: {MAX_ALTERNATIVES} at most");
            return Err(refused(IssueCode::TooCostly, text).of_http(name));
        }
        let reader = Reader { name, form, values };
        match definition.compares {
            Compares::Id => reader
                .each(|text| Some(text.to_owned()).filter(|id| is_id(id)))
                .map(Self::Id),
            Compares::LastUpdated => reader.ranges(instants).map(Self::LastUpdated),
            Compares::Date => reader.each(dated).map(Self::Date),
            Compares::CompositionType => reader.types().map(Self::CompositionType),
            Compares::Jurisdiction => reader.known(Jurisdiction::parse).map(Self::Jurisdiction),
            Compares::RecordType => reader.known(RecordType::parse).map(Self::RecordType),
            Compares::EventYear => reader.ranges(years).map(Self::EventYear),
            Compares::CertificateNumber(field) => reader
                .known(|text| Some(field.plain(&certificate_number(text)?)))
                .map(Self::Terms),
            Compares::String(field) if modifier.is_some() => reader.exact(field).map(Self::Terms),
            Compares::String(field) => reader
                .each(|text| field.string(&plain(text)?))
                .map(Self::Terms),
            Compares::Token(field) => reader.tokens(field).map(Self::Terms),
            Compares::BirthDate(field) => reader.birth_dates(field).map(Self::Terms),
        }
    }
}

/// The values of one parameter, still escaped.
struct Reader<'a> {
    name: &'a str,
    /// How a value is written.
    form: &'static str,
    values: Vec<&'a str>,
}

impl Reader<'_> {
    fn each<'v, T>(&'v self, read: impl Fn(&'v str) -> Option<T>) -> Result<Vec<T>, Refusal> {
        let values = self.values.iter().map(|text| read(text));
        values
            .collect::<Option<_>>()
            .ok_or_else(|| unreadable(self.name, self.form))
    }

    fn ranges(&self, read: impl Fn(&str) -> Option<Vec<Range>>) -> Result<Vec<Range>, Refusal> {
        Ok(self.each(read)?.into_iter().flatten().collect())
    }

    fn token_values(&self) -> Result<Vec<Token>, Refusal> {
        self.each(Token::parse)
    }

    fn tokens(&self, field: Field) -> Result<Vec<Term>, Refusal> {
        let tokens = self.token_values()?;
        Ok(tokens.iter().map(|token| field.token(token)).collect())
    }

    /// Codes without a system of their own; what is none of them is matched by nothing.
    fn known<T>(&self, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Refusal> {
        let tokens = self.token_values()?;
        let codes = tokens
            .into_iter()
            .filter(|token| !matches!(token.system, super::SystemCriterion::Is(_)));
        Ok(codes
            .filter_map(|token| read(token.value.as_deref()?))
            .collect())
    }

    fn types(&self) -> Result<Vec<CompositionType>, Refusal> {
        let types = self.each(TypeCriterion::parse)?.into_iter();
        Ok(types
            .filter_map(|criterion| match criterion {
                TypeCriterion::Is(kind) => Some(kind),
                TypeCriterion::Nothing => None,
            })
            .collect())
    }

    fn exact(&self, field: Field) -> Result<Vec<Term>, Refusal> {
        self.each(|text| Some(field.exact_string(&plain(text)?)))
    }

    /// Hashes are equal or not: there is no order among them.
    fn birth_dates(&self, field: Field) -> Result<Vec<Term>, Refusal> {
        let dates = self.each(prefixed)?;
        if dates.iter().any(|(prefix, _)| *prefix != Prefix::Equal) {
            let text = format!("{} takes no prefix but eq", self.name);
            return Err(refused(IssueCode::NotSupported, text).of_http(self.name));
        }
        let terms = dates.into_iter().map(|(_, date)| field.date(date));
        terms
            .collect::<Option<_>>()
            .ok_or_else(|| unreadable(self.name, self.form))
    }
}

fn missing_of(compares: Compares, missing: bool) -> Option<Criterion> {
    let column = match compares {
        Compares::String(field)
        | Compares::Token(field)
        | Compares::BirthDate(field)
        | Compares::CertificateNumber(field) => {
            return Some(match missing {
                true => Criterion::Lacks(field.present()),
                false => Criterion::Terms(vec![field.present()]),
            });
        }
        Compares::Date => Column::Date,
        Compares::CompositionType => Column::CompositionType,
        Compares::EventYear => Column::EventYear,
        // Every record has these.
        Compares::Id | Compares::LastUpdated | Compares::Jurisdiction | Compares::RecordType => {
            return None;
        }
    };
    Some(Criterion::Missing(column, missing))
}

/// A string's value, unescaped.
fn plain(text: &str) -> Option<String> {
    let token = Token::parse(text)?;
    // A bar in a string is no separator, but nobody's name has one.
    matches!(token.system, super::SystemCriterion::Any).then_some(token.value?)
}

/// Splits a prefix off.
fn prefixed(text: &str) -> Option<(Prefix, &str)> {
    let (prefix, rest) = match text.get(..2) {
        Some(letters) if letters.bytes().all(|byte| byte.is_ascii_lowercase()) => {
            (letters, text.get(2..)?)
        }
        _ => ("eq", text),
    };
    let prefix = match prefix {
        "eq" => Prefix::Equal,
        "ne" => Prefix::NotEqual,
        "gt" => Prefix::Greater,
        "lt" => Prefix::Less,
        "ge" => Prefix::GreaterOrEqual,
        "le" => Prefix::LessOrEqual,
        "sa" => Prefix::StartsAfter,
        "eb" => Prefix::EndsBefore,
        "ap" => Prefix::Approximately,
        _ => return None,
    };
    Some((prefix, rest))
}

fn dated(text: &str) -> Option<(Prefix, Period)> {
    let (prefix, date) = prefixed(text)?;
    Some((prefix, Period::parse(date)?))
}

/// The instants that a comparison with a date admits.
fn instants(text: &str) -> Option<Vec<Range>> {
    let (prefix, Period { start, end }) = dated(text)?;
    Some(within(prefix, start, end))
}

/// The years that a comparison with a year admits.
fn years(text: &str) -> Option<Vec<Range>> {
    let (prefix, year) = prefixed(text)?;
    let digits = (1..=4).contains(&year.len()) && year.bytes().all(|byte| byte.is_ascii_digit());
    let year: i64 = year.parse().ok().filter(|_| digits)?;
    Some(within(prefix, year, year + 1))
}

/// The points that a comparison with the span from `start` to before `end` admits.
fn within(prefix: Prefix, start: i64, end: i64) -> Vec<Range> {
    let range = |from, to| Range { from, to };
    let length = end.saturating_sub(start);
    match prefix {
        Prefix::Equal => vec![range(Some(start), Some(end))],
        Prefix::NotEqual => vec![range(None, Some(start)), range(Some(end), None)],
        Prefix::Greater | Prefix::StartsAfter => vec![range(Some(end), None)],
        Prefix::Less | Prefix::EndsBefore => vec![range(None, Some(start))],
        Prefix::GreaterOrEqual => vec![range(Some(start), None)],
        Prefix::LessOrEqual => vec![range(None, Some(end))],
        Prefix::Approximately => {
            vec![range(
                Some(start.saturating_sub(length)),
                Some(end.saturating_add(length)),
            )]
        }
    }
}

fn certificate_number(text: &str) -> Option<String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    natural_key::certificate_number(text.parse().ok().filter(|_| digits)?)
}

fn no_modifier(name: &str, compares: Compares) -> Refusal {
    let offered = match compares {
        Compares::String(_) => ":exact and :missing are",
        _ if missing_of(compares, true).is_some() => ":missing is",
        _ => "none is",
    };
    let text = format!("{name} is not offered with this modifier; {offered}");
    refused(IssueCode::NotSupported, text).of_http(name)
}

/// Each is a lookup of its own.
const MAX_ALTERNATIVES: usize = 20;
