//! Private keys of a party.

use std::path::Path;

use base64::Engine as _;
use oauth::Random;
use oauth::jose::{Algorithm, Jwks, SigningKey};

use crate::files;

/// The private keys that a party signs with.
pub struct Keys {
    /// ES384, which also signs client assertions.
    pub es384: SigningKey,
    /// RS384, for peers that cannot do elliptic curves.
    pub rs384: SigningKey,
}

/// Writes `es384.pem`, `rs384.pem`, `refresh.key`, `key-encryption.key`, `record.key` and `cookie.key`, readable by the owner
/// only, and `jwks.json`:
/// the public keys, to hand to those who register this party as a client.
///
/// # Errors
/// A file cannot be written.
pub fn write_keys(directory: &Path, random: &Random) -> anyhow::Result<Keys> {
    files::private_directory(directory)?;
    let keys = Keys {
        es384: SigningKey::generate(Algorithm::ES384)?,
        rs384: SigningKey::generate(Algorithm::RS384)?,
    };
    for (name, key) in [("es384.pem", &keys.es384), ("rs384.pem", &keys.rs384)] {
        files::write(
            &directory.join(name),
            key.to_pem().expose().as_bytes(),
            files::PRIVATE,
        )?;
    }
    let public = Jwks::new([
        keys.es384.public_jwk().clone(),
        keys.rs384.public_jwk().clone(),
    ])?;
    let json = serde_json::to_vec_pretty(&public.to_json())?;
    files::write(&directory.join("jwks.json"), &json, files::PUBLIC)?;
    for name in ["refresh.key", "cookie.key"] {
        files::write(&directory.join(name), &random.bytes::<32>(), files::PRIVATE)?;
    }
    // Without the one that the keys in the database were sealed under, they would be lost.
    let encryption = directory.join("key-encryption.key");
    if !encryption.exists() {
        files::write(&encryption, &random.bytes::<32>(), files::PRIVATE)?;
    }
    // Without this one all records would be.
    let record = directory.join("record.key");
    if !record.exists() {
        let key = base64::engine::general_purpose::STANDARD.encode(random.bytes::<32>());
        files::write(&record, format!("{key}\n").as_bytes(), files::PRIVATE)?;
    }
    Ok(keys)
}
