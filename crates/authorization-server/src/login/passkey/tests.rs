//! Signing in with a passkey: what counts, once, and what does not.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use storage::testing::each_engine;
use storage::{Outcome, Transaction, Work};

use crate::MIGRATIONS;
use crate::administration::NewUser;
use crate::pages::testing::*;
use crate::store::passkeys::{self, Use};
use crate::testing::authenticator::{self, Device, GIVE, add, ask, give, post, sign_in};
use crate::testing::*;

/// Audit rows of the same instant have no order.
fn later(bench: &Bench) {
    bench.clock.advance(SignedDuration::from_secs(1));
}

/// A person with a passkey.
async fn enrolled(bench: &Bench) -> Device {
    let mut browser = account(bench).await;
    let mut device = Device::new(b"device-1");
    let page = add(&mut browser, &mut device).await;
    assert_eq!(recovery_codes_of(&page).len(), 10);
    later(bench);
    device
}

async fn reason(bench: &Bench) -> String {
    let audit = bench.audit("login").await;
    audit[0].reason.clone().unwrap_or_default()
}

#[tokio::test]
async fn a_passkey_signs_in_alone() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut device = enrolled(&bench).await;
        let mut browser = TestBrowser::new(&bench);
        let login = browser.open(&request()).await;
        assert!(login.html.contains("autocomplete=\"username webauthn\""));
        let signed_in = give(&mut browser, &login, &mut device).await;
        assert!(signed_in.location().starts_with("/consent?request="));
        let consent = browser.get(signed_in.location()).await;
        let answer = browser.decide(&consent, "allow").await;
        assert!(answer.answer().contains_key("code"));
        let audit = bench.audit("login").await;
        assert_eq!(audit[0].reason.as_deref(), Some("with passkey"));
        assert_eq!(audit[0].outcome, Outcome::Allowed);
        let id = bench.admin.user("r.smith").await.unwrap().id;
        assert_eq!(audit[0].subject.as_deref(), Some(id.as_str()));
        // A role that demands a second factor has one in it.
        let sql = "UPDATE resource_owner SET role = 'administrator'";
        bench.server.db().write(Statement(sql)).await.unwrap();
        assert_eq!(browser.get("/account").await.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn a_passkey_is_the_second_step() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut device = enrolled(&bench).await;
        let mut browser = TestBrowser::new(&bench);
        let login = browser.get("/login").await;
        let first = browser.sign_in(&login, "r.smith", PASSWORD).await;
        assert!(first.location().starts_with("/login/code?then=account"));
        let page = browser.get(first.location()).await;
        assert!(!browser.cookies.contains_key("__Host-vro-session"));
        let question = ask(&mut browser, &page, GIVE).await;
        let named = &question["publicKey"]["allowCredentials"];
        let id = authenticator::encoded(b"device-1");
        assert_eq!(named[0]["id"], id.as_str());
        let answer = device.answer(&question);
        let signed_in = post(&mut browser, &page, (GIVE, &question), &answer).await;
        assert_eq!(signed_in.location(), "/account", "{}", signed_in.html);
        assert_eq!(reason(&bench).await, "with passkey");
        // The waiting is over with it.
        assert_eq!(
            browser.get(first.location()).await.status,
            StatusCode::BAD_REQUEST
        );
    })
    .await;
}

/// Who exists cannot be told from what the page asks for.
#[tokio::test]
async fn the_question_without_a_password_names_nobody() {
    let bench = bench().await;
    let shape = async |bench: &Bench| {
        let mut browser = TestBrowser::new(bench);
        let login = browser.get("/login").await;
        let mut question = ask(&mut browser, &login, GIVE).await;
        assert!(question["publicKey"]["challenge"].as_str().unwrap().len() > 20);
        question["publicKey"]["challenge"] = "".into();
        question["ceremony"] = "".into();
        question
    };
    let before = shape(&bench).await;
    enrolled(&bench).await;
    assert_eq!(shape(&bench).await, before);
    let options = &before["publicKey"];
    assert_eq!(options["allowCredentials"], serde_json::json!([]));
    assert_eq!(options["userVerification"], "required");
}

