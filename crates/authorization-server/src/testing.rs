//! For tests: a server on a fresh database with a fixed clock, and registrations to drive it with.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

pub(crate) mod authenticator;

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use aws_lc_rs::hmac;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use oauth::jose::client_assertion::{self, NewAssertion};
use oauth::jose::{Algorithm, SigningKey};
use oauth::pkce::CodeVerifier;
use oauth::{BasicCredentials, Random, Scope, Secret};
use outbound::{Outbound, OutboundConfig, Trust};
use serde_json::Value;
use storage::audit::{AuditEvent, Filter};
use storage::{Clock, Db, Location, Transaction, Work};
use tower::ServiceExt as _;
use url::Url;

use crate::administration::{Actor, Administration, NewClient, NewClientSecret, NewResourceServer};
use crate::assurance::Assurance;
use crate::store;
use crate::store::codes::{self, NewCode};
use crate::{
    AssertionAudience, AuthorizationServer, Branding, ClientAuthenticationMethod, Config,
    Environment, GrantType, KeyEncryptionKey, Keys, Lifetimes, Limits, MIGRATIONS,
    OrganizationAccess, Protocol, Rights,
};

/// A server to be driven through its router.
pub(crate) struct Bench {
    pub(crate) server: AuthorizationServer,
    pub(crate) clock: Clock,
    pub(crate) admin: Administration,
    /// The file's directory, if the database is a file of this bench.
    directory: Option<tempfile::TempDir>,
}

/// An answer with its JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

impl Answer {
    /// The status and the `error` member.
    pub(crate) fn error(&self) -> (u16, &str) {
        (
            self.status.as_u16(),
            self.json["error"].as_str().unwrap_or(""),
        )
    }

    pub(crate) fn text(&self, member: &str) -> &str {
        self.json[member].as_str().unwrap_or("")
    }
}

