//! What the statements of a commit have in common.
//!
//! All of them number their values alike: `$1` organization, `$2` connection, `$3` kind, `$4` id,
//! `$5` time, `$6` event, `$7` actor, `$8` action, `$9` changes ([`Stem`]); `$10`, `$11` attributes
//! and members of edges to add, `$12`, `$13` of edges to remove, `$14` relations that become
//! exactly what is added ([`Edges`]).

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Text, Uuid as SqlUuid};
use rollcall_domain::{Scope, Write};
use rollcall_schema::Base;
use uuid::Uuid;

use crate::values::place;

/// Which resource, when, and the event.
#[derive(Debug)]
pub(crate) struct Stem<'a> {
    pub(crate) organization: Uuid,
    pub(crate) connection: Uuid,
    pub(crate) kind: &'a str,
    pub(crate) id: Uuid,
    pub(crate) at: i64,
    pub(crate) event: Uuid,
    pub(crate) actor: String,
    pub(crate) action: &'static str,
    pub(crate) changes: String,
}

impl<'a> Stem<'a> {
    pub(crate) fn of(at: Scope, write: &'a Write) -> Self {
        let (organization, connection) = place(at);
        Self {
            organization,
            connection,
            kind: &write.kind,
            id: write.id.uuid(),
            at: write.at.millis(),
            event: write.event.id.uuid(),
            actor: write.event.actor.to_string(),
            action: write.event.action.name(),
            changes: serde_json::Value::Object(write.event.changes.clone()).to_string(),
        }
    }

    pub(crate) fn bind<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param::<SqlUuid, _>(&self.organization)?;
        out.push_bind_param::<SqlUuid, _>(&self.connection)?;
        out.push_bind_param::<Text, _>(&self.kind)?;
        out.push_bind_param::<SqlUuid, _>(&self.id)?;
        out.push_bind_param::<BigInt, _>(&self.at)?;
        out.push_bind_param::<SqlUuid, _>(&self.event)?;
        out.push_bind_param::<Text, _>(&self.actor)?;
        out.push_bind_param::<Text, _>(&self.action)?;
        out.push_bind_param::<Text, _>(&self.changes)
    }
}

/// What becomes of relations, flattened to one array per column.
#[derive(Debug, Default)]
pub(crate) struct Edges<'a> {
    added_attrs: Vec<&'a str>,
    added: Vec<Uuid>,
    removed_attrs: Vec<&'a str>,
    removed: Vec<Uuid>,
    replaced: Vec<&'a str>,
}

impl<'a> Edges<'a> {
    pub(crate) fn of(write: &'a Write) -> Self {
        let mut edges = Self::default();
        for op in &write.edges {
            edges.added_attrs.extend(op.add.iter().map(|_| &*op.attr));
            edges.added.extend(op.add.iter().map(|id| id.uuid()));
            match op.base {
                Base::Nothing => edges.replaced.push(&op.attr),
                Base::Kept => {
                    edges.removed_attrs.extend(op.remove.iter().map(|_| &*op.attr));
                    edges.removed.extend(op.remove.iter().map(|id| id.uuid()));
                }
            }
        }
        edges
    }

    pub(crate) fn bind<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param::<Array<Text>, _>(&self.added_attrs)?;
        out.push_bind_param::<Array<SqlUuid>, _>(&self.added)?;
        out.push_bind_param::<Array<Text>, _>(&self.removed_attrs)?;
        out.push_bind_param::<Array<SqlUuid>, _>(&self.removed)?;
        out.push_bind_param::<Array<Text>, _>(&self.replaced)
    }
}

/// `given`, the edges to add; `unknown`, the members that are no resources of the connection. The
/// resource itself may be a member of its own, though it only begins.
///
/// Here and below, rows are found one by one with scalar subqueries and lateral ones behind
/// `offset 0`, which can't become joins: the planner takes every owner for an average one, and
/// would read all the members of a large group to find one. A record is found by its id, and its
/// connection and type are compared by `is not distinct from`, for which there is no index: on
/// tables without statistics one index seems as good as another, and that of the type holds all
/// its resources.
macro_rules! given {
    () => {
        "given (attr, member) as (select * from unnest($10::text[], $11::uuid[])),
unknown (member) as (
    select distinct g.member from given g where g.member <> $4 and (
        select true from resource r
        where r.organization = $1 and r.id = g.member
            and r.connection is not distinct from $2) is null
),
"
    };
}

