//! For tests: a real OpenID Provider over HTTPS that answers as a test says, and a browser that goes there and back.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use oauth::jose::{Algorithm, Jwks, SigningKey};
use oauth::{Scope, Secret, form};
use outbound::testing::{Answer, Authority, Recorded, Server};
use serde_json::{Value, json};
use storage::Db;
use url::Url;

use super::{Credentials, Given, IdentityProvider, Mapping};
use crate::Config;
use crate::pages::testing::{Page, TestBrowser, register};
use crate::testing::{Bench, USER_SCOPE, config};

/// A provider as an operator might configure it.
pub(crate) fn provider(issuer: &str) -> IdentityProvider {
    let roles = [
        ("Vital Records Staff", "registrar"),
        ("Deputies", "registrar"),
        ("Auditors", "auditor"),
        ("Heads", "administrator"),
    ];
    let roles = roles.map(|(group, role)| (group.to_owned(), role.to_owned()));
    IdentityProvider {
        name: "state".to_owned(),
        label: "State of Example".to_owned(),
        issuer: issuer.to_owned(),
        client_id: "vro-client".to_owned(),
        credentials: Credentials::Secret(Arc::new(Secret::received("s3cret".to_owned()))),
        scope: "openid profile".to_owned(),
        mapping: Mapping {
            username_claim: "preferred_username".to_owned(),
            role_claim: "roles".to_owned(),
            roles: BTreeMap::from(roles),
            organization: Given::Fixed("general-hospital".to_owned()),
            all_organizations_for: vec!["auditor".to_owned()],
            jurisdictions: Given::Fixed(vec!["MA".to_owned()]),
            record_types: Given::Fixed(vec!["birth".to_owned()]),
            user_scope: Scope::parse(USER_SCOPE).unwrap(),
            user_scopes: BTreeMap::new(),
        },
        create_users: true,
        satisfies_second_factor: vec![],
        sign_out_there: false,
        redirect_origins: vec![],
    }
}

/// What the provider answers.
pub(crate) struct Script {
    /// Members of the metadata, put over the right ones.
    pub(crate) metadata: Value,
    pub(crate) metadata_status: u16,
    pub(crate) keys: Vec<oauth::jose::Jwk>,
    pub(crate) token_status: u16,
    pub(crate) token: String,
    /// Instead of `token`, by the code that is redeemed.
    pub(crate) tokens: BTreeMap<String, String>,
    pub(crate) token_header: Option<(&'static str, &'static str)>,
}

/// A provider, and a server of ours that knows it.
pub(crate) struct There {
    pub(crate) op: Server,
    pub(crate) script: Arc<Mutex<Script>>,
    pub(crate) key: SigningKey,
    pub(crate) bench: Bench,
}

/// What we sent the browser there with.
pub(crate) struct Sent {
    pub(crate) page: Page,
    pub(crate) parameters: BTreeMap<String, String>,
}

impl Sent {
    pub(crate) fn get(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }
}

impl There {
    pub(crate) async fn new(change: impl FnOnce(&mut IdentityProvider, &mut Config)) -> Self {
        Self::build(None, change).await
    }

    pub(crate) async fn on(db: Db) -> Self {
        Self::build(Some(db), |_, _| {}).await
    }

    async fn build(
        db: Option<Db>,
        change: impl FnOnce(&mut IdentityProvider, &mut Config),
    ) -> Self {
        oauth::jose::install();
        let authority = Authority::new();
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let script = Arc::new(Mutex::new(Script {
            metadata: json!({}),
            metadata_status: 200,
            keys: vec![key.public_jwk().clone()],
            token_status: 200,
            token: "{}".to_owned(),
            tokens: BTreeMap::new(),
            token_header: None,
        }));
        let shared = Arc::clone(&script);
        let op = Server::start(&authority, move |origin, asked| {
            answer(&shared.lock().unwrap(), origin, asked)
        })
        .await;
        let mut config = config();
        let mut provider = provider(&op.origin());
        change(&mut provider, &mut config);
        config.identity_providers.push(provider);
        let bench = match db {
            Some(db) => Bench::with(db, authority.trust(), config).await,
            None => Bench::configured(authority.trust(), config).await,
        };
        register(&bench).await;
        Self {
            op,
            script,
            key,
            bench,
        }
    }

