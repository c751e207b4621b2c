//! One connection's resources and edges.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rollcall_domain::{
    Act, Action, Body, Change, CommitError, ConnectionId, Edge, EdgeOp, EventId, Found, Key,
    KeyChange, Load, Record, Reindex, Reindexed, ResourceId, Scope, Unavailable, Write, Written,
};
use rollcall_schema::{Base, Derivation, Incoming, Instant, Link, Reach, ResourceType};
use serde_json::{Map, Value, json};

use crate::LoggedEvent;
use crate::fresh::fresh;

#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    resources: BTreeMap<ResourceId, Resource>,
    /// Owner, path of the relation, member.
    edges: BTreeSet<(ResourceId, Arc<str>, ResourceId)>,
}

/// What a change did.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) written: Vec<Written>,
    pub(super) events: Vec<LoggedEvent>,
}

#[derive(Clone, Debug)]
struct Resource {
    kind: Arc<str>,
    version: u64,
    created: Instant,
    modified: Instant,
    body: Body,
    keys: BTreeSet<Key>,
}

/// The edges of one relation that a write really changed.
struct Moved {
    attr: Arc<str>,
    added: Vec<ResourceId>,
    removed: Vec<ResourceId>,
}

impl Directory {
    pub(super) fn get(&self, ty: &ResourceType, id: ResourceId, load: Load) -> Option<Found> {
        let resource = self.resources.get(&id).filter(|resource| *resource.kind == *ty.name())?;
        let links = match ty.relation() {
            Some(relation) if load.links => {
                { self.edges(&relation.path).filter(|edge| edge.owner == id).map(|edge| edge.link) }
                    .collect()
            }
            _ => Vec::new(),
        };
        let incoming = match ty.derived().and_then(|def| def.derivation.as_ref()) {
            Some(derivation) if load.incoming => self.incoming(derivation, id),
            _ => Vec::new(),
        };
        Some(Found { record: self.record(id, resource), links, incoming })
    }

    fn record(&self, id: ResourceId, resource: &Resource) -> Record {
        Record {
            id,
            version: resource.version,
            created: resource.created,
            modified: resource.modified,
            links: self.edges.iter().filter(|(owner, ..)| *owner == id).count() as u64,
            indexed: resource.body.indexed,
            body: resource.body.text.clone(),
        }
    }

    /// Every resource of the type in the order of ids.
    pub(super) fn list(&self, ty: &ResourceType, load: Load) -> impl Iterator<Item = Found> {
        self.resources.keys().filter_map(move |id| self.get(ty, *id, load))
    }

    /// Whether a resource has a key of this attribute that is not empty.
    pub(super) fn has_key(&self, id: ResourceId, attr: &str) -> bool {
        let keys = self.resources.get(&id).into_iter().flat_map(|resource| &resource.keys);
        keys.into_iter().any(|key| *key.attr == *attr && !key.text.is_empty())
    }

    /// Every row of the relation, ordered by owner and member.
    pub(super) fn edges(&self, attr: &str) -> impl Iterator<Item = Edge> {
        self.edges.iter().filter(move |(_, at, _)| **at == *attr).filter_map(
            |(owner, _, member)| {
                let target = self.resources.get(member)?;
                let link = Link {
                    id: member.to_string(),
                    kind: target.kind.to_string(),
                    display: target.body.display.clone(),
                };
                Some(Edge { owner: *owner, member: *member, link })
            },
        )
    }

    /// Who reaches `id` through the relation, each once, in the order of ids.
    fn incoming(&self, through: &Derivation, id: ResourceId) -> Vec<Incoming> {
        let mut reached = BTreeMap::new();
        let mut front = self.owners(through, id);
        reached.extend(front.iter().map(|owner| (*owner, Reach::Direct)));
        while let Some(next) = front.pop() {
            for owner in self.owners(through, next) {
                if let Entry::Vacant(unseen) = reached.entry(owner) {
                    unseen.insert(Reach::Indirect);
                    front.push(owner);
                }
            }
        }
        let shown = reached.into_iter().filter_map(|(id, reach)| {
            let owner = self.resources.get(&id)?;
            let (kind, display) = (owner.kind.to_string(), owner.body.display.clone());
            Some(Incoming { id: id.to_string(), kind, display, reach })
        });
        shown.collect()
    }

