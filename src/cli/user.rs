//! `vitalgate user …`: people who sign in at the party's authorization server.

use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use anyhow::{Context, bail};
use authorization_server::administration::view::UserView;
use authorization_server::administration::{
    Administration, NewUser, UserChange, generate_password,
};
use oauth::Secret;
use serde_json::json;

use super::client_warnings::useless_for;
use super::output::Output;
use super::registration::{all_shown, shown};
use super::shell::{RightsArgs, RightsChange, Shell};
use crate::config::Loaded;

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
    /// Register a person; a password is made and shown once, unless one is given on standard input
    Add(Add),
    /// List all people
    List,
    /// Show one person
    Show { username: String },
    /// Give a person another role, scope, rights or note; what is not given stays
    Change(Box<Change>),
    /// Forget failed sign-ins, so that the next one is not held up
    Unlock { username: String },
    /// Shut a person out; sessions and tokens end at once
    Disable { username: String },
    /// Let a disabled person in again
    Enable { username: String },
    /// Revoke everything that was issued on behalf of a person, who may sign in again
    Revoke { username: String },
    /// Remove a person with sessions and tokens
    Remove { username: String },
    /// Take lost second factors away: app, passkeys and recovery codes; sessions and tokens end at once
    ResetSecondFactor { username: String },
    /// Let a person sign in with an identity at the organization's own OpenID Provider
    Link {
        username: String,
        #[command(flatten)]
        provider: ProviderArgs,
        /// The identifier there, which the sign-in page shows to whoever is not connected yet
        #[arg(long)]
        subject: String,
    },
    /// Take that away; sessions and tokens end at once
    Unlink {
        username: String,
        #[command(flatten)]
        provider: ProviderArgs,
    },
    /// Give a person another password; sessions and tokens end at once
    SetPassword {
        username: String,
        #[command(flatten)]
        password: PasswordArgs,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// What the person types in
    username: String,
    /// registrar, clerk, auditor or administrator
    #[arg(long)]
    role: String,
    /// The most that the person can allow a client
    #[arg(long)]
    scope: String,
    #[command(flatten)]
    rights: RightsArgs,
    #[command(flatten)]
    password: PasswordArgs,
    /// A remark for operators
    #[arg(long)]
    note: Option<String>,
}

#[derive(Debug, clap::Args)]
struct ProviderArgs {
    /// Name of the provider in the configuration; or its issuer, for one that is not there any more
    #[arg(long)]
    provider: String,
}

#[derive(Debug, clap::Args)]
struct Change {
    username: String,
    /// registrar, clerk, auditor or administrator
    #[arg(long)]
    role: Option<String>,
    /// The most that the person can allow a client
    #[arg(long)]
    scope: Option<String>,
    #[command(flatten)]
    rights: RightsChange,
    /// A remark for operators
    #[arg(long)]
    note: Option<String>,
}

#[derive(Debug, clap::Args)]
struct PasswordArgs {
    /// Read the password from standard input (a command line would show it to every user of the machine)
    #[arg(long)]
    password_stdin: bool,
}

