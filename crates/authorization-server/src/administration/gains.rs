//! What could be gained by administering: more than one's token, other people's tokens, names that mislead, lists
//! of more than was asked for.

#![expect(clippy::unwrap_used, reason = "tests")]

use axum::http::StatusCode;
use oauth::Scope;
use storage::testing::each_engine;

use super::decision::{Administrator, Operation, decide};
use super::{
    Administration, Error, NewClientSecret, NewResourceServer, NewUser, PageRequest, UserFilter,
};
use crate::MIGRATIONS;
use crate::caller::Caller;
use crate::pages::testing::{PASSWORD, TestBrowser, account, bench_on, guess, new_user, request};
use crate::registration::{OrganizationAccess, Rights};
use crate::testing::*;

fn everywhere() -> Rights {
    Rights {
        organization_access: OrganizationAccess::All,
        ..rights()
    }
}

/// A client with a token that may change things and not read them.
fn writer(bench: &Bench, operation: Operation, rights: Rights) -> Administration {
    let scope = |text| Scope::parse(text).unwrap();
    let all =
        "administration.read administration.write audit.read user/Bundle.rs user/Composition.rs";
    let who = Administrator::client("console", rights, scope(all), scope("administration.write"));
    let permit = decide(operation, &who, bench.clock.now()).unwrap();
    bench
        .server
        .administration(permit.actor(&Caller::default()))
}

#[tokio::test]
async fn a_token_gives_no_more_than_it_has() {
    let bench = Bench::new().await;
    for rights in [rights(), everywhere()] {
        let add = async |role: &str, scope: &str| {
            let new = NewUser {
                role: role.to_owned(),
                scope: scope.to_owned(),
                ..new_user("new.one")
            };
            writer(&bench, Operation::UserAdd, rights.clone())
                .add_user(new)
                .await
        };
        for (role, scope) in [
            ("administrator", "administration.write"),
            ("auditor", USER_SCOPE),
            ("clerk", "audit.read"),
        ] {
            let refused = add(role, scope).await;
            assert!(
                matches!(refused, Err(Error::Forbidden(_))),
                "{role} {refused:?}"
            );
        }
        assert_eq!(add("clerk", USER_SCOPE).await.unwrap().role, "clerk");
        bench.admin.delete_user("new.one").await.unwrap();
    }
    // Nor does it take over one who has more.
    let auditor = NewUser {
        role: "auditor".to_owned(),
        ..new_user("an.auditor")
    };
    bench.admin.add_user(auditor).await.unwrap();
    let password = oauth::Secret::received(PASSWORD.to_owned());
    let refused = writer(&bench, Operation::UserSetPassword, everywhere())
        .set_user_password("an.auditor", &password)
        .await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
}

#[tokio::test]
async fn who_a_resource_server_is_belongs_to_no_organization() {
    let bench = Bench::new().await;
    let mut new = api_client("our-rs");
    new.rights = rights();
    bench.add(new).await;
    bench.add(api_client("ours")).await;
    let new = NewResourceServer {
        audience: "https://other.example/fhir".to_owned(),
        name: "other".to_owned(),
        introspection_client_id: "our-rs".to_owned(),
        organization: "general-hospital".to_owned(),
        access_token_signing_alg: None,
    };
    bench.admin.add_resource_server(new).await.unwrap();
    let act = async |client_id| {
        writer(&bench, Operation::ClientDisable, rights())
            .set_client_disabled(client_id, true)
            .await
    };
    assert!(matches!(act("our-rs").await, Err(Error::Forbidden(_))));
    act("ours").await.unwrap();
}

fn secret() -> NewClientSecret {
    NewClientSecret {
        name: "first".to_owned(),
        expires: None,
    }
}

#[tokio::test]
async fn names_are_seen_and_stand_in_a_path() {
    let bench = Bench::new().await;
    for client_id in [".", "..", "-_~", "add"] {
        let refused = bench
            .admin
            .add_client(api_client(client_id), secret())
            .await;
        assert!(matches!(refused, Err(Error::Invalid { .. })), "{client_id}");
    }
    for name in [
        "Vital \u{202E}egnitirw",
        "Records\u{200B}",
        "a\u{AD}b",
        "a\u{2066}b",
    ] {
        let mut new = api_client("good");
        new.name = name.to_owned();
        let refused = bench.admin.add_client(new, secret()).await;
        assert!(matches!(refused, Err(Error::Invalid { field: "name", .. })));
    }
}

#[tokio::test]
async fn a_forged_cursor_is_refused() {
    let bench = Bench::new().await;
    // `"\u0000"` and `[1,"\u0001"]` in base64url.
    for cursor in ["Ilx1MDAwMCI", "WzEsIlx1MDAwMSJd", "bm8", "*"] {
        let request = PageRequest {
            cursor: Some(cursor.to_owned()),
            limit: None,
        };
        let listed = bench
            .admin
            .list_users(&UserFilter::default(), &request)
            .await;
        assert!(
            matches!(
                listed,
                Err(Error::Invalid {
                    field: "cursor",
                    ..
                })
            ),
            "{cursor}"
        );
    }
}

#[tokio::test]
async fn unlocking_unlocks_the_own_browser_and_letting_in_ends_nothing() {
    each_engine(&[&MIGRATIONS], |db| async move {
        let bench = bench_on(db).await;
        let mut own = account(&bench).await;
        bench
            .admin
            .set_user_disabled("r.smith", false)
            .await
            .unwrap();
        assert_eq!(own.get("/account").await.status, StatusCode::OK);

        own.cookies.remove(&bench.server.config().cookie_name);
        let try_in = async |browser: &mut TestBrowser, password: &str| {
            let page = browser.open(&request()).await;
            browser.sign_in(&page, "r.smith", password).await.status
        };
        for _ in 0..10 {
            assert_eq!(
                try_in(&mut own, "not the password").await,
                StatusCode::FORBIDDEN
            );
        }
        assert_eq!(
            try_in(&mut own, PASSWORD).await,
            StatusCode::TOO_MANY_REQUESTS
        );
        guess(&bench, "r.smith", "198.51.100.4").await;
        bench.admin.unlock_user("r.smith").await.unwrap();
        for _ in 0..2 {
            assert_eq!(try_in(&mut own, PASSWORD).await, StatusCode::SEE_OTHER);
            own.cookies.remove(&bench.server.config().cookie_name);
        }
    })
    .await;
}
