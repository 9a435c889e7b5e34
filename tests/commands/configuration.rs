//! `config check`, the keys that a configuration names, and `init`.

use super::*;

#[test]
fn config_check_names_the_line_of_a_mistake() {
    let mistakes = [
        (
            "drain_timeout_s",
            "drain_timeout",
            "unknown field `drain_timeout`",
            "did you mean `drain_timeout_s`?",
        ),
        (
            "connections = 4000",
            "connections = \"many\"",
            "connections must be a whole number",
            "",
        ),
        (
            "public_origin = \"https:",
            "public_origin = \"http:",
            "must be https://",
            "",
        ),
        (
            "jurisdictions = [\"MA\"]",
            "jurisdictions = [\"XQ\"]",
            "is not a jurisdiction",
            "",
        ),
        (
            "token_prefix = \"vro\"",
            "token_prefix = \"v_r\"",
            "lower case letters and digits",
            "",
        ),
        (
            "authorization_code_lifetime_s = 60",
            "authorization_code_lifetime_s = 61",
            "1 to 60",
            "",
        ),
        (
            "session_idle_s = 1800",
            "session_idle_s = 0",
            "at least 1",
            "",
        ),
        (
            "session_idle_s = 1800",
            "session_idle_s = 43201",
            "at most session_absolute_s",
            "",
        ),
        (
            "session_absolute_s = 43200",
            "session_absolute_s = 2592001",
            "30 days",
            "",
        ),
        (
            "[\"administrator\"]",
            "[\"everybody\"]",
            "must be a list of registrar",
            "",
        ),
        (
            "introspection_cache_max_age_s = 0",
            "introspection_cache_max_age_s = 6",
            "0 to 5",
            "",
        ),
        (
            "internal_address = \"127.0.0.1",
            "internal_address = \"0.0.0.0",
            "loopback",
            "",
        ),
        (
            "keys/refresh.key",
            "keys/nothing.key",
            "cannot read",
            "nothing.key",
        ),
        ("keys/refresh.key", "keys/es384.pem", "exactly 32 bytes", ""),
        (
            "keys/key-encryption.key",
            "keys/es384.pem",
            "exactly 32 bytes",
            "",
        ),
        (
            "keys/record.key",
            "keys/es384.pem",
            "32 bytes in base64",
            "",
        ),
        (
            "keys/record.key",
            "keys/nothing.key",
            "Make a key with",
            "nothing.key",
        ),
        ("\"ES256\", \"RS256\"", "\"HS256\"", "EdDSA, ES256", ""),
        (
            "certificate_file = \"tls/certificate.pem",
            "certificate_file = \"tls/ca.pem",
            "do not belong together",
            "",
        ),
        ("filter = \"info\"", "filter = \"=,=\"", "filter", ""),
        (
            "# trusted_proxies = [\"10.1.0.0/24\"]",
            "trusted_proxies = [\"0.0.0.0/0\"] #",
            "every address",
            "",
        ),
    ];
    let party = Party::init("vro");
    let good = std::fs::read_to_string(party.config()).unwrap();
    assert_eq!(check(&party), (Some(0), String::new()));
    for (from, to, expected, also) in mistakes {
        std::fs::write(party.config(), &good).unwrap();
        let line = change(&party, from, to);
        let (code, complaint) = check(&party);
        assert_eq!(code, Some(1), "{to}");
        let place = format!("{}:{line}:", party.config().display());
        assert!(
            complaint.contains(&place),
            "{to}: {complaint} should name line {line}"
        );
        assert!(
            complaint.contains(expected) && complaint.contains(also),
            "{to}: {complaint}"
        );
        let served = vitalgate()
            .arg("serve")
            .arg("--config")
            .arg(party.config())
            .output()
            .unwrap();
        assert_eq!(served.status.code(), Some(1), "{to}");
    }
}

#[test]
fn the_key_encryption_key_comes_from_a_file_or_the_environment() {
    let party = Party::init("vro");
    change(&party, "key_encryption_key_file", "# ");
    let (code, complaint) = check(&party);
    assert_eq!(code, Some(1));
    assert!(
        complaint.contains("VITALGATE_KEY_ENCRYPTION_KEY is not set"),
        "{complaint}"
    );
    let short = "c2hvcnQ=";
    let right = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    for (value, expected) in [(short, 1), (right, 0)] {
        let status = vitalgate()
            .args(["config", "check"])
            .arg(party.config())
            .env("VITALGATE_KEY_ENCRYPTION_KEY", value)
            .output()
            .unwrap()
            .status;
        assert_eq!(status.code(), Some(expected), "{value}");
    }
}

