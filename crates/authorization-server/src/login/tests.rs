//! Signing in and out: forgery, fixation, guessing.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::SignedDuration;
use oauth::Secret;
use storage::testing::each_engine;
use storage::{Db, Outcome, Transaction, Work};

use crate::MIGRATIONS;
use crate::pages::testing::*;
use crate::testing::*;

async fn bench_on(db: Db) -> Bench {
    let bench = Bench::on(db).await;
    bench.add(public_client("app")).await;
    bench.admin.add_user(new_user("r.smith")).await.unwrap();
    bench
}

async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench.add(public_client("app")).await;
    bench.admin.add_user(new_user("r.smith")).await.unwrap();
    bench
}

fn filled(page: &Page, username: &str, password: &str) -> Vec<(String, String)> {
    let mut fields = page.form("/login");
    fields.extend(owned(&[("username", username), ("password", password)]));
    fields
}

async fn guess(bench: &Bench, username: &str, peer: &'static str) -> Page {
    let mut browser = TestBrowser::new(bench);
    browser.peer = peer;
    let page = browser.open(&request()).await;
    browser.sign_in(&page, username, "not the password").await
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

/// Wrong password, unknown name, disabled account: one answer, one amount of work.
#[tokio::test]
async fn refusals_are_alike() {
    let bench = bench().await;
    bench.admin.add_user(new_user("gone")).await.unwrap();
    bench.admin.set_user_disabled("gone", true).await.unwrap();
    let mut shown = Vec::new();
    for (username, password) in [
        ("r.smith", "wrong wrong wrong"),
        ("r.smith", ""),
        ("nobody", "wrong wrong wrong"),
        ("nobody", PASSWORD),
        ("gone", PASSWORD),
        ("gone", "wrong wrong wrong"),
        ("", PASSWORD),
    ] {
        let mut browser = TestBrowser::new(&bench);
        let page = browser.open(&request()).await;
        let before = bench.server.people().evaluated();
        let page = browser.sign_in(&page, username, password).await;
        assert_eq!(bench.server.people().evaluated(), before + 1, "{username}");
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{username}");
        assert!(!browser.cookies.contains_key("__Host-vro-session"));
        assert!(
            page.html
                .contains("The username or the password is not right.")
        );
        let fields = page.form("/login");
        let mut html = page.html.replace(&format!("value=\"{username}\""), "");
        for (_, value) in fields {
            html = html.replace(&value, "");
        }
        let headers: Vec<_> = page
            .headers
            .iter()
            .filter(|(name, _)| *name != "content-length")
            .collect();
        shown.push(format!("{headers:?}{html}"));
    }
    assert!(shown.iter().all(|page| page == &shown[0]));

    let audit = bench.audit("login").await;
    assert!(audit.iter().all(|row| row.outcome == Outcome::Denied));
    // The audit knows who; it never holds what was typed.
    assert_eq!(audit.iter().filter(|row| row.subject.is_some()).count(), 4);
    assert!(!format!("{audit:?}").contains("nobody"));
}

#[tokio::test]
async fn what_was_typed_is_shown_as_text_and_the_password_not_at_all() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    let page = browser.open(&request()).await;
    let page = browser
        .sign_in(&page, "\"><script>alert(1)</script>", "secret typed here")
        .await;
    assert!(!page.html.contains("<script"));
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
    victim.to_consent(&request(), "r.smith").await;
    let planted = attacker
        .get(&address(&request()))
        .await
        .location()
        .to_owned();
    let query = planted.split_once('?').unwrap().1;
    for page in ["login", "consent"] {
        let page = victim.get(&format!("/{page}?{query}")).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST);
        assert!(page.html.contains("This sign-in is over"));
    }
    for path in [
        "/login",
        "/consent",
        "/login?request=",
        "/login?request=a&request=b",
    ] {
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
    browser.to_consent(&request(), "r.smith").await;
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
    browser.to_consent(&request(), "r.smith").await;
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

    browser.to_consent(&request(), "r.smith").await;
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
        browser.to_consent(&request(), "r.smith").await;
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
    let consent = browser.to_consent(&request(), "r.smith").await;
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
    let consent = browser.to_consent(&request(), "r.smith").await;
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

/// Keycloak CVE-2024-4629: parallel guesses beat the lockout. Here they are counted before any
/// password is looked at.
#[tokio::test]
async fn two_hundred_guesses_at_once_evaluate_no_more_than_the_limit() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let pages = at_once((0..200).map(|_| guess(&bench, "r.smith", "192.0.2.7"))).await;
        let limit = bench.server.config().limits.login_failures_per_account as usize;
        assert_eq!(bench.server.people().evaluated(), limit);
        let count = |status| pages.iter().filter(|page| page.status == status).count();
        assert_eq!(count(StatusCode::FORBIDDEN), limit);
        assert_eq!(count(StatusCode::TOO_MANY_REQUESTS), 200 - limit);
        let held = pages
            .iter()
            .find(|page| page.status == StatusCode::TOO_MANY_REQUESTS)
            .unwrap();
        assert_eq!(held.header("retry-after"), "900");
        assert!(held.html.contains("Try again in 15 minutes"));
    })
    .await;
}

