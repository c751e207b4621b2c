//! Everything of an organization ends, a few resources at a time.
//!
//! What may be long, edges and the log, goes in chunks, each a unit of its own: what was erased
//! stays erased, whatever comes in between.

use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use rollcall_domain::{OrganizationId, Unavailable};
use uuid::Uuid;

use crate::commit::{ATTEMPTS, pause};
use crate::error::Remedy;
use crate::statement::statement;
use crate::unit::{One, Units};
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
    delete from resource_key k using few f where k.organization = $1 and k.id = f.id
),
gone as (
    delete from resource r using few f where r.organization = $1 and r.id = f.id
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

impl Units {
    /// Erases the first resources of an organization, or, when there are none, whatever else it
    /// left; answers how many resources went.
    pub(crate) async fn erase(&self, of: OrganizationId, limit: u32) -> Result<u64, Unavailable> {
        let (organization, first) = (of.uuid(), i64::from(limit.max(1)));
        let loosen = One::<_, (i64,)>::new(Loosen { organization, first, chunk: CHUNK });
        let erase = One::<_, (i64,)>::new(Erase { organization, first });
        let mut attempt = 1;
        let erased = loop {
            while total(&self.insist(Some(of), &loosen).await?) > 0 {}
            match self.run(Some(of), &erase).await {
                Ok(rows) => break total(&rows),
                // An edge came in between, or it was rolled back for the sake of others.
                Err(failure)
                    if attempt < ATTEMPTS
                        && (failure.is_passing() || failure.remedy() == Remedy::ForeignKey) =>
                {
                    tracing::debug!(%failure, attempt, "resources are erased again");
                    tokio::time::sleep(pause(attempt)).await;
                    attempt += 1;
                }
                Err(failure) => return Err(failure.into()),
            }
        };
        if erased == 0 {
            let unlog = One::<_, (i64,)>::new(Unlog { organization, chunk: CHUNK });
            while total(&self.insist(Some(of), &unlog).await?) > 0 {}
            let forsake = One::<_, (i64,)>::new(Forsake { organization });
            self.insist(Some(of), &forsake).await?;
        }
        Ok(erased)
    }
}

fn total(rows: &[(i64,)]) -> u64 {
    rows.first().map_or(0, |(n,)| from_db(*n))
}
