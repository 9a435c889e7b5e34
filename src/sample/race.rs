//! Race and ethnicity: as the parents wrote it down, and as NCHS codes it.

use serde_json::{Value, json};

use super::document::{YES_NO, concept};
use super::draw::Draw;

const COMPONENT: &str =
    "http://hl7.org/fhir/us/vr-common-library/CodeSystem/codesystem-vr-component";
const LOCAL: &str =
    "http://hl7.org/fhir/us/vr-common-library/CodeSystem/CodeSystem-local-observation-codes-vr";
const RACE_CODE: &str =
    "http://hl7.org/fhir/us/vr-common-library/CodeSystem/CodeSystem-race-code-vr";
const HISPANIC_CODE: &str =
    "http://hl7.org/fhir/us/vr-common-library/CodeSystem/CodeSystem-hispanic-origin-code-vr";

/// Whose race and ethnicity.
#[derive(Clone, Copy, Debug)]
pub enum Parent {
    /// The mother.
    Mother,
    /// The father.
    Father,
}

impl Parent {
    fn name(self) -> &'static str {
        match self {
            Self::Mother => "Mother",
            Self::Father => "Father",
        }
    }
}

/// The checked boxes of the worksheet.
pub fn input(draw: &mut Draw, parent: Parent, subject: &Value) -> Value {
    let chosen = draw.between(0, 14);
    let races = RACES.iter().zip(0_i64..).map(|(race, index)| {
        json!({ "code": { "coding": [{ "system": COMPONENT, "code": race }] }, "valueBoolean": index == chosen })
    });
    let origin = draw.between(0, 6);
    let origins = ORIGINS.iter().zip(0_i64..).map(|(name, index)| {
        let (code, display) = if index == origin {
            ("Y", "Yes")
        } else {
            ("N", "No")
        };
        json!({
            "code": { "coding": [{ "system": COMPONENT, "code": name }] },
            "valueCodeableConcept": concept(YES_NO, code, display),
        })
    });
    json!({
        "status": "final",
        "code": { "coding": [{ "system": LOCAL, "code": format!("inputraceandethnicity{}", parent.name()) }] },
        "subject": subject,
        "component": races.chain(origins).collect::<Vec<_>>(),
    })
}

/// What NCHS makes of it.
pub fn coded(draw: &mut Draw, parent: Parent, subject: &Value) -> Value {
    let (first, first_name) = draw.one(CODED_RACES);
    let (second, second_name) = draw.one(CODED_RACES);
    let (hispanic, hispanic_name) = draw.one(CODED_ORIGINS);
    let component = |name: &str, value: Value| json!({ "code": { "coding": [{ "system": COMPONENT, "code": name }] }, "valueCodeableConcept": value });
    json!({
        "status": "final",
        "code": { "coding": [{ "system": LOCAL, "code": format!("codedraceandethnicity{}", parent.name()) }] },
        "subject": subject,
        "component": [
            component("FirstEditedCode", concept(RACE_CODE, first, first_name)),
            component("SecondEditedCode", concept(RACE_CODE, second, second_name)),
            component("HispanicCode", concept(HISPANIC_CODE, hispanic, hispanic_name)),
        ],
    })
}

const RACES: &[&str] = &[
    "White",
    "BlackOrAfricanAmerican",
    "AmericanIndianOrAlaskanNative",
    "AsianIndian",
    "Chinese",
    "Filipino",
    "Japanese",
    "Korean",
    "Vietnamese",
    "OtherAsian",
    "NativeHawaiian",
    "GuamanianOrChamorro",
    "Samoan",
    "OtherPacificIslander",
    "OtherRace",
];
const ORIGINS: &[&str] = &[
    "HispanicMexican",
    "HispanicPuertoRican",
    "HispanicCuban",
    "HispanicOther",
];
const CODED_RACES: &[(&str, &str)] = &[
    ("101", "White"),
    ("201", "Black"),
    ("410", "Chinese"),
    ("421", "Filipino"),
    ("441", "Korean"),
    ("A31", "Arikara"),
];
const CODED_ORIGINS: &[(&str, &str)] = &[
    ("100", "Non-Hispanic"),
    ("210", "Mexican"),
    ("260", "Puerto Rican"),
];
