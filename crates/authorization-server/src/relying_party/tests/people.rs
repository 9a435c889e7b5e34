//! Whom of our people a sign-in is.

use axum::http::StatusCode;
use serde_json::json;
use storage::Outcome;

use super::super::testing::*;
use crate::MIGRATIONS;
use crate::administration::Error;
use crate::pages::testing::*;
use crate::registration::OrganizationAccess;
use crate::testing::at_once;
use crate::testing::authenticator::{Device, add, give};

const JANE: &str = "j.doe@state.example";

#[tokio::test]
async fn the_first_sign_in_makes_the_person_and_the_second_finds_it() {
    let there = There::new(|_, _| {}).await;
    let (mut browser, page) = there.sign_in(&json!({})).await;
    assert_eq!(page.location(), "/account", "{}", page.html);
    let account = browser.get("/account").await.html;
    assert!(account.contains(JANE) && account.contains("<dd>State of Example</dd>"));
    assert!(!account.contains("Change the password"));
    let jane = there.bench.admin.user(JANE).await.unwrap();
    assert_eq!(jane.role, "registrar");
    assert_eq!(
        jane.rights.organization.as_deref(),
        Some("general-hospital")
    );
    assert_eq!(jane.rights.jurisdictions, ["MA"]);
    let identities = there.bench.admin.identities(&jane.id).await.unwrap();
    assert_eq!(identities.len(), 1);
    let identity = identities.first().unwrap();
    assert_eq!(
        (identity.issuer.as_str(), identity.subject.as_str()),
        (there.op.origin().as_str(), "248289761001")
    );
    // Another name there is the same person here.
    let (_, page) = there
        .sign_in(&json!({"preferred_username": "jane.roe"}))
        .await;
    assert_eq!(page.location(), "/account");
    assert_eq!(there.bench.admin.user(JANE).await.unwrap().id, jane.id);
    assert!(there.bench.admin.user("jane.roe").await.is_err());
    assert_eq!(
        there.bench.audit("user.add").await.len(),
        2,
        "r.smith and j.doe"
    );
    let rows = there.bench.audit("login.identity-provider").await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.outcome == Outcome::Allowed
        && row.subject.as_ref() == Some(&jane.id)
        && row.reason.as_deref() == Some("state")));
}

#[tokio::test]
async fn no_password_opens_the_account_of_who_was_made_so() {
    let there = There::new(|_, _| {}).await;
    there.sign_in(&json!({})).await;
    for password in ["", "s3cret", "j.doe@state.example", PASSWORD] {
        let mut browser = TestBrowser::new(&there.bench);
        let login = browser.get("/login").await;
        let page = browser.sign_in(&login, JANE, password).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{password}");
    }
    assert_eq!(
        there.bench.server.people().evaluated(),
        4,
        "it costs what others cost"
    );
}

