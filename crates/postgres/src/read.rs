//! One connection's directory for reading.

use async_trait::async_trait;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Uuid as SqlUuid};
use rollcall_domain::{
    Edge, FindError, Found, Load, Page, Query, Reader, Record, ResourceId, Scope, Sieve, Start,
    Total, Unavailable, Want,
};
use rollcall_schema::{Link, ResourceType};
use uuid::Uuid;

use crate::behind::Behind;
use crate::candidates::Set;
use crate::rows::{Batch, Count, Get, Head, Row, found, record};
use crate::statement::statement;
use crate::unit::{Both, One, Units};
use crate::values::{from_db, place, to_db, uuids};

/// How many candidates the first batch of a search has, and any batch at most.
const FIRST: u32 = 100;
const LARGEST: u32 = 2_000;

/// How much text a batch should have at most, as far as the one before tells.
const BYTES: usize = 16 << 20;

/// A connection's directory.
#[derive(Debug)]
pub(crate) struct Window<'s> {
    pub(crate) units: &'s Units,
    pub(crate) at: Scope,
}

#[async_trait]
impl Reader for Window<'_> {
    async fn get(
        &self,
        ty: &ResourceType,
        id: ResourceId,
        load: Load,
    ) -> Result<Option<Found>, Unavailable> {
        let (head, id) = (Head::new(self.at, ty, load), id.uuid());
        let row = match head.loads() {
            (false, false) => self.one(Get::<false, false> { head, id }).await?,
            (true, false) => self.one(Get::<true, false> { head, id }).await?,
            (false, true) => self.one(Get::<false, true> { head, id }).await?,
            (true, true) => self.one(Get::<true, true> { head, id }).await?,
        };
        row.map(found).transpose()
    }

    async fn find(&self, query: &Query<'_>) -> Result<Page, FindError> {
        let set = Set::of(&query.plan.candidates);
        if query.plan.exact && query.sort.is_none() {
            return Ok(self.page(query, &set).await?);
        }
        self.sift(query, &set).await
    }

    async fn edges(
        &self,
        attr: &str,
        owners: &[ResourceId],
        after: Option<(ResourceId, ResourceId)>,
        limit: u32,
    ) -> Result<Vec<Edge>, Unavailable> {
        let (organization, connection) = place(self.at);
        let (owner, member) =
            after.map_or_else(Default::default, |(owner, member)| (owner.uuid(), member.uuid()));
        let limit = i64::from(limit);
        let edges =
            Edges { organization, connection, attr, owners: uuids(owners), owner, member, limit };
        let edges = One::<_, EdgeRow>::new(edges);
        let rows = self.units.read(Some(self.at.organization), &edges).await?;
        Ok(rows.into_iter().map(edge).collect())
    }

    async fn present(
        &self,
        ty: &ResourceType,
        ids: &[ResourceId],
    ) -> Result<Vec<ResourceId>, Unavailable> {
        let (organization, connection) = place(self.at);
        let present = Present { organization, connection, kind: ty.name(), ids: uuids(ids) };
        let present = One::<_, (Uuid,)>::new(present);
        let rows = self.units.read(Some(self.at.organization), &present).await?;
        Ok(rows.into_iter().map(|(id,)| ResourceId::from_uuid(id)).collect())
    }

    async fn behind(
        &self,
        kind: &str,
        revision: u64,
        after: Option<ResourceId>,
        limit: u32,
    ) -> Result<Vec<Record>, Unavailable> {
        let behind = One::new(Behind::new(self.at, kind, revision, after, limit));
        let rows = self.units.read(Some(self.at.organization), &behind).await?;
        Ok(rows.into_iter().map(record).collect())
    }
}

