//! A searchset Bundle (FHIR R4 bundle; http, section 3.1.1.3), put together from the records' own bytes.

use fhir::redact::Groups;
use fhir::search::Parameters;
use fhir::{Issue, IssueCode, OperationOutcome, ResourceType};
use serde_json::{Value, json};

use super::{composition, read};
use crate::answer::Failure;
use crate::hosted::search::Page;
use crate::store::record::Record;

/// A record is left out of a page. Which one, the log says.
pub(super) fn unreadable() -> Issue {
    let text =
        "a record cannot be read now and is left out; the operator of this server can tell why";
    Issue::error(IssueCode::Exception, text)
}

/// What a page says beside its records.
pub(super) struct Searchset<'a> {
    /// The FHIR base URL.
    pub(super) base: &'a str,
    pub(super) parameters: &'a Parameters,
    /// The query of this page's own address.
    pub(super) own: String,
    /// What the next page's `_cursor` is.
    pub(super) next: Option<String>,
    /// What was ignored.
    pub(super) ignored: Option<Issue>,
    /// What is withheld from the caller.
    pub(super) withheld: Groups,
}

impl Searchset<'_> {
    pub(super) fn write(&self, page: &Page) -> Result<Vec<u8>, Failure> {
        let mut entries = Vec::with_capacity(page.records.len() + 1);
        for record in &page.records {
            entries.push(self.entry(record)?);
        }
        let unreadable = page.unreadable.then(unreadable);
        for issue in self.ignored.iter().chain(&unreadable) {
            let outcome = OperationOutcome::from(issue.clone()).to_value();
            let entry = json!({"resource": outcome, "search": {"mode": "outcome"}});
            entries.push(entry.to_string().into_bytes());
        }
        let mut body = self.head(page).to_string().into_bytes();
        // FHIR has no empty arrays.
        if !entries.is_empty() {
            body.pop();
            body.extend_from_slice(b",\"entry\":[");
            body.extend_from_slice(&entries.join(&b','));
            body.extend_from_slice(b"]}");
        }
        Ok(body)
    }

    fn head(&self, page: &Page) -> Value {
        let address = |query: &str| format!("{}/{}?{query}", self.base, self.parameters.path());
        let mut link = vec![json!({"relation": "self", "url": address(&self.own)})];
        if let Some(cursor) = &self.next {
            let query = format!("{}={cursor}", fhir::search::CURSOR);
            link.push(json!({"relation": "next", "url": address(&query)}));
        }
        match page.total {
            Some(total) => json!({
                "resourceType": "Bundle", "type": "searchset", "total": total, "link": link,
            }),
            None => json!({"resourceType": "Bundle", "type": "searchset", "link": link}),
        }
    }

    fn entry(&self, record: &Record) -> Result<Vec<u8>, Failure> {
        let resource_type = self.parameters.resource_type;
        let resource = match resource_type {
            ResourceType::Composition => composition::spliced(record, self.withheld)?,
            _ => read::spliced(record)?,
        };
        let (base, name, id) = (self.base, resource_type.as_str(), &record.head.id);
        let full_url = json!(format!("{base}/{name}/{id}"));
        let mut entry = format!("{{\"fullUrl\":{full_url},\"resource\":").into_bytes();
        entry.extend_from_slice(&resource);
        entry.extend_from_slice(b",\"search\":{\"mode\":\"match\"}}");
        Ok(entry)
    }
}
