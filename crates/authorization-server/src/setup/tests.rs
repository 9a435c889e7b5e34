//! An administrator's link: once, in time, for whom it is.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use axum::http::StatusCode;
use jiff::SignedDuration;
use oauth::Secret;
use storage::testing::each_engine;

use crate::administration::{Error, NewUser};
use crate::pages::testing::{PASSWORD, Page, TestBrowser, confirm_enrolment, new_user, owned};
use crate::registration::OrganizationAccess;
use crate::testing::{Bench, ISSUER, at_once};
use crate::{MIGRATIONS, Rights};

const NEW: &str = "lichen climbs the wall";

fn path(address: &Secret) -> String {
    address.expose().strip_prefix(ISSUER).unwrap().to_owned()
}

async fn first(bench: &Bench) -> String {
    let link = bench.server.first_administrator_link().await.unwrap();
    path(&link.unwrap().address)
}

async fn submit(browser: &mut TestBrowser, page: &Page, username: &str, new: &str) -> Page {
    submit_both(browser, page, username, new, new).await
}

async fn submit_both(
    browser: &mut TestBrowser,
    page: &Page,
    username: &str,
    new: &str,
    again: &str,
) -> Page {
    let mut fields = page.form("/setup");
    fields.extend(owned(&[
        ("username", username),
        ("new", new),
        ("again", again),
    ]));
    browser.post("/setup", &fields).await
}

fn administrator(username: &str) -> NewUser {
    NewUser {
        role: "administrator".to_owned(),
        rights: Rights {
            organization_access: OrganizationAccess::All,
            ..new_user(username).rights
        },
        ..new_user(username)
    }
}

#[tokio::test]
async fn the_first_administrator_is_made_once() {
    let bench = Bench::new().await;
    let address = first(&bench).await;
    let mut browser = TestBrowser::new(&bench);
    let page = browser.get(&address).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cache-control"), "no-store");
    let used = submit(&mut browser, &page, "Ada.King", NEW).await;
    assert!(
        used.location().starts_with("/login/enrol?"),
        "{}",
        used.html
    );
    confirm_enrolment(&bench, &mut browser, used.location()).await;
    assert_eq!(browser.get("/account").await.status, StatusCode::OK);

    let user = bench.admin.user("ada.king").await.unwrap();
    assert_eq!(user.role, "administrator");
    assert_eq!(user.rights.organization_access, OrganizationAccess::All);
    assert_eq!(
        user.rights.organization.as_deref(),
        Some("office-of-vital-records")
    );
    let rows = bench.audit("administrator-link.use").await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].subject.as_deref(), Some(user.id.as_str()));
    assert_eq!(rows[0].source_address.as_deref(), Some("192.0.2.7"));
    assert_eq!(rows[0].request_id.as_deref(), Some("r-1"));

    for again in [
        TestBrowser::new(&bench).get(&address).await,
        submit(&mut browser, &page, "somebody", NEW).await,
    ] {
        assert_eq!(again.status, StatusCode::BAD_REQUEST);
        assert!(
            again.html.contains("vitalgate admin recover"),
            "{}",
            again.html
        );
    }
    assert!(bench.admin.user("somebody").await.is_err());
    let link = bench.server.first_administrator_link().await.unwrap();
    assert!(link.is_none(), "there is an administrator now");
}

