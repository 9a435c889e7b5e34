//! `vitalgate get URL`: reads a FHIR resource with the right token.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use client::{Client, ExchangeError};
use url::Url;

use super::login::Kept;

/// Reads a FHIR URL of a peer, or one of your own that a peer's tokens open, and prints the answer.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The URL to read
    url: Url,
    /// The peer whose token is used; needed only if several peers' tokens open the URL
    #[arg(long, value_name = "NAME")]
    peer: Option<String>,
    /// Read as the person signed in with `vitalgate login` instead of as the API user
    #[arg(long)]
    as_user: bool,
}

/// Runs the command.
///
/// # Errors
/// When there is no token, or the answer is no 200.
pub async fn run(args: Args, client: &Client, party: &str) -> Result<ExitCode> {
    let peer = match peer_for(client, &args) {
        Ok(peer) => peer,
        Err(mistake) => {
            eprintln!("error: {mistake}");
            return Ok(ExitCode::from(USAGE));
        }
    };
    let answer = if args.as_user {
        let mut kept = Kept::open(party, &peer)?;
        let answer = client
            .as_human_user(&mut kept.session)?
            .read(&args.url)
            .await;
        kept.save_if_changed()?;
        answer
    } else {
        client.as_api_user(&peer)?.read(&args.url).await
    };
    let body = answer.map_err(advised)?.body;
    std::io::stdout()
        .write_all(&body)
        .context("cannot write the answer")?;
    Ok(ExitCode::SUCCESS)
}

/// The named peer, or the only one whose tokens open the URL.
fn peer_for(client: &Client, args: &Args) -> Result<String, String> {
    if let Some(name) = &args.peer {
        let known = client.peer(name).is_some();
        return if known {
            Ok(name.clone())
        } else {
            Err(format!("no peer named {name:?}"))
        };
    }
    let opening = client
        .peers()
        .iter()
        .filter(|peer| peer.audience_of(&args.url).is_some());
    let names: Vec<&str> = opening.map(|peer| peer.name.as_str()).collect();
    match names.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(format!(
            "no peer's tokens open {}",
            args.url.origin().ascii_serialization()
        )),
        several => Err(format!(
            "several peers' tokens open it; give --peer {}",
            several.join("|")
        )),
    }
}

/// An error with what to do about it.
pub(super) fn advised(error: ExchangeError) -> anyhow::Error {
    let ended = matches!(
        &error,
        ExchangeError::Token(client::TokenError::NoRefreshToken)
            | ExchangeError::Refused { status: 401, .. }
    );
    let error = anyhow::Error::new(error);
    if ended {
        error.context("not signed in any more: run `vitalgate login`")
    } else {
        error
    }
}

/// The exit code of a wrong command line, as clap's own.
pub(super) const USAGE: u8 = 2;
