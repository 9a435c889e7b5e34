//! The tables: which facts and findings a report has, with their codes and how their values are drawn.

use serde_json::{Value, json};

use super::document::{SNOMED, concept, quantity, yes_no};
use super::observations::{About, Fact, Finding};

macro_rules! fact {
    ($about:ident, $profile:literal, $code:literal, $display:literal, $value:expr) => {
        Fact {
            profile: $profile,
            code: $code,
            display: $display,
            about: About::$about,
            value: $value,
        }
    };
}
macro_rules! finding {
    ($about:ident, $type:literal, $profile:literal, $category:literal, $percent:literal, $code:literal, $display:literal) => {
        Finding {
            resource_type: $type,
            profile: $profile,
            category: $category,
            about: About::$about,
            percent: $percent,
            code: ($code, $display),
        }
    };
}

const fn integer(value: Value) -> (&'static str, Value) {
    ("valueInteger", value)
}

/// Prenatal care and history of the mother.
pub const PRENATAL: &[Fact] = &[
    fact!(
        Mother,
        "date-of-first-prenatal-care-visit",
        "69044-6",
        "Date first prenatal visit",
        |case, draw| {
            let days = draw.between(40, 90);
            (
                "valueDateTime",
                json!((case.last_menses + jiff::Span::new().days(days)).to_string()),
            )
        }
    ),
    fact!(
        Mother,
        "number-prenatal-visits",
        "68493-6",
        "Prenatal visits for this pregnancy #",
        |_, draw| { integer(json!(draw.between(3, 15))) }
    ),
    fact!(
        Mother,
        "last-menstrual-period",
        "8665-2",
        "Last menstrual period start date",
        |case, _| { ("valueDateTime", json!(case.last_menses.to_string())) }
    ),
    fact!(
        Mother,
        "number-births-now-living",
        "11638-4",
        "[#] Births.still living",
        |_, draw| { integer(json!(draw.between(0, 4))) }
    ),
    fact!(
        Mother,
        "number-births-now-dead",
        "68496-9",
        "Previous live births now dead #",
        |_, draw| { integer(json!(i64::from(draw.chance(3)))) }
    ),
    fact!(
        Mother,
        "date-of-last-live-birth",
        "68499-3",
        "Date last live birth",
        |case, draw| {
            (
                "valueDateTime",
                json!(format!(
                    "{}-{:02}",
                    case.delivered.year() - 3,
                    draw.between(1, 12)
                )),
            )
        }
    ),
    fact!(
        Mother,
        "number-other-pregnancy-outcomes",
        "69043-8",
        "Other pregnancy outcomes #",
        |_, draw| { integer(json!(draw.between(0, 2))) }
    ),
    fact!(
        Mother,
        "date-of-last-other-pregnancy-outcome",
        "68500-8",
        "Date last other pregnancy outcome",
        |case, draw| {
            (
                "valueDateTime",
                json!(format!(
                    "{}-{:02}",
                    case.delivered.year() - 5,
                    draw.between(1, 12)
                )),
            )
        }
    ),
    fact!(
        Mother,
        "mother-delivery-weight",
        "69461-2",
        "Mother's body weight --at delivery",
        |_, draw| {
            (
                "valueQuantity",
                quantity(draw.between(135, 230), "lb", "[lb_av]"),
            )
        }
    ),
    fact!(
        Mother,
        "mother-height",
        "8302-2",
        "Body height",
        |_, draw| {
            (
                "valueQuantity",
                quantity(draw.between(58, 72), "in", "[in_i]"),
            )
        }
    ),
    fact!(
        Mother,
        "mother-prepregnancy-weight",
        "56077-1",
        "Body weight --pre current pregnancy",
        |_, draw| {
            (
                "valueQuantity",
                quantity(draw.between(105, 200), "lb", "[lb_av]"),
            )
        }
    ),
    fact!(
        Mother,
        "mother-received-wic-food",
        "87303-4",
        "Mother received WIC food during pregnancy",
        |_, draw| { ("valueCodeableConcept", yes_no(draw.chance(35))) }
    ),
    fact!(
        Mother,
        "cigarette-smoking-before-during-pregnancy",
        "64794-1",
        "Cigarettes per day, three months before pregnancy",
        |_, draw| {
            integer(json!(if draw.chance(12) {
                draw.between(1, 20)
            } else {
                0
            }))
        }
    ),
    fact!(
        Mother,
        "cigarette-smoking-before-during-pregnancy",
        "87298-6",
        "Cigarettes per day, first trimester",
        |_, draw| {
            integer(json!(if draw.chance(6) {
                draw.between(1, 10)
            } else {
                0
            }))
        }
    ),
    fact!(
        Mother,
        "cigarette-smoking-before-during-pregnancy",
        "87299-4",
        "Cigarettes per day, second trimester",
        |_, draw| {
            integer(json!(if draw.chance(4) {
                draw.between(1, 5)
            } else {
                0
            }))
        }
    ),
    fact!(
        Mother,
        "cigarette-smoking-before-during-pregnancy",
        "64795-8",
        "Cigarettes per day, third trimester",
        |_, draw| {
            integer(json!(if draw.chance(3) {
                draw.between(1, 5)
            } else {
                0
            }))
        }
    ),
];

