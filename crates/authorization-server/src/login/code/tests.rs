//! The second step: codes count once, in one browser, for a short time, and are counted.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use axum::http::StatusCode;
use jiff::SignedDuration;
use storage::Outcome;
use storage::testing::each_engine;

use crate::MIGRATIONS;
use crate::pages::testing::*;
use crate::testing::*;

/// A person with an app, a minute later: its secret and the recovery codes.
async fn enrolled(bench: &Bench) -> (String, Vec<String>) {
    let mut browser = account(bench).await;
    let enrolled = enrol(bench, &mut browser).await;
    bench.clock.advance(SignedDuration::from_mins(1));
    enrolled
}

#[tokio::test]
async fn a_password_alone_signs_nobody_in() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let (secret, _) = enrolled(&bench).await;
        let mut browser = TestBrowser::new(&bench);
        let login = browser.open(&request()).await;
        let first = browser.sign_in(&login, "r.smith", PASSWORD).await;
        assert!(first.location().starts_with("/login/code?request="));
        assert!(!browser.cookies.contains_key("__Host-vro-session"));
        assert_eq!(browser.get("/account").await.location(), "/login");
        let page = browser.get(first.location()).await;
        let wrong = give_code(&mut browser, &page, "000000").await;
        assert_eq!(wrong.status, StatusCode::FORBIDDEN);
        assert!(!browser.cookies.contains_key("__Host-vro-session"));
        bench.clock.advance(SignedDuration::from_secs(1));
        let right = give_code(&mut browser, &page, &code_at(&bench, &secret)).await;
        assert!(
            right.location().starts_with("/consent?request="),
            "{}",
            right.html
        );
        let consent = browser.get(right.location()).await;
        let answer = browser.decide(&consent, "allow").await;
        assert!(answer.answer().contains_key("code"));

        let audit = bench.audit("login").await;
        assert_eq!(audit[0].reason.as_deref(), Some("with authenticator app"));
        let id = bench.admin.user("r.smith").await.unwrap().id;
        for row in &audit[..2] {
            assert_eq!(row.subject.as_deref(), Some(id.as_str()));
        }
    })
    .await;
}

/// RFC 6238 section 5.2: once, and none that is older either; one step early and late.
#[tokio::test]
async fn a_step_counts_once() {
    let bench = bench().await;
    let (secret, _) = enrolled(&bench).await;
    let now = bench.clock.now().as_second();
    let give = async |at: i64| {
        let mut browser = TestBrowser::new(&bench);
        let page = password_given(&mut browser, "r.smith").await;
        give_code(&mut browser, &page, &code_of(&secret, at)).await
    };
    for (at, right) in [
        (now - 60, false),
        (now + 60, false),
        (now - 30, true),
        (now - 30, false),
        (now + 30, true),
        (now, false),
        (now + 30, false),
    ] {
        let answer = give(at).await;
        assert_eq!(
            answer.status == StatusCode::SEE_OTHER,
            right,
            "{}",
            at - now
        );
    }
}

/// However many send a code at once, from one waiting page or from several: it signs in once.
#[tokio::test]
async fn a_code_seen_by_others_signs_in_once() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let (secret, recovery) = enrolled(&bench).await;
        for code in [code_at(&bench, &secret), recovery[0].clone()] {
            let mut first = TestBrowser::new(&bench);
            let page = password_given(&mut first, "r.smith").await;
            let mut second = TestBrowser::new(&bench);
            let other = password_given(&mut second, "r.smith").await;
            let mut tabs: Vec<(TestBrowser, &Page)> = Vec::new();
            for _ in 0..3 {
                tabs.push((first.copy(&bench), &page));
                tabs.push((second.copy(&bench), &other));
            }
            let tries = tabs
                .iter_mut()
                .map(|(tab, page)| give_code(tab, page, &code));
            let answers = at_once(tries).await;
            let signed_in = answers
                .iter()
                .filter(|answer| answer.status == StatusCode::SEE_OTHER);
            assert_eq!(signed_in.count(), 1, "{code}");
        }
    })
    .await;
}

/// However many right codes come at once for one waiting page, it signs in once.
#[tokio::test]
async fn a_waiting_page_signs_in_once() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let (secret, recovery) = enrolled(&bench).await;
        let mut browser = TestBrowser::new(&bench);
        let page = password_given(&mut browser, "r.smith").await;
        let mut codes = recovery[..5].to_vec();
        codes.push(code_at(&bench, &secret));
        let mut tabs: Vec<TestBrowser> = codes.iter().map(|_| browser.copy(&bench)).collect();
        let tries = tabs.iter_mut().zip(&codes);
        let answers = at_once(tries.map(|(tab, code)| give_code(tab, &page, code))).await;
        let signed_in = answers
            .iter()
            .filter(|answer| answer.status == StatusCode::SEE_OTHER);
        assert_eq!(signed_in.count(), 1);
        let late = give_code(&mut browser, &page, &recovery[9]).await;
        assert_eq!(late.status, StatusCode::BAD_REQUEST);
    })
    .await;
}

