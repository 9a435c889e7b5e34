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
        ("'self'", gone),
        ("'self'", error),
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
        // The one script that there is, at our own address.
        let script = "<script type=\"module\" src=\"/assets/passkey-";
        let html = &html.replacen(script, "", 1);
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
        "autocomplete=\"username webauthn\"",
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

/// Every page and every refusal in Spanish: one that nobody has translated panics.
#[tokio::test]
async fn spanish() {
    let bench = Bench::new().await;
    bench.add(public_client("app")).await;
    bench.admin.add_user(new_user("r.smith")).await.unwrap();
    let chief = crate::administration::NewUser {
        role: "administrator".to_owned(),
        ..new_user("chief")
    };
    bench.admin.add_user(chief).await.unwrap();
    let mut seen = Vec::new();
    let mut browser = TestBrowser::new(&bench);
    browser.language = "es-MX,es;q=0.9,en;q=0.5";
    for path in ["/logout", "/oauth2/authorize", "/consent", "/login"] {
        seen.push(browser.get(path).await);
    }
    let login = browser.open(&request()).await;
    seen.push(browser.sign_in(&login, "r.smith", "wrong").await);
    let signed_in = browser.sign_in(&login, "r.smith", PASSWORD).await;
    let consent = browser.get(signed_in.location()).await;
    assert!(consent.html.contains("Leer y buscar actas de nacimiento"));
    browser.decide(&consent, "allow").await;
    seen.push(consent);
    for path in [
        "/account",
        "/account?done=session",
        "/logout",
        "/account/password",
    ] {
        seen.push(browser.get(path).await);
    }
    let page = browser.get("/account/password").await;
    for words in [
        ["x", "short", "short"],
        ["x", &"y7!k".repeat(40), "z"],
        ["x", "passwordpassword", "z"],
        ["x", "moss on the north side", "z"],
        [PASSWORD, PASSWORD, PASSWORD],
        ["wrong", "moss on the north side", "moss on the north side"],
    ] {
        let mut fields = page.form("/account/password");
        let names = ["current", "new", "again"];
        let filled: Vec<(&str, &str)> = names.into_iter().zip(words).collect();
        fields.extend(owned(&filled));
        seen.push(browser.post("/account/password", &fields).await);
    }
    seen.push(browser.get("/account/authenticator").await);
    let proposed = propose(&mut browser).await;
    seen.push(confirm(&mut browser, &proposed, "000000").await);
    let code = code_at(&bench, &secret_of(&proposed));
    seen.push(confirm(&mut browser, &proposed, &code).await);
    seen.push(browser.get("/account/authenticator").await);
    seen.push(browser.get("/account").await);
    let mut second = TestBrowser::new(&bench);
    second.language = "es";
    let login = second.get("/login").await;
    let first = second.sign_in(&login, "r.smith", PASSWORD).await;
    let page = second.get(first.location()).await;
    for guess in ["000000", &code] {
        seen.push(give_code(&mut second, &page, guess).await);
    }
    for _ in 0..9 {
        seen.push(give_code(&mut second, &page, "000000").await);
    }
    assert_eq!(seen.last().unwrap().status, StatusCode::TOO_MANY_REQUESTS);
    let mut chief = TestBrowser::new(&bench);
    chief.language = "es";
    let login = chief.get("/login").await;
    let first = chief.sign_in(&login, "chief", PASSWORD).await;
    seen.push(chief.get(first.location()).await);
    for page in seen {
        let html = &page.html;
        assert!(
            html.contains("<html lang=\"es\">"),
            "{} {html}",
            page.location()
        );
        for english in [" the ", " your ", "Sign ", "Allow", "{}"] {
            let text = html.replace("Office of Vital Records", "");
            assert!(!text.contains(english), "{english}: {html}");
        }
    }
}

#[tokio::test]
async fn a_language_is_chosen_and_kept() {
    let bench = Bench::new().await;
    bench.add(public_client("app")).await;
    bench.admin.add_user(new_user("r.smith")).await.unwrap();
    let mut browser = TestBrowser::new(&bench);
    let page = browser.open(&request()).await;
    let mut fields = page.form("/language");
    fields.push(("language".to_owned(), "es".to_owned()));
    let chosen = browser.post("/language", &fields).await;
    // The same page of the same request, in the other language.
    assert!(chosen.location().starts_with("/login?request="));
    let page = browser.get(chosen.location()).await;
    assert!(page.html.contains("lang=\"es\"") && page.html.contains("Iniciar sesi"));
    // A refusal can be read in the other one too, and does not lose the request.
    let refused = browser.sign_in(&page, "r.smith", "wrong wrong wrong").await;
    let mut fields = refused.form("/language");
    fields.push(("language".to_owned(), "en".to_owned()));
    let back = browser.post("/language", &fields).await;
    let page = browser.get(back.location()).await;
    let consent = browser.sign_in(&page, "r.smith", PASSWORD).await;
    assert!(consent.location().starts_with("/consent?request="));
}

/// RFC 9700 section 4.11.
#[tokio::test]
async fn a_choice_of_language_is_no_open_redirect() {
    let bench = Bench::new().await;
    let mut browser = TestBrowser::new(&bench);
    for here in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "",
    ] {
        let fields = owned(&[("here", here), ("language", "es")]);
        let chosen = browser.post("/language", &fields).await;
        assert_eq!(chosen.location(), "/login", "{here}");
    }
    for language in ["", "xx", "es; Domain=x"] {
        let fields = owned(&[("here", "/login"), ("language", language)]);
        let page = browser.post("/language", &fields).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert_eq!(page.header("set-cookie"), "");
    }
    let fields = owned(&[("here", "/login"), ("language", "es")]);
    let cross = [("origin", "https://evil.example")];
    let page = browser.post_with("/language", &fields, &cross).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
}
