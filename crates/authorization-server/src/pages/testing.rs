//! For tests: a browser. It keeps cookies, sends what browsers send with a form, and reads forms.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use oauth::{Secret, form};
use storage::Db;
use tower::ServiceExt as _;
use url::Url;

use crate::AuthorizationServer;
use crate::administration::NewUser;
use crate::testing::{Bench, CALLBACK, ISSUER, USER_SCOPE, public_client, rights};

pub(crate) const PASSWORD: &str = "moss grows slowly here";
/// RFC 7636 appendix B.
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What was shown.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
}

impl Page {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location")
    }

    /// Parameters of the address that it redirects to.
    pub(crate) fn answer(&self) -> BTreeMap<String, String> {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.html);
        let location = Url::parse(self.location()).unwrap();
        location.query_pairs().into_owned().collect()
    }

    /// The hidden fields of the form that posts to a path.
    pub(crate) fn form(&self, action: &str) -> Vec<(String, String)> {
        let start = format!("action=\"{action}\"");
        let rest = self
            .html
            .split_once(&start)
            .unwrap_or_else(|| panic!("{}", self.html))
            .1;
        let form = rest.split_once("</form>").unwrap().0;
        let inputs = form.split("<input type=\"hidden\" ").skip(1);
        let inputs = inputs.map(|input| input.split_once('>').unwrap().0);
        inputs
            .map(|input| (attribute(input, "name"), attribute(input, "value")))
            .collect()
    }
}

fn attribute(tag: &str, name: &str) -> String {
    let rest = tag.split_once(&format!("{name}=\""));
    let value = rest.map(|(_, rest)| rest.split_once('"').unwrap().0);
    value.unwrap_or_default().to_owned()
}

/// One browser with its cookies.
pub(crate) struct TestBrowser {
    server: AuthorizationServer,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) peer: &'static str,
    /// `Accept-Language`.
    pub(crate) language: &'static str,
}

impl TestBrowser {
    pub(crate) fn new(bench: &Bench) -> Self {
        Self {
            server: bench.server.clone(),
            cookies: BTreeMap::new(),
            peer: "192.0.2.7",
            language: "en",
        }
    }

    /// Another tab: the same cookies.
    pub(crate) fn copy(&self, bench: &Bench) -> Self {
        Self {
            cookies: self.cookies.clone(),
            peer: self.peer,
            ..Self::new(bench)
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        self.send(Request::get(path), String::new()).await
    }

    /// A form of our own page.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(String, String)]) -> Page {
        let headers = [("origin", "null"), ("sec-fetch-site", "same-origin")];
        self.post_with(path, fields, &headers).await
    }

    pub(crate) async fn post_with(
        &mut self,
        path: &str,
        fields: &[(String, String)],
        headers: &[(&str, &str)],
    ) -> Page {
        let mut request = Request::post(path);
        let form = "application/x-www-form-urlencoded";
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header(header::CONTENT_TYPE, form);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let pairs: Vec<(&str, &str)> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        self.send(request, form::encode(&pairs)).await
    }

    async fn send(&mut self, request: axum::http::request::Builder, body: String) -> Page {
        let jar: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = request
            .header(header::COOKIE, jar.join("; "))
            .header(header::ACCEPT_LANGUAGE, self.language)
            .header("x-request-id", "r-1");
        let mut request = request.body(Body::from(body)).unwrap();
        let peer = SocketAddr::new(self.peer.parse().unwrap(), 40_000);
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.server.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let (pair, attributes) = cookie.to_str().unwrap().split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let bytes = body.collect().await.unwrap().to_bytes();
        let html = String::from_utf8(bytes.to_vec()).unwrap();
        Page {
            status: parts.status,
            headers: parts.headers,
            html,
        }
    }

