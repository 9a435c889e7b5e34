//! Numbers that are written so that no search for nine digits finds them.

use super::*;

/// A patient whose number is known, with a text beside.
fn shown(text: &Value, known: bool) -> String {
    let mut patient = json!({"resourceType": "Patient", "active": true, "extension": [{"url": "http://x/e", "valueMarkdown": text}]});
    if known {
        patient["identifier"] =
            json!([{"system": "http://hl7.org/fhir/sid/us-ssn", "value": "987-65-4321"}]);
    }
    without(&patient, Group::Ssn)["extension"][0].to_string()
}

#[test]
fn no_markup_or_encoding_hides_a_number() {
    for text in [
        "98\u{200b}7-65-43\u{200b}21",
        "9\u{2060}87\u{200b}-\u{200b}65-4321",
        "987\u{200b}\u{200b}\u{200b}-\u{200b}\u{200b}65-4321",
        "98<b>7</b>-65-4321",
        "987</b></i></u></p></td>65-4321",
        "<span title=\"987-65-4321\">x</span>",
        "<!-- 987-65-4321 -->",
        "a <b: 987-65-4321 -> c",
        "987&#45;65&#45;4321",
        "98&#55;-65-4321",
        "98&#55-65-4321",
        "98&#x37-65-4321",
        "98&#0000000000000055;-65-4321",
        "98&#8203;7-65-4321",
        "98&zwnj;7-65-4321",
        "987%2D65%2D4321",
        "987%2d65%2d4321",
        "%39%38%37-65-4321",
        "50%987-65-4321",
        "987%E2%80%9165%E2%80%914321",
        "\u{1d7d7}\u{1d7d6}\u{1d7d5}-65-4321",
        "\u{2468}\u{2467}\u{2466}-65-4321",
        "\u{b2}1 \u{ff19}\u{ff18}\u{ff17}-\u{ff16}\u{ff15}-\u{ff14}\u{ff13}\u{ff12}\u{ff11}",
    ] {
        for known in [true, false] {
            let shown = shown(&json!(text), known);
            assert!(shown.contains("redacted"), "{known} {text}: {shown}");
        }
    }
    // Without its separators nothing but the record itself tells that it is one.
    for text in [
        "9876%354321",
        "98<b>7</b>654321",
        "987\u{200b}654321",
        "SSN987654321B",
        "9 8 7 6 5 4 3 2 1",
    ] {
        let shown = shown(&json!(text), true);
        assert!(shown.contains("redacted"), "{text}: {shown}");
    }
}

#[test]
fn a_number_is_known_by_its_digits_whatever_stands_beside_it() {
    for value in [
        json!("987654321"),
        json!("987-65-4321 (verified 2020-05-17)"),
        json!("987-65-4321, 2020"),
        json!("987-65-4321 / 123-45-6789"),
        json!("US987654321"),
        json!("000987654321"),
        json!(987_654_321),
        json!(9.876_543_21e8),
        json!(987_654_321.0),
        json!(["987654321"]),
    ] {
        let text = json!({"resourceType": "Parameters", "parameter": [
            {"name": "mother_ssn", "valueString": value}, {"name": "other", "valueString": "is 987654321"}]});
        let shown = without(&text, Group::Ssn).to_string();
        assert!(!shown.contains("987654321"), "{value}: {shown}");
    }
    for number in [
        "9.87654321e8",
        "9.87654321E+8",
        "98765432.1e1",
        "987654321e0",
        "0.987654321e9",
        "9876543210e-1",
    ] {
        for (labelled, copy) in [(number, "987654321"), ("987654321", number)] {
            let text = format!(
                r#"{{"resourceType":"Parameters","parameter":[{{"name":"ssn","valueDecimal":{labelled}}},{{"name":"x","valueDecimal":{copy}}}]}}"#
            );
            let redacted = redact(text.as_bytes(), only(Group::Ssn)).unwrap();
            let shown = String::from_utf8(redacted.bytes).unwrap();
            assert!(
                !shown.contains(copy) && !shown.contains(labelled),
                "{shown}"
            );
        }
    }
}

#[test]
fn files_within_texts_go() {
    let data = "U1NOIDk4Ny02NS00MzIxIG9r";
    for text in [
        format!("see ![](data:text/plain;base64,{data})"),
        format!("<img src='DATA:image/png;charset=x;Base64,{data}'>"),
        format!("\u{1}da\nta:text/plain;base64,{data}"),
        format!("\u{feff}data:text/plain;base64,{data}"),
    ] {
        let shown = shown(&json!(text), false);
        assert!(!shown.contains(data), "{shown}");
    }
    let prose = json!("the data: weight, height");
    assert!(shown(&prose, false).contains("weight"));
}
