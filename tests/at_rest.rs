//! What a copy of a party's data directory shows, and the rotation of the key that keeps it from showing more.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use support::http::{read, request, token};
use support::party::{Party, vitalgate};

/// Synthetic records, and the real ones where they lie beside the project.
fn records(party: &Party) -> Vec<String> {
    let samples = party.directory().join("samples");
    for kind in ["birth", "fetal-death"] {
        let made = vitalgate()
            .args(["sample", kind, "--count", "2", "--out"])
            .arg(samples.join(kind))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    let real = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/data/records"
    ));
    if !real.exists() {
        println!("skipped: no real records beside the project");
    }
    let folders = [
        samples.join("birth"),
        samples.join("fetal-death"),
        real.to_owned(),
    ];
    let files = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten();
    let records = files
        .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
        .collect();
    std::fs::remove_dir_all(samples).unwrap();
    records
}

/// Names of people and their Social Security numbers, wherever they stand in the record.
fn telling(value: &Value, found: &mut BTreeSet<String>) {
    let mut keep = |value: &Value| {
        for text in value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice)
        {
            // Shorter ones may stand in sealed bytes by chance.
            found.extend(
                text.as_str()
                    .filter(|text| text.len() > 4)
                    .map(str::to_owned),
            );
        }
    };
    if let Some(members) = value.as_object() {
        for name in ["family", "given"] {
            members.get(name).into_iter().for_each(&mut keep);
        }
        let is_ssn = members.get("system").and_then(Value::as_str);
        if is_ssn == Some("http://hl7.org/fhir/sid/us-ssn") {
            members.get("value").into_iter().for_each(&mut keep);
        }
        members.values().for_each(|value| telling(value, found));
    }
    value
        .as_array()
        .into_iter()
        .flatten()
        .for_each(|value| telling(value, found));
}

fn copied(directory: &Path, bytes: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            copied(&path, bytes);
        } else {
            let content = std::fs::read(&path).unwrap();
            bytes.push((path.display().to_string(), content));
        }
    }
}

fn holds(content: &[u8], text: &str) -> bool {
    content
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

fn bearer(party: &Party) -> String {
    let secret = party.add_client("hospital", "system/Bundle.cruds");
    let answer = token(party, "hospital", &secret).json();
    answer["access_token"].as_str().unwrap().to_owned()
}

#[test]
fn a_copy_of_the_data_shows_no_name_and_no_number() {
    let party = Party::running(&["limits.record_bytes=10000000"]);
    let records = records(&party);
    let mut telling_texts = BTreeSet::new();
    for record in &records {
        telling(&serde_json::from_str(record).unwrap(), &mut telling_texts);
    }
    assert!(telling_texts.len() > 10, "{}", telling_texts.len());
    let authorization = format!("Bearer {}", bearer(&party));
    let headers = [
        ("Authorization", authorization.as_str()),
        ("Content-Type", "application/fhir+json"),
    ];
    let mut accepted = 0;
    for record in &records {
        let answer = request(&party, "POST", "/fhir/Bundle", &headers, record);
        // The token is for Massachusetts; what is refused must not stay anywhere either.
        assert!(
            [201, 403].contains(&answer.status),
            "{} {}",
            answer.status,
            answer.body
        );
        accepted += u32::from(answer.status == 201);
    }
    assert!(accepted >= 4, "{accepted}");
    // Another is hosted by the shell.
    let file = party.directory().join("one.json");
    std::fs::write(&file, &records[0]).unwrap();
    party.json(&["record", "add", &file.display().to_string()]);
    std::fs::remove_file(file).unwrap();

    let mut files = Vec::new();
    copied(&party.directory(), &mut files);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    for expected in ["vitalgate.db", "-wal", "serve.log"] {
        assert!(
            names.iter().any(|name| name.contains(expected)),
            "{expected}: {names:?}"
        );
    }
    for (name, content) in &files {
        for text in &telling_texts {
            assert!(!holds(content, text), "{name} holds {text}");
        }
    }
}

#[test]
fn the_key_is_rotated_beside_the_running_server() {
    let mut party = Party::running(&[]);
    let record = records(&party).remove(0);
    let token = bearer(&party);
    let file = party.directory().join("one.json");
    std::fs::write(&file, &record).unwrap();
    let hosted = party.json(&[
        "record",
        "add",
        "--organization",
        "A Hospital",
        &file.display().to_string(),
    ]);
    let path = format!(
        "/fhir/Bundle/{}/$original",
        hosted[0]["id"].as_str().unwrap()
    );
    let is_read = |party: &Party, when: &str| {
        let answer = read(party, &token, &path);
        assert_eq!(
            (answer.status, answer.body == record),
            (200, true),
            "{when}"
        );
    };
    is_read(&party, "at first");
    let key_file = party.directory().join("keys/record.key");
    let old = std::fs::read_to_string(&key_file).unwrap();
    let new = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";
    for (keys, when) in [
        (format!("{old}{new}"), "known"),
        (format!("# new\n{new}{old}"), "first"),
    ] {
        std::fs::write(&key_file, keys).unwrap();
        party.signal("HUP");
        is_read(&party, when);
    }
    let rotated = party.json(&["record", "rotate-key"]);
    assert_eq!(
        (&rotated["sealed"], &rotated["remaining"]),
        (&1.into(), &0.into())
    );
    let again = party.command(&["record", "rotate-key"]);
    assert!(again.status.success(), "{again:?}");
    is_read(&party, "sealed anew");
    let (status, audited) = (
        0,
        party.json(&["audit", "list", "--action", "record.rotate-key"]),
    );
    assert_eq!((status, audited.as_array().map(Vec::len)), (0, Some(2)));

    party.signal("TERM");
    party.ended();
    std::fs::write(&key_file, new).unwrap();
    party.start();
    is_read(&party, "under the new key alone");
    // Without it the party does not start: under the old one it would seal what nobody else could open.
    party.signal("TERM");
    party.ended();
    std::fs::write(&key_file, &old).unwrap();
    let refused = vitalgate()
        .arg("serve")
        .arg("--config")
        .arg(party.config())
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("lies sealed under record key"), "{told}");
}
