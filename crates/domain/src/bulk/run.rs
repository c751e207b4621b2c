//! Decides operations in their order, and commits many at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use rollcall_schema::{Instant, Link, ResourceType};

use super::order::{in_turn, units};
use super::plan::{Plan, Step};
use super::references::Task;
use super::round::{MOST, Nature, Outcome, Round, Verdict};
use super::seen::{Loaded, Look, Seen};
use super::{Done, Undone, Verb};
use crate::directory::{ATTEMPTS, profile};
use crate::{CommitError, Context, Directory, Error, Halt, Load, ResourceId, Unavailable, Written};

/// How far ahead resources are read.
const AHEAD: usize = 64;

/// How many reads are under way at once.
const READS: usize = 8;

/// How many changes are tried together after one of many has failed, and how much more the next
/// time when none does.
const CAUTIOUS: usize = 8;
const GROWTH: usize = 4;

/// The work on one bulk request.
///
/// Changes are decided over what the pending ones leave, and committed in rounds. Where a round
/// comes back with a failure, what was decided behind it is decided again, unless it stands for
/// itself; so the outcome is that of one operation after the other.
pub(super) struct Run<'a> {
    pub(super) directory: &'a Directory,
    pub(super) ctx: &'a Context,
    tasks: Vec<Option<Task>>,
    units: Vec<Vec<usize>>,
    /// The place among the units of the next one to decide.
    next: usize,
    fates: Vec<Fate>,
    outcomes: Vec<Option<Outcome>>,
    /// The creations by the ids that they make.
    made: HashMap<ResourceId, usize>,
    processed: usize,
    errors: usize,
    /// How many errors are one too many.
    limit: Option<usize>,
    pub(super) seen: Seen,
    round: Round,
    /// How many changes a round takes.
    most: usize,
    /// What joins the relation of one operation's resource while its PATCH goes on.
    joined: Option<(usize, Vec<Link>)>,
    /// How often units were stale.
    stale: HashMap<usize, u32>,
    /// When it was known last that the connection is open.
    admitted: Instant,
}

/// What is known of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing.
    Open,
    /// It succeeds when its round does.
    Pending,
    /// It succeeded.
    Done,
    /// It failed, or does when its round succeeds.
    Failed,
}

