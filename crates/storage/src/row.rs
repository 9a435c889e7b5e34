//! What comes out of a statement, read the same way from both engines.

use jiff::Timestamp;
use rusqlite::types::ValueRef;
use tokio_postgres::types::Type;

use crate::clock::from_ms;
use crate::error::Error;

/// One row of an answer. Columns are read by position, from 0.
pub enum Row<'a> {
    /// Of SQLite.
    #[doc(hidden)]
    Sqlite(&'a rusqlite::Row<'a>),
    /// Of PostgreSQL.
    #[doc(hidden)]
    Postgres(&'a tokio_postgres::Row),
}

impl Row<'_> {
    /// A whole number.
    ///
    /// # Errors
    /// [`Error::Failed`] when the column is absent, NULL or of another type; so for all that follow.
    pub fn integer(&self, column: usize) -> Result<i64, Error> {
        self.optional_integer(column)?.ok_or_else(|| null(column))
    }

    /// A text.
    ///
    /// # Errors
    /// As [`Row::integer`].
    pub fn text(&self, column: usize) -> Result<String, Error> {
        self.optional_text(column)?.ok_or_else(|| null(column))
    }

    /// Bytes.
    ///
    /// # Errors
    /// As [`Row::integer`].
    pub fn bytes(&self, column: usize) -> Result<Vec<u8>, Error> {
        self.optional_bytes(column)?.ok_or_else(|| null(column))
    }

    /// True or false.
    ///
    /// # Errors
    /// As [`Row::integer`].
    pub fn boolean(&self, column: usize) -> Result<bool, Error> {
        match self {
            Self::Sqlite(row) => match sqlite(row, column)? {
                ValueRef::Integer(value) => Ok(value != 0),
                _ => Err(kind(column)),
            },
            Self::Postgres(row) => row.try_get(column).map_err(|_| kind(column)),
        }
    }

    /// A time, from milliseconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// As [`Row::integer`], or the number is no time.
    pub fn timestamp(&self, column: usize) -> Result<Timestamp, Error> {
        from_ms(self.integer(column)?)
    }

    /// The time that comes next to whatever stands there, in the order in which the engine sorts it: a list goes on behind
    /// it.
    pub(crate) fn nearest_time(&self, column: usize) -> Timestamp {
        let ms = match self {
            Self::Sqlite(row) => match row.get_ref(column) {
                Ok(ValueRef::Integer(ms)) => ms,
                #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
                Ok(ValueRef::Real(ms)) => ms.floor() as i64,
                // Texts and bytes are greater than all numbers.
                _ => i64::MAX,
            },
            Self::Postgres(_) => self.integer(column).unwrap_or(i64::MAX),
        };
        let last = Timestamp::MAX.as_millisecond();
        from_ms(ms.clamp(EARLIEST_MS, last)).unwrap_or(Timestamp::MAX)
    }

    /// A whole number or NULL.
    ///
    /// # Errors
    /// As [`Row::integer`], NULL apart.
    pub fn optional_integer(&self, column: usize) -> Result<Option<i64>, Error> {
        match self {
            Self::Sqlite(row) => match sqlite(row, column)? {
                ValueRef::Null => Ok(None),
                ValueRef::Integer(value) => Ok(Some(value)),
                _ => Err(kind(column)),
            },
            Self::Postgres(row) => postgres_integer(row, column),
        }
    }

    /// A text or NULL.
    ///
    /// # Errors
    /// As [`Row::integer`], NULL apart.
    pub fn optional_text(&self, column: usize) -> Result<Option<String>, Error> {
        match self {
            Self::Sqlite(row) => match sqlite(row, column)? {
                ValueRef::Null => Ok(None),
                ValueRef::Text(text) => String::from_utf8(text.to_vec())
                    .map(Some)
                    .map_err(|_| kind(column)),
                _ => Err(kind(column)),
            },
            Self::Postgres(row) => row.try_get(column).map_err(|_| kind(column)),
        }
    }

    /// Bytes or NULL.
    ///
    /// # Errors
    /// As [`Row::integer`], NULL apart.
    pub fn optional_bytes(&self, column: usize) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::Sqlite(row) => match sqlite(row, column)? {
                ValueRef::Null => Ok(None),
                ValueRef::Blob(bytes) => Ok(Some(bytes.to_vec())),
                _ => Err(kind(column)),
            },
            Self::Postgres(row) => row.try_get(column).map_err(|_| kind(column)),
        }
    }

    /// A time or NULL.
    ///
    /// # Errors
    /// As [`Row::timestamp`], NULL apart.
    pub fn optional_timestamp(&self, column: usize) -> Result<Option<Timestamp>, Error> {
        self.optional_integer(column)?.map(from_ms).transpose()
    }
}

/// The beginning of the year 1: before it a time has no form that all receivers read.
pub(crate) const EARLIEST_MS: i64 = -62_135_596_800_000;

fn sqlite<'a>(row: &'a rusqlite::Row<'a>, column: usize) -> Result<ValueRef<'a>, Error> {
    row.get_ref(column).map_err(|_| kind(column))
}

/// `SELECT 1` is INT4 to PostgreSQL, COUNT is INT8.
fn postgres_integer(row: &tokio_postgres::Row, column: usize) -> Result<Option<i64>, Error> {
    let found = row.columns().get(column).ok_or_else(|| kind(column))?;
    if *found.type_() == Type::INT4 {
        let value: Option<i32> = row.try_get(column).map_err(|_| kind(column))?;
        return Ok(value.map(i64::from));
    }
    row.try_get(column).map_err(|_| kind(column))
}

fn null(column: usize) -> Error {
    Error::Failed(format!("column {column} is NULL"))
}

fn kind(column: usize) -> Error {
    Error::Failed(format!("column {column} is absent or of another type"))
}
