//! How much work a sign-in costs, and whom.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;

use axum::http::StatusCode;
use jiff::SignedDuration;
use storage::{Outcome, Transaction, Work};

use crate::pages::testing::*;
use crate::testing::*;

/// Wrong password, unknown name, disabled account: one answer, one amount of work.
#[tokio::test]
async fn refusals_are_alike() {
    let bench = bench().await;
    bench.admin.add_user(new_user("gone")).await.unwrap();
    bench.admin.set_user_disabled("gone", true).await.unwrap();
    let mut shown = Vec::new();
    for (username, password) in [
        ("r.smith", "wrong wrong wrong"),
        ("r.smith", ""),
        ("nobody", "wrong wrong wrong"),
        ("nobody", PASSWORD),
        ("gone", PASSWORD),
        ("gone", "wrong wrong wrong"),
        ("", PASSWORD),
    ] {
        let mut browser = TestBrowser::new(&bench);
        let page = browser.open(&request()).await;
        let before = bench.server.people().evaluated();
        let page = browser.sign_in(&page, username, password).await;
        assert_eq!(bench.server.people().evaluated(), before + 1, "{username}");
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{username}");
        assert!(!browser.cookies.contains_key("__Host-vro-session"));
        assert!(
            page.html
                .contains("The username or the password is not right.")
        );
        let fields = page.form("/login");
        let mut html = page.html.replace(&format!("value=\"{username}\""), "");
        for (_, value) in fields {
            html = html.replace(&value, "");
        }
        let headers: Vec<_> = page
            .headers
            .iter()
            .filter(|(name, _)| *name != "content-length")
            .collect();
        shown.push(format!("{headers:?}{html}"));
    }
    assert!(shown.iter().all(|page| page == &shown[0]));

    let audit = bench.audit("login").await;
    assert!(audit.iter().all(|row| row.outcome == Outcome::Denied));
    // The audit knows who; it never holds what was typed.
    assert_eq!(audit.iter().filter(|row| row.subject.is_some()).count(), 4);
    assert!(!format!("{audit:?}").contains("nobody"));
}

/// A full house costs nobody an attempt, and whoever goes away leaves the queue.
#[tokio::test]
async fn a_full_house_answers_429() {
    let bench = Arc::new(bench().await);
    let people = bench.server.people();
    let all = people.places().acquire_many_owned(2).await.unwrap();
    let queue = bench.server.config().limits.password_queue;
    for _ in 0..2 {
        let wait = async |bench: Arc<Bench>, name: String| guess(&bench, &name, "::1").await;
        let waiting: Vec<_> = (0..queue)
            .map(|number| tokio::spawn(wait(Arc::clone(&bench), format!("n{number}"))))
            .collect();
        while people.waiting() < queue {
            tokio::task::yield_now().await;
        }
        for _ in 0..11 {
            let page = guess(&bench, "r.smith", "192.0.2.7").await;
            assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(page.header("retry-after"), "5");
            assert!(page.html.contains("Many people are signing in"));
        }
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
        while people.waiting() > 0 {
            tokio::task::yield_now().await;
        }
        bench.clock.advance(SignedDuration::from_hours(1));
    }
    drop(all);
    assert_eq!(people.evaluated(), 0);
    TestBrowser::new(&bench)
        .reach_consent(&request(), "r.smith")
        .await;
    assert_eq!(people.evaluated(), 1);
}

struct Outdate(String);

impl Work for Outdate {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        let sql = "UPDATE resource_owner SET password_hash = $1 WHERE username = 'r.smith'";
        tx.execute(sql, &[self.0.as_str().into()]).await?;
        Ok(())
    }
}

#[tokio::test]
async fn an_outdated_hash_is_replaced_at_the_next_sign_in() {
    let bench = bench().await;
    let hash = crate::password::tests::outdated(PASSWORD);
    bench
        .server
        .db()
        .write(Outdate(hash.clone()))
        .await
        .unwrap();
    let stored = async || {
        let user = crate::store::users::find_by_username(bench.server.db(), "r.smith");
        user.await.unwrap().unwrap().password_hash
    };
    guess(&bench, "r.smith", "192.0.2.7").await;
    assert_eq!(stored().await, hash);
    TestBrowser::new(&bench)
        .reach_consent(&request(), "r.smith")
        .await;
    assert!(
        stored()
            .await
            .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
    );
    TestBrowser::new(&bench)
        .reach_consent(&request(), "r.smith")
        .await;
}
