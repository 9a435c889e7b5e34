//! `GET Bundle?identifier=…`, `POST Bundle/_search` and the same of Composition (FHIR R4 http,
//! section 3.1.0.9): only records that the token reaches are found, counted or hinted at.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use fhir::prefer::Preferences;
use fhir::search::{Parameters, Token, TypeCriterion};
use fhir::{Issue, IssueCode, OperationOutcome, ResourceType};
use serde_json::json;

use super::{body, composition, lines, read};
use crate::answer::{Failure, fhir_json};
use crate::exchange::Permitted;
use crate::hosted::{self, Page, Query};
use crate::store::record::{Criteria, Record};

/// `POST {type}/_search`: the form counts as well as the query (section 3.1.0.9.1).
pub(crate) async fn answer_posted(
    permitted: Permitted<'_>,
    (resource_type, query): (ResourceType, &str),
    form: Body,
) -> Result<Response, Failure> {
    let headers = &permitted.exchange.parts.headers;
    fhir::media::check_form_content_type(lines(headers, "content-type").next())?;
    let form = body::collect(headers, form, MAX_FORM_BYTES).await?;
    let form = String::from_utf8(form).map_err(|_| {
        Failure::new(
            StatusCode::BAD_REQUEST,
            IssueCode::Invalid,
            "the parameters are not UTF-8",
        )
    })?;
    let parameters = Parameters::parse(resource_type, &format!("{query}&{form}"))?;
    answer(permitted, &parameters).await
}

/// Answers a searchset with its total, its own address and that of the next page.
pub(crate) async fn answer(
    permitted: Permitted<'_>,
    parameters: &Parameters,
) -> Result<Response, Failure> {
    let exchange = permitted.exchange;
    let preferences = Preferences::parse(lines(&exchange.parts.headers, "prefer"));
    let ignored = parameters.ignored(preferences.handling)?;
    let count = parameters.count.unwrap_or(DEFAULT_COUNT).min(MAX_COUNT);
    let page = match query(parameters, count)? {
        Some(query) => hosted::search(&exchange.server, &permitted.permit, &query).await?,
        None => Page::empty(),
    };
    let set = Searchset {
        base: exchange.server.config().base(),
        parameters,
        count,
        ignored,
    };
    let body = set.write(&page)?;
    exchange.audit_search(&page.records).await?;
    Ok(fhir_json(StatusCode::OK, body))
}

/// What is to be looked for; `None` if nothing can match.
fn query(parameters: &Parameters, count: u32) -> Result<Option<Query>, Failure> {
    let composition_type = match parameters.composition_type {
        Some(TypeCriterion::Nothing) => return Ok(None),
        Some(TypeCriterion::Is(kind)) => Some(kind.code()),
        None => None,
    };
    let identifier = parameters
        .identifier
        .clone()
        .filter(|token| token.value.is_some());
    // Without one of the two all records would have to be gone through.
    if identifier.is_none() && (parameters.id.is_none() || parameters.identifier.is_some()) {
        let text = "a search needs identifier=system|value or _id";
        return Err(Failure::new(
            StatusCode::BAD_REQUEST,
            IssueCode::TooCostly,
            text,
        ));
    }
    Ok(Some(Query {
        id: parameters.id.clone(),
        criteria: Criteria {
            identifier,
            composition_type,
            documents_only: parameters.resource_type == ResourceType::Composition,
        },
        after: parameters.after.clone().unwrap_or_default(),
        count,
    }))
}

/// `Composition/$document?identifier=…`: the documents with this identifier.
pub(crate) async fn answer_documents(
    permitted: Permitted<'_>,
    identifier: &Token,
) -> Result<Response, Failure> {
    let exchange = permitted.exchange;
    let criteria = Criteria {
        identifier: Some(identifier.clone()),
        composition_type: None,
        documents_only: true,
    };
    let query = Query {
        id: None,
        criteria,
        after: String::new(),
        count: MAX_COUNT,
    };
    let page = hosted::search(&exchange.server, &permitted.permit, &query).await?;
    let text = format!("identifier={}", form_encoded(&identifier.to_string()));
    let parameters = Parameters::parse(ResourceType::Bundle, &text)?;
    let base = exchange.server.config().base();
    let set = Searchset {
        base,
        parameters: &parameters,
        count: MAX_COUNT,
        ignored: None,
    };
    let body = set.write(&page)?;
    exchange.audit_search(&page.records).await?;
    Ok(fhir_json(StatusCode::OK, body))
}

fn form_encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A searchset Bundle, put together from the records' own bytes.
struct Searchset<'a> {
    base: &'a str,
    parameters: &'a Parameters,
    count: u32,
    ignored: Option<Issue>,
}

impl Searchset<'_> {
    fn write(&self, page: &Page) -> Result<Vec<u8>, Failure> {
        let own = self.url(self.parameters.after.as_deref());
        let mut link = vec![json!({"relation": "self", "url": own})];
        if let Some(after) = &page.next_after {
            link.push(json!({"relation": "next", "url": self.url(Some(after))}));
        }
        let head = json!({
            "resourceType": "Bundle", "type": "searchset", "total": page.total, "link": link,
        });
        let mut entries = Vec::with_capacity(page.records.len() + 1);
        for record in &page.records {
            entries.push(self.entry(record)?);
        }
        if let Some(issue) = &self.ignored {
            let outcome = OperationOutcome::from(issue.clone()).to_value();
            let entry = json!({"resource": outcome, "search": {"mode": "outcome"}});
            entries.push(entry.to_string().into_bytes());
        }
        let mut body = head.to_string().into_bytes();
        // FHIR has no empty arrays.
        if !entries.is_empty() {
            body.pop();
            body.extend_from_slice(b",\"entry\":[");
            body.extend_from_slice(&entries.join(&b','));
            body.extend_from_slice(b"]}");
        }
        Ok(body)
    }

    fn entry(&self, record: &Record) -> Result<Vec<u8>, Failure> {
        let resource_type = self.parameters.resource_type;
        let resource = match resource_type {
            ResourceType::Composition => composition::spliced(record)?,
            _ => read::spliced(record)?,
        };
        let (base, name, id) = (self.base, resource_type.as_str(), &record.head.id);
        let full_url = json!(format!("{base}/{name}/{id}"));
        let mut entry = format!("{{\"fullUrl\":{full_url},\"resource\":").into_bytes();
        entry.extend_from_slice(&resource);
        entry.extend_from_slice(b",\"search\":{\"mode\":\"match\"}}");
        Ok(entry)
    }

    /// The address of a page of this search.
    fn url(&self, after: Option<&str>) -> String {
        let name = self.parameters.resource_type.as_str();
        format!(
            "{}/{name}?{}",
            self.base,
            self.parameters.to_query(self.count, after)
        )
    }
}

/// A search has few and short parameters.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// Records on a page, unless the client wants fewer.
const DEFAULT_COUNT: u32 = 20;
const MAX_COUNT: u32 = 100;