#[tokio::test]
async fn a_held_account_opens_to_nobody_and_then_again() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let window = bench.server.config().limits.login_failure_window;
        // Unknown names are held alike, or holding would tell which exist.
        for username in ["nobody", "r.smith"] {
            for _ in 0..10 {
                let page = guess(&bench, username, "192.0.2.7").await;
                assert_eq!(page.status, StatusCode::FORBIDDEN);
            }
            let page = guess(&bench, username, "192.0.2.7").await;
            assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        }
        // The right password, from elsewhere, in other letters: held all the same.
        let mut browser = TestBrowser::new(&bench);
        browser.peer = "198.51.100.1";
        let page = browser.open(&request()).await;
        let held = browser.sign_in(&page, " R.SMITH", PASSWORD).await;
        assert_eq!(held.status, StatusCode::TOO_MANY_REQUESTS);
        let audit = bench.audit("login").await;
        let held = audit
            .iter()
            .filter(|row| row.reason.as_deref() == Some("too many failures"));
        assert_eq!(held.filter(|row| row.subject.is_some()).count(), 2);

        // Ten more failures hold it twice as long.
        bench.clock.advance(window);
        for _ in 0..10 {
            assert_eq!(
                guess(&bench, "r.smith", "192.0.2.9").await.status,
                StatusCode::FORBIDDEN
            );
        }
        let page = guess(&bench, "r.smith", "192.0.2.9").await;
        assert_eq!(page.header("retry-after"), "1800");
        bench.clock.advance(window);
        bench.server.clean().await.unwrap();
        let page = guess(&bench, "r.smith", "192.0.2.9").await;
        assert_eq!(page.header("retry-after"), "900");

        // Signing in forgets the failures.
        bench.clock.advance(window);
        browser.to_consent(&request(), "r.smith").await;
        for _ in 0..9 {
            assert_eq!(
                guess(&bench, "r.smith", "192.0.2.9").await.status,
                StatusCode::FORBIDDEN
            );
        }
        browser.cookies.clear();
        browser.to_consent(&request(), "r.smith").await;

        // And so does another password.
        for _ in 0..10 {
            guess(&bench, "r.smith", "192.0.2.9").await;
        }
        let password = Secret::received(PASSWORD.to_owned());
        bench
            .admin
            .set_user_password("r.smith", &password)
            .await
            .unwrap();
        browser.cookies.clear();
        browser.to_consent(&request(), "r.smith").await;
    })
    .await;
}

#[tokio::test]
async fn a_source_is_held_and_success_does_not_free_it() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let limit = bench.server.config().limits.login_failures_per_source;
        let names: Vec<String> = (0..limit).map(|number| format!("name{number}")).collect();
        for name in &names {
            assert_eq!(
                guess(&bench, name, "2001:db8::1").await.status,
                StatusCode::FORBIDDEN
            );
            // An own account between the guesses neither counts nor takes back.
            if name.ends_with('7') {
                let mut browser = TestBrowser::new(&bench);
                browser.peer = "2001:db8::2";
                browser.to_consent(&request(), "r.smith").await;
            }
        }
        let page = guess(&bench, "one.more", "2001:db8::ffff").await;
        assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(
            guess(&bench, "one.more", "2001:db8:0:1::1").await.status,
            StatusCode::FORBIDDEN
        );
        bench
            .clock
            .advance(bench.server.config().limits.login_failure_window);
        assert_eq!(
            guess(&bench, "one.more", "2001:db8::1").await.status,
            StatusCode::FORBIDDEN
        );
    })
    .await;
}

/// A full house costs nobody an attempt, and whoever goes away leaves the queue.
#[tokio::test]
async fn a_full_house_answers_429() {
    let bench = Arc::new(bench().await);
    let people = bench.server.people();
    let all = people.places().acquire_many_owned(2).await.unwrap();
    let queue = bench.server.config().limits.password_queue;
    for _ in 0..2 {
        let wait = async |bench: Arc<Bench>, name: String| guess(&bench, &name, "::1").await;
        let waiting: Vec<_> = (0..queue)
            .map(|number| tokio::spawn(wait(Arc::clone(&bench), format!("n{number}"))))
            .collect();
        while people.waiting() < queue {
            tokio::task::yield_now().await;
        }
        for _ in 0..11 {
            let page = guess(&bench, "r.smith", "192.0.2.7").await;
            assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(page.header("retry-after"), "5");
            assert!(page.html.contains("Many people are signing in"));
        }
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
        while people.waiting() > 0 {
            tokio::task::yield_now().await;
        }
        bench.clock.advance(SignedDuration::from_hours(1));
    }
    drop(all);
    assert_eq!(people.evaluated(), 0);
    TestBrowser::new(&bench)
        .to_consent(&request(), "r.smith")
        .await;
    assert_eq!(people.evaluated(), 1);
}

struct Outdate(String);

impl Work for Outdate {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        let sql = "UPDATE resource_owner SET password_hash = $1 WHERE username = 'r.smith'";
        tx.execute(sql, &[self.0.as_str().into()]).await?;
        Ok(())
    }
}

#[tokio::test]
async fn an_outdated_hash_is_replaced_at_the_next_sign_in() {
    let bench = bench().await;
    let hash = crate::password::tests::outdated(PASSWORD);
    bench
        .server
        .db()
        .write(Outdate(hash.clone()))
        .await
        .unwrap();
    let stored = async || {
        let user = crate::store::users::find_by_username(bench.server.db(), "r.smith");
        user.await.unwrap().unwrap().password_hash
    };
    guess(&bench, "r.smith", "192.0.2.7").await;
    assert_eq!(stored().await, hash);
    TestBrowser::new(&bench)
        .to_consent(&request(), "r.smith")
        .await;
    assert!(
        stored()
            .await
            .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
    );
    TestBrowser::new(&bench)
        .to_consent(&request(), "r.smith")
        .await;
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
