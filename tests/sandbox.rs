//! The sandbox: its file, its second start, its overrides, and what its logs do not hold.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use vitalgate::sandbox::{self, Options};

use support::http::{Answer, Connection, FORM};
use support::party::{HANGS, signal};

fn read(directory: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(directory.join("sandbox.json")).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_has_the_agreed_form() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = sandbox::start(directory.path(), Options::default())
        .await
        .unwrap();
    let file = directory.path().join("sandbox.json");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let json = read(directory.path());
    for name in ["ehr", "vro", "nchs"] {
        let party = &json["parties"][name];
        for member in [
            "origin",
            "fhir",
            "messages",
            "internal",
            "jurisdiction",
            "organization",
            "config",
            "log",
        ] {
            assert!(party[member].is_string(), "{name}.{member}");
        }
        assert_eq!(party["issuer"].is_string(), name != "ehr", "{name}.issuer");
        assert!(
            directory
                .path()
                .join(party["config"].as_str().unwrap())
                .exists()
        );
    }
    let names: Vec<&str> = json["dataflows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|flow| flow["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ehr-vro", "vro-nchs", "nchs-vro"]);
    for flow in json["dataflows"].as_array().unwrap() {
        assert_dataflow(directory.path(), flow);
    }
    for member in ["introspection_cache_s", "access_token_lifetime_s"] {
        assert!(json[member].is_u64(), "{member}");
    }
    assert!(json["limits"]["record_bytes"].is_u64());
    for member in ["origin", "cert", "key", "fhir"] {
        assert!(
            json["faulty_issuer"][member].is_string(),
            "faulty_issuer.{member}"
        );
    }
    assert!(directory.path().join(json["ca"].as_str().unwrap()).exists());
    sandbox.shutdown().await;
}

fn assert_dataflow(directory: &Path, flow: &Value) {
    for member in [
        "authorization_server",
        "client",
        "resource_owner",
        "resource_server",
    ] {
        assert!(flow[member].is_string(), "{member}");
    }
    assert!(flow["introspection_client"]["client_secret"].is_string());
    assert_eq!(flow["resources"].as_array().unwrap().len(), 2);
    for sample in flow["samples"].as_array().unwrap() {
        assert!(directory.join(sample.as_str().unwrap()).exists());
    }
    let user = &flow["users"][0];
    for member in ["username", "password", "scope", "organization", "role"] {
        assert!(user[member].is_string(), "users.{member}");
    }
    let clients = flow["clients"].as_array().unwrap();
    for (kind, auth) in [
        ("human", "none"),
        ("human", "client_secret_basic"),
        ("api", "client_secret_basic"),
        ("api", "private_key_jwt"),
    ] {
        let found = clients.iter().find(|client| {
            client["kind"] == kind && client["auth"] == auth && client["note"].is_null()
        });
        let client = found.unwrap();
        for member in [
            "client_id",
            "scope",
            "organization",
            "jurisdictions",
            "record_types",
            "resources",
        ] {
            assert!(!client[member].is_null(), "{kind} {auth} {member}");
        }
        assert_eq!(client["redirect_uri"].is_string(), kind == "human");
        assert_eq!(
            client["client_secret"].is_string(),
            auth == "client_secret_basic"
        );
        let signs = auth == "private_key_jwt";
        for member in ["private_key", "alg", "kid", "assertion_audience"] {
            assert_eq!(client[member].is_string(), signs, "{member}");
        }
    }
    let notes: Vec<&str> = clients
        .iter()
        .filter_map(|client| client["note"].as_str())
        .collect();
    for needed in [
        "5 s",
        "another organization",
        "another jurisdiction",
        "disabled",
        "expired",
        "jwks_uri",
        "two redirect",
        "auditor",
        "deletes",
    ] {
        assert!(
            notes.iter().any(|note| note.contains(needed)),
            "{needed} in {notes:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_keeps_what_must_be_kept_and_replaces_every_secret() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let sandbox = sandbox::start(path, Options::default()).await.unwrap();
    let refused = sandbox::start(path, Options::default()).await;
    assert!(refused.err().unwrap().to_string().contains("in use"));
    let mut sandbox = sandbox;
    let (mut first, mut second) = (Value::Null, Value::Null);
    let (mut ca, mut certificate, mut key) = (vec![], vec![], vec![]);
    // A port that another process has taken between the two starts is given up, as it must be: then once more.
    for _ in 0..3 {
        first = read(path);
        ca = file(path, "ca.pem");
        certificate = file(path, "vro/tls/certificate.pem");
        key = file(path, "ehr/keys/es384.pem");
        sandbox.shutdown().await;
        sandbox = sandbox::start(path, Options::default()).await.unwrap();
        second = read(path);
        if first["parties"] == second["parties"] {
            break;
        }
    }
    assert_eq!(first["parties"], second["parties"], "ports and names stay");
    assert_eq!(ca, file(path, "ca.pem"));
    assert_ne!(certificate, file(path, "vro/tls/certificate.pem"));
    assert_ne!(key, file(path, "ehr/keys/es384.pem"));
    for (before, after) in first["dataflows"]
        .as_array()
        .unwrap()
        .iter()
        .zip(second["dataflows"].as_array().unwrap())
    {
        assert_eq!(
            before["sample_ids"], after["sample_ids"],
            "records stay and are not hosted twice"
        );
        assert_ne!(
            before["users"][0]["password"],
            after["users"][0]["password"]
        );
        for (one, two) in before["clients"]
            .as_array()
            .unwrap()
            .iter()
            .zip(after["clients"].as_array().unwrap())
        {
            assert_eq!(one["client_id"], two["client_id"]);
            assert!(one["client_secret"].is_null() || one["client_secret"] != two["client_secret"]);
        }
    }
    sandbox.shutdown().await;
}

fn file(directory: &Path, name: &str) -> Vec<u8> {
    std::fs::read(directory.join(name)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_is_overridden_in_all_parties_and_a_mistake_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let set = |text: &str| Options {
        set: vec![text.to_owned()],
        ..Options::default()
    };
    let sandbox = sandbox::start(
        directory.path(),
        set("authorization_server.access_token_lifetime_s=2"),
    )
    .await
    .unwrap();
    assert_eq!(read(directory.path())["access_token_lifetime_s"], 2);
    sandbox.shutdown().await;
    let refused = sandbox::start(
        directory.path(),
        set("authorization_server.access_token_life=2"),
    )
    .await;
    let text = format!("{:#}", refused.err().unwrap());
    assert!(text.contains("access_token_life"), "{text}");
    assert!(!directory.path().join("sandbox.json").exists());
}

/// Clients of other rights, and a rule that withholds, which is given at the start.
#[tokio::test(flavor = "multi_thread")]
async fn other_rights_can_be_tried() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let rule =
        r#"resource_server.withholding=[{groups=["ssn"],unless_scope="sensitive/ssn"}]"#.to_owned();
    let options = Options {
        set: vec![rule],
        ..Options::default()
    };
    let sandbox = sandbox::start(path, options).await.unwrap();
    let json = read(path);
    let tried = Tried(path, &json);
    let ids = json["dataflows"][0]["sample_ids"].as_array().unwrap();
    let first = format!("Bundle/{}", ids[0].as_str().unwrap());

    let facility = tried.token("ehr-vro-api-facility");
    let seen = ids.iter().filter(|id| {
        let path = format!("Bundle/{}", id.as_str().unwrap());
        tried.fhir("GET", &path, &facility).status == 200
    });
    let seen = seen.count();
    assert!(seen > 0 && seen < ids.len(), "{seen} of {}", ids.len());
    assert_eq!(tried.fhir("GET", &first, &facility).status, 200);

    let ordinary = tried.token("ehr-vro-api-secret");
    let redacted = tried.fhir("GET", &first, &ordinary);
    let number = social_security_number(path, &json);
    assert!(redacted.body.contains("REDACTED") && !redacted.body.contains(&number));
    assert_eq!(tried.fhir("DELETE", &first, &ordinary).status, 403);
    let registry = tried.token("ehr-vro-api-registry");
    let whole = tried.fhir("GET", &first, &registry);
    assert!(!whole.body.contains("REDACTED") && whole.body.contains(&number));
    assert_eq!(tried.fhir("DELETE", &first, &registry).status, 204);
    assert_eq!(tried.fhir("GET", &first, &ordinary).status, 410);

    let users = json["dataflows"][0]["users"].as_array().unwrap();
    let roles: Vec<_> = users.iter().map(|user| user["role"].as_str()).collect();
    for role in ["clerk", "registrar", "auditor", "administrator"] {
        assert!(roles.contains(&Some(role)), "{role} in {roles:?}");
    }
    sandbox.shutdown().await;
}

/// A sandbox that is asked with the clients of its first dataflow.
struct Tried<'a>(&'a Path, &'a Value);

impl Tried<'_> {
    fn ask(
        &self,
        party: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let origin = self.1["parties"][party]["origin"].as_str().unwrap();
        let (_, port) = origin.rsplit_once(':').unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()));
        let ca = file(self.0, "ca.pem");
        let mut connection = Connection::to(address, &ca, &[b"http/1.1"]).unwrap();
        connection.request(method, path, headers, body)
    }

    fn token(&self, id: &str) -> String {
        let clients = self.1["dataflows"][0]["clients"].as_array().unwrap();
        let client = clients.iter().find(|client| client["client_id"] == id);
        let secret = client.unwrap()["client_secret"].as_str().unwrap();
        let basic = oauth::BasicCredentials::header(id, secret);
        let headers = [FORM, ("Authorization", basic.as_str())];
        let body = "grant_type=client_credentials";
        let answer = self.ask("vro", "POST", "/oauth2/token", &headers, body);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    fn fhir(&self, method: &str, path: &str, token: &str) -> Answer {
        let authorization = format!("Bearer {token}");
        let headers = [("Authorization", authorization.as_str())];
        self.ask("ehr", method, &format!("/fhir/{path}"), &headers, "")
    }
}

#[test]
fn the_program_starts_ends_and_logs_nothing_secret() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_vitalgate"))
        .args(["sandbox", "--dir"])
        .arg(directory.path())
        .args(["--set", "log.filter=trace"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !directory.path().join("sandbox.json").exists() {
        assert!(started.elapsed() < HANGS && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(50));
    }
    let json = read(directory.path());
    let walk = Command::new(env!("CARGO_BIN_EXE_vitalgate"))
        .args(["send", "--to", "vro", "--verify", "--config"])
        .arg(directory.path().join("ehr/vitalgate.toml"))
        .arg(
            directory
                .path()
                .join(json["dataflows"][0]["samples"][0].as_str().unwrap()),
        )
        .output()
        .unwrap();
    assert!(
        walk.status.success(),
        "{}",
        String::from_utf8_lossy(&walk.stderr)
    );
    signal(child.id(), "TERM");
    assert!(child.wait().unwrap().success(), "SIGTERM ends it cleanly");
    let log = std::fs::read_to_string(directory.path().join("sandbox.log")).unwrap();
    assert!(log.contains("listening"));
    for secret in secrets(&json) {
        assert!(!log.contains(&secret), "the log holds a secret");
    }
    for issued in ["vro_", "nchs_", "Bearer "] {
        assert!(!log.contains(issued), "the log holds {issued}");
    }
    let mother = mother(directory.path(), &json);
    let number = social_security_number(directory.path(), &json);
    let street = mother["address"][0]["line"][0].as_str().unwrap();
    assert!(
        !log.contains(&number) && !log.contains(street),
        "the log holds record content"
    );
}

/// The mother in the first record of the first dataflow.
fn mother(directory: &Path, json: &Value) -> Value {
    let name = json["dataflows"][0]["samples"][0].as_str().unwrap();
    let bundle: Value = serde_json::from_slice(&file(directory, name)).unwrap();
    let mut entries = bundle["entry"].as_array().unwrap().iter();
    let found = entries.find(|entry| entry["resource"]["id"] == "patient-mother");
    found.unwrap()["resource"].clone()
}

fn social_security_number(directory: &Path, json: &Value) -> String {
    let mother = mother(directory, json);
    let number = mother["identifier"][0]["value"].as_str().unwrap();
    number.to_owned()
}

fn secrets(json: &Value) -> Vec<String> {
    match json {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| match value.as_str() {
                Some(text) if name == "client_secret" || name == "password" => {
                    vec![text.to_owned()]
                }
                _ => secrets(value),
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(secrets).collect(),
        _ => Vec::new(),
    }
}
