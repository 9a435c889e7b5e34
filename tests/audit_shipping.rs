//! Shipping the audit to a syslog receiver over TLS that is down, killed and started again: nothing is missing.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use outbound::{Identity, SyslogReceiver, Trust};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use storage::audit::{Filter, Shipping};
use storage::testing::{open, postgres, sqlite};
use storage::{AuditEvent, Clock, Db, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use vitalgate::serve::audit::{Destination, Pace};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_receiver_that_is_down_killed_and_started_again_misses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut locations = vec![sqlite(directory.path())];
    locations.extend(postgres().await);
    for location in locations {
        let db = open(location, &[]).await;
        let authority = Authority::new();
        let receiver = Receiver::new(&authority, false).await;
        let shipping = spawn(
            &db,
            &receiver,
            receiver_at(&receiver, &authority, None),
            "one",
        );
        // Another node is ready to send, too.
        let other = spawn(
            &db,
            &receiver,
            receiver_at(&receiver, &authority, None),
            "other",
        );
        let writing = tokio::spawn(write(db.clone(), 3_000));
        // Down while rows are written.
        until(async || ids(&db).await.len() > 500).await;
        // Killed in mid-stream, with rows read and thrown away, again and again.
        for after in [1, 40, 200, 3, 400] {
            let running = receiver.start(Some(after));
            receiver.killed().await;
            running.abort();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let running = receiver.start(None);
        writing.await.unwrap();
        let ids = ids(&db).await;
        assert_eq!(ids.len(), 3_000);
        receiver.has(&ids).await;
        let node = shipping_of(&db);
        until(async || node.lag().await == Ok(0)).await;
        for task in [shipping, other, running] {
            task.abort();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_asks_for_our_certificate() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(sqlite(directory.path()), &[]).await;
    let authority = Authority::new();
    let receiver = Receiver::new(&authority, true).await;
    let running = receiver.start(None);
    write(db.clone(), 5).await;
    let nobody = spawn(
        &db,
        &receiver,
        receiver_at(&receiver, &authority, None),
        "one",
    );
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(shipping_of(&db).lag().await, Ok(5));
    nobody.abort();
    let known = receiver_at(&receiver, &authority, Some(&identity(&authority)));
    let shipping = spawn(&db, &receiver, known, "one");
    receiver.has(&ids(&db).await).await;
    for task in [shipping, running] {
        task.abort();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_of_another_authority_or_without_a_close_notify_gets_no_credit() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(sqlite(directory.path()), &[]).await;
    write(db.clone(), 5).await;
    let (authority, other) = (Authority::new(), Authority::new());
    let receiver = Receiver::new(&authority, false).await;
    receiver.says_goodbye.store(0, Ordering::SeqCst);
    let running = receiver.start(None);
    let stranger = spawn(&db, &receiver, receiver_at(&receiver, &other, None), "one");
    tokio::time::sleep(Duration::from_millis(300)).await;
    stranger.abort();
    assert!(receiver.seen.lock().unwrap().is_empty());
    // It has the rows, but does not say so.
    let silent = spawn(
        &db,
        &receiver,
        receiver_at(&receiver, &authority, None),
        "one",
    );
    receiver.has(&ids(&db).await).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(shipping_of(&db).lag().await, Ok(5));
    silent.abort();
    let trust = trust(&authority);
    let lenient = SyslogReceiver::new("localhost", receiver.address.port(), &trust, None, false);
    let lenient = spawn(&db, &receiver, lenient.unwrap(), "one");
    let node = shipping_of(&db);
    until(async || node.lag().await == Ok(0)).await;
    for task in [lenient, running] {
        task.abort();
    }
}

/// A receiver that others wrote, as Debian brings it: down, started, ended in mid-stream, started again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsyslog_misses_nothing() {
    let Ok(program) = which("rsyslogd") else {
        eprintln!("skipped: rsyslogd is not installed");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let db = open(sqlite(directory.path()), &[]).await;
    let authority = Authority::new();
    // Only for its port: it never starts.
    let place = Receiver::new(&authority, false).await;
    let rsyslog = Rsyslog::new(program, directory.path(), &authority, place.address.port());
    let identity = identity(&authority);
    let shipping = spawn(
        &db,
        &place,
        receiver_at(&place, &authority, Some(&identity)),
        "one",
    );
    let writing = tokio::spawn(write(db.clone(), 2_000));
    until(async || ids(&db).await.len() > 300).await;
    let mut running = rsyslog.start();
    until(async || rsyslog.lines() > 500).await;
    terminate(&mut running).await;
    until(async || writing.is_finished()).await;
    let mut running = rsyslog.start();
    let node = shipping_of(&db);
    until(async || node.lag().await == Ok(0)).await;
    terminate(&mut running).await;
    let (ids, seen) = (ids(&db).await, rsyslog.seen());
    assert_eq!(ids.difference(&seen).count(), 0);
    shipping.abort();
}

fn identity(authority: &Authority) -> Identity {
    let (certificate, key) = authority.leaf("vro.example");
    Identity {
        certificate_pem: certificate.into_bytes(),
        private_key_pem: key.into_bytes(),
    }
}

fn which(program: &str) -> Result<std::path::PathBuf, ()> {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin"];
    let mut files = places
        .iter()
        .map(|place| std::path::Path::new(place).join(program));
    files.find(|file| file.exists()).ok_or(())
}

/// Asks it to end, and waits.
async fn terminate(running: &mut tokio::process::Child) {
    let id = running.id().unwrap().to_string();
    let kill = std::process::Command::new("kill").arg(id).status();
    assert!(kill.unwrap().success());
    running.wait().await.unwrap();
}

struct Rsyslog {
    program: std::path::PathBuf,
    directory: std::path::PathBuf,
}

impl Rsyslog {
    fn new(
        program: std::path::PathBuf,
        directory: &std::path::Path,
        authority: &Authority,
        port: u16,
    ) -> Self {
        let (certificate, key) = authority.leaf("localhost");
        let place = directory.display();
        for (name, content) in [
            ("ca.pem", authority.issuer.pem()),
            ("certificate.pem", certificate),
            ("key.pem", key),
            (
                "rsyslog.conf",
                format!(
                    "global(workDirectory=\"{place}\" maxMessageSize=\"64k\" DefaultNetstreamDriver=\"ossl\"\n\
                     DefaultNetstreamDriverCAFile=\"{place}/ca.pem\"\n\
                     DefaultNetstreamDriverCertFile=\"{place}/certificate.pem\"\n\
                     DefaultNetstreamDriverKeyFile=\"{place}/key.pem\")\n\
                     module(load=\"imtcp\" StreamDriver.Name=\"ossl\" StreamDriver.Mode=\"1\"\n\
                     StreamDriver.AuthMode=\"x509/certvalid\")\n\
                     template(name=\"content\" type=\"string\" string=\"%msg%\\n\")\n\
                     ruleset(name=\"audit\") {{ action(type=\"omfile\" file=\"{place}/received\" template=\"content\") }}\n\
                     input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\" ruleset=\"audit\")\n"
                ),
            ),
        ] {
            std::fs::write(directory.join(name), content).unwrap();
        }
        Self {
            program,
            directory: directory.to_owned(),
        }
    }

    fn start(&self) -> tokio::process::Child {
        let log = std::fs::File::create(self.directory.join("rsyslog.log")).unwrap();
        tokio::process::Command::new(&self.program)
            .arg("-n")
            .arg("-f")
            .arg(self.directory.join("rsyslog.conf"))
            .arg("-i")
            .arg(self.directory.join("rsyslog.pid"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    fn received(&self) -> String {
        std::fs::read_to_string(self.directory.join("received")).unwrap_or_default()
    }

    fn lines(&self) -> usize {
        self.received().lines().count()
    }

    fn seen(&self) -> BTreeSet<String> {
        let id = |line: &str| {
            let json: serde_json::Value = serde_json::from_str(line.trim()).ok()?;
            Some(json["id"].as_str()?.to_owned())
        };
        self.received().lines().filter_map(id).collect()
    }
}

fn shipping_of(db: &Db) -> Shipping {
    Shipping {
        db: db.clone(),
        destination: "siem".to_owned(),
        node: "test".to_owned(),
    }
}

fn spawn(db: &Db, _: &Receiver, receiver: SyslogReceiver, node: &str) -> JoinHandle<()> {
    let destination = Destination {
        party: "vro".to_owned(),
        hostname: "vro.example".to_owned(),
        shipping: Shipping {
            node: node.to_owned(),
            ..shipping_of(db)
        },
        receiver,
        clock: Clock::system(),
        random: oauth::Random::seeded(1),
        pace: Pace {
            poll: Duration::from_millis(10),
            session: Duration::from_secs(2),
            retry: Duration::from_millis(10),
            lease: SignedDuration::from_secs(2),
        },
    };
    tokio::spawn(destination.run())
}

fn trust(authority: &Authority) -> Trust {
    Trust {
        ca_pem: Some(authority.issuer.pem().into_bytes()),
        platform: false,
    }
}

fn receiver_at(
    receiver: &Receiver,
    authority: &Authority,
    identity: Option<&Identity>,
) -> SyslogReceiver {
    let port = receiver.address.port();
    SyslogReceiver::new("localhost", port, &trust(authority), identity, true).unwrap()
}

async fn write(db: Db, rows: u32) {
    let at = Clock::system().now();
    for number in 0..rows {
        let event = AuditEvent::new(
            at,
            "vro",
            "resource-server",
            "bundle.read",
            Outcome::Allowed,
        );
        let record_id = Some(format!("record-{number}"));
        db.audit(AuditEvent { record_id, ..event }).await.unwrap();
    }
}

async fn ids(db: &Db) -> BTreeSet<String> {
    let filter = Filter {
        limit: 100_000,
        ..Filter::default()
    };
    let rows = storage::audit::list(db, &filter).await.unwrap();
    rows.into_iter().map(|row| row.id).collect()
}

async fn until(condition: impl AsyncFn() -> bool) {
    for _ in 0..1_200 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    unreachable!("a minute has passed");
}

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
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
    fn leaf(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}

/// A syslog receiver that can be killed.
#[derive(Clone)]
struct Receiver {
    address: SocketAddr,
    acceptor: TlsAcceptor,
    seen: Arc<Mutex<BTreeSet<String>>>,
    deaths: Arc<AtomicUsize>,
    waited_for: Arc<AtomicUsize>,
    /// Whether it answers a close_notify.
    says_goodbye: Arc<AtomicUsize>,
}

impl Receiver {
    async fn new(authority: &Authority, asks: bool) -> Self {
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
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            address: free.local_addr().unwrap(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
            seen: Arc::default(),
            deaths: Arc::default(),
            waited_for: Arc::default(),
            says_goodbye: Arc::new(AtomicUsize::new(1)),
        }
    }

    /// Listens until it is aborted; with `dies_after`, each connection is cut after so many messages.
    fn start(&self, dies_after: Option<usize>) -> JoinHandle<()> {
        let this = self.clone();
        tokio::spawn(async move {
            let listener = TcpListener::bind(this.address).await.unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(stream) = this.acceptor.accept(stream).await else {
                    continue;
                };
                this.read(stream, dies_after).await;
            }
        })
    }

    async fn read(
        &self,
        mut stream: tokio_rustls::server::TlsStream<tokio::net::TcpStream>,
        dies_after: Option<usize>,
    ) {
        let (mut waiting, mut messages) = (Vec::new(), 0);
        loop {
            let mut buffer = [0; 4096];
            match stream.read(&mut buffer).await {
                Ok(0) if self.says_goodbye.load(Ordering::SeqCst) == 1 => {
                    let _ = stream.shutdown().await;
                    return;
                }
                Ok(0) | Err(_) => return,
                Ok(read) => waiting.extend_from_slice(buffer.get(..read).unwrap()),
            }
            while let Some(message) = frame(&mut waiting) {
                messages += 1;
                if dies_after.is_some_and(|after| messages > after) {
                    // What it has read and not kept is lost with it.
                    self.deaths.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                let (_, json) = message.split_once("] ").unwrap();
                let json: serde_json::Value = serde_json::from_str(json).unwrap();
                let id = json["id"].as_str().unwrap().to_owned();
                self.seen.lock().unwrap().insert(id);
            }
        }
    }

    async fn killed(&self) {
        let before = self.waited_for.load(Ordering::SeqCst);
        until(async || self.deaths.load(Ordering::SeqCst) > before).await;
        self.waited_for
            .store(self.deaths.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    async fn has(&self, ids: &BTreeSet<String>) {
        until(async || self.seen.lock().unwrap().is_superset(ids)).await;
    }
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
