//! The report of a fetal death, as the hospital sends it and as the vital records office does.

use serde_json::{Value, json};

use super::birth::{
    ChildPatient, Kind, People, child_extensions, common_sections, finish, identifier,
    parent_sections, place_people, place_vital_records_office, report_identifier,
};
use super::document::{Document, LOINC, certificate_identifier, concept};
use super::draw::Draw;
use super::facts::{CAUSES, FETUS};
use super::observations::{add_facts, add_findings};
use super::people::Case;
use super::worksheet::worksheet;

/// The hospital's report (composition type 69045-3).
pub fn provider(case: &Case, draw: &mut Draw) -> Value {
    let case = &case.as_fetal_death(draw);
    let mut document = Document::default();
    let people = report(&mut document, case, draw);
    document.section(
        concept(LOINC, "74465-6", "Questionnaire response Document"),
        "Patient's worksheet",
        None,
    );
    let answers = worksheet(
        case,
        "Questionnaire-patients-fetal-death",
        &people.subjects.child,
        &people.subjects.mother,
    );
    document.add("QuestionnaireResponse", "patients-fetal-death", "", answers);
    let kind = Kind {
        name: "provider-fetal-death-report",
        code: "69045-3",
        title: "Provider supplied fetal death report",
        author: people.certifier.clone(),
    };
    finish(document, case, &people, kind, report_identifier(draw))
}

/// The vital records office's report (composition type 92010-8).
pub fn jurisdiction(case: &Case, draw: &mut Draw) -> Value {
    let case = &case.as_fetal_death(draw);
    let mut document = Document::default();
    let people = report(&mut document, case, draw);
    let kind = Kind {
        name: "jurisdiction-fetal-death-report",
        code: "92010-8",
        title: "Jurisdiction fetal death report",
        author: place_vital_records_office(&mut document, case),
    };
    finish(document, case, &people, kind, certificate_identifier(case))
}

fn report(document: &mut Document, case: &Case, draw: &mut Draw) -> People {
    let people = place_people(document, case, draw, &fetus(case));
    common_sections(document, case, &people, draw);
    let subjects = &people.subjects;
    document.section(
        concept(LOINC, "76400-1", "Fetal death information"),
        "Fetus",
        Some(&subjects.child),
    );
    add_facts(document, FETUS, case, subjects, draw);
    add_findings(document, CAUSES, case, subjects, draw);
    parent_sections(document, case, &people, draw);
    people
}

fn fetus(case: &Case) -> ChildPatient {
    ChildPatient {
        slug: "decedent-fetus",
        profile: "http://hl7.org/fhir/us/bfdr/StructureDefinition/Patient-decedent-fetus",
        members: json!({
            "extension": child_extensions(case),
            "identifier": [identifier("MR", "Medical Record Number", "https://hospital.example.org/records", &case.child_record_number)],
            "name": [{ "use": "official", "family": case.mother.family }],
            "gender": case.sex,
            "deceasedDateTime": case.delivered_at(),
            "multipleBirthBoolean": false,
        }),
    }
}
