//! The shared engine: a pool of connections, one transaction per unit of work.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Timeouts};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use crate::error::Error;
use crate::location::PostgresOptions;
use crate::migrations::Migrations;
use crate::row::Row;
use crate::transaction::{Engine, Transaction, Work};
use crate::value::Value;

/// A pool of connections.
#[derive(Clone, Debug)]
pub(crate) struct Postgres {
    pool: Pool,
}

impl Postgres {
    pub(crate) async fn open(
        options: &PostgresOptions,
        migrations: &[&Migrations],
    ) -> Result<Self, Error> {
        let pool = pool(options)?;
        let mut client = pool.get().await?;
        crate::migrations::run_postgres(&mut client, migrations).await?;
        drop(client);
        Ok(Self { pool })
    }

    pub(crate) async fn select<T>(
        &self,
        sql: &str,
        parameters: &[Value],
        read: fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        within_deadline(async {
            let client = self.pool.get().await?;
            let statement = client.prepare_cached(sql).await?;
            let rows = client.query(&statement, &references(parameters)).await?;
            rows.iter().map(|row| read(&Row::Postgres(row))).collect()
        })
        .await
    }

    /// Runs on a task of its own: a request that is cancelled does not leave a unit half sent.
    pub(crate) async fn write<W: Work>(&self, work: W) -> Result<W::Output, Error> {
        let this = self.clone();
        let work = Arc::new(work);
        let task = tokio::spawn(async move { this.retry(work.as_ref()).await });
        task.await
            .map_err(|_| Error::Failed("a unit of work panicked".to_owned()))?
    }

    async fn retry<W: Work>(&self, work: &W) -> Result<W::Output, Error> {
        let mut tries = 1;
        loop {
            match within_deadline(self.once(work)).await {
                Err(Error::Unavailable(text)) if tries < TRIES && is_conflict(&text) => tries += 1,
                result => return result,
            }
        }
    }

    async fn once<W: Work>(&self, work: &W) -> Result<W::Output, Error> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        let output = work
            .run(&mut Transaction(Engine::Postgres(&transaction)))
            .await?;
        transaction.commit().await?;
        Ok(output)
    }
}

pub(crate) async fn execute(
    transaction: &deadpool_postgres::Transaction<'_>,
    sql: &str,
    parameters: &[Value],
) -> Result<u64, Error> {
    let statement = transaction.prepare_cached(sql).await?;
    Ok(transaction
        .execute(&statement, &references(parameters))
        .await?)
}

pub(crate) async fn select<T>(
    transaction: &deadpool_postgres::Transaction<'_>,
    sql: &str,
    parameters: &[Value],
    read: fn(&Row<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let statement = transaction.prepare_cached(sql).await?;
    let rows = transaction
        .query(&statement, &references(parameters))
        .await?;
    rows.iter().map(|row| read(&Row::Postgres(row))).collect()
}

pub(crate) async fn lock(
    transaction: &deadpool_postgres::Transaction<'_>,
    key: &str,
) -> Result<(), Error> {
    let statement = transaction
        .prepare_cached("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .await?;
    transaction.query(&statement, &[&key]).await?;
    Ok(())
}

fn references(parameters: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    parameters
        .iter()
        .map(|value| value as &(dyn ToSql + Sync))
        .collect()
}

fn is_conflict(text: &str) -> bool {
    [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ]
    .iter()
    .any(|state| text.ends_with(state.code()))
}

/// The server's own statement_timeout does not help when the server is frozen: its kernel still
/// acknowledges, and a client without a deadline waits for it.
async fn within_deadline<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let late = || Error::Unavailable("PostgreSQL did not answer in time".to_owned());
    tokio::time::timeout(DEADLINE, work)
        .await
        .unwrap_or_else(|_| Err(late()))
}

fn pool(options: &PostgresOptions) -> Result<Pool, Error> {
    let mut config: tokio_postgres::Config = options
        .url
        .parse()
        .map_err(|_| Error::Setting("the PostgreSQL URL cannot be read".to_owned()))?;
    let mut startup = config.get_options().unwrap_or_default().to_owned();
    startup.push_str(" -c synchronous_commit=on -c statement_timeout=5000 -c idle_in_transaction_session_timeout=10000");
    if let Some(schema) = &options.schema {
        startup.push_str(&format!(" -c search_path={schema}"));
    }
    config
        .options(&startup)
        .application_name("vitalgate")
        .connect_timeout(CONNECT);
    let manager_config = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = if config.get_hosts().iter().all(stays_here) {
        config.ssl_mode(SslMode::Disable);
        Manager::from_config(config, tokio_postgres::NoTls, manager_config)
    } else {
        config.ssl_mode(SslMode::Require);
        Manager::from_config(config, tls(options.ca_file.as_deref())?, manager_config)
    };
    Pool::builder(manager)
        .max_size(options.pool_size)
        .runtime(deadpool_postgres::Runtime::Tokio1)
        .timeouts(Timeouts {
            wait: Some(WAIT),
            create: Some(CONNECT),
            recycle: Some(CONNECT),
        })
        .post_create(Hook::async_fn(|client, _| Box::pin(assert_durable(client))))
        .build()
        .map_err(|_| Error::Setting("the PostgreSQL pool cannot be built".to_owned()))
}

/// A pooler in between may drop start-up options; then commits would not be durable, silently.
async fn assert_durable(client: &mut deadpool_postgres::ClientWrapper) -> Result<(), HookError> {
    let row = client
        .query_one("SHOW synchronous_commit", &[])
        .await
        .map_err(HookError::Backend)?;
    let mode: String = row.try_get(0).map_err(HookError::Backend)?;
    if ["on", "remote_apply"].contains(&mode.as_str()) {
        return Ok(());
    }
    Err(HookError::message("synchronous_commit is off"))
}

/// A unix socket or a loopback address: nothing leaves the machine, so nothing is encrypted.
fn stays_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
    }
}

/// Verified in full, name included; there is no weaker setting.
fn tls(ca_file: Option<&Path>) -> Result<tokio_postgres_rustls::MakeRustlsConnect, Error> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use rustls_platform_verifier::BuilderVerifierExt;
    let unusable = |what: &str| Error::Setting(format!("TLS to PostgreSQL: {what}"));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| unusable("no protocol version"))?;
    let builder = match ca_file {
        None => builder
            .with_platform_verifier()
            .map_err(|_| unusable("no platform roots"))?,
        Some(path) => {
            let mut roots = rustls::RootCertStore::empty();
            let pem = std::fs::read(path).map_err(|_| unusable("the CA file cannot be read"))?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let certificate = certificate.map_err(|_| unusable("the CA file is not PEM"))?;
                roots
                    .add(certificate)
                    .map_err(|_| unusable("the CA file holds no certificate"))?;
            }
            builder.with_root_certificates(roots)
        }
    };
    Ok(tokio_postgres_rustls::MakeRustlsConnect::new(
        builder.with_no_client_auth(),
    ))
}

const TRIES: u32 = 5;
const DEADLINE: Duration = Duration::from_secs(6);
const CONNECT: Duration = Duration::from_secs(5);
const WAIT: Duration = Duration::from_secs(3);