#[tokio::test]
async fn a_username_that_is_taken_is_never_taken_over() {
    let there = There::new(|_, _| {}).await;
    for name in ["r.smith", " R.Smith "] {
        let (mut browser, page) = there.sign_in(&json!({
            "preferred_username": name, "sub": "<b>1", "email": "r.smith@state.example", "email_verified": true,
        })).await;
        assert_eq!(page.status, StatusCode::CONFLICT);
        assert!(page.html.contains("This username is taken"));
        assert!(
            page.html
                .contains("<code class=\"line\">&#60;b&#62;1</code>"),
            "{}",
            page.html
        );
        assert!(page.html.contains("href=\"/login?then=account\""));
        assert!(page.html.contains("r-1"), "the reference");
        assert_eq!(browser.get("/account").await.location(), "/login");
    }
    assert_eq!(there.refusals().await, ["state: the username is taken"; 2]);
    let smith = there.bench.admin.user("r.smith").await.unwrap();
    assert!(
        there
            .bench
            .admin
            .identities(&smith.id)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn an_operator_connects_and_disconnects() {
    let there = There::new(|_, _| {}).await;
    let (admin, issuer) = (&there.bench.admin, there.op.origin());
    let claims = json!({"preferred_username": "r.smith", "sub": "77"});
    admin.link_identity("r.smith", &issuer, "77").await.unwrap();
    // Once more, another of the same issuer, and somebody else's.
    admin.add_user(new_user("other")).await.unwrap();
    for (username, subject) in [("r.smith", "77"), ("r.smith", "78"), ("other", "77")] {
        let again = admin.link_identity(username, &issuer, subject).await;
        assert!(
            matches!(again, Err(Error::Exists("identity"))),
            "{username} {subject}"
        );
    }
    let nobody = admin.link_identity("nobody", &issuer, "79").await;
    assert!(matches!(nobody, Err(Error::NotFound("user"))));
    for subject in ["", " ", "a\nb", "é", "x".repeat(256).as_str()] {
        let malformed = admin.link_identity("other", &issuer, subject).await;
        let rule = matches!(
            malformed,
            Err(Error::Invalid {
                field: "subject",
                ..
            })
        );
        assert!(rule, "{subject}");
    }

    let (mut browser, page) = there.sign_in(&claims).await;
    assert_eq!(page.location(), "/account", "{}", page.html);
    let account = browser.get("/account").await.html;
    assert!(account.contains("r.smith") && account.contains("Change the password"));
    admin.unlink_identity("r.smith", &issuer).await.unwrap();
    assert_eq!(
        browser.get("/account").await.location(),
        "/login",
        "the session ended"
    );
    let gone = admin.unlink_identity("r.smith", &issuer).await;
    assert!(matches!(gone, Err(Error::NotFound("identity"))));
    let (_, page) = there.sign_in(&claims).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    let outcomes =
        |rows: Vec<storage::AuditEvent>| rows.iter().map(|row| row.outcome).collect::<Vec<_>>();
    let linked = outcomes(there.bench.audit("user.link").await);
    assert_eq!(
        linked.iter().filter(|it| **it == Outcome::Allowed).count(),
        1
    );
    assert_eq!(linked.len(), 4);
    let unlinked = outcomes(there.bench.audit("user.unlink").await);
    let allowed = unlinked.iter().filter(|it| **it == Outcome::Allowed);
    assert_eq!((allowed.count(), unlinked.len()), (1, 2));
}

#[tokio::test]
async fn rights_follow_the_claims_and_what_was_begun_with_others_ends() {
    let there = There::new(|_, _| {}).await;
    let (mut first, _) = there.sign_in(&json!({})).await;
    let consent = first.open(&request()).await;
    let code = first
        .decide(&consent, "allow")
        .await
        .answer()
        .remove("code")
        .unwrap();
    let tokens = there.bench.redeem("app", &code).await;
    let refresh = tokens.text("refresh_token").to_owned();
    assert!(!refresh.is_empty());
    // The same again ends nothing.
    there.sign_in(&json!({})).await;
    assert_eq!(first.get("/account").await.status, StatusCode::OK);
    let again = there.bench.refresh("app", &refresh).await;
    assert_eq!(again.status, StatusCode::OK);

    let (mut second, page) = there.sign_in(&json!({"roles": ["Auditors"]})).await;
    assert_eq!(page.location(), "/account", "{}", page.html);
    assert_eq!(second.get("/account").await.status, StatusCode::OK);
    assert_eq!(first.get("/account").await.location(), "/login");
    let refused = there
        .bench
        .refresh("app", again.text("refresh_token"))
        .await;
    assert_eq!(refused.error(), (400, "invalid_grant"));
    let jane = there.bench.admin.user(JANE).await.unwrap();
    assert_eq!(jane.role, "auditor");
    assert_eq!(jane.rights.organization_access, OrganizationAccess::All);
    assert_eq!(there.bench.audit("user.set-rights").await.len(), 1);
}

#[tokio::test]
async fn who_lost_the_group_is_not_let_in() {
    let there = There::new(|_, _| {}).await;
    there.sign_in(&json!({})).await;
    for (roles, heading) in [
        (json!(["Golf Club"]), "Your account has no role here"),
        (json!(null), "Your account has no role here"),
        (
            json!(["Auditors", "Heads"]),
            "Your account has several roles",
        ),
    ] {
        let (mut browser, page) = there.sign_in(&json!({"roles": roles})).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert!(page.html.contains(heading), "{}", page.html);
        assert_eq!(browser.get("/account").await.location(), "/login");
    }
    let (_, page) = there
        .sign_in(&json!({"preferred_username": "x y", "sub": "2"}))
        .await;
    assert!(page.html.contains("Something is missing in your account"));
}

#[tokio::test]
async fn disabled_people_and_strangers_stay_out() {
    let there = There::new(|_, _| {}).await;
    there.sign_in(&json!({})).await;
    there
        .bench
        .admin
        .set_user_disabled(JANE, true)
        .await
        .unwrap();
    let (mut browser, page) = there.sign_in(&json!({})).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.html.contains("Your account is switched off"));
    assert_eq!(browser.get("/account").await.location(), "/login");
    there.bench.admin.delete_user(JANE).await.unwrap();
    let (_, page) = there.sign_in(&json!({})).await;
    assert_eq!(
        page.location(),
        "/account",
        "the identity went with the person, and makes another"
    );

    let there = There::new(|provider, _| provider.create_users = false).await;
    let (_, page) = there.sign_in(&json!({})).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.html.contains("You are not registered here"));
    assert!(page.html.contains("248289761001"));
    assert!(there.bench.admin.user(JANE).await.is_err());
}

