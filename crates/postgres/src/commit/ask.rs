//! What is asked after a commit has failed.

use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use rollcall_domain::{Act, Key, KeyChange, ResourceId, Scope, Write};
use uuid::Uuid;

use crate::statement::statement;
use crate::values::{place, uuids};

statement! {
    /// The first of these unique keys that another resource has.
    Taken [<'a>] [<'a>] [<'static>] -> (Text,) {
        organization: Uuid = SqlUuid,
        connection: Uuid = SqlUuid,
        kind: &'a str = Text,
        id: Uuid = SqlUuid,
        attrs: Vec<&'a str> = Array<Text>,
        keys: Vec<&'a str> = Array<Text>,
    }
    "select a.attr from unnest($5::text[], $6::text[]) with ordinality a (attr, key, place)
join resource_key k
    on k.organization = $1 and k.connection = $2 and k.kind = $3
    and k.attr = a.attr and k.key = a.key and k.is_unique and k.id <> $4
order by a.place limit 1"
}

impl<'a> Taken<'a> {
    pub(crate) fn new(at: Scope, write: &'a Write) -> Self {
        let connection = match write.act {
            Act::HandOver { to, .. } => to,
            _ => at.connection,
        };
        Self::among(Scope { connection, ..at }, &write.kind, write.id, write.act.keys())
    }

    /// Whether others have what is to be a record's.
    pub(crate) fn among(at: Scope, kind: &'a str, id: ResourceId, keys: &'a [Key]) -> Self {
        let (organization, connection) = place(at);
        let keys = || keys.iter().filter(|key| key.unique);
        Self {
            organization,
            connection,
            kind,
            id: id.uuid(),
            attrs: keys().map(|key| &*key.attr).collect(),
            keys: keys().map(|key| &*key.text).collect(),
        }
    }
}

statement! {
    /// Those of these members that are no resources of the connection.
    Unknown [] [] [] -> (SqlUuid,) {
        organization: Uuid = SqlUuid,
        connection: Uuid = SqlUuid,
        members: Vec<Uuid> = Array<SqlUuid>,
    }
    "select distinct m from unnest($3::uuid[]) m
where not exists (
    select from resource r where r.organization = $1 and r.id = m
        and r.connection is not distinct from $2)
order by m"
}

impl Unknown {
    pub(crate) fn new(at: Scope, writes: &[Write]) -> Self {
        let (organization, connection) = place(at);
        let edges = writes.iter().flat_map(|write| &write.edges);
        Self { organization, connection, members: edges.flat_map(|op| uuids(&op.add)).collect() }
    }
}

statement! {
    /// What each of some writes has left behind, in their order: the version that its event
    /// names, and the record.
    Trace [] [] [] -> (Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>, Nullable<BigInt>) {
        organization: Uuid = SqlUuid,
        events: Vec<Uuid> = Array<SqlUuid>,
        ids: Vec<Uuid> = Array<SqlUuid>,
    }
    "select e.version, r.version, r.created, r.modified
from unnest($2::uuid[], $3::uuid[]) with ordinality w (event, id, place)
left join lateral (
    select e.version from event e where e.organization = $1 and e.id = w.event offset 0
) e on true
left join lateral (
    select r.version, r.created, r.modified from resource r
    where r.organization = $1 and r.id = w.id offset 0
) r on true
order by w.place"
}

/// The version that the event names; the record's version, its beginning and its last change.
pub(crate) type Left = (Option<i64>, Option<i64>, Option<i64>, Option<i64>);

impl Trace {
    pub(crate) fn new<'a>(at: Scope, writes: impl Iterator<Item = &'a Write> + Clone) -> Self {
        Self {
            organization: at.organization.uuid(),
            events: writes.clone().map(|write| write.event.id.uuid()).collect(),
            ids: writes.map(|write| write.id.uuid()).collect(),
        }
    }
}

statement! {
    /// The version of a record.
    Version [<'a>] [<'a>] [<'static>] -> (BigInt,) {
        organization: Uuid = SqlUuid,
        connection: Uuid = SqlUuid,
        kind: &'a str = Text,
        id: Uuid = SqlUuid,
    }
    "select version from resource
where organization = $1 and id = $4
        and connection is not distinct from $2 and kind is not distinct from $3"
}

impl<'a> Version<'a> {
    pub(crate) fn new(at: Scope, write: &'a Write) -> Self {
        let (organization, connection) = place(at);
        Self { organization, connection, kind: &write.kind, id: write.id.uuid() }
    }
}

statement! {
    /// Frees the keys that the writes of one change give up, whichever write takes them then.
    Free [<'a>] [<'a>] [<'static>] -> (SqlUuid,) {
        organization: Uuid = SqlUuid,
        ended: Vec<Uuid> = Array<SqlUuid>,
        ids: Vec<Uuid> = Array<SqlUuid>,
        attrs: Vec<&'a str> = Array<Text>,
        keys: Vec<&'a str> = Array<Text>,
    }
    "with ended as (
    delete from resource_key where organization = $1 and id = any ($2::uuid[])
)
delete from resource_key k
using unnest($3::uuid[], $4::text[], $5::text[]) d (id, attr, key)
where k.organization = $1 and k.id = d.id and k.attr = d.attr and k.key = d.key
returning k.id"
}

impl<'a> Free<'a> {
    pub(crate) fn new(at: Scope, writes: &'a [Write]) -> Self {
        let mut free = Self {
            organization: at.organization.uuid(),
            ended: Vec::new(),
            ids: Vec::new(),
            attrs: Vec::new(),
            keys: Vec::new(),
        };
        for write in writes {
            match &write.act {
                Act::Delete { .. } | Act::HandOver { .. } => free.ended.push(write.id.uuid()),
                // They all go, and those that stay come back with the record.
                Act::Replace { keys: KeyChange::To(_), .. } => free.ended.push(write.id.uuid()),
                Act::Replace { keys: KeyChange::By { removed, .. }, .. } => {
                    for key in removed {
                        free.ids.push(write.id.uuid());
                        free.attrs.push(&key.attr);
                        free.keys.push(&key.text);
                    }
                }
                Act::Create { .. } | Act::Link { .. } => {}
            }
        }
        free
    }
}
