//! `vitalgate client keygen`: a key pair for a client that signs instead of knowing a secret.

use std::path::PathBuf;

use anyhow::bail;
use oauth::jose::{Algorithm, Jwks, SigningKey};

use super::key::algorithm;
use super::output::print;
use crate::files;

/// The command line.
#[derive(Debug, clap::Args)]
pub(super) struct Keygen {
    /// Where the private key goes; readable by you only, and never overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// EdDSA, ES256, ES384, RS256, RS384 or PS256
    #[arg(long, default_value = "ES384", value_parser = algorithm)]
    alg: Algorithm,
}

/// Makes the pair and prints the public half, a JWK set (RFC 7517), to send to whoever registers the client.
///
/// # Errors
/// The file exists or cannot be written.
pub(super) fn run(args: &Keygen) -> anyhow::Result<()> {
    if args.out.exists() {
        bail!("{} exists already; nothing was changed", args.out.display());
    }
    let key = SigningKey::generate(args.alg)?;
    files::write(&args.out, key.to_pem().expose().as_bytes(), files::PRIVATE)?;
    let public = Jwks::new([key.public_jwk().clone()])?;
    print(&serde_json::to_string_pretty(&public.to_json())?)
}
