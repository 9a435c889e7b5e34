//! What must be refused: each attempt is a real request, and what comes back is compared with what the
//! standards demand.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};
use oauth::Random;
use oauth::jose::client_assertion::{self, NewAssertion};
use outbound::{Outbound, Purpose, Response};
use storage::Clock;

use super::trace::{Trace, Way};
use super::walks::{code, ordinary, token};
use super::{Refusal, terminal, wire};
use crate::sandbox::{Client, Dataflow, Sandbox};
use crate::serve;

/// Tries everything, telling each.
pub(super) async fn all(sandbox: &Sandbox, trace: &Trace) -> anyhow::Result<Vec<Refusal>> {
    trace.begin(Way::Api);
    terminal::refusals();
    let bench = Bench::new(sandbox, trace)?;
    let mut refusals = Vec::new();
    let mut add = |attempt: &str, demanded: &str, seen: anyhow::Result<String>| {
        let seen = seen.unwrap_or_else(|error| format!("{error:#}"));
        let refusal = Refusal {
            attempt: attempt.to_owned(),
            demanded: demanded.to_owned(),
            held: seen == demanded,
            seen,
        };
        terminal::refusal(&refusal);
        refusals.push(refusal);
    };
    // Asked for first, so that it has expired by the time it is tried.
    let short = bench.token_of("its tokens live 5 s").await;
    add("no token", "401", bench.read(None).await);
    add(
        "a token for another audience",
        "401 invalid_token",
        bench.another_audience().await,
    );
    add(
        "another hospital's token",
        "404",
        bench
            .read_with("another organization of the same kind")
            .await,
    );
    add(
        "a token for another jurisdiction",
        "404",
        bench.read_with("another jurisdiction").await,
    );
    add(
        "a token whose scope does not reach Bundles",
        "403 insufficient_scope",
        bench.read_with("a scope that reaches no Bundle").await,
    );
    add(
        "a revoked token, at once",
        "401 invalid_token",
        bench.revoked().await,
    );
    add(
        "a code used a second time",
        "400 invalid_grant",
        bench.replayed_code().await,
    );
    add(
        "the token that the first use had given",
        "401 invalid_token",
        bench.token_after_replay().await,
    );
    add(
        "a signed assertion used a second time",
        "401 invalid_client",
        bench.replayed_assertion().await,
    );
    add(
        "the password grant",
        "400 unsupported_grant_type",
        bench.password_grant().await,
    );
    add("TLS 1.1", "alert protocol_version", bench.old_tls());
    add("plain HTTP", "no HTTP answer", bench.plain_http());
    tokio::time::sleep(Duration::from_millis(5_100).saturating_sub(bench.started.elapsed())).await;
    let expired = match short {
        Ok(short) => bench.read(Some(&short)).await,
        Err(error) => Err(error),
    };
    add("an expired token", "401 invalid_token", expired);
    Ok(refusals)
}

struct Bench<'a> {
    sandbox: &'a Sandbox,
    dataflow: &'a Dataflow,
    outbound: Outbound,
    issuer: String,
    source: String,
    receiver: String,
    record: String,
    address: std::net::SocketAddr,
    started: std::time::Instant,
    /// What the first use of the replayed code gave.
    first: std::sync::OnceLock<String>,
}

impl<'a> Bench<'a> {
    fn new(sandbox: &'a Sandbox, trace: &Trace) -> anyhow::Result<Self> {
        let dataflow = sandbox
            .description
            .dataflows
            .first()
            .context("no dataflow")?;
        let [source, receiver] = dataflow.resources.as_slice() else {
            bail!("two audiences expected")
        };
        let party = sandbox
            .description
            .parties
            .get(&dataflow.authorization_server)
            .context("no receiver")?;
        Ok(Self {
            sandbox,
            dataflow,
            outbound: wire::outbound(sandbox, trace, "stranger")?,
            issuer: party.issuer.clone().context("no issuer")?,
            source: source.clone(),
            receiver: receiver.clone(),
            record: dataflow.sample_ids.first().context("no record")?.clone(),
            address: sandbox
                .party(&dataflow.authorization_server)
                .context("not running")?
                .address(),
            started: std::time::Instant::now(),
            first: std::sync::OnceLock::new(),
        })
    }

    async fn read(&self, token: Option<&str>) -> anyhow::Result<String> {
        let url = format!("{}/Bundle/{}", self.source, self.record);
        let response = wire::read(&self.outbound, &url, token).await?;
        Ok(bearer_error(&response))
    }

    async fn token_of(&self, note: &str) -> anyhow::Result<String> {
        let noted = |client: &&Client| client.note.as_deref() == Some(note);
        let client = self
            .dataflow
            .clients
            .iter()
            .find(noted)
            .with_context(|| format!("no client for: {note}"))?;
        token(&self.outbound, &self.issuer, client, &self.source).await
    }

    async fn read_with(&self, note: &str) -> anyhow::Result<String> {
        let token = self.token_of(note).await?;
        self.read(Some(&token)).await
    }

    fn secret_client(&self) -> anyhow::Result<&Client> {
        ordinary(self.dataflow, "client_secret_basic")
            .find(|client| client.kind == "api")
            .context("no client")
    }

    async fn another_audience(&self) -> anyhow::Result<String> {
        let token = token(
            &self.outbound,
            &self.issuer,
            self.secret_client()?,
            &self.receiver,
        )
        .await?;
        self.read(Some(&token)).await
    }

