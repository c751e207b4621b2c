//! Resources as rows: one by id, or some of a type.
//!
//! Both statements begin with the same values: `$1` organization, `$2` connection, `$3` kind, `$4`
//! the relation whose rows are loaded, `$5` and `$6` the type and the relation that a derived
//! attribute reads.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Nullable, Text, Uuid as SqlUuid};
use rollcall_domain::{Found, Load, Record, ResourceId, Scope, Unavailable};
use rollcall_schema::{Incoming, Instant, Link, Reach, ResourceType};
use uuid::Uuid;

use crate::candidates::{OF_TYPE, Set};
use crate::values::{from_db, place};

/// The values with which both statements begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'q> {
    organization: Uuid,
    connection: Uuid,
    kind: &'q str,
    links: Option<&'q str>,
    incoming: Option<(&'q str, &'q str)>,
}

impl<'q> Head<'q> {
    pub(crate) fn new(at: Scope, ty: &'q ResourceType, load: Load) -> Self {
        let (organization, connection) = place(at);
        let relation = ty.relation().filter(|_| load.links);
        let derivation = ty.derived().filter(|_| load.incoming);
        let derivation = derivation.and_then(|def| def.derivation.as_ref());
        Self {
            organization,
            connection,
            kind: ty.name(),
            links: relation.map(|def| &*def.path),
            incoming: derivation.map(|from| (&*from.of, &*from.through)),
        }
    }

    /// Whether links and incoming resources are loaded, which makes the text.
    pub(crate) const fn loads(&self) -> (bool, bool) {
        (self.links.is_some(), self.incoming.is_some())
    }

    /// Numbers the values in a comment, so that the text may name them anywhere.
    pub(crate) fn bind<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("/* ");
        out.push_bind_param::<SqlUuid, _>(&self.organization)?;
        out.push_bind_param::<SqlUuid, _>(&self.connection)?;
        out.push_bind_param::<Text, _>(&self.kind)?;
        out.push_bind_param::<Nullable<Text>, _>(&self.links)?;
        match &self.incoming {
            Some((of, through)) => {
                out.push_bind_param::<Text, _>(of)?;
                out.push_bind_param::<Text, _>(through)?;
            }
            None => {
                out.push_bind_param::<Nullable<Text>, _>(&NO_TEXT)?;
                out.push_bind_param::<Nullable<Text>, _>(&NO_TEXT)?;
            }
        }
        out.push_sql(" */ ");
        Ok(())
    }

    fn select(&self, out: &mut AstPass<'_, '_, Pg>) {
        out.push_sql("select r.id, r.version, r.created, r.modified, r.links, r.indexed, r.body, ");
        out.push_sql(if self.links.is_some() { LINKS } else { "null::text" });
        out.push_sql(", ");
        out.push_sql(if self.incoming.is_some() { INCOMING } else { "null::text" });
        out.push_sql(" from resource r ");
    }
}

static NO_TEXT: Option<String> = None;

/// The members with type and name, as rows of one JSON text.
///
/// Here and below, lateral subqueries behind `offset 0` keep to walking from edge to resource, one
/// by one: without statistics the planner might as well begin with all the resources of a type.
const LINKS: &str = "(
    select json_agg(json_build_array(m.id, m.kind, m.display) order by m.id)::text
    from edge e
    cross join lateral (
        select m.id, m.kind, m.display from resource m
        where m.organization = $1 and m.id = e.member offset 0) m
    where e.organization = $1 and e.owner = r.id and e.attr = $4
)";

/// Who reaches the resource, directly or through others, each once. Pairs of owner and directness
/// are finite, so a union of them ends on any cycle (R-RES-04).
const INCOMING: &str = "(
    with recursive pair (id, direct) as (
        select o.id, true from edge e
        cross join lateral (
            select o.id from resource o
            where o.organization = $1 and o.id = e.owner and o.kind is not distinct from $5
            offset 0) o
        where e.organization = $1 and e.member = r.id and e.attr = $6
        union
        select o.id, false from pair p
        cross join lateral (
            select e.owner from edge e
            where e.organization = $1 and e.member = p.id and e.attr = $6 offset 0) e
        cross join lateral (
            select o.id from resource o
            where o.organization = $1 and o.id = e.owner and o.kind is not distinct from $5
            offset 0) o
    ),
    reached (id, direct) as (select id, bool_or(direct) from pair group by id)
    select json_agg(json_build_array(o.id, o.kind, o.display, n.direct) order by o.id)::text
    from reached n
    cross join lateral (
        select o.id, o.kind, o.display from resource o
        where o.organization = $1 and o.id = n.id offset 0) o
)";

/// A resource with what is loaded beside it.
pub(crate) type Row = (Uuid, i64, i64, i64, i64, i64, String, Option<String>, Option<String>);

type Columns =
    (SqlUuid, BigInt, BigInt, BigInt, BigInt, BigInt, Text, Nullable<Text>, Nullable<Text>);

/// The resource with an id.
#[derive(Debug)]
pub(crate) struct Get<'q, const LINKS: bool, const INCOMING: bool> {
    pub(crate) head: Head<'q>,
    pub(crate) id: Uuid,
}

