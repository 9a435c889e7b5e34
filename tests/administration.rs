//! Administration by the shell and by the API of one running party: the same views, the same operations, one audit.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use aws_lc_rs::digest;
use serde_json::{Value, json};
use support::http::{Answer, Connection, FORM, request, token};
use support::office::hidden_fields;
use support::party::{Party, text};

const PARTY: &str = "A Hospital";

/// A party with a client that administers by the API, and its token.
fn console(party: &Party) -> String {
    let api = format!("{}/admin/api", party.origin());
    let scope = "administration.read administration.write audit.read";
    let added = party.json(&[
        "client",
        "add",
        "Console",
        "--client-id",
        "console",
        "--scope",
        scope,
        "--audience",
        &api,
        "--organization",
        PARTY,
        "--all-organizations",
    ]);
    let secret = added["client_secret"].as_str().unwrap();
    let answer = token(party, "console", secret).json();
    answer["access_token"].as_str().unwrap().to_owned()
}

fn ask(party: &Party, token: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("Authorization", bearer.as_str())];
    if body.is_some() {
        headers.push(("Content-Type", "application/json"));
    }
    let body = body.map(ToString::to_string).unwrap_or_default();
    let path = format!("/admin/api{path}");
    request(party, method, &path, &headers, &body)
}

#[test]
fn the_shell_and_the_api_show_and_do_the_same() {
    let party = Party::running(&[]);
    let token = console(&party);
    let new = json!({
        "username": "jane", "role": "clerk", "scope": "user/Bundle.rs", "organization": PARTY,
        "jurisdictions": ["MA"], "record_types": ["birth"],
    });
    let made = ask(&party, &token, "POST", "/users", Some(&new));
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let shown = ask(&party, &token, "GET", &format!("/users/{id}"), None);
    assert_eq!(shown.json(), party.json(&["user", "show", "jane"]));
    let shown = ask(&party, &token, "GET", "/clients/console", None).json();
    let mut printed = party.json(&["client", "show", "console"]);
    // The shell lists secrets as sentences.
    printed["secrets"] = shown["secrets"].clone();
    assert_eq!(shown, printed);
    let keys = ask(&party, &token, "GET", "/keys", None).json();
    assert_eq!(keys["items"], party.json(&["key", "list"]));
    let changed = party.json(&[
        "user",
        "change",
        "jane",
        "--role",
        "auditor",
        "--jurisdictions",
        "",
        "--note",
        "moved",
    ]);
    assert_eq!(
        (
            &changed["role"],
            &changed["jurisdictions"],
            &changed["record_types"]
        ),
        (&json!("auditor"), &json!([]), &json!(["birth"]))
    );
    party.json(&["user", "unlock", "jane"]);
    assert_eq!(
        party.json(&["session", "list", "--user", "jane"]),
        json!([])
    );
    party.json(&["session", "end", "--user", "jane"]);
    let ended = party.command(&["session", "end", "00000000000000000000000000000000"]);
    assert_eq!(ended.status.code(), Some(1));
    party.add_client("hospital", "system/Bundle.rs");
    let changed = party.json(&[
        "client",
        "change",
        "hospital",
        "--name",
        "Riverbend",
        "--note",
        "x",
    ]);
    assert_eq!(
        (
            &changed["name"],
            &changed["scope"],
            &changed["organization"]
        ),
        (
            &json!("Riverbend"),
            &json!("system/Bundle.rs"),
            &json!(PARTY)
        )
    );
    let rows = ask(
        &party,
        &token,
        "GET",
        "/audit?subject=console&action=user.",
        None,
    );
    assert_eq!(
        rows.json()["items"].as_array().unwrap().len(),
        1,
        "{}",
        rows.body
    );
}

