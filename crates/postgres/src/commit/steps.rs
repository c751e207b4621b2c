//! The order in which the writes of changes are sent.
//!
//! Within a change records come before edges that may point at them, and ends come last. What a
//! change finds is what those before it left; creations that follow each other are one statement
//! all the same, as long as none is a member of one of an earlier change.

use std::collections::HashSet;

use rollcall_domain::{Act, KeyChange, ResourceId, Write};

/// How many creations go into one statement where they may go into several.
const MOST: usize = 500;

/// A write with its place among all.
pub(crate) type Placed<'a> = (usize, &'a Write);

/// What is sent together.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// The keys that the writes of one change give up are freed.
    Free(&'a [Write]),
    /// Resources begin.
    Creates(Vec<Placed<'a>>),
    /// Anything else.
    Write(Placed<'a>),
}

/// Puts the writes of changes in order.
pub(crate) fn steps<'a>(changes: impl IntoIterator<Item = &'a [Write]>) -> Vec<Step<'a>> {
    let mut order = Order::default();
    for writes in changes {
        order.add(writes);
    }
    order.end_run();
    order.steps
}

#[derive(Default)]
struct Order<'a> {
    steps: Vec<Step<'a>>,
    /// Creations that are to be one statement.
    run: Vec<Placed<'a>>,
    /// The members of those.
    named: HashSet<ResourceId>,
    /// How many writes there were.
    placed: usize,
}

impl<'a> Order<'a> {
    fn add(&mut self, writes: &'a [Write]) {
        let placed = writes.iter().enumerate().map(|(at, write)| (self.placed + at, write));
        let (creates, mut others): (Vec<_>, Vec<_>) = placed.partition(|(_, write)| begins(write));
        self.placed += writes.len();
        if others.is_empty() {
            return self.create(creates);
        }
        self.end_run();
        if writes.len() > 1 && writes.iter().any(gives_up_keys) {
            self.steps.push(Step::Free(writes));
        }
        self.create(creates);
        self.end_run();
        others.sort_by_key(|(_, write)| rank(write));
        self.steps.extend(others.into_iter().map(Step::Write));
    }

    fn create(&mut self, creates: Vec<Placed<'a>>) {
        let awaited = creates.iter().any(|(_, write)| self.named.contains(&write.id));
        if awaited || self.run.len() + creates.len() > MOST {
            self.end_run();
        }
        let (linked, alone): (Vec<_>, Vec<_>) =
            creates.into_iter().partition(|(_, write)| !write.edges.is_empty());
        for one in alone {
            if self.run.len() == MOST {
                self.end_run();
            }
            self.run.push(one);
        }
        // Members of each other, maybe.
        if self.run.len() + linked.len() > MOST {
            self.end_run();
        }
        let ops = linked.iter().flat_map(|(_, write)| &write.edges);
        self.named.extend(ops.flat_map(|op| &op.add));
        self.run.extend(linked);
    }

    fn end_run(&mut self) {
        self.named.clear();
        let run = std::mem::take(&mut self.run);
        if !run.is_empty() {
            self.steps.push(Step::Creates(run));
        }
    }
}

const fn begins(write: &Write) -> bool {
    matches!(write.act, Act::Create { .. })
}

fn gives_up_keys(write: &Write) -> bool {
    match &write.act {
        Act::Delete { .. } | Act::HandOver { .. } => true,
        Act::Replace { keys: KeyChange::By { removed, .. }, .. } => !removed.is_empty(),
        Act::Replace { keys: KeyChange::To(_), .. } => true,
        Act::Create { .. } | Act::Link { .. } => false,
    }
}

fn rank(write: &Write) -> u8 {
    match (&write.act, &*write.edges) {
        (Act::Create { .. } | Act::Replace { .. } | Act::HandOver { .. }, []) => 0,
        (Act::Create { .. } | Act::Replace { .. } | Act::HandOver { .. } | Act::Link { .. }, _) => {
            1
        }
        (Act::Delete { .. }, _) => 2,
    }
}
