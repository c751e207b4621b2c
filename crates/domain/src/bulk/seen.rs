//! What is known of resources: as they were read, or as pending changes leave them.

use std::collections::HashMap;
use std::sync::Arc;

use rollcall_schema::{Document, Instant, Link, ResourceType};

use crate::directory::parsed;
use crate::directory::references::Known;
use crate::{Found, ResourceId, Unavailable};

/// How many bytes of bodies are kept before those that nobody waits for are dropped.
const HEAVY: usize = 16 << 20;

/// Resources by their ids, for the time of a few rounds.
#[derive(Debug, Default)]
pub(super) struct Seen {
    sights: HashMap<ResourceId, Sight>,
    /// Whether a pending change is an end: it moves whatever holds the resource, unseen.
    ending: bool,
    /// Which resources are there that operations refer to.
    pub(super) known: Known,
    bytes: usize,
}

#[derive(Debug)]
struct Sight {
    ty: Arc<ResourceType>,
    /// None where there is no such resource.
    standing: Option<Standing>,
    basis: Basis,
    touched: bool,
}

/// What a sight rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// On the store as it is.
    Stored,
    /// On pending changes as well: it is wrong where one of them fails.
    Pending,
}

/// A resource as it stands.
#[derive(Debug)]
pub(super) struct Standing {
    /// Its version, where that can be told without asking.
    pub(super) version: Option<u64>,
    pub(super) created: Instant,
    pub(super) modified: Instant,
    pub(super) indexed: u64,
    pub(super) document: Document,
    /// How many bytes its body has.
    pub(super) size: usize,
    /// Rows of its relation, where they were loaded.
    pub(super) links: Option<Vec<Link>>,
}

/// What looking a resource up gives.
#[derive(Debug)]
pub(super) enum Look<'a> {
    /// It has to be read.
    Unread,
    /// There is none.
    Missing(Basis),
    /// It is there, at this version where that can be told.
    Here(&'a Standing, Option<u64>, Basis),
}

impl Seen {
    pub(super) fn look(&self, ty: &ResourceType, id: ResourceId) -> Look<'_> {
        let Some(sight) = self.sights.get(&id) else { return Look::Unread };
        let same = sight.ty.name() == ty.name();
        match &sight.standing {
            Some(standing) if same => {
                let moved = self.ending && ty.relation().is_some();
                Look::Here(standing, standing.version.filter(|_| !moved), sight.basis)
            }
            // An id is unique over all types, and what ends is of none afterwards.
            Some(_) => Look::Missing(sight.basis),
            None if same || sight.touched => Look::Missing(sight.basis),
            None => Look::Unread,
        }
    }

    /// Keeps what a store gave.
    pub(super) fn read(
        &mut self,
        ty: &Arc<ResourceType>,
        id: ResourceId,
        found: Option<Found>,
        links: Loaded,
    ) -> Result<(), Unavailable> {
        let standing = found.map(|found| standing(found, links)).transpose()?;
        self.put(id, Sight { ty: Arc::clone(ty), standing, basis: Basis::Stored, touched: false });
        Ok(())
    }

    /// Keeps what a pending change makes of a resource; nothing where it ends.
    pub(super) fn expect(
        &mut self,
        ty: &Arc<ResourceType>,
        id: ResourceId,
        standing: Option<Standing>,
        basis: Basis,
    ) {
        if standing.is_none() {
            self.ending = true;
            self.known.forget(id);
        }
        self.put(id, Sight { ty: Arc::clone(ty), standing, basis, touched: true });
    }

    /// Forgets what the changes that are no longer pending have moved.
    pub(super) fn settle(&mut self) {
        let ended = std::mem::take(&mut self.ending);
        let moved = |sight: &Sight| sight.touched || (ended && sight.ty.relation().is_some());
        if self.is_heavy() {
            self.clear();
        }
        self.sights.retain(|_, sight| !moved(sight));
        if ended {
            self.known = Known::default();
        }
        self.bytes = self.sights.values().map(Sight::bytes).sum();
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether a pending change is an end.
    pub(super) const fn is_ending(&self) -> bool {
        self.ending
    }

    pub(super) const fn is_heavy(&self) -> bool {
        self.bytes > HEAVY
    }

    fn put(&mut self, id: ResourceId, sight: Sight) {
        self.bytes += sight.bytes();
        if let Some(before) = self.sights.insert(id, sight) {
            self.bytes -= before.bytes();
        }
    }
}

impl Sight {
    fn bytes(&self) -> usize {
        self.standing.as_ref().map_or(0, |standing| standing.size)
    }
}

/// Whether the rows of a relation were loaded beside a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loaded {
    Record,
    RecordAndLinks,
}

fn standing(found: Found, loaded: Loaded) -> Result<Standing, Unavailable> {
    Ok(Standing {
        version: Some(found.record.version),
        created: found.record.created,
        modified: found.record.modified,
        indexed: found.record.indexed,
        size: found.record.body.len(),
        document: parsed(&found.record)?,
        links: (loaded == Loaded::RecordAndLinks).then_some(found.links),
    })
}
