//! Applying many changes: together as long as none fails, and by halves where one does.
//!
//! What comes of each is what came of it alone behind those before it. A part that fails left
//! nothing behind; its first half is done before its second, so the order holds, and a change that
//! fails ends up alone, where what is wrong with it is found out.

use std::time::Instant;

use rollcall_domain::{Change, CommitError, Halt, Scope, Unavailable, Written};

use super::{ATTEMPTS, pause};
use crate::connect::LONGEST;
use crate::error::{Failure, Remedy};
use crate::unit::Units;

/// Parts of so many changes are not worth halving.
const FEW: usize = 4;

/// How often what the database refuses for no reason that is known is sent again.
const INSISTENCE: u32 = 2;

type Outcome = Result<Vec<Written>, CommitError>;

/// Changes that are to be applied.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    changes: &'a [Change],
    /// Whether an attempt at them was given up for lost.
    doubt: bool,
}

/// What came of a part.
enum Applied {
    /// All of it is applied: what was written, change by change.
    Together(Vec<Vec<Written>>),
    /// Nothing is, and a smaller part may do better. Whether that is in doubt.
    Apart(bool),
    /// The connection is closed to all of it.
    Closed,
    /// The database is out of reach.
    Lost(String),
}

impl Units {
    /// Applies each change whole or not at all, in order, as few transactions as possible carrying
    /// many.
    pub(crate) async fn commit_many(
        &self,
        at: Scope,
        changes: &[Change],
        halt: Halt,
    ) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = Vec::new();
        let mut due = vec![Part { changes, doubt: false }];
        while let Some(part) = due.pop() {
            match part.changes {
                [] => continue,
                [change] => outcomes.push(self.commit_after(at, change, part.doubt).await),
                changes => match self.apply(at, part).await {
                    Applied::Together(written) => outcomes.extend(written.into_iter().map(Ok)),
                    Applied::Apart(doubt) => due.extend(halves(Part { changes, doubt })),
                    Applied::Closed => {
                        let closed = || Err(CommitError::Closed);
                        outcomes.extend(std::iter::repeat_with(closed).take(all(halt, changes)));
                    }
                    Applied::Lost(reason) => {
                        let lost = || Err(Unavailable::new(reason.clone()).into());
                        outcomes.extend(std::iter::repeat_with(lost).take(all(halt, changes)));
                    }
                },
            }
            if halt == Halt::AtFailure && outcomes.last().is_some_and(Result::is_err) {
                break;
            }
        }
        outcomes
    }

    async fn apply(&self, at: Scope, part: Part<'_>) -> Applied {
        let (started, mut doubt, mut attempt) = (Instant::now(), part.doubt, 1);
        loop {
            let failure = match self.together(at, part.changes).await {
                Ok(Ok(written)) => return Applied::Together(by_change(part.changes, written)),
                Ok(Err(_)) => None,
                Err(failure) => Some(failure),
            };
            let remedy = failure.as_ref().map(Failure::remedy);
            doubt |= remedy == Some(Remedy::Ask);
            if doubt {
                match self.retrace(at, part.changes).await {
                    Ok(Some(written)) => {
                        return Applied::Together(by_change(part.changes, written));
                    }
                    Ok(None) => {}
                    Err(error) => return Applied::Lost(error.to_string()),
                }
            }
            let Some(failure) = failure else { return Applied::Apart(doubt) };
            if remedy == Some(Remedy::Closed) {
                return Applied::Closed;
            }
            let most = match remedy {
                Some(Remedy::Repeat) => ATTEMPTS,
                Some(Remedy::Ask) if !failure.is_refusal() => ATTEMPTS,
                Some(Remedy::Ask) => INSISTENCE,
                _ => 1,
            };
            if attempt >= most || started.elapsed() > LONGEST {
                return match failure.is_refusal() {
                    true => Applied::Apart(doubt),
                    false => Applied::Lost(failure.to_string()),
                };
            }
            tracing::debug!(%failure, attempt, "changes are tried again");
            tokio::time::sleep(pause(attempt)).await;
            attempt += 1;
        }
    }
}

/// How many of changes that all fail are told of.
const fn all(halt: Halt, changes: &[Change]) -> usize {
    match halt {
        Halt::AtFailure => 1,
        Halt::Never => changes.len(),
    }
}

/// Parts of a part, the first of them last: it is the first to be taken.
fn halves(part: Part<'_>) -> Vec<Part<'_>> {
    let size = match part.changes.len() {
        ..=FEW => 1,
        many => many.div_ceil(2),
    };
    part.changes.chunks(size).rev().map(|changes| Part { changes, ..part }).collect()
}

/// What each change wrote, from what all did.
fn by_change(changes: &[Change], written: Vec<Written>) -> Vec<Vec<Written>> {
    let mut written = written.into_iter();
    changes.iter().map(|change| written.by_ref().take(change.writes.len()).collect()).collect()
}
