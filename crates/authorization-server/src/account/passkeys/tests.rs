//! Adding, renaming and removing passkeys.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use axum::http::StatusCode;
use jiff::SignedDuration;
use oauth::Secret;
use storage::Outcome;
use storage::testing::each_engine;

use crate::MIGRATIONS;
use crate::pages::testing::*;
use crate::testing::authenticator::{self, ADD, Device, add, ask, encoded, post};
use crate::testing::*;

async fn passkeys(bench: &Bench) -> i64 {
    let sql = "SELECT COUNT(*) FROM passkey";
    let found = bench.server.db().find(sql, &[], |row| row.integer(0));
    found.await.unwrap().unwrap()
}

/// The first id that a page lists.
fn listed(page: &Page) -> String {
    let rest = page.html.split_once("name=\"passkey\" value=\"").unwrap().1;
    rest.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn the_first_one_comes_with_recovery_codes_and_ends_everything_else() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut elsewhere = account(&bench).await;
        let mut browser = account(&bench).await;
        let mut device = Device::new(b"device-1");
        let page = add(&mut browser, &mut device).await;
        assert_eq!(recovery_codes_of(&page).len(), 10);
        assert_eq!(bench.audit("passkey.add").await.len(), 1);
        assert_eq!(elsewhere.get("/account").await.location(), "/login");
        // The session knew a password only, and that is not enough any more.
        assert!(page.html.contains("href=\"/login?then=account\""));
        assert_eq!(browser.get("/account").await.location(), "/login");

        let page = authenticator::sign_in(&mut browser, &mut device).await;
        assert_eq!(page.location(), "/account", "{}", page.html);
        assert!(browser.get("/account").await.html.contains("1 passkey."));
        let list = browser.get(ADD).await;
        assert!(list.html.contains("<strong>my phone</strong>"));
        assert!(list.html.contains("You have 10 recovery codes left"));
        let id = bench.admin.user("r.smith").await.unwrap().id;
        assert!(bench.admin.has_second_factor(&id).await.unwrap());

        // Another one: the session goes on, and the codes stay.
        let mut elsewhere = TestBrowser::new(&bench);
        authenticator::sign_in(&mut elsewhere, &mut device).await;
        let page = add(&mut browser, &mut Device::new(b"device-2")).await;
        assert_eq!(page.location(), "/account/passkeys?done=added");
        let list = browser.get(page.location()).await;
        assert!(list.html.contains("The passkey is added"), "{}", list.html);
        assert!(list.html.contains("You have 10 recovery codes left"));
        assert_eq!(elsewhere.get("/account").await.location(), "/login");
        assert_eq!(passkeys(&bench).await, 2);
    })
    .await;
}

/// A passkey that is added has signed nothing: the session is as old as before, and ends when it would have.
#[tokio::test]
async fn adding_a_passkey_makes_no_session_younger() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let mut device = Device::new(b"device-1");
    add(&mut browser, &mut device).await;
    authenticator::sign_in(&mut browser, &mut device).await;
    let before = session_times(&bench).await;
    bench.clock.advance(SignedDuration::from_mins(4));
    let page = add(&mut browser, &mut Device::new(b"device-2")).await;
    assert_eq!(page.location(), "/account/passkeys?done=added");
    assert_eq!(session_times(&bench).await, before);
    bench.clock.advance(SignedDuration::from_secs(70));
    let again = browser.get(ADD).await;
    assert_eq!(again.location(), "/login?then=passkeys");

    // A passkey that is given is a sign-in of now, in a session that ends when it would have.
    let login = browser.get(again.location()).await;
    let page = authenticator::give(&mut browser, &login, &mut device).await;
    assert_eq!(page.location(), ADD, "{}", page.html);
    let now = bench.clock.now();
    assert_eq!(session_times(&bench).await, (now, before.1));
    assert_eq!(browser.get(ADD).await.status, StatusCode::OK);
}

/// What the browser is asked: a verified person, and none of those that are there already.
#[tokio::test]
async fn what_is_asked_for() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let mut device = Device::new(b"device-1");
    add(&mut browser, &mut device).await;
    authenticator::sign_in(&mut browser, &mut device).await;
    let page = browser.get(ADD).await;
    let question = ask(&mut browser, &page, ADD).await;
    let options = &question["publicKey"];
    assert_eq!(options["rp"]["id"], "vro.example");
    assert_eq!(options["user"]["name"], "r.smith");
    let selection = &options["authenticatorSelection"];
    assert_eq!(selection["userVerification"], "required");
    assert_eq!(selection["residentKey"], "preferred");
    assert_eq!(options["attestation"], "none");
    assert_eq!(
        options["excludeCredentials"][0]["id"],
        encoded(b"device-1").as_str()
    );
    // A browser that makes one of them all the same.
    let again = device.make(&question);
    let refused = post(&mut browser, &page, (ADD, &question), &again).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(passkeys(&bench).await, 1);
}

