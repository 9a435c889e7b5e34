//! One read-only connection per thread and database.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use rusqlite::Connection;

use super::Sqlite;
use super::connection::open_for_reading;
use crate::error::Error;

thread_local! {
    static READERS: RefCell<Vec<(Weak<Sqlite>, Connection)>> = const { RefCell::new(Vec::new()) };
}

/// Lends the calling thread's connection, which it opens at first use. Connections of databases that are
/// closed by now are closed on that occasion.
pub(super) fn with<T>(
    database: &Arc<Sqlite>,
    read: impl FnOnce(&Connection) -> Result<T, Error>,
) -> Result<T, Error> {
    READERS.with_borrow_mut(|readers| {
        let wanted = Arc::downgrade(database);
        let position = match readers.iter().position(|(owner, _)| owner.ptr_eq(&wanted)) {
            Some(position) => position,
            None => {
                readers.retain(|(owner, _)| owner.strong_count() > 0);
                readers.push((wanted, open_for_reading(&database.path)?));
                readers.len() - 1
            }
        };
        let (_, connection) = readers
            .get(position)
            .ok_or_else(|| Error::Failed("no reader".to_owned()))?;
        read(connection)
    })
}
