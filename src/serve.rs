//! A running party: its database, its roles behind one HTTPS listener, its internal listener.

pub mod audit;
mod body;
mod branding;
mod certificate;
mod drain;
mod forwarded;
mod front;
mod gate;
mod identity_providers;
mod internal;
mod listener;
mod refusal;
mod roles;

use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::{Context, bail};
use oauth::Random;
use storage::{Clock, Db};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::config::{self, Loaded};

pub(crate) use certificate::{certificates as trusted, certified};
pub use roles::{
    Roles, fhir_base, issuer, jurisdictions, key_encryption_key, key_from_environment,
    record_keys_from_environment, session_idle, signing_algorithms, signing_key,
};

/// What a party is started with beside its configuration.
pub struct StartOptions {
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// Sees every outgoing exchange; for demonstrations.
    pub observer: Option<outbound::Observer>,
    /// An HTTPS listener that is bound already.
    pub listener: Option<std::net::TcpListener>,
    /// An internal listener that is bound already.
    pub internal: Option<std::net::TcpListener>,
}

impl Default for StartOptions {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            random: Random::system(),
            observer: None,
            listener: None,
            internal: None,
        }
    }
}

/// A party that is up.
pub struct RunningParty {
    loaded: Arc<RwLock<Arc<Loaded>>>,
    /// What addresses, database, limits and log are until the next start.
    started_with: config::Config,
    options: Shared,
    db: Db,
    front: Arc<front::Front>,
    certificate: Arc<certificate::Certificate>,
    stop: listener::Stop,
    address: SocketAddr,
    internal_address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
}

/// What every build of the roles needs.
#[derive(Clone)]
struct Shared {
    clock: Clock,
    random: Random,
    observer: Option<outbound::Observer>,
}

/// Starts a party; it answers when this returns.
///
/// # Errors
/// A file, the database or a port cannot be used.
pub async fn start(loaded: Loaded, options: StartOptions) -> anyhow::Result<RunningParty> {
    // Another part of the process may have installed it already; it is the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let StartOptions {
        clock,
        random,
        observer,
        listener,
        internal,
    } = options;
    let shared = Shared {
        clock,
        random,
        observer,
    };
    let db = open_database(&loaded).await?;
    let roles = Roles::build(&loaded, &db, &shared)?;
    if let Some(server) = &roles.authorization_server {
        let kept = server.keep_signing_keys().await;
        kept.context("[authorization_server] signing keys")?;
    }
    if let Some(server) = &roles.resource_server {
        let checked = server.check_record_keys().await;
        checked.context("[resource_server] record_key_file")?;
        let indexed = server.index_records().await;
        let indexed = indexed.context("[resource_server] index of the records")?;
        if indexed > 0 {
            tracing::info!(records = indexed, "indexed records from before");
        }
    }
    if !loaded.config.listen.internal_address.ip().is_loopback() {
        bail!("[listen] internal_address must be loopback: health and metrics are plain HTTP");
    }
    let certificate = Arc::new(certificate::Certificate::load(&loaded, &shared.clock)?);
    let limits = loaded.config.limits.clone();
    let front = front::Front::new(&loaded.config.party, limits, roles);
    let front = Arc::new(front.behind(&loaded.config.listen.trusted_proxies));
    let listen = &loaded.config.listen;
    let listener = bind(listener, listen.address).await?;
    let internal = bind(internal, listen.internal_address).await?;
    let (address, internal_address) = (listener.local_addr()?, internal.local_addr()?);
    let stop = listener::Stop::default();
    let accepting = listener::Accepting {
        tls: certificate.server_config()?,
        front: Arc::clone(&front),
        party: loaded.config.party.clone(),
        limits: loaded.config.limits.clone(),
        stop: stop.clone(),
    };
    let mut tasks = vec![
        tokio::spawn(accepting.run(listener)),
        tokio::spawn(internal::run(
            internal,
            internal::State {
                db: db.clone(),
                front: Arc::clone(&front),
            },
        )),
        tokio::spawn(clean_up(Arc::clone(&front))),
    ];
    tracing::info!(party = loaded.config.party, %address, %internal_address, "listening");
    let started_with = loaded.config.clone();
    let loaded = Arc::new(RwLock::new(Arc::new(loaded)));
    tasks.push(tokio::spawn(watch_certificate(
        Arc::clone(&certificate),
        Arc::clone(&loaded),
        shared.clock.clone(),
    )));
    tasks.push(tokio::spawn(audit::keep(
        db.clone(),
        Arc::clone(&loaded),
        shared.clock.clone(),
    )));
    tasks.push(tokio::spawn(audit::ship(
        db.clone(),
        Arc::clone(&loaded),
        (shared.clock.clone(), shared.random.clone()),
    )));
    Ok(RunningParty {
        loaded,
        started_with,
        options: shared,
        db,
        front,
        certificate,
        stop,
        address,
        internal_address,
        tasks,
    })
}

