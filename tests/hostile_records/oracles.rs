//! Whoever may not see a record asks in every way whether it is there. The answers are those for what is not there.

use crate::Stage;
use crate::ask::Ask;
use crate::row::{Row, nothing, row};

/// Of the record on the stage.
const IDENTIFIER: &str = "2026MA000001";

pub fn oracles(stage: &Stage) -> Vec<Row> {
    let id = &stage.record;
    let mut rows = Vec::new();
    for (who, token) in [
        ("another hospital", &stage.other),
        ("another jurisdiction", &stage.elsewhere),
        ("another record type", &stage.deaths),
    ] {
        for path in [
            format!("Bundle/{id}"),
            format!("Bundle/{id}/$original"),
            format!("Bundle/{id}/_history/1"),
            format!("Bundle/{id}/_history/99"),
            format!("Bundle/{id}/_history/x"),
            format!("Bundle/{id}/_history"),
            format!("Composition/{id}"),
            format!("Composition/{id}/$document"),
            format!("Patient/{id}-1"),
        ] {
            rows.push(row(
                format!("oracle: {who} reads {path}"),
                Ask::get(&format!("/fhir/{path}")).bearer(token),
                404,
                "not-found",
            ));
        }
        for query in [
            format!("_id={id}"),
            format!("identifier={IDENTIFIER}"),
            format!("identifier={IDENTIFIER}&_summary=count"),
            "jurisdiction=MA".to_owned(),
            "_lastUpdated=ge2020".to_owned(),
            format!("_id={id}&_sort=_lastUpdated"),
        ] {
            rows.push(nothing(
                format!("oracle: {who} searches {query}"),
                Ask::get(&format!("/fhir/Bundle?{query}")).bearer(token),
            ));
        }
        let form =
            Ask::form("/fhir/Bundle/_search", format!("identifier={IDENTIFIER}")).bearer(token);
        rows.push(nothing(format!("oracle: {who} posts a search"), form));
        let document = Ask::get(&format!(
            "/fhir/Composition/$document?identifier={IDENTIFIER}"
        ))
        .bearer(token);
        rows.push(nothing(
            format!("oracle: {who} asks for the document"),
            document,
        ));
        // To put a record where there is none is not offered, and where one is hidden there is none.
        for (method, version, status, code) in [
            ("PUT", "W/\"1\"", 405, "not-supported"),
            ("PUT", "W/\"99\"", 405, "not-supported"),
            ("DELETE", "W/\"1\"", 404, "not-found"),
        ] {
            for (name, id) in [("it", id.as_str()), ("what is not there", NOWHERE)] {
                let ask = Ask::new(method, &format!("/fhir/Bundle/{id}")).bearer(token);
                let ask = ask
                    .header("Content-Type", "application/fhir+json")
                    .header("If-Match", version)
                    .body(crate::birth(1));
                let name = format!("oracle: {who} sends {method} {version} to {name}");
                rows.push(row(name, ask, status, code));
            }
        }
    }
    rows
}

/// The id of no record.
const NOWHERE: &str = "00000000-0000-7000-8000-000000000000";
