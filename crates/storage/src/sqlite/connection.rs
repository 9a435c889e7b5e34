//! Opening connections: the pragmas that durability rests on are set and read back every time.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::error::Error;

/// SQLite 3.7.0 to 3.51.2 could corrupt a WAL database when two connections wrote and checkpointed at once.
pub(super) fn assert_version() -> Result<(), Error> {
    if rusqlite::version_number() < 3_051_003 {
        return Err(Error::Setting(format!(
            "SQLite {} is older than 3.51.3",
            rusqlite::version()
        )));
    }
    Ok(())
}

pub(super) fn open_for_writing(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(Error::Setting(format!(
            "SQLite keeps journal_mode {mode} on this file system, not WAL"
        )));
    }
    configure(&connection)?;
    Ok(connection)
}

pub(super) fn open_for_reading(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    configure(&connection)?;
    Ok(connection)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// `synchronous = FULL` is what makes a commit durable in WAL mode (NORMAL loses the last ones with power).
fn configure(connection: &Connection) -> Result<(), Error> {
    connection.execute_batch(&format!(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA busy_timeout = {BUSY_TIMEOUT_MS};"
    ))?;
    for (pragma, wanted) in [
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("busy_timeout", BUSY_TIMEOUT_MS),
    ] {
        let found: i64 = connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0))?;
        if found != wanted {
            return Err(Error::Setting(format!(
                "SQLite keeps {pragma} = {found}, not {wanted}"
            )));
        }
    }
    Ok(())
}

/// Prepared statements kept per connection: more than the roles have.
const STATEMENTS: usize = 256;
/// How long a command beside a running server (or the server beside it) waits for the other's commit.
const BUSY_TIMEOUT_MS: i64 = 5_000;
