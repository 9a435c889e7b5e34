//! What goes into a statement, the same for both engines.

use std::error::Error as StdError;

use bytes::BytesMut;
use jiff::Timestamp;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::clock::to_ms;

/// A parameter of a statement. Its `Debug` shows the kind only: parameters hold names and hashes.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// BIGINT.
    Integer(i64),
    /// TEXT.
    Text(String),
    /// BLOB or BYTEA.
    Bytes(Vec<u8>),
    /// BOOLEAN.
    Boolean(bool),
}

impl Value {
    /// PostgreSQL cannot store NUL in TEXT; refused for both engines, so that they behave alike.
    pub(crate) fn holds_nul(&self) -> bool {
        matches!(self, Self::Text(text) if text.contains('\0'))
    }

    /// Whether PostgreSQL's parameter of type `ty` takes it. Nobody else asks: eight bytes of text would be
    /// stored in a BIGINT as a number.
    pub(crate) fn fits(&self, ty: &Type) -> bool {
        match self {
            Self::Null => true,
            Self::Integer(value) => match *ty {
                Type::INT2 => i16::try_from(*value).is_ok(),
                Type::INT4 => i32::try_from(*value).is_ok(),
                _ => *ty == Type::INT8,
            },
            Self::Text(_) => <&str as ToSql>::accepts(ty),
            Self::Bytes(_) => <&[u8] as ToSql>::accepts(ty),
            Self::Boolean(_) => <bool as ToSql>::accepts(ty),
        }
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Integer(_) => "Integer(..)",
            Self::Text(_) => "Text(..)",
            Self::Bytes(_) => "Bytes(..)",
            Self::Boolean(_) => "Boolean(..)",
        })
    }
}

macro_rules! from {
    ($type:ty, $value:ident => $made:expr) => {
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $made
            }
        }
    };
}
from!(i64, value => Self::Integer(value));
from!(&str, value => Self::Text(value.to_owned()));
from!(&String, value => Self::Text(value.clone()));
from!(String, value => Self::Text(value));
from!(Vec<u8>, value => Self::Bytes(value));
from!(&[u8], value => Self::Bytes(value.to_vec()));
from!(&Vec<u8>, value => Self::Bytes(value.clone()));
from!(bool, value => Self::Boolean(value));
from!(Timestamp, value => Self::Integer(to_ms(value)));

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
            Self::Boolean(value) => ValueRef::Integer(i64::from(*value)),
        }))
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(value) => integer(*value, ty, out),
            Self::Text(value) => value.as_str().to_sql(ty, out),
            Self::Bytes(value) => value.as_slice().to_sql(ty, out),
            Self::Boolean(value) => value.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // This asks about the Rust type; `fits` has asked about the value.
        true
    }

    to_sql_checked!();
}

fn integer(
    value: i64,
    ty: &Type,
    out: &mut BytesMut,
) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
    if *ty == Type::INT2 {
        i16::try_from(value)?.to_sql(ty, out)
    } else if *ty == Type::INT4 {
        i32::try_from(value)?.to_sql(ty, out)
    } else {
        value.to_sql(ty, out)
    }
}
