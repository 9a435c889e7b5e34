//! The table that the tests write to, and units that do it.

use storage::{Db, Error, Migration, Migrations, Transaction, Value, Work};

pub static TABLES: Migrations = Migrations {
    name: "test",
    steps: &[Migration {
        version: 1,
        title: "a table of each type",
        sqlite: "CREATE TABLE thing (id BIGINT NOT NULL PRIMARY KEY, name TEXT, body BLOB, used BOOLEAN NOT NULL);",
        postgres: "CREATE TABLE thing (id BIGINT NOT NULL PRIMARY KEY, name TEXT, body BYTEA, used BOOLEAN NOT NULL);",
    }],
};

/// Inserts a row; then fails or panics where it is told to.
pub struct Insert {
    pub id: i64,
    pub then: Then,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Then {
    Succeed,
    Fail,
    Panic,
    Wait,
}

impl Work for Insert {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, Error> {
        let sql = "INSERT INTO thing (id, name, body, used) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        let parameters = [self.id.into(), "é".into(), Value::Null, false.into()];
        let inserted = tx.execute(sql, &parameters).await? == 1;
        match self.then {
            Then::Succeed => Ok(inserted),
            Then::Fail => Err(Error::Failed("as told".to_owned())),
            Then::Panic => panic!("as told"),
            Then::Wait => {
                std::future::pending::<()>().await;
                Ok(inserted)
            }
        }
    }
}

/// Uses a row once: the pattern of codes, assertions and refresh tokens.
pub struct UseOnce(pub i64);

impl Work for UseOnce {
    type Output = bool;

    async fn run(&self, tx: &mut Transaction<'_>) -> Result<bool, Error> {
        let sql = "UPDATE thing SET used = TRUE WHERE id = $1 AND used = FALSE";
        Ok(tx.execute(sql, &[self.0.into()]).await? == 1)
    }
}

pub fn insert(id: i64) -> Insert {
    Insert {
        id,
        then: Then::Succeed,
    }
}

pub async fn ids(db: &Db) -> Vec<i64> {
    db.select("SELECT id FROM thing ORDER BY id", Vec::new(), |row| {
        row.integer(0)
    })
    .await
    .unwrap()
}

/// A table that refers to the other.
pub static PARTS: Migrations = Migrations {
    name: "parts",
    steps: &[Migration {
        version: 1,
        title: "parts of things",
        sqlite: "CREATE TABLE part (thing BIGINT NOT NULL REFERENCES thing (id))",
        postgres: "CREATE TABLE part (thing BIGINT NOT NULL REFERENCES thing (id))",
    }],
};
