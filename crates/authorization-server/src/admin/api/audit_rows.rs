//! The audit: searched in pages, or exported whole, chunk by chunk, so that its size is no matter.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use http_body_util::channel::Channel;
use storage::Outcome;
use storage::audit::{AuditRow, CSV_HEADER, Filter, csv_line};

use super::input::{Query, Time};
use super::problem::Problem;
use super::{Call, Reply};
use crate::administration::AuditExport;

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

#[derive(Clone, Copy)]
enum Format {
    JsonLines,
    Csv,
}

impl Format {
    fn response(self, mut export: AuditExport) -> Response {
        let (mut sender, body) = Channel::<Bytes, storage::Error>::new(2);
        // Ends by itself when whoever asked has gone: then nothing can be sent.
        tokio::spawn(async move {
            let head = match self {
                Self::JsonLines => "",
                Self::Csv => CSV_HEADER,
            };
            let mut sent = sender.send_data(Bytes::from_static(head.as_bytes())).await;
            while sent.is_ok() {
                sent = match export.next().await {
                    Ok(Some(rows)) => sender.send_data(self.lines(&rows).into()).await,
                    Ok(None) => return,
                    Err(error) => {
                        tracing::error!(%error, "an export broke off");
                        // Broken off, not ended: nobody takes a part for the whole.
                        sender.abort(storage::Error::Failed("broken off".to_owned()));
                        return;
                    }
                };
            }
        });
        let mut response = Response::new(Body::new(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.media_type());
        headers.insert(header::CONTENT_DISPOSITION, self.file());
        response
    }

    fn lines(self, rows: &[AuditRow]) -> String {
        match self {
            Self::Csv => rows.iter().map(csv_line).collect(),
            Self::JsonLines => rows
                .iter()
                .filter_map(|row| serde_json::to_string(row).ok())
                .map(|line| line + "\n")
                .collect(),
        }
    }

    fn media_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::JsonLines => "application/jsonl",
            Self::Csv => "text/csv; charset=utf-8",
        })
    }

    fn file(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::JsonLines => "attachment; filename=\"audit.jsonl\"",
            Self::Csv => "attachment; filename=\"audit.csv\"",
        })
    }
}
