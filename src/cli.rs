//! The command line: one file per command.

mod admin;
mod audit;
mod client;
mod client_change;
mod client_warnings;
mod config;
mod demo;
mod get;
mod init;
mod initial_token;
mod key;
mod keygen;
mod login;
mod output;
mod peer;
mod record;
mod registration;
mod resource_server;
mod sample;
mod sandbox;
mod send;
mod serve;
mod session;
mod shell;
mod time;
mod token;
mod user;
mod validate;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::serve::command_client;

/// Secure exchange of birth and fetal death records: OAuth 2.0 authorization server, FHIR resource server and
/// client in one program, for hospitals, vital records offices and NCHS.
#[derive(Debug, Parser)]
#[command(name = "vitalgate", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Walk every dataflow three ways, then show what is refused
    Demo(demo::Args),
    /// Keep the three parties running for other people's clients
    Sandbox(sandbox::Args),
    /// Write the directory of a new party
    Init(init::Args),
    /// Run a party
    Serve(serve::Args),
    /// Check a configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Register and manage clients
    Client(client::Args),
    /// Let clients register themselves
    InitialToken(initial_token::Args),
    /// Register and manage resource servers
    ResourceServer(resource_server::Args),
    /// Let an administrator in: the first, another, or one who has lost the password
    Admin(admin::Args),
    /// Register and manage people
    User(user::Args),
    /// List and end sessions
    Session(session::Args),
    /// List and revoke tokens
    Token(token::Args),
    /// Add partners to the configuration, and find out why one is not reached
    Peer(peer::Args),
    /// List and rotate the signing keys
    Key(key::Args),
    /// Host records and list them
    Record(record::Args),
    /// Read and export the audit
    Audit(audit::Args),
    /// Write synthetic BFDR documents
    Sample(sample::Args),
    /// Check records before they are sent: form, elements, references, identity
    Validate(validate::Args),
    /// Read a FHIR URL at a peer
    Get(WithConfig<get::Args>),
    /// Deliver records to a peer
    Send(WithConfig<send::Args>),
    /// Sign in at a peer with the system's browser
    Login(WithConfig<login::Args>),
}

/// A command that acts as the party of a configuration.
#[derive(Debug, clap::Args)]
struct WithConfig<T: clap::Args> {
    /// Configuration file of the party
    #[arg(
        long,
        value_name = "FILE",
        default_value = "vitalgate.toml",
        env = "VITALGATE_CONFIG"
    )]
    config: PathBuf,
    #[command(flatten)]
    args: T,
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return output::failed(&error.into()),
    };
    let result = runtime.block_on(run(cli.command));
    // A reader that waits on a blocking thread must not keep the program.
    runtime.shutdown_background();
    result.unwrap_or_else(|error| output::failed(&error))
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    // Another part of the process may have installed it already; it is the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match command {
        Command::Demo(args) => demo::run(args).await,
        Command::Sandbox(args) => sandbox::run(args).await,
        Command::Init(args) => init::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Config(command) => config::run(&command),
        Command::Client(args) => client::run(args).await,
        Command::InitialToken(args) => initial_token::run(args).await,
        Command::ResourceServer(args) => resource_server::run(args).await,
        Command::Admin(args) => admin::run(args).await,
        Command::User(args) => user::run(args).await,
        Command::Session(args) => session::run(args).await,
        Command::Token(args) => token::run(args).await,
        Command::Peer(args) => peer::run(args).await,
        Command::Key(args) => key::run(args).await,
        Command::Record(args) => record::run(args).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Sample(args) => sample::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Get(WithConfig { config, args }) => {
            let (client, party) = command_client(&config)?;
            get::run(args, &client, &party).await
        }
        Command::Send(WithConfig { config, args }) => {
            let (client, party) = command_client(&config)?;
            send::run(args, &client, &party).await
        }
        Command::Login(WithConfig { config, args }) => {
            let (client, party) = command_client(&config)?;
            login::run(args, &client, &party).await
        }
    }
}
