//! The audit as an auditor reads it: in pages, or all of it for a file.

use storage::audit::{self, AuditRow, Filter};
use storage::{AuditEvent, Db};

use super::decision::Operation;
use super::page::{CHUNK, Page, PageRequest, page};
use super::reach::Reach;
use super::{Administration, Error};

/// Rows for a file, chunk by chunk, newest first.
pub struct AuditExport {
    db: Db,
    filter: Filter,
    reach: Reach,
    over: bool,
}

impl Administration {
    /// Audit rows within reach, newest first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a cursor or limit.
    pub async fn search_audit(
        &self,
        filter: &Filter,
        request: &PageRequest,
    ) -> Result<Page<AuditRow>, Error> {
        let reach = self.actor.reach();
        let filter = narrowed(self.named(filter).await?, &reach);
        let fetch = |after: Option<(i64, String)>| {
            let db = self.db.clone();
            let filter = Filter {
                after,
                ..filter.clone()
            };
            async move { audit::list(&db, &filter).await }
        };
        page(request, fetch, position, |row| {
            reach.covers_event(&row.event)
        })
        .await
    }

    /// Begins to read all rows for a file, and records that.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; when the database is unavailable.
    pub async fn export_audit(&self, filter: &Filter) -> Result<AuditExport, Error> {
        let event = AuditEvent {
            reason: Some(told(filter)),
            ..self.event(Operation::AuditExport.name())
        };
        if let Err(error) = self.permits(Operation::AuditExport) {
            return self.refuse(event, error).await;
        }
        self.db.audit(event).await?;
        let reach = self.actor.reach();
        Ok(AuditExport {
            db: self.db.clone(),
            filter: narrowed(self.named(filter).await?, &reach),
            reach,
            over: false,
        })
    }

    /// Rows know people by identifier. Whoever gives a username means its person.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn named(&self, filter: &Filter) -> Result<Filter, Error> {
        let subject = match &filter.subject {
            Some(subject) => match self.user(subject).await {
                Ok(user) => Some(user.id),
                Err(Error::NotFound(_)) => Some(subject.clone()),
                Err(error) => return Err(error),
            },
            None => None,
        };
        Ok(Filter {
            subject,
            ..filter.clone()
        })
    }
}

impl AuditExport {
    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn next(&mut self) -> Result<Option<Vec<AuditRow>>, Error> {
        if self.over {
            return Ok(None);
        }
        let mut rows = audit::list(&self.db, &self.filter).await?;
        self.over = rows.len() < CHUNK;
        self.filter.after = rows.last().map(position);
        rows.retain(|row| self.reach.covers_event(&row.event));
        Ok(Some(rows))
    }
}

/// One organization reads its own rows, whichever it asks for.
fn narrowed(filter: Filter, reach: &Reach) -> Filter {
    Filter {
        reach: reach.of_audit(),
        limit: u32::try_from(CHUNK).unwrap_or(u32::MAX),
        ..filter
    }
}

fn position(row: &AuditRow) -> (i64, String) {
    (row.event.at.as_millisecond(), row.id.clone())
}

/// What the rows were chosen by, not the values: whoever asks may write anything there.
fn told(filter: &Filter) -> String {
    let names = [
        ("since", filter.since.is_some()),
        ("until", filter.until.is_some()),
        ("action", filter.action.is_some()),
        ("outcome", filter.outcome.is_some()),
        ("client_id", filter.client_id.is_some()),
        ("subject", filter.subject.is_some()),
        ("organization", filter.organization.is_some()),
        ("record_id", filter.record_id.is_some()),
        ("source_address", filter.source_address.is_some()),
        ("request_id", filter.request_id.is_some()),
    ];
    let set: Vec<_> = names.iter().filter(|(_, set)| *set).collect();
    if set.is_empty() {
        return "all rows".to_owned();
    }
    let set: Vec<_> = set.into_iter().map(|(name, _)| *name).collect();
    format!("rows by {}", set.join(", "))
}
