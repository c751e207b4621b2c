//! Logs and metrics.

use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Sends log lines to standard error, as the configuration says.
pub(crate) fn log(config: &Config) {
    let filter = EnvFilter::try_new(&config.log).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
}

/// Where the buckets of durations end, in seconds.
const SECONDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Collects metrics in this process; the handle renders them for Prometheus.
pub(crate) fn metrics() -> anyhow::Result<PrometheusHandle> {
    let durations = Matcher::Suffix("_seconds".into());
    Ok(PrometheusBuilder::new().set_buckets_for_metric(durations, &SECONDS)?.install_recorder()?)
}
