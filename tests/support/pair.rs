//! Two processes on one database.
//!
//! On SQLite both open the same file; on PostgreSQL, where `DATABASE_URL` names a server, they share a database of
//! their own.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::http::{Answer, Connection, FORM};
use super::office::Office;
use super::party::Party;

/// An office, and a second process of it on another port.
pub struct Pair {
    pub office: Office,
    pub second: Party,
    database: Option<Database>,
}

/// A PostgreSQL database of one test; it is dropped with it.
struct Database {
    server: String,
    name: String,
}

impl Database {
    fn new(server: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("pair_{}_{number}", std::process::id());
        let database = Self {
            server: server.to_owned(),
            name,
        };
        database.execute(&format!("CREATE DATABASE {}", database.name));
        database
    }

    fn url(&self) -> String {
        let mut url = url::Url::parse(&self.server).unwrap();
        url.set_path(&self.name);
        url.into()
    }

    fn execute(&self, statement: &str) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.server, tokio_postgres::NoTls)
                .await
                .unwrap();
            let connection = tokio::spawn(connection);
            client.batch_execute(statement).await.unwrap();
            drop(client);
            connection.await.unwrap().unwrap();
        });
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.execute(&format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            self.name
        ));
    }
}

impl Pair {
    fn start(postgres: Option<&str>) -> Self {
        let database = postgres.map(Database::new);
        let setting = database
            .as_ref()
            .map(|it| format!("database=\"{}\"", it.url()));
        let settings: Vec<&str> = setting.as_deref().into_iter().collect();
        let office = Office::start(&settings);
        let second = office.party.another_process();
        Self {
            office,
            second,
            database,
        }
    }

    /// The same form posted `count` times, half of them to each process, at once.
    pub fn at_once(&self, count: usize, path: &str, body: &str) -> Vec<Answer> {
        let ready = std::sync::Barrier::new(count);
        std::thread::scope(|scope| {
            let tasks: Vec<_> = (0..count)
                .map(|number| {
                    let ready = &ready;
                    scope.spawn(move || {
                        let party = if number % 2 == 0 {
                            &self.office.party
                        } else {
                            &self.second
                        };
                        let mut connection = Connection::http1(party);
                        ready.wait();
                        connection.request("POST", path, &[FORM], body)
                    })
                })
                .collect();
            tasks.into_iter().map(|it| it.join().unwrap()).collect()
        })
    }

    /// Both processes killed, and started again.
    pub fn kill_and_restart(&mut self) {
        for party in [&mut self.office.party, &mut self.second] {
            party.signal("KILL");
            party.ended();
            party.start();
        }
    }
}

/// Runs a test on SQLite and, where there is a server, on PostgreSQL.
pub fn on_each_engine(test: fn(&mut Pair)) {
    test(&mut Pair::start(None));
    if let Some(server) = postgres() {
        let mut pair = Pair::start(Some(&server));
        test(&mut pair);
        let Pair {
            office,
            second,
            database,
        } = pair;
        // The processes first: a database in use is not dropped.
        drop((office, second));
        drop(database);
    }
}

/// The same with one process.
pub fn party_on_each_engine(test: fn(&mut Party)) {
    test(&mut Party::running(&[]));
    if let Some(server) = postgres() {
        let database = Database::new(&server);
        let setting = format!("database=\"{}\"", database.url());
        let mut party = Party::running(&[&setting]);
        test(&mut party);
        drop(party);
        drop(database);
    }
}

/// The PostgreSQL server of the tests, if there is one.
fn postgres() -> Option<String> {
    let server = std::env::var("DATABASE_URL").ok();
    if server.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "in CI nothing is skipped: DATABASE_URL is not set"
        );
        eprintln!("SKIPPED on PostgreSQL: DATABASE_URL is not set");
    }
    server
}
