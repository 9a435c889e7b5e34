//! `vitalgate sample …`: synthetic BFDR documents.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;

use crate::files;
use crate::sample::{Form, Kind, Request, write};

/// Write synthetic BFDR documents of realistic content, shape and size.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What they report
    #[arg(value_enum)]
    kind: KindArg,
    /// Who reports; coded documents have one form only
    #[arg(long, value_enum, default_value_t = FormArg::Provider)]
    form: FormArg,
    /// Jurisdiction code
    #[arg(long, value_name = "CODE", default_value = "MA")]
    jurisdiction: String,
    /// How many
    #[arg(long, default_value_t = 1)]
    count: u32,
    /// The same seed gives the same documents
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Directory to write them to
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum KindArg {
    Birth,
    FetalDeath,
    Coded,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum FormArg {
    Provider,
    Jurisdiction,
}

pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let kind = match args.kind {
        KindArg::Birth => Kind::Birth,
        KindArg::FetalDeath => Kind::FetalDeath,
        KindArg::Coded => Kind::Coded,
    };
    let form = match args.form {
        FormArg::Provider => Form::Provider,
        FormArg::Jurisdiction => Form::Jurisdiction,
    };
    let request = Request {
        kind,
        form,
        jurisdiction: args.jurisdiction.clone(),
        seed: args.seed,
    };
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make {}", args.out.display()))?;
    for number in 1..=args.count {
        let sample = write(&request, number)?;
        let path = args.out.join(sample.file_name);
        files::write(&path, &sample.json, files::PUBLIC)?;
        println!("{}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}
