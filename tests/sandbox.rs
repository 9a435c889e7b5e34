//! The sandbox: its file, its second start, its overrides, and what its logs do not hold.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use vitalgate::sandbox::{self, Options};

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
        assert!(started.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
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
    let terminated = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(terminated.success());
    assert!(child.wait().unwrap().success(), "SIGTERM ends it cleanly");
    let log = std::fs::read_to_string(directory.path().join("sandbox.log")).unwrap();
    assert!(log.contains("listening"));
    for secret in secrets(&json) {
        assert!(!log.contains(&secret), "the log holds a secret");
    }
    for issued in ["vro_", "nchs_", "Bearer "] {
        assert!(!log.contains(issued), "the log holds {issued}");
    }
    let sample = std::fs::read_to_string(
        directory
            .path()
            .join(json["dataflows"][0]["samples"][0].as_str().unwrap()),
    )
    .unwrap();
    let bundle: Value = serde_json::from_str(&sample).unwrap();
    let mother = bundle["entry"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["resource"]["id"] == "patient-mother")
        .unwrap();
    let number = mother["resource"]["identifier"][0]["value"]
        .as_str()
        .unwrap();
    let street = mother["resource"]["address"][0]["line"][0]
        .as_str()
        .unwrap();
    assert!(
        !log.contains(number) && !log.contains(street),
        "the log holds record content"
    );
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