#[tokio::test]
async fn what_makes_no_passkey() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let page = browser.get(ADD).await;
    let first = ask(&mut browser, &page, ADD).await;
    type Spoil = fn(&mut Device);
    let rows: [(Spoil, &str); 4] = [
        (
            |device| device.origin = "https://vro.example.evil.example",
            "the passkey answered another site",
        ),
        (
            |device| device.rp_id = "evil.example",
            "the passkey answered another site",
        ),
        (
            |device| device.verifies = false,
            "the passkey did not verify its person",
        ),
        (|device| device.framed = true, "wrong passkey"),
    ];
    for (spoil, reason) in rows {
        let mut device = Device::new(b"device-1");
        spoil(&mut device);
        bench.clock.advance(SignedDuration::from_secs(1));
        let question = ask(&mut browser, &page, ADD).await;
        let made = device.make(&question);
        let refused = post(&mut browser, &page, (ADD, &question), &made).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{reason}");
        assert!(refused.html.contains("<a href=\"#name\">"));
        let audit = bench.audit("passkey.add").await;
        assert_eq!(audit[0].reason.as_deref(), Some(reason));
        assert_eq!(audit[0].outcome, Outcome::Denied);
    }
    // The answer to another question, and none.
    bench.clock.advance(SignedDuration::from_secs(1));
    let second = ask(&mut browser, &page, ADD).await;
    let made = Device::new(b"device-1").make(&first);
    let refused = post(&mut browser, &page, (ADD, &second), &made).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let audit = bench.audit("passkey.add").await;
    let reason = "the passkey answered another question";
    assert_eq!(audit[0].reason.as_deref(), Some(reason));
    let refused = post(&mut browser, &page, (ADD, &first), "{}").await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    // A question is good for one answer, right or wrong, and for minutes.
    let made = Device::new(b"device-1").make(&first);
    let refused = post(&mut browser, &page, (ADD, &first), &made).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(passkeys(&bench).await, 0);
    let late = ask(&mut browser, &page, ADD).await;
    bench.clock.advance(SignedDuration::from_mins(10));
    let login = browser.get("/login?then=passkeys").await;
    browser.sign_in(&login, "r.smith", PASSWORD).await;
    let page = browser.get(ADD).await;
    let made = Device::new(b"device-1").make(&late);
    let refused = post(&mut browser, &page, (ADD, &late), &made).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(passkeys(&bench).await, 0);
    assert!(bench.server.clean().await.unwrap() > 0);
}

/// A question that was put to one person makes nothing for another, in the same browser or elsewhere.
#[tokio::test]
async fn a_question_belongs_to_its_person_and_browser() {
    let bench = bench().await;
    bench.admin.add_user(new_user("other")).await.unwrap();
    let mut browser = account(&bench).await;
    let page = browser.get(ADD).await;
    let question = ask(&mut browser, &page, ADD).await;
    let made = Device::new(b"device-1").make(&question);
    let mut elsewhere = account(&bench).await;
    let there = elsewhere.get(ADD).await;
    let refused = post(&mut elsewhere, &there, (ADD, &question), &made).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);

    let mut second = browser.copy(&bench);
    second.cookies.remove("__Host-vro-session");
    let login = second.get("/login").await;
    second.sign_in(&login, "other", PASSWORD).await;
    let there = second.get(ADD).await;
    bench.clock.advance(SignedDuration::from_secs(1));
    let refused = post(&mut second, &there, (ADD, &question), &made).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let audit = bench.audit("passkey.add").await;
    let reason = "nobody was asked for this passkey, or too long ago";
    assert_eq!(audit[0].reason.as_deref(), Some(reason));
    assert_eq!(passkeys(&bench).await, 0);
}

#[tokio::test]
async fn a_passkey_needs_a_name() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let page = browser.get(ADD).await;
    for name in ["", "   ", &"n".repeat(61)] {
        let mut fields = page.form(ADD);
        fields.extend(owned(&[("name", name)]));
        let refused = browser.post(ADD, &fields).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.html.contains("at most 60 characters"));
    }
}