impl Window<'_> {
    async fn one<const L: bool, const I: bool>(
        &self,
        get: Get<'_, L, I>,
    ) -> Result<Option<Row>, Unavailable> {
        let rows = self.units.read(Some(self.at.organization), &One::new(get)).await?;
        Ok(rows.into_iter().next())
    }

    /// A page of a set that is the answer: one statement, and one more for a total that the page
    /// doesn't show, in the same flush where that is likely.
    async fn page(&self, query: &Query<'_>, set: &Set<'_>) -> Result<Page, Unavailable> {
        let of = Some(self.at.organization);
        let batch = One::<_, Row>::new(self.first(query, set, query.count));
        if query.count == 0 {
            let total = match query.total {
                Total::Known(total) => total,
                Total::Wanted => self.count(query, set).await?,
            };
            return Ok(Page { found: Vec::new(), total });
        }
        if query.total == Total::Wanted && !set.is_point() {
            let count = One::<_, (i64,)>::new(self.counting(query, set));
            let (rows, count) = self.units.read(of, &Both(batch, count)).await?;
            return Ok(Page { found: all(rows)?, total: only(&count) });
        }
        let rows = self.units.read(of, &batch).await?;
        let total = match (query.total, shown(query, rows.len())) {
            (Total::Known(total), _) | (Total::Wanted, Some(total)) => total,
            (Total::Wanted, None) => self.count(query, set).await?,
        };
        Ok(Page { found: all(rows)?, total })
    }

    async fn count(&self, query: &Query<'_>, set: &Set<'_>) -> Result<u64, Unavailable> {
        let count = One::<_, (i64,)>::new(self.counting(query, set));
        Ok(only(&self.units.read(Some(self.at.organization), &count).await?))
    }

    /// A page of the candidates that the condition lets through, or of all in another order.
    async fn sift(&self, query: &Query<'_>, set: &Set<'_>) -> Result<Page, FindError> {
        let mut sieve = Sieve::new(query);
        let mut batch = self.first(query, set, FIRST);
        batch.skip = 0;
        loop {
            let limit = batch.limit;
            let read = One::<_, Row>::new(batch);
            let rows = self.units.read(Some(self.at.organization), &read);
            let rows = rows.await.map_err(Unavailable::from)?;
            let last = rows.last().map(|row| row.0).filter(|_| rows.len() as i64 >= limit);
            let next = next_limit(&rows);
            for row in rows {
                if sieve.offer(found(row)?)? == Want::Enough {
                    return Ok(sieve.finish());
                }
            }
            let Some(after) = last else { return Ok(sieve.finish()) };
            let head = Head::new(self.at, query.ty, query.load);
            batch = Batch { head, set, after, skip: 0, limit: next };
        }
    }

    fn first<'q>(&self, query: &'q Query<'_>, set: &'q Set<'q>, limit: u32) -> Batch<'q> {
        let (after, skip) = match query.from {
            Start::Skip(skip) => (Uuid::nil(), to_db(skip)),
            Start::After(id) => (id.uuid(), 0),
            // Every candidate may stand behind it: the sieve tells.
            Start::Behind(..) => (Uuid::nil(), 0),
        };
        let head = Head::new(self.at, query.ty, query.load);
        Batch { head, set, after, skip, limit: limit.into() }
    }

    fn counting<'q>(&self, query: &'q Query<'_>, set: &'q Set<'q>) -> Count<'q> {
        Count { head: Head::new(self.at, query.ty, Load::default()), set }
    }
}

/// Four times as many as before, unless they are large.
fn next_limit(rows: &[Row]) -> i64 {
    let text = |row: &Row| {
        row.6.len() + [&row.7, &row.8].into_iter().flatten().map(String::len).sum::<usize>()
    };
    let bytes: usize = rows.iter().map(text).sum();
    let fitting = BYTES / (bytes / rows.len().max(1)).max(1);
    let next = rows.len().saturating_mul(4).min(fitting);
    i64::try_from(next).unwrap_or(i64::MAX).clamp(1, LARGEST.into())
}

/// The total, where a page that isn't full shows it.
fn shown(query: &Query<'_>, rows: usize) -> Option<u64> {
    match query.from {
        Start::Skip(skip) if rows < query.count as usize && (rows > 0 || skip == 0) => {
            Some(skip + rows as u64)
        }
        _ => None,
    }
}

fn all(rows: Vec<Row>) -> Result<Vec<Found>, Unavailable> {
    rows.into_iter().map(found).collect()
}

fn only(count: &[(i64,)]) -> u64 {
    count.first().map_or(0, |(count,)| from_db(*count))
}

statement! {
    /// Which ids are resources of a type.
    Present [<'q>] [<'q>] [<'static>] -> (SqlUuid,) {
        organization: Uuid = SqlUuid,
        connection: Uuid = SqlUuid,
        kind: &'q str = Text,
        ids: Vec<Uuid> = Array<SqlUuid>,
    }
    "select distinct r.id
from unnest($4::uuid[]) i (id)
cross join lateral (
    select x.id from resource x
    where x.organization = $1 and x.id = i.id
        and x.connection is not distinct from $2 and x.kind is not distinct from $3
    offset 0
) r"
}

statement! {
    /// Rows of a relation behind a pair. Owners come in order, so that one is read after another.
    Edges [<'q>] [<'q>] [<'static>] -> (SqlUuid, SqlUuid, Text, Nullable<Text>) {
        organization: Uuid = SqlUuid,
        connection: Uuid = SqlUuid,
        attr: &'q str = Text,
        owners: Vec<Uuid> = Array<SqlUuid>,
        owner: Uuid = SqlUuid,
        member: Uuid = SqlUuid,
        limit: i64 = BigInt,
    }
    "select o.id, e.member, m.kind, m.display
from (
    select r.id from resource r
    where r.organization = $1 and r.connection is not distinct from $2
        and r.id = any ($4::uuid[]) and r.id >= $5
    order by r.id
) o
cross join lateral (
    select x.member from edge x
    where x.organization = $1 and x.owner = o.id and x.attr = $3
        and x.member > case when o.id = $5 then $6 else '00000000-0000-0000-0000-000000000000' end
    order by x.member
    limit $7
) e
cross join lateral (
    select m.kind, m.display from resource m
    where m.organization = $1 and m.id = e.member offset 0
) m
order by o.id, e.member
limit $7"
}

impl Edges<'static> {
    /// One to show the text of.
    pub(crate) const fn sample() -> Self {
        let (organization, connection) = (Uuid::nil(), Uuid::nil());
        let (owner, member) = (Uuid::nil(), Uuid::nil());
        Self { organization, connection, attr: "", owners: Vec::new(), owner, member, limit: 1 }
    }
}

type EdgeRow = (Uuid, Uuid, String, Option<String>);

fn edge((owner, member, kind, display): EdgeRow) -> Edge {
    Edge {
        owner: ResourceId::from_uuid(owner),
        member: ResourceId::from_uuid(member),
        link: Link { id: member.to_string(), kind, display },
    }
}
