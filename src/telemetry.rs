//! Logs and metrics. What may not stand in them is left out where it arises; nothing here filters.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use anyhow::Context;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Sends the process's log to standard error, or to a file.
///
/// # Errors
/// The filter or the file cannot be used.
pub fn log(settings: &Log, file: Option<&Path>) -> anyhow::Result<()> {
    let filter = format!("{},{QUIET}", settings.filter);
    let filter = EnvFilter::try_new(filter).context("[log] filter")?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false);
    let installed = match (file, settings.format) {
        (Some(path), format) => {
            let file = Arc::new(
                std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(path)?,
            );
            let builder = builder.with_writer(file).with_ansi(false);
            if format == LogFormat::Json {
                builder.json().try_init()
            } else {
                builder.try_init()
            }
        }
        (None, LogFormat::Json) => builder.with_writer(std::io::stderr).json().try_init(),
        (None, LogFormat::Human) => {
            let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            builder
                .with_writer(std::io::stderr)
                .with_ansi(colour)
                .try_init()
        }
    };
    installed.map_err(|error| anyhow::anyhow!("logging: {error}"))
}

/// The metrics of the process in Prometheus's text format; parties are told apart by a label.
#[must_use]
pub fn metrics() -> String {
    recorder().map(PrometheusHandle::render).unwrap_or_default()
}

/// Folds what histograms have seen into their sums; without it they grow with every request.
pub fn upkeep() {
    if let Some(recorder) = recorder() {
        recorder.run_upkeep();
    }
}

/// Starts counting. Before the first call nothing is counted.
pub fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER
        .get_or_init(|| PrometheusBuilder::new().install_recorder().ok())
        .as_ref()
}

/// The library of passkeys logs what a stranger sent, as errors of its own. Ours say what was refused.
const QUIET: &str = "webauthn_rs=off,webauthn_rs_core=off";
