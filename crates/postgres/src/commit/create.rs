//! A resource begins: record, keys, edges, count and event in one statement.

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use rollcall_domain::{Body, Key, Scope, Write};
use uuid::Uuid;

use crate::commit::pieces::{Edges, Stem, applied, differing, given, log, under};
use crate::statement::statement;
use crate::values::to_db;

statement! {
    /// A resource begins, with edges or without.
    Create [<'a, const LINKED: bool>] [<'a, LINKED>] [<'static, LINKED>]
    -> (Nullable<Array<SqlUuid>>,) [stem: Stem<'a>, edges: Edges<'a>] {
        display: Option<&'a str> = Nullable<Text>,
        body: &'a str = Text,
        attrs: Vec<&'a str> = Array<Text>,
        keys: Vec<&'a str> = Array<Text>,
        unique: Vec<bool> = Array<Bool>,
        indexed: i64 = BigInt,
    }
    if LINKED { WITH_EDGES } else { ALONE }
}

/// The members that are unknown, in which case nothing was written.
pub(crate) type Row = (Option<Vec<Uuid>>,);

impl<'a, const LINKED: bool> Create<'a, LINKED> {
    pub(crate) fn new(at: Scope, write: &'a Write, body: &'a Body, keys: &'a [Key]) -> Self {
        Self {
            stem: Stem::of(at, write),
            edges: Edges::of(write),
            display: body.display.as_deref(),
            body: &body.text,
            attrs: keys.iter().map(|key| &*key.attr).collect(),
            keys: keys.iter().map(|key| &*key.text).collect(),
            unique: keys.iter().map(|key| key.unique).collect(),
            indexed: to_db(body.indexed),
        }
    }
}

const ALONE: &str = concat!(
    "with made as (
    insert into resource
        (organization, id, connection, kind, version, created, modified, display, body, indexed)
    values ($1, $4, $2, $3, 1, $5, $5, $15, $16, $20)
),
keyed as (
    insert into resource_key (organization, connection, kind, attr, key, id, is_unique)
    select distinct $1, $2, $3, k.attr, k.key, $4, k.is_unique
    from unnest($17::text[], $18::text[], $19::bool[]) k (attr, key, is_unique)
),
counted as (
    insert into resource_count (organization, connection, kind, n) values ($1, $2, $3, 1)
)
",
    log!(),
    "values ($1, $6, $5, $7, ",
    under!(),
    ", $8, $3, $4, 1, $9::jsonb)
returning null::uuid[]"
);

const WITH_EDGES: &str = concat!(
    "with ",
    given!(),
    differing!(),
    "fit as (
    insert into resource
        (organization, id, connection, kind, version, created, modified, links, display, body,
            indexed)
    select $1, $4, $2, $3, 1, $5, $5, (select count(*) from missing), $15, $16, $20
    where not exists (select from unknown)
    returning version
),
keyed as (
    insert into resource_key (organization, connection, kind, attr, key, id, is_unique)
    select distinct $1, $2, $3, k.attr, k.key, $4, k.is_unique
    from fit, unnest($17::text[], $18::text[], $19::bool[]) k (attr, key, is_unique)
),
counted as (
    insert into resource_count (organization, connection, kind, n) select $1, $2, $3, 1 from fit
),
",
    applied!(),
    "logged as (
    ",
    log!(),
    "select $1, $6, $5, $7, ",
    under!(),
    ", $8, $3, $4, f.version, $9::jsonb || t.changes from fit f, told t
)
select array_agg(member order by member) from unknown"
);
