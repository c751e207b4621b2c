//! Sending the writes of a change.

use diesel::QueryResult;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, try_join_all};
use rollcall_domain::{Act, Body, Key, ResourceId, Scope, Write, Written};
use rollcall_schema::{Base, Instant};
use uuid::Uuid;

use crate::commit::ask::Free;
use crate::commit::create::{self, Create};
use crate::commit::delete::{self, Delete};
use crate::commit::link::{self, Link, Lock};
use crate::commit::replace::{self, Replace, Replacement};
use crate::unit::{Line, Unit};
use crate::values::from_db;

/// Why a write didn't happen. Nothing of its statement was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Its record is at another version.
    Stale,
    /// Its record isn't there.
    Gone,
    /// These members aren't there.
    Unknown(Vec<ResourceId>),
    /// Its record was at the expected version and then changed or ended.
    Moved(ResourceId),
    /// The record changed while its relation was compared.
    Overtaken,
}

type Outcome = Result<Written, Refusal>;

/// One write in one statement.
#[derive(Debug)]
pub(crate) struct Single<'a> {
    pub(crate) at: Scope,
    pub(crate) write: &'a Write,
}

impl Unit for Single<'_> {
    type Outcome = Outcome;

    fn send<'c>(&'c self, line: &'c Line<'c>) -> BoxFuture<'c, QueryResult<Outcome>> {
        apply(line, self.at, self.write).boxed()
    }
}

/// Writes in a transaction.
#[derive(Debug)]
pub(crate) struct Several<'a> {
    at: Scope,
    writes: &'a [Write],
    /// Places in `writes`: what needs nothing of the others, then the others in order.
    order: (Vec<usize>, Vec<usize>),
}

impl<'a> Several<'a> {
    /// Records come before edges that may point at them, and ends come last.
    pub(crate) fn of(at: Scope, writes: &'a [Write]) -> Self {
        let rank = |at: &usize| match writes.get(*at).map(|write| (&write.act, &*write.edges)) {
            None | Some((Act::Create { .. } | Act::Replace { .. }, [])) => 0,
            Some((Act::Create { .. }, _)) => 1,
            Some((Act::Replace { .. } | Act::Link { .. }, _)) => 2,
            Some((Act::Delete { .. }, _)) => 3,
        };
        let (free, mut tied): (Vec<_>, Vec<_>) = (0..writes.len()).partition(|at| rank(at) == 0);
        tied.sort_by_key(rank);
        Self { at, writes, order: (free, tied) }
    }

    /// Sends one write after another without waiting in between.
    async fn send_together(
        &self,
        line: &Line<'_>,
        places: &[usize],
    ) -> QueryResult<Vec<(usize, Outcome)>> {
        let writes = places.iter().filter_map(|place| Some((*place, self.writes.get(*place)?)));
        let sent = writes.map(|(place, write)| async move {
            if compares_edges(write) {
                line.rows::<_, (i64,)>(&Lock::new(self.at, write)).await?;
            }
            apply(line, self.at, write).await.map(|outcome| (place, outcome))
        });
        try_join_all(sent).await
    }
}

impl Unit for Several<'_> {
    type Outcome = Result<Vec<Written>, Refusal>;

    fn send<'c>(&'c self, line: &'c Line<'c>) -> BoxFuture<'c, QueryResult<Self::Outcome>> {
        async move {
            if self.writes.len() > 1 {
                line.rows::<_, (Uuid,)>(&Free::new(self.at, self.writes)).await?;
            }
            let mut done = Vec::new();
            let (free, tied) = &self.order;
            for places in free.chunks(TOGETHER).chain(tied.chunks(1)) {
                for (place, outcome) in self.send_together(line, places).await? {
                    match outcome {
                        Ok(written) => done.push((place, written)),
                        Err(refusal) => return Ok(Err(refusal)),
                    }
                }
            }
            done.sort_by_key(|(place, _)| *place);
            Ok(Ok(done.into_iter().map(|(_, written)| written).collect()))
        }
        .boxed()
    }
}

/// How many writes of a transaction are sent without waiting for their answers.
const TOGETHER: usize = 64;

/// Whether what it links follows from more than one edge that is there or isn't.
fn compares_edges(write: &Write) -> bool {
    let named: usize = write.edges.iter().map(|op| op.add.len() + op.remove.len()).sum();
    let replaces = write.edges.iter().any(|op| op.base == Base::Nothing);
    matches!(write.act, Act::Link { .. }) && (replaces || named > 1)
}

