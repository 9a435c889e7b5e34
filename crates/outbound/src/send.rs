//! Sending: the client, its routes, and one exchange with its deadline and size cap.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use metrics::{counter, histogram};
use reqwest::dns::Resolve;
use reqwest::header::{HOST, HeaderValue};
use url::{Host, Url};

use crate::config::{ConnectTo, OutboundConfig};
use crate::error::{ConfigError, NOT_PUBLIC, OutboundError, Step};
use crate::observe::Exchange;
use crate::public;
use crate::request::{Reach, Request, Response};
use crate::resolve::{Public, System};
use crate::tls;

/// An HTTPS client. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    config: OutboundConfig,
    client: reqwest::Client,
    /// For [`Reach::Public`].
    public: reqwest::Client,
    routes: HashMap<(String, u16), Route>,
}

/// How an origin with a connect address is reached.
struct Route {
    client: reqwest::Client,
    /// The port to put into the URL instead of the origin's.
    port: Option<u16>,
}

impl Outbound {
    /// Builds the client.
    ///
    /// # Errors
    /// When nothing would be trusted, or a setting is unusable.
    pub fn new(config: OutboundConfig) -> Result<Self, ConfigError> {
        let client = build(&config, None, Arc::new(System))?;
        let public = Arc::new(Public(config.private_networks.clone()));
        let public = build(&config, None, public)?;
        let mut routes = HashMap::new();
        for entry in &config.connect_to {
            let key = (entry.host.to_ascii_lowercase(), entry.port);
            let not_a_name = !matches!(Host::parse(&entry.host), Ok(Host::Domain(_)));
            if not_a_name || routes.contains_key(&key) {
                return Err(ConfigError::ConnectTo(format!(
                    "{}:{}",
                    entry.host, entry.port
                )));
            }
            routes.insert(key, route(&config, entry)?);
        }
        Ok(Self(Arc::new(Inner {
            config,
            client,
            public,
            routes,
        })))
    }

    /// Sends one request and reads its whole answer. Redirects are answers, never followed.
    ///
    /// # Errors
    /// Says which step failed. After `Timeout` while answering, `TooLarge` or `Broken` the peer may
    /// have acted on the request.
    pub async fn send(&self, request: Request) -> Result<Response, OutboundError> {
        let started = self
            .0
            .config
            .observer
            .as_ref()
            .map(|_| (self.0.config.now)());
        let clock = Instant::now();
        let observed = started.map(|started| (started, request.clone()));
        let purpose = request.purpose;
        let host = authority(&request.url);
        let result = self.exchange(request).await;
        let elapsed = clock.elapsed();
        let outcome = match &result {
            Ok(answer) => status_class(answer.status.as_u16()),
            Err(error) => error.kind(),
        };
        let party = self.0.config.name.clone();
        counter!("outbound_requests_total",
            "party" => party.clone(), "purpose" => purpose.as_str(), "outcome" => outcome)
        .increment(1);
        histogram!("outbound_request_seconds",
            "party" => party, "purpose" => purpose.as_str())
        .record(elapsed.as_secs_f64());
        tracing::debug!(%purpose, host, outcome, elapsed_ms = elapsed.as_millis(), "outbound");
        if let Some((started, request)) = observed {
            self.observe(request, &result, started, elapsed);
        }
        result
    }

    pub(crate) fn config(&self) -> &OutboundConfig {
        &self.0.config
    }

    async fn exchange(&self, request: Request) -> Result<Response, OutboundError> {
        self.allowed(&request)?;
        let host = authority(&request.url);
        let total = self.0.config.total_timeout;
        let deadline = request.deadline.map_or(total, |asked| asked.min(total));
        match tokio::time::timeout(deadline, self.transmit(request, &host)).await {
            Ok(result) => result,
            Err(_) => Err(OutboundError::Timeout {
                host,
                step: Step::Answering,
                after: deadline,
            }),
        }
    }

    /// An address in place of a name is not resolved, so it is looked at here.
    fn allowed(&self, request: &Request) -> Result<(), OutboundError> {
        allowed(&request.url)?;
        let address = match request.url.host() {
            Some(Host::Ipv4(address)) => IpAddr::from(address),
            Some(Host::Ipv6(address)) => IpAddr::from(address),
            _ => return Ok(()),
        };
        match request.reach {
            Reach::Public if !public::is_allowed(address, &self.0.config.private_networks) => {
                Err(OutboundError::NotAllowed(NOT_PUBLIC))
            }
            _ => Ok(()),
        }
    }

