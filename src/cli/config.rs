//! `vitalgate config check FILE`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::output::print;
use crate::config;

/// The command line.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Find mistakes; each is told with its line
    Check {
        /// Configuration of a party
        #[arg(default_value = "vitalgate.toml", env = "VITALGATE_CONFIG")]
        file: PathBuf,
        /// The same, as every other command takes it
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Runs the command: 1 if there is a mistake.
///
/// # Errors
/// The file cannot be read or parsed.
pub fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let Command::Check { file, config } = command;
    let file = config.as_ref().unwrap_or(file);
    let mistakes = config::check(&config::load(file)?);
    for mistake in &mistakes {
        eprintln!("error: {}: {}", mistake.place, mistake.text);
    }
    if !mistakes.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    print(&format!("{}: no mistakes", file.display()))?;
    Ok(ExitCode::SUCCESS)
}
