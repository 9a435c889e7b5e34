//! Search parameters (FHIR R4 search) and the condition of a conditional create, which has the same
//! form.

mod condition;
mod criterion;
mod definition;
mod document;
mod parameters;
mod period;
pub(crate) mod term;
mod text;
mod token;

pub use condition::IfNoneExist;
pub use criterion::{Column, Criterion, Prefix, Range};
pub use definition::{Definition, ParameterType};
pub use document::{parse_posted, parse_query};
pub use parameters::{Parameters, Sort, SortKey, Total, TypeCriterion};
pub(crate) use parameters::{of_all, of_shown, shown, unreadable};
pub use period::Period;
pub use term::Term;
pub use text::folded;
pub use token::{SystemCriterion, Token};

/// The name of the page cursor that our `next` links carry.
pub const CURSOR: &str = "_cursor";

pub(crate) const CURSOR_ALONE: &str =
    "_cursor takes no other parameter beside it: follow the next link as it is";

#[cfg(test)]
mod tests;
