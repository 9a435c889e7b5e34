//! `vitalgate admin …`: lets an administrator in, from the shell.

use std::process::ExitCode;

use authorization_server::administration::NewAdministratorLink;
use serde_json::json;

use super::output::{Output, print};
use super::shell::Shell;

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
    /// Make a link that is used once: for a new administrator, or for one who has lost password or second factor
    Recover {
        /// The administrator to let in again; the second factor is taken away when the link is used
        #[arg(long)]
        username: Option<String>,
    },
}

/// Runs the command.
///
/// # Errors
/// The registrations cannot be opened, or there is no such administrator.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { shell, act } = args;
    let (output, loaded) = (shell.output, shell.load()?);
    let admin = shell.administration().await?;
    let Act::Recover { username } = act;
    let issuer = &loaded.config.public_origin;
    let link = admin
        .administrator_link(issuer, username.as_deref())
        .await?;
    match output {
        Output::Json => output.one(&json!({
            "link": link.address.expose(),
            "username": link.username,
            "expires": link.expires,
        }))?,
        Output::Text => print(&sentence(&link))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn sentence(link: &NewAdministratorLink) -> String {
    let what = match &link.username {
        Some(username) => format!(
            "lets {username} choose another password and takes the second factor away. It works once, until"
        ),
        None => "makes a new administrator of all organizations. It works once, until".to_owned(),
    };
    let address = link.address.expose();
    format!(
        "  {address}\n\nThis link {what} {}.\nWhoever opens it first gets in: tell it to nobody else. An older link for the same is void.",
        link.expires
    )
}
