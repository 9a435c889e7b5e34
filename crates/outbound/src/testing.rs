//! For tests (feature `testing`): a real HTTPS server on loopback that records what it is asked,
//! and the certificate authority it needs.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "only tests use this module"
)]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::config::Trust;

/// A throwaway certificate authority.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new one.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each is different")]
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // A name of its own: of two authorities with one name, the wrong one would be tried.
        let name = format!("test authority {:?}", &key.public_key_raw().get(1..9));
        params.distinguished_name.push(DnType::CommonName, name);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// Trust in this authority alone.
    #[must_use]
    pub fn trust(&self) -> Trust {
        Trust::only(self.pem.clone())
    }

    /// The authority's certificate.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    fn server_config(&self, certificate: &CertificateFor) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![certificate.name.to_owned()]).unwrap();
        let (from, until) = certificate.years;
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let chain = vec![params.signed_by(&key, &self.issuer).unwrap().der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .unwrap();
        config.alpn_protocols = vec![b"h2".into(), b"http/1.1".into()];
        config
    }
}

/// What the server's certificate says.
pub struct CertificateFor {
    /// The host name in it.
    pub name: &'static str,
    /// The first days of the years it is valid from and until.
    pub years: (i32, i32),
}

impl Default for CertificateFor {
    fn default() -> Self {
        Self {
            name: "localhost",
            years: (2020, 2120),
        }
    }
}

/// A request as it arrived.
#[derive(Clone)]
pub struct Recorded {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The authority asked for (`:authority` or `Host`).
    pub authority: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
}

impl Recorded {
    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The value of a member of a form body.
    #[must_use]
    pub fn form(&self, name: &str) -> Vec<String> {
        url::form_urlencoded::parse(&self.body)
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }
}

/// What to answer.
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    sized: bool,
    delay: Duration,
}

impl Answer {
    /// A status with a JSON body.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let mut answer = Self::empty(status).header("content-type", "application/json");
        answer.body = body.into();
        answer
    }

    /// A status without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            sized: true,
            delay: Duration::ZERO,
        }
    }

    /// Does not say beforehand how long the body is.
    #[must_use]
    pub fn unsized_body(mut self) -> Self {
        self.sized = false;
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    /// Waits before answering.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

type Respond = Arc<dyn Fn(&Recorded) -> Answer + Send + Sync>;

/// A running server; it stops when dropped.
pub struct Server {
    address: SocketAddr,
    recorded: Arc<Mutex<Vec<Recorded>>>,
    accepted: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Starts a server on a free port of loopback. `respond` also gets the server's own origin, so
    /// that documents can name it.
    pub async fn start(
        authority: &Authority,
        respond: impl Fn(&str, &Recorded) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::start_as(authority, &CertificateFor::default(), respond).await
    }

    /// Starts a server with a chosen certificate.
    pub async fn start_as(
        authority: &Authority,
        certificate: &CertificateFor,
        respond: impl Fn(&str, &Recorded) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(authority.server_config(certificate)));
        let recorded = Arc::new(Mutex::new(Vec::new()));
        let origin = format!("https://localhost:{}", address.port());
        let respond: Respond = Arc::new(move |asked| respond(&origin, asked));
        let accepted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&accepted);
        let task = tokio::spawn(accept(
            listener,
            acceptor,
            Arc::clone(&recorded),
            counted,
            respond,
        ));
        Self {
            address,
            recorded,
            accepted,
            task,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its origin, `https://localhost:PORT`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// A URL on it.
    #[must_use]
    pub fn url(&self, path: &str) -> Url {
        Url::parse(&format!("{}{path}", self.origin())).unwrap()
    }

    /// What it was asked so far.
    #[must_use]
    pub fn recorded(&self) -> Vec<Recorded> {
        self.recorded.lock().unwrap().clone()
    }

    /// How many connections were opened, even without a handshake.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// How often a path (without query) was asked for.
    #[must_use]
    pub fn count(&self, path: &str) -> usize {
        self.recorded()
            .iter()
            .filter(|r| r.target.split('?').next() == Some(path))
            .count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    recorded: Arc<Mutex<Vec<Recorded>>>,
    accepted: Arc<AtomicUsize>,
    respond: Respond,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let connection = accepted.fetch_add(1, Ordering::SeqCst);
        let (acceptor, recorded) = (acceptor.clone(), Arc::clone(&recorded));
        let respond = Arc::clone(&respond);
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let answer = service_fn(move |request| {
                answer(
                    request,
                    connection,
                    Arc::clone(&recorded),
                    Arc::clone(&respond),
                )
            });
            // A client that goes away is no concern of the server's.
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

async fn answer(
    request: hyper::Request<Incoming>,
    connection: usize,
    recorded: Arc<Mutex<Vec<Recorded>>>,
    respond: Respond,
) -> Result<hyper::Response<AnswerBody>, Infallible> {
    let (parts, body) = request.into_parts();
    let host = parts
        .headers
        .get("host")
        .and_then(|value| value.to_str().ok());
    let authority = parts
        .uri
        .authority()
        .map(|a| a.as_str())
        .or(host)
        .unwrap_or_default();
    let seen = Recorded {
        method: parts.method,
        target: parts.uri.path_and_query().unwrap().to_string(),
        authority: authority.to_owned(),
        headers: parts.headers.clone(),
        body: body
            .collect()
            .await
            .map(|b| b.to_bytes().to_vec())
            .unwrap_or_default(),
        connection,
    };
    recorded.lock().unwrap().push(seen.clone());
    let answer = respond(&seen);
    tokio::time::sleep(answer.delay).await;
    let mut response = hyper::Response::new(AnswerBody {
        bytes: Full::new(Bytes::from(answer.body)),
        sized: answer.sized,
    });
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap();
    for (name, value) in answer.headers {
        response.headers_mut().append(name, value.parse().unwrap());
    }
    Ok(response)
}

/// A body that may hide its length.
struct AnswerBody {
    bytes: Full<Bytes>,
    sized: bool,
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.bytes).poll_frame(context)
    }

    fn size_hint(&self) -> SizeHint {
        if self.sized {
            self.bytes.size_hint()
        } else {
            SizeHint::default()
        }
    }
}
