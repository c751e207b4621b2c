//! A store in memory that is too simple to be wrong.

mod directory;
mod entries;
mod registry;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rollcall_domain::{
    Act, Actor, AdminEvent, Candidates, Change, Clock, CommitError, ConnectionId, Edge, FindError,
    Found, Halt, KEPT_FOR_MILLIS, KeyTest, Load, OrganizationId, Outcome, Page, Query, Reader,
    Record, Reindex, Reindexed, ResourceId, Scope, Sieve, Start, Store, SystemClock, TransactionId,
    Unavailable, Want, Written,
};
use rollcall_schema::{Condition, ResourceType, Storage};
use uuid::Uuid;

use crate::{EventLog, LoggedEvent};
use directory::Directory;
use entries::Entries;

/// A [`Store`] and [`Registry`](rollcall_domain::Registry) in memory, for tests and as the
/// reference for other stores.
///
/// A commit changes a copy of the connection's directory, which takes the place of the original
/// if nothing went wrong; a search looks at every resource. Nothing scales and nothing is kept.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    directories: HashMap<Scope, Directory>,
    log: HashMap<OrganizationId, Vec<LoggedEvent>>,
    entries: Entries,
    outcomes: HashMap<(Scope, TransactionId), Outcome>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn directory(&self, at: Scope) -> Directory {
        self.directories.get(&at).cloned().unwrap_or_default()
    }

    fn append(&mut self, of: OrganizationId, event: LoggedEvent) {
        let log = self.log.entry(of).or_default();
        let seq = Some(log.len() as u64 + 1);
        log.push(LoggedEvent { seq, ..event });
    }

    fn log(&mut self, event: &AdminEvent) {
        let none = OrganizationId::from_uuid(Uuid::nil());
        let nowhere = ConnectionId::from_uuid(Uuid::nil());
        let logged = LoggedEvent {
            id: event.id,
            seq: None,
            at: event.at,
            actor: event.actor.to_string(),
            connection: event.connection.unwrap_or(nowhere),
            action: event.action.into(),
            kind: event.subject.kind().into(),
            resource: ResourceId::from_uuid(event.subject.uuid()),
            version: event.revision,
            changes: event.changes.clone(),
        };
        self.append(event.organization.unwrap_or(none), logged);
    }
}

/// Whether an IdP does anything of a change.
fn is_by_idp(change: &Change) -> bool {
    change.writes.iter().any(|write| matches!(write.event.actor, Actor::Token(_)))
}

/// The connections that take something over in a change.
fn takers(change: &Change) -> impl Iterator<Item = ConnectionId> {
    change.writes.iter().filter_map(|write| match write.act {
        Act::HandOver { to, .. } => Some(to),
        _ => None,
    })
}

#[async_trait]
impl Store for MemoryStore {
    fn scope(&self, at: Scope) -> Box<dyn Reader + '_> {
        Box::new(Window { store: self, at })
    }

    async fn commit(&self, at: Scope, change: Change) -> Result<Vec<Written>, CommitError> {
        let mut state = self.state();
        let mut directory = state.directory(at);
        let mut others: HashMap<ConnectionId, Directory> = takers(&change)
            .map(|to| (to, state.directory(Scope { connection: to, ..at })))
            .collect();
        let done = directory.apply(at, &change, &mut others)?;
        let writes = !done.events.is_empty();
        if writes && is_by_idp(&change) && !state.entries.is_open(at.connection) {
            return Err(CommitError::Closed);
        }
        state.directories.insert(at, directory);
        for (connection, other) in others {
            state.directories.insert(Scope { connection, ..at }, other);
        }
        for event in done.events {
            state.append(at.organization, event);
        }
        Ok(done.written)
    }

    async fn commit_many(
        &self,
        at: Scope,
        changes: Vec<Change>,
        halt: Halt,
    ) -> Vec<Result<Vec<Written>, CommitError>> {
        let mut done = Vec::new();
        for change in changes {
            let outcome = self.commit(at, change).await;
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
        let mut state = self.state();
        let directory = state.directories.entry(at).or_default();
        Ok(entries.into_iter().map(|entry| directory.reindex(entry)).collect())
    }

    async fn keep_outcome(&self, at: Scope, outcome: Outcome) -> Result<(), Unavailable> {
        self.state().outcomes.insert((at, outcome.id), outcome);
        Ok(())
    }

    async fn outcome(&self, at: Scope, id: TransactionId) -> Result<Option<Outcome>, Unavailable> {
        Ok(self.state().outcomes.get(&(at, id)).cloned())
    }

    async fn erase(&self, of: OrganizationId, limit: u32) -> Result<u64, Unavailable> {
        let mut state = self.state();
        let mut erased = 0;
        let theirs = state.directories.iter_mut().filter(|(at, _)| at.organization == of);
        for (_, directory) in theirs {
            erased += directory.erase(limit as usize - erased);
        }
        if erased == 0 {
            state.directories.retain(|at, _| at.organization != of);
            state.outcomes.retain(|(at, _), _| at.organization != of);
            state.log.remove(&of);
        }
        Ok(erased as u64)
    }

    async fn ready(&self) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn maintain(&self) -> Result<(), Unavailable> {
        let oldest = SystemClock.now().millis() - KEPT_FOR_MILLIS;
        self.state().outcomes.retain(|_, outcome| outcome.touched.millis() >= oldest);
        Ok(())
    }
}

