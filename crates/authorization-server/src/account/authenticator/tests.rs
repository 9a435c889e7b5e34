//! Setting an authenticator app up and taking it away.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use axum::http::StatusCode;
use jiff::SignedDuration;
use storage::Outcome;
use storage::testing::each_engine;

use crate::MIGRATIONS;
use crate::pages::testing::*;
use crate::store::second_factors::Proposal;
use crate::testing::*;

const PAGE: &str = "/account/authenticator";

#[tokio::test]
async fn an_app_is_set_up_with_a_code_of_it() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut elsewhere = account(&bench).await;
        let mut browser = account(&bench).await;
        let before = browser.cookies["__Host-vro-session"].clone();
        let page = propose(&mut browser).await;
        assert!(page.html.contains("src=\"data:image/svg+xml;base64,"));
        let secret = secret_of(&page);
        // One that is only shown asks nobody for anything.
        let mut other = TestBrowser::new(&bench);
        let login = other.get("/login").await;
        let signed_in = other.sign_in(&login, "r.smith", PASSWORD).await;
        assert_eq!(signed_in.location(), "/account");

        let wrong = confirm(&mut browser, &page, "000000").await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
        assert!(wrong.html.contains("<a href=\"#code\">"));
        assert_eq!(secret_of(&wrong), secret);
        let codes = confirm(&mut browser, &page, &code_at(&bench, &secret)).await;
        assert_eq!(codes.status, StatusCode::OK, "{}", codes.html);
        assert_eq!(recovery_codes_of(&codes).len(), 10);
        assert_ne!(browser.cookies["__Host-vro-session"], before);
        assert_eq!(browser.get("/account").await.status, StatusCode::OK);
        for ended in [&mut elsewhere, &mut other] {
            assert_eq!(ended.get("/account").await.location(), "/login");
        }
        let page = browser.get(PAGE).await;
        assert!(
            page.html.contains("10 recovery codes left"),
            "{}",
            page.html
        );
        assert_eq!(bench.audit("second-factor.add").await.len(), 1);
        // Nothing is proposed over one that is in use.
        let csrf = page.form("/account/authenticator/remove");
        browser.post(PAGE, &csrf).await;
        assert!(!browser.get(PAGE).await.html.contains("data:image"));
    })
    .await;
}

/// A copy of the tables shows no secret.
#[tokio::test]
async fn the_secret_is_sealed_and_bound_to_its_person() {
    let bench = bench().await;
    bench.admin.add_user(new_user("other")).await.unwrap();
    let mut browser = account(&bench).await;
    let page = propose(&mut browser).await;
    let secret = secret_of(&page);
    let stored = bench
        .server
        .db()
        .find("SELECT secret FROM totp", &[], |row| row.bytes(0));
    let stored = stored.await.unwrap().unwrap();
    let plain = totp_rs::Secret::try_from_base32(&secret).unwrap();
    let plain: &[u8] = plain.as_ref();
    assert!(!stored.windows(plain.len()).any(|window| window == plain));
    let mut other = TestBrowser::new(&bench);
    let login = other.get("/login").await;
    other.sign_in(&login, "other", PASSWORD).await;
    let sql = "UPDATE totp SET (user_id, proposed_to) = (SELECT user_id, session_hash FROM session \
        JOIN resource_owner ON id = user_id WHERE username = 'other')";
    bench.server.db().write(Statement(sql)).await.unwrap();
    let page = other.get(PAGE).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
}

/// Every change wants a sign-in that has just been.
#[tokio::test]
async fn an_old_session_changes_nothing() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let page = propose(&mut browser).await;
    let secret = secret_of(&page);
    let fields = page.form("/account/authenticator/confirm");
    bench.clock.advance(SignedDuration::from_mins(5));
    let again = "/login?then=authenticator";
    assert_eq!(browser.get(PAGE).await.location(), again);
    for path in [
        PAGE,
        "/account/authenticator/confirm",
        "/account/authenticator/remove",
        "/account/authenticator/recovery-codes",
    ] {
        let mut fields = fields.clone();
        fields.extend(owned(&[("code", &code_at(&bench, &secret))]));
        assert_eq!(
            browser.post(path, &fields).await.location(),
            again,
            "{path}"
        );
    }
    // The page to sign in is shown though somebody is signed in, and leads back.
    let login = browser.get(again).await;
    assert!(login.html.contains("value=\"r.smith\""), "{}", login.html);
    let signed_in = browser.sign_in(&login, "r.smith", PASSWORD).await;
    assert_eq!(signed_in.location(), PAGE);
    assert_eq!(browser.get(again).await.location(), PAGE);
    // It is another session, and what was shown belongs to the one before.
    assert!(!browser.get(PAGE).await.html.contains("data:image"));
    // What was shown for too long is not taken.
    let page = propose(&mut browser).await;
    let secret = secret_of(&page);
    bench.clock.advance(SignedDuration::from_mins(15));
    let sql = "UPDATE session SET auth_time_ms = auth_time_ms + 900000";
    bench.server.db().write(Statement(sql)).await.unwrap();
    let late = confirm(&mut browser, &page, &code_at(&bench, &secret)).await;
    assert_eq!(late.location(), PAGE, "{}", late.html);
    assert!(!browser.get(PAGE).await.html.contains("data:image"));
}

