//! A store that is watched, disturbed, or broken.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rollcall_domain::{
    Act, Change, CommitError, Edge, FindError, Found, Halt, Load, OrganizationId, Outcome, Page,
    Query, Reader, Record, Reindex, Reindexed, ResourceId, Scope, Store, TransactionId,
    Unavailable, Written,
};
use rollcall_schema::ResourceType;
use rollcall_testkit::MemoryStore;

/// What somebody else does just before a commit.
type Interference = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One call of `commit_many`: the number of writes in each change, and when it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) writes: Vec<usize>,
    pub(crate) halt: Halt,
}

pub(crate) struct Spy {
    inner: Arc<MemoryStore>,
    calls: Mutex<Vec<Call>>,
    reads: AtomicUsize,
    interferences: Mutex<VecDeque<Interference>>,
    /// Every how many times a change that may be stale is, without anybody's doing.
    staleness: AtomicUsize,
    met: AtomicUsize,
    /// How many more changes are taken before the store fails.
    life: AtomicUsize,
}

impl Spy {
    pub(crate) fn over(inner: Arc<MemoryStore>) -> Self {
        Self {
            inner,
            calls: Mutex::default(),
            reads: AtomicUsize::new(0),
            interferences: Mutex::default(),
            staleness: AtomicUsize::new(0),
            met: AtomicUsize::new(0),
            life: AtomicUsize::new(usize::MAX),
        }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        lock(&self.calls).clone()
    }

    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    pub(crate) fn before_a_commit(&self, what: impl Future<Output = ()> + Send + 'static) {
        lock(&self.interferences).push_back(Box::pin(what));
    }

    /// Each so many-th change that may be stale is, without anybody's doing; none with 0.
    pub(crate) fn stale_every(&self, times: usize) {
        self.staleness.store(times, Ordering::Relaxed);
    }

    pub(crate) fn fail_after(&self, changes: usize) {
        self.life.store(changes, Ordering::Relaxed);
    }

    async fn one(&self, at: Scope, change: Change) -> Result<Vec<Written>, CommitError> {
        if self.life.load(Ordering::Relaxed) == 0 {
            return Err(Unavailable::new("the disk is gone").into());
        }
        self.life.fetch_sub(1, Ordering::Relaxed);
        let every = self.staleness.load(Ordering::Relaxed);
        let delicate = |act: &Act| matches!(act, Act::Replace { .. });
        if every > 0
            && change.writes.iter().any(|write| delicate(&write.act))
            && self.met.fetch_add(1, Ordering::Relaxed).is_multiple_of(every)
        {
            return Err(CommitError::Stale);
        }
        self.inner.commit(at, change).await
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Store for Spy {
    fn scope(&self, at: Scope) -> Box<dyn Reader + '_> {
        Box::new(Watched { spy: self, inner: self.inner.scope(at) })
    }

    async fn commit_many(
        &self,
        at: Scope,
        changes: Vec<Change>,
        halt: Halt,
    ) -> Vec<Result<Vec<Written>, CommitError>> {
        let interference = lock(&self.interferences).pop_front();
        if let Some(interference) = interference {
            interference.await;
        }
        let writes = changes.iter().map(|change| change.writes.len()).collect();
        lock(&self.calls).push(Call { writes, halt });
        let mut done = Vec::new();
        for change in changes {
            let outcome = self.one(at, change).await;
            let ends = outcome.is_err() && halt == Halt::AtFailure;
            done.push(outcome);
            if ends {
                break;
            }
        }
        done
    }

    async fn reindex(
        &self,
        at: Scope,
        entries: Vec<Reindex>,
    ) -> Result<Vec<Reindexed>, Unavailable> {
        self.inner.reindex(at, entries).await
    }

    async fn erase(&self, of: OrganizationId, limit: u32) -> Result<u64, Unavailable> {
        self.inner.erase(of, limit).await
    }

    async fn keep_outcome(&self, at: Scope, outcome: Outcome) -> Result<(), Unavailable> {
        self.inner.keep_outcome(at, outcome).await
    }

    async fn outcome(&self, at: Scope, id: TransactionId) -> Result<Option<Outcome>, Unavailable> {
        self.inner.outcome(at, id).await
    }

    async fn ready(&self) -> Result<(), Unavailable> {
        self.inner.ready().await
    }

    async fn maintain(&self) -> Result<(), Unavailable> {
        self.inner.maintain().await
    }
}

struct Watched<'s> {
    spy: &'s Spy,
    inner: Box<dyn Reader + 's>,
}

impl Watched<'_> {
    fn count(&self) {
        self.spy.reads.fetch_add(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Reader for Watched<'_> {
    async fn get(
        &self,
        ty: &ResourceType,
        id: ResourceId,
        load: Load,
    ) -> Result<Option<Found>, Unavailable> {
        self.count();
        self.inner.get(ty, id, load).await
    }

    async fn find(&self, query: &Query<'_>) -> Result<Page, FindError> {
        self.count();
        self.inner.find(query).await
    }

    async fn edges(
        &self,
        attr: &str,
        owners: &[ResourceId],
        after: Option<(ResourceId, ResourceId)>,
        limit: u32,
    ) -> Result<Vec<Edge>, Unavailable> {
        self.count();
        self.inner.edges(attr, owners, after, limit).await
    }

    async fn behind(
        &self,
        kind: &str,
        revision: u64,
        after: Option<ResourceId>,
        limit: u32,
    ) -> Result<Vec<Record>, Unavailable> {
        self.count();
        self.inner.behind(kind, revision, after, limit).await
    }
}
