//! Building indexes in the background, while everything goes on.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rollcall_schema::{AttrDef, Document, Instant, ResourceType, Uniqueness};

use crate::admin::indexed;
use crate::{
    Amend, AmendError, Amendment, Candidates, Clock, Connection, ConnectionId, Entry, FindError,
    Key, KeyTest, Load, Offer, Plan, Query, Record, Registry, Reindex, Reindexed, ResourceId,
    Scope, Setup, Start, Store, Total, Unavailable,
};

/// How many records are indexed at once: what else is written waits for no more than these.
const BATCH: u32 = 500;

/// How many connections are looked at at once.
const PAGE: u32 = 1000;

/// How many conflicts are remembered of one connection.
const REMEMBERED: usize = 1000;

/// How long nothing must have been behind, in milliseconds, before an index counts as one that was
/// always there. Much longer than a server goes on believing in a setup
/// ([`BELIEVED_FOR`](crate::BELIEVED_FOR)) and than a request takes that it admitted under it, one
/// that is answered before it is done included.
const QUIET_FOR_MILLIS: i64 = 60 * 60 * 1000;

/// Gives every record the keys that the present definitions make of it.
///
/// Where another record has a value that must be unique, a record gets it all the same, but claims
/// it not: it is found by it, and marked. What is marked is tried again until it can be claimed, so
/// that a conflict keeps neither the index nor any other from being complete.
///
/// What is left to do is written in the records themselves: each says under which revision it was
/// indexed. So it begins where another one, or an earlier one, stopped; several may run at once,
/// and writers wait for no more than a batch. A server that has not yet heard of a setup may write
/// a record as the former one says: that record is behind, and a later run finds it.
pub struct Indexer {
    registry: Arc<dyn Registry>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    seen: Mutex<HashMap<ConnectionId, Seen>>,
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Built {
    /// How many records were indexed, and have all that is theirs.
    pub done: u64,
    /// How many moved at the same moment, and may be behind still.
    pub moved: u64,
    /// What can't be indexed, at most 1,000 of it.
    pub conflicts: BTreeSet<Conflict>,
}

/// A record whose value of an attribute that is unique another one has as well.
///
/// Whoever changes either value ends it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The resource type.
    pub kind: String,
    /// The record.
    pub id: ResourceId,
    /// The path of the attribute.
    pub attr: String,
}

/// One index of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The resource type.
    pub kind: String,
    /// The path of the attribute.
    pub attr: String,
    /// Whether it keeps values unique.
    pub unique: bool,
    /// How far it is.
    pub state: IndexState,
}

/// How far an index is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexState {
    /// Every record is in it: it answers filters.
    Ready,
    /// Some are not: it answers none.
    Building,
    /// It answers filters like one that is ready, but until values change those of these records
    /// are not unique: at most 1,000 of them.
    Conflict(Vec<ResourceId>),
}

/// What this process knows of a connection from earlier runs.
#[derive(Debug, Default)]
struct Seen {
    conflicts: BTreeSet<Conflict>,
    /// The revision at which nothing was behind, and since when.
    quiet: Option<(u64, Instant)>,
}

impl Indexer {
    /// The service over its ports.
    pub fn new(registry: Arc<dyn Registry>, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { registry, store, clock, seen: Mutex::default() }
    }

    /// Builds what is to be built in every connection: to be called every few seconds. Where
    /// nothing is, it costs one look at the connections, and one at each young index.
    ///
    /// A connection that fails is logged, and keeps none of the others waiting.
    ///
    /// # Errors
    /// [`Unavailable`] when the connections can't be listed.
    pub async fn tick(&self) -> Result<(), Unavailable> {
        let mut young = Vec::new();
        let mut after = None;
        loop {
            let page = self.registry.connections(None, after, PAGE).await?;
            let Some((_, last)) = page.last() else { break };
            after = Some(last.id);
            let connections = page.into_iter().map(|(_, connection)| connection);
            young.extend(connections.filter(|one| !one.setup.since.is_empty()));
        }
        self.seen().retain(|id, _| young.iter().any(|one| one.id == *id));
        for connection in &young {
            if let Err(error) = self.attend(connection).await {
                tracing::error!(connection = %connection.id, %error, "indexing failed");
            }
        }
        Ok(())
    }

    /// Builds what is to be built in one connection.
    ///
    /// # Errors
    /// [`Unavailable`]; what was done stays done.
    pub async fn run(&self, connection: &Connection) -> Result<Built, Unavailable> {
        let offer = Offer::of(connection).map_err(Unavailable::new)?;
        let mut built = Built::default();
        for ty in offer.catalog().types() {
            for def in young(&offer, ty) {
                let mut after = None;
                loop {
                    let (step, last) = self.claim(connection, &offer, (ty, def), after).await?;
                    built.add(step);
                    match last {
                        Some(_) => after = last,
                        None => break,
                    }
                }
            }
            let mut after = None;
            loop {
                let (step, last) = self.step(connection, &offer, ty, after).await?;
                built.add(step);
                match last {
                    Some(_) => after = last,
                    None => break,
                }
            }
        }
        Ok(built)
    }