/// How a test client authenticates.
pub(crate) enum Credentials<'a> {
    Basic(&'a str, &'a str),
    Post(&'a str, &'a str),
    Jwt(&'a str),
    Name(&'a str),
}

pub(crate) const ISSUER: &str = "https://vro.example";
pub(crate) const SOURCE: &str = "https://ehr.example/fhir";
pub(crate) const RECEIVER: &str = "https://vro.example/fhir";
pub(crate) const CALLBACK: &str = "https://ehr.example/client/callback";
pub(crate) const SYSTEM_SCOPE: &str = "system/Bundle.cruds system/Composition.rs";
pub(crate) const USER_SCOPE: &str = "user/Bundle.rs user/Composition.rs";

impl Bench {
    /// On an SQLite file of its own, with the two resource servers registered.
    pub(crate) async fn new() -> Self {
        Self::trusting(Trust::platform()).await
    }

    /// As [`Bench::new`], fetching from servers of this authority.
    pub(crate) async fn trusting(trust: Trust) -> Self {
        Self::configured(trust, config()).await
    }

    /// The same with other settings.
    pub(crate) async fn configured(trust: Trust, config: Config) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(directory.path().join("as.db"));
        let db = Db::open(location, &[&MIGRATIONS]).await.unwrap();
        let mut bench = Self::build(db, trust, config).await;
        bench.directory = Some(directory);
        bench
    }

    /// On a given database with other settings, fetching from servers of this authority.
    pub(crate) async fn with(db: Db, trust: Trust, config: Config) -> Self {
        Self::build(db, trust, config).await
    }

    /// On a given database.
    pub(crate) async fn on(db: Db) -> Self {
        Self::build(db, Trust::platform(), config()).await
    }

    async fn build(db: Db, trust: Trust, config: Config) -> Self {
        let clock = Clock::fixed("2026-11-23T12:00:00Z".parse::<Timestamp>().unwrap());
        let random = Random::seeded(7);
        let environment = Environment {
            db: db.clone(),
            clock: clock.clone(),
            random: random.clone(),
            outbound: outbound(trust),
        };
        let server = AuthorizationServer::new(environment, config, keys());
        server.keep_signing_keys().await.unwrap();
        let admin = Administration {
            db,
            clock: clock.clone(),
            random,
            party: "vro".to_owned(),
            issuer: ISSUER.to_owned(),
            session_idle: Lifetimes::default().session_idle,
            jurisdictions: vec![],
            signing_algorithms: vec![Algorithm::ES256],
            actor: Actor::shell(),
        };
        let bench = Self {
            server,
            clock,
            admin,
            directory: None,
        };
        bench.register_resource_servers().await;
        bench
    }

    async fn register_resource_servers(&self) {
        for (audience, client_id) in [(SOURCE, "ehr-rs"), (RECEIVER, "vro-rs")] {
            self.add(introspector(client_id)).await;
            let new = NewResourceServer {
                audience: audience.to_owned(),
                name: client_id.to_owned(),
                introspection_client_id: client_id.to_owned(),
                organization: "general-hospital".to_owned(),
                access_token_signing_alg: None,
            };
            self.admin.add_resource_server(new).await.unwrap();
        }
    }

    /// Registers a client; its secret if it has one.
    pub(crate) async fn add(&self, new: NewClient) -> String {
        let secret = NewClientSecret {
            name: "first".to_owned(),
            expires: None,
        };
        let (_, secret) = self.admin.add_client(new, secret).await.unwrap();
        secret
            .map(|secret| secret.expose().to_owned())
            .unwrap_or_default()
    }

    /// A fresh secret of a client.
    pub(crate) async fn secret(&self, client_id: &str) -> String {
        let new = NewClientSecret {
            name: "another".to_owned(),
            expires: None,
        };
        self.admin
            .rotate_client_secret(client_id, new, jiff::SignedDuration::from_hours(24))
            .await
            .unwrap()
            .1
            .expose()
            .to_owned()
    }

    /// Posts a form.
    pub(crate) async fn post(
        &self,
        path: &str,
        credentials: Credentials<'_>,
        parameters: &[(&str, &str)],
    ) -> Answer {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(parameters);
        let mut request =
            Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        match credentials {
            Credentials::Basic(id, secret) => {
                let value = BasicCredentials::header(id, secret);
                request = request.header(header::AUTHORIZATION, value);
            }
            Credentials::Post(id, secret) => {
                form.append_pair("client_id", id)
                    .append_pair("client_secret", secret);
            }
            Credentials::Jwt(jwt) => {
                form.append_pair("client_assertion_type", JWT_BEARER)
                    .append_pair("client_assertion", jwt);
            }
            Credentials::Name(id) => {
                form.append_pair("client_id", id);
            }
        }
        self.send(request.body(Body::from(form.finish())).unwrap())
            .await
    }

    pub(crate) async fn token(
        &self,
        credentials: Credentials<'_>,
        parameters: &[(&str, &str)],
    ) -> Answer {
        self.post("/oauth2/token", credentials, parameters).await
    }

    /// Introspects as the client of a resource server.
    pub(crate) async fn introspect(&self, client_id: &str, token: &str) -> Value {
        let secret = self.secret(client_id).await;
        let credentials = Credentials::Basic(client_id, &secret);
        let answer = self
            .post("/oauth2/introspect", credentials, &[("token", token)])
            .await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.json
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap())
            .await
    }

    /// Sends any request, as if from a peer.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        let peer: SocketAddr = "192.0.2.7:40000".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.server.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            json: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    /// As [`Bench::send`], for an answer that is no JSON.
    pub(crate) async fn send_for_text(&self, mut request: Request<Body>) -> (HeaderMap, String) {
        let peer: SocketAddr = "192.0.2.7:40000".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = self.server.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.headers, String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// A request with method, query and headers of the test's choice.
    pub(crate) fn raw(
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::from(body.to_owned())).unwrap()
    }
}

fn keys() -> Keys {
    Keys {
        encryption: KeyEncryptionKey::new([7; 32]),
        refresh_hmac: hmac::Key::new(hmac::HMAC_SHA256, &[9; 32]),
    }
}