#[tokio::test]
async fn looking_at_the_page_uses_nothing_up() {
    let bench = Bench::new().await;
    let address = first(&bench).await;
    for _ in 0..5 {
        let page = TestBrowser::new(&bench).get(&address).await;
        assert_eq!(page.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_link_ends_after_a_day_and_with_a_newer_one() {
    let bench = Bench::new().await;
    let old = first(&bench).await;
    let new = first(&bench).await;
    let status = async |address: &str| TestBrowser::new(&bench).get(address).await.status;
    assert_eq!(status(&old).await, StatusCode::BAD_REQUEST);
    assert_eq!(status(&new).await, StatusCode::OK);
    bench.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(status(&new).await, StatusCode::BAD_REQUEST);
    assert_eq!(status("/setup").await, StatusCode::BAD_REQUEST);
    assert_eq!(status("/setup?token=x").await, StatusCode::BAD_REQUEST);
}

/// A link that lies in the log of a start long ago must not be worth anything once there is an administrator.
#[tokio::test]
async fn the_link_of_the_start_ends_with_the_first_administrator() {
    let bench = Bench::new().await;
    let address = first(&bench).await;
    let mut browser = TestBrowser::new(&bench);
    let page = browser.get(&address).await;
    bench.admin.add_user(administrator("boss")).await.unwrap();
    let late = submit(&mut browser, &page, "somebody", NEW).await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST);
    let seen = TestBrowser::new(&bench).get(&address).await;
    assert_eq!(seen.status, StatusCode::BAD_REQUEST);
    // One that somebody with a shell makes counts all the same.
    let link = bench.admin.administrator_link(ISSUER, None).await.unwrap();
    let page = browser.get(&path(&link.address)).await;
    let used = submit(&mut browser, &page, "second", NEW).await;
    assert_eq!(used.status, StatusCode::SEE_OTHER, "{}", used.html);
}

/// Who counts as an administrator: of all organizations, and not disabled.
#[tokio::test]
async fn the_start_makes_a_link_while_nobody_can_administer() {
    let bench = Bench::new().await;
    let made = async || {
        bench
            .server
            .first_administrator_link()
            .await
            .unwrap()
            .is_some()
    };
    let own = NewUser {
        rights: new_user("x").rights,
        ..administrator("own")
    };
    bench.admin.add_user(own).await.unwrap();
    bench.admin.add_user(new_user("r.smith")).await.unwrap();
    assert!(made().await);
    bench.admin.add_user(administrator("boss")).await.unwrap();
    assert!(!made().await);
    let disable = "UPDATE resource_owner SET disabled = TRUE WHERE username = 'boss'";
    let disable = crate::testing::Statement(disable);
    bench.server.db().write(disable).await.unwrap();
    assert!(made().await);
}

#[tokio::test]
async fn one_of_fifty_wins() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = Bench::on(db).await;
        let address = first(&bench).await;
        let mut browser = TestBrowser::new(&bench);
        let page = browser.get(&address).await;
        let uses = (0..50).map(|number| {
            let (mut browser, page) = (browser.copy(&bench), &page);
            async move { submit(&mut browser, page, &format!("admin{number}"), NEW).await }
        });
        let answers = at_once(uses).await;
        let won = |page: &&Page| page.status == StatusCode::SEE_OTHER;
        assert_eq!(answers.iter().filter(won).count(), 1);
        let over = answers
            .iter()
            .filter(|page| page.html.contains("This link is over"));
        assert_eq!(over.count(), 49);
        assert_eq!(bench.admin.users().await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_leaves_the_link() {
    let bench = Bench::new().await;
    bench.admin.add_user(new_user("r.smith")).await.unwrap();
    let address = first(&bench).await;
    let mut browser = TestBrowser::new(&bench);
    let page = browser.get(&address).await;
    let rows = [
        ("ada.king", "too short", "too short", "#new", "at least 15"),
        (
            "ada.king",
            "ada.king is my name",
            "ada.king is my name",
            "#new",
            "easy to guess",
        ),
        (
            "ada.king",
            NEW,
            "another of the same",
            "#again",
            "not the same",
        ),
        ("R.Smith", NEW, NEW, "#username", "already"),
        ("a b", NEW, NEW, "#username", "small letters"),
    ];
    for (username, new, again, link, text) in rows {
        for language in ["en", "es"] {
            browser.language = language;
            let refused = submit_both(&mut browser, &page, username, new, again).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST);
            assert!(refused.html.contains(&format!("href=\"{link}\"")), "{text}");
            if language == "en" {
                assert!(refused.html.contains(text), "{}", refused.html);
            }
        }
    }
    let denied = bench.audit("administrator-link.use").await;
    assert_eq!(denied.len(), 4, "the names");
    browser.language = "en";
    let used = submit(&mut browser, &page, "ada.king", NEW).await;
    assert_eq!(used.status, StatusCode::SEE_OTHER, "{}", used.html);
}

#[tokio::test]
async fn a_form_of_another_page_is_refused() {
    let bench = Bench::new().await;
    let address = first(&bench).await;
    let mut browser = TestBrowser::new(&bench);
    let page = browser.get(&address).await;
    let mut fields = page.form("/setup");
    fields.extend(owned(&[
        ("username", "ada.king"),
        ("new", NEW),
        ("again", NEW),
    ]));
    let other = [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ];
    let refused = browser.post_with("/setup", &fields, &other).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let mut stranger = TestBrowser::new(&bench);
    assert_eq!(
        stranger.post("/setup", &fields).await.status,
        StatusCode::FORBIDDEN
    );
    assert!(bench.admin.users().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_administrator_is_let_in_again() {
    let bench = Bench::new().await;
    bench.admin.add_user(administrator("boss")).await.unwrap();
    let mut browser = TestBrowser::new(&bench);
    let login = browser.get("/login").await;
    let waiting = browser.sign_in(&login, "boss", PASSWORD).await;
    confirm_enrolment(&bench, &mut browser, waiting.location()).await;
    let id = bench.admin.user("boss").await.unwrap().id;
    assert!(bench.admin.has_second_factor(&id).await.unwrap());

    let link = bench.admin.administrator_link(ISSUER, Some("Boss")).await;
    let link = link.unwrap();
    assert_eq!(link.username.as_deref(), Some("boss"));
    // Until it is used everything stays.
    assert!(bench.admin.has_second_factor(&id).await.unwrap());
    let mut other = TestBrowser::new(&bench);
    let page = other.get(&path(&link.address)).await;
    assert!(page.html.contains("<strong>boss</strong>"), "{}", page.html);
    assert_eq!(browser.get("/account").await.status, StatusCode::OK);
    let used = submit(&mut other, &page, "ignored", NEW).await;
    assert!(
        used.location().starts_with("/login/enrol?"),
        "{}",
        used.html
    );
    assert!(!bench.admin.has_second_factor(&id).await.unwrap());
    assert_eq!(browser.get("/account").await.location(), "/login");
    confirm_enrolment(&bench, &mut other, used.location()).await;
    assert_eq!(other.get("/account").await.status, StatusCode::OK);
    let again = submit(&mut other, &page, "ignored", PASSWORD).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    let old = browser.get("/login").await;
    let old = browser.sign_in(&old, "boss", PASSWORD).await;
    assert_eq!(old.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn only_administrators_who_may_sign_in_get_a_link() {
    let bench = Bench::new().await;
    bench.admin.add_user(administrator("boss")).await.unwrap();
    bench.admin.add_user(new_user("r.smith")).await.unwrap();
    let link = async |name: &str| bench.admin.administrator_link(ISSUER, Some(name)).await;
    assert!(matches!(link("nobody").await, Err(Error::NotFound("user"))));
    assert!(matches!(link("r.smith").await, Err(Error::Invalid { .. })));
    let made = link("boss").await.unwrap();
    let disable = "UPDATE resource_owner SET disabled = TRUE WHERE username = 'boss'";
    let disable = crate::testing::Statement(disable);
    bench.server.db().write(disable).await.unwrap();
    assert!(matches!(link("boss").await, Err(Error::Invalid { .. })));
    let page = TestBrowser::new(&bench).get(&path(&made.address)).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.audit("administrator-link.add").await.len(), 1);
}
