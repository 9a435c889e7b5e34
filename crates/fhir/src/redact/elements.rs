//! What belongs to which group, in tables: this page is what a data protection officer reads.

use super::Group::{
    self, Coded, MedicalRecordNumber, Names, SocialAndLegal, Ssn, StigmaSensitiveHealth,
};

/// Elements of resources.
#[rustfmt::skip]
pub(super) const ELEMENTS: &[(Group, &str, &[&str])] = &[
    (Names, "Patient", &["name", "birthDate", "address", "telecom", "contact", "photo"]),
    (Names, "RelatedPerson", &["name", "birthDate", "address", "telecom", "photo"]),
    (Names, "Person", &["name", "birthDate", "address", "telecom", "photo"]),
    (Names, "FamilyMemberHistory", &["name", "bornPeriod", "bornDate", "bornString"]),
    (Names, "Group", &["name"]),
    (Names, "Consent", &["policyText"]),
    (Names, "Coverage", &["class"]),
    (MedicalRecordNumber, "Encounter", &["identifier"]),
    (MedicalRecordNumber, "Coverage", &["identifier", "subscriberId"]),
    (SocialAndLegal, "Patient", &["maritalStatus", "communication"]),
    (SocialAndLegal, "RelatedPerson", &["communication"]),
];

/// Extensions, by the last part of their URLs.
#[rustfmt::skip]
pub(super) const EXTENSIONS: &[(Group, &[&str])] = &[
    (Names, &["patient-birthPlace", "patient-birthTime", "Extension-relatedperson-birthplace-vr", "patient-mothersMaidenName",
        "Extension-within-city-limits-indicator-vr", "Extension-partial-date-vr", "Extension-partial-date-time-vr"]),
    (SocialAndLegal, &["us-core-race", "us-core-ethnicity", "patient-religion", "patient-citizenship", "patient-nationality"]),
];

/// Identifiers, by the codes of their types (HL7 v2 table 0203) and by their systems.
#[rustfmt::skip]
pub(super) const IDENTIFIERS: &[(Group, &[&str], &[&str])] = &[
    (Ssn, &["SS", "SSN", "SB"], &["http://hl7.org/fhir/sid/us-ssn", "urn:oid:2.16.840.1.113883.4.1"]),
    (MedicalRecordNumber, &["MR", "MRT", "AN", "VN", "NPI", "PI"],
        &["http://hl7.org/fhir/sid/us-npi", "urn:oid:2.16.840.1.113883.4.6"]),
];

/// Resources whose finding is withheld: by a code of theirs (LOINC, SNOMED CT, or the guide's own) or of their
/// category, or by a part of the name of their profile.
#[rustfmt::skip]
pub(super) const FINDINGS: &[(Group, &[&str], &[&str])] = &[
    // Social security numbers as an observation.
    (Ssn, &["45396-2"], &["social-security"]),
    // Infections during pregnancy.
    (StigmaSensitiveHealth, &["72519-2", "15628003", "76272004", "105629000", "66071002", "50711007", "33839006"],
        &["infection-present"]),
    // Infertility treatment.
    (StigmaSensitiveHealth, &["58533008", "445151000124101", "63487001"],
        &["infertility", "artificial-insemination", "assisted-fertilization"]),
    // Cigarettes.
    (StigmaSensitiveHealth, &["64794-1", "87298-6", "87299-4", "64795-8"], &["cigarette-smoking"]),
    // Pregnancy history.
    (StigmaSensitiveHealth, &["11638-4", "68496-9", "69043-8", "68499-3", "68500-8", "68497-7"],
        &["births-now", "other-pregnancy-outcome", "last-live-birth", "previous-cesareans"]),
    // Congenital anomalies.
    (StigmaSensitiveHealth, &["73780-9"], &["congenital-anomaly"]),
    // Cause of fetal death, autopsy.
    (StigmaSensitiveHealth, &["76060-3", "76061-1", "73811-2", "85699-7", "73767-6", "74498-7", "92022-3", "92023-1"],
        &["fetal-death-cause", "fetal-death-other", "fetal-death-time-point", "autopsy", "histological-placental"]),
    // Marriage and paternity.
    (SocialAndLegal, &["87301-8", "87302-6"], &["mother-married", "paternity-acknowledgement"]),
    // Race and ethnicity as the parents said.
    (SocialAndLegal, &["inputraceandethnicityMother", "inputraceandethnicityFather"], &["input-race-and-ethnicity"]),
    // Education and work.
    (SocialAndLegal, &["57712-2", "87300-0", "11341-5", "21843-8", "21844-6", "85658-3", "86188-0"],
        &["education-level", "present-job", "usual-work"]),
    // WIC; the payer is a resource of its own.
    (SocialAndLegal, &["87303-4"], &["received-wic-food"]),
    // What NCHS coded.
    (Coded, &["codedraceandethnicityMother", "codedraceandethnicityFather", "92022-3", "92023-1"],
        &["coded-race", "coded-initiating", "coded-other", "coded-industry", "coded-occupation"]),
];

/// How words begin that tell a finding, whatever code is beside them; with `$`, the whole of a word.
#[rustfmt::skip]
pub(super) const WORDS: &[(Group, &[&str])] = &[
    (StigmaSensitiveHealth, &["infect", "gonorrh", "syphil", "chlamyd", "hepatit", "hiv", "herpes", "infertil", "inseminat",
        "smok", "cigar", "tobacco", "nicotin", "anomal", "malform", "abort", "miscarr", "stillb", "autops"]),
    (SocialAndLegal, &["marri", "marit", "patern", "race", "racial", "ethnic", "educat", "occupat", "industr", "wic$", "medicaid", "payer",
        "payor", "insur"]),
    (Names, &["maiden", "surname", "forename", "nickname"]),
];

/// Resource types that are withheld as a finding, whatever they say.
pub(super) const RESOURCES: &[(Group, &str)] = &[(SocialAndLegal, "Coverage")];

/// Resource types that hold a record together and are no findings, whatever their codes and profiles are.
#[rustfmt::skip]
pub(super) const NO_FINDINGS: &[&str] = &["Bundle", "Composition", "MessageHeader", "Parameters", "OperationOutcome", "Patient",
    "RelatedPerson", "Practitioner", "PractitionerRole", "Organization", "Location", "Encounter", "QuestionnaireResponse"];

/// What stays of a resource whose finding is withheld: what it is, whose, and where it stands. Whatever is not
/// named goes, also what a later edition adds.
pub(super) const STAYS: &[&str] = &[
    "resourceType",
    "id",
    "meta",
    "status",
    "clinicalStatus",
    "verificationStatus",
    "subject",
    "focus",
    "encounter",
    "beneficiary",
];

/// What stays of `meta` then: its profiles tell what the finding was.
pub(super) const META_STAYS: &[&str] = &["versionId", "lastUpdated", "security"];

/// What stays of an identifier whose value is withheld.
pub(super) const IDENTIFIER_STAYS: &[&str] = &["use", "type", "system"];
