//! Resources as a store gives them back.

use rollcall_schema::{Document, Incoming, Instant, Link, View};

use crate::ResourceId;

/// A stored resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: ResourceId,
    /// Its revision, from 1.
    pub version: u64,
    /// When it began.
    pub created: Instant,
    /// When it last really changed (R-COMMON-04).
    pub modified: Instant,
    /// How many rows its relation has; kept beside it, so that nobody counts them.
    pub links: u64,
    /// The revision of the definitions that its keys were made under.
    pub indexed: u64,
    /// The canonical document as JSON text.
    pub body: String,
}

/// A stored resource with what was loaded beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The resource.
    pub record: Record,
    /// Rows of its relation, where [`Load::links`] asked for them.
    pub links: Vec<Link>,
    /// Resources whose relation points here, where [`Load::incoming`] asked for them.
    pub incoming: Vec<Incoming>,
}

impl Found {
    /// The resource as filters see it; `document` is its parsed body and `id` its id as text.
    pub fn view<'a>(&'a self, id: &'a str, document: &'a Document) -> View<'a> {
        View {
            id,
            version: self.record.version,
            created: self.record.created,
            modified: self.record.modified,
            document,
            links: &self.links,
            incoming: &self.incoming,
        }
    }
}

/// One row of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Whose relation it is.
    pub owner: ResourceId,
    /// The resource that it points at.
    pub member: ResourceId,
    /// How that shows.
    pub link: Link,
}

/// What is loaded beside a record, in the same round trip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Every row of its relation.
    pub links: bool,
    /// What points here, directly or through nested resources; only for types that have a
    /// derived attribute.
    pub incoming: bool,
}
