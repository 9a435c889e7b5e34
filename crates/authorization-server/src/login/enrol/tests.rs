//! Roles that demand a second factor: nobody of them is signed in without one.

#![expect(clippy::unwrap_used, reason = "tests")]

use axum::http::StatusCode;
use jiff::SignedDuration;
use storage::testing::each_engine;

use crate::MIGRATIONS;
use crate::administration::NewUser;
use crate::pages::testing::*;
use crate::testing::*;

async fn add_administrator(bench: &Bench) {
    let new = NewUser {
        role: "administrator".to_owned(),
        ..new_user("chief")
    };
    bench.admin.add_user(new).await.unwrap();
}

/// The page to set an app up on, after the password.
async fn asked_to_enrol(browser: &mut TestBrowser) -> Page {
    let login = browser.get("/login").await;
    let first = browser.sign_in(&login, "chief", PASSWORD).await;
    assert!(
        first
            .location()
            .starts_with("/login/enrol?then=account&pending=")
    );
    assert!(!browser.cookies.contains_key("__Host-vro-session"));
    browser.get(first.location()).await
}

async fn give(browser: &mut TestBrowser, page: &Page, code: &str) -> Page {
    let mut fields = page.form("/login/enrol");
    fields.push(("code".to_owned(), code.to_owned()));
    browser.post("/login/enrol", &fields).await
}

#[tokio::test]
async fn a_role_that_demands_it_sets_it_up_at_the_first_sign_in() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        add_administrator(&bench).await;
        let mut browser = TestBrowser::new(&bench);
        let login = browser.open(&request()).await;
        let first = browser.sign_in(&login, "chief", PASSWORD).await;
        assert!(first.location().starts_with("/login/enrol?request="));
        let page = browser.get(first.location()).await;
        let secret = secret_of(&page);
        let wrong = give(&mut browser, &page, "000000").await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
        assert!(!browser.cookies.contains_key("__Host-vro-session"));
        let codes = give(&mut browser, &page, &code_at(&bench, &secret)).await;
        assert_eq!(recovery_codes_of(&codes).len(), 10);
        assert!(codes.html.contains("href=\"/consent?request="));
        assert_eq!(browser.get("/account").await.status, StatusCode::OK);

        // From then on the code is asked for, and nothing is offered to be set up.
        bench.clock.advance(SignedDuration::from_mins(1));
        let mut again = TestBrowser::new(&bench);
        let page = password_given(&mut again, "chief").await;
        let right = give_code(&mut again, &page, &code_at(&bench, &secret)).await;
        assert_eq!(right.location(), "/account", "{}", right.html);
    })
    .await;
}

/// Who knows only the password of a person with an app cannot set up another one.
#[tokio::test]
async fn an_app_in_use_is_not_replaced_at_the_sign_in() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        add_administrator(&bench).await;
        let (mut owner, mut thief) = (TestBrowser::new(&bench), TestBrowser::new(&bench));
        // The thief waits on the same page before the owner is done.
        let waiting = asked_to_enrol(&mut thief).await;
        let page = asked_to_enrol(&mut owner).await;
        let stolen = secret_of(&waiting);
        let codes = give(&mut owner, &page, &code_at(&bench, &secret_of(&page))).await;
        assert_eq!(codes.status, StatusCode::OK, "{}", codes.html);
        let late = give(&mut thief, &waiting, &code_at(&bench, &stolen)).await;
        assert_eq!(late.status, StatusCode::BAD_REQUEST);
        assert!(!thief.cookies.contains_key("__Host-vro-session"));

        // And not with a page that waits for a code.
        let page = password_given(&mut thief, "chief").await;
        let query: Vec<(String, String)> = page.form("/login/code");
        let pending = query.iter().find(|(name, _)| name == "pending").unwrap();
        let address = format!("/login/enrol?then=account&pending={}", pending.1);
        assert_eq!(thief.get(&address).await.status, StatusCode::BAD_REQUEST);
        let posted = thief.post("/login/enrol", &query).await;
        assert_eq!(posted.status, StatusCode::BAD_REQUEST);
    })
    .await;
}