/// Settings as the tests expect them.
pub(crate) fn config() -> Config {
    Config {
        party: "vro".to_owned(),
        display_name: "Office of Vital Records".to_owned(),
        organization: "office-of-vital-records".to_owned(),
        branding: Branding::default(),
        issuer: Url::parse(ISSUER).unwrap(),
        token_prefix: "vro".to_owned(),
        cookie_name: "__Host-vro-session".to_owned(),
        signing_algorithms: vec![Algorithm::ES256],
        jurisdictions: vec![],
        second_factor_required_for: vec!["administrator".to_owned()],
        identity_providers: vec![],
        password_sign_in: true,
        trusted_issuers: vec![],
        lifetimes: Lifetimes::default(),
        limits: Limits::default(),
    }
}

/// Where the servers of tests are.
pub(crate) fn loopback() -> Vec<ipnet::IpNet> {
    vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]
}

fn outbound(trust: Trust) -> Outbound {
    let now: outbound::Now = Arc::new(|| Timestamp::UNIX_EPOCH);
    let mut config = OutboundConfig::new("vro", trust, now);
    config.private_networks = loopback();
    Outbound::new(config).unwrap()
}

/// Rights over births in Massachusetts.
pub(crate) fn rights() -> Rights {
    Rights {
        organization: Some("general-hospital".to_owned()),
        organization_access: OrganizationAccess::Own,
        jurisdictions: vec!["MA".to_owned(), "NH".to_owned()],
        record_types: vec!["birth".to_owned(), "fetal-death".to_owned()],
        facilities: None,
    }
}

/// An API client with a secret.
pub(crate) fn api_client(client_id: &str) -> NewClient {
    NewClient {
        client_id: Some(client_id.to_owned()),
        name: client_id.to_owned(),
        authentication: ClientAuthenticationMethod::ClientSecretBasic,
        assertion_audience: AssertionAudience::Issuer,
        protocol: Protocol::default(),
        grant_types: vec![GrantType::ClientCredentials],
        redirect_uris: vec![],
        scope: SYSTEM_SCOPE.to_owned(),
        audiences: vec![SOURCE.to_owned(), RECEIVER.to_owned()],
        rights: rights(),
        jwks: None,
        jwks_uri: None,
        access_token_lifetime_s: None,
        note: None,
    }
}

/// A public client for people.
pub(crate) fn public_client(client_id: &str) -> NewClient {
    NewClient {
        authentication: ClientAuthenticationMethod::None,
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        redirect_uris: vec![CALLBACK.to_owned()],
        scope: USER_SCOPE.to_owned(),
        ..api_client(client_id)
    }
}

/// An API client with a key.
pub(crate) fn jwt_client(client_id: &str, key: &SigningKey) -> NewClient {
    let jwks = serde_json::json!({ "keys": [key.public_jwk().to_json()] }).to_string();
    NewClient {
        authentication: ClientAuthenticationMethod::PrivateKeyJwt,
        jwks: Some(jwks),
        ..api_client(client_id)
    }
}

impl Bench {
    /// An account that has signed in, so to speak: no password is needed behind the token endpoint.
    pub(crate) async fn add_user(&self, id: &str) {
        self.server
            .db()
            .write(AddUser(id.to_owned()))
            .await
            .unwrap();
    }

    pub(crate) async fn set_user_disabled(&self, id: &str, disabled: bool) {
        self.server
            .db()
            .write(SetUserDisabled(id.to_owned(), disabled))
            .await
            .unwrap();
    }

