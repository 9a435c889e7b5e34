//! Guessing passwords, through the front door.

#![expect(clippy::unwrap_used, reason = "tests")]

use axum::http::StatusCode;
use oauth::Secret;
use storage::testing::each_engine;

use crate::MIGRATIONS;
use crate::pages::testing::*;
use crate::testing::*;

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
        browser.reach_consent(&request(), "r.smith").await;
        for _ in 0..2 {
            for _ in 0..9 {
                let page = guess(&bench, "r.smith", "192.0.2.9").await;
                assert_eq!(page.status, StatusCode::FORBIDDEN);
            }
            browser.cookies.clear();
            browser.reach_consent(&request(), "r.smith").await;
        }

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
        browser.reach_consent(&request(), "r.smith").await;
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
                browser.reach_consent(&request(), "r.smith").await;
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

/// Somebody who guesses without end keeps the owner out of other browsers only (NIST SP 800-63B section 3.2.2: a
/// hundred failures in a row, and no more).
#[tokio::test]
async fn whoever_has_signed_in_before_is_not_kept_out() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let longest = bench.server.config().limits.login_failure_window * 4;
        let mut own = TestBrowser::new(&bench);
        own.reach_consent(&request(), "r.smith").await;
        let session = &bench.server.config().cookie_name;
        own.cookies.remove(session);

        let mut evaluated = 0;
        for _ in 0..30 {
            for _ in 0..10 {
                let page = guess(&bench, "r.smith", "192.0.2.9").await;
                evaluated += u32::from(page.status == StatusCode::FORBIDDEN);
            }
            bench.clock.advance(longest);
        }
        assert_eq!(evaluated, 100);
        let mut other = TestBrowser::new(&bench);
        other.peer = "198.51.100.1";
        let page = other.open(&request()).await;
        let held = other.sign_in(&page, "r.smith", PASSWORD).await;
        assert_eq!(held.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(held.html.contains("in which you have signed in before"));

        // The owner's browser, also behind the address that guesses.
        own.peer = "192.0.2.9";
        own.reach_consent(&request(), "r.smith").await;
        // And that begins anew for everybody.
        other.reach_consent(&request(), "r.smith").await;
    })
    .await;
}

/// The browser of one person is a stranger's for every other name, and guesses in it are counted as well.
#[tokio::test]
async fn a_known_browser_guesses_no_more_than_others() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        bench.admin.add_user(new_user("r.jones")).await.unwrap();
        let mut own = TestBrowser::new(&bench);
        own.reach_consent(&request(), "r.smith").await;
        own.cookies.remove(&bench.server.config().cookie_name);
        let guess_in = async |name: &str, cookies: &TestBrowser| {
            let mut browser = cookies.copy(&bench);
            let page = browser.open(&request()).await;
            browser
                .sign_in(&page, name, "not the password")
                .await
                .status
        };
        for _ in 0..10 {
            assert_eq!(guess_in("r.smith", &own).await, StatusCode::FORBIDDEN);
        }
        assert_eq!(
            guess_in("r.smith", &own).await,
            StatusCode::TOO_MANY_REQUESTS
        );
        // It held nobody up elsewhere.
        assert_eq!(
            guess(&bench, "r.smith", "198.51.100.1").await.status,
            StatusCode::FORBIDDEN
        );
        for _ in 0..10 {
            guess(&bench, "r.jones", "198.51.100.2").await;
        }
        assert_eq!(
            guess_in("r.jones", &own).await,
            StatusCode::TOO_MANY_REQUESTS
        );
        // What is over for the person is over for the browser.
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
        bench
            .clock
            .advance(bench.server.config().limits.login_failure_window);
        for _ in 0..9 {
            guess(&bench, "r.smith", "198.51.100.3").await;
        }
        assert_eq!(
            guess_in("r.smith", &own).await,
            StatusCode::TOO_MANY_REQUESTS
        );
    })
    .await;
}
