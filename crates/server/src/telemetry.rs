//! Logs and metrics.

use std::io::IsTerminal as _;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Sends log lines to standard error, as the configuration says.
pub(crate) fn log(config: &Config) {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter(&config.log))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
}

/// What is logged. The PostgreSQL client is never asked for details: it tells the parameters of
/// every statement, which are people's names and the like (R-SEC-03, R-E-13).
fn filter(text: &str) -> EnvFilter {
    let given = EnvFilter::builder().parse_lossy(text);
    let quiet = ["tokio_postgres=warn", "tokio_postgres::query=warn"];
    quiet.iter().filter_map(|one| one.parse().ok()).fold(given, EnvFilter::add_directive)
}

/// Where the buckets of durations end, in seconds.
const SECONDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Collects metrics in this process; the handle renders them for Prometheus.
pub(crate) fn metrics() -> anyhow::Result<PrometheusHandle> {
    let durations = Matcher::Suffix("_seconds".into());
    Ok(PrometheusBuilder::new().set_buckets_for_metric(durations, &SECONDS)?.install_recorder()?)
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn parameters_of_statements_are_never_logged() {
        // R-SEC-03, R-E-13
        for text in ["trace", "tokio_postgres=debug", "tokio_postgres::query=trace"] {
            let subscriber = tracing_subscriber::registry().with(filter(text));
            tracing::subscriber::with_default(subscriber, || {
                assert!(!tracing::enabled!(target: "tokio_postgres::query", tracing::Level::DEBUG));
                assert!(!tracing::enabled!(target: "tokio_postgres", tracing::Level::DEBUG));
                assert!(tracing::enabled!(target: "tokio_postgres", tracing::Level::WARN));
            });
        }
    }
}
