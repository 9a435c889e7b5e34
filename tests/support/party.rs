//! A party of the built program: its own directory, free ports, a child process.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A party in a directory of its own; its process ends with it.
pub struct Party {
    home: Arc<TempDir>,
    /// Its configuration and its log in that directory.
    files: (&'static str, &'static str),
    /// Port of the HTTPS listener.
    pub port: u16,
    /// Port of the internal listener.
    pub internal: u16,
    /// Variables that the process is started with.
    pub environment: Vec<(&'static str, PathBuf)>,
    child: Option<Child>,
}

impl Party {
    /// A new party by `vitalgate init`; it does not run yet.
    pub fn init(preset: &str) -> Self {
        let home = Arc::new(tempfile::tempdir().unwrap());
        let (port, internal) = (free_port(), free_port());
        let party = Self {
            home,
            files: ("vitalgate.toml", "serve.log"),
            port,
            internal,
            environment: Vec::new(),
            child: None,
        };
        let output = vitalgate()
            .args(["init", "--party", preset, "--dir"])
            .arg(party.directory())
            .args(["--origin", &party.origin()])
            .args(["--internal", &format!("127.0.0.1:{internal}")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        party
    }

    /// A running vital records office with `settings` (`SECTION.KEY=VALUE`).
    pub fn running(settings: &[&str]) -> Self {
        let mut party = Self::init("vro");
        party.set(settings);
        if settings.iter().any(|it| it.starts_with("database=")) {
            party.register_itself();
        }
        party.start();
        party
    }

    /// `init` has registered the party's own resource server in its SQLite file: another database does not know it.
    fn register_itself(&self) {
        let fhir = self.fhir();
        let mut command = vec!["resource-server", "add", fhir.as_str(), "--name", "own"];
        command.extend(["--organization", "Office", "--client-id"]);
        command.push("own-resource-server");
        let added = self.json(&command);
        let secret = self.directory().join("secrets/own-introspection");
        std::fs::write(secret, added["client_secret"].as_str().unwrap()).unwrap();
    }

    /// Another process on this party's database and under its origin, on ports of its own; it runs.
    pub fn another_process(&self) -> Self {
        let (port, internal) = (free_port(), free_port());
        let mut other = Self {
            home: Arc::clone(&self.home),
            files: ("second.toml", "second.log"),
            port,
            internal,
            environment: Vec::new(),
            child: None,
        };
        std::fs::copy(self.config(), other.config()).unwrap();
        other.set(&[
            &format!("listen.address=\"127.0.0.1:{port}\""),
            &format!("listen.internal_address=\"127.0.0.1:{internal}\""),
        ]);
        other.start();
        other
    }

    pub fn directory(&self) -> PathBuf {
        self.home.path().join("party")
    }

    pub fn config(&self) -> PathBuf {
        self.directory().join(self.files.0)
    }

    pub fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    pub fn fhir(&self) -> String {
        format!("{}/fhir", self.origin())
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub fn ca_pem(&self) -> Vec<u8> {
        std::fs::read(self.directory().join("tls/ca.pem")).unwrap()
    }

    /// Changes settings of the configuration file.
    pub fn set(&self, settings: &[&str]) {
        let mut table: toml::Table = std::fs::read_to_string(self.config())
            .unwrap()
            .parse()
            .unwrap();
        for setting in settings {
            vitalgate::config::set(&mut table, setting).unwrap();
        }
        std::fs::write(self.config(), toml::to_string(&table).unwrap()).unwrap();
    }

    /// Starts the process and waits until it is ready.
    pub fn start(&mut self) {
        let log = std::fs::File::create(self.directory().join(self.files.1)).unwrap();
        let mut child = vitalgate()
            .arg("serve")
            .arg("--config")
            .arg(self.config())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stderr(log)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + HANGS;
        while self.internal("/ready").0 != 200 {
            assert!(Instant::now() < deadline, "not ready: {}", self.log());
            assert!(
                child.try_wait().unwrap().is_none(),
                "it ended: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        self.child = Some(child);
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory().join(self.files.1)).unwrap_or_default()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Resident memory of the process.
    pub fn resident_kib(&self) -> usize {
        self.memory_kib("VmRSS:")
    }

    /// The most that it ever was.
    pub fn peak_kib(&self) -> usize {
        self.memory_kib("VmHWM:")
    }

    fn memory_kib(&self, what: &str) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(what));
        let digits = line.unwrap().trim().trim_end_matches(" kB").trim();
        digits.parse().unwrap()
    }

    /// Sends a signal by name (`HUP`, `TERM`).
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Waits for the end of the process.
    pub fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let deadline = Instant::now() + HANGS;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it did not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the log says `text`.
    pub fn has_logged(&self, text: &str) {
        let deadline = Instant::now() + HANGS;
        while !self.log().contains(text) {
            assert!(
                Instant::now() < deadline,
                "never logged {text:?}: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Status and body from the internal listener; status 0 if it does not listen.
    pub fn internal(&self, path: &str) -> (u16, String) {
        internal(self.internal, path)
    }

    /// Runs a command on this party's configuration.
    pub fn command(&self, arguments: &[&str]) -> Output {
        vitalgate()
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .output()
            .unwrap()
    }

    /// Runs a command that must succeed, and reads its JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.command(&[arguments, &["--output", "json"]].concat());
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Registers an API client with a secret and answers the secret.
    pub fn add_client(&self, client_id: &str, scope: &str) -> String {
        let fhir = self.fhir();
        let added = self.json(&[
            "client",
            "add",
            client_id,
            "--client-id",
            client_id,
            "--scope",
            scope,
            "--audience",
            &fhir,
            "--organization",
            "A Hospital",
            "--jurisdictions",
            "MA",
            "--record-types",
            "birth,fetal-death",
        ]);
        added["client_secret"].as_str().unwrap().to_owned()
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Sends a signal by name; with the shell's own `kill`, since a minimal system has no other.
pub fn signal(pid: u32, name: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-c", "kill -s \"$0\" \"$1\"", name, &pid.to_string()]);
    assert!(shell.status().unwrap().success());
}

/// Status and body from the internal listener at a port; status 0 if nobody listens.
pub fn internal(port: u16, path: &str) -> (u16, String) {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return (0, String::new());
    };
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let status = answer
        .get(9..12)
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0);
    (status, answer)
}

/// The built program.
pub fn vitalgate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vitalgate"));
    command.env_remove("VITALGATE_CONFIG").stdin(Stdio::null());
    command
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Mode of a file, without its type.
pub fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// What takes longer hangs, on whatever machine.
pub const HANGS: Duration = Duration::from_mins(2);

/// A port that nobody else is given until somebody listens on it: below those that the system gives out by itself, and
/// another one for each call.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let offset = u16::try_from(std::process::id() % 10).unwrap() * 2_000;
    loop {
        let port = 11_000 + offset + TAKEN.fetch_add(1, Ordering::SeqCst) % 2_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