async fn apply(line: &Line<'_>, at: Scope, write: &Write) -> QueryResult<Outcome> {
    match &write.act {
        Act::Create { body, keys } => create(line, at, write, body, keys).await,
        Act::Replace { expect, body, removed, added } => {
            let with = Replacement { expect: *expect, body, removed, added };
            replace(line, at, write, with).await
        }
        Act::Link { expect } => link(line, at, write, *expect).await,
        Act::Delete { expect } => delete(line, at, write, *expect).await,
    }
}

async fn create(
    line: &Line<'_>,
    at: Scope,
    write: &Write,
    body: &Body,
    keys: &[Key],
) -> QueryResult<Outcome> {
    let (unknown,): create::Row = if write.edges.is_empty() {
        line.row(&Create::<false>::new(at, write, body, keys)).await?
    } else {
        line.row(&Create::<true>::new(at, write, body, keys)).await?
    };
    Ok(match unknown {
        Some(members) => Err(Refusal::unknown(members)),
        None => Ok(Written { version: 1, created: write.at, modified: write.at, changed: true }),
    })
}

async fn replace(
    line: &Line<'_>,
    at: Scope,
    write: &Write,
    with: Replacement<'_>,
) -> QueryResult<Outcome> {
    let (seen, version, created, unknown): replace::Row = if write.edges.is_empty() {
        line.row(&Replace::<false>::new(at, write, with)).await?
    } else {
        line.row(&Replace::<true>::new(at, write, with)).await?
    };
    Ok(match (seen, version, unknown) {
        (_, Some(version), _) => Ok(written(write, version, created)),
        (Some(seen), None, Some(members)) if from_db(seen) == with.expect => {
            Err(Refusal::unknown(members))
        }
        (seen, None, _) => Err(Refusal::over(write, seen, Some(with.expect))),
    })
}

async fn link(
    line: &Line<'_>,
    at: Scope,
    write: &Write,
    expect: Option<u64>,
) -> QueryResult<Outcome> {
    let row: link::Row = line.row(&Link::new(at, write, expect)).await?;
    if let Some(version) = row.moved {
        return Ok(Ok(written(write, version, row.created)));
    }
    let Some(seen) = row.seen else { return Ok(Err(Refusal::Gone)) };
    let differs = |version: i64| expect.is_some_and(|expect| expect != from_db(version));
    if differs(row.held.unwrap_or(seen)) {
        return Ok(Err(Refusal::Stale));
    }
    if let Some(members) = row.unknown {
        return Ok(Err(Refusal::unknown(members)));
    }
    Ok(match row.held {
        None if row.wanted => Err(Refusal::Gone),
        Some(held) if held != seen && compares_edges(write) => Err(Refusal::Overtaken),
        _ => Ok(Written {
            version: from_db(row.held.unwrap_or(seen)),
            created: Instant::from_millis(row.created.unwrap_or_default()),
            modified: Instant::from_millis(row.held_modified.or(row.modified).unwrap_or_default()),
            changed: false,
        }),
    })
}

async fn delete(
    line: &Line<'_>,
    at: Scope,
    write: &Write,
    expect: Option<u64>,
) -> QueryResult<Outcome> {
    let (seen, version, created): delete::Row = line.row(&Delete::new(at, write, expect)).await?;
    Ok(match version {
        Some(version) => Ok(written(write, version, created)),
        None => Err(Refusal::over(write, seen, expect)),
    })
}

fn written(write: &Write, version: i64, created: Option<i64>) -> Written {
    Written {
        version: from_db(version),
        created: created.map_or(write.at, Instant::from_millis),
        modified: write.at,
        changed: true,
    }
}

impl Refusal {
    fn unknown(members: Vec<Uuid>) -> Self {
        Self::Unknown(members.into_iter().map(ResourceId::from_uuid).collect())
    }

    /// Why a record that the snapshot has at `seen` wasn't written.
    fn over(write: &Write, seen: Option<i64>, expect: Option<u64>) -> Self {
        match (seen.map(from_db), expect) {
            (None, _) => Self::Gone,
            (Some(seen), Some(expect)) if seen != expect => Self::Stale,
            (Some(_), Some(_)) => Self::Moved(write.id),
            // A record that is deleted whatever its version can only have ended before.
            (Some(_), None) => Self::Gone,
        }
    }
}
