//! Another connection takes a resource over: record, keys, counts and event in one statement.
//!
//! The record stays where it is, with its edges. Its keys are made anew without the version
//! knowing, so the revision under which it is indexed must be that of the snapshot too: then its
//! keys are those of the snapshot, and all of them go.

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use rollcall_domain::{ConnectionId, Key, Scope, Write};
use uuid::Uuid;

use crate::commit::pieces::{Stem, log, under};
use crate::statement::statement;
use crate::values::to_db;

statement! {
    /// Another connection takes a resource over.
    HandOver [<'a>] [<'a>] [<'static>] -> (Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>)
    [stem: Stem<'a>] {
        expect: i64 = BigInt,
        to: Uuid = SqlUuid,
        indexed: i64 = BigInt,
        attrs: Vec<&'a str> = Array<Text>,
        keys: Vec<&'a str> = Array<Text>,
        unique: Vec<bool> = Array<Bool>,
    }
    TEXT
}

/// The version in the snapshot; the version that was written, and when the resource began.
pub(crate) type Row = (Option<i64>, Option<i64>, Option<i64>);

/// The parts of [`rollcall_domain::Act::HandOver`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handed<'a> {
    pub(crate) expect: u64,
    pub(crate) to: ConnectionId,
    pub(crate) keys: &'a [Key],
    pub(crate) indexed: u64,
}

impl<'a> HandOver<'a> {
    pub(crate) fn new(at: Scope, write: &'a Write, with: Handed<'a>) -> Self {
        Self {
            stem: Stem::of(at, write),
            expect: to_db(with.expect),
            to: with.to.uuid(),
            indexed: to_db(with.indexed),
            attrs: with.keys.iter().map(|key| &*key.attr).collect(),
            keys: with.keys.iter().map(|key| &*key.text).collect(),
            unique: with.keys.iter().map(|key| key.unique).collect(),
        }
    }
}

const TEXT: &str = concat!(
    "with fit as (
    update resource set connection = $11, version = version + 1, modified = $5, indexed = $12
    where organization = $1 and id = $4
        and connection is not distinct from $2 and kind is not distinct from $3 and version = $10
        and indexed = (
            select r.indexed from resource r where r.organization = $1 and r.id = $4)
    returning version, created
),
unkeyed as (
    delete from resource_key k using fit where k.organization = $1 and k.id = $4
),
keyed as (
    insert into resource_key (organization, connection, kind, attr, key, id, is_unique)
    select distinct $1, $11, $3, a.attr, a.key, $4, a.is_unique
    from fit, unnest($13::text[], $14::text[], $15::bool[]) a (attr, key, is_unique)
),
counted as (
    insert into resource_count (organization, connection, kind, n)
    select $1, c.connection, $3, c.n from fit, (values ($2, -1), ($11, 1)) c (connection, n)
),
logged as (
    ",
    log!(),
    "select $1, $6, $5, $7, ",
    under!(),
    ", $8, $3, $4, f.version, $9::jsonb from fit f
)
select
    (select r.version from resource r
     where r.organization = $1 and r.id = $4
         and r.connection is not distinct from $2 and r.kind is not distinct from $3),
    (select version from fit),
    (select created from fit)"
);