    fn owners(&self, through: &Derivation, of: ResourceId) -> Vec<ResourceId> {
        self.edges(&through.through)
            .filter(|edge| edge.member == of)
            .map(|edge| edge.owner)
            .filter(|id| self.resources.get(id).is_some_and(|owner| *owner.kind == *through.of))
            .collect()
    }

    /// Applies a change; `others` are the directories that take something over. After an error all
    /// of them are in pieces: apply to copies.
    pub(super) fn apply(
        &mut self,
        at: Scope,
        change: &Change,
        others: &mut HashMap<ConnectionId, Self>,
    ) -> Result<Done, CommitError> {
        // Records first, so that edges may point at resources of the same change.
        let mut left = Vec::new();
        for write in &change.writes {
            left.push(self.act(write)?);
        }
        self.check_members(change)?;
        let mut done = Done::default();
        for (write, ended) in change.writes.iter().zip(left) {
            match (ended, &write.act) {
                (_, Act::HandOver { to, .. }) => {
                    let other = others.get_mut(to).ok_or(CommitError::Gone)?;
                    self.hand_over(at, write, other, &mut done)?;
                }
                (Some(ended), _) => self.finish_delete(at, write, &ended, &mut done),
                (None, _) => self.finish(at, write, &mut done)?,
            }
        }
        self.check_unique(change)?;
        Ok(done)
    }

    /// Does what a write says to its record; gives back one that it ended.
    fn act(&mut self, write: &Write) -> Result<Option<Resource>, CommitError> {
        match &write.act {
            Act::Create { body, keys } => {
                let resource = Resource {
                    kind: Arc::clone(&write.kind),
                    version: 1,
                    created: write.at,
                    modified: write.at,
                    body: body.clone(),
                    keys: keys.iter().cloned().collect(),
                };
                match self.resources.insert(write.id, resource) {
                    None => Ok(None),
                    Some(_) => Err(Unavailable::new("an id was given twice").into()),
                }
            }
            Act::Replace { expect, body, keys } => {
                let resource = self.expected(write, Some(*expect))?;
                resource.body = body.clone();
                match keys {
                    KeyChange::By { removed, added } => {
                        // Whether they are unique is not asked.
                        let goes = |key: &Key| {
                            removed
                                .iter()
                                .any(|one| (&one.attr, &one.text) == (&key.attr, &key.text))
                        };
                        resource.keys.retain(|key| !goes(key));
                        resource.keys.extend(added.iter().cloned());
                    }
                    KeyChange::To(keys) => resource.keys = keys.iter().cloned().collect(),
                }
                resource.touch(write.at);
                Ok(None)
            }
            Act::Link { expect } => self.expected(write, *expect).map(|_| None),
            Act::HandOver { expect, keys, indexed, .. } => {
                let resource = self.expected(write, Some(*expect))?;
                resource.keys = keys.iter().cloned().collect();
                resource.body.indexed = *indexed;
                resource.touch(write.at);
                Ok(None)
            }
            Act::Delete { expect } => {
                self.expected(write, *expect)?;
                Ok(self.resources.remove(&write.id))
            }
        }
    }

    fn expected(
        &mut self,
        write: &Write,
        version: Option<u64>,
    ) -> Result<&mut Resource, CommitError> {
        let resource = self.resources.get_mut(&write.id).filter(|found| found.kind == write.kind);
        let resource = resource.ok_or(CommitError::Gone)?;
        if version.is_some_and(|version| version != resource.version) {
            return Err(CommitError::Stale);
        }
        Ok(resource)
    }

