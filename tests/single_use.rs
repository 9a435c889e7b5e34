//! What is good once is good once: over two processes on one database, in parallel, and after a kill.
//!
//! On SQLite both processes open the same file; on PostgreSQL, where `DATABASE_URL` names a server, they share a
//! database of their own.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::collections::BTreeSet;

use support::http::{Answer, Connection, FORM};
use support::office::{CC, VERIFIER};
use support::pair::on_each_engine;
use support::party::Party;

fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|it| it.status).collect()
}

const MANY: usize = 100;
const JWT_BEARER: &str =
    "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn code_form(code: &str) -> String {
    format!("grant_type=authorization_code&client_id=app&code={code}&code_verifier={VERIFIER}")
}

fn refresh_form(token: &str) -> String {
    format!("grant_type=refresh_token&client_id=app&refresh_token={token}")
}

#[test]
fn of_a_hundred_redemptions_of_a_code_one_succeeds_and_a_kill_forgets_none() {
    on_each_engine(|pair| {
        let code = pair.office.code("app");
        let answers = pair.at_once(MANY, "/oauth2/token", &code_form(&code));
        let good: Vec<&Answer> = answers.iter().filter(|it| it.status == 200).collect();
        assert_eq!(good.len(), 1, "{:?}", statuses(&answers));
        assert!(
            answers.iter().all(|it| [200, 400].contains(&it.status)),
            "{:?}",
            statuses(&answers)
        );
        // 99 of them were a second use: what the one gave has ended (RFC 6749 section 4.1.2).
        let given = good[0].json();
        assert!(
            !pair
                .office
                .is_active(given["access_token"].as_str().unwrap())
        );
        pair.kill_and_restart();
        let again = pair.at_once(2, "/oauth2/token", &code_form(&code));
        assert_eq!(statuses(&again), [400, 400]);
    });
}

#[test]
fn of_a_hundred_uses_of_an_assertion_one_succeeds_and_a_kill_forgets_none() {
    on_each_engine(|pair| {
        let form = format!(
            "{CC}&{JWT_BEARER}&client_assertion={}",
            pair.office.assertion()
        );
        let answers = pair.at_once(MANY, "/oauth2/token", &form);
        let good = answers.iter().filter(|it| it.status == 200).count();
        assert_eq!(good, 1, "{:?}", statuses(&answers));
        assert!(
            answers.iter().all(|it| [200, 401].contains(&it.status)),
            "{:?}",
            statuses(&answers)
        );
        pair.kill_and_restart();
        assert_eq!(
            statuses(&pair.at_once(2, "/oauth2/token", &form)),
            [401, 401]
        );
    });
}

#[test]
fn a_refresh_token_has_one_successor_and_a_later_use_ends_the_family() {
    on_each_engine(|pair| {
        let (access, first) = pair.office.session();
        // No more than a busy machine answers in the seconds in which a lost answer may be asked for again.
        let answers = pair.at_once(MANY / 4, "/oauth2/token", &refresh_form(&first));
        let successors: BTreeSet<String> = answers
            .iter()
            .filter(|it| it.status == 200)
            .map(|it| it.json()["refresh_token"].as_str().unwrap().to_owned())
            .collect();
        // Lost answers may be asked for again for some seconds, and then give the same one.
        assert_eq!(successors.len(), 1, "{:?}", statuses(&answers));
        let second = successors.first().unwrap().clone();
        pair.kill_and_restart();
        let next = pair.at_once(1, "/oauth2/token", &refresh_form(&second));
        let third = next[0].json()["refresh_token"].as_str().unwrap().to_owned();
        pair.kill_and_restart();
        // The first is used again although its successor was: two hold it.
        assert_eq!(
            statuses(&pair.at_once(1, "/oauth2/token", &refresh_form(&first))),
            [400]
        );
        assert_eq!(
            statuses(&pair.at_once(2, "/oauth2/token", &refresh_form(&third))),
            [400, 400]
        );
        assert!(!pair.office.is_active(&access));
    });
}

#[test]
fn a_refresh_that_races_a_revocation_leaves_nothing() {
    on_each_engine(|pair| {
        for _ in 0..40 {
            let (access, refresh) = pair.office.session();
            let answers: Vec<Answer> = std::thread::scope(|scope| {
                let form = refresh_form(&refresh);
                let revoke = format!("token={refresh}&client_id=app");
                let second = &pair.second;
                let office = &pair.office;
                let refreshing = (0..5).map(|_| {
                    let form = form.clone();
                    scope.spawn(move || {
                        Connection::http1(second).request("POST", "/oauth2/token", &[FORM], &form)
                    })
                });
                let refreshing: Vec<_> = refreshing.collect();
                let revoking = scope.spawn(move || office.post("/oauth2/revoke", None, &revoke));
                let answers = refreshing
                    .into_iter()
                    .map(|it| it.join().unwrap())
                    .collect();
                assert_eq!(revoking.join().unwrap().status, 200);
                answers
            });
            assert!(!pair.office.is_active(&access));
            for answer in answers.iter().filter(|it| it.status == 200) {
                let given = answer.json();
                assert!(
                    !pair
                        .office
                        .is_active(given["access_token"].as_str().unwrap())
                );
                let refresh = given["refresh_token"].as_str().unwrap();
                assert_eq!(pair.office.refresh("app", refresh, "").status, 400);
            }
        }
    });
}

#[test]
fn what_one_process_ends_the_other_refuses_at_once() {
    on_each_engine(|pair| {
        let token = pair.office.api_token("");
        let read = |party: &Party| {
            let bearer = format!("Bearer {token}");
            Connection::http1(party)
                .request("GET", "/fhir/Bundle/1", &[("Authorization", &bearer)], "")
                .status
        };
        assert_eq!((read(&pair.office.party), read(&pair.second)), (404, 404));
        pair.office.party.json(&["client", "disable", "api"]);
        assert_eq!((read(&pair.office.party), read(&pair.second)), (401, 401));
    });
}
