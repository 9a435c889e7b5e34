//! A certificate authority and certificates for development, demonstrations and tests.

use std::path::Path;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};

use crate::files;

/// A throwaway authority: whoever trusts it trusts whoever holds its key file.
pub struct DevelopmentCa {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
    now: Timestamp,
}

/// A certificate and its private key, PEM.
pub struct Issued {
    /// Certificate.
    pub certificate_pem: String,
    /// Private key, PKCS#8.
    pub private_key_pem: String,
}

impl DevelopmentCa {
    /// Makes an authority and writes `ca.pem` and `ca-key.pem` (0600) into `directory`; or reads those
    /// that are there.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn load_or_create(directory: &Path, now: Timestamp) -> anyhow::Result<Self> {
        let (certificate, key) = (directory.join("ca.pem"), directory.join("ca-key.pem"));
        if certificate.exists() && key.exists() {
            let certificate_pem = std::fs::read_to_string(&certificate)?;
            let key = KeyPair::from_pem(&std::fs::read_to_string(&key)?).context("ca-key.pem")?;
            let issuer = Issuer::from_ca_cert_pem(&certificate_pem, key).context("ca.pem")?;
            return Ok(Self {
                certificate_pem,
                issuer,
                now,
            });
        }
        let key_pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name("vitalgate development CA (do not trust)");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        validity(&mut params, now, SignedDuration::from_hours(24 * 825))?;
        let key_pem = key_pair.serialize_pem();
        let issued = CertifiedIssuer::self_signed(params, key_pair)?;
        let certificate_pem = issued.pem();
        files::write(&certificate, certificate_pem.as_bytes(), files::PUBLIC)?;
        files::write(&key, key_pem.as_bytes(), files::PRIVATE)?;
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, KeyPair::from_pem(&key_pem)?)?;
        Ok(Self {
            certificate_pem,
            issuer,
            now,
        })
    }

    /// The authority's own certificate, PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Issues a P-256 server certificate for DNS names and IP addresses.
    ///
    /// # Errors
    /// A name is neither.
    pub fn issue(&self, names: &[String], lifetime: SignedDuration) -> anyhow::Result<Issued> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name = name(names.first().map_or("localhost", String::as_str));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        validity(&mut params, self.now, lifetime)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued {
            certificate_pem: certificate.pem(),
            private_key_pem: key.serialize_pem(),
        })
    }
}

/// The names that a development certificate is good for.
#[must_use]
pub fn development_names(party: &str) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), format!("{party}.localhost")];
    names.extend(["ehr", "vro", "nchs"].map(|name| format!("{name}.localhost")));
    names.extend(["127.0.0.1", "::1"].map(str::to_owned));
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// Valid from an hour ago, for clocks that are a little behind.
fn validity(
    params: &mut CertificateParams,
    now: Timestamp,
    lifetime: SignedDuration,
) -> anyhow::Result<()> {
    let date = |at: Timestamp| -> anyhow::Result<_> {
        let day = at.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
        let (month, number) = (u8::try_from(day.month())?, u8::try_from(day.day())?);
        Ok(rcgen::date_time_ymd(i32::from(day.year()), month, number))
    };
    params.not_before = date(now - SignedDuration::from_hours(24))?;
    params.not_after = date(now + lifetime + SignedDuration::from_hours(24))?;
    Ok(())
}
