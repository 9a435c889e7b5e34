//! What a running party does for its audit: seals it every minute, and removes what is older than it shall be.

mod message;
mod ship;

use std::ops::RangeInclusive;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use oauth::Random;
use outbound::{Identity, SyslogReceiver, Trust};
use storage::audit::Shipping;
use storage::{AuditEvent, Clock, Db, Outcome, audit};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior};
use url::Url;

use crate::config::{self, Config, Loaded};

pub use ship::{Destination, Pace, Reach};

/// Runs until the party stops. Retention may have years to remove, and seals do not wait for it.
pub(super) async fn keep(db: Db, loaded: Arc<RwLock<Arc<Loaded>>>, clock: Clock) {
    let now = || Arc::clone(&loaded.read().unwrap_or_else(PoisonError::into_inner));
    let sealing = async {
        let mut ticks = every(SEAL);
        let mut sealed = 0;
        loop {
            ticks.tick().await;
            seal(&db, &now().config.party, &clock, &mut sealed).await;
        }
    };
    let removing = async {
        let mut ticks = every(RETENTION);
        loop {
            ticks.tick().await;
            remove(&db, &now(), &clock).await;
        }
    };
    tokio::join!(sealing, removing);
}

fn every(period: Duration) -> Interval {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// A seal in the log stands outside of the database: whoever cuts the end off the one must find the other.
pub(super) async fn seal(db: &Db, party: &str, clock: &Clock, sealed: &mut i64) {
    match audit::seal(db, clock.now()).await {
        Ok(Some(seal)) if seal.sequence > *sealed => {
            *sealed = seal.sequence;
            metrics::gauge!("audit_seal", "party" => party.to_owned()).set(number(seal.sequence));
            tracing::info!(party, seal = seal.sequence, hash = %seal.hash, "the audit is sealed");
            if seal.at > clock.now() {
                tracing::warn!(party, at = %seal.at, "this clock is behind that of an earlier seal");
            }
        }
        Ok(_) => {}
        Err(error) => tracing::error!(party, %error, "the audit could not be sealed"),
    }
}

async fn remove(db: &Db, loaded: &Loaded, clock: &Clock) {
    let Some(days) = loaded.config.audit.retention_days else {
        return;
    };
    let party = &loaded.config.party;
    let now = clock.now();
    let removed = match days_before(now, days) {
        Ok(before) => {
            let role = role(&loaded.config);
            let event = AuditEvent::new(now, party, role, "audit.retention", Outcome::Allowed);
            let removed = audit::remove_before(db, before, event).await;
            removed.map_err(anyhow::Error::from)
        }
        Err(error) => Err(error),
    };
    match removed {
        Ok(Some(removed)) => {
            tracing::info!(
                party,
                rows = removed.rows,
                seal = removed.seal,
                "audit rows removed"
            );
        }
        Ok(None) => {}
        Err(error) => tracing::error!(party, %error, "audit rows could not be removed"),
    }
}

/// Which of the party's roles its retention is an act of: nobody at a shell asks for it.
fn role(config: &Config) -> &'static str {
    if config.resource_server.is_some() {
        "resource-server"
    } else if config.authorization_server.is_some() {
        "authorization-server"
    } else {
        "client"
    }
}

/// So many days before a time. Commands read configurations that nobody has checked.
///
/// # Errors
/// More than a hundred years, or none.
pub(crate) fn days_before(now: Timestamp, days: u32) -> anyhow::Result<Timestamp> {
    anyhow::ensure!(
        CENTURY.contains(&days),
        "[audit] retention_days must be 1 to 36525 (a hundred years)"
    );
    Ok(now.checked_sub(SignedDuration::from_hours(24 * i64::from(days)))?)
}

