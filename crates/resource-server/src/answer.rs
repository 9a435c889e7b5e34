//! What leaves the server: FHIR answers with their headers, and an OperationOutcome on every error.

use axum::body::Body;
use axum::http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, LAST_MODIFIED, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use fhir::{Issue, IssueCode, OperationOutcome};
use oauth::{BearerChallenge, ErrorCode, Permission};

use crate::access_decision::{Acting, Asked, Denial};
use crate::bearer::BearerError;
use crate::introspect::Refusal;
use crate::store::record::{DOCUMENT, RecordHead};
use crate::withholding;

/// A request that is not done, with everything the caller and the audit are told.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    issue: Box<Issue>,
    /// What else is wrong, where all of it is told at once.
    others: Vec<Issue>,
    challenge: Option<Box<BearerChallenge>>,
    allow: Option<&'static str>,
    /// What the audit says: static text, never content.
    pub(crate) reason: &'static str,
    /// The record that was in the way, for the audit only: the answer may not betray it.
    pub(crate) about: Option<Box<RecordHead>>,
    /// The id that was asked for, where it was not looked up; for the audit.
    pub(crate) asked_id: Option<Box<str>>,
}

impl Failure {
    /// A failure of one issue.
    pub(crate) fn new(status: StatusCode, code: IssueCode, reason: &'static str) -> Self {
        Self::detailed(status, Issue::error(code, reason), reason)
    }

    /// A failure whose issue says more (a place in the caller's own input) than the audit may keep.
    pub(crate) fn detailed(status: StatusCode, issue: Issue, reason: &'static str) -> Self {
        Self {
            status,
            issue: Box::new(issue),
            others: Vec::new(),
            challenge: None,
            allow: None,
            reason,
            about: None,
            asked_id: None,
        }
    }

    /// A failure with everything that is wrong with the caller's input; `reason` alone if nothing is told.
    pub(crate) fn of_issues(status: StatusCode, issues: Vec<Issue>, reason: &'static str) -> Self {
        let mut issues = issues.into_iter();
        let first = issues
            .next()
            .unwrap_or_else(|| Issue::error(IssueCode::Invalid, reason));
        Self {
            others: issues.collect(),
            ..Self::detailed(status, first, reason)
        }
    }