    /// Opens an authorization request, as far as the page to sign in or to decide.
    pub(crate) async fn open(&mut self, parameters: &[(&str, &str)]) -> Page {
        let page = self.get(&address(parameters)).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.html);
        self.get(page.location()).await
    }

    /// Fills in the form of a sign-in page.
    pub(crate) async fn sign_in(&mut self, page: &Page, username: &str, password: &str) -> Page {
        let mut fields = page.form("/login");
        fields.push(("username".to_owned(), username.to_owned()));
        fields.push(("password".to_owned(), password.to_owned()));
        self.post("/login", &fields).await
    }

    /// As far as the consent page.
    pub(crate) async fn reach_consent(
        &mut self,
        parameters: &[(&str, &str)],
        username: &str,
    ) -> Page {
        let login = self.open(parameters).await;
        let signed_in = self.sign_in(&login, username, PASSWORD).await;
        assert_eq!(
            signed_in.status,
            StatusCode::SEE_OTHER,
            "{}",
            signed_in.html
        );
        self.get(signed_in.location()).await
    }

    /// Presses a button of a consent page.
    pub(crate) async fn decide(&mut self, page: &Page, decision: &str) -> Page {
        let mut fields = page.form("/consent");
        fields.push(("decision".to_owned(), decision.to_owned()));
        self.post("/consent", &fields).await
    }
}

/// A right authorization request of the client `app`.
pub(crate) fn request() -> Vec<(&'static str, &'static str)> {
    vec![
        ("response_type", "code"),
        ("client_id", "app"),
        ("redirect_uri", CALLBACK),
        ("scope", USER_SCOPE),
        ("state", "s t&=é%"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]
}

/// The same with another value, or without one if it is empty.
pub(crate) fn with<'a>(name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut parameters: Vec<(&str, &str)> = request();
    parameters.retain(|(found, _)| *found != name);
    parameters.push((name, value));
    parameters.retain(|(_, value)| !value.is_empty());
    parameters
}

pub(crate) fn address(parameters: &[(&str, &str)]) -> String {
    format!("/oauth2/authorize?{}", form::encode(parameters))
}

pub(crate) fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

pub(crate) fn new_user(username: &str) -> NewUser {
    NewUser {
        username: username.to_owned(),
        password: Secret::received(PASSWORD.to_owned()),
        role: "registrar".to_owned(),
        scope: USER_SCOPE.to_owned(),
        rights: rights(),
        note: None,
    }
}

/// Whether a redirect is an error answer with `state` and `iss`.
pub(crate) fn assert_error(page: &Page, code: &str) {
    let answer = page.answer();
    assert_eq!(
        answer.get("error").map(String::as_str),
        Some(code),
        "{answer:?}"
    );
    assert_eq!(answer.get("iss").map(String::as_str), Some(ISSUER));
    assert!(!answer.contains_key("code"));
    assert!(page.location().starts_with(CALLBACK), "{}", page.location());
}

/// A bench with the client `app` and the person `r.smith`.
pub(crate) async fn bench() -> Bench {
    let bench = Bench::new().await;
    register(&bench).await;
    bench
}

pub(crate) async fn bench_on(db: Db) -> Bench {
    let bench = Bench::on(db).await;
    register(&bench).await;
    bench
}

pub(crate) async fn register(bench: &Bench) {
    bench.add(public_client("app")).await;
    bench.admin.add_user(new_user("r.smith")).await.unwrap();
}

/// A wrong password, from a browser that nobody has seen before.
pub(crate) async fn guess(bench: &Bench, username: &str, peer: &'static str) -> Page {
    let mut browser = TestBrowser::new(bench);
    browser.peer = peer;
    let page = browser.open(&request()).await;
    browser.sign_in(&page, username, "not the password").await
}

/// A browser that `r.smith` has signed in with, to the account.
pub(crate) async fn account(bench: &Bench) -> TestBrowser {
    let mut browser = TestBrowser::new(bench);
    let login = browser.get("/login").await;
    let signed_in = browser.sign_in(&login, "r.smith", PASSWORD).await;
    assert_eq!(signed_in.location(), "/account", "{}", signed_in.html);
    browser
}

