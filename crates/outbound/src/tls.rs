//! The TLS settings of every outgoing connection: TLS 1.2 and 1.3 on aws-lc-rs with its BCP 195
//! suites, certificates always checked (RFC 9325).

use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::config::Trust;
use crate::error::ConfigError;
use crate::syslog::Identity;

/// Builds the settings; with `http2`, HTTP/2 is offered before HTTP/1.1.
pub(crate) fn client_config(trust: &Trust, http2: bool) -> Result<ClientConfig, ConfigError> {
    let mut config = trusting(trust)?.with_no_client_auth();
    config.alpn_protocols = if http2 {
        vec![b"h2".into(), b"http/1.1".into()]
    } else {
        vec![b"http/1.1".into()]
    };
    Ok(config)
}

/// The settings of a connection that is no HTTP, with our own certificate where the other side asks for one.
pub(crate) fn mutual_config(
    trust: &Trust,
    identity: Option<&Identity>,
) -> Result<ClientConfig, ConfigError> {
    let builder = trusting(trust)?;
    let Some(identity) = identity else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = authorities(Some(&identity.certificate_pem))?;
    let key = PrivateKeyDer::from_pem_slice(&identity.private_key_pem)
        .map_err(|_| ConfigError::Tls("the private key is not PEM".to_owned()))?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|e| ConfigError::Tls(e.to_string()))
}

fn trusting(trust: &Trust) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, ConfigError> {
    let authorities = authorities(trust.ca_pem.as_deref())?;
    if authorities.is_empty() && !trust.platform {
        return Err(ConfigError::NoTrust);
    }
    // The cryptography is named here, not taken from a process-wide default that another crate
    // might have set.
    let cryptography = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&cryptography))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|e| ConfigError::Tls(e.to_string()))?;
    if !trust.platform {
        return Ok(builder.with_root_certificates(store(authorities)?));
    }
    let verifier = Verifier::new_with_extra_roots(authorities, cryptography)
        .map_err(|e| ConfigError::Tls(e.to_string()))?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier)))
}

fn authorities(pem: Option<&[u8]>) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let Some(pem) = pem else {
        return Ok(Vec::new());
    };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|e| ConfigError::Ca(e.to_string()))?;
    if found.is_empty() {
        return Err(ConfigError::Ca("no certificate in it".into()));
    }
    Ok(found)
}

fn store(authorities: Vec<CertificateDer<'static>>) -> Result<RootCertStore, ConfigError> {
    let mut store = RootCertStore::empty();
    for authority in authorities {
        store
            .add(authority)
            .map_err(|e| ConfigError::Ca(e.to_string()))?;
    }
    Ok(store)
}
