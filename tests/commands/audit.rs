//! `audit head`, `remove`, `verify` and `list`: what they do with files, times and numbers that somebody else chose.

use std::os::unix::fs::MetadataExt;

use super::*;

/// The file may lie where nothing but appending is allowed, and two runs may meet.
#[test]
fn a_seal_is_appended_to_the_file_that_is_there() {
    let party = Party::init("vro");
    let elsewhere = party.directory().join("seals.jsonl");
    let file = elsewhere.display().to_string();
    party.json(&["audit", "head", "--file", &file]);
    let first = std::fs::metadata(&elsewhere).unwrap();
    assert_eq!(mode(&elsewhere), 0o600);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| party.json(&["audit", "head", "--file", &file]));
        }
    });
    assert_eq!(std::fs::metadata(&elsewhere).unwrap().ino(), first.ino());
    let lines = std::fs::read_to_string(&elsewhere).unwrap();
    assert_eq!(lines.lines().count(), 5, "{lines}");
    let report = party.json(&["audit", "verify", "--head", &file]);
    assert_eq!(report["verified"], true, "{report}");
}

#[test]
fn a_time_before_all_calendars_is_a_mistake_and_no_panic() {
    let party = Party::init("vro");
    for days in ["0", "36526", "5000000", "4294967295"] {
        let said = party.command(&["audit", "remove", "--older-than-days", days]);
        assert_eq!(said.status.code(), Some(2), "{days}: {said:?}");
        assert!(text(&said.stderr).contains("1..=36525"), "{said:?}");
    }
    party.set(&["audit.retention_days=4000000"]);
    for command in [["audit", "verify"], ["audit", "remove"]] {
        let said = party.command(&command);
        let told = text(&said.stderr);
        assert!(told.contains("retention_days"), "{said:?}");
        assert!(!told.contains("panicked"), "{said:?}");
    }
    assert_eq!(party.command(&["audit", "verify"]).status.code(), Some(2));
}

/// Who takes everything out uses `audit export`, which is in the audit.
#[test]
fn a_list_is_no_export() {
    let party = Party::init("vro");
    let said = party.command(&["audit", "list", "--limit", "1001"]);
    assert_eq!(said.status.code(), Some(2), "{said:?}");
    party.json(&["audit", "list", "--limit", "1000"]);
}

#[test]
fn one_is_no_plural_and_times_stand_under_each_other() {
    let party = Party::init("vro");
    let at = |arguments: &[&str]| text(&party.command(arguments).stdout);
    let add = [
        "user",
        "add",
        "ada",
        "--role",
        "clerk",
        "--scope",
        "user/Bundle.r",
    ];
    party.json(&add);
    party.json(&["audit", "head"]);
    let told = at(&["audit", "verify"]);
    assert!(told.contains(" and 1 seal, 0 rows removed"), "{told}");
    // So many that one of them ends with a zero.
    for _ in 0..30 {
        party.json(&["user", "unlock", "ada"]);
    }
    let list = at(&["audit", "list"]);
    let mut times = list
        .lines()
        .skip(1)
        .map(|line| line.trim_start().split(' ').next());
    let long =
        |time: Option<&str>| time.is_some_and(|it| it.len() == "2026-12-01T00:00:00.000Z".len());
    assert!(times.all(long), "{list}");
}

#[test]
fn a_time_is_an_instant_or_a_day() {
    let party = Party::init("vro");
    let list = |since: &str| party.command(&["audit", "list", "--since", since]);
    for wrong in [
        "yesterday",
        "2026-13-01",
        "2026-11-27T10:00:00",
        "10:00",
        "",
    ] {
        let said = list(wrong);
        assert_eq!(said.status.code(), Some(2), "{wrong}: {said:?}");
        let told = text(&said.stderr);
        let form =
            "must be a time such as 2026-12-01T00:00:00Z, or a day, which begins at midnight UTC";
        assert!(told.contains(form), "{told}");
    }
    assert_eq!(
        list("2126-12-01").stdout,
        list("2126-12-01T00:00:00Z").stdout
    );
    assert!(list("2026-12-01").status.success());
    let expires = ["--expires", "2126-12-01"];
    party.add_client("hospital", "system/Bundle.rs");
    party.json(&[&["client", "add-secret", "hospital"], &expires[..]].concat());
    let shown = party.json(&["client", "show", "hospital"]).to_string();
    assert!(shown.contains("until 2126-12-01T00:00:00Z"), "{shown}");
}

/// A power cut leaves half a line, an editor one without an end: neither makes the other seals worthless.
#[test]
fn a_torn_line_among_the_seals_is_a_finding_and_the_others_count() {
    let party = Party::init("vro");
    let elsewhere = party.directory().join("seals.jsonl");
    let file = elsewhere.display().to_string();
    let verify = ["audit", "verify", "--head", &file];
    party.json(&["audit", "head", "--file", &file]);

    let whole = std::fs::read_to_string(&elsewhere).unwrap();
    std::fs::write(&elsewhere, whole.trim_end()).unwrap();
    party.json(&["audit", "head", "--file", &file]);
    assert_eq!(party.json(&verify)["verified"], true);

    let mut torn = std::fs::read(&elsewhere).unwrap();
    torn.extend_from_slice(b"{\"sequence\":3,\"ha\0\xff");
    std::fs::write(&elsewhere, torn).unwrap();
    party.json(&["audit", "head", "--file", &file]);
    let said = party.command(&verify);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let told = text(&said.stderr);
    let line = format!("unproved: line 3 of {file} holds no seal");
    assert!(told.starts_with(&line), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");

    let mut other = std::fs::read(&elsewhere).unwrap();
    other.extend_from_slice(b"{\"sequence\":1,\"hash\":\"01ff\"}\n");
    std::fs::write(&elsewhere, other).unwrap();
    let told = text(&party.command(&verify).stderr);
    assert!(told.contains("edited: seal 1: "), "{told}");

    std::fs::write(&elsewhere, "nothing\n").unwrap();
    assert_eq!(party.command(&verify).status.code(), Some(2));
}
