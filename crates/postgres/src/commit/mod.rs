//! Applying a change: one statement where its shape allows, one transaction where it doesn't.

mod apply;
pub(crate) mod ask;
pub(crate) mod create;
pub(crate) mod creates;
pub(crate) mod delete;
pub(crate) mod hand_over;
pub(crate) mod link;
mod many;
pub(crate) mod pieces;
pub(crate) mod replace;
mod steps;

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant as Started};

use rollcall_domain::{
    Act, Change, CommitError, OrganizationId, ResourceId, Scope, Unavailable, Write, Written,
};
use rollcall_schema::Instant;
use uuid::Uuid;

use crate::commit::apply::{Refusal, Several, Single};
use crate::commit::ask::{Left, Taken, Trace, Unknown, Version};
use crate::connect::LONGEST;
use crate::error::{Failure, Remedy};
use crate::unit::{One, Unit, Units};
use crate::values::from_db;

/// How often a change is tried before the database counts as gone.
pub(crate) const ATTEMPTS: u32 = 8;

/// The longest pause before the second attempt; it doubles from there.
const PAUSE: Duration = Duration::from_millis(4);

impl Units {
    /// Applies a change whole, or nothing of it.
    pub(crate) async fn commit(
        &self,
        at: Scope,
        change: &Change,
    ) -> Result<Vec<Written>, CommitError> {
        self.commit_after(at, change, false).await
    }

