//! Takes a request's body, and at most so many of its bytes.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use fhir::IssueCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::lines;
use crate::answer::Failure;
use crate::exchange::Exchange;

/// The body, if it is as sent and not too large: refused by its announced length before a byte is read. A coded
/// body is refused (RFC 9110 section 8.4): stored as it came it would be no record, and decoding it would let
/// a few bytes become gigabytes. And it has to be there while the token still counts.
pub(super) async fn collect(
    exchange: &Exchange,
    body: Body,
    limit: usize,
) -> Result<Vec<u8>, Failure> {
    let headers = &exchange.parts.headers;
    let coded =
        |value: &axum::http::HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).iter().any(coded) {
        let text = "the body must be sent without a content encoding";
        return Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            IssueCode::NotSupported,
            text,
        )
        .of_http("Content-Encoding"));
    }
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
        Ok(collected) => {
            exchange.still_authenticated()?;
            Ok(collected.to_bytes().to_vec())
        }
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

/// The parameters of a search that came in a form.
pub(super) async fn form(exchange: &Exchange, body: Body) -> Result<String, Failure> {
    let headers = &exchange.parts.headers;
    fhir::media::check_form_content_type(lines(headers, "content-type").next())?;
    let form = collect(exchange, body, MAX_FORM_BYTES).await?;
    String::from_utf8(form).map_err(|_| {
        let text = "the parameters are not UTF-8";
        Failure::new(StatusCode::BAD_REQUEST, IssueCode::Invalid, text)
    })
}

/// A search has few and short parameters.
const MAX_FORM_BYTES: usize = 64 * 1024;
