//! Whether a stranger can tell registered clients from invented ones, or right secrets from wrong ones, by
//! what the server answers or by how long it takes:
//!
//!     cargo bench --bench client_authentication_timing [-- SAMPLES]
//!
//! It starts a party over TLS and sends, interleaved in random order over one connection, the requests of
//! each group below to the token and the introspection endpoint, 500 of each kind unless said otherwise.
//! Within a group all answers must be alike to the byte, and each kind's times are compared with those
//! of the group's first: A = P(one of the kind took longer than one of the first) by Mann and Whitney. 0.5 is
//! no difference. It fails when an answer differs or A is off by more than [`BOUND`].
//! With `TMPDIR=/dev/shm` the database is in memory, where less noise hides a difference.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement stops at what it did not expect"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;
use std::time::Instant;

use oauth::jose::client_assertion::{self, NewAssertion};
use oauth::jose::{Algorithm, Jwks, SigningKey};
use oauth::{BasicCredentials, Random};
use storage::Clock;
use support::http::{Answer, Connection, FORM};
use support::party::Party;
use support::timing::{greater, shift, shown, shuffle};

/// How far A may be from one half: 4.4 standard errors with 500 samples a side, so that chance reaches it once
/// in a hundred thousand comparisons.
const BOUND: f64 = 0.08;
const SAMPLES: usize = 500;
/// Requests whose times are not counted: caches and statements are prepared.
const WARM_UP: usize = 50;

fn main() -> ExitCode {
    let samples = std::env::args().skip(1).find_map(|text| text.parse().ok());
    let samples = samples.unwrap_or(SAMPLES);
    let mut party = Party::init("vro");
    let registered = Registered::with(&party);
    party.start();
    let mut held = true;
    for endpoint in ["token", "introspect"] {
        for (name, kinds) in registered.groups() {
            println!("\n/oauth2/{endpoint}, {name}: {samples} samples each");
            held &= Measurement::take(&party, endpoint, kinds, samples).report();
        }
    }
    println!(
        "\n{}",
        if held {
            "nothing can be told apart"
        } else {
            "SOMETHING CAN BE TOLD APART"
        }
    );
    ExitCode::from(u8::from(!held))
}

/// What a request brings instead of the right thing.
struct Kind {
    name: &'static str,
    authorization: Option<String>,
    body: String,
}

impl Kind {
    fn basic(name: &'static str, client_id: &str, secret: &str) -> Self {
        let authorization = Some(BasicCredentials::header(client_id, secret));
        Self {
            name,
            authorization,
            body: String::new(),
        }
    }

    fn post(name: &'static str, client_id: &str, secret: &str) -> Self {
        let body = oauth::form::encode(&[("client_id", client_id), ("client_secret", secret)]);
        Self {
            name,
            authorization: None,
            body: format!("&{body}"),
        }
    }

    fn name(name: &'static str, client_id: &str) -> Self {
        Self {
            name,
            authorization: None,
            body: format!("&client_id={client_id}"),
        }
    }

    fn assertion(name: &'static str, jwt: &str) -> Self {
        let assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let pairs = [
            ("client_assertion_type", assertion_type),
            ("client_assertion", jwt),
        ];
        let body = oauth::form::encode(&pairs);
        Self {
            name,
            authorization: None,
            body: format!("&{body}"),
        }
    }

    fn send(&self, connection: &mut Connection, endpoint: &str) -> Answer {
        let mut headers = vec![FORM];
        headers.extend(
            self.authorization
                .as_deref()
                .map(|value| ("Authorization", value)),
        );
        let first = match endpoint {
            "token" => "grant_type=client_credentials",
            _ => "token=vro_0000000000000000000000000000000000000000000",
        };
        let body = format!("{first}{}", self.body);
        connection.request("POST", &format!("/oauth2/{endpoint}"), &headers, &body)
    }
}

/// The clients of the party; all ids and secrets have one length.
struct Registered {
    issuer: String,
    /// Of a client that was disabled, and right.
    disabled: String,
    /// That has expired.
    expired: String,
    key: SigningKey,
}