    fn check_members(&self, change: &Change) -> Result<(), CommitError> {
        let ops = change.writes.iter().flat_map(|write| &write.edges);
        let unknown: BTreeSet<ResourceId> = ops
            .flat_map(|op| &op.add)
            .filter(|id| !self.resources.contains_key(id))
            .copied()
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        Err(CommitError::UnknownMembers(unknown.into_iter().collect()))
    }

    fn check_unique(&self, change: &Change) -> Result<(), CommitError> {
        match change.writes.iter().find_map(|write| self.taken(write.id)) {
            Some(attr) => Err(CommitError::Taken { attr }),
            None => Ok(()),
        }
    }

    /// The attribute whose unique value another resource of the type has too.
    fn taken(&self, id: ResourceId) -> Option<String> {
        let written = self.resources.get(&id)?;
        let taken = |key: &&Key| {
            self.resources.iter().any(|(other, resource)| {
                *other != id && resource.kind == written.kind && resource.keys.contains(*key)
            })
        };
        let key = written.keys.iter().filter(|key| key.unique).find(taken)?;
        Some(key.attr.to_string())
    }

    /// Records of a type that were indexed under an earlier revision, in the order of ids.
    pub(super) fn behind(&self, kind: &str, revision: u64) -> impl Iterator<Item = Record> {
        let behind = self.resources.iter().filter(move |(_, resource)| {
            *resource.kind == *kind && resource.body.indexed < revision
        });
        behind.map(|(id, resource)| self.record(*id, resource))
    }

    pub(super) fn reindex(&mut self, entry: Reindex) -> Reindexed {
        let resource = self.resources.get_mut(&entry.id);
        let resource = resource.filter(|resource| *resource.kind == *entry.kind);
        let Some(resource) = resource.filter(|resource| resource.version == entry.expect) else {
            return Reindexed::Moved;
        };
        let keys = std::mem::replace(&mut resource.keys, entry.keys.into_iter().collect());
        if let Some(attr) = self.taken(entry.id) {
            if let Some(resource) = self.resources.get_mut(&entry.id) {
                resource.keys = keys;
            }
            return Reindexed::Taken { attr };
        }
        if let Some(resource) = self.resources.get_mut(&entry.id) {
            resource.body.indexed = entry.revision;
        }
        Reindexed::Done
    }

    /// Does what a write says to the edges of a record that stays, and logs the whole.
    fn finish(&mut self, at: Scope, write: &Write, done: &mut Done) -> Result<(), CommitError> {
        let moved: Vec<Moved> =
            write.edges.iter().filter_map(|op| self.link(write.id, op)).collect();
        let linked = matches!(write.act, Act::Link { .. });
        let resource = self.resources.get_mut(&write.id).ok_or(CommitError::Gone)?;
        if linked && !moved.is_empty() {
            resource.touch(write.at);
        }
        let changed = !linked || !moved.is_empty();
        done.written.push(resource.written(changed));
        if changed {
            done.events.push(event(at, write, resource.version, &moved));
        }
        Ok(())
    }

    fn link(&mut self, owner: ResourceId, op: &EdgeOp) -> Option<Moved> {
        let add: BTreeSet<ResourceId> = op.add.iter().copied().collect();
        let stored: BTreeSet<ResourceId> = self
            .edges
            .iter()
            .filter(|(from, attr, _)| (*from, attr) == (owner, &op.attr))
            .map(|(_, _, member)| *member)
            .collect();
        let remove: BTreeSet<ResourceId> = match op.base {
            Base::Kept => op.remove.iter().copied().collect(),
            Base::Nothing => stored.difference(&add).copied().collect(),
        };
        let added: Vec<ResourceId> = add.difference(&stored).copied().collect();
        let removed: Vec<ResourceId> = remove.intersection(&stored).copied().collect();
        for member in &added {
            self.edges.insert((owner, Arc::clone(&op.attr), *member));
        }
        for member in &removed {
            self.edges.remove(&(owner, Arc::clone(&op.attr), *member));
        }
        let really = !added.is_empty() || !removed.is_empty();
        really.then(|| Moved { attr: Arc::clone(&op.attr), added, removed })
    }

