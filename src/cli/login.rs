//! `vitalgate login PEER`: a person signs in at a peer with the system's browser, which comes back
//! to a port on loopback (RFC 8252 section 7.3). The tokens are kept in a file that only its owner
//! can read.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use client::{Client, LoginError, PendingLogin, Session};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use url::Url;

use super::get::USAGE;
use crate::files;

/// Signs you in at a peer, for `get --as-user` and `send --as-user`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The peer to sign in at
    peer: String,
    /// Print the address to open instead of opening a browser
    #[arg(long)]
    no_browser: bool,
}

/// Runs the command.
///
/// # Errors
/// When the sign-in fails or takes too long, or the tokens cannot be kept.
pub async fn run(args: Args, client: &Client, party: &str) -> Result<ExitCode> {
    // The address, not the name: a name server could send `localhost` elsewhere (RFC 8252
    // section 8.3). The listener lives only as long as the sign-in.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .context("no free port")?;
    let port = listener.local_addr()?.port();
    let redirect_uri = Url::parse(&format!("http://127.0.0.1:{port}/callback"))?;
    let (url, pending) = match client.begin_login(&args.peer, Some(redirect_uri)).await {
        Ok(begun) => begun,
        Err(error @ LoginError::UnknownPeer(_)) => {
            eprintln!("error: {error}");
            return Ok(ExitCode::from(USAGE));
        }
        Err(error) => return Err(error.into()),
    };
    let (sender, returns) = mpsc::channel(1);
    let app = Router::new()
        .route("/callback", get(callback))
        .with_state(sender);
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    if args.no_browser || open::that_detached(url.as_str()).is_err() {
        eprintln!("Open this address in your browser:\n\n{url}\n");
    } else {
        eprintln!("Your browser opens; sign in there. If it does not, open:\n\n{url}\n");
    }
    let finished = tokio::time::timeout(LOGIN_TIME, finish(client, &pending, returns)).await;
    // The browser still waits for its page.
    tokio::time::sleep(LAST_PAGE).await;
    server.abort();
    let session = finished.context("nobody signed in within ten minutes")??;
    let file = file(party, &args.peer)?;
    Kept { file, session }.save()?;
    println!("Signed in to {}", args.peer);
    Ok(ExitCode::SUCCESS)
}

/// Waits for the browser's return and finishes the sign-in with it.
async fn finish(
    client: &Client,
    pending: &PendingLogin,
    mut returns: mpsc::Receiver<Return>,
) -> Result<Session> {
    while let Some(Return { query, answer }) = returns.recv().await {
        let result = client.finish_login(pending.clone(), &query).await;
        // Another page may try the port with a state of its own; the person's return counts.
        let stray = matches!(result, Err(LoginError::State));
        // A browser that went away needs no page.
        let _ = answer.send(result.is_ok());
        if !stray {
            return result.map_err(anyhow::Error::new);
        }
    }
    bail!("the listener ended")
}

/// The browser's return, and where to say whether the person is signed in.
struct Return {
    query: String,
    answer: oneshot::Sender<bool>,
}

async fn callback(
    State(sender): State<mpsc::Sender<Return>>,
    RawQuery(query): RawQuery,
) -> Response {
    let (answer, signed_in) = oneshot::channel();
    let query = query.unwrap_or_default();
    let sent = sender.send(Return { query, answer }).await;
    let signed_in = sent.is_ok() && signed_in.await.unwrap_or(false);
    // The reason is on the terminal; the page repeats nothing that came in by the URL.
    let (status, page) = if signed_in {
        (StatusCode::OK, SIGNED_IN)
    } else {
        (StatusCode::BAD_REQUEST, NOT_SIGNED_IN)
    };
    let headers = [
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (status, headers, Html(page)).into_response()
}

/// A person's tokens in their file.
pub(super) struct Kept {
    file: PathBuf,
    /// The tokens.
    pub(super) session: Session,
}

impl Kept {
    /// Reads the tokens of an earlier `vitalgate login`.
    pub(super) fn open(party: &str, peer: &str) -> Result<Self> {
        let file = file(party, peer)?;
        let signed_out = || format!("not signed in to {peer}: run `vitalgate login {peer}`");
        let metadata = fs::metadata(&file).with_context(signed_out)?;
        if metadata.permissions().mode() & 0o077 != 0 {
            bail!(
                "{} can be read by others; remove it and sign in again",
                file.display()
            );
        }
        let json = fs::read(&file).with_context(signed_out)?;
        let session = Session::from_json(&json).with_context(signed_out)?;
        Ok(Self { file, session })
    }

    /// Writes the tokens back if they were renewed.
    pub(super) fn save_if_changed(&mut self) -> Result<()> {
        if self.session.take_changed() {
            self.save()
        } else {
            Ok(())
        }
    }

    /// Replaces the file in one step: a crash leaves the old tokens or the new ones, whole.
    fn save(&self) -> Result<()> {
        files::private_directory(self.file.parent().context("no directory for tokens")?)?;
        files::write(&self.file, &self.session.to_json(), files::PRIVATE)
    }
}

/// Where a person's tokens for a peer stand: state, not settings, of the person and not of the
/// server.
fn file(party: &str, peer: &str) -> Result<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|p| p.is_absolute());
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let state = state
        .or(home)
        .context("neither XDG_STATE_HOME nor HOME is set")?;
    // Names come from the configuration; none of them may lead out of the directory.
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let name: String = format!("{party}.{peer}")
        .chars()
        .map(|c| if plain(c) { c } else { '.' })
        .collect();
    Ok(state
        .join("vitalgate")
        .join("sign-ins")
        .join(format!("{name}.json")))
}

const SIGNED_IN: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Signed in</title>\
     <h1>You are signed in</h1><p>You can close this page and go back to the terminal.</p></html>";
const NOT_SIGNED_IN: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Not signed in</title>\
     <h1>You are not signed in</h1><p>The terminal says why.</p></html>";
/// Time to sign in, with a second factor.
const LOGIN_TIME: Duration = Duration::from_secs(600);
/// Time for the last page to reach the browser on the same machine.
const LAST_PAGE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn session() -> Session {
        let json = br#"{"peer":"vro","issuer":"https://a.example","client_id":"c","tokens":[],"refresh_token":"r"}"#;
        Session::from_json(json).unwrap()
    }

    #[test]
    fn tokens_are_kept_where_only_their_owner_can_read_them() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("new/sign-ins/ehr.vro.json");
        let kept = Kept {
            file: file.clone(),
            session: session(),
        };
        kept.save().unwrap();
        kept.save().unwrap();
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let parent = file.parent().unwrap();
        assert_eq!(
            fs::metadata(parent).unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert_eq!(fs::read_dir(parent).unwrap().count(), 1);
        assert_eq!(fs::read(&file).unwrap(), session().to_json());
    }

    #[test]
    fn no_name_leads_out_of_the_directory() {
        let inside = file("ehr", "vro").unwrap();
        let tricky = file("ehr", "../../x").unwrap();
        assert_eq!(inside.parent(), tricky.parent());
        assert!(inside.ends_with("vitalgate/sign-ins/ehr.vro.json"));
    }
}
