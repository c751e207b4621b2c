//! A resource ends: record, keys, edges at both ends, their owners, count and events in one
//! statement.
//!
//! The owners are locked first and in the order of ids, as a link locks its owner before it
//! touches the member. An edge that a link added meanwhile is not in the snapshot; its foreign key
//! then refuses the end of the member, and the unit is repeated.

use diesel::sql_types::{BigInt, Nullable, Text};
use rollcall_domain::{Action, Scope, Write};

use crate::commit::pieces::{Stem, log, under};
use crate::statement::statement;
use crate::values::to_db;

statement! {
    /// A resource ends.
    Delete [<'a>] [<'a>] [<'static>] -> (Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>) [stem: Stem<'a>] {
        expect: Option<i64> = Nullable<BigInt>,
        changed: &'static str = Text,
    }
    TEXT
}

/// The version in the snapshot; the version with which it ended, and when it began.
pub(crate) type Row = (Option<i64>, Option<i64>, Option<i64>);

impl<'a> Delete<'a> {
    pub(crate) fn new(at: Scope, write: &'a Write, expect: Option<u64>) -> Self {
        let stem = Stem::of(at, write);
        Self { stem, expect: expect.map(to_db), changed: Action::Changed.name() }
    }
}

const TEXT: &str = concat!(
    "with owners as materialized (
    select r.id from resource r
    where r.organization = $1 and r.id in (
        select e.owner from edge e
        where e.organization = $1 and e.member = $4 and e.owner <> $4)
    order by r.id
    for no key update
),
gone as (
    delete from resource
    where organization = $1 and id = $4
        and connection is not distinct from $2 and kind is not distinct from $3
        and ($10::bigint is null or version = $10)
        and (select count(*) from owners) >= 0
    returning version, created
),
unkeyed as (
    delete from resource_key k using gone where k.organization = $1 and k.id = $4
),
own as (
    delete from edge e using gone where e.organization = $1 and e.owner = $4
),
lost as (
    delete from edge e using gone
    where e.organization = $1 and e.member = $4 and e.owner <> $4
    returning e.owner, e.attr
),
bereft (owner, links, changes) as materialized (
    select owner, count(*), jsonb_object_agg(attr, jsonb_build_object(
        'added', '[]'::jsonb, 'removed', jsonb_build_array($4)))
    from lost group by owner
),
moved as (
    update resource r set version = r.version + 1, modified = $5, links = r.links - b.links
    from bereft b
    where r.organization = $1 and r.id = b.owner
    returning r.id, r.connection, r.kind, r.version, b.changes
),
counted as (
    insert into resource_count (organization, connection, kind, n) select $1, $2, $3, -1 from gone
),
logged as (
    ",
    log!(),
    "select $1, $6, $5, $7, ",
    under!(),
    ", $8, $3, $4, g.version + 1, $9::jsonb from gone g
    union all
    select $1, gen_random_uuid(), $5, $7, m.connection, $11, m.kind, m.id, m.version, m.changes
    from moved m
)
select
    (select r.version from resource r
     where r.organization = $1 and r.id = $4
         and r.connection is not distinct from $2 and r.kind is not distinct from $3),
    (select version + 1 from gone),
    (select created from gone)"
);
