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
    ],
};

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn both_folders_of_migrations_give_the_same_columns() {
        storage::testing::same_columns(&[&super::MIGRATIONS]).await;
    }
}