/// Each is refused with the same words, and the audit says why.
#[tokio::test]
async fn what_signs_nobody_in() {
    let bench = bench().await;
    let mut device = enrolled(&bench).await;
    let person = device.user_handle.clone();
    type Spoil = fn(&mut Device);
    let rows: [(Spoil, &str); 9] = [
        (
            |it| it.origin = "https://vro.example:8443",
            "the passkey answered another site",
        ),
        (
            |it| it.origin = "https://sub.vro.example",
            "the passkey answered another site",
        ),
        (
            |it| it.origin = "http://vro.example",
            "the passkey answered another site",
        ),
        (
            |it| it.rp_id = "example",
            "the passkey answered another site",
        ),
        (
            |it| it.verifies = false,
            "the passkey did not verify its person",
        ),
        (|it| it.framed = true, "unreadable passkey"),
        (|it| it.user_handle = None, "somebody else's passkey"),
        (
            |it| it.user_handle = Some(vec![7; 16]),
            "somebody else's passkey",
        ),
        (|it| it.id = b"device-2".to_vec(), "unknown passkey"),
    ];
    let told = "This passkey does not sign you in.";
    for (spoil, expected) in rows {
        later(&bench);
        spoil(&mut device);
        let mut browser = TestBrowser::new(&bench);
        let refused = sign_in(&mut browser, &mut device).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{expected}");
        assert!(refused.html.contains(told), "{}", refused.html);
        assert_eq!(reason(&bench).await, expected);
        device.origin = ISSUER;
        device.rp_id = "vro.example";
        device.verifies = true;
        device.framed = false;
        device.user_handle.clone_from(&person);
        device.id = b"device-1".to_vec();
    }
    // Another key under the same name.
    let mut forged = Device::new(b"device-1");
    forged.user_handle.clone_from(&person);
    let mut browser = TestBrowser::new(&bench);
    later(&bench);
    let refused = sign_in(&mut browser, &mut forged).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(reason(&bench).await, "wrong passkey");
    // And the right one, which nothing of this has changed.
    let right = sign_in(&mut browser, &mut device).await;
    assert_eq!(right.location(), "/account", "{}", right.html);
}

#[tokio::test]
async fn a_disabled_person_has_no_passkey() {
    let bench = bench().await;
    let mut device = enrolled(&bench).await;
    let sql = "UPDATE resource_owner SET disabled = TRUE";
    bench.server.db().write(Statement(sql)).await.unwrap();
    let refused = sign_in(&mut TestBrowser::new(&bench), &mut device).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.html.contains("This passkey does not sign you in."));
    assert_eq!(reason(&bench).await, "the account is disabled");
}

/// A question belongs to one browser, one use and some minutes, and to what it was asked for.
#[tokio::test]
async fn a_question_is_answered_once_where_it_was_asked() {
    let bench = bench().await;
    let mut device = enrolled(&bench).await;
    let mut browser = TestBrowser::new(&bench);
    let login = browser.get("/login").await;
    let question = ask(&mut browser, &login, GIVE).await;
    let answer = device.answer(&question);
    let mut thief = TestBrowser::new(&bench);
    let there = thief.get("/login").await;
    let stolen = post(&mut thief, &there, (GIVE, &question), &answer).await;
    assert_eq!(stolen.status, StatusCode::FORBIDDEN);
    let right = post(&mut browser, &login, (GIVE, &question), &answer).await;
    assert_eq!(right.status, StatusCode::SEE_OTHER, "{}", right.html);
    let again = post(&mut browser, &login, (GIVE, &question), &answer).await;
    assert_eq!(again.status, StatusCode::FORBIDDEN);
    // A wrong answer uses it up as well.
    let question = ask(&mut browser, &login, GIVE).await;
    post(&mut browser, &login, (GIVE, &question), "{}").await;
    let answer = device.answer(&question);
    let late = post(&mut browser, &login, (GIVE, &question), &answer).await;
    assert_eq!(late.status, StatusCode::FORBIDDEN);
    // The question of one page answers no other page.
    let mut second = TestBrowser::new(&bench);
    let login = second.get("/login").await;
    let first = second.sign_in(&login, "r.smith", PASSWORD).await;
    let page = second.get(first.location()).await;
    let alone = ask(&mut second, &login, GIVE).await;
    let answer = device.answer(&alone);
    let refused = post(&mut second, &page, (GIVE, &alone), &answer).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let beside = ask(&mut second, &page, GIVE).await;
    let answer = device.answer(&beside);
    let refused = post(&mut second, &login, (GIVE, &beside), &answer).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    // Too late.
    let question = ask(&mut second, &login, GIVE).await;
    bench.clock.advance(SignedDuration::from_mins(10));
    let answer = device.answer(&question);
    let refused = post(&mut second, &login, (GIVE, &question), &answer).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let expected = "nobody was asked for this passkey, or too long ago";
    assert_eq!(reason(&bench).await, expected);
}

