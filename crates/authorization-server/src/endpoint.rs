//! What the token, introspection and revocation endpoints have in common: a posted form in, an
//! uncached JSON answer or an RFC 6749 section 5.2 error out.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use oauth::challenge::BearerChallenge;
use oauth::{Error, ErrorCode, Parameters};

use crate::{AuthorizationServer, KeyError};

/// A form posted to an endpoint, not authenticated yet.
pub(crate) struct PostedForm {
    pub(crate) headers: HeaderMap,
    pub(crate) parameters: Parameters,
}

impl FromRequest<AuthorizationServer> for PostedForm {
    type Rejection = Failure;

    async fn from_request(request: Request, server: &AuthorizationServer) -> Result<Self, Failure> {
        // RFC 6749 section 2.3.1: parameters (and above all credentials) never come in the URI, where
        // they end up in logs.
        if request.uri().query().is_some() {
            return Err(Failure::invalid_request(
                "parameters belong in the body, not in the URI",
            ));
        }
        let headers = request.headers().clone();
        if !is_form(&headers) {
            return Err(Failure::invalid_request(
                "the content type must be application/x-www-form-urlencoded",
            ));
        }
        // RFC 9110 section 8.4: what was compressed would be read here as the form that it is not, and in front
        // of us, by whoever unpacks it, as another one.
        if headers.contains_key(header::CONTENT_ENCODING) {
            return Err(Failure::Unreadable(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let body = Bytes::from_request(request, server)
            .await
            .map_err(|rejection| Failure::Unreadable(rejection.status()))?;
        let parameters = Parameters::parse(&body)?;
        Ok(Self {
            headers,
            parameters,
        })
    }
}

/// Whether the content type is that of a form.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return false;
    };
    let essence = value
        .to_str()
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    essence
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Why a request gets no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The error of its RFC.
    Refused(Error),
    /// As above, 401 with a challenge because HTTP Basic was tried (RFC 6749 section 5.2).
    BasicRefused(Error),
    /// 401 with a Bearer challenge; without a code when there was no token at all (RFC 6750 section 3.1).
    BearerRefused(Option<ErrorCode>),
    /// The body is too large or broke off.
    Unreadable(StatusCode),
    /// The database; the caller should come back.
    Unavailable(storage::Error),
    /// There is no key to sign the answer with; an operator has to see to it.
    NoKey(KeyError),
}

impl Failure {
    pub(crate) fn invalid_request(description: &'static str) -> Self {
        Self::Refused(Error::new(ErrorCode::InvalidRequest, description))
    }

    /// What an audit row says.
    pub(crate) fn error(&self) -> Error {
        match self {
            Self::Refused(error) | Self::BasicRefused(error) => error.clone(),
            Self::BearerRefused(_) => Error::new(
                ErrorCode::InvalidToken,
                "the token is missing, unknown, used up or expired",
            ),
            Self::Unreadable(_) => {
                Error::new(ErrorCode::InvalidRequest, "the body could not be read")
            }
            Self::Unavailable(_) | Self::NoKey(_) => Error::new(
                ErrorCode::TemporarilyUnavailable,
                "the request could not be completed; try again",
            ),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Storage(error) => Self::Unavailable(error),
            error => Self::NoKey(error),
        }
    }
}

impl From<storage::Error> for Failure {
    fn from(error: storage::Error) -> Self {
        Self::Unavailable(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let error = self.error();
        let status = match &self {
            Self::Unreadable(status) => *status,
            Self::Unavailable(cause) => {
                tracing::error!(error = %cause, "storage");
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::NoKey(cause) => {
                tracing::error!(error = %cause, "signing");
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Refused(_) | Self::BasicRefused(_) | Self::BearerRefused(_) => {
                StatusCode::from_u16(error.code().status()).unwrap_or(StatusCode::BAD_REQUEST)
            }
        };
        let body = serde_json::json!({
            "error": error.code().as_str(),
            "error_description": error.description(),
        });
        let mut response = uncached(status, &body);
        match self {
            Self::BasicRefused(_) => {
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, BASIC);
            }
            Self::Unavailable(_) | Self::NoKey(_) => {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::BearerRefused(code) => {
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, challenge(code));
            }
            Self::Refused(_) | Self::Unreadable(_) => {}
        }
        response
    }
}

/// RFC 6750 section 3.1.
fn challenge(error: Option<ErrorCode>) -> HeaderValue {
    let challenge = BearerChallenge {
        realm: Some("registration".to_owned()),
        error,
        ..BearerChallenge::default()
    };
    HeaderValue::from_str(&challenge.to_string()).unwrap_or(HeaderValue::from_static("Bearer"))
}

/// A JSON answer that no cache may keep (RFC 6749 section 5.1).
pub(crate) fn uncached(status: StatusCode, body: &impl serde::Serialize) -> Response {
    not_kept(json(status, body))
}

/// The same for an answer of any form.
pub(crate) fn not_kept(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// A JSON answer that may be kept for a while: metadata and public keys.
pub(crate) fn cached(body: &impl serde::Serialize) -> Response {
    let mut response = json(StatusCode::OK, body);
    response.headers_mut().insert(header::CACHE_CONTROL, CACHE);
    response
}

fn json(status: StatusCode, body: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A new key is published this long before it signs, and endpoints move seldom.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");
const BASIC: HeaderValue = HeaderValue::from_static("Basic realm=\"authorization server\"");
