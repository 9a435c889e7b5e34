//! Signing in, seen by those who guess: how many passwords they get to try, and what the answers tell them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::time::Instant;

use support::http::{Answer, Connection, FORM};
use support::office::{Office, USERNAME, hidden_fields};
use support::pair::on_each_engine;
use support::party::Party;
use support::timing::{greater, shown, shuffle};

/// A sign-in page as a browser holds it, which may be sent at another process too.
struct SignInPage {
    cookie: String,
    fields: Vec<(String, String)>,
}

impl SignInPage {
    fn open(connection: &mut Connection) -> Self {
        let page = connection.request("GET", "/login", &[], "");
        let cookie = page.header("set-cookie").unwrap();
        Self {
            cookie: cookie.split(';').next().unwrap().to_owned(),
            fields: hidden_fields(&page, "/login"),
        }
    }

    fn submit(&self, connection: &mut Connection, username: &str, password: &str) -> Answer {
        let mut fields: Vec<(&str, &str)> = self
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        fields.extend([("username", username), ("password", password)]);
        let headers = [
            FORM,
            ("Cookie", &self.cookie),
            ("Sec-Fetch-Site", "same-origin"),
        ];
        let body = oauth::form::encode(&fields);
        connection.request("POST", "/login", &headers, &body)
    }
}

/// Keycloak CVE-2024-4629: parallel guesses beat the lockout. Two processes count in one place, before any password is
/// looked at.
#[test]
fn two_hundred_guesses_over_two_processes_are_counted() {
    on_each_engine(|pair| {
        let parties: [&Party; 2] = [&pair.office.party, &pair.second];
        let ready = std::sync::Barrier::new(200);
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let guesses: Vec<_> = (0..200)
                .map(|number| {
                    let (ready, party) = (&ready, parties[number % 2]);
                    scope.spawn(move || {
                        let mut connection = Connection::http1(party);
                        let page = SignInPage::open(&mut connection);
                        ready.wait();
                        page.submit(
                            &mut connection,
                            USERNAME,
                            &format!("a guess, number {number}"),
                        )
                        .status
                    })
                })
                .collect();
            guesses.into_iter().map(|it| it.join().unwrap()).collect()
        });
        let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
        assert_eq!((count(403), count(429)), (10, 190), "{statuses:?}");
        // And not forgotten by a process that was killed.
        pair.kill_and_restart();
        for party in [&pair.office.party, &pair.second] {
            let mut connection = Connection::http1(party);
            let page = SignInPage::open(&mut connection);
            let held = page.submit(&mut connection, USERNAME, &pair.office.password);
            assert_eq!(held.status, 429, "{held:?}");
        }
    });
}

/// A hash takes 19 MiB: two hundred people at once would take 3.8 GB, one after the other two hashes' worth. Those for whom
/// there is no place are told to come back.
#[test]
fn two_hundred_people_at_once_take_the_memory_of_two() {
    let office = Office::start(&["authorization_server.login_failures_per_source=100000"]);
    let warm = |number: usize| {
        let mut connection = Connection::http1(&office.party);
        let page = SignInPage::open(&mut connection);
        page.submit(
            &mut connection,
            &format!("person{number}"),
            "not the password",
        )
        .status
    };
    for number in 0..4 {
        assert_eq!(warm(number), 403);
    }
    let before = office.party.resident_kib();
    let ready = std::sync::Barrier::new(200);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let (ready, party) = (&ready, &office.party);
        let one = |number: usize| {
            scope.spawn(move || {
                let mut connection = Connection::http1(party);
                let page = SignInPage::open(&mut connection);
                ready.wait();
                page.submit(
                    &mut connection,
                    &format!("crowd{number}"),
                    "not the password",
                )
                .status
            })
        };
        let all: Vec<_> = (0..200).map(one).collect();
        all.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert!(
        statuses.iter().all(|status| [403, 429].contains(status)),
        "{statuses:?}"
    );
    let after = office.party.peak_kib();
    println!("resident: {before} KiB before, {after} KiB at most");
    // Connections, and the second hash's buffer where the first four never met.
    assert!(
        after < before + 80 * 1024,
        "{before} KiB before, {after} KiB at most"
    );
}

/// Interleaved wrong passwords for people who are there, who are disabled, and who are not: the answers are alike to the
/// byte, and the times are those of one kind. A is P(one took longer than one of the unknown), by Mann and
/// Whitney; its standard error is 0.018 with 500 samples a side, so that chance goes beyond the bound once in a
/// hundred thousand comparisons.
#[test]
fn five_hundred_samples_do_not_tell_who_exists() {
    const SAMPLES: usize = 500;
    const BOUND: f64 = 0.08;
    let wide = "authorization_server.login_failures_per_account=100000";
    let office = Office::start(&[
        wide,
        "authorization_server.login_failures_per_source=100000",
    ]);
    let person = [
        "user",
        "add",
        "r.jones",
        "--role",
        "clerk",
        "--scope",
        "user/Bundle.rs",
        "--organization",
        "A Hospital",
        "--jurisdictions",
        "MA",
        "--record-types",
        "birth",
    ];
    office.party.json(&person);
    office.party.json(&["user", "disable", "r.jones"]);
    let kinds = ["r.ghost", USERNAME, "r.jones", "r.nobod"];

    let mut connection = Connection::http1(&office.party);
    let page = SignInPage::open(&mut connection);
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); kinds.len()];
    let mut order: Vec<usize> = (0..kinds.len()).collect();
    let (mut random, mut answers) = (1, std::collections::BTreeSet::new());
    for round in 0..SAMPLES + 20 {
        shuffle(&mut order, &mut random);
        for kind in &order {
            let begun = Instant::now();
            let answer = page.submit(&mut connection, kinds[*kind], "not the password");
            let time = begun.elapsed().as_secs_f64();
            assert_eq!(answer.status, 403, "{answer:?}");
            answers.insert(shown(&answer).replace(kinds[*kind], "USERNAME"));
            if round >= 20 {
                times[*kind].push(time);
            }
        }
    }
    assert_eq!(answers.len(), 1, "{answers:#?}");
    times
        .iter_mut()
        .for_each(|list| list.sort_by(f64::total_cmp));
    for (kind, list) in kinds.iter().zip(&times) {
        let a = greater(list, &times[0]);
        println!(
            "{kind}: median {:.1} ms, A {a:.3}",
            list[list.len() / 2] * 1e3
        );
        assert!(
            (a - 0.5).abs() <= BOUND,
            "{kind} is told apart by time: A = {a:.3}"
        );
    }
}
