//! An interaction that writes, in two halves: decided and checked, then written and answered. So a single request
//! and an entry of a transaction go the same way.

use axum::http::StatusCode;
use axum::response::Response;
use fhir::IssueCode;

use super::precondition::Expected;
use crate::ResourceServer;
use crate::answer::{Failure, empty, fhir_json, with_location, with_version};
use crate::store::record::{CreateOutcome, RecordHead};
use crate::store::transaction::{Step, StepOutcome};
use crate::store::version::ReplaceOutcome;

/// What the first half comes to: a change that was decided and only has to be written.
pub(crate) struct Prepared {
    pub(crate) step: Step,
    pub(crate) answer: Answer,
}

/// What is answered once it is written.
pub(crate) enum Answer {
    /// 201, or 200 with what was there already.
    Created {
        head: RecordHead,
        copy: Option<Vec<u8>>,
    },
    /// 200.
    Updated {
        head: RecordHead,
        copy: Option<Vec<u8>>,
        expected: Expected,
    },
    /// 204.
    Deleted {
        head: RecordHead,
        expected: Expected,
    },
}

impl Prepared {
    /// Writes it alone, and answers. 2xx only once it is durable, with its audit row.
    pub(crate) async fn write(self, server: &ResourceServer) -> Result<Response, Failure> {
        let outcome = server.db().write(self.step).await?;
        self.answer.give(server, outcome)
    }
}

impl Answer {
    /// The record that it is about.
    pub(crate) fn head(&self) -> &RecordHead {
        match self {
            Self::Created { head, .. }
            | Self::Updated { head, .. }
            | Self::Deleted { head, .. } => head,
        }
    }

    /// The answer to how the step ended.
    pub(crate) fn give(
        self,
        server: &ResourceServer,
        outcome: StepOutcome,
    ) -> Result<Response, Failure> {
        use StepOutcome::{Audited, Create, Replace};
        let base = server.config().base();
        match (self, outcome) {
            (Self::Created { head, copy }, Create(CreateOutcome::Created)) => {
                Ok(located(StatusCode::CREATED, base, &head, copy))
            }
            // The representation is the existing record's business: whoever wants it reads it.
            (Self::Created { .. }, Create(CreateOutcome::Existing(head))) => {
                Ok(located(StatusCode::OK, base, &head, None))
            }
            (_, Create(_)) => Err(Failure::new(
                StatusCode::PRECONDITION_FAILED,
                IssueCode::MultipleMatches,
                "If-None-Exist matches several records",
            )
            .of_http("If-None-Exist")),
            (Self::Updated { head, copy, .. }, Replace(ReplaceOutcome::Replaced)) => {
                Ok(located(StatusCode::OK, base, &head, copy))
            }
            (answer, Replace(ReplaceOutcome::Replaced) | Audited) => {
                Ok(with_version(empty(StatusCode::NO_CONTENT), answer.head()))
            }
            (
                Self::Updated { head, expected, .. } | Self::Deleted { head, expected },
                Replace(ReplaceOutcome::Conflict),
            ) => Err(expected.lost().about(head)),
            (Self::Created { head, .. }, Replace(_)) => Err(Expected::Any.lost().about(head)),
        }
    }
}

fn located(status: StatusCode, base: &str, head: &RecordHead, copy: Option<Vec<u8>>) -> Response {
    let response = match copy {
        Some(copy) => fhir_json(status, copy),
        None => empty(status),
    };
    with_location(with_version(response, head), base, head)
}