#[test]
fn what_describes_the_api_is_published_and_the_rest_is_not() {
    let party = Party::running(&[]);
    let get = |path: &str| request(&party, "GET", path, &[], "");
    let document = get("/admin/api/openapi.json");
    assert_eq!(document.status, 200);
    assert_eq!(document.json()["openapi"], "3.1.0");
    let metadata = get("/.well-known/oauth-protected-resource/admin/api");
    assert_eq!(
        metadata.json()["resource"],
        format!("{}/admin/api", party.origin())
    );
    // The record's resource server still describes itself.
    let records = get("/.well-known/oauth-protected-resource/fhir");
    assert_eq!(records.json()["resource"], party.fhir());
    let refused = get("/admin/api/users");
    assert_eq!(refused.status, 401);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains("/.well-known/oauth-protected-resource/admin/api"));
    // A token for records is none for administration.
    let secret = party.add_client("hospital", "system/Bundle.rs");
    let records = token(&party, "hospital", &secret).json();
    let records = records["access_token"].as_str().unwrap();
    assert_eq!(ask(&party, records, "GET", "/users", None).status, 401);
}

#[test]
fn the_audit_is_exported_as_lines_and_the_export_is_in_it() {
    let party = Party::running(&[]);
    let token = console(&party);
    party.json(&[
        "user",
        "add",
        "ada",
        "--role",
        "clerk",
        "--scope",
        "user/Bundle.rs",
        "--note",
        "=1+1",
    ]);
    let lines = party.command(&["audit", "export", "--action", "user."]);
    assert!(lines.status.success(), "{}", text(&lines.stderr));
    let row: Value = serde_json::from_slice(&lines.stdout).unwrap();
    assert_eq!(
        (&row["action"], &row["role"]),
        (&json!("user.add"), &json!("shell"))
    );
    let csv = party.command(&["audit", "export", "--format", "csv"]);
    let csv = text(&csv.stdout);
    assert!(csv.starts_with("id,at,party,role,action,"), "{csv}");
    assert!(csv.contains(",shell,audit.export,allowed,"), "{csv}");
    let fhir = party.command(&["audit", "export", "--format", "fhir", "--action", "user."]);
    let event: Value = serde_json::from_slice(&fhir.stdout).unwrap();
    assert_eq!(
        (&event["resourceType"], &event["action"]),
        (&json!("AuditEvent"), &json!("C"))
    );
    let rows = party.json(&["audit", "list", "--action", "audit.export"]);
    assert_eq!(rows.as_array().unwrap().len(), 3);
    // Chunked, as long as it may be: the other commands read it whole.
    let found = ask(&party, &token, "HEAD", "/audit/export", None);
    assert_eq!(found.status, 200);
    assert_eq!(found.header("content-type"), Some("application/jsonl"));
}

