//! A body is replaced: record, keys by difference, edges and event in one statement.
//!
//! The record is at the expected version in the statement's snapshot and still is when it is
//! written, so the snapshot's edges are the record's edges. Its keys are made anew without the
//! version knowing: where they are to become exactly the given ones, whichever there are, the
//! revision under which the record is indexed must be that of the snapshot too.

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use rollcall_domain::{Body, Key, KeyChange, Scope, Write};
use uuid::Uuid;

use crate::commit::pieces::{Edges, Stem, applied, differing, given, log, under};
use crate::statement::statement;
use crate::values::to_db;

/// Where `fit` has its row: the keys, by difference. A key that came with another revision of the
/// definitions may be there already.
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
    on conflict (organization, connection, kind, attr, key, id) do nothing
),
"
    };
}

/// Where `fit` has its row: the keys become exactly the given ones. Those that are there and only
/// differ in being unique are updated: a statement can't drop a key and insert it again.
macro_rules! rekeyed_whole {
    () => {
        "held as materialized (
    select k.attr, k.key, k.is_unique from resource_key k
    where k.organization = $1 and k.id = $4
),
unkeyed as (
    delete from resource_key k using fit
    where k.organization = $1 and k.id = $4
        and (k.attr, k.key) not in (select * from unnest($20::text[], $21::text[]))
),
rekeyed as (
    update resource_key k set is_unique = a.is_unique
    from fit, unnest($20::text[], $21::text[], $22::bool[]) a (attr, key, is_unique)
    where k.organization = $1 and k.connection = $2 and k.kind = $3
        and k.attr = a.attr and k.key = a.key and k.id = $4 and k.is_unique <> a.is_unique
),
keyed as (
    insert into resource_key (organization, connection, kind, attr, key, id, is_unique)
    select distinct $1, $2, $3, a.attr, a.key, $4, a.is_unique
    from fit, unnest($20::text[], $21::text[], $22::bool[]) a (attr, key, is_unique)
    where (a.attr, a.key) not in (select h.attr, h.key from held h)
),
"
    };
}

/// What `fit` must have besides where the keys are replaced as a whole.
macro_rules! unindexed {
    () => {
        "
        and indexed = (
            select r.indexed from resource r where r.organization = $1 and r.id = $4)"
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

macro_rules! alone {
    ($unindexed:expr, $rekeyed:expr) => {
        concat!(
            "with fit as (
    update resource set version = version + 1, modified = $5, display = $16, body = $17,
        indexed = $23
    where organization = $1 and id = $4
        and connection is not distinct from $2 and kind is not distinct from $3 and version = $15",
            $unindexed,
            "
    returning version, created
),
",
            $rekeyed,
            "logged as (
    ",
            log!(),
            "select $1, $6, $5, $7, ",
            under!(),
            ", $8, $3, $4, f.version, $9::jsonb from fit f
)
",
            written!(),
            "    null::uuid[]"
        )
    };
}

macro_rules! with_edges {
    ($unindexed:expr, $rekeyed:expr) => {
        concat!(
            "with ",
            given!(),
            differing!(),
            "fit as (
    update resource set version = version + 1, modified = $5, display = $16, body = $17,
        indexed = $23,
        links = links + (select count(*) from missing) - (select count(*) from present)
    where organization = $1 and id = $4
        and connection is not distinct from $2 and kind is not distinct from $3 and version = $15
        and not exists (select from unknown)",
            $unindexed,
            "
    returning version, created
),
",
            $rekeyed,
            applied!(),
            "logged as (
    ",
            log!(),
            "select $1, $6, $5, $7, ",
            under!(),
            ", $8, $3, $4, f.version, $9::jsonb || t.changes from fit f, told t
)
",
            written!(),
            "    (select array_agg(member order by member) from unknown)"
        )
    };
}

statement! {
    /// A body is replaced, with edges or without, and its keys by difference or as a whole.
    Replace [<'a, const LINKED: bool, const WHOLE: bool>] [<'a, LINKED, WHOLE>]
    [<'static, LINKED, WHOLE>]
    -> (Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>, Nullable<Array<SqlUuid>>)
    [stem: Stem<'a>, edges: Edges<'a>] {
        expect: i64 = BigInt,
        display: Option<&'a str> = Nullable<Text>,
        body: &'a str = Text,
        removed_attrs: Vec<&'a str> = Array<Text>,
        removed: Vec<&'a str> = Array<Text>,
        added_attrs: Vec<&'a str> = Array<Text>,
        added: Vec<&'a str> = Array<Text>,
        unique: Vec<bool> = Array<Bool>,
        indexed: i64 = BigInt,
    }
    match (LINKED, WHOLE) {
        (false, false) => alone!("", rekeyed!()),
        (false, true) => alone!(unindexed!(), rekeyed_whole!()),
        (true, false) => with_edges!("", rekeyed!()),
        (true, true) => with_edges!(unindexed!(), rekeyed_whole!()),
    }
}

/// The version in the snapshot; the version that was written, and when the resource began; the
/// members that are unknown.
pub(crate) type Row = (Option<i64>, Option<i64>, Option<i64>, Option<Vec<Uuid>>);

/// The parts of [`rollcall_domain::Act::Replace`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replacement<'a> {
    pub(crate) expect: u64,
    pub(crate) body: &'a Body,
    pub(crate) keys: &'a KeyChange,
}

impl<'a, const LINKED: bool, const WHOLE: bool> Replace<'a, LINKED, WHOLE> {
    pub(crate) fn new(at: Scope, write: &'a Write, with: Replacement<'a>) -> Self {
        let (removed, added): (&[Key], &[Key]) = match with.keys {
            KeyChange::By { removed, added } => (removed, added),
            KeyChange::To(keys) => (&[], keys),
        };
        Self {
            stem: Stem::of(at, write),
            edges: Edges::of(write),
            expect: to_db(with.expect),
            display: with.body.display.as_deref(),
            body: &with.body.text,
            removed_attrs: removed.iter().map(|key| &*key.attr).collect(),
            removed: removed.iter().map(|key| &*key.text).collect(),
            added_attrs: added.iter().map(|key| &*key.attr).collect(),
            added: added.iter().map(|key| &*key.text).collect(),
            unique: added.iter().map(|key| key.unique).collect(),
            indexed: to_db(with.body.indexed),
        }
    }
}
