//! Delivering hosted records: read at the own FHIR base, created at the peer, read back there.

use std::borrow::Cow;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use storage::audit::Outcome;
use url::form_urlencoded;

use super::browser::{Browser, SignedIn};
use super::pages::{Failure, Report, Row};
use super::{Web, guard};
use crate::config::FhirBase;
use crate::exchange::{Delivered, Exchange, ExchangeError, is_fhir_id};

/// `POST /client/deliver`: form members `csrf` and `records` (ids, separated by white space).
pub(super) async fn deliver(
    State(web): State<Web>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let Some(Browser::SignedIn(mut signed_in)) = web.browser(&headers) else {
        return Err(Failure::not_signed_in());
    };
    let own = &web.client.config().public_origin;
    let csrf = member(&body, "csrf");
    if !guard::is_own_form(&headers, own, &signed_in.csrf, csrf.as_deref()) {
        return Err(Failure::foreign_form());
    }
    let records = member(&body, "records").unwrap_or_default();
    let ids = record_ids(&records)?;
    let source = web
        .client
        .config()
        .own_fhir
        .as_ref()
        .ok_or_else(Failure::bad_request)?;
    let rows = web
        .deliver_all(&headers, &mut signed_in, source, &ids)
        .await?;
    let report = Report {
        party: web.client.party().to_owned(),
        peer: signed_in.session.peer.clone(),
        delivered: rows.iter().filter(|row| row.is_delivered).count(),
        rows,
    };
    // The tokens may have been renewed on the way.
    Ok((web.carry_session(&signed_in)?, report).into_response())
}

impl Web {
    async fn deliver_all(
        &self,
        headers: &HeaderMap,
        signed_in: &mut SignedIn,
        source: &FhirBase,
        ids: &[&str],
    ) -> Result<Vec<Row>, Failure> {
        let human = self.peer_of(signed_in).and_then(|peer| peer.human.as_ref());
        let client_id = human.map(|registration| registration.client_id.clone());
        let mut rows = Vec::new();
        for id in ids {
            let user = self.client.as_human_user(&mut signed_in.session);
            let result = match user {
                Ok(mut exchange) => deliver_one(&mut exchange, source, id).await,
                Err(error) => Err(error),
            };
            let outcome = if result.is_ok() {
                Outcome::Allowed
            } else {
                Outcome::Denied
            };
            let mut event = self.event(headers, "client.deliver", outcome);
            event.client_id.clone_from(&client_id);
            event.record_id = Some((*id).to_owned());
            event.reason = result.as_ref().err().map(|error| reason(error).to_owned());
            self.record(event).await?;
            rows.push(row(id, &result));
        }
        Ok(rows)
    }
}

async fn deliver_one(
    exchange: &mut Exchange<'_>,
    source: &FhirBase,
    id: &str,
) -> Result<Delivered, ExchangeError> {
    let record = exchange.original(source, id).await?;
    let delivered = exchange.deliver(&record).await?;
    exchange.verify(&delivered).await?;
    Ok(delivered)
}

fn row(id: &str, result: &Result<Delivered, ExchangeError>) -> Row {
    let (outcome, receiver_id, digest) = match result {
        Ok(delivered) => {
            let text = if delivered.created {
                "Delivered"
            } else {
                "Already there"
            };
            let digest = delivered.sha256.get(..SHOWN_DIGEST).unwrap_or_default();
            (text.to_owned(), delivered.id.clone(), digest.to_owned())
        }
        Err(error) => (
            format!("Not delivered: {error}"),
            String::new(),
            String::new(),
        ),
    };
    Row {
        id: id.to_owned(),
        is_delivered: result.is_ok(),
        outcome,
        receiver_id,
        digest,
    }
}

/// A fixed word for the audit: what a peer says may hold a record's content.
const fn reason(error: &ExchangeError) -> &'static str {
    match error {
        ExchangeError::UnknownPeer(_) | ExchangeError::NotAnAudience(_) => "not configured",
        ExchangeError::Token(_) => "no token",
        ExchangeError::Outbound(_) => "no answer",
        ExchangeError::Refused { .. } => "refused by the resource server",
        ExchangeError::Malformed(_) => "unusable answer",
        ExchangeError::Record(_) => "not a deliverable record",
        ExchangeError::Differs { .. } => "read back differently",
    }
}

/// A member of the form. Its text may hold line ends, which no OAuth parameter may.
fn member<'a>(body: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    form_urlencoded::parse(body)
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

/// Record ids as a person types or pastes them.
fn record_ids(text: &str) -> Result<Vec<&str>, Failure> {
    let mut ids: Vec<&str> = Vec::new();
    for id in text
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|id| !id.is_empty())
    {
        if !is_fhir_id(id) {
            return Err(Failure::bad_ids());
        }
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if ids.is_empty() || ids.len() > MOST_RECORDS {
        Err(Failure::bad_ids())
    } else {
        Ok(ids)
    }
}

/// What one page answers within a browser's patience.
const MOST_RECORDS: usize = 50;
/// Enough to compare by eye.
const SHOWN_DIGEST: usize = 16;

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn ids_are_read_as_people_paste_them() {
        assert_eq!(record_ids(" a\r\nb, c\tb").unwrap(), ["a", "b", "c"]);
        let many = (0..=MOST_RECORDS)
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join(" ");
        for wrong in ["", " ", "a/b", "..", "a b?c", &"x".repeat(65), &many] {
            assert!(record_ids(wrong).is_err(), "{wrong}");
        }
    }
}
