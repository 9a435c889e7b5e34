//! `vitalgate session …`: who is signed in at the party's authorization server.

use std::process::ExitCode;

use authorization_server::administration::PageRequest;
use authorization_server::administration::view::SessionView;
use serde_json::json;

use super::registration::all_shown;
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
    /// List sessions that are alive, the latest begun first
    List {
        /// Only of this person
        #[arg(long, value_name = "USERNAME")]
        user: Option<String>,
    },
    /// End one session by its listed id, or all of a person
    End(End),
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct End {
    /// Id as listed
    id: Option<String>,
    /// All sessions of this person
    #[arg(long, value_name = "USERNAME")]
    user: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// The registrations cannot be opened, or there is no such session or person.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { shell, act } = args;
    let output = shell.output;
    let admin = shell.administration().await?;
    match act {
        Act::List { user } => {
            let user_id = match user {
                Some(name) => Some(admin.user(&name).await?.id),
                None => None,
            };
            let (mut request, mut all) = (PageRequest::longest(), Vec::new());
            loop {
                let page = admin.list_sessions(user_id.as_deref(), &request).await?;
                all.extend(page.items);
                match page.next {
                    Some(next) => request.cursor = Some(next),
                    None => break,
                }
            }
            let sessions = all_shown(&all, |session| SessionView::from(session))?;
            let columns = [
                "id",
                "username",
                "browser",
                "source_address",
                "since",
                "last_used",
                "expires",
                "second_factor",
            ];
            output.list(&columns, &sessions)?;
        }
        Act::End(End { id: Some(id), .. }) => {
            admin.end_session(&id).await?;
            let object = json!({ "id": id, "result": "ended" });
            output.done(&object, &format!("session {id}: ended"))?;
        }
        Act::End(End { user, .. }) => {
            let username = user.unwrap_or_default();
            admin.end_sessions_of_user(&username).await?;
            let object = json!({ "username": username, "result": "ended" });
            output.done(&object, &format!("all sessions of user {username}: ended"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
