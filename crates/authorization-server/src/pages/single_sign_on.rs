//! The page that says why a sign-in at an organization's own OpenID Provider came to nothing.

use askama::Template;
use axum::response::Response;

use super::answer::{self, FormTarget};
use super::{View, retry_after};
use crate::relying_party::{IdentityProvider, Refused, Told};

/// `back` leads to the sign-in page of the same purpose, with all ways to sign in.
pub(crate) fn refused_there(
    view: &View<'_>,
    provider: &IdentityProvider,
    refused: &Refused,
    back: Option<&str>,
    reference: Option<&str>,
) -> Response {
    let page = RefusedPage {
        view,
        told: refused.told(view.l, &provider.label),
        back,
        reference,
    };
    let mut response = answer::page(refused.status(), page.render(), FormTarget::Own);
    if let Some(wait) = refused.retry_after() {
        retry_after(&mut response, wait);
    }
    response
}

#[derive(Template)]
#[template(path = "refused_there.html")]
struct RefusedPage<'a> {
    view: &'a View<'a>,
    told: Told,
    back: Option<&'a str>,
    reference: Option<&'a str>,
}