/// When the only session that there is began with a sign-in, and when it ends.
pub(crate) async fn session_times(bench: &Bench) -> (jiff::Timestamp, jiff::Timestamp) {
    let sql = "SELECT auth_time_ms, expires_ms, (SELECT COUNT(*) FROM session) FROM session";
    let found = bench.server.db().find(sql, &[], |row| {
        Ok((row.timestamp(0)?, row.timestamp(1)?, row.integer(2)?))
    });
    let (auth_time, expires, sessions) = found.await.unwrap().unwrap();
    assert_eq!(sessions, 1);
    (auth_time, expires)
}

/// Has an authenticator app proposed; the page that shows it.
pub(crate) async fn propose(browser: &mut TestBrowser) -> Page {
    let page = browser.get("/account/authenticator").await;
    let fields = page.form("/account/authenticator");
    let proposed = browser.post("/account/authenticator", &fields).await;
    browser.get(proposed.location()).await
}

/// The secret that a page shows, in base32.
pub(crate) fn secret_of(page: &Page) -> String {
    let rest = page.html.split_once("<dd><code>");
    let rest = rest.unwrap_or_else(|| panic!("{}", page.html)).1;
    rest.split_once("</code>").unwrap().0.replace(' ', "")
}

/// Gives a code of the app that is proposed.
pub(crate) async fn confirm(browser: &mut TestBrowser, page: &Page, code: &str) -> Page {
    let mut fields = page.form("/account/authenticator/confirm");
    fields.push(("code".to_owned(), code.to_owned()));
    browser
        .post("/account/authenticator/confirm", &fields)
        .await
}

/// What an authenticator app shows at a time: the person's own, a foreign program.
pub(crate) fn code_of(secret: &str, seconds: i64) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
    let app = totp_rs::Builder::new().with_secret(secret);
    let app = app.with_account_name("x").build().unwrap();
    app.generate(seconds.try_into().unwrap()).to_string()
}

pub(crate) fn code_at(bench: &Bench, secret: &str) -> String {
    code_of(secret, bench.clock.now().as_second())
}

pub(crate) fn recovery_codes_of(page: &Page) -> Vec<String> {
    let list = page.html.split_once("<ul class=\"codes\">");
    let list = list.unwrap_or_else(|| panic!("{}", page.html)).1;
    let list = list.split_once("</ul>").unwrap().0;
    let codes = list.split("<code>").skip(1);
    codes
        .map(|code| code.split_once("</code>").unwrap().0.to_owned())
        .collect()
}

/// Sets an app up, with this browser's person: its secret and the recovery codes.
pub(crate) async fn enrol(bench: &Bench, browser: &mut TestBrowser) -> (String, Vec<String>) {
    let page = propose(browser).await;
    let secret = secret_of(&page);
    let codes = confirm(browser, &page, &code_at(bench, &secret)).await;
    (secret, recovery_codes_of(&codes))
}

/// Sets an app up in the second step of a sign-in, from the address that it goes on to: the app's secret.
pub(crate) async fn confirm_enrolment(
    bench: &Bench,
    browser: &mut TestBrowser,
    address: &str,
) -> String {
    let page = browser.get(address).await;
    let secret = secret_of(&page);
    let mut fields = page.form("/login/enrol");
    fields.push(("code".to_owned(), code_at(bench, &secret)));
    let codes = browser.post("/login/enrol", &fields).await;
    assert_eq!(recovery_codes_of(&codes).len(), 10);
    secret
}

/// As far as the page that asks for the code.
pub(crate) async fn password_given(browser: &mut TestBrowser, username: &str) -> Page {
    let login = browser.get("/login").await;
    let first = browser.sign_in(&login, username, PASSWORD).await;
    let page = browser.get(first.location()).await;
    assert!(page.html.contains("Enter your code"), "{}", page.html);
    page
}

/// Answers the page that asks for the code.
pub(crate) async fn give_code(browser: &mut TestBrowser, page: &Page, code: &str) -> Page {
    let mut fields = page.form("/login/code");
    fields.push(("code".to_owned(), code.to_owned()));
    browser.post("/login/code", &fields).await
}