#[tokio::test]
async fn a_second_factor_counts_from_there_if_the_setting_says_so_and_is_asked_here_otherwise() {
    let heads = json!({"roles": ["Heads"]});
    let there = There::new(|_, _| {}).await;
    let (mut browser, page) = there.sign_in(&heads).await;
    assert!(
        page.location()
            .starts_with("/login/enrol?then=account&pending="),
        "{}",
        page.html
    );
    assert_eq!(browser.get("/account").await.location(), "/login");
    let enrol = browser.get(page.location()).await;
    let secret = secret_of(&enrol);
    let mut fields = enrol.form("/login/enrol");
    fields.push(("code".to_owned(), code_at(&there.bench, &secret)));
    let codes = browser.post("/login/enrol", &fields).await;
    assert_eq!(recovery_codes_of(&codes).len(), 10);
    assert_eq!(browser.get("/account").await.status, StatusCode::OK);
    // Whoever has an app is asked for it, although the provider speaks of one: nothing says that it counts.
    let with_mfa = json!({"roles": ["Heads"], "amr": ["pwd", "mfa"]});
    let (_, page) = there.sign_in(&with_mfa).await;
    assert!(page.location().starts_with("/login/code?"), "{}", page.html);

    let there =
        There::new(|provider, _| provider.satisfies_second_factor = vec!["mfa".to_owned()]).await;
    let (mut browser, page) = there.sign_in(&with_mfa).await;
    assert_eq!(page.location(), "/account");
    assert_eq!(browser.get("/account").await.status, StatusCode::OK);
    let (_, page) = there.sign_in(&heads).await;
    assert!(
        page.location().starts_with("/login/enrol?"),
        "{}",
        page.html
    );
}

