//! What is refused, and what the pages make of the rest.

#![expect(clippy::unwrap_used, reason = "tests")]

use axum::http::StatusCode;

use super::*;
use crate::pages::testing::TestBrowser;
use crate::testing::{Bench, config};

const SVG: &str =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"><circle r=\"4\"/></svg>";
const CANARY: &str = "<script>alert(1)</script>\"'>&{{7*7}}";

#[test]
fn colours_that_cannot_be_read_are_refused() {
    let worst = |text: &str| Accent::light(text).unwrap_err();
    assert!(Accent::light("#1b4f91").is_ok());
    assert!(Accent::dark("#8ab8f5").is_ok());
    assert!(
        Accent::light("#767676").is_err(),
        "4.54 on white, 4.19 on paper"
    );
    assert!(Accent::light("#6b6b6b").is_ok());
    assert!(
        worst("#ffdd00").contains("1.2 to 1"),
        "{}",
        worst("#ffdd00")
    );
    assert!(Accent::dark("#1b4f91").is_err());
    for malformed in [
        "", "1b4f91", "#1b4f9", "#1b4f911", "#1b4f9g", "red", "#+b4f91", "#é4f91",
    ] {
        assert!(Accent::light(malformed).is_err(), "{malformed}");
        assert!(Accent::dark(malformed).is_err(), "{malformed}");
    }
}

/// The colours that contrast is computed with are those of the style sheet.
#[test]
fn the_style_sheet_has_these_grounds() {
    let sheet = include_str!("../../assets/style.css");
    let (light, dark) = sheet.split_once("prefers-color-scheme: dark").unwrap();
    for ground in ["--card: #fff;", "--on-blue: #fff;", "--paper: #f4f6f8;"] {
        assert!(light.contains(ground), "{ground}");
    }
    for (ground, name) in DARK.iter().zip(["--card", "--paper", "--on-blue"]) {
        assert!(dark.contains(&format!("{name}: {ground};")), "{name}");
    }
}

#[test]
fn what_is_no_plain_image_is_refused() {
    assert!(Logo::read(SVG.into()).is_ok());
    assert!(Logo::read(format!("\u{feff}<?xml version=\"1.0\"?>\n{SVG}").into()).is_ok());
    assert!(Logo::read([PNG, b"rest"].concat()).is_ok());
    let rows = [
        (SVG.repeat(2_000), "100 KB"),
        ("GIF89a".to_owned(), "neither"),
        ("<html><svg></svg></html>".to_owned(), "neither"),
        (String::new(), "neither"),
        (SVG.replace("<circle", "<SCRIPT>x</SCRIPT><circle"), "plain"),
        (
            format!("<?xml version=\"1.0\"?><!DOCTYPE svg>{SVG}"),
            "plain",
        ),
        (SVG.replace("<circle", "<foreignObject/><circle"), "plain"),
    ];
    for (text, why) in rows {
        let refused = Logo::read(text.into_bytes()).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    assert!(Logo::read(vec![0xff, 0xfe, 0]).is_err());
}

#[test]
fn texts_are_bounded() {
    assert!(check_text("two\nlines").is_ok());
    for refused in ["", " \n", "a\u{1b}[31m", "a\r\n", &"x".repeat(4_001)] {
        assert!(check_text(refused).is_err());
    }
}

fn branded() -> Branding {
    let words = |english: &str, spanish: Option<&str>| {
        Some(Words {
            english: english.to_owned(),
            spanish: spanish.map(str::to_owned),
        })
    };
    Branding {
        logo: Logo::read(SVG.into()).ok(),
        accent_light: Accent::light("#0b5a3c").ok(),
        accent_dark: Accent::dark("#7fd6b0").ok(),
        help: words(&format!("Call the desk {CANARY}"), Some("Llame a la mesa")),
        help_url: Some("https://help.example/?a=1&b=2".to_owned()),
        help_email: Some("desk@help.example".to_owned()),
        help_phone: Some("+1 555 0100".to_owned()),
        legal_banner: words(&format!("For official use only {CANARY}"), None),
    }
}

#[tokio::test]
async fn the_pages_show_what_is_set() {
    let mut settings = config();
    settings.branding = branded();
    let bench = Bench::configured(outbound::Trust::platform(), settings).await;
    let mut browser = TestBrowser::new(&bench);
    let page = browser.get("/login").await;
    assert!(!page.html.contains("<script>"), "{}", page.html);
    assert!(page.html.contains("For official use only &#60;script&#62;"));
    assert!(page.html.contains("Call the desk &#60;script&#62;"));
    assert!(
        page.html
            .contains("href=\"https://help.example/?a=1&#38;b=2\"")
    );
    assert!(page.html.contains("href=\"mailto:desk@help.example\""));
    assert!(
        page.html.contains("href=\"tel:+15550100\""),
        "{}",
        page.html
    );
    let over = browser.get("/setup").await;
    assert!(over.html.contains("Call the desk"), "help on an error page");
    assert!(!over.html.contains("For official use only"));
    browser.language = "es";
    let page = browser.get("/login").await;
    assert!(page.html.contains("Llame a la mesa") && page.html.contains("For official use only"));
}

#[tokio::test]
async fn colour_and_logo_are_served_where_the_pages_name_them() {
    let mut settings = config();
    settings.branding = branded();
    let bench = Bench::configured(outbound::Trust::platform(), settings).await;
    let mut browser = TestBrowser::new(&bench);
    let page = browser.get("/login").await.html;
    let named = |start: &str| {
        let (_, rest) = page.split_once(start).unwrap();
        format!("{start}{}", rest.split_once('"').unwrap().0)
    };
    let style = browser.get(&named("/assets/accent-")).await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(style.html.contains("--blue: #0b5a3c") && style.html.contains("--blue: #7fd6b0"));
    let logo = browser.get(&named("/assets/logo-")).await;
    assert_eq!(logo.header("content-type"), "image/svg+xml");
    assert_eq!(
        logo.header("content-security-policy"),
        "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    );
    assert_eq!(logo.header("x-content-type-options"), "nosniff");
    assert_eq!(logo.html, SVG);
    let other = browser.get("/assets/logo-0000000000000000.svg").await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    let plain = Bench::new().await;
    let page = TestBrowser::new(&plain).get("/login").await.html;
    assert!(!page.contains("/assets/accent-") && !page.contains("/assets/logo-"));
    assert!(!page.contains("class=\"banner\""));
}
