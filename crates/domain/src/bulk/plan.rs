//! Decides operations over what is known of their resources.

use std::collections::HashMap;
use std::sync::Arc;

use rollcall_schema::{Accept, Accepted, Document, ResourceType, View};

use super::references::{Task, short};
use super::round::{Nature, Outcome};
use super::run::{Fate, Run};
use super::seen::{Basis, Look, Standing};
use super::{Done, Undone, Verb};
use crate::decide::{After, Before, decide};
use crate::directory::references::{Unread, brought};
use crate::directory::{edges, permit, profile};
use crate::me::may_change;
use crate::{Act, Change, EdgeOp, Error, Named, Precondition, ResourceId, Write};

/// What comes next for a unit.
#[derive(Debug)]
pub(super) enum Step {
    /// It is decided.
    Plan(Plan),
    /// It is decided, and nothing is to be changed.
    Settle(Vec<(usize, Outcome)>, Nature),
    /// What is pending has to be committed before it can be decided.
    Flush,
    /// Its resource has to be read.
    Read,
    /// What it refers to has to be looked up, when no end is pending.
    Learn(Unread),
    /// Its resource has to be read with the rows of its relation, when nothing is pending.
    ReadLinks(ResourceId),
}

/// A change, and what it makes of resources.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) change: Change,
    pub(super) nature: Nature,
    pub(super) results: Vec<Expected>,
}

#[derive(Debug)]
pub(super) struct Expected {
    pub(super) ty: Arc<ResourceType>,
    pub(super) id: ResourceId,
    pub(super) standing: Option<Standing>,
    pub(super) basis: Basis,
}

/// Why an operation is not decided.
enum Hindrance {
    /// It can't be done.
    Failed(Error),
    /// What it refers to has to be looked up before.
    Unread(Unread),
}

impl From<Error> for Hindrance {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A creation, decided.
struct Creation {
    write: Option<Write>,
    expected: Expected,
}

impl Run<'_> {
    pub(super) fn step(&self, unit: &[usize]) -> Step {
        match unit {
            [at] => self.single(*at),
            circle => self.circle(circle),
        }
    }

    fn single(&self, at: usize) -> Step {
        let Some(task) = self.task(at) else {
            return Step::Settle(vec![(at, Err(Undone::Refused(())))], Nature::Plain);
        };
        let basis = match self.ready(&[at], task) {
            Ok(basis) => basis,
            Err((undone, basis)) => return Step::Settle(vec![(at, Err(undone))], basis.into()),
        };
        if task.verb != Verb::Create {
            return self.change(at, task, basis).unwrap_or_else(|(error, basis)| {
                Step::Settle(vec![(at, Err(Undone::Failed(error)))], basis.into())
            });
        }
        match self.creation(task, &[at]) {
            Ok(creation) => plan(vec![creation], basis),
            Err(Hindrance::Unread(unread)) => Step::Learn(unread),
            Err(Hindrance::Failed(error)) => {
                Step::Settle(vec![(at, Err(Undone::Failed(error)))], Nature::Plain)
            }
        }
    }

    /// Creations that refer to each other: all or none (R-BULK-06).
    fn circle(&self, unit: &[usize]) -> Step {
        let (mut creations, mut failures) = (Vec::new(), Vec::new());
        let (mut basis, mut against) = (Basis::Stored, Basis::Stored);
        for (at, task) in self.tasks_of(unit) {
            match self.ready(unit, task) {
                Ok(ready) => basis = basis.and(ready),
                Err((undone, rests)) => {
                    against = against.and(rests);
                    failures.push((at, undone));
                    continue;
                }
            }
            match self.creation(task, unit) {
                Ok(creation) => creations.push(creation),
                Err(Hindrance::Unread(unread)) => return Step::Learn(unread),
                Err(Hindrance::Failed(error)) => failures.push((at, Undone::Failed(error))),
            }
        }
        if failures.is_empty() {
            return plan(creations, basis);
        }
        Step::Settle(self.all_failed(unit, failures), against.into())
    }

    /// What becomes of a circle of which some fail: the others depend on the first of those.
    pub(super) fn all_failed(
        &self,
        unit: &[usize],
        failures: Vec<(usize, Undone<()>)>,
    ) -> Vec<(usize, Outcome)> {
        let first = failures.first().and_then(|(at, _)| self.task(*at)).map(name);
        let mut failures: HashMap<usize, Undone<()>> = failures.into_iter().collect();
        let depends = || Undone::Dependency { bulk_id: first.clone().unwrap_or_default() };
        let of = |at: &usize| (*at, Err(failures.remove(at).unwrap_or_else(depends)));
        unit.iter().map(of).collect()
    }