/// The password of one person with the passkey of another.
#[tokio::test]
async fn the_second_step_wants_the_passkey_of_the_same_person() {
    let bench = bench().await;
    enrolled(&bench).await;
    bench.admin.add_user(new_user("other")).await.unwrap();
    let mut other = TestBrowser::new(&bench);
    let login = other.get("/login").await;
    other.sign_in(&login, "other", PASSWORD).await;
    let mut foreign = Device::new(b"device-2");
    add(&mut other, &mut foreign).await;
    let mut browser = TestBrowser::new(&bench);
    let login = browser.get("/login").await;
    let first = browser.sign_in(&login, "r.smith", PASSWORD).await;
    let page = browser.get(first.location()).await;
    later(&bench);
    let refused = give(&mut browser, &page, &mut foreign).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.html.contains("Confirm that it is you"));
    assert_eq!(reason(&bench).await, "somebody else's passkey");
    // Nor with the name of the right one beside it.
    foreign.user_handle = None;
    let refused = give(&mut browser, &page, &mut foreign).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(!browser.cookies.contains_key("__Host-vro-session"));
}

/// Section 6.1.1: a counter that does not go on means that two devices hold the key.
#[tokio::test]
async fn a_copied_passkey_is_refused_and_on_record() {
    let bench = bench().await;
    let mut device = enrolled(&bench).await;
    device.counter = 10;
    let right = sign_in(&mut TestBrowser::new(&bench), &mut device).await;
    assert_eq!(right.location(), "/account", "{}", right.html);
    for back in [0, 4, 10] {
        later(&bench);
        device.counter = back;
        let refused = sign_in(&mut TestBrowser::new(&bench), &mut device).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{back}");
        assert_eq!(reason(&bench).await, crate::passkey::CLONED);
    }
    let id = bench.admin.user("r.smith").await.unwrap().id;
    assert_eq!(bench.audit("login").await[0].subject, Some(id));
    device.counter = 11;
    let right = sign_in(&mut TestBrowser::new(&bench), &mut device).await;
    assert_eq!(right.location(), "/account", "{}", right.html);
}

/// Both copies at the same moment, with questions of their own: one of them.
#[tokio::test]
async fn two_copies_at_once_sign_in_once() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut device = enrolled(&bench).await;
        let mut tabs = Vec::new();
        for _ in 0..6 {
            let mut browser = TestBrowser::new(&bench);
            let login = browser.get("/login").await;
            let question = ask(&mut browser, &login, GIVE).await;
            device.counter = 20;
            let answer = device.answer(&question);
            tabs.push((browser, login, question, answer));
        }
        let tries = tabs.iter_mut().map(|(browser, login, question, answer)| {
            post(browser, login, (GIVE, question), answer)
        });
        let answers = at_once(tries).await;
        let signed_in = answers
            .iter()
            .filter(|answer| answer.status == StatusCode::SEE_OTHER);
        assert_eq!(signed_in.count(), 1);
    })
    .await;
}

struct NoteUse(String, String, u32);

impl Work for NoteUse {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, storage::Error> {
        let it = Use {
            id: &self.0,
            user_id: &self.1,
            credential: "{}",
            sign_count: self.2,
        };
        passkeys::note_use(tx, &it, Timestamp::UNIX_EPOCH).await
    }
}

/// What the check before the transaction has read may be out of date: the row decides.
#[tokio::test]
async fn a_counter_that_was_passed_meanwhile_does_not_count() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        enrolled(&bench).await;
        let user_id = bench.admin.user("r.smith").await.unwrap().id;
        let listed = passkeys::of_user(bench.server.db(), &user_id)
            .await
            .unwrap();
        let id = &listed[0].id;
        for (sign_count, counts) in [
            (0, true),
            (0, true),
            (5, true),
            (5, false),
            (4, false),
            (0, false),
            (6, true),
        ] {
            let work = NoteUse(id.clone(), user_id.clone(), sign_count);
            let noted = bench.server.db().write(work).await.unwrap();
            assert_eq!(noted, counts, "{sign_count}");
        }
        let foreign = NoteUse(id.clone(), "u-other".to_owned(), 7);
        assert!(!bench.server.db().write(foreign).await.unwrap());
    })
    .await;
}

/// Most passkeys have no counter: still one answer is one sign-in.
#[tokio::test]
async fn two_hundred_uses_of_one_answer_sign_in_once() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut device = enrolled(&bench).await;
        let mut browser = TestBrowser::new(&bench);
        let login = browser.get("/login").await;
        let question = ask(&mut browser, &login, GIVE).await;
        let answer = device.answer(&question);
        let mut tabs: Vec<TestBrowser> = (0..200).map(|_| browser.copy(&bench)).collect();
        let tries = tabs
            .iter_mut()
            .map(|tab| post(tab, &login, (GIVE, &question), &answer));
        let answers = at_once(tries).await;
        let signed_in = answers
            .iter()
            .filter(|answer| answer.status == StatusCode::SEE_OTHER);
        assert_eq!(signed_in.count(), 1);
        let sql = "SELECT COUNT(*) FROM session";
        let sessions = bench.server.db().find(sql, &[], |row| row.integer(0));
        assert_eq!(sessions.await.unwrap(), Some(1));
    })
    .await;
}