impl<const L: bool, const I: bool> Query for Get<'_, L, I> {
    type SqlType = Columns;
}

impl<const L: bool, const I: bool> QueryId for Get<'_, L, I> {
    type QueryId = Get<'static, L, I>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<const L: bool, const I: bool> QueryFragment<Pg> for Get<'_, L, I> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.head.bind(out.reborrow())?;
        self.head.select(&mut out);
        out.push_sql(OF_TYPE);
        out.push_sql(" and r.id = ");
        out.push_bind_param::<SqlUuid, _>(&self.id)
    }
}

/// Some resources of a set in the order of ids.
#[derive(Debug)]
pub(crate) struct Batch<'q> {
    pub(crate) head: Head<'q>,
    pub(crate) set: &'q Set<'q>,
    /// Behind this id; the nil UUID is before all.
    pub(crate) after: Uuid,
    pub(crate) skip: i64,
    pub(crate) limit: i64,
}

/// The text follows from the set, so connections know it by its text.
macro_rules! known_by_text {
    ($name:ident, $columns:ty) => {
        impl Query for $name<'_> {
            type SqlType = $columns;
        }

        impl QueryId for $name<'_> {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
    };
}

known_by_text!(Batch, Columns);

impl QueryFragment<Pg> for Batch<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if !self.set.is_common() {
            out.unsafe_to_cache_prepared();
        }
        self.head.bind(out.reborrow())?;
        self.head.select(&mut out);
        out.push_sql(self.set.scope());
        out.push_sql(" and r.id > ");
        out.push_bind_param::<SqlUuid, _>(&self.after)?;
        out.push_sql(" and ");
        self.set.condition(out.reborrow())?;
        out.push_sql(" order by r.id limit ");
        out.push_bind_param::<BigInt, _>(&self.limit)?;
        out.push_sql(" offset ");
        out.push_bind_param::<BigInt, _>(&self.skip)
    }
}

/// How many resources are in a set.
#[derive(Debug)]
pub(crate) struct Count<'q> {
    pub(crate) head: Head<'q>,
    pub(crate) set: &'q Set<'q>,
}

known_by_text!(Count, (BigInt,));

impl QueryFragment<Pg> for Count<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if !self.set.is_common() {
            out.unsafe_to_cache_prepared();
        }
        self.head.bind(out.reborrow())?;
        if matches!(self.set, Set::All) {
            out.push_sql(
                "select coalesce(sum(n), 0)::bigint from resource_count \
                 where organization = $1 and connection = $2 and kind = $3",
            );
            return Ok(());
        }
        out.push_sql("select count(*) from resource r ");
        out.push_sql(self.set.scope());
        out.push_sql(" and ");
        self.set.condition(out.reborrow())
    }
}

/// Makes the domain's value of a row.
pub(crate) fn found(row: Row) -> Result<Found, Unavailable> {
    let (id, version, created, modified, many, indexed, body, links, incoming) = row;
    let record = record((id, version, created, modified, many, indexed, body));
    Ok(Found { record, links: read_links(links)?, incoming: read_incoming(incoming)? })
}

/// Makes the domain's value of the columns of a record.
pub(crate) fn record(row: (Uuid, i64, i64, i64, i64, i64, String)) -> Record {
    let (id, version, created, modified, many, indexed, body) = row;
    Record {
        id: ResourceId::from_uuid(id),
        version: from_db(version),
        created: Instant::from_millis(created),
        modified: Instant::from_millis(modified),
        links: from_db(many),
        indexed: from_db(indexed),
        body,
    }
}

fn read_links(text: Option<String>) -> Result<Vec<Link>, Unavailable> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let rows: Vec<(String, String, Option<String>)> =
        serde_json::from_str(&text).map_err(Unavailable::new)?;
    Ok(rows.into_iter().map(|(id, kind, display)| Link { id, kind, display }).collect())
}

fn read_incoming(text: Option<String>) -> Result<Vec<Incoming>, Unavailable> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let rows: Vec<(String, String, Option<String>, bool)> =
        serde_json::from_str(&text).map_err(Unavailable::new)?;
    let incoming = rows.into_iter().map(|(id, kind, display, direct)| {
        let reach = if direct { Reach::Direct } else { Reach::Indirect };
        Incoming { id, kind, display, reach }
    });
    Ok(incoming.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_values() {
        let id = Uuid::from_u128(1);
        let links = r#"[["a","User",null]]"#.to_owned();
        let incoming = r#"[["g","Group","G",true],["h","Group",null,false]]"#.to_owned();
        let row = (id, 3, 10, 20, 0, 7, "{}".to_owned(), Some(links), Some(incoming));
        let found = found(row).unwrap();
        assert_eq!((found.record.version, found.record.indexed), (3, 7));
        assert_eq!(found.links.len(), 1);
        let reach: Vec<_> = found.incoming.iter().map(|one| one.reach).collect();
        assert_eq!(reach, [Reach::Direct, Reach::Indirect]);
        assert!(super::found((id, 1, 0, 0, 0, 0, String::new(), Some("[".into()), None)).is_err());
    }
}