    /// Something of ours is out of order: 503, come again.
    pub(crate) fn unavailable(reason: &'static str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            IssueCode::Transient,
            reason,
        )
    }

    /// No such record, as far as this token can know (404).
    pub(crate) fn not_found(reason: &'static str) -> Self {
        let issue = Issue::error(IssueCode::NotFound, storage::audit::hidden::ABSENT);
        Self::detailed(StatusCode::NOT_FOUND, issue, reason)
    }

    /// A record that the token reaches, which has no such version (404).
    pub(crate) fn no_version() -> Self {
        let text = "the record has no such version; its _history tells which it has";
        Self::new(StatusCode::NOT_FOUND, IssueCode::NotFound, text)
    }

    /// A record that was there and was deleted (FHIR R4 http, section 3.1.0.2: 410).
    pub(crate) fn gone() -> Self {
        let text = "the record was deleted; its earlier versions can be read";
        Self::new(StatusCode::GONE, IssueCode::Deleted, text)
    }

    /// 405, with what is allowed there.
    pub(crate) fn not_allowed(reason: &'static str, allow: &'static str) -> Self {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self {
            allow: Some(allow),
            ..Self::new(status, IssueCode::NotSupported, reason)
        }
    }

    /// A precondition of the request that does not hold (412).
    pub(crate) fn precondition(reason: &'static str) -> Self {
        let status = StatusCode::PRECONDITION_FAILED;
        Self::new(status, IssueCode::Conflict, reason)
    }

    /// What is asked for breaks a rule of the exchange (422), at this place of the body.
    pub(crate) fn rule(reason: &'static str, expression: &str) -> Self {
        let issue = Issue::error(IssueCode::BusinessRule, reason).at(expression);
        Self::detailed(StatusCode::UNPROCESSABLE_ENTITY, issue, reason)
    }

    /// RFC 6750 section 3.1: 403 `insufficient_scope`.
    pub(crate) fn forbidden(denial: Denial, asked: Asked<'_>, acting: Acting) -> Self {
        let scope = matches!(denial, Denial::InsufficientScope).then(|| {
            // A word that would not count for whoever asks would send him round in a circle.
            let context = match acting {
                Acting::Client => "system",
                Acting::Person(_) => "user",
            };
            let (kind, letter) = (asked.resource_type, letter(asked.permission));
            format!("{context}/{kind}.{letter}")
        });
        let challenge = challenge(ErrorCode::InsufficientScope, denial.text(), scope);
        let failure = Self::new(StatusCode::FORBIDDEN, IssueCode::Forbidden, denial.text());
        Self {
            challenge: Some(Box::new(challenge)),
            ..failure
        }
    }

    /// Tells a client without a good token where this resource server describes itself (RFC 9728 section
    /// 5.1), so that it finds out where to get one.
    pub(crate) fn described_at(mut self, metadata: &str) -> Self {
        if self.status == StatusCode::UNAUTHORIZED
            && let Some(challenge) = &mut self.challenge
        {
            challenge.resource_metadata = Some(metadata.to_owned());
        }
        self
    }

    /// The same, for the parameter or header of this name.
    pub(crate) fn of_http(self, name: &str) -> Self {
        Self {
            issue: Box::new(self.issue.of_http(name)),
            ..self
        }
    }

    /// The same, of an entry of a transaction.
    pub(crate) fn in_entry(mut self, number: usize) -> Self {
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            // Allow is of the URL that was asked, and that is the base.
            self.allow = Some("POST");
        }
        for issue in std::iter::once(&mut *self.issue).chain(&mut self.others) {
            issue.expression = vec![format!("Bundle.entry[{number}]")];
        }
        self
    }

    /// Whether it says that there is no such record.
    pub(crate) fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// The same, of somebody who asked for a document: any other record is as good as absent, in all its versions.
    pub(crate) fn of_document(self) -> Self {
        match &self.about {
            Some(head) if self.is_not_found() && head.bundle_type != DOCUMENT => {
                self.instead(Self::not_found("the record is no document"))
            }
            _ => self,
        }
    }

    /// Another answer to the caller; the audit is told what it was.
    pub(crate) fn instead(self, answer: Self) -> Self {
        Self {
            reason: self.reason,
            about: self.about,
            asked_id: self.asked_id,
            ..answer
        }
    }

    /// The id of the request, which the audit names though nobody has looked whether there is such a record.
    /// Only an id as this server mints them: any other may be a name, which has no place there, and is of no record.
    pub(crate) fn asked_of(mut self, id: Option<&str>) -> Self {
        let minted = |id: &&str| id.len() == 36 && uuid::Uuid::try_parse(id).is_ok();
        self.asked_id = id.filter(minted).map(Box::from);
        self
    }

    /// The record that the failure is about.
    pub(crate) fn about(mut self, head: RecordHead) -> Self {
        self.about = Some(Box::new(head));
        self
    }
}

/// A method, path or parameter that is not offered.
impl From<fhir::Refusal> for Failure {
    fn from(refusal: fhir::Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
        let failure = Self::detailed(status, refusal.issue, "the interaction is not offered");
        Self {
            allow: refusal.allow,
            ..failure
        }
    }
}

/// Every trouble of the database is the same to the caller: nothing is known, nothing was done.
impl From<storage::Error> for Failure {
    fn from(error: storage::Error) -> Self {
        tracing::error!("storage: {error}");
        Self::unavailable("storage is unavailable")
    }
}