/// Opens the party's database with the tables of all roles: which of them run may change by a reload.
///
/// # Errors
/// It cannot be used.
pub async fn open_database(loaded: &Loaded) -> anyhow::Result<Db> {
    let data = loaded.data_directory();
    crate::files::private_directory(&data)?;
    let location = loaded.location()?;
    let migrations = [
        &authorization_server::MIGRATIONS,
        resource_server::ResourceServer::MIGRATIONS,
    ];
    Db::open(location, &migrations)
        .await
        .context("the database")
}

impl RunningParty {
    /// The party's name.
    #[must_use]
    pub fn name(&self) -> String {
        self.loaded().config.party.clone()
    }

    /// The configuration in force.
    #[must_use]
    pub fn loaded(&self) -> Arc<Loaded> {
        Arc::clone(
            &self
                .loaded
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }

    /// Address of the HTTPS listener.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Address of the internal listener.
    #[must_use]
    pub const fn internal_address(&self) -> SocketAddr {
        self.internal_address
    }

    /// Its database.
    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.db
    }

    /// The roles in force.
    #[must_use]
    pub fn roles(&self) -> Arc<Roles> {
        self.front.roles()
    }

    /// Waits until the database cannot be written any more before a restart; for ever, where all is well.
    pub async fn database_ended(&self) {
        self.db.ended().await;
    }

    /// Reads the configuration and its files again. Addresses, database, limits and log stay as they are
    /// until a new start; where anything is wrong, everything stays as it is.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn reload(&self) -> anyhow::Result<()> {
        let loaded = config::load(&self.loaded().file)?;
        if let Some(mistake) = config::check(&loaded).first() {
            bail!("{}: {}", mistake.place, mistake.text);
        }
        let roles = Roles::build(&loaded, &self.db, &self.options)?;
        if let Some(server) = &roles.resource_server {
            let checked = server.check_record_keys().await;
            checked.context("[resource_server] record_key_file")?;
        }
        let waiting = until_restart(&self.started_with, &loaded.config);
        self.certificate.reload(&loaded, &self.options.clock)?;
        self.front.replace(roles);
        *self
            .loaded
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(loaded);
        if waiting.is_empty() {
            tracing::info!("reloaded");
        } else {
            // A setting that silently stays as it was is looked for elsewhere for hours.
            let waiting = waiting.join(", ");
            tracing::warn!("reloaded, but for what needs a restart: {waiting}");
        }
        Ok(())
    }

    /// Stops in order: the resource server and the client finish first, while introspection still answers;
    /// then the authorization server; then the listeners. What is not finished in time is cut off.
    pub async fn shutdown(self) {
        let deadline = Duration::from_secs(self.loaded().config.limits.drain_timeout_s);
        drain::drain(&self.front, &self.stop, deadline).await;
        for task in &self.tasks {
            task.abort();
        }
        // The last rows too are sealed before nobody is there to do it.
        audit::seal(&self.db, &self.name(), &self.options.clock, &mut 0).await;
        // A task that is told to end holds its port until it has.
        for task in self.tasks {
            let _ = task.await;
        }
        tracing::info!("stopped");
    }
}

