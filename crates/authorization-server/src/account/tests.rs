//! What people do with their own accounts, and what nobody else can.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use axum::http::StatusCode;
use jiff::SignedDuration;
use storage::Outcome;
use storage::testing::each_engine;

use crate::MIGRATIONS;
use crate::pages::testing::*;
use crate::testing::*;

const NEW: &str = "another moss grows elsewhere";

/// A browser that has signed in to the account, and its account page.
async fn signed_in(bench: &Bench, username: &str) -> (TestBrowser, Page) {
    let mut browser = TestBrowser::new(bench);
    let login = browser.get("/login").await;
    let signed_in = browser.sign_in(&login, username, PASSWORD).await;
    assert_eq!(signed_in.location(), "/account", "{}", signed_in.html);
    let page = browser.get("/account").await;
    (browser, page)
}

/// The forms of a page that post to a path, one list of hidden fields each.
fn forms(page: &Page, action: &str) -> Vec<Vec<(String, String)>> {
    let start = format!("action=\"{action}\"");
    let parts = page.html.split(&start).skip(1);
    let one = |part: &str| Page {
        status: page.status,
        headers: page.headers.clone(),
        html: format!("{start}{part}"),
    };
    parts.map(|part| one(part).form(action)).collect()
}

fn value<'a>(fields: &'a [(String, String)], name: &str) -> &'a str {
    let found = fields.iter().find(|(found, _)| found == name);
    &found.unwrap().1
}

/// A token that `r.smith` allowed, and its refresh token.
async fn token_of(bench: &Bench) -> (String, String) {
    let mut browser = TestBrowser::new(bench);
    let page = browser.reach_consent(&request(), "r.smith").await;
    let code = browser.decide(&page, "allow").await.answer()["code"].clone();
    let answer = bench.redeem("app", &code).await;
    let text = |name| answer.text(name).to_owned();
    (text("access_token"), text("refresh_token"))
}

#[tokio::test]
async fn the_account_is_signed_in_to_without_an_application() {
    let bench = bench().await;
    let mut stranger = TestBrowser::new(&bench);
    for path in ["/account", "/account/password"] {
        assert_eq!(stranger.get(path).await.location(), "/login");
    }
    let login = stranger.get("/login").await;
    let wrong = stranger
        .sign_in(&login, "r.smith", "not the password")
        .await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    let right = stranger.sign_in(&wrong, "r.smith", PASSWORD).await;
    assert_eq!(right.location(), "/account");
    assert_eq!(stranger.get("/login").await.location(), "/account");
    let page = stranger.get("/account").await;
    assert!(page.html.contains("r.smith") && page.html.contains("this browser"));
}

#[tokio::test]
async fn a_session_is_ended_from_another_one() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let (mut lost, _) = signed_in(&bench, "r.smith").await;
        bench.clock.advance(SignedDuration::from_secs(1));
        let (mut own, page) = signed_in(&bench, "r.smith").await;
        let listed = forms(&page, "/account/sessions/end");
        assert_eq!(listed.len(), 2);
        // The latest used comes first: the own one.
        assert_eq!(page.html.matches("this browser").count(), 1);
        let ended = own.post("/account/sessions/end", &listed[1]).await;
        assert_eq!(ended.location(), "/account?done=session");
        assert_eq!(lost.get("/account").await.location(), "/login");
        let page = own.get(ended.location()).await;
        assert!(page.html.contains("That session is over."));
        assert_eq!(forms(&page, "/account/sessions/end").len(), 1);

        // Once more, it is on record that there was nothing to end.
        bench.clock.advance(SignedDuration::from_secs(1));
        own.post("/account/sessions/end", &listed[1]).await;
        let audit = bench.audit("session.end").await;
        let outcomes: Vec<Outcome> = audit.iter().map(|event| event.outcome).collect();
        assert_eq!(outcomes, [Outcome::Denied, Outcome::Allowed]);
        assert_eq!(audit[0].source_address.as_deref(), Some("192.0.2.7"));
        own.post("/account/sessions/end", &listed[0]).await;
        assert_eq!(own.get("/account").await.location(), "/login");
    })
    .await;
}

/// The id of a session ends it for its own person only.
#[tokio::test]
async fn nobody_ends_sessions_of_others() {
    let bench = bench().await;
    bench.admin.add_user(new_user("other")).await.unwrap();
    let (mut victim, page) = signed_in(&bench, "r.smith").await;
    let theirs = forms(&page, "/account/sessions/end").remove(0);
    let (mut attacker, page) = signed_in(&bench, "other").await;
    let mut fields = forms(&page, "/account/sessions/end").remove(0);
    for (name, text) in &mut fields {
        if name == "session" {
            *text = value(&theirs, "session").to_owned();
        }
    }
    attacker.post("/account/sessions/end", &fields).await;
    assert_eq!(victim.get("/account").await.status, StatusCode::OK);
    assert_eq!(bench.audit("session.end").await[0].outcome, Outcome::Denied);
}

