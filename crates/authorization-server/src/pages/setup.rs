//! The page that an administrator's link opens.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::View;
use super::answer::{self, FormTarget};
use crate::password::Rule;

/// What the page shows.
pub(crate) struct Setup<'a> {
    /// The link's secret.
    pub(crate) token: &'a str,
    pub(crate) csrf_token: &'a str,
    /// Whom the link lets in again.
    pub(crate) known: Option<&'a str>,
    /// What was typed in before a refusal.
    pub(crate) username: &'a str,
    pub(crate) refusal: Option<&'a SetupRefusal>,
}

/// What is wrong, and with which field.
pub(crate) struct SetupRefusal {
    pub(crate) field: &'static str,
    pub(crate) text: String,
}

pub(crate) fn setup(view: &View<'_>, setup: &Setup<'_>) -> Response {
    let status = setup
        .refusal
        .map_or(StatusCode::OK, |_| StatusCode::BAD_REQUEST);
    let page = SetupPage {
        view,
        setup,
        least: Rule::OnlyFactor.least().to_string(),
    };
    answer::page(status, page.render(), FormTarget::Own)
}

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage<'a> {
    view: &'a View<'a>,
    setup: &'a Setup<'a>,
    least: String,
}

impl SetupPage<'_> {
    fn wrong(&self, field: &str) -> bool {
        self.setup.refusal.is_some_and(|it| it.field == field)
    }
}