/// Who knows the password is not to have the person confirm a secret that he has read.
#[tokio::test]
async fn a_proposed_app_is_shown_to_the_session_that_asked_for_it() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let (mut thief, mut owner) = (account(&bench).await, account(&bench).await);
        let planted = propose(&mut thief).await;
        let known = secret_of(&planted);
        let page = owner.get(PAGE).await;
        assert!(!page.html.contains("data:image"), "{}", page.html);
        // Nor does a code of it set it up there.
        let mut fields = page.form(PAGE);
        fields.extend(owned(&[("code", &code_at(&bench, &known))]));
        let foreign = owner.post("/account/authenticator/confirm", &fields).await;
        assert_eq!(foreign.location(), PAGE, "{}", foreign.html);

        // The latest who asks has the only one.
        let page = propose(&mut owner).await;
        let secret = secret_of(&page);
        assert_ne!(secret, known);
        for code in [code_at(&bench, &known), code_at(&bench, &secret)] {
            let over = confirm(&mut thief, &planted, &code).await;
            assert_eq!(over.location(), PAGE, "{}", over.html);
        }
        let shown = thief.get(PAGE).await;
        assert!(!shown.html.contains("data:image"), "{}", shown.html);
        assert_eq!(bench.audit("second-factor.add").await.len(), 0);
        let codes = confirm(&mut owner, &page, &code_at(&bench, &secret)).await;
        assert_eq!(recovery_codes_of(&codes).len(), 10);
        assert_eq!(thief.get("/account").await.location(), "/login");
    })
    .await;
}

/// The statement itself, for a page that was read just before another has asked.
#[tokio::test]
async fn a_proposal_is_confirmed_by_whom_it_was_made_for() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let id = bench.admin.user("r.smith").await.unwrap().id;
        let hash = |text: &str| oauth::Secret::received(text.to_owned()).hash();
        let proposal = |to: &str| Proposal {
            user_id: id.clone(),
            secret: b"the same".to_vec(),
            to: hash(to),
        };
        let now = bench.clock.now();
        for to in ["first", "second"] {
            let proposal = proposal(to);
            let work = super::Propose { proposal, now };
            assert!(bench.server.db().write(work).await.unwrap());
        }
        for (to, confirmed) in [("first", false), ("second", true)] {
            let work = super::Confirm {
                proposal: proposal(to),
                step: 1,
                hashes: Vec::new(),
                now,
                audit: crate::audit::event(
                    &bench.server,
                    &crate::caller::Caller::default(),
                    "second-factor.add",
                    Outcome::Allowed,
                ),
            };
            let done = bench.server.db().write(work).await.unwrap();
            assert_eq!(!matches!(done, super::Confirmed::No), confirmed, "{to}");
        }
        let proposal = proposal("third");
        let work = super::Propose { proposal, now };
        assert!(!bench.server.db().write(work).await.unwrap());
    })
    .await;
}

/// A factor that is added is no sign-in: the session is as old as before, and ends when it would have.
#[tokio::test]
async fn adding_an_app_makes_no_session_younger() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let before = session_times(&bench).await;
    bench.clock.advance(SignedDuration::from_mins(4));
    enrol(&bench, &mut browser).await;
    assert_eq!(session_times(&bench).await, before);
    assert_eq!(browser.get(PAGE).await.status, StatusCode::OK);
    bench.clock.advance(SignedDuration::from_secs(70));
    let again = browser.get(PAGE).await;
    assert_eq!(again.location(), "/login?then=authenticator");
    assert_eq!(browser.get("/account").await.status, StatusCode::OK);
}

/// The password that is asked for beside the new one is one factor of two.
#[tokio::test]
async fn changing_the_password_makes_no_session_with_two_factors_younger() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    enrol(&bench, &mut browser).await;
    let before = session_times(&bench).await;
    bench.clock.advance(SignedDuration::from_mins(6));
    let page = browser.get("/account/password").await;
    let mut fields = page.form("/account/password");
    let new = "another moss grows elsewhere";
    fields.extend(owned(&[
        ("current", PASSWORD),
        ("new", new),
        ("again", new),
    ]));
    let changed = browser.post("/account/password", &fields).await;
    assert_eq!(changed.location(), "/account?done=password");
    assert_eq!(session_times(&bench).await, before);
}

