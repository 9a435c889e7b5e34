//! `client add` says which parts of a registration can have no effect, and what is missing.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use support::party::{Party, text};

#[test]
fn client_add_warns_of_what_does_nothing() {
    let party = Party::init("vro");
    let audience = format!("{}/fhir", party.origin());
    let add = |name: &str, more: &[&str]| {
        let mut command = support::party::vitalgate();
        command.args(["client", "add", name, "--audience", &audience]);
        command.args(more).arg("--config").arg(party.config());
        let output = command.output().unwrap();
        (output.status.success(), text(&output.stderr))
    };
    let rights = [
        "--organization",
        "Example",
        "--jurisdictions",
        "MA",
        "--record-types",
        "birth",
    ];
    let redirect = ["--redirect-uri", "https://ehr.example/callback"];
    let person = [&["--scope", "user/Bundle.r"][..], &rights].concat();
    let system = [&["--scope", "system/Bundle.r"][..], &rights].concat();
    for (name, arguments, warned) in [
        ("fits", system.clone(), None),
        ("for people", [&person[..], &redirect].concat(), None),
        ("nobody signs in", person.clone(), Some("user/Bundle.r")),
        (
            "no client credentials",
            [&system[..], &redirect].concat(),
            Some("system/Bundle.r"),
        ),
        (
            "no rights",
            vec!["--scope", "system/Bundle.r"],
            Some("--jurisdictions"),
        ),
    ] {
        let (done, said) = add(name, &arguments);
        assert!(done, "{name}: {said}");
        match warned {
            Some(word) => assert!(
                said.contains("warning: ") && said.contains(word),
                "{name}: {said}"
            ),
            None => assert!(!said.contains("warning: "), "{name}: {said}"),
        }
    }
    let (done, said) = add("public", &[&person[..], &["--auth", "none"]].concat());
    assert!(!done);
    assert!(said.contains("--redirect-uri"), "{said}");
}