/// Ships to the destinations of the configuration until the party stops; to others once they stand there.
pub(super) async fn ship(
    db: Db,
    loaded: Arc<RwLock<Arc<Loaded>>>,
    (clock, random): (Clock, Random),
) {
    let node = node(&random);
    let mut running: Vec<config::AuditDestination> = Vec::new();
    let mut tasks = JoinSet::new();
    let mut ticks = every(LOOK);
    loop {
        ticks.tick().await;
        let loaded = Arc::clone(&loaded.read().unwrap_or_else(PoisonError::into_inner));
        let wanted = &loaded.config.audit.destinations;
        if running == *wanted {
            continue;
        }
        tasks.shutdown().await;
        running.clone_from(wanted);
        for one in wanted {
            tasks.spawn(destination(&loaded, one, &db, &node, (&clock, &random)).run());
        }
    }
}

/// Another name than every other process has.
fn node(random: &Random) -> String {
    let bytes: [u8; 8] = random.bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn destination(
    loaded: &Arc<Loaded>,
    one: &config::AuditDestination,
    db: &Db,
    node: &str,
    (clock, random): (&Clock, &Random),
) -> Destination {
    let origin = Url::parse(&loaded.config.public_origin).ok();
    let host = origin.as_ref().and_then(Url::host_str);
    let reach = (Arc::clone(loaded), one.clone());
    Destination {
        party: loaded.config.party.clone(),
        hostname: host.unwrap_or_default().to_owned(),
        shipping: Shipping {
            db: db.clone(),
            destination: one.name.clone(),
            node: node.to_owned(),
        },
        receiver: Arc::new(move || receiver(&reach.0, &reach.1)),
        clock: clock.clone(),
        random: random.clone(),
        pace: Pace::default(),
    }
}

/// How a destination is reached, as its section says.
///
/// # Errors
/// A file cannot be read or used, or the address is none.
pub(crate) fn receiver(
    loaded: &Loaded,
    one: &config::AuditDestination,
) -> anyhow::Result<SyslogReceiver> {
    let read = |file: &toml::Spanned<std::path::PathBuf>| {
        let path = loaded.path(file.get_ref());
        std::fs::read(&path).with_context(|| path.display().to_string())
    };
    let trust = Trust {
        ca_pem: one.ca_file.as_ref().map(read).transpose()?,
        platform: one.ca_file.is_none(),
    };
    let identity = match (&one.certificate_file, &one.private_key_file) {
        (Some(certificate), Some(key)) => Some(Identity {
            certificate_pem: read(certificate)?,
            private_key_pem: read(key)?,
        }),
        (None, None) => None,
        _ => anyhow::bail!("certificate_file and private_key_file belong together"),
    };
    let (host, port) =
        host_and_port(&one.address).with_context(|| format!("address {HOST_AND_PORT}"))?;
    let required = one.close_notify_required;
    Ok(SyslogReceiver::new(
        host,
        port,
        &trust,
        identity.as_ref(),
        required,
    )?)
}

/// The brackets of an IPv6 address belong to the address of the port (RFC 3986 section 3.2.2), not to what a certificate names.
pub(crate) fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let port: std::num::NonZeroU16 = port.parse().ok()?;
    let bare = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let host = match bare {
        Some(inside) => inside
            .parse::<std::net::Ipv6Addr>()
            .is_ok()
            .then_some(inside)?,
        None => host,
    };
    let name = rustls::pki_types::ServerName::try_from(host).is_ok();
    name.then_some((host, port.get()))
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn number(sequence: i64) -> f64 {
    sequence as f64
}

/// What an address of a receiver is.
pub(crate) const HOST_AND_PORT: &str =
    "must be host:port, such as siem.example:6514 or [2001:db8::1]:6514";
/// What could be cut off without a trace is what was written since the last seal that stands outside.
const SEAL: Duration = Duration::from_secs(60);
/// Destinations are compared with the configuration.
const LOOK: Duration = Duration::from_secs(5);
/// Retention is looked after every hour.
const RETENTION: Duration = Duration::from_secs(60 * 60);
/// Days that rows may stay.
pub(crate) const CENTURY: RangeInclusive<u32> = 1..=36_525;
