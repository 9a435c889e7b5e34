//! Refusals as problem details (RFC 9457), with the challenge that their RFC demands.

use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use oauth::ErrorCode;
use oauth::challenge::BearerChallenge;
use serde_json::json;

use super::METADATA;
use crate::AuthorizationServer;
use crate::administration::Error;
use crate::administration::decision::Denied;
use crate::endpoint::not_kept;

/// Why a request is refused.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: Option<String>,
    /// The member or parameter that is wrong.
    field: Option<String>,
    /// RFC 6749, 6750 or 9470 error code, where one says it.
    code: Option<ErrorCode>,
    header: Option<Box<(HeaderName, String)>>,
    /// Whether the operation has left its audit row already.
    recorded: bool,
}

impl Problem {
    fn new(status: StatusCode, title: &'static str) -> Self {
        Self {
            status,
            title,
            detail: None,
            field: None,
            code: None,
            header: None,
            recorded: false,
        }
    }

    /// A member or parameter that cannot be read at all.
    pub(super) fn malformed(field: &str, detail: &str) -> Self {
        Self {
            detail: Some(detail.to_owned()),
            field: Some(field.to_owned()),
            ..Self::new(StatusCode::BAD_REQUEST, "The request cannot be read")
        }
    }

    /// A member or parameter that breaks a rule.
    pub(super) fn invalid(field: &str, detail: &str) -> Self {
        Self {
            detail: Some(detail.to_owned()),
            field: Some(field.to_owned()),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "A rule is broken")
        }
    }

    pub(super) fn unreadable(status: StatusCode) -> Self {
        Self::new(status, "The body cannot be read")
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self {
            detail: Some(format!("there is no such {what}")),
            ..Self::new(StatusCode::NOT_FOUND, "Not found")
        }
    }

    pub(super) fn wrong_method<'a>(allowed: impl Iterator<Item = &'a Method>) -> Self {
        let mut allowed: Vec<&str> = allowed.map(Method::as_str).collect();
        if allowed.contains(&"GET") {
            allowed.push("HEAD");
        }
        Self {
            header: Some(Box::new((header::ALLOW, allowed.join(", ")))),
            ..Self::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "This method is not allowed here",
            )
        }
    }

    pub(super) fn no_token(server: &AuthorizationServer) -> Self {
        Self::challenged(server, "An access token is needed", None, |_| ())
    }

    pub(super) fn invalid_token(server: &AuthorizationServer) -> Self {
        let title = "The access token is unknown, expired, revoked or for somebody else";
        Self::challenged(server, title, Some(ErrorCode::InvalidToken), |_| ())
    }

    pub(super) fn several_tokens(server: &AuthorizationServer) -> Self {
        let title = "There must be one access token, in one header";
        Self::challenged(server, title, Some(ErrorCode::InvalidRequest), |_| ())
    }

    pub(super) fn denied(server: &AuthorizationServer, denied: Denied) -> Self {
        let forbidden = |title| Self::new(StatusCode::FORBIDDEN, title);
        match denied {
            Denied::Role => forbidden("The role has no part in this"),
            Denied::Reach => forbidden("This is about more than one organization"),
            Denied::Scope(access) => {
                let title = "The access token lacks the scope for this";
                let code = Some(ErrorCode::InsufficientScope);
                Self::challenged(server, title, code, |challenge| {
                    challenge.scope = Some(access.scope().to_owned());
                })
            }
            Denied::Stale(max_age) => {
                let title = "This asks for a sign-in of the last minutes";
                let code = Some(ErrorCode::InsufficientUserAuthentication);
                Self::challenged(server, title, code, |challenge| {
                    challenge.max_age = Some(max_age.as_secs().to_string());
                })
            }
        }
    }

    fn challenged(
        server: &AuthorizationServer,
        title: &'static str,
        code: Option<ErrorCode>,
        more: impl FnOnce(&mut BearerChallenge),
    ) -> Self {
        let mut challenge = BearerChallenge {
            realm: Some("administration".to_owned()),
            error: code,
            error_description: code.map(|_| title.to_owned()),
            resource_metadata: Some(server.endpoint(METADATA)),
            ..BearerChallenge::default()
        };
        more(&mut challenge);
        let status = code.map_or(401, ErrorCode::status);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::UNAUTHORIZED);
        Self {
            code,
            header: Some(Box::new((header::WWW_AUTHENTICATE, challenge.to_string()))),
            ..Self::new(status, title)
        }
    }

    /// What came of an operation that changes something records itself, but for what the request itself got wrong.
    pub(super) fn of(self, changes: bool) -> Self {
        Self {
            recorded: self.recorded && changes,
            ..self
        }
    }

    pub(super) fn is_recorded(&self) -> bool {
        self.recorded || self.status == StatusCode::SERVICE_UNAVAILABLE
    }

    /// For the audit: nothing that the caller wrote.
    pub(super) fn reason(&self) -> String {
        match self.code {
            Some(code) => format!("{}: {}", code.as_str(), self.title),
            None => format!("{}: {}", self.status.as_u16(), self.title),
        }
    }
}

impl From<storage::Error> for Problem {
    fn from(error: storage::Error) -> Self {
        tracing::error!(%error, "storage");
        Self {
            header: Some(Box::new((header::RETRY_AFTER, "1".to_owned()))),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The request could not be completed; try again",
            )
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, title) = match error {
            Error::Storage(error) => return error.into(),
            Error::Invalid { field, reason } => return Self::invalid(field, &reason),
            Error::NotFound(_) => (StatusCode::NOT_FOUND, "Not found"),
            Error::Exists(_) => (StatusCode::CONFLICT, "It exists already"),
            Error::InUse(_) => (StatusCode::CONFLICT, "It is still needed"),
            Error::Forbidden(_) => (StatusCode::FORBIDDEN, "That is beyond what you may"),
            Error::Changed => (
                StatusCode::PRECONDITION_FAILED,
                "It was changed since it was read",
            ),
        };
        Self {
            detail: Some(error.to_string()),
            recorded: true,
            ..Self::new(status, title)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.title,
            "status": self.status.as_u16(),
        });
        let more = [
            ("detail", self.detail),
            ("field", self.field),
            ("error", self.code.map(|code| code.as_str().to_owned())),
        ];
        if let Some(members) = body.as_object_mut() {
            for (name, value) in more {
                if let Some(value) = value {
                    members.insert(name.to_owned(), value.into());
                }
            }
        }
        let headers = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = not_kept((self.status, headers, body.to_string()).into_response());
        if let Some(header) = self.header
            && let Ok(value) = HeaderValue::try_from(header.1)
        {
            response.headers_mut().insert(header.0, value);
        }
        response
    }
}