impl Registered {
    fn with(party: &Party) -> Self {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let keys = Jwks::new([key.public_jwk().clone()]).unwrap();
        let file = party.directory().join("partner.json");
        std::fs::write(&file, keys.to_json().to_string()).unwrap();
        let add = |client_id: &str, more: &[&str]| {
            let fhir = party.fhir();
            let common = [
                "client",
                "add",
                "Any",
                "--client-id",
                client_id,
                "--scope",
                "system/Bundle.rs",
            ];
            let reach = [
                "--audience",
                &fhir,
                "--organization",
                "Any",
                "--jurisdictions",
                "MA",
            ];
            let types = ["--record-types", "birth"];
            let added = party.json(&[&common[..], &reach, &types, more].concat());
            added["client_secret"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        add("known-00", &[]);
        add("posted-0", &["--auth", "client_secret_post"]);
        let disabled = add("disabled", &[]);
        assert!(
            party
                .command(&["client", "disable", "disabled"])
                .status
                .success()
        );
        let soon = Clock::system().now() + LIFE;
        let expired = add("expired-", &["--secret-expires", &soon.to_string()]);
        add(
            "public-0",
            &[
                "--auth",
                "none",
                "--redirect-uri",
                "http://127.0.0.1/callback",
            ],
        );
        add(
            "signing-",
            &[
                "--auth",
                "private_key_jwt",
                "--jwks",
                file.to_str().unwrap(),
            ],
        );
        std::thread::sleep(LIFE);
        Self {
            issuer: party.origin(),
            disabled,
            expired,
            key,
        }
    }

    fn groups(&self) -> [(&'static str, Vec<Kind>); 4] {
        let wrong = "0".repeat(self.disabled.len());
        let basic = |name, client_id| Kind::basic(name, client_id, &wrong);
        let secrets = vec![
            basic("unknown client", "unknown-"),
            basic("wrong secret", "known-00"),
            Kind::basic("disabled client, right secret", "disabled", &self.disabled),
            Kind::basic("expired secret", "expired-", &self.expired),
            basic("public client with a secret", "public-0"),
            basic("signing client with a secret", "signing-"),
            basic("unknown client again", "unknown1"),
        ];
        let posted = vec![
            Kind::post("unknown client", "unknown-", &wrong),
            Kind::post("wrong secret", "posted-0", &wrong),
            Kind::post("another method's client", "known-00", &wrong),
        ];
        let names = vec![
            Kind::name("unknown client", "unknown-"),
            Kind::name("client with a secret", "known-00"),
            Kind::name("disabled client", "disabled"),
        ];
        let assertions = vec![
            Kind::assertion("unknown client", &self.junk("unknown-")),
            Kind::assertion(
                "signing client, another's signature",
                &self.junk("signing-"),
            ),
            Kind::assertion("client with a secret", &self.junk("known-00")),
        ];
        [
            ("Basic", secrets),
            ("secret in the body", posted),
            ("name only", names),
            ("assertions", assertions),
        ]
    }

    /// A well-formed assertion under the client's key id that somebody else has signed.
    fn junk(&self, client_id: &str) -> String {
        let other = SigningKey::generate(Algorithm::ES256).unwrap().to_pem();
        let key =
            SigningKey::from_pem(other.expose(), Algorithm::ES256, Some(self.key.kid())).unwrap();
        let assertion = NewAssertion {
            client_id,
            audience: &self.issuer,
            token_endpoint_style: false,
        };
        let now = Clock::system().now();
        client_assertion::sign(&key, &assertion, &Random::seeded(1), now).unwrap()
    }
}

/// How long the secret lives that is to be expired.
const LIFE: std::time::Duration = std::time::Duration::from_secs(3);

struct Measurement {
    kinds: Vec<Kind>,
    /// Microseconds, a list for each kind.
    times: Vec<Vec<f64>>,
    /// What each kind was answered first, without what differs from answer to answer.
    answers: Vec<String>,
    alike: bool,
}

impl Measurement {
    fn take(party: &Party, endpoint: &str, kinds: Vec<Kind>, samples: usize) -> Self {
        let mut connection = Connection::http1(party);
        let answers: Vec<_> = kinds
            .iter()
            .map(|it| shown(&it.send(&mut connection, endpoint)))
            .collect();
        let mut times = vec![Vec::with_capacity(samples); kinds.len()];
        let mut alike = answers.iter().all(|answer| *answer == answers[0]);
        let mut order: Vec<usize> = (0..kinds.len()).collect();
        let mut random = 1;
        for round in 0..samples + WARM_UP {
            shuffle(&mut order, &mut random);
            for kind in &order {
                let start = Instant::now();
                let answer = kinds[*kind].send(&mut connection, endpoint);
                let time = start.elapsed().as_secs_f64() * 1e6;
                alike &= shown(&answer) == answers[0];
                if round >= WARM_UP {
                    times[*kind].push(time);
                }
            }
        }
        times
            .iter_mut()
            .for_each(|list| list.sort_by(f64::total_cmp));
        Self {
            kinds,
            times,
            answers,
            alike,
        }
    }

    /// Prints it; whether nothing can be told apart.
    fn report(&self) -> bool {
        let mut held = self.alike;
        println!("  {}", self.answers[0].lines().next().unwrap_or_default());
        println!(
            "  {:<38}{:>9}{:>9}{:>9}{:>9}{:>8}",
            "kind", "median", "p25", "p75", "shift", "A"
        );
        for (kind, times) in self.kinds.iter().zip(&self.times) {
            let a = greater(times, &self.times[0]);
            let quarter = |part: usize| times[times.len() * part / 4];
            let shift = shift(times, &self.times[0]);
            let apart = (a - 0.5).abs() > BOUND;
            let verdict = if apart { "  told apart" } else { "" };
            let (p25, median, p75) = (quarter(1), quarter(2), quarter(3));
            println!(
                "  {:<38}{median:>9.0}{p25:>9.0}{p75:>9.0}{shift:>+9.1}{a:>8.3}{verdict}",
                kind.name
            );
            held &= !apart;
        }
        if !self.alike {
            println!("  the answers differ:");
            self.answers
                .iter()
                .for_each(|answer| println!("    {answer:?}"));
        }
        held
    }
}
