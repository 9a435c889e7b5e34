//! Bodies that are no JSON that every reader reads alike, or too much of it.

use crate::Stage;
use crate::ask::Ask;
use crate::row::{Row, row};

/// A create with this body.
pub fn create(stage: &Stage, body: impl AsRef<[u8]>) -> Ask {
    let ask = Ask::new("POST", "/fhir/Bundle").bearer(&stage.own);
    ask.header("Content-Type", "application/fhir+json")
        .body(body)
}

pub fn json(stage: &Stage) -> Vec<Row> {
    let good = crate::birth(9);
    let with = |member: &str| good.replacen('{', &format!("{{{member},"), 1);
    let deep = |open: &str, close: &str| {
        format!("{{\"a\":{}1{}}}", open.repeat(20_000), close.repeat(20_000))
    };
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("white space", b" \n\t ".to_vec()),
        ("an open brace", b"{".to_vec()),
        ("half a record", good.as_bytes()[..good.len() / 2].to_vec()),
        ("a record and a brace", format!("{good}}}").into_bytes()),
        ("two records", format!("{good}{good}").into_bytes()),
        (
            "a trailing comma",
            br#"{"resourceType":"Bundle",}"#.to_vec(),
        ),
        (
            "a comment",
            br#"{/* c4n4ry */"resourceType":"Bundle"}"#.to_vec(),
        ),
        ("single quotes", b"{'resourceType':'Bundle'}".to_vec()),
        (
            "a name without quotes",
            b"{resourceType:\"Bundle\"}".to_vec(),
        ),
        ("NaN", br#"{"resourceType":"Bundle","total":NaN}"#.to_vec()),
        (
            "Infinity",
            br#"{"resourceType":"Bundle","total":-Infinity}"#.to_vec(),
        ),
        (
            "a byte order mark",
            [b"\xef\xbb\xbf", good.as_bytes()].concat(),
        ),
        (
            "UTF-16",
            good.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        (
            "a byte that is no UTF-8",
            good.replacen("MA", "M\u{fffd}", 1)
                .into_bytes()
                .iter()
                .map(|byte| if *byte == 0xef { 0xff } else { *byte })
                .collect(),
        ),
        (
            "an overlong encoding",
            [&b"{\"resourceType\":\"\xc0\xaf"[..], b"\"}"].concat(),
        ),
        (
            "a surrogate in UTF-8",
            [&b"{\"a\":\"\xed\xa0\x80"[..], b"\"}"].concat(),
        ),
        (
            "a lone high surrogate",
            with(r#""c4n4ry":"\ud800""#).into_bytes(),
        ),
        (
            "a lone low surrogate",
            with(r#""c4n4ry":"\udc00x""#).into_bytes(),
        ),
        (
            "surrogates in the wrong order",
            with(r#""c4n4ry":"\udc00\ud800""#).into_bytes(),
        ),
        (
            "a control character",
            with("\"c4n4ry\":\"\u{1}\"").into_bytes(),
        ),
        (
            "a line feed in a string",
            with("\"c4n4ry\":\"\n\"").into_bytes(),
        ),
        (
            "an escape that does not exist",
            with(r#""c4n4ry":"\x41""#).into_bytes(),
        ),
        ("half an escape", with(r#""c4n4ry":"\u00""#).into_bytes()),
        ("a leading zero", with(r#""total":048858"#).into_bytes()),
        ("a plus sign", with(r#""total":+1"#).into_bytes()),
        ("a point at the end", with(r#""total":1."#).into_bytes()),
        ("a point at the start", with(r#""total":.5"#).into_bytes()),
        ("hexadecimal", with(r#""total":0x10"#).into_bytes()),
        ("a huge exponent", with(r#""total":1e99999"#).into_bytes()),
        (
            "a number of a hundred thousand digits",
            with(&format!("\"total\":{}", "9".repeat(100_000))).into_bytes(),
        ),
        (
            "a member twice",
            with(r#""resourceType":"Bundle""#).into_bytes(),
        ),
        (
            "a member twice, once escaped",
            with(r#""resource\u0054ype":"Patient""#).into_bytes(),
        ),
        (
            "a member twice, deep inside",
            with(r#""c4n4ry":{"a":[{"b":1,"b":2}]}"#).into_bytes(),
        ),
        ("the type twice", with(r#""type":"batch""#).into_bytes()),
        ("twenty thousand arrays", deep("[", "]").into_bytes()),
        ("twenty thousand objects", deep("{\"a\":", "}").into_bytes()),
        (
            "a literal in capitals",
            with(r#""c4n4ry":TRUE"#).into_bytes(),
        ),
        ("no colon", br#"{"resourceType" "Bundle"}"#.to_vec()),
        (
            "XML",
            b"<Bundle xmlns=\"http://hl7.org/fhir\"><type value=\"document\"/></Bundle>".to_vec(),
        ),
        (
            "an external entity",
            b"<!DOCTYPE x [<!ENTITY c SYSTEM \"file:///etc/passwd\">]><x>&c;</x>".to_vec(),
        ),
        ("YAML", b"resourceType: Bundle\ntype: document\n".to_vec()),
        ("a form", b"resourceType=Bundle&type=document".to_vec()),
    ];
    bodies
        .into_iter()
        .map(|(name, body)| {
            row(
                format!("body: {name}"),
                create(stage, body),
                400,
                "structure",
            )
        })
        .collect()
}

pub fn lengths(stage: &Stage) -> Vec<Row> {
    let huge = format!(
        "{{\"resourceType\":\"Bundle\",\"c4n4ry\":\"{}\"}}",
        "a".repeat(10_000_000)
    );
    let update = Ask::new("PUT", &format!("/fhir/Bundle/{}", stage.record)).bearer(&stage.own);
    let update = update
        .header("Content-Type", "application/fhir+json")
        .header("If-Match", "W/\"1\"");
    let form = Ask::form(
        "/fhir/Bundle/_search",
        format!("identifier={}", "a".repeat(100_000)),
    )
    .bearer(&stage.own);
    vec![
        row(
            "length: a body of ten megabytes",
            create(stage, &huge),
            413,
            "too-long",
        ),
        row(
            "length: an update of ten megabytes",
            update.body(&huge),
            413,
            "too-long",
        ),
        row(
            "length: a form of a hundred kilobytes",
            form,
            413,
            "too-long",
        ),
    ]
}
