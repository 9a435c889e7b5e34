//! Where the database is.

use std::path::{Path, PathBuf};

/// A database file or a PostgreSQL server.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(PostgresOptions),
}

/// How to reach a PostgreSQL database.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database`.
    pub url: String,
    /// Certificate authorities in PEM; absent means those of the operating system. Unused on a unix
    /// socket and on loopback.
    pub ca_file: Option<PathBuf>,
    /// Connections at most.
    pub pool_size: usize,
    /// Schema to live in, instead of the role's search path.
    pub schema: Option<String>,
}

impl Location {
    /// Reads the `database` setting: `sqlite` (a file in the data directory), a file name relative to it,
    /// or `postgres://…`.
    #[must_use]
    pub fn parse(setting: &str, data_directory: &Path) -> Self {
        if setting.starts_with("postgres://") || setting.starts_with("postgresql://") {
            return Self::Postgres(PostgresOptions {
                url: setting.to_owned(),
                ca_file: None,
                pool_size: POOL,
                schema: None,
            });
        }
        let file = if setting == "sqlite" {
            "vitalgate.db"
        } else {
            setting
        };
        Self::Sqlite(data_directory.join(file))
    }
}

impl std::fmt::Debug for Location {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(_) => f.write_str("Postgres(..)"),
        }
    }
}

impl std::fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("pool_size", &self.pool_size)
            .finish_non_exhaustive()
    }
}

const POOL: usize = 16;
