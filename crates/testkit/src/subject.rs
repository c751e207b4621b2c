//! What is put to the test.

use std::fmt;
use std::sync::Arc;

use rollcall_domain::{Registry, Store};

use crate::{EventLog, MemoryStore};

/// A store under test: its ports, and its log as tests read it.
#[derive(Clone)]
pub struct Subject {
    /// Where directories are kept.
    pub store: Arc<dyn Store>,
    /// Where connections are kept.
    pub registry: Arc<dyn Registry>,
    /// What was logged.
    pub log: Arc<dyn EventLog>,
}

impl Subject {
    /// A store with a way to read its log.
    pub fn new<S: Store + Registry + 'static>(store: Arc<S>, log: Arc<dyn EventLog>) -> Self {
        let registry: Arc<dyn Registry> = Arc::<S>::clone(&store);
        Self { store, registry, log }
    }

    /// An empty [`MemoryStore`].
    pub fn memory() -> Self {
        let store = Arc::new(MemoryStore::new());
        let log: Arc<dyn EventLog> = Arc::<MemoryStore>::clone(&store);
        Self::new(store, log)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").finish_non_exhaustive()
    }
}
