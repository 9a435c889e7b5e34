//! The `vitalgate` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    vitalgate::cli::main()
}
