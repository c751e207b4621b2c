//! What a server does by itself, behind requests.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rollcall_domain::Unavailable;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::backend::Backend;
use crate::services::Services;

/// How often the store does its housekeeping.
const HOUSEKEEPING: Duration = Duration::from_secs(30);

/// How often it is looked whether records are behind their definitions.
const INDEXING: Duration = Duration::from_secs(2);

/// How often it is looked whether there is work behind requests.
const WORKING: Duration = Duration::from_secs(1);

/// How often it is looked whether somebody should be warned.
const WATCHING: Duration = Duration::from_secs(60);

/// How often it is looked whether the keys that sign access tokens are due.
const SIGNING: Duration = Duration::from_secs(60 * 60);

/// Starts all of it, until `stop`.
pub(crate) fn start(backend: &Backend, services: &Services, stop: &CancellationToken) {
    let store = Arc::clone(&backend.store);
    repeat(
        "housekeeping",
        HOUSEKEEPING,
        stop,
        store,
        |store| async move { store.maintain().await },
    );
    let indexer = Arc::new(backend.indexer());
    repeat("indexing", INDEXING, stop, indexer, |indexer| async move { indexer.tick().await });
    let jobs = Arc::new(backend.jobs());
    repeat("work behind requests", WORKING, stop, jobs, |jobs| async move { jobs.tick().await });
    let watch = Arc::new(backend.watch());
    repeat("the watch", WATCHING, stop, watch, |watch| async move { watch.tick().await });
    let oauth = Arc::clone(&services.oauth);
    repeat("the change of keys", SIGNING, stop, oauth, |oauth| async move { oauth.tick().await });
}

/// Does something at once, and then again and again, whatever became of it before.
fn repeat<T, F>(
    what: &'static str,
    every: Duration,
    stop: &CancellationToken,
    of: Arc<T>,
    once: impl Fn(Arc<T>) -> F + Send + Sync + 'static,
) where
    T: Send + Sync + ?Sized + 'static,
    F: Future<Output = Result<(), Unavailable>> + Send,
{
    let stop = stop.clone();
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            if let Some(Err(error)) = stop.run_until_cancelled(once(Arc::clone(&of))).await {
                tracing::warn!(%error, "{what} failed; it is tried again");
            }
        }
    });
}