impl From<BearerError> for Failure {
    fn from(error: BearerError) -> Self {
        let (status, code, text, challenge) = match error {
            BearerError::Missing => {
                let text = "an access token is required";
                // RFC 6750 section 3.1: without authentication no error code.
                (
                    StatusCode::UNAUTHORIZED,
                    IssueCode::Login,
                    text,
                    BearerChallenge::default(),
                )
            }
            BearerError::Malformed => {
                let text = "the request must carry one access token, in its Authorization header";
                let challenge = challenge(ErrorCode::InvalidRequest, text, None);
                (StatusCode::BAD_REQUEST, IssueCode::Invalid, text, challenge)
            }
            BearerError::Unusable => {
                let text = "the access token is too long or malformed";
                let challenge = challenge(ErrorCode::InvalidToken, text, None);
                (StatusCode::UNAUTHORIZED, IssueCode::Login, text, challenge)
            }
        };
        Self {
            challenge: Some(Box::new(challenge)),
            ..Self::new(status, code, text).of_http("Authorization")
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Token(text) => {
                let failure = Self::new(StatusCode::UNAUTHORIZED, IssueCode::Login, text)
                    .of_http("Authorization");
                Self {
                    challenge: Some(Box::new(challenge(ErrorCode::InvalidToken, text, None))),
                    ..failure
                }
            }
            // The caller learns that it is not its fault, and nothing about our credentials.
            Refusal::Issuer(reason) | Refusal::OwnCredential(reason) => {
                let text = "the token cannot be checked now";
                let issue = Issue::error(IssueCode::Transient, text);
                Self::detailed(StatusCode::SERVICE_UNAVAILABLE, issue, reason)
            }
        }
    }
}

/// How SMART scopes of version 2 write a permission.
fn letter(permission: Permission) -> char {
    match permission {
        Permission::Create => 'c',
        Permission::Read => 'r',
        Permission::Update => 'u',
        Permission::Delete => 'd',
        Permission::Search => 's',
    }
}

fn challenge(error: ErrorCode, text: &str, scope: Option<String>) -> BearerChallenge {
    BearerChallenge {
        error: Some(error),
        error_description: Some(text.to_owned()),
        scope,
        ..BearerChallenge::default()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let outcome = OperationOutcome::of(*self.issue, self.others).to_json();
        let mut response = fhir_json(self.status, outcome);
        if let Some(challenge) = self.challenge {
            set(&mut response, WWW_AUTHENTICATE, &challenge.to_string());
        }
        if let Some(allow) = self.allow {
            set(&mut response, ALLOW, allow);
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            set(&mut response, RETRY_AFTER, "1");
        }
        response
    }
}

/// A FHIR answer with the headers that all of them have.
pub(crate) fn fhir_json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = empty(status);
    *response.body_mut() = body.into();
    set(&mut response, CONTENT_TYPE, FHIR_JSON);
    response
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    set(&mut response, CACHE_CONTROL, "no-store");
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

/// Version headers of one record (FHIR R4 http, section 3.1.0.1.3).
pub(crate) fn with_version(mut response: Response, head: &RecordHead) -> Response {
    set(&mut response, ETAG, &withholding::tag(head, false));
    set(&mut response, LAST_MODIFIED, &http_date(head.last_updated));
    response
}

/// RFC 9110 section 5.6.7.
pub(crate) fn http_date(at: jiff::Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Where a created record is, version and all (FHIR R4 http, section 3.1.0.8).
pub(crate) fn with_location(mut response: Response, base: &str, head: &RecordHead) -> Response {
    let RecordHead { id, version_id, .. } = head;
    set(
        &mut response,
        LOCATION,
        &format!("{base}/Bundle/{id}/_history/{version_id}"),
    );
    response
}

/// Sets a header of ours; text that no header can hold is left out.
pub(crate) fn set(response: &mut Response, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        response.headers_mut().insert(name, value);
    }
}

/// FHIR R4 http, section 3.1.0.1.11.
const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";
