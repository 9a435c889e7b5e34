//! How PostgreSQL is reached: what a connection must promise, and TLS.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Timeouts};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::error::Error;
use crate::location::PostgresOptions;

pub(super) fn pool(options: &PostgresOptions) -> Result<Pool, Error> {
    let mut config: Config = options
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
        .connect_timeout(CONNECT)
        .tcp_user_timeout(UNACKNOWLEDGED);
    let manager_config = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = if config.get_ssl_mode() != SslMode::Require && stays_here(&config) {
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

/// A unix socket or a loopback address: nothing leaves the machine, so nothing is encrypted. Where there is
/// a `hostaddr`, that is what is connected to, whatever the host is called.
fn stays_here(config: &Config) -> bool {
    config.get_hostaddrs().iter().all(IpAddr::is_loopback)
        && config.get_hosts().iter().all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => {
                name == "localhost"
                    || name
                        .parse()
                        .is_ok_and(|address: IpAddr| address.is_loopback())
            }
        })
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
                    .map_err(|_| unusable("a certificate of the CA file cannot be used"))?;
            }
            if roots.is_empty() {
                return Err(unusable("the CA file holds no certificate"));
            }
            builder.with_root_certificates(roots)
        }
    };
    Ok(tokio_postgres_rustls::MakeRustlsConnect::new(
        builder.with_no_client_auth(),
    ))
}

const CONNECT: Duration = Duration::from_secs(5);
/// How long a request waits for a free connection.
const WAIT: Duration = Duration::from_secs(3);
/// How long data may go unacknowledged before the connection is given up, instead of the kernel's quarter
/// of an hour.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_what_stays_on_the_machine_goes_without_tls() {
        for (url, plain) in [
            ("postgres://u@127.0.0.1/d", true),
            ("postgres://u@[::1]:5433/d", true),
            ("postgres://u@localhost/d", true),
            ("postgres://u@%2Frun%2Fpostgresql/d", true),
            ("postgres://u@db.example/d", false),
            ("postgres://u@192.0.2.1/d", false),
            ("postgres://u@localhost,db.example/d", false),
            ("postgres://u@localhost.example/d", false),
            ("postgres://u@localhost/d?hostaddr=192.0.2.1", false),
        ] {
            assert_eq!(stays_here(&url.parse().unwrap()), plain, "{url}");
        }
    }

    #[test]
    fn a_ca_file_without_a_certificate_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let Err(refused) = tls(Some(file.path())) else {
            unreachable!()
        };
        let text = "TLS to PostgreSQL: the CA file holds no certificate";
        assert_eq!(refused, Error::Setting(text.to_owned()));
        assert!(tls(Some(Path::new("no/such/file"))).is_err());
        assert!(tls(None).is_ok());
    }
}
