//! Sending the writes of changes.

use diesel::QueryResult;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, try_join, try_join_all};
use rollcall_domain::{Act, Body, Change, Key, KeyChange, ResourceId, Scope, Write, Written};
use rollcall_schema::{Base, Instant};
use uuid::Uuid;

use crate::commit::ask::Free;
use crate::commit::create::{self, Create};
use crate::commit::creates::{self, Creates};
use crate::commit::delete::{self, Delete};
use crate::commit::hand_over::{self, HandOver, Handed};
use crate::commit::link::{self, Link, Lock};
use crate::commit::replace::{self, Replace, Replacement};
use crate::commit::steps::{Placed, Step, steps};
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
    /// Its record was at the expected version and then changed, ended or was indexed anew.
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

/// Writes of one change or several, in a transaction unless they are one statement.
#[derive(Debug)]
pub(crate) struct Several<'a> {
    at: Scope,
    steps: Vec<Step<'a>>,
}

impl<'a> Several<'a> {
    /// Each of `changes` as it finds what those before it left.
    pub(crate) fn of(at: Scope, changes: &'a [Change]) -> Self {
        Self { at, steps: steps(changes.iter().map(|change| &*change.writes)) }
    }

    /// Whether it is one statement, which is whole or nothing by itself.
    pub(crate) fn is_one_statement(&self) -> bool {
        matches!(&*self.steps, [] | [Step::Creates(_)])
    }

    /// The steps in groups, each of which may be sent without waiting for its answers: statements
    /// leave in the order in which they are sent once the connection has them prepared, as it has
    /// when one of their kind was answered.
    fn groups(&self) -> Vec<&[Step<'a>]> {
        let mut known = Vec::new();
        let mut groups = Vec::new();
        let mut rest = &*self.steps;
        while !rest.is_empty() {
            let ready = rest.iter().take(TOGETHER).take_while(|step| known.contains(&kind(step)));
            let (group, behind) = rest.split_at(ready.count().max(1));
            if let Some(newcomer) = group.first().map(kind).filter(|kind| !known.contains(kind)) {
                known.push(newcomer);
            }
            groups.push(group);
            rest = behind;
        }
        groups
    }

    async fn send_step(
        &self,
        line: &Line<'_>,
        step: &Step<'a>,
        alone: bool,
    ) -> QueryResult<Result<Vec<(usize, Written)>, Refusal>> {
        match step {
            Step::Free(writes) => {
                line.rows::<_, (Uuid,)>(&Free::new(self.at, writes)).await?;
                Ok(Ok(Vec::new()))
            }
            Step::Creates(writes) => create_all(line, self.at, writes).await,
            Step::Write((place, write)) => {
                let outcome = if !compares_edges(write) {
                    apply(line, self.at, write).await?
                } else if alone {
                    line.rows::<_, (i64,)>(&Lock::new(self.at, write)).await?;
                    apply(line, self.at, write).await?
                } else {
                    let lock = Lock::new(self.at, write);
                    let locked = line.rows::<_, (i64,)>(&lock);
                    try_join(locked, apply(line, self.at, write)).await?.1
                };
                Ok(outcome.map(|written| vec![(*place, written)]))
            }
        }
    }
}

impl Unit for Several<'_> {
    /// In the order of the writes.
    type Outcome = Result<Vec<Written>, Refusal>;

    fn send<'c>(&'c self, line: &'c Line<'c>) -> BoxFuture<'c, QueryResult<Self::Outcome>> {
        async move {
            let mut done = Vec::new();
            for group in self.groups() {
                let alone = group.len() == 1;
                let sent = group.iter().map(|step| self.send_step(line, step, alone));
                // A pause of the task in between would let a later one leave first.
                for outcome in tokio::task::unconstrained(try_join_all(sent)).await? {
                    match outcome {
                        Ok(written) => done.extend(written),
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

/// How many steps of a transaction are sent without waiting for their answers.
const TOGETHER: usize = 64;

/// Steps of one kind are sent as the same statements.
fn kind(step: &Step<'_>) -> u8 {
    match step {
        Step::Free(_) => 0,
        Step::Creates(_) => 1,
        Step::Write((_, write)) => match (&write.act, write.edges.is_empty()) {
            (Act::Create { .. }, false) => 2,
            (Act::Create { .. }, true) => 3,
            (Act::Replace { keys: KeyChange::By { .. }, .. }, false) => 4,
            (Act::Replace { keys: KeyChange::By { .. }, .. }, true) => 5,
            (Act::Replace { keys: KeyChange::To(_), .. }, false) => 6,
            (Act::Replace { keys: KeyChange::To(_), .. }, true) => 7,
            (Act::Link { .. }, _) if compares_edges(write) => 8,
            (Act::Link { .. }, _) => 9,
            (Act::Delete { .. }, _) => 10,
            (Act::HandOver { .. }, _) => 11,
        },
    }
}

/// Whether what it links follows from more than one edge that is there or isn't.
fn compares_edges(write: &Write) -> bool {
    let named: usize = write.edges.iter().map(|op| op.add.len() + op.remove.len()).sum();
    let replaces = write.edges.iter().any(|op| op.base == Base::Nothing);
    matches!(write.act, Act::Link { .. }) && (replaces || named > 1)
}

async fn create_all(
    line: &Line<'_>,
    at: Scope,
    writes: &[Placed<'_>],
) -> QueryResult<Result<Vec<(usize, Written)>, Refusal>> {
    let all = Creates::new(at, writes.iter().map(|(_, write)| *write));
    let (unknown,): creates::Row = line.row(&all).await?;
    Ok(match unknown {
        Some(members) => Err(Refusal::unknown(members)),
        None => Ok(writes.iter().map(|(place, write)| (*place, begun(write))).collect()),
    })
}

async fn apply(line: &Line<'_>, at: Scope, write: &Write) -> QueryResult<Outcome> {
    match &write.act {
        Act::Create { body, keys } => create(line, at, write, body, keys).await,
        Act::Replace { expect, body, keys } => {
            let with = Replacement { expect: *expect, body, keys };
            replace(line, at, write, with).await
        }
        Act::Link { expect } => link(line, at, write, *expect).await,
        Act::HandOver { expect, to, keys, indexed } => {
            let with = Handed { expect: *expect, to: *to, keys, indexed: *indexed };
            hand_over(line, at, write, with).await
        }
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
        None => Ok(begun(write)),
    })
}

async fn replace(
    line: &Line<'_>,
    at: Scope,
    write: &Write,
    with: Replacement<'_>,
) -> QueryResult<Outcome> {
    let whole = matches!(with.keys, KeyChange::To(_));
    let (seen, version, created, unknown): replace::Row = match (!write.edges.is_empty(), whole) {
        (false, false) => line.row(&Replace::<false, false>::new(at, write, with)).await?,
        (false, true) => line.row(&Replace::<false, true>::new(at, write, with)).await?,
        (true, false) => line.row(&Replace::<true, false>::new(at, write, with)).await?,
        (true, true) => line.row(&Replace::<true, true>::new(at, write, with)).await?,
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

async fn hand_over(
    line: &Line<'_>,
    at: Scope,
    write: &Write,
    with: Handed<'_>,
) -> QueryResult<Outcome> {
    let expect = with.expect;
    let (seen, version, created): hand_over::Row =
        line.row(&HandOver::new(at, write, with)).await?;
    Ok(match version {
        Some(version) => Ok(written(write, version, created)),
        None => Err(Refusal::over(write, seen, Some(expect))),
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

const fn begun(write: &Write) -> Written {
    Written { version: 1, created: write.at, modified: write.at, changed: true }
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
