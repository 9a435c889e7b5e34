//! The headers of every page, and the style sheet.

use std::sync::LazyLock;

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::SignedDuration;
use oauth::Secret;
use url::{Host, Url};

use crate::AuthorizationServer;
use crate::store::hexadecimal;

/// Where the forms of a page may lead.
#[derive(Debug, Clone, Copy)]
pub(super) enum FormTarget<'a> {
    /// Our own pages.
    Own,
    /// Our own pages, and from there to the client.
    Client { redirect_uri: &'a str },
    /// Our own pages, and from there to any of these.
    Several(&'a [String]),
}

/// A page that no cache keeps, no frame shows and no other site hears of.
pub(super) fn page(
    status: StatusCode,
    page: askama::Result<String>,
    target: FormTarget<'_>,
) -> Response {
    let Ok(page) = page else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = (status, page).into_response();
    let headers = response.headers_mut();
    protect(headers);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy(target));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// When it is worth trying again, rounded up: a browser that comes back on the second is let in.
pub(crate) fn retry_after(response: &mut Response, wait: SignedDuration) {
    let seconds = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, seconds.max(1).into());
}

/// 303 See Other: the browser does not repeat a POST, and with it a password, at the client (RFC
/// 9700 section 4.12).
pub(crate) fn see_other(location: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(location) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    protect(response.headers_mut());
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// The style sheet, under a name that changes with it.
pub(super) async fn style() -> Response {
    asset("text/css; charset=utf-8", STYLE)
}

/// The organization's colours and logo. An SVG that somebody opens by itself runs nothing and fetches nothing.
pub(super) async fn own_asset(
    State(server): State<AuthorizationServer>,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let branding = &server.config().branding;
    if let Some(logo) = branding
        .logo
        .as_ref()
        .filter(|logo| logo.path() == uri.path())
    {
        let mut response = asset(logo.media_type(), logo.bytes().to_vec());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
        return response;
    }
    match branding.style_path() {
        Some(path) if path == uri.path() => asset("text/css; charset=utf-8", branding.style()),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A file of a page, named after its content: it may be kept for ever.
pub(super) fn asset(media_type: &'static str, body: impl IntoResponse) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, NOSNIFF),
        (header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY),
    ];
    (headers, body).into_response()
}

/// `/assets/style-<hash>.css`.
pub(super) fn style_path() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| asset_path("style", "css", STYLE));
    &PATH
}

/// `/assets/<name>-<hash>.<ending>`.
pub(super) fn asset_path(name: &str, ending: &str, text: &str) -> String {
    let hash = Secret::received(text.to_owned()).hash();
    let start = hash.as_bytes().get(..8).unwrap_or_default();
    format!("/assets/{name}-{}.{ending}", hexadecimal(start))
}

/// The origin that a redirect URI leads to, as people and browsers write it.
pub(super) fn origin(redirect_uri: &str) -> String {
    Url::parse(redirect_uri)
        .map(|uri| uri.origin().ascii_serialization())
        .unwrap_or_default()
}

fn protect(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(header::STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
}

/// Browsers apply `form-action` to the whole chain of redirects after a form: the origin that the
/// person is sent back to must be in it.
fn policy(target: FormTarget<'_>) -> HeaderValue {
    let forms = match target {
        FormTarget::Own => "'self'".to_owned(),
        FormTarget::Client { redirect_uri } => format!("'self' {}", source(redirect_uri))
            .trim_end()
            .to_owned(),
        FormTarget::Several(addresses) => several(addresses),
    };
    HeaderValue::from_str(&format!("{POLICY}; form-action {forms}"))
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

fn several(addresses: &[String]) -> String {
    let mut sources = vec!["'self'".to_owned()];
    for source in addresses.iter().map(|address| source(address)) {
        if !source.is_empty() && !sources.contains(&source) {
            sources.push(source);
        }
    }
    sources.join(" ")
}

/// An origin as a policy names it. Policies cannot name IPv6 addresses (CSP3 section 2.3.1), so
/// that `[::1]` needs its scheme. URLs allow host names with characters that end a source here.
fn source(redirect_uri: &str) -> String {
    match Url::parse(redirect_uri) {
        Ok(uri) if matches!(uri.host(), Some(Host::Ipv6(_))) => format!("{}:", uri.scheme()),
        _ => Some(origin(redirect_uri))
            .filter(|it| !it.contains([';', ',', '*']))
            .unwrap_or_default(),
    }
}

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; \
    frame-ancestors 'none'";
const SANDBOX: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
/// A year (RFC 6797 section 6.1.1): nothing here is ever served without TLS.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");
const STYLE: &str = include_str!("../../assets/style.css");

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn forms(redirect_uri: &str) -> String {
        let policy = policy(FormTarget::Client { redirect_uri });
        policy
            .to_str()
            .unwrap()
            .rsplit_once("; form-action ")
            .unwrap()
            .1
            .to_owned()
    }

    #[test]
    fn a_form_may_lead_to_the_origin_of_the_redirect_uri_only() {
        let rows = [
            (
                "https://ehr.example/client/callback?x=1",
                "'self' https://ehr.example",
            ),
            (
                "https://ehr.example:8443/cb",
                "'self' https://ehr.example:8443",
            ),
            ("http://127.0.0.1:49152/cb", "'self' http://127.0.0.1:49152"),
            ("http://[::1]:49152/cb", "'self' http:"),
        ];
        for (redirect_uri, expected) in rows {
            assert_eq!(forms(redirect_uri), expected);
        }
    }

    #[test]
    fn nothing_can_be_added_to_the_policy() {
        for hostile in [
            "https://a.example/;script-src *",
            "https://a.example;b/",
            "x y z",
            "",
        ] {
            let forms = forms(hostile);
            assert!(!forms.contains(';') && !forms.contains('*'), "{forms}");
        }
    }

    #[test]
    fn the_style_sheet_is_named_after_its_content() {
        let path = style_path();
        assert!(path.starts_with("/assets/style-") && path.ends_with(".css"));
        assert_eq!(path.len(), "/assets/style-0123456789abcdef.css".len());
    }
}
