//! How an index narrows a search: the same plan for every store.

use std::ops::Bound;
use std::sync::Arc;

use rollcall_schema::Instant;

use crate::ResourceId;

/// What a store asks its indexes for a filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// A superset of the matches, made of indexed sets alone.
    pub candidates: Candidates,
    /// Whether the candidates are the matches, so that nothing is left to decide.
    pub exact: bool,
}

/// A set of resources of one type, as indexes know it.
///
/// Stores render this leaf by leaf; a union must become a `UNION` of id sets, never an `OR` of
/// `IN`s, which scans.
#[derive(Clone, Debug, PartialEq)]
pub enum Candidates {
    /// Every resource of the type.
    All,
    /// None.
    None,
    /// The one with this id.
    Id(ResourceId),
    /// Those with an index row of this attribute that passes the test.
    Key(Arc<str>, KeyTest),
    /// Those created within bounds.
    Created(Bound<Instant>, Bound<Instant>),
    /// Those last modified within bounds.
    Modified(Bound<Instant>, Bound<Instant>),
    /// Those whose relation holds this resource.
    Holding(Arc<str>, ResourceId),
    /// Those whose relation holds anything.
    HoldingAny(Arc<str>),
    /// The others.
    Not(Box<Self>),
    /// Those in every set.
    And(Vec<Self>),
    /// Those in at least one set.
    Or(Vec<Self>),
}

/// What is asked of the stored key of an index row. Texts compare by bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyTest {
    /// It is this text.
    Equals(String),
    /// It begins with this text, which is not empty.
    Prefix(String),
    /// It lies within bounds.
    Within(Bound<String>, Bound<String>),
    /// It is not empty.
    NotEmpty,
}

impl Plan {
    /// Every resource of the type, as for a list without a filter.
    pub const ALL: Self = Self { candidates: Candidates::All, exact: true };
}
