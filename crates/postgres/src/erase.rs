//! Everything of an organization ends, a few resources at a time.
//!
//! What may be long, edges and the log, goes in chunks, each a unit of its own: what was erased
//! stays erased, whatever comes in between. Rows are found by arrays or laterally, which can't
//! become joins: the planner takes a few for a tenth of all.

use std::convert::Infallible;
use std::time::Instant;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rollcall_domain::{OrganizationId, Unavailable};
use uuid::Uuid;

use crate::commit::{ATTEMPTS, pause};
use crate::connect::LONGEST;
use crate::error::{Failure, Remedy};
use crate::statement::statement;
use crate::unit::{Line, One, Unit, Units};
use crate::values::from_db;

/// How many rows go in one statement.
const CHUNK: i64 = 10_000;

statement! {
    /// Drops edges at either end of the first resources of an organization; answers how many.
    Loosen [] [] [] -> (BigInt,) {
        organization: Uuid = SqlUuid,
        first: i64 = BigInt,
        chunk: i64 = BigInt,
    }
    "with few as materialized (
    select id from resource where organization = $1 order by id limit $2
),
doomed (place) as materialized (
    select e.place from few f cross join lateral (
        select x.ctid as place from edge x where x.organization = $1 and x.owner = f.id
        union all
        select x.ctid from edge x where x.organization = $1 and x.member = f.id
        offset 0) e
    limit $3
),
gone as (
    delete from edge e
    where e.organization = $1 and e.ctid = any (array(select place from doomed))
    returning e.owner
),
lost (owner, links) as materialized (select owner, count(*) from gone group by owner),
moved as (
    update resource r set links = r.links - l.links from lost l
    where r.organization = $1 and r.id = l.owner
)
select count(*) from gone"
}

statement! {
    /// Drops the first resources of an organization, which have no edges any more, with their keys
    /// and counts; answers how many.
    Erase [] [] [] -> (BigInt,) {
        organization: Uuid = SqlUuid,
        first: i64 = BigInt,
    }
    "with few as materialized (
    select id from resource where organization = $1 order by id limit $2 for update
),
unkeyed as (
    delete from resource_key k
    where k.organization = $1 and k.id = any (array(select id from few))
),
gone as (
    delete from resource r
    where r.organization = $1 and r.id = any (array(select id from few))
    returning r.connection, r.kind
),
counted as (
    insert into resource_count (organization, connection, kind, n)
    select $1, connection, kind, -count(*) from gone group by connection, kind
)
select count(*) from gone"
}

statement! {
    /// Drops a part of the log of an organization; answers how much.
    Unlog [] [] [] -> (BigInt,) {
        organization: Uuid = SqlUuid,
        chunk: i64 = BigInt,
    }
    "with gone as (
    delete from event e
    where e.organization = $1 and e.ctid = any (array(
        select x.ctid from event x where x.organization = $1 limit $2))
    returning e.id
)
select count(*) from gone"
}

statement! {
    /// Drops what is left of an organization besides; answers how much.
    Forsake [] [] [] -> (BigInt,) {
        organization: Uuid = SqlUuid,
    }
    "with keys as (delete from resource_key where organization = $1),
outcomes as (delete from outcome where organization = $1),
counts as (delete from resource_count where organization = $1 returning n)
select count(*) from counts"
}

/// How statements are planned that look for what only a few rows have among many that don't: by
/// index. What checks foreign keys is planned so too, once the session has forgotten its plans.
const BY_INDEX: &str = "set local enable_seqscan = off; set local jit = off; discard plans";

/// One statement by index. In doubt it may be run again: it erases what is left.
struct ByIndex<Q>(One<Q, (i64,)>);

impl<Q> Unit for ByIndex<Q>
where
    Q: Query<SqlType = (BigInt,)> + QueryFragment<Pg> + QueryId + Sync,
{
    /// How many rows went.
    type Outcome = Result<u64, Infallible>;

    fn send<'c>(&'c self, line: &'c Line<'c>) -> BoxFuture<'c, QueryResult<Self::Outcome>> {
        async move {
            line.command(BY_INDEX).await?;
            let rows = self.0.send(line).await?;
            Ok(Ok(rows.first().map_or(0, |(n,)| from_db(*n))))
        }
        .boxed()
    }
}

impl Units {
    /// Erases the first resources of an organization, or, when there are none, whatever else it
    /// left; answers how many resources went.
    pub(crate) async fn erase(&self, of: OrganizationId, limit: u32) -> Result<u64, Unavailable> {
        let (organization, first) = (of.uuid(), i64::from(limit.max(1)));
        let loosen = ByIndex(One::new(Loosen { organization, first, chunk: CHUNK }));
        let erase = ByIndex(One::new(Erase { organization, first }));
        let mut attempt = 1;
        let erased = loop {
            while self.erase_part(of, &loosen).await? > 0 {}
            match self.erase_part(of, &erase).await {
                // An edge came in between.
                Err(failure) if attempt < ATTEMPTS && failure.remedy() == Remedy::ForeignKey => {
                    tracing::debug!(%failure, attempt, "resources are erased again");
                    attempt += 1;
                }
                erased => break erased?,
            }
        };
        if erased == 0 {
            let unlog = ByIndex(One::new(Unlog { organization, chunk: CHUNK }));
            while self.erase_part(of, &unlog).await? > 0 {}
            self.erase_part(of, &ByIndex(One::new(Forsake { organization }))).await?;
        }
        Ok(erased)
    }

    async fn erase_part<U>(&self, of: OrganizationId, part: &U) -> Result<u64, Failure>
    where
        U: Unit<Outcome = Result<u64, Infallible>>,
    {
        let (started, mut attempt) = (Instant::now(), 1);
        loop {
            match self.transact(Some(of), part).await {
                Ok(Ok(n)) => return Ok(n),
                Err(failure)
                    if failure.is_passing()
                        && attempt < ATTEMPTS
                        && started.elapsed() < LONGEST =>
                {
                    tracing::debug!(%failure, attempt, "rows are erased again");
                    tokio::time::sleep(pause(attempt)).await;
                    attempt += 1;
                }
                Err(failure) => return Err(failure),
            }
        }
    }
}
