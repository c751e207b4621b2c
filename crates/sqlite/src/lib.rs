//! The embedded store of Rollcall: one SQLite file.
//!
//! [`Sqlite`] keeps the directories of organizations for a server that runs alone, a laptop or a
//! test. It implements the ports [`Store`] and [`Registry`](rollcall_domain::Registry) of `rollcall-domain`, so whoever
//! embeds that crate can use it without the rest of Rollcall.
//!
//! Commits go through one writer, which puts whatever waits into one transaction: many clients
//! share one fsync, and an answer is given after the data is on disk. Reads run beside it on
//! connections of their own. Another process, such as a command line, may read and write the same
//! file at the same time.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use rollcall_domain::Store;
//! use rollcall_sqlite::Sqlite;
//!
//! # let folder = std::env::temp_dir().join(format!("rollcall-doc-{}", std::process::id()));
//! let store = Sqlite::open(&folder.join("rollcall.db"))?;
//! store.migrate().await?;
//! store.ready().await?;
//! store.close().await;
//! # std::fs::remove_dir_all(folder)?;
//! # Ok(())
//! # }
//! # let runtime = tokio::runtime::Runtime::new().unwrap();
//! # runtime.block_on(example()).unwrap();
//! ```
//!
//! What it does not do: spread over machines. That is what the PostgreSQL store is for.
//!
//! # Building
//!
//! Build with `LIBSQLITE3_FLAGS=-DSQLITE_ENABLE_QPSG` in the environment (this workspace sets it in
//! `.cargo/config.toml`): without it SQLite prepares statements on partially indexed tables again
//! whenever another value is bound, which triples the cost of a lookup.
#![warn(missing_docs)]

mod beside;
mod candidates;
mod commit;
mod edges;
mod erase;
mod error;
mod json;
mod keys;
mod ledger;
mod log;
mod outcomes;
mod pool;
mod read;
mod registry;
mod reindex;
mod render;
mod statement;
mod tables;
mod values;
mod writer;

use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use rollcall_domain::{
    Change, CommitError, Halt, OrganizationId, Outcome, Reader, Reindex, Reindexed, Scope, Store,
    TransactionId, Unavailable, Written,
};

use error::{Undone, unavailable};
use ledger::Ledger;
use pool::{Opener, Pool};
use read::Window;
use writer::Lane;

pub use error::OpenError;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// A store in one SQLite file: a [`Store`] and a [`Registry`](rollcall_domain::Registry).
///
/// Dropping it ends the writer when nothing waits any more; [`close`](Self::close) waits for that.
pub struct Sqlite {
    path: PathBuf,
    lane: Lane,
    pool: Arc<Pool>,
    ledger: Arc<Ledger>,
}