    /// Whether an operation may be decided, and what the answer rests on (R-BULK-07, R-BULK-11).
    fn ready(&self, unit: &[usize], task: &Task) -> Result<Basis, (Undone<()>, Basis)> {
        let mut basis = Basis::Stored;
        let id = if task.verb == Verb::Create { "" } else { &task.id };
        let permitted = permit(self.ctx, &task.ty, task.verb, id);
        permitted.map_err(|error| (Undone::Failed(error), basis))?;
        if let Some(bulk_id) = &task.unknown {
            return Err((Undone::Unknown { bulk_id: bulk_id.clone() }, basis));
        }
        for (at, needed) in self.tasks_of(&task.refs) {
            match self.fate(at) {
                _ if unit.binary_search(&at).is_ok() => {}
                // One before it that is pending may turn out to have failed first.
                Fate::Failed => return Err((Undone::Dependency { bulk_id: name(needed) }, basis)),
                Fate::Done => {}
                Fate::Open | Fate::Pending => basis = Basis::Pending,
            }
        }
        Ok(basis)
    }

    /// Whether an operation fails for what was sent and by whom, whatever else there is.
    pub(super) fn fails(&self, at: usize) -> bool {
        let Some(task) = self.task(at) else { return true };
        let id = if task.verb == Verb::Create { "" } else { &task.id };
        let body = || self.accepted(task).and_then(|accepted| edges(&task.ty, &accepted.links));
        permit(self.ctx, &task.ty, task.verb, id).is_err()
            || task.unknown.is_some()
            || (task.verb == Verb::Create && body().is_err())
    }

    /// Checks a body of a creation.
    pub(super) fn accepted(&self, task: &Task) -> Result<Accepted, Error> {
        // The operation keeps its data: it may have to be decided again.
        Ok(task.ty.accept(task.data.clone(), Accept::Create, profile(self.ctx))?)
    }

    /// Whether what an operation refers to is there (RFC 7643 §7, `referenceTypes`).
    fn referred(
        &self,
        (task, unit): (&Task, &[usize]),
        before: Option<&Document>,
        after: &Document,
        links: &[EdgeOp],
    ) -> Result<(), Hindrance> {
        let brought = brought(self.ctx, &task.ty, before, after, links)?;
        let unread = self.seen.known.check(&brought, |id| self.begins(id, unit))?;
        if unread.is_empty() { Ok(()) } else { Err(Hindrance::Unread(unread)) }
    }

    fn creation(&self, task: &Task, unit: &[usize]) -> Result<Creation, Hindrance> {
        let Accepted { document, links, .. } = self.accepted(task)?;
        let links = edges(&task.ty, &links)?;
        self.referred((task, unit), None, &document, &links)?;
        let id = task.id.parse().map_err(|_| named(task).missing())?;
        let stamp = self.directory.stamp(self.ctx, &task.ty, id, &Precondition::None);
        let after = After { document: &document, links: &links };
        let write = decide(&task.ty, None, Some(after), stamp).and_then(only);
        let standing = Standing {
            version: Some(1),
            created: stamp.at,
            modified: stamp.at,
            indexed: stamp.revision,
            size: write.as_ref().map_or(0, size),
            document,
            links: None,
        };
        let expected = expected(task, id, Some(standing), Basis::Pending);
        Ok(Creation { write, expected })
    }

    /// Decides what happens to a resource that is there. An error comes with what it rests on.
    fn change(&self, at: usize, task: &Task, basis: Basis) -> Result<Step, (Error, Basis)> {
        let Ok(id) = task.id.parse() else { return Err((named(task).missing(), basis)) };
        let (standing, version, basis) = match self.seen.look(&task.ty, id) {
            Look::Unread => return Ok(Step::Read),
            Look::Missing(seen) => return Err((named(task).missing(), basis.and(seen))),
            Look::Here(standing, version, seen) => (standing, version, basis.and(seen)),
        };
        match (&task.precondition, version) {
            (Precondition::None, _) => {}
            (_, None) => return Ok(Step::Flush),
            (wanted, Some(version)) => wanted.check(version).map_err(|error| (error, basis))?,
        }
        let after = match task.verb {
            Verb::Create | Verb::Delete => None,
            Verb::Replace => Some(self.replaced(task, standing).map_err(|error| (error, basis))?),
            Verb::Patch => {
                match self.patched((at, task), standing).map_err(|error| (error, basis))? {
                    Some(after) => Some(after),
                    None => return Ok(Step::ReadLinks(id)),
                }
            }
        };
        if let Some((document, links)) = &after {
            let states = (&standing.document, document);
            may_change(self.ctx, &task.ty, states, links).map_err(|error| (error, basis))?;
            match self.referred((task, &[at]), Some(&standing.document), document, links) {
                Ok(()) => {}
                Err(Hindrance::Unread(unread)) => return Ok(Step::Learn(unread)),
                Err(Hindrance::Failed(error)) => return Err((error, basis)),
            }
        }
        Ok(self.turn(at, task, (id, version, standing), after, basis))
    }

