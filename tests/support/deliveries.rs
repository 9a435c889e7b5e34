//! Documents that are delivered over a network and to servers that fail.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use vitalgate::sample::{self, Form, Kind};

use super::http::{Answer, Connection, token};
use super::party::Party;

/// A client of a running office that delivers numbered documents, and the ledger of what was answered 2xx.
pub struct Sender {
    ca_pem: Vec<u8>,
    secret: String,
    token: Mutex<String>,
    next: AtomicU32,
    ledger: Mutex<BTreeMap<u32, String>>,
}

/// What the sender knows after a try.
#[derive(Debug)]
pub enum Delivery {
    /// 2xx, with the FHIR id.
    Stored(String),
    /// An answer that says no.
    Refused(Answer),
    /// No answer: nobody knows.
    Unknown,
}

impl Sender {
    /// Registers a client at the running office.
    pub fn new(office: &Party) -> Self {
        let secret = office.add_client("sender", "system/Bundle.crs");
        let sender = Self {
            ca_pem: office.ca_pem(),
            secret,
            token: Mutex::default(),
            next: AtomicU32::new(1),
            ledger: Mutex::default(),
        };
        sender.sign_in(office);
        sender
    }

    /// Gets a token anew.
    pub fn sign_in(&self, office: &Party) {
        let answer = token(office, "sender", &self.secret);
        assert_eq!(answer.status, 200, "{answer:?}");
        let token = answer.json()["access_token"].as_str().unwrap().to_owned();
        *self.token.lock().unwrap() = token;
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token.lock().unwrap())
    }

    /// A number that no document had yet.
    pub fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::SeqCst)
    }

    /// Delivers document `number` by way of `address`, and notes a 2xx in the ledger.
    pub fn deliver(&self, address: SocketAddr, number: u32) -> Delivery {
        let Some(answer) = self.post(address, number) else {
            return Delivery::Unknown;
        };
        if !(200..300).contains(&answer.status) {
            return Delivery::Refused(answer);
        }
        let id = id(&answer);
        let mut ledger = self.ledger.lock().unwrap();
        let before = ledger.insert(number, id.clone());
        assert!(
            before.is_none_or(|before| before == id),
            "document {number} was answered under two ids"
        );
        Delivery::Stored(id)
    }

    /// The answer to a delivery, if one comes.
    pub fn post(&self, address: SocketAddr, number: u32) -> Option<Answer> {
        let bearer = self.bearer();
        let condition = format!("identifier={}", identifier(number));
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/fhir+json"),
            ("If-None-Exist", condition.as_str()),
        ];
        let mut connection = Connection::to(address, &self.ca_pem, &[b"http/1.1"])?;
        connection.try_request("POST", "/fhir/Bundle", &headers, &document(number))
    }

    /// Reads a path with the token.
    pub fn get(&self, address: SocketAddr, path: &str) -> Option<Answer> {
        let bearer = self.bearer();
        let mut connection = Connection::to(address, &self.ca_pem, &[b"http/1.1"])?;
        connection.try_request("GET", path, &[("Authorization", bearer.as_str())], "")
    }

    /// How many documents were answered 2xx.
    pub fn stored(&self) -> usize {
        self.ledger.lock().unwrap().len()
    }

    /// Every document that was answered 2xx is there, whole, and once.
    pub fn check(&self, office: &Party) {
        self.sign_in(office);
        for (number, id) in self.ledger.lock().unwrap().iter() {
            let path = format!("/fhir/Bundle/{id}/$original");
            let answer = self.get(office.address(), &path).unwrap();
            assert_eq!(
                answer.status, 200,
                "document {number} was answered 2xx and is lost"
            );
            assert!(
                answer.body == document(*number),
                "document {number} is not what was sent"
            );
            assert_eq!(self.count(office, *number), 1, "document {number}");
        }
    }

    /// How many records there are of document `number`.
    pub fn count(&self, office: &Party, number: u32) -> u64 {
        let path = format!("/fhir/Bundle?identifier={}", identifier(number));
        let answer = self.get(office.address(), &path).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["total"].as_u64().unwrap()
    }
}

/// The id in the `Location` of an answer.
pub fn id(answer: &Answer) -> String {
    let location = answer.header("location").unwrap();
    let (_, rest) = location.split_once("/Bundle/").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

/// Coded content of document `number`.
fn document(number: u32) -> String {
    let request = sample::Request {
        kind: Kind::Coded,
        form: Form::Jurisdiction,
        jurisdiction: "MA".to_owned(),
        seed: 1,
    };
    String::from_utf8(sample::write(&request, number).unwrap().json).unwrap()
}

/// Its identifier, as a form writes it.
fn identifier(number: u32) -> String {
    format!(
        "http%3A%2F%2Fhl7.org%2Ffhir%2Fus%2Fvr-common-library%2FCodeSystem%2Fcodesystem-ije-vr%7C2026MA{:06}",
        100_000 + number
    )
}

/// Numbers that look like chance and are the same in every run.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number below `limit` (Knuth's linear congruential generator, its upper bits).
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
