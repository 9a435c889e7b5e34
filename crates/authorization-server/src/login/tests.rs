//! Signing in and out: forgery, fixation, guessing.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use axum::http::StatusCode;
use jiff::SignedDuration;
use oauth::Secret;
use storage::Outcome;
use storage::testing::each_engine;

use crate::MIGRATIONS;
use crate::pages::testing::*;
use crate::testing::*;

fn filled(page: &Page, username: &str, password: &str) -> Vec<(String, String)> {
    let mut fields = page.form("/login");
    fields.extend(owned(&[("username", username), ("password", password)]));
    fields
}

#[tokio::test]
async fn a_person_signs_in_once_per_session() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut browser = TestBrowser::new(&bench);
        let page = browser.open(&request()).await;
        assert_eq!(page.status, StatusCode::OK);
        let page = browser.sign_in(&page, "  R.Smith ", PASSWORD).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER);
        assert!(page.location().starts_with("/consent?request="));
        let cookie = page.header("set-cookie");
        let (value, attributes) = cookie.split_once("; ").unwrap();
        assert!(value.starts_with("__Host-vro-session="));
        assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Lax");
        assert_eq!(browser.open(&request()).await.status, StatusCode::OK);
        assert!(
            browser
                .get(&address(&request()))
                .await
                .location()
                .starts_with("/consent?")
        );

        let audit = bench.audit("login").await;
        assert_eq!(audit.len(), 1);
        assert_eq!(audit[0].outcome, Outcome::Allowed);
        let id = bench.admin.user("r.smith").await.unwrap().id;
        assert_eq!(audit[0].subject.as_deref(), Some(id.as_str()));
        assert_eq!(audit[0].source_address.as_deref(), Some("192.0.2.7"));
        assert_eq!(audit[0].request_id.as_deref(), Some("r-1"));
    })
    .await;
}

#[tokio::test]
async fn what_was_typed_is_shown_as_text_and_the_password_not_at_all() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    let page = browser.open(&request()).await;
    let page = browser
        .sign_in(&page, "\"><script>alert(1)</script>", "secret typed here")
        .await;
    assert!(!page.html.contains("<script>"));
    assert!(page.html.contains("&#60;script&#62;"));
    assert!(!page.html.contains("secret typed here"));
    for cookie in browser.cookies.values() {
        assert!(!page.html.contains(cookie));
    }
}