/// Every form: from another site, without the token, with the token of another session.
#[tokio::test]
async fn no_form_of_the_account_can_be_forged() {
    let bench = bench().await;
    bench.admin.add_user(new_user("other")).await.unwrap();
    let (_, page) = signed_in(&bench, "other").await;
    let foreign = value(&forms(&page, "/account/sessions/end")[0], "csrf_token").to_owned();
    let (mut browser, page) = signed_in(&bench, "r.smith").await;
    let own = forms(&page, "/account/sessions/end").remove(0);
    for path in [
        "/account/sessions/end",
        "/account/sign-out-everywhere",
        "/account/applications/withdraw",
        "/account/password",
    ] {
        let cross = [("origin", "https://evil.example")];
        let refused = browser.post_with(path, &own, &cross).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        for token in [None, Some(foreign.as_str()), Some("")] {
            let mut fields = own.clone();
            fields.retain(|(name, _)| name != "csrf_token");
            fields.extend(token.map(|token| ("csrf_token".to_owned(), token.to_owned())));
            let refused = browser.post(path, &fields).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path} {token:?}");
        }
    }
    assert_eq!(browser.get("/account").await.status, StatusCode::OK);
}

#[tokio::test]
async fn access_is_taken_back_with_its_tokens() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let (access, refresh) = token_of(&bench).await;
        let (mut browser, page) = signed_in(&bench, "r.smith").await;
        let listed = forms(&page, "/account/applications/withdraw");
        assert_eq!(listed.len(), 1);
        assert_eq!(value(&listed[0], "client_id"), "app");
        let active = bench.introspect("ehr-rs", &access).await;
        assert_eq!(active["active"], true);
        let withdrawn = browser
            .post("/account/applications/withdraw", &listed[0])
            .await;
        assert_eq!(withdrawn.location(), "/account?done=withdrawn");
        assert_eq!(
            bench.introspect("ehr-rs", &access).await,
            serde_json::json!({"active": false})
        );
        let refreshed = bench.refresh("app", &refresh).await;
        assert_eq!(refreshed.error(), (400, "invalid_grant"));
        let page = browser.get("/account").await;
        assert!(page.html.contains("None at the moment."));
    })
    .await;
}

/// A code that was given and not redeemed yet is taken back too.
#[tokio::test]
async fn access_is_taken_back_before_it_is_used() {
    let bench = bench().await;
    token_of(&bench).await;
    let mut consenting = TestBrowser::new(&bench);
    let asked = with("prompt", "consent");
    let page = consenting.reach_consent(&asked, "r.smith").await;
    let code = consenting.decide(&page, "allow").await.answer()["code"].clone();
    let (mut browser, page) = signed_in(&bench, "r.smith").await;
    let form = forms(&page, "/account/applications/withdraw").remove(0);
    browser.post("/account/applications/withdraw", &form).await;
    let redeemed = bench.redeem("app", &code).await;
    assert_eq!(redeemed.error(), (400, "invalid_grant"));
}

/// RFC 9700 section 4.14.2.
#[tokio::test]
async fn signing_out_everywhere_ends_sessions_and_refresh_tokens() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let (_, refresh) = token_of(&bench).await;
        let (mut other, _) = signed_in(&bench, "r.smith").await;
        let (mut browser, page) = signed_in(&bench, "r.smith").await;
        let form = page.form("/account/sign-out-everywhere");
        let out = browser.post("/account/sign-out-everywhere", &form).await;
        assert_eq!(out.location(), "/logout");
        assert!(!browser.cookies.contains_key("__Host-vro-session"));
        assert!(
            browser
                .get("/logout")
                .await
                .html
                .contains("You are signed out")
        );
        assert_eq!(other.get("/account").await.location(), "/login");
        let refreshed = bench.refresh("app", &refresh).await;
        assert_eq!(refreshed.error(), (400, "invalid_grant"));
    })
    .await;
}

async fn change(browser: &mut TestBrowser, words: [&str; 3]) -> Page {
    let page = browser.get("/account/password").await;
    let mut fields = page.form("/account/password");
    let [current, new, again] = words;
    fields.extend(owned(&[
        ("current", current),
        ("new", new),
        ("again", again),
    ]));
    browser.post("/account/password", &fields).await
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let (_, refresh) = token_of(&bench).await;
        let (mut stolen, _) = signed_in(&bench, "r.smith").await;
        let (mut browser, _) = signed_in(&bench, "r.smith").await;
        let before = browser.cookies["__Host-vro-session"].clone();
        let changed = change(&mut browser, [PASSWORD, NEW, NEW]).await;
        assert_eq!(
            changed.location(),
            "/account?done=password",
            "{}",
            changed.html
        );
        assert_ne!(browser.cookies["__Host-vro-session"], before);
        assert_eq!(browser.get("/account").await.status, StatusCode::OK);
        assert_eq!(stolen.get("/account").await.location(), "/login");
        let refreshed = bench.refresh("app", &refresh).await;
        assert_eq!(refreshed.error(), (400, "invalid_grant"));

        let mut again = TestBrowser::new(&bench);
        let login = again.get("/login").await;
        let old = again.sign_in(&login, "r.smith", PASSWORD).await;
        assert_eq!(old.status, StatusCode::FORBIDDEN);
        let new = again.sign_in(&login, "r.smith", NEW).await;
        assert_eq!(new.location(), "/account");
        let audit = bench.audit("user.set-password").await;
        let id = bench.admin.user("r.smith").await.unwrap().id;
        assert_eq!(audit[0].subject.as_deref(), Some(id.as_str()));
        assert_eq!(audit[0].source_address.as_deref(), Some("192.0.2.7"));
    })
    .await;
}

