//! Runs docs/connect.md: every command of the page, at two organizations in two directories, and compares
//! what is printed with what the page says. Host names become loopback ports; `scp` copies between the two.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::party::{HANGS, free_port, text};

const PAGE: &str = include_str!("../docs/connect.md");

/// One organization's machine.
struct Machine {
    directory: PathBuf,
    environment: HashMap<String, String>,
    servers: Vec<Child>,
}

/// A command of the page with what it prints.
#[derive(Debug)]
struct Typed {
    machine: String,
    command: String,
    printed: Vec<String>,
}

/// Both machines, and the ports that stand for their names.
struct Stage {
    machines: HashMap<String, Machine>,
    replaced: Vec<(String, String)>,
    ready: HashMap<String, u16>,
}

impl Drop for Stage {
    fn drop(&mut self) {
        for machine in self.machines.values_mut() {
            for server in &mut machine.servers {
                let _ = server.kill();
                let _ = server.wait();
            }
        }
    }
}

fn typed() -> Vec<Typed> {
    let mut all: Vec<Typed> = Vec::new();
    let mut machine: Option<String> = None;
    for line in PAGE.lines() {
        if let Some(name) = line.strip_prefix("```console ") {
            machine = Some(name.to_owned());
        } else if line.starts_with("```") {
            machine = None;
        } else if let Some(machine) = &machine {
            match line.strip_prefix("$ ") {
                Some(command) => all.push(Typed {
                    machine: machine.clone(),
                    command: command.to_owned(),
                    printed: Vec::new(),
                }),
                None => all.last_mut().unwrap().printed.push(line.to_owned()),
            }
        }
    }
    all
}

impl Stage {
    fn new(home: &Path) -> Self {
        let mut stage = Self {
            machines: HashMap::new(),
            replaced: Vec::new(),
            ready: HashMap::new(),
        };
        for (machine, host) in [("hospital", "ehr.example"), ("office", "vro.example")] {
            let directory = home.join(machine);
            std::fs::create_dir(&directory).unwrap();
            let (https, internal) = (free_port(), free_port());
            let name = format!("https://{host}:8443");
            stage
                .replaced
                .push((name, format!("https://localhost:{https}")));
            stage.ready.insert(machine.to_owned(), internal);
            stage
                .replaced
                .push((format!("{machine} 8443"), https.to_string()));
            stage
                .replaced
                .push((format!("{machine} 9443"), internal.to_string()));
            let machine_state = Machine {
                directory,
                environment: HashMap::new(),
                servers: Vec::new(),
            };
            stage.machines.insert(machine.to_owned(), machine_state);
        }
        stage
    }

    /// The command as it is run here.
    fn here(&self, typed: &Typed) -> String {
        let mut command = typed.command.clone();
        for (from, to) in &self.replaced {
            command = command.replace(from, to);
        }
        let port = |number: &str| {
            let wanted = format!("{} {number}", typed.machine);
            self.replaced
                .iter()
                .find(|(name, _)| *name == wanted)
                .unwrap()
                .1
                .clone()
        };
        command
            .replace("0.0.0.0:8443", &format!("127.0.0.1:{}", port("8443")))
            .replace("127.0.0.1:9443", &format!("127.0.0.1:{}", port("9443")))
    }

    fn run(&mut self, typed: &Typed) {
        let command = self.here(typed);
        if let Some(rest) = command.strip_prefix("scp ") {
            return self.copy(&typed.machine, rest);
        }
        if let Some(rest) = command.strip_prefix("export ") {
            let (name, value) = rest.split_once('=').unwrap();
            let machine = self.machines.get_mut(&typed.machine).unwrap();
            machine
                .environment
                .insert(name.to_owned(), value.to_owned());
            return;
        }
        let machine = self.machines.get_mut(&typed.machine).unwrap();
        let mut shell = Command::new("sh");
        let server = command.strip_suffix(" &");
        // exec: the server itself is our child, to be ended.
        let script = server.map_or(command.clone(), |server| format!("exec {server}"));
        shell
            .args(["-c", &script])
            .current_dir(&machine.directory)
            .envs(&machine.environment)
            .env("PATH", path());
        if server.is_some() {
            let log = std::fs::File::create(machine.directory.join("log")).unwrap();
            shell
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .stdin(Stdio::null());
            machine.servers.push(shell.spawn().unwrap());
            return wait_until_ready(self.ready[&typed.machine]);
        }
        let output = shell.output().unwrap();
        let (printed, complaint) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{command}\n{printed}{complaint}");
        compare(&command, &typed.printed, &printed);
    }

    fn copy(&self, from: &str, arguments: &str) {
        let (source, target) = arguments.split_once(' ').unwrap();
        let (to, name) = target.split_once(':').unwrap();
        let source = self.machines[from].directory.join(source);
        std::fs::copy(source, self.machines[to].directory.join(name)).unwrap();
    }
}

/// Lines in their order; `…` is any text, a line of it alone any lines.
fn compare(command: &str, expected: &[String], printed: &str) {
    let mut rest = printed.lines();
    for pattern in expected.iter().filter(|line| line.as_str() != "…") {
        assert!(
            rest.any(|line| fits(pattern, line)),
            "{command}\nshould print: {pattern}\n{printed}"
        );
    }
}

fn fits(pattern: &str, line: &str) -> bool {
    let mut rest = line;
    let parts: Vec<&str> = pattern.split('…').collect();
    for (number, part) in parts.iter().enumerate() {
        let Some(at) = rest.find(part) else {
            return false;
        };
        if number == 0 && at != 0 {
            return false;
        }
        rest = &rest[at + part.len()..];
    }
    pattern.ends_with('…') || rest.is_empty()
}

