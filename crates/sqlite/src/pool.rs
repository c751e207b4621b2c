//! Connections to the file: how they are opened, and the pool that reads share.

use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::SimpleConnection;
use diesel::{Connection, ConnectionError, QueryResult, SqliteConnection};
use rollcall_domain::Unavailable;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::ledger::{Ledger, Watch};

/// How a connection waits for others, in this process or another.
const PATIENCE: &str = "pragma busy_timeout = 10000";
const WRITER: [&str; 5] = [
    PATIENCE,
    "pragma journal_mode = wal",
    "pragma synchronous = full",
    "pragma foreign_keys = on",
    "pragma analysis_limit = 1000",
];
const READER: [&str; 2] = [PATIENCE, "pragma query_only = on"];

/// Opens connections to one file.
#[derive(Clone, Debug)]
pub(crate) struct Opener {
    url: Arc<str>,
    ledger: Arc<Ledger>,
}

impl Opener {
    pub(crate) fn new(url: &str, ledger: Arc<Ledger>) -> Self {
        Self { url: url.into(), ledger }
    }

    pub(crate) fn writer(&self) -> Result<SqliteConnection, ConnectionError> {
        self.open(&WRITER)
    }

    pub(crate) fn reader(&self) -> Result<SqliteConnection, ConnectionError> {
        self.open(&READER)
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn open(&self, settings: &[&str]) -> Result<SqliteConnection, ConnectionError> {
        let mut conn = SqliteConnection::establish(&self.url)?;
        for setting in settings {
            conn.batch_execute(setting).map_err(ConnectionError::CouldntSetupConfiguration)?;
        }
        conn.set_instrumentation(Watch::new(Arc::clone(&self.ledger)));
        Ok(conn)
    }
}

/// A bounded number of connections that only read.
pub(crate) struct Pool {
    opener: Opener,
    idle: Mutex<Vec<SqliteConnection>>,
    permits: Arc<Semaphore>,
}

impl Pool {
    pub(crate) fn new(opener: Opener) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let permits = Arc::new(Semaphore::new(cores.max(4)));
        Self { opener, idle: Mutex::default(), permits }
    }

    /// Runs `work` whole on a thread where it may block.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut SqliteConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let permit = self.permit().await?;
        let pool = Arc::clone(self);
        spawn_blocking(move || pool.on_connection(permit, work)).await.map_err(Unavailable::new)?
    }

    /// Runs `work`, which hands out batches as long as somebody takes them.
    pub(crate) async fn stream<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut SqliteConnection, &mpsc::Sender<T>) -> QueryResult<()> + Send + 'static,
    ) -> Result<Stream<T>, Unavailable> {
        let permit = self.permit().await?;
        let pool = Arc::clone(self);
        let (sender, batches) = mpsc::channel(1);
        let work = move |conn: &mut SqliteConnection| work(conn, &sender);
        let end = spawn_blocking(move || pool.on_connection(permit, work));
        Ok(Stream { batches, end })
    }

    /// Closes the connections that nobody uses.
    pub(crate) fn close_idle(&self) {
        self.idle().clear();
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, Unavailable> {
        Arc::clone(&self.permits).acquire_owned().await.map_err(Unavailable::new)
    }

    fn on_connection<T>(
        &self,
        permit: OwnedSemaphorePermit,
        work: impl FnOnce(&mut SqliteConnection) -> QueryResult<T>,
    ) -> Result<T, Unavailable> {
        let idle = self.idle().pop();
        let mut conn = match idle {
            Some(conn) => conn,
            None => self.opener.reader().map_err(Unavailable::new)?,
        };
        // A connection on which something failed is not used again.
        let done = work(&mut conn).map_err(Unavailable::new)?;
        self.idle().push(conn);
        drop(permit);
        Ok(done)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Batches of rows on their way.
pub(crate) struct Stream<T> {
    batches: mpsc::Receiver<T>,
    end: JoinHandle<Result<(), Unavailable>>,
}

impl<T> Stream<T> {
    /// The next batch; `None` behind the last one, when all went well.
    pub(crate) async fn next(&mut self) -> Result<Option<T>, Unavailable> {
        if let Some(batch) = self.batches.recv().await {
            return Ok(Some(batch));
        }
        (&mut self.end).await.map_err(Unavailable::new)?.map(|()| None)
    }
}
