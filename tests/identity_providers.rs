//! An organization's own OpenID Provider in the configuration, and who is connected with it.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use support::party::{Party, text, vitalgate};

const SECTION: &str = r#"
[[authorization_server.identity_providers]]
name = "state"
label = "State of Example"
issuer = "https://login.state.example/tenant/v2.0"
client_id = "office"
client_secret_file = "keys/state.secret"
scope = "openid profile"
create_users = true
role_claim = "roles"
organization = "Office of Vital Records"
all_organizations_for = ["registrar"]
jurisdictions = ["MA"]
record_types = ["birth", "fetal-death"]
user_scope = "user/Bundle.rs"
satisfies_second_factor = ["mfa"]
[authorization_server.identity_providers.roles]
"Vital Records Staff" = "registrar"
"Auditors" = "auditor"
"#;

/// A party with the section, after a change of it.
fn write(party: &Party, good: &str, from: &str, to: &str) -> usize {
    let changed = format!("{good}{}", SECTION.replacen(from, to, 1));
    assert!(SECTION.contains(from), "{from}");
    std::fs::write(party.config(), &changed).unwrap();
    let first = to.trim_start().lines().next().unwrap_or_default();
    let lines: Vec<&str> = changed.lines().collect();
    let line = lines.iter().rposition(|line| line.contains(first)).unwrap();
    line + 1
}