/// `missing` and `present`: the edges that are to come and to go, as the snapshot has them.
macro_rules! differing {
    () => {
        "missing (attr, member) as (
    select g.attr, g.member from given g where (
        select true from edge e
        where e.organization = $1 and e.owner = $4 and e.attr = g.attr and e.member = g.member
    ) is null
),
present (place) as (
    select e.place from unnest($12::text[], $13::uuid[]) d (attr, member)
    cross join lateral (
        select x.ctid as place from edge x
        where x.organization = $1 and x.owner = $4 and x.attr = d.attr and x.member = d.member
        offset 0) e
    union all
    select min(e.place) from (
        select x.attr, x.member, x.place from unnest($14::text[]) d (attr)
        cross join lateral (
            select x.attr, x.member, x.ctid as place from edge x
            where x.organization = $1 and x.owner = $4 and x.attr = d.attr
            offset 0) x
        union all
        select g.attr, g.member, null from given g where cardinality($14::text[]) > 0) e
    group by e.attr, e.member having count(e.place) = count(*)
),
"
    };
}

/// Where `fit` has its row: `added` and `dropped` edges, both as `shifted`, and `told`, which is
/// what the event says of them.
macro_rules! applied {
    () => {
        "added as (
    insert into edge (organization, owner, attr, member)
    select $1, $4, m.attr, m.member from fit, missing m
    on conflict do nothing
    returning attr, member
),
dropped as (
    delete from edge e
    where e.organization = $1 and e.ctid = any (array(select p.place from fit, present p))
    returning e.attr, e.member
),
shifted (attr, member, came) as (
    select attr, member, true from added union all select attr, member, false from dropped
),
told (changes) as (
    select coalesce(jsonb_object_agg(s.attr, s.change), '{}') from (
        select attr, jsonb_build_object(
            'added', coalesce(jsonb_agg(member order by member) filter (where came), '[]'),
            'removed', coalesce(jsonb_agg(member order by member) filter (where not came), '[]')
        ) as change
        from shifted group by attr) s
),
"
    };
}

/// Where an event goes.
macro_rules! log {
    () => {
        "insert into event
        (organization, id, at, actor, connection, action, kind, resource, version, changes)
    "
    };
}

/// The connection that an event stands under. Where an IdP acts it is one whose end nobody has
/// decided, and that nobody decides before the commit: whoever does waits for the lock. Otherwise
/// it is null, which no event may have, so that nothing of the statement is applied.
macro_rules! under {
    () => {
        under!("$7")
    };
    ($actor:literal) => {
        concat!(
            "case when starts_with(",
            $actor,
            ", 'tok_') then (
        select c.id from connection c
        where c.id = $2 and c.removal is null and c.removed is null for key share) else $2 end"
        )
    };
}

pub(crate) use {applied, differing, given, log, under};

#[cfg(test)]
mod tests {
    use rollcall_domain::{Act, Action, Actor, EdgeOp, Event, EventId, ResourceId, TokenId, Write};
    use rollcall_schema::Instant;

    use super::*;

    #[test]
    fn operations_become_columns() {
        let id = |n| ResourceId::from_uuid(Uuid::from_u128(n));
        let kept = EdgeOp {
            attr: "members".into(),
            base: Base::Kept,
            add: vec![id(2), id(3)],
            remove: vec![id(4)],
        };
        let set =
            EdgeOp { attr: "owners".into(), base: Base::Nothing, add: vec![], remove: vec![] };
        let write = Write {
            kind: "Group".into(),
            id: id(1),
            at: Instant::from_millis(0),
            act: Act::Link { expect: None },
            edges: vec![kept, set],
            event: Event {
                id: EventId::from_uuid(Uuid::nil()),
                actor: Actor::Token(TokenId::from_uuid(Uuid::nil())),
                action: Action::Changed,
                changes: serde_json::Map::new(),
            },
        };
        let edges = Edges::of(&write);
        assert_eq!(edges.added_attrs, ["members", "members"]);
        assert_eq!(edges.added, [Uuid::from_u128(2), Uuid::from_u128(3)]);
        assert_eq!(
            (edges.removed_attrs, edges.removed),
            (vec!["members"], vec![Uuid::from_u128(4)])
        );
        assert_eq!(edges.replaced, ["owners"]);
    }
}