/// Wrong answers that name an account are failures of it. They hold its password, and never its passkey.
#[tokio::test]
async fn failures_are_counted_and_the_passkey_gets_through() {
    let bench = bench().await;
    let mut device = enrolled(&bench).await;
    let mut forged = Device::new(b"device-1");
    forged.user_handle.clone_from(&device.user_handle);
    for _ in 0..10 {
        let refused = sign_in(&mut TestBrowser::new(&bench), &mut forged).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }
    let mut browser = TestBrowser::new(&bench);
    let login = browser.get("/login").await;
    let held = browser.sign_in(&login, "r.smith", PASSWORD).await;
    assert_eq!(held.status, StatusCode::TOO_MANY_REQUESTS);
    let right = sign_in(&mut browser, &mut device).await;
    assert_eq!(right.location(), "/account", "{}", right.html);
}

/// An app that is only shown on the account is not shown to who knows the password: it could be set up in place of
/// the passkey.
#[tokio::test]
async fn a_proposed_app_does_not_stand_in_for_a_passkey() {
    let bench = bench().await;
    let mut device = enrolled(&bench).await;
    let mut owner = TestBrowser::new(&bench);
    sign_in(&mut owner, &mut device).await;
    let secret = secret_of(&propose(&mut owner).await);
    let mut thief = TestBrowser::new(&bench);
    let login = thief.get("/login").await;
    let first = thief.sign_in(&login, "r.smith", PASSWORD).await;
    let page = thief.get(first.location()).await;
    let enrol = first.location().replace("/login/code", "/login/enrol");
    assert_eq!(thief.get(&enrol).await.status, StatusCode::BAD_REQUEST);
    let mut fields = page.form("/login/code");
    fields.extend(owned(&[("code", &code_at(&bench, &secret))]));
    let refused = thief.post("/login/enrol", &fields).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let refused = give_code(&mut thief, &page, &code_at(&bench, &secret)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

/// A role that demands a second factor is content with a passkey.
#[tokio::test]
async fn an_administrator_needs_no_app_beside_a_passkey() {
    let bench = bench().await;
    let mut device = enrolled(&bench).await;
    let sql = "UPDATE resource_owner SET role = 'administrator'";
    bench.server.db().write(Statement(sql)).await.unwrap();
    let mut browser = TestBrowser::new(&bench);
    let login = browser.get("/login").await;
    let first = browser.sign_in(&login, "r.smith", PASSWORD).await;
    assert!(first.location().starts_with("/login/code?"));
    let page = browser.get(first.location()).await;
    let signed_in = give(&mut browser, &page, &mut device).await;
    assert_eq!(signed_in.location(), "/account", "{}", signed_in.html);
    assert_eq!(browser.get("/account").await.status, StatusCode::OK);
}

#[tokio::test]
async fn no_form_of_it_can_be_forged() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    let fields = browser.get("/login").await.form(GIVE);
    for path in [GIVE, "/login/passkey/options"] {
        let cross = [("origin", "https://evil.example")];
        let refused = browser.post_with(path, &fields, &cross).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
        let then = owned(&[("then", "account")]);
        let refused = browser.post(path, &then).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
    }
}

/// The script is ours, named after its content, and the pages that need it ask for no other.
#[tokio::test]
async fn the_script_is_served_and_named_after_its_content() {
    let bench = bench().await;
    let mut browser = TestBrowser::new(&bench);
    let login = browser.get("/login").await;
    let start = "<script type=\"module\" src=\"";
    assert_eq!(login.html.matches("<script").count(), 1);
    let rest = login.html.split_once(start).unwrap().1;
    let path = rest.split_once('"').unwrap().0;
    assert!(path.starts_with("/assets/passkey-") && path.ends_with(".js"));
    let script = browser.get(path).await;
    assert_eq!(
        script.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    assert!(script.header("cache-control").contains("immutable"));
    assert_eq!(script.header("x-content-type-options"), "nosniff");
    let policy = login.header("content-security-policy");
    assert!(policy.contains("script-src 'self';"), "{policy}");
}

/// Somebody whose role demands a second factor and who has none sets up an app, as before.
#[tokio::test]
async fn the_first_sign_in_of_such_a_role_stays_with_the_app() {
    let bench = bench().await;
    let new = NewUser {
        role: "administrator".to_owned(),
        ..new_user("chief")
    };
    bench.admin.add_user(new).await.unwrap();
    let mut browser = TestBrowser::new(&bench);
    let login = browser.get("/login").await;
    let first = browser.sign_in(&login, "chief", PASSWORD).await;
    assert!(first.location().starts_with("/login/enrol?"));
    assert_eq!(browser.get(first.location()).await.status, StatusCode::OK);
}
