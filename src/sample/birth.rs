//! The report of a live birth, as the hospital sends it and as the vital records office does.
#![expect(
    clippy::indexing_slicing,
    reason = "members of JSON objects that are made here: serde_json inserts what is not there"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "values move into the JSON that `json!` makes"
)]

use serde_json::{Value, json};

use super::document::{
    BFDR, Document, Frame, IDENTIFIER_TYPE, LOCAL_CODES, LOINC, ROLE_CODE, SNOMED, VRCL,
    certificate_identifier, concept, yes_no,
};
use super::draw::Draw;
use super::facts::{DELIVERY, FINDINGS, NEWBORN, NEWBORN_FINDINGS, PRENATAL};
use super::observations::{Subjects, add_facts, add_findings};
use super::people::{Case, Person};
use super::race::{self, Parent};
use super::worksheet::worksheet;

/// The hospital's report (composition type 68998-4).
pub fn provider(case: &Case, draw: &mut Draw) -> Value {
    let mut document = Document::default();
    let people = place_people(&mut document, case, draw, &child(case));
    report_sections(&mut document, case, &people, draw);
    document.section(
        json!(concept(LOINC, "74465-6", "Questionnaire response Document")),
        "Mother's worksheet",
        None,
    );
    let answers = worksheet(
        case,
        "Questionnaire-mothers-live-birth",
        &people.subjects.child,
        &people.subjects.mother,
    );
    document.add("QuestionnaireResponse", "mothers-live-birth", "", answers);
    let title = "Provider supplied live birth report";
    let author = people.certifier.clone();
    finish(
        document,
        case,
        &people,
        Kind {
            name: "provider-live-birth-report",
            code: "68998-4",
            title,
            author,
        },
        report_identifier(draw),
    )
}

/// The vital records office's report (composition type 92011-6).
pub fn jurisdiction(case: &Case, draw: &mut Draw) -> Value {
    let mut document = Document::default();
    let people = place_people(&mut document, case, draw, &child(case));
    report_sections(&mut document, case, &people, draw);
    let author = place_vital_records_office(&mut document, case);
    let title = "Jurisdiction live birth report";
    finish(
        document,
        case,
        &people,
        Kind {
            name: "jurisdiction-live-birth-report",
            code: "92011-6",
            title,
            author,
        },
        certificate_identifier(case),
    )
}

/// References to the people and places of a report.
#[derive(Debug)]
pub struct People {
    /// Mother, child and observer.
    pub subjects: Subjects,
    /// RelatedPerson of the father.
    pub father: String,
    /// Practitioner who certifies.
    pub certifier: String,
    /// Encounter of the mother.
    pub maternity: String,
    /// Encounter of the birth.
    pub birth: String,
}

/// Which composition a report is.
#[derive(Debug)]
pub struct Kind {
    /// Name of the profile.
    pub name: &'static str,
    /// LOINC code of the document type.
    pub code: &'static str,
    /// Composition.title.
    pub title: &'static str,
    /// Reference to the author.
    pub author: String,
}

/// An identifier that the hospital's system mints: the report has no certificate number yet.
pub fn report_identifier(draw: &mut Draw) -> Value {
    json!({ "system": "urn:ietf:rfc:3986", "value": format!("urn:uuid:{}", draw.uuid()) })
}

/// The office that files the certificate.
pub fn place_vital_records_office(document: &mut Document, case: &Case) -> String {
    let members = json!({
        "active": true,
        "name": format!("Vital records office of {}", case.place.jurisdiction),
        "address": [{ "state": case.place.state, "country": "US" }],
    });
    document.place("Organization", "vital-records-office", "", members)
}

