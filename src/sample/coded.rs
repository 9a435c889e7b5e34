//! What NCHS returns to the vital records office: the parents' race and ethnicity, coded.

use serde_json::{Value, json};

use super::document::{
    BFDR, Document, Frame, LOINC, ROLE_CODE, VRCL, certificate_identifier, concept,
};
use super::draw::Draw;
use super::people::Case;
use super::race::{self, Parent};

/// Coded race and ethnicity of a birth (composition type 86805-9).
pub fn race_and_ethnicity(case: &Case, draw: &mut Draw) -> Value {
    let mut document = Document::default();
    for (parent, role, slug, title) in [
        (
            Parent::Mother,
            "MTH",
            "mother",
            "Coded race and ethnicity of the mother",
        ),
        (
            Parent::Father,
            "NFTH",
            "father",
            "Coded race and ethnicity of the father",
        ),
    ] {
        let subject = json!({ "display": format!("As reported for the {slug}") });
        document.section(
            json!({ "coding": [{ "system": ROLE_CODE, "code": role }] }),
            title,
            None,
        );
        let input = race::input(draw, parent, &subject);
        let slug_input = format!("input-race-and-ethnicity-{slug}");
        document.add(
            "Observation",
            &slug_input,
            &format!("{VRCL}input-race-and-ethnicity-vr"),
            input,
        );
        let coded = race::coded(draw, parent, &subject);
        let slug_coded = format!("coded-race-and-ethnicity-{slug}");
        document.add(
            "Observation",
            &slug_coded,
            &format!("{VRCL}coded-race-and-ethnicity-vr"),
            coded,
        );
    }
    let identifier = case.identifier();
    let frame = Frame {
        id: format!("coded-race-and-ethnicity-{identifier}"),
        profile: "Bundle-document-demographic-coded-content",
        identifier: certificate_identifier(case),
        timestamp: format!("{}T09:30:00{}", case.delivered, case.place.offset),
    };
    document.finish(
        frame,
        json!({
            "resourceType": "Composition",
            "id": format!("composition-coded-race-and-ethnicity-{identifier}"),
            "meta": { "profile": [format!("{BFDR}Composition-coded-race-and-ethnicity")] },
            "status": "final",
            "type": concept(LOINC, "86805-9", "Race and ethnicity information Document"),
            "subject": { "display": "Child of the reported birth" },
            "date": case.delivered.to_string(),
            "author": [{ "display": "National Center for Health Statistics" }],
            "title": "Coded race and ethnicity",
        }),
    )
}
