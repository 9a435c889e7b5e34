//! One request on its way through the server, and the audit rows that it leaves.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use fhir::redact::{Group, Groups};
use storage::audit::hidden;
use storage::{AuditEvent, Outcome, Transaction, Work};

use crate::ResourceServer;
use crate::access_decision::{Acting, Asked, Denial, Permit};
use crate::answer::Failure;
use crate::config::IssuerLimits;
use crate::hosted::{self, Found};
use crate::introspect::{Refusal, VerifiedToken};
use crate::store::record::{Record, RecordHead};

/// A request and what is known of its caller so far.
pub(crate) struct Exchange {
    pub(crate) server: ResourceServer,
    pub(crate) parts: Parts,
    action: &'static str,
    token: Option<Arc<VerifiedToken>>,
    withheld: Groups,
    /// Names a token that was refused.
    presented_token_id: Option<String>,
}

/// An exchange that may go on to the records.
pub(crate) struct Permitted<'a> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) permit: Permit,
    pub(crate) asked: Asked<'a>,
    pub(crate) acting: Acting,
}

impl Exchange {
    pub(crate) fn new(server: ResourceServer, parts: Parts, action: &'static str) -> Self {
        Self {
            server,
            parts,
            action,
            token: None,
            withheld: Group::ALL.into_iter().collect(),
            presented_token_id: None,
        }
    }

    /// An entry of this request, as an exchange of its own: the same caller, another name in the audit.
    pub(crate) fn entry(&self, parts: Parts, action: &'static str) -> Self {
        Self {
            server: self.server.clone(),
            parts,
            action,
            token: self.token.clone(),
            withheld: self.withheld,
            presented_token_id: self.presented_token_id.clone(),
        }
    }

    /// From here on the audit names the token that was presented.
    pub(crate) fn presented(&mut self, token_id: String) {
        self.presented_token_id = Some(token_id);
    }

    /// From here on the audit names the token's client, user and organisation, and no more is withheld than from it.
    pub(crate) fn authenticated(&mut self, token: Arc<VerifiedToken>, limits: &IssuerLimits) {
        let withholding = &self.server.config().withholding;
        self.withheld = withholding.of(token.rights(), limits);
        self.token = Some(token);
    }

