//! A 2xx means committed and synced: a server that is killed again and again loses nothing that it answered
//! 2xx, and every commit is synced before its answer.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use oauth::BasicCredentials;
use outbound::header::{AUTHORIZATION, HeaderName, HeaderValue, LOCATION};
use outbound::{Outbound, OutboundConfig, Purpose, Request, Trust};
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;
use vitalgate::sample::{self, Form, Kind};
use vitalgate::sandbox::{self, Options};

/// A vital records office that is a process of its own, and a hospital's client for it.
struct Bench {
    directory: tempfile::TempDir,
    outbound: Outbound,
    origin: String,
    ready: Url,
    client: (String, String),
}

/// What was answered 2xx: FHIR id and the number of the document.
type Ledger = Arc<Mutex<BTreeMap<String, u32>>>;

impl Bench {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // The sandbox writes directories and registrations; then it goes, and the process takes over.
        let sandbox = sandbox::start(directory.path(), Options::default())
            .await
            .unwrap();
        sandbox.shutdown().await;
        let json: Value =
            serde_json::from_slice(&std::fs::read(directory.path().join("sandbox.json")).unwrap())
                .unwrap();
        let text = |pointer: &str| json.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        let clients = json
            .pointer("/dataflows/0/clients")
            .unwrap()
            .as_array()
            .unwrap();
        let client = clients
            .iter()
            .find(|client| client["client_id"] == "ehr-vro-api-secret")
            .unwrap();
        let member = |name: &str| client[name].as_str().unwrap().to_owned();
        let ca = std::fs::read(directory.path().join("ca.pem")).unwrap();
        let config = OutboundConfig::new("test", Trust::only(ca), Arc::new(Timestamp::now));
        Self {
            outbound: Outbound::new(config).unwrap(),
            origin: text("/parties/vro/origin"),
            ready: Url::parse(&text("/parties/vro/internal")).unwrap(),
            client: (member("client_id"), member("client_secret")),
            directory,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    async fn serve(&self, environment: &[(&str, &Path)]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vitalgate"));
        command
            .args(["serve", "--config"])
            .arg(self.path("vro/vitalgate.toml"));
        command.envs(environment.iter().map(|(name, value)| (*name, *value)));
        let server = Server(
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let started = Instant::now();
        let address = (
            self.ready.host_str().unwrap().to_owned(),
            self.ready.port().unwrap(),
        );
        while tokio::net::TcpStream::connect(&address).await.is_err() {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "not ready in 20 s"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server
    }

    async fn token(&self) -> String {
        let form = format!(
            "grant_type=client_credentials&resource={}/fhir",
            self.origin
        );
        let url = Url::parse(&format!("{}/oauth2/token", self.origin)).unwrap();
        let basic = BasicCredentials::header(&self.client.0, &self.client.1);
        let request = Request::post(
            url,
            Purpose::Token,
            "application/x-www-form-urlencoded",
            form.into_bytes(),
        )
        .header(AUTHORIZATION, HeaderValue::from_str(&basic).unwrap());
        let response = self.outbound.send(request).await.unwrap();
        let json: Value = serde_json::from_slice(&response.body).unwrap();
        json["access_token"].as_str().unwrap().to_owned()
    }

    /// Delivers document `number`; its id, if the answer was 2xx.
    async fn deliver(&self, token: &str, number: u32) -> Option<String> {
        let url = Url::parse(&format!("{}/fhir/Bundle", self.origin)).unwrap();
        let criteria = format!(
            "identifier=http%3A%2F%2Fhl7.org%2Ffhir%2Fus%2Fvr-common-library%2FCodeSystem%2Fcodesystem-ije-vr%7C2026MA{:06}",
            100_000 + number
        );
        let request = Request::post(
            url,
            Purpose::Create,
            "application/fhir+json",
            document(number),
        )
        .header(AUTHORIZATION, bearer(token))
        .header(
            HeaderName::from_static("if-none-exist"),
            HeaderValue::from_str(&criteria).unwrap(),
        );
        let response = self.outbound.send(request).await.ok()?;
        if !response.status.is_success() {
            return None;
        }
        let location = response.header(&LOCATION).unwrap().to_owned();
        Some(
            location
                .split("/Bundle/")
                .nth(1)
                .unwrap()
                .split('/')
                .next()
                .unwrap()
                .to_owned(),
        )
    }
}

/// The process; killed when the test ends, however it ends.
struct Server(Child);

impl Server {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn document(number: u32) -> Vec<u8> {
    let request = sample::Request {
        kind: Kind::Coded,
        form: Form::Jurisdiction,
        jurisdiction: "MA".to_owned(),
        seed: 1,
    };
    sample::write(&request, number).unwrap().json
}

fn bearer(token: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("Bearer {token}")).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_twenty_times_loses_nothing_that_it_answered_2xx() {
    let bench = Arc::new(Bench::new().await);
    let ledger = Ledger::default();
    let next = Arc::new(AtomicU32::new(1_000));
    for round in 0..20_u64 {
        let mut server = bench.serve(&[]).await;
        let token = bench.token().await;
        let senders: Vec<_> = (0..8)
            .map(|_| {
                tokio::spawn(send_until_it_fails(
                    Arc::clone(&bench),
                    token.clone(),
                    Arc::clone(&ledger),
                    Arc::clone(&next),
                ))
            })
            .collect();
        // Killed in the middle of a burst: after some answers, at another moment every time.
        let before = ledger.lock().await.len();
        let started = Instant::now();
        while ledger.lock().await.len() < before + 8 && started.elapsed() < Duration::from_secs(30)
        {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_millis(round * 7 % 50)).await;
        server.kill();
        for sender in senders {
            sender.await.unwrap();
        }
    }
    let ledger = ledger.lock().await.clone();
    assert!(
        ledger.len() >= 100,
        "only {} deliveries were answered: the test proves too little",
        ledger.len()
    );
    let _server = bench.serve(&[]).await;
    let token = bench.token().await;
    for (id, number) in &ledger {
        let url = Url::parse(&format!("{}/fhir/Bundle/{id}/$original", bench.origin)).unwrap();
        let request = Request::get(url, Purpose::Read).header(AUTHORIZATION, bearer(&token));
        let response = bench.outbound.send(request).await.unwrap();
        assert_eq!(
            response.status.as_u16(),
            200,
            "document {number} was answered 2xx and is lost"
        );
        assert!(
            response.body == document(*number),
            "document {number} is not what was sent"
        );
        // Repeated after the crash it is still one record.
        assert_eq!(
            bench.deliver(&token, *number).await.as_ref(),
            Some(id),
            "document {number} is there twice"
        );
    }
}

async fn send_until_it_fails(
    bench: Arc<Bench>,
    token: String,
    ledger: Ledger,
    next: Arc<AtomicU32>,
) {
    loop {
        let number = next.fetch_add(1, Ordering::SeqCst);
        match bench.deliver(&token, number).await {
            Some(id) => drop(ledger.lock().await.insert(id, number)),
            None => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_delivery_is_synced_before_it_is_answered() {
    let bench = Bench::new().await;
    let (shim, counter) = (bench.path("count_syncs.so"), bench.path("syncs"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/count_syncs.c");
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&shim)
        .arg(source)
        .arg("-ldl")
        .status();
    assert!(compiled.unwrap().success());
    let _server = bench
        .serve(&[("LD_PRELOAD", &shim), ("SYNC_COUNT_FILE", &counter)])
        .await;
    let token = bench.token().await;
    let synced = || std::fs::metadata(&counter).map_or(0, |found| found.len());
    for number in 1..=10 {
        let before = synced();
        if bench.deliver(&token, number).await.is_none() {
            panic!("document {number} was refused");
        }
        assert!(
            synced() > before,
            "document {number} was answered before a sync"
        );
    }
}