    pub(crate) fn script(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock().unwrap());
    }

    /// Presses the button of a sign-in page.
    pub(crate) async fn press(&self, browser: &mut TestBrowser, page: &Page) -> Sent {
        let page = browser
            .post("/login/with/state", &page.form("/login/with/state"))
            .await;
        let parameters = Url::parse(page.location())
            .map(|url| url.query_pairs().into_owned().collect())
            .unwrap_or_default();
        Sent { page, parameters }
    }

    /// The claims of a right answer, with others put over them; `null` takes one away.
    pub(crate) fn claims(&self, sent: &Sent, changes: &Value) -> Value {
        let now = self.bench.clock.now().as_second();
        let mut claims = json!({
            "iss": self.op.origin(), "sub": "248289761001", "aud": "vro-client",
            "nonce": sent.get("nonce"), "iat": now, "exp": now + 300,
            "preferred_username": "J.Doe@state.example", "roles": ["Vital Records Staff"],
        });
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name.as_str()] = value.clone();
            }
        }
        claims
    }

    /// The provider's ID Token will say this.
    pub(crate) fn will_say(&self, claims: &Value) {
        let jwt = signed(&self.key, claims, |_| {});
        self.will_give(&jwt);
    }

    pub(crate) fn will_give(&self, jwt: &str) {
        let token = token_response(jwt);
        self.script(|script| script.token = token);
    }

    /// Comes back with a code.
    pub(crate) async fn back(&self, browser: &mut TestBrowser, sent: &Sent) -> Page {
        let issuer = self.op.origin();
        let answer = [
            ("code", "c-1"),
            ("state", sent.get("state")),
            ("iss", &issuer),
        ];
        browser.get(&callback(&answer)).await
    }

    /// The whole way from a sign-in page, with changed claims.
    pub(crate) async fn walk(
        &self,
        browser: &mut TestBrowser,
        page: &Page,
        changes: &Value,
    ) -> Page {
        let sent = self.press(browser, page).await;
        assert_eq!(sent.page.status.as_u16(), 303, "{}", sent.page.html);
        self.will_say(&self.claims(&sent, changes));
        self.back(browser, &sent).await
    }

    /// Signs in to the account, with changed claims.
    pub(crate) async fn sign_in(&self, changes: &Value) -> (TestBrowser, Page) {
        let mut browser = TestBrowser::new(&self.bench);
        let login = browser.get("/login").await;
        let page = self.walk(&mut browser, &login, changes).await;
        (browser, page)
    }

    /// The reasons of refused sign-ins, the newest first.
    pub(crate) async fn refusals(&self) -> Vec<String> {
        let rows = self.bench.audit("login.identity-provider").await;
        let denied = rows
            .into_iter()
            .filter(|row| row.outcome == storage::Outcome::Denied);
        denied.filter_map(|row| row.reason).collect()
    }
}

pub(crate) fn token_response(jwt: &str) -> String {
    json!({"access_token": "at-1", "token_type": "Bearer", "id_token": jwt}).to_string()
}

pub(crate) fn callback(answer: &[(&str, &str)]) -> String {
    format!("/login/with/state/callback?{}", form::encode(answer))
}

/// A JWT of a key, with a changed header.
pub(crate) fn signed(
    key: &SigningKey,
    claims: &Value,
    change: impl FnOnce(&mut jsonwebtoken::Header),
) -> String {
    let mut header = jsonwebtoken::Header::new(key.algorithm().as_str().parse().unwrap());
    header.kid = Some(key.kid().to_owned());
    change(&mut header);
    let pem = key.to_pem();
    let pem = pem.expose().as_bytes();
    let encoding = match key.algorithm() {
        Algorithm::ES256 | Algorithm::ES384 => jsonwebtoken::EncodingKey::from_ec_pem(pem),
        Algorithm::EdDSA => jsonwebtoken::EncodingKey::from_ed_pem(pem),
        _ => jsonwebtoken::EncodingKey::from_rsa_pem(pem),
    };
    jsonwebtoken::encode(&header, claims, &encoding.unwrap()).unwrap()
}

fn answer(script: &Script, origin: &str, asked: &Recorded) -> Answer {
    match asked.target.as_str() {
        "/.well-known/openid-configuration" => {
            let mut metadata = json!({
                "issuer": origin,
                "authorization_endpoint": format!("{origin}/auth?tenant=1"),
                "token_endpoint": format!("{origin}/token"),
                "jwks_uri": format!("{origin}/jwks"),
                "end_session_endpoint": format!("{origin}/logout"),
                "authorization_response_iss_parameter_supported": true,
            });
            for (name, value) in script.metadata.as_object().unwrap() {
                metadata[name.as_str()] = value.clone();
            }
            Answer::json(script.metadata_status, metadata.to_string())
        }
        "/jwks" => {
            let keys = Jwks::new(script.keys.clone()).unwrap();
            Answer::json(200, keys.to_json().to_string())
        }
        "/token" => {
            let code = asked.form("code").pop().unwrap_or_default();
            let token = script.tokens.get(&code).unwrap_or(&script.token);
            let answer = Answer::json(script.token_status, token.clone());
            match script.token_header {
                Some((name, value)) => answer.header(name, value),
                None => answer,
            }
        }
        _ => Answer::empty(404),
    }
}
