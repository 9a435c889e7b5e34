//! Batches and transactions: what is refused as a whole, and what each entry is answered for itself.

use serde_json::{Value, json};

use crate::Stage;
use crate::ask::Ask;
use crate::row::{Row, entries, row};

fn post(token: &str, body: &Value) -> Ask {
    let ask = Ask::new("POST", "/fhir").bearer(token);
    ask.header("Content-Type", "application/fhir+json")
        .body(body.to_string())
}

fn batch(kind: &str, entry: &Value) -> Value {
    json!({"resourceType": "Bundle", "type": kind, "entry": entry})
}

fn get(url: &str) -> Value {
    json!({"request": {"method": "GET", "url": url}})
}

pub fn batches(stage: &Stage) -> Vec<Row> {
    let id = &stage.record;
    let own = |body: &Value| post(&stage.own, body);
    let record: Value = serde_json::from_str(&crate::birth(6)).unwrap();
    let create = json!({"resource": record, "request": {"method": "POST", "url": "Bundle"}});
    let mut rows = vec![
        row(
            "batch: a document",
            own(&batch("document", &json!([create]))),
            422,
            "value",
        ),
        row(
            "batch: a Patient",
            own(&json!({"resourceType": "Patient"})),
            422,
            "structure",
        ),
        row(
            "batch: no type",
            own(&json!({"resourceType": "Bundle"})),
            422,
            "value",
        ),
        row(
            "batch: entries that are an object",
            own(&batch("batch", &json!({}))),
            422,
            "structure",
        ),
        row(
            "batch: an entry without a request",
            own(&batch(
                "batch",
                &json!([get("Bundle/1"), {"resource": {"resourceType": "Bundle"}}]),
            )),
            422,
            "required",
        ),
        row(
            "batch: an empty entry",
            own(&batch("batch", &json!([{}]))),
            422,
            "required",
        ),
        row(
            "batch: ten thousand entries",
            own(&batch("batch", &json!(vec![get("Bundle/1"); 10_000]))),
            413,
            "too-costly",
        ),
        row(
            "batch: without a token",
            Ask::new("POST", "/fhir").body("{}"),
            401,
            "login",
        ),
        row(
            "transaction: one entry is not offered",
            own(&batch(
                "transaction",
                &json!([create, {"request": {"method": "PATCH", "url": "Bundle/1"}}]),
            )),
            405,
            "not-supported",
        ),
    ];
    let refused: [(&str, Value, (&str, &str)); 12] = [
        (
            "a method that is not offered",
            json!({"request": {"method": "PATCH", "url": format!("Bundle/{id}")}}),
            ("405", "not-supported"),
        ),
        (
            "a method in small letters",
            json!({"request": {"method": "get", "url": format!("Bundle/{id}")}}),
            ("405", "not-supported"),
        ),
        (
            "an absolute URL",
            get(&format!("https://localhost/fhir/Bundle/{id}")),
            ("400", "value"),
        ),
        (
            "another server's URL",
            get("https://evil.example/c4n4ry"),
            ("400", "value"),
        ),
        (
            "a URL with a host only",
            get("//evil.example/c4n4ry"),
            ("400", "value"),
        ),
        (
            "a path upwards",
            get(&format!("../fhir/Bundle/{id}")),
            ("404", "not-supported"),
        ),
        (
            "an encoded path upwards",
            get(&format!("Bundle/%2e%2e/Bundle/{id}")),
            ("404", "not-found"),
        ),
        ("the token endpoint", get("/oauth2/token"), ("400", "value")),
        (
            "the base itself",
            json!({"resource": {"resourceType": "Bundle", "type": "batch"}, "request": {"method": "POST", "url": ""}}),
            ("405", "not-supported"),
        ),
        (
            "what is not there",
            get("Bundle/c4n4ry"),
            ("404", "not-found"),
        ),
        (
            "a search that cannot be followed",
            get("Bundle?identifier=%ff"),
            ("400", "invalid"),
        ),
        (
            "audit rows",
            get("AuditEvent?_count=1"),
            ("405", "not-supported"),
        ),
    ];
    for (name, entry, expected) in refused {
        rows.push(entries(
            format!("batch: {name}"),
            own(&batch("batch", &json!([entry, get("Bundle/1")]))),
            &[expected, ("404", "not-found")],
        ));
    }
    for (who, token) in [
        ("another hospital", &stage.other),
        ("another jurisdiction", &stage.elsewhere),
        ("another record type", &stage.deaths),
    ] {
        let body = batch(
            "batch",
            &json!([
                get(&format!("Bundle/{id}")),
                get(&format!("Bundle/{id}/_history/1")),
                get(&format!("Composition/{id}")),
                {"request": {"method": "DELETE", "url": format!("Bundle/{id}"), "ifMatch": "W/\"1\""}},
            ]),
        );
        let hidden = ("404", "not-found");
        rows.push(entries(
            format!("batch: {who} reaches for a record"),
            post(token, &body),
            &[hidden; 4],
        ));
    }
    let theirs = post(&stage.elsewhere, &batch("batch", &json!([create])));
    rows.push(entries(
        "batch: another jurisdiction's record",
        theirs,
        &[("403", "forbidden")],
    ));
    let small = post(
        &stage.searcher,
        &batch("batch", &json!([create, get(&format!("Bundle/{id}"))])),
    );
    rows.push(entries(
        "batch: a token that may only search",
        small,
        &[("403", "forbidden"), ("403", "forbidden")],
    ));
    rows
}
