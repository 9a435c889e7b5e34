//! The shell commands, beside a running server and without one.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "commands/audit.rs"]
mod audit;
#[path = "commands/configuration.rs"]
mod configuration;
#[path = "commands/mistakes.rs"]
mod mistakes;
#[path = "commands/registrations.rs"]
mod registrations;
mod support;

use std::os::unix::fs::PermissionsExt;

use support::http::{read, token};
use support::party::{Party, mode, text, vitalgate};
use vitalgate::sample;

/// Runs `config check` and answers its exit code and what it complained about.
fn check(party: &Party) -> (Option<i32>, String) {
    let output = vitalgate()
        .args(["config", "check"])
        .arg(party.config())
        .output()
        .unwrap();
    (output.status.code(), text(&output.stderr))
}

/// Replaces a text of the configuration and answers the number of its line.
fn change(party: &Party, from: &str, to: &str) -> usize {
    let before = std::fs::read_to_string(party.config()).unwrap();
    let line = before.lines().position(|line| line.contains(from)).unwrap() + 1;
    std::fs::write(party.config(), before.replacen(from, to, 1)).unwrap();
    line
}

/// So many samples in files of the party's directory, in the order of their names.
fn samples(party: &Party, count: &str) -> Vec<String> {
    let samples = party.directory().join("samples");
    let made = vitalgate()
        .args(["sample", "birth", "--count", count, "--out"])
        .arg(&samples)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let files = std::fs::read_dir(&samples).unwrap();
    let mut files: Vec<String> = files
        .map(|entry| entry.unwrap().path().display().to_string())
        .collect();
    files.sort();
    files
}

#[test]
fn a_client_registered_beside_a_running_server_works_at_once_until_it_is_disabled() {
    let party = Party::running(&[]);
    assert_eq!(
        token(&party, "hospital", "x").json()["error"],
        "invalid_client"
    );
    let secret = party.add_client("hospital", "system/Bundle.rs");
    let answer = token(&party, "hospital", &secret);
    assert_eq!(answer.status, 200);
    let first = answer.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(read(&party, &first, "/fhir/Bundle/none").status, 404);
    let listed = party.json(&["token", "list", "--client", "hospital"]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    party.json(&["token", "revoke", listed[0]["id"].as_str().unwrap()]);
    assert_eq!(read(&party, &first, "/fhir/Bundle/none").status, 401);
    let second = token(&party, "hospital", &secret).json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    party.json(&["client", "revoke", "hospital"]);
    assert_eq!(read(&party, &second, "/fhir/Bundle/none").status, 401);
    let third = token(&party, "hospital", &secret).json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    party.json(&["client", "disable", "hospital"]);
    assert_eq!(read(&party, &third, "/fhir/Bundle/none").status, 401);
    assert_eq!(
        token(&party, "hospital", &secret).json()["error"],
        "invalid_client"
    );
    party.json(&["client", "enable", "hospital"]);
    assert_eq!(token(&party, "hospital", &secret).status, 200);
    // Another secret beside the first, then instead of it.
    let added = party.json(&["client", "add-secret", "hospital"]);
    let other = added["client_secret"].as_str().unwrap();
    assert_eq!(token(&party, "hospital", other).status, 200);
    party.json(&[
        "client",
        "remove-secret",
        "hospital",
        added["secret_id"].as_str().unwrap(),
    ]);
    assert_eq!(token(&party, "hospital", other).status, 401);
    party.json(&["resource-server", "disable", &party.fhir()]);
    let fourth = token(&party, "hospital", &secret).json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        read(&party, &fourth, "/fhir/Bundle/none").status,
        503,
        "fails closed"
    );
}

