//! The pages, and the friendly face of every failure.

use askama::Template;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;

use super::Web;
use crate::human::LoginError;
use crate::token_request::TokenError;

/// Nobody is signed in.
#[derive(Template)]
#[template(path = "welcome.html")]
pub(super) struct Welcome {
    pub(super) party: String,
    pub(super) peers: Vec<String>,
}

/// Somebody is.
#[derive(Template)]
#[template(path = "home.html")]
pub(super) struct Home {
    pub(super) party: String,
    pub(super) peer: String,
    pub(super) scope: String,
    pub(super) expires_at: Option<String>,
    pub(super) renewable: bool,
    pub(super) delivers: bool,
    pub(super) csrf: String,
}

/// What became of a delivery.
#[derive(Template)]
#[template(path = "report.html")]
pub(super) struct Report {
    pub(super) party: String,
    pub(super) peer: String,
    pub(super) delivered: usize,
    pub(super) rows: Vec<Row>,
}

/// One record of a delivery.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) is_delivered: bool,
    pub(super) outcome: String,
    pub(super) receiver_id: String,
    pub(super) digest: String,
}

/// Something went wrong, in words for the person and with a number for whoever helps.
#[derive(Debug, Template)]
#[template(path = "failure.html")]
pub(super) struct Failure {
    status: StatusCode,
    title: &'static str,
    text: String,
    reference: Option<String>,
}

impl Failure {
    pub(super) fn bad_request() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "This link is incomplete",
            "Start again from the first page.",
        )
    }

    pub(super) fn bad_ids() -> Self {
        let text =
            "Give between 1 and 50 record ids, one per line: letters, digits, dots and dashes.";
        Self::new(
            StatusCode::BAD_REQUEST,
            "These record ids cannot be used",
            text,
        )
    }

    pub(super) fn no_login() -> Self {
        let text = "The sign-in took longer than ten minutes, or was started in another browser. \
                    Please sign in again.";
        Self::new(
            StatusCode::BAD_REQUEST,
            "There is no sign-in to finish",
            text,
        )
    }

    pub(super) fn not_signed_in() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "You are not signed in",
            "Please sign in first.",
        )
    }

    pub(super) fn foreign_form() -> Self {
        let text = "The form was not sent from this page. Nothing was done.";
        Self::new(StatusCode::FORBIDDEN, "This form cannot be accepted", text)
    }

    pub(super) fn tokens_too_long() -> Self {
        let text = "The organization's tokens are too long for a browser to keep.";
        Self::new(StatusCode::BAD_GATEWAY, "The sign-in cannot be kept", text)
    }

    pub(super) fn unavailable() -> Self {
        let text = "Nothing was lost. Please try again in a moment.";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "This is not possible right now",
            text,
        )
    }

    pub(super) fn internal() -> Self {
        let text = "The fault is ours. Please try again in a moment.";
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong",
            text,
        )
    }

    fn new(status: StatusCode, title: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            title,
            text: text.into(),
            reference: None,
        }
    }

    fn of_login(error: &LoginError) -> Self {
        let (bad, upstream) = (StatusCode::BAD_REQUEST, StatusCode::BAD_GATEWAY);
        match error {
            LoginError::UnknownPeer(_) => Self::new(
                StatusCode::NOT_FOUND,
                "No such organization",
                "Start again from the first page.",
            ),
            LoginError::State => Self::new(
                bad,
                "This answer belongs to another sign-in",
                "Nothing was signed in. If you did not start this, close the page.",
            ),
            LoginError::Issuer => Self::new(
                bad,
                "This answer comes from the wrong place",
                "Another server answered than the one you were sent to. Nothing was signed in.",
            ),
            LoginError::Malformed(_) => Self::bad_request(),
            LoginError::Denied { code, description } => {
                let words = description
                    .as_ref()
                    .map(|d| format!(": {d}"))
                    .unwrap_or_default();
                Self::new(
                    StatusCode::FORBIDDEN,
                    "The sign-in was refused",
                    format!("The organization answered {code}{words}"),
                )
            }
            LoginError::Token(TokenError::Refused { code, .. }) => Self::new(
                upstream,
                "The sign-in could not be finished",
                format!("The organization answered {code}."),
            ),
            LoginError::Discovery(_)
            | LoginError::NoAuthorizationEndpoint
            | LoginError::Token(_) => Self::new(
                upstream,
                "The organization cannot be reached",
                "Its server gave no usable answer. Please try again in a moment.",
            ),
        }
    }
}

impl Web {
    /// The page of a failed sign-in; the log gets the reason under the same reference.
    pub(super) fn failure(&self, headers: &HeaderMap, error: &LoginError) -> Failure {
        let reference = request_id(headers);
        tracing::warn!(%error, reference, party = self.client.party(), "sign-in failed");
        Failure {
            reference,
            ..Failure::of_login(error)
        }
    }
}

/// The request's number, which the front gives to every request.
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("x-request-id")?.to_str().ok()?;
    (text.len() <= 64).then(|| text.to_owned())
}

/// A time as people read it, in UTC.
pub(super) fn shown_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

impl IntoResponse for Welcome {
    fn into_response(self) -> Response {
        page(StatusCode::OK, &self)
    }
}

impl IntoResponse for Home {
    fn into_response(self) -> Response {
        page(StatusCode::OK, &self)
    }
}

impl IntoResponse for Report {
    fn into_response(self) -> Response {
        page(StatusCode::OK, &self)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        page(self.status, &self)
    }
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
