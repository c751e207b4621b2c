//! One connection's directory as readers see it.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use rollcall_domain::{
    Candidates, Edge, FindError, Found, Load, Page, Query, Reader, Record, ResourceId, Scope,
    Sieve, Start, Total, Unavailable, Want,
};
use rollcall_schema::{Link, ResourceType};
use uuid::Uuid;

use crate::beside::{self, Beside, Columns, RecordColumns, RecordRow, Row};
use crate::candidates::{LEAVES, Lead, Shape, leaves};
use crate::commit::scope;
use crate::json;
use crate::pool::{Pool, Stream};
use crate::render::Ground;
use crate::statement::{Bind, Keep, Run, Sql, fixed};
use crate::values::{Count, Id};

/// How many candidates one batch carries.
const BATCH: usize = 200;
/// How many bytes one batch carries, but for its last row.
const WEIGHT: usize = 1 << 20;

fixed! {
    /// How many resources of a type there are.
    Counted -> BigInt =
        "select n from resource_count where organization = ? and connection = ? and kind = ?";

    /// The rows of one owner behind a member.
    Rest -> (Binary, Binary, Text, Nullable<Text>) =
        "select e.owner, e.member, m.kind, m.display from edge e cross join resource m \
         on m.organization = e.organization and m.id = e.member and +m.connection = ? \
         where e.organization = ? and e.owner = ? and e.attr = ? and e.member > ? \
         order by e.member limit ?";

    /// The rows of many owners.
    Rows -> (Binary, Binary, Text, Nullable<Text>) =
        "select e.owner, e.member, m.kind, m.display from edge e cross join resource m \
         on m.organization = e.organization and m.id = e.member and +m.connection = ? \
         where e.organization = ? and e.owner in (select unhex(value) from json_each(?)) \
         and e.attr = ? order by e.owner, e.member limit ?";

    /// Which ids are resources of a type.
    Present -> Binary =
        "select m.id from json_each(?) j cross join resource m on m.organization = ? \
         and m.id = unhex(j.value) and +m.connection = ? and +m.kind = ?";

    /// What was indexed under an earlier revision. The index is walked revision by revision, and
    /// each gives no more than the page holds: of many records that are behind, the others are
    /// not looked at.
    Behind -> RecordColumns =
        "with recursive up (n) as (select -1 union all select (select min(s.indexed) \
         from resource s indexed by resource_behind where s.organization = ? \
         and s.connection = ? and s.kind = ? and s.indexed > up.n and s.indexed < ?) from up \
         where up.n is not null) \
         select r.id, r.version, r.created, r.modified, r.links, r.indexed, r.body \
         from up u cross join resource r on r.organization = ? and r.id in (select s.id \
         from resource s indexed by resource_behind where s.organization = ? \
         and s.connection = ? and s.kind = ? and s.indexed = u.n and s.id > ? \
         order by s.id limit ?) order by r.id limit ?";
}

/// What can be seen of the store from one connection.
pub(crate) struct Window {
    pool: Arc<Pool>,
    at: Scope,
}

impl Window {
    pub(crate) const fn new(pool: Arc<Pool>, at: Scope) -> Self {
        Self { pool, at }
    }

    /// A page that the indexes give.
    async fn page(&self, query: &Query<'_>, shape: Shape) -> Result<Page, Unavailable> {
        let listing = Listing::of(self.at, query, shape);
        self.pool.read(move |conn| listing.load(conn)).await
    }

    /// A page for which candidates have to be looked at.
    async fn sift(&self, query: &Query<'_>, shape: Shape) -> Result<Page, FindError> {
        let mut sieve = Sieve::new(query);
        if shape.lead == Lead::Nothing {
            return Ok(sieve.finish());
        }
        let after = match query.from {
            Start::After(id) => Some(id),
            // The sieve lets pass what lies behind a place in another order.
            Start::Skip(_) | Start::Behind(..) => None,
        };
        let ground = Ground::new(self.at, query.ty);
        let sql = shape.page(&ground, &Beside::of(query.ty, query.load), after);
        let keep = Shape::keep(&query.plan.candidates);
        let mut batches = self.stream(sql, keep).await?;
        while let Some(batch) = batches.next().await? {
            for found in batch {
                if sieve.offer(found)? == Want::Enough {
                    return Ok(sieve.finish());
                }
            }
        }
        Ok(sieve.finish())
    }