    /// How far each index of a connection is. It does some of the work itself: what can't be
    /// indexed is found by trying.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn status(&self, connection: &Connection) -> Result<Vec<Index>, Unavailable> {
        let offer = Offer::of(connection).map_err(Unavailable::new)?;
        let mut indexes = Vec::new();
        for ty in offer.catalog().types() {
            self.step(connection, &offer, ty, None).await?;
            for def in indexed(ty) {
                let of = self.conflicts(connection, &offer, (ty, def)).await?;
                let since = offer.indexed_since(ty, def);
                let state = match of.is_empty() {
                    false => IndexState::Conflict(of),
                    true if self.is_complete(connection, ty, since).await? => IndexState::Ready,
                    true => IndexState::Building,
                };
                let unique = def.uniqueness != Uniqueness::None;
                let (kind, attr) = (ty.name().into(), def.path.to_string());
                indexes.push(Index { kind, attr, unique, state });
            }
        }
        Ok(indexes)
    }

    /// The records whose values of an attribute can't be claimed, some of them.
    async fn conflicts(
        &self,
        connection: &Connection,
        offer: &Offer,
        (ty, def): (&ResourceType, &AttrDef),
    ) -> Result<Vec<ResourceId>, Unavailable> {
        let mut of = BTreeSet::new();
        let mut after = None;
        while young(offer, ty).any(|young| young.id == def.id) && of.len() < REMEMBERED {
            let (step, last) = self.claim(connection, offer, (ty, def), after).await?;
            let here = step.conflicts.into_iter().filter(|conflict| *conflict.attr == *def.path);
            of.extend(here.map(|conflict| conflict.id));
            match last {
                Some(_) => after = last,
                None => break,
            }
        }
        Ok(of.into_iter().take(REMEMBERED).collect())
    }

    /// Runs, and settles what came of it.
    async fn attend(&self, connection: &Connection) -> Result<(), Unavailable> {
        let built = self.run(connection).await?;
        if built.done > 0 {
            tracing::info!(connection = %connection.id, records = built.done, "indexed anew");
        }
        if self.note(connection, &built) {
            let setup = Setup { since: Default::default(), ..connection.setup.clone() };
            // Where somebody else was faster, that one knows better.
            let (expect, revision) = (connection.revision, connection.revision + 1);
            let settled = Connection { setup, revision, ..connection.clone() };
            let entry = Entry::Connection(Box::new(settled));
            let acts = vec![Amend::Replace { entry, expect }];
            let amended = self.registry.amend(Amendment { acts, ..Amendment::default() }).await;
            if let Err(AmendError::Unavailable(source)) = amended {
                return Err(source);
            }
        }
        Ok(())
    }

    /// Remembers what a run did, and tells the operator of new conflicts. True once nothing was
    /// behind for so long that nothing will be.
    fn note(&self, connection: &Connection, built: &Built) -> bool {
        let now = self.clock.now();
        let mut all = self.seen();
        let seen = all.entry(connection.id).or_default();
        for conflict in built.conflicts.difference(&seen.conflicts) {
            tracing::warn!(
                connection = %connection.id,
                resource.type = conflict.kind,
                resource.id = %conflict.id,
                attribute = conflict.attr,
                "a value that must be unique is not, until it is changed"
            );
        }
        seen.conflicts.clone_from(&built.conflicts);
        if *built != Built::default() {
            seen.quiet = None;
            return false;
        }
        match seen.quiet {
            Some((revision, since)) if revision == connection.revision => {
                now.millis() - since.millis() >= QUIET_FOR_MILLIS
            }
            _ => {
                seen.quiet = Some((connection.revision, now));
                false
            }
        }
    }

    /// Indexes the records behind `after` that are next; gives back the last one where there may
    /// be more.
    async fn step(
        &self,
        connection: &Connection,
        offer: &Offer,
        ty: &ResourceType,
        after: Option<ResourceId>,
    ) -> Result<(Built, Option<ResourceId>), Unavailable> {
        let since = offer.complete_since(ty);
        if since == 0 {
            return Ok((Built::default(), None));
        }
        let at = scope(connection);
        let behind = self.store.scope(at).behind(ty.name(), since, after, BATCH).await?;
        let Some(last) = behind.last().map(|record| record.id) else {
            return Ok((Built::default(), None));
        };
        Ok((self.index(at, ty, &behind, offer.revision()).await?, Some(last)))
    }

    /// Tries to claim what is marked of an attribute, behind `after`; gives back the last record
    /// where there may be more.
    async fn claim(
        &self,
        connection: &Connection,
        offer: &Offer,
        (ty, def): (&ResourceType, &AttrDef),
        after: Option<ResourceId>,
    ) -> Result<(Built, Option<ResourceId>), Unavailable> {
        let at = scope(connection);
        let candidates = Candidates::Key(Key::mark_path(&def.path), KeyTest::NotEmpty);
        let plan = Plan { candidates, exact: true };
        let query = Query {
            ty,
            condition: None,
            plan: &plan,
            sort: None,
            from: after.map_or(Start::Skip(0), Start::After),
            count: BATCH,
            total: Total::Known(0),
            load: Load::default(),
        };
        let page = self.store.scope(at).find(&query).await.map_err(|error| match error {
            FindError::Unavailable(source) => source,
            too_many @ FindError::TooMany => Unavailable::new(too_many),
        })?;
        let marked: Vec<Record> = page.found.into_iter().map(|found| found.record).collect();
        let Some(last) = marked.last().map(|record| record.id) else {
            return Ok((Built::default(), None));
        };
        Ok((self.index(at, ty, &marked, offer.revision()).await?, Some(last)))
    }

    /// Gives records their keys, and leaves those unclaimed that somebody else has.
    async fn index(
        &self,
        at: Scope,
        ty: &ResourceType,
        records: &[Record],
        revision: u64,
    ) -> Result<Built, Unavailable> {
        let due = records.iter().map(|record| entry(ty, record, revision));
        let mut due = due.collect::<Result<Vec<_>, _>>()?;
        let (mut built, mut disputed) = (Built::default(), HashSet::new());
        // Each round takes the claims to one attribute from each record that is left.
        while !due.is_empty() {
            let outcomes = self.store.reindex(at, due.clone()).await?;
            let mut left = Vec::new();
            for (mut entry, outcome) in due.into_iter().zip(outcomes) {
                match outcome {
                    Reindexed::Done => built.done += u64::from(!disputed.contains(&entry.id)),
                    Reindexed::Taken { attr } if unclaim(&mut entry, &attr) => {
                        disputed.insert(entry.id);
                        let kind = ty.name().into();
                        built.conflicts.insert(Conflict { kind, id: entry.id, attr });
                        left.push(entry);
                    }
                    Reindexed::Moved | Reindexed::Taken { .. } => built.moved += 1,
                }
            }
            due = left;
        }
        Ok(built)
    }

    async fn is_complete(
        &self,
        connection: &Connection,
        ty: &ResourceType,
        since: u64,
    ) -> Result<bool, Unavailable> {
        if since == 0 {
            return Ok(true);
        }
        let behind = self.store.scope(scope(connection)).behind(ty.name(), since, None, 1).await?;
        Ok(behind.is_empty())
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<ConnectionId, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Indexer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indexer").finish_non_exhaustive()
    }
}

