//! Shipping the audit to a syslog receiver over TLS that is down, killed and started again: nothing is missing.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "audit_shipping/receiver.rs"]
mod receiver;
mod support;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use outbound::{Identity, SyslogReceiver, Trust};
use receiver::{Authority, Receiver, until};
use storage::audit::{Filter, Shipping};
use storage::testing::{open, postgres, sqlite};
use storage::{AuditEvent, Clock, Db, Outcome};
use support::party::Party;
use tokio::task::JoinHandle;
use vitalgate::serve::audit::{Destination, Pace};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_receiver_that_is_down_killed_and_started_again_misses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut locations = vec![sqlite(directory.path())];
    locations.extend(postgres().await);
    for location in locations {
        let db = open(location, &[]).await;
        let authority = Authority::new();
        let receiver = Receiver::new(&authority, false);
        let shipping = spawn(&db, receiver_at(&receiver, &authority, None), "one");
        // Another node is ready to send, too.
        let other = spawn(&db, receiver_at(&receiver, &authority, None), "other");
        let writing = tokio::spawn(write(db.clone(), 3_000));
        // Down while rows are written.
        until(async || ids(&db).await.len() > 500).await;
        // Killed in mid-stream, with rows read and thrown away, again and again; each time the next session is shorter.
        for after in [400, 200, 40, 3, 1] {
            let deaths = receiver.deaths.load(Ordering::SeqCst);
            let running = receiver.start(Some(after)).await;
            at_least(&receiver.deaths, deaths + 1).await;
            running.abort();
            let _ = running.await;
        }
        let running = receiver.start(None).await;
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
    let receiver = Receiver::new(&authority, true);
    let running = receiver.start(None).await;
    write(db.clone(), 5).await;
    let nobody = spawn(&db, receiver_at(&receiver, &authority, None), "one");
    at_least(&receiver.refused, 2).await;
    assert_eq!(shipping_of(&db).lag().await, Ok(5));
    nobody.abort();
    let known = receiver_at(&receiver, &authority, Some(&identity(&authority)));
    let shipping = spawn(&db, known, "one");
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
    let receiver = Receiver::new(&authority, false);
    receiver.says_goodbye.store(false, Ordering::SeqCst);
    let running = receiver.start(None).await;
    let stranger = spawn(&db, receiver_at(&receiver, &other, None), "one");
    at_least(&receiver.refused, 2).await;
    stranger.abort();
    let _ = stranger.await;
    assert!(receiver.seen.lock().unwrap().is_empty());
    // It has the rows, but does not say so.
    let silent = spawn(&db, receiver_at(&receiver, &authority, None), "one");
    receiver.has(&ids(&db).await).await;
    // The second session is that of a sender who did not take the end of the first for a confirmation.
    at_least(&receiver.unconfirmed, 2).await;
    assert_eq!(shipping_of(&db).lag().await, Ok(5));
    silent.abort();
    let trust = trust(&authority);
    let lenient = SyslogReceiver::new("localhost", receiver.address.port(), &trust, None, false);
    let lenient = spawn(&db, lenient.unwrap(), "one");
    let node = shipping_of(&db);
    until(async || node.lag().await == Ok(0)).await;
    for task in [lenient, running] {
        task.abort();
    }
}

/// Its machine takes in at once what it needs longer for than we wait: it never confirmed, and got the same again for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_slow_gets_fewer_rows_at_once_until_it_has_all() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(sqlite(directory.path()), &[]).await;
    let authority = Authority::new();
    let receiver = Receiver::new(&authority, false);
    receiver.gets_through.store(100, Ordering::SeqCst);
    write(db.clone(), 250).await;
    let running = receiver.start(None).await;
    let patient =
        receiver_at(&receiver, &authority, None).with_patience(Duration::from_millis(500));
    let shipping = spawn(&db, patient, "one");
    let node = shipping_of(&db);
    until(async || node.lag().await == Ok(0)).await;
    receiver.has(&ids(&db).await).await;
    assert!(receiver.stalled() > 0);
    for task in [shipping, running] {
        task.abort();
    }
}

/// Certificates are renewed under their names, and nothing says so to who uses them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_authority_is_used_without_a_restart() {
    let (authority, other) = (Authority::new(), Authority::new());
    let receiver = Receiver::new(&authority, false);
    let running = receiver.start(None).await;
    let mut party = Party::init("vro");
    let file = party.directory().join("siem-ca.pem");
    std::fs::write(&file, other.issuer.pem()).unwrap();
    let mut config = std::fs::read_to_string(party.config()).unwrap();
    config.push_str(&format!(
        "\n[[audit.destinations]]\nname = \"siem\"\naddress = \"localhost:{}\"\nca_file = \"{}\"\n",
        receiver.address.port(),
        file.display()
    ));
    std::fs::write(party.config(), config).unwrap();
    party.start();
    at_least(&receiver.refused, 2).await;
    // Nor is one that cannot be read for a while given up.
    std::fs::remove_file(&file).unwrap();
    party.has_logged("siem-ca.pem");
    std::fs::write(&file, authority.issuer.pem()).unwrap();
    until(async || !receiver.seen.lock().unwrap().is_empty()).await;
    running.abort();
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
    let place = Receiver::new(&authority, false);
    let rsyslog = Rsyslog::new(program, directory.path(), &authority, place.address.port());
    let identity = identity(&authority);
    let shipping = spawn(&db, receiver_at(&place, &authority, Some(&identity)), "one");
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
    support::party::signal(running.id().unwrap(), "TERM");
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

fn spawn(db: &Db, receiver: SyslogReceiver, node: &str) -> JoinHandle<()> {
    let destination = Destination {
        party: "vro".to_owned(),
        hostname: "vro.example".to_owned(),
        shipping: Shipping {
            node: node.to_owned(),
            ..shipping_of(db)
        },
        receiver: std::sync::Arc::new(move || Ok(receiver.clone())),
        clock: Clock::system(),
        random: oauth::Random::seeded(1),
        pace: Pace {
            poll: Duration::from_millis(10),
            session: Duration::from_secs(2),
            retry: Duration::from_millis(10),
            // Longer than a session takes on any machine: whoever has lost it confirms nothing.
            lease: SignedDuration::from_secs(45),
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

async fn at_least(counted: &AtomicUsize, number: usize) {
    until(async || counted.load(Ordering::SeqCst) >= number).await;
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