#[test]
fn records_are_hosted_and_listed() {
    let party = Party::running(&[]);
    let files = samples(&party, "2");
    let add = |files: &[String]| {
        let mut arguments = vec!["record", "add", "--organization", "A Hospital"];
        arguments.extend(files.iter().map(String::as_str));
        party.json(&arguments)
    };
    let hosted = add(&files);
    assert_eq!(hosted.as_array().unwrap().len(), 2);
    assert_eq!(add(&files[..1])[0]["id"], hosted[0]["id"], "hosted once");
    assert_eq!(party.json(&["record", "list"]).as_array().unwrap().len(), 2);
    let secret = party.add_client("hospital", "system/Bundle.rs");
    let token = token(&party, "hospital", &secret).json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let id = hosted[0]["id"].as_str().unwrap();
    let original = read(&party, &token, &format!("/fhir/Bundle/{id}/$original"));
    assert_eq!(original.status, 200);
    assert_eq!(original.body, std::fs::read_to_string(&files[0]).unwrap());
    // One file that is no record does not keep the others out, and is told by the exit code.
    let no = party.directory().join("no.json");
    std::fs::write(&no, "{").unwrap();
    let no = no.display().to_string();
    let output = party.command(&["record", "add", &no, &files[1]]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no.json"), "{output:?}");
    let rows = party.json(&["audit", "list", "--record", id]);
    let actions: Vec<&str> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions.first(), Some(&"bundle.original"));
    assert!(actions.contains(&"bundle.host"), "{actions:?}");
}

#[test]
fn records_are_validated_before_they_are_sent() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let run = |arguments: &[&str]| {
        let mut command = vitalgate();
        command.arg("validate").args(arguments).output().unwrap()
    };
    let request = sample::Request {
        kind: sample::Kind::Birth,
        form: sample::Form::Provider,
        jurisdiction: "MA".to_owned(),
        seed: 1,
    };
    let right = sample::write(&request, 1).unwrap().json;
    let wrong = text(&right).replacen("\"gender\": \"female\"", "\"gender\": \"Jane\"", 1);
    let (right, wrong) = (
        file("right.json", &right),
        file("wrong.json", wrong.as_bytes()),
    );
    let none = file("none.json", b"{");
    assert_eq!(run(&[&right]).status.code(), Some(0));
    let answer = run(&[&right, &wrong]);
    assert_eq!(answer.status.code(), Some(1), "{answer:?}");
    let told = text(&answer.stdout);
    assert!(
        told.contains("right.json: no problems") && told.contains("1 error, 0 warnings"),
        "{told}"
    );
    assert!(
        told.contains(".resource.gender") && !told.contains("Jane"),
        "{told}"
    );
    assert_eq!(run(&[&right, &none]).status.code(), Some(2));
    assert_eq!(run(&["no-such-file.json"]).status.code(), Some(2));
    let answer = run(&["--output", "json", &right, &wrong, &none]);
    let lines = text(&answer.stdout);
    let outcomes = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let severities: Vec<_> = outcomes
        .map(|outcome| outcome["issue"][0]["severity"].clone())
        .collect();
    assert_eq!(severities, ["information", "error", "error"]);
}

#[test]
fn every_list_is_json_or_columns_and_no_secret_is_in_it() {
    let party = Party::init("vro");
    let secret = party.add_client("hospital", "system/Bundle.rs");
    let user = party.json(&[
        "user",
        "add",
        "Ada",
        "--role",
        "registrar",
        "--scope",
        "user/Bundle.rs",
    ]);
    let password = user["password"].as_str().unwrap().to_owned();
    for list in [
        ["client", "list"],
        ["resource-server", "list"],
        ["user", "list"],
        ["token", "list"],
        ["audit", "list"],
        ["record", "list"],
    ] {
        let json = party.json(&list);
        assert!(json.is_array(), "{list:?}");
        let table = party.command(&list);
        assert!(table.status.success());
        for shown in [json.to_string(), text(&table.stdout)] {
            assert!(
                !shown.contains(&secret) && !shown.contains(&password),
                "{list:?}"
            );
            assert!(!shown.contains('\u{1b}'), "no colour in a pipe: {list:?}");
        }
    }
    let shown = party.json(&["client", "show", "hospital"]);
    assert_eq!(
        (shown["auth"].as_str(), shown["organization"].as_str()),
        (Some("client_secret_basic"), Some("A Hospital"))
    );
    let changed = party.json(&["user", "set-password", "ada"]);
    assert_ne!(changed["password"].as_str().unwrap(), password);
    let denied = party.json(&[
        "audit",
        "list",
        "--action",
        "user.",
        "--outcome",
        "allowed",
        "--limit",
        "1",
    ]);
    assert_eq!(denied[0]["action"], "user.set-password");
}