/// Runs the command.
///
/// # Errors
/// The registrations cannot be opened, or refuse the act.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { shell, act } = args;
    let output = shell.output;
    let loaded = shell.load()?;
    let admin = shell.administration().await?;
    match act {
        Act::Add(add) => self::add(add, &admin, output).await?,
        Act::List => {
            let users = all_shown(&admin.users().await?, |user| UserView::from(user))?;
            let columns = [
                "username",
                "role",
                "scope",
                "organization",
                "jurisdictions",
                "facilities",
                "disabled",
            ];
            output.list(&columns, &users)?;
        }
        Act::Show { username } => {
            let user = admin.user(&username).await?;
            output.one(&shown(&admin.user_view(&user).await?)?)?;
        }
        Act::Change(change) => self::change(*change, &admin, output).await?,
        Act::Unlock { username } => {
            admin.unlock_user(&username).await?;
            done(output, &username, "unlocked")?;
        }
        Act::Disable { username } => {
            admin.set_user_disabled(&username, true).await?;
            done(output, &username, "disabled")?;
        }
        Act::Enable { username } => {
            admin.set_user_disabled(&username, false).await?;
            done(output, &username, "enabled")?;
        }
        Act::Revoke { username } => {
            admin.revoke_tokens_of_user(&username).await?;
            done(output, &username, "revoked")?;
        }
        Act::Remove { username } => {
            admin.delete_user(&username).await?;
            done(output, &username, "removed")?;
        }
        Act::ResetSecondFactor { username } => {
            admin.reset_second_factor(&username).await?;
            done(output, &username, "second factor removed")?;
        }
        Act::Link {
            username,
            provider,
            subject,
        } => {
            let issuer = provider.issuer(&loaded)?;
            admin.link_identity(&username, &issuer, &subject).await?;
            done(output, &username, "linked")?;
        }
        Act::Unlink { username, provider } => {
            let issuer = provider.issuer(&loaded)?;
            admin.unlink_identity(&username, &issuer).await?;
            done(output, &username, "unlinked")?;
        }
        Act::SetPassword { username, password } => {
            let (password, made) = password.password(&admin)?;
            admin.set_user_password(&username, &password).await?;
            let shown = json!({ "username": username, "result": "password changed" });
            output.with_secret(shown, "password", made.then_some(&password))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn add(add: Add, admin: &Administration, output: Output) -> anyhow::Result<()> {
    let (password, made) = add.password.password(admin)?;
    let new = NewUser {
        username: add.username,
        password: Secret::received(password.expose().to_owned()),
        role: add.role,
        scope: add.scope,
        rights: add.rights.into(),
        note: add.note,
    };
    let user = admin.add_user(new).await?;
    for text in useless_for(&user.role, &user.scope) {
        eprintln!("warning: {text}");
    }
    output.with_secret(
        shown(&UserView::from(&user))?,
        "password",
        made.then_some(&password),
    )
}

impl ProviderArgs {
    /// Its issuer identifier, to the letter.
    fn issuer(&self, loaded: &Loaded) -> anyhow::Result<String> {
        if self.provider.starts_with("https://") {
            return Ok(self.provider.clone());
        }
        let section = loaded.config.authorization_server.as_ref();
        let mut providers = section.iter().flat_map(|it| &it.identity_providers);
        let found = providers.find(|it| it.name == self.provider);
        found.map(|it| it.issuer.to_string()).with_context(|| {
            let name = &self.provider;
            format!("no [[authorization_server.identity_providers]] has the name {name}")
        })
    }
}

async fn change(change: Change, admin: &Administration, output: Output) -> anyhow::Result<()> {
    let before = admin.user(&change.username).await?;
    let after = UserChange {
        role: change.role.unwrap_or(before.role),
        scope: change.scope.unwrap_or_else(|| before.scope.to_string()),
        rights: change.rights.of(before.rights),
        note: change.note.or(before.note),
    };
    let user = admin.change_user(&change.username, after).await?;
    for text in useless_for(&user.role, &user.scope) {
        eprintln!("warning: {text}");
    }
    output.one(&shown(&UserView::from(&user))?)
}

impl PasswordArgs {
    /// The password, and whether it was made here.
    fn password(&self, admin: &Administration) -> anyhow::Result<(Secret, bool)> {
        if !self.password_stdin {
            return Ok((generate_password(&admin.random), true));
        }
        if std::io::stdin().is_terminal() {
            eprintln!("Type the password; it is visible. End with Ctrl-D on a new line.");
        }
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read the password")?;
        let password = text.strip_suffix('\n').unwrap_or(&text);
        let password = password.strip_suffix('\r').unwrap_or(password);
        if password.contains('\n') {
            bail!("the password has several lines");
        }
        Ok((Secret::received(password.to_owned()), false))
    }
}

fn done(output: Output, username: &str, what: &str) -> anyhow::Result<()> {
    let object = json!({ "username": username, "result": what });
    output.done(&object, &format!("user {username}: {what}"))
}
