//! What was sent to the database.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::{Instrumentation, InstrumentationEvent};

/// Counts over every connection of one store.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    statements: AtomicU64,
    transactions: AtomicU64,
    keeping: AtomicBool,
    texts: Mutex<BTreeSet<String>>,
}

impl Ledger {
    pub(crate) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    pub(crate) fn transactions(&self) -> u64 {
        self.transactions.load(Ordering::Relaxed)
    }

    pub(crate) fn committed(&self) {
        self.transactions.fetch_add(1, Ordering::Relaxed);
    }

    /// Starts to keep the text of every statement.
    pub(crate) fn keep_texts(&self) {
        self.keeping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// Writes what one connection sends into a [`Ledger`].
pub(crate) struct Watch {
    ledger: Arc<Ledger>,
    /// Whether the next statement begins or ends a transaction.
    control: bool,
}

impl Watch {
    pub(crate) const fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger, control: false }
    }
}

impl Instrumentation for Watch {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::BeginTransaction { .. }
            | InstrumentationEvent::CommitTransaction { .. }
            | InstrumentationEvent::RollbackTransaction { .. } => self.control = true,
            InstrumentationEvent::StartQuery { query, .. } => {
                if std::mem::take(&mut self.control) {
                    return;
                }
                self.ledger.statements.fetch_add(1, Ordering::Relaxed);
                if self.ledger.keeping.load(Ordering::Relaxed) {
                    let shown = query.to_string();
                    let text = shown.split(" -- binds: ").next().unwrap_or_default();
                    let mut texts =
                        self.ledger.texts.lock().unwrap_or_else(PoisonError::into_inner);
                    texts.insert(text.into());
                }
            }
            _ => {}
        }
    }
}
