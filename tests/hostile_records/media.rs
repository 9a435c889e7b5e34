//! Media types, encodings and conditions that are not offered.

use crate::Stage;
use crate::ask::Ask;
use crate::row::{Row, row};

pub fn types(stage: &Stage) -> Vec<Row> {
    let post = || {
        Ask::new("POST", "/fhir/Bundle")
            .bearer(&stage.own)
            .body(crate::birth(7))
    };
    let read =
        |path: &str| Ask::get(&format!("/fhir/Bundle/{}{path}", stage.record)).bearer(&stage.own);
    let mut rows =
        vec![row("media: no content type", post(), 415, "not-supported").about("Content-Type")];
    for value in [
        "text/plain",
        "application/xml",
        "application/fhir+xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "application/fhir+json; charset=utf-16",
        "application/fhir+json; charset=iso-8859-1",
        "application/fhir+json; fhirVersion=3.0",
        "application/fhir+json; fhirVersion=5.0",
        "application/fhir+ndjson",
        "application/json-patch+json",
        "application/fhir+json2",
        "*/*",
        "",
        "application/fhir+json, text/plain",
    ] {
        rows.push(
            row(
                format!("media: content type {value:?}"),
                post().header("Content-Type", value),
                415,
                "not-supported",
            )
            .about("Content-Type"),
        );
    }
    // A bomb: eight megabytes of zeros in eight kilobytes would be one; that it is coded is enough.
    for coding in [
        "gzip",
        "x-gzip",
        "deflate",
        "br",
        "zstd",
        "compress",
        "gzip, identity",
        "identity, gzip",
    ] {
        let ask = post()
            .header("Content-Type", "application/fhir+json")
            .header("Content-Encoding", coding);
        rows.push(
            row(
                format!("media: content encoding {coding}"),
                ask,
                415,
                "not-supported",
            )
            .about("Content-Encoding"),
        );
    }
    for accept in [
        "application/fhir+xml",
        "text/html",
        "application/json;q=0",
        "image/*",
        "application/fhir+json; fhirVersion=5.0",
    ] {
        rows.push(
            row(
                format!("media: accept {accept}"),
                read("").header("Accept", accept),
                406,
                "not-supported",
            )
            .about("Accept"),
        );
    }
    for format in ["xml", "application/fhir%2Bxml", "ttl", "html"] {
        rows.push(
            row(
                format!("media: _format={format}"),
                read(&format!("?_format={format}")),
                406,
                "not-supported",
            )
            .about("_format"),
        );
    }
    let conditional = |value: &str| {
        post()
            .header("Content-Type", "application/fhir+json")
            .header("If-None-Exist", value)
    };
    for (value, code) in [
        ("", "required"),
        ("identifier=", "value"),
        ("identifier=%7C", "value"),
        ("_id=1", "not-supported"),
        ("identifier=a&identifier=b", "not-supported"),
        ("identifier=a&name=c4n4ry", "not-supported"),
        ("?identifier=a", "not-supported"),
        ("Bundle?identifier=a", "not-supported"),
        ("identifier=a&composition.type=64297-5", "value"),
        ("identifier=%ff", "invalid"),
    ] {
        rows.push(
            row(
                format!("media: If-None-Exist {value:?}"),
                conditional(value),
                400,
                code,
            )
            .about("If-None-Exist"),
        );
    }
    let twice = conditional("identifier=a").header("If-None-Exist", "identifier=b");
    rows.push(row("media: If-None-Exist twice", twice, 400, "invalid").about("If-None-Exist"));
    rows
}
