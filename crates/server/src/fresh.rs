//! The TLS configuration of a running server, as fresh as its files.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rollcall_http::Tls;
use rustls::ServerConfig;
use tokio::signal::unix::Signal;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::tls::{TlsFiles, Watched};

/// How often it is looked whether the files changed.
const LOOK: Duration = Duration::from_secs(5);

/// What sockets are opened with, put in its place whenever the files change.
pub(crate) struct Fresh {
    watched: Watched,
    current: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Fresh {
    /// What the files say now.
    pub(crate) fn new(files: TlsFiles) -> anyhow::Result<Self> {
        let mut watched = Watched::new(files);
        let current = Arc::new(RwLock::new(Arc::new(watched.read()?)));
        Ok(Self { watched, current })
    }

    /// TLS by what the files say whenever a socket is opened.
    pub(crate) fn tls(&self) -> Tls {
        let current = Arc::clone(&self.current);
        Tls::new(move || Arc::clone(&current.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Looks at the files every few seconds, and at once when told by SIGHUP.
    pub(crate) async fn keep(mut self, mut told: Signal, stop: CancellationToken) {
        let mut tick = tokio::time::interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let read = tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => self.watched.look(),
                // Whoever tells the server wants to know what came of it.
                Some(()) = told.recv() => Some(self.watched.read()),
            };
            if let Some(read) = read {
                self.take(read);
            }
        }
    }

    /// Files that can't be used leave the server with what it had.
    fn take(&self, read: anyhow::Result<ServerConfig>) {
        match read {
            Ok(config) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                tracing::info!("new sockets use the TLS files as they are now");
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "the TLS files can't be used: the earlier ones stay in use");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::generate_simple_self_signed;

    use super::*;

    #[test]
    fn files_that_cannot_be_used_leave_the_earlier_ones_in_use() {
        let directory = tempfile::tempdir().unwrap();
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
        let pair = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&certificate, pair.cert.pem()).unwrap();
        std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
        let mut fresh = Fresh::new(TlsFiles { certificate, key, client_ca: None }).unwrap();
        let current = |fresh: &Fresh| Arc::clone(&fresh.current.read().unwrap());
        let first = current(&fresh);
        fresh.take(Err(anyhow::anyhow!("half written")));
        assert!(Arc::ptr_eq(&first, &current(&fresh)));
        let again = fresh.watched.read();
        fresh.take(again);
        assert!(!Arc::ptr_eq(&first, &current(&fresh)));
    }
}
