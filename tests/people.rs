//! What the operator and people in browsers meet: the first administrator's link, the organization's own pages, the
//! reference on an error page.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "tests"
)]

mod support;

use std::process::Stdio;

use support::http::request;
use support::party::{Party, text, vitalgate};

/// A browser's navigation.
const PAGE: [(&str, &str); 1] = [("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")];

fn link(text: &str, party: &Party) -> String {
    let start = format!("{}/setup?token=", party.origin());
    let (_, rest) = text.split_once(&start).unwrap_or_else(|| panic!("{text}"));
    let token: String = rest.chars().take_while(|c| !c.is_whitespace()).collect();
    assert_eq!(token.len(), 43, "256 bits in base64url");
    format!("/setup?token={token}")
}

fn actions(party: &Party) -> Vec<String> {
    let rows = party.json(&["audit", "list"]);
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["action"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_start_shows_a_link_until_there_is_an_administrator() {
    let mut party = Party::running(&[]);
    party.has_logged("There is no administrator yet");
    let first = link(&party.log(), &party);
    assert_eq!(request(&party, "GET", &first, &PAGE, "").status, 200);
    let lines = party.log();
    let logged = lines.lines().filter(|line| line.contains("INFO"));
    assert!(logged.clone().count() > 0);
    let token = first.rsplit('=').next().unwrap();
    assert!(logged.clone().all(|line| !line.contains(token)), "{lines}");
    let shown = lines.matches(token).count();
    assert_eq!(shown, 1, "once");

    // Beside the running server, as often as needed; the older one is void.
    let second = party.json(&["admin", "recover"]);
    let second = link(second["link"].as_str().unwrap(), &party);
    assert_eq!(request(&party, "GET", &first, &PAGE, "").status, 400);
    assert_eq!(request(&party, "GET", &second, &PAGE, "").status, 200);
    let third = party.command(&["admin", "recover"]);
    let third = link(&text(&third.stdout), &party);
    assert_eq!(request(&party, "GET", &second, &PAGE, "").status, 400);
    assert_eq!(request(&party, "GET", &third, &PAGE, "").status, 200);
    let added = actions(&party);
    let links = added.iter().filter(|it| *it == "administrator-link.add");
    assert_eq!(links.count(), 3);

    // On a stopped one as well, and for one who is known.
    let add = [
        "user",
        "add",
        "boss",
        "--role",
        "administrator",
        "--scope",
        "administration.read",
        "--all-organizations",
        "--organization",
        "Office",
        "--jurisdictions",
        "MA",
        "--record-types",
        "birth",
    ];
    party.json(&add);
    party.signal("TERM");
    party.ended();
    let known = party.json(&["admin", "recover", "--username", "boss"]);
    assert_eq!(known["username"], "boss");
    let unknown = party.command(&["admin", "recover", "--username", "nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
    party.start();
    party.has_logged("listening");
    let known = link(known["link"].as_str().unwrap(), &party);
    let page = request(&party, "GET", &known, &PAGE, "");
    assert!(page.body.contains("<strong>boss</strong>"), "{page:?}");
    assert!(!party.log().contains("There is no administrator yet"));
}

#[test]
fn the_link_is_not_in_the_log_file() {
    let party = Party::init("vro");
    let log = party.directory().join("log.txt");
    let mut child = vitalgate()
        .args(["serve", "--config"])
        .arg(party.config())
        .arg("--log-file")
        .arg(&log)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut error = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut shown = String::new();
    while !shown.contains("admin recover") {
        let read = std::io::BufRead::read_line(&mut error, &mut shown).unwrap();
        assert!(read > 0, "{shown}");
    }
    let link = link(&shown, &party);
    let logged = std::fs::read_to_string(&log).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(logged.contains("listening"), "{logged}");
    let token = link.rsplit('=').next().unwrap();
    assert!(
        !logged.contains(token) && !logged.contains("/setup"),
        "{logged}"
    );
}

/// Whoever reads the page's reference aloud is found in the log and in the audit.
#[test]
fn the_reference_of_an_error_page_leads_to_log_and_audit() {
    let party = Party::running(&[]);
    let unknown = "/oauth2/authorize?client_id=nobody&response_type=code";
    let page = request(&party, "GET", unknown, &PAGE, "");
    assert_eq!(page.status, 400);
    let reference = page.header("x-request-id").unwrap().to_owned();
    assert!(page.body.contains(&reference), "{page:?}");
    let rows = party.json(&["audit", "list"]);
    let mut rows = rows.as_array().unwrap().iter();
    let row = rows.find(|row| row["request_id"] == reference.as_str());
    let row = row.expect("an audit row");
    assert_eq!(
        (&row["action"], &row["outcome"]),
        (&"authorize".into(), &"denied".into())
    );
    party.has_logged(&reference);
    let log = party.log();
    let line = log.lines().find(|line| line.contains(&reference)).unwrap();
    assert!(line.contains("status=400"), "{line}");
}

#[test]
fn people_read_pages_where_programs_read_json() {
    let party = Party::running(&[]);
    let large = "x".repeat(70_000);
    let rows = [
        ("GET", "/nothing", "", 404, "There is no such page"),
        ("GET", "/account/nothing", "", 404, "There is no such page"),
        ("DELETE", "/login", "", 405, "not opened this way"),
        ("GET", "/language", "", 405, "not opened this way"),
        ("POST", "/login", large.as_str(), 413, "too large"),
    ];
    for (method, path, body, status, words) in rows {
        let page = request(&party, method, path, &PAGE, body);
        assert_eq!(page.status, status, "{path}");
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert!(page.body.contains(words), "{page:?}");
        assert!(page.body.contains(page.header("x-request-id").unwrap()));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert!(page.header("content-security-policy").is_some());
        assert_eq!(page.header("allow").is_some(), status == 405, "{path}");
        let json = request(
            &party,
            method,
            path,
            &[("Accept", "application/json")],
            body,
        );
        assert_eq!(
            (json.status, json.json()["error"].as_str()),
            (status, Some("invalid_request"))
        );
    }
    // Records are no pages.
    let record = request(&party, "GET", "/fhir/nothing", &PAGE, "");
    assert!(record.body.contains("OperationOutcome"), "{record:?}");
}

#[test]
fn config_check_reads_the_pages() {
    let party = Party::init("vro");
    let good = std::fs::read_to_string(party.config()).unwrap();
    let check = || {
        let output = vitalgate()
            .args(["config", "check"])
            .arg(party.config())
            .output();
        let output = output.unwrap();
        (
            output.status.success(),
            text(&output.stderr) + &text(&output.stdout),
        )
    };
    let with = |pages: &str| {
        let (before, after) = good.split_once("[pages]\n").unwrap();
        std::fs::write(party.config(), format!("{before}[pages]\n{pages}\n{after}")).unwrap();
        check()
    };
    std::fs::write(party.directory().join("logo.svg"), "<svg/>").unwrap();
    std::fs::write(party.directory().join("bad.svg"), "<svg><script/></svg>").unwrap();
    let all = "name = \"Office\"\nlogo_file = \"logo.svg\"\naccent_color = { light = \"#0b5a3c\" }\n\
        help = \"a\"\nhelp_es = \"b\"\nhelp_url = \"https://h.example/\"\nhelp_email = \"d@h.example\"\n\
        help_phone = \"+1 555 0100\"\nlegal_banner = \"\"\"two\nlines\"\"\"\nlegal_banner_es = \"c\"";
    let (fine, said) = with(all);
    assert!(fine, "{said}");
    let mistakes = [
        ("names = \"x\"", "did you mean `name`?"),
        ("accent_color = { light = \"#ffdd00\" }", "must have 4.5"),
        ("accent_color = { dark = \"#1b4f91\" }", "must have 4.5"),
        ("accent_color = { night = \"#1b4f91\" }", "unknown field"),
        ("logo_file = \"bad.svg\"", "plain SVG"),
        ("logo_file = \"absent.svg\"", "cannot read"),
        ("legal_banner = \"\"", "must not be empty"),
        ("help_es = \"x\"", "needs the English text"),
        ("help_url = \"http://h.example/\"", "https"),
        ("help_url = \"javascript:alert(1)\"", "https://"),
        ("help_email = \"a@b.example?cc=c@d.example\"", "help_email"),
        ("help_phone = \"call\"", "help_phone"),
    ];
    for (pages, expected) in mistakes {
        let (fine, said) = with(pages);
        assert!(!fine && said.contains(expected), "{pages}: {said}");
    }
}
