//! `vitalgate key …`: the signing keys of the party's authorization server.

use std::process::ExitCode;

use anyhow::{Context, bail};
use authorization_server::Rotation;
use authorization_server::administration::view::KeyView;
use oauth::jose::Algorithm;
use serde_json::json;

use super::registration::{all_shown, shown};
use super::shell::{Shell, administration};
use crate::serve;

/// The command line.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    shell: Shell,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// List the keys: next, active, retiring, retired
    List,
    /// Make a successor; it is published now and signs in ten minutes
    Rotate {
        /// Only this algorithm; absent means all of the configuration
        #[arg(long, value_parser = algorithm)]
        alg: Option<Algorithm>,
        /// The active key is in wrong hands: the successor signs at once, and what the old one has signed no
        /// longer verifies
        #[arg(long)]
        compromised: bool,
    },
    /// Stop publishing a key that signs no more
    Retire { kid: String },
}

/// Runs the command.
///
/// # Errors
/// The keys cannot be opened, or refuse the act.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { shell, act } = args;
    let output = shell.output;
    let (loaded, db) = shell.db().await?;
    let section = loaded.config.authorization_server.as_ref();
    let section = section.context("the configuration has no [authorization_server]")?;
    let admin = administration(&loaded, db);
    let columns = [
        "kid",
        "algorithm",
        "state",
        "signs_from",
        "signs_until",
        "published_until",
    ];
    match act {
        Act::List => {
            let keys = all_shown(&admin.signing_keys().await?, |key| KeyView::from(key))?;
            output.list(&columns, &keys)?;
        }
        Act::Rotate { alg, compromised } => {
            let configured: Vec<_> = section.signing_algorithms.iter().map(|it| **it).collect();
            if let Some(alg) = alg.filter(|alg| !configured.contains(alg)) {
                bail!("{alg} is not among the signing_algorithms of the configuration");
            }
            let encryption = serve::key_encryption_key(&loaded, section)?;
            let rotation = if compromised {
                Rotation::Compromised
            } else {
                Rotation::Published
            };
            let mut made = Vec::new();
            for algorithm in alg.map_or(configured, |alg| vec![alg]) {
                let key = admin
                    .rotate_signing_key(&encryption, algorithm, rotation)
                    .await?;
                made.push(shown(&KeyView::from(&key))?);
            }
            output.list(&columns, &made)?;
        }
        Act::Retire { kid } => {
            admin.retire_signing_key(&kid).await?;
            output.done(
                &json!({ "kid": kid, "result": "retired" }),
                &format!("key {kid}: retired"),
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn algorithm(name: &str) -> Result<Algorithm, String> {
    Algorithm::parse(name)
        .ok_or_else(|| "use EdDSA, ES256, ES384, RS256, RS384 or PS256".to_owned())
}