/// The mother, the child or fetus, the father, practitioners, hospital and encounters.
pub fn place_people(
    document: &mut Document,
    case: &Case,
    draw: &mut Draw,
    child: &ChildPatient,
) -> People {
    let child = document.place("Patient", child.slug, child.profile, child.members.clone());
    let mother = document.place(
        "Patient",
        "mother",
        &format!("{VRCL}Patient-mother-vr"),
        mother(case),
    );
    let father = document.place(
        "RelatedPerson",
        "father",
        &format!("{VRCL}RelatedPerson-father-natural-vr"),
        father(case, &child),
    );
    let attendant = practitioner(
        document,
        "attendant",
        case.attendant,
        &case.provider_identifiers[0],
    );
    let certifier = practitioner(
        document,
        "certifier",
        case.certifier,
        &case.provider_identifiers[1],
    );
    let organization = document.place(
        "Organization",
        "hospital",
        "",
        hospital(case, "Organization"),
    );
    let location = document.place(
        "Location",
        "birth",
        &format!("{BFDR}Location-bfdr"),
        hospital(case, "Location"),
    );
    let stay = json!({
        "start": format!("{}T06:00:00{}", case.delivered, case.place.offset),
        "end": format!("{}T10:00:00{}", case.delivered + jiff::Span::new().days(draw.between(1, 4)), case.place.offset),
    });
    let encounter = |role: &str, subject: &str| {
        json!({
            "extension": [{ "url": format!("{BFDR}Extension-role"), "valueCodeableConcept": { "coding": [{ "system": ROLE_CODE, "code": role }] } }],
            "status": "finished",
            "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP", "display": "inpatient encounter" },
            "subject": { "reference": subject },
            "participant": [{ "type": [concept(LOINC, "87286-1", "Birth attendant")], "individual": { "reference": attendant } }],
            "period": stay,
            "location": [{ "location": { "reference": location }, "physicalType": concept(SNOMED, "22232009", "Hospital") }],
            "serviceProvider": { "reference": organization },
        })
    };
    let maternity = document.place(
        "Encounter",
        "maternity",
        &format!("{BFDR}Encounter-maternity"),
        encounter("MTH", &mother),
    );
    let birth = document.place(
        "Encounter",
        "birth",
        &format!("{BFDR}Encounter-birth"),
        encounter("CHILD", &child),
    );
    People {
        subjects: Subjects {
            mother,
            child,
            observer: attendant,
        },
        father,
        certifier,
        maternity,
        birth,
    }
}

/// The patient that the document is about.
#[derive(Debug)]
pub struct ChildPatient {
    /// Last part of its id.
    pub slug: &'static str,
    /// Its profile.
    pub profile: &'static str,
    /// Its content.
    pub members: Value,
}

fn child(case: &Case) -> ChildPatient {
    let (first, middle) = case.child;
    ChildPatient {
        slug: "child",
        profile: "http://hl7.org/fhir/us/vr-common-library/StructureDefinition/Patient-child-vr",
        members: json!({
            "extension": child_extensions(case),
            "identifier": [identifier("MR", "Medical Record Number", "https://hospital.example.org/records", &case.child_record_number)],
            "name": [{ "use": "official", "family": case.mother.family, "given": [first, middle] }],
            "gender": case.sex,
            "birthDate": case.delivered.to_string(),
            "_birthDate": { "extension": [{ "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime", "valueDateTime": case.delivered_at() }] },
            "deceasedBoolean": false,
            "multipleBirthBoolean": false,
        }),
    }
}

/// Sex, place of birth and the parents' ages, which a child and a fetus share.
pub fn child_extensions(case: &Case) -> Value {
    let age = |years: i64, code: &str, display: &str| {
        json!({
            "extension": [
                { "url": "reportedAge", "valueQuantity": { "value": years, "system": "http://unitsofmeasure.org", "code": "a" } },
                { "url": "motherOrFather", "valueCodeableConcept": concept(ROLE_CODE, code, display) },
            ],
            "url": format!("{VRCL}Extension-reported-parent-age-at-delivery-vr"),
        })
    };
    json!([
        { "url": "http://hl7.org/fhir/us/core/StructureDefinition/us-core-birthsex", "valueCode": if case.sex == "male" { "M" } else { "F" } },
        {
            "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
            "valueAddress": { "city": case.place.city, "district": case.place.county, "state": case.place.state },
        },
        age(case.mother_age(), "MTH", "mother"),
        age(case.father_age(), "FTH", "father"),
    ])
}

/// An identifier with its type.
pub fn identifier(code: &str, display: &str, system: &str, value: &str) -> Value {
    json!({ "use": "usual", "type": concept(IDENTIFIER_TYPE, code, display), "system": system, "value": value })
}

fn social_security_number(person: &Person) -> Value {
    identifier(
        "SS",
        "Social Security number",
        "http://hl7.org/fhir/sid/us-ssn",
        &person.social_security_number,
    )
}

