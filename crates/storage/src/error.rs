//! What can go wrong in the database.

use deadpool_postgres::HookError;

/// Storage failed. No variant shows a parameter or a row.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The database cannot answer now: busy, full, unreachable, or its last sync failed. Where a commit
    /// was under way its outcome is unknown: the caller asks again and finds out.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A statement, a row or a migration is wrong: a defect, not a state of the world.
    #[error("the database refused: {0}")]
    Failed(String),
    /// The configuration of the database cannot be used.
    #[error("the database setting cannot be used: {0}")]
    Setting(String),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let Some(found) = error.sqlite_error() else {
            return Self::Failed(format!("SQLite: {}", without_values(&error)));
        };
        let text = format!("SQLite error {}", found.extended_code);
        match found.code {
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::OutOfMemory => Self::Unavailable(text),
            _ => Self::Failed(format!("{text}: {}", without_values(&error))),
        }
    }
}

/// SQLite's own messages name tables and columns, never values; others are told by their kind only.
fn without_values(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(text)) => text.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        rusqlite::Error::InvalidParameterCount(given, wanted) => {
            format!("{given} parameters given, {wanted} wanted")
        }
        _ => "unexpected answer".to_owned(),
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        // The message of a server error may quote values (`Key (x)=(y) already exists`): its code is enough.
        match error.code() {
            Some(code) if is_passing(code.code()) => {
                Self::Unavailable(format!("PostgreSQL error {}", code.code()))
            }
            Some(code) => Self::Failed(format!("PostgreSQL error {}", code.code())),
            None => Self::Unavailable("PostgreSQL cannot be reached".to_owned()),
        }
    }
}

/// Classes of SQLSTATE that say something about the moment, not about the statement: 08 connection,
/// 25006 read-only, 40 rollback, 53 resources, 55 lock, 57 operator, 58 system.
fn is_passing(code: &str) -> bool {
    code == "25006"
        || ["08", "40", "53", "55", "57", "58"]
            .iter()
            .any(|class| code.starts_with(class))
}

impl From<deadpool_postgres::PoolError> for Error {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        match error {
            deadpool_postgres::PoolError::Backend(error) => error.into(),
            deadpool_postgres::PoolError::PostCreateHook(HookError::Backend(error)) => error.into(),
            deadpool_postgres::PoolError::PostCreateHook(_) => {
                Self::Setting("PostgreSQL does not keep synchronous_commit=on".to_owned())
            }
            _ => Self::Unavailable("no PostgreSQL connection is free".to_owned()),
        }
    }
}