/// A code that is given here makes no old sign-in there one of just now.
#[tokio::test]
async fn a_second_factor_here_makes_an_old_sign_in_there_no_younger() {
    let there = There::new(|_, _| {}).await;
    let now = there.bench.clock.now().as_second();
    let (mut browser, _) = there.sign_in(&json!({"auth_time": now})).await;
    let (secret, _) = enrol(&there.bench, &mut browser).await;
    for (auth_time, fresh) in [(json!(0), true), (json!(-600), false), (json!(null), false)] {
        // The code of the next step.
        there
            .bench
            .clock
            .advance(jiff::SignedDuration::from_secs(30));
        let now = there.bench.clock.now().as_second();
        let auth_time = auth_time.as_i64().map(|seconds| now + seconds);
        let (mut browser, page) = there.sign_in(&json!({"auth_time": auth_time})).await;
        let page = browser.get(page.location()).await;
        let code = code_at(&there.bench, &secret);
        let page = give_code(&mut browser, &page, &code).await;
        assert_eq!(page.location(), "/account", "{}", page.html);
        let page = browser.get("/account/authenticator").await;
        assert_eq!(page.status == StatusCode::OK, fresh, "{auth_time:?}");
    }
}

/// Whoever was let go by the organization must not keep a way in of his own.
#[tokio::test]
async fn a_passkey_of_who_signs_in_there_is_a_second_step_and_never_the_first() {
    let there = There::new(|_, _| {}).await;
    let now = there.bench.clock.now().as_second();
    let fresh = json!({"auth_time": now});
    let (mut browser, _) = there.sign_in(&fresh).await;
    let mut device = Device::new(b"device-1");
    add(&mut browser, &mut device).await;
    let mut alone = TestBrowser::new(&there.bench);
    let login = alone.get("/login").await;
    let page = give(&mut alone, &login, &mut device).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "{}", page.html);
    assert_eq!(alone.get("/account").await.location(), "/login");
    let reasons: Vec<_> = there
        .bench
        .audit("login")
        .await
        .into_iter()
        .filter_map(|row| row.reason)
        .collect();
    assert!(
        reasons
            .iter()
            .any(|reason| reason == "the organization signs this account in"),
        "{reasons:?}"
    );

    let (mut second, page) = there.sign_in(&fresh).await;
    assert!(page.location().starts_with("/login/code?"), "{}", page.html);
    let page = second.get(page.location()).await;
    let page = give(&mut second, &page, &mut device).await;
    assert_eq!(page.location(), "/account", "{}", page.html);
    // With a password given by an operator the account is one like others.
    let password = oauth::Secret::received(PASSWORD.to_owned());
    there
        .bench
        .admin
        .set_user_password(JANE, &password)
        .await
        .unwrap();
    let login = alone.get("/login").await;
    let page = give(&mut alone, &login, &mut device).await;
    assert_eq!(page.location(), "/account", "{}", page.html);
}

#[tokio::test]
async fn of_many_first_sign_ins_at_once_one_makes_the_person() {
    storage::testing::each_engine(&[&MIGRATIONS], |db| async move {
        let there = There::on(db).await;
        let mut browsers = Vec::new();
        for number in 0..6 {
            let mut browser = TestBrowser::new(&there.bench);
            let login = browser.get("/login").await;
            let sent = there.press(&mut browser, &login).await;
            let jwt = signed(&there.key, &there.claims(&sent, &json!({})), |_| {});
            let (code, token) = (format!("c-{number}"), token_response(&jwt));
            there.script(|script| _ = script.tokens.insert(code.clone(), token));
            browsers.push((browser, sent, code));
        }
        let back = |(browser, sent, code): &mut (TestBrowser, Sent, String)| {
            let (mut browser, there) = (browser.copy(&there.bench), &there);
            let answer = [
                ("code", code.clone()),
                ("state", sent.get("state").to_owned()),
                ("iss", there.op.origin()),
            ];
            async move {
                let answer = answer
                    .each_ref()
                    .map(|(name, value)| (*name, value.as_str()));
                browser.get(&callback(&answer)).await
            }
        };
        let pages = at_once(browsers.iter_mut().map(back)).await;
        assert!(pages.iter().all(|page| page.location() == "/account"));
        assert_eq!(
            there.bench.audit("user.add").await.len(),
            2,
            "r.smith and j.doe"
        );
        assert_eq!(there.bench.admin.users().await.unwrap().len(), 2);
    })
    .await;
}