    /// Applies a change whole, or nothing of it. In doubt it may have been applied before.
    async fn commit_after(
        &self,
        at: Scope,
        change: &Change,
        doubt: bool,
    ) -> Result<Vec<Written>, CommitError> {
        let mut how = match &*change.writes {
            [] => return Ok(Vec::new()),
            [_] => How::Statement,
            _ => How::Transaction,
        };
        let (started, mut attempt) = (Started::now(), 1);
        loop {
            let failure = match self.attempt(at, change, how).await {
                Ok(Ok(written)) => return Ok(written),
                Ok(Err(Refusal::Overtaken)) if matches!(how, How::Statement) => {
                    how = How::Transaction;
                    continue;
                }
                Ok(Err(refusal)) => {
                    // An attempt that was given up for lost may have come to its end since.
                    if (doubt || attempt > 1)
                        && let Some(written) = self.committed(at, change).await?
                    {
                        return Ok(written);
                    }
                    match self.explain(at, refusal, change).await? {
                        None if attempt < ATTEMPTS => {
                            attempt += 1;
                            continue;
                        }
                        error => return Err(error.unwrap_or(CommitError::Stale)),
                    }
                }
                Err(failure) => failure,
            };
            if let Some(end) = self.conclude(at, change, &failure).await? {
                return end;
            }
            if attempt == ATTEMPTS || started.elapsed() > LONGEST {
                return Err(Unavailable::from(failure).into());
            }
            tracing::debug!(%failure, attempt, "a change is tried again");
            tokio::time::sleep(pause(attempt)).await;
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        at: Scope,
        change: &Change,
        how: How,
    ) -> Result<Result<Vec<Written>, Refusal>, Failure> {
        let of = Some(at.organization);
        match (how, &*change.writes) {
            (How::Statement, [write]) => {
                let outcome = self.run(of, &Single { at, write }).await?;
                Ok(outcome.map(|written| vec![written]))
            }
            _ => self.together(at, std::slice::from_ref(change)).await,
        }
    }

    /// Applies changes whole, or nothing of any.
    async fn together(
        &self,
        at: Scope,
        changes: &[Change],
    ) -> Result<Result<Vec<Written>, Refusal>, Failure> {
        let (of, several) = (Some(at.organization), Several::of(at, changes));
        if several.is_one_statement() {
            self.run(of, &several).await
        } else {
            self.transact(of, &several).await
        }
    }

    /// The end of a change whose unit failed, unless another attempt is due.
    async fn conclude(
        &self,
        at: Scope,
        change: &Change,
        failure: &Failure,
    ) -> Result<Option<Result<Vec<Written>, CommitError>>, Unavailable> {
        let refused = match failure.remedy() {
            Remedy::Repeat => return Ok(None),
            Remedy::GiveUp => return Err(Unavailable::new(failure.to_string())),
            Remedy::Ask => None,
            Remedy::Closed => Some(CommitError::Closed),
            Remedy::Unique => self.taken(at, change).await?,
            Remedy::ForeignKey => self.unknown(at, change).await?,
        };
        match refused {
            Some(refusal) => Ok(Some(Err(refusal))),
            None => Ok(self.committed(at, change).await?.map(Ok)),
        }
    }

    /// Which unique value is in use, or wanted twice; nothing where it is free again.
    async fn taken(&self, at: Scope, change: &Change) -> Result<Option<CommitError>, Unavailable> {
        if let Some(attr) = change.contested() {
            return Ok(Some(CommitError::Taken { attr: attr.into() }));
        }
        for write in &change.writes {
            let taken = One::<_, (String,)>::new(Taken::new(at, write));
            if let Some((attr,)) = self.ask(at, &taken).await?.pop() {
                return Ok(Some(CommitError::Taken { attr }));
            }
        }
        Ok(None)
    }

    /// Which members are gone; nothing where an edge came to a resource that is to end.
    async fn unknown(
        &self,
        at: Scope,
        change: &Change,
    ) -> Result<Option<CommitError>, Unavailable> {
        let unknown = One::<_, (Uuid,)>::new(Unknown::new(at, &change.writes));
        let members = self.ask(at, &unknown).await?;
        let members: Vec<_> = members.into_iter().map(|(id,)| ResourceId::from_uuid(id)).collect();
        Ok((!members.is_empty()).then_some(CommitError::UnknownMembers(members)))
    }

    /// What was written, if any of the change's events says that it was.
    async fn committed(
        &self,
        at: Scope,
        change: &Change,
    ) -> Result<Option<Vec<Written>>, Unavailable> {
        self.retrace(at, std::slice::from_ref(change)).await
    }

    /// What changes that are committed together wrote, if any of their events says that they did.
    async fn retrace(
        &self,
        at: Scope,
        changes: &[Change],
    ) -> Result<Option<Vec<Written>>, Unavailable> {
        let writes = changes.iter().flat_map(|change| &change.writes);
        let trace = One::<_, Left>::new(Trace::new(at, writes.clone()));
        let left = self.ask(at, &trace).await?;
        let written: Vec<_> = writes.zip(left).map(|(write, left)| retraced(write, left)).collect();
        Ok(written.iter().any(|one| one.changed).then_some(written))
    }

    /// Reads what decides about a change.
    async fn ask<U: Unit>(&self, at: Scope, unit: &U) -> Result<U::Outcome, Unavailable> {
        self.insist(Some(at.organization), unit).await
    }

    /// Runs what may be run as often as one likes, for which one dead connection more is no reason
    /// to give up.
    pub(crate) async fn insist<U: Unit>(
        &self,
        of: Option<OrganizationId>,
        unit: &U,
    ) -> Result<U::Outcome, Unavailable> {
        let mut attempt = 1;
        loop {
            match self.read(of, unit).await {
                Err(failure) if failure.is_passing() && attempt < ATTEMPTS => {
                    tokio::time::sleep(pause(attempt)).await;
                    attempt += 1;
                }
                outcome => return Ok(outcome?),
            }
        }
    }

    /// What a refusal comes to; nothing where another attempt is due.
    async fn explain(
        &self,
        at: Scope,
        refusal: Refusal,
        change: &Change,
    ) -> Result<Option<CommitError>, Unavailable> {
        Ok(Some(match refusal {
            Refusal::Stale => CommitError::Stale,
            Refusal::Gone => CommitError::Gone,
            Refusal::Unknown(members) => CommitError::UnknownMembers(members),
            // Only ever of a statement, which `commit` then makes a transaction.
            Refusal::Overtaken => CommitError::Stale,
            Refusal::Moved(id) => {
                let Some(write) = change.writes.iter().find(|write| write.id == id) else {
                    return Ok(Some(CommitError::Stale));
                };
                let version = One::<_, (i64,)>::new(Version::new(at, write));
                match self.ask(at, &version).await?.pop() {
                    // It was only indexed anew.
                    Some((version,)) if expects(write, version) => return Ok(None),
                    Some(_) => CommitError::Stale,
                    None => CommitError::Gone,
                }
            }
        }))
    }
}

/// How a change is applied.
#[derive(Clone, Copy, Debug)]
enum How {
    /// In one statement.
    Statement,
    /// In a transaction that locks what is to be compared.
    Transaction,
}

fn expects(write: &Write, version: i64) -> bool {
    match write.act {
        Act::Replace { expect, .. } | Act::HandOver { expect, .. } => expect == from_db(version),
        Act::Create { .. } | Act::Link { .. } | Act::Delete { .. } => false,
    }
}

fn retraced(write: &Write, (logged, version, created, modified): Left) -> Written {
    let instant = |millis: Option<i64>| millis.map_or(write.at, Instant::from_millis);
    Written {
        version: from_db(logged.or(version).unwrap_or_default()),
        created: instant(created),
        modified: if logged.is_some() { write.at } else { instant(modified) },
        changed: logged.is_some(),
    }
}

/// Twice as long for each attempt, and somewhere in that at random, lest rivals meet again.
pub(crate) fn pause(attempt: u32) -> Duration {
    let random = RandomState::new().hash_one(attempt) % 1_000;
    let longest = PAUSE * 2u32.saturating_pow(attempt.min(6));
    longest.mul_f64(0.25 + 0.75 * f64::from(u32::try_from(random).unwrap_or_default()) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        assert!(pause(1) >= PAUSE / 2);
        assert!(pause(1) <= PAUSE * 2);
        assert!(pause(ATTEMPTS) <= PAUSE * 64);
        assert!(pause(6) >= PAUSE * 16);
    }
}