/// Who knows the password is not to have the person set up a secret that he has read.
#[tokio::test]
async fn a_proposed_app_belongs_to_one_waiting_sign_in() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        add_administrator(&bench).await;
        let (mut owner, mut thief) = (TestBrowser::new(&bench), TestBrowser::new(&bench));
        let first = asked_to_enrol(&mut owner).await;
        let waiting = asked_to_enrol(&mut thief).await;
        let known = secret_of(&waiting);
        assert_ne!(secret_of(&first), known);
        // The earlier page shows nobody else's, and is over: no code of either sets anything up there.
        let pending = first.form("/login/enrol");
        let pending = pending.iter().find(|(name, _)| name == "pending").unwrap();
        let address = format!("/login/enrol?then=account&pending={}", pending.1);
        let shown = owner.get(&address).await;
        assert_eq!(shown.status, StatusCode::BAD_REQUEST, "{}", shown.html);
        for secret in [&known, &secret_of(&first)] {
            let over = give(&mut owner, &first, &code_at(&bench, secret)).await;
            assert_eq!(over.status, StatusCode::BAD_REQUEST, "{}", over.html);
        }
        // Asking again ends the other's.
        let page = asked_to_enrol(&mut owner).await;
        let secret = secret_of(&page);
        for code in [code_at(&bench, &known), code_at(&bench, &secret)] {
            let over = give(&mut thief, &waiting, &code).await;
            assert_eq!(over.status, StatusCode::BAD_REQUEST, "{}", over.html);
        }
        assert!(!thief.cookies.contains_key("__Host-vro-session"));
        let codes = give(&mut owner, &page, &code_at(&bench, &secret)).await;
        assert_eq!(recovery_codes_of(&codes).len(), 10);
    })
    .await;
}

/// SP 800-63B: 8 characters beside a second factor, 15 alone; and when the factor is gone, another one.
#[tokio::test]
async fn a_short_password_stands_beside_a_second_factor_only() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let change = async |browser: &mut TestBrowser, current: &str, new: &str| {
        let page = browser.get("/account/password").await;
        let mut fields = page.form("/account/password");
        fields.extend(owned(&[("current", current), ("new", new), ("again", new)]));
        browser.post("/account/password", &fields).await
    };
    let refused = change(&mut browser, PASSWORD, "tr4vq9mz").await;
    assert!(
        refused.html.contains("at least 15 characters"),
        "{}",
        refused.html
    );
    enrol(&bench, &mut browser).await;
    let changed = change(&mut browser, PASSWORD, "tr4vq9mz").await;
    assert_eq!(
        changed.location(),
        "/account?done=password",
        "{}",
        changed.html
    );
    bench.admin.reset_second_factor("r.smith").await.unwrap();
    let login = browser.get("/login").await;
    let first = browser.sign_in(&login, "r.smith", "tr4vq9mz").await;
    assert!(
        first.location().starts_with("/login/enrol?"),
        "{}",
        first.location()
    );
}

/// A session from before the rule, or from before the promotion, is over.
#[tokio::test]
async fn a_session_with_one_factor_does_not_outlive_the_rule() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let sql = "UPDATE resource_owner SET role = 'administrator' WHERE username = 'r.smith'";
    bench.server.db().write(Statement(sql)).await.unwrap();
    assert_eq!(browser.get("/account").await.location(), "/login");
    let opened = browser.get(&address(&request())).await;
    assert!(opened.location().starts_with("/login?"));
}

#[tokio::test]
async fn what_waits_is_over_in_time() {
    let bench = bench().await;
    add_administrator(&bench).await;
    let mut browser = TestBrowser::new(&bench);
    let page = asked_to_enrol(&mut browser).await;
    bench.clock.advance(SignedDuration::from_mins(15));
    let late = give(&mut browser, &page, &code_at(&bench, &secret_of(&page))).await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST);
}
