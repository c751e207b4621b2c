//! What is decided and not committed yet.

use super::{Done, Undone};
use crate::{Act, Change, Halt};

/// How many changes one call of the store carries at most.
pub(super) const MOST: usize = 500;

/// How many bytes of bodies and edges it carries at most, but for a change that is larger alone.
const HEAVY: usize = 8 << 20;

/// How many changes may stand in front of a first delicate one. More are committed before: one
/// failure among them then costs no call of its own.
const CROWD: usize = 16;

/// An outcome as it is known inside: whoever refused an operation keeps the reason.
pub(super) type Outcome = Result<Done, Undone<()>>;

/// Units that were decided, in their order.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) entries: Vec<Entry>,
    pub(super) changes: Vec<Change>,
    weight: usize,
    nature: Nature,
    /// How many errors there will be when every change succeeds.
    pub(super) errors: usize,
    /// How many more there will be when every change fails.
    at_stake: usize,
}

/// A unit that was decided.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its place in the order.
    pub(super) unit: usize,
    pub(super) verdict: Verdict,
}

#[derive(Debug)]
pub(super) enum Verdict {
    /// The next of the changes.
    Change,
    /// Outcomes without a change, by the places of the operations.
    Settled(Vec<(usize, Outcome)>),
}

/// What a decision is worth when an earlier one comes to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Nature {
    /// It stands: it rests on nothing that is pending, and the store can't find it stale.
    #[default]
    Plain,
    /// It may be wrong, or its own failure may be for want of another attempt: behind a failure
    /// nothing may be applied.
    Delicate,
}

impl Round {
    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a decision of this nature should not join.
    pub(super) fn keeps_out(&self, nature: Nature) -> bool {
        nature > self.nature && self.changes.len() >= CROWD
    }

    /// Takes in the change of a unit of so many operations.
    pub(super) fn change(
        &mut self,
        unit: usize,
        operations: usize,
        change: Change,
        nature: Nature,
    ) {
        self.weight += weight(&change);
        self.nature = self.nature.max(nature);
        self.at_stake += operations;
        self.changes.push(change);
        self.entries.push(Entry { unit, verdict: Verdict::Change });
    }

    /// Takes in what came of a unit without a change.
    pub(super) fn settled(&mut self, unit: usize, outcomes: Vec<(usize, Outcome)>, nature: Nature) {
        self.nature = self.nature.max(nature);
        self.errors += outcomes.iter().filter(|(_, outcome)| outcome.is_err()).count();
        self.entries.push(Entry { unit, verdict: Verdict::Settled(outcomes) });
    }

    pub(super) fn is_full(&self, most: usize) -> bool {
        self.changes.len() >= most || self.entries.len() >= MOST || self.weight >= HEAVY
    }

    /// Whether the store has to stop at a failure: where only so many more errors are allowed,
    /// also because the last of them might be met.
    pub(super) fn halt(&self, allowed: Option<usize>) -> Halt {
        let ends = allowed.is_some_and(|allowed| self.errors + self.at_stake >= allowed);
        match self.nature {
            Nature::Plain if !ends => Halt::Never,
            Nature::Plain | Nature::Delicate => Halt::AtFailure,
        }
    }
}

impl Nature {
    /// That of a change that rests on what is stored.
    pub(super) fn of(change: &Change) -> Self {
        let may_be_stale = change.writes.iter().any(|write| {
            matches!(
                write.act,
                Act::Replace { .. }
                    | Act::Link { expect: Some(_) }
                    | Act::Delete { expect: Some(_) }
            )
        });
        if may_be_stale { Self::Delicate } else { Self::Plain }
    }
}

/// About how many bytes a change is.
fn weight(change: &Change) -> usize {
    const WRITE: usize = 512;
    const EDGE: usize = 32;
    let of = |write: &crate::Write| {
        let body = match &write.act {
            // The event holds it once more.
            Act::Create { body, .. } | Act::Replace { body, .. } => 2 * body.text.len(),
            Act::Link { .. } | Act::HandOver { .. } | Act::Delete { .. } => 0,
        };
        let edges: usize = write.edges.iter().map(|op| op.add.len() + op.remove.len()).sum();
        WRITE + body + EDGE * edges
    };
    change.writes.iter().map(of).sum()
}
