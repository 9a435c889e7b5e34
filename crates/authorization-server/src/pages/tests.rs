//! What every page has.

#![expect(clippy::unwrap_used, reason = "tests")]

use axum::http::StatusCode;

use super::testing::*;
use crate::testing::*;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; \
    frame-ancestors 'none'; form-action ";

/// One of each: sign-in, refused sign-in, consent, sign-out, signed out, error.
async fn pages() -> (Vec<(&'static str, Page)>, TestBrowser) {
    let bench = Bench::new().await;
    bench.add(public_client("app")).await;
    bench.admin.add_user(new_user("r.smith")).await.unwrap();
    let mut browser = TestBrowser::new(&bench);
    let client = "'self' https://ehr.example";
    let login = browser.open(&request()).await;
    let refused = browser
        .sign_in(&login, "r.smith", "wrong wrong wrong")
        .await;
    let consent = browser.reach_consent(&request(), "r.smith").await;
    let logout = browser.get("/logout").await;
    let error = browser.get("/oauth2/authorize").await;
    let gone = TestBrowser::new(&bench).get("/logout").await;
    let pages = vec![
        (client, login),
        (client, refused),
        (client, consent),
        ("'self'", logout),
        ("'none'", gone),
        ("'none'", error),
    ];
    (pages, browser)
}

#[tokio::test]
async fn headers() {
    for (forms, page) in pages().await.0 {
        let policy = format!("{POLICY}{forms}");
        for (name, value) in [
            ("content-security-policy", policy.as_str()),
            ("content-type", "text/html; charset=utf-8"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("strict-transport-security", "max-age=31536000"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(page.header(name), value, "{}", page.html);
        }
    }
}

/// No script, no style but the sheet, nothing from elsewhere, and nothing to steal.
#[tokio::test]
async fn content() {
    let (pages, browser) = pages().await;
    for (_, page) in pages {
        let html = &page.html;
        assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"));
        assert!(html.contains("<h1>") && html.contains("Office of Vital Records</title>"));
        for forbidden in [
            "<script", "style=", "<style", " on", "src=", "//cdn", PASSWORD,
        ] {
            let tags: String = html
                .split('<')
                .filter_map(|it| it.split_once('>'))
                .map(|it| it.0)
                .collect();
            let text = if forbidden == " on" { &tags } else { html };
            assert!(!text.contains(forbidden), "{forbidden}: {html}");
        }
        for cookie in browser.cookies.values() {
            assert!(!html.contains(cookie));
        }
        assert_eq!(
            html.matches("<label for=").count(),
            html.matches("id=\"username\"").count() * 2
        );
    }
}

#[tokio::test]
async fn a_refused_sign_in_is_told_to_everyone() {
    let (pages, _) = pages().await;
    let html = &pages
        .iter()
        .find(|(_, page)| page.status == StatusCode::FORBIDDEN)
        .unwrap()
        .1
        .html;
    for text in [
        "<title>Error: Sign in",
        "role=\"alert\" tabindex=\"-1\" id=\"problem\" autofocus",
        "<a href=\"#username\">The username or the password is not right.</a>",
        "autocomplete=\"username\"",
        "autocomplete=\"current-password\"",
        "aria-describedby=\"problem\"",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert_eq!(html.matches("autofocus").count(), 1);
}

#[tokio::test]
async fn an_error_page_says_what_to_do_and_its_reference() {
    let bench = Bench::new().await;
    let page = TestBrowser::new(&bench).get("/oauth2/authorize").await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.html.contains("Tell whoever runs it."));
    assert!(page.html.contains("<code class=\"line\">r-1</code>"));
}

#[tokio::test]
async fn the_style_sheet_may_be_kept_for_ever() {
    let bench = Bench::new().await;
    let mut browser = TestBrowser::new(&bench);
    let page = browser.get("/logout").await;
    let path = page
        .html
        .split_once("<link rel=\"stylesheet\" href=\"")
        .unwrap()
        .1;
    let path = path.split_once('"').unwrap().0;
    let sheet = browser.get(path).await;
    assert_eq!(sheet.status, StatusCode::OK);
    assert_eq!(sheet.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(
        sheet.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(sheet.header("x-content-type-options"), "nosniff");
    assert!(!sheet.html.contains("url(") && !sheet.html.contains("@import"));
    assert_eq!(
        browser.get("/assets/style-0.css").await.status,
        StatusCode::NOT_FOUND
    );
}
