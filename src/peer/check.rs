//! Walks the way to a partner, one step at a time, as the running party would go it.

use std::time::Duration;

use anyhow::Context;
use client::config::{FhirBase, Peer};
use client::{Client, ExchangeError, TokenError};
use oauth::{Permission, Random};
use outbound::{Outbound, OutboundError, Purpose, Request};
use resource_server::ResourceServer;
use storage::Clock;
use url::Url;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::Loaded;
use crate::serve;

/// One step of the way.
#[derive(Debug)]
pub struct Finding {
    /// `name`, `connection`, `TLS`, …
    pub step: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// What was seen.
    pub seen: String,
    /// What to do, if anything.
    pub advice: &'static str,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Good,
    /// It did not; what depends on it is not tried.
    Failed,
    /// It does not apply here, or a step before it failed.
    Skipped,
}

impl Outcome {
    /// For tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// Checks one partner of a configuration. Each step has the time limits that every request has.
///
/// # Errors
/// There is no such partner, or the configuration cannot be used.
pub async fn check(loaded: &Loaded, name: &str) -> anyhow::Result<Vec<Finding>> {
    let parts = serve::checking(loaded).await?;
    let peer = parts.client.peer(name);
    let peer = peer.with_context(|| format!("no peer named {name:?}"))?;
    let way = Way {
        client: &parts.client,
        resource_server: parts.resource_server.as_ref(),
        outbound: &parts.outbound,
        own: FhirBase::parse(serve::fhir_base(&loaded.config)?.as_str())?,
        peer,
        findings: Vec::new(),
    };
    way.walk().await
}

struct Way<'a> {
    client: &'a Client,
    resource_server: Option<&'a ResourceServer>,
    outbound: &'a Outbound,
    own: FhirBase,
    peer: &'a Peer,
    findings: Vec<Finding>,
}