impl Sqlite {
    /// Opens a database file, and makes it and its directory where they are missing. Only its
    /// owner may read a file that is made. Migrations are left to [`migrate`](Self::migrate).
    ///
    /// # Errors
    /// [`OpenError`] when the file can't be made or is no database.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Io { path: path.into(), source };
        // An absolute path is never taken for a URI.
        let path = &std::path::absolute(path).map_err(failed)?;
        let url = path.to_str().ok_or_else(|| OpenError::Path(path.clone()))?;
        make(path).map_err(failed)?;
        let ledger = Arc::new(Ledger::default());
        let opener = Opener::new(url, Arc::clone(&ledger));
        let writer =
            opener.writer().map_err(|source| OpenError::Connect { path: path.clone(), source })?;
        let lane = Lane::start(opener.clone(), writer).map_err(failed)?;
        Ok(Self { path: path.clone(), lane, pool: Arc::new(Pool::new(opener)), ledger })
    }

    /// Brings the tables up to date, and says which migrations that took. Processes that start
    /// together wait for each other.
    ///
    /// # Errors
    /// [`Unavailable`] when a migration fails, or the file can't be written; the tables are as
    /// they were then.
    pub async fn migrate(&self) -> Result<Vec<String>, Unavailable> {
        let run = |conn: &mut SqliteConnection| {
            let run = conn.run_pending_migrations(MIGRATIONS).map_err(refused)?;
            let run = run.iter().map(ToString::to_string).collect();
            // A file that can only be read is found out now, not with the first change.
            conn.batch_execute("update organization set name = name where false")?;
            Ok(run)
        };
        self.lane.run(run).await.map_err(unavailable)
    }

    /// The names of the migrations that [`migrate`](Self::migrate) would run.
    ///
    /// # Errors
    /// [`Unavailable`] when the file can't be read.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, Unavailable> {
        let pending = |conn: &mut SqliteConnection| {
            let pending = conn.pending_migrations(MIGRATIONS).map_err(refused)?;
            Ok(pending.iter().map(|migration| migration.name().to_string()).collect())
        };
        self.lane.run(pending).await.map_err(unavailable)
    }

    /// How many statements were sent so far that read or write; what begins and ends transactions
    /// is not counted.
    pub fn statements(&self) -> u64 {
        self.ledger.statements()
    }

    /// How many transactions of the writer were committed so far.
    pub fn transactions(&self) -> u64 {
        self.ledger.transactions()
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Does what still waits to be written, then lets go of the file. Whoever comes later finds
    /// the store unavailable.
    pub async fn close(&self) {
        self.lane.stop().await;
        self.pool.close_idle();
    }

    /// Starts to keep the text of every statement, for tests of query plans.
    #[doc(hidden)]
    pub fn keep_texts(&self) {
        self.ledger.keep_texts();
    }

    /// The texts of the statements since [`keep_texts`](Self::keep_texts).
    #[doc(hidden)]
    pub fn texts(&self) -> Vec<String> {
        self.ledger.texts()
    }

    /// How SQLite goes about a statement, one line per step.
    ///
    /// # Errors
    /// [`Unavailable`] when the text is no statement.
    #[doc(hidden)]
    pub async fn explain(&self, text: &str) -> Result<Vec<String>, Unavailable> {
        let text = format!("explain query plan {text}");
        let steps = self.pool.read(|conn| diesel::sql_query(text).load::<Step>(conn)).await?;
        Ok(steps.into_iter().map(|step| step.detail).collect())
    }
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[async_trait]
impl Store for Sqlite {
    fn scope(&self, at: Scope) -> Box<dyn Reader + '_> {
        Box::new(Window::new(Arc::clone(&self.pool), at))
    }

    async fn commit_many(
        &self,
        at: Scope,
        changes: Vec<Change>,
        halt: Halt,
    ) -> Vec<Result<Vec<Written>, CommitError>> {
        let apply =
            move |conn: &mut SqliteConnection, change: &Change| commit::apply(conn, at, change);
        self.lane.run_all(changes, apply, halt).await
    }

    async fn reindex(
        &self,
        at: Scope,
        entries: Vec<Reindex>,
    ) -> Result<Vec<Reindexed>, Unavailable> {
        self.lane.run(move |conn| reindex::apply(conn, at, &entries)).await.map_err(unavailable)
    }

    async fn keep_outcome(&self, at: Scope, outcome: Outcome) -> Result<(), Unavailable> {
        let keep = move |conn: &mut SqliteConnection| Ok(outcomes::keep(conn, at, &outcome)?);
        self.lane.run(keep).await.map_err(unavailable)
    }

    async fn erase(&self, of: OrganizationId, limit: u32) -> Result<u64, Unavailable> {
        let batch = move |conn: &mut SqliteConnection| Ok(erase::resources(conn, of, limit)?);
        let erased = self.lane.run(batch).await.map_err(unavailable)?;
        if erased == 0 {
            // A long log goes in pieces, so that others may write between them.
            let piece = move |conn: &mut SqliteConnection| Ok(erase::events(conn, of)?);
            while self.lane.run(piece).await.map_err(unavailable)? > 0 {}
            let rest = move |conn: &mut SqliteConnection| Ok(erase::rest(conn, of)?);
            self.lane.run(rest).await.map_err(unavailable)?;
        }
        Ok(erased)
    }

    async fn outcome(&self, at: Scope, id: TransactionId) -> Result<Option<Outcome>, Unavailable> {
        self.pool.read(move |conn| outcomes::find(conn, at, id)).await
    }

    async fn ready(&self) -> Result<(), Unavailable> {
        if self.lane.is_stopped() {
            return Err(Unavailable::new("the writer has stopped"));
        }
        let any = tables::organization::table.select(tables::organization::id).limit(1);
        self.pool.read(move |conn| any.load::<values::Id>(conn)).await.map(|_| ())
    }

    async fn maintain(&self) -> Result<(), Unavailable> {
        let keep_house = |conn: &mut SqliteConnection| {
            outcomes::expire(conn)?;
            registry::expire(conn)?;
            // All tables, not only those that this connection has queried.
            Ok::<_, Undone>(conn.batch_execute("pragma optimize(0x10002)")?)
        };
        self.lane.run(keep_house).await.map_err(unavailable)
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").field("path", &self.path).finish_non_exhaustive()
    }
}

fn refused(error: Box<dyn std::error::Error + Send + Sync>) -> Undone {
    CommitError::Unavailable(Unavailable(error)).into()
}

/// Makes the file where there is none: SQLite would let everybody read it.
fn make(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}
