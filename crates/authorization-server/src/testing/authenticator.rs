//! For tests: a device with a passkey, and the script of our pages. It shares no code with what is tested.

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::pages::testing::{Page, TestBrowser};

/// One passkey on one device, and what may be wrong with it.
pub(crate) struct Device {
    key: EcdsaKeyPair,
    pub(crate) id: Vec<u8>,
    pub(crate) user_handle: Option<Vec<u8>>,
    /// 0: it has none.
    pub(crate) counter: u32,
    pub(crate) verifies: bool,
    pub(crate) origin: &'static str,
    pub(crate) rp_id: &'static str,
    pub(crate) framed: bool,
}

impl Device {
    pub(crate) fn new(id: &[u8]) -> Self {
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
            id: id.to_vec(),
            user_handle: None,
            counter: 0,
            verifies: true,
            origin: super::ISSUER,
            rp_id: "vro.example",
            framed: false,
        }
    }

    /// Makes the passkey that a question asks for.
    pub(crate) fn make(&mut self, question: &Value) -> String {
        let options = &question["publicKey"];
        self.user_handle = Some(decoded(&options["user"]["id"]));
        let client_data = self.client_data("webauthn.create", options);
        let point = self.key.public_key().as_ref();
        let key = [
            &[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32],
            &point[1..33],
            &[0x22, 0x58, 32],
            &point[33..],
        ];
        let length = u16::try_from(self.id.len()).unwrap().to_be_bytes();
        let made = [&[0; 16], length.as_slice(), &self.id, &key.concat()].concat();
        let data = [self.data(0x40), made].concat();
        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
        let object = [
            b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".as_slice(),
            &length,
            &data,
        ];
        self.posted(&json!({
            "attestationObject": encoded(&object.concat()),
            "clientDataJSON": encoded(&client_data),
        }))
    }

    /// Answers a question.
    pub(crate) fn answer(&mut self, question: &Value) -> String {
        if self.counter > 0 {
            self.counter += 1;
        }
        let client_data = self.client_data("webauthn.get", &question["publicKey"]);
        let data = self.data(0);
        let signed = [data.as_slice(), hash(&client_data).as_ref()].concat();
        #[expect(
            clippy::disallowed_methods,
            reason = "the library wants one and does not use it"
        )]
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        self.posted(&json!({
            "authenticatorData": encoded(&data),
            "clientDataJSON": encoded(&client_data),
            "signature": encoded(signature.as_ref()),
            "userHandle": self.user_handle.as_deref().map(encoded),
        }))
    }

    fn posted(&self, response: &Value) -> String {
        let id = encoded(&self.id);
        json!({ "id": id, "rawId": id, "type": "public-key", "response": response }).to_string()
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let (challenge, origin) = (&options["challenge"], self.origin);
        let data = json!({
            "type": kind, "challenge": challenge, "origin": origin, "crossOrigin": self.framed,
        });
        data.to_string().into_bytes()
    }

    /// Authenticator data without what was made: present, verified, the counter.
    fn data(&self, flags: u8) -> Vec<u8> {
        let flags = flags | 1 | if self.verifies { 4 } else { 0 };
        let id = hash(self.rp_id.as_bytes());
        [id.as_ref(), &[flags], &self.counter.to_be_bytes()].concat()
    }
}

fn hash(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, bytes)
}

pub(crate) fn encoded(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn decoded(text: &Value) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD
        .decode(text.as_str().unwrap())
        .unwrap()
}

/// What the script does with a form: the question to it.
pub(crate) async fn ask(browser: &mut TestBrowser, page: &Page, action: &str) -> Value {
    let fields = page.form(action);
    let answer = browser.post(&format!("{action}/options"), &fields).await;
    assert_eq!(answer.status, 200, "{} {}", answer.location(), answer.html);
    serde_json::from_str(&answer.html).unwrap()
}

/// And the answer.
pub(crate) async fn post(
    browser: &mut TestBrowser,
    page: &Page,
    (action, question): (&str, &Value),
    credential: &str,
) -> Page {
    let mut fields = page.form(action);
    fields.retain(|(name, _)| !["ceremony", "credential"].contains(&name.as_str()));
    let ceremony = question["ceremony"].as_str().unwrap();
    fields.push(("ceremony".to_owned(), ceremony.to_owned()));
    fields.push(("credential".to_owned(), credential.to_owned()));
    if action == ADD {
        fields.push(("name".to_owned(), "my phone".to_owned()));
    }
    browser.post(action, &fields).await
}

/// Adds a passkey to the account that is signed in just now: the page after it.
pub(crate) async fn add(browser: &mut TestBrowser, device: &mut Device) -> Page {
    let page = browser.get(ADD).await;
    let question = ask(browser, &page, ADD).await;
    let made = device.make(&question);
    post(browser, &page, (ADD, &question), &made).await
}

/// Gives a passkey on a page that asks for one.
pub(crate) async fn give(browser: &mut TestBrowser, page: &Page, device: &mut Device) -> Page {
    let question = ask(browser, page, GIVE).await;
    let answer = device.answer(&question);
    post(browser, page, (GIVE, &question), &answer).await
}

/// Signs in with it alone.
pub(crate) async fn sign_in(browser: &mut TestBrowser, device: &mut Device) -> Page {
    let login = browser.get("/login").await;
    give(browser, &login, device).await
}

pub(crate) const ADD: &str = "/account/passkeys";
pub(crate) const GIVE: &str = "/login/passkey";