    async fn transmit(&self, request: Request, host: &str) -> Result<Response, OutboundError> {
        let sort = |e: reqwest::Error| {
            OutboundError::sort(&e, host.to_owned(), self.0.config.connect_timeout)
        };
        let (client, request) = self.prepared(request)?;
        let mut answer = client
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body)
            .send()
            .await
            .map_err(sort)?;
        let limit = self.0.config.max_response_bytes;
        let too_large = || OutboundError::TooLarge {
            host: host.to_owned(),
            limit,
        };
        if answer
            .content_length()
            .is_some_and(|length| length > limit as u64)
        {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(sort)? {
            // Counted while it streams: a peer cannot make us hold more than the limit.
            if body.len().saturating_add(chunk.len()) > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        let headers = std::mem::take(answer.headers_mut());
        Ok(Response {
            status: answer.status(),
            headers,
            body,
        })
    }

    /// Chooses the client of the request's origin and, for a route to another port, names the
    /// origin in the Host header.
    fn prepared(&self, mut request: Request) -> Result<(&reqwest::Client, Request), OutboundError> {
        let name = request
            .url
            .host_str()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let port = request.url.port_or_known_default().unwrap_or(HTTPS_PORT);
        let Some(route) = self.0.routes.get(&(name, port)) else {
            let client = match request.reach {
                Reach::Anywhere => &self.0.client,
                Reach::Public => &self.0.public,
            };
            return Ok((client, request));
        };
        if let Some(other) = route.port {
            let original = authority(&request.url);
            let original = HeaderValue::from_str(original.trim_end_matches(":443"))
                .map_err(|_| OutboundError::NotAllowed("unusable host"))?;
            request.headers.insert(HOST, original);
            request
                .url
                .set_port(Some(other))
                .map_err(|()| OutboundError::NotAllowed("unusable port"))?;
        }
        Ok((&route.client, request))
    }

    fn observe(
        &self,
        request: Request,
        result: &Result<Response, OutboundError>,
        started: jiff::Timestamp,
        elapsed: Duration,
    ) {
        let Some(observer) = &self.0.config.observer else {
            return;
        };
        let answer = result.as_ref().ok();
        observer(&Exchange {
            from: self.0.config.name.clone(),
            purpose: request.purpose,
            method: request.method,
            url: request.url,
            request_headers: request.headers,
            request_body: request.body,
            status: answer.map(|a| a.status),
            response_headers: answer.map(|a| a.headers.clone()).unwrap_or_default(),
            response_body: answer.map(|a| a.body.clone()).unwrap_or_default(),
            error: result.as_ref().err().cloned(),
            started,
            elapsed,
        });
    }
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Outbound").field(&self.0.config).finish()
    }
}

/// The one place that builds an HTTP client.
#[expect(
    clippy::disallowed_methods,
    reason = "the rules that the lint protects are applied here"
)]
fn build(
    config: &OutboundConfig,
    only: Option<&ConnectTo>,
    resolver: Arc<dyn Resolve>,
) -> Result<reqwest::Client, ConfigError> {
    // A request whose URL was rewritten to another port names its origin in the Host header; in
    // HTTP/2 the URL's own authority would contradict it.
    let http2 = only.is_none_or(|entry| entry.port == entry.address.port());
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config(&config.trust, http2)?)
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .dns_resolver(resolver)
        .connect_timeout(config.connect_timeout)
        .pool_idle_timeout(POOL_IDLE);
    if let Some(url) = &config.proxy {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ConfigError::Proxy);
        }
        let proxy = reqwest::Proxy::all(url.clone()).map_err(|_| ConfigError::Proxy)?;
        builder = builder.proxy(proxy);
    }
    if let Some(entry) = only {
        builder = builder.resolve(&entry.host, entry.address);
    }
    builder
        .build()
        .map_err(|e| ConfigError::Http(e.to_string()))
}

fn route(config: &OutboundConfig, entry: &ConnectTo) -> Result<Route, ConfigError> {
    let port = (entry.port != entry.address.port()).then_some(entry.address.port());
    Ok(Route {
        client: build(config, Some(entry), Arc::new(System))?,
        port,
    })
}

/// HTTPS only: nothing of ours is ever sent in the clear, and no credential hides in a URL, where
/// logs would keep it.
fn allowed(url: &Url) -> Result<(), OutboundError> {
    if url.scheme() != "https" {
        return Err(OutboundError::NotAllowed("the URL is not https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(OutboundError::NotAllowed("the URL holds user information"));
    }
    Ok(())
}

pub(crate) fn authority(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or(HTTPS_PORT);
    format!("{}:{port}", url.host_str().unwrap_or_default())
}

fn status_class(status: u16) -> &'static str {
    match status {
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    }
}

/// RFC 9110 section 4.2.2.
const HTTPS_PORT: u16 = 443;
/// Shorter than what servers and middleboxes keep an idle connection for.
const POOL_IDLE: Duration = Duration::from_secs(20);