#[tokio::test]
async fn what_does_not_change_a_password() {
    let bench = bench().await;
    let (mut browser, _) = signed_in(&bench, "r.smith").await;
    let rows = [
        ([PASSWORD, "short", "short"], 400, "#new"),
        (
            [PASSWORD, "my name is r.smith", "my name is r.smith"],
            400,
            "#new",
        ),
        ([PASSWORD, NEW, "another moss grows"], 400, "#again"),
        ([PASSWORD, PASSWORD, PASSWORD], 400, "#new"),
        ([PASSWORD, "", ""], 400, "#new"),
        (["not the password", NEW, NEW], 403, "#current"),
    ];
    for (words, status, field) in rows {
        let page = change(&mut browser, words).await;
        assert_eq!(page.status.as_u16(), status, "{words:?}");
        assert!(
            page.html.contains(&format!("<a href=\"{field}\">")),
            "{words:?}"
        );
        for word in words.iter().filter(|word| word.len() > 8) {
            assert!(!page.html.contains(word), "{word}");
        }
    }
    let (mut other, _) = signed_in(&bench, "r.smith").await;
    assert_eq!(other.get("/account").await.status, StatusCode::OK);
    assert_eq!(bench.audit("password.change").await.len(), rows.len());
}

/// A stolen session guesses no more passwords than a stranger.
#[tokio::test]
async fn guesses_on_the_password_page_are_counted() {
    let bench = bench().await;
    let (mut browser, _) = signed_in(&bench, "r.smith").await;
    let before = bench.server.people().evaluated();
    let mut statuses = Vec::new();
    for _ in 0..14 {
        let page = change(&mut browser, ["not the password", NEW, NEW]).await;
        statuses.push((page.status.as_u16(), page.header("retry-after").is_empty()));
    }
    assert_eq!(statuses[..10], [(403, true); 10]);
    assert_eq!(statuses[10..], [(429, false); 4]);
    assert_eq!(bench.server.people().evaluated() - before, 10);
}

/// What is stored by others is shown as text.
#[tokio::test]
async fn names_of_applications_are_text() {
    let bench = bench().await;
    token_of(&bench).await;
    let sql = "UPDATE client SET name = '<b id=canary>', organization = '\"><b id=canary>'";
    bench.server.db().write(Statement(sql)).await.unwrap();
    let sql = "UPDATE session SET browser = '<b id=canary>', source_address = '<b id=canary>'";
    bench.server.db().write(Statement(sql)).await.unwrap();
    let (mut browser, _) = signed_in(&bench, "r.smith").await;
    let page = browser.get("/account?done=%3Cb%20id=canary%3E").await;
    assert!(page.html.contains("canary"), "{}", page.html);
    assert!(!page.html.contains("<b id"), "{}", page.html);
}

#[tokio::test]
async fn a_disabled_person_has_no_account() {
    let bench = bench().await;
    let (mut browser, page) = signed_in(&bench, "r.smith").await;
    bench
        .admin
        .set_user_disabled("r.smith", true)
        .await
        .unwrap();
    assert_eq!(browser.get("/account").await.location(), "/login");
    let form = page.form("/account/sign-out-everywhere");
    let out = browser.post("/account/sign-out-everywhere", &form).await;
    assert_eq!(out.location(), "/login");
}

/// Whoever looks finds a sign-in that was somebody else's, and nothing about anybody else.
#[tokio::test]
async fn what_was_done_lately_is_shown_to_its_person_alone() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        bench.admin.add_user(new_user("r.jones")).await.unwrap();
        guess(&bench, "r.smith", "198.51.100.9").await;
        let (mut other, page) = signed_in(&bench, "r.jones").await;
        assert!(page.html.contains("Recent activity"));
        assert!(!page.html.contains("198.51.100.9"), "{}", page.html);
        bench.clock.advance(jiff::SignedDuration::from_mins(1));
        let (_, page) = signed_in(&bench, "r.smith").await;
        let list = page.html.split_once("<ol class=\"activity\"").unwrap().1;
        let list = list.split_once("</ol>").unwrap().0;
        assert_eq!(list.matches("<li").count(), 2, "{list}");
        assert_eq!(list.matches("A sign-in was refused").count(), 1);
        assert!(list.contains("from 198.51.100.9"));
        assert!(list.find("Signed in").unwrap() < list.find("A sign-in was refused").unwrap());
        // What is a month old is not looked for.
        bench
            .clock
            .advance(jiff::SignedDuration::from_hours(31 * 24));
        let (_, page) = signed_in(&bench, "r.smith").await;
        assert!(!page.html.contains("A sign-in was refused"));
        assert!(other.get("/account").await.location().starts_with("/login"));
    })
    .await;
}
