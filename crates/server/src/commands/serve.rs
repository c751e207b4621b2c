//! `rollcall serve`: the server.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::backend::Backend;
use crate::background;
use crate::cli::ConfigArgs;
use crate::config::{Config, list};
use crate::fresh::Fresh;
use crate::services::Services;
use crate::{keys, telemetry};

pub(crate) async fn run(args: ConfigArgs) -> anyhow::Result<()> {
    let config = Config::read(&args)?;
    let missing = config.missing_for_serve();
    if !missing.is_empty() {
        bail!("the configuration is not complete:\n{}", list(&missing));
    }
    telemetry::log(&config);
    let backend = Backend::open(&config).await?;
    if let Some(token) = &config.scim_token {
        let connection = backend.admin().bootstrap(token.reveal()).await;
        let connection = connection
            .context("the bootstrap token (`scim_token`, ROLLCALL_SCIM_TOKEN) was not taken")?;
        tracing::info!(connection = %connection.id, "the bootstrap token opens this connection");
    }
    let listener = bind(config.listen).await?;
    until_told_to_stop(&config, backend, listener).await
}

/// Serves until SIGTERM or SIGINT, then lets the requests in flight end.
pub(crate) async fn until_told_to_stop(
    config: &Config,
    backend: Backend,
    listener: TcpListener,
) -> anyhow::Result<()> {
    let metrics = telemetry::metrics()?;
    let services = Services::new(config, &backend, Arc::new(keys::of(config)?));
    let tls = config.tls.clone().map(Fresh::new).transpose()?;
    let stop = CancellationToken::new();
    tokio::spawn(watch_signals(stop.clone())?);
    background::start(&backend, &services, &stop);
    let app = Arc::new(services.app(config, &backend, move || metrics.render()));
    if let Some(address) = config.metrics_listen {
        let listener = bind(address).await?;
        tracing::info!(address = %listener.local_addr()?, "serving health and metrics");
        tokio::spawn(rollcall_http::serve_operations(listener, Arc::clone(&app), stop.clone()));
    }
    tracing::info!(address = %listener.local_addr()?, tls = tls.is_some(), "listening");
    match tls {
        None => rollcall_http::serve(listener, app, stop, config.drain).await,
        Some(fresh) => {
            let tls = fresh.tls();
            tokio::spawn(fresh.keep(signal(SignalKind::hangup())?, stop.clone()));
            rollcall_http::serve_tls(listener, tls, app, stop, config.drain).await;
        }
    }
    tracing::info!("drained");
    Ok(())
}

async fn bind(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("could not listen on {address}: choose another address"))
}

/// The first signal drains; one more leaves at once, for whoever can't wait.
fn watch_signals(stop: CancellationToken) -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut told = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Ok(async move {
        told().await;
        tracing::info!("told to stop: finishing the requests in flight");
        stop.cancel();
        told().await;
        tracing::warn!("told to stop again: leaving the requests in flight");
        std::process::exit(1);
    })
}