/// Nothing is ever stored in the clear because a key was forgotten.
#[test]
fn a_resource_server_without_record_key_does_not_start() {
    let party = Party::init("vro");
    change(&party, "record_key_file", "# ");
    let (code, complaint) = check(&party);
    assert_eq!(code, Some(1));
    assert!(
        complaint.contains("VITALGATE_RECORD_KEY is not set"),
        "{complaint}"
    );
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let other = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    for (value, expected) in [
        ("c2hvcnQ=".to_owned(), 1),
        (key.to_owned(), 0),
        (format!("{key} {other}"), 0),
        (format!("{key} {key}"), 1),
    ] {
        let status = vitalgate()
            .args(["config", "check"])
            .arg(party.config())
            .env("VITALGATE_RECORD_KEY", &value)
            .output()
            .unwrap()
            .status;
        assert_eq!(status.code(), Some(expected), "{value}");
    }
    let served = vitalgate()
        .arg("serve")
        .arg("--config")
        .arg(party.config())
        .output()
        .unwrap();
    assert_eq!(served.status.code(), Some(1));
}

#[test]
fn config_check_finds_a_key_that_others_can_read() {
    let party = Party::init("vro");
    let key = party.directory().join("keys/refresh.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let (code, complaint) = check(&party);
    assert_eq!(code, Some(1));
    assert!(
        complaint.contains("open to other users") && complaint.contains("refresh.key"),
        "{complaint}"
    );
}

#[test]
fn init_makes_every_kind_of_party_and_overwrites_none() {
    for preset in ["ehr", "vro", "nchs"] {
        let party = Party::init(preset);
        assert_eq!(check(&party), (Some(0), String::new()), "{preset}");
        for name in [
            "vitalgate.toml",
            "keys/es384.pem",
            "keys/rs384.pem",
            "keys/refresh.key",
            "keys/key-encryption.key",
            "keys/record.key",
            "keys/cookie.key",
            "tls/private-key.pem",
            "tls/ca-key.pem",
        ] {
            assert_eq!(
                mode(&party.directory().join(name)),
                0o600,
                "{preset} {name}"
            );
        }
        let before = std::fs::read(party.directory().join("keys/es384.pem")).unwrap();
        let again = |what: &str| {
            let output = vitalgate()
                .args(["init", "--party", preset, "--dir"])
                .arg(party.directory())
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(1));
            assert!(
                text(&output.stderr).contains(&format!("{what} exists already")),
                "{output:?}"
            );
        };
        again("vitalgate.toml");
        std::fs::remove_file(party.config()).unwrap();
        again("keys");
        assert_eq!(
            std::fs::read(party.directory().join("keys/es384.pem")).unwrap(),
            before
        );
    }
}

#[test]
fn init_takes_a_given_certificate_if_its_key_fits() {
    let (given, other) = (Party::init("vro"), Party::init("vro"));
    let tls = |party: &Party, name: &str| party.directory().join("tls").join(name);
    let home = tempfile::tempdir().unwrap();
    let init = |key: &Party| {
        vitalgate()
            .args(["init", "--party", "nchs", "--dir"])
            .arg(home.path().join("nchs"))
            .arg("--certificate")
            .arg(tls(&given, "certificate.pem"))
            .arg("--private-key")
            .arg(tls(key, "private-key.pem"))
            .output()
            .unwrap()
    };
    let refused = init(&other);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("do not belong together"),
        "{refused:?}"
    );
    assert!(!home.path().join("nchs").exists(), "nothing was written");
    let made = init(&given);
    assert!(made.status.success(), "{made:?}");
    let written = home.path().join("nchs/tls");
    let same = |name: &str| {
        std::fs::read(written.join(name)).unwrap() == std::fs::read(tls(&given, name)).unwrap()
    };
    assert!(same("certificate.pem") && same("private-key.pem"));
    assert!(!written.join("ca.pem").exists(), "no authority was made");
    assert_eq!(mode(&written.join("private-key.pem")), 0o600);
}
