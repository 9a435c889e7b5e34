//! Registering people.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use axum::http::StatusCode;
use oauth::Secret;
use storage::Outcome;
use storage::testing::each_engine;

use crate::administration::{Error, NewUser, generate_password};
use crate::pages::testing::*;
use crate::testing::*;
use crate::{MIGRATIONS, Rights};

fn field(error: &Error) -> &'static str {
    match error {
        Error::Invalid { field, .. } => field,
        _ => "",
    }
}

#[tokio::test]
async fn people_are_registered_shown_disabled_and_removed() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let admin = &bench.admin;
        let added = admin
            .add_user(new_user(" M.Jones@Example.org "))
            .await
            .unwrap();
        assert_eq!(added.username, "m.jones@example.org");
        assert!(added.id.starts_with("u-"));
        let again = admin
            .add_user(new_user("M.JONES@example.org"))
            .await
            .unwrap_err();
        assert!(matches!(again, Error::Exists("username")));

        let names: Vec<String> = admin
            .users()
            .await
            .unwrap()
            .into_iter()
            .map(|user| user.username)
            .collect();
        assert_eq!(names, ["m.jones@example.org", "r.smith"]);
        admin
            .set_user_disabled("m.jones@example.org", true)
            .await
            .unwrap();
        assert!(admin.user("m.jones@example.org").await.unwrap().disabled);
        admin.delete_user("m.jones@example.org").await.unwrap();

        let unknown = Secret::received(PASSWORD.to_owned());
        assert!(matches!(
            admin.user("nobody").await,
            Err(Error::NotFound(_))
        ));
        assert!(matches!(
            admin.delete_user("nobody").await,
            Err(Error::NotFound(_))
        ));
        assert!(matches!(
            admin.set_user_disabled("nobody", true).await,
            Err(Error::NotFound(_))
        ));
        assert!(matches!(
            admin.set_user_password("nobody", &unknown).await,
            Err(Error::NotFound(_))
        ));

        let added = bench.audit("user.add").await;
        assert_eq!(
            added
                .iter()
                .filter(|row| row.outcome == Outcome::Allowed)
                .count(),
            2
        );
        assert_eq!(
            added
                .iter()
                .filter(|row| row.outcome == Outcome::Denied)
                .count(),
            1
        );
        for action in ["user.disable", "user.delete"] {
            // Once done, once refused: of nobody.
            assert_eq!(bench.audit(action).await.len(), 2, "{action}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_may_not_be_registered() {
    let bench = bench().await;
    let long = "a".repeat(101);
    for username in [
        "",
        "a",
        "a b",
        "jos\u{e9}",
        "a<b",
        "a/b",
        "\u{430}dmin",
        "a\tb",
        &long,
    ] {
        let error = bench.admin.add_user(new_user(username)).await.unwrap_err();
        assert_eq!(field(&error), "username", "{username}");
    }
    let other = || new_user("m.jones");
    let password = |text: &str| Secret::received(text.to_owned());
    let rights = |record_type: &str| Rights {
        record_types: vec![record_type.to_owned()],
        ..rights()
    };
    let rows = [
        (
            NewUser {
                password: password("fourteen chars"),
                ..other()
            },
            "password",
        ),
        (
            NewUser {
                password: password("my name is m.jones"),
                ..other()
            },
            "password",
        ),
        (
            NewUser {
                role: "king".to_owned(),
                ..other()
            },
            "role",
        ),
        (
            NewUser {
                scope: String::new(),
                ..other()
            },
            "scope",
        ),
        (
            NewUser {
                rights: rights("marriage"),
                ..other()
            },
            "record_types",
        ),
    ];
    for (new, expected) in rows {
        let error = bench.admin.add_user(new).await.unwrap_err();
        assert_eq!(field(&error), expected);
        assert!(!error.to_string().contains("fourteen chars"));
    }
    let error = bench
        .admin
        .set_user_password("r.smith", &password("short"))
        .await
        .unwrap_err();
    assert_eq!(field(&error), "password");
    assert_eq!(bench.admin.users().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_generated_password_signs_in_and_the_old_one_no_more() {
    let bench = bench().await;
    let password = generate_password(&bench.admin.random);
    bench
        .admin
        .set_user_password("R.Smith", &password)
        .await
        .unwrap();
    let mut browser = TestBrowser::new(&bench);
    let page = browser.open(&request()).await;
    let old = browser.sign_in(&page, "r.smith", PASSWORD).await;
    assert_eq!(old.status, StatusCode::FORBIDDEN);
    let new = browser.sign_in(&page, "r.smith", password.expose()).await;
    assert_eq!(new.status, StatusCode::SEE_OTHER);
    let audit = bench.audit("user.set-password").await;
    assert_eq!(audit.len(), 1);
    assert!(!format!("{audit:?}").contains(password.expose()));
    assert_eq!(audit[0].outcome, Outcome::Allowed);
}
