//! Many resources begin: all their rows in one statement.
//!
//! The resources of a statement may be members of each other. What they bring is flattened to one
//! array per column, so the text is the same however many there are; what follows from the rows
//! themselves is made here rather than joined there, where the planner knows nothing of arrays.

use std::collections::{BTreeSet, HashSet};

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use rollcall_domain::{Act, EdgeOp, ResourceId, Scope, Write};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::commit::pieces::under;
use crate::statement::statement;
use crate::values::{place, to_db};

statement! {
    /// Resources begin.
    Creates [<'a>] [<'a>] [<'static>] -> (Nullable<Array<SqlUuid>>,) {
        organization: Uuid = SqlUuid,
        connection: Uuid = SqlUuid,
        outside: Vec<Uuid> = Array<SqlUuid>,
        ids: Vec<Uuid> = Array<SqlUuid>,
        kinds: Vec<&'a str> = Array<Text>,
        times: Vec<i64> = Array<BigInt>,
        links: Vec<i64> = Array<BigInt>,
        displays: Vec<Option<&'a str>> = Array<Nullable<Text>>,
        bodies: Vec<&'a str> = Array<Text>,
        indexed: Vec<i64> = Array<BigInt>,
        key_ids: Vec<Uuid> = Array<SqlUuid>,
        key_kinds: Vec<&'a str> = Array<Text>,
        key_attrs: Vec<&'a str> = Array<Text>,
        keys: Vec<&'a str> = Array<Text>,
        unique: Vec<bool> = Array<Bool>,
        owners: Vec<Uuid> = Array<SqlUuid>,
        edge_attrs: Vec<&'a str> = Array<Text>,
        members: Vec<Uuid> = Array<SqlUuid>,
        events: Vec<Uuid> = Array<SqlUuid>,
        actors: Vec<String> = Array<Text>,
        actions: Vec<&'static str> = Array<Text>,
        changes: Vec<String> = Array<Text>,
    }
    TEXT
}

/// The members that are unknown, in which case nothing was written.
pub(crate) type Row = (Option<Vec<Uuid>>,);

impl<'a> Creates<'a> {
    /// Those of `writes` that are creations.
    pub(crate) fn new(at: Scope, writes: impl IntoIterator<Item = &'a Write>) -> Self {
        let mut all = Self::empty(at);
        for write in writes {
            all.add(write);
        }
        let own: HashSet<&Uuid> = all.ids.iter().collect();
        let outside: BTreeSet<Uuid> =
            all.members.iter().filter(|member| !own.contains(member)).copied().collect();
        all.outside = outside.into_iter().collect();
        all
    }

    pub(crate) const fn empty(at: Scope) -> Self {
        let (organization, connection) = place(at);
        Self {
            organization,
            connection,
            outside: Vec::new(),
            ids: Vec::new(),
            kinds: Vec::new(),
            times: Vec::new(),
            links: Vec::new(),
            displays: Vec::new(),
            bodies: Vec::new(),
            indexed: Vec::new(),
            key_ids: Vec::new(),
            key_kinds: Vec::new(),
            key_attrs: Vec::new(),
            keys: Vec::new(),
            unique: Vec::new(),
            owners: Vec::new(),
            edge_attrs: Vec::new(),
            members: Vec::new(),
            events: Vec::new(),
            actors: Vec::new(),
            actions: Vec::new(),
            changes: Vec::new(),
        }
    }

    fn add(&mut self, write: &'a Write) {
        let Act::Create { body, keys } = &write.act else { return };
        let id = write.id.uuid();
        for key in keys {
            self.key_ids.push(id);
            self.key_kinds.push(&write.kind);
            self.key_attrs.push(&key.attr);
            self.keys.push(&key.text);
            self.unique.push(key.unique);
        }
        let mut changes = write.event.changes.clone();
        let mut links = 0;
        for op in write.edges.iter().filter(|op| !op.add.is_empty()) {
            let members: BTreeSet<ResourceId> = op.add.iter().copied().collect();
            links += to_db(members.len() as u64);
            changes.insert(op.attr.to_string(), came(&members));
            self.link(id, op, &members);
        }
        self.ids.push(id);
        self.kinds.push(&write.kind);
        self.times.push(write.at.millis());
        self.links.push(links);
        self.displays.push(body.display.as_deref());
        self.bodies.push(&body.text);
        self.indexed.push(to_db(body.indexed));
        self.events.push(write.event.id.uuid());
        self.actors.push(write.event.actor.to_string());
        self.actions.push(write.event.action.name());
        self.changes.push(Value::Object(changes).to_string());
    }

    fn link(&mut self, owner: Uuid, op: &'a EdgeOp, members: &BTreeSet<ResourceId>) {
        for member in members {
            self.owners.push(owner);
            self.edge_attrs.push(&op.attr);
            self.members.push(member.uuid());
        }
    }
}

/// What the log says of a relation that begins.
fn came(members: &BTreeSet<ResourceId>) -> Value {
    let added: Vec<String> = members.iter().map(ToString::to_string).collect();
    json!({ "added": added, "removed": [] })
}

const TEXT: &str = concat!(
    "with unknown (member) as materialized (
    select m.member from unnest($3::uuid[]) m (member) where (
        select true from resource r
        where r.organization = $1 and r.id = m.member
            and r.connection is not distinct from $2) is null
),
fit as materialized (select where not exists (select from unknown)),
made as (
    insert into resource
        (organization, id, connection, kind, version, created, modified, links, display, body,
            indexed)
    select $1, n.id, $2, n.kind, 1, n.at, n.at, n.links, n.display, n.body, n.indexed
    from fit, unnest($4::uuid[], $5::text[], $6::bigint[], $7::bigint[], $8::text[], $9::text[],
        $10::bigint[]) n (id, kind, at, links, display, body, indexed)
),
keyed as (
    insert into resource_key (organization, connection, kind, attr, key, id, is_unique)
    select distinct $1, $2, k.kind, k.attr, k.key, k.id, k.is_unique
    from fit, unnest($11::uuid[], $12::text[], $13::text[], $14::text[], $15::bool[])
        k (id, kind, attr, key, is_unique)
),
linked as (
    insert into edge (organization, owner, attr, member)
    select $1, e.owner, e.attr, e.member
    from fit, unnest($16::uuid[], $17::text[], $18::uuid[]) e (owner, attr, member)
),
counted as (
    insert into resource_count (organization, connection, kind, n)
    select $1, $2, n.kind, count(*) from fit, unnest($5::text[]) n (kind) group by n.kind
),
logged as (
    insert into event
        (organization, id, at, actor, connection, action, kind, resource, version, changes)
    select $1, l.event, l.at, l.actor, ",
    under!("l.actor"),
    ", l.action, l.kind, l.id, 1, l.changes::jsonb
    from fit, unnest($4::uuid[], $5::text[], $6::bigint[], $19::uuid[], $20::text[], $21::text[],
        $22::text[]) l (id, kind, at, event, actor, action, changes)
)
select array_agg(member order by member) from unknown"
);
