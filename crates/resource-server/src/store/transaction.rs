//! What writes records, alone or several in one unit that stands or falls together.

use std::sync::{Arc, Mutex, PoisonError};

use storage::{AuditEvent, Error, Transaction, Work};

use super::record::{Create, CreateOutcome};
use super::version::{Replace, ReplaceOutcome};

/// One interaction that writes.
#[derive(Debug)]
pub(crate) enum Step {
    Create(Box<Create>),
    Replace(Box<Replace>),
    /// Nothing is left to do; that it was asked for is recorded.
    Audit(Box<AuditEvent>),
}

/// How a step ended.
#[derive(Debug)]
pub(crate) enum StepOutcome {
    Create(CreateOutcome),
    Replace(ReplaceOutcome),
    Audited,
}

impl StepOutcome {
    /// Whether nothing was written because the condition of the step does not hold.
    fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Create(CreateOutcome::Several) | Self::Replace(ReplaceOutcome::Conflict)
        )
    }
}

impl Work for Step {
    type Output = StepOutcome;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<StepOutcome, Error> {
        Ok(match self {
            Self::Create(create) => StepOutcome::Create(create.run(tx).await?),
            Self::Replace(replace) => StepOutcome::Replace(replace.run(tx).await?),
            Self::Audit(audit) => {
                tx.audit(audit).await?;
                StepOutcome::Audited
            }
        })
    }
}

/// Several steps, done in this order or not at all.
#[derive(Debug)]
pub(crate) struct Together {
    steps: Vec<Step>,
    /// The row of the transaction itself.
    audit: AuditEvent,
    /// Which step was refused. A unit is undone by an error only, and an error does not say that.
    refused: Arc<Mutex<Option<(usize, StepOutcome)>>>,
}

/// How they ended.
#[derive(Debug)]
pub(crate) enum TogetherOutcome {
    /// All were done.
    Done(Vec<StepOutcome>),
    /// The step of this number was not, so that none was.
    Refused(usize, StepOutcome),
}

/// Writes all of `steps` or none.
pub(crate) async fn write(
    db: &storage::Db,
    steps: Vec<Step>,
    audit: AuditEvent,
) -> Result<TogetherOutcome, Error> {
    let refused = Arc::new(Mutex::new(None));
    let together = Together {
        steps,
        audit,
        refused: Arc::clone(&refused),
    };
    match db.write(together).await {
        Ok(outcomes) => Ok(TogetherOutcome::Done(outcomes)),
        Err(error) => {
            let refused = refused
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            refused.map_or(Err(error), |(number, outcome)| {
                Ok(TogetherOutcome::Refused(number, outcome))
            })
        }
    }
}

impl Work for Together {
    type Output = Vec<StepOutcome>;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<Vec<StepOutcome>, Error> {
        // A unit may run again: what an earlier run found does not count.
        self.note(None);
        tx.audit(&self.audit).await?;
        let mut outcomes = Vec::with_capacity(self.steps.len());
        for (number, step) in self.steps.iter().enumerate() {
            let outcome = step.run(tx).await?;
            if outcome.is_refusal() {
                self.note(Some((number, outcome)));
                return Err(Error::Failed(
                    "a step of a transaction was refused".to_owned(),
                ));
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }
}

impl Together {
    fn note(&self, refused: Option<(usize, StepOutcome)>) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
    }
}