/// With the password, too, nobody guesses more than a stranger; and waiting pages do not multiply guesses.
#[tokio::test]
async fn guesses_of_codes_are_counted_over_all_pages() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let (secret, _) = enrolled(&bench).await;
        let mut statuses = Vec::new();
        for guess in 0..12 {
            let mut browser = TestBrowser::new(&bench);
            let login = browser.get("/login").await;
            let first = browser.sign_in(&login, "r.smith", PASSWORD).await;
            statuses.push(first.status.as_u16());
            if first.status != StatusCode::SEE_OTHER {
                continue;
            }
            let page = browser.get(first.location()).await;
            let answer = give_code(&mut browser, &page, &format!("{guess:06}")).await;
            statuses.push(answer.status.as_u16());
        }
        // Ten guesses; then not even the password is looked at.
        let expected: Vec<u16> = [303, 403]
            .repeat(10)
            .into_iter()
            .chain([429, 429])
            .collect();
        assert_eq!(statuses, expected);

        bench.clock.advance(SignedDuration::from_mins(15));
        let mut browser = TestBrowser::new(&bench);
        let page = password_given(&mut browser, "r.smith").await;
        let right = give_code(&mut browser, &page, &code_at(&bench, &secret)).await;
        assert_eq!(right.status, StatusCode::SEE_OTHER, "{}", right.html);
    })
    .await;
}

/// A hold that comes while a page waits holds the page too.
#[tokio::test]
async fn a_held_account_gives_no_codes() {
    let bench = bench().await;
    let (secret, _) = enrolled(&bench).await;
    let mut browser = TestBrowser::new(&bench);
    let page = password_given(&mut browser, "r.smith").await;
    for _ in 0..10 {
        guess(&bench, "r.smith", "192.0.2.9").await;
    }
    let held = give_code(&mut browser, &page, &code_at(&bench, &secret)).await;
    assert_eq!(held.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!held.header("retry-after").is_empty());
}

#[tokio::test]
async fn a_waiting_page_belongs_to_one_browser_for_minutes() {
    let bench = bench().await;
    let (secret, _) = enrolled(&bench).await;
    let mut browser = TestBrowser::new(&bench);
    let login = browser.get("/login").await;
    let first = browser.sign_in(&login, "r.smith", PASSWORD).await;
    let page = browser.get(first.location()).await;
    let mut thief = TestBrowser::new(&bench);
    thief.get("/login").await;
    let stolen = thief.get(first.location()).await;
    assert_eq!(stolen.status, StatusCode::BAD_REQUEST);
    let foreign = give_code(&mut thief, &page, &code_at(&bench, &secret)).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    bench.clock.advance(SignedDuration::from_mins(5));
    let late = give_code(&mut browser, &page, &code_at(&bench, &secret)).await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST);
    assert!(late.html.contains("This sign-in is over"));
    assert!(bench.server.clean().await.unwrap() > 0);
}

/// Whatever ends sessions ends the waiting.
#[tokio::test]
async fn a_waiting_page_does_not_outlive_its_password() {
    let bench = bench().await;
    let (secret, _) = enrolled(&bench).await;
    let mut browser = TestBrowser::new(&bench);
    let page = password_given(&mut browser, "r.smith").await;
    let new = oauth::Secret::received("another moss grows elsewhere".to_owned());
    bench
        .admin
        .set_user_password("r.smith", &new)
        .await
        .unwrap();
    let late = give_code(&mut browser, &page, &code_at(&bench, &secret)).await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_disabled_person_does_not_get_past_the_second_step() {
    let bench = bench().await;
    let (secret, _) = enrolled(&bench).await;
    let mut browser = TestBrowser::new(&bench);
    let page = password_given(&mut browser, "r.smith").await;
    let sql = "UPDATE resource_owner SET disabled = TRUE WHERE username = 'r.smith'";
    bench.server.db().write(Statement(sql)).await.unwrap();
    let late = give_code(&mut browser, &page, &code_at(&bench, &secret)).await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST);
}

/// Codes of somebody else, and what is no code.
#[tokio::test]
async fn what_is_not_this_persons_code() {
    let bench = bench().await;
    let (_, recovery) = enrolled(&bench).await;
    bench.admin.add_user(new_user("other")).await.unwrap();
    let mut other = TestBrowser::new(&bench);
    let login = other.get("/login").await;
    other.sign_in(&login, "other", PASSWORD).await;
    let (foreign, foreign_recovery) = enrol(&bench, &mut other).await;
    bench.clock.advance(SignedDuration::from_mins(1));
    let mut browser = TestBrowser::new(&bench);
    let page = password_given(&mut browser, "r.smith").await;
    let codes = [
        "".to_owned(),
        "12345".to_owned(),
        "1234567".to_owned(),
        "１２３４５６".to_owned(),
        "'; DROP TABLE totp --".to_owned(),
        code_at(&bench, &foreign),
        foreign_recovery[0].clone(),
        "x".repeat(10_000),
    ];
    for code in &codes {
        let refused = give_code(&mut browser, &page, code).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{code}");
    }
    // As people type it.
    bench.clock.advance(SignedDuration::from_secs(1));
    let typed = format!(" {} ", recovery[3].to_uppercase().replace('-', " "));
    let right = give_code(&mut browser, &page, &typed).await;
    assert_eq!(right.status, StatusCode::SEE_OTHER, "{}", right.html);
    let audit = bench.audit("login").await;
    assert_eq!(audit[0].reason.as_deref(), Some("with recovery code"));
    assert_eq!(audit[0].outcome, Outcome::Allowed);
    let left = browser.get("/account/authenticator").await;
    assert!(left.html.contains("9 recovery codes left"), "{}", left.html);
}
