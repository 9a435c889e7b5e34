//! A searchset Bundle (FHIR R4 bundle; http, section 3.1.1.3), put together from the records' own bytes.

use axum::response::Response;
use fhir::search::Parameters;
use fhir::{Issue, IssueCode, OperationOutcome};
use serde_json::{Value, json};

use crate::store::record::RecordHead;
use crate::withholding::{Page, Seen};

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
    /// How many match, on all pages.
    pub(super) total: Option<i64>,
    /// Whether a record is left out.
    pub(super) unreadable: bool,
}

impl Searchset<'_> {
    /// Puts what is seen of the records on a page.
    pub(super) fn answer(&self, records: &[(RecordHead, Seen)], mut page: Page) -> Response {
        for (head, seen) in records {
            let (base, name) = (self.base, self.parameters.resource_type.as_str());
            let before = json!({"fullUrl": format!("{base}/{name}/{}", head.id)});
            page.push(&before, Some(seen), &json!({"search": {"mode": "match"}}));
        }
        let unreadable = self.unreadable.then(unreadable);
        for issue in self.ignored.iter().chain(&unreadable) {
            let outcome = OperationOutcome::from(issue.clone()).to_value();
            let before = json!({"resource": outcome});
            page.push(&before, None, &json!({"search": {"mode": "outcome"}}));
        }
        page.answer(self.head())
    }

    fn head(&self) -> Value {
        let address = |query: &str| format!("{}/{}?{query}", self.base, self.parameters.path());
        let mut link = vec![json!({"relation": "self", "url": address(&self.own)})];
        if let Some(cursor) = &self.next {
            let query = format!("{}={cursor}", fhir::search::CURSOR);
            link.push(json!({"relation": "next", "url": address(&query)}));
        }
        match self.total {
            Some(total) => json!({
                "resourceType": "Bundle", "type": "searchset", "total": total, "link": link,
            }),
            None => json!({"resourceType": "Bundle", "type": "searchset", "link": link}),
        }
    }
}