#[tokio::test]
async fn a_form_counts_only_from_our_own_page() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    let page = browser.open(&request()).await;
    let fields = filled(&page, "r.smith", PASSWORD);
    let foreign: [&[(&str, &str)]; 9] = [
        &[("origin", "https://evil.example")],
        &[("origin", "https://vro.example:8443")],
        &[("origin", "http://vro.example")],
        &[("origin", "https://vro.example.evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[
            ("sec-fetch-site", "same-site"),
            ("origin", "https://vro.example"),
        ],
        &[("sec-fetch-site", "none")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
    ];
    for headers in foreign {
        let page = browser.post_with("/login", &fields, headers).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert!(
            page.html.contains("did not come from our page"),
            "{headers:?}"
        );
    }
    assert_eq!(bench.server.people().evaluated(), 0);
    let ours: [&[(&str, &str)]; 4] = [
        &[],
        &[("origin", "https://vro.example")],
        &[("origin", "null"), ("sec-fetch-site", "same-origin")],
        &[
            ("origin", "https://vro.example"),
            ("sec-fetch-site", "same-origin"),
        ],
    ];
    for headers in ours {
        let page = browser.post_with("/login", &fields, headers).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{headers:?}");
    }
}

#[tokio::test]
async fn a_form_counts_only_with_the_token_of_its_browser_and_request() {
    let bench = bench().await;
    let (mut victim, mut attacker) = (TestBrowser::new(&bench), TestBrowser::new(&bench));
    let page = victim.open(&request()).await;
    let other = victim.open(&request()).await;
    let planted = attacker.open(&request()).await;
    let value = |page: &Page, name: &str| {
        let fields = page.form("/login");
        fields
            .into_iter()
            .find(|(found, _)| found == name)
            .unwrap()
            .1
    };
    let handle = value(&page, "request");
    for token in [
        "",
        "x",
        &value(&other, "csrf_token"),
        &value(&planted, "csrf_token"),
    ] {
        let fields = [
            ("request", handle.as_str()),
            ("csrf_token", token),
            ("username", "r.smith"),
        ];
        let page = victim.post("/login", &owned(&fields)).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{token}");
    }
    // Without the cookie a right form is nobody's.
    let mut stranger = TestBrowser::new(&bench);
    let stolen = stranger
        .post("/login", &filled(&page, "r.smith", PASSWORD))
        .await;
    assert_eq!(stolen.status, StatusCode::FORBIDDEN);
    // Two cookies of one name: one of them was planted.
    let (name, mine) = victim.cookies.first_key_value().unwrap();
    assert_eq!(name, "__Host-vro-login");
    let twice = format!("{mine}; {name}={mine}");
    victim.cookies.insert(name.clone(), twice);
    let page = victim
        .post("/login", &filled(&page, "r.smith", PASSWORD))
        .await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert_eq!(bench.server.people().evaluated(), 0);
}

/// An attacker's own request, planted in a victim's browser, opens nothing there.
#[tokio::test]
async fn a_request_of_another_browser_opens_nothing() {
    let bench = bench().await;
    let (mut victim, mut attacker) = (TestBrowser::new(&bench), TestBrowser::new(&bench));
    victim.reach_consent(&request(), "r.smith").await;
    let planted = attacker
        .get(&address(&request()))
        .await
        .location()
        .to_owned();
    let query = planted.split_once('?').unwrap().1;
    for page in ["login", "consent", "oauth2/authorize/resume"] {
        let page = victim.get(&format!("/{page}?{query}")).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert!(page.html.contains("This sign-in is over"));
    }
    for path in ["/consent", "/login?request=", "/login?request=a&request=b"] {
        let page = victim.get(path).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(page.html.contains("Start from the application"));
    }
}

/// What the browser had before the sign-in opens nothing after it.
#[tokio::test]
async fn signing_in_changes_the_session() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    browser
        .cookies
        .insert("__Host-vro-session".to_owned(), "planted".to_owned());
    browser.reach_consent(&request(), "r.smith").await;
    let first = browser.cookies["__Host-vro-session"].clone();
    assert_ne!(first, "planted");
    let page = browser.open(&with("prompt", "login")).await;
    let login = if page.status == StatusCode::SEE_OTHER {
        browser.get(page.location()).await
    } else {
        browser.get(&browser_login(&page)).await
    };
    browser.sign_in(&login, "r.smith", PASSWORD).await;
    assert_ne!(browser.cookies["__Host-vro-session"], first);
    browser
        .cookies
        .insert("__Host-vro-session".to_owned(), first);
    assert!(
        browser
            .get(&address(&request()))
            .await
            .location()
            .starts_with("/login?")
    );
}

/// The sign-in page of the request of a consent page.
fn browser_login(consent: &Page) -> String {
    let request = consent.form("/consent").swap_remove(0).1;
    format!("/login?request={request}")
}

#[tokio::test]
async fn sessions_end_when_idle_and_after_their_longest_life() {
    let bench = bench().await;
    let lifetimes = bench.server.config().lifetimes.clone();
    let mut browser = TestBrowser::new(&bench);
    browser.reach_consent(&request(), "r.smith").await;
    let begun = bench.clock.now();
    let almost = lifetimes.session_idle - SignedDuration::from_secs(1);
    while bench.clock.now() + almost < begun + lifetimes.session_absolute {
        bench.clock.advance(almost);
        assert!(
            browser
                .get(&address(&request()))
                .await
                .location()
                .starts_with("/consent?")
        );
    }
    bench.clock.advance(almost);
    assert!(
        browser
            .get(&address(&request()))
            .await
            .location()
            .starts_with("/login?")
    );

    browser.reach_consent(&request(), "r.smith").await;
    bench.clock.advance(lifetimes.session_idle);
    assert!(
        browser
            .get(&address(&request()))
            .await
            .location()
            .starts_with("/login?")
    );
}

