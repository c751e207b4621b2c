//! Everything one decision does to the store, as a value.

use std::collections::HashSet;
use std::sync::Arc;

use rollcall_schema::{Base, Instant};
use serde_json::{Map, Value};

use crate::{Actor, ConnectionId, EventId, Key, ResourceId};

/// What one decision does: committed whole, or nothing of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// One entry per resource.
    pub writes: Vec<Write>,
}

impl Change {
    /// The attribute of a unique value that two of the writes want: no store can apply the whole.
    pub fn contested(&self) -> Option<&str> {
        let mut wanted = HashSet::new();
        let mut keys = self.writes.iter().flat_map(|write| {
            let to = match write.act {
                Act::HandOver { to, .. } => Some(to),
                _ => None,
            };
            let unique = write.act.keys().iter().filter(|key| key.unique);
            unique.map(move |key| (to, &*write.kind, key))
        });
        let again = keys.find(|(to, kind, key)| !wanted.insert((*to, *kind, &key.attr, &key.text)));
        again.map(|(.., key)| &*key.attr)
    }
}

/// What happens to one resource, with the event that says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The name of the resource type.
    pub kind: Arc<str>,
    /// The resource.
    pub id: ResourceId,
    /// When: `modified` where something changes, `created` for a new one.
    pub at: Instant,
    /// To the record.
    pub act: Act,
    /// To its relation. Nothing for [`Act::Delete`], which drops every edge at either end.
    pub edges: Vec<EdgeOp>,
    /// Appended in the same commit when, and only when, something changed.
    pub event: Event,
}

/// What happens to a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// It begins, at version 1.
    Create {
        /// The body and what is indexed of it.
        body: Body,
        /// Every key.
        keys: Vec<Key>,
    },
    /// Its body is replaced; the version moves by one.
    Replace {
        /// The version that was read: another one is [`CommitError::Stale`](crate::CommitError).
        expect: u64,
        /// The new body.
        body: Body,
        /// What becomes of its keys.
        keys: KeyChange,
    },
    /// Only edges change: the version and `modified` move when at least one really did, and
    /// nothing at all is written when none did. The record is not read.
    Link {
        /// The version that a client insists on.
        expect: Option<u64>,
    },
    /// Another connection of the organization takes it over as it is, with its edges; the version
    /// moves by one, and so do the counts of both connections. The event stands under the one that
    /// it leaves.
    HandOver {
        /// The version that was read: another one is [`CommitError::Stale`](crate::CommitError).
        expect: u64,
        /// Who takes it over.
        to: ConnectionId,
        /// Every key, as that connection's definitions make them; there is no other afterwards.
        /// One that is unique and in use there is [`CommitError::Taken`](crate::CommitError).
        keys: Vec<Key>,
        /// The revision of those definitions.
        indexed: u64,
    },
    /// It ends. Edges at either end go with it. Each resource that loses an edge to it moves its
    /// version and `modified` and gets an event of its own (`resource.changed`, the removal under
    /// `members`, the same actor and time).
    Delete {
        /// The version that a client insists on.
        expect: Option<u64>,
    },
}

impl Act {
    /// The keys that a record may not have had before.
    pub fn keys(&self) -> &[Key] {
        match self {
            Self::Create { keys, .. } | Self::HandOver { keys, .. } => keys,
            Self::Replace { keys: KeyChange::By { added, .. }, .. } => added,
            Self::Replace { keys: KeyChange::To(keys), .. } => keys,
            Self::Link { .. } | Self::Delete { .. } => &[],
        }
    }
}

/// What becomes of the keys of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyChange {
    /// The difference, for a record that every index knows.
    By {
        /// Keys that it no longer has.
        removed: Vec<Key>,
        /// Keys that it didn't have. Disjoint from `removed`.
        added: Vec<Key>,
    },
    /// They become exactly these, whichever there were: the record was indexed under an earlier
    /// revision of the definitions. Only the difference is written.
    To(Vec<Key>),
}

/// A record's body as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The canonical document as JSON text, stored as it is.
    pub text: String,
    /// What references to the resource show.
    pub display: Option<String>,
    /// The revision of the definitions that its keys were made under.
    pub indexed: u64,
}

/// What becomes of one relation of a resource: sets, which read no other member.
///
/// Every id in `add` must be a resource of the same connection, else the commit is
/// [`CommitError::UnknownMembers`](crate::CommitError). Adding what is there and removing what
/// isn't change nothing. `add` and `remove` are disjoint; both are sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeOp {
    /// The path of the relation: `members`.
    pub attr: Arc<str>,
    /// What it starts from. With [`Base::Nothing`] the stored rows become exactly `add`: only the
    /// difference is written.
    pub base: Base,
    /// Belong afterwards.
    pub add: Vec<ResourceId>,
    /// Don't belong afterwards.
    pub remove: Vec<ResourceId>,
}

/// One entry of the organization's log, but for its number.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its id.
    pub id: EventId,
    /// Who did it.
    pub actor: Actor,
    /// What was done.
    pub action: Action,
    /// What changed: `before` and `after`, objects of the top-level attributes that differ. The
    /// store adds, under the relation's path, `{"added": [ids], "removed": [ids]}` of the edges
    /// that really changed, where there are any.
    pub changes: Map<String, Value>,
}

/// What was done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It began.
    Created,
    /// It changed.
    Changed,
    /// Another connection took it over.
    HandedOver,
    /// It ended.
    Deleted,
}

impl Action {
    /// The name in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "resource.created",
            Self::Changed => "resource.changed",
            Self::HandedOver => "resource.handed_over",
            Self::Deleted => "resource.deleted",
        }
    }
}

/// What a commit did to one resource, in the order of [`Change::writes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The version afterwards.
    pub version: u64,
    /// `meta.created`.
    pub created: Instant,
    /// `meta.lastModified` afterwards.
    pub modified: Instant,
    /// Whether anything was written. Without, no event was appended either.
    pub changed: bool,
}