#[tokio::test]
async fn an_old_session_changes_nothing_and_no_form_can_be_forged() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let page = browser.get(ADD).await;
    let fields = page.form(ADD);
    let paths = [
        ADD,
        "/account/passkeys/options",
        "/account/passkeys/rename",
        "/account/passkeys/remove",
    ];
    for path in paths {
        let cross = [("origin", "https://evil.example")];
        let refused = browser.post_with(path, &fields, &cross).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(browser.post(path, &[]).await.status, StatusCode::FORBIDDEN);
    }
    bench.clock.advance(SignedDuration::from_mins(5));
    let again = "/login?then=passkeys";
    assert_eq!(browser.get(ADD).await.location(), again);
    for path in paths {
        assert_eq!(browser.post(path, &fields).await.location(), again);
    }
    let login = browser.get(again).await;
    let signed_in = browser.sign_in(&login, "r.smith", PASSWORD).await;
    assert_eq!(signed_in.location(), ADD);
}

#[tokio::test]
async fn passkeys_are_renamed_and_removed_by_their_owner() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        bench.admin.add_user(new_user("other")).await.unwrap();
        let mut browser = account(&bench).await;
        let mut device = Device::new(b"device-1");
        add(&mut browser, &mut device).await;
        authenticator::sign_in(&mut browser, &mut device).await;
        let page = browser.get(ADD).await;
        let id = listed(&page);
        let change = |page: &Page, id: &str, name: &str| {
            let mut fields = page.form(ADD);
            fields.retain(|(name, _)| name == "csrf_token");
            fields.extend(owned(&[("passkey", id), ("name", name)]));
            fields
        };
        // Somebody else's.
        let mut other = TestBrowser::new(&bench);
        let login = other.get("/login").await;
        other.sign_in(&login, "other", PASSWORD).await;
        let theirs = other.get(ADD).await;
        let fields = change(&theirs, &id, "mine");
        other.post("/account/passkeys/rename", &fields).await;
        other.post("/account/passkeys/remove", &fields).await;
        assert_eq!(other.get("/account").await.status, StatusCode::OK);
        for action in ["passkey.rename", "passkey.remove"] {
            assert_eq!(bench.audit(action).await[0].outcome, Outcome::Denied);
        }
        // One's own, with a name that is no markup.
        let fields = change(&page, &id, "<b>tablet</b>");
        let renamed = browser.post("/account/passkeys/rename", &fields).await;
        let page = browser.get(renamed.location()).await;
        assert!(page.html.contains("&#60;b&#62;tablet"), "{}", page.html);
        assert!(!page.html.contains("<b>tablet"));
        let fields = change(&page, &id, " ");
        let slip = browser.post("/account/passkeys/rename", &fields).await;
        assert_eq!(slip.status, StatusCode::BAD_REQUEST);
        let removed = browser.post("/account/passkeys/remove", &fields).await;
        assert_eq!(removed.location(), "/login?then=passkeys");
        assert_eq!(browser.get("/account").await.location(), "/login");
        assert_eq!(passkeys(&bench).await, 0);
        // The password is enough again, and the recovery codes are gone with the last factor.
        let mut browser = account(&bench).await;
        let count = "SELECT COUNT(*) FROM recovery_code";
        let left = bench.server.db().find(count, &[], |row| row.integer(0));
        assert_eq!(left.await.unwrap(), Some(0));
        assert!(browser.get("/account").await.html.contains("None yet."));
    })
    .await;
}

/// The codes stand in for whatever is left.
#[tokio::test]
async fn recovery_codes_stay_as_long_as_one_factor() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let (_, codes) = enrol(&bench, &mut browser).await;
    let mut device = Device::new(b"device-1");
    let page = add(&mut browser, &mut device).await;
    assert_eq!(page.location(), "/account/passkeys?done=added");
    let page = browser.get("/account/authenticator").await;
    let fields = page.form("/account/authenticator/remove");
    browser.post("/account/authenticator/remove", &fields).await;
    let mut browser = TestBrowser::new(&bench);
    let login = browser.get("/login").await;
    let first = browser.sign_in(&login, "r.smith", PASSWORD).await;
    let page = browser.get(first.location()).await;
    assert!(page.html.contains("Confirm that it is you"));
    assert!(!page.html.contains("Open your authenticator app"));
    let right = give_code(&mut browser, &page, &codes[0]).await;
    assert_eq!(right.location(), "/account", "{}", right.html);
    // Six digits are no code of an app that is not there.
    let mut browser = TestBrowser::new(&bench);
    let login = browser.get("/login").await;
    let first = browser.sign_in(&login, "r.smith", PASSWORD).await;
    let page = browser.get(first.location()).await;
    let wrong = give_code(&mut browser, &page, "123456").await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
}