    /// One statement, read no faster than somebody looks at its rows.
    async fn stream(&self, sql: Sql, keep: Keep) -> Result<Stream<Vec<Found>>, Unavailable> {
        self.pool
            .stream(move |conn, sender| {
                let (mut batch, mut weight) = (Vec::new(), 0);
                for row in sql.query::<Columns>(keep).load_iter::<Row, _>(conn)? {
                    let row = row?;
                    weight += beside::weight(&row);
                    batch.push(beside::found(row)?);
                    if batch.len() < BATCH && weight < WEIGHT {
                        continue;
                    }
                    weight = 0;
                    if sender.blocking_send(std::mem::take(&mut batch)).is_err() {
                        return Ok(());
                    }
                }
                // Nobody takes it when enough was seen.
                let _ = sender.blocking_send(batch);
                Ok(())
            })
            .await
    }
}

#[async_trait]
impl Reader for Window {
    async fn get(
        &self,
        ty: &ResourceType,
        id: ResourceId,
        load: Load,
    ) -> Result<Option<Found>, Unavailable> {
        let ground = Ground::new(self.at, ty);
        let shape = Shape::of(ty, &Candidates::Id(id));
        let sql = shape.page(&ground, &Beside::of(ty, load), None);
        self.pool
            .read(move |conn| {
                let row = sql.query::<Columns>(Keep::Prepared).get_result::<Row>(conn);
                row.optional()?.map(beside::found).transpose()
            })
            .await
    }

    async fn find(&self, query: &Query<'_>) -> Result<Page, FindError> {
        let candidates = &query.plan.candidates;
        if leaves(candidates) > LEAVES {
            return self.sift(query, Shape::of(query.ty, &Candidates::All)).await;
        }
        let shape = Shape::of(query.ty, candidates);
        if query.plan.exact && query.sort.is_none() {
            return Ok(self.page(query, shape).await?);
        }
        self.sift(query, shape).await
    }

    async fn edges(
        &self,
        attr: &str,
        owners: &[ResourceId],
        after: Option<(ResourceId, ResourceId)>,
        limit: u32,
    ) -> Result<Vec<Edge>, Unavailable> {
        let (at, attr) = (self.at, attr.to_owned());
        let begun = after.filter(|(owner, _)| owners.contains(owner));
        let others: Vec<ResourceId> = owners
            .iter()
            .copied()
            .filter(|owner| after.is_none_or(|(last, _)| *owner > last))
            .collect();
        self.pool
            .read(move |conn| {
                let mut rows = match begun {
                    Some((owner, member)) => rest(conn, at, &attr, (owner, member), limit)?,
                    None => Vec::new(),
                };
                let left = u64::from(limit).saturating_sub(rows.len() as u64);
                if left > 0 && !others.is_empty() {
                    rows.extend(of(conn, at, &attr, others, left)?);
                }
                Ok(rows.into_iter().map(edge).collect())
            })
            .await
    }

    async fn present(
        &self,
        ty: &ResourceType,
        ids: &[ResourceId],
    ) -> Result<Vec<ResourceId>, Unavailable> {
        let [organization, connection] = scope(self.at);
        let ids: BTreeSet<_> = ids.iter().copied().collect();
        let ids = json::ids(ids);
        let run = Run::<Present>::with([ids.into(), organization, connection, ty.name().into()]);
        self.pool
            .read(move |conn| {
                let found = run.load::<Id>(conn)?;
                Ok(found.into_iter().map(ResourceId::from).collect())
            })
            .await
    }

    async fn behind(
        &self,
        kind: &str,
        revision: u64,
        after: Option<ResourceId>,
        limit: u32,
    ) -> Result<Vec<Record>, Unavailable> {
        let [organization, connection] = scope(self.at);
        let after = after.unwrap_or(ResourceId::from_uuid(Uuid::nil()));
        let limit = Bind::from(u64::from(limit));
        let run = Run::<Behind>::with([
            organization.clone(),
            connection.clone(),
            kind.into(),
            revision.into(),
            organization.clone(),
            organization,
            connection,
            kind.into(),
            after.into(),
            limit.clone(),
            limit,
        ]);
        self.pool
            .read(move |conn| {
                let rows = run.load::<RecordRow>(conn)?;
                Ok(rows.into_iter().map(beside::record).collect())
            })
            .await
    }
}

