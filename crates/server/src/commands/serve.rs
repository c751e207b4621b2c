//! `rollcall serve`: the server.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rollcall_domain::{
    Authenticator, Dialects, Directory, Indexer, Keyring, Store, SystemClock, UuidIds,
};
use rollcall_http::{App, Discovery, MetricsAt, Settings};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::backend::Backend;
use crate::cli::ConfigArgs;
use crate::config::{Config, list};
use crate::{keys, telemetry};

/// How often the store does its housekeeping.
const HOUSEKEEPING: Duration = Duration::from_secs(30);

/// How often it is looked whether records are behind their definitions.
const INDEXING: Duration = Duration::from_secs(2);

/// How long a cursor leads on.
const CURSOR_TIMEOUT: Duration = Duration::from_secs(60 * 60);

pub(crate) async fn run(args: ConfigArgs) -> anyhow::Result<()> {
    let config = Config::read(&args)?;
    let missing = config.missing_for_serve();
    if !missing.is_empty() {
        bail!("the configuration is not complete:\n{}", list(&missing));
    }
    telemetry::log(&config);
    let backend = Backend::open(&config).await?;
    if let Some(token) = &config.scim_token {
        let connection = backend.connections().bootstrap(token.reveal()).await?;
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
    let keys = Arc::new(keys::of(config)?);
    let app = Arc::new(app(config, &backend, keys, move || metrics.render()));
    let stop = CancellationToken::new();
    tokio::spawn(watch_signals(stop.clone())?);
    tokio::spawn(keep_house(Arc::clone(&backend.store), stop.clone()));
    tokio::spawn(keep_indexes(backend.indexer(), stop.clone()));
    if let Some(address) = config.metrics_listen {
        let listener = bind(address).await?;
        tracing::info!(address = %listener.local_addr()?, "serving health and metrics");
        tokio::spawn(rollcall_http::serve_operations(listener, Arc::clone(&app), stop.clone()));
    }
    tracing::info!(address = %listener.local_addr()?, "listening");
    rollcall_http::serve(listener, app, stop, config.drain).await;
    tracing::info!("drained");
    Ok(())
}

fn app(
    config: &Config,
    backend: &Backend,
    keys: Arc<Keyring>,
    metrics: impl Fn() -> String + Send + Sync + 'static,
) -> App {
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(UuidIds));
    let directory = Directory::new(Arc::clone(&backend.store), clock, ids);
    let directory = directory.with_keys(keys, CURSOR_TIMEOUT);
    let authenticator = Authenticator::new(Arc::clone(&backend.registry));
    let settings = Settings {
        public_url: config.public_url.clone().unwrap_or_default(),
        mount: config.mount.clone(),
        body_limit: config.body_limit,
        rate: config.rate,
        trusted_proxies: config.trusted_proxies.clone(),
        discovery: match config.open_discovery {
            true => Discovery::Open,
            false => Discovery::Guarded,
        },
        metrics: match config.metrics_listen {
            Some(_) => MetricsAt::OwnListener,
            None => MetricsAt::Everywhere,
        },
        ..Settings::default()
    };
    let dialects = Dialects::new(Arc::clone(&backend.registry), Arc::new(SystemClock));
    App::new(directory, authenticator, Arc::clone(&backend.store), settings)
        .with_dialects(dialects)
        .with_metrics(metrics)
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

async fn keep_indexes(indexer: Indexer, stop: CancellationToken) {
    let mut tick = tokio::time::interval(INDEXING);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        if let Some(Err(error)) = stop.run_until_cancelled(indexer.tick()).await {
            tracing::warn!(%error, "indexing failed; it is tried again");
        }
    }
}

async fn keep_house(store: Arc<dyn Store>, stop: CancellationToken) {
    let mut tick = tokio::time::interval(HOUSEKEEPING);
    while stop.run_until_cancelled(tick.tick()).await.is_some() {
        if let Err(error) = store.maintain().await {
            tracing::warn!(%error, "housekeeping failed; it is tried again");
        }
    }
}