fn mother(case: &Case) -> Value {
    let mother = &case.mother;
    json!({
        "identifier": [
            social_security_number(mother),
            identifier("MR", "Medical Record Number", "https://hospital.example.org/records", &mother.record_number),
        ],
        "name": [
            { "use": "official", "family": mother.family, "given": [mother.first, mother.middle] },
            { "use": "maiden", "family": case.maiden_name, "given": [mother.first, mother.middle] },
        ],
        "gender": "female",
        "birthDate": mother.born.to_string(),
        "address": [{
            "extension": [{ "url": format!("{VRCL}Extension-within-city-limits-indicator-vr"), "valueCoding": { "system": super::document::YES_NO, "code": "Y", "display": "Yes" } }],
            "use": "home",
            "line": [case.street],
            "city": case.place.city,
            "district": case.place.county,
            "state": case.place.state,
            "postalCode": case.place.postal_code,
            "country": "US",
        }],
    })
}

fn father(case: &Case, child: &str) -> Value {
    let father = &case.father;
    json!({
        "identifier": [social_security_number(father)],
        "active": true,
        "patient": { "reference": child },
        "relationship": [concept(ROLE_CODE, "NFTH", "natural father")],
        "name": [{ "use": "official", "family": father.family, "given": [father.first, father.middle] }],
        "gender": "male",
        "birthDate": father.born.to_string(),
    })
}

fn practitioner(
    document: &mut Document,
    role: &str,
    (first, family): (&str, &str),
    npi: &str,
) -> String {
    let members = json!({
        "extension": [{ "url": format!("{BFDR}practitioner-role-birth-{role}"), "valueCode": role }],
        "identifier": [{ "system": "http://hl7.org/fhir/sid/us-npi", "value": npi }],
        "name": [{ "text": format!("{first} {family}"), "family": family, "given": [first] }],
        "qualification": [{ "code": concept(SNOMED, "309343006", "Physician") }],
    });
    document.place(
        "Practitioner",
        role,
        &format!("{VRCL}Practitioner-vr"),
        members,
    )
}

fn hospital(case: &Case, resource_type: &str) -> Value {
    let (name, npi) = case.hospital;
    let address = json!({ "line": ["1 Hospital Drive"], "city": case.place.city, "district": case.place.county, "state": case.place.state, "postalCode": case.place.postal_code, "country": "US" });
    let mut members = json!({
        "identifier": [{ "system": "http://hl7.org/fhir/sid/us-npi", "value": npi }],
        "name": name,
        "type": [concept(ROLE_CODE, "HOSP", "Hospital")],
    });
    if resource_type == "Location" {
        members["status"] = json!("active");
        members["address"] = address;
        // Without it nobody could tell the place of the birth from one to which somebody was transferred.
        members["type"] = json!([
            concept(ROLE_CODE, "HOSP", "Hospital"),
            concept(LOCAL_CODES, "loc_birth", "Birth Location"),
        ]);
    } else {
        members["active"] = json!(true);
        members["address"] = json!([address]);
    }
    members
}

fn report_sections(document: &mut Document, case: &Case, people: &People, draw: &mut Draw) {
    common_sections(document, case, people, draw);
    let subjects = &people.subjects;
    document.section(
        concept(LOINC, "57075-4", "Newborn delivery information"),
        "Newborn",
        Some(&subjects.child),
    );
    add_facts(document, NEWBORN, case, subjects, draw);
    add_findings(document, NEWBORN_FINDINGS, case, subjects, draw);
    parent_sections(document, case, people, draw);
}

/// Prenatal care, and the medical part of labor and delivery.
pub fn common_sections(document: &mut Document, case: &Case, people: &People, draw: &mut Draw) {
    let subjects = &people.subjects;
    let mother = subjects.mother.as_str();
    document.section(
        concept(LOINC, "57073-9", "Prenatal records"),
        "Mother: prenatal care",
        Some(mother),
    );
    add_facts(document, PRENATAL, case, subjects, draw);
    let (code, display) = draw.one(&[
        ("2", "Medicaid"),
        ("5", "Private Health Insurance"),
        ("81", "Self-pay"),
    ]);
    let payer = json!({
        "status": "active",
        "type": concept("https://nahdo.org/sopt", code, display),
        "beneficiary": { "reference": mother },
        "payor": [{ "display": display }],
    });
    document.add(
        "Coverage",
        "principal-payer-delivery",
        &format!("{BFDR}Coverage-principal-payer-delivery"),
        payer,
    );
    document.section(
        concept(LOINC, "55752-0", "Clinical information"),
        "Medical and health information",
        Some(mother),
    );
    add_facts(document, DELIVERY, case, subjects, draw);
    add_findings(document, FINDINGS, case, subjects, draw);
}

