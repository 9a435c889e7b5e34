//! The command line: one file per command.
//!
//! Exit codes: 0 done, 1 not done, 2 a wrong command line.

mod audit;
mod client;
mod config;
mod demo;
mod get;
mod init;
mod login;
mod output;
mod party;
mod record;
mod registration;
mod resource_server;
mod sample;
mod sandbox;
mod send;
mod serve;
mod token;
mod user;

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use party::ConfigFile;

/// OAuth 2.0 protected exchange of birth and fetal death records.
#[derive(Parser)]
#[command(name = "vitalgate", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Walk three parties through every dataflow, and show what is refused
    Demo(demo::Args),
    /// Keep three parties running for other people's clients
    Sandbox(sandbox::Args),
    /// Write the directory of a new party: configuration, keys, certificate
    Init(init::Args),
    /// Run a party
    Serve(serve::Args),
    /// Look at a configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Clients registered at this party's authorization server
    Client(client::Args),
    /// Resource servers whose tokens this party's authorization server issues
    ResourceServer(resource_server::Args),
    /// People who sign in at this party's authorization server
    User(user::Args),
    /// Tokens that this party's authorization server has issued
    Token(token::Args),
    /// Records that this party's resource server hosts
    Record(record::Args),
    /// What was accessed, changed and refused
    Audit(audit::Args),
    /// Write synthetic records
    Sample(sample::Args),
    /// Read a FHIR resource
    Get(WithConfig<get::Args>),
    /// Deliver records to a peer
    Send(WithConfig<send::Args>),
    /// Sign in at a peer in the browser
    Login(WithConfig<login::Args>),
}

/// A command of the client role, which runs on a party's configuration.
#[derive(clap::Args)]
struct WithConfig<A: clap::Args> {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    inner: A,
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Signing needs a process-wide choice of cryptography.
    oauth::jose::install();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result =
        runtime.context("no threads").and_then(|runtime| runtime.block_on(run(arguments.command)));
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(args) => demo::run(args).await,
        Command::Sandbox(args) => sandbox::run(args).await,
        Command::Init(args) => init::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Config(command) => config::run(&command),
        Command::Client(args) => client::run(args).await,
        Command::ResourceServer(args) => resource_server::run(args).await,
        Command::User(args) => user::run(args).await,
        Command::Token(args) => token::run(args).await,
        Command::Record(args) => record::run(args).await,
        Command::Audit(args) => audit::run(args).await,
        Command::Sample(args) => sample::run(args),
        Command::Get(args) => {
            let (client, party) = args.config.client()?;
            get::run(args.inner, &client, &party).await
        }
        Command::Send(args) => {
            let (client, party) = args.config.client()?;
            send::run(args.inner, &client, &party).await
        }
        Command::Login(args) => {
            let (client, party) = args.config.client()?;
            login::run(args.inner, &client, &party).await
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