/// Medical and health information about labor and delivery.
pub const DELIVERY: &[Fact] = &[
    fact!(
        Mother,
        "number-previous-cesareans",
        "68497-7",
        "Previous cesarean deliveries #",
        |_, draw| { integer(json!(i64::from(draw.chance(20)))) }
    ),
    fact!(
        Child,
        "fetal-presentation",
        "73761-9",
        "Fetal presentation at birth",
        |_, draw| {
            let cephalic = concept(SNOMED, "70028003", "Vertex presentation (finding)");
            let breech = concept(SNOMED, "6096002", "Breech presentation (finding)");
            (
                "valueCodeableConcept",
                if draw.chance(96) { cephalic } else { breech },
            )
        }
    ),
    fact!(
        Mother,
        "labor-trial-attempted",
        "73760-1",
        "If cesarean, a trial of labor was attempted",
        |_, draw| { ("valueBoolean", json!(draw.chance(30))) }
    ),
    fact!(
        Mother,
        "number-live-births-this-delivery",
        "73773-4",
        "Number of infants in this delivery born alive",
        |_, _| { integer(json!(1)) }
    ),
];

/// The newborn.
pub const NEWBORN: &[Fact] = &[
    fact!(
        Child,
        "birth-weight",
        "8339-4",
        "Birth weight Measured",
        |_, draw| {
            (
                "valueQuantity",
                quantity(draw.between(2300, 4400), "g", "g"),
            )
        }
    ),
    fact!(
        Child,
        "gestational-age-at-delivery",
        "11884-4",
        "Gestational age Estimated",
        |case, _| { ("valueQuantity", quantity(case.gestation_weeks, "wk", "wk")) }
    ),
    fact!(
        Child,
        "apgar-score",
        "9272-6",
        "1 minute Apgar Score",
        |_, draw| { integer(json!(draw.between(5, 9))) }
    ),
    fact!(
        Child,
        "apgar-score",
        "9274-2",
        "5 minute Apgar Score",
        |_, draw| { integer(json!(draw.between(7, 10))) }
    ),
    fact!(
        Child,
        "infant-living",
        "73757-7",
        "Infant living at time of report",
        |_, _| { ("valueBoolean", json!(true)) }
    ),
    fact!(
        Child,
        "infant-breastfed-at-discharge",
        "73756-9",
        "Infant is being breastfed at discharge",
        |_, draw| { ("valueBoolean", json!(draw.chance(82))) }
    ),
    fact!(
        Child,
        "ssn-requested-for-child",
        "87295-2",
        "Social security number requested for child",
        |_, draw| { ("valueBoolean", json!(draw.chance(93))) }
    ),
];

