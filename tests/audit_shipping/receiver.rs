//! An authority, and a syslog receiver that can be killed.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub struct Authority {
    pub issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        // OpenSSL takes a certificate whose issuer has its own name for one that is its own issuer.
        params
            .distinguished_name
            .push(DnType::CommonName, "the receiver's authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self {
            issuer: CertifiedIssuer::self_signed(params, key).unwrap(),
        }
    }

    /// Certificate and key, PEM.
    pub fn leaf(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// A syslog receiver that can be killed.
#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    /// Holds the address while nobody listens: it is never given to anybody else, and who connects is refused.
    _place: Arc<TcpSocket>,
    acceptor: TlsAcceptor,
    /// Rows that it has kept.
    pub seen: Arc<Mutex<BTreeSet<String>>>,
    /// Connections that it has cut.
    pub deaths: Arc<AtomicUsize>,
    /// Handshakes that failed, on either side.
    pub refused: Arc<AtomicUsize>,
    /// Connections whose end it has not confirmed.
    pub unconfirmed: Arc<AtomicUsize>,
    /// How many messages of a connection it gets through before the sender gives it up: a slow one. The machine takes in
    /// what comes after them, and nobody reads it.
    pub gets_through: Arc<AtomicUsize>,
    stalled: Arc<Mutex<Vec<TlsStream<TcpStream>>>>,
    /// Whether it answers a close_notify.
    pub says_goodbye: Arc<AtomicBool>,
}

impl Receiver {
    pub fn new(authority: &Authority, asks: bool) -> Self {
        let (certificate, key) = authority.leaf("localhost");
        let chain = rustls::pki_types::CertificateDer::from(pem(&certificate));
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pem(&key)));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = if asks {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority.issuer.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let config = builder.with_single_cert(vec![chain], key).unwrap();
        // Who listens says the same, and both have the address then.
        let place = TcpSocket::new_v4().unwrap();
        place.set_reuseaddr(true).unwrap();
        place.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        Self {
            address: place.local_addr().unwrap(),
            _place: Arc::new(place),
            acceptor: TlsAcceptor::from(Arc::new(config)),
            seen: Arc::default(),
            deaths: Arc::default(),
            refused: Arc::default(),
            unconfirmed: Arc::default(),
            gets_through: Arc::new(AtomicUsize::new(usize::MAX)),
            stalled: Arc::default(),
            says_goodbye: Arc::new(AtomicBool::new(true)),
        }
    }

    /// Connections that it has not got through.
    pub fn stalled(&self) -> usize {
        self.stalled.lock().unwrap().len()
    }

    /// Listens until it is aborted; with `dies_after`, it is killed after so many messages of one connection.
    pub async fn start(&self, dies_after: Option<usize>) -> JoinHandle<()> {
        let this = self.clone();
        let listener = TcpListener::bind(this.address).await.unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(stream) = this.acceptor.accept(stream).await else {
                    this.refused.fetch_add(1, Ordering::SeqCst);
                    continue;
                };
                let deaths = this.deaths.load(Ordering::SeqCst);
                this.read(stream, dies_after).await;
                if this.deaths.load(Ordering::SeqCst) > deaths {
                    return;
                }
            }
        })
    }

    async fn read(&self, mut stream: TlsStream<TcpStream>, dies_after: Option<usize>) {
        let (mut waiting, mut messages) = (Vec::new(), 0);
        loop {
            let mut buffer = [0; 4096];
            match stream.read(&mut buffer).await {
                Ok(0) if self.says_goodbye.load(Ordering::SeqCst) => {
                    let _ = stream.shutdown().await;
                    return;
                }
                Ok(0) => {
                    self.unconfirmed.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                Err(_) => return,
                Ok(read) => waiting.extend_from_slice(buffer.get(..read).unwrap()),
            }
            while let Some(message) = frame(&mut waiting) {
                messages += 1;
                if dies_after.is_some_and(|after| messages > after) {
                    // What it has read and not kept is lost with it.
                    self.deaths.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                if messages > self.gets_through.load(Ordering::SeqCst) {
                    self.stalled.lock().unwrap().push(stream);
                    return;
                }
                let (_, json) = message.split_once("] ").unwrap();
                let json: serde_json::Value = serde_json::from_str(json).unwrap();
                let id = json["id"].as_str().unwrap().to_owned();
                self.seen.lock().unwrap().insert(id);
            }
        }
    }

    pub async fn has(&self, ids: &BTreeSet<String>) {
        until(async || self.seen.lock().unwrap().is_superset(ids)).await;
    }
}

pub async fn until(condition: impl AsyncFn() -> bool) {
    for _ in 0..2_400 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    unreachable!("two minutes have passed: it hangs");
}

/// Takes a whole frame (RFC 5425 section 4.3.1) from the front.
fn frame(waiting: &mut Vec<u8>) -> Option<String> {
    let space = waiting.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(waiting.get(..space)?)
        .ok()?
        .parse()
        .ok()?;
    let whole = waiting.get(space + 1..space + 1 + length)?.to_vec();
    waiting.drain(..space + 1 + length);
    String::from_utf8(whole).ok()
}

fn pem(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    let lines = text.lines().filter(|line| !line.starts_with("-----"));
    let base64: String = lines.collect();
    base64::engine::general_purpose::STANDARD
        .decode(base64)
        .unwrap()
}
