//! The SQL of the resource server, one module per table.

pub(crate) mod body;
pub(crate) mod identifier;
pub(crate) mod reach;
pub(crate) mod record;
pub(crate) mod rotation;
pub(crate) mod search;
pub(crate) mod transaction;
pub(crate) mod version;

use storage::{Migration, Migrations};

/// The tables of the resource server.
pub(crate) static MIGRATIONS: Migrations = Migrations {
    name: "resource-server",
    steps: &[
        Migration {
            version: 1,
            title: "record",
            sqlite: include_str!("../../migrations/sqlite/0001_record.sql"),
            postgres: include_str!("../../migrations/postgres/0001_record.sql"),
        },
        Migration {
            version: 2,
            title: "record_version",
            sqlite: include_str!("../../migrations/sqlite/0002_record_version.sql"),
            postgres: include_str!("../../migrations/postgres/0002_record_version.sql"),
        },
        Migration {
            version: 3,
            title: "search",
            sqlite: include_str!("../../migrations/sqlite/0003_search.sql"),
            postgres: include_str!("../../migrations/postgres/0003_search.sql"),
        },
        Migration {
            version: 4,
            title: "body_last",
            sqlite: include_str!("../../migrations/sqlite/0004_body_last.sql"),
            postgres: include_str!("../../migrations/postgres/0004_body_last.sql"),
        },
    ],
};

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    #[tokio::test]
    async fn both_folders_of_migrations_give_the_same_columns() {
        storage::testing::same_columns(&[&super::MIGRATIONS]).await;
    }

    /// SQLite reads a row up to the column that is asked for, all pages of a body that stands before it among them.
    #[tokio::test]
    async fn nothing_stands_behind_a_body() {
        let directory = tempfile::tempdir().unwrap();
        let location = storage::testing::sqlite(directory.path());
        let db = storage::testing::open(location, &[&super::MIGRATIONS]).await;
        for table in ["record", "record_version"] {
            let sql = "SELECT name FROM pragma_table_info($1) ORDER BY cid DESC LIMIT 1";
            let last = db.select(sql, vec![table.into()], |row| row.text(0)).await;
            assert_eq!(last.unwrap(), ["body"], "{table}");
        }
    }
}