impl Built {
    fn add(&mut self, step: Self) {
        self.done += step.done;
        self.moved += step.moved;
        let room = REMEMBERED.saturating_sub(self.conflicts.len());
        self.conflicts.extend(step.conflicts.into_iter().take(room));
    }
}

/// The attributes of a type that became unique not long ago.
fn young<'a>(offer: &'a Offer, ty: &'a ResourceType) -> impl Iterator<Item = &'a AttrDef> {
    let unique = indexed(ty).filter(|def| def.uniqueness != Uniqueness::None);
    unique.filter(|def| offer.indexed_since(ty, def) > 0)
}

/// Takes the claims to an attribute from a record; false where it has none.
fn unclaim(entry: &mut Reindex, attr: &str) -> bool {
    let keys = std::mem::take(&mut entry.keys).into_iter();
    let (claims, others): (Vec<_>, Vec<_>) = keys.partition(|key| key.unique && *key.attr == *attr);
    let any = !claims.is_empty();
    entry.keys = others;
    entry.keys.extend(claims.into_iter().flat_map(Key::unclaimed));
    any
}

const fn scope(connection: &Connection) -> Scope {
    Scope { organization: connection.organization, connection: connection.id }
}

fn entry(ty: &ResourceType, record: &Record, revision: u64) -> Result<Reindex, Unavailable> {
    let document = Document::from_stored(&record.body).map_err(Unavailable::new)?;
    let keys = ty.index_keys(&document).iter().map(|key| Key::of(ty, key)).collect();
    let (kind, id, expect) = (ty.name().into(), record.id, record.version);
    Ok(Reindex { kind, id, expect, keys, revision })
}
