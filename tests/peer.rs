//! Partners written into a configuration and taken out of it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use support::party::{Party, text};

#[test]
fn peer_add_changes_nothing_when_the_result_would_be_wrong() {
    let party = Party::init("ehr");
    let before = std::fs::read_to_string(party.config()).unwrap();
    let add = |arguments: &[&str]| {
        let mut command = support::party::vitalgate();
        command.args(["peer", "add"]).args(arguments);
        command
            .arg("--config")
            .arg(party.config())
            .output()
            .unwrap()
    };
    let there = [
        "--issuer",
        "https://vro.example",
        "--fhir",
        "https://vro.example/fhir",
    ];
    let with = |more: &[&'static str]| [&["vro"][..], &there, more].concat();
    for wrong in [
        vec![
            "vro",
            "--issuer",
            "http://vro.example",
            "--fhir",
            "https://vro.example/fhir",
        ],
        [&["../vro"][..], &there].concat(),
        with(&["--client-id", "a"]),
        with(&[
            "--client-id",
            "a",
            "--scope",
            "system/Bundle.c",
            "--private-key-file",
            "/nothing",
        ]),
        with(&[
            "--client-id",
            "a",
            "--scope",
            "system/Bundle.c",
            "--secret-file",
            "/nothing",
        ]),
        with(&["--introspection-client-id", "a"]),
    ] {
        let output = add(&wrong);
        assert!(!output.status.success(), "{wrong:?}");
        assert_eq!(
            std::fs::read_to_string(party.config()).unwrap(),
            before,
            "{wrong:?}"
        );
    }
    assert!(add(&with(&[])).status.success());
    assert!(
        !add(&with(&[])).status.success(),
        "there is one of that name"
    );
}

// Also the last issuer goes: a configuration without one is as good as new.
#[test]
fn peer_remove_takes_out_what_peer_add_wrote() {
    let party = Party::init("ehr");
    let secret = party.directory().join("secret");
    std::fs::write(&secret, "a-secret").unwrap();
    let secret = secret.display().to_string();
    let run = |arguments: &[&str]| {
        let output = party.command(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    let add = [
        "peer",
        "add",
        "vro",
        "--issuer",
        "https://vro.example",
        "--fhir",
        "https://vro.example/fhir",
    ];
    let asks = [
        "--introspection-client-id",
        "a",
        "--introspection-secret-file",
        &secret,
        "--token-prefix",
        "vro",
    ];
    run(&[&add[..], &asks].concat());
    run(&["config", "check"]);
    assert_eq!(party.json(&["peer", "list"])[0]["opens_our_records"], true);
    run(&["peer", "remove", "vro"]);
    run(&["config", "check"]);
    assert_eq!(party.json(&["peer", "list"]), serde_json::json!([]));
    run(&[&add[..], &asks].concat());
}

#[test]
fn peer_add_leaves_a_secret_that_is_in_use_alone() {
    let party = Party::init("vro");
    let add = |name: &str, issuer: &str| {
        let secret = party.config().with_file_name("given");
        std::fs::write(&secret, "new").unwrap();
        let mut command = support::party::vitalgate();
        command.args(["peer", "add", name, "--issuer", issuer]);
        command.args(["--fhir", "https://a.example/fhir", "--token-prefix", "vro"]);
        command.args([
            "--introspection-client-id",
            "a",
            "--introspection-secret-file",
        ]);
        let command = command.arg(secret).arg("--config").arg(party.config());
        command.output().unwrap()
    };
    let path = |name: &str| party.config().with_file_name("secrets").join(name);
    // Named by the configuration: `own-introspection` is what `peer add own` would write.
    let own = std::fs::read(path("own-introspection")).unwrap();
    let refused = add("own", "https://a.example");
    assert!(!refused.status.success());
    assert!(text(&refused.stderr).contains("own-introspection"));
    assert_eq!(std::fs::read(path("own-introspection")).unwrap(), own);
    // Not named: put back when the result would be wrong (two issuers of one prefix).
    std::fs::write(path("b-introspection"), "old").unwrap();
    assert!(!add("b", "https://b.example").status.success());
    assert_eq!(std::fs::read(path("b-introspection")).unwrap(), b"old");
    assert!(!add("c", "https://c.example").status.success());
    assert!(!path("c-introspection").exists());
}

#[test]
fn peer_add_keeps_the_mode_and_config_check_takes_the_option() {
    use std::os::unix::fs::PermissionsExt;
    let party = Party::init("vro");
    let mode = |mode| std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(party.config(), mode(0o640)).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = support::party::vitalgate();
        command.args(arguments).arg("--config").arg(party.config());
        command.status().unwrap().success()
    };
    let there = [
        "--issuer",
        "https://a.example",
        "--fhir",
        "https://a.example/fhir",
    ];
    assert!(run(&[&["peer", "add", "a"][..], &there].concat()));
    assert_eq!(support::party::mode(&party.config()), 0o640);
    assert!(run(&["config", "check"]));
}