    /// A code as the consent page makes it, for [`VERIFIER`].
    pub(crate) async fn code(&self, client_id: &str, user_id: &str) -> String {
        let random = self.server.random();
        let code = Secret::generate(random);
        let now = self.clock.now();
        let new = NewCode {
            code_hash: code.hash(),
            client_id: client_id.to_owned(),
            user_id: user_id.to_owned(),
            redirect_uri: CALLBACK.to_owned(),
            code_challenge: CodeVerifier::parse(VERIFIER)
                .unwrap()
                .challenge()
                .as_str()
                .to_owned(),
            scope: Scope::parse(USER_SCOPE).unwrap(),
            audiences: vec![SOURCE.to_owned(), RECEIVER.to_owned()],
            family_id: store::identifier(random),
            auth_time: now,
            assurance: Some(Assurance::Aal1),
            expires: now + self.server.config().authorization_code_lifetime(),
        };
        self.server.db().write(AddCode(new)).await.unwrap();
        code.expose().to_owned()
    }

    /// Redeems a code of a public client in the right way.
    pub(crate) async fn redeem(&self, client_id: &str, code: &str) -> Answer {
        self.token(Credentials::Name(client_id), &code_request(code))
            .await
    }

    pub(crate) async fn refresh(&self, client_id: &str, token: &str) -> Answer {
        let parameters = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.token(Credentials::Name(client_id), &parameters).await
    }

    /// Where the database's files are.
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.directory.as_ref().unwrap().path()
    }

    /// The newest audit rows.
    pub(crate) async fn audit(&self, action: &str) -> Vec<AuditEvent> {
        let filter = Filter {
            action: Some(action.to_owned()),
            limit: 1000,
            ..Filter::default()
        };
        let rows = storage::audit::list(self.server.db(), &filter)
            .await
            .unwrap();
        rows.into_iter().map(|row| row.event).collect()
    }
}

/// Runs futures at the same time on this thread; the database decides between them.
pub(crate) async fn at_once<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = futures.into_iter().map(|it| (Box::pin(it), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut pending {
            if output.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *output = Some(value);
            }
        }
        if pending.iter().all(|(_, output)| output.is_some()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    pending
        .into_iter()
        .filter_map(|(_, output)| output)
        .collect()
}

/// The parameters of a right code redemption.
pub(crate) fn code_request(code: &str) -> [(&str, &str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ]
}

/// An assertion as this client has to sign it.
pub(crate) fn assertion(bench: &Bench, client_id: &str, key: &SigningKey) -> String {
    let new = NewAssertion {
        client_id,
        audience: ISSUER,
        token_endpoint_style: false,
    };
    client_assertion::sign(key, &new, bench.server.random(), bench.clock.now()).unwrap()
}

/// One statement, to bring a database into a state that the server never makes.
pub(crate) struct Statement(pub(crate) &'static str);

impl Work for Statement {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        tx.execute(self.0, &[]).await?;
        Ok(())
    }
}

struct AddUser(String);

impl Work for AddUser {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        let rights = rights();
        let parameters = [
            self.0.as_str().into(),
            USER_SCOPE.into(),
            rights.organization.into(),
            store::list_text(&["MA".to_owned()]).into(),
            store::list_text(&["birth".to_owned()]).into(),
            false.into(),
            0_i64.into(),
        ];
        tx.execute(ADD_USER, &parameters).await?;
        Ok(())
    }
}

struct SetUserDisabled(String, bool);

impl Work for SetUserDisabled {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        let sql = "UPDATE resource_owner SET disabled = $1 WHERE id = $2";
        tx.execute(sql, &[self.1.into(), self.0.as_str().into()])
            .await?;
        Ok(())
    }
}

struct AddCode(NewCode);

impl Work for AddCode {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        codes::insert(tx, &self.0).await
    }
}

pub(crate) fn introspector(client_id: &str) -> NewClient {
    NewClient {
        grant_types: vec![],
        scope: String::new(),
        audiences: vec![],
        ..api_client(client_id)
    }
}

/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const ADD_USER: &str = "INSERT INTO resource_owner (id, username, password_hash, role, scope, \
    organization, organization_access, jurisdictions, record_types, disabled, created_ms, \
    password_changed_ms) VALUES ($1, $1, '', 'registrar', $2, $3, 'own', $4, $5, $6, \
    $7, $7)";
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
