//! Search parameters (FHIR R4 search) and the condition of a conditional create, which has the same
//! form.

mod condition;
mod parameters;
mod token;

pub use condition::IfNoneExist;
pub use parameters::{Parameters, TypeCriterion};
pub use token::{SystemCriterion, Token};

/// The name of the page cursor that our `next` links carry: the id after which the page begins.
pub const AFTER: &str = "_after";

/// What a hosted resource type can be searched by: its type parameter's name depends on it.
pub(crate) fn type_parameter(resource_type: crate::ResourceType) -> &'static str {
    match resource_type {
        crate::ResourceType::Bundle => "composition.type",
        _ => "type",
    }
}

#[cfg(test)]
mod tests;