/// The fetus, and what is known of the cause.
pub const FETUS: &[Fact] = &[
    fact!(
        Child,
        "birth-weight",
        "8339-4",
        "Birth weight Measured",
        |_, draw| { ("valueQuantity", quantity(draw.between(350, 2600), "g", "g")) }
    ),
    fact!(
        Child,
        "gestational-age-at-delivery",
        "11884-4",
        "Gestational age Estimated",
        |case, _| { ("valueQuantity", quantity(case.gestation_weeks, "wk", "wk")) }
    ),
    fact!(
        Child,
        "fetal-death-time-point",
        "73811-2",
        "Estimated timing of fetal death",
        |_, draw| {
            let before = concept(
                SNOMED,
                "434681000124104",
                "Dead at time of first assessment, no labor ongoing (finding)",
            );
            let during = concept(
                SNOMED,
                "434671000124102",
                "Dead at time of first assessment, labor ongoing (finding)",
            );
            (
                "valueCodeableConcept",
                if draw.chance(70) { before } else { during },
            )
        }
    ),
    fact!(
        Child,
        "autopsy-performed-indicator",
        "85699-7",
        "Autopsy was performed",
        |_, draw| { ("valueCodeableConcept", yes_no(draw.chance(30))) }
    ),
    fact!(
        Child,
        "histological-placental-exam-performed",
        "73767-6",
        "Histological placental examination was performed",
        |_, draw| { ("valueCodeableConcept", yes_no(draw.chance(60))) }
    ),
    fact!(
        Child,
        "autopsy-histological-exam-results-used",
        "74498-7",
        "Autopsy or placental examination results were used to determine the cause of fetal death",
        |_, draw| { ("valueBoolean", json!(draw.chance(25))) }
    ),
];

/// Risk factors, infections, procedures and complications.
pub const FINDINGS: &[Finding] = &[
    finding!(
        Mother,
        "Condition",
        "prepregnancy-diabetes",
        "73775-9",
        5,
        "73211009",
        "Diabetes mellitus (disorder)"
    ),
    finding!(
        Mother,
        "Condition",
        "gestational-diabetes",
        "73775-9",
        12,
        "11687002",
        "Gestational diabetes mellitus (disorder)"
    ),
    finding!(
        Mother,
        "Condition",
        "gestational-hypertension",
        "73775-9",
        14,
        "48194001",
        "Pregnancy-induced hypertension (disorder)"
    ),
    finding!(
        Mother,
        "Condition",
        "infection-present-during-pregnancy",
        "72519-2",
        9,
        "105629000",
        "Chlamydial infection (disorder)"
    ),
    finding!(
        Mother,
        "Procedure",
        "infertility-treatment",
        "73775-9",
        4,
        "445151000124101",
        "Fertility enhancing drug therapy (procedure)"
    ),
    finding!(
        Mother,
        "Procedure",
        "obstetric",
        "73814-6",
        6,
        "240278000",
        "External cephalic version (procedure)"
    ),
    finding!(
        Mother,
        "Procedure",
        "induction-of-labor",
        "73813-8",
        30,
        "236958009",
        "Induction of labor (procedure)"
    ),
    finding!(
        Mother,
        "Procedure",
        "epidural-or-spinal-anesthesia",
        "73813-8",
        70,
        "18946005",
        "Epidural anesthesia (procedure)"
    ),
    finding!(
        Mother,
        "Condition",
        "chorioamnionitis",
        "73813-8",
        4,
        "11612004",
        "Chorioamnionitis (disorder)"
    ),
    finding!(
        Mother,
        "Procedure",
        "final-route-method-delivery",
        "73762-7",
        100,
        "700000006",
        "Vaginal delivery of fetus (procedure)"
    ),
];

/// Conditions of the newborn.
pub const NEWBORN_FINDINGS: &[Finding] = &[
    finding!(
        Child,
        "Condition",
        "congenital-anomaly-of-newborn",
        "73780-9",
        3,
        "80281008",
        "Cleft lip (disorder)"
    ),
    finding!(
        Child,
        "Procedure",
        "antibiotic-suspected-neonatal-sepsis",
        "73812-0",
        5,
        "434621000124103",
        "Antibiotic given for suspected neonatal sepsis (situation)"
    ),
];

/// Causes of a fetal death (items 18a and 18b).
pub const CAUSES: &[Finding] = &[
    finding!(
        Child,
        "Condition",
        "fetal-death-cause-or-condition",
        "76060-3",
        100,
        "44223004",
        "Premature rupture of membranes (disorder)"
    ),
    finding!(
        Child,
        "Condition",
        "fetal-death-other-cause-or-condition",
        "76061-1",
        45,
        "415105001",
        "Placental abruption (disorder)"
    ),
];
