//! A running vital records office with a client of every kind and one person, and the requests that tests make.

use std::collections::BTreeMap;

use oauth::jose::client_assertion::{self, NewAssertion};
use oauth::jose::{Algorithm, Jwks, SigningKey};
use oauth::pkce::CodeVerifier;
use oauth::{BasicCredentials, Random};

use super::http::{Answer, Connection, FORM};
use super::party::Party;

/// Where people's clients take codes back.
pub const CALLBACK: &str = "https://client.example/cb?k=v";
/// RFC 8252 section 7.3: registered without a port.
pub const LOOPBACK: &str = "http://127.0.0.1/cb";
/// Another resource server that the office issues tokens for.
pub const OTHER: &str = "https://other.example/fhir";
/// RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub const USERNAME: &str = "r.smith";
pub const CC: &str = "grant_type=client_credentials";

/// The office.
pub struct Office {
    pub party: Party,
    /// Secrets by client id: `api`, `web`, `off`, `rs` (introspects for the office), `other-rs`.
    pub secrets: BTreeMap<String, String>,
    /// The key of the client `jwt`.
    pub key: SigningKey,
    pub password: String,
}

impl Office {
    /// Starts it; `settings` are `SECTION.KEY=VALUE`.
    pub fn start(settings: &[&str]) -> Self {
        let wide = "authorization_server.login_failures_per_source=1000";
        let party = Party::running(&[&[wide], settings].concat());
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let mut office = Self {
            party,
            secrets: BTreeMap::new(),
            key,
            password: String::new(),
        };
        office.register();
        office
    }

    fn register(&mut self) {
        let jwks = Jwks::new([self.key.public_jwk().clone()])
            .unwrap()
            .to_json();
        let file = self.party.directory().join("jwks.json");
        std::fs::write(&file, jwks.to_string()).unwrap();
        let file = file.display().to_string();
        let added = self.party.json(&[
            "resource-server",
            "add",
            OTHER,
            "--name",
            "other",
            "--organization",
            "Other",
            "--client-id",
            "other-rs",
        ]);
        self.keep("other-rs", &added);
        let fhir = self.party.fhir();
        let audiences = ["--audience", fhir.as_str(), "--audience", OTHER];
        let rights = [
            "--organization",
            "A Hospital",
            "--jurisdictions",
            "MA",
            "--record-types",
            "birth",
        ];
        let system = ["--scope", "system/Bundle.crs"];
        let user = ["--scope", "user/Bundle.rs"];
        let redirects = ["--redirect-uri", CALLBACK, "--redirect-uri", LOOPBACK];
        let kinds: [(&str, &[&str]); 7] = [
            ("api", &system),
            ("off", &system),
            (
                "post",
                &[
                    "--scope",
                    "system/Bundle.crs",
                    "--auth",
                    "client_secret_post",
                ],
            ),
            (
                "jwt",
                &[
                    "--scope",
                    "system/Bundle.crs",
                    "--auth",
                    "private_key_jwt",
                    "--jwks",
                    &file,
                ],
            ),
            (
                "app",
                &[&user[..], &redirects, &["--auth", "none"]].concat(),
            ),
            (
                "app2",
                &[&user[..], &redirects, &["--auth", "none"]].concat(),
            ),
            ("web", &[&user[..], &redirects].concat()),
        ];
        for (id, more) in kinds {
            let arguments = [
                &["client", "add", id, "--client-id", id][..],
                more,
                &audiences,
                &rights,
            ]
            .concat();
            let added = self.party.json(&arguments);
            self.keep(id, &added);
        }
        self.party.json(&["client", "disable", "off"]);
        let person = [
            &["user", "add", USERNAME, "--role", "registrar"][..],
            &user,
            &rights,
        ]
        .concat();
        self.password = self.party.json(&person)["password"]
            .as_str()
            .unwrap()
            .to_owned();
        let own = self.party.directory().join("secrets/own-introspection");
        self.secrets
            .insert("rs".to_owned(), std::fs::read_to_string(own).unwrap());
    }

    fn keep(&mut self, id: &str, added: &serde_json::Value) {
        if let Some(secret) = added["client_secret"].as_str() {
            self.secrets.insert(id.to_owned(), secret.to_owned());
        }
    }