/// How far a round went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Whole,
    Short,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        directory: &'a Directory,
        ctx: &'a Context,
        tasks: Vec<Option<Task>>,
        fail_on_errors: Option<u32>,
    ) -> Self {
        let limit = fail_on_errors.map(|limit| usize::try_from(limit.max(1)).unwrap_or(usize::MAX));
        let mut run = Self {
            directory,
            ctx,
            units: units(&tasks),
            next: 0,
            fates: vec![Fate::Open; tasks.len()],
            outcomes: tasks.iter().map(|_| None).collect(),
            made: made(&tasks),
            tasks,
            processed: 0,
            errors: 0,
            limit,
            seen: Seen::default(),
            round: Round::default(),
            most: MOST,
            joined: None,
            stale: HashMap::new(),
            admitted: directory.clock.now(),
        };
        if limit.is_some() {
            let units = std::mem::take(&mut run.units);
            run.units = in_turn(units, &run.tasks, |at| run.fails(at));
        }
        run
    }

    /// What became of each operation; nothing for those that were not processed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store failed before anything was done.
    pub(super) async fn finish(
        mut self,
        progress: &(dyn Fn(usize) + Send + Sync),
    ) -> Result<Vec<Option<Outcome>>, Error> {
        match self.work(progress).await {
            Ok(()) => {}
            Err(failure) if self.processed == 0 => return Err(failure.into()),
            Err(failure) => self.abandon(failure),
        }
        Ok(self.outcomes)
    }

    async fn work(&mut self, progress: &(dyn Fn(usize) + Send + Sync)) -> Result<(), Unavailable> {
        let mut said = 0;
        while !self.is_stopped() {
            if self.processed > said {
                said = self.processed;
                progress(said);
            }
            self.skip_done();
            let Some(unit) = self.units.get(self.next) else {
                if self.round.is_empty() {
                    return Ok(());
                }
                self.flush().await?;
                continue;
            };
            match self.step(unit) {
                Step::Plan(plan) if !self.round.keeps_out(plan.nature) => self.plan(plan),
                Step::Settle(outcomes, nature) if !self.round.keeps_out(nature) => {
                    self.settle(outcomes, nature);
                }
                Step::Read if !self.seen.is_heavy() => self.read_ahead().await?,
                Step::ReadLinks(id) if self.round.is_empty() => self.read_links(id).await?,
                Step::Learn(unread) if !self.seen.is_ending() => {
                    self.directory.learn(self.ctx, &unread, &mut self.seen.known).await?;
                }
                _ => self.flush().await?,
            }
            if self.is_due() {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// What joins while the PATCH of this operation goes on; nothing while that isn't known.
    pub(super) fn joined(&self, at: usize) -> Option<&[Link]> {
        self.joined.as_ref().filter(|(whose, _)| *whose == at).map(|(_, links)| &**links)
    }

    pub(super) fn task(&self, at: usize) -> Option<&Task> {
        self.tasks.get(at).and_then(Option::as_ref)
    }

    pub(super) fn tasks_of<'s>(
        &'s self,
        places: &'s [usize],
    ) -> impl Iterator<Item = (usize, &'s Task)> {
        places.iter().filter_map(|at| Some((*at, self.task(*at)?)))
    }

    /// The type of a resource that begins with a unit, or with what is pending.
    pub(super) fn begins(&self, id: ResourceId, unit: &[usize]) -> Option<&str> {
        let at = *self.made.get(&id)?;
        let awaited = self.fate(at) == Fate::Pending || unit.binary_search(&at).is_ok();
        let task = self.task(at).filter(|_| awaited)?;
        let ended = matches!(self.seen.look(&task.ty, id), Look::Missing(_));
        (!ended).then(|| task.ty.name())
    }

    pub(super) fn fate(&self, at: usize) -> Fate {
        self.fates.get(at).copied().unwrap_or(Fate::Open)
    }

    fn set_fate(&mut self, at: usize, fate: Fate) {
        if let Some(slot) = self.fates.get_mut(at) {
            *slot = fate;
        }
    }

    fn is_told(&self, at: usize) -> bool {
        self.outcomes.get(at).is_some_and(Option::is_some)
    }

    fn is_stopped(&self) -> bool {
        self.limit.is_some_and(|limit| self.errors >= limit)
    }

    /// Whether the round has to be committed: it is full, or the last error may be in it.
    fn is_due(&self) -> bool {
        let last = |limit| self.round.errors > 0 && self.errors + self.round.errors >= limit;
        self.round.is_full(self.most) || self.limit.is_some_and(last)
    }

    fn skip_done(&mut self) {
        let done = |unit: &Vec<usize>| unit.iter().all(|at| self.is_told(*at));
        let rest = self.units.get(self.next..).unwrap_or_default();
        self.next += rest.iter().take_while(|unit| done(unit)).count();
    }

    fn plan(&mut self, plan: Plan) {
        let unit = self.units.get(self.next).cloned().unwrap_or_default();
        unit.iter().for_each(|at| self.set_fate(*at, Fate::Pending));
        for result in plan.results {
            self.seen.expect(&result.ty, result.id, result.standing, result.basis);
        }
        self.round.change(self.next, unit.len(), plan.change, plan.nature);
        self.next += 1;
    }

    fn settle(&mut self, outcomes: Vec<(usize, Outcome)>, nature: Nature) {
        for (at, outcome) in &outcomes {
            self.set_fate(*at, if outcome.is_ok() { Fate::Pending } else { Fate::Failed });
        }
        self.round.settled(self.next, outcomes, nature);
        self.next += 1;
    }

    /// Commits what is pending. What nothing came of is decided again, from the first on.
    async fn flush(&mut self) -> Result<(), Unavailable> {
        let round = std::mem::take(&mut self.round);
        let Some(first) = round.entries.first().map(|entry| entry.unit) else {
            self.seen.clear();
            return Ok(());
        };
        let halt = round.halt(self.limit.map(|limit| limit - self.errors.min(limit)));
        let answers = match round.changes.is_empty() {
            true => Vec::new(),
            false => {
                self.directory.goes_on(self.ctx, &mut self.admitted).await?;
                let at = self.ctx.scope();
                self.directory.store.commit_many(at, round.changes, halt).await
            }
        };
        for entry in &round.entries {
            let unit = self.units.get(entry.unit).cloned().unwrap_or_default();
            unit.iter().for_each(|at| self.set_fate(*at, Fate::Open));
        }
        let reach = self.take(round.entries, answers, halt).await?;
        self.seen.settle();
        match reach {
            Reach::Whole => self.most = MOST.min(self.most * GROWTH),
            Reach::Short => {
                self.next = first;
                if halt == Halt::AtFailure {
                    self.most = CAUTIOUS;
                }
            }
        }
        Ok(())
    }

    /// Notes what came of the entries of a round.
    async fn take(
        &mut self,
        entries: Vec<super::round::Entry>,
        answers: Vec<Result<Vec<Written>, CommitError>>,
        halt: Halt,
    ) -> Result<Reach, Unavailable> {
        let mut answers = answers.into_iter();
        let (mut refused, mut reach, mut failure) = (Vec::new(), Reach::Whole, None);
        for entry in entries {
            let unit = self.units.get(entry.unit).cloned().unwrap_or_default();
            let answer = match entry.verdict {
                Verdict::Settled(outcomes) => {
                    outcomes.into_iter().for_each(|(at, outcome)| self.tell(at, outcome));
                    continue;
                }
                Verdict::Change => answers.next(),
            };
            let error = match answer {
                Some(Ok(written)) => {
                    self.succeeded(&unit, &written);
                    continue;
                }
                Some(Err(error)) => error,
                None => Unavailable::new("the store gave no answer").into(),
            };
            reach = Reach::Short;
            match error {
                CommitError::Stale if self.may_try_again(entry.unit) => {}
                CommitError::Unavailable(source) => failure = failure.or(Some(source)),
                closed @ CommitError::Closed => {
                    failure = failure.or(Some(Unavailable::new(closed)));
                }
                error => refused.push((unit, error)),
            }
            if halt == Halt::AtFailure {
                break;
            }
        }
        self.refuse(refused).await;
        failure.map_or(Ok(reach), Err)
    }

    fn may_try_again(&mut self, unit: usize) -> bool {
        let times = self.stale.entry(unit).or_default();
        *times += 1;
        *times < ATTEMPTS
    }

    fn succeeded(&mut self, unit: &[usize], written: &[Written]) {
        for (at, written) in unit.iter().zip(written) {
            let Some(task) = self.task(*at) else { continue };
            let Ok(id) = task.id.parse() else { continue };
            let version = (task.verb != Verb::Delete).then_some(written.version);
            self.tell(*at, Ok(Done { id, version }));
        }
    }

    /// Tells why changes were refused; finding that out may take a look at the store.
    async fn refuse(&mut self, refused: Vec<(Vec<usize>, CommitError)>) {
        let told: Vec<_> = {
            let this = &*self;
            let reasons = refused.into_iter().map(|(unit, error)| this.reasons(unit, error));
            let reasons: Vec<_> = reasons.collect();
            stream::iter(reasons).buffered(READS).collect().await
        };
        told.into_iter().flatten().for_each(|(at, outcome)| self.tell(at, outcome));
    }

    fn tell(&mut self, at: usize, outcome: Outcome) {
        self.set_fate(at, if outcome.is_ok() { Fate::Done } else { Fate::Failed });
        self.errors += usize::from(outcome.is_err());
        if let Some(slot) = self.outcomes.get_mut(at) {
            self.processed += usize::from(slot.is_none());
            *slot = Some(outcome);
        }
    }

    /// Reads the resource of the next operation, and those of some that follow.
    async fn read_ahead(&mut self) -> Result<(), Unavailable> {
        let wanted = self.ahead();
        let reader = self.directory.store.scope(self.ctx.scope());
        let reads: Vec<_> =
            wanted.iter().map(|(ty, id)| reader.get(ty, *id, Load::default())).collect();
        let mut reads = stream::iter(reads).buffered(READS);
        for (ty, id) in &wanted {
            let Some(found) = reads.next().await else { break };
            self.seen.read(ty, *id, found?, Loaded::Record)?;
            if self.seen.is_heavy() {
                break;
            }
        }
        Ok(())
    }

    fn ahead(&self) -> Vec<(Arc<ResourceType>, ResourceId)> {
        let units = self.units.get(self.next..).unwrap_or_default();
        let places = units.iter().take(AHEAD).flatten().copied();
        let tasks = places.filter_map(|at| self.task(at)).filter(|task| task.verb != Verb::Create);
        let mut met = HashSet::new();
        let wanted = tasks.enumerate().filter_map(|(n, task)| {
            let id = task.id.parse().ok()?;
            // What an operation before it makes is known by then, or isn't there.
            let settled = || task.refs.iter().all(|at| self.fate(*at) == Fate::Done);
            let unread = matches!(self.seen.look(&task.ty, id), Look::Unread);
            let wanted = unread && (n == 0 || settled()) && met.insert(id);
            wanted.then(|| (Arc::clone(&task.ty), id))
        });
        wanted.collect()
    }

    async fn read_links(&mut self, id: ResourceId) -> Result<(), Unavailable> {
        let unit = self.units.get(self.next).and_then(|unit| unit.first().copied());
        let Some((at, task)) = unit.and_then(|at| Some((at, self.task(at)?))) else {
            return Ok(());
        };
        let ty = Arc::clone(&task.ty);
        // What can't be read as a PATCH is refused when it is decided.
        if let Ok(patch) = ty.patch(task.data.clone(), profile(self.ctx)) {
            self.joined = Some((at, self.directory.joining(self.ctx, &ty, &patch).await?));
        }
        let load = Load { links: true, incoming: false };
        let mut found = self.directory.store.scope(self.ctx.scope()).get(&ty, id, load).await?;
        if let Some(found) = &mut found {
            self.ctx.veil(found);
        }
        self.seen.read(&ty, id, found, Loaded::RecordAndLinks)
    }

    /// Fails what is left over, when the store did.
    fn abandon(&mut self, failure: Unavailable) {
        let mut failure = Some(failure);
        let order: Vec<usize> = self.units.iter().flatten().copied().collect();
        for at in order {
            if self.is_stopped() {
                return;
            }
            if self.is_told(at) {
                continue;
            }
            let not_tried = || Unavailable::new("the store has failed before it was tried");
            let source = failure.take().unwrap_or_else(not_tried);
            self.tell(at, Err(Undone::Failed(source.into())));
        }
    }
}

fn made(tasks: &[Option<Task>]) -> HashMap<ResourceId, usize> {
    let creations = tasks.iter().enumerate().filter_map(|(at, task)| {
        let task = task.as_ref().filter(|task| task.verb == Verb::Create)?;
        Some((task.id.parse().ok()?, at))
    });
    creations.collect()
}