/// What has changed in the file and counts from the next start only.
fn until_restart(old: &config::Config, new: &config::Config) -> Vec<&'static str> {
    let database = |it: &config::Config| (it.data_directory.clone(), it.database.clone());
    let changes = [
        ("party", old.party != new.party),
        ("database", database(old) != database(new)),
        ("listen.address", old.listen.address != new.listen.address),
        (
            "listen.internal_address",
            old.listen.internal_address != new.listen.internal_address,
        ),
        (
            "listen.trusted_proxies",
            old.listen.trusted_proxies != new.listen.trusted_proxies,
        ),
        ("limits", old.limits != new.limits),
        ("log", old.log != new.log),
    ];
    let changed = changes.into_iter().filter(|(_, changed)| *changed);
    changed.map(|(name, _)| name).collect()
}

async fn bind(
    given: Option<std::net::TcpListener>,
    address: SocketAddr,
) -> anyhow::Result<TcpListener> {
    match given {
        Some(listener) => {
            listener.set_nonblocking(true)?;
            Ok(TcpListener::from_std(listener)?)
        }
        None => TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}")),
    }
}

/// Whatever renews a certificate writes its files; nobody has to tell us.
async fn watch_certificate(
    certificate: Arc<certificate::Certificate>,
    loaded: Arc<RwLock<Arc<Loaded>>>,
    clock: Clock,
) {
    let mut ticks = tokio::time::interval(WATCH);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (certificate, clock) = (Arc::clone(&certificate), clock.clone());
        let loaded = Arc::clone(
            &loaded
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        // Files are read, which may take its time.
        let looked = tokio::task::spawn_blocking(move || certificate.look(&loaded, &clock));
        if looked.await.is_err() {
            return;
        }
    }
}

/// Expired rows are deleted in small batches, so that the tables do not grow without bound, and signing keys
/// that are due are replaced.
async fn clean_up(front: Arc<front::Front>) {
    let mut ticks = tokio::time::interval(CLEAN_UP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        crate::telemetry::upkeep();
        let Some(server) = front.roles().authorization_server.clone() else {
            continue;
        };
        if let Err(error) = server.clean().await {
            tracing::warn!(%error, "expired rows could not be deleted");
        }
        if let Err(error) = server.keep_signing_keys().await {
            tracing::error!(%error, "signing keys");
        }
    }
}

/// The client of a configuration for a command of the shell, and the party's name.
///
/// # Errors
/// The configuration has no client, or a file of it cannot be used.
pub fn command_client(file: &std::path::Path) -> anyhow::Result<(client::Client, String)> {
    let loaded = config::load(file)?;
    let section = loaded
        .config
        .client
        .as_ref()
        .context("the configuration has no [client]")?;
    let shared = Shared {
        clock: Clock::system(),
        random: Random::system(),
        observer: None,
    };
    let outbound = roles::outbound(&loaded, &shared)?;
    let client = roles::client(&loaded, section, None, &shared, &outbound)?;
    Ok((client, loaded.config.party.clone()))
}

/// The resource server of a configuration for a command of the shell, beside the running one.
///
/// # Errors
/// The configuration has no resource server, or a file of it cannot be used.
pub fn hosting(loaded: &Loaded, db: &Db) -> anyhow::Result<resource_server::ResourceServer> {
    let shared = Shared {
        clock: Clock::system(),
        random: Random::system(),
        observer: None,
    };
    let roles = Roles::build(loaded, db, &shared)?;
    roles
        .resource_server
        .context("the configuration has no [resource_server]")
}

/// What a command needs to go the way to a partner as the running party would.
pub(crate) struct Checking {
    pub(crate) client: client::Client,
    pub(crate) resource_server: Option<resource_server::ResourceServer>,
    pub(crate) outbound: outbound::Outbound,
}

/// Builds the roles that ask others, beside a running party.
pub(crate) async fn checking(loaded: &Loaded) -> anyhow::Result<Checking> {
    let section = loaded.config.client.as_ref();
    let section = section.context("the configuration has no [client]")?;
    let shared = Shared {
        clock: Clock::system(),
        random: Random::system(),
        observer: None,
    };
    let db = open_database(loaded).await?;
    let roles = Roles::build(loaded, &db, &shared)?;
    let outbound = roles::outbound(loaded, &shared)?;
    Ok(Checking {
        client: roles::client(loaded, section, None, &shared, &outbound)?,
        resource_server: roles.resource_server,
        outbound,
    })
}

/// Between two looks at the certificate's files.
const WATCH: Duration = Duration::from_secs(5);
const CLEAN_UP: Duration = Duration::from_secs(60);