#[tokio::test]
async fn a_request_lives_ten_minutes() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    let page = browser.open(&request()).await;
    bench.clock.advance(SignedDuration::from_mins(10));
    let page = browser.sign_in(&page, "r.smith", PASSWORD).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.server.people().evaluated(), 0);
}

#[tokio::test]
async fn sessions_end_with_the_account_and_its_password() {
    let bench = bench().await;
    let other = Secret::received("quite another password".to_owned());
    for change in ["disable", "password", "delete"] {
        let mut browser = TestBrowser::new(&bench);
        browser.reach_consent(&request(), "r.smith").await;
        match change {
            "disable" => {
                bench
                    .admin
                    .set_user_disabled("r.smith", true)
                    .await
                    .unwrap();
                bench
                    .admin
                    .set_user_disabled("r.smith", false)
                    .await
                    .unwrap();
            }
            "password" => {
                bench
                    .admin
                    .set_user_password("r.smith", &other)
                    .await
                    .unwrap();
                let old = Secret::received(PASSWORD.to_owned());
                bench
                    .admin
                    .set_user_password("r.smith", &old)
                    .await
                    .unwrap();
            }
            _ => bench.admin.delete_user("r.smith").await.unwrap(),
        }
        let page = browser.get(&address(&request())).await;
        assert!(page.location().starts_with("/login?"), "{change}");
    }
}

#[tokio::test]
async fn signing_out() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    let consent = browser.reach_consent(&request(), "r.smith").await;
    let session = browser.cookies["__Host-vro-session"].clone();
    let page = browser.get("/logout").await;
    assert!(page.html.contains("r.smith"));
    for fields in [
        vec![],
        owned(&[("csrf_token", "x")]),
        consent.form("/consent")[1..2].to_vec(),
    ] {
        let page = browser.post("/logout", &fields).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
    }
    let foreign = [("origin", "https://evil.example")];
    let refused = browser
        .post_with("/logout", &page.form("/logout"), &foreign)
        .await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);

    let out = browser.post("/logout", &page.form("/logout")).await;
    assert_eq!(
        (out.status, out.location()),
        (StatusCode::SEE_OTHER, "/logout")
    );
    assert!(!browser.cookies.contains_key("__Host-vro-session"));
    assert!(
        browser
            .get("/logout")
            .await
            .html
            .contains("You are signed out")
    );
    // The session itself is gone, not only the cookie.
    browser
        .cookies
        .insert("__Host-vro-session".to_owned(), session);
    assert!(
        browser
            .get(&address(&request()))
            .await
            .location()
            .starts_with("/login?")
    );
    assert_eq!(bench.audit("logout").await.len(), 1);
}

#[tokio::test]
async fn somebody_else_signs_in_from_the_consent_page() {
    let bench = bench().await;
    bench.admin.add_user(new_user("other")).await.unwrap();
    let mut browser = TestBrowser::new(&bench);
    let consent = browser.reach_consent(&request(), "r.smith").await;
    let out = browser.post("/logout", &consent.form("/logout")).await;
    assert!(out.location().starts_with("/login?request="));
    let login = browser.get(out.location()).await;
    let signed_in = browser.sign_in(&login, "other", PASSWORD).await;
    assert!(
        browser
            .get(signed_in.location())
            .await
            .html
            .contains("other, general-hospital")
    );
}

#[tokio::test]
async fn a_lost_database_is_a_503() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    let page = browser.open(&request()).await;
    bench
        .server
        .db()
        .write(Statement("DROP TABLE login_failure"))
        .await
        .unwrap();
    let page = browser.sign_in(&page, "r.smith", PASSWORD).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(page.header("retry-after"), "1");
    assert!(!page.html.contains("login_failure"));
    assert_eq!(bench.server.people().evaluated(), 0);
}
