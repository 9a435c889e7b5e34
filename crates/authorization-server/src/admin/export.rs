//! The audit as a file, for API and pages: sent chunk by chunk, so that its size is no matter.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use http_body_util::channel::Channel;
use storage::audit::{AuditRow, CSV_HEADER, csv_line};

use crate::administration::AuditExport;

/// How the rows are written.
#[derive(Clone, Copy)]
pub(super) enum Format {
    JsonLines,
    Csv,
}

impl Format {
    /// The file.
    pub(super) fn response(self, mut export: AuditExport) -> Response {
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
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
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