/// An app beside a passkey brings no codes in place of those that were written down.
#[tokio::test]
async fn an_app_beside_a_passkey_leaves_the_codes() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let mut device = Device::new(b"device-1");
    let codes = recovery_codes_of(&add(&mut browser, &mut device).await);
    authenticator::sign_in(&mut browser, &mut device).await;
    let page = propose(&mut browser).await;
    let secret = secret_of(&page);
    let confirmed = confirm(&mut browser, &page, &code_at(&bench, &secret)).await;
    assert_eq!(confirmed.location(), "/account", "{}", confirmed.html);
    let mut browser = TestBrowser::new(&bench);
    let page = password_given(&mut browser, "r.smith").await;
    assert!(page.html.contains("action=\"/login/passkey\""));
    let right = give_code(&mut browser, &page, &codes[0]).await;
    assert_eq!(right.location(), "/account", "{}", right.html);
}

#[tokio::test]
async fn nobody_has_more_than_twenty() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let mut device = Device::new(b"device-0");
    add(&mut browser, &mut device).await;
    authenticator::sign_in(&mut browser, &mut device).await;
    for number in 1..20 {
        let id = format!("device-{number}");
        let added = add(&mut browser, &mut Device::new(id.as_bytes())).await;
        assert_eq!(added.status, StatusCode::SEE_OTHER, "{number}");
    }
    let refused = add(&mut browser, &mut Device::new(b"device-20")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(passkeys(&bench).await, 20);
}

/// An operator takes lost ones away with everything else, and a passkey lets a password be short.
#[tokio::test]
async fn an_operator_takes_passkeys_away() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    let mut device = Device::new(b"device-1");
    add(&mut browser, &mut device).await;
    let short = Secret::received("qzv 7xk3wp".to_owned());
    let set = bench.admin.set_user_password("r.smith", &short).await;
    set.unwrap();
    bench.admin.reset_second_factor("r.smith").await.unwrap();
    assert_eq!(passkeys(&bench).await, 0);
    let refused = authenticator::sign_in(&mut browser, &mut device).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    // Too short to stand alone: a second factor has to be set up.
    let login = browser.get("/login").await;
    let first = browser.sign_in(&login, "r.smith", short.expose()).await;
    assert!(first.location().starts_with("/login/enrol?"));
}

/// Every text of these pages, in the other language too: one that nobody has translated panics here.
#[tokio::test]
async fn the_pages_speak_spanish() {
    let bench = bench().await;
    let mut browser = account(&bench).await;
    browser.language = "es";
    let page = browser.get(ADD).await;
    assert!(page.html.contains("Llaves de acceso"));
    let mut fields = page.form(ADD);
    fields.extend(owned(&[("name", "x")]));
    let refused = browser.post(ADD, &fields).await;
    assert!(refused.html.contains("no se agreg"), "{}", refused.html);
    let mut device = Device::new(b"device-1");
    add(&mut browser, &mut device).await;
    let login = browser.get("/login").await;
    let fields = login.form("/login/passkey");
    let refused = browser.post("/login/passkey", &fields).await;
    assert!(refused.html.contains("Esta llave de acceso no inicia"));
    let first = browser.sign_in(&login, "r.smith", PASSWORD).await;
    let code = browser.get(first.location()).await;
    assert!(code.html.contains("Confirme que es usted"));
    authenticator::sign_in(&mut browser, &mut device).await;
    for done in ["added", "renamed"] {
        let list = browser.get(&format!("{ADD}?done={done}")).await;
        assert!(list.html.contains("Le quedan 10"), "{}", list.html);
    }
    assert!(
        browser
            .get("/account")
            .await
            .html
            .contains("1 llave de acceso")
    );
    let mut other = TestBrowser::new(&bench);
    other.language = "es";
    let login = other.open(&with("acr_values", "phr")).await;
    let first = other.sign_in(&login, "r.smith", PASSWORD).await;
    assert!(first.location().starts_with("/login/code?"));
}