#[test]
fn the_audit_is_verified_against_what_stands_elsewhere() {
    let party = Party::init("vro");
    party.json(&[
        "user",
        "add",
        "ada",
        "--role",
        "clerk",
        "--scope",
        "user/Bundle.rs",
    ]);
    let elsewhere = party.directory().join("seals.jsonl");
    let elsewhere = elsewhere.display().to_string();
    let verify = ["audit", "verify", "--head", &elsewhere];
    for sequence in [1, 2] {
        let seal = party.json(&["audit", "head", "--file", &elsewhere]);
        assert_eq!(seal["sequence"], sequence);
    }
    let report = party.json(&verify);
    assert_eq!(
        (&report["verified"], &report["seals"]),
        (&true.into(), &2.into()),
        "{report}"
    );
    let said = party.command(&verify);
    assert!(
        text(&said.stdout).contains("nothing was edited"),
        "{said:?}"
    );

    // The end of the audit and every number that tells of it: as somebody would who owns the file.
    let database = rusqlite::Connection::open(party.directory().join("data/vitalgate.db")).unwrap();
    let triggers = "SELECT group_concat('DROP TRIGGER ' || name, ';'), group_concat(sql, ';') FROM sqlite_master \
         WHERE type = 'trigger'";
    let both = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (drop_them, make_them): (String, String) = database.query_row(triggers, [], both).unwrap();
    database.execute_batch(&drop_them).unwrap();
    let cut = "DELETE FROM audit_event WHERE sequence > 1; DELETE FROM audit_seal; \
         UPDATE audit_writer SET sequence = 1, hash = (SELECT hash FROM audit_event) WHERE kind = 'rows'; \
         UPDATE audit_writer SET sequence = 0, hash = X'' WHERE kind = 'seals'";
    database.execute_batch(cut).unwrap();
    database.execute_batch(&make_them).unwrap();
    drop(database);
    assert_eq!(
        party.json(&["audit", "verify"])["verified"],
        true,
        "by itself it cannot know"
    );
    let found = party.command(&verify);
    assert_eq!(found.status.code(), Some(1));
    let told = text(&found.stderr);
    assert!(
        told.contains("removed: seal 2: ") && told.contains("cut off"),
        "{told}"
    );
}