    async fn revoked(&self) -> anyhow::Result<String> {
        let client = self.secret_client()?;
        let token = token(&self.outbound, &self.issuer, client, &self.source).await?;
        let before = self.read(Some(&token)).await?;
        if before != "200" {
            bail!("{before} before it was revoked");
        }
        let secret = client.client_secret.as_deref().context("no secret")?;
        let url = format!("{}/oauth2/revoke", self.issuer);
        let form = [("token", token.as_str())];
        wire::post(
            &self.outbound,
            &url,
            Purpose::Revocation,
            Some((&client.client_id, secret)),
            &form,
        )
        .await?;
        self.read(Some(&token)).await
    }

    async fn replayed_code(&self) -> anyhow::Result<String> {
        let (code, verifier, client) = code(&self.outbound, self.sandbox, self.dataflow).await?;
        let redirect_uri = client.redirect_uri.clone().unwrap_or_default();
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", redirect_uri.as_str()),
            ("code_verifier", verifier.as_str()),
            ("client_id", client.client_id.as_str()),
            ("resource", self.source.as_str()),
        ];
        let first = self.ask(&form).await?;
        let given = wire::member(&first, "access_token")?;
        if self.read(Some(&given)).await? != "200" {
            bail!("the first use gave no good token");
        }
        // Kept for the next attempt.
        let _ = self.first.set(given);
        let second = self.ask(&form).await?;
        Ok(oauth_error(&second))
    }

    async fn token_after_replay(&self) -> anyhow::Result<String> {
        self.read(Some(self.first.get().context("there was no first use")?))
            .await
    }

    async fn replayed_assertion(&self) -> anyhow::Result<String> {
        let client = ordinary(self.dataflow, "private_key_jwt")
            .next()
            .context("no client")?;
        let file = self
            .sandbox
            .directory
            .join(client.private_key.as_deref().context("no key")?);
        let key = serve::signing_key(&file, client.alg, client.kid.as_deref())?;
        let assertion = client_assertion::sign(
            &key,
            &NewAssertion {
                client_id: &client.client_id,
                audience: client.assertion_audience.as_deref().unwrap_or(&self.issuer),
                token_endpoint_style: false,
            },
            &Random::system(),
            Clock::system().now(),
        )?;
        let form = [
            ("grant_type", "client_credentials"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
            ("client_assertion", assertion.as_str()),
        ];
        let first = self.ask(&form).await?;
        wire::member(&first, "access_token")?;
        Ok(oauth_error(&self.ask(&form).await?))
    }

    async fn password_grant(&self) -> anyhow::Result<String> {
        let client = self.secret_client()?;
        let secret = client.client_secret.as_deref().context("no secret")?;
        let form = [
            ("grant_type", "password"),
            ("username", "somebody"),
            ("password", "something"),
        ];
        let url = format!("{}/oauth2/token", self.issuer);
        let response = wire::post(
            &self.outbound,
            &url,
            Purpose::Token,
            Some((&client.client_id, secret)),
            &form,
        )
        .await?;
        Ok(oauth_error(&response))
    }

    async fn ask(&self, form: &[(&str, &str)]) -> anyhow::Result<Response> {
        wire::post(
            &self.outbound,
            &format!("{}/oauth2/token", self.issuer),
            Purpose::Token,
            None,
            form,
        )
        .await
    }

    /// A ClientHello that offers TLS 1.1 at most; the server's own alert is what counts.
    fn old_tls(&self) -> anyhow::Result<String> {
        let answer = self.raw(&client_hello_tls11())?;
        Ok(match answer.as_slice() {
            [21, _, _, _, _, _, 70, ..] => "alert protocol_version".to_owned(),
            [21, _, _, _, _, _, alert, ..] => format!("alert {alert}"),
            [] => "closed without an alert".to_owned(),
            other => format!("{} bytes beginning with {:?}", other.len(), other.first()),
        })
    }

    fn plain_http(&self) -> anyhow::Result<String> {
        let answer = self
            .raw(b"GET /fhir/metadata HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        Ok(if answer.starts_with(b"HTTP/") {
            "an HTTP answer"
        } else {
            "no HTTP answer"
        }
        .to_owned())
    }

    fn raw(&self, sent: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(3)))?;
        stream.write_all(sent)?;
        let mut answer = Vec::new();
        // A reset after the alert is as good as an end.
        let _ = stream.take(4_096).read_to_end(&mut answer);
        Ok(answer)
    }
}

/// RFC 4346 section 7.4.1.2: version 3.2, an ECDHE suite and one of RSA, no `supported_versions`.
fn client_hello_tls11() -> Vec<u8> {
    let mut body = vec![3, 2];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 4, 0xC0, 0x0A, 0x00, 0x2F, 1, 0]);
    let mut extensions: Vec<u8> = vec![0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0];
    extensions.extend([0, 13, 0, 4, 0, 2, 4, 3]);
    let length = u8::try_from(extensions.len()).unwrap_or(0);
    body.extend([0, length]);
    body.append(&mut extensions);
    let length = u8::try_from(body.len()).unwrap_or(0);
    let mut handshake = vec![1, 0, 0, length];
    handshake.append(&mut body);
    let length = u8::try_from(handshake.len()).unwrap_or(0);
    let mut record = vec![22, 3, 1, 0, length];
    record.append(&mut handshake);
    record
}

fn bearer_error(response: &Response) -> String {
    let challenge = response
        .headers
        .get("www-authenticate")
        .and_then(|value| value.to_str().ok());
    let error = challenge
        .and_then(|text| text.split("error=\"").nth(1))
        .and_then(|rest| rest.split('"').next());
    match error {
        Some(error) => format!("{} {error}", response.status.as_u16()),
        None => response.status.as_u16().to_string(),
    }
}

fn oauth_error(response: &Response) -> String {
    match wire::member(response, "error") {
        Ok(error) => format!("{} {error}", response.status.as_u16()),
        Err(_) => response.status.as_u16().to_string(),
    }
}