    /// Moves a record and the edges that it owns to another directory, and logs that here. The
    /// members may follow later.
    fn hand_over(
        &mut self,
        at: Scope,
        write: &Write,
        to: &mut Self,
        done: &mut Done,
    ) -> Result<(), CommitError> {
        let resource = self.resources.remove(&write.id).ok_or(CommitError::Gone)?;
        done.written.push(resource.written(true));
        done.events.push(event(at, write, resource.version, &[]));
        to.resources.insert(write.id, resource);
        let (owned, kept) =
            std::mem::take(&mut self.edges).into_iter().partition(|(owner, ..)| *owner == write.id);
        self.edges = kept;
        let owned: BTreeSet<(ResourceId, Arc<str>, ResourceId)> = owned;
        to.edges.extend(owned.into_iter().filter(|(.., member)| {
            self.resources.contains_key(member) || to.resources.contains_key(member)
        }));
        to.taken(write.id).map_or(Ok(()), |attr| Err(CommitError::Taken { attr }))
    }

    /// Erases up to `limit` resources without a word; says how many.
    pub(super) fn erase(&mut self, limit: usize) -> usize {
        let ended: BTreeSet<ResourceId> = self.resources.keys().take(limit).copied().collect();
        self.resources.retain(|id, _| !ended.contains(id));
        self.edges.retain(|(owner, _, member)| !ended.contains(owner) && !ended.contains(member));
        ended.len()
    }

    /// Drops the edges at both ends of a record that ended, and logs it with every owner that
    /// lost it.
    fn finish_delete(&mut self, at: Scope, write: &Write, ended: &Resource, done: &mut Done) {
        let version = ended.version + 1;
        let (created, modified) = (ended.created, write.at);
        done.written.push(Written { version, created, modified, changed: true });
        done.events.push(event(at, write, version, &[]));
        let (lost, kept) = std::mem::take(&mut self.edges)
            .into_iter()
            .partition(|(owner, _, member)| *owner == write.id || *member == write.id);
        self.edges = kept;
        let lost: BTreeSet<(ResourceId, Arc<str>, ResourceId)> = lost;
        for (owner, attr, member) in lost {
            let Some(resource) = self.resources.get_mut(&owner) else { continue };
            resource.touch(write.at);
            let moved = Moved { attr, added: Vec::new(), removed: vec![member] };
            done.events.push(LoggedEvent {
                id: EventId::from_uuid(fresh()),
                action: Action::Changed.name().into(),
                kind: resource.kind.to_string(),
                resource: owner,
                version: resource.version,
                changes: moved.added_to(Map::new()),
                ..event(at, write, version, &[])
            });
        }
    }
}

impl Resource {
    fn touch(&mut self, at: Instant) {
        self.version += 1;
        self.modified = at;
    }

    fn written(&self, changed: bool) -> Written {
        let (version, created, modified) = (self.version, self.created, self.modified);
        Written { version, created, modified, changed }
    }
}

impl Moved {
    fn added_to(&self, mut changes: Map<String, Value>) -> Map<String, Value> {
        let texts = |ids: &[ResourceId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let moved = json!({ "added": texts(&self.added), "removed": texts(&self.removed) });
        changes.insert(self.attr.to_string(), moved);
        changes
    }
}

fn event(at: Scope, write: &Write, version: u64, moved: &[Moved]) -> LoggedEvent {
    let changes = write.event.changes.clone();
    LoggedEvent {
        id: write.event.id,
        seq: None,
        at: write.at,
        actor: write.event.actor.to_string(),
        connection: at.connection,
        action: write.event.action.name().into(),
        kind: write.kind.to_string(),
        resource: write.id,
        version,
        changes: moved.iter().fold(changes, |changes, moved| moved.added_to(changes)),
    }
}
