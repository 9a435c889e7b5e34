//! The server's certificate: TLS 1.3 and 1.2 only, replaced without dropping a connection.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use anyhow::{Context, bail};
use aws_lc_rs::digest;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs as cryptography;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use storage::Clock;

use crate::config::Loaded;

/// The certificate in force.
#[derive(Debug)]
pub(super) struct Certificate {
    current: RwLock<Arc<CertifiedKey>>,
    watched: Mutex<Watched>,
}

/// What the last look at the files found.
#[derive(Debug, Default)]
struct Watched {
    /// SHA-256 of both files; `None` while one cannot be read.
    digest: Option<Vec<u8>>,
    /// The day (since 1970) on which the end of the certificate was last warned of.
    warned: i64,
}

impl Certificate {
    pub(super) fn load(loaded: &Loaded, clock: &Clock) -> anyhow::Result<Self> {
        let watched = Watched {
            digest: digest(loaded),
            warned: 0,
        };
        Ok(Self {
            current: RwLock::new(Arc::new(read(loaded, clock)?)),
            watched: Mutex::new(watched),
        })
    }

    /// Takes a new certificate into use when its files have changed, and warns once a day when the present
    /// one ends soon. Contents are compared, not dates: a renewal may keep the date, and a link may be turned
    /// to another file. Two files are never changed at one moment: a pair that does not fit is told of, and the
    /// old one stays until one of them changes again.
    pub(super) fn look(&self, loaded: &Loaded, clock: &Clock) {
        let now = digest(loaded);
        let changed = {
            let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = now.is_some() && now != watched.digest;
            if changed {
                watched.digest = now;
            }
            changed
        };
        if changed {
            match self.reload(loaded, clock) {
                Ok(()) => tracing::info!(party = loaded.config.party, "new certificate in use"),
                Err(error) => {
                    tracing::warn!(
                        party = loaded.config.party,
                        "the certificate's files have changed, and the old one stays in use: {error:#}"
                    );
                }
            }
        }
        self.warn_daily(loaded, clock);
    }

    fn warn_daily(&self, loaded: &Loaded, clock: &Clock) {
        let current = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let until = current.cert.first().and_then(|leaf| not_after(leaf).ok());
        let now = clock.now().as_second();
        let Some(urgency) = until.and_then(|until| urgency(until - now)) else {
            return;
        };
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let today = now / DAY_S;
        if watched.warned == today {
            return;
        }
        watched.warned = today;
        let (party, days) = (&loaded.config.party, (until.unwrap_or(now) - now) / DAY_S);
        match urgency {
            Urgency::Soon => tracing::warn!(party, days, "the certificate expires soon"),
            Urgency::VerySoon => {
                tracing::error!(party, days, "the certificate expires within a week");
            }
            Urgency::Over => {
                tracing::error!(party, "the certificate has expired: nobody can connect");
            }
        }
    }

    /// Reads the files again; the old certificate stays unless the new one is usable.
    pub(super) fn reload(&self, loaded: &Loaded, clock: &Clock) -> anyhow::Result<()> {
        let seen = digest(loaded);
        let new = Arc::new(read(loaded, clock)?);
        self.watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .digest = seen;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// TLS 1.3 and 1.2 with rustls's suites: ECDHE with AES-GCM or ChaCha20-Poly1305 only, which are those that
    /// BCP 195 (RFC 9325 section 4.2) recommends.
    pub(super) fn server_config(self: &Arc<Self>) -> anyhow::Result<Arc<ServerConfig>> {
        let provider = Arc::new(cryptography::default_provider());
        let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // 0-RTT data can be replayed; nothing here is safe to be asked twice without a full handshake.
        config.max_early_data_size = 0;
        Ok(Arc::new(config))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(
            &self.current.read().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

fn read(loaded: &Loaded, clock: &Clock) -> anyhow::Result<CertifiedKey> {
    let listen = &loaded.config.listen;
    let file = loaded.path(listen.certificate_file.get_ref());
    let certified = certified(&file, &loaded.path(listen.private_key_file.get_ref()))?;
    let leaf = certified.cert.first().context("no certificate")?;
    let until = not_after(leaf).with_context(|| file.display().to_string())?;
    let left_s = until - clock.now().as_second();
    if left_s < 0 {
        bail!("the certificate in {} has expired", file.display());
    }
    let party = loaded.config.party.clone();
    // The date and not the time left, which would grow stale between two reloads.
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds of a few centuries are exact in an f64"
    )]
    metrics::gauge!("certificate_not_after_seconds", "party" => party).set(until as f64);
    Ok(certified)
}

/// A certificate chain with its private key; they must belong together.
///
/// # Errors
/// A file cannot be read, is not PEM, or the key is another certificate's.
pub(crate) fn certified(chain: &Path, key: &Path) -> anyhow::Result<CertifiedKey> {
    let certificates = certificates(chain)?;
    let pem = std::fs::read(key).with_context(|| format!("cannot read {}", key.display()))?;
    let private = PrivateKeyDer::from_pem_slice(&pem)
        .with_context(|| format!("{} is not a PEM private key", key.display()))?;
    CertifiedKey::from_der(certificates, private, &cryptography::default_provider()).with_context(
        || {
            format!(
                "{} and {} do not belong together",
                chain.display(),
                key.display()
            )
        },
    )
}

/// The certificates of a PEM file; at least one.
///
/// # Errors
/// The file cannot be read, is not PEM, or holds none.
pub(crate) fn certificates(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let pem = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .with_context(|| format!("{} is not PEM", file.display()))?;
    if certificates.is_empty() {
        bail!("{} holds no certificate", file.display());
    }
    for certificate in &certificates {
        not_after(certificate).with_context(|| file.display().to_string())?;
    }
    Ok(certificates)
}

fn not_after(certificate: &CertificateDer<'_>) -> anyhow::Result<i64> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
        .ok()
        .context("holds something that is not an X.509 certificate")?;
    Ok(parsed.validity().not_after.timestamp())
}

/// SHA-256 of certificate and key; `None` if one cannot be read.
fn digest(loaded: &Loaded) -> Option<Vec<u8>> {
    let listen = &loaded.config.listen;
    let mut context = digest::Context::new(&digest::SHA256);
    for file in [&listen.certificate_file, &listen.private_key_file] {
        let bytes = std::fs::read(loaded.path(file.get_ref())).ok()?;
        context.update(&bytes);
    }
    Some(context.finish().as_ref().to_vec())
}

/// How pressing the end of a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Urgency {
    /// A renewal that should have come on its own has not.
    Soon,
    /// Somebody has to act.
    VerySoon,
    /// Too late.
    Over,
}

fn urgency(left_s: i64) -> Option<Urgency> {
    match left_s {
        ..0 => Some(Urgency::Over),
        0..VERY_SOON_S => Some(Urgency::VerySoon),
        VERY_SOON_S..SOON_S => Some(Urgency::Soon),
        _ => None,
    }
}

const DAY_S: i64 = 86_400;
const SOON_S: i64 = 30 * DAY_S;
const VERY_SOON_S: i64 = 7 * DAY_S;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_warned_of_thirty_and_seven_days_ahead() {
        let rows = [
            (SOON_S, None),
            (SOON_S - 1, Some(Urgency::Soon)),
            (VERY_SOON_S, Some(Urgency::Soon)),
            (VERY_SOON_S - 1, Some(Urgency::VerySoon)),
            (0, Some(Urgency::VerySoon)),
            (-1, Some(Urgency::Over)),
        ];
        for (left_s, expected) in rows {
            assert_eq!(urgency(left_s), expected, "{left_s}");
        }
    }
}
