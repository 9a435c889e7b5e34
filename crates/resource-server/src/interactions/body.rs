//! Takes a request's body, and at most so many of its bytes.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, HeaderMap};
use fhir::IssueCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::answer::Failure;

/// The body, if it is not too large: refused by its announced length before a byte is read.
pub(super) async fn collect(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Vec<u8>, Failure> {
    let too_large = || {
        let text = "the body is too large";
        Failure::new(StatusCode::PAYLOAD_TOO_LARGE, IssueCode::TooLong, text)
    };
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    if announced
        .and_then(|text| text.parse::<u64>().ok())
        .is_some_and(|n| n > limit as u64)
    {
        return Err(too_large());
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => {
            let text = "the body did not arrive whole";
            Err(Failure::new(
                StatusCode::BAD_REQUEST,
                IssueCode::Incomplete,
                text,
            ))
        }
    }
}
