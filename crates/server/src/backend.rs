//! The store behind a database URL.

use std::sync::Arc;

use anyhow::{Context as _, bail};
use rollcall_domain::{Admin, Indexer, Jobs, Registry, Store, SystemClock, UuidIds, Watch};
use rollcall_outbound::Outbound;
use rollcall_postgres::Postgres;
use rollcall_sqlite::Sqlite;

use crate::config::{Config, DatabaseUrl};

/// One store, as the ports that services ask for.
#[derive(Clone)]
pub(crate) struct Backend {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registry: Arc<dyn Registry>,
}

impl Backend {
    /// Opens the configured database and brings it up to date.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        match config.database()? {
            DatabaseUrl::Sqlite(path) => {
                let store = Sqlite::open(path)?;
                store.migrate().await.with_context(|| {
                    format!(
                        "could not bring `{}` up to date: check who owns it, and that there is \
                         room on the disk",
                        path.display()
                    )
                })?;
                Ok(Self::of(Arc::new(store)))
            }
            DatabaseUrl::Postgres(url) => {
                let store = Postgres::connect(url, config.pool_size).await?;
                if !store.pending_migrations().await?.is_empty() {
                    Postgres::migrate(url).await.context(
                        "could not bring the database up to date: run `rollcall migrate` with the \
                         URL of a role that owns the database",
                    )?;
                }
                if let Some(exposure) = store.exposure() {
                    tracing::warn!("{exposure}");
                }
                if !store.bound_by_policies() {
                    tracing::warn!(
                        "the database role walks through row-level security: let the server log \
                         in as a role that is a member of `rollcall_app`, neither superuser nor \
                         BYPASSRLS"
                    );
                }
                Ok(Self::of(Arc::new(store)))
            }
        }
    }

    /// Opens a database that must be there already: what is asked about can't be in a new one.
    pub(crate) async fn open_existing(config: &Config) -> anyhow::Result<Self> {
        match config.database()? {
            DatabaseUrl::Sqlite(path) if !path.exists() => {
                bail!("no database at `{}`: check --database-url", path.display())
            }
            _ => Self::open(config).await,
        }
    }

    /// The service of operators.
    pub(crate) fn admin(&self) -> Admin {
        let (registry, store) = (Arc::clone(&self.registry), Arc::clone(&self.store));
        Admin::new(registry, store, Arc::new(SystemClock), Arc::new(UuidIds))
    }

    /// The same, which looks at the keys of trusted issuers.
    pub(crate) fn admin_that_fetches(&self, config: &Config) -> Admin {
        self.admin().with_fetch(Arc::new(Outbound::new(config.fetch_private.clone())))
    }

    /// What does the work behind requests.
    pub(crate) fn jobs(&self) -> Jobs {
        let (registry, store) = (Arc::clone(&self.registry), Arc::clone(&self.store));
        Jobs::new(registry, store, Arc::new(SystemClock), Arc::new(UuidIds))
    }

    /// What raises alarms.
    pub(crate) fn watch(&self) -> Watch {
        Watch::new(Arc::clone(&self.registry), Arc::new(SystemClock), Arc::new(UuidIds))
    }

    /// The service that builds indexes.
    pub(crate) fn indexer(&self) -> Indexer {
        let (registry, store) = (Arc::clone(&self.registry), Arc::clone(&self.store));
        Indexer::new(registry, store, Arc::new(SystemClock))
    }

    fn of<S: Store + Registry + 'static>(store: Arc<S>) -> Self {
        Self { store: Arc::clone(&store) as Arc<dyn Store>, registry: store }
    }
}
