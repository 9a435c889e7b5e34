//! What stands around every page: headers that hold the browser to it, and the check that a form
//! comes from our own page.

use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use oauth::secret::Secret;
use url::Url;

/// Sets the headers of a page.
pub(super) async fn page_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        // For browsers that do not know frame-ancestors (RFC 9700 section 4.16).
        (X_FRAME_OPTIONS, "DENY"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The callback's URL holds a code. `no-referrer` would blank the Origin header of our own
        // forms.
        (REFERRER_POLICY, "same-origin"),
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether a form was posted by a page of this origin, carrying the token that this browser's page
/// holds. Same-site is not enough: every port of a host is one site.
pub(super) fn is_own_form(
    headers: &HeaderMap,
    public_origin: &Url,
    expected: &str,
    sent: Option<&str>,
) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let own = public_origin.origin().ascii_serialization();
    let same_origin = match (text("sec-fetch-site"), text(ORIGIN.as_str())) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => origin == own,
        (None, None) => false,
    };
    // Compared by hash, in constant time.
    let hash = |text: &str| Secret::received(text.to_owned()).hash();
    same_origin && sent.is_some_and(|sent| hash(sent) == hash(expected))
}

/// Nothing but our own style sheet and our own forms: no script, no frame, no other origin.
const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_form_is_ours_only_from_our_origin_and_with_the_token() {
        let own = Url::parse("https://ehr.example").unwrap();
        let check = |pairs: &[(&'static str, &'static str)], token: Option<&str>| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
                .collect();
            is_own_form(&headers, &own, "expected", token)
        };
        let (ours, token) = (("origin", "https://ehr.example"), Some("expected"));
        assert!(check(&[ours], token));
        assert!(check(&[("sec-fetch-site", "same-origin")], token));
        assert!(!check(&[], token));
        assert!(!check(&[ours, ("sec-fetch-site", "same-site")], token));
        assert!(!check(&[("origin", "https://ehr.example:8443")], token));
        assert!(!check(&[("origin", "null")], token));
        assert!(!check(&[ours], Some("other")));
        assert!(!check(&[ours], Some("")));
        assert!(!check(&[ours], None));
    }
}
