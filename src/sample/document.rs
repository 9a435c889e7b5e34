//! Puts entries, references and narrative together into a document Bundle.
#![expect(
    clippy::indexing_slicing,
    reason = "members of JSON objects that are made here: serde_json inserts what is not there"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "values move into the JSON that `json!` makes"
)]

use serde_json::{Map, Value, json};

use super::people::Case;

/// Profiles of the birth and fetal death guide.
pub const BFDR: &str = "http://hl7.org/fhir/us/bfdr/StructureDefinition/";
/// Profiles of the vital records common library.
pub const VRCL: &str = "http://hl7.org/fhir/us/vr-common-library/StructureDefinition/";
/// LOINC.
pub const LOINC: &str = "http://loinc.org";
/// SNOMED CT.
pub const SNOMED: &str = "http://snomed.info/sct";
/// Yes, no, unknown.
pub const YES_NO: &str = "http://terminology.hl7.org/CodeSystem/v2-0136";
/// Family relations.
pub const ROLE_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
pub const LOCAL_CODES: &str = "http://hl7.org/fhir/us/bfdr/CodeSystem/CodeSystem-local-bfdr-codes";
/// Identifier types.
pub const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";

/// The entries of a document, in order, and the sections that list them.
#[derive(Debug, Default)]
pub struct Document {
    entries: Vec<Value>,
    sections: Vec<Section>,
}

#[derive(Debug)]
struct Section {
    code: Value,
    title: &'static str,
    focus: Option<String>,
    references: Vec<Value>,
}

impl Document {
    /// Opens a section; what is added next belongs to it.
    pub fn section(&mut self, code: Value, title: &'static str, focus: Option<&str>) {
        let focus = focus.map(str::to_owned);
        self.sections.push(Section {
            code,
            title,
            focus,
            references: Vec::new(),
        });
    }

    /// Adds a resource that no section lists; answers its reference.
    pub fn place(
        &mut self,
        resource_type: &str,
        slug: &str,
        profile: &str,
        members: Value,
    ) -> String {
        let id = format!("{}-{slug}", resource_type.to_lowercase());
        let reference = format!("{resource_type}/{id}");
        let mut resource = Map::new();
        resource.insert("resourceType".to_owned(), json!(resource_type));
        resource.insert("id".to_owned(), json!(id));
        if !profile.is_empty() {
            resource.insert("meta".to_owned(), json!({ "profile": [profile] }));
        }
        resource.insert("text".to_owned(), narrative(resource_type, slug, &members));
        if let Value::Object(members) = members {
            resource.extend(members);
        }
        self.entries
            .push(entry(&reference, Value::Object(resource)));
        reference
    }

    /// Adds a resource to the section opened last; answers its reference.
    pub fn add(
        &mut self,
        resource_type: &str,
        slug: &str,
        profile: &str,
        members: Value,
    ) -> String {
        let reference = self.place(resource_type, slug, profile, members);
        if let Some(section) = self.sections.last_mut() {
            section.references.push(json!({ "reference": reference }));
        }
        reference
    }

    /// The whole Bundle: `composition` gets the sections and becomes the first entry.
    pub fn finish(self, bundle: Frame<'_>, composition: Value) -> Value {
        let mut resource = composition;
        if let Value::Object(members) = &mut resource {
            let sections = self
                .sections
                .into_iter()
                .filter(|section| !section.references.is_empty());
            members.insert(
                "section".to_owned(),
                sections.map(Section::into_value).collect(),
            );
        }
        let reference = format!(
            "Composition/{}",
            resource["id"].as_str().unwrap_or_default()
        );
        let mut entries = vec![entry(&reference, resource)];
        entries.extend(self.entries);
        json!({
            "resourceType": "Bundle",
            "id": bundle.id,
            "meta": { "profile": [format!("{BFDR}{}", bundle.profile)] },
            "identifier": bundle.identifier,
            "type": "document",
            "timestamp": bundle.timestamp,
            "entry": entries,
        })
    }
}

/// What stands around the entries.
#[derive(Debug)]
pub struct Frame<'a> {
    /// Bundle.id.
    pub id: String,
    /// Name of the Bundle's profile.
    pub profile: &'a str,
    /// Bundle.identifier.
    pub identifier: Value,
    /// Bundle.timestamp.
    pub timestamp: String,
}

impl Section {
    fn into_value(self) -> Value {
        let mut section = json!({ "title": self.title, "code": self.code });
        if let Some(focus) = self.focus {
            section["focus"] = json!({ "reference": focus });
        }
        section["entry"] = Value::Array(self.references);
        section
    }
}

fn entry(reference: &str, resource: Value) -> Value {
    json!({ "fullUrl": format!("https://records.example.org/fhir/{reference}"), "resource": resource })
}

/// A codeable concept of one coding with its display.
pub fn concept(system: &str, code: &str, display: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code, "display": display }] })
}

/// Yes or no as vital records code it.
pub fn yes_no(yes: bool) -> Value {
    if yes {
        concept(YES_NO, "Y", "Yes")
    } else {
        concept(YES_NO, "N", "No")
    }
}

/// An amount with its UCUM unit.
pub fn quantity(value: i64, unit: &str, code: &str) -> Value {
    json!({ "value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": code })
}

/// The vital records identifier that all documents of one event share once it has a certificate.
pub fn certificate_identifier(case: &Case) -> Value {
    json!({
        "extension": [
            { "url": format!("{VRCL}CertificateNumber"), "valueString": format!("{:06}", case.certificate_number) },
            { "url": format!("{VRCL}AuxiliaryStateIdentifier1"), "valueString": format!("{:012}", case.certificate_number) },
        ],
        "system": "http://hl7.org/fhir/us/vr-common-library/CodeSystem/codesystem-ije-vr",
        "value": case.identifier(),
    })
}

/// The narrative that every resource of a real report carries: its content once more, for people.
fn narrative(resource_type: &str, slug: &str, members: &Value) -> Value {
    let mut rows = String::new();
    table_rows("", members, &mut rows);
    json!({
        "status": "generated",
        "div": format!(
            "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p><b>{resource_type}</b> ({})</p>\
             <table><thead><tr><th>Element</th><th>Content</th></tr></thead><tbody>{rows}</tbody></table></div>",
            escape(&slug.replace('-', " ")),
        ),
    })
}

fn table_rows(path: &str, value: &Value, rows: &mut String) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                table_rows(&path, value, rows);
            }
        }
        Value::Array(values) => values
            .iter()
            .for_each(|value| table_rows(path, value, rows)),
        Value::String(text) if path.ends_with("url") || path.ends_with("system") => {
            // Addresses of definitions say nothing to a reader.
            let _ = text;
        }
        Value::String(text) => row(path, text, rows),
        other => row(path, &other.to_string(), rows),
    }
}

fn row(path: &str, text: &str, rows: &mut String) {
    rows.push_str(&format!(
        "<tr><td>{}</td><td>{}</td></tr>",
        escape(path),
        escape(text)
    ));
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