#[tokio::test]
async fn no_form_of_it_can_be_forged() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let page = propose(&mut browser).await;
    let fields = page.form("/account/authenticator/confirm");
    for path in [
        PAGE,
        "/account/authenticator/confirm",
        "/account/authenticator/remove",
        "/account/authenticator/recovery-codes",
    ] {
        let cross = [("origin", "https://evil.example")];
        let refused = browser.post_with(path, &fields, &cross).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(browser.post(path, &[]).await.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn an_app_is_removed_and_everything_ends() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut browser = account(&bench).await;
        enrol(&bench, &mut browser).await;
        let page = browser.get(PAGE).await;
        let fields = page.form("/account/authenticator/remove");
        let removed = browser.post("/account/authenticator/remove", &fields).await;
        assert_eq!(removed.location(), "/login");
        let login = browser.get("/login").await;
        let signed_in = browser.sign_in(&login, "r.smith", PASSWORD).await;
        assert_eq!(signed_in.location(), "/account");
        let audit = bench.audit("second-factor.remove").await;
        assert_eq!((audit.len(), audit[0].outcome), (1, Outcome::Allowed));
    })
    .await;
}

/// For one who has lost the phone and the codes.
#[tokio::test]
async fn an_operator_takes_it_away() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    enrol(&bench, &mut browser).await;
    let id = bench.admin.user("r.smith").await.unwrap().id;
    assert!(bench.admin.has_second_factor(&id).await.unwrap());
    bench.admin.reset_second_factor("r.smith").await.unwrap();
    assert!(!bench.admin.has_second_factor(&id).await.unwrap());
    assert_eq!(browser.get("/account").await.location(), "/login");
    bench.clock.advance(SignedDuration::from_secs(1));
    let again = bench.admin.reset_second_factor("r.smith").await;
    assert!(again.is_err());
    let audit = bench.audit("user.reset-second-factor").await;
    assert_eq!((audit.len(), audit[0].outcome), (2, Outcome::Denied));
}

#[tokio::test]
async fn a_password_is_changed_in_a_session_with_both_factors() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    enrol(&bench, &mut browser).await;
    let page = browser.get("/account/password").await;
    let mut fields = page.form("/account/password");
    let new = "another moss grows elsewhere";
    fields.extend(owned(&[
        ("current", PASSWORD),
        ("new", new),
        ("again", new),
    ]));
    let changed = browser.post("/account/password", &fields).await;
    assert_eq!(
        changed.location(),
        "/account?done=password",
        "{}",
        changed.html
    );
    assert_eq!(browser.get(PAGE).await.status, StatusCode::OK);
}

/// New codes end the old ones.
#[tokio::test]
async fn recovery_codes_are_replaced() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let (_, old) = enrol(&bench, &mut browser).await;
    let page = browser.get(PAGE).await;
    let fields = page.form("/account/authenticator/recovery-codes");
    let page = browser
        .post("/account/authenticator/recovery-codes", &fields)
        .await;
    let new = recovery_codes_of(&page);
    for (code, right) in [(&old[0], false), (&new[0], true)] {
        let mut browser = TestBrowser::new(&bench);
        let page = password_given(&mut browser, "r.smith").await;
        let answer = give_code(&mut browser, &page, code).await;
        assert_eq!(
            answer.status == StatusCode::SEE_OTHER,
            right,
            "{}",
            answer.html
        );
    }
}

/// Two confirmations at once take one app into use, with one set of codes.
#[tokio::test]
async fn an_app_is_confirmed_once() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut browser = account(&bench).await;
        let page = propose(&mut browser).await;
        let code = code_at(&bench, &secret_of(&page));
        let mut tabs: Vec<TestBrowser> = (0..6).map(|_| browser.copy(&bench)).collect();
        let answers = at_once(tabs.iter_mut().map(|tab| confirm(tab, &page, &code))).await;
        let shown = answers
            .iter()
            .filter(|answer| answer.html.contains("class=\"codes\""));
        assert_eq!(shown.count(), 1);
        let count = "SELECT COUNT(*) FROM recovery_code";
        let left = bench.server.db().find(count, &[], |row| row.integer(0));
        assert_eq!(left.await.unwrap(), Some(10));
    })
    .await;
}

/// The present password makes a session whole only with the second factor that it began with.
#[tokio::test]
async fn a_session_without_the_second_factor_changes_no_password() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    enrol(&bench, &mut browser).await;
    let sql = "UPDATE session SET acr = 'aal1'";
    bench.server.db().write(Statement(sql)).await.unwrap();
    let page = browser.get("/account/password").await;
    let mut fields = page.form("/account/password");
    let new = "another moss grows elsewhere";
    fields.extend(owned(&[
        ("current", PASSWORD),
        ("new", new),
        ("again", new),
    ]));
    let refused = browser.post("/account/password", &fields).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.html);
    assert_eq!(bench.audit("user.set-password").await.len(), 0);
}