fn run(party: &Party, words: &[&str]) -> (Option<i32>, String, String) {
    let output = vitalgate()
        .args(words)
        .env("VITALGATE_CONFIG", party.config())
        .output()
        .unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn party() -> (Party, String) {
    let party = Party::init("vro");
    let secret = party.config().with_file_name("keys").join("state.secret");
    std::fs::write(&secret, "s3cret").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let good = std::fs::read_to_string(party.config()).unwrap();
    (party, good)
}

#[test]
fn config_check_names_the_line_of_a_mistake() {
    let mistakes = [
        ("role_claim", "role_clam", "did you mean `role_claim`?"),
        (
            "name = \"state\"",
            "name = \"State!\"",
            "lower case letters, digits and hyphens",
        ),
        (
            "label = \"State of Example\"",
            "label = \" \"",
            "stands on a button",
        ),
        ("issuer = \"https:", "issuer = \"http:", "issuer"),
        (
            "client_id = \"office\"",
            "client_id = \"\"",
            "client_id must not be empty",
        ),
        (
            "client_secret_file = \"keys/state.secret\"",
            "client_secret_file = \"keys/none\"",
            "cannot read",
        ),
        (
            "client_id = \"office\"\nclient_secret_file = \"keys/state.secret\"",
            "client_id = \"office\"",
            "needs either client_secret_file or private_key_file",
        ),
        (
            "client_secret_file = \"keys/state.secret\"",
            "private_key_file = \"keys/es384.pem\"",
            "private_key_file needs alg",
        ),
        (
            "scope = \"openid profile\"",
            "scope = \"profile\"",
            "openid among them",
        ),
        (
            "scope = \"openid profile\"",
            "scope = \"openid  profile\"",
            "one space between",
        ),
        (
            "role_claim = \"roles\"",
            "role_claim = \"/\"",
            "role_claim must name a claim",
        ),
        (
            "\"Auditors\" = \"auditor\"",
            "\"Auditors\" = \"boss\"",
            "\"Auditors\" must be one of registrar, clerk",
        ),
        (
            "all_organizations_for = [\"registrar\"]",
            "all_organizations_for = [\"boss\"]",
            "must be a list of registrar, clerk",
        ),
        (
            "jurisdictions = [\"MA\"]",
            "jurisdictions = [\"NH\"]",
            "holds NH, which is not one of this party's",
        ),
        (
            "jurisdictions = [\"MA\"]",
            "jurisdictions = [\"Massachusetts\"]",
            "is not a jurisdiction",
        ),
        (
            "record_types = [\"birth\", \"fetal-death\"]",
            "record_types = [\"death\"]",
            "must be birth or fetal-death",
        ),
        (
            "organization = \"Office of Vital Records\"",
            "organization = \" \"",
            "organization must not be empty",
        ),
        (
            "user_scope = \"user/Bundle.rs\"",
            "user_scope = \"é\"",
            "the scope is malformed",
        ),
        (
            "user_scope = \"user/Bundle.rs\"",
            "user_scopes = { boss = \"user/Bundle.rs\" }\nuser_scope = \"user/Bundle.rs\"",
            "user_scopes: each must be of one of",
        ),
    ];
    let (party, good) = party();
    write(&party, &good, "name", "name");
    let check = |party: &Party| {
        run(
            party,
            &["config", "check", party.config().to_str().unwrap()],
        )
    };
    let (code, _, complaint) = check(&party);
    assert_eq!((code, complaint.as_str()), (Some(0), ""));
    for (from, to, expected) in mistakes {
        let line = write(&party, &good, from, to);
        let (code, _, complaint) = check(&party);
        assert_eq!(code, Some(1), "{to}");
        assert!(complaint.contains(expected), "{to}: {complaint}");
        let place = format!("{}:{line}:", party.config().display());
        let also = format!("{}:{}:", party.config().display(), line + 1);
        assert!(
            complaint.contains(&place) || complaint.contains(&also),
            "{to}: {complaint} should name line {line}"
        );
    }
    for (from, to, expected) in [
        (
            "jurisdictions = [\"MA\"]\n",
            "",
            "needs either jurisdictions or jurisdictions_claim",
        ),
        (
            "jurisdictions = [\"MA\"]",
            "jurisdictions = [\"MA\"]\njurisdictions_claim = \"x\"",
            "needs either jurisdictions",
        ),
        (
            "\"Vital Records Staff\" = \"registrar\"\n\"Auditors\" = \"auditor\"\n",
            "",
            "needs at least one line in roles",
        ),
    ] {
        write(&party, &good, from, to);
        let (code, _, complaint) = check(&party);
        assert_eq!(code, Some(1), "{expected}");
        assert!(complaint.contains(expected), "{complaint}");
    }
    // Twice the same, and nobody at all.
    std::fs::write(party.config(), format!("{good}{SECTION}{SECTION}")).unwrap();
    let (code, _, complaint) = check(&party);
    assert_eq!(code, Some(1));
    assert!(
        complaint.contains("name is the name of another provider"),
        "{complaint}"
    );
    assert!(
        complaint.contains("issuer is the issuer of another provider"),
        "{complaint}"
    );
    let alone = good.replacen("token_prefix", "password_sign_in = false\ntoken_prefix", 1);
    std::fs::write(party.config(), alone).unwrap();
    let (code, _, complaint) = check(&party);
    assert_eq!(code, Some(1));
    assert!(complaint.contains("nobody could sign in"), "{complaint}");
}

#[test]
fn an_operator_says_who_is_who() {
    let (party, good) = party();
    write(&party, &good, "name", "name");
    let add = [
        "user",
        "add",
        "r.smith",
        "--role",
        "registrar",
        "--scope",
        "user/Bundle.rs",
        "--organization",
        "Office",
        "--jurisdictions",
        "MA",
        "--record-types",
        "birth",
    ];
    assert_eq!(run(&party, &add).0, Some(0));
    let link = |provider: &str| {
        run(
            &party,
            &[
                "user",
                "link",
                "r.smith",
                "--provider",
                provider,
                "--subject",
                "s-1",
            ],
        )
    };
    let (code, _, complaint) = link("other");
    assert_eq!(code, Some(1));
    assert!(complaint.contains("has the name other"), "{complaint}");
    assert_eq!(link("state").0, Some(0));
    assert_eq!(link("state").0, Some(1), "it is there already");
    let show = || -> Value {
        let (_, shown, _) = run(&party, &["user", "show", "r.smith", "--output", "json"]);
        serde_json::from_str(&shown).unwrap()
    };
    let identities = &show()["identities"];
    assert_eq!(
        identities[0]["issuer"],
        "https://login.state.example/tenant/v2.0"
    );
    assert_eq!(identities[0]["subject"], "s-1");
    // By the issuer: the provider may have left the configuration.
    std::fs::write(party.config(), &good).unwrap();
    let unlink = [
        "user",
        "unlink",
        "r.smith",
        "--provider",
        "https://login.state.example/tenant/v2.0",
    ];
    assert_eq!(run(&party, &unlink).0, Some(0));
    assert_eq!(run(&party, &unlink).0, Some(1));
    assert_eq!(show()["identities"], Value::Array(vec![]));
}