/// With the built program first.
fn path() -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_vitalgate"));
    let directory = program.parent().unwrap().display().to_string();
    format!("{directory}:{}", std::env::var("PATH").unwrap())
}

fn wait_until_ready(internal: u16) {
    let until = Instant::now() + HANGS;
    while Instant::now() < until {
        if support::party::internal(internal, "/ready").0 == 200 {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the server does not become ready");
}

#[test]
fn the_page_works_from_nothing_to_a_delivered_report() {
    let home = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(home.path());
    let commands = typed();
    assert!(commands.len() > 20, "the page has lost its commands");
    for typed in &commands {
        stage.run(typed);
    }
    // What no line of the page shows: the secret lies in a file of its own, closed to others.
    let secret = home.path().join("hospital/ehr/secrets/vro-introspection");
    assert_eq!(support::party::mode(&secret), 0o600);
    let config = home.path().join("hospital/ehr/vitalgate.toml");
    let text = std::fs::read_to_string(config).unwrap();
    let secret = std::fs::read_to_string(secret).unwrap();
    assert!(!text.contains(&secret));
    assert!(text.contains("# Hosts records."), "comments stay");
}

/// `peer check` at a hospital that knows the office, after one thing was changed.
fn check_after(change: impl Fn(&Stage, &Path)) -> (Option<i32>, String) {
    let home = tempfile::tempdir().unwrap();
    let mut stage = Stage::new(home.path());
    for typed in &typed() {
        if typed.command.starts_with("vitalgate peer check") {
            break;
        }
        stage.run(typed);
    }
    change(&stage, home.path());
    let hospital = &stage.machines["hospital"];
    let output = Command::new("sh")
        .args(["-c", "vitalgate peer check vro --output json"])
        .current_dir(&hospital.directory)
        .envs(&hospital.environment)
        .env("PATH", path())
        .output()
        .unwrap();
    (output.status.code(), text(&output.stdout))
}

fn office(stage: &Stage, arguments: &str) {
    let machine = &stage.machines["office"];
    let status = Command::new("sh")
        .args(["-c", &format!("vitalgate {arguments}")])
        .current_dir(&machine.directory)
        .envs(&machine.environment)
        .env("PATH", path())
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success(), "{arguments}");
}

fn edit(home: &Path, from: &str, to: &str) {
    let file = home.join("hospital/ehr/vitalgate.toml");
    let before = std::fs::read_to_string(&file).unwrap();
    assert!(before.contains(from), "{from}");
    std::fs::write(&file, before.replace(from, to)).unwrap();
}

/// The step that failed, and what the JSON says beside it.
fn failed(output: &str) -> (String, String) {
    let findings: serde_json::Value = serde_json::from_str(output).unwrap();
    let findings = findings.as_array().unwrap();
    let failed = findings.iter().find(|it| it["outcome"] == "failed");
    let failed = failed.unwrap_or_else(|| panic!("{output}"));
    let advice = failed["advice"].as_str().unwrap();
    assert!(!advice.is_empty());
    let words = format!("{} {advice}", failed["seen"].as_str().unwrap());
    (failed["step"].as_str().unwrap().to_owned(), words)
}

#[test]
fn peer_check_says_which_step_failed_and_what_to_do() {
    type Change = fn(&Stage, &Path);
    let rows: [(&str, Change, &str, &str); 7] = [
        (
            "a name that does not exist",
            |stage, home| {
                let origin = &stage.replaced[3].1;
                edit(home, origin, "https://nowhere.invalid:8443");
            },
            "name",
            "DNS",
        ),
        (
            "a port where nobody listens",
            |stage, home| {
                let origin = &stage.replaced[3].1;
                edit(home, origin, "https://localhost:1");
            },
            "connection",
            "listens",
        ),
        (
            "an authority that is not trusted",
            |_, home| {
                let ca = home.join("hospital/ehr/tls/ca.pem");
                let both = std::fs::read_to_string(&ca).unwrap();
                let end = "-----END CERTIFICATE-----\n";
                let first = both.split_inclusive(end).next().unwrap();
                std::fs::write(&ca, first).unwrap();
            },
            "TLS",
            "ca_file",
        ),
        (
            "a name that the certificate does not have",
            |stage, home| {
                let origin = stage.replaced[3].1.clone();
                edit(home, &origin, &origin.replace("localhost", "other.example"));
                let port = &stage.replaced[4].1;
                let entry = format!(
                    "connect_to = [{{ host = \"other.example\", port = {port}, address = \"127.0.0.1:{port}\" }}]"
                );
                let roots = "platform_roots = true";
                edit(home, roots, &format!("{roots}\n{entry}"));
            },
            "TLS",
            "name",
        ),
        (
            "a client that the office has disabled",
            |stage, _| office(stage, "client disable general-hospital"),
            "token",
            "invalid_client",
        ),
        (
            "a resource server that the office has disabled",
            |stage, _| {
                let hospital = &stage.replaced[0].1;
                office(stage, &format!("resource-server disable {hospital}/fhir"));
            },
            "introspection",
            "credential",
        ),
        (
            "a FHIR base that is none",
            |stage, home| {
                let fhir = format!("fhir = \"{}/fhir\"", stage.replaced[3].1);
                edit(home, &fhir, &fhir.replace("/fhir\"", "/nothing\""));
            },
            "FHIR",
            "FHIR base",
        ),
    ];
    for (what, change, step, words) in rows {
        let (code, output) = check_after(change);
        assert_eq!(code, Some(1), "{what}: {output}");
        let (failed, said) = failed(&output);
        assert_eq!(failed, step, "{what}: {output}");
        assert!(said.contains(words), "{what}: {said}");
    }
}