    fn replaced(&self, task: &Task, standing: &Standing) -> Result<(Document, Vec<EdgeOp>), Error> {
        let how = Accept::Replace { id: &task.id, before: &standing.document };
        // The operation keeps its data: it may have to be decided again.
        let accepted = task.ty.accept(task.data.clone(), how, profile(self.ctx))?;
        Ok((accepted.document, edges(&task.ty, &accepted.links)?))
    }

    /// `None` where rows of the relation have to be read for it.
    fn patched(
        &self,
        (at, task): (usize, &Task),
        standing: &Standing,
    ) -> Result<Option<(Document, Vec<EdgeOp>)>, Error> {
        // The operation keeps its data: it may have to be decided again.
        let patch = task.ty.patch(task.data.clone(), profile(self.ctx))?;
        let joined = self.joined(at);
        let is_alone = joined.is_none() && !patch.joining().is_empty();
        if is_alone || (patch.needs_links() && standing.links.is_none()) {
            return Ok(None);
        }
        let view = View {
            id: &task.id,
            version: standing.version.unwrap_or_default(),
            created: standing.created,
            modified: standing.modified,
            document: &standing.document,
            links: standing.links.as_deref().unwrap_or_default(),
            incoming: &[],
        };
        let joined = joined.unwrap_or_default();
        let patched = patch.apply_among(&task.ty, &view, joined, profile(self.ctx))?;
        let links = edges(&task.ty, &patched.links)?;
        Ok(Some((patched.document, links)))
    }

    fn turn(
        &self,
        at: usize,
        task: &Task,
        (id, version, standing): (ResourceId, Option<u64>, &Standing),
        after: Option<(Document, Vec<EdgeOp>)>,
        basis: Basis,
    ) -> Step {
        let before = Before {
            version: version.unwrap_or_default(),
            indexed: standing.indexed,
            document: &standing.document,
        };
        let stamp = self.directory.stamp(self.ctx, &task.ty, id, &task.precondition);
        let target = after.as_ref().map(|(document, links)| After { document, links });
        let Some(change) = decide(&task.ty, Some(before), target, stamp) else {
            return match version {
                Some(_) => Step::Settle(vec![(at, Ok(Done { id, version }))], basis.into()),
                None => Step::Flush,
            };
        };
        let Some(write) = change.writes.first() else { return Step::Flush };
        let linked = matches!(write.act, Act::Link { .. });
        if matches!(write.act, Act::Replace { .. }) && version.is_none() {
            return Step::Flush;
        }
        let standing = after.map(|(document, _)| Standing {
            version: version.filter(|_| !linked).map(|version| version + 1),
            created: standing.created,
            modified: stamp.at,
            indexed: if linked { standing.indexed } else { stamp.revision },
            size: if linked { standing.size } else { size(write) },
            document,
            links: None,
        });
        // Edges leave the body as it is stored.
        let left = if linked { basis } else { Basis::Pending };
        let nature = Nature::from(basis).max(Nature::of(&change));
        Step::Plan(Plan { change, nature, results: vec![expected(task, id, standing, left)] })
    }
}

impl Basis {
    /// What rests on both.
    const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Stored, Self::Stored) => Self::Stored,
            _ => Self::Pending,
        }
    }
}

impl From<Basis> for Nature {
    fn from(basis: Basis) -> Self {
        match basis {
            Basis::Stored => Self::Plain,
            Basis::Pending => Self::Delicate,
        }
    }
}

/// What others call a creation.
pub(super) fn name(task: &Task) -> String {
    short(task.bulk_id.as_deref().unwrap_or_default())
}

pub(super) fn named(task: &Task) -> Named<'_> {
    Named { ty: &task.ty, id: &task.id }
}

fn plan(creations: Vec<Creation>, basis: Basis) -> Step {
    let (mut writes, mut results) = (Vec::new(), Vec::new());
    for creation in creations {
        writes.extend(creation.write);
        results.push(creation.expected);
    }
    Step::Plan(Plan { change: Change { writes }, nature: basis.into(), results })
}

fn expected(task: &Task, id: ResourceId, standing: Option<Standing>, basis: Basis) -> Expected {
    Expected { ty: Arc::clone(&task.ty), id, standing, basis }
}

fn only(change: Change) -> Option<Write> {
    change.writes.into_iter().next()
}

fn size(write: &Write) -> usize {
    match &write.act {
        Act::Create { body, .. } | Act::Replace { body, .. } => body.text.len(),
        Act::Link { .. } | Act::HandOver { .. } | Act::Delete { .. } => 0,
    }
}