/// 1 says that the audit was tampered with, and nothing else does.
#[test]
fn an_audit_that_cannot_be_looked_at_is_no_finding() {
    let party = Party::init("vro");
    let added = [
        "user",
        "add",
        "ada",
        "--role",
        "clerk",
        "--scope",
        "user/Bundle.rs",
    ];
    party.json(&added);
    let said = party.command(&["audit", "verify"]);
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    assert_eq!(
        text(&said.stdout).trim_end().lines().count(),
        1,
        "no seal yet: {said:?}"
    );

    let file = party.directory().join("data/vitalgate.db");
    let database = rusqlite::Connection::open(&file).unwrap();
    let tampered = "DROP TRIGGER audit_event_kept; \
         CREATE TRIGGER mute BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'no'); END";
    database.execute_batch(tampered).unwrap();
    drop(database);
    let said = party.command(&["audit", "verify"]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let told = text(&said.stderr);
    assert!(told.starts_with("removed: the guards are gone"), "{told}");
    assert!(
        told.contains("error: the audit takes no row of this"),
        "{told}"
    );

    let absent = vitalgate()
        .args(["audit", "verify", "--config", "no/such.toml"])
        .output();
    assert_eq!(absent.unwrap().status.code(), Some(2));
    std::fs::write(&file, "no database").unwrap();
    assert_eq!(party.command(&["audit", "verify"]).status.code(), Some(2));
}

/// A word that permits nothing lets somebody in who can then do nothing.
#[test]
fn dead_words_of_scopes_are_told() {
    let party = Party::init("vro");
    for word in [
        "user/Bundle.sruc",
        "user/Nonsense.r",
        "user/Bundle.rs?colour=red",
        "user/Bundle.rs?jurisdiction=ma",
        "user/Bundle.rs?record-type=births",
    ] {
        let name = format!("u{}", word.len());
        let scope = format!("user/Composition.r {word}");
        let said = party.command(&["user", "add", &name, "--role", "clerk", "--scope", &scope]);
        let told = text(&said.stderr);
        let refused = told.contains("none of SMART's words");
        assert!(
            refused || told.contains("permits nothing"),
            "{word}: {told}"
        );
        assert_eq!(said.status.code(), Some(i32::from(refused)), "{word}");
    }
    let shown = party.command(&["user", "show", "u15"]);
    assert!(
        text(&shown.stdout)
            .lines()
            .any(|line| line.trim_start().starts_with("facilities") && line.ends_with("all")),
        "{shown:?}"
    );
    let changes = [
        (
            "require_if_match = true",
            "require_if_match = true\nroles = { clerk = \"system/Bundle.r\" }",
            "words of user/",
        ),
        (
            "client_id = \"own-resource-server\"",
            "client_id = \"own-resource-server\"\nscope = \"system/Bundle.sr\"",
            "permits nothing",
        ),
        (
            "# retention_days = 2555",
            "retention_days = 40000",
            "a hundred years",
        ),
        (
            "# retention_days = 2555",
            "[[audit.destinations]]\nname = \"a\"\naddress = \"siem.example:0\"",
            "address of a",
        ),
        (
            "# retention_days = 2555",
            "[[audit.destinations]]\nname = \"a\"\naddress = \"siem.example:6514\"\nca_file = \"none.pem\"",
            "cannot read",
        ),
        (
            "# retention_days = 2555",
            "[[audit.destinations]]\nname = \"a\"\naddress = \"siem.example:6514\"\ncertificate_file = \"tls/ca.pem\"",
            "belong together",
        ),
    ];
    for (from, to, expected) in changes {
        let before = std::fs::read_to_string(party.config()).unwrap();
        let line = change(&party, from, to) + to.matches('\n').count();
        let (code, told) = check(&party);
        assert_eq!(code, Some(1), "{to}");
        assert!(
            told.contains(expected) && told.contains(&format!(":{line}:")),
            "{to}: {told}"
        );
        std::fs::write(party.config(), before).unwrap();
    }
}

/// Hosted under a wrong key, records would be lost to whoever has the right one.
#[test]
fn a_wrong_record_key_is_refused() {
    let party = Party::init("vro");
    let sample = &samples(&party, "1")[0];
    let add = ["record", "add", sample];
    party.json(&add);
    let file = party.directory().join("keys/record.key");
    let right = std::fs::read_to_string(&file).unwrap();
    let serve = || {
        vitalgate()
            .arg("serve")
            .arg("--config")
            .arg(party.config())
            .output()
            .unwrap()
    };
    let wrong = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    std::fs::write(&file, wrong).unwrap();
    for refused in [serve(), party.command(&add)] {
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let told = text(&refused.stderr);
        assert!(told.contains("lies sealed under record key"), "{told}");
        assert!(!told.contains("the database refused"), "{told}");
    }
    assert_eq!(party.json(&["record", "list"]).as_array().unwrap().len(), 1);

    // What is there is not to be written over; only where nothing is, a key is to be made.
    std::fs::write(&file, "c2hvcnQ=").unwrap();
    for told in [text(&serve().stderr), check(&party).1] {
        assert!(told.contains("do not write over it"), "{told}");
        assert!(!told.contains("urandom"), "{told}");
    }
    std::fs::remove_file(&file).unwrap();
    for told in [text(&serve().stderr), check(&party).1] {
        assert!(told.contains("urandom"), "{told}");
    }
    let listed = party.json(&["record", "list"]);
    assert_eq!(listed.as_array().unwrap().len(), 1, "needs no key");
    std::fs::write(&file, right).unwrap();
    assert_eq!(party.json(&add)[0]["id"], listed[0]["id"]);

    // Nothing was rotated, and nobody shall believe it.
    let rotated = party.command(&["record", "rotate-key"]);
    assert_eq!(rotated.status.code(), Some(0), "{rotated:?}");
    let told = text(&rotated.stdout);
    assert!(
        told.starts_with("nothing was rotated: ") && told.contains("docs/encryption-at-rest.md"),
        "{told}"
    );
    assert!(!told.contains("no other key is needed"), "{told}");
    let two = format!("{wrong}\n{}", std::fs::read_to_string(&file).unwrap());
    std::fs::write(&file, two).unwrap();
    let rotated = party.command(&["record", "rotate-key"]);
    let told = text(&rotated.stdout);
    assert!(told.contains("no other key is needed any more"), "{told}");
}

#[test]
fn hosting_validates_as_a_create_does() {
    let party = Party::init("vro");
    let sample = std::fs::read(&samples(&party, "1")[0]).unwrap();
    let mut record: serde_json::Value = serde_json::from_slice(&sample).unwrap();
    // A create takes this as far as the record itself goes.
    record["language"] = 5.into();
    let file = party.directory().join("wrong.json");
    std::fs::write(&file, record.to_string()).unwrap();
    let add = ["record", "add", &file.display().to_string()];
    change(&party, "validation = \"warn\"", "validation = \"enforce\"");
    let refused = party.command(&add);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let told = text(&refused.stderr);
    for expected in ["line 1", "Bundle.language", "validation = \"enforce\""] {
        assert!(told.contains(expected), "{told}");
    }
    assert_eq!(party.json(&["record", "list"]).as_array().unwrap().len(), 0);
    change(&party, "validation = \"enforce\"", "validation = \"warn\"");
    let warned = party.command(&add);
    assert_eq!(warned.status.code(), Some(0), "{warned:?}");
    assert!(
        text(&warned.stderr).contains("Bundle.language"),
        "{warned:?}"
    );
}

#[test]
fn people_are_granted_words_of_sensitive_parts() {
    let party = Party::init("vro");
    let add = |name: &str, scope: &str| {
        party.command(&["user", "add", name, "--role", "registrar", "--scope", scope])
    };
    let added = add("ada", "user/Bundle.cruds sensitive/ssn");
    assert_eq!(added.status.code(), Some(0), "{added:?}");
    for scope in [
        "user/Bundle.r sensitive/",
        "user/Bundle.r sensitive/SSN",
        "user/Bundle.r sensitive",
    ] {
        assert_eq!(add("bob", scope).status.code(), Some(1), "{scope}");
    }
    let rule = "[[resource_server.withholding]]\ngroups = [\"ssn\"]\nunless_scope = ";
    for (word, code) in [
        ("sensitive/ssn", 0),
        ("vitalgate/ssn", 1),
        ("system/Bundle.sr", 1),
    ] {
        let before = std::fs::read_to_string(party.config()).unwrap();
        let with = format!("{before}\n{rule}\"{word}\"\n");
        std::fs::write(party.config(), with).unwrap();
        assert_eq!(check(&party).0, Some(code), "{word}");
        std::fs::write(party.config(), before).unwrap();
    }
    // The most for an issuer may include them.
    for (word, code) in [("sensitive/ssn", 0), ("sensitive/SSN", 1)] {
        let before = std::fs::read_to_string(party.config()).unwrap();
        let own = "client_id = \"own-resource-server\"";
        let scoped = format!("{own}\nscope = \"system/Bundle.rs {word}\"");
        change(&party, own, &scoped);
        assert_eq!(check(&party).0, Some(code), "{word}");
        std::fs::write(party.config(), before).unwrap();
    }
}

#[test]
fn the_exit_code_says_whether_it_was_done() {
    let party = Party::init("vro");
    for (arguments, code) in [
        (&["client", "show", "nobody"][..], 1),
        (&["client", "revoke", "nobody"], 1),
        (&["token", "revoke", "00000000"], 1),
        (&["user", "disable", "nobody"], 1),
        (&["token", "revoke"], 2),
        (&["audit", "list", "--outcome", "perhaps"], 2),
        (&["audit", "verify", "--head", "no/such/file"], 2),
        (&["audit", "remove"], 1),
        (&["audit", "remove", "--older-than-days", "0"], 2),
        (
            &[
                "client",
                "add",
                "x",
                "--scope",
                "system/Bundle.r",
                "--audience",
                "https://unknown.example/fhir",
            ],
            1,
        ),
    ] {
        let output = party.command(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(
            text(&output.stderr).starts_with("error: "),
            "{arguments:?} {output:?}"
        );
    }
    let ehr = Party::init("ehr");
    let output = ehr.command(&["client", "list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no [authorization_server]"));
}
