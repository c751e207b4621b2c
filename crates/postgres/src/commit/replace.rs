//! A body is replaced: record, keys by difference, edges and event in one statement.
//!
//! The record is at the expected version in the statement's snapshot and still is when it is
//! written, so the snapshot's edges are the record's edges.

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use rollcall_domain::{Body, Key, Scope, Write};
use uuid::Uuid;

use crate::commit::pieces::{Edges, Stem, applied, differing, given, log};
use crate::statement::statement;
use crate::values::to_db;

statement! {
    /// A body is replaced, with edges or without.
    Replace [<'a, const LINKED: bool>] [<'a, LINKED>] [<'static, LINKED>]
    -> (Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>, Nullable<Array<SqlUuid>>) [stem: Stem<'a>, edges: Edges<'a>] {
        expect: i64 = BigInt,
        display: Option<&'a str> = Nullable<Text>,
        body: &'a str = Text,
        removed_attrs: Vec<&'a str> = Array<Text>,
        removed: Vec<&'a str> = Array<Text>,
        added_attrs: Vec<&'a str> = Array<Text>,
        added: Vec<&'a str> = Array<Text>,
        unique: Vec<bool> = Array<Bool>,
    }
    if LINKED { WITH_EDGES } else { ALONE }
}

/// The version in the snapshot; the version that was written, and when the resource began; the
/// members that are unknown.
pub(crate) type Row = (Option<i64>, Option<i64>, Option<i64>, Option<Vec<Uuid>>);

/// The parts of [`rollcall_domain::Act::Replace`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replacement<'a> {
    pub(crate) expect: u64,
    pub(crate) body: &'a Body,
    pub(crate) removed: &'a [Key],
    pub(crate) added: &'a [Key],
}

impl<'a, const LINKED: bool> Replace<'a, LINKED> {
    pub(crate) fn new(at: Scope, write: &'a Write, with: Replacement<'a>) -> Self {
        Self {
            stem: Stem::of(at, write),
            edges: Edges::of(write),
            expect: to_db(with.expect),
            display: with.body.display.as_deref(),
            body: &with.body.text,
            removed_attrs: with.removed.iter().map(|key| &*key.attr).collect(),
            removed: with.removed.iter().map(|key| &*key.text).collect(),
            added_attrs: with.added.iter().map(|key| &*key.attr).collect(),
            added: with.added.iter().map(|key| &*key.text).collect(),
            unique: with.added.iter().map(|key| key.unique).collect(),
        }
    }
}

/// Where `fit` has its row: the keys, by difference.
macro_rules! rekeyed {
    () => {
        "unkeyed as (
    delete from resource_key k
    using fit, unnest($18::text[], $19::text[]) d (attr, key)
    where k.organization = $1 and k.connection = $2 and k.kind = $3
        and k.attr = d.attr and k.key = d.key and k.id = $4
),
keyed as (
    insert into resource_key (organization, connection, kind, attr, key, id, is_unique)
    select distinct $1, $2, $3, a.attr, a.key, $4, a.is_unique
    from fit, unnest($20::text[], $21::text[], $22::bool[]) a (attr, key, is_unique)
),
"
    };
}

/// What the snapshot had, and what was written.
macro_rules! written {
    () => {
        "select
    (select r.version from resource r
     where r.organization = $1 and r.id = $4
         and r.connection is not distinct from $2 and r.kind is not distinct from $3),
    (select version from fit),
    (select created from fit),
"
    };
}

const ALONE: &str = concat!(
    "with fit as (
    update resource set version = version + 1, modified = $5, display = $16, body = $17
    where organization = $1 and id = $4
        and connection is not distinct from $2 and kind is not distinct from $3 and version = $15
    returning version, created
),
",
    rekeyed!(),
    "logged as (
    ",
    log!(),
    "select $1, $6, $5, $7, $2, $8, $3, $4, f.version, $9::jsonb from fit f
)
",
    written!(),
    "    null::uuid[]"
);

const WITH_EDGES: &str = concat!(
    "with ",
    given!(),
    differing!(),
    "fit as (
    update resource set version = version + 1, modified = $5, display = $16, body = $17,
        links = links + (select count(*) from missing) - (select count(*) from present)
    where organization = $1 and id = $4
        and connection is not distinct from $2 and kind is not distinct from $3 and version = $15
        and not exists (select from unknown)
    returning version, created
),
",
    rekeyed!(),
    applied!(),
    "logged as (
    ",
    log!(),
    "select $1, $6, $5, $7, $2, $8, $3, $4, f.version, $9::jsonb || t.changes from fit f, told t
)
",
    written!(),
    "    (select array_agg(member order by member) from unknown)"
);
