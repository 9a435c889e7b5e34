//! Pages in place of answers that have none: no such page, not so, too much, too busy, broken.

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::View;
use super::problem::{self, Told};
use crate::AuthorizationServer;
use crate::caller::Caller;

impl AuthorizationServer {
    /// What a person in a browser reads in place of an answer of this status. The headers are those of the request;
    /// `X-Request-Id` among them becomes the reference.
    #[must_use]
    pub fn error_page(&self, status: StatusCode, headers: &HeaderMap) -> Response {
        let caller = Caller::of_headers(headers);
        problem::show(&View::new(self, &caller), &caller, status, told(status))
    }
}

fn told(status: StatusCode) -> Told {
    match status {
        StatusCode::NOT_FOUND => (
            "There is no such page",
            "Check the address. If a link brought you here, tell whoever wrote it.",
        ),
        StatusCode::METHOD_NOT_ALLOWED => (
            "This page is not opened this way",
            "Nothing was done. Go back and use the links and buttons of the page.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (
            "This is too large",
            "Nothing was done. Go back and send less.",
        ),
        StatusCode::REQUEST_TIMEOUT => (
            "This took too long",
            "Nothing was done. Check your connection and try again.",
        ),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => (
            "Many people are here at this moment",
            "Nothing was done. Try again in a few seconds.",
        ),
        status if status.is_client_error() => (
            "The request cannot be read",
            "Nothing was done. Go back and try again.",
        ),
        _ => (
            "Something failed that is not your fault",
            "Try again in a minute. If it happens again, ask for help.",
        ),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::testing::Bench;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn every_status_has_a_page_with_the_reference() {
        let bench = Bench::new().await;
        for status in [400, 404, 405, 408, 413, 429, 500, 503] {
            let status = StatusCode::from_u16(status).unwrap();
            for language in ["en", "es"] {
                let mut headers = HeaderMap::new();
                headers.insert("x-request-id", "ref-7<".parse().unwrap());
                headers.insert("accept-language", language.parse().unwrap());
                let page = bench.server.error_page(status, &headers);
                assert_eq!(page.status(), status);
                assert!(page.headers().contains_key("content-security-policy"));
                let body = page.into_body().collect().await.unwrap().to_bytes();
                let html = String::from_utf8(body.to_vec()).unwrap();
                assert!(html.contains("ref-7&#60;"), "{html}");
                assert!(html.contains(&format!("lang=\"{language}\"")), "{html}");
            }
        }
    }
}
