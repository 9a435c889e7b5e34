//! Table `login_failure`.

use jiff::Timestamp;
use oauth::SecretHash;
use storage::{Error, Transaction};

/// What failures are counted by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Account,
    /// An account, in a browser that its owner has signed in with.
    Known,
    Source,
}

/// The failures of one account or source.
pub(crate) struct Failures {
    pub(crate) count: i64,
    pub(crate) oldest: Option<Timestamp>,
    pub(crate) newest: Option<Timestamp>,
}

/// One failure. `attempt` is random, and the same in the rows of the account and of the source.
pub(crate) struct Failure<'a> {
    pub(crate) kind: Kind,
    pub(crate) subject: &'a SecretHash,
    pub(crate) at: Timestamp,
    pub(crate) attempt: &'a [u8],
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Known => "known",
            Self::Source => "source",
        }
    }
}

/// Those after an instant.
pub(crate) async fn count(
    tx: &mut Transaction<'_>,
    kind: Kind,
    subject: &SecretHash,
    since: Timestamp,
) -> Result<Failures, Error> {
    let parameters = [
        kind.as_str().into(),
        subject.as_bytes().as_slice().into(),
        since.into(),
    ];
    let found = tx
        .find(COUNT, &parameters, |row| {
            Ok(Failures {
                count: row.integer(0)?,
                oldest: row.optional_timestamp(1)?,
                newest: row.optional_timestamp(2)?,
            })
        })
        .await?;
    Ok(found.unwrap_or(Failures {
        count: 0,
        oldest: None,
        newest: None,
    }))
}

/// One more.
pub(crate) async fn insert(tx: &mut Transaction<'_>, failure: &Failure<'_>) -> Result<(), Error> {
    tx.execute(INSERT, &parameters(failure)).await.map(|_| ())
}

/// One less: the attempt did not fail after all.
pub(crate) async fn take_back(
    tx: &mut Transaction<'_>,
    failure: &Failure<'_>,
) -> Result<(), Error> {
    tx.execute(TAKE_BACK, &parameters(failure))
        .await
        .map(|_| ())
}

/// None any more of this kind and subject.
pub(crate) async fn forget(
    tx: &mut Transaction<'_>,
    kind: Kind,
    subject: &SecretHash,
) -> Result<(), Error> {
    let parameters = [kind.as_str().into(), subject.as_bytes().as_slice().into()];
    tx.execute(FORGET, &parameters).await.map(|_| ())
}

fn parameters(failure: &Failure<'_>) -> [storage::Value; 4] {
    [
        failure.kind.as_str().into(),
        failure.subject.as_bytes().as_slice().into(),
        failure.at.into(),
        failure.attempt.into(),
    ]
}

const COUNT: &str = "SELECT COUNT(*), MIN(at_ms), MAX(at_ms) FROM login_failure \
    WHERE kind = $1 AND subject_hash = $2 AND at_ms > $3";
const INSERT: &str =
    "INSERT INTO login_failure (kind, subject_hash, at_ms, attempt) VALUES ($1, $2, $3, $4)";
const TAKE_BACK: &str = "DELETE FROM login_failure \
    WHERE kind = $1 AND subject_hash = $2 AND at_ms = $3 AND attempt = $4";
const FORGET: &str = "DELETE FROM login_failure WHERE kind = $1 AND subject_hash = $2";
