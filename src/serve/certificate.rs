//! The server's certificate: TLS 1.3 and 1.2 only, replaced without dropping a connection.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, bail};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
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
}

impl Certificate {
    pub(super) fn load(loaded: &Loaded, clock: &Clock) -> anyhow::Result<Self> {
        Ok(Self {
            current: RwLock::new(Arc::new(read(loaded, clock)?)),
        })
    }

    /// Reads the files again; the old certificate stays unless the new one is usable.
    pub(super) fn reload(&self, loaded: &Loaded, clock: &Clock) -> anyhow::Result<()> {
        let new = Arc::new(read(loaded, clock)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// TLS 1.3 and 1.2 with rustls's suites: ECDHE with AES-GCM or ChaCha20-Poly1305 only, which are those that
    /// BCP 195 (RFC 9325 section 4.2) recommends.
    pub(super) fn server_config(self: &Arc<Self>) -> anyhow::Result<Arc<ServerConfig>> {
        let provider = Arc::new(aws_lc_rs::default_provider());
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
    if left_s < SOON_S {
        tracing::warn!(
            party = loaded.config.party,
            days = left_s / DAY_S,
            "the certificate expires soon"
        );
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
    CertifiedKey::from_der(certificates, private, &aws_lc_rs::default_provider()).with_context(
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

const DAY_S: i64 = 86_400;
/// When a renewal that should have come on its own has not.
const SOON_S: i64 = 30 * DAY_S;
