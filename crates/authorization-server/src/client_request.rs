//! What an authenticated client asks for, decided and recorded in one transaction.

use oauth::{Error, ErrorCode};
use storage::audit::{AuditEvent, Outcome};
use storage::{Transaction, Work};

use crate::audit;
use crate::store::assertions::{self, Assertion};

/// What is done for a client.
pub(crate) trait Act: Send + Sync + 'static {
    /// What comes of it.
    type Done: Send + 'static;

    /// Decides and stores. A refusal is an answer: what it consumed stays consumed.
    fn perform(
        &self,
        tx: &mut Transaction<'_>,
    ) -> impl Future<Output = Result<Result<Self::Done, Error>, storage::Error>> + Send;

    /// What the audit row says besides, once it is done.
    fn note(&self, _done: &Self::Done, _event: &mut AuditEvent) {}
}

/// One request. The assertion comes first and on every path, refused or not (RFC 7523 section 3): a request
/// that failed for its scope must not leave an assertion that somebody else could send again.
pub(crate) struct ClientRequest<A> {
    pub(crate) assertion: Option<Assertion>,
    /// What is asked for, or why it is refused before anything is looked up.
    pub(crate) act: Result<A, Error>,
    /// The audit row if all goes well.
    pub(crate) event: AuditEvent,
}

impl<A: Act> Work for ClientRequest<A> {
    type Output = Result<A::Done, Error>;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<Self::Output, storage::Error> {
        let outcome = self.decide(tx).await?;
        let mut event = self.event.clone();
        match (&outcome, &self.act) {
            (Ok(done), Ok(act)) => act.note(done, &mut event),
            (Ok(_), Err(_)) => {}
            (Err(error), _) => {
                event.outcome = Outcome::Denied;
                event.reason = Some(audit::reason(error));
            }
        }
        tx.audit(&event).await?;
        Ok(outcome)
    }
}

impl<A: Act> ClientRequest<A> {
    async fn decide(
        &self,
        tx: &mut Transaction<'_>,
    ) -> Result<Result<A::Done, Error>, storage::Error> {
        if let Some(assertion) = &self.assertion
            && !assertions::record(tx, assertion).await?
        {
            return Ok(Err(replayed()));
        }
        match &self.act {
            Ok(act) => act.perform(tx).await,
            Err(error) => Ok(Err(error.clone())),
        }
    }
}

/// The answer to an assertion that was used before. It may say so: whoever holds one that verifies knows
/// that its client is registered.
pub(crate) fn replayed() -> Error {
    Error::new(ErrorCode::InvalidClient, "the assertion was used before")
}
