//! Signs whatever a test wants to see refused: our own code signs only what is right.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::office::OTHER;
use crate::support::party::Party;

/// A P-256 key of a client, or of somebody who would like to be one.
pub struct Forge {
    key: EcdsaKeyPair,
    kid: String,
}

impl Forge {
    pub fn new(kid: &str) -> Self {
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            kid: kid.to_owned(),
        }
    }

    /// Registers an API client with the public key.
    pub fn register(&self, party: &Party, client_id: &str) {
        let file = party.directory().join(format!("{client_id}.json"));
        let keys = json!({ "keys": [self.jwk()] }).to_string();
        std::fs::write(&file, keys).unwrap();
        let mut command = vec!["client", "add", client_id, "--client-id", client_id];
        command.extend([
            "--auth",
            "private_key_jwt",
            "--jwks",
            file.to_str().unwrap(),
        ]);
        command.extend(["--scope", "system/Bundle.rs", "--audience", OTHER]);
        command.extend(["--organization", "A Hospital", "--jurisdictions", "MA"]);
        command.extend(["--record-types", "birth"]);
        party.json(&command);
    }

    /// The public key (RFC 7517).
    pub fn jwk(&self) -> Value {
        // Uncompressed point: 4, x, y (SEC 1 section 2.3.3).
        let point = self.key.public_key().as_ref();
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid,
            "x": encode(&point[1..33]), "y": encode(&point[33..65]),
        })
    }

    /// The header of a good assertion (RFC 10070).
    pub fn header(&self) -> Value {
        json!({ "alg": "ES256", "typ": "client-authentication+jwt", "kid": self.kid })
    }

    /// Signs any JSON as header and claims.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    /// Signs any text as header and claims.
    pub fn sign_text(&self, header: &str, claims: &str) -> String {
        self.sign_parts(&encode(header.as_bytes()), &encode(claims.as_bytes()))
    }

    /// Signs parts that are encoded already, in whatever way.
    #[expect(
        clippy::disallowed_methods,
        reason = "a signature's nonce is the library's to choose"
    )]
    pub fn sign_parts(&self, header: &str, claims: &str) -> String {
        let signed = format!("{header}.{claims}");
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes());
        format!("{signed}.{}", encode(signature.unwrap().as_ref()))
    }

    /// A good assertion of `client_id` for `audience`.
    pub fn assertion(&self, client_id: &str, audience: &str) -> String {
        self.sign(&self.header(), &claims(client_id, audience))
    }
}

/// The claims of a good assertion.
pub fn claims(client_id: &str, audience: &str) -> Value {
    let now = storage::Clock::system().now().as_second();
    json!({
        "iss": client_id, "sub": client_id, "aud": audience, "iat": now, "exp": now + 120,
        "jti": oauth::Secret::generate(&oauth::Random::system()).expose(),
    })
}

/// `value` with members replaced; `null` removes one.
pub fn with(mut value: Value, changes: &Value) -> Value {
    let object = value.as_object_mut().unwrap();
    for (name, change) in changes.as_object().unwrap() {
        if change.is_null() {
            object.remove(name);
        } else {
            object.insert(name.clone(), change.clone());
        }
    }
    value
}

pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
