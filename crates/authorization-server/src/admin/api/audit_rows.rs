//! The audit: searched in pages, or exported whole.

use storage::Outcome;
use storage::audit::Filter;

use super::input::{Query, Time};
use super::problem::Problem;
use super::{Call, Reply};
use crate::admin::export::Format;

pub(super) async fn search(call: Call) -> Result<Reply, Problem> {
    let filter = filter(&call.query)?;
    let page = call
        .admin
        .search_audit(&filter, &call.query.page()?)
        .await?;
    Reply::page(page, |row| row)
}

pub(super) async fn export(call: Call) -> Result<Reply, Problem> {
    let filter = filter(&call.query)?;
    let format = match call.query.text("format").as_deref() {
        None | Some("jsonl") => Format::JsonLines,
        Some("csv") => Format::Csv,
        Some(_) => return Err(Problem::malformed("format", "must be jsonl or csv")),
    };
    let export = call.admin.export_audit(&filter).await?;
    Ok(Reply::Lines(format.response(export)))
}

fn filter(query: &Query) -> Result<Filter, Problem> {
    let outcome = match query.text("outcome").as_deref() {
        None => None,
        Some("allowed") => Some(Outcome::Allowed),
        Some("denied") => Some(Outcome::Denied),
        Some(_) => return Err(Problem::malformed("outcome", "must be allowed or denied")),
    };
    Ok(Filter {
        since: query.value("since")?.map(|Time(at)| at),
        until: query.value("until")?.map(|Time(at)| at),
        action: query.text("action"),
        client_id: query.text("client_id"),
        record_id: query.text("record_id"),
        outcome,
        subject: query.text("subject"),
        organization: query.text("organization"),
        source_address: query.text("source_address"),
        request_id: query.text("request_id"),
        ..Filter::default()
    })
}
