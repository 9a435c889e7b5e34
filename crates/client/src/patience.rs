//! Sending once more where that is safe: after a fault before sending, and when a busy peer says
//! when to come back (RFC 9110 section 10.2.3).

use std::time::Duration;

use outbound::header::RETRY_AFTER;
use outbound::{Outbound, OutboundError, Request, Response};

/// Sends what `request` makes, anew for each attempt (an assertion's `jti` is used once).
/// `repeatable` says that a second delivery changes nothing, so that an exchange which broke midway
/// may be repeated too.
pub(crate) async fn send<E: From<OutboundError>>(
    outbound: &Outbound,
    repeatable: bool,
    request: impl Fn() -> Result<Request, E>,
) -> Result<Response, E> {
    let mut attempt = 1;
    loop {
        let result = outbound.send(request()?).await;
        let wait = if attempt < MOST_ATTEMPTS {
            wait_before_next(&result, repeatable)
        } else {
            None
        };
        let Some(wait) = wait else { return Ok(result?) };
        tokio::time::sleep(wait).await;
        attempt += 1;
    }
}

/// The pause before another attempt, or `None` if the result stands.
fn wait_before_next(
    result: &Result<Response, OutboundError>,
    repeatable: bool,
) -> Option<Duration> {
    match result {
        Ok(answer) if matches!(answer.status.as_u16(), 429 | 503) => {
            let seconds: u64 = answer.header(&RETRY_AFTER)?.trim().parse().ok()?;
            let wait = Duration::from_secs(seconds);
            // A longer pause is for the caller to decide: somebody is waiting.
            (wait <= LONGEST_WAIT).then_some(wait)
        }
        Ok(_) => None,
        // A wrong certificate does not get better, and a rule of ours stands.
        Err(OutboundError::Tls { .. } | OutboundError::NotAllowed(_)) => None,
        Err(OutboundError::TooLarge { .. }) => None,
        Err(OutboundError::Broken { .. }) if repeatable => Some(AFTER_A_FAULT),
        Err(error) if error.is_before_sending() => Some(AFTER_A_FAULT),
        Err(_) => None,
    }
}

/// The first, and two more.
const MOST_ATTEMPTS: u32 = 3;
/// The longest pause that a peer can impose with `Retry-After`.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A restarting peer is back within a moment.
const AFTER_A_FAULT: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use outbound::{HeaderMap, StatusCode};

    use super::*;

    fn answer(
        status: StatusCode,
        retry_after: Option<&'static str>,
    ) -> Result<Response, OutboundError> {
        let mut headers = HeaderMap::new();
        if let Some(text) = retry_after {
            headers.insert(RETRY_AFTER, outbound::HeaderValue::from_static(text));
        }
        Ok(Response {
            status,
            headers,
            body: Vec::new(),
        })
    }

    #[test]
    fn retry_after_is_honoured_within_bounds() {
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        for (status, text, wait) in [
            (busy, Some("1"), Some(1)),
            (busy, Some("0"), Some(0)),
            (busy, Some("5"), Some(5)),
            (StatusCode::TOO_MANY_REQUESTS, Some("2"), Some(2)),
            (busy, Some("6"), None),
            (busy, Some("Wed, 21 Oct 2026 07:28:00 GMT"), None),
            (busy, Some("-1"), None),
            (busy, None, None),
            (StatusCode::OK, Some("1"), None),
            (StatusCode::BAD_GATEWAY, Some("1"), None),
        ] {
            let found = wait_before_next(&answer(status, text), true);
            assert_eq!(found, wait.map(Duration::from_secs), "{status} {text:?}");
        }
    }

    #[test]
    fn only_what_is_repeatable_is_repeated_after_it_broke() {
        let broken = || {
            Err(OutboundError::Broken {
                host: "a:1".into(),
                reason: "reset".into(),
            })
        };
        assert_eq!(wait_before_next(&broken(), true), Some(AFTER_A_FAULT));
        assert_eq!(wait_before_next(&broken(), false), None);
        let refused = Err(OutboundError::Connect {
            host: "a:1".into(),
            reason: "refused".into(),
        });
        assert_eq!(wait_before_next(&refused, false), Some(AFTER_A_FAULT));
        let tls = Err(OutboundError::Tls {
            host: "a:1".into(),
            reason: "expired".into(),
        });
        assert_eq!(wait_before_next(&tls, true), None);
    }
}