/// The hash that docs/audit.md promises for a row behind another.
fn link(previous: &[u8], row: &Value) -> String {
    let mut bytes = vec![1];
    let mut add = |kind: u8, value: &[u8]| {
        bytes.push(kind);
        bytes.extend_from_slice(&u64::try_from(value.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(value);
    };
    add(b't', b"audit row");
    add(b'b', previous);
    add(b't', row["writer"].as_str().unwrap().as_bytes());
    add(b'i', &row["sequence"].as_i64().unwrap().to_be_bytes());
    add(b't', row["id"].as_str().unwrap().as_bytes());
    let at: jiff::Timestamp = row["at"].as_str().unwrap().parse().unwrap();
    add(b'i', &at.as_millisecond().to_be_bytes());
    for name in COLUMNS {
        match row[name].as_str() {
            Some(text) => add(b't', text.as_bytes()),
            None => add(b'n', &[]),
        }
    }
    let hash = digest::digest(&digest::SHA256, &bytes);
    let hash = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
    format!("01{}", hash.collect::<String>())
}

/// Behind the id and the time.
const COLUMNS: [&str; 14] = [
    "party",
    "role",
    "action",
    "outcome",
    "reason",
    "client_id",
    "subject",
    "organization",
    "jurisdiction",
    "record_id",
    "record_type",
    "token_id",
    "source_address",
    "request_id",
];

/// Whoever has an export and a seal can tell without the database that no row was edited or is missing.
#[test]
fn an_export_is_held_against_the_chain() {
    let party = Party::init("vro");
    party.add_client("one", "system/Bundle.rs");
    party.add_client("two", "system/Bundle.rs");
    let seal = party.json(&["audit", "head"]);
    let lines = party.command(&["audit", "export"]);
    let lines = text(&lines.stdout);
    let rows: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(rows.len() >= 4, "{lines}");
    let (mut previous, mut heads) = (Vec::new(), 0);
    for (number, row) in rows.iter().rev().enumerate() {
        assert_eq!(row["sequence"], number + 1, "{row}");
        let hash = row["hash"].as_str().unwrap();
        assert_eq!(link(&previous, row), hash, "{row}");
        let mut edited = row.clone();
        edited["action"] = json!("client.list");
        assert_ne!(link(&previous, &edited), hash);
        let of_head = ["writer", "sequence", "hash"].map(|name| &row[name]);
        let head = &seal["heads"][0];
        heads += usize::from(of_head == ["writer", "sequence", "hash"].map(|name| &head[name]));
        let digits = hash.as_bytes().chunks(2);
        previous = digits
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
    }
    assert_eq!(heads, 1, "the sealed row is among them: {seal}");
    let csv = party.command(&["audit", "export", "--format", "csv"]);
    let csv = text(&csv.stdout);
    let header = csv.lines().next().unwrap();
    assert!(header.ends_with(",writer,sequence,hash"), "{header}");
    for row in &rows {
        let id = row["id"].as_str().unwrap();
        let line = csv.lines().find(|line| line.starts_with(id)).unwrap();
        let [writer, hash] = ["writer", "hash"].map(|name| row[name].as_str().unwrap());
        let place = format!(",{writer},{},{hash}", row["sequence"]);
        assert!(line.ends_with(&place), "{line}");
    }
    // FHIR has no place for them; it names the account that ran the command.
    let fhir = party.command(&["audit", "export", "--format", "fhir"]);
    let fhir = text(&fhir.stdout);
    for (line, row) in fhir.lines().skip(2).zip(&rows) {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["id"], row["id"]);
        assert!(!line.contains(row["hash"].as_str().unwrap()));
        let account = &event["agent"][0]["who"]["identifier"]["value"];
        assert_eq!(*account, row["subject"]);
        assert!(account.as_str().unwrap().starts_with("uid:"), "{line}");
        assert!(!line.contains("unknown"), "{line}");
    }
}

/// Who did what, when: also from a shell.
#[test]
fn the_audit_says_who_and_what() {
    let party = Party::init("vro");
    let add = [
        "user",
        "add",
        "jane",
        "--role",
        "clerk",
        "--scope",
        "user/Bundle.rs",
        "--organization",
        PARTY,
        "--jurisdictions",
        "MA",
        "--record-types",
        "birth",
    ];
    let id = party.json(&add)["id"].as_str().unwrap().to_owned();
    party.json(&[
        "user",
        "change",
        "jane",
        "--role",
        "registrar",
        "--note",
        "Jane Doe",
    ]);
    let rows = party.json(&["audit", "list", "--action", "user.change"]);
    let row = &rows[0];
    let reason = format!("user {id}: role \"clerk\" to \"registrar\"; note");
    assert_eq!(row["reason"], reason.as_str());
    assert!(
        row["subject"].as_str().unwrap().starts_with("uid:"),
        "{row}"
    );
    // A username finds what its person did, by the shell as by the API.
    let mut party = party;
    party.start();
    let token = console(&party);
    let password = party.json(&["user", "set-password", "jane"])["password"].clone();
    let mut connection = Connection::http1(&party);
    let page = connection.request("GET", "/login", &[], "");
    let cookie = page
        .header("set-cookie")
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let mut fields = hidden_fields(&page, "/login");
    fields.push(("username".to_owned(), "jane".to_owned()));
    fields.push(("password".to_owned(), password.as_str().unwrap().to_owned()));
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let headers = [
        FORM,
        ("Cookie", cookie.as_str()),
        ("Sec-Fetch-Site", "same-origin"),
    ];
    let body = oauth::form::encode(&fields);
    assert_eq!(
        connection.request("POST", "/login", &headers, &body).status,
        303
    );
    let printed = party.json(&["audit", "list", "--subject", "jane"]);
    assert_eq!(printed[0]["action"], "login", "{printed}");
    assert_eq!(printed[0]["subject"], id.as_str());
    let found = ask(&party, &token, "GET", "/audit?subject=jane", None).json();
    assert_eq!(found["items"][0]["id"], printed[0]["id"]);
}