impl Way<'_> {
    async fn walk(mut self) -> anyhow::Result<Vec<Finding>> {
        let issuer = Url::parse(self.peer.issuer.as_str())?;
        let reached = self.reach(&issuer).await && self.discover().await;
        if !reached {
            for step in ["token", "introspection", "FHIR", "read"] {
                self.skip(step, "a step before it failed");
            }
            return Ok(self.findings);
        }
        let has_token = self.introspect().await;
        self.describe().await;
        if has_token {
            self.search().await;
        } else {
            self.skip("read", "there is no token");
        }
        Ok(self.findings)
    }

    /// Name, connection, TLS.
    async fn reach(&mut self, url: &Url) -> bool {
        let addresses = match self.outbound.addresses(url).await {
            Ok(addresses) => addresses,
            Err(error) => {
                return self.fail(
                    "name",
                    &error,
                    "check the issuer's spelling and this machine's DNS",
                );
            }
        };
        let Some(first) = addresses.first().copied() else {
            self.skip("name", "requests go through the proxy of [outbound]");
            return true;
        };
        let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        self.good("name", shown.join(", "));
        let stream = match self.outbound.connect(url, first).await {
            Ok(stream) => stream,
            Err(error) => {
                let advice =
                    "ask the partner whether it listens there and lets this address through";
                return self.fail("connection", &error, advice);
            }
        };
        self.good("connection", first.to_string());
        match self.outbound.handshake(url, stream).await {
            Ok(handshake) => {
                let until = expiry(&handshake.certificate);
                self.good(
                    "TLS",
                    format!("{}, certificate until {until}", handshake.version),
                );
                true
            }
            Err(error) => self.fail("TLS", &error, tls_advice(&error)),
        }
    }

    async fn discover(&mut self) -> bool {
        match self.client.discover(self.peer).await {
            Ok(endpoints) => {
                self.good("metadata", format!("token endpoint {}", endpoints.token));
                true
            }
            Err(error) => {
                let advice = "the issuer must be written to the letter as its metadata have it";
                self.fail("metadata", &error, advice)
            }
        }
    }

    /// A token, and what our resource server is told of it. Whether there is a token.
    async fn introspect(&mut self) -> bool {
        let opens = self.peer.audiences().any(|base| *base == self.own);
        let audience = if opens { &self.own } else { &self.peer.fhir };
        if self.peer.api.is_none() {
            self.skip("token", "there is no [client.peers.api] for this peer");
            self.skip("introspection", "there is no token to ask about");
            return false;
        }
        let token = match self.client.api_token(self.peer, audience).await {
            Ok(token) => token,
            Err(error) => {
                let advice = token_advice(&error);
                self.fail("token", &error, advice);
                self.skip("introspection", "there is no token to ask about");
                return false;
            }
        };
        self.good("token", format!("for {audience}, scope {}", token.scope));
        let Some(server) = self.resource_server.filter(|_| opens) else {
            self.skip("introspection", "this peer's tokens open no records here");
            return true;
        };
        match server.look_at_token(token.expose()).await {
            Ok(seen) => self.good("introspection", seen),
            Err(error) => {
                let advice = "compare client_id, secret, prefix and limits under [[resource_server.issuers]] with \
                              what the partner has registered";
                self.fail("introspection", &error, advice);
            }
        }
        true
    }

    async fn describe(&mut self) {
        let url = format!("{}/metadata", self.peer.fhir);
        let Ok(url) = Url::parse(&url) else { return };
        let request = Request::get(url, Purpose::Metadata).deadline(DEADLINE);
        match self.outbound.send(request).await {
            Ok(answer) if answer.status == 200 => {
                self.good("FHIR", "it describes itself".to_owned());
            }
            Ok(answer) => {
                let advice = "the peer's fhir must be its FHIR base, where …/metadata answers";
                self.fail(
                    "FHIR",
                    &format!("status {}", answer.status.as_u16()),
                    advice,
                );
            }
            Err(error) => {
                let advice = tls_advice(&error);
                self.fail("FHIR", &error, advice);
            }
        }
    }

    /// A record that is nowhere: what counts is that the question is allowed.
    async fn search(&mut self) {
        let may = self
            .peer
            .api
            .as_ref()
            .is_some_and(|api| api.scope.permits("Bundle", Permission::Search));
        if !may {
            self.skip(
                "read",
                "the scope of [client.peers.api] has no search of Bundles",
            );
            return;
        }
        let nothing = oauth::Secret::generate(&Random::system());
        let url = format!(
            "{}/Bundle?identifier=check-{}",
            self.peer.fhir,
            nothing.expose()
        );
        let Ok(url) = Url::parse(&url) else { return };
        let found = match self.client.as_api_user(&self.peer.name) {
            Ok(mut exchange) => exchange.read(&url).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(_) => self.good("read", "a search is answered".to_owned()),
            Err(error) => {
                let advice = match &error {
                    ExchangeError::Refused { status: 401, .. } => {
                        "the partner's resource server does not accept its own tokens: ask the partner"
                    }
                    ExchangeError::Refused { status: 403, .. } => {
                        "ask the partner for the scope, jurisdictions and record types of this client"
                    }
                    _ => "ask the partner to look at its log",
                };
                self.fail("read", &error, advice);
            }
        }
    }

    fn good(&mut self, step: &'static str, seen: String) {
        self.push(step, Outcome::Good, seen, "");
    }

    fn skip(&mut self, step: &'static str, why: &str) {
        self.push(step, Outcome::Skipped, why.to_owned(), "");
    }

    fn fail(
        &mut self,
        step: &'static str,
        seen: &dyn std::fmt::Display,
        advice: &'static str,
    ) -> bool {
        self.push(step, Outcome::Failed, seen.to_string(), advice);
        false
    }

    fn push(&mut self, step: &'static str, outcome: Outcome, seen: String, advice: &'static str) {
        self.findings.push(Finding {
            step,
            outcome,
            seen,
            advice,
        });
    }
}

fn expiry(der: &[u8]) -> String {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return "an unreadable date".to_owned();
    };
    let seconds = certificate.validity().not_after.timestamp();
    let until = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
    let left = until.duration_since(Clock::system().now()).as_hours() / 24;
    format!("{} ({left} days)", until.strftime("%Y-%m-%d"))
}

fn tls_advice(error: &OutboundError) -> &'static str {
    match error {
        OutboundError::Tls { reason, .. }
            if reason.contains("unknown issuer") || reason.contains("wrong signature") =>
        {
            "add the partner's certificate authority to the file that [outbound] ca_file names"
        }
        OutboundError::Tls { reason, .. } if reason.contains("another name") => {
            "the partner's certificate must name the host of its issuer"
        }
        OutboundError::Tls { reason, .. } if reason.contains("expired") => {
            "the partner must renew its certificate"
        }
        OutboundError::Tls { .. } => "the partner must offer TLS 1.2 or 1.3 on that port",
        _ => "ask the partner whether it listens there and lets this address through",
    }
}

fn token_advice(error: &TokenError) -> &'static str {
    match error {
        TokenError::Refused { code, .. } => match code.as_str() {
            "invalid_client" => {
                "the partner's `audit list --outcome denied` says why: wrong key or secret, expired or disabled client"
            }
            "invalid_scope" => "ask the partner which scope this client may have",
            "invalid_target" => {
                "the partner must register this FHIR base, and allow it to this client (--audience)"
            }
            _ => "ask the partner to look at its audit",
        },
        TokenError::Credentials(_) => "see [client.peers.api] of this peer",
        _ => "try again; ask the partner to look at its log",
    }
}

const DEADLINE: Duration = Duration::from_secs(10);