    /// HTTP Basic for a client with a secret.
    pub fn basic(&self, id: &str) -> String {
        let name = if id == "rs" {
            "own-resource-server"
        } else {
            id
        };
        BasicCredentials::header(name, &self.secrets[id])
    }

    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        Connection::http1(&self.party).request(method, path, headers, body)
    }

    /// Posts a form, as a client if one is named.
    pub fn post(&self, path: &str, client: Option<&str>, body: &str) -> Answer {
        let basic = client.map(|id| self.basic(id));
        let mut headers = vec![FORM];
        if let Some(basic) = &basic {
            headers.push(("Authorization", basic));
        }
        self.request("POST", path, &headers, body)
    }

    pub fn token(&self, client: Option<&str>, body: &str) -> Answer {
        self.post("/oauth2/token", client, body)
    }

    /// An access token of the client `api`.
    pub fn api_token(&self, more: &str) -> String {
        let answer = self.token(Some("api"), &format!("{CC}{more}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// What a resource server is told of a token.
    pub fn introspect(&self, resource_server: &str, token: &str) -> serde_json::Value {
        let body = format!("token={token}");
        let answer = self.post("/oauth2/introspect", Some(resource_server), &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    pub fn is_active(&self, token: &str) -> bool {
        self.introspect("rs", token)["active"] == true
    }

    /// A client assertion of `jwt`.
    pub fn assertion(&self) -> String {
        let origin = self.party.origin();
        let assertion = NewAssertion {
            client_id: "jwt",
            audience: &origin,
            token_endpoint_style: false,
        };
        let now = storage::Clock::system().now();
        client_assertion::sign(&self.key, &assertion, &Random::system(), now).unwrap()
    }

    /// Starts an authorization request: the parameters of a right one with changes (an empty value leaves one out).
    pub fn authorize(&self, changes: &[(&str, &str)]) -> Answer {
        self.request("GET", &authorize_path(changes), &[], "")
    }

    /// A person signs in and allows a client: the address that the browser is sent to.
    pub fn allow(&self, changes: &[(&str, &str)]) -> String {
        let mut browser = Browser::new(self);
        let login = browser.follow(&authorize_path(changes));
        let fields = [("username", USERNAME), ("password", self.password.as_str())];
        let consent = browser.submit(&login, "/login", &fields);
        let answer = browser.submit(&consent, "/consent", &[("decision", "allow")]);
        answer
            .header("location")
            .unwrap_or_else(|| panic!("{answer:?}"))
            .to_owned()
    }

    /// A code for a client.
    pub fn code(&self, client_id: &str) -> String {
        let location = self.allow(&[("client_id", client_id)]);
        parameter(&location, "code").unwrap()
    }

    /// Redeems a code as a public client.
    pub fn redeem(&self, client_id: &str, code: &str, more: &str) -> Answer {
        let body = format!("grant_type=authorization_code&client_id={client_id}&code={code}{more}");
        self.token(None, &body)
    }

    /// Access and refresh token of a person's session with `app`.
    pub fn session(&self) -> (String, String) {
        let verifier = format!("&code_verifier={VERIFIER}");
        let answer = self.redeem("app", &self.code("app"), &verifier).json();
        let member = |name: &str| answer[name].as_str().unwrap().to_owned();
        (member("access_token"), member("refresh_token"))
    }

    pub fn refresh(&self, client_id: &str, token: &str, more: &str) -> Answer {
        let body =
            format!("grant_type=refresh_token&client_id={client_id}&refresh_token={token}{more}");
        self.token(None, &body)
    }
}

/// The verifier of [`CHALLENGE`] is what it should be.
pub fn check_verifier() {
    let verifier = CodeVerifier::parse(VERIFIER).unwrap();
    assert_eq!(verifier.challenge().as_str(), CHALLENGE);
}

/// The path of an authorization request with changes.
pub fn authorize_path(changes: &[(&str, &str)]) -> String {
    let right = [
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", CALLBACK),
        ("scope", "user/Bundle.rs"),
        ("state", "s t&=é%"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        // Asked every time, whatever was allowed before.
        ("prompt", "consent"),
    ];
    let mut parameters: Vec<(&str, &str)> = right
        .into_iter()
        .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name))
        .collect();
    parameters.extend(
        changes
            .iter()
            .copied()
            .filter(|(_, value)| !value.is_empty()),
    );
    format!("/oauth2/authorize?{}", oauth::form::encode(&parameters))
}

/// A parameter of an address.
pub fn parameter(address: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(address).unwrap();
    url.query_pairs()
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.into_owned())
}

/// The hidden fields of the form that posts to a path.
pub fn hidden_fields(page: &Answer, action: &str) -> Vec<(String, String)> {
    let marker = format!("action=\"{action}\"");
    let form = page
        .body
        .split(&marker)
        .nth(1)
        .unwrap_or_else(|| panic!("{page:?}"));
    let form = form.split("</form>").next().unwrap();
    let attribute = |tag: &str, name: &str| {
        let rest = tag.split(&format!("{name}=\"")).nth(1).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    form.split("<input type=\"hidden\" ")
        .skip(1)
        .map(|tag| (attribute(tag, "name"), attribute(tag, "value")))
        .collect()
}

/// A person's browser: keeps cookies, follows our own redirects, fills in forms.
pub struct Browser<'a> {
    office: &'a Office,
    pub cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    pub fn new(office: &'a Office) -> Self {
        Self {
            office,
            cookies: BTreeMap::new(),
        }
    }

    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let jar: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let jar = jar.join("; ");
        let mut all = headers.to_vec();
        all.push(("Cookie", &jar));
        let answer = self.office.request(method, path, &all, body);
        for cookie in answer.headers("set-cookie") {
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Opens a path and goes where our own server sends it.
    pub fn follow(&mut self, path: &str) -> Answer {
        let mut answer = self.send("GET", path, &[], "");
        while let Some(next) = answer
            .header("location")
            .filter(|next| next.starts_with('/'))
        {
            let next = next.to_owned();
            answer = self.send("GET", &next, &[], "");
        }
        answer
    }

    /// Fills in the form of a page and sends it; follows our own redirects.
    pub fn submit(&mut self, page: &Answer, action: &str, fields: &[(&str, &str)]) -> Answer {
        let hidden = hidden_fields(page, action);
        let mut all: Vec<(&str, &str)> = hidden
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        all.extend(fields);
        let origin = self.office.party.origin();
        let headers = [
            FORM,
            ("Origin", origin.as_str()),
            ("Sec-Fetch-Site", "same-origin"),
        ];
        let answer = self.send("POST", action, &headers, &oauth::form::encode(&all));
        match answer
            .header("location")
            .filter(|next| next.starts_with('/'))
        {
            Some(next) => {
                let next = next.to_owned();
                self.follow(&next)
            }
            None => answer,
        }
    }
}