    /// Whether the token counts still. It did when the request began, but a body may take its time.
    ///
    /// # Errors
    /// 401 `invalid_token` for one that has expired meanwhile.
    pub(crate) fn still_authenticated(&self) -> Result<(), Refusal> {
        let now = self.server.clock().now();
        match &self.token {
            Some(token) if token.expires_at() <= now => {
                Err(Refusal::Token("the token has expired"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What is withheld from the caller; from one that is not known, everything.
    pub(crate) fn withheld(&self) -> Groups {
        self.withheld
    }

    /// What the request is called in audit and metrics.
    pub(crate) fn action(&self) -> &'static str {
        self.action
    }

    /// The audit row of an access that succeeded, or is about to in the same unit.
    pub(crate) fn allowed(&self, about: Option<&RecordHead>) -> AuditEvent {
        self.event(Outcome::Allowed, None, about)
    }

    /// Commits the row of a successful access. Comes before the answer: no audit, no data.
    pub(crate) async fn audit_allowed(&self, about: Option<&RecordHead>) -> Result<(), Failure> {
        self.server.db().audit(self.allowed(about)).await?;
        Ok(())
    }

    /// Commits one row for the request and one for each of these.
    pub(crate) async fn audit_each(
        &self,
        records: impl Iterator<Item = &RecordHead>,
    ) -> Result<(), Failure> {
        let each = records.map(|head| self.allowed(Some(head)));
        let rows = std::iter::once(self.allowed(None)).chain(each).collect();
        self.server.db().write(AuditRows(rows)).await?;
        Ok(())
    }

    /// Commits the row of a refusal.
    pub(crate) async fn audit_denied(&self, failure: &Failure) -> Result<(), Failure> {
        self.server.db().audit(self.denied(failure)).await?;
        Ok(())
    }

    /// The audit row of a failure.
    pub(crate) fn denied(&self, failure: &Failure) -> AuditEvent {
        let about = failure.about.as_deref();
        let event = self.event(Outcome::Denied, Some(failure.reason), about);
        AuditEvent {
            record_id: event
                .record_id
                .or_else(|| failure.asked_id.as_deref().map(str::to_owned)),
            ..event
        }
    }

    fn event(
        &self,
        outcome: Outcome,
        reason: Option<&str>,
        about: Option<&RecordHead>,
    ) -> AuditEvent {
        let token = self.token.as_deref();
        let text = |text: &str| text.to_owned();
        let presented = || self.presented_token_id.clone();
        let (now, party) = (self.server.clock().now(), &self.server.config().party);
        AuditEvent {
            reason: reason.map(text),
            client_id: token.and_then(|token| token.client_id().map(text)),
            subject: token.and_then(|token| token.subject().map(text)),
            organization: token.and_then(|token| token.rights().organization.clone()),
            jurisdiction: about.map(|head| head.facts.jurisdiction.as_str().to_owned()),
            record_id: about
                .map(|head| head.id.clone())
                .filter(|id| !id.is_empty()),
            record_type: about
                .and_then(|head| head.facts.record_type)
                .map(|kind| kind.as_str().to_owned()),
            token_id: token
                .map(|token| token.token_id().to_owned())
                .or_else(presented),
            source_address: self.source_address(),
            request_id: self.request_id(),
            ..AuditEvent::new(now, party, crate::ROLE, self.action, outcome)
        }
    }

    fn source_address(&self) -> Option<String> {
        let peer = self.parts.extensions.get::<ConnectInfo<SocketAddr>>();
        peer.map(|ConnectInfo(address)| address.ip().to_string())
    }

    /// The front writes this header itself; a caller's own never gets here.
    fn request_id(&self) -> Option<String> {
        let value = self.parts.headers.get("x-request-id")?.to_str().ok()?;
        Some(value.to_owned())
    }
}

/// Several audit rows in one unit.
struct AuditRows(Vec<AuditEvent>);

impl Work for AuditRows {
    type Output = ();

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<(), storage::Error> {
        for row in &self.0 {
            tx.audit(row).await?;
        }
        Ok(())
    }
}

impl Permitted<'_> {
    /// One record by its id.
    ///
    /// # Errors
    /// 404 if there is none, and the very same 404 if the token does not reach it: whoever may not
    /// read a record may not learn that it exists. The audit says which of the two it was. 410 if it was deleted.
    pub(crate) async fn read(&self, id: &str) -> Result<Record, Failure> {
        let found = hosted::read(&self.exchange.server, &self.permit, id).await?;
        existing(found, id).map(|record| *record)
    }

    /// One version of a record.
    ///
    /// # Errors
    /// As [`Permitted::read`]; 410 for a version that deletes, and another 404 if a record that the token reaches has no
    /// such version.
    pub(crate) async fn read_version(&self, id: &str, version_id: &str) -> Result<Record, Failure> {
        // One version has one spelling.
        let number: Option<i64> = version_id.parse().ok();
        let number = number.filter(|number| number.to_string() == version_id);
        let server = &self.exchange.server;
        let found = hosted::read_version(server, &self.permit, (id, number)).await?;
        existing(found, id).map(|record| *record)
    }

    /// The head of a record by its id.
    ///
    /// # Errors
    /// As [`Permitted::read`].
    pub(crate) async fn head(&self, id: &str) -> Result<RecordHead, Failure> {
        let found = hosted::find_head(&self.exchange.server, &self.permit, id).await?;
        existing(found, id).map(|head| *head)
    }

    /// The refusal of what the permit does not admit.
    pub(crate) fn forbidden(&self, denial: Denial) -> Failure {
        Failure::forbidden(denial, self.asked, self.acting)
    }
}

/// What was found under this id, or why not: 404 or 410. The audit names the id: whoever tries ids out shall be seen.
pub(crate) fn existing<T>(found: Found<T>, id: &str) -> Result<T, Failure> {
    match found {
        Found::Record(record) => Ok(record),
        Found::Gone(head) => Err(Failure::gone().about(*head)),
        Found::NoVersion(head) => Err(Failure::no_version().about(*head)),
        Found::Absent => Err(Failure::not_found(hidden::ABSENT).asked_of(Some(id))),
        Found::Hidden(head, denial) => Err(Failure::not_found(denial.text()).about(*head)),
    }
}