/// Education, work, race and ethnicity of both parents; marriage and paternity.
pub fn parent_sections(document: &mut Document, case: &Case, people: &People, draw: &mut Draw) {
    let child = json!({ "reference": people.subjects.child });
    let mother = json!({ "reference": people.subjects.mother });
    document.section(
        concept(LOINC, "92014-0", "Mother information"),
        "Mother",
        Some(&people.subjects.mother),
    );
    let married = observation(
        case,
        ("87301-8", "Mother was married at any time during pregnancy"),
        &mother,
        yes_no(draw.chance(60)),
    );
    document.add(
        "Observation",
        "mother-married-during-pregnancy",
        &format!("{BFDR}Observation-mother-married-during-pregnancy"),
        married,
    );
    parent(
        document,
        case,
        draw,
        (Parent::Mother, "mother", "57712-2"),
        &mother,
    );
    document.section(
        concept(LOINC, "92013-2", "Father information"),
        "Father",
        Some(&people.father),
    );
    let signed = observation(
        case,
        ("87302-6", "Paternity acknowledgement has been signed"),
        &child,
        yes_no(draw.chance(90)),
    );
    document.add(
        "Observation",
        "paternity-acknowledgement-signed",
        &format!("{BFDR}Observation-paternity-acknowledgement-signed"),
        signed,
    );
    parent(
        document,
        case,
        draw,
        (Parent::Father, "father", "87300-0"),
        &child,
    );
}

fn parent(
    document: &mut Document,
    case: &Case,
    draw: &mut Draw,
    (parent, slug, education): (Parent, &str, &str),
    subject: &Value,
) {
    let (level, display) = draw.one(&[
        ("HS", "High school graduate or GED"),
        ("ASSOC", "Associate's degree"),
        ("BD", "Bachelor's degree"),
        ("GD", "Master's degree"),
    ]);
    let level = concept(
        "http://terminology.hl7.org/CodeSystem/v3-EducationLevel",
        level,
        display,
    );
    let observed = observation(
        case,
        (education, "Highest level of education"),
        subject,
        level,
    );
    document.add(
        "Observation",
        &format!("education-level-{slug}"),
        &format!("{VRCL}Observation-education-level-vr"),
        observed,
    );
    let (job, industry) = draw.one(&[
        ("Electrician", "Construction"),
        ("Teacher", "Elementary schools"),
        ("Nurse", "Hospitals"),
        ("Baker", "Food manufacturing"),
    ]);
    let mut work = observation(
        case,
        ("11341-5", "History of Occupation"),
        subject,
        json!({ "text": job }),
    );
    work["component"] = json!([{ "code": concept(LOINC, "86188-0", "History of Occupation industry"), "valueCodeableConcept": { "text": industry } }]);
    document.add(
        "Observation",
        &format!("present-job-{slug}"),
        &format!("{BFDR}Observation-present-job"),
        work,
    );
    let race = race::input(draw, parent, subject);
    document.add(
        "Observation",
        &format!("input-race-and-ethnicity-{slug}"),
        &format!("{VRCL}input-race-and-ethnicity-vr"),
        race,
    );
}

fn observation(case: &Case, (code, display): (&str, &str), subject: &Value, value: Value) -> Value {
    json!({
        "status": "final",
        "code": concept(LOINC, code, display),
        "subject": subject,
        "effectiveDateTime": case.delivered.to_string(),
        "valueCodeableConcept": value,
    })
}

/// Puts the Composition before the entries and the Bundle around them.
pub fn finish(
    document: Document,
    case: &Case,
    people: &People,
    kind: Kind,
    identifier: Value,
) -> Value {
    let fetal = kind.code == "69045-3" || kind.code == "92010-8";
    let (bundle, encounter) = if fetal {
        ("Bundle-document-fetal-death-report", &people.maternity)
    } else {
        ("Bundle-document-birth-report", &people.birth)
    };
    let slug = format!("{}-{}", kind.name, case.child_record_number);
    let composition = json!({
        "resourceType": "Composition",
        "id": format!("composition-{slug}"),
        "meta": { "profile": [format!("{BFDR}Composition-{}", kind.name)] },
        "status": "final",
        "type": concept(LOINC, kind.code, kind.title),
        "subject": { "reference": people.subjects.child },
        "encounter": {
            "extension": [{ "url": format!("{BFDR}Extension-encounter-maternity-reference"), "valueReference": { "reference": people.maternity } }],
            "reference": encounter,
        },
        "date": case.delivered.to_string(),
        "author": [{ "reference": kind.author }],
        "title": kind.title,
    });
    let frame = Frame {
        id: slug,
        profile: bundle,
        identifier,
        timestamp: case.delivered_at(),
    };
    document.finish(frame, composition)
}
