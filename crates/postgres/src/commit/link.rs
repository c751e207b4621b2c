//! Only edges change: they, the owner's version and the event in one statement.
//!
//! Without a difference in the snapshot nothing is locked and nothing is written. Otherwise the
//! owner's row is locked first, so that the changes of one owner follow each other and its version
//! tells their order; the insert passes over edges that others committed meanwhile, the delete
//! over those that they removed.
//!
//! One edge comes or goes whatever becomes of the others. A relation that is replaced, or several
//! edges that belong together, must be compared with what there is: the snapshot's edges are that
//! as long as the locked row has the version that it has in the snapshot, for no edge changes
//! without it. If it hasn't, nothing is written, and the caller locks the row beforehand with
//! [`Lock`].

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use rollcall_domain::{Scope, Write};
use uuid::Uuid;

use crate::commit::pieces::{Edges, Stem, applied, differing, given, log, under};
use crate::statement::statement;
use crate::values::{place, to_db};

statement! {
    /// Only edges change.
    Link [<'a>] [<'a>] [<'static>] -> (
        Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>,
        Nullable<BigInt>, Nullable<BigInt>,
        Nullable<BigInt>,
        Bool,
        Nullable<Array<SqlUuid>>,
    ) [stem: Stem<'a>, edges: Edges<'a>] {
        expect: Option<i64> = Nullable<BigInt>,
    }
    TEXT
}

statement! {
    /// Locks a record until its transaction ends.
    Lock [<'a>] [<'a>] [<'static>] -> (BigInt,) {
        organization: Uuid = SqlUuid,
        connection: Uuid = SqlUuid,
        kind: &'a str = Text,
        id: Uuid = SqlUuid,
    }
    "select version from resource
where organization = $1 and id = $4
        and connection is not distinct from $2 and kind is not distinct from $3
for no key update"
}

/// What became of a [`Link`].
#[derive(Debug, diesel::Queryable)]
pub(crate) struct Row {
    /// The version in the snapshot.
    pub(crate) seen: Option<i64>,
    /// When the resource began.
    pub(crate) created: Option<i64>,
    /// When it had changed last in the snapshot.
    pub(crate) modified: Option<i64>,
    /// The version of the locked row.
    pub(crate) held: Option<i64>,
    /// When that had changed last.
    pub(crate) held_modified: Option<i64>,
    /// The version that was written.
    pub(crate) moved: Option<i64>,
    /// Whether the snapshot differed from what is asked for.
    pub(crate) wanted: bool,
    /// The members that are unknown.
    pub(crate) unknown: Option<Vec<Uuid>>,
}

impl<'a> Link<'a> {
    pub(crate) fn new(at: Scope, write: &'a Write, expect: Option<u64>) -> Self {
        Self { stem: Stem::of(at, write), edges: Edges::of(write), expect: expect.map(to_db) }
    }
}

impl<'a> Lock<'a> {
    pub(crate) fn new(at: Scope, write: &'a Write) -> Self {
        let (organization, connection) = place(at);
        Self { organization, connection, kind: &write.kind, id: write.id.uuid() }
    }
}

const TEXT: &str = concat!(
    "with ",
    given!(),
    differing!(),
    "seen as (
    select version, created, modified from resource
    where organization = $1 and id = $4
        and connection is not distinct from $2 and kind is not distinct from $3
),
held as (
    select version, modified from resource
    where organization = $1 and id = $4
        and connection is not distinct from $2 and kind is not distinct from $3
        and (exists (select from missing) or exists (select from present))
        and not exists (select from unknown)
    for no key update
),
fit as (
    select h.version from held h, seen s
    where ($15::bigint is null or h.version = $15)
        and (h.version = s.version or cardinality($14::text[]) = 0
            and cardinality($10::text[]) + cardinality($12::text[]) <= 1)
),
",
    applied!(),
    "moved as (
    update resource r set version = f.version + 1, modified = $5,
        links = r.links + (select coalesce(sum(case when came then 1 else -1 end), 0) from shifted)
    from fit f
    where r.organization = $1 and r.id = $4 and exists (select from shifted)
    returning r.version
),
logged as (
    ",
    log!(),
    "select $1, $6, $5, $7, ",
    under!(),
    ", $8, $3, $4, m.version, $9::jsonb || t.changes from moved m, told t
)
select
    s.version, s.created, s.modified, h.version, h.modified,
    (select version from moved),
    exists (select from missing) or exists (select from present),
    (select array_agg(member order by member) from unknown)
from (select) one left join seen s on true left join held h on true"
);
