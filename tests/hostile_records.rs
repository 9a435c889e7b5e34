//! Hostile requests to the FHIR endpoints, as tables: a name, the request, the exact status and issue code. None of them
//! may cost more than a refusal: no 5xx, no memory, no record that is not the asker's, and nothing of what was sent in a
//! body, the log, the database or the audit.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "hostile/ask.rs"]
mod ask;
#[path = "hostile_records/batches.rs"]
mod batches;
#[path = "hostile_records/bodies.rs"]
mod bodies;
#[path = "hostile_records/bundles.rs"]
mod bundles;
#[path = "hostile_records/media.rs"]
mod media;
#[path = "hostile_records/oracles.rs"]
mod oracles;
#[path = "hostile_records/paths.rs"]
mod paths;
#[path = "hostile_records/row.rs"]
mod row;
#[path = "hostile_records/searches.rs"]
mod searches;
mod support;
#[path = "hostile_records/tokens.rs"]
mod tokens;

use row::Row;
use serde_json::Value;
use support::deliveries::id;
use support::http::token;
use support::party::Party;
use vitalgate::sample::{self, Form, Kind};

/// An office with one record of a hospital in Massachusetts, and who would like to have it.
struct Stage {
    office: Party,
    /// The record's id.
    record: String,
    /// Of the hospital that sent it.
    own: String,
    /// Of another hospital in the same jurisdiction.
    other: String,
    /// Of the same hospital, for another jurisdiction.
    elsewhere: String,
    /// Of the same hospital, for fetal deaths.
    deaths: String,
    /// Of the same hospital, which may search and nothing else.
    searcher: String,
    /// Of the same hospital, which reads the audit and nothing else.
    auditor: String,
}

impl Stage {
    fn start() -> Self {
        let mut office = Party::init("vro");
        // Of the party and of its own issuer.
        let text = std::fs::read_to_string(office.config()).unwrap();
        let both = text.replace(
            "jurisdictions = [\"MA\"]",
            "jurisdictions = [\"MA\", \"NH\"]",
        );
        std::fs::write(office.config(), both).unwrap();
        office.start();
        let all = "system/Bundle.cruds system/Composition.rs system/Patient.r";
        let audit = "system/AuditEvent.rs";
        let own = register(&office, "own", "A Hospital", "MA", "birth", all);
        let stage = Self {
            record: create(&office, &own, 1),
            other: register(&office, "other", "B Hospital", "MA", "birth", all),
            elsewhere: register(
                &office,
                "elsewhere",
                "A Hospital",
                "NH",
                "birth",
                &format!("{all} {audit}"),
            ),
            deaths: register(&office, "deaths", "A Hospital", "MA", "fetal-death", all),
            searcher: register(
                &office,
                "searcher",
                "A Hospital",
                "MA",
                "birth",
                "system/Bundle.s",
            ),
            auditor: register(&office, "auditor", "A Hospital", "MA", "birth", audit),
            own,
            office,
        };
        let path = format!("/fhir/Bundle/{}", stage.record);
        assert_eq!(
            ask::Ask::get(&path)
                .bearer(&stage.own)
                .send(&stage.office)
                .status,
            200
        );
        stage
    }
}

impl Stage {
    /// Tokens, and what the records of the tables say of people.
    fn secrets(&self) -> Vec<String> {
        let tokens = [
            &self.own,
            &self.other,
            &self.elsewhere,
            &self.deaths,
            &self.searcher,
            &self.auditor,
        ];
        let mut secrets: Vec<String> = tokens.into_iter().cloned().collect();
        for number in [1, 6, 7, 9] {
            let record: Value = serde_json::from_str(&birth(number)).unwrap();
            said_of_people(&record, &mut secrets);
        }
        secrets
    }
}

/// Names, dates of birth, numbers and addresses, as far as they are long enough to be nothing else.
fn said_of_people(value: &Value, said: &mut Vec<String>) {
    const MEMBERS: [&str; 6] = ["family", "given", "birthDate", "line", "city", "value"];
    for (name, value) in value.as_object().into_iter().flatten() {
        if MEMBERS.contains(&name.as_str()) {
            let texts = value
                .as_array()
                .map_or(vec![value], |it| it.iter().collect());
            let texts = texts.into_iter().filter_map(Value::as_str);
            said.extend(texts.filter(|text| text.len() > 4).map(str::to_owned));
        }
        said_of_people(value, said);
    }
    for value in value.as_array().into_iter().flatten() {
        said_of_people(value, said);
    }
}

/// A client with these rights, and a token of it.
fn register(
    office: &Party,
    name: &str,
    organization: &str,
    place: &str,
    kinds: &str,
    scope: &str,
) -> String {
    let fhir = office.fhir();
    let added = office.json(&[
        "client",
        "add",
        name,
        "--client-id",
        name,
        "--scope",
        scope,
        "--audience",
        &fhir,
        "--organization",
        organization,
        "--jurisdictions",
        place,
        "--record-types",
        kinds,
    ]);
    let answer = token(office, name, added["client_secret"].as_str().unwrap());
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

fn create(office: &Party, token: &str, number: u32) -> String {
    let ask = ask::Ask::new("POST", "/fhir/Bundle")
        .bearer(token)
        .header("Content-Type", "application/fhir+json");
    let answer = ask.body(birth(number)).send(office);
    assert_eq!(answer.status, 201, "{answer:?}");
    id(&answer)
}

/// An office's report of a birth in Massachusetts, with the identifier [`IDENTIFIER`] of number 1.
fn birth(number: u32) -> String {
    let request = sample::Request {
        kind: Kind::Birth,
        form: Form::Jurisdiction,
        jurisdiction: "MA".to_owned(),
        seed: 5,
    };
    String::from_utf8(sample::write(&request, number).unwrap().json).unwrap()
}

#[test]
fn hostile_requests_get_a_refusal_and_nothing_else() {
    let stage = Stage::start();
    let tables: [fn(&Stage) -> Vec<Row>; 10] = [
        bodies::json,
        bodies::lengths,
        bundles::envelopes,
        bundles::records,
        media::types,
        paths::paths,
        tokens::tokens,
        searches::searches,
        oracles::oracles,
        batches::batches,
    ];
    let secrets = stage.secrets();
    assert!(secrets.len() > 20, "{}", secrets.len());
    let before = stage.office.resident_kib();
    let rows: Vec<Row> = tables.iter().flat_map(|table| table(&stage)).collect();
    let failed: Vec<String> = rows
        .iter()
        .filter_map(|row| row.run(&stage.office, &secrets).err())
        .collect();
    assert!(
        failed.is_empty(),
        "{} rows:\n{}",
        failed.len(),
        failed.join("\n")
    );
    assert!(rows.len() >= 150, "{} rows", rows.len());
    println!("{} rows", rows.len());
    nothing_stayed(&stage.office);
    let after = stage.office.resident_kib();
    println!("resident: {before} KiB before, {after} KiB after");
    assert!(after < before + 96 * 1024, "{before} KiB, then {after} KiB");
}

/// What was refused stands in no file that the server writes, and not in the audit.
fn nothing_stayed(office: &Party) {
    let mut searched = 0;
    let mut directories = vec![office.directory()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let bytes = std::fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(
                !text.contains(row::CANARY),
                "it stayed in {}",
                path.display()
            );
            searched += 1;
        }
    }
    assert!(searched >= 5, "{searched} files");
    let audit = office.command(&["audit", "list", "--output", "json"]);
    assert!(
        !String::from_utf8_lossy(&audit.stdout).contains(row::CANARY),
        "it stayed in the audit"
    );
}
