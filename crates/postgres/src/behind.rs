//! Records whose keys were made under earlier definitions.

use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use rollcall_domain::{ResourceId, Scope};
use uuid::Uuid;

use crate::statement::statement;
use crate::values::{place, to_db};

statement! {
    /// Records of a type that were indexed under an earlier revision, in the order of ids.
    ///
    /// The index has them by revision: it is asked for each revision that there is, from one to
    /// the next, so that however many are behind, no more are read than are answered. Rows of
    /// revision and id come in an order that no other index has.
    Behind [<'q>] [<'q>] [<'static>]
    -> (SqlUuid, BigInt, BigInt, BigInt, BigInt, BigInt, Text) {
        organization: Uuid = SqlUuid,
        connection: Uuid = SqlUuid,
        kind: &'q str = Text,
        revision: i64 = BigInt,
        after: Uuid = SqlUuid,
        limit: i64 = BigInt,
    }
    "with recursive old (indexed) as (
    select (
        select r.indexed from resource r
        where r.organization = $1 and r.connection = $2 and r.kind = $3 and r.indexed < $4
        order by r.indexed limit 1)
    union all
    select (
        select r.indexed from resource r
        where r.organization = $1 and r.connection = $2 and r.kind = $3
            and r.indexed > o.indexed and r.indexed < $4
        order by r.indexed limit 1)
    from old o where o.indexed is not null
)
select b.id, b.version, b.created, b.modified, b.links, b.indexed, b.body
from old o
cross join lateral (
    select r.id, r.version, r.created, r.modified, r.links, r.indexed, r.body from resource r
    where r.organization = $1 and r.connection = $2 and r.kind = $3
        and (r.indexed, r.id) > (o.indexed, $5) and r.indexed <= o.indexed
    order by r.indexed, r.id limit $6
) b
where o.indexed is not null
order by b.id limit $6"
}

impl<'q> Behind<'q> {
    pub(crate) fn new(
        at: Scope,
        kind: &'q str,
        revision: u64,
        after: Option<ResourceId>,
        limit: u32,
    ) -> Self {
        let (organization, connection) = place(at);
        Self {
            organization,
            connection,
            kind,
            revision: to_db(revision),
            after: after.map_or_else(Uuid::nil, ResourceId::uuid),
            limit: limit.into(),
        }
    }
}