/// One page, ready to be loaded.
struct Listing {
    ground: Ground,
    shape: Shape,
    rows: Sql,
    keep: Keep,
    from: Start,
    count: u32,
    total: Total,
}

impl Listing {
    fn of(at: Scope, query: &Query<'_>, shape: Shape) -> Self {
        let ground = Ground::new(at, query.ty);
        let (after, skip) = match query.from {
            Start::After(id) => (Some(id), 0),
            Start::Skip(skip) => (None, skip),
            // Only where there is a sort, and then nothing is listed.
            Start::Behind(..) => (None, 0),
        };
        let mut rows = shape.page(&ground, &Beside::of(query.ty, query.load), after);
        // More than there can be is all the same to SQLite, but has no place in its integers.
        let skip = i64::try_from(skip).unwrap_or(i64::MAX);
        rows.push(" limit ? offset ?", [u64::from(query.count).into(), skip.into()]);
        let keep = Shape::keep(&query.plan.candidates);
        let (from, count, total) = (query.from.clone(), query.count, query.total);
        Self { ground, shape, rows, keep, from, count, total }
    }

    fn load(self, conn: &mut SqliteConnection) -> QueryResult<Page> {
        // One statement is its own snapshot, two need one.
        match (self.total, self.shape.at_most) {
            (Total::Wanted, None) => conn.transaction(|conn| self.load_both(conn)),
            _ => self.load_both(conn),
        }
    }

    fn load_both(self, conn: &mut SqliteConnection) -> QueryResult<Page> {
        let Self { ground, shape, rows, keep, .. } = self;
        let found: Vec<Found> = if self.count == 0 || shape.lead == Lead::Nothing {
            Vec::new()
        } else {
            let rows = rows.query::<Columns>(keep).load_iter::<Row, _>(conn)?;
            rows.map(|row| beside::found(row?)).collect::<QueryResult<_>>()?
        };
        let shown = Shown { found: found.len() as u64, count: self.count, from: self.from };
        let total = match self.total {
            Total::Known(total) => total,
            Total::Wanted => match shown.total(shape.at_most) {
                Some(total) => total,
                None => count(conn, &ground, &shape, keep)?,
            },
        };
        Ok(Page { found, total })
    }
}

/// What a page tells of the total.
struct Shown {
    found: u64,
    count: u32,
    from: Start,
}

impl Shown {
    fn total(&self, at_most: Option<u64>) -> Option<u64> {
        let skip = match self.from {
            _ if at_most == Some(0) => return Some(0),
            Start::Skip(skip) => skip,
            Start::After(_) | Start::Behind(..) => return None,
        };
        let ends = self.found < u64::from(self.count) && (self.found > 0 || skip == 0);
        let full = skip == 0 && at_most.is_some_and(|most| self.found >= most);
        (ends || full).then(|| skip + self.found)
    }
}

fn count(
    conn: &mut SqliteConnection,
    ground: &Ground,
    shape: &Shape,
    keep: Keep,
) -> QueryResult<u64> {
    let Count(count) = if shape.is_everything() {
        let counted = Run::<Counted>::with(ground.binds()).get_result::<Count>(conn);
        counted.optional()?.unwrap_or(Count(0))
    } else {
        shape.count(ground).query::<BigInt>(keep).get_result(conn)?
    };
    Ok(count)
}

type EdgeRow = (Id, Id, String, Option<String>);

fn rest(
    conn: &mut SqliteConnection,
    at: Scope,
    attr: &str,
    (owner, member): (ResourceId, ResourceId),
    limit: u32,
) -> QueryResult<Vec<EdgeRow>> {
    Run::<Rest>::with([
        at.connection.into(),
        at.organization.into(),
        owner.into(),
        attr.into(),
        member.into(),
        u64::from(limit).into(),
    ])
    .load(conn)
}

fn of(
    conn: &mut SqliteConnection,
    at: Scope,
    attr: &str,
    owners: Vec<ResourceId>,
    limit: u64,
) -> QueryResult<Vec<EdgeRow>> {
    let owners = json::ids(owners);
    Run::<Rows>::with([
        at.connection.into(),
        at.organization.into(),
        owners.into(),
        attr.into(),
        limit.into(),
    ])
    .load(conn)
}

fn edge((owner, member, kind, display): EdgeRow) -> Edge {
    let (owner, member) = (ResourceId::from(owner), ResourceId::from(member));
    Edge { owner, member, link: Link { id: member.to_string(), kind, display } }
}