#[async_trait]
impl EventLog for MemoryStore {
    async fn events(&self, organization: OrganizationId) -> Vec<LoggedEvent> {
        self.state().log.get(&organization).cloned().unwrap_or_default()
    }
}

/// What a query shows and what it reads.
fn looking(query: &Query<'_>) -> Load {
    let sorted_by = query.sort.map(|sort| sort.by);
    let read = query.condition.into_iter().flat_map(Condition::attrs).chain(sorted_by);
    let reads: Vec<Storage> = read.map(|at| query.ty.attr(at.attr).storage).collect();
    Load {
        links: query.load.links || reads.contains(&Storage::Relation),
        incoming: query.load.incoming || reads.contains(&Storage::Derived),
    }
}

/// What can be seen of the store from one connection.
struct Window<'s> {
    store: &'s MemoryStore,
    at: Scope,
}

impl Window<'_> {
    fn look<T>(&self, at: impl FnOnce(&Directory) -> T) -> T {
        match self.store.state().directories.get(&self.at) {
            Some(directory) => at(directory),
            None => at(&Directory::default()),
        }
    }
}

#[async_trait]
impl Reader for Window<'_> {
    async fn get(
        &self,
        ty: &ResourceType,
        id: ResourceId,
        load: Load,
    ) -> Result<Option<Found>, Unavailable> {
        Ok(self.look(|directory| directory.get(ty, id, load)))
    }

    /// The plan says what a store may answer without looking; this one looks at everything, so it
    /// has to have it.
    async fn find(&self, query: &Query<'_>) -> Result<Page, FindError> {
        self.look(|directory| {
            let mut sieve = Sieve::new(query);
            for found in directory.list(query.ty, looking(query)) {
                if matches!(query.from, Start::After(last) if found.record.id <= last) {
                    continue;
                }
                // What no condition says is left to the plan.
                if let (None, Candidates::Key(attr, KeyTest::NotEmpty)) =
                    (query.condition, &query.plan.candidates)
                    && !directory.has_key(found.record.id, attr)
                {
                    continue;
                }
                if sieve.offer(found)? == Want::Enough {
                    break;
                }
            }
            let mut page = sieve.finish();
            for found in &mut page.found {
                found.links.retain(|_| query.load.links);
                found.incoming.retain(|_| query.load.incoming);
            }
            Ok(page)
        })
    }

    async fn edges(
        &self,
        attr: &str,
        owners: &[ResourceId],
        after: Option<(ResourceId, ResourceId)>,
        limit: u32,
    ) -> Result<Vec<Edge>, Unavailable> {
        Ok(self.look(|directory| {
            directory
                .edges(attr)
                .filter(|edge| owners.contains(&edge.owner))
                .filter(|edge| after.is_none_or(|last| (edge.owner, edge.member) > last))
                .take(limit as usize)
                .collect()
        }))
    }

    async fn behind(
        &self,
        kind: &str,
        revision: u64,
        after: Option<ResourceId>,
        limit: u32,
    ) -> Result<Vec<Record>, Unavailable> {
        Ok(self.look(|directory| {
            let behind = directory.behind(kind, revision);
            let rest = behind.filter(|record| after.is_none_or(|last| record.id > last));
            rest.take(limit as usize).collect()
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Subject, contract};

    #[tokio::test]
    async fn keeps_the_contract() {
        contract::run(&Subject::memory()).await;
    }
}
